//! Template columns (face, iris, fingerprint): checked and counted, not yet compared.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int8Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::normalise::Outcome;

/// A column of templates of one batch.
#[derive(Debug)]
pub struct Templates<'a> {
    array: &'a ArrayRef,
    /// The template's length that the column declares or that its first template has.
    width: Option<usize>,
}

impl<'a> Templates<'a> {
    /// Reads `array` as templates: lists of numbers, or binary codes.
    ///
    /// `width` is the length that earlier batches of the column had.
    pub fn new(array: &'a ArrayRef, width: Option<usize>) -> Option<Self> {
        let item_ok = |t: &DataType| {
            matches!(
                t,
                DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Int8 | DataType::UInt8
            )
        };
        match array.data_type() {
            DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item)
                if item_ok(item.data_type()) => {}
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => {}
            _ => return None,
        }
        Some(Self { array, width })
    }

    /// The length of the templates, once one was seen.
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// What the template of `row` is: blank, a placeholder (all zero), invalid (another length, a
    /// number that is not finite) or valid.
    pub fn check(&mut self, row: usize) -> Outcome {
        if self.array.is_null(row) {
            return Outcome::Blank;
        }
        let (length, sound, zero) = match self.array.data_type() {
            DataType::FixedSizeList(..) => numbers(&self.array.as_fixed_size_list().value(row)),
            DataType::List(_) => numbers(&self.array.as_list::<i32>().value(row)),
            DataType::LargeList(_) => numbers(&self.array.as_list::<i64>().value(row)),
            DataType::Binary => bytes(self.array.as_binary::<i32>().value(row)),
            DataType::LargeBinary => bytes(self.array.as_binary::<i64>().value(row)),
            DataType::BinaryView => bytes(self.array.as_binary_view().value(row)),
            DataType::FixedSizeBinary(_) => bytes(self.array.as_fixed_size_binary().value(row)),
            _ => return Outcome::Invalid,
        };
        if length == 0 {
            return Outcome::Blank;
        }
        if !sound || self.width.is_some_and(|width| width != length) {
            return Outcome::Invalid;
        }
        self.width = Some(length);
        if zero { Outcome::Placeholder } else { Outcome::Valid }
    }
}

fn bytes(template: &[u8]) -> (usize, bool, bool) {
    (template.len(), true, template.iter().all(|&b| b == 0))
}

fn numbers(template: &Arc<dyn Array>) -> (usize, bool, bool) {
    let sound = template.null_count() == 0;
    match template.data_type() {
        DataType::Float32 => {
            let v = template.as_primitive::<Float32Type>().values();
            (v.len(), sound && v.iter().all(|x| x.is_finite()), v.iter().all(|&x| x == 0.0))
        }
        DataType::Float64 => {
            let v = template.as_primitive::<Float64Type>().values();
            (v.len(), sound && v.iter().all(|x| x.is_finite()), v.iter().all(|&x| x == 0.0))
        }
        DataType::Float16 => {
            let v = template.as_primitive::<Float16Type>().values();
            (v.len(), sound && v.iter().all(|x| x.is_finite()), v.iter().all(|x| x.to_f32() == 0.0))
        }
        DataType::Int8 => {
            let v = template.as_primitive::<Int8Type>().values();
            (v.len(), sound, v.iter().all(|&x| x == 0))
        }
        _ => {
            let v = template.as_primitive::<arrow_array::types::UInt8Type>().values();
            (v.len(), sound, v.iter().all(|&x| x == 0))
        }
    }
}
