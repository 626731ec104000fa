//! Candidate pairs, each once: from blocks to whoever looks at pairs.
//!
//! A pair belongs to the first rule that makes it. Which rules hold for a pair is read off its two
//! records, so no set of pairs seen is kept, whatever their number.

use rayon::prelude::*;

use super::blocks::{Blocks, still_together};
use super::plan::Candidates;
use crate::error::Result;
use crate::kernel::hash::mix;
use crate::runtime::Context;
use crate::store::Store;

/// Two records that some rule brings together, `left < right`.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The first record's number.
    pub left: u32,
    /// The second record's number.
    pub right: u32,
    /// The first record's words.
    pub left_words: &'a [u64],
    /// The second record's words.
    pub right_words: &'a [u64],
    /// The rules that make the pair, a bit each.
    pub rules: u32,
}

/// Somebody who looks at every candidate pair.
pub trait Visitor: Sync {
    /// What a thread keeps between tasks: caches and buffers that never change a result.
    type Scratch: Send;
    /// What a task gives back.
    type Output: Send;
    /// A thread's scratch.
    fn scratch(&self) -> Self::Scratch;
    /// A task's output before its first pair.
    fn output(&self) -> Self::Output;
    /// Learns which records are about to come in pairs, as their words one after the other.
    fn gathered(&self, records: &[u64]);
    /// Looks at one pair.
    fn visit(&self, scratch: &mut Self::Scratch, output: &mut Self::Output, pair: Pair<'_>);
}

/// Pairs of a task: about ten milliseconds of work, so that a wish to stop is heard in time.
const TASK_PAIRS: u64 = 1 << 16;

/// Records gathered at once: their cache misses overlap, 64 records of 64 bytes stay in the
/// first-level cache.
const GATHER: usize = 64;

/// Shows every pair of `blocks` that rule `rule` makes first to `visitor`; outputs come in the order
/// of the blocks.
///
/// Of the blocks a share `share` is looked at, chosen by their first record.
pub(super) fn scan<V: Visitor>(
    candidates: &Candidates,
    store: &Store,
    rule: usize,
    blocks: &Blocks,
    share: f64,
    context: &Context,
    visitor: &V,
) -> Result<Vec<V::Output>> {
    let below = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
    let tasks = tasks(blocks);
    let scan = Scan { candidates, store, rule, visitor };
    context.pool.install(|| {
        tasks
            .into_par_iter()
            .map_init(
                || (visitor.scratch(), Vec::new()),
                |(scratch, words), (first, last)| {
                    context.cancel.check()?;
                    let mut output = visitor.output();
                    let mut pairs = 0;
                    let mut block = first;
                    while block < last {
                        let mut next = block + 1;
                        let start = blocks.starts[block] as usize;
                        while next < last && blocks.starts[next + 1] as usize - start <= GATHER {
                            next += 1;
                        }
                        let members = &blocks.records[start..blocks.starts[next] as usize];
                        words.clear();
                        members.iter().for_each(|&record| words.extend_from_slice(store.record(record)));
                        visitor.gathered(words);
                        for at in block..next {
                            let (from, to) =
                                (blocks.starts[at] as usize - start, blocks.starts[at + 1] as usize - start);
                            if mix((rule as u64) << 32 | u64::from(members[from])) <= below {
                                let width = store.layout.words;
                                scan.block(
                                    scratch,
                                    &mut output,
                                    &members[from..to],
                                    &words[from * width..to * width],
                                );
                            }
                            pairs += super::blocks::pairs_of(to - from);
                        }
                        block = next;
                    }
                    context.progress.add(pairs);
                    Ok(output)
                },
            )
            .collect()
    })
}

/// Ranges of blocks of about [`TASK_PAIRS`] pairs.
fn tasks(blocks: &Blocks) -> Vec<(usize, usize)> {
    let mut tasks = Vec::new();
    let (mut first, mut pairs) = (0, 0);
    for (block, bounds) in blocks.starts.windows(2).enumerate() {
        pairs += super::blocks::pairs_of((bounds[1] - bounds[0]) as usize);
        if pairs >= TASK_PAIRS {
            tasks.push((first, block + 1));
            (first, pairs) = (block + 1, 0);
        }
    }
    if first + 1 < blocks.starts.len() {
        tasks.push((first, blocks.starts.len() - 1));
    }
    tasks
}

struct Scan<'a, V> {
    candidates: &'a Candidates,
    store: &'a Store,
    rule: usize,
    visitor: &'a V,
}

impl<V: Visitor> Scan<'_, V> {
    fn block(&self, scratch: &mut V::Scratch, output: &mut V::Output, members: &[u32], words: &[u64]) {
        let width = self.store.layout.words;
        for (i, &left) in members.iter().enumerate() {
            let left_words = &words[i * width..][..width];
            for (j, &right) in members.iter().enumerate().skip(i + 1) {
                let right_words = &words[j * width..][..width];
                if let Some(rules) = self.first_here((left, left_words), (right, right_words)) {
                    self.visitor.visit(scratch, output, Pair { left, right, left_words, right_words, rules });
                }
            }
        }
    }

    /// The rules that make a pair, if this rule is the first of them and the pair may be one.
    #[inline(always)]
    fn first_here(&self, left: (u32, &[u64]), right: (u32, &[u64])) -> Option<u32> {
        let Candidates { rules, splits, within, .. } = self.candidates;
        let mut shared = rules.shared(self.store, left.1, right.1);
        // A block holds records with one hash; equal values decide.
        if shared >> self.rule & 1 == 0 {
            return None;
        }
        if self.candidates.any_split {
            for (rule, splits) in splits.iter().enumerate() {
                if shared >> rule & 1 == 1 && !still_together(self.store, rules, rule, splits, left, right) {
                    shared &= !(1 << rule);
                }
            }
        }
        if shared.trailing_zeros() as usize != self.rule {
            return None;
        }
        if !within.is_empty() {
            let source = self.store.source_of(left.0);
            if within[source] && source == self.store.source_of(right.0) {
                return None;
            }
        }
        Some(shared)
    }
}
