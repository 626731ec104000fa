//! The tables of a scenario as files of a fixed number of rows, each made from its number alone.
//!
//! A part is one file of the data and one of the truth. It holds a batch and the row groups it is in,
//! about 50 MB, times the threads; nothing grows with the number of rows. Parts are collected in a
//! hidden folder, and a part is there once its note is: a run that is cancelled or killed goes on where
//! it was, and several processes, or machines on one file system, may make different parts at a time.
//! Whoever finds every part there moves them to their places, the spec last, so nothing looks like data
//! before it is whole.

mod part;
mod sheet;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use part::Format;
pub use sheet::{Counts, Filled, Sheet, numbers};
pub use table::{Column, FILE_ROWS, Kind, Table};

use self::part::PartFile;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;

/// Rows of a batch: some milliseconds of work.
const BATCH_ROWS: u64 = 8_192;
/// Where parts are collected.
const STAGING: &str = ".partial";
/// What is being made, beside the parts.
const OPTIONS: &str = "options.json";
/// The folder of the truth.
pub const TRUTH_FOLDER: &str = "truth";

/// What of the parts is to be made, and how.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The tables.
    pub tables: &'a [Table],
    /// The format of the files.
    pub format: Format,
    /// Whether the truth is written.
    pub truth: bool,
    /// Which share of the parts, from 1, of how many.
    pub share: (u64, u64),
}

/// The note of a part: that it is whole, and what is in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Note {
    rows: u64,
    files: u64,
    bytes: u64,
    errors: Counts,
}

/// What was written of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableSummary {
    /// Records.
    pub records: u64,
    /// Values to which something happened, by column and what it was.
    pub errors: Counts,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Tables of data.
    pub tables: BTreeMap<String, TableSummary>,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// Parts that are still missing.
    pub missing_parts: u64,
}

/// A directory in the making.
pub struct Output {
    out: PathBuf,
}

impl Output {
    /// Claims the directory `out`, which is missing, empty, or one where the same was begun.
    ///
    /// `options` says what is made; parts of something else are refused.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where it holds something, [`ErrorKind::Io`] where it cannot be made.
    pub fn claim(out: &Path, options: &str) -> Result<Self> {
        if out.exists() && !out.is_dir() {
            return Err(Error::new(ErrorKind::Run, format!("`{}` is not a directory", out.display()))
                .hint("choose another output directory"));
        }
        let staging = out.join(STAGING);
        let begun = staging.join(OPTIONS);
        fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
        let mut entries = fs::read_dir(out).map_err(|e| Error::io(out, e))?.flatten();
        if entries.any(|entry| entry.file_name() != STAGING) && !begun.exists() {
            return Err(Error::new(
                ErrorKind::Run,
                format!("the output directory `{}` is not empty", out.display()),
            )
            .hint("choose another output directory, or remove this one"));
        }
        match fs::read_to_string(&begun) {
            Ok(known) if known == options => {}
            Ok(_) => {
                return Err(Error::new(
                    ErrorKind::Run,
                    format!("in `{}` something else was begun", out.display()),
                )
                .hint("ask for the same scenario, records, seed and format to go on, or remove it"));
            }
            Err(error) if error.kind() == IoErrorKind::NotFound => {
                fs::create_dir_all(&staging).map_err(|e| Error::io(&staging, e))?;
                write_whole(&begun, options)?;
            }
            Err(error) => return Err(Error::io(&begun, error)),
        }
        Ok(Self { out: out.to_owned() })
    }

    /// Writes the parts of the plan's share that are not there yet; `fill` makes the rows of a table.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`]; [`ErrorKind::Io`] and [`ErrorKind::SpillLimit`] from the files.
    pub fn write(
        &self,
        plan: &Plan<'_>,
        context: &Context,
        fill: impl Fn(usize, Range<u64>) -> Result<Filled> + Sync,
    ) -> Result<()> {
        let staging = self.out.join(STAGING);
        for table in plan.tables {
            // A folder that is in its place already was whole.
            for folder in folders(plan, table).iter().filter(|folder| !self.out.join(folder).exists()) {
                let folder = staging.join(folder);
                fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
            }
        }
        let (share, shares) = plan.share;
        let mut parts: Vec<(usize, u64)> = all_parts(plan).collect();
        parts = parts.into_iter().skip(share as usize - 1).step_by(shares as usize).collect();
        parts.retain(|&(table, part)| !self.note(plan, table, part).exists());
        let rows = parts.iter().map(|&(table, part)| {
            let rows = rows_of(&plan.tables[table], part);
            rows.end - rows.start
        });
        context.progress.begin("simulate", "records", Some(rows.sum()));
        let outcome = context.pool.install(|| {
            parts
                .into_par_iter()
                .with_max_len(1)
                .try_for_each(|(table, part)| self.write_part(plan, table, part, context, &fill))
        });
        if outcome.is_err() && shares == 1 && all_parts(plan).all(|(t, p)| !self.note(plan, t, p).exists()) {
            // Nothing to go on from, so nothing is left.
            drop(fs::remove_dir_all(&staging));
        }
        outcome
    }

    fn write_part(
        &self,
        plan: &Plan<'_>,
        index: usize,
        part: u64,
        context: &Context,
        fill: &impl Fn(usize, Range<u64>) -> Result<Filled>,
    ) -> Result<()> {
        let table = &plan.tables[index];
        let create = |folder: &str, schema| {
            let name = format!("part-{part:05}.{}", plan.format.name());
            PartFile::create(
                self.out.join(STAGING).join(folder).join(name),
                plan.format,
                schema,
                &table.distinct,
            )
        };
        let mut data = table.data.as_ref().map(|schema| create(table.name, schema)).transpose()?;
        let mut truth = plan.truth.then(|| create(&truth_folder(table), &table.truth)).transpose()?;
        let rows = rows_of(table, part);
        let mut note = Note { rows: rows.end - rows.start, ..Note::default() };
        let mut start = rows.start;
        loop {
            context.cancel.check()?;
            let stop = (start + BATCH_ROWS).min(rows.end);
            let filled = fill(index, start..stop)?;
            if let (Some(file), Some(batch)) = (&mut data, &filled.data) {
                file.write(batch)?;
            }
            if let Some(file) = &mut truth {
                file.write(&filled.truth)?;
            }
            add_counts(&mut note.errors, filled.counts);
            context.progress.add(stop - start);
            start = stop;
            if start == rows.end {
                break;
            }
        }
        for file in [data, truth].into_iter().flatten() {
            note.bytes += file.close()?;
            note.files += 1;
        }
        let text = serde_json::to_string(&note).map_err(|e| Error::internal(format!("cannot note: {e}")))?;
        write_whole(&self.note(plan, index, part), &text)
    }

    fn note(&self, plan: &Plan<'_>, table: usize, part: u64) -> PathBuf {
        self.out.join(STAGING).join(format!("{}-{part:05}.json", plan.tables[table].name))
    }

    /// Sums up the parts that are there, and, where all are, moves them to their places and writes
    /// `files` (name and text) beside them, the last one last.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::SpillLimit`].
    pub fn publish(self, plan: &Plan<'_>, files: &[(String, String)]) -> Result<Written> {
        let mut written = Written::default();
        for (table, part) in all_parts(plan) {
            let path = self.note(plan, table, part);
            let note: Note = match fs::read_to_string(&path) {
                Ok(text) => serde_json::from_str(&text).map_err(|_| {
                    Error::new(ErrorKind::Run, format!("`{}` is damaged", path.display()))
                        .hint("remove that file, and ask again")
                })?,
                Err(error) if error.kind() == IoErrorKind::NotFound => {
                    written.missing_parts += 1;
                    continue;
                }
                Err(error) => return Err(Error::io(&path, error)),
            };
            written.files += note.files;
            written.bytes += note.bytes;
            if plan.tables[table].data.is_some() {
                let summary = written.tables.entry(plan.tables[table].name.to_owned()).or_default();
                summary.records += note.rows;
                add_counts(&mut summary.errors, note.errors);
            }
        }
        if written.missing_parts > 0 {
            return Ok(written);
        }
        let staging = self.out.join(STAGING);
        if plan.truth {
            let folder = self.out.join(TRUTH_FOLDER);
            fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
        }
        for table in plan.tables {
            for folder in folders(plan, table) {
                let (from, to) = (staging.join(&folder), self.out.join(&folder));
                match fs::rename(&from, &to) {
                    Ok(()) => {}
                    // Another process that found every part there was quicker.
                    Err(error) if error.kind() == IoErrorKind::NotFound && to.exists() => {}
                    Err(error) => return Err(Error::io(&to, error)),
                }
            }
        }
        for (name, text) in files {
            write_whole(&self.out.join(name), text)?;
        }
        match fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != IoErrorKind::NotFound => Err(Error::io(&staging, error)),
            _ => Ok(written),
        }
    }
}

/// Every part: table and number.
fn all_parts<'a>(plan: &'a Plan<'_>) -> impl Iterator<Item = (usize, u64)> + use<'a> {
    let written = plan.tables.iter().enumerate().filter(|(_, table)| plan.truth || table.data.is_some());
    written.flat_map(|(index, table)| (0..table.parts()).map(move |part| (index, part)))
}

fn rows_of(table: &Table, part: u64) -> Range<u64> {
    part * table.file_rows..((part + 1) * table.file_rows).min(table.rows)
}

fn truth_folder(table: &Table) -> String {
    format!("{TRUTH_FOLDER}/{}", table.name)
}

fn folders(plan: &Plan<'_>, table: &Table) -> Vec<String> {
    let data = table.data.as_ref().map(|_| table.name.to_owned());
    data.into_iter().chain(plan.truth.then(|| truth_folder(table))).collect()
}

fn add_counts(sum: &mut Counts, more: Counts) {
    for (column, found) in more {
        let of_column = sum.entry(column).or_default();
        for (slip, count) in found {
            *of_column.entry(slip).or_default() += count;
        }
    }
}

/// Writes a small file so that it is there whole or not at all.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let temporary = path.with_file_name(name);
    fs::write(&temporary, text).map_err(|e| Error::io(&temporary, e))?;
    fs::rename(&temporary, path).map_err(|e| Error::io(path, e))
}
