//! The answer: tables of thresholds, flat enough to be read as data frames.

use serde::Serialize;

use super::super::histogram::Histogram;
use super::super::impostor::{Basis, FalseMatch, TailReport};
use super::super::interval::Estimate;
use super::super::levels::Level;
use super::super::rates::{AtScale, EqualError};
use super::super::sample::Outcomes;
use super::super::scale::Scale;
use super::Persons;

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
    pub joined_pairs: Option<f64>,
    pub joined_agree: Option<bool>,
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

/// The false match rates of a part at every similarity that was looked at.
#[derive(Debug, Clone)]
pub struct SourceRates {
    /// The part by number; none where a calibration tells for all.
    pub part: Option<usize>,
    /// Pairs of templates there are.
    pub pairs: f64,
    /// Similarities, rising.
    pub at: Vec<f64>,
    /// The rate at each.
    pub rates: Vec<FalseMatch>,
    /// Share of the random pairs at or above each that is of strangers.
    pub strangers: Vec<f64>,
    /// The probability of each bin of the grid among strangers.
    pub bins: Vec<f64>,
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
    /// The rates of each pair of sources, for those who make levels of them.
    #[serde(skip)]
    pub rates: Vec<SourceRates>,
    /// Pairs of one person by their similarity.
    #[serde(skip)]
    pub genuine_counts: Histogram,
}

impl Row {
    pub(super) fn new(
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
            joined_pairs: None,
            joined_agree: None,
        }
    }
}

impl PartRow {
    pub(super) fn new(similarity: f64, fmr: &FalseMatch, others: f64, fnmr: Option<Estimate>) -> Self {
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
