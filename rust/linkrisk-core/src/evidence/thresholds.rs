//! What every threshold would do here: the table behind `linkrisk thresholds`.
//!
//! Strangers are compared within and between sources apart, since a camera of another kind moves similarities
//! by more than any threshold; the rate of all is their mean, weighed by how many pairs each has.

use serde::Serialize;

use super::calibration::Calibration;
use super::genuine::Genuine;
use super::histogram::{BINS, Histogram, bin, edge};
use super::impostor::{Basis, Dependence, FalseMatch, Impostors, TRUSTED, TailReport};
use super::interval::{self, Estimate};
use super::levels::{Level, levels};
use super::mixture::separate;
use super::pairs::{Compared, compare, cosine};
use super::rates::{ALONE, AtScale, EqualError, effective_gallery, equal_error, pairs_of};
use super::sample::{Drawn, Outcomes, Sample};
use super::scale::Scale;
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

/// Pairs of one person from which it is known how alike they are.
const ENOUGH_GENUINE: f64 = 50.0;

/// Records of a list at the least, as far as there are so many.
const LEAST: usize = 200;

/// Share of the templates whose person is known, below which a person is taken to have one template.
const KNOWN: f64 = 0.5;

/// How the persons of the sample are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persons {
    /// The truth is stated.
    Truth,
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
}

/// A threshold among so many templates.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the columns are described in docs/concepts/thresholds.md")]
pub struct Row {
    pub similarity: f64,
    pub records: u64,
    pub fmr: f64,
    pub fmr_low: f64,
    pub fmr_high: f64,
    pub fmr_basis: Basis,
    pub fmr_at_most: f64,
    pub pairs_seen: f64,
    pub fnmr: Option<f64>,
    pub fnmr_low: Option<f64>,
    pub fnmr_high: Option<f64>,
    pub fpir: f64,
    pub fpir_low: f64,
    pub fpir_high: f64,
    pub expected_false_links: f64,
    pub expected_false_links_low: f64,
    pub expected_false_links_high: f64,
    pub percolation: f64,
    pub percolation_low: f64,
    pub percolation_high: f64,
    pub wrongly_merged: f64,
    pub wrongly_merged_low: f64,
    pub wrongly_merged_high: f64,
    pub largest_component: f64,
    pub may_merge_alone: bool,
}

/// A threshold in one part of the pairs.
#[derive(Debug, Clone, Serialize)]
pub struct PartRow {
    /// The similarity.
    pub similarity: f64,
    /// Share of the pairs of strangers at or above it.
    pub fmr: f64,
    /// Lower end of its interval.
    pub fmr_low: f64,
    /// Upper end of its interval.
    pub fmr_high: f64,
    /// What it rests on.
    pub fmr_basis: Basis,
    /// False matches that a record of the first source has among those of the second.
    pub false_matches_per_record: f64,
    /// Lower end of its interval.
    pub false_matches_per_record_low: f64,
    /// Upper end of its interval.
    pub false_matches_per_record_high: f64,
    /// Share of the pairs of one person below it; none where no such pair is known.
    pub fnmr: Option<f64>,
    /// Lower end of its interval.
    pub fnmr_low: Option<f64>,
    /// Upper end of its interval.
    pub fnmr_high: Option<f64>,
}

/// Pairs of two sources.
#[derive(Debug, Clone, Serialize)]
pub struct SourcePair {
    /// The sources, the same one for pairs within it.
    pub sources: [String; 2],
    /// Pairs of templates there are.
    pub pairs: f64,
    /// Pairs of strangers that were compared.
    pub compared: f64,
    /// Random pairs that were taken off because they are of one person, expected.
    pub set_aside: f64,
    /// Pairs of one person.
    pub genuine: f64,
    /// Mean similarity of strangers.
    pub impostor_mean: f64,
    /// The fitted tail.
    pub tail: Option<TailReport>,
    /// Comparison levels, best first; none without a pair of one person.
    pub levels: Vec<Level>,
    /// The thresholds.
    pub rows: Vec<PartRow>,
}

/// Pairs of a group.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// The group attribute.
    pub attribute: String,
    /// The group.
    pub group: String,
    /// The sources.
    pub sources: [String; 2],
    /// `same`: both records are of the group. `any`: that of the first source is.
    pub against: &'static str,
    /// Templates of the group in the first source.
    pub records: u64,
    /// Pairs of strangers that were compared.
    pub compared: f64,
    /// The thresholds.
    pub rows: Vec<PartRow>,
}

/// What a percentage on a vendor's scale is here.
#[derive(Debug, Clone, Serialize)]
pub struct Percent {
    /// The scale.
    pub scale: Scale,
    /// How it follows from the cosine.
    pub formula: &'static str,
    /// The percentage as a share.
    pub value: f64,
    /// The threshold that it is.
    #[serde(flatten)]
    pub row: Row,
}

/// What a further attribute that has to agree changes.
#[derive(Debug, Clone, Serialize)]
pub struct Corroboration {
    /// The attribute; none for the template alone.
    pub attribute: Option<String>,
    /// Share of the pairs of templates that agree on it.
    pub agreeing: f64,
    /// Templates that are left to be mistaken for one.
    pub effective_gallery: f64,
    /// The lowest similarity of the table at which people may be merged; none where there is none.
    pub similarity: Option<f64>,
    /// Share of the pairs of one person that are missed there.
    pub fnmr: Option<f64>,
}

/// The similarity at which so many false links are expected.
#[derive(Debug, Clone, Serialize)]
pub struct Auto {
    /// False links that were wanted.
    pub wanted: f64,
    /// The threshold; none where no similarity is known to have so few.
    pub row: Option<Row>,
    /// The highest similarity of the table whose rate is known.
    pub last_known: Option<Row>,
}

/// A source's templates.
#[derive(Debug, Clone, Serialize)]
pub struct SourceTemplates {
    /// The source.
    pub source: String,
    /// Templates by what became of them.
    #[serde(flatten)]
    pub outcomes: Outcomes,
    /// Usable ones whose person is known.
    pub known: u64,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Thresholds {
    /// The attribute.
    pub attribute: String,
    /// Usable templates.
    pub records: u64,
    /// Pairs of them that would be compared.
    pub pairs: f64,
    /// Pairs of strangers that were compared.
    pub compared: f64,
    /// Pairs of one person that were compared.
    pub genuine: f64,
    /// Persons they are of, where that is known.
    pub genuine_persons: Option<usize>,
    /// Share of the pairs taken to be of one person that are, where it is estimated.
    pub genuine_share: Option<f64>,
    /// How persons are known.
    pub persons: Persons,
    /// Templates of a person.
    pub templates_per_person: f64,
    /// Templates left out because several records of the sample have the same, to the bit.
    pub copies: u64,
    /// Model and author of the calibration in use.
    pub calibration: Option<[Option<String>; 2]>,
    /// Thresholds among the templates there are.
    pub rows: Vec<Row>,
    /// The same among ten and a hundred times as many.
    pub at_scale: Vec<Row>,
    /// The similarity at which so many false links are expected as are wanted.
    pub auto: Auto,
    /// The threshold that the spec states, where it does.
    pub stated: Option<Row>,
    /// Where both error rates meet.
    pub equal_error: Option<EqualError>,
    /// 80 % on the scales of vendors.
    pub percent: Vec<Percent>,
    /// What a further attribute changes, the template alone first.
    pub corroboration: Vec<Corroboration>,
    /// Comparison levels of all pairs, best first.
    pub levels: Vec<Level>,
    /// Pairs of sources apart.
    pub source_pairs: Vec<SourcePair>,
    /// Groups apart.
    pub groups: Vec<Group>,
    /// Templates of each source.
    pub sources: Vec<SourceTemplates>,
    /// What these figures cannot tell.
    pub limits: Vec<String>,
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
    let records: u64 = sizes.iter().sum();
    if records < 2 {
        return Err(Error::new(
            ErrorKind::Data,
            format!("attribute `{}` has {records} templates that can be used", question.attribute),
        )
        .hint("check the column, and what `linkrisk assess` reports of its quality")
        .detail("attribute", &question.attribute));
    }
    let layout = Layout::of(question, sample, &sizes);
    let lists = layout.compare(question, sample, context)?;
    let persons: Vec<[Vec<u64>; 2]> = lists.iter().map(Compared2::persons).collect();
    let genuine_pairs = GenuinePair::of(question, sample);
    let fit = |genuine: Option<&Pool>| -> Vec<Part<'_>> {
        if let Some(given) = &question.calibration {
            let impostors = Impostors::new(given.impostor.clone(), Dependence::Unknown);
            return vec![Part { impostors, weight: 1.0, replicates: Vec::new() }];
        }
        let lists = lists.iter().zip(&persons).zip(&layout.pairs);
        lists
            .map(|((list, persons), pair)| Part {
                impostors: list.impostors(persons, question.persons, genuine),
                weight: pair.pairs / layout.total.max(1.0),
                replicates: Vec::new(),
            })
            .collect()
    };
    // What is known of pairs of one person takes them off the random pairs, and where it is a mixture, the
    // random pairs as they are take strangers off it first.
    let raw = fit(None);
    let rate = |parts: &[Part<'_>], s: f64| parts.iter().map(|p| p.weight * p.impostors.rate(s)).sum::<f64>();
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
        Row::new(s, records * times, &all[place], genuine.false_non_match(s), templates, compared)
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
        stated: question.threshold.map(|s| row(s, 1)),
        rows,
        auto,
    };
    Ok(Thresholds { limits: limits(question, &answer, &parts), ..answer })
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

impl Row {
    fn new(
        similarity: f64,
        records: u64,
        fmr: &FalseMatch,
        fnmr: Option<Estimate>,
        templates: f64,
        compared: f64,
    ) -> Self {
        let at = AtScale::new(fmr.rate, records, templates, compared);
        Self {
            similarity,
            records,
            fmr: fmr.rate.value,
            fmr_low: fmr.rate.low,
            fmr_high: fmr.rate.high,
            fmr_basis: fmr.basis,
            fmr_at_most: fmr.at_most,
            pairs_seen: fmr.seen,
            fnmr: fnmr.map(|f| f.value),
            fnmr_low: fnmr.map(|f| f.low),
            fnmr_high: fnmr.map(|f| f.high),
            fpir: at.fpir.value,
            fpir_low: at.fpir.low,
            fpir_high: at.fpir.high,
            expected_false_links: at.expected_false_links.value,
            expected_false_links_low: at.expected_false_links.low,
            expected_false_links_high: at.expected_false_links.high,
            percolation: at.percolation.value,
            percolation_low: at.percolation.low,
            percolation_high: at.percolation.high,
            wrongly_merged: at.wrongly_merged.value,
            wrongly_merged_low: at.wrongly_merged.low,
            wrongly_merged_high: at.wrongly_merged.high,
            largest_component: at.largest_component.value,
            may_merge_alone: at.may_merge_alone,
        }
    }
}

impl PartRow {
    fn new(similarity: f64, fmr: &FalseMatch, others: f64, fnmr: Option<Estimate>) -> Self {
        Self {
            similarity,
            fmr: fmr.rate.value,
            fmr_low: fmr.rate.low,
            fmr_high: fmr.rate.high,
            fmr_basis: fmr.basis,
            false_matches_per_record: fmr.rate.value * others,
            false_matches_per_record_low: fmr.rate.low * others,
            false_matches_per_record_high: fmr.rate.high * others,
            fnmr: fnmr.map(|f| f.value),
            fnmr_low: fnmr.map(|f| f.low),
            fnmr_high: fnmr.map(|f| f.high),
        }
    }
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

/// Pairs of one person: of all, of two sources, of a group.
struct Pool {
    all: Genuine,
    share: Option<f64>,
    pairs: Vec<GenuinePair>,
}

struct GenuinePair {
    person: u32,
    bin: u16,
    sources: [u32; 2],
    groups: Vec<u16>,
}

impl GenuinePair {
    fn of(question: &Question, sample: &Sample) -> Vec<Self> {
        let mut pairs = Vec::new();
        for (number, person) in sample.persons.iter().enumerate() {
            for (i, a) in person.iter().enumerate() {
                for b in &person[..i] {
                    if a.source == b.source && question.sources[a.source as usize].1 {
                        continue;
                    }
                    let groups = a.groups.iter().zip(&b.groups).map(|(x, y)| if x == y { *x } else { 0 });
                    pairs.push(Self {
                        person: number as u32,
                        bin: bin(cosine(&a.template, &b.template)) as u16,
                        sources: [a.source.min(b.source), a.source.max(b.source)],
                        groups: groups.collect(),
                    });
                }
            }
        }
        pairs
    }
}

impl Pool {
    fn of(question: &Question, pairs: Vec<GenuinePair>, rate: impl Fn(f64) -> f64) -> Self {
        if let Some(given) = &question.calibration {
            return Self { all: Genuine::Counts(given.genuine.clone()), share: None, pairs: Vec::new() };
        }
        let counted = Genuine::of_pairs(pairs.iter().map(|p| (p.person, p.bin)).collect());
        if question.persons != Persons::Agreeing {
            return Self { all: counted, share: None, pairs };
        }
        let impostor: Vec<f64> = (0..BINS).map(|b| (rate(edge(b)) - rate(edge(b + 1))).max(0.0)).collect();
        let Some(apart) = separate(counted.histogram().counts(), &impostor) else {
            return Self { all: counted, share: None, pairs };
        };
        let edges = counted.histogram().edges().to_vec();
        let all = Histogram::new(edges, apart.genuine).map_or(counted, Genuine::Counts);
        // Which pairs are genuine is known of none, so no part of them is told apart.
        Self { all, share: Some(apart.share), pairs: Vec::new() }
    }

    fn false_non_match(&self, similarity: f64) -> Option<Estimate> {
        (self.all.pairs() > 0.0).then(|| self.all.false_non_match(similarity))
    }

    /// The pairs of a part.
    fn part(&self, within: impl Fn(&GenuinePair) -> bool) -> Genuine {
        Genuine::of_pairs(self.pairs.iter().filter(|p| within(p)).map(|p| (p.person, p.bin)).collect())
    }
}

/// Which pairs of sources there are, and how many pairs of templates each has.
struct Layout {
    pairs: Vec<PairOfSources>,
    total: f64,
    sizes: Vec<u64>,
    /// Records of a list of a source, and of a group, so that all comparisons together are about as many as
    /// asked for.
    side: usize,
    of_group: usize,
}

struct PairOfSources {
    sources: [usize; 2],
    pairs: f64,
}

/// Two lists that were compared.
struct Compared2<'a> {
    left: Vec<&'a Drawn>,
    right: Option<Vec<&'a Drawn>>,
    compared: Compared,
}

impl<'a> Compared2<'a> {
    fn new(left: Vec<&'a Drawn>, right: Option<Vec<&'a Drawn>>, context: &Context) -> Result<Self> {
        let compared = compare(&left, right.as_deref(), context)?;
        Ok(Self { left, right, compared })
    }

    fn persons(&self) -> [Vec<u64>; 2] {
        let of = |list: &[&Drawn]| list.iter().map(|d| d.person).collect();
        [of(&self.left), self.right.as_deref().map(of).unwrap_or_default()]
    }

    fn impostors<'p>(
        &'p self,
        persons: &'p [Vec<u64>; 2],
        known: Persons,
        genuine: Option<&Pool>,
    ) -> Impostors<'p> {
        let dependence = Dependence::Persons {
            from: self.compared.from,
            pairs: &self.compared.tail,
            left: &persons[0],
            right: self.right.as_ref().map(|_| persons[1].as_slice()),
        };
        let histogram = self.compared.histogram.clone();
        // A person may hold several numbers; only the truth tells that two people are not one.
        let mut records = self.left.iter().chain(self.right.iter().flatten());
        let all_known = known == Persons::Truth && records.all(|d| d.known);
        match genuine.map(|pool| pool.all.histogram()).filter(|g| g.total() >= ENOUGH_GENUINE) {
            Some(genuine) if !all_known => Impostors::of_random_pairs(histogram, dependence, genuine),
            _ => Impostors::new(histogram, dependence),
        }
    }
}

impl Layout {
    fn of(question: &Question, sample: &Sample, sizes: &[u64]) -> Self {
        let mut pairs = Vec::new();
        for (a, &left) in sizes.iter().enumerate() {
            for (b, &right) in sizes.iter().enumerate().skip(a) {
                let (left, right) = (left as f64, right as f64);
                let number = match (a == b, question.sources[a].1) {
                    (true, true) => 0.0,
                    (true, false) => pairs_of(left),
                    (false, _) => left * right,
                };
                if number > 0.0 {
                    pairs.push(PairOfSources { sources: [a, b], pairs: number });
                }
            }
        }
        // A list within itself has half the pairs of two. A group is compared with its like and with all,
        // and between two sources from either side.
        let (mut lists, mut of_groups) = (0.0, 0.0);
        for pair in &pairs {
            let [a, b] = pair.sources;
            let groups = (sample.sources[a].cells.len() + sample.sources[b].cells.len()) as f64 / 2.0 - 1.0;
            let (all, each) = if a == b { (0.5, 1.5) } else { (1.0, 3.0) };
            (lists, of_groups) = (lists + all, of_groups + each * groups.max(0.0));
        }
        let share = if of_groups > 0.0 { 0.5 } else { 1.0 };
        let side = |lists: f64| (share * question.pairs as f64 / lists.max(0.5)).sqrt() as usize;
        Self {
            total: pairs.iter().map(|p| p.pairs).sum(),
            pairs,
            sizes: sizes.to_vec(),
            side: side(lists).max(LEAST),
            of_group: side(of_groups).max(LEAST),
        }
    }

    fn compare<'a>(
        &self,
        question: &Question,
        sample: &'a Sample,
        context: &Context,
    ) -> Result<Vec<Compared2<'a>>> {
        context.progress.begin("compare", "pairs", None);
        if question.calibration.is_some() {
            return Ok(Vec::new());
        }
        let all = |source: usize| first(sample, source, 0, 0, self.side);
        self.pairs
            .iter()
            .map(|p| {
                let [a, b] = p.sources;
                Compared2::new(all(a), (a != b).then(|| all(b)), context)
            })
            .collect()
    }

    fn groups(
        &self,
        question: &Question,
        sample: &Sample,
        auto: Option<f64>,
        genuine: &Pool,
        context: &Context,
    ) -> Result<Vec<Group>> {
        if question.calibration.is_some() {
            return Ok(Vec::new());
        }
        let at = coarse(auto);
        let mut made = Vec::new();
        for pair in &self.pairs {
            let [a, b] = pair.sources;
            let sides = if a == b { vec![[a, b]] } else { vec![[a, b], [b, a]] };
            for (attribute, (name, values)) in question.groups.iter().enumerate() {
                for (code, value) in values.iter().enumerate() {
                    let (attribute, code) = (attribute + 1, code as u16 + 1);
                    for (i, &[left, right]) in sides.iter().enumerate() {
                        let of = |source| first(sample, source, attribute, code, self.of_group);
                        let size =
                            |source: usize, attribute, code| cell_size(sample, source, attribute, code);
                        let mut parts =
                            vec![("any", first(sample, right, 0, 0, self.of_group), size(right, 0, 0))];
                        if i == 0 {
                            parts.push(("same", of(right), size(right, attribute, code)));
                        }
                        for (against, others, there) in parts {
                            let within = left == right && against == "same";
                            let list = Compared2::new(of(left), (!within).then_some(others), context)?;
                            let persons = list.persons();
                            let impostors = list.impostors(&persons, question.persons, Some(genuine));
                            if impostors.pairs() < 1.0 {
                                continue;
                            }
                            let replicates = impostors.replicates(&at, context)?;
                            let rates = impostors.rates(&at, &replicates);
                            let sources = [left.min(right) as u32, left.max(right) as u32];
                            let same = genuine
                                .part(|p| p.sources == sources && p.groups.get(attribute - 1) == Some(&code));
                            let others = there as f64 - f64::from(u8::from(left == right));
                            made.push(Group {
                                attribute: name.clone(),
                                group: value.clone(),
                                sources: [left, right].map(|s| question.sources[s].0.clone()),
                                against,
                                records: size(left, attribute, code),
                                compared: impostors.pairs(),
                                rows: part_rows(&at, &rates, others, &same),
                            });
                        }
                    }
                }
            }
        }
        Ok(made)
    }
}

/// The first records of a cell of the sample.
fn first(sample: &Sample, source: usize, attribute: usize, group: u16, most: usize) -> Vec<&Drawn> {
    let cell = sample.sources[source].cells.iter().find(|c| (c.attribute, c.group) == (attribute, group));
    cell.map(|c| c.records.iter().take(most).collect()).unwrap_or_default()
}

fn cell_size(sample: &Sample, source: usize, attribute: usize, group: u16) -> u64 {
    let cells = &sample.sources[source].cells;
    cells.iter().find(|c| (c.attribute, c.group) == (attribute, group)).map_or(0, |c| c.size)
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

fn source_pairs(
    question: &Question,
    layout: &Layout,
    parts: &[Part<'_>],
    at: &[f64],
    genuine: &Pool,
) -> Vec<SourcePair> {
    let describe = |(pair, part): (&PairOfSources, &Part<'_>)| {
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

fn limits(question: &Question, answer: &Thresholds, parts: &[Part<'_>]) -> Vec<String> {
    let mut said = Vec::new();
    let unknown = answer.rows.iter().find(|r| r.fmr_basis == Basis::Unknown);
    if let Some(row) = unknown {
        said.push(format!(
            "From a similarity of {:.2} on the false match rate is not known: {:.0} pairs of strangers were seen, \
             so that it may be up to {:.1e} there whatever the tail is (rule of three).",
            row.similarity, answer.compared, row.fmr_at_most
        ));
    }
    let aside: f64 = parts.iter().map(|p| p.impostors.set_aside()).sum();
    if aside >= 1.0 {
        said.push(format!(
            "About {aside:.0} of the random pairs are as alike as those of one person and were taken off: one \
             person under several numbers, or under none; lookalikes may be among them."
        ));
    } else if answer.persons != Persons::Truth && question.calibration.is_none() {
        said.push(
            "Pairs of one person may be among the random pairs, so that the false match rate is too high rather \
             than too low."
                .to_owned(),
        );
    }
    said.push(
        "Relatives, twins and lookalikes are too rare among random pairs to be in the rates; the false links that \
         they make grow with the number of people, not of pairs."
            .to_owned(),
    );
    said.push(
        "FPIR takes the comparisons of a search to be independent. They are not, so that fewer searches have a \
         false match than it says, and those have more."
            .to_owned(),
    );
    match question.persons {
        Persons::Truth => {}
        Persons::Issued => said.push(
            "Pairs of one person are those that share an issued number; a number that is wrong in a record makes \
             the false non-match rate too high."
                .to_owned(),
        ),
        Persons::Agreeing => said.push(
            "Pairs of one person were taken out of pairs that agree on other attributes, by their similarity: \
             those that look like strangers are missing, so that the false non-match rate is too low."
                .to_owned(),
        ),
        Persons::Unknown => said.push(
            "No pair of one person is known, so that nothing can be said of false non-matches.".to_owned(),
        ),
    }
    if parts.iter().any(|p| p.impostors.tail().is_some_and(|t| t.agreement < 0.05)) {
        said.push(
            "The tail of at least one pair of sources fits poorly; its pairs may be of several kinds, such as two \
             cameras."
                .to_owned(),
        );
    }
    if question.left_out > 0 {
        said.push(format!(
            "{} values of group attributes are in no group: an attribute has more than 48 values.",
            question.left_out
        ));
    }
    if question.calibration.is_some() {
        said.push("The rates are those of the calibration, and not of these records.".to_owned());
    }
    said
}
