//! Counts of similarities in bins.

use crate::error::{Error, ErrorKind, Result};

/// Bins of the grid of a measured histogram in one unit of similarity. 0.0005 is below the rounding of
/// int8 templates (0.0007), and the usual thresholds are edges.
const BINS_PER_UNIT: usize = 2_000;

/// Bins of the grid, from −1 to 1.
pub const BINS: usize = 2 * BINS_PER_UNIT;

/// Counts between edges that rise; a bin holds its lower edge.
///
/// Counts are floats, so that bins can be weighed; whole ones are exact to 2^53.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    edges: Vec<f64>,
    counts: Vec<f64>,
}

/// A bin of the grid.
pub fn bin(similarity: f64) -> usize {
    // A similarity is the sum of hundreds of products: 0.4 may come as 0.3999999999.
    let place = similarity * BINS_PER_UNIT as f64 + BINS_PER_UNIT as f64 + 1e-6;
    (place.max(0.0) as usize).min(BINS - 1)
}

/// Lower edge of a bin of the grid.
pub fn edge(bin: usize) -> f64 {
    (bin as f64 - BINS_PER_UNIT as f64) / BINS_PER_UNIT as f64
}

impl Histogram {
    /// An empty histogram over the grid.
    pub fn grid() -> Self {
        Self { edges: (0..=BINS).map(edge).collect(), counts: vec![0.0; BINS] }
    }

    /// A histogram of `counts` between `edges`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the edges do not rise, are not one more than the counts, or a count is no
    /// number of pairs; the detail `index` says where.
    pub fn new(edges: Vec<f64>, counts: Vec<f64>) -> Result<Self> {
        let wrong =
            |message: String, index: usize| Error::new(ErrorKind::Spec, message).detail("index", index);
        if edges.len() != counts.len() + 1 || counts.is_empty() {
            let message =
                format!("{} edges make no {} bins: one more edge than counts", edges.len(), counts.len());
            return Err(wrong(message, counts.len()));
        }
        if let Some(index) =
            edges.windows(2).position(|e| !(e[0].is_finite() && e[1].is_finite() && e[0] < e[1]))
        {
            return Err(wrong("the edges do not rise".to_owned(), index + 1));
        }
        if let Some(index) = counts.iter().position(|&c| !(c.is_finite() && c >= 0.0)) {
            return Err(wrong("a count is no number of pairs".to_owned(), index));
        }
        Ok(Self { edges, counts })
    }

    /// Edges of the bins, one more than there are bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Counts of the bins.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// Counts of the bins, to be raised.
    pub fn counts_mut(&mut self) -> &mut [f64] {
        &mut self.counts
    }

    /// Adds `weight` times the counts of another histogram of the same bins.
    pub fn add(&mut self, other: &Self, weight: f64) {
        debug_assert_eq!(self.edges.len(), other.edges.len());
        self.counts.iter_mut().zip(&other.counts).for_each(|(c, o)| *c += weight * o);
    }

    /// All pairs.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Pairs at or above `similarity`; a bin that it cuts counts by the part above.
    pub fn at_least(&self, similarity: f64) -> f64 {
        let bins = self.counts.len();
        let first = self.edges.partition_point(|&e| e <= similarity + 1e-9).saturating_sub(1);
        if similarity <= self.edges[0] {
            return self.total();
        }
        if first >= bins {
            return 0.0;
        }
        let (low, high) = (self.edges[first], self.edges[first + 1]);
        let part = ((high - similarity) / (high - low)).clamp(0.0, 1.0);
        // A threshold that is an edge but for rounding takes the whole bin.
        let part = if part > 1.0 - 1e-6 { 1.0 } else { part };
        self.counts[first] * part + self.counts[first + 1..].iter().sum::<f64>()
    }

    /// Pairs below `similarity`.
    pub fn below(&self, similarity: f64) -> f64 {
        self.total() - self.at_least(similarity)
    }

    /// The highest edge that at least `share` of the pairs are at or above; the lowest edge of all where
    /// there are none.
    pub fn upper_edge(&self, share: f64) -> f64 {
        let wanted = share * self.total();
        let mut above = 0.0;
        for (bin, count) in self.counts.iter().enumerate().rev() {
            above += count;
            if above >= wanted && above > 0.0 {
                return self.edges[bin];
            }
        }
        self.edges[0]
    }

    /// The bins from `similarity` on, as (low, high, count) above it, neighbours pooled until each has about
    /// `1 / bins` of the pairs; empty ones at the end are left out.
    pub fn above(&self, similarity: f64, bins: usize) -> Vec<(f64, f64, f64)> {
        let first = self.edges.partition_point(|&e| e < similarity - 1e-9).min(self.counts.len());
        let wanted = self.counts[first..].iter().sum::<f64>() / bins.max(1) as f64;
        let mut pooled: Vec<(f64, f64, f64)> = Vec::with_capacity(bins + 1);
        let (mut low, mut sum) = (first, 0.0);
        for bin in first..self.counts.len() {
            sum += self.counts[bin];
            if sum > 0.0 && sum >= wanted {
                pooled.push((self.edges[low] - similarity, self.edges[bin + 1] - similarity, sum));
                (low, sum) = (bin + 1, 0.0);
            }
        }
        if sum > 0.0 {
            let last = self.counts.iter().rposition(|&c| c > 0.0).unwrap_or(low);
            pooled.push((self.edges[low] - similarity, self.edges[last + 1] - similarity, sum));
        }
        pooled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn test_thresholds_are_edges() {
        for (i, text) in ["0.4", "0.35", "-0.2", "0.999"].iter().enumerate() {
            let t: f64 = text.parse().expect("a number");
            assert_eq!(edge(bin(t)), t, "{i}");
        }
        assert_eq!((bin(-1.5), bin(1.0), bin(2.0)), (0, BINS - 1, BINS - 1));
    }

    #[test]
    fn test_a_cut_bin_counts_by_its_part() {
        let h = Histogram::new(vec![0.0, 0.5, 1.0], vec![4.0, 6.0]).expect("a histogram");
        assert_eq!(h.at_least(0.5), 6.0);
        assert_eq!(h.at_least(0.25), 8.0);
        assert_eq!((h.at_least(-1.0), h.at_least(1.0), h.at_least(3.0)), (10.0, 0.0, 0.0));
        assert_eq!(h.below(0.75), 7.0);
    }

    #[test]
    fn test_wrong_histograms_are_refused() {
        let kind = |edges: &[f64], counts: &[f64]| {
            Histogram::new(edges.to_vec(), counts.to_vec()).map(drop).map_err(|e| e.kind())
        };
        assert_eq!(kind(&[0.0, 1.0], &[1.0, 2.0]), Err(ErrorKind::Spec));
        assert_eq!(kind(&[0.0, 0.0], &[1.0]), Err(ErrorKind::Spec));
        assert_eq!(kind(&[0.0, 1.0], &[-1.0]), Err(ErrorKind::Spec));
        assert_eq!(kind(&[0.0, f64::NAN], &[1.0]), Err(ErrorKind::Spec));
        assert_eq!(kind(&[0.0], &[]), Err(ErrorKind::Spec));
    }

    proptest! {
        #[test]
        fn test_pooling_loses_no_pair(
            counts in prop::collection::vec(0u32..50, 40),
            from in 0usize..40,
            bins in 1usize..20,
        ) {
            let edges: Vec<f64> = (0..=40).map(|i| f64::from(i) / 40.0).collect();
            let h = Histogram::new(edges, counts.iter().map(|&c| f64::from(c)).collect()).expect("sound");
            let from = from as f64 / 40.0;
            let pooled = h.above(from, bins);
            let sum: f64 = pooled.iter().map(|b| b.2).sum();
            prop_assert!((sum - h.at_least(from)).abs() < 1e-9);
            prop_assert!(pooled.iter().all(|b| b.0 < b.1) && pooled.is_sorted_by(|a, b| a.1 <= b.0 + 1e-12));
        }

        #[test]
        fn test_pairs_above_fall(counts in prop::collection::vec(0u32..50, 40), a in -0.2..1.2f64, b in -0.2..1.2f64) {
            let edges: Vec<f64> = (0..=40).map(|i| f64::from(i) / 40.0).collect();
            let h = Histogram::new(edges, counts.iter().map(|&c| f64::from(c)).collect()).expect("sound");
            prop_assert!(h.at_least(a.min(b)) >= h.at_least(a.max(b)) - 1e-9);
        }
    }
}
