//! Linking rule by rule and pass by pass, each pass for good once it is in the journal.

use serde::{Deserialize, Serialize};

use super::Planned;
use crate::compare::links::{Found, Keep};
use crate::compare::{Comparer, Links, PatternCounts, ScoredPair, count};
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
}

impl Pass {
    /// Whether it gave what pass `pass` of `passes` over `rule` gives; `passes` is a multiple of its own.
    fn covers(&self, rule: usize, pass: u64, passes: u64) -> bool {
        self.rule == rule && pass / (passes / self.passes) == self.pass
    }
}

/// Compares every candidate pair once: how often each pattern occurs, and the pairs worth keeping in
/// order.
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
) -> Result<(PatternCounts, Kept<ScoredPair>)> {
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
    let visitor = Links { comparer: &comparer, keep };
    context.progress.begin("link", "pairs", Some(candidates.pairs()));
    let mut sorter = ExternalSorter::new("pairs", context.memory.limit() / 8, context)?;
    let (mut counts, mut kept, mut done) = (PatternCounts::default(), 0, Vec::new());
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
        context.progress.add(pass.pairs);
    }
    for rule in 0..candidates.rules.rules.len() {
        let begun = done.iter().filter(|pass| pass.rule == rule).map(|pass| pass.passes).max().unwrap_or(1);
        let passes = candidates.passes(store, 1.0, context).div_ceil(begun) * begun;
        for pass in (0..passes).filter(|&pass| !done.iter().any(|d| d.covers(rule, pass, passes))) {
            let before = context.progress.snapshot().done;
            let mut patterns = PatternCounts::default();
            let mut take = |found: Found| {
                found.count_into(&mut patterns);
                kept += found.pairs.len() as u64;
                if let Some(journal) = &mut journal {
                    journal.push(&found.pairs)?;
                }
                sorter.push(&found.pairs)
            };
            candidates.scan_pass(store, (rule, pass, passes), 1.0, context, &visitor, &mut take)?;
            if let Some(journal) = &mut journal {
                let mut patterns: Vec<(u64, u64)> = patterns.iter().map(|(&p, &n)| (p, n)).collect();
                patterns.sort_unstable();
                let pairs = context.progress.snapshot().done - before;
                journal.finish(Pass { rule, pass, passes, pairs, patterns })?;
            }
            count::add(&mut counts, patterns);
        }
    }
    Ok((counts, Kept::new(sorter.finish()?, kept, "pairs", context)?))
}
