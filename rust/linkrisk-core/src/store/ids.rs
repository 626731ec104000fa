//! The sources' own ids: checked for nulls and duplicates, kept on disk, never in memory.
//!
//! Hashes of the ids of the source at hand are sorted to find duplicates, 16 bytes each, on disk where
//! they do not fit. Two ids of one 64-bit hash would be taken for duplicates: one chance in 36 million
//! for a million ids.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use xxhash_rust::xxh3::xxh3_64;

use super::parquet::{TableReader, TableWriter, batch};
use super::text::Texts;
use crate::error::{Error, ErrorKind, Result};
use crate::external::{ExternalSorter, Sorted};
use crate::runtime::Context;

/// Column of a batch that holds the source's own ids.
pub const ID_COLUMN: &str = "__id";

/// The ids of one source while it is read.
#[derive(Debug)]
pub struct Ids {
    source: String,
    /// Hash and row of every id.
    hashes: ExternalSorter<[u64; 2]>,
    rows: u64,
    nulls: u64,
    first_null: u64,
    file: Option<(PathBuf, TableWriter)>,
    context: Context,
}

/// Nanoseconds on two processors that an id takes to be looked at for whether another row has it, once all are there;
/// only how this stands to the other work of the stage shows.
const SAME: f64 = 30.0;

impl Ids {
    /// Bytes of the hash of an id with its row.
    pub const BYTES: usize = size_of::<[u64; 2]>();

    /// Begins the ids of `source`, number `number`; kept in `directory` where record-level output is
    /// wanted.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn begin(source: &str, number: usize, directory: Option<&Path>, context: &Context) -> Result<Self> {
        let file = match directory {
            Some(directory) => {
                let name = file_name(number);
                Some((directory.join(&name), TableWriter::create(directory, &name, schema())?))
            }
            None => None,
        };
        let hashes = ExternalSorter::new("ids", context.memory.limit() / 8, context)?;
        let (source, context) = (source.to_owned(), context.clone());
        Ok(Self { source, hashes, rows: 0, nulls: 0, first_null: 0, file, context })
    }

    /// The work that [`Ids::finish`] will be of `rows` ids.
    pub fn work(rows: u64) -> f64 {
        rows as f64 * SAME
    }

    /// Takes the ids of a batch.
    ///
    /// # Errors
    /// [`ErrorKind::AttributeType`] where ids are no text, [`ErrorKind::Io`] or
    /// [`ErrorKind::SpillLimit`].
    pub fn add(&mut self, ids: &ArrayRef) -> Result<()> {
        let texts = Texts::new(ids).ok_or_else(|| {
            Error::new(
                ErrorKind::AttributeType,
                format!("the id of source `{}` cannot be read from {}", self.source, ids.data_type()),
            )
            .hint("use a column of whole numbers or text as `id`")
            .detail("source", &self.source)
        })?;
        let mut hashes = Vec::with_capacity(ids.len());
        for row in 0..ids.len() {
            match texts.get(row) {
                Some(id) => hashes.push([xxh3_64(id.as_bytes()), self.rows]),
                None => {
                    self.first_null = if self.nulls == 0 { self.rows } else { self.first_null };
                    self.nulls += 1;
                }
            }
            self.rows += 1;
        }
        self.hashes.push(&hashes)?;
        if let Some((_, writer)) = &mut self.file {
            let column: StringArray = (0..ids.len()).map(|row| texts.get(row)).collect();
            writer.write(&batch(&schema(), vec![Arc::new(column)])?)?;
        }
        Ok(())
    }

    /// Ends the source: its ids must be there and differ.
    ///
    /// # Errors
    /// [`ErrorKind::Record`] with the number of rows at fault and the first of them.
    pub fn finish(self) -> Result<Option<IdFile>> {
        let Self { source, hashes, nulls, first_null, file, context, .. } = self;
        let rule = "ids must be unique and never null; leave `id` out to use row numbers";
        let at_fault = |message: String, rows: u64, row: u64| {
            Error::new(ErrorKind::Record, message)
                .hint(rule)
                .detail("source", &source)
                .detail("count", rows)
                .detail("row", row)
        };
        if nulls > 0 {
            return Err(at_fault(
                format!("source `{source}` has {nulls} rows without an id, the first is row {first_null}"),
                nulls,
                first_null,
            ));
        }
        if let Some(Twice { rows, first: [a, b] }) = twice(hashes.finish()?, &context)? {
            return Err(at_fault(
                format!(
                    "source `{source}` has {rows} rows that share an id with another row, the first are rows {a} and {b}"
                ),
                rows,
                a,
            ));
        }
        match file {
            Some((path, writer)) => writer.finish().map(|_| Some(IdFile { path, stays: false })),
            None => Ok(None),
        }
    }
}

/// Ids that several rows share.
struct Twice {
    /// How many rows share their id.
    rows: u64,
    /// The first such row, and the next that has its id.
    first: [u64; 2],
}

/// Looks for hashes that occur twice.
fn twice(mut sorted: Sorted<[u64; 2]>, context: &Context) -> Result<Option<Twice>> {
    let mut found: Option<Twice> = None;
    // The last hash, the first row of it, and whether that row is counted already.
    let mut last: Option<([u64; 2], bool)> = None;
    while let Some(rows) = sorted.read_next()? {
        context.progress.worked(Ids::work(rows.len() as u64));
        for &[hash, row] in rows {
            let Some((known, counted)) = last.filter(|(known, _)| known[0] == hash) else {
                last = Some(([hash, row], false));
                continue;
            };
            let found = found.get_or_insert(Twice { rows: 0, first: [known[1], row] });
            found.rows += if counted { 1 } else { 2 };
            if !counted && known[1] < found.first[0] {
                found.first = [known[1], row];
            }
            last = Some((known, true));
        }
    }
    Ok(found)
}

/// The file that keeps the ids of a source for the length of a run; it goes with its last use, also
/// where the run fails, unless the run may go on.
#[derive(Debug)]
pub struct IdFile {
    path: PathBuf,
    stays: bool,
}

impl IdFile {
    /// The ids of source number `number` in `directory`, which whoever goes on with the run removes.
    pub fn kept(directory: &Path, number: usize) -> Self {
        Self { path: directory.join(file_name(number)), stays: true }
    }

    /// The ids, in row groups of [`ROW_GROUP`](super::parquet::ROW_GROUP) rows.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn open(&self) -> Result<TableReader> {
        TableReader::open(&self.path)
    }

    /// Leaves the file to whoever goes on with the run.
    pub fn stay(&mut self) {
        self.stays = true;
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if !self.stays {
            // What cannot be removed here is hidden and readable by its owner alone.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_name(number: usize) -> String {
    format!(".ids-{number}.parquet")
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true)]))
}
