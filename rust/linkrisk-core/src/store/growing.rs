//! An array that grows in memory and, once that is wanted elsewhere, rests on disk and is read there.
//!
//! ```text
//! 0 ............ on disk, mapped ............ in memory ............ len
//! ```
//!
//! What is on disk is read through a mapping, so that any part of it is a slice like any other and the system's
//! cache keeps what is read often. Memory: the part that is not on disk yet.

use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;

use crate::error::Result;
use crate::runtime::frames::FrameWriter;
use crate::runtime::spill::{Spill, SpillFile};

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
        let file = match self.disk.take() {
            Some(OnDisk { file, .. }) => file,
            None => SpillFile::create(spill, name)?,
        };
        file.extend(bytemuck::cast_slice(&self.memory))?;
        let map = file.map()?;
        self.disk = Some(OnDisk { map, file });
        self.before += self.memory.len();
        self.memory = Vec::new();
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
}
