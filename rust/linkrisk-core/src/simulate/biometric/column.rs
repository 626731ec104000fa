//! Template columns: fixed-size lists of int8, half or single precision numbers.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float16Array, Float32Array, Int8Array};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{DataType, Field};
use half::f16;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::error::{Error, Result};

/// How the numbers of a template are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Whole numbers: those of the unit vector times [`int8_scale`], rounded to even, at most ±127.
    Int8,
    /// Half precision, IEEE 754.
    F16,
    /// Single precision.
    F32,
}

impl Precision {
    /// The Arrow type of a column of templates of `dims` numbers.
    pub fn data_type(self, dims: usize) -> DataType {
        DataType::FixedSizeList(Arc::new(self.item()), dims as i32)
    }

    /// The precision of a column of that Arrow type; none where it holds no templates.
    pub fn of(data_type: &DataType) -> Option<Self> {
        let DataType::FixedSizeList(item, _) = data_type else { return None };
        match item.data_type() {
            DataType::Int8 => Some(Precision::Int8),
            DataType::Float16 => Some(Precision::F16),
            DataType::Float32 => Some(Precision::F32),
            _ => None,
        }
    }

    /// How the template column `column` of a Parquet file is written.
    ///
    /// int8 as deltas of 9 bits and uncompressed: 132 000 templates of 512 numbers a second and thread
    /// and 539 bytes each, where plain values with zstd, four bytes a number before it, come to 89 000
    /// and 673. Nothing shortens the noise that the other precisions are mostly made of.
    pub fn parquet(self, properties: WriterPropertiesBuilder, column: &str) -> WriterPropertiesBuilder {
        let leaf = ColumnPath::from(vec![column.to_owned(), "list".to_owned(), "item".to_owned()]);
        let encoding = match self {
            Precision::Int8 => Encoding::DELTA_BINARY_PACKED,
            Precision::F16 | Precision::F32 => Encoding::PLAIN,
        };
        properties
            .set_column_dictionary_enabled(leaf.clone(), false)
            .set_column_statistics_enabled(leaf.clone(), EnabledStatistics::None)
            .set_column_compression(leaf.clone(), Compression::UNCOMPRESSED)
            .set_column_encoding(leaf, encoding)
    }

    fn item(self) -> Field {
        let data_type = match self {
            Precision::Int8 => DataType::Int8,
            Precision::F16 => DataType::Float16,
            Precision::F32 => DataType::Float32,
        };
        Field::new("item", data_type, false)
    }
}

/// The factor of int8 templates of `dims` numbers: 127 is five standard deviations of a number.
///
/// 512: 575, 192: 352, 128: 287. The cosine of two int8 templates is their product by the product of
/// their lengths, within 0.003 of that of the templates in single precision.
pub const fn int8_scale(dims: usize) -> f32 {
    match dims {
        512 => 575.0,
        192 => 352.0,
        128 => 287.0,
        // 25.4 √dims; whole numbers do, as this is a choice and not a measure.
        _ => (254 * dims.isqrt() / 10) as f32,
    }
}

enum Values {
    Int8(Vec<i8>),
    F16(Vec<f16>),
    F32(Vec<f32>),
}

/// A column of templates under construction.
pub struct TemplateBuilder {
    dims: usize,
    precision: Precision,
    values: Values,
    valid: NullBufferBuilder,
}

impl TemplateBuilder {
    /// Room for `rows` templates of `dims` numbers.
    pub fn new(precision: Precision, dims: usize, rows: usize) -> Self {
        let values = match precision {
            Precision::Int8 => Values::Int8(Vec::with_capacity(rows * dims)),
            Precision::F16 => Values::F16(Vec::with_capacity(rows * dims)),
            Precision::F32 => Values::F32(Vec::with_capacity(rows * dims)),
        };
        Self { dims, precision, values, valid: NullBufferBuilder::new(rows) }
    }

    /// Appends a unit vector, which has the length of the column.
    pub fn push(&mut self, template: &[f32]) {
        match &mut self.values {
            Values::Int8(values) => {
                let scale = int8_scale(self.dims);
                values.extend(template.iter().map(|x| to_int8(x * scale)));
            }
            Values::F16(values) => values.extend(template.iter().map(|x| f16::from_f32(*x))),
            Values::F32(values) => values.extend_from_slice(template),
        }
        self.valid.append_non_null();
    }

    /// Appends a missing template.
    pub fn push_null(&mut self) {
        self.push_zeros();
        self.valid.append_null();
    }

    /// Appends the template of nothing that some systems store where no face was found.
    pub fn push_zero(&mut self) {
        self.push_zeros();
        self.valid.append_non_null();
    }

    fn push_zeros(&mut self) {
        match &mut self.values {
            Values::Int8(values) => values.resize(values.len() + self.dims, 0),
            Values::F16(values) => values.resize(values.len() + self.dims, f16::ZERO),
            Values::F32(values) => values.resize(values.len() + self.dims, 0.0),
        }
    }

    /// The column.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Internal`] where a template had another length than the column.
    pub fn finish(mut self) -> Result<ArrayRef> {
        let values: ArrayRef = match self.values {
            Values::Int8(values) => Arc::new(Int8Array::from(values)),
            Values::F16(values) => Arc::new(Float16Array::from(values)),
            Values::F32(values) => Arc::new(Float32Array::from(values)),
        };
        let item = Arc::new(self.precision.item());
        let column = FixedSizeListArray::try_new(item, self.dims as i32, values, self.valid.finish());
        Ok(Arc::new(column.map_err(|e| Error::internal(format!("cannot build a template column: {e}")))?))
    }
}

/// Rounds to the nearest whole number, ties to even, within ±127.
///
/// The addition rounds as every addition does; `round_ties_even` is a call on processors that are not
/// known to have the instruction, and three quarters of the time.
fn to_int8(x: f32) -> i8 {
    const ROUNDS: f32 = 12_582_912.0;
    (x.clamp(-127.0, 127.0) + ROUNDS).to_bits() as i8
}
