//! Expectation–maximisation on patterns: how matches, related and unrelated pairs look.
//!
//! Three latent classes explain the candidate pairs: *match* (one person), *related* (a household,
//! a family, a firm: shared traits agree, personal ones do not) and *unrelated*. Within a class the
//! comparisons are taken to be independent. What keeps candidate pairs, which agree on purpose,
//! from teaching the model that agreement is common:
//!
//! * Unrelated pairs are anchored: their level probabilities come from pairs drawn at random and,
//!   where those are too few, from the frequencies of values; their number is that of all pairs.
//! * An attribute's levels among matches and related pairs are learned only from pairs that a rule
//!   *without* that attribute found. Given the class, such a pair was chosen for reasons independent
//!   of the attribute, so the estimate has no selection bias.
//! * The number of matches is estimated by capture and recapture: a rule finds the share of all
//!   matches that it finds among those which rules sharing no attribute with it find.
//!
//! Cost: patterns × comparisons × rounds; some thousands of patterns whatever the number of pairs.

use super::model::{ChanceSource, Choice, ComparisonModel, LevelModel, Model, Source, VERSION};
use crate::block::Rules;
use crate::compare::{Comparison, LEVELS, PatternCounts, RULE_SHIFT};
use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;

/// What the model is trained on.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The comparisons.
    pub comparisons: &'a [Comparison],
    /// The blocking rules.
    pub rules: &'a Rules,
    /// Patterns of candidate pairs.
    pub candidates: &'a PatternCounts,
    /// Share of the candidate pairs that were counted.
    pub share: f64,
    /// Patterns of pairs drawn at random.
    pub random: &'a PatternCounts,
    /// Pairs of records in all.
    pub pairs: f64,
    /// Records.
    pub records: u32,
}

const MATCH: usize = 0;
const RELATED: usize = 1;
const UNRELATED: usize = 2;
const CLASSES: usize = 3;

/// No level is rarer than this in a class: one pair in 10¹².
const FLOOR: f64 = 1e-12;

/// Pairs that a level gets beside those observed, so that none has probability zero.
const PRIOR: f64 = 0.5;

/// From this many random pairs with a level their share stands; below, value frequencies do.
const ENOUGH: f64 = 100.0;

/// Rounds at most; the data sets tried stand still after 20 to 90.
const ROUNDS: u32 = 300;

/// Stand-still: the largest change of a probability in a round.
const TOLERANCE: f64 = 1e-5;

/// Trains the model.
///
/// # Errors
/// [`ErrorKind::Training`] where there is no candidate pair or nothing to compare.
pub fn train(evidence: &Evidence<'_>) -> Result<Model> {
    if evidence.candidates.is_empty() {
        return Err(Error::new(ErrorKind::Training, "the blocking rules make no candidate pair, so nothing can be learned")
            .hint("block on attributes that records share, or give a trained model in `linkage.model`"));
    }
    if evidence.comparisons.is_empty() {
        return Err(Error::new(ErrorKind::Training, "no attribute can be compared")
            .hint("map at least one attribute that describes a person"));
    }
    let two = Em::new(evidence, false).run();
    let shareable = evidence.comparisons.iter().any(|c| c.kind.is_shareable());
    if !shareable {
        let reason = "two classes: no attribute is one that households or firms share";
        return Ok(two.model(None, reason.to_owned(), two.likelihood()));
    }
    let three = Em::new(evidence, true).run();
    let (plain, related) = (two.likelihood(), three.likelihood());
    // Bayesian information criterion, in bits: each parameter must earn half the logarithm of the
    // number of candidate pairs.
    let parameters: usize = evidence.comparisons.iter().map(|c| c.levels().saturating_sub(2)).sum::<usize>() + 1;
    let cost = parameters as f64 * three.observed.max(2.0).log2() / 2.0;
    let gain = (related - plain) * three.observed;
    if gain > cost && three.totals[RELATED] >= 1.0 {
        let reason = format!("three classes: related pairs explain {gain:.0} bits more and cost {cost:.0}");
        Ok(three.model(Some(related), reason, plain))
    } else {
        let reason = format!("two classes: related pairs would explain {gain:.0} bits more and cost {cost:.0}");
        Ok(two.model(Some(related), reason, plain))
    }
}

/// One pattern with what the model needs of it.
struct Row {
    levels: u64,
    rules: u32,
    weight: f64,
    class: [f64; CLASSES],
    evidence: f64,
}

struct Em<'a> {
    evidence: &'a Evidence<'a>,
    related: bool,
    candidates: Vec<Row>,
    random: Vec<Row>,
    /// Candidate pairs, of the counted ones.
    observed: f64,
    random_pairs: f64,
    /// P(level | class) per comparison, level (null at 0, unused) and class.
    tables: Vec<Vec<[f64; CLASSES]>>,
    sources: Vec<Vec<(Source, ChanceSource)>>,
    /// Expected pairs of each class among all pairs.
    totals: [f64; CLASSES],
    recall: f64,
    rounds: u32,
    /// Rules that use each comparison's attribute.
    using: Vec<u32>,
    /// Rules that share no attribute with each rule.
    disjoint: Vec<u32>,
}

impl<'a> Em<'a> {
    fn new(evidence: &'a Evidence<'a>, related: bool) -> Self {
        let rows = |counts: &PatternCounts| {
            let mut rows: Vec<Row> = counts
                .iter()
                .map(|(&pattern, &count)| Row {
                    levels: pattern & LEVELS,
                    rules: (pattern >> RULE_SHIFT) as u32,
                    weight: count as f64,
                    class: [0.0; CLASSES],
                    evidence: 0.0,
                })
                .collect();
            // Sums of floats depend on their order, and a hash map's is nobody's.
            rows.sort_unstable_by_key(|r| (r.levels, r.rules));
            rows
        };
        let (candidates, random) = (rows(evidence.candidates), rows(evidence.random));
        let total = |rows: &[Row]| rows.iter().map(|r| r.weight).sum::<f64>();
        let count = evidence.rules.rules.len();
        let attributes: Vec<u64> = (0..count).map(|r| evidence.rules.attributes(r)).collect();
        let using = |attribute: usize| {
            (0..count).filter(|&r| attributes[r] >> attribute & 1 == 1).fold(0, |bits, r| bits | 1 << r)
        };
        let disjoint = |rule: usize| {
            (0..count).filter(|&r| attributes[r] & attributes[rule] == 0).fold(0, |bits, r| bits | 1 << r)
        };
        let mut em = Self {
            related,
            observed: total(&candidates),
            random_pairs: total(&random),
            candidates,
            random,
            tables: Vec::new(),
            sources: Vec::new(),
            totals: [f64::from(evidence.records) / 2.0, f64::from(evidence.records) / 4.0, evidence.pairs],
            recall: 1.0,
            rounds: 0,
            using: evidence.comparisons.iter().map(|c| using(c.attribute)).collect(),
            disjoint: (0..count).map(disjoint).collect(),
            evidence,
        };
        em.begin();
        em
    }

    /// Starting values: matches agree nine times in ten, related pairs on what is shared alone,
    /// unrelated ones as random pairs do.
    fn begin(&mut self) {
        for (k, comparison) in self.evidence.comparisons.iter().enumerate() {
            let levels = comparison.levels();
            let near = levels.saturating_sub(comparison.exact + 2);
            let mut table = vec![[0.0; CLASSES]; levels];
            let coincidences: f64 = comparison.coincidences.iter().sum::<f64>().max(1.0);
            for (level, row) in table.iter_mut().enumerate().skip(1) {
                row[MATCH] = if level <= comparison.exact {
                    0.85 * (comparison.coincidences[level - 1] / coincidences).max(0.01)
                } else if level < levels - 1 {
                    0.10 / near as f64
                } else {
                    0.05
                };
            }
            self.tables.push(table);
            self.sources.push(vec![(Source::Em, ChanceSource::RandomPairs); levels]);
            for row in &mut self.random {
                row.class = [0.0, 0.0, row.weight];
            }
            self.chance(k);
            let table = &mut self.tables[k];
            for row in table.iter_mut().skip(1) {
                let shared = comparison.kind.is_shareable();
                row[RELATED] = match comparison.kind {
                    _ if shared => 0.7 * row[MATCH] + 0.3 * row[UNRELATED],
                    // Families share names in part.
                    Kind::PersonName => 0.2 * row[MATCH] + 0.8 * row[UNRELATED],
                    _ => row[UNRELATED],
                };
            }
            normalise(table);
        }
    }

    fn run(mut self) -> Self {
        while self.rounds < ROUNDS {
            self.rounds += 1;
            self.expect();
            if self.maximise() < TOLERANCE {
                break;
            }
        }
        self.expect();
        self
    }

    fn expect(&mut self) {
        let classes = if self.related { CLASSES } else { 1 };
        let priors = self.totals;
        let (comparisons, tables, related) = (self.evidence.comparisons, &self.tables, self.related);
        for row in self.candidates.iter_mut().chain(&mut self.random) {
            let mut mass = priors;
            if !related {
                mass[RELATED] = 0.0;
            }
            for (comparison, table) in comparisons.iter().zip(tables) {
                let level = comparison.level(row.levels);
                if level != 0 {
                    mass.iter_mut().zip(table[level]).for_each(|(m, p)| *m *= p);
                }
            }
            debug_assert!(classes >= 1);
            let sum: f64 = mass.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            row.evidence = sum;
            row.class = mass.map(|m| row.weight * m / sum);
        }
    }

    fn maximise(&mut self) -> f64 {
        let before = self.tables.clone();
        self.count();
        for k in 0..self.tables.len() {
            self.learn(k);
            self.chance(k);
            normalise(&mut self.tables[k]);
        }
        let change = |(a, b): (&[f64; CLASSES], &[f64; CLASSES])| {
            a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
        };
        before.iter().flatten().zip(self.tables.iter().flatten()).map(change).fold(0.0, f64::max)
    }

    /// Expected matches and related pairs among all pairs, by capture and recapture.
    fn count(&mut self) {
        for class in [MATCH, RELATED] {
            let found: f64 = self.candidates.iter().map(|r| r.class[class]).sum();
            let (mut by_rule, mut rates) = (0.0, 0.0);
            for (rule, &disjoint) in self.disjoint.iter().enumerate() {
                let (mut both, mut other, mut own) = (0.0, 0.0, 0.0);
                for row in &self.candidates {
                    let here = row.rules >> rule & 1 == 1;
                    let there = row.rules & disjoint != 0;
                    own += if here { row.class[class] } else { 0.0 };
                    other += if there { row.class[class] } else { 0.0 };
                    both += if here && there { row.class[class] } else { 0.0 };
                }
                if other >= ENOUGH.min(found / 10.0) && both > 0.0 {
                    by_rule += own;
                    rates += both / other;
                }
            }
            let all = if rates > 0.0 { (by_rule / rates).max(found) } else { found };
            self.totals[class] = (all / self.evidence.share).max(1.0);
            if class == MATCH {
                self.recall = if all > 0.0 { found / all } else { 1.0 };
            }
        }
    }

    /// Levels of comparison `k` among matches and related pairs.
    fn learn(&mut self, k: usize) {
        let comparison = &self.evidence.comparisons[k];
        let others = !self.using[k];
        let all_rules = (1u32 << self.disjoint.len()) - 1;
        for class in [MATCH, RELATED] {
            if class == RELATED && (!self.related || comparison.kind.is_official_id()) {
                continue;
            }
            let counted = |mask: u32| {
                let mut sums = vec![0.0; comparison.levels()];
                for row in self.candidates.iter().filter(|r| r.rules & mask != 0) {
                    sums[comparison.level(row.levels)] += row.class[class];
                }
                sums[0] = 0.0;
                sums
            };
            let mut sums = counted(others);
            let mut source = Source::Em;
            if sums.iter().sum::<f64>() < 10.0 {
                sums = counted(all_rules);
                source = Source::EmOwnRule;
            }
            let total: f64 = sums.iter().sum::<f64>() + PRIOR * (comparison.levels() - 1) as f64;
            for (level, sum) in sums.into_iter().enumerate().skip(1) {
                self.tables[k][level][class] = (sum + PRIOR) / total;
                if class == MATCH {
                    self.sources[k][level].0 = if sum < PRIOR { Source::Fallback } else { source };
                }
            }
        }
    }

    /// Levels of comparison `k` among unrelated pairs, and among related ones where those are like
    /// the unrelated.
    fn chance(&mut self, k: usize) {
        let comparison = &self.evidence.comparisons[k];
        let mut sums = vec![0.0; comparison.levels()];
        let mut seen = vec![0.0; comparison.levels()];
        for row in &self.random {
            let level = comparison.level(row.levels);
            sums[level] += row.class[UNRELATED];
            seen[level] += row.weight;
        }
        let filled: f64 = seen.iter().skip(1).sum();
        // Pairs of all records in which the attribute is on both sides.
        let all_filled = self.evidence.pairs * filled / self.random_pairs.max(1.0);
        let matched: f64 = self.tables[k].iter().skip(1).map(|l| l[MATCH]).sum::<f64>().max(FLOOR);
        let share_filled = self.filled_among_matches(k);
        for level in 1..comparison.levels() {
            let (probability, source) = if seen[level] >= ENOUGH || level > comparison.exact {
                let source = if seen[level] < 1.0 { ChanceSource::Fallback } else { ChanceSource::RandomPairs };
                ((sums[level] + PRIOR / 2.0) / filled.max(1.0), source)
            } else {
                let equal = comparison.coincidences[level - 1];
                let matches = self.totals[MATCH] * share_filled * self.tables[k][level][MATCH] / matched;
                // Never less than a hundredth: the difference of two large numbers is not exact.
                ((equal - matches).max(0.01 * equal).max(1.0) / all_filled.max(1.0), ChanceSource::Frequency)
            };
            self.tables[k][level][UNRELATED] = probability;
            self.sources[k][level].1 = source;
            if comparison.kind.is_official_id() {
                self.tables[k][level][RELATED] = probability;
            }
        }
    }

    /// Share of the matches in which both records have the attribute of comparison `k`.
    fn filled_among_matches(&self, k: usize) -> f64 {
        let comparison = &self.evidence.comparisons[k];
        let (mut filled, mut all) = (0.0, 0.0);
        for row in self.candidates.iter().filter(|r| r.rules & !self.using[k] != 0) {
            all += row.class[MATCH];
            filled += if comparison.level(row.levels) == 0 { 0.0 } else { row.class[MATCH] };
        }
        if all > 0.0 { filled / all } else { 1.0 }
    }

    /// Log-likelihood in bits per candidate pair.
    fn likelihood(&self) -> f64 {
        let bits: f64 = self.candidates.iter().map(|r| r.weight * r.evidence.log2()).sum();
        bits / self.observed.max(1.0)
    }

    fn model(&self, three: Option<f64>, reason: String, two: f64) -> Model {
        let comparisons = self.evidence.comparisons.iter().zip(&self.tables).zip(&self.sources);
        let comparisons = comparisons
            .map(|((comparison, table), sources)| ComparisonModel {
                attribute: comparison.name.clone(),
                levels: (1..comparison.levels())
                    .map(|level| {
                        let [m, related, u] = table[level];
                        LevelModel {
                            label: comparison.labels[level].clone(),
                            m,
                            u,
                            related: self.related.then_some(related),
                            weight: (m / u).log2(),
                            m_source: sources[level].0,
                            u_source: sources[level].1,
                        }
                    })
                    .collect(),
            })
            .collect();
        let related = if self.related { self.totals[RELATED] } else { 0.0 };
        Model {
            version: VERSION,
            comparisons,
            pairs: self.evidence.pairs,
            matches: self.totals[MATCH],
            related,
            prior: self.totals[MATCH] / self.evidence.pairs.max(1.0),
            blocking_recall: self.recall,
            trained_on: self.observed as u64,
            iterations: self.rounds,
            choice: Choice { two_classes: two, three_classes: three, reason },
        }
    }
}

/// Makes each class's levels sum to one, none below the floor.
fn normalise(table: &mut [[f64; CLASSES]]) {
    for class in 0..CLASSES {
        table.iter_mut().skip(1).for_each(|level| level[class] = level[class].max(FLOOR));
        let sum: f64 = table.iter().skip(1).map(|level| level[class]).sum();
        table.iter_mut().skip(1).for_each(|level| level[class] /= sum);
    }
}
