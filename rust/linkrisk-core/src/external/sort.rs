//! Sorting rows of one size in the memory there is, and on disk where that is not enough.
//!
//! ```text
//! rows ─► chunks, each sorted when it is full
//!            ├─ all fit ──────────────────────────► merged from memory
//!            └─ memory is refused ─► merged ─► run ─► up to 64 runs merged at a time ─► merged from disk
//! ```
//!
//! Memory: what the reservation was given, at most `most` bytes; merging uses the memory that the
//! chunks leave. Disk: each row once, and once more per generation of merging past 64 runs.

use std::collections::VecDeque;
use std::sync::Arc;

use bytemuck::Pod;
use rayon::slice::ParallelSliceMut;

use super::merge::{Merge, Sequence};
use crate::error::Result;
use crate::runtime::spill::{Frame, SpillFile};
use crate::runtime::{Context, Reservation};

/// The largest chunk: a core sorts 32 MiB of 16-byte rows in a sixth of a second, after which a wish to
/// stop is looked for.
const CHUNK: usize = 1 << 25;

/// The smallest chunk that is worth sorting; below it memory is refused.
const LEAST: usize = 1 << 12;

/// Most runs that are merged at once: each has a buffer, and a disk that seeks should not do so often.
const FAN_IN: usize = 64;

/// The largest frame of a run.
const FRAME: usize = 1 << 18;

/// Rows handed over at once.
const BATCH: usize = 1 << 13;

/// Takes rows in any order and gives them back sorted.
///
/// The result is the same for any budget and number of threads, because equal rows are equal bytes for
/// bytes or do not differ in what their order says.
#[derive(Debug)]
pub struct ExternalSorter<T> {
    context: Context,
    held: Reservation,
    /// The most bytes that chunks may take together.
    most: u64,
    /// Rows of a chunk.
    rows: usize,
    /// Full chunks, each sorted.
    sorted: Vec<Vec<T>>,
    /// The chunk that is being filled.
    open: Vec<T>,
    /// Chunks whose rows are on disk.
    empty: Vec<Vec<T>>,
    runs: VecDeque<Run>,
}

/// A sorted run on disk.
#[derive(Debug)]
struct Run {
    file: Arc<SpillFile>,
    frames: Vec<Frame>,
}

impl<T: Pod + Ord + Send + Sync> ExternalSorter<T> {
    /// A sorter whose memory is reserved for `owner`, at most `most` bytes of it and as much as is free.
    ///
    /// # Errors
    /// As [`MemoryBudget::reserve`](crate::runtime::MemoryBudget::reserve); memory is asked for as rows come.
    pub fn new(owner: &'static str, most: u64, context: &Context) -> Result<Self> {
        let held = context.memory.reserve(owner, 0)?;
        // Two chunks at the least, so that one may be filled while the other waits to be written.
        let bytes = CHUNK.min((most / 2) as usize).max(LEAST);
        Ok(Self {
            context: context.clone(),
            held,
            most,
            rows: (bytes / size_of::<T>()).max(1),
            sorted: Vec::new(),
            open: Vec::new(),
            empty: Vec::new(),
            runs: VecDeque::new(),
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where not even a few kilobytes
    /// are free, [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit) where memory is full and
    /// the disk too, [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn push(&mut self, mut rows: &[T]) -> Result<()> {
        while !rows.is_empty() {
            if self.open.len() == self.open.capacity() {
                self.make_room()?;
            }
            let (now, later) = rows.split_at(rows.len().min(self.open.capacity() - self.open.len()));
            self.open.extend_from_slice(now);
            rows = later;
        }
        Ok(())
    }

    /// Makes room in the open chunk, or opens another.
    fn make_room(&mut self) -> Result<()> {
        let is_first = self.sorted.is_empty() && self.empty.is_empty() && self.runs.is_empty();
        if is_first && self.open.capacity() < self.rows && self.grow()? {
            return Ok(());
        }
        self.sort_open()?;
        if let Some(chunk) = self.empty.pop() {
            self.open = chunk;
            return Ok(());
        }
        let bytes = self.bytes_of(self.sorted.len() + 1);
        if bytes > self.most || self.held.grow_to(bytes).is_err() {
            self.spill()?;
            self.open = self.empty.pop().unwrap_or_default();
        } else {
            self.open = Vec::with_capacity(self.rows);
        }
        Ok(())
    }

    /// Doubles the first chunk, so that few rows take little; `false` where memory is refused, and all
    /// chunks are then as large as it is.
    fn grow(&mut self) -> Result<bool> {
        let now = self.open.capacity();
        let next = (2 * now).max(LEAST / size_of::<T>()).clamp(1, self.rows);
        let bytes = |rows: usize| (rows * size_of::<T>()) as u64;
        // Both are there while one is copied into the other.
        match self.held.grow_to(bytes(now + next)) {
            Err(error) if now == 0 => Err(error),
            Err(_) => {
                self.rows = now;
                Ok(false)
            }
            Ok(()) => {
                self.open.reserve_exact(next - self.open.len());
                // A vector may take more than it was asked for; what counts is what was reserved.
                self.held.shrink_to(bytes(next));
                Ok(true)
            }
        }
    }

    fn bytes_of(&self, chunks: usize) -> u64 {
        (chunks * self.rows * size_of::<T>()) as u64
    }

    fn sort_open(&mut self) -> Result<()> {
        self.context.cancel.check()?;
        let mut chunk = std::mem::take(&mut self.open);
        self.context.pool.install(|| chunk.par_sort_unstable());
        if !chunk.is_empty() {
            self.sorted.push(chunk);
        }
        Ok(())
    }

    /// Writes all sorted chunks as one run.
    fn spill(&mut self) -> Result<()> {
        let chunks = std::mem::take(&mut self.sorted);
        let bytes: usize = chunks.iter().map(|c| c.len() * size_of::<T>()).sum();
        self.context.spill.require(bytes as u64)?;
        let mut merge = Merge::new(chunks.iter().map(|c| c.iter()).collect())?;
        let run = self.write(&mut merge)?;
        self.runs.push_back(run);
        self.empty.extend(chunks.into_iter().map(|mut chunk| {
            chunk.clear();
            chunk
        }));
        Ok(())
    }

    /// Bytes of a frame, such that the runs that are merged at once fit the memory of the chunks.
    fn frame(&self) -> usize {
        (self.held.bytes() as usize / (FAN_IN + 2)).clamp(LEAST / 8, FRAME)
    }

    /// Rows of a frame.
    fn frame_rows(&self) -> usize {
        (self.frame() / size_of::<T>()).max(1)
    }

    /// Runs that are merged at once: a frame each, one for the result and one to spare.
    fn fan_in(&self) -> usize {
        (self.held.bytes() as usize / self.frame()).saturating_sub(2).clamp(2, FAN_IN)
    }

    fn write(&self, rows: &mut impl Sequence<T>) -> Result<Run> {
        let file = Arc::new(SpillFile::create(&self.context.spill, "sorted")?);
        let (mut frames, mut frame) = (Vec::new(), Vec::with_capacity(self.frame_rows()));
        while fill(rows, &mut frame)? {
            self.context.cancel.check()?;
            frames.push(file.append(bytemuck::cast_slice(&frame))?);
        }
        Ok(Run { file, frames })
    }

    /// Ends the input.
    ///
    /// # Errors
    /// As [`ExternalSorter::push`].
    pub fn finish(mut self) -> Result<Sorted<T>> {
        self.sort_open()?;
        if self.runs.is_empty() {
            let sources = std::mem::take(&mut self.sorted)
                .into_iter()
                .map(|chunk| Source::Memory(chunk.into_iter()))
                .collect();
            return Sorted::new(sources, BATCH, self.held, self.context);
        }
        if !self.sorted.is_empty() {
            self.spill()?;
        }
        self.empty = Vec::new();
        let fan_in = self.fan_in();
        while self.runs.len() > fan_in {
            // As many as are too many, so that the last merge is as wide as may be and no row is
            // written more often than it must be.
            let now = fan_in.min(self.runs.len() - fan_in + 1);
            let sources: Vec<Source<T>> = self.runs.drain(..now).map(Source::open).collect();
            let run = self.write(&mut Merge::new(sources)?)?;
            self.runs.push_back(run);
        }
        let batch = self.frame_rows();
        let sources = self.runs.drain(..).map(Source::open).collect();
        Sorted::new(sources, batch, self.held, self.context)
    }
}

/// Takes rows until `frame` is at its capacity; `false` where there are none left.
fn fill<T: Copy>(rows: &mut impl Sequence<T>, frame: &mut Vec<T>) -> Result<bool> {
    frame.clear();
    while frame.len() < frame.capacity() {
        match rows.next_row()? {
            Some(row) => frame.push(row),
            None => break,
        }
    }
    Ok(!frame.is_empty())
}

/// Rows in order, a batch at a time.
#[derive(Debug)]
pub struct Sorted<T> {
    merge: Merge<T, Source<T>>,
    batch: Vec<T>,
    context: Context,
    _held: Reservation,
}

impl<T: Pod + Ord> Sorted<T> {
    fn new(sources: Vec<Source<T>>, batch: usize, held: Reservation, context: Context) -> Result<Self> {
        Ok(Self { merge: Merge::new(sources)?, batch: Vec::with_capacity(batch), context, _held: held })
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// [`ErrorKind::Run`](crate::error::ErrorKind::Run) where a spilled file was changed,
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn read_next(&mut self) -> Result<Option<&[T]>> {
        self.context.cancel.check()?;
        let more = fill(&mut self.merge, &mut self.batch)?;
        Ok(more.then_some(&self.batch[..]))
    }
}

/// Where sorted rows come from.
#[derive(Debug)]
enum Source<T> {
    Memory(std::vec::IntoIter<T>),
    Disk(RunReader<T>),
}

impl<T: Pod> Source<T> {
    fn open(run: Run) -> Self {
        Self::Disk(RunReader { run, next: 0, rows: Vec::new(), at: 0 })
    }
}

impl<T: Pod> Sequence<T> for Source<T> {
    #[inline]
    fn next_row(&mut self) -> Result<Option<T>> {
        match self {
            Self::Memory(rows) => rows.next_row(),
            Self::Disk(reader) => reader.next_row(),
        }
    }
}

/// Reads a run, a frame at a time.
#[derive(Debug)]
struct RunReader<T> {
    run: Run,
    /// The frame after the one at hand.
    next: usize,
    rows: Vec<T>,
    at: usize,
}

impl<T: Pod> Sequence<T> for RunReader<T> {
    #[inline]
    fn next_row(&mut self) -> Result<Option<T>> {
        if self.at == self.rows.len() {
            let Some(&frame) = self.run.frames.get(self.next) else { return Ok(None) };
            self.rows.resize(frame.length as usize / size_of::<T>(), T::zeroed());
            self.run.file.read(frame, bytemuck::cast_slice_mut(&mut self.rows))?;
            (self.next, self.at) = (self.next + 1, 0);
        }
        let row = self.rows[self.at];
        self.at += 1;
        Ok(Some(row))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    fn context(limit: u64, threads: usize, base: &std::path::Path) -> Context {
        Context::new(Some(limit), Some(threads), 1).expect("threads").spill_to(base, None)
    }

    fn sorted<T: Pod + Ord + Send + Sync>(
        rows: &[T],
        step: usize,
        most: u64,
        context: &Context,
    ) -> Result<Vec<T>> {
        let mut sorter = ExternalSorter::new("rows", most, context)?;
        rows.chunks(step).try_for_each(|rows| sorter.push(rows))?;
        let (mut sorted, mut all) = (sorter.finish()?, Vec::new());
        while let Some(rows) = sorted.read_next()? {
            all.extend_from_slice(rows);
        }
        Ok(all)
    }

    fn draw(row: u64) -> u64 {
        // Some values occur often, most once.
        let hash = crate::kernel::hash::mix(row);
        if hash.is_multiple_of(3) { hash % 7 } else { hash }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn test_the_result_is_that_of_a_sort_in_memory_for_any_budget_and_threads(
            rows in 0u64..40_000,
            step in 1usize..10_000,
            limit in prop_oneof![5_000u64..20_000, 20_000u64..400_000, Just(1 << 30)],
            threads in 1usize..5,
        ) {
            let base = tempfile::tempdir().expect("a temporary directory");
            let context = context(limit, threads, base.path());
            let rows: Vec<[u64; 2]> = (0..rows).map(|row| [draw(row), row]).collect();
            let found = sorted(&rows, step, u64::MAX, &context).expect("room");
            let mut expected = rows.clone();
            expected.sort_unstable();
            prop_assert!(found == expected);
            prop_assert_eq!(context.memory.free(), limit);
            prop_assert!(context.memory.peak() <= limit);
            prop_assert_eq!(context.spill.held(), 0);
            let (bytes, spilled) = ((rows.len() * 16) as u64, context.spill.written());
            prop_assert!(bytes <= limit || spilled >= bytes);
            prop_assert!(limit < 1 << 30 || spilled == 0);
        }
    }

    #[test]
    fn test_rows_over_the_budget_are_spilled_once() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let rows: Vec<u64> = (0..500_000).map(draw).collect();
        let bytes = (rows.len() * 8) as u64;
        let context = context(1 << 19, 2, base.path());
        sorted(&rows, 1_000, u64::MAX, &context).expect("room");
        let spilled = context.spill.written();
        assert!(
            spilled >= bytes,
            "{spilled} of {bytes} bytes: everything is spilled where not everything fits"
        );
        assert!(spilled < bytes + bytes / 50, "{spilled} of {bytes} bytes: eight runs are merged at once");
        assert_eq!(std::fs::read_dir(base.path()).expect("the base").count(), 0);
    }

    #[test]
    fn test_rows_that_fit_are_never_spilled() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let rows: Vec<u64> = (0..500_000).map(draw).collect();
        let context = context(rows.len() as u64 * 8 + (1 << 20), 2, base.path());
        sorted(&rows, 1_000, u64::MAX, &context).expect("room");
        assert_eq!(context.spill.written(), 0);
        // Only so much of the memory as it may take.
        sorted(&rows, 1_000, 1 << 20, &context).expect("room");
        assert!(context.spill.written() > 0);
    }

    #[test]
    fn test_what_has_no_room_or_is_unwanted_ends_with_its_error() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let rows: Vec<u64> = (0..100_000).map(draw).collect();
        let tiny = context(1_000, 1, base.path());
        assert_eq!(
            sorted(&rows, 100, u64::MAX, &tiny).expect_err("no memory").kind(),
            ErrorKind::MemoryLimit
        );
        let mut full = context(100_000, 1, base.path());
        full = full.spill_to(base.path(), Some(300_000));
        assert_eq!(sorted(&rows, 100, u64::MAX, &full).expect_err("no disk").kind(), ErrorKind::SpillLimit);
        let stopped = context(100_000, 1, base.path());
        stopped.cancel.cancel();
        assert_eq!(
            sorted(&rows, 100, u64::MAX, &stopped).expect_err("unwanted").kind(),
            ErrorKind::Cancelled
        );
        assert_eq!(std::fs::read_dir(base.path()).expect("the base").count(), 0);
    }
}
