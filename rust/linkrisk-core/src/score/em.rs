//! Expectation–maximisation on patterns: how matches, related and unrelated pairs look.
//!
//! Within a class the comparisons are taken to be independent. What keeps candidate pairs, which
//! agree on purpose, from teaching the model that agreement is common:
//!
//! * Unrelated pairs are anchored: their level probabilities come from pairs drawn at random and,
//!   where those are too few, from the frequencies of values; their number is that of all pairs.
//! * An attribute's levels among matches and related pairs are learned only from pairs that a rule
//!   *without* that attribute found. Given the class, such a pair was chosen for reasons independent
//!   of the attribute, so the estimate has no selection bias.
//! * The number of matches is estimated by capture and recapture: a rule finds the share of all
//!   matches that it finds among those which rules sharing no attribute with it find.
//! * A number that is issued to one person (an official ID, a document, an account, an enrolled photo) may be
//!   all that two records have in common: gate events that hold a registration number and nothing else.
//!   No rule without it finds such pairs, and those that other rules find may never agree on it, being
//!   two registrations of one person. Its levels are then learned from the pairs of its own rule, and of
//!   the pairs that agree on it one in a hundred is taken to be no match.
//! * Related pairs agree on birth dates, ID numbers and whole names as strangers do. Left free, the
//!   class becomes a second kind of match wherever a set has no households (FEBRL 3: F1 0.47).
//! * Matches contradict each other on none of these more often than not, and err in no way more often than
//!   they agree. Left free, where hardly anybody stands twice, the class becomes the households: of two million
//!   links of a national register 11 % were of two people, as matches lived at one address and had two given
//!   names in 71 % of the pairs.
//!
//! Cost: patterns × comparisons × rounds; some thousands of patterns whatever the number of pairs.
//! Sums are taken over fixed stretches of patterns in their order, so threads do not show.

use indexmap::IndexSet;
use rayon::prelude::*;

use super::capture::{Captures, Overlap, SURE, recapture};
use super::levels::{FAMILY_ALONE, GIVEN_ALONE, contradicts, is_personal, nearly_agrees, tells_relatives};
use super::model::{ChanceSource, Choice, ComparisonModel, LevelModel, Model, Source, VERSION};
use super::sums::{CLASSES, Rows, Sums};
use super::train::Evidence;
use crate::compare::{Comparison, RULE_SHIFT};
use crate::error::Result;
use crate::runtime::Context;
use crate::spec::Method;

pub(super) const MATCH: usize = 0;
pub(super) const RELATED: usize = 1;
const UNRELATED: usize = 2;

/// No level is rarer than this in a class.
const FLOOR: f64 = 1e-12;

/// Pairs that a level gets beside those observed, so that none has probability zero.
const PRIOR: f64 = 0.5;

/// From this many random pairs with a level their share stands; below, value frequencies do.
const ENOUGH: f64 = 100.0;

/// Rounds at most; the data sets tried stand still after 8 to 60.
const ROUNDS: u32 = 100;

/// Stand-still: the largest change of a probability in a round. A twentieth of a bit at the weights
/// that decide.
const TOLERANCE: f64 = 1e-4;

/// Of the pairs that agree on a number that is issued to one person, the share that is no match, where
/// nothing else tells.
pub const IMPURE: f64 = 0.01;

/// Where rules without an issued number find fewer of the pairs that agree on it than this share, they
/// cannot teach what agreement on it means.
const TAUGHT: f64 = 0.1;

/// Of the matches, the largest share that contradict each other on what tells relatives. In public and invented sets
/// with households and heavy errors it is 0 to 0.49.
const MOST_CONTRADICTING: f64 = 0.5;

/// Odds of a random pair being a match or related, by the starting values, below which it is looked
/// at once.
const UNDOUBTED: f64 = 1e-4;

/// Patterns whose sums are taken together.
const STRETCH: usize = 1024;

/// Which comparisons are of a number that is issued to one person and that other rules do not teach.
fn untaught(evidence: &Evidence<'_>, using: &[u32]) -> Vec<bool> {
    let taught = |(comparison, &using): (&Comparison, &u32)| {
        let agree = |pattern: u64| (1..=comparison.exact).contains(&comparison.level(pattern));
        let (mut all, mut fair) = (0, 0);
        for (&pattern, &pairs) in evidence.candidates.iter().filter(|(pattern, _)| agree(**pattern)) {
            all += pairs;
            fair += if (pattern >> RULE_SHIFT) as u32 & !using != 0 { pairs } else { 0 };
        }
        fair as f64 >= TAUGHT * all as f64
    };
    let both = evidence.comparisons.iter().zip(using);
    both.map(|(c, using)| c.kind.is_issued() && !taught((c, using))).collect()
}

pub(super) struct Em<'a> {
    evidence: &'a Evidence<'a>,
    related: bool,
    candidates: Rows,
    random: Rows,
    /// Candidate pairs, of the counted ones.
    pub observed: f64,
    /// Start of each comparison's levels in the flat tables; level 0 is null.
    starts: Vec<usize>,
    /// P(level | class).
    table: Vec<[f64; CLASSES]>,
    sources: Vec<(Source, ChanceSource)>,
    /// Random pairs with each level, whatever their class.
    seen: Vec<f64>,
    random_pairs: f64,
    /// Expected pairs of each class among all pairs.
    pub totals: [f64; CLASSES],
    recall: f64,
    rounds: u32,
    bits: f64,
    /// Bits by which related pairs explain the candidate pairs better than none.
    pub gain: f64,
    /// How the rules stand to each other and to the comparisons.
    overlap: Overlap,
    /// The rules that are open to each kind of candidate pairs.
    kinds: IndexSet<u32>,
    /// Candidate pairs of each rule, of the counted ones.
    by_rule: Vec<f64>,
    /// Comparisons that no rule without their attribute teaches, of a number issued to one person.
    untaught: Vec<bool>,
}

impl<'a> Em<'a> {
    pub fn new(evidence: &'a Evidence<'a>, related: bool) -> Self {
        let comparisons = evidence.comparisons;
        let overlap = Overlap::new(evidence.rules, comparisons);
        let mut kinds = IndexSet::new();
        let candidates = Rows::new(evidence.candidates, comparisons, |pattern| {
            kinds.insert_full(overlap.open(comparisons.iter().map(|c| c.level(pattern)))).0 as u32
        });
        let random = Rows::new(evidence.random, comparisons, |_| 0);
        let mut starts = vec![0];
        for comparison in comparisons {
            starts.push(starts[starts.len() - 1] + comparison.levels());
        }
        let levels = starts[comparisons.len()];
        let mut seen = vec![0.0; levels];
        for (row, weight) in random.levels.chunks_exact(comparisons.len()).zip(&random.weights) {
            for (k, &level) in row.iter().enumerate() {
                seen[starts[k] + level as usize] += weight;
            }
        }
        let random_pairs = random.total();
        let records = f64::from(evidence.records);
        let mut em = Self {
            related,
            observed: candidates.total(),
            by_rule: (0..evidence.rules.rules.len()).map(|rule| candidates.of_rule(rule)).collect(),
            candidates,
            random,
            table: vec![[1.0; CLASSES]; levels],
            sources: vec![(Source::Em, ChanceSource::RandomPairs); levels],
            seen,
            random_pairs,
            totals: [records / 2.0, if related { records / 4.0 } else { 0.0 }, evidence.pairs],
            recall: 1.0,
            rounds: 0,
            bits: 0.0,
            gain: 0.0,
            untaught: untaught(evidence, &overlap.using),
            overlap,
            kinds,
            starts,
            evidence,
        };
        em.begin();
        em
    }

    /// Starting values: matches agree nine times in ten, related pairs on what is shared alone,
    /// unrelated ones as random pairs do.
    fn begin(&mut self) {
        let mut sums = Sums::new(self.table.len(), 0);
        sums.all.iter_mut().zip(&self.seen).for_each(|(sum, seen)| sum[UNRELATED] = *seen);
        for (k, comparison) in self.evidence.comparisons.iter().enumerate() {
            let levels = comparison.levels();
            let near = levels.saturating_sub(comparison.exact + 2);
            let coincidences: f64 = comparison.coincidences.iter().sum::<f64>().max(1.0);
            for level in 1..levels {
                self.table[self.starts[k] + level][MATCH] = if level <= comparison.exact {
                    0.85 * (comparison.coincidences[level - 1] / coincidences).max(0.01)
                } else if level < levels - 1 {
                    0.10 / near as f64
                } else {
                    0.05
                };
            }
            self.chance(k, (None, &sums), [1.0; 2]);
            let shared = if comparison.kind.is_shareable() { 0.7 } else { 0.2 };
            for level in &mut self.table[self.starts[k] + 1..self.starts[k + 1]] {
                level[RELATED] = shared * level[MATCH] + (1.0 - shared) * level[UNRELATED];
            }
            self.anchor(k);
        }
    }

    pub fn run(mut self, context: &Context) -> Result<Self> {
        let settled = self.settle();
        loop {
            context.cancel.check()?;
            let (candidates, mut random) =
                context.pool.install(|| (self.expect(&self.candidates), self.expect(&self.random)));
            random.all.iter_mut().zip(&settled).for_each(|(sum, settled)| sum[UNRELATED] += settled);
            self.bits = candidates.bits;
            // The pairs of a pattern are taken to be Poisson: what a class adds to the pairs expected
            // is paid for. The sum of logarithms alone grows with any class, be it of nothing.
            let added = candidates.found[RELATED] / std::f64::consts::LN_2;
            self.gain = candidates.bits - candidates.bits_without - added;
            if self.rounds == ROUNDS || self.rounds > 0 && self.maximise(&candidates, &random) < TOLERANCE {
                return Ok(self);
            }
            if self.rounds == 0 {
                self.maximise(&candidates, &random);
            }
            self.rounds += 1;
        }
    }

    /// Takes the random patterns out that are of unrelated pairs beyond doubt, and returns how often
    /// each level occurs in them: all but a few in ten thousand, which no round needs to see again.
    fn settle(&mut self) -> Vec<f64> {
        let comparisons = self.evidence.comparisons.len();
        let rows = std::mem::replace(
            &mut self.random,
            Rows { levels: Vec::new(), rules: Vec::new(), weights: Vec::new(), kinds: Vec::new() },
        );
        let mut settled = vec![0.0; self.table.len()];
        for (levels, weight) in rows.levels.chunks_exact(comparisons).zip(rows.weights) {
            let mass = self.mass(levels);
            if mass[MATCH] + mass[RELATED] < UNDOUBTED * mass[UNRELATED] {
                for (&level, &start) in levels.iter().zip(&self.starts) {
                    settled[start + level as usize] += weight;
                }
            } else {
                self.random.levels.extend_from_slice(levels);
                self.random.rules.push(0);
                self.random.kinds.push(0);
                self.random.weights.push(weight);
            }
        }
        settled
    }

    /// What each class expects of pairs with these levels, among all pairs.
    #[inline]
    fn mass(&self, levels: &[u8]) -> [f64; CLASSES] {
        let mut mass = self.totals;
        for (&level, &start) in levels.iter().zip(&self.starts) {
            if level != 0 {
                let row = &self.table[start + level as usize];
                mass.iter_mut().zip(row).for_each(|(m, p)| *m *= p);
            }
        }
        mass
    }

    /// Splits every pattern's pairs among the classes and sums what the next round needs.
    fn expect(&self, rows: &Rows) -> Sums {
        let empty = Sums::new(self.table.len(), self.kinds.len());
        let stretches: Vec<Sums> = (0..rows.weights.len().div_ceil(STRETCH))
            .into_par_iter()
            .map(|stretch| {
                let mut sums = empty.clone();
                for at in stretch * STRETCH..rows.weights.len().min((stretch + 1) * STRETCH) {
                    self.expect_row(rows, at, &mut sums);
                }
                sums
            })
            .collect();
        let mut total = empty;
        stretches.iter().for_each(|sums| total.add(sums));
        total
    }

    #[inline]
    fn expect_row(&self, rows: &Rows, at: usize, sums: &mut Sums) {
        let comparisons = self.evidence.comparisons.len();
        let levels = &rows.levels[at * comparisons..][..comparisons];
        let (rules, weight) = (rows.rules[at], rows.weights[at]);
        let mass = self.mass(levels);
        let evidence = mass.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        sums.bits += weight * evidence.log2();
        sums.bits_without += weight * (mass[MATCH] + mass[UNRELATED]).max(f64::MIN_POSITIVE).log2();
        let class = mass.map(|m| weight * m / evidence);
        for (k, &level) in levels.iter().enumerate() {
            let at = self.starts[k] + level as usize;
            sums.all[at].iter_mut().zip(class).for_each(|(s, c)| *s += c);
            if rules & self.overlap.teaching & !self.overlap.using[k] != 0 {
                sums.fair[at].iter_mut().zip(class).for_each(|(s, c)| *s += c);
            }
        }
        sums.found.iter_mut().zip(class).for_each(|(s, c)| *s += c);
        if rules != 0 {
            let [matches, related] = &mut sums.captures[rows.kinds[at] as usize];
            matches.add(&self.overlap, rules, class[MATCH], class[MATCH] >= SURE * weight);
            related.add(&self.overlap, rules, class[RELATED], true);
        }
    }

    fn maximise(&mut self, candidates: &Sums, random: &Sums) -> f64 {
        let before = self.table.clone();
        self.count(candidates);
        for k in 0..self.evidence.comparisons.len() {
            self.learn(k, candidates);
            let filled = [MATCH, RELATED].map(|class| self.filled(k, candidates, class));
            self.chance(k, (Some(candidates), random), filled);
            self.anchor(k);
        }
        let change = |(a, b): (&[f64; CLASSES], &[f64; CLASSES])| {
            a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
        };
        before.iter().zip(&self.table).map(change).fold(0.0, f64::max)
    }

    /// Expected matches and related pairs among all pairs, by capture and recapture.
    fn count(&mut self, sums: &Sums) {
        let sure = |rule| sums.captures.iter().map(|[matches, _]| matches.sure(rule)).sum();
        self.overlap.choose(&self.by_rule, (0..self.by_rule.len()).map(sure));
        for class in [MATCH, RELATED] {
            let each = sums.captures.iter().map(|classes| &classes[class]);
            let captured = if class == MATCH {
                recapture(&self.overlap, self.kinds.iter().copied().zip(each))
            } else {
                // What relatives share differs from household to household and not from kind to kind of records.
                let mut together = Captures::default();
                each.for_each(|captures| together.merge(u32::MAX, captures));
                recapture(&self.overlap, [(u32::MAX, &together)])
            };
            if class == MATCH || self.related {
                self.totals[class] = (captured.all / self.evidence.share).max(1.0);
            }
            if class == MATCH {
                self.recall = captured.recall();
            }
        }
    }

    /// Levels of comparison `k` among matches and related pairs.
    fn learn(&mut self, k: usize, sums: &Sums) {
        let levels = self.starts[k] + 1..self.starts[k + 1];
        for class in [MATCH, RELATED] {
            let pairs = |from: &[[f64; CLASSES]]| from[levels.clone()].iter().map(|s| s[class]).sum::<f64>();
            let fair = pairs(&sums.fair) >= 10.0 && !self.untaught[k];
            let from = if fair { &sums.fair } else { &sums.all };
            let total = pairs(from) + PRIOR * levels.len() as f64;
            for at in levels.clone() {
                self.table[at][class] = (from[at][class] + PRIOR) / total;
                if class == MATCH {
                    self.sources[at].0 = match (from[at][class] < PRIOR, fair) {
                        (true, _) => Source::Fallback,
                        (false, true) => Source::Em,
                        (false, false) => Source::EmOwnRule,
                    };
                }
            }
            if class == MATCH {
                let comparison = &self.evidence.comparisons[k];
                if self.untaught[k] && !comparison.kind.is_official_id() {
                    self.even_out(k);
                } else if tells_relatives(comparison) {
                    reconcile(comparison, &mut self.table[levels.clone()]);
                }
            }
        }
    }

    /// Takes matches to agree on comparison `k` as often as not.
    ///
    /// Its own rule finds those that agree alone, and a person who registered twice has two numbers: that
    /// two numbers differ is worth a bit and no more.
    fn even_out(&mut self, k: usize) {
        let exact = self.evidence.comparisons[k].exact;
        let (agree, differ) = self.table[self.starts[k] + 1..self.starts[k + 1]].split_at_mut(exact);
        scale(agree, MATCH, 0.5, |_| true);
        let chance: f64 = differ.iter().map(|row| row[UNRELATED]).sum();
        differ.iter_mut().for_each(|row| row[MATCH] = 0.5 * row[UNRELATED] / chance.max(FLOOR));
    }

    /// Levels of comparison `k` among unrelated pairs; `filled` is the share of matches, and of related pairs, in which
    /// both records have the attribute.
    fn chance(&mut self, k: usize, (candidates, random): (Option<&Sums>, &Sums), filled: [f64; 2]) {
        let comparison = &self.evidence.comparisons[k];
        let start = self.starts[k];
        let random_filled: f64 = self.seen[start + 1..self.starts[k + 1]].iter().sum();
        // Pairs of all records in which the attribute is on both sides.
        let all_filled = self.evidence.pairs * random_filled / self.random_pairs.max(1.0);
        for level in 1..comparison.levels() {
            let at = start + level;
            let counted = self.seen[at] >= ENOUGH && !self.untaught[k];
            let (probability, source) = if counted || level > comparison.exact {
                let source =
                    if self.seen[at] < 1.0 { ChanceSource::Fallback } else { ChanceSource::RandomPairs };
                ((random.all[at][UNRELATED] + PRIOR / 2.0) / random_filled.max(1.0), source)
            } else {
                let equal = comparison.coincidences[level - 1];
                // Of a phone that households share alone, nothing would be left to them if it were all chance.
                let agree = |class: usize| self.totals[class] * filled[class] * self.table[at][class];
                let known = agree(MATCH) + agree(RELATED);
                // Never less than a hundredth: the difference of two large numbers is not exact. Of an issued number no
                // more than what else is known of the pairs that agree on it says: of 500,000 presentations of
                // credentials 7.7 % would be of two people by the difference, and none is.
                let told = candidates.filter(|_| comparison.kind.is_issued()).map(|sums| sums.all[at]);
                let share = told.map_or(1.0, |told| told[UNRELATED] / told.iter().sum::<f64>().max(FLOOR));
                let unrelated = if self.untaught[k] { 0.0 } else { (equal - known).min(share * equal) };
                let unrelated = unrelated.max(IMPURE * equal).max(1.0);
                (unrelated / all_filled.max(1.0), ChanceSource::Frequency)
            };
            self.table[at][UNRELATED] = probability;
            self.sources[at].1 = source;
        }
        self.namesakes(k);
    }

    /// Takes strangers to have one name at least half as often as independent parts say.
    ///
    /// How many of the pairs of one name are of two people is a difference of two estimates where hardly anybody
    /// stands twice; how often a given name and a family name agree is counted. Half, as parts that are alike
    /// count as agreeing: of 50,000 photographs independence said 11,700 namesakes, and there were 7,700.
    fn namesakes(&mut self, k: usize) {
        let comparison = &self.evidence.comparisons[k];
        if comparison.method != Method::PersonName {
            return;
        }
        let start = self.starts[k];
        let [given, family] = [GIVEN_ALONE, FAMILY_ALONE].map(|beyond| start + comparison.exact + beyond);
        if self.seen[given].min(self.seen[family]) < ENOUGH {
            return;
        }
        let least = 0.5 * self.table[given][UNRELATED] * self.table[family][UNRELATED];
        let all: f64 = comparison.coincidences.iter().sum();
        for (row, coincidences) in self.table[start + 1..].iter_mut().zip(&comparison.coincidences) {
            row[UNRELATED] = row[UNRELATED].max(least * coincidences / all.max(1.0));
        }
    }

    /// Makes related pairs agree on what is personal as strangers do, and every class sum to one.
    fn anchor(&mut self, k: usize) {
        let comparison = &self.evidence.comparisons[k];
        let rows = &mut self.table[self.starts[k] + 1..self.starts[k + 1]];
        for class in [MATCH, UNRELATED] {
            scale(rows, class, 1.0, |_| true);
        }
        // Left free, relatives share file numbers: of 100,000 records of three states' photographs and prints, pairs with
        // one number and no more than a family name in common went to that class, and 24 % of them were linked, not 98 %.
        let issued = |level: usize| comparison.kind.is_issued() && level < comparison.exact;
        let personal = |level: usize| is_personal(comparison, level + 1) || issued(level);
        let mut fixed = 0.0;
        for (level, row) in rows.iter_mut().enumerate().filter(|(level, _)| personal(*level)) {
            row[RELATED] = row[UNRELATED];
            fixed += row[UNRELATED];
            debug_assert!(level + 1 < comparison.levels());
        }
        scale(rows, RELATED, (1.0 - fixed).max(FLOOR), |level| !personal(level));
    }

    /// Share of the pairs of `class` in which both records have the attribute of comparison `k`.
    fn filled(&self, k: usize, sums: &Sums, class: usize) -> f64 {
        let from = if self.untaught[k] { &sums.all } else { &sums.fair };
        let rows = &from[self.starts[k]..self.starts[k + 1]];
        let all: f64 = rows.iter().map(|s| s[class]).sum();
        if all > 0.0 { 1.0 - rows[0][class] / all } else { 1.0 }
    }

    /// Log-likelihood in bits per candidate pair.
    pub fn likelihood(&self) -> f64 {
        self.bits / self.observed.max(1.0)
    }

    /// Free parameters that the related class adds.
    pub fn related_parameters(&self) -> usize {
        let free = |c: &Comparison| {
            (1..c.levels()).filter(|&level| !is_personal(c, level)).count().saturating_sub(1)
        };
        self.evidence.comparisons.iter().map(free).sum::<usize>() + 1
    }

    pub fn model(&self, three: Option<f64>, reason: String, two: f64) -> Model {
        let level = |comparison: &Comparison, k: usize, level: usize| {
            let at = self.starts[k] + level;
            let [m, related, u] = self.table[at];
            LevelModel {
                label: comparison.labels[level].clone(),
                m,
                u,
                related: self.related.then_some(related),
                weight: (m / u).log2(),
                m_source: self.sources[at].0,
                u_source: self.sources[at].1,
            }
        };
        let comparisons = self.evidence.comparisons.iter().enumerate();
        Model {
            version: VERSION,
            comparisons: comparisons
                .map(|(k, comparison)| ComparisonModel {
                    attribute: comparison.name.clone(),
                    levels: (1..comparison.levels()).map(|l| level(comparison, k, l)).collect(),
                })
                .collect(),
            pairs: self.evidence.pairs,
            matches: self.totals[MATCH],
            related: self.totals[RELATED],
            prior: self.totals[MATCH] / self.evidence.pairs.max(1.0),
            blocking_recall: self.recall,
            trained_on: self.observed as u64,
            iterations: self.rounds,
            choice: Choice { two_classes: two, three_classes: three, reason },
            templates: Vec::new(),
        }
    }
}

/// Lets no more matches contradict each other than may, and none err in one way more often than they agree: the M step
/// under these constraints.
fn reconcile(comparison: &Comparison, rows: &mut [[f64; CLASSES]]) {
    let contradict = |level: usize| contradicts(comparison, level + 1);
    let share = |rows: &[[f64; CLASSES]], wanted: &dyn Fn(usize) -> bool| -> f64 {
        rows.iter().enumerate().filter(|(level, _)| wanted(*level)).map(|(_, row)| row[MATCH]).sum()
    };
    if share(rows, &contradict) > MOST_CONTRADICTING {
        scale(rows, MATCH, MOST_CONTRADICTING, contradict);
        scale(rows, MATCH, 1.0 - MOST_CONTRADICTING, |level| !contradict(level));
    }
    let exact = |level: usize| level < comparison.exact;
    let mut near: Vec<usize> =
        (0..rows.len()).filter(|&level| nearly_agrees(comparison, level + 1)).collect();
    near.sort_by(|&a, &b| rows[b][MATCH].total_cmp(&rows[a][MATCH]));
    // Of all that are out of order each gets the mean.
    let (mut sum, mut count) = (share(rows, &exact), 1.0);
    let out_of_order = near.iter().take_while(|&&level| {
        let is_out = rows[level][MATCH] > sum / count;
        if is_out {
            (sum, count) = (sum + rows[level][MATCH], count + 1.0);
        }
        is_out
    });
    let out_of_order: Vec<usize> = out_of_order.copied().collect();
    if !out_of_order.is_empty() {
        scale(rows, MATCH, sum / count, exact);
        out_of_order.into_iter().for_each(|level| rows[level][MATCH] = sum / count);
    }
}

/// Scales the probabilities of `class` in the levels that `free` names so that they sum to `sum`.
fn scale(rows: &mut [[f64; CLASSES]], class: usize, sum: f64, free: impl Fn(usize) -> bool) {
    let mut total = 0.0;
    for (_, row) in rows.iter_mut().enumerate().filter(|(level, _)| free(*level)) {
        row[class] = row[class].max(FLOOR);
        total += row[class];
    }
    if total > 0.0 {
        for (_, row) in rows.iter_mut().enumerate().filter(|(level, _)| free(*level)) {
            row[class] *= sum / total;
        }
    }
}
