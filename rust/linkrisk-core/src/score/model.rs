//! The trained model: how likely each level is among matches, related and unrelated pairs.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Version of the file format of a saved model.
pub const VERSION: u32 = 1;

/// Where a level's probabilities come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Expectation–maximisation on candidate pairs that rules without the attribute found.
    Em,
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
    /// The frequencies of the attribute's values, less the matches among equal ones.
    Frequency,
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
}

impl Model {
    /// Whether the model tells related pairs from unrelated ones.
    pub fn has_related(&self) -> bool {
        self.related > 0.0
    }

    /// Reads a saved model and checks that it has the comparisons of this run.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the file is no model, is of another version, or has other
    /// comparisons.
    pub fn from_json(text: &str, comparisons: &[crate::compare::Comparison]) -> Result<Self> {
        let model: Self = serde_json::from_str(text)
            .map_err(|e| Error::new(ErrorKind::Run, format!("the saved model cannot be read: {e}")))?;
        let retrain = "train anew, or give the spec the model was trained with";
        if model.version != VERSION {
            return Err(Error::new(
                ErrorKind::Run,
                format!("the saved model is of version {}; this is version {VERSION}", model.version),
            )
            .hint(retrain));
        }
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
