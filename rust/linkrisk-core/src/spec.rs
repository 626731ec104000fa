//! The description of a run, as Python hands it over: checked there in detail, here in shape.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;

/// A whole run: what to read, how to link it, what it may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Why record-level output is needed; without it and `controller` there is none.
    #[serde(default)]
    pub purpose: Option<String>,
    /// Who answers for the data.
    #[serde(default)]
    pub controller: Option<String>,
    /// The tables.
    pub sources: Vec<SourceSpec>,
    /// How records are linked.
    #[serde(default)]
    pub linkage: LinkageSpec,
    /// What the run may use.
    #[serde(default)]
    pub run: RunSpec,
    /// What the report shows.
    #[serde(default)]
    pub report: ReportSpec,
}

/// One table and the meaning of its columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// The source's name, unique in the run.
    pub name: String,
    /// File, glob or folder; absent where the caller holds the table.
    #[serde(default)]
    pub path: Option<String>,
    /// Column that identifies a row; the row number where absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Column with the truth. The engine never receives it.
    #[serde(default)]
    pub truth: Option<String>,
    /// Whether no person occurs twice in the source.
    #[serde(default)]
    pub duplicate_free: bool,
    /// Attribute name → what and where it is, in the order of the spec.
    pub attributes: IndexMap<String, AttributeSpec>,
}

/// One attribute of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSpec {
    /// The columns that make the value, in order.
    pub column: Vec<String>,
    /// What the attribute holds.
    pub kind: Kind,
    /// `strftime` format of dates and times.
    #[serde(default)]
    pub format: Option<String>,
    /// Default country of telephone numbers, ISO 3166 alpha-2.
    #[serde(default)]
    pub region: Option<String>,
    /// Plate scheme: `cn` or `generic`.
    #[serde(default)]
    pub scheme: Option<String>,
    /// Issuing country of documents, ICAO 9303 code.
    #[serde(default)]
    pub country: Option<String>,
    /// Day to which ages refer, `YYYY-MM-DD`.
    #[serde(default)]
    pub reference_date: Option<String>,
    /// Whether ID numbers are made up, from ranges that are issued to nobody.
    #[serde(default)]
    pub synthetic: bool,
    /// Values that mean "none" in this source, beside the known ones.
    #[serde(default)]
    pub placeholders: Vec<String>,
}

/// How records are linked; everything has a default that follows from the kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkageSpec {
    /// Match probability from which a pair is a link, in [0, 1].
    pub threshold: f64,
    /// Blocking rules; empty for the default ones.
    pub blocking: Vec<BlockingRuleSpec>,
    /// Comparisons that replace the default one of their attribute.
    pub comparisons: Vec<ComparisonSpec>,
    /// What the similarities of template attributes mean.
    pub templates: Vec<TemplatesSpec>,
    /// Upper limit of candidate pairs of one rule.
    pub max_pairs: u64,
    /// Upper limit of pairs of one block; a larger block is split, then sampled.
    pub max_block_pairs: u64,
    /// Entities with more records than this are re-cut.
    pub max_entity_records: u32,
    /// A model trained before, to be used instead of training.
    pub model: Option<String>,
}

impl Default for LinkageSpec {
    fn default() -> Self {
        Self {
            threshold: 0.95,
            blocking: Vec::new(),
            comparisons: Vec::new(),
            templates: Vec::new(),
            max_pairs: 20_000_000_000,
            max_block_pairs: 500_000,
            max_entity_records: 10_000,
            model: None,
        }
    }
}

impl LinkageSpec {
    /// What the spec says of the templates of an attribute.
    pub fn templates_of(&self, attribute: &str) -> Option<&TemplatesSpec> {
        self.templates.iter().find(|templates| templates.attribute == attribute)
    }
}

/// A blocking rule: records that agree on all of `on` become candidate pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockingRuleSpec {
    /// Attributes, or parts of attributes written `attribute.part`.
    pub on: Vec<String>,
}

/// A comparison of one attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonSpec {
    /// The attribute.
    pub attribute: String,
    /// The comparison's method.
    pub method: Method,
    /// Thresholds of the levels between exact and else, best first.
    #[serde(default)]
    pub at: Vec<f64>,
    /// Whether exact agreement is split by how frequent the value is.
    #[serde(default)]
    pub term_frequency: Option<bool>,
}

/// What the similarities of a template attribute mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplatesSpec {
    /// The attribute.
    pub attribute: String,
    /// Where two templates begin to be alike, by `metric`.
    #[serde(default)]
    pub threshold: Threshold,
    /// What `threshold` is in.
    #[serde(default)]
    pub metric: Metric,
    /// False links of strangers that may be expected among all templates.
    #[serde(default = "one")]
    pub expected_false_links: f64,
    /// Attributes of groups that may have error rates of their own.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether records are compared and found by these templates; they are counted in any case.
    #[serde(default = "yes")]
    pub compare: bool,
    /// A file with the distributions of the model.
    #[serde(default)]
    pub calibration: Option<String>,
    /// The comparison that these templates are part of: those of one name are fused as one.
    #[serde(default)]
    pub fuse: Option<String>,
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

/// What tells how alike two templates are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The cosine of vectors, and 1 − 2 HD of irises: the more, the more alike.
    #[default]
    Cosine,
    /// The distance of two vectors as they came.
    L2,
    /// The fractional Hamming distance of iris codes.
    Hamming,
}

/// A similarity, or the one at which so many false links are expected as may be.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Threshold {
    /// Found from the templates.
    #[default]
    #[serde(with = "auto")]
    Auto,
    /// Stated.
    At(f64),
}

/// The word `auto`.
mod auto {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("auto")
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
        let word = String::deserialize(from)?;
        if word == "auto" { Ok(()) } else { Err(de::Error::custom("a threshold is a number or `auto`")) }
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Equal or not.
    Exact,
    /// Jaro–Winkler similarity, `at` in (0, 1).
    JaroWinkler,
    /// Levenshtein distance, `at` in whole edits.
    Levenshtein,
    /// Optimal string alignment distance (a transposition is one edit), `at` in whole edits.
    Osa,
    /// Number plates by their OCR confusion classes, `at` as costs.
    PlateOcr,
    /// Official numbers: equal, one edit or transposition, compatible with a masked one.
    IdNumber,
    /// Dates: equal, one edit, day and month swapped, same year, near.
    Date,
    /// Numbers within a distance, `at` as distances.
    NumericWithin,
    /// Sets of words, `at` as Jaccard coefficients.
    TokenSet,
    /// Names of persons: parts, order, initials, spelling, romanisation.
    PersonName,
    /// Templates by their cosine, in steps of the false match rate.
    Similarity,
}

/// What a run may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSpec {
    /// Memory limit in bytes; 70 % of the machine's or the control group's where absent.
    pub memory_limit: Option<u64>,
    /// Worker threads; every core where absent.
    pub threads: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
    /// Rows per batch that are asked of the sources.
    pub batch_size: usize,
    /// Folder below which a run spills; the run directory, or the system's folder for temporary files,
    /// where absent.
    pub spill_dir: Option<String>,
    /// Bytes that may be spilled at one time; what the disk has where absent.
    pub spill_limit: Option<u64>,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            memory_limit: None,
            threads: None,
            seed: 1,
            batch_size: 65_536,
            spill_dir: None,
            spill_limit: None,
        }
    }
}

/// What the report shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportSpec {
    /// Counts below this are suppressed, at least 5.
    pub minimum_count: u64,
    /// Attributes an attacker is taken to know; the quasi-identifiers among the kinds where empty.
    pub quasi_identifiers: Vec<String>,
}

impl Default for ReportSpec {
    fn default() -> Self {
        Self { minimum_count: 11, quasi_identifiers: Vec::new() }
    }
}

impl Spec {
    /// Reads a spec from the JSON that Python writes.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the text is not a spec.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|e| {
            Error::new(ErrorKind::Spec, format!("the spec cannot be read: {e}"))
                .hint("`linkrisk schema` prints what a spec may hold")
        })
    }

    /// Whether the spec states why and for whom record-level output is written.
    pub fn allows_records(&self) -> bool {
        let stated = |s: &Option<String>| s.as_deref().is_some_and(|s| !s.trim().is_empty());
        stated(&self.purpose) && stated(&self.controller)
    }
}
