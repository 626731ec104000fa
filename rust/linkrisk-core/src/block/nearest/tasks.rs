//! Pairs of blocks that were joined, and what a join that was killed need not do again.
//!
//! A task is a rectangle of rows by rows. It is finished once the journal says so, which is after its pairs are
//! on the disk. A join may go on in more or less memory: blocks are then cut at the edges of the finished tasks
//! too, so that a new one lies within a finished one or has nothing of it.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Scored;
use super::tiles::Tally;
use crate::error::Result;
use crate::runtime::CancelToken;
use crate::store::journal::Journal;

/// A finished task.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Task {
    left: Range<u32>,
    right: Range<u32>,
    tested: u64,
    passed: u64,
    pairs: u64,
}

/// The tasks of a join.
#[derive(Debug)]
pub(super) struct Tasks {
    journal: Option<Journal<Scored, Task>>,
    /// Those that an earlier process finished.
    finished: Vec<Task>,
}

impl Tasks {
    /// The tasks of a new join, or of the one whose state is in `state`; hands the pairs that it found to `take`.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open(
        state: Option<&Path>,
        cancel: &CancelToken,
        take: impl FnMut(&[Scored]) -> Result<()>,
    ) -> Result<Self> {
        let mut finished = Vec::new();
        let keep = |task| {
            finished.push(task);
            Ok(())
        };
        let journal = state.map(|state| Journal::open(state, "pairs", cancel, keep, take)).transpose()?;
        Ok(Self { journal, finished })
    }

    /// How many tasks an earlier process finished, and what became of their pairs.
    pub fn before(&self) -> (u64, Tally) {
        let mut tally = Tally::default();
        self.finished.iter().for_each(|task| tally.add(task.tally()));
        (self.finished.len() as u64, tally)
    }

    /// Whether an earlier process joined these rows.
    pub fn is_finished(&self, left: &Range<u32>, right: &Range<u32>) -> bool {
        let within = |a: &Range<u32>, b: &Range<u32>| a.start >= b.start && a.end <= b.end;
        self.finished.iter().any(|task| within(left, &task.left) && within(right, &task.right))
    }

    /// Cuts `rows` into blocks of at most `most`, at the edges of the finished tasks too.
    pub fn cut(&self, rows: Range<u32>, most: u32) -> Vec<Range<u32>> {
        let edges = self.finished.iter().flat_map(|t| [t.left.start, t.left.end, t.right.start, t.right.end]);
        let mut edges: Vec<u32> = edges.filter(|edge| rows.contains(edge)).chain([rows.start]).collect();
        edges.sort_unstable();
        edges.dedup();
        let ends = edges.iter().skip(1).copied().chain([rows.end]);
        let parts = edges.iter().zip(ends).flat_map(|(&from, to)| {
            let block = move |start: u32| start..start.saturating_add(most).min(to);
            (from..to).step_by(most.max(1) as usize).map(block)
        });
        parts.collect()
    }

    /// Hands the pairs of a task that is under way to the journal.
    ///
    /// # Errors
    /// As [`Journal::push`].
    pub fn push(&mut self, pairs: &[Scored]) -> Result<()> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.push(pairs))
    }

    /// Ends a task.
    ///
    /// # Errors
    /// As [`Journal::finish`].
    pub fn finish(&mut self, left: Range<u32>, right: Range<u32>, tally: Tally) -> Result<()> {
        let Tally { tested, passed, pairs } = tally;
        let task = Task { left, right, tested, passed, pairs };
        self.journal.as_mut().map_or(Ok(()), |journal| journal.finish(task))
    }
}

impl Task {
    fn tally(&self) -> Tally {
        Tally { tested: self.tested, passed: self.passed, pairs: self.pairs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(finished: &[(Range<u32>, Range<u32>)]) -> Tasks {
        let task = |(left, right): &(Range<u32>, Range<u32>)| Task {
            left: left.clone(),
            right: right.clone(),
            tested: 5,
            passed: 3,
            pairs: 2,
        };
        Tasks { journal: None, finished: finished.iter().map(task).collect() }
    }

    #[test]
    fn test_new_blocks_lie_within_finished_tasks_or_have_nothing_of_them() {
        let before = [(0..10, 0..10), (0..10, 10..20), (20..24, 20..24)];
        let tasks = tasks(&before);
        for most in [1, 3, 4, 7, 100] {
            let blocks = tasks.cut(0..33, most);
            assert!(blocks.iter().flat_map(Clone::clone).eq(0..33));
            assert!(blocks.iter().all(|block| block.len() <= most as usize));
            for (at, left) in blocks.iter().enumerate() {
                for right in &blocks[at..] {
                    let shares = |task: &(Range<u32>, Range<u32>)| {
                        left.clone().any(|row| task.0.contains(&row))
                            && right.clone().any(|row| task.1.contains(&row))
                    };
                    assert_eq!(tasks.is_finished(left, right), before.iter().any(shares));
                }
            }
        }
        let (count, tally) = tasks.before();
        assert_eq!((count, tally.tested, tally.passed, tally.pairs), (3, 15, 9, 6));
    }
}
