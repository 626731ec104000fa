//! The trained model: how likely each level is among matches, related and unrelated pairs.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Version of the file format of a saved model.
pub const VERSION: u32 = 1;

/// Share of the linked pairs below which few are of one person.
const MOST: f64 = 0.5;

/// Where a level's probabilities come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Expectation–maximisation on candidate pairs that rules without the attribute found.
    Em,
    /// Similarities of pairs of one person.
    Genuine,
    /// The same, but every rule uses the attribute: agreement is then overstated.
    EmOwnRule,
    /// No pair had the level; a floor stands in.
    Fallback,
}

/// Where a level's probability among unrelated pairs comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChanceSource {
    /// Pairs drawn at random.
    RandomPairs,
    /// Similarities of strangers, and the tail fitted to them.
    Impostors,
    /// The frequencies of the attribute's values, less the matches among equal ones.
    Frequency,
    /// The frequencies of the values, and how many of the pairs that agree have templates that are not alike.
    Templates,
    /// No pair had the level; a floor stands in.
    Fallback,
}

/// One level of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelModel {
    /// What the level means.
    pub label: String,
    /// P(level | match).
    pub m: f64,
    /// P(level | unrelated).
    pub u: f64,
    /// P(level | related), where the model has that class.
    pub related: Option<f64>,
    /// log2(m/u), in bits.
    pub weight: f64,
    /// Where `m` comes from.
    pub m_source: Source,
    /// Where `u` comes from.
    pub u_source: ChanceSource,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonModel {
    /// The attribute.
    pub attribute: String,
    /// Its levels but null, which is evidence of nothing.
    pub levels: Vec<LevelModel>,
}

/// What the similarities of an attribute's templates mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateModel {
    /// The comparison: an attribute, or several that are fused.
    pub attribute: String,
    /// The attributes.
    pub positions: Vec<String>,
    /// Records with a template.
    pub templates: u64,
    /// From which similarity two templates have which level, by pairs of sources and groups.
    pub pairs: Vec<SourcePairLevels>,
    /// Strangers among all templates that are at least as alike, expected of one of them at the most: the
    /// upper end of the 95 % interval of the false match rate times the others, level by level. Where a person has
    /// more than ten templates, a tenth of what is expected of all of these.
    pub strangers: Vec<f64>,
    /// The similarity from which pairs are found, attribute by attribute.
    pub found_from: Vec<f64>,
    /// Pairs that were found so, and how many of them are expected to be of strangers.
    pub found: [f64; 2],
    /// Pairs that the other attributes link, and how many of these are of one person by these templates; none
    /// where fewer than fifty are linked.
    #[serde(default)]
    pub linked: Option<[f64; 2]>,
    /// Where the similarities of one person come from.
    pub genuine: GenuineSource,
    /// Pairs of one person that they come from.
    pub genuine_pairs: f64,
    /// The matches that the model told of before; none of its prior is changed.
    #[serde(default)]
    pub matches_before: Option<f64>,
}

/// The least similarity of each level of two sources, or of some of their pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourcePairLevels {
    /// The sources by number, the lower first; none for all.
    pub sources: Option<[usize; 2]>,
    /// Which of their pairs: what both have in each group attribute, or whether they have one value of it or two, or
    /// `others`; none where there are no groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Best level first; none where the pairs seen cannot tell so low a rate.
    pub similarity: Vec<Option<f64>>,
}

/// Where the similarities of one person come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GenuineSource {
    /// Pairs that the other attributes link.
    Linked,
    /// Pairs that were found by the templates, less the strangers expected among them; how many are missed
    /// is assumed.
    Found,
    /// A calibration.
    Calibration,
}

/// Which latent classes were tried, and which were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Log-likelihood in bits per candidate pair with matches and unrelated pairs alone.
    pub two_classes: f64,
    /// The same with related pairs too; absent where no attribute is shared in households.
    pub three_classes: Option<f64>,
    /// Why the model has the classes it has.
    pub reason: String,
}

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Version of the format.
    pub version: u32,
    /// The comparisons.
    pub comparisons: Vec<ComparisonModel>,
    /// Pairs of records in all.
    pub pairs: f64,
    /// Matches in all, those that no rule finds included.
    pub matches: f64,
    /// Related pairs in all; zero where the model has no such class.
    pub related: f64,
    /// P(match) for two random records.
    pub prior: f64,
    /// Share of the matches that the blocking rules find, estimated by capture and recapture
    /// between rules that share no attribute.
    pub blocking_recall: f64,
    /// Candidate pairs the model was trained on.
    pub trained_on: u64,
    /// Rounds until the model stood still.
    pub iterations: u32,
    /// Which classes were taken and why.
    pub choice: Choice,
    /// What similarities of templates mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<TemplateModel>,
}

impl Model {
    /// The model of records in which no person is identified: `pairs` pairs, and nothing to compare.
    pub fn of_nobody(pairs: f64) -> Self {
        Self {
            version: VERSION,
            comparisons: Vec::new(),
            pairs,
            matches: 0.0,
            related: 0.0,
            prior: 0.0,
            blocking_recall: 1.0,
            trained_on: 0,
            iterations: 0,
            choice: Choice {
                two_classes: 0.0,
                three_classes: None,
                reason: "none: no attribute identifies a person".to_owned(),
            },
            templates: Vec::new(),
        }
    }

    /// The share of the pairs that the other attributes link that are of one person, where the templates of all
    /// comparisons tell that most are not: where nobody is there twice, households look like one person.
    /// None where templates bear the links out, or too few are linked to tell.
    pub fn one_person_of_linked(&self) -> Option<f64> {
        let linked = self.templates.iter().filter_map(|told| told.linked);
        // Half a pair more, so that none seen is not none.
        let shares = || linked.clone().map(|[all, one]| (one + 0.5) / (all + 1.0));
        shares().all(|share| share < MOST).then(|| shares().reduce(f64::min)).flatten()
    }

    /// Whether the model tells related pairs from unrelated ones.
    pub fn has_related(&self) -> bool {
        self.related > 0.0
    }

    /// Reads a saved model.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the file is no model, is of another version, or holds numbers that
    /// are no probabilities.
    pub fn from_json(text: &str) -> Result<Self> {
        let retrain = "give the `model.json` of a run, or leave `linkage.model` out to train anew";
        // The parser's own text may quote what the file holds.
        let model: Self = serde_json::from_str(text).map_err(|e| {
            let place = format!("the saved model cannot be read at line {}, column {}", e.line(), e.column());
            Error::new(ErrorKind::Run, place).hint(retrain)
        })?;
        if model.version != VERSION {
            return Err(Error::new(
                ErrorKind::Run,
                format!("the saved model is of version {}; this is version {VERSION}", model.version),
            )
            .hint(retrain));
        }
        if !model.is_sound() {
            return Err(Error::new(
                ErrorKind::Run,
                "the saved model holds numbers that are no probabilities",
            )
            .hint(retrain));
        }
        Ok(model)
    }

    fn is_sound(&self) -> bool {
        let probability = |p: f64| (0.0..=1.0).contains(&p);
        let count = |n: f64| n.is_finite() && n >= 0.0;
        let mut levels = self.comparisons.iter().flat_map(|c| &c.levels);
        [self.prior, self.blocking_recall].into_iter().all(probability)
            && [self.pairs, self.matches, self.related].into_iter().all(count)
            && levels.all(|l| {
                let seen = [Some(l.m), Some(l.u), l.related];
                seen.into_iter().flatten().all(|p| probability(p) && p > 0.0) && l.weight.is_finite()
            })
    }

    /// Checks that a saved model has the comparisons of this run; what it says of templates is left out, for
    /// that depends on how many there are.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where it has others.
    pub fn fits(self, comparisons: &[crate::compare::Comparison]) -> Result<Self> {
        let mut model = self;
        let known = std::mem::take(&mut model.templates);
        model.comparisons.retain(|c| known.iter().all(|t| t.attribute != c.attribute));
        let retrain = "train anew, or give the spec the model was trained with";
        let same =
            model.comparisons.len() == comparisons.len()
                && model.comparisons.iter().zip(comparisons).all(|(saved, here)| {
                    saved.attribute == here.name && saved.levels.len() + 1 == here.levels()
                });
        if !same {
            return Err(Error::new(ErrorKind::Run, "the saved model has other comparisons than this run")
                .hint(retrain));
        }
        Ok(model)
    }
}
