//! Intervals of shares: what a count among so many pairs allows, and what it cannot tell.
//!
//! C. J. Clopper and E. S. Pearson, *The use of confidence or fiducial limits*, Biometrika 26 (1934). For
//! pairs that hang together because they are of one person, the same with the effective number of pairs
//! (E. L. Korn and B. I. Graubard, *Confidence intervals for proportions with small expected number of
//! positive counts estimated from survey data*, Survey Methodology 24, 1998).

use serde::Serialize;

/// Probability that each end of an interval leaves out.
const TAIL: f64 = 0.025;

/// Halvings of the bracket of a quantile; more than a float has digits.
const HALVINGS: usize = 200;

/// Terms of the continued fraction at most; it needs about √(a + b) of them.
const TERMS: usize = 200_000;

/// An estimate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// The estimate and both ends brought through a rising function.
    #[must_use]
    pub fn map(self, rising: impl Fn(f64) -> f64) -> Self {
        Self { value: rising(self.value), low: rising(self.low), high: rising(self.high) }
    }
}

/// The share `events` / `pairs` with its exact 95 % interval; [0, 1] where there is no pair.
///
/// Both may be effective numbers, which need not be whole.
pub fn share(events: f64, pairs: f64) -> Estimate {
    if pairs <= 0.0 {
        return Estimate { value: 0.0, low: 0.0, high: 1.0 };
    }
    let events = events.clamp(0.0, pairs);
    let misses = pairs - events;
    Estimate {
        value: events / pairs,
        low: if events > 0.0 { beta_quantile(TAIL, events, misses + 1.0) } else { 0.0 },
        high: if misses > 0.0 { beta_quantile(1.0 - TAIL, events + 1.0, misses) } else { 1.0 },
    }
}

/// The share with its interval where the pairs of `clusters` hang together: each is the events and the
/// pairs of one person.
///
/// The design effect comes from the variance between persons (linearised ratio estimate); the interval is
/// that of the effective number of pairs, which is never more than the pairs there are. Where no event
/// was seen, the variance says nothing and a person counts as one pair.
pub fn clustered_share(clusters: impl Iterator<Item = (f64, f64)> + Clone) -> Estimate {
    let (mut events, mut pairs, mut persons) = (0.0, 0.0, 0.0);
    for (e, n) in clusters.clone() {
        (events, pairs, persons) = (events + e, pairs + n, persons + 1.0);
    }
    if pairs <= 0.0 {
        return share(0.0, 0.0);
    }
    let p = events / pairs;
    let squares: f64 = clusters.map(|(e, n)| (e - p * n).powi(2)).sum();
    let binomial = p * (1.0 - p) * pairs;
    let effect = if binomial > 0.0 { squares / binomial } else { pairs / persons };
    let effective = pairs / effect.max(1.0);
    Estimate { value: p, ..share(p * effective, effective) }
}

/// Upper end of the one-sided 95 % interval of a share: the rule of three where no event was seen.
pub fn at_most(events: f64, pairs: f64) -> f64 {
    if pairs <= 0.0 || events >= pairs { 1.0 } else { beta_quantile(0.95, events + 1.0, pairs - events) }
}

/// The 95 % percentile interval of replicates, around `value` in any case.
pub fn percentile(value: f64, replicates: &mut [f64]) -> Estimate {
    replicates.sort_unstable_by(f64::total_cmp);
    let at = |p: f64| {
        let place = p * (replicates.len().saturating_sub(1)) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        match (replicates.get(below), replicates.get(above)) {
            (Some(a), Some(b)) => a + (b - a) * place.fract(),
            _ => value,
        }
    };
    Estimate { value, low: at(TAIL).min(value), high: at(1.0 - TAIL).max(value) }
}

/// The `p` quantile of the beta distribution, by halving: exact to the digits of a float.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    // On the logarithm of the odds, so that a share of 1e-12 has as many digits as one of a half.
    let (mut low, mut high) = (-745.0f64, 745.0f64);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if beta_regularised(a, b, middle) < p { low = middle } else { high = middle }
    }
    1.0 / (1.0 + (-0.5 * (low + high)).exp())
}

/// The regularised incomplete beta function at the share whose log odds are `odds`.
///
/// Lentz's continued fraction (Press et al., *Numerical Recipes*, 3rd edition, 2007, section 6.4).
fn beta_regularised(a: f64, b: f64, odds: f64) -> f64 {
    let (x, y) = (1.0 / (1.0 + (-odds).exp()), 1.0 / (1.0 + odds.exp()));
    // ln x and ln (1 − x) without losing what is near nothing.
    let (ln_x, ln_y) = (-(-odds).exp().ln_1p(), -odds.exp().ln_1p());
    let front = (libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * ln_x + b * ln_y).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, y) / b
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..=TERMS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn test_share_of_none_and_of_all() {
        assert_eq!(share(0.0, 0.0), Estimate { value: 0.0, low: 0.0, high: 1.0 });
        let none = share(0.0, 100.0);
        assert!(none.low == 0.0 && (none.high - (1.0 - 0.025f64.powf(0.01))).abs() < 1e-12);
        let all = share(100.0, 100.0);
        assert!(all.high == 1.0 && (all.low - 0.025f64.powf(0.01)).abs() < 1e-12);
    }

    #[test]
    fn test_no_event_in_n_pairs_is_three_in_n() {
        for n in [1e3, 1e6, 1e9, 1e12] {
            assert!((at_most(0.0, n) * n - 2.996).abs() < 0.01, "{}", at_most(0.0, n) * n);
        }
    }

    #[test]
    fn test_clusters_of_one_pair_are_independent() {
        let single = clustered_share((0..100).map(|i| (f64::from(i % 10 / 9), 1.0)));
        assert_eq!(single, share(10.0, 100.0));
    }

    #[test]
    fn test_clusters_that_agree_count_once() {
        // Twenty persons of five pairs, all alike: as twenty pairs.
        let clusters = (0..20).map(|i| if i < 4 { (5.0, 5.0) } else { (0.0, 5.0) });
        let found = clustered_share(clusters);
        let once = share(4.0, 20.0);
        assert!((found.low - once.low).abs() < 1e-9 && (found.high - once.high).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn test_quantiles_undo_the_distribution(a in 0.5..1e6f64, b in 0.5..1e9f64, p in 0.001..0.999f64) {
            let x = beta_quantile(p, a, b);
            let odds = (x / (1.0 - x)).ln();
            prop_assert!((beta_regularised(a, b, odds) - p).abs() < 1e-6, "{x}");
        }

        #[test]
        fn test_intervals_hold_the_share(n in 1u64..10_000_000, k in 0.0..=1.0f64) {
            let events = (n as f64 * k).floor();
            let found = share(events, n as f64);
            prop_assert!(0.0 <= found.low && found.low <= found.value);
            prop_assert!(found.value <= found.high && found.high <= 1.0);
            prop_assert!(at_most(events, n as f64) <= found.high + 1e-12);
        }
    }
}
