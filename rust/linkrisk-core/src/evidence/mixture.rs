//! Pairs that are partly of one person and partly of two, taken apart by their similarity.
//!
//! The impostor side is known from random pairs. What share of the pairs belongs to it follows from the
//! bins below the impostors' median, where hardly a genuine pair lies (J. D. Storey, *A direct approach to
//! false discovery rates*, JRSS B 64, 2002); the rest is genuine, as the likeliest distribution whose ratio
//! to the impostors' never falls. Those are the fixed points of expectation–maximisation over the bins with
//! the impostor side held and the ratio isotonic; of the many that differ by how much low similarity they
//! leave with the genuine pairs this is the one with the fewest genuine pairs, found without rounds.

use super::isotonic::rising;

/// Pairs taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Separated {
    /// Genuine pairs of each bin, expected.
    pub genuine: Vec<f64>,
    /// Share of the pairs that are genuine.
    pub share: f64,
}

/// The lower half of what impostors are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BelowMedian {
    /// Pairs observed in its bins.
    pub observed: f64,
    /// Share of the impostors in them, half or a bin more.
    pub share: f64,
    /// How many bins these are.
    pub bins: usize,
}

/// How many of the `observed` pairs are less alike than half of the impostors, given the probability of each bin
/// among those: hardly a genuine one.
pub fn below_median(observed: &[f64], impostor: &[f64]) -> BelowMedian {
    let mut made = BelowMedian { observed: 0.0, share: 0.0, bins: 0 };
    for (o, p) in observed.iter().zip(impostor) {
        if made.share >= 0.5 {
            break;
        }
        made.share += p;
        made.observed += o;
        made.bins += 1;
    }
    made
}

/// Takes `observed` counts apart, given the probability of each bin among impostors.
///
/// Genuine pairs below the impostors' median, should there be any, are taken for impostors: the false
/// non-match rate comes out too low by them. None where no pair was observed.
pub fn separate(observed: &[f64], impostor: &[f64]) -> Option<Separated> {
    let pairs: f64 = observed.iter().sum();
    if pairs <= 0.0 {
        return None;
    }
    let BelowMedian { observed: below, share: low, bins: first } = below_median(observed, impostor);
    let strangers = if low > 0.0 { (below / pairs / low).min(1.0) } else { 0.0 };
    // Ratio of what was observed to the impostors, over the bins above the median.
    let expected: Vec<f64> = impostor[first..].iter().map(|p| pairs * p).collect();
    let ratios: Vec<f64> = observed[first..]
        .iter()
        .zip(&expected)
        .map(|(&o, &e)| {
            if e > 0.0 {
                o / e
            } else if o > 0.0 {
                f64::MAX
            } else {
                0.0
            }
        })
        .collect();
    let ratios = rising(&ratios, &expected);
    let above = ratios.iter().zip(&expected).zip(&observed[first..]);
    let genuine: Vec<f64> = std::iter::repeat_n(0.0, first)
        .chain(above.map(|((&r, &e), &o)| if e > 0.0 { ((r - strangers) * e).max(0.0) } else { o }))
        .collect();
    let share = (genuine.iter().sum::<f64>() / pairs).min(1.0);
    Some(Separated { genuine, share })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A normal hill over 200 bins of 0.01 from −1.
    fn hill(mean: f64, sd: f64) -> Vec<f64> {
        let density: Vec<f64> = (0..200)
            .map(|i| (-(-0.995 + f64::from(i) * 0.01 - mean).powi(2) / (2.0 * sd * sd)).exp())
            .collect();
        let sum: f64 = density.iter().sum();
        density.iter().map(|d| d / sum).collect()
    }

    #[test]
    fn test_nothing_observed_is_nothing() {
        assert_eq!(separate(&[0.0; 4], &[0.25; 4]), None);
    }

    #[test]
    fn test_strangers_alone_leave_nobody() {
        let impostor = hill(0.0, 0.06);
        let observed: Vec<f64> = impostor.iter().map(|p| p * 1e6).collect();
        assert!(separate(&observed, &impostor).expect("pairs").share < 1e-9);
    }

    proptest! {
        #[test]
        fn test_known_mixtures_come_apart(share in 0.0..=1.0f64, mean in 0.45..0.7f64) {
            let (impostor, genuine) = (hill(0.0, 0.06), hill(mean, 0.1));
            let observed: Vec<f64> =
                impostor.iter().zip(&genuine).map(|(i, g)| 1e5 * ((1.0 - share) * i + share * g)).collect();
            let found = separate(&observed, &impostor).expect("pairs");
            prop_assert!((found.share - share).abs() < 0.001, "{}", found.share);
            for (f, g) in found.genuine.iter().zip(&genuine) {
                prop_assert!((f - 1e5 * share * g).abs() < 20.0);
            }
        }
    }
}
