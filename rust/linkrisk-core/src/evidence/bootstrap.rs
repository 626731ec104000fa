//! Counts of pairs drawn anew: a bootstrap over persons.
//!
//! A pair counts as often as both its persons were drawn (A. B. Owen, *The pigeonhole bootstrap*, Annals of
//! Applied Statistics 1, 2007), since pairs that have a person in common are not independent. An interval from such
//! replicates is never too narrow on that account, and up to √3 too wide.

use super::histogram::{Histogram, edge};
use crate::kernel::hash;

/// What a stream of random numbers is for.
const BOOTSTRAP: u64 = 701;

/// A pair at or above the similarity from which pairs were kept one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailPair {
    /// Its records, by their places in the two lists that were compared.
    pub records: [u32; 2],
    /// Its bin of the grid.
    pub bin: u16,
}

/// How the pairs of a histogram depend on each other.
#[derive(Debug, Clone, Copy)]
pub enum Dependence<'a> {
    /// They do not, or nothing is known of it: counts vary as Poisson's.
    Unknown,
    /// Pairs are of two persons of a sample, and those from a bin on are known one by one.
    Persons {
        /// The first bin that is whole in `pairs`.
        from: usize,
        /// The pairs of that bin and above.
        pairs: &'a [TailPair],
        /// The person of each record of the first list.
        left: &'a [u64],
        /// The same of the second; none where pairs are within the first.
        right: Option<&'a [u64]>,
    },
}

impl Dependence<'_> {
    /// The first similarity from which pairs are known one by one; none where none are.
    pub fn first(&self) -> f64 {
        match self {
            Self::Persons { from, .. } => edge(*from),
            Self::Unknown => f64::NEG_INFINITY,
        }
    }

    /// The counts of replicate `number`, drawn anew from those of `histogram`, and how many pairs it has; of a bin's pairs
    /// the share `kept` counts, all where there is none.
    pub fn drawn(&self, histogram: &Histogram, kept: &[f64], (seed, number): (u64, u64)) -> (Histogram, f64) {
        let stream = hash::combine(hash::combine(BOOTSTRAP, seed), number);
        let mut drawn = histogram.clone();
        match self {
            Self::Unknown => {
                for (bin, count) in drawn.counts_mut().iter_mut().enumerate() {
                    *count = poisson(*count, hash::combine(stream, bin as u64));
                }
                let pairs = drawn.total();
                (drawn, pairs)
            }
            Self::Persons { from, pairs, left, right } => {
                drawn.counts_mut().fill(0.0);
                let weights = |side: &[u64]| -> Vec<f64> {
                    side.iter().map(|&person| poisson(1.0, hash::combine(stream, person))).collect()
                };
                let left = weights(left);
                let right = right.map(weights);
                let other = right.as_ref().unwrap_or(&left);
                for pair in *pairs {
                    let [a, b] = pair.records;
                    let bin = usize::from(pair.bin);
                    let kept = kept.get(bin).copied().unwrap_or(1.0);
                    drawn.counts_mut()[bin] += kept * left[a as usize] * other[b as usize];
                }
                debug_assert!(drawn.counts()[..*from].iter().all(|&c| c == 0.0));
                // Pairs of one person are no impostors; what share of all pairs they are hardly varies.
                let sum = |side: &[f64]| side.iter().sum::<f64>();
                let (weighed, plain) = match &right {
                    Some(right) => (sum(&left) * sum(right), (left.len() * right.len()) as f64),
                    None => {
                        let squares: f64 = left.iter().map(|w| w * w).sum();
                        (sum(&left).powi(2) - squares, (left.len() * left.len().saturating_sub(1)) as f64)
                    }
                };
                let pairs = histogram.total() * weighed / plain.max(1.0);
                (drawn, pairs)
            }
        }
    }
}

/// A Poisson number of the given mean, by inversion; from a mean of 50 on by the normal approximation.
fn poisson(mean: f64, hash: u64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    let unit = (hash >> 11) as f64 / (1u64 << 53) as f64;
    if mean > 50.0 {
        let angle = (hash::mix(hash) >> 11) as f64 / (1u64 << 53) as f64 * std::f64::consts::TAU;
        let normal = (-2.0 * (1.0 - unit).ln()).sqrt() * angle.cos();
        return (mean + mean.sqrt() * normal).round().max(0.0);
    }
    let (mut k, mut term) = (0.0, (-mean).exp());
    let mut sum = term;
    while unit > sum && k < 1_000.0 {
        k += 1.0;
        term *= mean / k;
        sum += term;
    }
    k
}
