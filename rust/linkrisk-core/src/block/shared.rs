//! Which keys two records and more have: what makes no pair need not be brought together.
//!
//! Of ten million people four in ten share no key under a rule. A bit of a key's hash says so before the
//! record is copied and sorted; where two keys have one bit, a record comes along and makes no pair.
//!
//! Memory: two to four bits per record and rule as long as there is plenty, fewer where there is less, and none below
//! one for four records; without them all records that have a key come along.

use crate::kernel::bits::Bits;
use crate::runtime::{Context, Reservation};

/// The keys of a rule that two records and more have, and some others.
#[derive(Debug)]
pub struct SharedKeys {
    bits: Bits,
    mask: u64,
    _held: Reservation,
}

/// The part of the free memory that the bits of one rule may take.
const PART: u64 = 1 << 7;

impl SharedKeys {
    /// No keys, with room for those of a rule on `records` records; none where memory is scarce.
    pub fn new(records: u32, context: &Context) -> Option<Self> {
        let plenty = (u64::from(records) * 2).next_power_of_two().clamp(64, 1 << 31);
        let fit = (context.memory.free() / PART * 8).checked_ilog2().map(|bits| 1 << bits)?;
        let end = plenty.min(fit);
        if end < u64::from(records) / 4 {
            return None;
        }
        let end = end as u32;
        let held = context.memory.reserve("keys in common", Bits::bytes(end)).ok()?;
        Some(Self { bits: Bits::new(end), mask: u64::from(end) - 1, _held: held })
    }

    #[inline(always)]
    fn place(&self, key: u64) -> u32 {
        (key & self.mask) as u32
    }

    /// Adds a key.
    pub fn insert(&self, key: u64) {
        self.bits.insert(self.place(key));
    }

    /// Whether two records may have `key`.
    #[inline(always)]
    pub fn contains(&self, key: u64) -> bool {
        self.bits.contains(self.place(key))
    }

    /// About how many of `records` records come along, where `within` of them share a key with another and
    /// make `blocks` blocks.
    pub fn carried(&self, records: f64, within: f64, blocks: f64) -> f64 {
        let told = 1.0 - (-blocks / (self.mask + 1) as f64).exp();
        within + (records - within).max(0.0) * told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::hash::mix;

    fn context(limit: u64) -> Context {
        Context::new(Some(limit), Some(1), 1).expect("threads start")
    }

    #[test]
    fn test_keys_that_were_added_are_there_and_most_others_are_not() {
        for limit in [1 << 30, 1 << 14] {
            let context = context(limit);
            let shared = SharedKeys::new(1_000, &context).expect("there is room");
            (0..500).map(mix).for_each(|key| shared.insert(key));
            assert!((0..500).map(mix).all(|key| shared.contains(key)));
            let others = (500..10_500).filter(|&key| shared.contains(mix(key))).count() as f64;
            let expected = shared.carried(10_000.0, 0.0, 500.0);
            assert!((expected - others).abs() < 0.2 * expected, "{others} where {expected} are told");
            assert_eq!(shared.carried(1_000.0, 1_000.0, 500.0), 1_000.0);
        }
    }

    #[test]
    fn test_scarce_memory_is_left_to_others() {
        let context = context(10_000);
        assert!(SharedKeys::new(3_000, &context).is_none());
        assert_eq!(context.memory.free(), 10_000);
    }
}
