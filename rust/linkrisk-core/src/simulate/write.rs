//! Tables as Parquet files of a fixed number of records, one task each.
//!
//! A task holds one batch, the row groups it is in, and nothing of other files: about 30 MB, times
//! the threads. Everything is written into a hidden directory and moved out when it is whole, so a
//! run that fails, is cancelled or killed leaves nothing that looks like data.

use std::fs::{self, File};
use std::ops::{AddAssign, Range};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use tempfile::TempDir;

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;

/// Records of a file, of a row group, and of a batch.
const FILE_RECORDS: u64 = 500_000;
const GROUP_RECORDS: usize = 100_000;
const BATCH_RECORDS: u64 = 8_192;

/// A table: its folder under the output directory, and its columns.
pub struct Table {
    /// Folder of the files.
    pub folder: &'static str,
    /// Columns.
    pub schema: SchemaRef,
    /// Columns whose values hardly repeat, for which a dictionary would be a waste.
    pub distinct: &'static [&'static str],
}

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl AddAssign for Written {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// A directory in the making.
pub struct Output {
    out: PathBuf,
    staging: TempDir,
}

impl Output {
    /// Claims the directory `out`, which is missing or empty.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where it holds something, [`ErrorKind::Io`] where it cannot be made.
    pub fn claim(out: &Path) -> Result<Self> {
        if out.exists() && !out.is_dir() {
            return Err(Error::new(ErrorKind::Run, format!("`{}` is not a directory", out.display()))
                .hint("choose another output directory"));
        }
        fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
        if fs::read_dir(out).map_err(|e| Error::io(out, e))?.next().is_some() {
            return Err(Error::new(
                ErrorKind::Run,
                format!("the output directory `{}` is not empty", out.display()),
            )
            .hint("choose another output directory, or remove this one"));
        }
        let staging =
            tempfile::Builder::new().prefix(".partial-").tempdir_in(out).map_err(|e| Error::io(out, e))?;
        Ok(Self { out: out.to_owned(), staging })
    }

    /// Writes `records` records of `tables`, whose batches `make` makes for a range of records.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`]; [`ErrorKind::Io`] and [`ErrorKind::SpillLimit`] from the files.
    pub fn write<C: Default + AddAssign + Send>(
        &self,
        tables: &[Table],
        records: u64,
        context: &Context,
        make: impl Fn(Range<u64>) -> Result<(Vec<RecordBatch>, C)> + Sync,
    ) -> Result<(C, Written)> {
        for table in tables {
            let folder = self.staging.path().join(table.folder);
            fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
        }
        let add = |mut a: (C, Written), b: (C, Written)| {
            a.0 += b.0;
            a.1 += b.1;
            Ok(a)
        };
        context.pool.install(|| {
            (0..records.div_ceil(FILE_RECORDS))
                .into_par_iter()
                .map(|part| self.write_part(tables, part, records, context, &make))
                .try_reduce(<(C, Written)>::default, add)
        })
    }

    fn write_part<C: Default + AddAssign>(
        &self,
        tables: &[Table],
        part: u64,
        records: u64,
        context: &Context,
        make: &impl Fn(Range<u64>) -> Result<(Vec<RecordBatch>, C)>,
    ) -> Result<(C, Written)> {
        let mut files = tables
            .iter()
            .map(|table| PartFile::create(self.staging.path(), table, part))
            .collect::<Result<Vec<_>>>()?;
        let mut counts = C::default();
        let end = ((part + 1) * FILE_RECORDS).min(records);
        let mut start = part * FILE_RECORDS;
        while start < end {
            context.cancel.check()?;
            let stop = (start + BATCH_RECORDS).min(end);
            let (batches, more) = make(start..stop)?;
            for (file, batch) in files.iter_mut().zip(&batches) {
                file.write(batch)?;
            }
            counts += more;
            context.progress.add(stop - start);
            start = stop;
        }
        let mut written = Written::default();
        for file in files {
            written += file.close()?;
        }
        Ok((counts, written))
    }

    /// Moves everything to its place, then writes `text` to the file called `name` beside it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::SpillLimit`].
    pub fn publish(self, name: &str, text: &str) -> Result<()> {
        let staged = self.staging.path();
        let last = staged.join(name);
        fs::write(&last, text).map_err(|e| Error::io(&last, e))?;
        let entries = fs::read_dir(staged).map_err(|e| Error::io(staged, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| Error::io(staged, e))?;
            if entry.file_name() != name {
                self.publish_entry(&entry.path(), Path::new(&entry.file_name()))?;
            }
        }
        self.publish_entry(&last, Path::new(name))
    }

    fn publish_entry(&self, from: &Path, name: &Path) -> Result<()> {
        let to = self.out.join(name);
        fs::rename(from, &to).map_err(|e| Error::io(&to, e))
    }
}

/// One file under way.
struct PartFile {
    path: PathBuf,
    writer: ArrowWriter<File>,
}

impl PartFile {
    fn create(folder: &Path, table: &Table, part: u64) -> Result<Self> {
        let path = folder.join(table.folder).join(format!("part-{part:05}.parquet"));
        let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(GROUP_RECORDS));
        for column in table.distinct {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(*column), false);
        }
        let writer = ArrowWriter::try_new(file, table.schema.clone(), Some(properties.build()))
            .map_err(|e| failed(&path, e))?;
        Ok(Self { path, writer })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|e| failed(&self.path, e))
    }

    fn close(self) -> Result<Written> {
        let Self { path, writer } = self;
        let file = writer.into_inner().map_err(|e| failed(&path, e))?;
        let bytes = file.metadata().map_err(|e| Error::io(&path, e))?.len();
        Ok(Written { files: 1, bytes })
    }
}

fn failed(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::io(path, *source),
            Err(other) => Error::internal(format!("cannot write `{}`: {other}", path.display())),
        },
        other => Error::internal(format!("cannot write `{}`: {other}", path.display())),
    }
}
