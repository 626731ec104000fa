//! The sources' own ids: checked for nulls and duplicates, kept on disk, never in memory.
//!
//! Memory: 12 bytes per record of the source at hand, for the hashes that find duplicates. Two ids
//! of one 64-bit hash would be taken for duplicates: one chance in 36 million for a million ids.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::parquet::{TableWriter, batch, read};
use super::text::Texts;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Context, Reservation};

/// Column of a batch that holds the source's own ids.
pub const ID_COLUMN: &str = "__id";

/// The ids of one source while it is read.
#[derive(Debug)]
pub struct Ids {
    source: String,
    hashes: Vec<(u64, u32)>,
    nulls: u64,
    first_null: u64,
    file: Option<(PathBuf, TableWriter)>,
    held: Reservation,
}

impl Ids {
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
        let held = context.memory.reserve("ids", 0)?;
        Ok(Self { source: source.to_owned(), hashes: Vec::new(), nulls: 0, first_null: 0, file, held })
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
        self.held.grow_to(((self.hashes.len() + ids.len()) * 16) as u64)?;
        for row in 0..ids.len() {
            let number = self.hashes.len() as u64 + self.nulls;
            match texts.get(row) {
                Some(id) => self.hashes.push((xxh3_64(id.as_bytes()), number as u32)),
                None => {
                    self.first_null = if self.nulls == 0 { number } else { self.first_null };
                    self.nulls += 1;
                }
            }
        }
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
    pub fn finish(mut self, context: &Context) -> Result<Option<IdFile>> {
        let rule = "ids must be unique and never null; leave `id` out to use row numbers";
        let at_fault = |message: String, rows: u64, row: u64| {
            Error::new(ErrorKind::Record, message)
                .hint(rule)
                .detail("source", &self.source)
                .detail("rows", rows)
                .detail("row", row)
        };
        if self.nulls > 0 {
            return Err(at_fault(
                format!(
                    "source `{}` has {} rows without an id, the first is row {}",
                    self.source, self.nulls, self.first_null
                ),
                self.nulls,
                self.first_null,
            ));
        }
        context.pool.install(|| self.hashes.par_sort_unstable());
        let twice = |run: &&[(u64, u32)]| run.len() > 1;
        let runs = || self.hashes.chunk_by(|a, b| a.0 == b.0).filter(twice);
        let rows: u64 = runs().map(|run| run.len() as u64).sum();
        if let Some(first) = runs().min_by_key(|run| run[0].1) {
            return Err(at_fault(
                format!(
                    "source `{}` has {rows} rows that share an id with another row, the first are rows {} and {}",
                    self.source, first[0].1, first[1].1
                ),
                rows,
                u64::from(first[0].1),
            ));
        }
        match self.file.take() {
            Some((path, writer)) => writer.finish().map(|_| Some(IdFile(path))),
            None => Ok(None),
        }
    }
}

/// The file of a source's own ids, which is removed when it is dropped: whatever becomes of the run,
/// they are not left behind.
#[derive(Debug)]
pub struct IdFile(PathBuf);

impl IdFile {
    /// Where the ids are.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes the file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.0).map_err(|e| Error::io(&self.0, e))
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        // Either it was removed, or nothing more can be done about it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Ids of a source, batch by batch in row order.
///
/// # Errors
/// [`ErrorKind::Io`].
pub fn read_ids(path: &Path, rows: usize) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    Ok(read(path, rows)?.map(|b| b.map_err(|e| Error::internal(e.to_string()))))
}

fn file_name(number: usize) -> String {
    format!(".ids-{number}.parquet")
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true)]))
}
