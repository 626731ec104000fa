//! What every threshold would do here: the table behind `linkrisk thresholds`.
//!
//! Strangers are compared within and between sources apart, since a camera of another kind moves similarities
//! by more than any threshold; the rate of all is their mean, weighed by how many pairs each has.

mod answer;
mod limits;
mod lists;
mod pool;

use serde::Serialize;

pub use answer::{
    Auto, Corroboration, Group, PartRow, Percent, Row, SourcePair, SourceRates, SourceTemplates, Thresholds,
};

use self::limits::limits;
use self::lists::{Layout, Lists, PairsOfPart};
use self::pool::{GenuinePair, Pool};
use super::bootstrap::Dependence;
use super::calibration::Calibration;
use super::genuine::Genuine;
use super::histogram::{BINS, edge};
use super::impostor::{Basis, FalseMatch, Impostors, TRUSTED};
use super::interval::{self, Estimate};
use super::levels::levels;
use super::rates::{ALONE, effective_gallery, equal_error, pairs_of};
use super::sample::Sample;
use super::scale::Scale;
use crate::compare::classes::Classes;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;

/// Bits between two comparison levels.
const LEVEL_BITS: f64 = 2.0;

/// Of this many times the templates the table tells too.
const TIMES: [u64; 3] = [1, 10, 100];

/// Steps of the table, and of those of groups and pairs of sources.
const STEP: f64 = 0.01;
const COARSE: f64 = 0.05;

/// The table begins where the false match rate is this.
const FIRST: f64 = 0.05;

/// A vendor's usual threshold.
const PERCENT: f64 = 0.8;

/// Share of the templates whose person is known, below which a person is taken to have one template.
const KNOWN: f64 = 0.5;

/// How the persons of the sample are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persons {
    /// The truth is stated.
    Truth,
    /// By an official number, of which a person has one.
    Official,
    /// By a number that is issued to one person.
    Issued,
    /// By other attributes that agree: some of those pairs are of two people.
    Agreeing,
    /// Not at all.
    Unknown,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The attribute.
    pub attribute: String,
    /// Sources: name, and whether nobody occurs twice in it.
    pub sources: Vec<(String, bool)>,
    /// Group attributes, and the names of their groups by code from 1.
    pub groups: Vec<(String, Vec<String>)>,
    /// Values of group attributes that had too many to be told apart.
    pub left_out: u64,
    /// How persons are known.
    pub persons: Persons,
    /// The threshold that is stated, where one is.
    pub threshold: Option<f64>,
    /// False links that may be expected of all templates.
    pub wanted: f64,
    /// Other attributes, and the share of the pairs of templates that agree on each.
    pub agreeing: Vec<(String, f64)>,
    /// A calibration that replaces the estimate.
    pub calibration: Option<Calibration>,
    /// Pairs of strangers that are compared, about.
    pub pairs: u64,
    /// Where all templates were joined: from which similarities on, rising, how many pairs were found in
    /// each step.
    pub joined: Vec<(f64, f64)>,
}

/// A part of the pairs of strangers, with its weight among all.
struct Part<'a> {
    impostors: Impostors<'a>,
    weight: f64,
    replicates: Vec<Vec<f64>>,
}

/// Answers `question` from a sample.
///
/// Cost: products of [`Question::pairs`] pairs, and a bootstrap of 200 for each pair of sources and group.
///
/// # Errors
/// [`ErrorKind::Data`] where there are fewer than two usable templates, and
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn thresholds(question: &Question, sample: &Sample, context: &Context) -> Result<Thresholds> {
    let sizes: Vec<u64> = sample.sources.iter().map(|s| s.outcomes.usable).collect();
    thresholds_of(question, (&Classes::of_sources(sizes.len()), &sizes), sample, context)
}

/// The same where rates are those of the parts of `classes`, of which there are so many templates each.
///
/// # Errors
/// As [`thresholds`].
pub fn thresholds_of(
    question: &Question,
    classes: (&Classes, &[u64]),
    sample: &Sample,
    context: &Context,
) -> Result<Thresholds> {
    let records: u64 = sample.sources.iter().map(|s| s.outcomes.usable).sum();
    if records < 2 {
        return Err(Error::new(
            ErrorKind::Data,
            format!("attribute `{}` has {records} templates that can be used", question.attribute),
        )
        .hint("check the column, and what `linkrisk assess` reports of its quality")
        .detail("attribute", &question.attribute));
    }
    let layout = Layout::of(question, sample, classes);
    let lists = layout.compare(question, sample, context)?;
    let persons: Vec<[Vec<u64>; 2]> = lists.iter().map(Lists::persons).collect();
    let genuine_pairs = GenuinePair::of(question, sample);
    let fit = |genuine: Option<&Pool>| -> Vec<Part<'_>> {
        if let Some(given) = &question.calibration {
            let impostors = Impostors::new(given.impostor.clone(), Dependence::Unknown);
            return vec![Part { impostors, weight: 1.0, replicates: Vec::new() }];
        }
        let lists = lists.iter().zip(&persons).zip(&layout.pairs);
        lists
            .map(|((list, persons), pair)| Part {
                impostors: list.impostors(
                    persons,
                    question.persons,
                    genuine.map(|g| g.of_sources(pair.sources)),
                ),
                weight: pair.pairs / layout.total.max(1.0),
                replicates: Vec::new(),
            })
            .collect()
    };
    let rate = |parts: &[Part<'_>], s: f64| parts.iter().map(|p| p.weight * p.impostors.rate(s)).sum::<f64>();
    // Pairs of one person are taken off the random pairs. Where they are a mixture themselves, the random
    // pairs as they are take the strangers off it first.
    let raw = if question.persons == Persons::Agreeing { fit(None) } else { Vec::new() };
    let genuine = Pool::of(question, genuine_pairs, |s| rate(&raw, s));
    let mut parts = fit(Some(&genuine));

    let auto = similarity_of(|s| rate(&parts, s), question.wanted / layout.total.max(1.0));
    let first = (similarity_of(|s| rate(&parts, s), FIRST) / STEP).floor() * STEP;
    let steps = (0..).map(|i| ((first / STEP).round() + f64::from(i)) * STEP).map(rounded);
    let table: Vec<f64> = steps.take_while(|&s| s < 0.99).collect();
    let percent = Scale::ALL.map(|s| s.cosine(PERCENT));
    let mut at: Vec<f64> =
        table.iter().copied().chain([auto]).chain(percent).chain(question.threshold).collect();
    at.sort_unstable_by(f64::total_cmp);
    at.dedup();
    for part in &mut parts {
        part.replicates = part.impostors.replicates(&at, context)?;
    }
    let all = combined(&parts, &at);
    let templates = templates_of_person(sample, records);
    let compared = layout.total / pairs_of(records as f64);
    let row = |s: f64, times: u64| {
        let place = at.partition_point(|&a| a < s).min(at.len() - 1);
        let found = joined(&question.joined, s);
        let fmr = bounded(all[place], found, layout.total);
        let mut row = Row::new(s, records * times, &fmr, genuine.false_non_match(s), templates, compared);
        row.joined_pairs = found;
        row.joined_agree = found.map(|found| agrees(&all[place], found, layout.total));
        row
    };
    let rows: Vec<Row> = table.iter().map(|&s| row(s, 1)).collect();
    let at_scale = TIMES[1..].iter().flat_map(|&times| table.iter().map(move |&s| (s, times)));
    let auto = Auto {
        wanted: question.wanted,
        row: Some(row(auto, 1)).filter(|r| r.fmr_basis != Basis::Unknown && auto < edge(BINS - 1)),
        last_known: rows.iter().rfind(|r| r.fmr_basis != Basis::Unknown).cloned(),
    };
    let least = least_known(&parts);
    let groups =
        layout.groups(question, sample, auto.row.as_ref().map(|r| r.similarity), &genuine, context)?;
    let source_pairs = match question.calibration {
        Some(_) => Vec::new(),
        None => source_pairs(question, &layout, &parts, &at, &genuine),
    };
    let answer = Thresholds {
        attribute: question.attribute.clone(),
        records,
        pairs: layout.total,
        compared: parts.iter().map(|p| p.impostors.pairs()).sum(),
        genuine: genuine.all.pairs(),
        genuine_persons: genuine.all.persons(),
        genuine_share: genuine.share,
        persons: question.persons,
        templates_per_person: templates,
        copies: sample.copies,
        calibration: question.calibration.as_ref().map(|c| [Some(c.model.clone()), c.by.clone()]),
        at_scale: at_scale.map(|(s, times)| row(s, times)).collect(),
        equal_error: (genuine.all.pairs() > 0.0)
            .then(|| {
                let fine: Vec<f64> = (0..BINS).step_by(4).map(edge).collect();
                let misses = |s| genuine.all.histogram().below(s) / genuine.all.pairs();
                equal_error(&fine, |s| rate(&parts, s), misses)
            })
            .flatten(),
        percent: Scale::ALL
            .iter()
            .map(|&scale| Percent {
                scale,
                formula: scale.formula(),
                value: PERCENT,
                row: row(scale.cosine(PERCENT), 1),
            })
            .collect(),
        corroboration: corroboration(question, &rows, records),
        levels: levels(|s| rate(&parts, s), genuine.all.histogram(), least, LEVEL_BITS),
        source_pairs,
        groups,
        sources: question
            .sources
            .iter()
            .zip(&sample.sources)
            .map(|((source, _), of)| SourceTemplates {
                source: source.clone(),
                outcomes: of.outcomes,
                known: of.known,
            })
            .collect(),
        limits: Vec::new(),
        rates: source_rates(&layout, &parts, &at, question.calibration.is_some()),
        genuine_counts: genuine.all.histogram().clone(),
        stated: question.threshold.map(|s| row(s, 1)),
        rows,
        auto,
    };
    Ok(Thresholds { limits: limits(question, &answer, &parts), ..answer })
}

/// Pairs that a join of all templates found at or above `similarity`; none below where it began.
fn joined(steps: &[(f64, f64)], similarity: f64) -> Option<f64> {
    let first = steps.first()?.0;
    let above = steps.iter().filter(|s| s.0 >= similarity - 1e-9);
    (similarity >= first - 1e-9).then(|| above.map(|s| s.1).sum())
}

/// A rate that is no higher than if all pairs that a join of all templates found were of strangers.
fn bounded(fmr: FalseMatch, found: Option<f64>, pairs: f64) -> FalseMatch {
    let Some(found) = found else { return fmr };
    let most = interval::share(found, pairs);
    let rate = Estimate {
        value: fmr.rate.value.min(most.value.max(TRUSTED / pairs)),
        low: fmr.rate.low.min(most.value),
        high: fmr.rate.high.min(most.high),
    };
    FalseMatch { rate: Estimate { high: rate.high.max(rate.value), ..rate }, ..fmr }
}

/// Whether a join found at least as many pairs as the rate says there are of strangers.
fn agrees(fmr: &FalseMatch, found: f64, pairs: f64) -> bool {
    fmr.rate.low <= interval::share(found, pairs).high
}

/// Removes what an addition of hundredths leaves behind.
fn rounded(similarity: f64) -> f64 {
    (similarity * 1e4).round() / 1e4
}

/// The lowest similarity of the grid whose rate is `wanted` at most.
fn similarity_of(rate: impl Fn(f64) -> f64, wanted: f64) -> f64 {
    let (mut low, mut high) = (0, BINS - 1);
    while low < high {
        let middle = (low + high) / 2;
        if rate(edge(middle)) <= wanted { high = middle } else { low = middle + 1 }
    }
    edge(low)
}

/// The lowest rate that the pairs seen can tell.
fn least_known(parts: &[Part<'_>]) -> f64 {
    let pairs: f64 = parts.iter().map(|p| p.impostors.pairs()).sum();
    TRUSTED / pairs.max(1.0)
}

fn templates_of_person(sample: &Sample, records: u64) -> f64 {
    let known: u64 = sample.sources.iter().map(|s| s.known).sum();
    if sample.persons_met > 0 && known as f64 >= KNOWN * records as f64 {
        sample.records_met as f64 / sample.persons_met as f64
    } else {
        1.0
    }
}

/// The rates of all parts, weighed.
fn combined(parts: &[Part<'_>], at: &[f64]) -> Vec<FalseMatch> {
    let each: Vec<Vec<FalseMatch>> = parts.iter().map(|p| p.impostors.rates(at, &p.replicates)).collect();
    (0..at.len())
        .map(|i| {
            let sum = |figure: &dyn Fn(&FalseMatch) -> f64| -> f64 {
                parts.iter().zip(&each).map(|(p, rates)| p.weight * figure(&rates[i])).sum()
            };
            let value = sum(&|f| f.rate.value);
            let mut drawn: Vec<f64> = (0..parts.first().map_or(0, |p| p.replicates.len()))
                .map(|b| parts.iter().map(|p| p.weight * p.replicates[b][i]).sum())
                .collect();
            let ends = Estimate { value, low: sum(&|f| f.rate.low), high: sum(&|f| f.rate.high) };
            let of = |b: Basis| -> f64 {
                let part = |(p, rates): (&Part<'_>, &Vec<FalseMatch>)| {
                    if rates[i].basis == b { p.weight * rates[i].rate.high } else { 0.0 }
                };
                parts.iter().zip(&each).map(part).sum()
            };
            // Parts of which nothing is known decide nothing where the others have more false matches anyway.
            let (unknown, tail, counted) = (of(Basis::Unknown), of(Basis::Tail), of(Basis::Counted));
            let rate = if unknown > 0.0 || parts.len() == 1 {
                let drawn = interval::percentile(value, &mut drawn);
                Estimate { value, low: ends.low.min(drawn.low), high: ends.high.max(drawn.high) }
            } else {
                interval::percentile(value, &mut drawn)
            };
            let basis = match () {
                () if unknown > tail + counted => Basis::Unknown,
                () if tail > counted => Basis::Tail,
                () => Basis::Counted,
            };
            FalseMatch {
                rate,
                seen: each.iter().map(|rates| rates[i].seen).sum(),
                at_most: sum(&|f| f.at_most),
                basis,
            }
        })
        .collect()
}

fn corroboration(question: &Question, rows: &[Row], records: u64) -> Vec<Corroboration> {
    let alone = std::iter::once((None, 1.0));
    let others = question.agreeing.iter().map(|(name, share)| (Some(name.clone()), *share));
    alone
        .chain(others)
        .map(|(attribute, agreeing)| {
            let gallery = effective_gallery(records as f64, agreeing);
            let found = rows.iter().find(|r| r.fmr_high * (gallery - 1.0) <= ALONE);
            Corroboration {
                attribute,
                agreeing,
                effective_gallery: gallery,
                similarity: found.map(|r| r.similarity),
                fnmr: found.and_then(|r| r.fnmr),
            }
        })
        .collect()
}

fn coarse(auto: Option<f64>) -> Vec<f64> {
    let steps = (3..=16).map(|i| rounded(f64::from(i) * COARSE));
    let mut at: Vec<f64> = steps.chain(auto).collect();
    at.sort_unstable_by(f64::total_cmp);
    at.dedup();
    at
}

fn part_rows(at: &[f64], rates: &[FalseMatch], others: f64, genuine: &Genuine) -> Vec<PartRow> {
    at.iter()
        .zip(rates)
        .map(|(&s, rate)| {
            let fnmr = (genuine.pairs() > 0.0).then(|| genuine.false_non_match(s));
            PartRow::new(s, rate, others, fnmr)
        })
        .collect()
}

fn source_rates(layout: &Layout<'_>, parts: &[Part<'_>], at: &[f64], calibrated: bool) -> Vec<SourceRates> {
    let rates = |part: &Part<'_>, of, pairs| SourceRates {
        part: of,
        pairs,
        at: at.to_vec(),
        rates: part.impostors.rates(at, &part.replicates),
        strangers: at.iter().map(|&s| part.impostors.strangers(s)).collect(),
        bins: {
            let rates: Vec<f64> = (0..=BINS).map(|b| part.impostors.rate(edge(b))).collect();
            rates.windows(2).map(|two| (two[0] - two[1]).max(0.0)).collect()
        },
    };
    if calibrated {
        return parts.iter().map(|part| rates(part, None, layout.total)).collect();
    }
    let told = layout.pairs.iter().zip(parts).filter(|(_, part)| layout.is_told(part.impostors.pairs()));
    told.map(|(pair, part)| rates(part, Some(pair.part), pair.pairs)).collect()
}

fn source_pairs(
    question: &Question,
    layout: &Layout<'_>,
    parts: &[Part<'_>],
    at: &[f64],
    genuine: &Pool,
) -> Vec<SourcePair> {
    let describe = |(pair, part): (&PairsOfPart, &Part<'_>)| {
        let [a, b] = pair.sources;
        let own = genuine.part(|p| p.sources == [a as u32, b as u32]);
        let rates = part.impostors.rates(at, &part.replicates);
        let histogram = part.impostors.histogram();
        let middle = |bin: usize| 0.5 * (edge(bin) + edge(bin + 1));
        let sum: f64 = histogram.counts().iter().enumerate().map(|(i, c)| c * middle(i)).sum();
        let least = TRUSTED / part.impostors.pairs().max(1.0);
        // Records of the second source that one of the first is compared with.
        let of_each = pair.pairs * if a == b { 2.0 } else { 1.0 };
        SourcePair {
            sources: [a, b].map(|s| question.sources[s].0.clone()),
            pairs: pair.pairs,
            compared: part.impostors.pairs(),
            set_aside: part.impostors.set_aside(),
            genuine: own.pairs(),
            impostor_mean: sum / histogram.total().max(1.0),
            tail: part.impostors.tail(),
            levels: levels(|s| part.impostors.rate(s), own.histogram(), least, LEVEL_BITS),
            rows: part_rows(at, &rates, of_each / layout.sizes[a] as f64, &own),
        }
    };
    layout.pairs.iter().zip(parts).map(describe).collect()
}
