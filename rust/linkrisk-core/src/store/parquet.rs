//! Parquet in and out with bounded memory: a row group is written when it is full, and a part of a long table.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::run_dir::{Pending, PendingFolder};
use crate::error::{Error, Result};

/// Rows of a row group: 20 MB of the widest table a run writes.
const ROW_GROUP: usize = 1 << 19;

/// Rows of a part, so that a reader takes parts side by side and none is too large to hand on.
const PART: u64 = 1 << 24;

/// A table of any length being written: a folder of parts, each a table; it has its name only once all are
/// finished.
#[derive(Debug)]
pub struct PartsWriter {
    folder: PendingFolder,
    path: PathBuf,
    schema: SchemaRef,
    part: TableWriter,
    parts: u32,
    rows: u64,
}

impl PartsWriter {
    /// Begins the table `name` in `directory`.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn create(directory: &Path, name: &str, schema: SchemaRef) -> Result<Self> {
        let path = directory.join(name);
        let folder = PendingFolder::create(directory, name)?;
        let part = TableWriter::create(folder.path(), &part_name(0), Arc::clone(&schema))?;
        let part = part.named(&path);
        Ok(Self { folder, path, schema, part, parts: 1, rows: 0 })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.part.rows >= PART {
            let next =
                TableWriter::create(self.folder.path(), &part_name(self.parts), Arc::clone(&self.schema))?;
            self.parts += 1;
            self.rows += std::mem::replace(&mut self.part, next.named(&self.path)).finish()?;
        }
        self.part.write(batch)
    }

    /// Completes the table and returns its rows.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn finish(self) -> Result<u64> {
        let rows = self.rows + self.part.finish()?;
        self.folder.commit()?;
        Ok(rows)
    }
}

fn part_name(part: u32) -> String {
    format!("part-{part:05}.parquet")
}

/// A table being written; it has its name only once it is finished.
#[derive(Debug)]
pub struct TableWriter {
    writer: ArrowWriter<File>,
    pending: Pending,
    path: PathBuf,
    rows: u64,
}

impl TableWriter {
    /// Begins the table `name` in `directory`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
    /// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit).
    pub fn create(directory: &Path, name: &str, schema: SchemaRef) -> Result<Self> {
        let pending = Pending::create(directory, name)?;
        let file = pending.file.try_clone().map_err(|e| Error::io(directory, e))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP))
            // Labels and weights, one per pattern, repeat and are sent as dictionaries; ids do not, and a
            // dictionary of them is built only to be thrown away.
            .set_dictionary_enabled(false)
            .set_column_dictionary_enabled(ColumnPath::from("source"), true)
            .set_column_dictionary_enabled(ColumnPath::from("subject"), true)
            .set_column_dictionary_enabled(ColumnPath::from("rule"), true)
            .set_column_dictionary_enabled(ColumnPath::from("match_weight"), true)
            .set_column_dictionary_enabled(ColumnPath::from("match_probability"), true)
            .set_column_encoding(ColumnPath::from("left_id"), Encoding::DELTA_BINARY_PACKED)
            .set_column_encoding(ColumnPath::from("record"), Encoding::DELTA_BINARY_PACKED)
            .set_created_by(concat!("linkrisk ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer =
            ArrowWriter::try_new(file, schema, Some(properties)).map_err(|e| parquet_error(directory, e))?;
        Ok(Self { writer, pending, path: directory.join(name), rows: 0 })
    }

    /// The same table, called `path` in errors.
    fn named(self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(|e| parquet_error(&self.path, e))
    }

    /// Completes the table and returns its rows.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn finish(self) -> Result<u64> {
        self.writer.close().map_err(|e| parquet_error(&self.path, e))?;
        self.pending.commit()?;
        Ok(self.rows)
    }
}

/// Reads the table at `path` in batches.
///
/// # Errors
/// [`ErrorKind::Io`](crate::error::ErrorKind::Io).
pub fn read(path: &Path, rows: usize) -> Result<ParquetRecordBatchReader> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(rows).build())
        .map_err(|e| parquet_error(path, e))
}

/// Unwraps the operating system's error, so that a full disk is told from a bug.
fn parquet_error(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => Error::io(path, *io),
            Err(other) => Error::internal(format!("cannot write `{}`: {other}", path.display())),
        },
        other => Error::internal(format!("cannot write `{}`: {other}", path.display())),
    }
}

/// A batch of `schema`, whose columns the caller has just built to match it.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) where they do not.
pub fn batch(schema: &SchemaRef, columns: Vec<arrow_array::ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|e| Error::internal(e.to_string()))
}
