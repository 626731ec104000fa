//! Candidate pairs weighed: those worth keeping, and the whole histogram of patterns.

use rustc_hash::FxHashMap;

use super::{Comparer, Memo, PatternCounts, RULE_SHIFT};
use crate::block::{Pair, Visitor};

/// A pair that was kept, with its pattern: 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScoredPair {
    /// The first record, the lower number.
    pub left: u32,
    /// The second record.
    pub right: u32,
    /// Levels and rules.
    pub pattern: u64,
}

/// What a task found.
#[derive(Debug, Default)]
pub struct Found {
    /// Every pattern, counted.
    pub counts: PatternCounts,
    /// The pairs kept.
    pub pairs: Vec<ScoredPair>,
}

/// Keeps the pairs whose pattern `keep` wants and counts all.
#[derive(Debug)]
pub struct Links<'a, K> {
    /// Compares.
    pub comparer: &'a Comparer<'a>,
    /// Whether pairs of a pattern are kept; asked once per pattern and thread.
    pub keep: K,
}

impl<K: Fn(u64) -> bool + Sync> Visitor for Links<'_, K> {
    type Scratch = (Memo, FxHashMap<u64, bool>);
    type Output = Found;

    fn scratch(&self) -> Self::Scratch {
        (self.comparer.memo(), FxHashMap::default())
    }

    fn output(&self) -> Found {
        Found::default()
    }

    #[inline]
    fn visit(&self, (memo, known): &mut Self::Scratch, found: &mut Found, pair: Pair<'_>) {
        let levels = self.comparer.pattern(memo, pair.left_words, pair.right_words);
        let pattern = levels | u64::from(pair.rules) << RULE_SHIFT;
        *found.counts.entry(pattern).or_default() += 1;
        if *known.entry(levels).or_insert_with(|| (self.keep)(levels)) {
            found.pairs.push(ScoredPair { left: pair.left, right: pair.right, pattern });
        }
    }
}
