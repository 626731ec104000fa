//! What the row groups of a Parquet file take once they are read, told before they are.

use std::fs::File;
use std::path::Path;

use parquet::basic::{LogicalType, Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader};

use crate::error::{Error, ErrorKind, Result};

/// The rows of a row group, and the bytes that some of its columns take as a reader holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Its rows.
    pub rows: u64,
    /// Bytes of the columns.
    pub bytes: u64,
}

/// The row groups of the file at `path`, with the bytes of `columns` in each.
///
/// A number takes its width, whatever it is packed in. A text takes 16 bytes beside its own, and its own once for
/// each row group as far as the file has it once: so readers have it that keep views of texts.
///
/// # Errors
/// [`ErrorKind::Io`] where the file cannot be read, [`ErrorKind::Data`] where it is no Parquet file.
pub fn row_groups(path: &Path, columns: &[String]) -> Result<Vec<RowGroup>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|e| {
        let message = format!("`{}` cannot be read as Parquet", path.display());
        // What a reader says of a broken file may quote a value of it.
        let kind = if matches!(e, ParquetError::EOF(_)) { "it ends too early" } else { "it is damaged" };
        Error::new(ErrorKind::Data, format!("{message}: {kind}"))
            .hint("check that the file is whole and is what its name says")
            .detail("path", path.display())
    })?;
    let groups = metadata.row_groups().iter().map(|group| {
        let of = group
            .columns()
            .iter()
            .filter(|column| column.column_path().parts().first().is_some_and(|name| columns.contains(name)));
        RowGroup { rows: group.num_rows().max(0) as u64, bytes: of.map(bytes).sum() }
    });
    Ok(groups.collect())
}

fn bytes(column: &ColumnChunkMetaData) -> u64 {
    let (values, unpacked) = (column.num_values().max(0) as u64, column.uncompressed_size().max(0) as u64);
    match column.column_type() {
        Type::BOOLEAN => unpacked.max(values / 8),
        Type::INT32 => match column.column_descr().logical_type_ref() {
            // Packed as wider ones are, and read as what they are.
            Some(LogicalType::Integer(int)) => values * int.bit_width.max(8) as u64 / 8,
            _ => unpacked.max(values * 4),
        },
        Type::FLOAT => unpacked.max(values * 4),
        Type::INT64 | Type::DOUBLE => unpacked.max(values * 8),
        Type::INT96 | Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => unpacked + values * 16,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float32Array, Int8Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;

    #[test]
    fn test_bytes_are_those_of_the_wanted_columns_as_they_are_read() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("table.parquet");
        let numbers: ArrayRef = Arc::new(Float32Array::from(vec![1.0f32; 1_500]));
        let texts: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..1_500).map(|at| format!("text {at:04}"))));
        let small: ArrayRef = Arc::new(Int8Array::from_iter_values((0..1_500).map(|at| (at % 128) as i8)));
        let columns = [("number", numbers), ("text", texts), ("small", small)];
        let batch = RecordBatch::try_from_iter(columns).expect("of one length");
        let options = WriterProperties::builder().set_max_row_group_row_count(Some(1_000)).build();
        let file = File::create(&path).expect("room");
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(options)).expect("a schema");
        writer.write(&batch).expect("room");
        writer.close().expect("room");
        let of = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
            row_groups(&path, &columns).expect("it is whole")
        };
        assert_eq!(
            of(&[]).iter().map(|group| (group.rows, group.bytes)).collect::<Vec<_>>(),
            [(1_000, 0), (500, 0)]
        );
        // Equal numbers are packed in next to nothing, and take 4 bytes each all the same.
        assert_eq!(of(&["number"]).iter().map(|group| group.bytes).collect::<Vec<_>>(), [4_000, 2_000]);
        assert_eq!(of(&["small"]).iter().map(|group| group.bytes).collect::<Vec<_>>(), [1_000, 500]);
        let texts = of(&["text"]);
        assert!((1_000 * (16 + 9)..1_000 * (16 + 9 + 8)).contains(&texts[0].bytes), "{texts:?}");
        assert_eq!(of(&["number", "text"])[1].bytes, 2_000 + texts[1].bytes);
        std::fs::write(&path, "no table").expect("room");
        let error = row_groups(&path, &[]).expect_err("it is no table");
        assert!(error.to_string().contains("table.parquet"), "{error}");
    }
}
