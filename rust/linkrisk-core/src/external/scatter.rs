//! Rows scattered by key into partitions: what equal keys bring together lies side by side.
//!
//! ```text
//! records, read in order ─► a row per record with a key ─► partitions of about 1 MiB ─► sort each
//! ```
//!
//! A row carries what is wanted of its record, so that records are read in order only, from wherever
//! they rest, and equal keys are compared in the cache. Reading the records of a block where they rest
//! was as fast for ten million records in memory, and cannot be done from disk.
//!
//! Memory: the rows of a pass, in segments that are reserved as they are begun. What does not fit is
//! done in passes over ranges of keys, for each of which the records are read again.

use std::sync::{Mutex, MutexGuard};

use bytemuck::{Pod, Zeroable};

use crate::error::Result;
use crate::kernel::hash::below;
use crate::runtime::{Context, Reservation};

/// Bytes of a partition: about the second-level cache. Half and twice as much took the same time.
const PARTITION_BYTES: u64 = 1 << 20;

/// Most partitions: each has an open segment per thread, and past this many the segments alone are
/// larger than the cache.
const MOST_PARTITIONS: u64 = 1 << 12;

/// Rows of a segment where there are many: some kilobytes, so that few are half empty.
const SEGMENT_BITS: u32 = 6;

/// And where there are few.
const LEAST_SEGMENT_BITS: u32 = 3;

/// Into how many passes rows of `bytes` in all are cut: each takes at most half of what is free, for
/// the other half is for what the pass gives.
pub fn passes(bytes: u64, context: &Context) -> u64 {
    const MOST: u64 = 1 << 12;
    bytes.div_ceil((context.memory.free() / 2).max(1)).clamp(1, MOST)
}

/// Whether `key` belongs to pass `pass` of `passes`; the highest bits of a key choose its pass.
#[inline(always)]
pub fn in_pass(key: u64, (pass, passes): (u64, u64)) -> bool {
    passes == 1 || below(key, passes) == pass
}

/// Rows on their way into partitions, a key first in each.
#[derive(Debug)]
pub struct Scatter {
    width: usize,
    segment_bits: u32,
    mask: u64,
    /// A writer per thread of the pool, so that none waits for another.
    writers: Vec<Mutex<Writer>>,
    held: Mutex<Reservation>,
}

/// Segments that a thread reserves at once, so that threads do not wait for each other at every one.
const RESERVED_AT_ONCE: u64 = 32;

/// The segments that one thread has filled and those it is filling.
#[derive(Debug)]
struct Writer {
    /// Segments that are reserved and not begun.
    spare: u64,
    open: Vec<Vec<u64>>,
    full: Vec<Vec<Vec<u64>>>,
}

/// The rows of one partition, in no order.
#[derive(Debug)]
pub struct Partition {
    width: usize,
    segment_bits: u32,
    segments: Vec<Vec<u64>>,
}

impl Scatter {
    /// Rows of `width` words for `owner`, about `rows` of them.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(owner: &'static str, width: usize, rows: u64, context: &Context) -> Result<Self> {
        let wanted = (rows * width as u64 * 8).div_ceil(PARTITION_BYTES);
        let partitions = wanted.next_power_of_two().clamp(1, MOST_PARTITIONS);
        let each = rows / partitions / context.pool.current_num_threads() as u64;
        let segment_bits = each.max(1).ilog2().clamp(LEAST_SEGMENT_BITS, SEGMENT_BITS);
        Self::of(owner, width, (partitions, segment_bits), context)
    }

    /// Rows of `width` words in the same partitions as those of `other`: equal keys are in partitions of
    /// one number.
    ///
    /// # Errors
    /// As [`Scatter::new`].
    pub fn beside(owner: &'static str, other: &Self, width: usize, context: &Context) -> Result<Self> {
        Self::of(owner, width, (other.mask + 1, other.segment_bits), context)
    }

    fn of(
        owner: &'static str,
        width: usize,
        (partitions, segment_bits): (u64, u32),
        context: &Context,
    ) -> Result<Self> {
        let writer = || {
            let open = vec![Vec::new(); partitions as usize];
            Mutex::new(Writer { spare: 0, full: vec![Vec::new(); open.len()], open })
        };
        Ok(Self {
            width,
            segment_bits,
            mask: partitions - 1,
            writers: (0..context.pool.current_num_threads()).map(|_| writer()).collect(),
            held: Mutex::new(context.memory.reserve(owner, 0)?),
        })
    }

    /// The writer of the thread that calls; to be held for a stretch of rows, not for one.
    pub fn writer(&self) -> Rows<'_> {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.writers.len();
        Rows { scatter: self, writer: lock(&self.writers[thread]) }
    }

    /// The partitions, and what they hold reserved until the last is done with.
    pub fn finish(self) -> (Vec<Partition>, Reservation) {
        let mut partitions: Vec<Partition> = (0..=self.mask)
            .map(|_| Partition { width: self.width, segment_bits: self.segment_bits, segments: Vec::new() })
            .collect();
        let bytes = self.segment_bytes();
        let mut held = self.held.into_inner().unwrap_or_else(|e| e.into_inner());
        for writer in self.writers {
            let writer = writer.into_inner().unwrap_or_else(|e| e.into_inner());
            held.shrink_to(held.bytes() - writer.spare * bytes);
            for (partition, (full, open)) in
                partitions.iter_mut().zip(writer.full.into_iter().zip(writer.open))
            {
                partition.segments.extend(full);
                if !open.is_empty() {
                    partition.segments.push(open);
                }
            }
        }
        (partitions, held)
    }

    fn segment_bytes(&self) -> u64 {
        (self.width as u64 * 8) << self.segment_bits
    }

    /// Reserves segments for a thread, and returns how many: one where there is no room for more.
    fn reserve(&self) -> Result<u64> {
        let mut held = lock(&self.held);
        let (now, segment) = (held.bytes(), self.segment_bytes());
        if held.grow_to(now + RESERVED_AT_ONCE * segment).is_ok() {
            return Ok(RESERVED_AT_ONCE);
        }
        held.grow_to(now + segment).map(|()| 1)
    }
}

/// Takes rows from one thread.
#[derive(Debug)]
pub struct Rows<'a> {
    scatter: &'a Scatter,
    writer: MutexGuard<'a, Writer>,
}

impl Rows<'_> {
    /// Adds a row: `key`, then `number`, then `words`; together as many as the width.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    #[inline]
    pub fn push(&mut self, key: u64, number: u64, words: &[u64]) -> Result<()> {
        let segment = self.room(key)?;
        segment.push(key);
        segment.push(number);
        extend(segment, words);
        Ok(())
    }

    /// Adds a row that is nothing but its key.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    #[inline]
    pub fn push_key(&mut self, key: u64) -> Result<()> {
        self.room(key)?.push(key);
        Ok(())
    }

    #[inline(always)]
    fn room(&mut self, key: u64) -> Result<&mut Vec<u64>> {
        let partition = (key & self.scatter.mask) as usize;
        let Writer { spare, open, full } = &mut *self.writer;
        let segment = &mut open[partition];
        if segment.len() == segment.capacity() {
            if *spare == 0 {
                *spare = self.scatter.reserve()?;
            }
            *spare -= 1;
            let next = Vec::with_capacity(self.scatter.width << self.scatter.segment_bits);
            let done = std::mem::replace(segment, next);
            if !done.is_empty() {
                full[partition].push(done);
            }
        }
        Ok(segment)
    }
}

impl Partition {
    /// The keys, sorted; for rows of one word.
    pub fn keys(self) -> Vec<u64> {
        let rows = self.segments.iter().flatten().copied();
        sorted(rows, self.segments.iter().map(Vec::len).sum(), |&key| key)
    }

    /// The places of the rows, in the order of their keys and then their numbers.
    pub fn order(&self) -> Vec<Place> {
        let places = self.segments.iter().enumerate().flat_map(|(segment, rows)| {
            rows.chunks_exact(self.width).enumerate().map(move |(at, row)| Place {
                key: row[0],
                number: row[1] as u32,
                at: (segment << self.segment_bits | at) as u32,
            })
        });
        let words: usize = self.segments.iter().map(Vec::len).sum();
        sorted(places, words / self.width, |place| place.key)
    }

    /// The keys and numbers of all rows, in no order but that each thread's come as it pushed them.
    pub fn rows(&self) -> impl Iterator<Item = (u64, u32)> {
        self.segments.iter().flat_map(|rows| rows.chunks_exact(self.width)).map(|row| (row[0], row[1] as u32))
    }

    /// The words of a row behind its key and number.
    #[inline(always)]
    pub fn words(&self, place: Place) -> &[u64] {
        let segment = &self.segments[(place.at >> self.segment_bits) as usize];
        let start = (place.at as usize & ((1 << self.segment_bits) - 1)) * self.width;
        &segment[start + 2..start + self.width]
    }

    /// Adds the words of a row to `words`.
    #[inline(always)]
    pub fn push_words(&self, place: Place, words: &mut Vec<u64>) {
        extend(words, self.words(place));
    }
}

/// The `count` items of `items`, sorted; `key_of` gives the hash that they are sorted by first.
///
/// Hashes are spread evenly, so that each item is put near its place by its hash alone, one or two to a bucket,
/// and buckets are sorted. Where they are not, as for a hot key, a bucket is long, and sorted like any slice.
fn sorted<T: Ord + Copy + Pod>(
    items: impl Iterator<Item = T> + Clone,
    count: usize,
    key_of: impl Fn(&T) -> u64,
) -> Vec<T> {
    let range = items.clone().fold((u64::MAX, 0), |(low, high), item| {
        let key = key_of(&item);
        (key.min(low), key.max(high))
    });
    let (low, spread) = (range.0, range.1.saturating_sub(range.0));
    let bits = count.max(1).ilog2();
    let shift = (64 - spread.leading_zeros()).saturating_sub(bits);
    let bucket_of = |item: &T| ((key_of(item) - low) >> shift) as usize;
    let mut starts = vec![0u32; (spread >> shift) as usize + 2];
    items.clone().for_each(|item| starts[bucket_of(&item) + 1] += 1);
    let mut before = 0;
    starts.iter_mut().for_each(|start| {
        before += *start;
        *start = before;
    });
    let mut out = vec![T::zeroed(); count];
    items.for_each(|item| {
        let at = &mut starts[bucket_of(&item)];
        out[*at as usize] = item;
        *at += 1;
    });
    // Each start has moved to the end of its bucket.
    let mut start = 0;
    for &end in &starts {
        out[start..end as usize].sort_unstable();
        start = end as usize;
    }
    out
}

/// Where a row is in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct Place {
    /// The row's key.
    pub key: u64,
    /// Its number.
    pub number: u32,
    at: u32,
}

/// As `extend_from_slice`, a cache line at a time: most records are one, and a call for a copy of
/// unknown length costs more than the copy.
#[inline(always)]
fn extend(to: &mut Vec<u64>, words: &[u64]) {
    let (lines, rest) = words.as_chunks::<8>();
    lines.iter().for_each(|line| to.extend_from_slice(line));
    to.extend_from_slice(rest);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rayon::prelude::*;

    use super::*;
    use crate::kernel::hash::mix;

    proptest! {
        #[test]
        fn test_every_row_comes_back_beside_its_like(
            rows in proptest::collection::vec((0u64..50, any::<u64>()), 0..2_000),
            expected in prop_oneof![Just(0u64), Just(1_000_000)],
            passes in 1u64..5,
            threads in 1usize..4,
        ) {
            let context = Context::new(None, Some(threads), 1).expect("threads start");
            let mut back: Vec<(u64, u32, u64)> = Vec::new();
            for pass in 0..passes {
                let scatter = Scatter::new("rows", 3, expected, &context).expect("memory is there");
                context.pool.install(|| {
                    rows.par_iter().enumerate().for_each(|(number, &(key, word))| {
                        let key = mix(key);
                        if in_pass(key, (pass, passes)) {
                            scatter.writer().push(key, number as u64, &[word]).expect("memory is there");
                        }
                    });
                });
                let (partitions, held) = scatter.finish();
                let before = back.len();
                for partition in &partitions {
                    let order = partition.order();
                    prop_assert!(order.is_sorted());
                    back.extend(order.iter().map(|&p| (p.key, p.number, partition.words(p)[0])));
                }
                prop_assert!(held.bytes() >= (back.len() - before) as u64 * 24);
            }
            back.sort_unstable();
            let mut all: Vec<(u64, u32, u64)> =
                rows.iter().enumerate().map(|(number, &(key, word))| (mix(key), number as u32, word)).collect();
            all.sort_unstable();
            prop_assert_eq!(back, all);
        }
    }

    proptest! {
        #[test]
        fn test_keys_are_sorted_however_they_are_spread(
            hashes in proptest::collection::vec(any::<u64>(), 0..500),
            hot in proptest::collection::vec(any::<u64>().prop_map(|key| key % 3), 0..500),
            far in proptest::option::of(Just(u64::MAX)),
        ) {
            let keys: Vec<u64> = hashes.into_iter().chain(hot).chain(far).collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            prop_assert_eq!(sorted(keys.iter().copied(), keys.len(), |&key| key), expected);
        }
    }

    #[test]
    fn test_rows_beyond_the_limit_are_refused() {
        let context = Context::new(Some(10_000), Some(1), 1).expect("threads start");
        let scatter = Scatter::new("rows", 1, 100_000, &context).expect("nothing is taken yet");
        let mut writer = scatter.writer();
        let refused = (0..100_000).map(mix).find_map(|key| writer.push_key(key).err());
        assert_eq!(refused.expect("10,000 bytes are few").kind(), crate::error::ErrorKind::MemoryLimit);
    }
}
