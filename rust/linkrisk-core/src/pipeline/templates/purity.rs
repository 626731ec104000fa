//! What templates tell of numbers that are issued to one person: how many of the pairs that agree on one are of
//! two people all the same.
//!
//! Training takes it that one in a hundred is, where no rule without the number finds such pairs. Templates
//! are a witness apart: pairs of two people are as alike as strangers, half of them less than strangers'
//! median.

use super::known::Known;
use super::rates::Rates;
use crate::compare::Comparison;
use crate::evidence::{BINS, Probe, Sample, below_median, bin, share};
use crate::kernel::simd::Level;
use crate::score::IMPURE;
use crate::score::model::{ChanceSource, ComparisonModel, Source};

/// Pairs that agree on a number and whose templates are compared, at the least: with nobody wrong among them
/// the share of wrong ones is then known to be under one in a hundred.
const ENOUGH: usize = 1_000;

/// Share of the pairs that agree on a number and are of two people.
#[derive(Debug, Clone, Copy)]
pub struct Impure {
    /// The comparison of the number.
    pub comparison: usize,
    /// The pairs that tell.
    pub pairs: usize,
    /// The upper end of the 95 % interval of the share.
    pub share: f64,
}

/// What the linked pairs of `known`, of which `sample` has the templates in the same order, tell of the numbers
/// that only their own rule could teach.
pub fn of_numbers(
    (comparisons, models): (&[Comparison], &[ComparisonModel]),
    known: &Known,
    (sample, rates): (&Sample, &Rates<'_>),
) -> Vec<Impure> {
    let taught_itself = |&at: &usize| {
        let mut exact = models[at].levels.iter().take(comparisons[at].exact);
        comparisons[at].kind.is_issued() && exact.any(|level| level.m_source == Source::EmOwnRule)
    };
    let kernel = Level::best();
    let told = |at: usize| {
        let mut counts = vec![vec![0.0; BINS]; rates.parts.len()];
        let mut pairs = 0;
        for (&pattern, pair) in known.patterns.iter().zip(&sample.persons) {
            if let [a, b] = pair.as_slice()
                && (1..=comparisons[at].exact).contains(&comparisons[at].level(pattern))
                && let Some(part) = rates.part(a.class as usize, b.class as usize)
                && let Some(similarity) = Probe::new(kernel, a, sample.fusion.as_ref()).similarity(b)
            {
                counts[part][bin(similarity)] += 1.0;
                pairs += 1;
            }
        }
        // Of the pairs of strangers that there are, those less alike than the median are a share of `low`.
        let (mut below, mut low) = (0.0, 0.0);
        for (counts, part) in counts.iter().zip(rates.parts) {
            let median = below_median(counts, &part.bins);
            below += median.observed;
            low += median.share * counts.iter().sum::<f64>() / f64::from(pairs).max(1.0);
        }
        let share = (share(below, f64::from(pairs)).high / low.max(1e-9)).min(1.0);
        (pairs as usize >= ENOUGH).then_some(Impure { comparison: at, pairs: pairs as usize, share })
    };
    (0..models.len().min(comparisons.len())).filter(taught_itself).filter_map(told).collect()
}

/// Has what is `told` take the place of what was assumed, of each number by the most pairs that tell of it.
pub fn correct(models: &mut [ComparisonModel], comparisons: &[Comparison], mut told: Vec<Impure>) {
    told.sort_by_key(|told| (told.comparison, std::cmp::Reverse(told.pairs)));
    told.dedup_by_key(|told| told.comparison);
    for Impure { comparison, share, .. } in told {
        for level in models[comparison].levels.iter_mut().take(comparisons[comparison].exact) {
            if level.u_source == ChanceSource::Frequency {
                let before = level.u;
                level.u = (before * share / IMPURE).min(level.m);
                level.related = level.related.map(|related| related * level.u / before);
                level.weight = (level.m / level.u).log2();
                level.u_source = ChanceSource::Templates;
            }
        }
    }
}
