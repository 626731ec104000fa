//! Parquet in and out with bounded memory: row groups are made side by side, written and forgotten, and long
//! tables have parts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use super::run_dir::{Pending, PendingFolder};
use crate::error::{Error, Result};
use crate::runtime::{Context, Reservation};

/// Rows of a row group: 5 MB of the widest table a run writes, and as many as readers work on at once.
pub const ROW_GROUP: usize = 1 << 17;

/// Rows of a part, so that a reader takes parts side by side and none is too large to hand on.
const PART: u64 = 1 << 24;

/// What a row group that is being made takes, of the widest table a run writes.
const ROW_GROUP_BYTES: u64 = 1 << 24;

/// A table of any length being written: a folder of parts, each a table; it has its name only once all are
/// finished. Its row groups are made side by side and written in order.
#[derive(Debug)]
pub struct PartsWriter {
    folder: PendingFolder,
    path: PathBuf,
    schema: SchemaRef,
    part: Part,
    parts: u32,
    rows: u64,
    side_by_side: usize,
    _held: Reservation,
}

#[derive(Debug)]
struct Part {
    writer: SerializedFileWriter<File>,
    groups: ArrowRowGroupWriterFactory,
    pending: Pending,
    rows: u64,
}

impl Part {
    fn create(folder: &Path, number: u32, schema: &SchemaRef, path: &Path) -> Result<Self> {
        let (writer, pending) = open(folder, &format!("part-{number:05}.parquet"), Arc::clone(schema))?;
        let (writer, groups) = writer.into_serialized_writer().map_err(|e| parquet_error(path, e))?;
        Ok(Self { writer, groups, pending, rows: 0 })
    }

    fn append(&mut self, group: RowGroup) -> std::result::Result<(), ParquetError> {
        let mut into = self.writer.next_row_group()?;
        for column in group.columns {
            column.close()?.append_to_row_group(&mut into)?;
        }
        into.close()?;
        self.rows += group.rows;
        Ok(())
    }

    fn finish(mut self) -> std::result::Result<(Pending, u64), ParquetError> {
        self.writer.finish()?;
        Ok((self.pending, self.rows))
    }
}

/// A row group being made.
#[derive(Debug)]
struct RowGroup {
    schema: SchemaRef,
    columns: Vec<ArrowColumnWriter>,
    rows: u64,
}

impl RowGroup {
    fn write(&mut self, batch: &RecordBatch) -> std::result::Result<(), ParquetError> {
        let mut columns = self.columns.iter_mut();
        for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, array)? {
                columns.next().map_or(Ok(()), |column| column.write(&leaf))?;
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }
}

impl PartsWriter {
    /// Begins the table `name` in `directory`.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn create(directory: &Path, name: &str, schema: SchemaRef, context: &Context) -> Result<Self> {
        let path = directory.join(name);
        let folder = PendingFolder::create(directory, name)?;
        let part = Part::create(folder.path(), 0, &schema, &path)?;
        let mut held = context.memory.reserve("rows to write", 0)?;
        let mut side_by_side = context.pool.current_num_threads();
        // One is made whatever is free.
        while side_by_side > 1 && held.grow_to(side_by_side as u64 * ROW_GROUP_BYTES).is_err() {
            side_by_side /= 2;
        }
        Ok(Self { folder, path, schema, part, parts: 1, rows: 0, side_by_side, _held: held })
    }

    /// How many row groups are made at once.
    pub fn side_by_side(&self) -> usize {
        self.side_by_side
    }

    /// Adds a row group for each of `work`, of which there are as many as are made at once: the rows that
    /// `make` makes of it.
    ///
    /// # Errors
    /// What `make` says, and as [`TableWriter::create`].
    pub fn write<W: Send, S: Send>(
        &mut self,
        work: Vec<W>,
        scratch: impl Fn() -> S + Sync + Send,
        make: impl Fn(&mut S, W) -> Result<RecordBatch> + Sync + Send,
        context: &Context,
    ) -> Result<()> {
        let Self { part, schema, path, .. } = &*self;
        let encode = |batch: &RecordBatch| {
            let columns = part.groups.create_column_writers(0)?;
            let mut group = RowGroup { schema: Arc::clone(schema), columns, rows: 0 };
            group.write(batch)?;
            Ok(group)
        };
        let one = |scratch: &mut S, work: W| {
            context.cancel.check()?;
            encode(&make(scratch, work)?).map_err(|e| parquet_error(path, e))
        };
        let made: Vec<RowGroup> =
            context.pool.install(|| work.into_par_iter().map_init(scratch, one).collect::<Result<_>>())?;
        for group in made.into_iter().filter(|group| group.rows > 0) {
            if self.part.rows >= PART {
                let next = Part::create(self.folder.path(), self.parts, &self.schema, &self.path)?;
                self.parts += 1;
                let done = std::mem::replace(&mut self.part, next);
                self.close(done)?;
            }
            self.part.append(group).map_err(|e| parquet_error(&self.path, e))?;
        }
        Ok(())
    }

    fn close(&mut self, part: Part) -> Result<()> {
        let (pending, rows) = part.finish().map_err(|e| parquet_error(&self.path, e))?;
        self.rows += rows;
        pending.commit()
    }

    /// Completes the table and returns its rows.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn finish(self) -> Result<u64> {
        let (pending, rows) = self.part.finish().map_err(|e| parquet_error(&self.path, e))?;
        pending.commit()?;
        self.folder.commit()?;
        Ok(self.rows + rows)
    }
}

/// Begins the file `name` in `directory`, with what is known of the columns of all tables that a run writes.
fn open(directory: &Path, name: &str, schema: SchemaRef) -> Result<(ArrowWriter<File>, Pending)> {
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
    Ok((writer, pending))
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
        let (writer, pending) = open(directory, name, schema)?;
        Ok(Self { writer, pending, path: directory.join(name), rows: 0 })
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

/// A table whose row groups are read one by one, by any thread.
#[derive(Debug)]
pub struct TableReader {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

impl TableReader {
    /// Opens the table at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io).
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let metadata =
            ArrowReaderMetadata::load(&file, Default::default()).map_err(|e| parquet_error(path, e))?;
        Ok(Self { path: path.to_owned(), metadata })
    }

    /// The rows of row group `group`.
    ///
    /// # Errors
    /// As [`TableReader::open`], and [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) where there is no
    /// such row group.
    pub fn row_group(&self, group: usize) -> Result<RecordBatch> {
        let groups = self.metadata.metadata().row_groups();
        let missing = || Error::internal(format!("`{}` has no row group {group}", self.path.display()));
        let rows = groups.get(group).ok_or_else(missing)?.num_rows() as usize;
        let file = File::open(&self.path).map_err(|e| Error::io(&self.path, e))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let reader = builder.with_row_groups(vec![group]).with_batch_size(rows.max(1)).build();
        // All of its rows are one batch.
        let batch = reader.and_then(|mut batches| batches.next().transpose().map_err(Into::into));
        batch.map_err(|e| parquet_error(&self.path, e))?.ok_or_else(missing)
    }

    /// How many row groups there are.
    pub fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }
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
