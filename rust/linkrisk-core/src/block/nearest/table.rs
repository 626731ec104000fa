//! The pairs as a table: the row of each source, and the similarity.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Float32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::Scored;
use crate::error::Result;
use crate::external::Kept;
use crate::runtime::Context;
use crate::store::parquet::{TableWriter, batch};
use crate::store::templates::Templates;

/// Rows of a batch.
const BATCH: usize = 1 << 16;

/// Writes the pairs as the table `name` in `directory`: `record` and `other`, the numbers of the rows in
/// their sources, and `similarity`, the cosine.
///
/// # Errors
/// As [`TableWriter::create`] and [`Kept::each`].
pub fn write_pairs(
    templates: &Templates,
    pairs: &Kept<Scored>,
    directory: &Path,
    name: &str,
    context: &Context,
) -> Result<()> {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("record", DataType::UInt64, false),
        Field::new("other", DataType::UInt64, false),
        Field::new("similarity", DataType::Float32, false),
    ]));
    let mut table = TableWriter::create(directory, name, Arc::clone(&schema))?;
    let records = templates.records();
    pairs.each(|pairs| {
        for pairs in pairs.chunks(BATCH) {
            context.cancel.check()?;
            let record = |row: fn(&Scored) -> u32| {
                UInt64Array::from_iter_values(pairs.iter().map(|pair| u64::from(records[row(pair) as usize])))
            };
            let similarity = Float32Array::from_iter_values(pairs.iter().map(Scored::similarity));
            let (left, right) = (record(|pair| pair.left), record(|pair| pair.right));
            table.write(&batch(&schema, vec![Arc::new(left), Arc::new(right), Arc::new(similarity)])?)?;
        }
        Ok(())
    })?;
    table.finish().map(drop)
}
