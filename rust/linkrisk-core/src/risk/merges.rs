//! Wrong merges that the model expects of itself: records joined that are of two people, and people
//! whose records were not joined.
//!
//! A *merge* joins two groups of records into one. The n − 1 merges that make an entity of n records
//! join its n(n − 1)/2 pairs between them, in whatever order they come; so over all entities a merge
//! joins, on average, `pairs / merges` pairs. That turns pairs, which the model counts, into merges,
//! by which the number of entities goes up and down.

use std::collections::BTreeMap;

/// An expected number with its variance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expected {
    /// The expectation.
    pub mean: f64,
    /// The variance.
    pub variance: f64,
}

/// What was merged, and what the model says there is to merge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matches {
    /// Records that stand for a person.
    pub records: u64,
    /// Persons found among them.
    pub observed: u64,
    /// Pairs of records of one person found, linked or not.
    pub pairs: u64,
    /// Pairs of records that are matches, those that no rule finds included, by the model.
    pub matches: f64,
    /// Share of the matches that the blocking rules find, by the model.
    pub blocking_recall: f64,
}

impl Matches {
    /// Pairs that a merge joins on average; 1 where nothing was merged.
    fn pairs_per_merge(&self) -> f64 {
        let merges = self.records.saturating_sub(self.observed);
        if merges == 0 { 1.0 } else { (self.pairs as f64 / merges as f64).max(1.0) }
    }
}

/// Merges that are expected to be wrong.
///
/// An entity hangs together by a spanning tree of its links, the strongest that there is; a link of
/// the tree is wrong with probability 1 − p, independently of the others but for those between records
/// that show one issued number: that is of two people for all of them or for none, and the weakest
/// stands for them. A merge that no link supports, but the average of weaker pairs does, has no
/// probability of its own and adds nothing. `spanning` counts these links by the bits of their weights.
pub fn false_merges(spanning: &BTreeMap<u32, u64>) -> Expected {
    let mut expected = Expected::default();
    for (&bits, &links) in spanning {
        // 1 − p directly: for the usual p of nearly 1 the subtraction would lose all digits.
        let wrong = 1.0 / (1.0 + f64::from(f32::from_bits(bits)).exp2());
        expected.mean += links as f64 * wrong;
        expected.variance += links as f64 * wrong * (1.0 - wrong);
    }
    expected
}

/// Merges that are expected to be missing.
///
/// The matches that the model expects, less the pairs within entities that are right, over the pairs
/// that a merge joins; none where more was merged than the model expects. Pairs within entities
/// count whether linked or not, for a pair that a third record joins is not missed. Missed merges
/// are rare events among many, so their variance is their number (Poisson).
pub fn missed_merges(found: &Matches, false_merges: Expected) -> Expected {
    let per_merge = found.pairs_per_merge();
    let right = found.pairs as f64 - false_merges.mean * per_merge;
    let missed = ((found.matches - right) / per_merge).max(0.0);
    Expected { mean: missed, variance: missed }
}

/// Variance of the number of merges that comes from not knowing what the blocking rules miss.
///
/// That number is an estimate by capture and recapture, here taken as two equally good captures with
/// the given recall together: each finds p = 1 − √(1 − recall), and the variance of the number of
/// matches M is M (1 − p)² / p² (the delta-method variance of the Lincoln–Petersen estimate; G. A. F.
/// Seber, *The Estimation of Animal Abundance*, 1982), with merges as the units, for the pairs that
/// one merge joins are found or missed together.
pub fn blocking_variance(found: &Matches) -> f64 {
    let merges = found.matches.max(0.0) / found.pairs_per_merge();
    // A recall of nothing says nothing of the rest; the interval is cut at what is possible anyway.
    let missed = (1.0 - found.blocking_recall.clamp(1e-6, 1.0)).sqrt();
    merges * (missed / (1.0 - missed)).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_false_merges_are_those_of_the_spanning_links() {
        let spanning = BTreeMap::from([(3.0f32.to_bits(), 1), (1.0f32.to_bits(), 2)]);
        let found = false_merges(&spanning);
        let (a, b) = (1.0 / 9.0, 1.0 / 3.0);
        assert!((found.mean - (a + 2.0 * b)).abs() < 1e-12);
        assert!((found.variance - (a * (1.0 - a) + 2.0 * b * (1.0 - b))).abs() < 1e-12);
    }

    #[test]
    fn test_missed_merges_convert_pairs_by_the_mean_of_the_merges_made() {
        // Two entities of three records: 4 merges joined 6 pairs.
        let found = Matches { records: 6, observed: 2, pairs: 6, matches: 9.0, blocking_recall: 0.75 };
        assert!((missed_merges(&found, Expected::default()).mean - 2.0).abs() < 1e-12);
        // A false merge leaves one more match to be found elsewhere.
        let wrong = Expected { mean: 1.0, variance: 0.0 };
        assert!((missed_merges(&found, wrong).mean - 3.0).abs() < 1e-12);
        let all = Matches { matches: 5.0, ..found };
        assert_eq!(missed_merges(&all, Expected::default()), Expected::default());
    }

    #[test]
    fn test_blocking_variance_grows_as_recall_falls() {
        let found = Matches { records: 6, observed: 2, pairs: 6, matches: 9.0, blocking_recall: 0.75 };
        // Two captures of a half each: M merges, variance M.
        assert!((blocking_variance(&found) - 6.0).abs() < 1e-9);
        assert_eq!(blocking_variance(&Matches { blocking_recall: 1.0, ..found }), 0.0);
        assert!(blocking_variance(&Matches { blocking_recall: 0.0, ..found }).is_finite());
    }
}
