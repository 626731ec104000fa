//! How many matches there are, those that no blocking rule finds included.
//!
//! Capture and recapture between blocking rules (C. G. J. Petersen 1896, F. C. Lincoln 1930): of the
//! matches that rules sharing no attribute with a rule find, the rule finds the same share as of all
//! matches. That holds where the attributes of one person go wrong independently; where a bad record
//! is bad in all of them, the number is too low.

use super::weights::Scorer;
use crate::block::Rules;
use crate::compare::{PatternCounts, RULE_SHIFT};

/// Matches by the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Captured {
    /// Matches among the candidate pairs.
    pub found: f64,
    /// Matches among all pairs.
    pub all: f64,
}

impl Captured {
    /// Share of the matches that the rules find.
    pub fn recall(&self) -> f64 {
        if self.all > 0.0 { self.found / self.all } else { 1.0 }
    }
}

/// From this many matches found by disjoint rules a rule's share is used.
const ENOUGH: f64 = 100.0;

/// Expected pairs of a class that a rule finds, that rules disjoint from it find, and that both do.
pub type Capture = [f64; 3];

/// Estimates the pairs of a class in all from what each rule and those disjoint from it captured.
pub fn recapture(found: f64, captures: impl IntoIterator<Item = Capture>) -> Captured {
    let (mut by_rule, mut rates) = (0.0, 0.0);
    for [own, other, both] in captures {
        if other >= ENOUGH.min(found / 10.0) && both > 0.0 {
            by_rule += own;
            rates += both / other;
        }
    }
    let all = if rates > 0.0 { (by_rule / rates).max(found) } else { found };
    Captured { found, all }
}

/// For each rule, the rules that share no attribute with it, a bit each.
pub fn disjoint(rules: &Rules) -> Vec<u32> {
    let count = rules.rules.len();
    let attributes: Vec<u64> = (0..count).map(|rule| rules.attributes(rule)).collect();
    let apart = |rule: usize| {
        let others = (0..count).filter(|&other| attributes[other] & attributes[rule] == 0);
        others.fold(0u32, |bits, other| bits | 1 << other)
    };
    (0..count).map(apart).collect()
}

/// The matches behind all candidate pairs, by their patterns.
pub fn matches(counts: &PatternCounts, rules: &Rules, scorer: &Scorer<'_>) -> Captured {
    let disjoint = disjoint(rules);
    let mut captures = vec![[0.0; 3]; disjoint.len()];
    let mut found = 0.0;
    let mut patterns: Vec<(u64, u64)> = counts.iter().map(|(&p, &n)| (p, n)).collect();
    // Sums of floats depend on their order.
    patterns.sort_unstable();
    for (pattern, count) in patterns {
        let expected = scorer.score(pattern).probability * count as f64;
        let by = (pattern >> RULE_SHIFT) as u32;
        found += expected;
        for (rule, (capture, &disjoint)) in captures.iter_mut().zip(&disjoint).enumerate() {
            let here = f64::from(by >> rule & 1);
            let there = f64::from(u32::from(by & disjoint != 0));
            capture[0] += here * expected;
            capture[1] += there * expected;
            capture[2] += here * there * expected;
        }
    }
    recapture(found, captures)
}
