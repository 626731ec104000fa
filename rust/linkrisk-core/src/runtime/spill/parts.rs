//! Rows spilled in parts: many threads append to one of many parts of one file.
//!
//! One file holds all parts, so that a thousand of them take two open files and not a thousand. A
//! thread gathers rows in buffers of its own and writes them as frames; each frame carries the place
//! its writer gives it, and a part is read in the order of these places, whichever thread was first.
//!
//! Memory: 32 bytes per frame, and what writers and readers say of themselves.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use bytemuck::Pod;

use super::Spill;
use super::file::{Frame, SpillFile};
use crate::error::Result;
use crate::runtime::{MemoryBudget, Reservation};

/// Rows of `T` in parts on disk.
///
/// Rows of a width that is known only at run time are `T = u64`, a row being that many words.
#[derive(Debug)]
pub struct Parts<T> {
    file: SpillFile,
    parts: Vec<Mutex<Vec<Placed>>>,
    rows: PhantomData<fn() -> T>,
}

/// A frame and its place among those of its part.
#[derive(Debug, Clone, Copy)]
struct Placed {
    place: u64,
    frame: Frame,
}

impl<T: Pod> Parts<T> {
    /// `parts` empty parts in a file that its owner calls `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
    /// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit).
    pub fn create(spill: &Arc<Spill>, name: &str, parts: usize, compress: bool) -> Result<Self> {
        let file = SpillFile::create(spill, name, compress)?;
        let parts = (0..parts).map(|_| Mutex::default()).collect();
        Ok(Self { file, parts, rows: PhantomData })
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is no part.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Rows of `part`.
    pub fn rows(&self, part: usize) -> u64 {
        self.frames(part, |frames| frames.iter().map(|p| u64::from(p.frame.length)).sum::<u64>())
            / size_of::<T>() as u64
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// Writes `rows`, at most [`LARGEST`](crate::runtime::frame::LARGEST) bytes, to `part`: behind all
    /// rows of a lower `place` and, of those of this place, behind the ones that the same thread wrote.
    ///
    /// # Errors
    /// As [`SpillFile::append`].
    pub fn append(&self, part: usize, place: u64, rows: &[T]) -> Result<()> {
        let frame = self.file.append(bytemuck::cast_slice(rows))?;
        self.frames(part, |frames| frames.push(Placed { place, frame }));
        Ok(())
    }

    /// A writer with a buffer of about `bytes` for all parts together, reserved for `owner`; its rows
    /// are at `place` in each part.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn writer(
        &self,
        place: u64,
        bytes: usize,
        memory: &Arc<MemoryBudget>,
        owner: &'static str,
    ) -> Result<PartWriter<'_, T>> {
        let capacity = (bytes / self.len().max(1) / size_of::<T>()).max(1);
        let held = memory.reserve(owner, (capacity * self.len() * size_of::<T>()) as u64)?;
        let buffers = (0..self.len()).map(|_| Vec::new()).collect();
        Ok(PartWriter { parts: self, place, capacity, buffers, _held: held })
    }

    /// Reads `part` frame by frame, in the order of the places.
    pub fn reader(&self, part: usize) -> PartReader<'_, T> {
        let mut frames = self.frames(part, |frames| frames.clone());
        // Stable: frames of one place are one thread's, and stand in the order in which it wrote them.
        frames.sort_by_key(|p| p.place);
        PartReader { file: &self.file, frames: frames.into_iter(), rows: Vec::new() }
    }

    /// All rows of `part`, in the order of the places, added to `rows`.
    ///
    /// # Errors
    /// As [`SpillFile::read`].
    pub fn read(&self, part: usize, rows: &mut Vec<T>) -> Result<()> {
        let mut reader = self.reader(part);
        rows.reserve_exact(self.rows(part) as usize);
        while let Some(frame) = reader.frames.next() {
            let start = rows.len();
            rows.resize(start + frame.frame.length as usize / size_of::<T>(), T::zeroed());
            self.file.read(frame.frame, bytemuck::cast_slice_mut(&mut rows[start..]))?;
        }
        Ok(())
    }

    fn frames<R>(&self, part: usize, with: impl FnOnce(&mut Vec<Placed>) -> R) -> R {
        with(&mut self.parts[part].lock().unwrap_or_else(|e| e.into_inner()))
    }
}

/// One thread's way into the parts.
///
/// What it still holds when it is dropped without [`PartWriter::finish`] is lost.
#[derive(Debug)]
pub struct PartWriter<'a, T> {
    parts: &'a Parts<T>,
    place: u64,
    /// Rows that a part's buffer holds at most.
    capacity: usize,
    buffers: Vec<Vec<T>>,
    _held: Reservation,
}

impl<T: Pod> PartWriter<'_, T> {
    /// Adds rows, or the words of one row, to `part`; they stay together.
    ///
    /// # Errors
    /// As [`SpillFile::append`].
    #[inline]
    pub fn push(&mut self, part: usize, rows: &[T]) -> Result<()> {
        let buffer = &mut self.buffers[part];
        if buffer.len() + rows.len() > self.capacity {
            self.parts.append(part, self.place, buffer)?;
            buffer.clear();
            if rows.len() > self.capacity {
                return self.parts.append(part, self.place, rows);
            }
        }
        if buffer.capacity() == 0 {
            buffer.reserve_exact(self.capacity);
        }
        buffer.extend_from_slice(rows);
        Ok(())
    }

    /// Writes what is left; the writer may go on at another `place`.
    ///
    /// # Errors
    /// As [`SpillFile::append`].
    pub fn flush(&mut self, next: u64) -> Result<()> {
        for (part, buffer) in self.buffers.iter_mut().enumerate().filter(|(_, b)| !b.is_empty()) {
            self.parts.append(part, self.place, buffer)?;
            buffer.clear();
        }
        self.place = next;
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`SpillFile::append`].
    pub fn finish(mut self) -> Result<()> {
        let place = self.place;
        self.flush(place)
    }
}

/// Reads one part; holds one frame.
#[derive(Debug)]
pub struct PartReader<'a, T> {
    file: &'a SpillFile,
    frames: std::vec::IntoIter<Placed>,
    rows: Vec<T>,
}

impl<T: Pod> PartReader<'_, T> {
    /// The rows of the next frame; `None` after the last.
    ///
    /// # Errors
    /// As [`SpillFile::read`].
    pub fn read_next(&mut self) -> Result<Option<&[T]>> {
        let Some(frame) = self.frames.next() else { return Ok(None) };
        self.rows.resize(frame.frame.length as usize / size_of::<T>(), T::zeroed());
        self.file.read(frame.frame, bytemuck::cast_slice_mut(&mut self.rows))?;
        Ok(Some(&self.rows))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rayon::prelude::*;

    use super::*;

    fn budget() -> Arc<MemoryBudget> {
        Arc::new(MemoryBudget::new(1 << 30))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn test_parts_give_back_their_rows_in_order_for_any_threads_and_buffers(
            rows in 0u64..6_000,
            parts in 1usize..40,
            stretch in 1u64..700,
            buffer in 1usize..30_000,
            threads in 1usize..5,
            compress in any::<bool>(),
        ) {
            let base = tempfile::tempdir().expect("a temporary directory");
            let spill = Spill::new(base.path(), None);
            let spilled = Parts::<u64>::create(&spill, "rows", parts, compress).expect("room");
            let part = |row: u64| (row * 2_654_435_761 % parts as u64) as usize;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let tasks: Vec<u64> = (0..rows.div_ceil(stretch)).collect();
            pool.install(|| {
                tasks.par_iter().try_for_each(|&task| {
                    let mut writer = spilled.writer(task, buffer, &budget(), "rows")?;
                    for row in task * stretch..rows.min((task + 1) * stretch) {
                        writer.push(part(row), &[row, !row])?;
                    }
                    writer.finish()
                })
            }).expect("room");
            prop_assert!(compress || spilled.bytes() >= rows * 16);
            for at in 0..parts {
                let expected: Vec<u64> =
                    (0..rows).filter(|&row| part(row) == at).flat_map(|row| [row, !row]).collect();
                let mut read = Vec::new();
                spilled.read(at, &mut read).expect("sound");
                prop_assert_eq!(&read, &expected);
                prop_assert_eq!(spilled.rows(at), expected.len() as u64);
                let (mut reader, mut streamed) = (spilled.reader(at), Vec::new());
                while let Some(rows) = reader.read_next().expect("sound") {
                    prop_assert!(rows.len() % 2 == 0, "the words of a row stay together");
                    streamed.extend_from_slice(rows);
                }
                prop_assert_eq!(streamed, expected);
            }
        }
    }

    #[test]
    fn test_a_writer_reserves_its_buffers() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let spilled = Parts::<u64>::create(&Spill::new(base.path(), None), "rows", 8, false).expect("room");
        let memory = Arc::new(MemoryBudget::new(10_000));
        let first = spilled.writer(0, 8_000, &memory, "rows").expect("it fits");
        assert_eq!(memory.free(), 2_000);
        let error = spilled.writer(0, 8_000, &memory, "rows").expect_err("it does not");
        assert_eq!(error.kind(), crate::error::ErrorKind::MemoryLimit);
        drop(first);
        assert_eq!(memory.free(), 10_000);
    }
}
