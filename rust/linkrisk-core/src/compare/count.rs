//! Patterns counted: the histogram that the model sees instead of the pairs.

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

    fn gathered(&self, records: &[u64]) {
        self.0.touch(records);
    }

    #[inline]
    fn visit(&self, memo: &mut Memo, counts: &mut PatternCounts, pair: Pair<'_>) {
        let levels = self.0.pattern(memo, pair.left_words, pair.right_words);
        *counts.entry(levels | u64::from(pair.rules) << RULE_SHIFT).or_default() += 1;
    }
}

/// Adds the counts of `more` to `counts`.
pub fn add(counts: &mut PatternCounts, more: PatternCounts) {
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
    const TASK: u64 = 1 << 14;
    const GATHER: usize = 32;
    let records = u64::from(store.persons());
    let all = records * records.saturating_sub(1) / 2;
    let every = all <= pairs;
    let draws = if every { all } else { pairs };
    let seed = context.seed;
    let counts: Vec<PatternCounts> = context.pool.install(|| {
        (0..draws.div_ceil(TASK))
            .into_par_iter()
            .map_init(
                || (comparer.memo(), Vec::new()),
                |(memo, words), task| {
                    context.cancel.check()?;
                    let mut counts = PatternCounts::default();
                    let draws: Vec<u64> = (task * TASK..draws.min((task + 1) * TASK)).collect();
                    for draws in draws.chunks(GATHER) {
                        words.clear();
                        for &draw in draws {
                            let (left, right) =
                                if every { pair_at(draw) } else { draw_pair(seed, draw, records) };
                            if left != right {
                                words.extend_from_slice(store.record(store.person(left as u32)));
                                words.extend_from_slice(store.record(store.person(right as u32)));
                            }
                        }
                        comparer.touch(words);
                        for two in words.chunks_exact(2 * store.layout.words) {
                            let (left, right) = two.split_at(store.layout.words);
                            *counts.entry(comparer.pattern(memo, left, right)).or_default() += 1;
                        }
                    }
                    Ok(counts)
                },
            )
            .collect::<Result<_>>()
    })?;
    let mut total = PatternCounts::default();
    counts.into_iter().for_each(|c| add(&mut total, c));
    Ok(total)
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
