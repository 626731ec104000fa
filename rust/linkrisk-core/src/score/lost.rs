//! What recall it costs that large blocks are cut.
//!
//! The pairs of a block that is split or sampled are compared only where the two records stay together.
//! Capture and recapture tell how many matches lay between the others: rules that use nothing of what the
//! block was split by find the same share of the matches that stayed together as of those that did not
//! (D. G. Chapman 1951; variance by G. A. F. Seber 1970). Where a record is bad in both, the number is too
//! low: on five million invented people by a fifth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::weights::Scorer;
use crate::block::CutRule;
use crate::compare::RULE_SHIFT;
use crate::compare::count::CutCounts;

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

/// The matches that no rule compares because blocks of `cut` were cut.
///
/// The estimate rests on all other rules together; the interval reaches as far as those of each by
/// itself, for rules that depend on the splits in different ways disagree by that much. None where no
/// other rule tells: there is none that is independent of the splits, or it finds too few matches in
/// these blocks.
pub fn matches(counts: &CutCounts, cut: CutRule, scorer: &Scorer<'_>) -> Option<Interval> {
    let mut here: BTreeMap<u32, f64> = BTreeMap::new();
    let mut sorted: Vec<(u64, u32, u64)> = counts.iter().map(|(&(p, c), &n)| (p, c, n)).collect();
    // Sums of floats depend on their order.
    sorted.sort_unstable();
    for (pattern, _, count) in sorted.into_iter().filter(|(_, rules, _)| rules >> cut.rule & 1 == 1) {
        let expected = scorer.score(pattern).probability * count as f64;
        *here.entry((pattern >> RULE_SHIFT) as u32).or_default() += expected;
    }
    let pooled = behind(&here, cut, cut.others)?;
    let each = (0..u32::BITS).map(|rule| cut.others & 1 << rule).filter(|&rule| rule != 0);
    Some(each.filter_map(|rule| behind(&here, cut, rule)).fold(pooled, |hull, own| Interval {
        low: hull.low.min(own.low),
        high: hull.high.max(own.high),
        ..hull
    }))
}

/// The matches in cut blocks that no rule found, by those that `others` found; `here` are the matches
/// found in these blocks, by their rules.
fn behind(here: &BTreeMap<u32, f64>, cut: CutRule, others: u32) -> Option<Interval> {
    /// Matches that both must have found: of fewer the interval is wider than anything it could tell.
    const LEAST: f64 = 7.0;
    let sum = |wanted: &dyn Fn(u32) -> bool| -> f64 {
        here.iter().filter(|&(&by, _)| wanted(by)).map(|(_, matches)| matches).sum()
    };
    let together = |by: u32| by >> cut.rule & 1 == 1;
    let there = |by: u32| by & others != 0;
    let (all, own, other) = (sum(&|_| true), sum(&together), sum(&there));
    let both = sum(&|by| together(by) && there(by));
    if both < LEAST {
        return None;
    }
    let expected = (own + 1.0) * (other + 1.0) / (both + 1.0) - 1.0;
    let variance =
        (own + 1.0) * (other + 1.0) * (own - both) * (other - both) / ((both + 1.0).powi(2) * (both + 2.0));
    // The pairs of one person stand and fall together: as many of them count once as a record has.
    let per_record = (2.0 * expected / cut.records.max(1) as f64).max(1.0);
    let wide = 1.96 * (variance * per_record).sqrt();
    let lost = |matches: f64| (matches - all).max(0.0);
    Some(Interval { estimate: lost(expected), low: lost(expected - wide), high: lost(expected + wide) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches found by rule 0, whose blocks are cut, and by rules 1 and 2.
    fn here(matches: &[(u32, f64)]) -> BTreeMap<u32, f64> {
        matches.iter().copied().collect()
    }

    #[test]
    fn test_independent_rules_tell_what_neither_found() {
        // Of 10,000 matches seven in ten stay together, and the other rule finds six in ten of either.
        let here = here(&[(0b01, 2_800.0), (0b11, 4_200.0), (0b10, 1_800.0)]);
        let cut = CutRule { rule: 0, others: 0b10, records: 100_000 };
        let lost = behind(&here, cut, cut.others).expect("4,200 are enough");
        assert!((lost.estimate - 1_200.0).abs() < 2.0, "{lost:?}");
        assert!(lost.low > 1_000.0 && lost.low < 1_200.0 && lost.high > 1_200.0 && lost.high < 1_400.0);
        let crowded = behind(&here, CutRule { records: 2_000, ..cut }, cut.others).expect("as before");
        assert!(crowded.high > lost.high, "the pairs of one record are no independent evidence");
    }

    #[test]
    fn test_few_matches_tell_nothing() {
        let cut = CutRule { rule: 0, others: 0b10, records: 10 };
        assert_eq!(behind(&here(&[(0b01, 50.0), (0b11, 3.0), (0b10, 9.0)]), cut, cut.others), None);
        assert_eq!(behind(&here(&[(0b01, 50.0)]), cut, cut.others), None);
    }
}
