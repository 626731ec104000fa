//! Training: which latent classes explain the candidate pairs, and how their pairs look.
//!
//! Two models are fitted, with and without *related* pairs (a household, a family, a firm: shared
//! traits agree, personal ones do not), and the one is taken that the data pay for by the Bayesian
//! information criterion (G. Schwarz 1978). The fit itself is in [`em`](super::em).

use super::em::{Em, RELATED};
use super::model::Model;
use crate::block::Rules;
use crate::compare::{Comparison, LEVELS, PatternCounts};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;

/// What the model is trained on.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The comparisons.
    pub comparisons: &'a [Comparison],
    /// The blocking rules.
    pub rules: &'a Rules,
    /// Patterns of candidate pairs.
    pub candidates: &'a PatternCounts,
    /// Share of the candidate pairs that were counted.
    pub share: f64,
    /// Patterns of pairs drawn at random.
    pub random: &'a PatternCounts,
    /// Pairs of records in all.
    pub pairs: f64,
    /// Records.
    pub records: u32,
}

/// Related pairs per record above which the class is not what it is meant to be. Where nobody is
/// related it fits pairs that share a city and no more: 30 a record in fake_1000, 104 in FEBRL 4; the
/// households of the simulated people are 0.2.
const MOST_RELATED: f64 = 20.0;

/// Whether random pairs agree on something and never differ: rows that were copied, or constants.
///
/// The fit would take them for strangers who agree by chance, and be sure of it.
fn agree_throughout(evidence: &Evidence<'_>) -> bool {
    let differ = |pattern: u64| evidence.comparisons.iter().any(|c| c.level(pattern) > c.exact);
    let (mut same, mut all) = (0, 0);
    for (&pattern, &n) in evidence.random {
        if differ(pattern) {
            return false;
        }
        all += n;
        same += if pattern & LEVELS == 0 { 0 } else { n };
    }
    same * 2 > all
}

/// Trains the model.
///
/// # Errors
/// [`ErrorKind::Training`] where there is no candidate pair, nothing to compare, or nothing that
/// differs between records.
pub fn train(evidence: &Evidence<'_>, context: &Context) -> Result<Model> {
    if evidence.candidates.is_empty() {
        return Err(Error::new(
            ErrorKind::Training,
            "the blocking rules make no candidate pair, so nothing can be learned",
        )
        .hint("block on attributes that records share, or give a trained model in `linkage.model`"));
    }
    if evidence.comparisons.is_empty() {
        return Err(Error::new(ErrorKind::Training, "no attribute can be compared")
            .hint("map at least one attribute that describes a person"));
    }
    if agree_throughout(evidence) {
        return Err(Error::new(
            ErrorKind::Training,
            "records drawn at random agree on all that is compared, so agreement tells nothing",
        )
        .hint("map attributes that differ between people, drop repeated rows, or give a trained model in `linkage.model`"));
    }
    let two = Em::new(evidence, false).run(context)?;
    let shared = evidence.comparisons.iter().any(|c| c.kind.is_shareable());
    let personal = evidence.comparisons.iter().any(super::levels::tells_relatives);
    if !shared || !personal {
        let lacking = if shared { "that relatives do not share" } else { "that households or firms share" };
        return Ok(two.model(None, format!("two classes: no attribute is one {lacking}"), two.likelihood()));
    }
    let three = Em::new(evidence, true).run(context)?;
    let (plain, related) = (two.likelihood(), three.likelihood());
    // Bayesian information criterion, in bits: each parameter must earn half the logarithm of the
    // number of candidate pairs.
    let parameters = three.related_parameters();
    let cost = parameters as f64 * three.observed.max(2.0).log2() / 2.0;
    let gain = three.gain;
    let per_record = three.totals[RELATED] / f64::from(evidence.records.max(1));
    if per_record > MOST_RELATED {
        let reason = format!(
            "two classes: pairs that merely share a common value, {per_record:.0} per record, are no households"
        );
        Ok(two.model(Some(related), reason, plain))
    } else if gain > cost && three.totals[RELATED] >= 1.0 {
        let reason = format!("three classes: related pairs explain {gain:.0} bits more and cost {cost:.0}");
        Ok(three.model(Some(related), reason, plain))
    } else {
        let reason =
            format!("two classes: related pairs would explain {gain:.0} bits more and cost {cost:.0}");
        Ok(two.model(Some(related), reason, plain))
    }
}
