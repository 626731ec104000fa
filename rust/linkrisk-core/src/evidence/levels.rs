//! Similarities as comparison levels: what each is worth in bits.
//!
//! The likelihood ratio of a bin is its share among pairs of one person over that among strangers, made to
//! rise with the similarity by isotonic regression. Levels part it at whole steps of bits, so that a
//! template is one comparison among others (Fellegi and Sunter, 1969).

use serde::Serialize;

use super::histogram::Histogram;
use super::isotonic::rising;

/// Width of the bins whose ratios are compared.
const WIDTH: f64 = 0.01;

/// Levels at most, that of the most dissimilar pairs included: a pattern has 44 bits for all comparisons.
pub const MOST: usize = 15;

/// One level: similarities from `from` up to that of the next better level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Level {
    /// The lowest similarity; of the last level the lowest that there is.
    pub from: f64,
    /// P(level | one person).
    pub m: f64,
    /// P(level | two people).
    pub u: f64,
    /// log2(m / u), in bits.
    pub weight: f64,
}

/// Makes levels, from the most similar to the most dissimilar; their weights fall.
///
/// `rate` is the false match rate, `genuine` pairs of one person, and `least` the lowest rate that can be
/// known: similarities beyond it are not told apart. `step` is the bits between two levels; it is doubled
/// until there are no more than [`MOST`]. Empty where there is no genuine pair.
pub fn levels(rate: impl Fn(f64) -> f64, genuine: &Histogram, least: f64, step: f64) -> Vec<Level> {
    let pairs = genuine.total();
    if pairs <= 0.0 {
        return Vec::new();
    }
    let (low, high) = (genuine.edges()[0], genuine.edges()[genuine.edges().len() - 1]);
    let bins = ((high - low) / WIDTH).round().max(1.0) as usize;
    let place = |i: usize| low + (high - low) * i as f64 / bins as f64;
    let mut edges: Vec<f64> = (0..bins).map(|i| (place(i) * 1e6).round() / 1e6).collect();
    // Up to the last edge whose rate can be known; the rest is one bin.
    let known = edges.partition_point(|&e| rate(e) >= least).max(1);
    edges.truncate(known);
    // Half a pair is added to each, so that no level is impossible among people.
    let part = |i: usize| {
        let (fmr, above) = (rate(edges[i]), genuine.at_least(edges[i]));
        let (fmr_next, next) = edges.get(i + 1).map_or((0.0, 0.0), |&e| (rate(e), genuine.at_least(e)));
        ((fmr - fmr_next).max(0.0), (above - next) / pairs)
    };
    let (u, m): (Vec<f64>, Vec<f64>) = (0..edges.len()).map(part).unzip();
    let ratios: Vec<f64> = u.iter().zip(&m).map(|(u, m)| if *u > 0.0 { m / u } else { 0.0 }).collect();
    let bits: Vec<f64> = rising(&ratios, &u).iter().map(|r| r.max(f64::MIN_POSITIVE).log2()).collect();
    let mut step = step.max(0.1);
    loop {
        // Below −10 bits a pair is of two people in any case.
        let level = |b: f64| (b.max(-10.0) / step).floor();
        let mut made: Vec<Level> = Vec::new();
        let mut last = None;
        for i in 0..edges.len() {
            match made.last_mut() {
                Some(open) if last == Some(level(bits[i])) => {
                    open.m += m[i];
                    open.u += u[i];
                }
                _ => made.push(Level { from: edges[i], m: m[i], u: u[i], weight: 0.0 }),
            }
            last = Some(level(bits[i]));
        }
        if made.len() <= MOST {
            return weighed(made, pairs, least);
        }
        step *= 2.0;
    }
}

/// Levels with their weights, best first.
fn weighed(mut made: Vec<Level>, pairs: f64, least: f64) -> Vec<Level> {
    for level in &mut made {
        level.m = level.m.max(0.5 / pairs);
        level.u = level.u.max(least.min(0.5));
        level.weight = (level.m / level.u).log2();
    }
    // The floors may have turned two neighbours round.
    let weights: Vec<f64> = made.iter().map(|l| l.weight).collect();
    let shares: Vec<f64> = made.iter().map(|l| l.u).collect();
    made.iter_mut().zip(rising(&weights, &shares)).for_each(|(l, w)| l.weight = w);
    made.reverse();
    made
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(mean: f64, sd: f64, pairs: f64) -> Histogram {
        let mut made = Histogram::grid();
        let edges = made.edges().to_vec();
        let below = |s: f64| 0.5 * libm::erfc(-(s - mean) / sd / std::f64::consts::SQRT_2);
        for (i, count) in made.counts_mut().iter_mut().enumerate() {
            *count = pairs * (below(edges[i + 1]) - below(edges[i]));
        }
        made
    }

    #[test]
    fn test_no_genuine_pair_no_level() {
        assert_eq!(levels(|_| 0.5, &Histogram::grid(), 1e-9, 2.0), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn test_weights_fall_and_are_the_ratio(mean in 0.3..0.7f64, sd in 0.05..0.15f64, step in 0.5..4.0f64) {
            let (genuine, strangers) = (normal(mean, sd, 1e4), normal(0.0, 0.06, 1e9));
            let rate = |s: f64| strangers.at_least(s) / 1e9;
            let made = levels(rate, &genuine, 1e-10, step);
            prop_assert!((2..=MOST).contains(&made.len()));
            prop_assert!(made.is_sorted_by(|a, b| a.from > b.from && a.weight >= b.weight));
            prop_assert!((made.iter().map(|l| l.m).sum::<f64>() - 1.0).abs() < 0.01);
            prop_assert!((made.iter().map(|l| l.u).sum::<f64>() - 1.0).abs() < 0.01);
            // Where ten pairs and more of each kind are known, the weight is what the two normals say.
            let mass = |mean: f64, sd: f64, from: f64, to: f64| {
                let above = |s: f64| 0.5 * libm::erfc((s - mean) / sd / std::f64::consts::SQRT_2);
                above(from) - above(to)
            };
            for (level, next) in made.iter().skip(1).zip(&made) {
                let (m, u) = (mass(mean, sd, level.from, next.from), mass(0.0, 0.06, level.from, next.from));
                if m > 10.0 / 1e4 && u > 10.0 / 1e9 {
                    let (bits, weight) = ((m / u).log2(), level.weight);
                    prop_assert!((weight - bits).abs() < 0.5, "{weight} and {bits} from {}", level.from);
                }
            }
        }
    }
}
