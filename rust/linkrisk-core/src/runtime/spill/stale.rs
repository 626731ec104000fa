//! Directories of spilled files: made for one process, and swept once it is dead.
//!
//! A process is dead when neither its number with its start time is in `/proc` nor the lock it held is
//! taken. The number alone is given again; the lock alone is not taken yet in the moment in which a
//! directory is made; and another container on the same disk is in nobody else's `/proc`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::LOCK;
use crate::error::{Error, Result};

const PREFIX: &str = "linkrisk-";

/// Makes and locks a directory below `base` for this process.
///
/// # Errors
/// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
/// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit).
pub fn create(base: &Path) -> Result<(PathBuf, File)> {
    /// Runs of this process.
    static RUN: AtomicU64 = AtomicU64::new(0);
    fs::create_dir_all(base).map_err(|e| Error::io(base, e))?;
    let process = std::process::id();
    let start = start_time("self").unwrap_or(0);
    loop {
        let run = RUN.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("{PREFIX}{process}-{start}-{run}"));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&path) {
            // Somebody else's, in a directory that all may write to: never used.
            Err(error) if error.kind() == IoKind::AlreadyExists => continue,
            made => made.map_err(|e| Error::io(&path, e))?,
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let lock = options.open(path.join(LOCK)).map_err(|e| Error::io(&path, e))?;
        // Some network disks have no locks; the process itself is then what tells.
        let _ = lock.try_lock();
        return Ok((path, lock));
    }
}

/// Removes what dead processes left below `base`; what cannot be removed stays.
pub fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory
            && let Some((process, start)) = name.to_str().and_then(owner)
            && !lives(process, start)
            && !is_locked(&entry.path().join(LOCK))
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The process and its start time that a directory's name tells.
fn owner(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let _run: u64 = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(owner)
}

fn lives(process: u32, start: u64) -> bool {
    start_time(&process.to_string()) == Some(start)
}

/// When a process started, in ticks since the machine did; `None` where there is none, or no `/proc`.
fn start_time(process: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets, and may hold spaces and brackets itself.
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

fn is_locked(lock: &Path) -> bool {
    // Opening anything but a file might wait for ever.
    let is_file = fs::symlink_metadata(lock).is_ok_and(|m| m.is_file());
    is_file && File::open(lock).is_ok_and(|file| file.try_lock().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_only_directories_of_the_dead_are_swept() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let (living, lock) = create(base.path()).expect("room on the disk");
        let own = start_time("self").expect("a start time");
        let make = |name: &str| {
            let path = base.path().join(name);
            fs::create_dir(&path).expect("a directory");
            fs::write(path.join("1-pairs"), "rows").expect("a file");
            path
        };
        // The same number was another process before; no process has a number as high as the second.
        let reused = make(&format!("linkrisk-{}-{}-0", std::process::id(), own - 1));
        let dead = make("linkrisk-4294967295-12-3");
        let elsewhere = make("linkrisk-4294967295-12-4");
        let held = File::create(elsewhere.join(LOCK)).expect("a file");
        held.try_lock().expect("nobody else has it");
        let strangers = ["linkrisk-1-2", "linkrisk-x-1-1", "other", "linkrisk-1-2-3-4"].map(make);
        sweep(base.path());
        assert!(!reused.exists() && !dead.exists());
        assert!(living.exists() && elsewhere.exists());
        assert!(strangers.iter().all(|path| path.exists()));
        drop((lock, held));
        sweep(base.path());
        assert!(!elsewhere.exists(), "its process let go of the lock");
        assert!(living.exists(), "its process lives, whatever became of the lock");
    }
}
