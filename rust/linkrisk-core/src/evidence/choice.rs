//! The threshold for a number of false links, where nobody knows who is who.
//!
//! Pairs drawn at random are of strangers, but for few of one person that are far more similar. Where these show,
//! the counts stop falling; a tail is fitted below, and the rate read off it. So what looks like one person is no
//! stranger, nor are twins and lookalikes. [`thresholds`](super::thresholds) does better where persons are known.

use serde::Serialize;

use super::histogram::{BINS, Histogram, edge};
use super::impostor::{REFUTED, TRUSTED};
use super::tail::{POOLED, Pareto};
use crate::error::{Error, ErrorKind, Result};

/// Shares of the pairs above the similarities that a tail is tried from, the first that fits being taken.
const SHARES: [f64; 7] = [0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4];

/// Pairs a tail is fitted to at the least.
const ENOUGH: f64 = 1_000.0;

/// Bins of the grid that are looked at together for where the counts stop falling: 0.02.
const STEP: usize = 40;

/// Counts that have risen to twice the lowest, and by more than chance, are of one person; up to ten times the
/// lowest, these are a tenth of them.
const RISEN: f64 = 2.0;
const CLEAN: f64 = 10.0;

/// A threshold that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Choice {
    /// The cosine: the lowest of a grid of 0.0005 at which no more false links are expected than were wanted.
    pub threshold: f64,
    /// False links that are expected there.
    pub false_links: f64,
    /// Pairs drawn at random that this rests on.
    pub seen: f64,
    /// The fewest false links that as many pairs can tell of: those where the tail ends, and one pair among
    /// those seen.
    pub told: f64,
    /// Whether fewer were wanted than these pairs can tell of; the tail is then believed farther than it was
    /// seen, where strangers of simulated faces were up to thirty times as frequent.
    pub beyond: bool,
    /// The tail.
    pub tail: Stretch,
}

/// The tail and where it was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stretch {
    /// The similarity it begins at.
    pub from: f64,
    /// The similarity from which on pairs were left out as being of one person, where any were.
    pub to: Option<f64>,
    /// Pairs it was fitted to.
    pub pairs: f64,
    /// Its shape ξ and scale σ.
    #[serde(flatten)]
    pub fit: Pareto,
}

impl Stretch {
    /// The tail of `random` pairs; none where there are too few.
    fn of(random: &Histogram) -> Option<Self> {
        let to = persons_from(random);
        let beyond = to.map_or(0.0, |to| random.at_least(to));
        let mut below = random.clone();
        let first = to.map_or(BINS, super::bin);
        below.counts_mut().iter_mut().skip(first).for_each(|count| *count = 0.0);
        let mut best: Option<(f64, Self)> = None;
        for share in SHARES {
            let from = random.upper_edge(share + beyond / random.total().max(1.0));
            let pairs = below.at_least(from);
            if pairs < ENOUGH || best.as_ref().is_some_and(|(_, tried)| tried.from >= from) {
                continue;
            }
            let cut = to.map(|to| to - from);
            let Some(fit) = Pareto::fit(&below.above(from, POOLED), cut) else { continue };
            let agreement = fit.agreement(&below.above(from, 30), cut);
            if best.as_ref().is_none_or(|(least, _)| agreement >= *least) {
                best = Some((agreement, Self { from, to, pairs, fit }));
            }
            if agreement >= REFUTED {
                break;
            }
        }
        best.map(|(_, tail)| tail)
    }

    /// Pairs of strangers that are expected at or above `similarity`, of as many as it was fitted among.
    fn expected(&self, similarity: f64) -> f64 {
        let cut = self.to.map_or(0.0, |to| self.fit.survival(to - self.from));
        self.pairs / (1.0 - cut).max(f64::MIN_POSITIVE) * self.fit.survival(similarity - self.from)
    }
}

/// From where on the pairs are not of strangers alone: the counts fall and rise again.
fn persons_from(random: &Histogram) -> Option<f64> {
    let steps: Vec<f64> = random.counts().chunks(STEP).map(|step| step.iter().sum()).collect();
    let highest = (0..steps.len()).max_by(|&a, &b| steps[a].total_cmp(&steps[b]))?;
    let mut lowest = highest;
    for at in highest..steps.len() {
        if steps[at] > RISEN * steps[lowest] + 5.0 * steps[lowest].sqrt() + 5.0 {
            let clean = (highest..lowest).find(|&step| steps[step] < CLEAN * steps[lowest].max(1.0));
            return Some(edge(clean.unwrap_or(lowest) * STEP));
        }
        if steps[at] < steps[lowest] {
            lowest = at;
        }
    }
    None
}

/// The threshold at which `wanted` false links are expected among `pairs` pairs, from random pairs.
///
/// # Errors
/// [`ErrorKind::Data`] where there are too few pairs to fit a tail to, or `wanted` false links are expected
/// at no similarity.
pub fn choose(random: Histogram, wanted: f64, pairs: f64) -> Result<Choice> {
    let seen = random.total();
    let refused = |message: String| Error::new(ErrorKind::Data, message).hint("give a threshold");
    let tail = Stretch::of(&random).ok_or_else(|| {
        refused(format!("{seen} pairs of strangers are too few to choose a threshold for false links"))
    })?;
    let expected = |similarity: f64| tail.expected(similarity) / seen * pairs;
    // Below the tail pairs are counted; so many false links nobody wants.
    let threshold = (super::bin(tail.from)..BINS).map(edge).find(|&at| expected(at) <= wanted);
    let threshold = threshold.ok_or_else(|| {
        refused(format!("strangers are so alike that {wanted} false links are exceeded at every similarity"))
    })?;
    let told = (TRUSTED / seen * pairs).max(tail.to.map_or(0.0, expected));
    Ok(Choice { threshold, false_links: expected(threshold), seen, told, beyond: wanted < told, tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strangers at 0 ± 0.06, and as many pairs of one person at 0.65 ± 0.1.
    fn random(pairs: f64, of_one_person: f64) -> Histogram {
        let mut histogram = Histogram::grid();
        let below = |s: f64, mean: f64, sd: f64| 0.5 * libm::erfc((mean - s) / sd / std::f64::consts::SQRT_2);
        for bin in 0..BINS {
            let share = |mean, sd| below(edge(bin + 1), mean, sd) - below(edge(bin), mean, sd);
            histogram.counts_mut()[bin] =
                (pairs * share(0.0, 0.06)).round() + (of_one_person * share(0.65, 0.1)).round();
        }
        histogram
    }

    #[test]
    fn test_the_threshold_is_where_strangers_are_as_frequent_as_wanted() {
        // A normal number is above 5 standard deviations with 2.87e-7, above 4.5 with 3.4e-6.
        for (rate, true_threshold) in [(2.87e-7, 0.30), (3.4e-6, 0.27)] {
            let choice = choose(random(2e9, 0.0), rate * 1e10, 1e10).expect("enough");
            assert!((choice.threshold - true_threshold).abs() < 0.01, "{choice:?}");
            assert!(!choice.beyond && choice.false_links <= rate * 1e10 && (choice.told - 5.0).abs() < 0.01);
            // Pairs of one person hardly move it.
            let mixed = choose(random(2e9, 30_000.0), rate * 1e10, 1e10).expect("enough");
            assert!((mixed.threshold - choice.threshold).abs() < 0.015, "{mixed:?}");
            assert!(choice.tail.to.is_none() && mixed.tail.to.is_some_and(|to| to > 0.2 && to < 0.4));
        }
    }

    #[test]
    fn test_what_the_pairs_cannot_tell_is_said() {
        let few = choose(random(1e6, 0.0), 1.0, 1e12).expect("a tail");
        assert!(few.beyond && (few.told / 1e6 - 1.0).abs() < 0.01 && few.threshold > 0.3, "{few:?}");
        assert_eq!(choose(random(100.0, 0.0), 1.0, 1e12).expect_err("no tail").kind(), ErrorKind::Data);
    }
}
