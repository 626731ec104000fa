//! Linking rule by rule and pass by pass, each pass for good once it is in the journal.

use serde::{Deserialize, Serialize};

use super::{Planned, cost};
use crate::block::blocks::BlockCounts;
use crate::block::{Portion, Work};
use crate::compare::links::{Found, Keep};
use crate::compare::{Comparer, LinkFinder, PatternCounts, ScoredPair, count, count::CutCounts};
use crate::error::Result;
use crate::external::{ExternalSorter, Kept};
use crate::runtime::Context;
use crate::score::{Model, Scorer};
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
    planned: &Planned,
    model: &Model,
    threshold: f64,
    run: Option<&RunDir>,
    context: &Context,
) -> Result<Links> {
    let Planned { candidates, comparisons, .. } = planned;
    let scorer = Scorer::new(model, comparisons);
    let comparer = Comparer::new(store, comparisons);
    let keep = |levels| {
        let score = scorer.score(levels);
        // Related people are counted by their pairs.
        if score.related >= 0.5 {
            Keep::Every
        } else if score.probability >= threshold {
            Keep::Connecting
        } else {
            Keep::No
        }
    };
    let visitor = LinkFinder { comparer: &comparer, keep };
    context.progress.begin("link", "pairs", Some(candidates.pairs()));
    let passes = candidates.passes(store, 1.0, context);
    let work: Vec<Work> = candidates.counts.iter().map(|counts| work_of(counts, store, passes)).collect();
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
    for (rule, work) in work.into_iter().enumerate() {
        let begun = done.iter().filter(|pass| pass.rule == rule).map(|pass| pass.passes).max().unwrap_or(1);
        let passes = candidates.passes(store, 1.0, context).div_ceil(begun) * begun;
        for pass in (0..passes).filter(|&pass| !done.iter().any(|d| d.covers(rule, pass, passes))) {
            let before = context.progress.snapshot().done;
            let (mut patterns, mut in_cuts) = (PatternCounts::default(), CutCounts::default());
            let mut take = |mut found: Found| {
                found.count_into(&mut patterns);
                count::add(&mut in_cuts, std::mem::take(&mut found.cuts));
                kept += found.pairs.len() as u64;
                if let Some(journal) = &mut journal {
                    journal.push(&found.pairs)?;
                }
                sorter.push(&found.pairs)
            };
            let portion = Portion { rule, pass, passes, share: 1.0, work: work.part(passes) };
            candidates.scan_pass(store, portion, context, &visitor, &mut take)?;
            if let Some(journal) = &mut journal {
                let mut patterns: Vec<(u64, u64)> = patterns.iter().map(|(&p, &n)| (p, n)).collect();
                patterns.sort_unstable();
                let pairs = context.progress.snapshot().done - before;
                let mut cuts: Vec<((u64, u32), u64)> = in_cuts.iter().map(|(&c, &n)| (c, n)).collect();
                cuts.sort_unstable();
                journal.finish(Pass { rule, pass, passes, pairs, patterns, cuts })?;
            }
            count::add(&mut counts, patterns);
            count::add(&mut cuts, in_cuts);
        }
    }
    Ok(Links { counts, cuts, pairs: Kept::new(sorter.finish()?, kept, "pairs", context)? })
}

/// The work that a rule is taken to be.
fn work_of(counts: &BlockCounts, store: &Store, passes: u64) -> Work {
    let (records, pairs) = (counts.records as f64, counts.pairs as f64);
    Work {
        gathering: cost::gathering(f64::from(store.len()), records, passes as f64),
        comparing: cost::comparing(records, pairs),
    }
}
