//! An array that grows in memory and, once that is wanted elsewhere, rests on disk and is read there.
//!
//! ```text
//! 0 ............ on disk, mapped ............ in memory ............ len
//! ```
//!
//! What is on disk is read through a mapping, so that any part of it is a slice like any other and the system's
//! cache keeps what is read often. Nothing is checked as it is read: who has read checks all that is on disk before
//! anything comes of it. Memory: the part that is not on disk yet, and 8 bytes of checksum for each mebibyte that is.

use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Result;
use crate::runtime::Context;
use crate::runtime::frames::FrameWriter;
use crate::runtime::spill::{Spill, SpillFile};

/// Bytes under one checksum: a tenth of a millisecond's work, after which a wish to stop is looked for.
const CHECKED: usize = 1 << 20;

/// An array whose older part may be on disk.
#[derive(Debug)]
pub struct GrowingArray<T> {
    disk: Option<OnDisk>,
    /// How many are on disk.
    before: usize,
    memory: Vec<T>,
}

#[derive(Debug)]
struct OnDisk {
    // Before the file, which is removed with its last use.
    map: Mmap,
    file: SpillFile,
    /// The stretches that were written, each with where it ends and a checksum for each [`CHECKED`] bytes of it.
    written: Vec<(usize, Vec<u64>)>,
}

impl<T> Default for GrowingArray<T> {
    fn default() -> Self {
        Self { disk: None, before: 0, memory: Vec::new() }
    }
}

impl<T: Pod> GrowingArray<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.before + self.memory.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one.
    pub fn push(&mut self, item: T) {
        self.memory.push(item);
    }

    /// Adds several, which stay together.
    pub fn extend(&mut self, items: &[T]) {
        self.memory.extend_from_slice(items);
    }

    /// Number `at`.
    #[inline(always)]
    pub fn get(&self, at: usize) -> Option<&T> {
        match at.checked_sub(self.before) {
            Some(at) => self.memory.get(at),
            None => self.on_disk().get(at),
        }
    }

    /// `length` that were added together, or a part of such; none where they were not.
    #[inline(always)]
    pub fn slice(&self, start: usize, length: usize) -> Option<&[T]> {
        let (part, start) = match start.checked_sub(self.before) {
            Some(start) => (self.memory.as_slice(), start),
            None => (self.on_disk(), start),
        };
        part.get(start..start.checked_add(length)?)
    }

    /// Whether number `at` is on disk.
    #[inline(always)]
    pub fn is_on_disk(&self, at: usize) -> bool {
        at < self.before
    }

    #[cold]
    fn on_disk(&self) -> &[T] {
        // A mapping begins with a page, and the file holds nothing but whole items.
        self.disk.as_ref().map_or(&[], |disk| bytemuck::try_cast_slice(&disk.map).unwrap_or_default())
    }

    /// All, in two parts.
    fn parts(&self) -> [&[T]; 2] {
        [self.on_disk(), &self.memory]
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts().into_iter().flatten()
    }

    /// Moves what is in memory to disk, behind what is there, in a file that is called `name`.
    ///
    /// # Errors
    /// As [`SpillFile::create`], [`SpillFile::extend`] and [`SpillFile::map`].
    pub fn spill(&mut self, name: &str, spill: &Arc<Spill>) -> Result<()> {
        if self.memory.is_empty() {
            return Ok(());
        }
        let (file, mut written) = match self.disk.take() {
            Some(OnDisk { file, written, .. }) => (file, written),
            None => (SpillFile::create(spill, name)?, Vec::new()),
        };
        let content: &[u8] = bytemuck::cast_slice(&self.memory);
        let start = written.last().map_or(0, |&(end, _)| end);
        written.push((start + content.len(), content.chunks(CHECKED).map(xxh3_64).collect()));
        file.extend(content)?;
        let map = file.map()?;
        self.disk = Some(OnDisk { map, file, written });
        self.before += self.memory.len();
        self.memory = Vec::new();
        Ok(())
    }

    /// Checks that what is on disk is what was written.
    ///
    /// Cost: the file is read once.
    ///
    /// # Errors
    /// [`ErrorKind::Run`](crate::error::ErrorKind::Run) with the file and the place where it is not,
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled), [`ErrorKind::Io`](crate::error::ErrorKind::Io).
    pub fn check(&self, context: &Context) -> Result<()> {
        let Some(OnDisk { map, file, written }) = &self.disk else { return Ok(()) };
        // A page of a mapping behind the end of its file cannot be read at all.
        file.check_length()?;
        let mut start = 0;
        for (end, sums) in written {
            let corrupt = |at: usize| file.corrupt((start + at * CHECKED) as u64);
            let content = map.get(start..*end).ok_or_else(|| corrupt(0))?;
            context.pool.install(|| {
                content.par_chunks(CHECKED).zip(sums).enumerate().try_for_each(|(at, (block, sum))| {
                    context.cancel.check()?;
                    if xxh3_64(block) == *sum { Ok(()) } else { Err(corrupt(at)) }
                })
            })?;
            start = *end;
        }
        Ok(())
    }

    /// Writes all, to be read as an array.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        writer.begin_array(self.len() as u64)?;
        self.parts().into_iter().try_for_each(|part| writer.rows(part))
    }

    /// Bytes held in memory.
    pub fn memory(&self) -> u64 {
        (self.memory.capacity() * size_of::<T>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runtime::Context;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn test_what_was_added_is_read_wherever_it_rests(
            stretches in proptest::collection::vec((proptest::collection::vec(any::<u32>(), 0..2_000), any::<bool>()), 0..12),
        ) {
            let base = tempfile::tempdir().expect("a temporary directory");
            let context = Context::new(None, Some(1), 1).expect("threads start").spill_to(base.path(), None);
            let (mut array, mut all) = (GrowingArray::default(), Vec::new());
            let mut starts = Vec::new();
            for (stretch, spill) in &stretches {
                starts.push(all.len());
                array.extend(stretch);
                all.extend_from_slice(stretch);
                if *spill {
                    array.spill("numbers", &context.spill).expect("there is room");
                    prop_assert_eq!(array.memory(), 0);
                }
            }
            prop_assert_eq!(array.len(), all.len());
            prop_assert!(array.iter().eq(&all));
            for (start, (stretch, _)) in starts.into_iter().zip(&stretches) {
                prop_assert_eq!(array.slice(start, stretch.len()), Some(stretch.as_slice()));
                prop_assert_eq!(array.get(start), all.get(start));
            }
            prop_assert_eq!((array.get(all.len()), array.slice(all.len(), 1)), (None, None));
            drop(array);
            prop_assert_eq!(context.spill.held(), 0);
        }
    }

    #[test]
    fn test_what_was_changed_on_disk_is_an_error_that_names_the_file_and_the_place() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let context = Context::new(None, Some(2), 1).expect("threads start").spill_to(base.path(), None);
        let mut array = GrowingArray::<u32>::default();
        array.check(&context).expect("nothing is on disk");
        for stretch in 0..3u32 {
            array.extend(&(0..400_000).map(|at| at * 7 + stretch).collect::<Vec<_>>());
            array.spill("numbers", &context.spill).expect("there is room");
        }
        array.check(&context).expect("it is what was written");
        let folder = std::fs::read_dir(base.path()).expect("the base").flatten().next().expect("a folder");
        let file = folder.path().join("1-numbers");
        let whole = std::fs::read(&file).expect("the file");
        // In the first stretch, at the border of two blocks, in the last byte.
        for place in [5, CHECKED, whole.len() - 1] {
            let mut text = whole.clone();
            text[place] ^= 16;
            std::fs::write(&file, &text).expect("the file");
            let error = array.check(&context).expect_err("a bit was turned");
            assert_eq!(error.kind(), crate::error::ErrorKind::Run);
            assert!(error.to_string().contains(&file.display().to_string()), "{error}");
            assert!(error.hint_text().is_some());
            std::fs::write(&file, &whole).expect("the file");
            array.check(&context).expect("it is what was written again");
        }
        std::fs::write(&file, &whole[..whole.len() - 4]).expect("the file");
        let error = array.check(&context).expect_err("it was cut");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}
