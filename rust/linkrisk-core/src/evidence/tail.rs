//! What lies beyond the highest similarities seen: a generalised Pareto tail.
//!
//! Above a high threshold u nearly every distribution has P(s ≥ u + x | s ≥ u) = (1 + ξ x / σ)^(−1/ξ)
//! (J. Pickands, *Statistical inference using extreme order statistics*, Annals of Statistics 3, 1975). The
//! shape ξ and the scale σ are those of the highest likelihood of the counts in bins, begun at the
//! probability-weighted moments (J. R. M. Hosking and J. R. Wallis, *Parameter and quantile estimation for
//! the generalized Pareto distribution*, Technometrics 29, 1987; S. Coles, *An Introduction to Statistical
//! Modeling of Extreme Values*, 2001, chapter 4).

use serde::Serialize;

/// Shapes that are tried. Below −0.5 the likelihood has no normal maximum (R. L. Smith, 1985); similarities
/// have an upper end, so a shape of 0.5 is already nothing that a model of faces gives.
const SHAPES: std::ops::RangeInclusive<f64> = -0.5..=0.5;

/// Bins that a fit sees: a fit to 100 bins is as good as one to all pairs to 1 %.
pub(super) const POOLED: usize = 100;

/// Steps of the search at most; it takes 60 to 120.
const STEPS: usize = 400;

/// Exceedances over a threshold: a generalised Pareto distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pareto {
    /// ξ: below zero the tail ends, at zero it is exponential, above it is heavy.
    pub shape: f64,
    /// σ: how far the tail reaches, in similarity.
    pub scale: f64,
}

impl Pareto {
    /// P(exceedance ≥ x).
    pub fn survival(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return 1.0;
        }
        let z = x / self.scale;
        if self.shape.abs() < 1e-9 {
            return (-z).exp();
        }
        let base = 1.0 + self.shape * z;
        // Through the logarithm, so that shapes near zero keep their digits.
        if base <= 0.0 { 0.0 } else { (-(self.shape * z).ln_1p() / self.shape).exp() }
    }

    /// The exceedance that a share `p` is at or above.
    pub fn quantile(&self, p: f64) -> f64 {
        let log = -p.ln();
        if self.shape.abs() < 1e-9 {
            self.scale * log
        } else {
            self.scale * (self.shape * log).exp_m1() / self.shape
        }
    }

    /// Fits the counts of `bins`: (low, high, count) above the threshold.
    ///
    /// With `below` only exceedances under it are known to be of the tail: the likelihood is that of a tail
    /// cut there, and no bin may reach over it. None where there are fewer than two bins with pairs.
    pub fn fit(bins: &[(f64, f64, f64)], below: Option<f64>) -> Option<Self> {
        if bins.iter().filter(|b| b.2 > 0.0).count() < 2 {
            return None;
        }
        let start = moments(bins)?;
        let cost = |[shape, log_scale]: [f64; 2]| cost(bins, below, shape, log_scale.exp());
        let [shape, log_scale] = minimise(cost, [start.shape, start.scale.ln()], [0.1, 0.1]);
        Some(Self { shape, scale: log_scale.exp() })
    }

    /// Probability of counts as far from the fit as these or farther: Pearson's χ² over `bins`, those with
    /// fewer than five expected pairs taken together.
    pub fn agreement(&self, bins: &[(f64, f64, f64)], below: Option<f64>) -> f64 {
        let pairs: f64 = bins.iter().map(|b| b.2).sum();
        let inside = below.map_or(1.0, |end| 1.0 - self.survival(end));
        let (mut chi, mut cells) = (0.0, 0usize);
        let (mut expected, mut observed) = (0.0, 0.0);
        let mut last = 0.0;
        for (i, &(_, high, count)) in bins.iter().enumerate() {
            let end = if i + 1 == bins.len() { below.unwrap_or(f64::INFINITY) } else { high };
            expected += pairs * (self.survival(last) - self.survival(end)) / inside;
            observed += count;
            last = end;
            if expected >= 5.0 {
                chi += (observed - expected).powi(2) / expected;
                cells += 1;
                (expected, observed) = (0.0, 0.0);
            }
        }
        // The ends of the bins follow the data, so one degree more than the two parameters is lost.
        if cells <= 4 { 1.0 } else { chi_survival(chi, (cells - 3) as f64) }
    }
}

/// −log-likelihood of binned exceedances; infinite where a seen one is impossible.
fn cost(bins: &[(f64, f64, f64)], below: Option<f64>, shape: f64, scale: f64) -> f64 {
    if !SHAPES.contains(&shape) {
        return f64::INFINITY;
    }
    let tail = Pareto { shape, scale };
    let inside = below.map_or(1.0, |end| 1.0 - tail.survival(end));
    let mut sum = 0.0;
    for &(low, high, count) in bins {
        let mass = (tail.survival(low) - tail.survival(high)) / inside;
        if mass <= 0.0 || !mass.is_finite() {
            return f64::INFINITY;
        }
        sum -= count * mass.ln();
    }
    sum
}

/// Probability-weighted moments, each bin at its middle; the shape kept within what is tried.
fn moments(bins: &[(f64, f64, f64)]) -> Option<Pareto> {
    let pairs: f64 = bins.iter().map(|b| b.2).sum();
    let (mut mean, mut weighted, mut before) = (0.0, 0.0, 0.0);
    for &(low, high, count) in bins {
        let middle = 0.5 * (low + high);
        mean += count * middle;
        // Of a bin's pairs, the middle one has this share above it.
        weighted += count * middle * (1.0 - (before + 0.5 * count) / pairs);
        before += count;
    }
    let (mean, weighted) = (mean / pairs, weighted / pairs);
    let apart = mean - 2.0 * weighted;
    if !(mean > 0.0 && apart > 0.0) {
        return None;
    }
    let end = bins.iter().map(|b| b.1).fold(0.0, f64::max);
    let shape = (2.0 - mean / apart).clamp(-0.4, 0.4);
    // Nothing seen may be impossible at the start.
    let scale = (mean * (1.0 - shape)).max(-shape * end * 1.05);
    Some(Pareto { shape, scale })
}

/// The simplex search of J. A. Nelder and R. Mead, *A simplex method for function minimization*, Computer
/// Journal 7 (1965), in two dimensions.
fn minimise(cost: impl Fn([f64; 2]) -> f64, start: [f64; 2], step: [f64; 2]) -> [f64; 2] {
    let at = |a: [f64; 2], b: [f64; 2], t: f64| [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
    let mut simplex =
        [start, [start[0] + step[0], start[1]], [start[0], start[1] + step[1]]].map(|p| (cost(p), p));
    for _ in 0..STEPS {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let [best, middle, worst] = simplex;
        if (best.1[0] - worst.1[0]).abs() < 1e-7 && (best.1[1] - worst.1[1]).abs() < 1e-7 {
            break;
        }
        let centre = at(best.1, middle.1, 0.5);
        let tried = |t: f64| {
            let point = at(centre, worst.1, t);
            (cost(point), point)
        };
        let reflected = tried(-1.0);
        simplex[2] = if reflected.0 < best.0 {
            let expanded = tried(-2.0);
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < middle.0 {
            reflected
        } else {
            let contracted = if reflected.0 < worst.0 { tried(-0.5) } else { tried(0.5) };
            if contracted.0 < worst.0.min(reflected.0) {
                contracted
            } else {
                for vertex in &mut simplex[1..] {
                    let point = at(best.1, vertex.1, 0.5);
                    *vertex = (cost(point), point);
                }
                continue;
            }
        };
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    simplex[0].1
}

/// P(χ² ≥ x) with `degrees` of freedom, by the cube root of E. B. Wilson and M. M. Hilferty (1931): good to
/// 0.01 from three degrees on, which is all that a choice of threshold needs.
fn chi_survival(x: f64, degrees: f64) -> f64 {
    let part = 2.0 / (9.0 * degrees);
    let z = ((x / degrees).cbrt() - (1.0 - part)) / part.sqrt();
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::hash;

    /// Exceedances of a known tail, drawn by hash and counted in bins of 0.0005.
    pub(crate) fn drawn(tail: Pareto, pairs: u64, seed: u64) -> Vec<(f64, f64, f64)> {
        let mut counts = vec![0.0; 4_000];
        for i in 0..pairs {
            let unit = (hash::combine(seed, i) >> 11) as f64 / (1u64 << 53) as f64;
            let x = tail.quantile(1.0 - unit);
            counts[((x / 0.0005) as usize).min(3_999)] += 1.0;
        }
        let bins = counts.iter().enumerate().filter(|(_, c)| **c > 0.0);
        bins.map(|(i, &c)| (i as f64 * 0.0005, (i + 1) as f64 * 0.0005, c)).collect()
    }

    #[test]
    fn test_survival_falls_and_its_quantile_undoes_it() {
        for shape in [-0.3, -1e-12, 0.0, 0.2] {
            let tail = Pareto { shape, scale: 0.02 };
            for p in [1.0, 0.5, 1e-3, 1e-9] {
                assert!((tail.survival(tail.quantile(p)) / p - 1.0).abs() < 1e-6, "{shape} {p}");
            }
        }
        // A negative shape ends the tail.
        assert_eq!(Pareto { shape: -0.5, scale: 0.02 }.survival(0.05), 0.0);
    }

    #[test]
    fn test_a_tail_that_is_none_disagrees() {
        // Two hills are no Pareto tail.
        let mut bins = drawn(Pareto { shape: -0.1, scale: 0.02 }, 20_000, 5);
        bins.retain(|b| b.1 < 0.06);
        let hill = bins.len();
        bins.extend((0..40).map(|i| (0.2 + f64::from(i) * 0.001, 0.201 + f64::from(i) * 0.001, 100.0)));
        let fit = Pareto::fit(&bins, None).expect("a fit");
        assert!(fit.agreement(&bins, None) < 1e-6);
        assert!(hill > 10);
    }

    #[test]
    fn test_agreement_is_even_where_the_tail_is_one() {
        let poor = (0..200).filter(|&seed| {
            let bins = pooled(&drawn(Pareto { shape: -0.1, scale: 0.02 }, 2_000, seed));
            Pareto::fit(&bins, None).expect("a fit").agreement(&bins, None) < 0.05
        });
        // 10 are expected; 200 draws of one in twenty give up to 20 in 999 of 1,000 cases.
        assert!(poor.count() <= 20);
    }

    fn pooled(bins: &[(f64, f64, f64)]) -> Vec<(f64, f64, f64)> {
        let wanted = bins.iter().map(|b| b.2).sum::<f64>() / 30.0;
        let mut made: Vec<(f64, f64, f64)> = Vec::new();
        for &bin in bins {
            match made.last_mut() {
                Some(last) if last.2 < wanted => (last.1, last.2) = (bin.1, last.2 + bin.2),
                _ => made.push(bin),
            }
        }
        made
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn test_known_parameters_come_back(shape in -0.3..0.2f64, scale in 0.005..0.05f64, seed: u64) {
            let tail = Pareto { shape, scale };
            let bins = drawn(tail, 20_000, seed);
            prop_assume!(bins.iter().all(|b| b.1 < 1.9));
            let fit = Pareto::fit(&bins, None).expect("a fit");
            // Five standard errors of the likeliest shape: (1 + ξ) / √n (Smith, 1985).
            prop_assert!((fit.shape - shape).abs() < 5.0 * (1.0 + shape) / 20_000f64.sqrt() + 0.002, "{fit:?}");
            prop_assert!((fit.scale / scale - 1.0).abs() < 0.08, "{fit:?}");
        }

        #[test]
        fn test_a_cut_tail_gives_the_same_parameters(shape in -0.2..0.1f64, seed: u64) {
            let tail = Pareto { shape, scale: 0.02 };
            let end = tail.quantile(0.05);
            let end = (end / 0.0005).ceil() * 0.0005;
            let bins: Vec<_> = drawn(tail, 40_000, seed).into_iter().filter(|b| b.1 <= end + 1e-9).collect();
            let fit = Pareto::fit(&bins, Some(end)).expect("a fit");
            prop_assert!((fit.shape - shape).abs() < 0.12, "{fit:?}");
            // Blind to the cut, the shape would be far too low.
            prop_assert!(Pareto::fit(&bins, None).expect("a fit").shape < fit.shape);
        }
    }
}
