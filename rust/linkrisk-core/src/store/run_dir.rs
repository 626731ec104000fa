//! The run directory: files of one run, each whole or not there, readable by their owner alone.
//!
//! A file is written under a hidden name and renamed when it is complete; the manifest is replaced
//! in the same way. So whatever is found under its own name is whole, also after a power cut.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::changes;
use crate::error::{Error, ErrorKind, Result};

/// Version of the layout of a run directory.
pub const VERSION: u32 = 1;

/// Where a run keeps what it takes to go on.
const STATE: &str = "state";

/// What a stage, or a whole run, took of memory and disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryFigures {
    /// The most that was reserved at one time.
    pub reserved_peak_bytes: u64,
    /// The most that the engine had allocated at one time; `None` where its allocator does not count.
    pub true_peak_bytes: Option<u64>,
    /// The peak of the process so far as the system tells it: Python, Polars and the engine.
    pub process_peak_bytes: u64,
    /// Bytes that were written to spill files.
    pub spilled_bytes: u64,
}

impl MemoryFigures {
    fn add(&mut self, stage: &Self) {
        self.reserved_peak_bytes = self.reserved_peak_bytes.max(stage.reserved_peak_bytes);
        self.true_peak_bytes = self.true_peak_bytes.max(stage.true_peak_bytes);
        self.process_peak_bytes = self.process_peak_bytes.max(stage.process_peak_bytes);
        self.spilled_bytes += stage.spilled_bytes;
    }
}

/// What the manifest says of a finished stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StageFigures {
    /// The stage.
    pub stage: String,
    /// The rows it handled.
    pub rows: u64,
    /// The seconds it took, in the process that finished it.
    pub seconds: f64,
    /// What it found.
    pub summary: Value,
    /// What it took beside.
    #[serde(flatten)]
    pub memory: MemoryFigures,
}

/// What decides the result of a run.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The spec.
    pub spec: &'a Value,
    /// The hash of what of it decides the result.
    pub spec_hash: u64,
    /// The seed.
    pub seed: u64,
    /// What is known of the tables, by source; null where nothing is.
    pub inputs: &'a Value,
}

/// A run's directory and its manifest.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Value,
    memory: MemoryFigures,
    /// The directory, locked while the run is under way.
    lock: Option<File>,
}

impl RunDir {
    /// Makes the directory of a new run.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the directory already holds something.
    pub fn create(path: &Path, identity: Identity<'_>) -> Result<Self> {
        if let Ok(mut entries) = fs::read_dir(path)
            && entries.next().is_some()
        {
            let (what, hint) = match manifest_of(path)? {
                None => ("other files", "name a new directory, or remove this one"),
                Some(manifest) if manifest["state"] == "running" => (
                    "a run that did not end",
                    "go on with it by `--resume` (in Python `resume=True`), or name a new directory",
                ),
                Some(_) => ("another run", "name a new directory, or remove this one"),
            };
            return Err(refused(path, format!("the output directory `{}` holds {what}", path.display()))
                .hint(hint)
                .detail("reason", "not empty"));
        }
        Self::begin(path, identity, false)
    }

    /// Goes on with the run in a directory, or begins it where there is none; from then on the run keeps
    /// what it takes to go on.
    ///
    /// A run that was begun in another way and did not end has kept nothing, and begins anew.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the directory holds anything else, or a run of another spec, version or
    /// other tables, with what differs; or where another process is at work in it.
    pub fn resume(path: &Path, identity: Identity<'_>) -> Result<Self> {
        let Some(manifest) = manifest_of(path)? else {
            if let Some(other) = others(path) {
                let message = format!("the directory `{}` holds `{other}` and no run", path.display());
                return Err(refused(path, message)
                    .hint("name the directory of the run, or a new one")
                    .detail("reason", "no run"));
            }
            return Self::begin(path, identity, true);
        };
        changes::check(path, &manifest, identity)?;
        let over = manifest["state"] == "running" && manifest["resumable"] != true;
        if over {
            return Self::begin(path, identity, true);
        }
        let lock = lock(path)?;
        sweep(path);
        make_private(&path.join("tables"))?;
        if manifest["resumable"] == true {
            make_private(&path.join(STATE))?;
        }
        let memory = serde_json::from_value(manifest["memory"].clone()).unwrap_or_default();
        let mut run = Self { path: path.to_owned(), manifest, memory, lock };
        if run.is_resumable() {
            let times = run.manifest["resumed"].as_u64().unwrap_or(0) + 1;
            run.set("resumed", json!(times))?;
        }
        Ok(run)
    }

    fn begin(path: &Path, identity: Identity<'_>, resumable: bool) -> Result<Self> {
        let Identity { spec, spec_hash, seed, inputs } = identity;
        make_private(path)?;
        let lock = lock(path)?;
        sweep(path);
        make_private(&path.join("tables"))?;
        if resumable {
            // What is in it was never finished.
            remove_all(&path.join(STATE))?;
            make_private(&path.join(STATE))?;
        }
        let manifest = json!({
            "format_version": VERSION,
            "versions": {"linkrisk": env!("CARGO_PKG_VERSION")},
            "spec_hash": format!("{spec_hash:016x}"),
            "spec": spec,
            "seed": seed,
            "inputs": inputs,
            "state": "running",
            "resumable": resumable,
            "stages": [],
        });
        let run = Self { path: path.to_owned(), manifest, memory: MemoryFigures::default(), lock };
        run.save()?;
        Ok(run)
    }

    /// Whether the run keeps what it takes to go on after it was killed.
    pub fn is_resumable(&self) -> bool {
        self.manifest["resumable"] == true
    }

    /// Where a run that is resumable keeps what it takes to go on.
    pub fn state(&self) -> Option<PathBuf> {
        self.is_resumable().then(|| self.path.join(STATE))
    }

    /// Removes what was kept to go on: the run is finished.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn finish(&mut self) -> Result<()> {
        if self.is_resumable() {
            self.set("resumable", json!(false))?;
        }
        remove_all(&self.path.join(STATE))
    }

    /// Takes the stages back: the run begins again.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn begin_again(&mut self) -> Result<()> {
        if self.manifest["stages"].as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        self.set("stages", json!([]))
    }

    /// Lets other processes into the directory.
    pub fn release(&mut self) {
        self.lock = None;
    }

    /// The risk figures of a run that was assessed; null before.
    pub fn summary(&self) -> &Value {
        &self.manifest["summary"]
    }

    /// What the finished stages of this name said of themselves, in order.
    pub fn finished(&self, stage: &str) -> Vec<&Value> {
        let stages = self.manifest["stages"].as_array();
        let of_name = |entry: &&Value| entry["stage"] == stage;
        stages.into_iter().flatten().filter(of_name).map(|entry| &entry["summary"]).collect()
    }

    /// Where the run's files are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes a finished stage of a run that may hold `memory_limit` bytes, and puts `changes` into the
    /// manifest with it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn finish_stage(
        &mut self,
        stage: StageFigures,
        memory_limit: u64,
        changes: Vec<(&'static str, Value)>,
    ) -> Result<()> {
        changes.into_iter().for_each(|(key, value)| self.manifest[key] = value);
        self.memory.add(&stage.memory);
        self.manifest["memory"] = to_json(&self.memory)?;
        self.manifest["memory"]["limit_bytes"] = json!(memory_limit);
        if let Some(stages) = self.manifest["stages"].as_array_mut() {
            stages.push(to_json(&stage)?);
        }
        self.save()
    }

    /// Puts `value` under `key` of the manifest.
    ///
    /// # Errors
    /// As [`RunDir::finish_stage`].
    pub fn set(&mut self, key: &str, value: Value) -> Result<()> {
        self.manifest[key] = value;
        self.save()
    }

    /// Writes a small file whole.
    ///
    /// # Errors
    /// As [`RunDir::finish_stage`].
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let mut pending = Pending::create(&self.path, name)?;
        pending.file.write_all(content).map_err(|e| Error::io(&self.path.join(name), e))?;
        pending.commit()
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.manifest).map_err(|e| Error::internal(e.to_string()))?;
        self.write("manifest.json", &text)
    }
}

fn to_json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal(e.to_string()))
}

/// A file under construction; removed unless committed.
#[derive(Debug)]
pub struct Pending {
    /// The open file.
    pub file: File,
    hidden: PathBuf,
    target: PathBuf,
    committed: bool,
}

/// A folder being filled; it has its name only once it is finished.
#[derive(Debug)]
pub struct PendingFolder {
    hidden: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl PendingFolder {
    /// Begins the folder `name` in `directory`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn create(directory: &Path, name: &str) -> Result<Self> {
        let hidden = directory.join(format!(".{name}.{}.partial", std::process::id()));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&hidden).map_err(|e| Error::io(&hidden, e))?;
        Ok(Self { hidden, target: directory.join(name), committed: false })
    }

    /// Where its files are until then.
    pub fn path(&self) -> &Path {
        &self.hidden
    }

    /// Gives the folder its name, in place of one that an interrupted run finished.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn commit(mut self) -> Result<()> {
        let failed = |e| Error::io(&self.target, e);
        if self.target.is_dir() {
            fs::remove_dir_all(&self.target).map_err(failed)?;
        }
        fs::rename(&self.hidden, &self.target).map_err(failed)?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for PendingFolder {
    fn drop(&mut self) {
        if !self.committed {
            // As with a file.
            let _ = fs::remove_dir_all(&self.hidden);
        }
    }
}

impl Pending {
    /// Begins the file `name` in `directory`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn create(directory: &Path, name: &str) -> Result<Self> {
        let target = directory.join(name);
        let parent = target.parent().unwrap_or(directory);
        let file_name = target.file_name().unwrap_or_default().to_string_lossy();
        let hidden = parent.join(format!(".{file_name}.{}.partial", std::process::id()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&hidden).map_err(|e| Error::io(&hidden, e))?;
        Ok(Self { file, hidden, target, committed: false })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn commit(mut self) -> Result<()> {
        self.file.sync_all().map_err(|e| Error::io(&self.target, e))?;
        fs::rename(&self.hidden, &self.target).map_err(|e| Error::io(&self.target, e))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing more can be done about a file that cannot be removed; it is hidden and
            // carries no name that a reader looks for.
            let _ = fs::remove_file(&self.hidden);
        }
    }
}

/// The manifest of the run in a directory, where there is one.
fn manifest_of(path: &Path) -> Result<Option<Value>> {
    let file = path.join("manifest.json");
    match fs::read(&file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text).unwrap_or_default())),
        Err(error) if matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::io(&file, error)),
    }
}

/// Something in a directory that no run makes before its manifest.
fn others(path: &Path) -> Option<String> {
    let names = fs::read_dir(path).ok()?.flatten().map(|entry| entry.file_name());
    let mut names = names.map(|name| name.to_string_lossy().into_owned());
    names.find(|name| ![STATE, "tables"].contains(&name.as_str()) && !is_left(name))
}

/// Whether a file's name is one that only a killed process leaves behind.
fn is_left(name: &str) -> bool {
    name.starts_with('.') && (name.ends_with(".partial") || name.starts_with(".ids-"))
}

/// Removes the halves of files that a killed process left.
fn sweep(path: &Path) {
    for folder in [path.to_owned(), path.join("tables"), path.join(STATE)] {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // The ids of a run that may go on are in its state.
            if is_left(&name) && (name.ends_with(".partial") || folder == path) {
                // It carries no name that a reader looks for.
                let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()));
            }
        }
    }
}

fn remove_all(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != IoKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

/// Locks a directory, so that no two processes write to it; the lock goes with the process.
fn lock(path: &Path) -> Result<Option<File>> {
    // Not every system opens directories, nor does every disk have locks.
    let Ok(directory) = File::open(path) else { return Ok(None) };
    match directory.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = format!("another process is at work in `{}`", path.display());
            Err(refused(path, message).hint("wait until it has ended").detail("reason", "in use"))
        }
        _ => Ok(Some(directory)),
    }
}

fn refused(path: &Path, message: String) -> Error {
    Error::new(ErrorKind::Run, message).detail("path", path.display())
}

fn make_private(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| Error::io(path, e))
}
