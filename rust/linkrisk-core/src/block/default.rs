//! The blocking rules of a spec that names none, chosen from the kinds and the data.
//!
//! Candidates are every identifying attribute by itself, and every two parts of what describes a
//! person (names, birth date, address, places). Their pairs are counted on a sample of records; numbers
//! that are issued to one person are taken first, then the most selective while the pairs stay within a
//! budget, and a rule that another implies is left out.

use rayon::prelude::*;

use super::rule::{Part, Rules};
use super::sketch::Sketch;
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::hash::{below, mix};
use crate::kind::{Kind, Storage, Subject};
use crate::runtime::Context;
use crate::store::Store;

/// The records of the sample, at the least and in square roots of all records: a rule that brings each record one
/// other is told to 2 %, of however many. With the least alone it was to 20 % of a hundred million, and which
/// rules were taken was chance.
const SAMPLE: (u64, f64) = (1 << 16, 64.0);

/// Pairs per record that the rules together may make, where many pairs are many hours.
const PAIRS_PER_RECORD: u64 = 6;

/// The same for a number that is issued to one person, by itself: where events hang on such a number,
/// nothing else joins them.
const PAIRS_PER_ISSUED: u64 = 40;

/// Pairs that cost nothing: a quarter of a second.
const PAIRS_FREE: u64 = 2_000_000;

/// The most default rules; each costs a sort of all records.
const MOST: usize = 12;

type Parts = Vec<(usize, Part)>;

/// Chooses the blocking rules.
///
/// # Errors
/// [`ErrorKind::Spec`] where attributes identify persons and yet no rule can be built.
pub fn choose(store: &Store, max_block_pairs: u64, context: &Context) -> Result<Rules> {
    let numbers = sample(u64::from(store.len()));
    let words = store.gather(&numbers, context)?;
    let sketch = Sketch::of_records(store, &numbers, max_block_pairs);
    let estimate =
        |rules: &Rules| Ok((sketch.limited(rules, 0, &numbers, &words) as u64).max(few(store, rules)));
    choose_by(store, u64::from(store.len()), &estimate, context)
}

/// One where a rule makes pairs for sure: the best rules make so few that none is in the sample.
///
/// Of a hundred million records a rule of a million pairs, an official number, showed none.
fn few(store: &Store, rules: &Rules) -> u64 {
    match rules.parts.as_slice() {
        [part] if matches!(part.part, Part::Whole | Part::Folded) => {
            let pairs = store.columns[part.attribute].coincidences;
            u64::from(pairs >= 1.0)
        }
        _ => 0,
    }
}

/// Chooses the blocking rules of `records` records of which the store may hold a sample; `estimate` tells the
/// pairs of the one rule it is given.
///
/// # Errors
/// As [`choose`].
pub fn choose_by(
    store: &Store,
    records: u64,
    estimate: &(impl Fn(&Rules) -> Result<u64> + Sync),
    context: &Context,
) -> Result<Rules> {
    let person = |kind: Kind| kind.subject() == Some(Subject::Person);
    if !store.layout.attributes.iter().any(|a| person(a.kind)) {
        return Ok(Rules::default());
    }
    let proposals = proposals(store);
    let alone = |parts: &Parts| {
        context.cancel.check()?;
        let mut rules = Rules::default();
        rules.push(store, parts);
        estimate(&rules)
    };
    let estimates: Vec<u64> =
        context.pool.install(|| proposals.par_iter().map(alone).collect::<Result<_>>())?;
    let mut ranked: Vec<(u64, Parts)> =
        estimates.into_iter().zip(proposals).filter(|&(pairs, _)| pairs > 0).collect();
    ranked.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.len().cmp(&b.1.len())));
    let issued = |parts: &Parts| matches!(parts.as_slice(), [(attribute, Part::Whole)] if store.layout.attributes[*attribute].kind.is_issued());
    let within = |per_record: u64| per_record * records + PAIRS_FREE;
    let (numbers, ranked): (Vec<_>, Vec<_>) =
        ranked.into_iter().partition(|(pairs, parts)| issued(parts) && *pairs <= within(PAIRS_PER_ISSUED));
    let mut chosen: Vec<(u64, Parts)> = Vec::new();
    // What the numbers make beyond a share of the budget is theirs alone.
    let own: u64 = numbers.iter().map(|(pairs, _)| pairs).sum();
    let budget = within(PAIRS_PER_RECORD) + own.saturating_sub(within(PAIRS_PER_RECORD) / 2);
    for (pairs, parts) in numbers.into_iter().chain(ranked) {
        let implied = |known: &Parts| parts.iter().all(|part| known.contains(part));
        let others: u64 = chosen.iter().filter(|(_, known)| !implied(known)).map(|(pairs, _)| pairs).sum();
        if !issued(&parts) && !chosen.is_empty() && others + pairs > budget {
            break;
        }
        chosen.retain(|(_, known)| !implied(known));
        chosen.push((pairs, parts));
    }
    chosen.truncate(MOST);
    // Templates find pairs by themselves.
    let templates = store.templates.iter().flatten().any(|templates| templates.len() > 1);
    if chosen.is_empty() && !templates {
        return Err(refusal(store));
    }
    let mut rules = Rules::default();
    for (_, parts) in chosen {
        rules.push(store, &parts);
    }
    Ok(rules)
}

/// Why there is no rule, and never a comparison of every record with every other instead.
fn refusal(store: &Store) -> Error {
    let people: Vec<_> = store
        .layout
        .attributes
        .iter()
        .zip(&store.columns)
        .filter(|(a, _)| a.kind.subject() == Some(Subject::Person) && a.kind.storage() != Storage::Template)
        .collect();
    let check = "check the columns and kinds of the attributes with `linkrisk init`";
    let why = match () {
        () if store.len() < 2 => {
            ("there is a single record, and nothing to link it with", "add the other sources")
        }
        () if people.is_empty() => {
            ("templates alone are counted, not linked", "map a name, a number or a contact beside them")
        }
        () if people.iter().all(|(_, column)| column.filled == 0) => {
            ("no record has a usable value in an attribute that identifies a person", check)
        }
        () => (
            "no blocking rule can be built: no value of an identifying attribute occurs twice",
            "map more attributes that records share, or give rules under `linkage.blocking`",
        ),
    };
    Error::new(ErrorKind::Spec, why.0).hint(why.1)
}

fn proposals(store: &Store) -> Vec<Parts> {
    let mut alone: Vec<Parts> = Vec::new();
    let mut describing: Vec<(usize, Part)> = Vec::new();
    for (i, attribute) in store.layout.attributes.iter().enumerate().filter(|(_, a)| !a.derived) {
        match attribute.kind {
            Kind::CnResidentId
            | Kind::Aadhaar
            | Kind::UsSsn
            | Kind::TravelDocument
            | Kind::Phone
            | Kind::Email
            | Kind::ImageUrl
            | Kind::Account => alone.push(vec![(i, Part::Whole)]),
            Kind::Plate => alone.push(vec![(i, Part::Folded)]),
            Kind::PersonName => {
                describing.extend([(i, Part::Given), (i, Part::Family)]);
                alone.push(vec![(i, Part::Key)]);
            }
            Kind::BirthDate | Kind::Address | Kind::Place | Kind::Text => {
                describing.push((i, Part::Whole));
                alone.push(vec![(i, Part::Whole)]);
            }
            Kind::Category
            | Kind::Age
            | Kind::Sex
            | Kind::Time
            | Kind::Face
            | Kind::Iris
            | Kind::Fingerprint => {}
        }
    }
    let mut proposals = alone;
    for (at, &first) in describing.iter().enumerate() {
        for &second in &describing[at + 1..] {
            proposals.push(vec![first, second]);
        }
    }
    proposals
}

/// Of how many records rules are told by which [`choose`] chooses, of `records` in all.
pub fn sampled(records: u64) -> u64 {
    let (least, roots) = SAMPLE;
    least.max((roots * (records as f64).sqrt()) as u64).min(records)
}

/// A sample of `records` records: one out of each of as many equal stretches, so that none is taken twice.
fn sample(records: u64) -> Vec<u32> {
    let size = sampled(records);
    let draw = |k: u64| {
        let (from, to) = (k * records / size, (k + 1) * records / size);
        (from + below(mix(k), to - from)) as u32
    };
    (0..size).map(draw).collect()
}
