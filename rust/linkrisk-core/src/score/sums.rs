//! Patterns in flat form, and what a round of the fit sums over them.

use super::capture::Captures;
use crate::compare::{Comparison, LEVELS, PatternCounts, RULE_SHIFT};

/// Matches, related and unrelated pairs.
pub(super) const CLASSES: usize = 3;

/// Patterns in flat form.
pub(super) struct Rows {
    /// Levels, comparison by comparison, row after row.
    pub(super) levels: Vec<u8>,
    pub(super) rules: Vec<u32>,
    pub(super) weights: Vec<f64>,
    /// The kind of each, by the rules that are open to it.
    pub(super) kinds: Vec<u32>,
}

impl Rows {
    /// `kind` gives the number of the kind of pairs with a pattern.
    pub(super) fn new(
        counts: &PatternCounts,
        comparisons: &[Comparison],
        mut kind: impl FnMut(u64) -> u32,
    ) -> Self {
        let mut patterns: Vec<(u64, u64)> = counts.iter().map(|(&p, &n)| (p, n)).collect();
        // Sums of floats depend on their order, and a hash map's is nobody's.
        patterns.sort_unstable();
        Self {
            levels: patterns
                .iter()
                .flat_map(|&(p, _)| comparisons.iter().map(move |c| c.level(p & LEVELS) as u8))
                .collect(),
            rules: patterns.iter().map(|&(p, _)| (p >> RULE_SHIFT) as u32).collect(),
            weights: patterns.iter().map(|&(_, n)| n as f64).collect(),
            kinds: patterns.iter().map(|&(p, _)| kind(p)).collect(),
        }
    }

    pub(super) fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The pairs of `rule`.
    pub(super) fn of_rule(&self, rule: usize) -> f64 {
        self.rules
            .iter()
            .zip(&self.weights)
            .filter(|&(by, _)| by >> rule & 1 == 1)
            .map(|(_, weight)| weight)
            .sum()
    }
}

/// Sums over patterns that a round needs.
#[derive(Clone)]
pub(super) struct Sums {
    /// Per level (flat) and class: pairs found by a rule without the attribute.
    pub(super) fair: Vec<[f64; CLASSES]>,
    /// Per level and class: all pairs.
    pub(super) all: Vec<[f64; CLASSES]>,
    /// Per class: pairs.
    pub(super) found: [f64; CLASSES],
    /// Per kind of pairs and class: what the rules captured.
    pub(super) captures: Vec<[Captures; 2]>,
    /// Log-likelihood in bits.
    pub(super) bits: f64,
    /// The same with the related pairs left out of what is expected.
    pub(super) bits_without: f64,
}

impl Sums {
    pub(super) fn new(levels: usize, kinds: usize) -> Self {
        Self {
            fair: vec![[0.0; CLASSES]; levels],
            all: vec![[0.0; CLASSES]; levels],
            found: [0.0; CLASSES],
            captures: vec![Default::default(); kinds],
            bits: 0.0,
            bits_without: 0.0,
        }
    }

    pub(super) fn add(&mut self, more: &Sums) {
        let add = |a: &mut [f64; CLASSES], b: &[f64; CLASSES]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        self.fair.iter_mut().zip(&more.fair).for_each(|(a, b)| add(a, b));
        self.all.iter_mut().zip(&more.all).for_each(|(a, b)| add(a, b));
        add(&mut self.found, &more.found);
        for (own, more) in self.captures.iter_mut().flatten().zip(more.captures.iter().flatten()) {
            own.merge(u32::MAX, more);
        }
        self.bits += more.bits;
        self.bits_without += more.bits_without;
    }
}
