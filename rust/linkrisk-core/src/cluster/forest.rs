//! Union–find over record numbers: 4 bytes a record, lock-free, the same answer for any threads.
//!
//! A root is always the smallest number of its tree (S. V. Jayanti and R. E. Tarjan, *Concurrent
//! disjoint set union*, 2021, with linking by index), so neither order nor interleaving shows.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use crate::error::Result;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::runtime::{Context, Reservation};

/// Disjoint sets of records.
#[derive(Debug)]
pub struct Forest {
    parents: Vec<AtomicU32>,
    /// Whether every parent is a root, which nobody has then to look at: it is a cache miss away.
    is_flat: bool,
    _held: Reservation,
}

impl Forest {
    /// `records` records, each by itself.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(records: u32, context: &Context) -> Result<Self> {
        let held = context.memory.reserve("clusters", u64::from(records) * 4)?;
        Ok(Self { parents: (0..records).map(AtomicU32::new).collect(), is_flat: false, _held: held })
    }

    /// The smallest record of the set of `record`.
    pub fn root(&self, mut record: u32) -> u32 {
        loop {
            let parent = self.parents[record as usize].load(Ordering::Relaxed);
            if parent == record || self.is_flat {
                return parent;
            }
            let grandparent = self.parents[parent as usize].load(Ordering::Relaxed);
            if grandparent != parent {
                // Halving the path; losing the race is as good as winning it.
                let _ = self.parents[record as usize].compare_exchange_weak(
                    parent,
                    grandparent,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
            }
            record = grandparent;
        }
    }

    /// Joins the sets of two records.
    pub fn join(&self, left: u32, right: u32) {
        debug_assert!(!self.is_flat);
        let (mut left, mut right) = (left, right);
        loop {
            (left, right) = (self.root(left), self.root(right));
            if left == right {
                return;
            }
            let (low, high) = (left.min(right), left.max(right));
            let linked =
                self.parents[high as usize].compare_exchange(high, low, Ordering::Relaxed, Ordering::Relaxed);
            if linked.is_ok() {
                return;
            }
        }
    }

    /// Looks up every root once, so that each is one look away from then on; to be called when all are joined.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn flatten(&mut self, context: &Context) -> Result<()> {
        const STRETCH: u32 = 1 << 16;
        let starts: Vec<u32> = (0..self.len()).step_by(STRETCH as usize).collect();
        context.pool.install(|| {
            starts.par_iter().try_for_each(|&start| {
                context.cancel.check()?;
                for record in start..self.len().min(start.saturating_add(STRETCH)) {
                    self.parents[record as usize].store(self.root(record), Ordering::Relaxed);
                }
                Ok(())
            })
        })?;
        self.is_flat = true;
        Ok(())
    }

    /// Takes records out of their sets and puts each where its label says: to the smallest of its new
    /// set, which must be a member of it. All records of a set are relabelled, or none.
    pub fn relabel(&mut self, labels: &[(u32, u32)]) {
        for &(member, label) in labels {
            *self.parents[member as usize].get_mut() = label;
        }
    }

    /// Writes the forest.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        writer.array_of(self.parents.iter().map(|parent| parent.load(Ordering::Relaxed)))
    }

    /// Reads a forest of `records` records that was written.
    ///
    /// # Errors
    /// As [`FrameReader::frame`] and [`Forest::new`].
    pub fn load(reader: &mut FrameReader, records: u32, context: &Context) -> Result<Self> {
        let mut forest = Self::new(records, context)?;
        let mut left = forest.parents.iter_mut();
        let mut sound = true;
        let read = reader.each(|parents: &[u32]| {
            for &parent in parents {
                sound &= parent < records;
                if let Some(place) = left.next() {
                    *place.get_mut() = parent;
                }
            }
            Ok(())
        })?;
        if sound && read == u64::from(records) { Ok(forest) } else { Err(reader.wrong()) }
    }

    /// How many records there are.
    pub fn len(&self) -> u32 {
        self.parents.len() as u32
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }
}
