//! Blocks by sorting: the records that share a key of one rule, side by side.
//!
//! ```text
//! records ─► keys ─► scattered, sorted ─► runs counted            (the plan: exact pairs, no record kept)
//!       └──► keys with their records ─► scattered, sorted ─► runs  (the pairs themselves)
//!                                                       └─► a run over the limit is cut
//! ```
//!
//! Memory: 8 bytes per record that has a key for counting, a packed record and 16 bytes for its pairs.
//! What does not fit is done in passes over ranges of keys ([`crate::external::scatter`]); the blocks
//! of all passes together are the same whatever their number.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::rule::{KeyPart, Rules};
use super::shared::SharedKeys;
use crate::error::Result;
use crate::external::scatter::{Partition, Scatter, in_pass, passes};
use crate::kernel::hash::{below, combine, mix};
use crate::runtime::Context;
use crate::store::Store;

/// How a block over the limit is cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Split {
    /// By a further part: records without it are compared with nobody.
    Part(KeyPart),
    /// Into this many groups drawn by record number: a sample of the block's pairs.
    Sample(u64),
}

/// The splits of one rule, by the key of the block they cut.
pub type Splits = FxHashMap<u64, Split>;

/// What the blocks of a rule amount to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockCounts {
    /// Records that have a key.
    pub keyed: u64,
    /// Records in blocks.
    pub records: u64,
    /// Blocks.
    pub blocks: u64,
    /// Pairs in blocks, those that an earlier rule makes too included.
    pub pairs: u64,
    /// Records of the largest block before any split.
    pub largest: u64,
    /// Blocks that were split by a further part.
    pub split: u64,
    /// Blocks that were sampled.
    pub sampled: u64,
    /// Pairs that share the key and are not compared under this rule.
    pub uncompared: u64,
    /// Records of the blocks that were split or sampled.
    pub records_cut: u64,
}

impl BlockCounts {
    /// Counts what `more`, other blocks of the rule, come to as well.
    pub fn add(&mut self, more: Self) {
        self.keyed += more.keyed;
        self.records += more.records;
        self.blocks += more.blocks;
        self.pairs += more.pairs;
        self.largest = self.largest.max(more.largest);
        self.split += more.split;
        self.sampled += more.sampled;
        self.uncompared += more.uncompared;
        self.records_cut += more.records_cut;
    }

    fn take(&mut self, members: usize) {
        self.records += members as u64;
        self.blocks += 1;
        self.pairs += pairs_of(members);
    }
}

/// Which records of which rule are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The records.
    pub store: &'a Store,
    /// The rules.
    pub rules: &'a Rules,
    /// The rule.
    pub rule: usize,
}

impl Wanted<'_> {
    /// Hands the key of every record that `wants` it to `take`, with the record's number and words.
    fn keys(
        &self,
        context: &Context,
        wants: impl Fn(u64) -> bool + Sync,
        take: impl Fn(&[(u64, u32)], u32, &[u64]) -> Result<()> + Sync,
    ) -> Result<()> {
        let Self { store, rules, rule } = *self;
        let width = store.layout.words;
        store.scan(context, Vec::new, |keys: &mut Vec<(u64, u32)>, first, words| {
            keys.clear();
            keys.extend(words.chunks_exact(width).zip(first..).filter_map(|(record, number)| {
                let key = rules.key(store, rule, record);
                (key != 0 && wants(key)).then_some((key, number))
            }));
            take(keys, first, words)
        })?;
        Ok(())
    }

    /// The records whose keys `wants` wants, in partitions; about `expected` of them. `looked` is told of
    /// records that were looked at.
    pub fn carry(
        &self,
        expected: u64,
        context: &Context,
        wants: impl Fn(u64) -> bool + Sync,
        looked: impl Fn(usize) + Sync,
    ) -> Result<(Vec<Partition>, crate::runtime::Reservation)> {
        let width = self.store.layout.words;
        let scatter = Scatter::new("records of blocks", width + 2, expected, context)?;
        self.keys(context, wants, |keys, first, words| {
            looked(words.len() / width);
            let mut rows = scatter.writer();
            keys.iter().try_for_each(|&(key, number)| {
                let at = (number - first) as usize * width;
                rows.push(key, u64::from(number), &words[at..at + width])
            })
        })?;
        Ok(scatter.finish())
    }
}

/// Counts the blocks of `wanted` and finds the splits of those of more than `max_pairs` pairs, which
/// `further` parts in turn and then sampling cut; the keys of blocks are added to `shared`.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn count(
    wanted: Wanted<'_>,
    further: &[KeyPart],
    max_pairs: u64,
    shared: Option<&SharedKeys>,
    context: &Context,
) -> Result<(BlockCounts, Splits)> {
    let records = u64::from(wanted.store.len());
    let passes = passes(records * 8, context);
    let mut counts = BlockCounts::default();
    let mut large: FxHashMap<u64, u64> = FxHashMap::default();
    for pass in 0..passes {
        let scatter = Scatter::new("blocking keys", 1, records / passes, context)?;
        wanted.keys(
            context,
            |key| in_pass(key, (pass, passes)),
            |keys, _, _| {
                let mut rows = scatter.writer();
                keys.iter().try_for_each(|&(key, _)| rows.push_key(key))
            },
        )?;
        let (partitions, _held) = scatter.finish();
        let counted: Vec<(BlockCounts, Vec<(u64, u64)>)> = context.pool.install(|| {
            let count = |partition: Partition| {
                context.cancel.check()?;
                let (mut counts, mut large) = (BlockCounts::default(), Vec::new());
                let keys = partition.keys();
                counts.keyed = keys.len() as u64;
                for run in keys.chunk_by(|a, b| a == b).filter(|run| run.len() > 1) {
                    shared.inspect(|shared| shared.insert(run[0]));
                    counts.largest = counts.largest.max(run.len() as u64);
                    if pairs_of(run.len()) > max_pairs {
                        large.push((run[0], run.len() as u64));
                    } else {
                        counts.take(run.len());
                    }
                }
                Ok((counts, large))
            };
            partitions.into_par_iter().map(count).collect::<Result<_>>()
        })?;
        for (more, over) in counted {
            counts.add(more);
            large.extend(over);
        }
    }
    let mut splits = Splits::default();
    if large.is_empty() {
        return Ok((counts, splits));
    }
    let held: u64 = large.values().sum();
    counts.records_cut = held;
    let keys: FxHashSet<u64> = large.into_keys().collect();
    let cutter = Cutter { store: wanted.store, further, max_pairs };
    // In as many passes as the large blocks take, and no more.
    let passes = self::passes(held * row_bytes(wanted.store), context);
    for pass in 0..passes {
        let wants = |key: u64| in_pass(key, (pass, passes)) && keys.contains(&key);
        let (partitions, _held) = wanted.carry(held / passes, context, wants, |_| ())?;
        let cuts: Vec<(BlockCounts, Splits)> = context.pool.install(|| {
            let cut = |partition: Partition| {
                let (mut counts, mut splits) = (BlockCounts::default(), Splits::default());
                for_each_block(&partition, 0, |gathered| {
                    context.cancel.check()?;
                    let width = wanted.store.layout.words;
                    let cut = &mut |cut: Cut<'_>| match cut {
                        Cut::Block(block) => counts.take(block.members.len()),
                        Cut::Split(key, split, uncompared) => {
                            counts.uncompared += uncompared;
                            match split {
                                Split::Part(_) => counts.split += 1,
                                Split::Sample(_) => counts.sampled += 1,
                            }
                            splits.insert(key, split);
                        }
                    };
                    gathered.blocks(width).for_each(|block| cutter.cut(block, 0, cut));
                    Ok(())
                })?;
                Ok((counts, splits))
            };
            partitions.into_par_iter().map(cut).collect::<Result<_>>()
        })?;
        for (more, cut) in cuts {
            counts.add(more);
            splits.extend(cut);
        }
    }
    Ok((counts, splits))
}

/// Bytes of a carried record.
pub fn row_bytes(store: &Store) -> u64 {
    (store.layout.words as u64 + 2) * 8
}

/// Records that share a key, ascending, with their words one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// The key.
    pub key: u64,
    /// Their numbers.
    pub members: &'a [u32],
    /// Their words.
    pub words: &'a [u64],
}

/// The blocks of a partition, one after the other.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Numbers of the records.
    pub members: Vec<u32>,
    /// Their words.
    pub words: Vec<u64>,
    /// The key of each block, and where it ends in `members`.
    blocks: Vec<(u64, usize)>,
}

impl Gathered {
    /// The blocks.
    pub fn blocks(&self, width: usize) -> impl Iterator<Item = Block<'_>> {
        let starts = std::iter::once(0).chain(self.blocks.iter().map(|&(_, end)| end));
        starts.zip(&self.blocks).map(move |(start, &(key, end))| Block {
            key,
            members: &self.members[start..end],
            words: &self.words[start * width..end * width],
        })
    }

    /// Takes in one block more.
    pub fn push(&mut self, block: Block<'_>) {
        self.members.extend_from_slice(block.members);
        self.words.extend_from_slice(block.words);
        self.blocks.push((block.key, self.members.len()));
    }

    /// Empties it and keeps the room.
    pub fn clear(&mut self) {
        self.members.clear();
        self.words.clear();
        self.blocks.clear();
    }
}

/// Gathers the blocks of two and more records of `partition` and shows them to `show`, as many at once
/// as have at most `together` records, and never less than one.
pub fn for_each_block(
    partition: &Partition,
    together: usize,
    mut show: impl FnMut(&Gathered) -> Result<()>,
) -> Result<()> {
    let mut gathered = Gathered::default();
    let order = partition.order();
    for run in order.chunk_by(|a, b| a.key == b.key).filter(|run| run.len() > 1) {
        if !gathered.members.is_empty() && gathered.members.len() + run.len() > together {
            show(&gathered)?;
            gathered.clear();
        }
        for &place in run {
            gathered.members.push(place.number);
            partition.push_words(place, &mut gathered.words);
        }
        gathered.blocks.push((run[0].key, gathered.members.len()));
    }
    if gathered.members.is_empty() { Ok(()) } else { show(&gathered) }
}

/// What a block is cut into.
pub enum Cut<'a> {
    /// Records that are compared with each other.
    Block(Block<'a>),
    /// The split of the block under this key, and the pairs that are not compared for it.
    Split(u64, Split, u64),
}

/// Cuts blocks over the limit.
#[derive(Debug, Clone, Copy)]
pub struct Cutter<'a> {
    /// The records.
    pub store: &'a Store,
    /// The parts by which blocks are cut, best first.
    pub further: &'a [KeyPart],
    /// The most pairs of a block.
    pub max_pairs: u64,
}

impl Cutter<'_> {
    /// Hands `block` to `out`, cut by the parts of `further` from `depth` on where it is over the limit.
    pub fn cut(&self, block: Block<'_>, depth: usize, out: &mut impl FnMut(Cut<'_>)) {
        let Block { key, members, words } = block;
        let pairs = pairs_of(members.len());
        if pairs <= self.max_pairs {
            if pairs > 0 {
                out(Cut::Block(block));
            }
            return;
        }
        let split = match self.further.get(depth) {
            Some(&part) => Split::Part(part),
            None => Split::Sample(pairs.div_ceil(self.max_pairs)),
        };
        let width = self.store.layout.words;
        let mut rows: Vec<(u64, u32)> = members
            .iter()
            .zip(words.chunks_exact(width))
            .zip(0..)
            .map(|((&member, record), at)| (split_key(self.store, key, split, member, record), at))
            .filter(|row| row.0 != 0)
            .collect();
        rows.sort_unstable();
        let kept: u64 = rows.chunk_by(|a, b| a.0 == b.0).map(|run| pairs_of(run.len())).sum();
        out(Cut::Split(key, split, pairs - kept));
        let (mut cut_members, mut cut_words) = (Vec::new(), Vec::new());
        for run in rows.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
            cut_members.clear();
            cut_words.clear();
            for &(_, at) in run {
                let at = at as usize;
                cut_members.push(members[at]);
                cut_words.extend_from_slice(&words[at * width..(at + 1) * width]);
            }
            let block = Block { key: run[0].0, members: &cut_members, words: &cut_words };
            match split {
                Split::Part(_) => self.cut(block, depth + 1, out),
                // Groups of a sample are of about the right size; cutting them again would not end.
                Split::Sample(_) => out(Cut::Block(block)),
            }
        }
    }
}

/// The key of `record` in the cut of block `key`; zero where it is compared with nobody.
#[inline]
fn split_key(store: &Store, key: u64, split: Split, number: u32, record: &[u64]) -> u64 {
    let value = match split {
        Split::Part(part) => part.value(store, record),
        Split::Sample(groups) => below(mix(key ^ u64::from(number)), groups) + 1,
    };
    if value == 0 { 0 } else { combine(key, value).max(1) }
}

/// What the splits of a rule make of two records that share its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// Their block was not cut.
    Whole,
    /// It was cut, and both are in one piece.
    InPiece,
    /// They are in different pieces, or in none.
    Apart,
}

/// Whether two records that share the key of a rule are in one block after its splits.
pub fn still_together(
    store: &Store,
    rules: &Rules,
    rule: usize,
    splits: &Splits,
    (left, left_words): (u32, &[u64]),
    (right, right_words): (u32, &[u64]),
) -> Together {
    let mut together = Together::Whole;
    if splits.is_empty() {
        return together;
    }
    let mut key = rules.key(store, rule, left_words);
    while let Some(&split) = splits.get(&key) {
        let next = split_key(store, key, split, left, left_words);
        if next == 0 || next != split_key(store, key, split, right, right_words) {
            return Together::Apart;
        }
        key = next;
        together = Together::InPiece;
    }
    together
}

/// Whether `record` is in a block of `rule` that is sampled in the end.
pub fn is_sampled(store: &Store, rules: &Rules, rule: usize, splits: &Splits, record: &[u64]) -> bool {
    let mut key = rules.key(store, rule, record);
    while key != 0 {
        match splits.get(&key) {
            Some(Split::Sample(_)) => return true,
            // The number plays no part in a split by a part.
            Some(&split) => key = split_key(store, key, split, 0, record),
            None => return false,
        }
    }
    false
}

/// Pairs among `n` records.
pub fn pairs_of(n: usize) -> u64 {
    n as u64 * (n as u64).saturating_sub(1) / 2
}
