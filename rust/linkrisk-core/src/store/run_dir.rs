//! The run directory: files of one run, each whole or not there, readable by their owner alone.
//!
//! A file is written under a hidden name and renamed when it is complete; the manifest is replaced
//! in the same way. So whatever is found under its own name is whole, also after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};

/// Version of the layout of a run directory.
pub const VERSION: u32 = 1;

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
    /// The seconds it took.
    pub seconds: f64,
    /// What it took beside.
    #[serde(flatten)]
    pub memory: MemoryFigures,
}

/// A run's directory and its manifest.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Value,
    memory: MemoryFigures,
}

impl RunDir {
    /// Makes the directory of a new run of `spec`, whose hash is `spec_hash`.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the directory already holds something.
    pub fn create(path: &Path, spec: &Value, spec_hash: u64, seed: u64) -> Result<Self> {
        if let Ok(mut entries) = fs::read_dir(path)
            && entries.next().is_some()
        {
            let what = found(path);
            return Err(Error::new(
                ErrorKind::Run,
                format!("the output directory `{}` holds {what}", path.display()),
            )
            .hint("name a new directory, or remove this one")
            .detail("path", path.display())
            .detail("reason", "not empty"));
        }
        make_private(path)?;
        make_private(&path.join("tables"))?;
        let manifest = json!({
            "format_version": VERSION,
            "versions": {"linkrisk": env!("CARGO_PKG_VERSION")},
            "spec_hash": format!("{spec_hash:016x}"),
            "spec": spec,
            "seed": seed,
            "state": "running",
            "stages": [],
        });
        let run = Self { path: path.to_owned(), manifest, memory: MemoryFigures::default() };
        run.save()?;
        Ok(run)
    }

    /// Where the run's files are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes a finished stage of a run that may hold `memory_limit` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn finish_stage(&mut self, stage: StageFigures, memory_limit: u64) -> Result<()> {
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

/// What a directory that is not empty holds.
fn found(path: &Path) -> &'static str {
    let Ok(text) = fs::read(path.join("manifest.json")) else { return "other files" };
    let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
    if manifest["state"] == "running" { "a run that did not end" } else { "another run" }
}

fn make_private(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| Error::io(path, e))
}
