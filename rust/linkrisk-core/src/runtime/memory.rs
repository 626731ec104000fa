//! The memory budget: named reservations that can be refused.
//!
//! Whatever grows with the number of records or pairs reserves its bytes before it takes them: the
//! packed records and dictionaries (`store`), blocking keys (`block`), scored pairs (`compare`) and
//! the forest of clusters (`cluster`). Nothing else may be large.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::error::{Error, ErrorKind, Result};

/// How many bytes the run may hold, and who holds them.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    peak: u64,
    /// The peak since [`MemoryBudget::begin_stage`].
    stage_peak: u64,
    owners: BTreeMap<&'static str, u64>,
}

impl MemoryBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that are still free.
    pub fn free(&self) -> u64 {
        self.limit.saturating_sub(self.lock().used)
    }

    /// The most bytes that were reserved at one time.
    pub fn peak(&self) -> u64 {
        self.lock().peak
    }

    /// The most bytes that were reserved at one time since [`MemoryBudget::begin_stage`].
    pub fn stage_peak(&self) -> u64 {
        self.lock().stage_peak
    }

    /// Begins the peak of a stage.
    pub fn begin_stage(&self) {
        let mut state = self.lock();
        state.stage_peak = state.used;
    }

    /// Reserves `bytes` for `owner`.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`], naming the largest owners, where they are not free.
    pub fn reserve(self: &Arc<Self>, owner: &'static str, bytes: u64) -> Result<Reservation> {
        let mut reservation = Reservation { budget: Arc::clone(self), owner, bytes: 0 };
        reservation.grow_to(bytes)?;
        Ok(reservation)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn grow(&self, owner: &'static str, bytes: u64) -> Result<()> {
        let mut state = self.lock();
        if state.used.saturating_add(bytes) > self.limit {
            let mut owners: Vec<_> = state.owners.iter().filter(|(_, b)| **b > 0).collect();
            owners.sort_by_key(|(_, b)| std::cmp::Reverse(**b));
            let held: Vec<String> =
                owners.iter().take(5).map(|(o, b)| format!("{o} {}", human(**b))).collect();
            return Err(Error::new(
                ErrorKind::MemoryLimit,
                format!(
                    "{owner} needs {} more than the memory limit of {} leaves",
                    human(bytes),
                    human(self.limit)
                ),
            )
            .hint("raise `run.memory_limit`, or map fewer attributes")
            .detail("limit", self.limit)
            .detail("requested", bytes)
            .detail("consumers", held.join(", ")));
        }
        state.used += bytes;
        state.peak = state.peak.max(state.used);
        state.stage_peak = state.stage_peak.max(state.used);
        *state.owners.entry(owner).or_default() += bytes;
        Ok(())
    }

    fn release(&self, owner: &'static str, bytes: u64) {
        let mut state = self.lock();
        state.used = state.used.saturating_sub(bytes);
        if let Some(held) = state.owners.get_mut(owner) {
            *held = held.saturating_sub(bytes);
        }
    }
}

/// Bytes held by one owner; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    owner: &'static str,
    bytes: u64,
}

impl Reservation {
    /// The bytes that are held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Raises the reservation to `bytes`; a lower number changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] where the difference is not free.
    pub fn grow_to(&mut self, bytes: u64) -> Result<()> {
        if bytes > self.bytes {
            self.budget.grow(self.owner, bytes - self.bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Lowers the reservation to `bytes`; a higher number changes nothing.
    pub fn shrink_to(&mut self, bytes: u64) {
        if bytes < self.bytes {
            self.budget.release(self.owner, self.bytes - bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// Peak resident memory of the process in bytes, or 0 where the system does not tell.
pub fn process_peak() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kib| kib * 1024)
}

/// A size as people read it.
pub fn human(bytes: u64) -> String {
    const MIB: f64 = 1024.0 * 1024.0;
    let mib = bytes as f64 / MIB;
    if mib >= 1024.0 { format!("{:.1} GiB", mib / 1024.0) } else { format!("{mib:.1} MiB") }
}
