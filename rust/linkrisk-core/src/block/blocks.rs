//! Blocks by sorting: the records that share a key of one rule, side by side.
//!
//! ```text
//! records ─► key per record ─► 256 partitions by key ─► sort each ─► runs of two and more
//!                                                             └─► a run over the limit is split
//! ```
//!
//! Memory: 16 bytes per record that has a key in the pass, and 4 per record in a block for the
//! result. What does not fit is done in passes over ranges of keys; the blocks of all passes
//! together are the same whatever their number.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::rule::{KeyPart, Rules};
use crate::error::Result;
use crate::kernel::hash::{below, combine, mix};
use crate::runtime::{Context, Reservation};
use crate::store::Store;

/// How a block over the limit is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Split {
    /// By a further part: records without it are compared with nobody.
    Part(KeyPart),
    /// Into this many groups drawn by record number: a sample of the block's pairs.
    Sample(u64),
}

/// The splits of one rule, by the key of the block they cut.
pub type Splits = FxHashMap<u64, Split>;

/// What the blocks of a rule amount to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockCounts {
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
}

/// The blocks of one rule, or of one pass over it.
#[derive(Debug)]
pub struct Blocks {
    /// Records of all blocks, block by block, ascending within a block.
    pub records: Vec<u32>,
    /// Where each block starts in `records`, and the end of the last.
    pub starts: Vec<u32>,
    _held: Reservation,
}

/// One row of the sort.
type Keyed = (u64, u32);

/// Bytes of the sort per record: the row, once in its partition and once in its sorted copy.
pub const SORT_BYTES: u64 = 2 * size_of::<Keyed>() as u64;

/// What building the blocks of a pass gives.
#[derive(Debug)]
pub struct Built {
    /// The blocks.
    pub blocks: Blocks,
    /// Their counts.
    pub counts: BlockCounts,
    /// The splits that were made.
    pub splits: Splits,
}

/// Builds the blocks of `rule` whose keys lie in range `pass` of `passes`.
///
/// A block of more than `max_pairs` pairs is split by `further` parts in turn, then sampled.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn build(
    store: &Store,
    rules: &Rules,
    rule: usize,
    (pass, passes): (u64, u64),
    further: &[KeyPart],
    max_pairs: u64,
    context: &Context,
) -> Result<Built> {
    const CHUNK: u32 = 1 << 17;
    let records = store.len();
    let mut held = context.memory.reserve("blocking keys", u64::from(records) * SORT_BYTES / passes)?;
    let chunks: Vec<u32> = (0..records).step_by(CHUNK as usize).collect();
    context.pool.install(|| {
        let scattered: Vec<Vec<Vec<Keyed>>> = chunks
            .into_par_iter()
            .map(|start| {
                let mut partitions = vec![Vec::new(); 256];
                for record in start..records.min(start.saturating_add(CHUNK)) {
                    let key = rules.key(store, rule, store.record(record));
                    if key != 0 && below(key, passes) == pass {
                        // The highest bits choose the pass, the lowest the partition.
                        partitions[(key & 0xFF) as usize].push((key, record));
                    }
                }
                context.cancel.check().map(|()| partitions)
            })
            .collect::<Result<_>>()?;
        let cutter = Cutter { store, further, max_pairs };
        let parts: Vec<Cut> = (0..256usize)
            .into_par_iter()
            .map(|partition| {
                context.cancel.check()?;
                let mut rows: Vec<Keyed> =
                    Vec::with_capacity(scattered.iter().map(|c| c[partition].len()).sum());
                scattered.iter().for_each(|chunk| rows.extend_from_slice(&chunk[partition]));
                rows.sort_unstable();
                let mut cut = Cut::default();
                for run in rows.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
                    let members: Vec<u32> = run.iter().map(|&(_, record)| record).collect();
                    cut.counts.largest = cut.counts.largest.max(members.len() as u64);
                    cutter.cut(&mut cut, run[0].0, &members, 0);
                }
                Ok(cut)
            })
            .collect::<Result<_>>()?;
        drop(scattered);
        let mut built = Cut::default();
        built.records.reserve_exact(parts.iter().map(|p| p.records.len()).sum());
        built.starts.reserve_exact(parts.iter().map(|p| p.starts.len()).sum::<usize>() + 1);
        for part in parts {
            built.append(part);
        }
        built.starts.push(built.records.len() as u32);
        held.shrink_to((built.records.len() + built.starts.len()) as u64 * 4);
        let Cut { records, starts, counts, splits } = built;
        Ok(Built { blocks: Blocks { records, starts, _held: held }, counts, splits })
    })
}

/// Blocks under construction.
#[derive(Debug, Default)]
struct Cut {
    records: Vec<u32>,
    starts: Vec<u32>,
    counts: BlockCounts,
    splits: Splits,
}

impl Cut {
    fn append(&mut self, other: Cut) {
        let base = self.records.len() as u32;
        self.starts.extend(other.starts.iter().map(|s| s + base));
        self.records.extend_from_slice(&other.records);
        self.splits.extend(other.splits);
        let (a, b) = (&mut self.counts, other.counts);
        a.records += b.records;
        a.blocks += b.blocks;
        a.pairs += b.pairs;
        a.largest = a.largest.max(b.largest);
        a.split += b.split;
        a.sampled += b.sampled;
        a.uncompared += b.uncompared;
    }
}

struct Cutter<'a> {
    store: &'a Store,
    further: &'a [KeyPart],
    max_pairs: u64,
}

impl Cutter<'_> {
    /// Adds the block of `members` under `key`, cut by the parts of `further` from `depth` on.
    fn cut(&self, out: &mut Cut, key: u64, members: &[u32], depth: usize) {
        let pairs = pairs_of(members.len());
        if pairs <= self.max_pairs {
            if pairs > 0 {
                out.starts.push(out.records.len() as u32);
                out.records.extend_from_slice(members);
                out.counts.records += members.len() as u64;
                out.counts.blocks += 1;
                out.counts.pairs += pairs;
            }
            return;
        }
        let split = match self.further.get(depth) {
            Some(&part) => Split::Part(part),
            None => Split::Sample(pairs.div_ceil(self.max_pairs)),
        };
        match split {
            Split::Part(_) => out.counts.split += 1,
            Split::Sample(_) => out.counts.sampled += 1,
        }
        out.splits.insert(key, split);
        let mut rows: Vec<Keyed> = members
            .iter()
            .map(|&record| (split_key(self.store, key, split, record, self.store.record(record)), record))
            .filter(|row| row.0 != 0)
            .collect();
        rows.sort_unstable();
        let mut kept = 0;
        for run in rows.chunk_by(|a, b| a.0 == b.0) {
            let members: Vec<u32> = run.iter().map(|&(_, record)| record).collect();
            kept += pairs_of(members.len());
            // Groups of a sample are of about the right size; cutting them again would not end.
            match split {
                Split::Part(_) => self.cut(out, run[0].0, &members, depth + 1),
                Split::Sample(_) => Cutter { max_pairs: u64::MAX, ..*self }.cut(out, run[0].0, &members, 0),
            }
        }
        out.counts.uncompared += pairs - kept;
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

/// Whether two records that share the key of a rule are in one block after its splits.
pub fn still_together(
    store: &Store,
    rules: &Rules,
    rule: usize,
    splits: &Splits,
    (left, left_words): (u32, &[u64]),
    (right, right_words): (u32, &[u64]),
) -> bool {
    if splits.is_empty() {
        return true;
    }
    let mut key = rules.key(store, rule, left_words);
    while let Some(&split) = splits.get(&key) {
        let next = split_key(store, key, split, left, left_words);
        if next == 0 || next != split_key(store, key, split, right, right_words) {
            return false;
        }
        key = next;
    }
    true
}

/// Pairs among `n` records.
pub fn pairs_of(n: usize) -> u64 {
    n as u64 * (n as u64).saturating_sub(1) / 2
}
