//! What recall it costs that large blocks are cut.
//!
//! The pairs of a block that is split or sampled are compared only where the two records stay together.
//! Capture and recapture tell how many matches lay between the others: rules that use nothing of what the
//! block was split by find the same share of the matches that stayed together as of those that did not
//! (D. G. Chapman 1951; variance by G. A. F. Seber 1970). Where a record is bad in both, the number is too
//! low.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::weights::Scorer;
use crate::compare::RULE_SHIFT;

/// How often each pattern occurs among the pairs that share a key whose block was cut, by the rules of
/// such keys, a bit each; whether the two stayed together there, the rules of the pattern tell.
pub type CutCounts = FxHashMap<(u64, u32), u64>;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The expected value.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What is known of a rule that has cut blocks.
#[derive(Debug, Clone, Copy)]
pub struct CutRule {
    /// The rule.
    pub rule: usize,
    /// The rules that use nothing of what its blocks are split by, a bit each, without itself.
    pub others: u32,
    /// Records in its cut blocks.
    pub records: u64,
}

/// The matches that no rule compares because blocks of `cut` were cut.
///
/// None where no other rule tells: there is none that is independent of the splits, or it finds too few
/// matches in these blocks.
pub fn matches(counts: &CutCounts, cut: CutRule, scorer: &Scorer<'_>) -> Option<Interval> {
    /// Matches that both must have found: of fewer the interval is wider than anything it could tell.
    const LEAST: f64 = 7.0;
    let mut sorted: Vec<(u64, u32, u64)> = counts.iter().map(|(&(p, c), &n)| (p, c, n)).collect();
    // Sums of floats depend on their order.
    sorted.sort_unstable();
    let [mut all, mut together, mut others, mut both] = [0.0; 4];
    for (pattern, _, count) in sorted.into_iter().filter(|(_, rules, _)| rules >> cut.rule & 1 == 1) {
        let expected = scorer.score(pattern).probability * count as f64;
        let by = (pattern >> RULE_SHIFT) as u32;
        let here = f64::from(by >> cut.rule & 1);
        let there = f64::from(u32::from(by & cut.others != 0));
        all += expected;
        together += here * expected;
        others += there * expected;
        both += here * there * expected;
    }
    if both < LEAST {
        return None;
    }
    let behind = (together + 1.0) * (others + 1.0) / (both + 1.0) - 1.0;
    let variance = (together + 1.0) * (others + 1.0) * (together - both) * (others - both)
        / ((both + 1.0).powi(2) * (both + 2.0));
    // The pairs of one person stand and fall together: as many of them count once as a record has.
    let per_record = (2.0 * behind / cut.records.max(1) as f64).max(1.0);
    let wide = 1.96 * (variance * per_record).sqrt();
    let lost = |behind: f64| (behind - all).max(0.0);
    Some(Interval { estimate: lost(behind), low: lost(behind - wide), high: lost(behind + wide) })
}
