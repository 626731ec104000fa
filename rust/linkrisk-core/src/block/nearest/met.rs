//! Pairs that were settled in a cell, so that the other cells that they share need not ask again.
//!
//! Of a million faces those alike share seven cells on average, and in each of them their full product and their first
//! common cell would be worked out anew. What is remembered saves that and decides nothing: a pair that was forgotten
//! is worked out again, and found in its first common cell alone.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;
use crate::kernel::hash;
use crate::runtime::{Context, Reservation};

/// Places for each row of a block: of ten million faces a row meets five others of a block, of one million in one block
/// fourteen.
const PER_ROW: usize = 16;

/// Most and fewest places: 256 MiB, and 32 KiB.
const PLACES: (usize, usize) = (1 << 25, 1 << 12);

/// What no pair is: two rows of a block are never both the last of four billion.
const NONE: u64 = u64::MAX;

/// The pairs of two blocks that were settled; some are forgotten for others.
#[derive(Debug)]
pub(super) struct Met {
    places: Vec<AtomicU64>,
    _held: Reservation,
}

impl Met {
    /// Room for the pairs of a block of so many rows, in a sixteenth of what is free.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where not even 32 KiB are.
    pub fn new(rows: usize, context: &Context) -> Result<Self> {
        let free = context.memory.free() as usize / 16 / size_of::<AtomicU64>();
        let wanted = (rows * PER_ROW).next_power_of_two().clamp(PLACES.1, PLACES.0);
        let count = wanted.min((free / 2 + 1).next_power_of_two()).max(PLACES.1);
        let held = context.memory.reserve("settled pairs", (count * size_of::<AtomicU64>()) as u64)?;
        Ok(Self { places: (0..count).map(|_| AtomicU64::new(NONE)).collect(), _held: held })
    }

    /// Whether this pair of a left and a right row was settled, as far as is remembered.
    #[inline]
    pub fn has(&self, pair: (u32, u32)) -> bool {
        let (key, place) = self.place(pair);
        place.load(Ordering::Relaxed) == key
    }

    /// Remembers a pair.
    #[inline]
    pub fn add(&self, pair: (u32, u32)) {
        let (key, place) = self.place(pair);
        place.store(key, Ordering::Relaxed);
    }

    #[inline]
    fn place(&self, (left, right): (u32, u32)) -> (u64, &AtomicU64) {
        let key = u64::from(left) << 32 | u64::from(right);
        (key, &self.places[hash::mix(key) as usize & (self.places.len() - 1)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_what_was_added_is_known_and_nothing_else() {
        let met = Met::new(10_000, &Context::new(None, Some(2), 1).expect("a context")).expect("room");
        let pair = |k: u32| (k * 7, k * 7 + 1);
        let known = (0..10_000).filter(|&k| {
            assert!(!met.has(pair(k)));
            met.add(pair(k));
            met.has(pair(k))
        });
        assert_eq!(known.count(), 10_000);
        // One place in sixteen and more is taken, so few were forgotten for another.
        let kept = (0..10_000).filter(|&k| met.has(pair(k))).count();
        assert!((9_000..=10_000).contains(&kept), "{kept}");
        assert!((0..10_000).all(|k| !met.has((k * 7 + 1, k * 7))));
    }
}
