//! A set of small numbers as bits that any thread may set.

use std::sync::atomic::{AtomicU64, Ordering};

/// A set of numbers below a bound: a bit each.
#[derive(Debug)]
pub struct Bits(Vec<AtomicU64>);

impl Bits {
    /// No number, of those below `end`.
    pub fn new(end: u32) -> Self {
        Self((0..(end as usize).div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Bytes of a set of numbers below `end`.
    pub const fn bytes(end: u32) -> u64 {
        (end as u64).div_ceil(64) * 8
    }

    /// Adds a number.
    #[inline]
    pub fn insert(&self, number: u32) {
        self.0[number as usize / 64].fetch_or(1 << (number % 64), Ordering::Relaxed);
    }

    /// Whether a number is in the set.
    #[inline]
    pub fn contains(&self, number: u32) -> bool {
        self.0[number as usize / 64].load(Ordering::Relaxed) >> (number % 64) & 1 == 1
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.load(Ordering::Relaxed).count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_a_number_is_in_the_set_once_it_was_added() {
        let bits = Bits::new(130);
        [0, 63, 64, 129, 64].iter().for_each(|&n| bits.insert(n));
        assert_eq!((0..130).filter(|&n| bits.contains(n)).collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert_eq!((bits.count(), Bits::bytes(130)), (4, 24));
    }
}
