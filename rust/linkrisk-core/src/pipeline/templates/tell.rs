//! What random pairs and linked ones tell of the similarities of templates, before anything is joined.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::{Pipeline, Planned};
use super::known::{Known, Linkage};
use super::levels::{ENOUGH, Genuine};
use super::positions::usable;
use super::purity::{self, Impure};
use super::rates::Rates;
use super::{calibration, classes};
use crate::block::nearest::look;
use crate::compare::classes::Classes;
use crate::compare::fusion::{Fusion, LEAST as LEAST_RATE};
use crate::error::Result;
use crate::evidence::{
    self, BINS, List, Members, Persons, Probe, Question, Sample, SourceRates, Thresholds, edge,
};
use crate::kernel::simd::Level;
use crate::runtime::Reservation;
use crate::store::gallery::Gallery;

/// Pairs of strangers that are compared for each template: with none seen above a similarity its rate is
/// below 3 / pairs, and then c = (N − 1) · rate is 0.001, a tenth of what may merge people.
pub(in crate::pipeline) const PAIRS_PER_TEMPLATE: f64 = 3_000.0;

/// The same of each of several positions: what merges people is the fused rate, and where one stranger in N is as
/// alike is known from 150 N pairs.
pub(in crate::pipeline) const PAIRS_OF_POSITION: f64 = 300.0;

/// How many times as many templates are drawn as are compared, to have enough whose people are known, and
/// how many of those are enough: half a million pairs.
const OVERDRAWN: usize = 4;
const CERTAIN: usize = 1_000;

/// Templates of a source that are compared at the least, as far as there are so many.
pub(in crate::pipeline) const LEAST_SIDE: usize = 200;

/// Templates of a source that are compared at the most: 800 million pairs, some six seconds of two cores.
pub(in crate::pipeline) const SIDE: usize = 40_000;

/// Bytes of the fits of a part: its similarities, their tail, and 200 replicates of its rates.
const BYTES_OF_PART: u64 = 1 << 19;

/// Pairs of strangers that the join may find for each template, and such as cost nothing; of several positions all
/// together.
pub(in crate::pipeline) const STRANGERS_PER_TEMPLATE: f64 = 1.0;
pub(in crate::pipeline) const STRANGERS_FREE: f64 = 500_000.0;

/// The false match rate at which a linked pair is taken to be of one person.
const ALIKE: f64 = 1e-3;

/// The least similarity that is looked for, whatever the strangers.
pub(in crate::pipeline) const LEAST: f64 = 0.05;

/// What is known of similarities before the join.
pub struct Told {
    /// What random pairs tell, fused ones of several positions.
    pub answer: Thresholds,
    /// What pairs of one person do.
    pub genuine: Genuine,
    /// Pairs that the other attributes link, and how many of these are of one person.
    pub linked: Option<[f64; 2]>,
    /// What templates tell of issued numbers.
    pub impure: Vec<Impure>,
    /// How several positions are fused.
    pub fusion: Option<Fusion>,
    /// The least similarity of a pair that is looked for, by position.
    pub from: Vec<f64>,
    /// The classes of records.
    pub classes: Arc<Classes>,
    /// Records with a template, by class.
    pub sizes: Vec<u64>,
}

/// What random pairs of one attribute, or fused ones, tell.
struct Asked {
    answer: Thresholds,
    sample: Sample,
    /// Its templates.
    _held: Reservation,
    known: Known,
    is_calibrated: bool,
}

impl Pipeline {
    /// What random pairs and linked ones tell of the similarities of a comparison; none where there are not two
    /// templates.
    pub(super) fn tell(
        &self,
        planned: &Planned,
        comparison: usize,
        linkage: &Linkage,
    ) -> Result<Option<Told>> {
        let compared = &planned.comparisons[comparison];
        let members = Members::new(&self.store, &compared.positions, &self.context)?;
        if members.len() < 2 {
            return Ok(None);
        }
        let number = compared.positions.len();
        let classes =
            Arc::new(classes::of(&self.store, compared, &members, &self.spec.linkage, &self.context)?);
        let parts = classes.parts.len();
        let wanted = (STRANGERS_PER_TEMPLATE * members.len() as f64 + STRANGERS_FREE) / number as f64;
        let (mut from, mut surprises) = (Vec::with_capacity(number), Vec::with_capacity(number));
        let mut alone = None;
        for &position in &compared.positions {
            let Some(gallery) = self.store.templates[position.attribute].as_ref() else { continue };
            if usable(gallery) < 2 {
                from.push(1.0);
                surprises.push(vec![Vec::new(); parts]);
                continue;
            }
            let name = gallery.attribute();
            let pairs = if number > 1 { PAIRS_OF_POSITION } else { PAIRS_PER_TEMPLATE };
            let own =
                (number > 1).then(|| Members::new(&self.store, &[position], &self.context)).transpose()?;
            let of = (name, classes.as_ref(), own.as_ref().unwrap_or(&members));
            let asked = self.ask(planned, linkage, of, pairs, None)?;
            let rates = Rates::new(&asked.answer.rates, &classes);
            let stated = gallery.stated(self.spec.linkage.templates_of(name));
            let least = match gallery {
                Gallery::Irises(irises) => look::least(f64::from(irises.len())),
                Gallery::Vectors(_) => LEAST,
            };
            let from_rate = || rates.similarity_of(wanted).max(least);
            from.push(stated.unwrap_or_else(from_rate).clamp(LEAST, 1.0));
            if number > 1 {
                surprises.push(self::surprises(&rates, parts));
            } else {
                alone = Some(asked);
            }
        }
        let asked = if number > 1 {
            let fusion = Fusion::new(classes.clone(), surprises);
            let all = (compared.name.as_str(), classes.as_ref(), &members);
            Some(self.ask(planned, linkage, all, PAIRS_PER_TEMPLATE, Some(fusion))?)
        } else {
            alone
        };
        let Some(Asked { answer, sample, known, is_calibrated, _held }) = asked else { return Ok(None) };
        let rates = Rates::new(&answer.rates, &classes);
        let genuine = if is_calibrated {
            Genuine::calibrated(&answer.genuine_counts, &rates)
        } else {
            Genuine::linked(&sample, &rates)
        };
        let models = self.model.as_ref().map_or(&[][..], |model| &model.comparisons);
        let impure = purity::of_numbers((planned.base(), models), &known, (&sample, &rates));
        let pairs = linkage.linked(&members);
        let fusion = sample.fusion;
        let nobody = FxHashMap::default();
        let sample = members.sample(&classes, (&[], &[]), &nobody, &pairs, fusion.clone(), &self.context)?;
        let linked = of_one_person(&sample, &rates);
        drop(rates);
        let sizes = members.sizes_of(&classes, &self.context)?;
        Ok(Some(Told { answer, genuine, linked, impure, fusion, from, classes, sizes }))
    }

    /// What `each` times as many random pairs as there are `members`, and linked ones, tell.
    fn ask(
        &self,
        planned: &Planned,
        linkage: &Linkage,
        (name, classes, members): (&str, &Classes, &Members<'_>),
        each: f64,
        fusion: Option<Fusion>,
    ) -> Result<Asked> {
        let context = &self.context;
        let filled = members.sizes.iter().filter(|&&size| size > 0).count().max(1) as f64;
        let side = (2.0 * each * members.len() as f64 / filled).sqrt() as usize;
        let side = side.clamp(LEAST_SIDE, SIDE);
        let pairs = ((side * side) as f64 * filled * filled / 2.0) as u64;
        let lists = classes::lists(classes, side, pairs);
        let overdrawn: Vec<List> =
            lists.iter().map(|list| List { side: list.side * OVERDRAWN, ..*list }).collect();
        let drawn = members.draw(classes, &overdrawn, context)?;
        let known = linkage.known(planned, &self.store, members, &drawn, context)?;
        let (records, official) = choose(drawn, &known, &lists);
        let number = records.iter().map(Vec::len).sum::<usize>() + 2 * known.pairs.len();
        let parts = if classes.has_groups() { classes.parts.len() as u64 * BYTES_OF_PART } else { 0 };
        let held = context.memory.reserve("sampled templates", number as u64 * members.bytes() + parts)?;
        let drawn = (lists.as_slice(), records.as_slice());
        let sample = members.sample(classes, drawn, &known.persons, &known.pairs, fusion, context)?;
        // What a spec says of an attribute is not of several.
        let asked = self.spec.linkage.templates_of(name).filter(|_| members.positions() == 1);
        let calibration = asked.and_then(|asked| asked.calibration.as_deref());
        let question = Question {
            attribute: name.to_owned(),
            sources: self.spec.sources.iter().map(|s| (s.name.clone(), s.duplicate_free)).collect(),
            groups: Vec::new(),
            left_out: 0,
            persons: match (official, known.pairs.is_empty()) {
                (true, _) => Persons::Official,
                (false, true) => Persons::Unknown,
                (false, false) => Persons::Agreeing,
            },
            threshold: None,
            wanted: asked.map_or(1.0, |asked| asked.expected_false_links),
            agreeing: Vec::new(),
            calibration: calibration.map(self::calibration).transpose()?,
            pairs,
            joined: Vec::new(),
        };
        let sizes = members.sizes_of(classes, context)?;
        let answer = evidence::thresholds_of(&question, (classes, &sizes), &sample, context)?;
        Ok(Asked { answer, sample, _held: held, known, is_calibrated: question.calibration.is_some() })
    }
}

/// The records of each of `lists` that are compared: where enough are known to be of people whom numbers tell apart,
/// those alone. Says whether that is so in any of them.
fn choose(drawn: Vec<Vec<u32>>, known: &Known, lists: &[List]) -> (Vec<Vec<u32>>, bool) {
    let mut official = false;
    let records = drawn.into_iter().zip(lists).map(|(mut records, &List { side, .. })| {
        let certain = records.iter().filter(|record| known.persons.contains_key(record)).count();
        if certain >= CERTAIN.min(side) {
            records.retain(|record| known.persons.contains_key(record));
            official = true;
        }
        records.truncate(side);
        records
    });
    (records.collect(), official)
}

/// How many pairs of a sample there are, and how many are of one person: those that one in a thousand strangers is as
/// alike as, less these. None where there are too few to tell.
fn of_one_person(sample: &Sample, rates: &Rates<'_>) -> Option<[f64; 2]> {
    let kernel = Level::best();
    let (mut all, mut alike) = (0.0, 0.0);
    for pair in &sample.persons {
        if let [a, b] = pair.as_slice()
            && let Some(part) = rates.part(a.class as usize, b.class as usize)
            && let Some(similarity) = Probe::new(kernel, a, sample.fusion.as_ref()).similarity(b)
        {
            all += 1.0;
            let is_alike = rates.least(part, ALIKE).is_some_and(|least| similarity >= least);
            alike += if is_alike { 1.0 } else { 0.0 };
        }
    }
    (all >= ENOUGH).then_some([all, (alike - ALIKE * all).max(0.0)])
}

/// −ln of the rate at every step of the grid, for every part of all pairs.
fn surprises(rates: &Rates<'_>, parts: usize) -> Vec<Vec<f32>> {
    (0..parts).map(|part| rates.place(part).map(|place| surprise(rates, place)).unwrap_or_default()).collect()
}

/// The same of one part: below the first similarity that was looked at, by the share of strangers in each bin.
fn surprise(rates: &Rates<'_>, part: usize) -> Vec<f32> {
    let SourceRates { at, bins, .. } = &rates.parts[part];
    let first = at.first().copied().unwrap_or(1.0);
    let mut above: Vec<f64> = bins
        .iter()
        .rev()
        .scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        })
        .collect();
    above.reverse();
    above.push(0.0);
    let mut rate = 1.0f64;
    (0..=BINS)
        .map(|bin| {
            let counted = edge(bin) < first;
            rate = rate.min(if counted { above[bin] } else { rates.rate(part, edge(bin), false) });
            -(rate.max(LEAST_RATE).ln()) as f32
        })
        .collect()
}
