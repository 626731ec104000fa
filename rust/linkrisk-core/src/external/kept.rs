//! Rows in order that are read any number of times: in memory where there is room, else on disk.

use bytemuck::Pod;

use super::Sorted;
use crate::error::Result;
use crate::runtime::spill::{Frame, SpillFile};
use crate::runtime::{Context, Reservation};

/// Bytes of a frame, and of what is handed over at once: enough to share among threads.
const FRAME_BYTES: usize = 1 << 22;

/// Rows in order.
#[derive(Debug)]
pub struct Kept<T> {
    rows: Vec<T>,
    disk: Option<(SpillFile, Vec<Frame>)>,
    len: u64,
    _held: Reservation,
}

impl<T: Pod + Ord> Kept<T> {
    /// Keeps the `len` rows of `sorted` for `owner`.
    ///
    /// # Errors
    /// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit) where neither memory nor disk have
    /// room, and as [`Sorted::read_next`].
    pub fn new(mut sorted: Sorted<T>, len: u64, owner: &'static str, context: &Context) -> Result<Self> {
        let bytes = len * size_of::<T>() as u64;
        let mut held = context.memory.reserve(owner, 0)?;
        // A quarter of what is free: who reads the rows needs the rest.
        let fits = bytes <= context.memory.free() / 4 && held.grow_to(bytes).is_ok();
        let mut rows = Vec::new();
        if fits {
            rows.reserve_exact(len as usize);
            while let Some(batch) = sorted.read_next()? {
                rows.extend_from_slice(batch);
            }
            return Ok(Self { rows, disk: None, len, _held: held });
        }
        let file = SpillFile::create(&context.spill, owner)?;
        let (mut frames, full) = (Vec::new(), FRAME_BYTES / size_of::<T>().max(1));
        let mut append = |rows: &mut Vec<T>| -> Result<()> {
            frames.push(file.append(bytemuck::cast_slice(rows))?);
            rows.clear();
            Ok(())
        };
        while let Some(batch) = sorted.read_next()? {
            for batch in batch.chunks(full) {
                if rows.len() + batch.len() > full {
                    append(&mut rows)?;
                }
                rows.extend_from_slice(batch);
            }
        }
        if !rows.is_empty() {
            append(&mut rows)?;
        }
        Ok(Self { rows: Vec::new(), disk: Some((file, frames)), len, _held: held })
    }

    /// How many rows there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Hands all rows to `take` in order, some at a time.
    ///
    /// # Errors
    /// What `take` says, and as [`SpillFile::read`].
    pub fn each(&self, mut take: impl FnMut(&[T]) -> Result<()>) -> Result<()> {
        let Some((file, frames)) = &self.disk else {
            return self.rows.chunks((FRAME_BYTES / size_of::<T>()).max(1)).try_for_each(take);
        };
        let mut rows = Vec::new();
        for &frame in frames {
            rows.resize(frame.length as usize / size_of::<T>(), T::zeroed());
            file.read(frame, bytemuck::cast_slice_mut(&mut rows))?;
            take(&rows)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external::ExternalSorter;
    use crate::kernel::hash::mix;

    #[test]
    fn test_rows_come_back_every_time_from_memory_and_disk() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let mut expected: Vec<u64> = (0..900_000).map(mix).collect();
        expected.sort_unstable();
        for (limit, on_disk) in [(1 << 30, false), (1 << 22, true)] {
            let context =
                Context::new(Some(limit), Some(2), 1).expect("threads start").spill_to(base.path(), None);
            let mut sorter = ExternalSorter::new("rows", limit / 2, &context).expect("room");
            (0..900_000).map(mix).for_each(|row| sorter.push(&[row]).expect("room"));
            let sorted = sorter.finish().expect("room");
            let kept = Kept::new(sorted, 900_000, "rows", &context).expect("room");
            assert_eq!((context.spill.held() > 0, kept.len()), (on_disk, 900_000));
            for _ in 0..2 {
                let mut seen = Vec::new();
                kept.each(|rows| {
                    seen.extend_from_slice(rows);
                    Ok(())
                })
                .expect("they are there");
                assert!(seen == expected);
            }
        }
        assert_eq!(std::fs::read_dir(base.path()).expect("the base").count(), 0);
    }
}
