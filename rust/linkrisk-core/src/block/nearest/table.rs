//! The pairs as a table: the row of each source, and how near they are.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Float32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytemuck::Pod;

use super::Scored;
use super::iris::Near;
use crate::error::Result;
use crate::external::Kept;
use crate::runtime::Context;
use crate::store::parquet::{TableWriter, batch};

/// Rows of a batch.
const BATCH: usize = 1 << 16;

/// A pair as a row of a table.
pub trait PairRow: Pod + Ord {
    /// What the third column is called.
    const MEASURE: &str;

    /// The rows, and the measure.
    fn row(&self) -> (u32, u32, f32);
}

impl PairRow for Scored {
    const MEASURE: &str = "similarity";

    fn row(&self) -> (u32, u32, f32) {
        (self.left, self.right, self.similarity())
    }
}

impl PairRow for Near {
    const MEASURE: &str = "distance";

    fn row(&self) -> (u32, u32, f32) {
        (self.left, self.right, self.distance() as f32)
    }
}

/// Writes the pairs as the table `name` in `directory`: `record` and `other`, the numbers of the rows in
/// their sources, which `records` tells, and `similarity`, a cosine, or `distance`.
///
/// # Errors
/// As [`TableWriter::create`] and [`Kept::each`].
pub fn write_pairs<T: PairRow>(
    records: &[u32],
    pairs: &Kept<T>,
    directory: &Path,
    name: &str,
    context: &Context,
) -> Result<()> {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("record", DataType::UInt64, false),
        Field::new("other", DataType::UInt64, false),
        Field::new(T::MEASURE, DataType::Float32, false),
    ]));
    let mut table = TableWriter::create(directory, name, Arc::clone(&schema))?;
    let record = |row: u32| u64::from(records[row as usize]);
    pairs.each(|pairs| {
        for pairs in pairs.chunks(BATCH) {
            context.cancel.check()?;
            let left = UInt64Array::from_iter_values(pairs.iter().map(|pair| record(pair.row().0)));
            let right = UInt64Array::from_iter_values(pairs.iter().map(|pair| record(pair.row().1)));
            let measure = Float32Array::from_iter_values(pairs.iter().map(|pair| pair.row().2));
            table.write(&batch(&schema, vec![Arc::new(left), Arc::new(right), Arc::new(measure)])?)?;
        }
        Ok(())
    })?;
    table.finish().map(drop)
}
