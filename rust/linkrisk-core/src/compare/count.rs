//! Patterns counted: the histogram that the model sees instead of the pairs.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::{Comparer, Memo, RULE_SHIFT};
use crate::block::{Pair, Visitor};
use crate::error::Result;
use crate::kernel::hash::{below, mix};
use crate::runtime::Context;
use crate::store::Store;
use rayon::prelude::*;

/// How often each pattern occurs.
pub type PatternCounts = FxHashMap<u64, u64>;

/// How often each pattern occurs among the pairs that share a key whose block was cut, by the rules of
/// such keys, a bit each; whether the two stayed together there, the rules of the pattern tell.
pub type CutCounts = FxHashMap<(u64, u32), u64>;

/// Counts the patterns of the pairs it is shown.
#[derive(Debug)]
pub struct Counter<'a>(pub &'a Comparer<'a>);

impl Visitor for Counter<'_> {
    type Scratch = Memo;
    type Output = PatternCounts;

    fn scratch(&self) -> Memo {
        self.0.memo()
    }

    fn output(&self) -> PatternCounts {
        PatternCounts::default()
    }

    fn mask(&self) -> Vec<u64> {
        self.0.mask()
    }

    fn gathered(&self, records: &[u64]) {
        self.0.touch(records);
    }

    #[inline]
    fn visit(&self, memo: &mut Memo, counts: &mut PatternCounts, pair: Pair<'_>) {
        let levels = self.0.pattern(memo, pair.left_words, pair.right_words);
        *counts.entry(levels | u64::from(pair.rules) << RULE_SHIFT).or_default() += pair.records.count();
    }
}

/// Adds the counts of `more` to `counts`.
pub fn add<K: Eq + Hash>(counts: &mut FxHashMap<K, u64>, more: FxHashMap<K, u64>) {
    for (pattern, count) in more {
        *counts.entry(pattern).or_default() += count;
    }
}

/// Counts the patterns of about `pairs` pairs drawn at random from all pairs of records that stand for
/// a person, every pair once where there are no more.
///
/// # Errors
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn random(
    comparer: &Comparer<'_>,
    store: &Store,
    pairs: u64,
    context: &Context,
) -> Result<PatternCounts> {
    /// Pairs that are drawn together however little memory there is.
    const LEAST: u64 = 1 << 12;
    let records = u64::from(store.persons());
    let all = records * records.saturating_sub(1) / 2;
    let every = all <= pairs;
    let draws = if every { all } else { pairs };
    let drawn: Vec<(u32, u32)> = (0..draws)
        .map(|draw| if every { pair_at(draw) } else { draw_pair(context.seed, draw, records) })
        .filter(|(left, right)| left != right)
        .map(|(left, right)| (left as u32, right as u32))
        .collect();
    // As many at once as a quarter of the free memory holds; each time the records are read again.
    let bytes = 2 * (store.layout.words as u64 * 8 + 4);
    let together = (context.memory.free() / 4 / bytes).max(LEAST) as usize;
    let mut total = PatternCounts::default();
    for drawn in drawn.chunks(together) {
        let _held = context.memory.reserve("random pairs", drawn.len() as u64 * bytes)?;
        count_pairs(comparer, store, drawn, context)?.into_iter().for_each(|counts| add(&mut total, counts));
    }
    Ok(total)
}

/// Counts the patterns of pairs of records, given by their ranks among those that stand for a person.
fn count_pairs(
    comparer: &Comparer<'_>,
    store: &Store,
    drawn: &[(u32, u32)],
    context: &Context,
) -> Result<Vec<PatternCounts>> {
    const TASK: usize = 1 << 14;
    let width = store.layout.words;
    let mut ranks: Vec<u32> = drawn.iter().flat_map(|&(left, right)| [left, right]).collect();
    ranks.sort_unstable();
    ranks.dedup();
    // Read in order, wherever they rest.
    let words = store.gather_persons(&ranks, context)?;
    let record = |rank: u32| {
        let at = ranks.partition_point(|&r| r < rank);
        &words[at * width..(at + 1) * width]
    };
    context.pool.install(|| {
        drawn
            .par_chunks(TASK)
            .map_init(
                || comparer.memo(),
                |memo, pairs| {
                    context.cancel.check()?;
                    let mut counts = PatternCounts::default();
                    for &(left, right) in pairs {
                        *counts.entry(comparer.pattern(memo, record(left), record(right))).or_default() += 1;
                    }
                    Ok(counts)
                },
            )
            .collect()
    })
}

fn draw_pair(seed: u64, draw: u64, records: u64) -> (u64, u64) {
    let hash = mix(seed ^ mix(draw));
    (below(hash, records), below(mix(hash), records))
}

/// Pair `n` of all pairs in the order (0,1), (0,2), (1,2), (0,3) …
fn pair_at(n: u64) -> (u64, u64) {
    let mut right = ((((8 * n + 1) as f64).sqrt() + 1.0) / 2.0) as u64;
    // The square root may be off by one at the edge of a row.
    while right * (right - 1) / 2 > n {
        right -= 1;
    }
    while (right + 1) * right / 2 <= n {
        right += 1;
    }
    (n - right * (right - 1) / 2, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pair_at_lists_every_pair_once() {
        let pairs: Vec<_> = (0..10).map(pair_at).collect();
        let expected = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4)];
        assert_eq!(pairs, expected);
    }
}
