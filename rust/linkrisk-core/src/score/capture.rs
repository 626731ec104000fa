//! How many matches there are, those that no blocking rule finds included.
//!
//! Capture and recapture between blocking rules (C. G. J. Petersen 1896, F. C. Lincoln 1930): of the
//! matches that rules sharing no attribute with a rule find, the rule finds the same share as of all
//! matches. That holds where the attributes of one person go wrong independently; where a bad record
//! is bad in all of them, the number is too low.
//!
//! It holds among pairs of one kind. A rule finds nothing where a record lacks its attributes, and two
//! positions of one telephone differ from two registrations of its owner, so pairs are taken apart by the
//! rules that may find them, their *open* rules. Where no two of these are disjoint nothing tells what they miss, and
//! they are taken to miss nothing. (Together, 4 in 100 registrations had the telephone of a later one, and 12.9 million
//! pairs of positions, all of them right, were taken for the tenth part of what there was.)

use std::collections::BTreeMap;

use super::weights::Scorer;
use crate::block::Rules;
use crate::compare::{Comparison, PatternCounts, RULE_SHIFT};

/// Matches by the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Captured {
    /// Matches among the candidate pairs.
    pub found: f64,
    /// Matches among all pairs.
    pub all: f64,
    /// Of those found, the ones of kinds of which nothing tells what is missed.
    pub unchecked: f64,
}

impl Captured {
    /// Share of the matches that the rules find.
    pub fn recall(&self) -> f64 {
        if self.all > 0.0 { self.found / self.all } else { 1.0 }
    }
}

/// From this many matches found by disjoint rules a rule's share is used.
const ENOUGH: f64 = 100.0;

/// Of which it must have found this many itself: the share of a rule that found next to none is any share at all.
const LEAST: f64 = 7.0;

/// From this probability on a pair is sure to be a match.
pub const SURE: f64 = 0.5;

/// Of the pairs of a rule that teaches what matches look like, the least share that are sure to be matches: below, and
/// from twice as many on again.
const PURE: f64 = 0.005;

/// How the rules stand to each other and to what is compared; a bit each.
#[derive(Debug, Clone)]
pub struct Overlap {
    /// The rules that teach: of the pairs of others next to none are matches, and those that seem to be are chance.
    ///
    /// Of the 6.9 million pairs of photographs of one police station 114 are of one person. Counted like others,
    /// the matches of a gallery of 50,000 came to 966 million.
    pub teaching: u32,
    /// For each rule, those that share no attribute with it.
    disjoint: Vec<u32>,
    /// For each comparison, the rules that use its attribute.
    pub using: Vec<u32>,
}

impl Overlap {
    /// The overlap of `rules`.
    pub fn new(rules: &Rules, comparisons: &[Comparison]) -> Self {
        let attributes: Vec<u64> = (0..rules.rules.len()).map(|rule| rules.attributes(rule)).collect();
        let choose = |wanted: &dyn Fn(u64) -> bool| {
            let chosen = attributes.iter().enumerate().filter(|&(_, &used)| wanted(used));
            chosen.fold(0u32, |bits, (rule, _)| bits | 1 << rule)
        };
        Self {
            teaching: u32::MAX,
            disjoint: attributes.iter().map(|own| choose(&|used| used & own == 0)).collect(),
            using: comparisons.iter().map(|c| choose(&|used| used >> c.attribute & 1 == 1)).collect(),
        }
    }

    /// Decides which rules teach, of which each found as many `pairs`, `sure` ones of them.
    pub fn choose(&mut self, pairs: &[f64], sure: impl Iterator<Item = f64>) {
        for (rule, (&pairs, sure)) in pairs.iter().zip(sure).enumerate() {
            let teaches = self.teaching >> rule & 1 == 1;
            let least = if teaches { PURE } else { 2.0 * PURE };
            let bit = u32::from(sure >= least * pairs) << rule;
            self.teaching = self.teaching & !(1 << rule) | bit;
        }
    }

    /// The rules that may find a pair with these levels: both records have what they use.
    pub fn open(&self, levels: impl Iterator<Item = usize>) -> u32 {
        let all = ((1u64 << self.disjoint.len()) - 1) as u32;
        let missing = levels.zip(&self.using).filter(|&(level, _)| level == 0);
        missing.fold(all, |open, (_, using)| open & !using)
    }
}

/// Matches whose open rules are the same, by the rules that found them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Captures {
    /// All of them.
    found: f64,
    /// For each rule: those that it found; and of those that are sure how many it found, how many rules disjoint from it
    /// that teach, and how many both.
    each: Vec<[f64; 4]>,
}

impl Captures {
    /// Adds `matches` that the rules `by` found, which tell how much a rule finds where they are `sure`.
    #[inline]
    pub fn add(&mut self, overlap: &Overlap, by: u32, matches: f64, sure: bool) {
        let sure = if sure { matches } else { 0.0 };
        self.found += matches;
        self.each.resize(overlap.disjoint.len(), [0.0; 4]);
        for (rule, (each, &disjoint)) in self.each.iter_mut().zip(&overlap.disjoint).enumerate() {
            let here = f64::from(by >> rule & 1);
            let there = f64::from(u32::from(by & disjoint & overlap.teaching != 0));
            each[0] += here * matches;
            each[1] += here * sure;
            each[2] += there * sure;
            each[3] += here * there * sure;
        }
    }

    /// Adds what others captured, of the `open` rules alone.
    pub fn merge(&mut self, open: u32, more: &Self) {
        self.found += more.found;
        self.each.resize(self.each.len().max(more.each.len()), [0.0; 4]);
        for (rule, (each, more)) in self.each.iter_mut().zip(&more.each).enumerate() {
            if open >> rule & 1 == 1 {
                each.iter_mut().zip(more).for_each(|(a, b)| *a += b);
            }
        }
    }

    /// The sure matches that `rule` found.
    pub fn sure(&self, rule: usize) -> f64 {
        self.each.get(rule).map_or(0.0, |each| each[1])
    }

    /// The share of the matches that each of the `open` rules finds, where enough tell: `scale` of what is enough
    /// otherwise.
    fn rates(&self, open: u32, scale: f64) -> Vec<Option<f64>> {
        let rate = |(rule, &[_, _, other, both]): (usize, &[f64; 4])| {
            let told = other >= scale * ENOUGH && both >= scale * LEAST && both > 0.0;
            (open >> rule & 1 == 1 && told).then(|| both / other)
        };
        self.each.iter().enumerate().map(rate).collect()
    }

    /// The matches there are, at these rates of the rules that find them.
    fn behind(&self, rates: &[Option<f64>]) -> f64 {
        let told = self.each.iter().zip(rates).filter_map(|(each, rate)| Some((each[0], (*rate)?)));
        let (by_rule, rates) = told.fold((0.0, 0.0), |(own, sum), (each, rate)| (own + each, sum + rate));
        if rates > 0.0 { (by_rule / rates).max(self.found) } else { self.found }
    }
}

/// Estimates the matches in all from what the rules captured, by the open rules.
///
/// Kinds of pairs of which too few were found twice, or whose open rules all share an attribute, are told by the rates
/// of the others together; but no few pairs tell what is missed of many of another kind.
pub fn recapture<'a>(overlap: &Overlap, kinds: impl IntoIterator<Item = (u32, &'a Captures)>) -> Captured {
    let mut captured = Captured { found: 0.0, all: 0.0, unchecked: 0.0 };
    let (mut untold, mut together) = (Vec::new(), Captures::default());
    for (open, captures) in kinds {
        captured.found += captures.found;
        let open = open & overlap.teaching;
        let is_told = |rule: usize| open >> rule & 1 == 1 && overlap.disjoint[rule] & open != 0;
        let teaches = (0..overlap.disjoint.len()).any(is_told);
        if teaches {
            together.merge(open, captures);
        }
        let rates = captures.rates(open, 1.0);
        if teaches && rates.iter().any(Option::is_some) {
            captured.all += captures.behind(&rates);
        } else {
            untold.push((open, captures));
        }
    }
    let scale = (together.found / (10.0 * ENOUGH)).min(1.0);
    for (open, captures) in untold {
        let is_few = captures.found <= together.found;
        let rates = if is_few { together.rates(open, scale) } else { Vec::new() };
        if rates.iter().all(Option::is_none) {
            captured.unchecked += captures.found;
        }
        captured.all += captures.behind(&rates);
    }
    captured
}

/// The matches behind all candidate pairs, by their patterns.
pub fn matches(
    counts: &PatternCounts,
    rules: &Rules,
    comparisons: &[Comparison],
    scorer: &Scorer<'_>,
) -> Captured {
    let mut overlap = Overlap::new(rules, comparisons);
    let mut patterns: Vec<(u64, f64, f64)> =
        counts.iter().map(|(&p, &n)| (p, n as f64, scorer.score(p).probability)).collect();
    // Sums of floats depend on their order.
    patterns.sort_unstable_by_key(|&(pattern, ..)| pattern);
    let mut each = vec![[0.0; 2]; rules.rules.len()];
    for &(pattern, pairs, probability) in &patterns {
        let sure = if probability >= SURE { probability * pairs } else { 0.0 };
        for (rule, [all, matches]) in each.iter_mut().enumerate() {
            if pattern >> RULE_SHIFT >> rule & 1 == 1 {
                (*all, *matches) = (*all + pairs, *matches + sure);
            }
        }
    }
    let all: Vec<f64> = each.iter().map(|[pairs, _]| *pairs).collect();
    overlap.choose(&all, each.iter().map(|[_, sure]| *sure));
    let mut kinds: BTreeMap<u32, Captures> = BTreeMap::new();
    for (pattern, pairs, probability) in patterns {
        let open = overlap.open(comparisons.iter().map(|c| c.level(pattern)));
        let by = (pattern >> RULE_SHIFT) as u32;
        kinds.entry(open).or_default().add(&overlap, by, probability * pairs, probability >= SURE);
    }
    recapture(&overlap, kinds.iter().map(|(&open, captures)| (open, captures)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rules that share no attribute.
    fn overlap() -> Overlap {
        Overlap { teaching: u32::MAX, disjoint: vec![0b10, 0b01], using: vec![0b01, 0b10] }
    }

    fn captures(overlap: &Overlap, found: &[(u32, f64)]) -> Captures {
        let mut captures = Captures::default();
        found.iter().for_each(|&(by, matches)| captures.add(overlap, by, matches, true));
        captures
    }

    /// Of 10,000 matches one rule finds half and the other six in ten, independently.
    const INDEPENDENT: [(u32, f64); 3] = [(0b01, 2_000.0), (0b10, 3_000.0), (0b11, 3_000.0)];

    #[test]
    fn test_rules_that_share_nothing_tell_what_both_miss() {
        let overlap = overlap();
        let found = recapture(&overlap, [(0b11, &captures(&overlap, &INDEPENDENT))]);
        assert_eq!((found.found, found.unchecked), (8_000.0, 0.0));
        assert!((found.all - 10_000.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn test_few_pairs_tell_nothing_of_many_of_another_kind() {
        let overlap = overlap();
        let both = captures(&overlap, &INDEPENDENT);
        let many = captures(&overlap, &[(0b01, 1e6)]);
        let found = recapture(&overlap, [(0b11, &both), (0b01, &many)]);
        assert_eq!(found.unchecked, 1e6);
        assert!((found.all - 1_010_000.0).abs() < 1e-6, "{found:?}");
        // Half of those that lack what the second rule takes are missed as well.
        let few = captures(&overlap, &[(0b01, 1_000.0)]);
        let found = recapture(&overlap, [(0b11, &both), (0b01, &few)]);
        assert_eq!(found.unchecked, 0.0);
        assert!((found.all - 12_000.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn test_doubtful_pairs_and_impure_rules_tell_nothing() {
        let mut overlap = overlap();
        let mut mixed = captures(&overlap, &INDEPENDENT);
        // Strangers whom the first rule brings together by the million.
        mixed.add(&overlap, 0b01, 50_000.0, false);
        let found = recapture(&overlap, [(0b11, &mixed)]);
        assert!(found.all < 60_000.0, "{found:?}");
        overlap.choose(&[1e7, 8_000.0], [0, 1].map(|rule| mixed.sure(rule)).into_iter());
        assert_eq!(overlap.teaching & 0b11, 0b10);
        let found = recapture(&overlap, [(0b11, &mixed)]);
        assert_eq!((found.all, found.unchecked), (58_000.0, 58_000.0));
    }
}
