//! Files for what does not fit memory: a private directory per run, a quota, and nothing left behind.
//!
//! ```text
//! <base>/linkrisk-<pid>-<start time>-<run>/     mode 0700
//!     lock                                      held while the process lives
//!     1-packed records, 2-pairs, …              removed with their last use
//! ```
//!
//! The directory is made with its first file and removed with its last. Room is asked for before each
//! write: of the quota, then of the disk. What a killed process left is swept by the next run with the
//! same base.

mod file;
mod stale;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(super) use file::corrupt;
pub use file::{Frame, SpillFile};
pub use stale::sweep;

use super::memory::human;
use crate::error::{Error, ErrorKind, Result};

/// The file that a living process keeps locked.
const LOCK: &str = "lock";

/// Where a run spills, how much it may, and how much it did.
#[derive(Debug)]
pub struct Spill {
    base: PathBuf,
    limit: Option<u64>,
    /// Bytes in files that exist.
    held: AtomicU64,
    /// Bytes ever written.
    written: AtomicU64,
    /// Number of the next file.
    next: AtomicU64,
    directory: Mutex<Directory>,
}

/// The run's directory while it exists.
#[derive(Debug, Default)]
struct Directory {
    open: Option<(PathBuf, File)>,
    files: u64,
}

impl Spill {
    /// Spilling into a directory below `base`, at most `limit` bytes at one time; nothing is made yet.
    pub fn new(base: &Path, limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            base: base.to_owned(),
            limit,
            held: AtomicU64::new(0),
            written: AtomicU64::new(0),
            next: AtomicU64::new(1),
            directory: Mutex::default(),
        })
    }

    /// The directory below which the run's own is made.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Bytes that were written so far, those of files that are gone included.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes in files that exist.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Makes the run's directory and removes it again: a wrong folder is then found before the work.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn try_out(&self) -> Result<()> {
        self.enter("")?;
        self.leave();
        Ok(())
    }

    /// Looks for room for `bytes` more, so that hours of work are not begun in vain.
    ///
    /// # Errors
    /// [`ErrorKind::SpillLimit`] with the bytes that are needed and free, [`ErrorKind::Io`] where the
    /// disk cannot be asked.
    pub fn require(&self, bytes: u64) -> Result<()> {
        let held = self.held();
        if let Some(limit) = self.limit
            && held.saturating_add(bytes) > limit
        {
            let message = format!(
                "spilling {} to `{}` goes over `run.spill_limit` of {}, of which {} is in use",
                human(bytes),
                self.base.display(),
                human(limit),
                human(held)
            );
            return Err(self
                .refusal(message, bytes, limit.saturating_sub(held))
                .hint("raise `run.spill_limit`, or `run.memory_limit` so that less is spilled"));
        }
        let place = existing(&self.base);
        let free = fs4::available_space(place).map_err(|e| Error::io(place, e))?;
        if bytes > free {
            let message = format!(
                "spilling to `{}` needs {} and the disk has {} free",
                self.base.display(),
                human(bytes),
                human(free)
            );
            return Err(self
                .refusal(message, bytes, free)
                .hint("free some space, set `run.spill_dir` to a larger disk, or raise `run.memory_limit`"));
        }
        Ok(())
    }

    fn refusal(&self, message: String, needed: u64, free: u64) -> Error {
        Error::new(ErrorKind::SpillLimit, message)
            .detail("path", self.base.display())
            .detail("needed", needed)
            .detail("free", free)
    }

    /// Takes room for `bytes` that are about to be written.
    fn claim(&self, bytes: u64) -> Result<()> {
        self.require(bytes)?;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn release(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A path for a new file in the run's directory, which is made where it is not there.
    fn enter(&self, name: &str) -> Result<PathBuf> {
        let mut directory = self.directory.lock().unwrap_or_else(|e| e.into_inner());
        if directory.open.is_none() {
            directory.open = Some(stale::create(&self.base)?);
        }
        directory.files += 1;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = directory.open.as_ref().map_or(&self.base, |(path, _)| path);
        Ok(path.join(format!("{number}-{name}")))
    }

    /// Notes that a file is gone, and removes the directory with the last.
    fn leave(&self) {
        let mut directory = self.directory.lock().unwrap_or_else(|e| e.into_inner());
        directory.files = directory.files.saturating_sub(1);
        if directory.files == 0
            && let Some((path, lock)) = directory.open.take()
        {
            // What cannot be removed is private, and swept by a later run.
            let _ = fs::remove_file(path.join(LOCK));
            drop(lock);
            let _ = fs::remove_dir(path);
        }
    }
}

/// The nearest directory on the way to `path` that exists: the disk that will be written to.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|p| !p.as_os_str().is_empty() && p.exists()).unwrap_or(Path::new("."))
}
