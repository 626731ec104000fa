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
    /// None yet: their templates decide.
    Open,
}

/// A pair whose templates decide: 24 bytes, in the order in which templates rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct OpenPair {
    /// The stretches of records that the two are in.
    tiles: [u16; 2],
    /// The rules whose key the two share in a block that was cut, a bit each.
    pub cut: u32,
    /// The first record, the lower number.
    pub left: u32,
    /// The second record.
    pub right: u32,
    /// Levels and rules.
    pub pattern: u64,
}

impl OpenPair {
    /// Records of a stretch, by their upper bits: 65,536, so that the templates of two are read together.
    const TILE_BITS: u32 = 16;

    fn new(left: u32, right: u32, pattern: u64, cut: u32) -> Self {
        let tile = |record: u32| (record >> Self::TILE_BITS) as u16;
        Self { tiles: [tile(left), tile(right)], cut, left, right, pattern }
    }
}

/// What a task found.
#[derive(Debug, Default)]
pub struct Found {
    /// Every pattern: how often it occurs, and which of its pairs are kept.
    patterns: FxHashMap<u64, Seen>,
    /// The pairs kept.
    pub pairs: Vec<ScoredPair>,
    /// The pairs whose templates decide; they are counted nowhere yet.
    pub open: Vec<OpenPair>,
    /// The patterns of pairs whose key is that of a block that was cut.
    pub cuts: CutCounts,
}

impl Found {
    /// Adds how often each pattern occurs to `counts`.
    pub fn count_into(&self, counts: &mut PatternCounts) {
        for seen in self.patterns.values().filter(|seen| seen.keep != Keep::Open) {
            *counts.entry(seen.settled).or_default() += seen.count;
        }
    }
}

/// A pattern that was met.
#[derive(Debug)]
struct Seen {
    count: u64,
    keep: Keep,
    /// The same with null for templates that are not compared, since they decide nothing.
    settled: u64,
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
        let seen = found.patterns.entry(pattern).or_insert_with(|| Seen {
            count: 0,
            keep: (self.keep)(levels),
            settled: self.comparer.settled(pattern),
        });
        seen.count += pair.records.count();
        let (keep, settled) = (seen.keep, seen.settled);
        if keep == Keep::Open {
            let open = |left, right| found.open.push(OpenPair::new(left, right, pattern, pair.cut));
            return pair.records.each(open);
        }
        if pair.cut != 0 {
            *found.cuts.entry((settled, pair.cut)).or_default() += pair.records.count();
        }
        let push = |left, right| found.pairs.push(ScoredPair { left, right, pattern: settled });
        match keep {
            Keep::No | Keep::Open => {}
            Keep::Connecting => pair.records.connecting(push),
            Keep::Every => pair.records.each(push),
        }
    }
}
