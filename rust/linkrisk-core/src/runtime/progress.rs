//! Where the work is, as counters that any thread may raise and one thread samples.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Counters of the stage under way.
#[derive(Debug)]
pub struct Progress {
    done: AtomicU64,
    worked: AtomicU64,
    stage: Mutex<Stage>,
    /// What the stages that begin are a part of; empty where they are the run's own.
    part: Mutex<&'static str>,
}

#[derive(Debug, Clone, Copy)]
struct Stage {
    name: &'static str,
    part: &'static str,
    unit: &'static str,
    total: Option<u64>,
    /// The work of the stage, in nanoseconds as they were expected.
    work: Option<u64>,
    started: Instant,
}

/// What a progress line shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// The stage.
    pub stage: &'static str,
    /// What the stage is a part of, such as `without templates`; empty where it is the run's own.
    pub part: &'static str,
    /// What is counted: `records` or `pairs`.
    pub unit: &'static str,
    /// How many are done.
    pub done: u64,
    /// How many there are, where that is known before.
    pub total: Option<u64>,
    /// The share of the work that is done, where it is known better than by what is counted: records that
    /// must be sorted before any pair is compared, say.
    pub share: Option<f64>,
    /// Seconds since the stage began.
    pub seconds: f64,
}

impl Default for Progress {
    fn default() -> Self {
        let stage =
            Stage { name: "", part: "", unit: "records", total: None, work: None, started: Instant::now() };
        Self {
            done: AtomicU64::new(0),
            worked: AtomicU64::new(0),
            stage: Mutex::new(stage),
            part: Mutex::new(""),
        }
    }
}

impl Progress {
    /// Begins a stage of `total` units.
    pub fn begin(&self, name: &'static str, unit: &'static str, total: Option<u64>) {
        let part = *self.part.lock().unwrap_or_else(|e| e.into_inner());
        let mut stage = self.stage.lock().unwrap_or_else(|e| e.into_inner());
        *stage = Stage { name, part, unit, total, work: None, started: Instant::now() };
        self.done.store(0, Ordering::Relaxed);
        self.worked.store(0, Ordering::Relaxed);
    }

    /// Names what the stages are a part of that begin while the answer lives: a linkage that a larger stage makes
    /// for itself has the stages of one, and is not the run's.
    pub fn within(&self, part: &'static str) -> Part<'_> {
        let mut within = self.part.lock().unwrap_or_else(|e| e.into_inner());
        Part { progress: self, before: std::mem::replace(&mut *within, part) }
    }

    /// Counts `n` more units done.
    pub fn add(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
    }

    /// States what work the stage will be, in nanoseconds or any unit of which all takes as long.
    pub fn expect(&self, work: f64) {
        self.stage.lock().unwrap_or_else(|e| e.into_inner()).work = Some(work.max(1.0) as u64);
    }

    /// Counts `work` more as done.
    pub fn worked(&self, work: f64) {
        self.worked.fetch_add(work as u64, Ordering::Relaxed);
    }

    /// Where the work is now.
    pub fn snapshot(&self) -> Snapshot {
        let stage = *self.stage.lock().unwrap_or_else(|e| e.into_inner());
        Snapshot {
            stage: stage.name,
            part: stage.part,
            unit: stage.unit,
            done: self.done.load(Ordering::Relaxed),
            total: stage.total,
            share: stage.work.map(|work| (self.worked.load(Ordering::Relaxed) as f64 / work as f64).min(1.0)),
            seconds: stage.started.elapsed().as_secs_f64(),
        }
    }
}

/// While it lives, stages are a part of something.
#[derive(Debug)]
pub struct Part<'a> {
    progress: &'a Progress,
    before: &'static str,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        *self.progress.part.lock().unwrap_or_else(|e| e.into_inner()) = self.before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_stages_that_begin_within_a_part_say_so() {
        let progress = Progress::default();
        let part = |name| {
            progress.begin(name, "pairs", None);
            progress.snapshot().part
        };
        assert_eq!(part("link"), "");
        let within = progress.within("without templates");
        assert_eq!(part("link"), "without templates");
        drop(within);
        assert_eq!(progress.snapshot().part, "without templates", "the stage under way is what it was");
        assert_eq!(part("link"), "");
    }
}
