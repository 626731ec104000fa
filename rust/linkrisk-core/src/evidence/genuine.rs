//! How alike two captures of one person are: the false non-match rate.
//!
//! Pairs of one person hang together: a poor enrolment is in all of them. So the interval is that of the
//! effective number of pairs, see [`clustered_share`].

use super::histogram::{Histogram, edge};
use super::interval::{Estimate, clustered_share, share};

/// Pairs of one person.
#[derive(Debug, Clone)]
pub enum Genuine {
    /// Pairs known one by one.
    Pairs {
        /// The counts.
        histogram: Histogram,
        /// The pairs of each person as bins of the grid, falling within a person.
        persons: Vec<Vec<u16>>,
    },
    /// Counts alone, taken to be independent: a calibration, or what a mixture left.
    Counts(Histogram),
}

impl Genuine {
    /// Pairs as (person, bin of the grid), in any order.
    pub fn of_pairs(mut pairs: Vec<(u32, u16)>) -> Self {
        pairs.sort_unstable_by_key(|&(person, bin)| (person, u16::MAX - bin));
        let mut histogram = Histogram::grid();
        pairs.iter().for_each(|&(_, bin)| histogram.counts_mut()[usize::from(bin)] += 1.0);
        let persons = pairs.chunk_by(|a, b| a.0 == b.0).map(|p| p.iter().map(|p| p.1).collect()).collect();
        Self::Pairs { histogram, persons }
    }

    /// The counts.
    pub fn histogram(&self) -> &Histogram {
        match self {
            Self::Pairs { histogram, .. } | Self::Counts(histogram) => histogram,
        }
    }

    /// Pairs there are.
    pub fn pairs(&self) -> f64 {
        self.histogram().total()
    }

    /// Persons they are of, where that is known.
    pub fn persons(&self) -> Option<usize> {
        match self {
            Self::Pairs { persons, .. } => Some(persons.len()),
            Self::Counts(_) => None,
        }
    }

    /// Share of the pairs below `similarity`; [0, 1] where there is no pair.
    pub fn false_non_match(&self, similarity: f64) -> Estimate {
        match self {
            Self::Counts(histogram) => share(histogram.below(similarity), histogram.total()),
            Self::Pairs { persons, histogram } => {
                let below = |bin: &u16| edge(usize::from(*bin)) < similarity - 1e-9;
                let clusters = persons.iter().map(|bins| {
                    let kept = bins.partition_point(|bin| !below(bin));
                    ((bins.len() - kept) as f64, bins.len() as f64)
                });
                let counted = clustered_share(clusters);
                // On an edge of the grid this is the count itself; between edges a bin is cut.
                let value = if histogram.total() > 0.0 {
                    histogram.below(similarity) / histogram.total()
                } else {
                    0.0
                };
                Estimate { value, low: counted.low.min(value), high: counted.high.max(value) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::histogram::bin;
    use super::*;

    proptest! {
        #[test]
        fn test_misses_rise_with_the_threshold(
            pairs in prop::collection::vec((0u32..20, 0.0..1.0f64), 1..200),
            a in -0.5..1.1f64,
            b in -0.5..1.1f64,
        ) {
            let genuine = Genuine::of_pairs(pairs.iter().map(|&(p, s)| (p, bin(s) as u16)).collect());
            prop_assert_eq!(genuine.pairs(), pairs.len() as f64);
            let (low, high) = (genuine.false_non_match(a.min(b)), genuine.false_non_match(a.max(b)));
            prop_assert!(low.value <= high.value + 1e-12);
            for found in [low, high] {
                prop_assert!(found.low <= found.value && found.value <= found.high);
            }
        }

        #[test]
        fn test_misses_are_those_counted(pairs in prop::collection::vec((0u32..20, 0.0..1.0f64), 1..200), t in 0u32..100) {
            let t = f64::from(t) / 100.0;
            let genuine = Genuine::of_pairs(pairs.iter().map(|&(p, s)| (p, bin(s) as u16)).collect());
            let counted = pairs.iter().filter(|p| edge(bin(p.1)) < t - 1e-9).count() as f64;
            prop_assert!((genuine.false_non_match(t).value * pairs.len() as f64 - counted).abs() < 1e-6);
        }
    }
}
