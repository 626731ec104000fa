//! Any Arrow string column as one thing to read.
//!
//! Producers send views, large or small offsets, or dictionaries whose values differ per batch; the
//! engine never compares codes across batches and never requests a cast.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, DictionaryArray, LargeStringArray, StringArray, StringViewArray};
use arrow_schema::DataType;

/// A string column of one batch.
#[derive(Debug)]
pub enum Texts<'a> {
    /// 32-bit offsets.
    Small(&'a StringArray),
    /// 64-bit offsets.
    Large(&'a LargeStringArray),
    /// Views.
    View(&'a StringViewArray),
    /// A dictionary of any key type: the index per row, and the values.
    Dictionary(Vec<Option<usize>>, Box<Texts<'a>>),
}

impl<'a> Texts<'a> {
    /// Reads `array` as text, if it is text.
    pub fn new(array: &'a ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Small(array.as_string()),
            DataType::LargeUtf8 => Self::Large(array.as_string()),
            DataType::Utf8View => Self::View(array.as_string_view()),
            DataType::Dictionary(key, _) => match key.as_ref() {
                DataType::Int8 => dictionary::<Int8Type>(array)?,
                DataType::Int16 => dictionary::<Int16Type>(array)?,
                DataType::Int32 => dictionary::<Int32Type>(array)?,
                DataType::Int64 => dictionary::<Int64Type>(array)?,
                DataType::UInt8 => dictionary::<UInt8Type>(array)?,
                DataType::UInt16 => dictionary::<UInt16Type>(array)?,
                DataType::UInt32 => dictionary::<UInt32Type>(array)?,
                DataType::UInt64 => dictionary::<UInt64Type>(array)?,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The text of `row`, unless it is null.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Small(a) => (!a.is_null(row)).then(|| a.value(row)),
            Self::Large(a) => (!a.is_null(row)).then(|| a.value(row)),
            Self::View(a) => (!a.is_null(row)).then(|| a.value(row)),
            Self::Dictionary(keys, values) => keys[row].and_then(|key| values.get(key)),
        }
    }
}

fn dictionary<K: ArrowDictionaryKeyType>(array: &ArrayRef) -> Option<Texts<'_>> {
    let array: &DictionaryArray<K> = array.as_any().downcast_ref()?;
    let keys = (0..array.len()).map(|row| array.key(row)).collect();
    Some(Texts::Dictionary(keys, Box::new(Texts::new(array.values())?)))
}
