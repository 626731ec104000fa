//! What a stage may spend: memory, disk, threads, and the caller's patience.

pub mod alloc;
pub mod cancel;
pub mod frame;
pub mod frames;
pub mod machine;
pub mod memory;
pub mod probe;
pub mod progress;
pub mod spill;

use std::path::Path;
use std::sync::Arc;

pub use cancel::CancelToken;
pub use machine::Memory;
pub use memory::{MemoryBudget, Reservation};
pub use progress::{Progress, Snapshot};
pub use spill::Spill;

use crate::error::{Error, Result};

/// The one resource argument that every stage takes.
#[derive(Debug, Clone)]
pub struct Context {
    /// The memory budget.
    pub memory: Arc<MemoryBudget>,
    /// Where what does not fit memory goes.
    pub spill: Arc<Spill>,
    /// Whether the caller asked to stop.
    pub cancel: CancelToken,
    /// Where the work is.
    pub progress: Arc<Progress>,
    /// The run's own threads.
    pub pool: Arc<rayon::ThreadPool>,
    /// Seed of everything random.
    pub seed: u64,
}

impl Context {
    /// Makes a context with `memory_limit` bytes and `threads` threads, or the machine's defaults.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) where threads cannot be started.
    pub fn new(memory_limit: Option<u64>, threads: Option<usize>, seed: u64) -> Result<Self> {
        let threads =
            threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get())).max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("linkrisk-{i}"))
            .build()
            .map_err(|e| Error::internal(format!("cannot start {threads} threads: {e}")))?;
        Ok(Self {
            memory: Arc::new(MemoryBudget::new(
                memory_limit.unwrap_or_else(|| Memory::find().default_limit()),
            )),
            spill: Spill::new(&std::env::temp_dir(), None),
            cancel: CancelToken::default(),
            progress: Arc::new(Progress::default()),
            pool: Arc::new(pool),
            seed,
        })
    }

    /// Spills into a directory below `base`, at most `limit` bytes at one time; the default is the
    /// system's directory for temporary files, as far as its disk goes.
    #[must_use]
    pub fn spill_to(mut self, base: &Path, limit: Option<u64>) -> Self {
        self.spill = Spill::new(base, limit);
        self
    }
}
