//! Template columns (face, iris, fingerprint) of a batch: checked, and read as numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int8Type, UInt8Type};
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
        let Some(numbers) = self.row(row) else {
            return match self.code(row) {
                Some(code) => self.judge((code.len(), true, code.iter().all(|&b| b == 0))),
                None => Outcome::Blank,
            };
        };
        self.judge(look(&numbers))
    }

    /// Reads the template of `row` into `out`; tells what it is, as [`Templates::check`] does, and its
    /// length. `out` is empty where it is no list of numbers.
    pub fn read(&mut self, row: usize, out: &mut Vec<f32>) -> (Outcome, usize) {
        out.clear();
        let Some(numbers) = self.row(row) else { return (Outcome::Blank, 0) };
        let found = look(&numbers);
        match numbers.data_type() {
            DataType::Float32 => out.extend_from_slice(numbers.as_primitive::<Float32Type>().values()),
            DataType::Float64 => {
                out.extend(numbers.as_primitive::<Float64Type>().values().iter().map(|&x| x as f32));
            }
            DataType::Float16 => {
                out.extend(numbers.as_primitive::<Float16Type>().values().iter().map(|x| x.to_f32()));
            }
            DataType::Int8 => {
                out.extend(numbers.as_primitive::<Int8Type>().values().iter().map(|&x| f32::from(x)));
            }
            _ => out.extend(numbers.as_primitive::<UInt8Type>().values().iter().map(|&x| f32::from(x))),
        }
        (self.judge(found), found.0)
    }

    /// Whether the column holds bytes and no numbers.
    pub fn is_binary(&self) -> bool {
        matches!(
            self.array.data_type(),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
        )
    }

    /// The bytes of the template of `row`, where the column is binary.
    pub fn code(&self, row: usize) -> Option<&'a [u8]> {
        if self.array.is_null(row) {
            return None;
        }
        match self.array.data_type() {
            DataType::Binary => Some(self.array.as_binary::<i32>().value(row)),
            DataType::LargeBinary => Some(self.array.as_binary::<i64>().value(row)),
            DataType::BinaryView => Some(self.array.as_binary_view().value(row)),
            DataType::FixedSizeBinary(_) => Some(self.array.as_fixed_size_binary().value(row)),
            _ => None,
        }
    }

    /// The numbers of the template of `row`, where the column is one of lists.
    fn row(&self, row: usize) -> Option<ArrayRef> {
        if self.array.is_null(row) {
            return None;
        }
        match self.array.data_type() {
            DataType::FixedSizeList(..) => Some(self.array.as_fixed_size_list().value(row)),
            DataType::List(_) => Some(self.array.as_list::<i32>().value(row)),
            DataType::LargeList(_) => Some(self.array.as_list::<i64>().value(row)),
            _ => None,
        }
    }

    fn judge(&mut self, (length, sound, zero): (usize, bool, bool)) -> Outcome {
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

/// The length of a template, whether all its numbers are there and finite, and whether all are zero.
fn look(template: &ArrayRef) -> (usize, bool, bool) {
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
            let v = template.as_primitive::<UInt8Type>().values();
            (v.len(), sound, v.iter().all(|&x| x == 0))
        }
    }
}
