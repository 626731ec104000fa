//! Candidate pairs weighed: those worth keeping, and the whole histogram of patterns.

use bytemuck::{Pod, Zeroable};
use rustc_hash::FxHashMap;

use super::count::CutCounts;
use super::{Comparer, Memo, PatternCounts, RULE_SHIFT};
use crate::block::{Pair, Visitor};

/// A pair that was kept, with its pattern: 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct ScoredPair {
    /// The first record, the lower number.
    pub left: u32,
    /// The second record.
    pub right: u32,
    /// Levels and rules.
    pub pattern: u64,
}

/// Which pairs of a pattern are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// None.
    No,
    /// Of many pairs of copies as many as connect the same records.
    Connecting,
    /// All.
    Every,
}

/// What a task found.
#[derive(Debug, Default)]
pub struct Found {
    /// Every pattern: how often it occurs, and which of its pairs are kept.
    patterns: FxHashMap<u64, (u64, Keep)>,
    /// The pairs kept.
    pub pairs: Vec<ScoredPair>,
    /// The patterns of pairs whose key is that of a block that was cut.
    pub cuts: CutCounts,
}

impl Found {
    /// Adds how often each pattern occurs to `counts`.
    pub fn count_into(&self, counts: &mut PatternCounts) {
        for (&pattern, &(count, _)) in &self.patterns {
            *counts.entry(pattern).or_default() += count;
        }
    }
}

/// Keeps the pairs whose pattern `keep` wants and counts all.
#[derive(Debug)]
pub struct LinkFinder<'a, K> {
    /// Compares.
    pub comparer: &'a Comparer<'a>,
    /// Which pairs of a pattern are kept; asked once per pattern and task.
    pub keep: K,
}

impl<K: Fn(u64) -> Keep + Sync> Visitor for LinkFinder<'_, K> {
    type Scratch = Memo;
    type Output = Found;

    fn scratch(&self) -> Memo {
        self.comparer.memo()
    }

    fn output(&self) -> Found {
        Found::default()
    }

    fn mask(&self) -> Vec<u64> {
        self.comparer.mask()
    }

    fn gathered(&self, records: &[u64]) {
        self.comparer.touch(records);
    }

    #[inline]
    fn visit(&self, memo: &mut Memo, found: &mut Found, pair: Pair<'_>) {
        let levels = self.comparer.pattern(memo, pair.left_words, pair.right_words);
        let pattern = levels | u64::from(pair.rules) << RULE_SHIFT;
        let (count, keep) = found.patterns.entry(pattern).or_insert_with(|| (0, (self.keep)(levels)));
        *count += pair.records.count();
        if pair.cut != 0 {
            *found.cuts.entry((pattern, pair.cut)).or_default() += pair.records.count();
        }
        let push = |left, right| found.pairs.push(ScoredPair { left, right, pattern });
        match keep {
            Keep::No => {}
            Keep::Connecting => pair.records.connecting(push),
            Keep::Every => pair.records.each(push),
        }
    }
}
