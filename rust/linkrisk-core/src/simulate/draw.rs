//! Random numbers that depend on nothing but a key: draws, weighted choices, a permutation.
//!
//! Every draw comes from [`hash::mix`], whose values never change, and no floating-point function
//! beyond the four operations is used; so a population is the same on every machine.

use crate::kernel::hash;

/// A stream of random numbers.
pub struct Draw(u64);

/// An odd number with irregular bits, the step of the stream (2^64 divided by the golden ratio).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Draw {
    /// The stream of `item` among those of `purpose`.
    pub fn new(seed: u64, purpose: u64, item: u64) -> Self {
        Self(hash::combine(hash::combine(seed, purpose), item))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        hash::mix(self.0)
    }

    /// A number below `end`, which is not 0; off from uniform by at most `end` / 2^32.
    pub fn below(&mut self, end: usize) -> usize {
        (((self.bits() >> 32) * end as u64) >> 32) as usize
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
        (self.bits() >> 11) as f64 * UNIT
    }

    /// True with probability `rate`.
    pub fn chance(&mut self, rate: f64) -> bool {
        self.unit() < rate
    }

    /// One of `choices`, which are not none.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Draws indices by weight in constant time (the alias method of Walker, tables as by Vose, 1991).
pub struct Weighted {
    /// Of each index: below this share of 2^32 it stays, else the other index is taken.
    cells: Vec<(u64, u32)>,
}

impl Weighted {
    /// Indices of `weights`, each as likely as its weight; at least one is positive.
    pub fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut share: Vec<f64> = weights.iter().map(|w| w / mean).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) = (0..share.len()).partition(|&i| share[i] < 1.0);
        let mut cells: Vec<(u64, u32)> = (0..share.len() as u32).map(|i| (1 << 32, i)).collect();
        while let (Some(&giver), Some(taker)) = (rich.last(), poor.pop()) {
            cells[taker] = ((share[taker] * (1u64 << 32) as f64) as u64, giver as u32);
            share[giver] -= 1.0 - share[taker];
            if share[giver] < 1.0 {
                rich.pop();
                poor.push(giver);
            }
        }
        Self { cells }
    }

    /// The next index.
    pub fn pick(&self, draw: &mut Draw) -> usize {
        let bits = draw.bits();
        let at = (((bits >> 32) * self.cells.len() as u64) >> 32) as usize;
        let (stays, other) = self.cells[at];
        if bits & 0xffff_ffff < stays { at } else { other as usize }
    }
}

/// A keyed order of the numbers below an end: one to one, and computed for each number alone.
///
/// A Feistel network over the next power of two, walked until it comes back below the end (Black
/// and Rogaway, 2002); fewer than two steps on average.
pub struct Permutation {
    end: u64,
    left_bits: u32,
    right_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    /// An order of the numbers below `end`, which is not 0.
    pub fn new(end: u64, key: u64) -> Self {
        let bits = (u64::BITS - (end - 1).leading_zeros()).max(2);
        let mut draw = Draw(key);
        Self {
            end,
            left_bits: bits / 2,
            right_bits: bits - bits / 2,
            keys: std::array::from_fn(|_| draw.bits()),
        }
    }

    /// Where `number` goes.
    pub fn apply(&self, number: u64) -> u64 {
        let (left_mask, right_mask) = ((1 << self.left_bits) - 1, (1 << self.right_bits) - 1);
        let mut value = number;
        loop {
            let (mut left, mut right) = (value >> self.right_bits, value & right_mask);
            for keys in self.keys.chunks_exact(2) {
                left ^= hash::mix(right ^ keys[0]) & left_mask;
                right ^= hash::mix(left ^ keys[1]) & right_mask;
            }
            value = left << self.right_bits | right;
            if value < self.end {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_permutation_is_one_to_one() {
        for end in [1, 2, 3, 5, 64, 65, 1000, 4097] {
            let order = Permutation::new(end, 7);
            let mut seen: Vec<u64> = (0..end).map(|i| order.apply(i)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..end), "{end}");
        }
    }

    #[test]
    fn test_permutation_leaves_no_neighbours_together() {
        let order = Permutation::new(100_000, 7);
        let near = (1..100_000).filter(|&i| order.apply(i).abs_diff(order.apply(i - 1)) <= 5).count();
        assert!(near < 30, "{near}");
    }

    #[test]
    fn test_weighted_follows_weights() {
        let weights = [5.0, 0.0, 1.0, 3.0, 1.0];
        let choice = Weighted::new(&weights);
        let mut draw = Draw::new(1, 2, 3);
        let mut counts = [0.0; 5];
        for _ in 0..100_000 {
            counts[choice.pick(&mut draw)] += 1e-4;
        }
        for (count, weight) in counts.iter().zip(weights) {
            assert!((count - weight).abs() < 0.06, "{counts:?}");
        }
        assert_eq!(counts[1], 0.0);
    }

    #[test]
    fn test_chance_and_below_keep_their_rates() {
        let mut draw = Draw::new(1, 2, 4);
        let hits = (0..100_000).filter(|_| draw.chance(0.15)).count();
        assert!((14_500..15_500).contains(&hits), "{hits}");
        let sum: usize = (0..100_000).map(|_| draw.below(10)).sum();
        assert!((445_000..455_000).contains(&sum), "{sum}");
    }
}
