//! How alike strangers are: the false match rate, seen and beyond what was seen.
//!
//! Up to a threshold u the rate is the share of random pairs that were counted; above u it is that share
//! times a generalised Pareto tail. u is the lowest of a few candidates from which a tail is not refuted by
//! its own counts.
//!
//! The interval is that of a [bootstrap](super::bootstrap) over persons. Replicates take their u from all admissible candidates, so that the choice of u is in the interval too.
//!
//! Cost: replicates × (pairs in the tail + a fit to 100 bins).

use rayon::prelude::*;
use serde::Serialize;

use super::bootstrap::Dependence;
use super::histogram::Histogram;
use super::interval::{self, Estimate};
use super::tail::{POOLED, Pareto};
use crate::error::Result;
use crate::runtime::Context;

/// Replicates of the bootstrap; the ends of a 95 % interval are then the fifth and the 196th.
const REPLICATES: u64 = 200;

/// Shares of the pairs above the thresholds that are tried for the tail, the first that fits being taken.
const CANDIDATES: [f64; 9] = [0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4, 5e-5];

/// Pairs a tail is fitted to at the least: the shape then has a standard error of 0.06.
const ENOUGH: f64 = 250.0;

/// A threshold is admissible where counts as far from its tail have at least this probability.
pub(super) const REFUTED: f64 = 0.05;

/// Pairs that a tail must still expect among those seen. Farther out the rates of simulated faces were up to
/// thirty times the tail's: poor captures and lookalikes are too few to shape a tail, and soon all that is
/// left of it.
pub(super) const TRUSTED: f64 = 1.0;

/// What a false match rate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Pairs that were seen.
    Counted,
    /// The fitted tail, down to the rate of one pair among those seen.
    Tail,
    /// Nothing: too few pairs were seen. The upper end holds whatever the tail's shape.
    Unknown,
}

/// The false match rate at a similarity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FalseMatch {
    /// Share of pairs of strangers at or above it.
    pub rate: Estimate,
    /// Pairs of strangers seen at or above it.
    pub seen: f64,
    /// Upper 95 % bound from the pairs seen alone: three in the number of pairs where there was none.
    pub at_most: f64,
    /// What the rate rests on.
    pub basis: Basis,
}

/// Pairs of strangers and the tail fitted to them.
#[derive(Debug, Clone)]
pub struct Impostors<'a> {
    histogram: Histogram,
    /// The same with the pairs of one person that were taken off.
    raw: Histogram,
    dependence: Dependence<'a>,
    /// Thresholds a tail may begin at, the chosen one first.
    starts: Vec<f64>,
    tail: Option<Pareto>,
    agreement: f64,
    /// Of a bin's pairs the share that is of strangers; empty where all are.
    kept: Vec<f64>,
    set_aside: f64,
    /// From here on there are more pairs than the tail explains.
    end: Option<f64>,
}

/// The fitted tail, as it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TailReport {
    /// The similarity it begins at.
    pub from: f64,
    /// Pairs it was fitted to.
    pub pairs: f64,
    /// Its shape ξ.
    pub shape: f64,
    /// Its scale σ.
    pub scale: f64,
    /// Probability of counts as far from it, by χ².
    pub agreement: f64,
}

impl<'a> Impostors<'a> {
    /// Fits a tail to pairs that are all known to be of strangers.
    ///
    /// Where there are far more pairs from some similarity on than the tail below explains, as other cameras,
    /// relatives and lookalikes make them, those pairs are counted and not fitted.
    pub fn new(histogram: Histogram, dependence: Dependence<'a>) -> Self {
        let raw = histogram.clone();
        Self::fitted((histogram, raw), dependence, Vec::new(), 0.0)
    }

    /// The same for random pairs, of which a few are of one person: those are taken off, as many as make
    /// all pairs above the median of `genuine` pairs of one person. Strangers that are as alike are taken off
    /// with them.
    pub fn of_random_pairs(
        mut histogram: Histogram,
        dependence: Dependence<'a>,
        genuine: &Histogram,
    ) -> Self {
        let raw = histogram.clone();
        let median = genuine.upper_edge(0.5);
        let part = genuine.at_least(median);
        let persons = if part > 0.0 { histogram.at_least(median) / part } else { 0.0 };
        // From the top, what is left never falls: a bin gives off no more than it has, on the whole.
        let (mut above, mut expected, mut left) = (0.0, 0.0, 0.0);
        let mut kept = vec![1.0; histogram.counts().len()];
        let before = histogram.total();
        for (bin, count) in histogram.counts_mut().iter_mut().enumerate().rev() {
            above += *count;
            expected += persons * genuine.counts()[bin];
            let next = f64::max(left, above - expected);
            kept[bin] = if *count > 0.0 { (next - left) / *count } else { 0.0 };
            *count = next - left;
            left = next;
        }
        let set_aside = before - histogram.total();
        Self::fitted((histogram, raw), dependence, kept, set_aside)
    }

    /// A tail is first fitted to the lower nine tenths of it alone. Where from some similarity on there are
    /// twice as many pairs as that tail explains, and five standard deviations and five pairs more, the fit is
    /// repeated with the pairs up to there.
    fn fitted(
        (histogram, raw): (Histogram, Histogram),
        dependence: Dependence<'a>,
        kept: Vec<f64>,
        set_aside: f64,
    ) -> Self {
        let tenth = histogram.upper_edge(0.1 * CANDIDATES[0]);
        let mut made = Self {
            histogram,
            raw,
            dependence,
            kept,
            set_aside,
            starts: Vec::new(),
            tail: None,
            agreement: 0.0,
            end: Some(tenth),
        };
        made.choose();
        for _ in 0..8 {
            let end = made.surplus_from();
            if end.is_some() && end == made.end {
                break;
            }
            made.end = end;
            made.choose();
            if end.is_none() {
                break;
            }
        }
        made
    }

    /// Pairs at or above `similarity` that the tail explains, from those below its end.
    fn explained(&self, similarity: f64, tail: Pareto) -> f64 {
        let start = self.starts[0];
        let beyond = self.end.map_or(0.0, |end| self.histogram.at_least(end));
        let inside = self.histogram.at_least(start) - beyond;
        let cut = self.end.map_or(0.0, |end| tail.survival(end - start));
        inside / (1.0 - cut) * tail.survival(similarity - start)
    }

    /// Pairs of strangers that were seen.
    pub fn pairs(&self) -> f64 {
        self.histogram.total()
    }

    /// Pairs that were taken off because they are of one person.
    pub fn set_aside(&self) -> f64 {
        self.set_aside
    }

    /// Share of the random pairs at or above `similarity` that is of strangers: what is left where pairs of one
    /// person were taken off, else what the tail explains; 1 where there is no pair.
    pub fn strangers(&self, similarity: f64) -> f64 {
        let all = self.raw.at_least(similarity);
        if all <= 0.0 {
            return 1.0;
        }
        let unexplained = self.end.is_some_and(|end| similarity >= end) && self.kept.is_empty();
        match self.tail.filter(|_| unexplained) {
            Some(tail) => (self.explained(similarity, tail) / all).min(1.0),
            None => self.histogram.at_least(similarity) / all,
        }
    }

    /// The counts.
    pub fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// The fitted tail; none where there were too few pairs.
    pub fn tail(&self) -> Option<TailReport> {
        let (tail, from) = (self.tail?, *self.starts.first()?);
        let pairs = self.histogram.at_least(from) - self.end.map_or(0.0, |end| self.histogram.at_least(end));
        Some(TailReport { from, pairs, shape: tail.shape, scale: tail.scale, agreement: self.agreement })
    }

    /// The false match rate at `similarity`, without interval.
    pub fn rate(&self, similarity: f64) -> f64 {
        let start = self.starts.first().copied();
        self.rate_of(similarity, self.histogram.at_least(similarity), self.pairs(), |s| {
            Some((self.tail?, start?, self.histogram.at_least(s)))
        })
    }

    /// The rate at `similarity` where `above` of `pairs` pairs are; `tail` gives a tail, where it begins and
    /// the pairs at or above a similarity.
    fn rate_of(
        &self,
        similarity: f64,
        above: f64,
        pairs: f64,
        tail: impl Fn(f64) -> Option<(Pareto, f64, f64)>,
    ) -> f64 {
        if pairs <= 0.0 {
            return 0.0;
        }
        // From the end of the tail on pairs are counted and not fitted.
        let counted = self.end.is_some_and(|end| similarity >= end);
        let Some((fit, start, _)) = tail(similarity).filter(|t| similarity > t.1 && !counted) else {
            return above / pairs;
        };
        let count = |s: f64| tail(s).map_or(0.0, |t| t.2);
        let beyond = self.end.map_or(0.0, &count);
        let cut = self.end.map_or(0.0, |end| fit.survival(end - start));
        let whole = (count(start) - beyond) / (1.0 - cut);
        // Below it, what it has more than the tail explains is on top of the tail.
        let surplus = (beyond - whole * cut).max(0.0);
        (whole * fit.survival(similarity - start) + surplus) / pairs
    }

    /// The rate of each replicate at each of `similarities`.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn replicates(&self, similarities: &[f64], context: &Context) -> Result<Vec<Vec<f64>>> {
        context.pool.install(|| {
            (0..REPLICATES)
                .into_par_iter()
                .map(|number| {
                    context.cancel.check()?;
                    Ok(self.replicate(number, similarities, context.seed))
                })
                .collect()
        })
    }

    /// The rates at `similarities`, with what the pairs seen allow to say of each.
    pub fn rates(&self, similarities: &[f64], replicates: &[Vec<f64>]) -> Vec<FalseMatch> {
        let describe = |(i, &similarity): (usize, &f64)| {
            let value = self.rate(similarity);
            let mut drawn: Vec<f64> = replicates.iter().map(|r| r[i]).collect();
            self.describe(similarity, interval::percentile(value, &mut drawn))
        };
        similarities.iter().enumerate().map(describe).collect()
    }

    fn describe(&self, similarity: f64, rate: Estimate) -> FalseMatch {
        let pairs = self.pairs();
        let seen = self.histogram.at_least(similarity);
        let at_most = interval::at_most(seen, pairs);
        let counted = self.end.is_some_and(|end| similarity >= end);
        let in_tail = self.starts.first().is_some_and(|&start| similarity > start) && !counted;
        let basis = if in_tail && self.tail.is_some() {
            if rate.value * pairs >= TRUSTED { Basis::Tail } else { Basis::Unknown }
        } else if seen >= 1.0 {
            Basis::Counted
        } else {
            Basis::Unknown
        };
        let rate = match basis {
            Basis::Tail => rate,
            // A count of few pairs varies more than its replicates show.
            Basis::Counted if seen < ENOUGH => {
                let exact = interval::share(seen, pairs);
                Estimate { value: rate.value, low: rate.low.min(exact.low), high: rate.high.max(exact.high) }
            }
            Basis::Counted => rate,
            // Nothing less can be claimed than what is trusted at all.
            Basis::Unknown => {
                let least = (TRUSTED / pairs.max(1.0)).min(at_most);
                Estimate { value: rate.value.max(least), low: 0.0, high: rate.high.max(at_most) }
            }
        };
        FalseMatch { rate, seen, at_most, basis }
    }

    /// Chooses where the tail begins and fits it.
    fn choose(&mut self) {
        let pairs = self.histogram.total();
        let beyond = self.end.map_or(0.0, |end| self.histogram.at_least(end));
        let mut fits: Vec<(f64, Pareto, f64)> = Vec::new();
        for share in CANDIDATES {
            let start =
                self.histogram.upper_edge(share + beyond / pairs.max(1.0)).max(self.dependence.first());
            let inside = self.histogram.at_least(start) - beyond;
            if inside < ENOUGH || fits.last().is_some_and(|f| f.0 >= start) {
                continue;
            }
            let bins = self.bins(&self.histogram, start, POOLED);
            if let Some(tail) = Pareto::fit(&bins, self.end.map(|end| end - start)) {
                // A tail that reaches past what is seen must be refuted by as many pairs as decide its end.
                let coarse = self.bins(&self.histogram, start, 30);
                fits.push((start, tail, tail.agreement(&coarse, self.end.map(|end| end - start))));
            }
        }
        let first = fits.iter().position(|f| f.2 >= REFUTED);
        let best = || (0..fits.len()).max_by(|&a, &b| fits[a].2.total_cmp(&fits[b].2));
        let Some(chosen) = first.or_else(best) else {
            (self.starts, self.tail, self.agreement) = (Vec::new(), None, 0.0);
            return;
        };
        let admissible = fits[chosen + 1..].iter().filter(|f| f.2 >= REFUTED).take(2);
        self.starts = std::iter::once(&fits[chosen]).chain(admissible).map(|f| f.0).collect();
        (self.tail, self.agreement) = (Some(fits[chosen].1), fits[chosen].2);
    }

    /// The bins of a tail from `start`, without those that are set aside.
    fn bins(&self, histogram: &Histogram, start: f64, bins: usize) -> Vec<(f64, f64, f64)> {
        let Some(end) = self.end else { return histogram.above(start, bins) };
        let mut cut = histogram.clone();
        let first = cut.edges().partition_point(|&e| e < end - 1e-9);
        cut.counts_mut().iter_mut().skip(first).for_each(|c| *c = 0.0);
        cut.above(start, bins)
    }

    /// The lowest similarity from which far more pairs were seen than the tail explains.
    fn surplus_from(&self) -> Option<f64> {
        let (tail, &start) = (self.tail?, self.starts.first()?);
        let first = self.histogram.edges().partition_point(|&e| e <= start);
        let mut above = self.histogram.at_least(start);
        let bins = self.histogram.edges()[first..].iter().zip(&self.histogram.counts()[first - 1..]);
        for (&edge, &count_before) in bins {
            above -= count_before;
            let expected = self.explained(edge, tail);
            if above > 2.0 * expected + 5.0 * expected.sqrt() + 5.0 {
                return Some(edge);
            }
        }
        None
    }

    fn replicate(&self, number: u64, similarities: &[f64], seed: u64) -> Vec<f64> {
        let (drawn, pairs) = self.dependence.drawn(&self.histogram, &self.kept, (seed, number));
        let pairs = pairs.max(1.0);
        let start = match self.starts.len() {
            0 => None,
            n => Some(self.starts[number as usize % n]),
        };
        let fit = start.and_then(|start| {
            let tail = Pareto::fit(&self.bins(&drawn, start, POOLED), self.end.map(|end| end - start))?;
            Some((tail, start))
        });
        // Below what was kept pair by pair the rate varies as it does there: less, in truth.
        let first = self.dependence.first();
        let rate = |s: f64| {
            let tail = |s: f64| fit.map(|(tail, start)| (tail, start, drawn.at_least(s)));
            self.rate_of(s, drawn.at_least(s), pairs, tail)
        };
        let there = if first.is_finite() { self.rate(first) } else { 0.0 };
        let ratio = if there > 0.0 { rate(first) / there } else { 1.0 };
        similarities
            .iter()
            .map(|&s| if s < first { (self.rate(s) * ratio).min(1.0) } else { rate(s).min(1.0) })
            .collect()
    }
}

#[cfg(test)]
#[path = "impostor_tests.rs"]
mod tests;
