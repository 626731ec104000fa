//! One file under way, in one of three formats.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use super::super::biometric::Precision;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a row group, and rows: what a file holds in memory while it is written.
const GROUP_BYTES: usize = 24 << 20;
const GROUP_ROWS: usize = 250_000;

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Parquet, compressed with zstd.
    #[default]
    Parquet,
    /// CSV with a header, UTF-8, no compression.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 3] = [Format::Parquet, Format::Csv, Format::Ndjson];

    /// The name, which is also the end of a file's name.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }

    /// The format called `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where there is none.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name).ok_or_else(|| {
            Error::new(ErrorKind::Spec, format!("there is no format `{name}`"))
                .hint("choose one of `parquet`, `csv`, `ndjson`")
        })
    }
}

enum Writer {
    Parquet(Box<ArrowWriter<File>>),
    Csv(Box<arrow_csv::Writer<BufWriter<File>>>),
    Ndjson(Box<arrow_json::LineDelimitedWriter<BufWriter<File>>>),
}

/// A file under way; it has a name of its own until it is whole, and is removed where it is not.
pub struct PartFile {
    temporary: PathBuf,
    target: PathBuf,
    writer: Option<Writer>,
}

impl PartFile {
    /// Opens a file that is to become `target`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::SpillLimit`].
    pub fn create(target: PathBuf, format: Format, schema: &SchemaRef, distinct: &[String]) -> Result<Self> {
        // Two processes may make the same part: each has a file of its own until it is whole.
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let temporary = target.with_file_name(name);
        let file = File::create(&temporary).map_err(|e| Error::io(&temporary, e))?;
        let mut part = Self { temporary, target, writer: None };
        part.writer = Some(match format {
            Format::Parquet => {
                let properties = properties(schema, distinct);
                let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(|e| part.parquet(e))?))
            }
            Format::Csv => Writer::Csv(Box::new(arrow_csv::Writer::new(BufWriter::new(file)))),
            Format::Ndjson => {
                Writer::Ndjson(Box::new(arrow_json::LineDelimitedWriter::new(BufWriter::new(file))))
            }
        });
        Ok(part)
    }

    /// Appends a batch.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::SpillLimit`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let outcome = match &mut self.writer {
            Some(Writer::Parquet(writer)) => {
                let written = writer.write(batch).and_then(|()| {
                    if writer.in_progress_size() > GROUP_BYTES { writer.flush() } else { Ok(()) }
                });
                return written.map_err(|e| self.parquet(e));
            }
            Some(Writer::Csv(writer)) => writer.write(batch),
            Some(Writer::Ndjson(writer)) => writer.write(batch),
            None => Ok(()),
        };
        outcome.map_err(|e| self.arrow(e))
    }

    /// Ends the file and gives it its name; tells its bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::SpillLimit`].
    pub fn close(mut self) -> Result<u64> {
        let flush = |mut buffer: BufWriter<File>, path: &Path| -> Result<()> {
            buffer.flush().map_err(|e| Error::io(path, e))
        };
        match self.writer.take() {
            Some(Writer::Parquet(writer)) => drop(writer.into_inner().map_err(|e| self.parquet(e))?),
            Some(Writer::Csv(writer)) => flush(writer.into_inner(), &self.temporary)?,
            Some(Writer::Ndjson(mut writer)) => {
                writer.finish().map_err(|e| self.arrow(e))?;
                flush(writer.into_inner(), &self.temporary)?;
            }
            None => {}
        }
        let bytes = std::fs::metadata(&self.temporary).map_err(|e| Error::io(&self.temporary, e))?.len();
        std::fs::rename(&self.temporary, &self.target).map_err(|e| Error::io(&self.target, e))?;
        Ok(bytes)
    }

    fn parquet(&self, error: ParquetError) -> Error {
        match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => Error::io(&self.temporary, *source),
                Err(other) => self.unwritable(&other.to_string()),
            },
            other => self.unwritable(&other.to_string()),
        }
    }

    fn arrow(&self, error: ArrowError) -> Error {
        match error {
            ArrowError::IoError(_, source) => Error::io(&self.temporary, source),
            ArrowError::ExternalError(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => Error::io(&self.temporary, *source),
                Err(other) => self.unwritable(&other.to_string()),
            },
            other => self.unwritable(&other.to_string()),
        }
    }

    fn unwritable(&self, reason: &str) -> Error {
        Error::internal(format!("cannot write `{}`: {reason}", self.target.display()))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Gone already where the file was closed.
        drop(std::fs::remove_file(&self.temporary));
    }
}

fn properties(schema: &SchemaRef, distinct: &[String]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(GROUP_ROWS));
    for column in distinct {
        let path = ColumnPath::from(column.as_str());
        properties = properties.set_column_dictionary_enabled(path.clone(), false);
        let numbers = schema.field_with_name(column).is_ok_and(|f| f.data_type().is_primitive());
        if numbers {
            // Record numbers follow one another, and take next to nothing so.
            properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    for field in schema.fields() {
        if let Some(precision) = Precision::of(field.data_type()) {
            properties = precision.parquet(properties, field.name());
        }
    }
    properties.build()
}
