//! Linking rule by rule and pass by pass, each pass for good once it is in the journal.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cost;
use super::templates::{FoundPair, Nearest};
use crate::block::blocks::BlockCounts;
use crate::block::{Candidates, Portion, Work};
use crate::compare::links::{Found, Keep, OpenPair};
use crate::compare::similarity::{ELSE, PENDING, Scratch, Similarities, of_templates};
use crate::compare::{
    Comparer, Comparison, LEVELS, LinkFinder, Memo, PatternCounts, RULE_SHIFT, ScoredPair, count,
    count::CutCounts,
};
use crate::error::Result;
use crate::external::{ExternalSorter, Kept};
use crate::runtime::{Context, Reservation};
use crate::score::{Model, Score, Scorer};
use crate::store::Store;
use crate::store::journal::Journal;
use crate::store::run_dir::RunDir;

/// A finished pass over the pairs of a rule.
#[derive(Debug, Serialize, Deserialize)]
struct Pass {
    rule: usize,
    pass: u64,
    passes: u64,
    /// Pairs by which the progress moved.
    pairs: u64,
    /// Every pattern and how often it occurred.
    patterns: Vec<(u64, u64)>,
    /// The same of pairs in blocks that were cut, with the rules of these.
    cuts: Vec<((u64, u32), u64)>,
}

impl Pass {
    /// Whether it gave what pass `pass` of `passes` over `rule` gives; `passes` is a multiple of its own.
    fn covers(&self, rule: usize, pass: u64, passes: u64) -> bool {
        self.rule == rule && pass / (passes / self.passes) == self.pass
    }
}

/// What linking finds.
#[derive(Debug)]
pub struct Links {
    /// How often each pattern occurs.
    pub counts: PatternCounts,
    /// How often it does among pairs in blocks that were cut.
    pub cuts: CutCounts,
    /// The pairs worth keeping, in order.
    pub pairs: Kept<ScoredPair>,
}

/// Compares every candidate pair once.
///
/// In a run that may go on, passes that were finished before are read and not repeated. Memory may allow
/// for fewer or more passes by then; there are as many as are needed and as the ones that are finished
/// divide.
///
/// # Errors
/// As [`Candidates::scan`](crate::block::Candidates::scan), [`ExternalSorter::push`] and
/// [`Journal::open`].
pub fn find(
    store: &Store,
    (candidates, comparisons): (&Candidates, &[Comparison]),
    (model, nearest): (&Model, &Nearest),
    threshold: f64,
    run: Option<&RunDir>,
    context: &Context,
) -> Result<Links> {
    let scorer = Scorer::new(model, comparisons);
    let comparer = Comparer::new(store, comparisons);
    let similarities = similarities(store, (candidates, comparisons), nearest);
    let decide = |levels: u64| {
        let score = scorer.score(levels);
        if keeps_every(&scorer, &score, levels) {
            Keep::Every
        } else if score.is_link(threshold) {
            Keep::Connecting
        } else {
            Keep::No
        }
    };
    let keep = |levels: u64| {
        let pending: Vec<&Comparison> =
            of_templates(comparisons).filter(|c| c.level(levels) == PENDING).collect();
        if pending.is_empty() {
            return decide(levels);
        }
        let all_at = |level: usize| pending.iter().fold(levels, |levels, c| c.with_level(levels, level));
        let without = decide(all_at(0));
        // Weights fall with the level, so the ends tell of all; but what is no link for want of certainty
        // at one level may be one at another.
        let decided = (1..=ELSE).all(|level| decide(all_at(level)) == without);
        if decided { without } else { Keep::Open }
    };
    let visitor = LinkFinder { comparer: &comparer, keep };
    context.progress.begin("link", "pairs", Some(candidates.pairs() + nearest.len()));
    let rule_work = |(rule, counts): (usize, &BlockCounts)| {
        work_of(counts, store, candidates.passes(store, rule, 1.0, context))
    };
    let mut work: Vec<Work> = candidates.counts.iter().enumerate().map(rule_work).collect();
    // Last, as of one rule more, the pairs that templates found.
    work.extend(
        nearest.pairs.iter().map(|pairs| Work { gathering: 0.0, comparing: pairs.len() as f64 * cost::PAIR }),
    );
    context.progress.expect(work.iter().map(|work| work.gathering + work.comparing).sum());
    let mut sorter = ExternalSorter::new("pairs", context.memory.limit() / 8, context)?;
    let (mut counts, mut cuts) = (PatternCounts::default(), CutCounts::default());
    let (mut kept, mut done) = (0, Vec::new());
    let mut journal = match run.and_then(RunDir::state) {
        Some(state) => {
            let pass = |pass: Pass| {
                done.push(pass);
                Ok(())
            };
            let take = |pairs: &[ScoredPair]| {
                kept += pairs.len() as u64;
                sorter.push(pairs)
            };
            Some(Journal::open(&state, "pairs", &context.cancel, pass, take)?)
        }
        None => None,
    };
    for pass in &done {
        count::add(&mut counts, pass.patterns.iter().copied().collect());
        count::add(&mut cuts, pass.cuts.iter().copied().collect());
        context.progress.add(pass.pairs);
        let Work { gathering, comparing } = work[pass.rule];
        context.progress.worked((gathering + comparing) / pass.passes as f64);
    }
    let second = Second { store, similarities: &similarities, decide: &decide, context };
    for (rule, work) in work.into_iter().enumerate() {
        let begun = done.iter().filter(|pass| pass.rule == rule).map(|pass| pass.passes).max().unwrap_or(1);
        let by_key = rule < candidates.rules.rules.len();
        let passes =
            if by_key { candidates.passes(store, rule, 1.0, context).div_ceil(begun) * begun } else { 1 };
        for pass in (0..passes).filter(|&pass| !done.iter().any(|d| d.covers(rule, pass, passes))) {
            let before = context.progress.snapshot().done;
            let (mut patterns, mut in_cuts) = (PatternCounts::default(), CutCounts::default());
            let mut keep_pairs = |pairs: &[ScoredPair]| {
                kept += pairs.len() as u64;
                if let Some(journal) = &mut journal {
                    journal.push(pairs)?;
                }
                sorter.push(pairs)
            };
            if by_key {
                let mut open = ExternalSorter::new("open pairs", context.memory.limit() / 16, context)?;
                let mut take = |mut found: Found| {
                    found.count_into(&mut patterns);
                    count::add(&mut in_cuts, std::mem::take(&mut found.cuts));
                    open.push(&found.open)?;
                    keep_pairs(&found.pairs)
                };
                let portion = Portion { rule, pass, passes, share: 1.0, work: work.part(passes) };
                candidates.scan_pass(store, portion, context, &visitor, &mut take)?;
                let mut open = open.finish()?;
                while let Some(pairs) = open.read_next()? {
                    second.open(pairs, (&mut patterns, &mut in_cuts), &mut keep_pairs)?;
                }
            } else {
                let Some(pairs) = &nearest.pairs else { continue };
                let each = work.comparing / (pairs.len() as f64).max(1.0);
                pairs.each(|found| {
                    for found in found.chunks(second.together()) {
                        second.found(found, (candidates, &comparer), &mut patterns, &mut keep_pairs)?;
                        context.progress.add(found.len() as u64);
                        context.progress.worked(each * found.len() as f64);
                    }
                    Ok(())
                })?;
            }
            if let Some(journal) = &mut journal {
                let mut patterns: Vec<(u64, u64)> = patterns.iter().map(|(&p, &n)| (p, n)).collect();
                patterns.sort_unstable();
                let pairs = context.progress.snapshot().done - before;
                let mut cuts: Vec<((u64, u32), u64)> = in_cuts.iter().map(|(&c, &n)| (c, n)).collect();
                cuts.sort_unstable();
                // What is in the journal is not looked at again.
                store.check_texts(context)?;
                journal.finish(Pass { rule, pass, passes, pairs, patterns, cuts })?;
            }
            count::add(&mut counts, patterns);
            count::add(&mut cuts, in_cuts);
        }
    }
    Ok(Links { counts, cuts, pairs: Kept::new(sorter.finish()?, kept, "pairs", context)? })
}

/// Whether every pair of these levels is kept, link or not: related people are counted by their pairs, and templates
/// that contradict each other are told of.
pub fn keeps_every(scorer: &Scorer<'_>, score: &Score, levels: u64) -> bool {
    score.related >= 0.5 || scorer.contradicting(levels).is_some()
}

/// The work that a rule is taken to be.
fn work_of(counts: &BlockCounts, store: &Store, passes: u64) -> Work {
    let (records, pairs) = (counts.records as f64, counts.pairs as f64);
    Work {
        gathering: cost::gathering(f64::from(store.len()), records, passes as f64),
        comparing: cost::comparing(records, pairs),
    }
}

/// What the templates of the run say of two records.
pub fn similarities<'a>(
    store: &'a Store,
    (candidates, comparisons): (&Candidates, &'a [Comparison]),
    nearest: &'a Nearest,
) -> Similarities<'a> {
    let by_key = candidates.rules.rules.len();
    let compared = nearest
        .joined
        .iter()
        .zip(by_key as u32..)
        .map(|(joined, rule)| joined.compared(store, &comparisons[joined.comparison], rule));
    Similarities::new(store, compared.collect())
}

/// Pairs whose records are read together, at the least and at the most: of records of 64 bytes 0.6 and 150 MB.
const TOGETHER: (usize, usize) = (1 << 12, 1 << 20);

/// The second pass: pairs that templates decide, and such as they found.
struct Second<'a, D> {
    store: &'a Store,
    similarities: &'a Similarities<'a>,
    decide: &'a D,
    context: &'a Context,
}

impl<D: Fn(u64) -> Keep + Sync> Second<'_, D> {
    /// Compares the templates of open pairs, which come in the order in which these rest.
    fn open(
        &self,
        pairs: &[OpenPair],
        (patterns, cuts): (&mut PatternCounts, &mut CutCounts),
        keep: &mut impl FnMut(&[ScoredPair]) -> Result<()>,
    ) -> Result<()> {
        for pairs in pairs.chunks(self.together()) {
            let of = |pair: &OpenPair| [pair.left, pair.right];
            let _held = self.reserve(pairs.len())?;
            let (records, words) = self.gather(pairs.iter().flat_map(of))?;
            let width = self.store.layout.words;
            let record = |number: u32| {
                let at = records.partition_point(|&r| r < number);
                (number, &words[at * width..][..width])
            };
            let complete = |rows: &mut Scratch, pair: &OpenPair| {
                let (left, right) = (record(pair.left), record(pair.right));
                self.similarities.complete(rows, left, right, pair.pattern)
            };
            for (pair, pattern) in pairs.iter().zip(self.each(pairs, complete)?) {
                if pair.cut != 0 {
                    *cuts.entry((pattern, pair.cut)).or_default() += 1;
                }
                self.take(pair.left, pair.right, pattern, patterns, keep)?;
            }
        }
        Ok(())
    }

    /// Compares pairs that templates found and no rule before.
    fn found(
        &self,
        pairs: &[FoundPair],
        (candidates, comparer): (&Candidates, &Comparer<'_>),
        patterns: &mut PatternCounts,
        keep: &mut impl FnMut(&[ScoredPair]) -> Result<()>,
    ) -> Result<()> {
        let _held = self.reserve(pairs.len())?;
        let (records, words) = self.gather(pairs.iter().flat_map(|pair| [pair.left, pair.right]))?;
        let width = self.store.layout.words;
        let record = |number: u32| {
            let at = records.partition_point(|&r| r < number);
            (number, &words[at * width..][..width])
        };
        let by_key = candidates.rules.rules.len() as u32;
        let compare = |(scratch, memo): &mut (Scratch, Option<Memo>), pair: &FoundPair| {
            let (left, right) = (record(pair.left), record(pair.right));
            if candidates.are_paired(self.store, left, right) {
                return Ok(0);
            }
            let memo = memo.get_or_insert_with(|| comparer.memo());
            let levels = comparer.pattern(memo, left.1, right.1);
            let pattern = self.similarities.complete(scratch, left, right, levels)?;
            // A join that loses some pairs found this one, whatever its rule says.
            Ok(pattern | u64::from(pair.found_by) << (RULE_SHIFT + by_key))
        };
        for (pair, pattern) in pairs.iter().zip(self.each(pairs, compare)?) {
            if pattern != 0 {
                self.take(pair.left, pair.right, pattern, patterns, keep)?;
            }
        }
        Ok(())
    }

    /// Bytes of a pair at hand: its two records with their words, and its pattern.
    fn bytes(&self) -> u64 {
        2 * (self.store.layout.words as u64 * 8 + 4) + 8
    }

    /// As many pairs as a quarter of the free memory holds, so many at the least and at the most.
    fn together(&self) -> usize {
        let fits = self.context.memory.free() / 4 / self.bytes();
        (fits as usize).clamp(TOGETHER.0, TOGETHER.1)
    }

    fn reserve(&self, pairs: usize) -> Result<Reservation> {
        self.context.memory.reserve("pairs of templates", pairs as u64 * self.bytes())
    }

    fn gather(&self, records: impl Iterator<Item = u32>) -> Result<(Vec<u32>, Vec<u64>)> {
        let mut records: Vec<u32> = records.collect();
        records.sort_unstable();
        records.dedup();
        let words = self.store.gather(&records, self.context)?;
        Ok((records, words))
    }

    fn each<T: Sync, S: Default + Send>(
        &self,
        pairs: &[T],
        pattern: impl Fn(&mut S, &T) -> Result<u64> + Sync,
    ) -> Result<Vec<u64>> {
        let task = |scratch: &mut S, pairs: &[T]| {
            self.context.cancel.check()?;
            pairs.iter().map(|pair| pattern(scratch, pair)).collect::<Result<Vec<u64>>>()
        };
        let made: Vec<Vec<u64>> = self
            .context
            .pool
            .install(|| pairs.par_chunks(1 << 12).map_init(S::default, task).collect::<Result<_>>())?;
        Ok(made.into_iter().flatten().collect())
    }

    fn take(
        &self,
        left: u32,
        right: u32,
        pattern: u64,
        patterns: &mut PatternCounts,
        keep: &mut impl FnMut(&[ScoredPair]) -> Result<()>,
    ) -> Result<()> {
        *patterns.entry(pattern).or_default() += 1;
        if (self.decide)(pattern & LEVELS) != Keep::No {
            keep(&[ScoredPair { left, right, pattern }])?;
        }
        Ok(())
    }
}
