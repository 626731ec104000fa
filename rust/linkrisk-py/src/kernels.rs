//! Normalisers for columns that are not part of a run: expressions, and the guessing of kinds.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use linkrisk_core::error::{Error, ErrorKind, Result};
use linkrisk_core::normalise::Normaliser;
use linkrisk_core::spec::AttributeSpec;
use pyo3::prelude::*;
use pyo3_arrow::PyArray;
use pyo3_arrow::input::AnyArray;
use serde_json::Value;

use crate::errors;

/// Values between two looks for Ctrl-C: some tens of milliseconds of the slowest kind.
const SLICE: usize = 16_384;

/// Brings every string of an Arrow array or stream to the canonical text of `kind`; null where the
/// value is not usable. `options_json` holds the options of an attribute, such as `scheme`.
#[pyfunction]
pub fn normalise(py: Python<'_>, kind: &str, options_json: &str, array: AnyArray) -> PyResult<PyArray> {
    let rules = rules(kind, options_json).map_err(|e| errors::to_py(py, &e))?;
    let mut out = StringViewBuilder::new();
    let mut buffer = String::new();
    for chunk in array.into_reader()? {
        let chunk = chunk
            .map_err(|_| errors::to_py(py, &Error::new(ErrorKind::Data, "the column cannot be read")))?;
        for start in (0..chunk.len()).step_by(SLICE) {
            py.check_signals()?;
            let slice = chunk.slice(start, SLICE.min(chunk.len() - start));
            py.detach(|| append(&rules, &slice, &mut buffer, &mut out)).map_err(|e| errors::to_py(py, &e))?;
        }
    }
    Ok(PyArray::from_array_ref(Arc::new(out.finish())))
}

fn rules(kind: &str, options_json: &str) -> Result<Normaliser> {
    let wrong = |message: String| {
        Error::new(ErrorKind::Spec, message).hint("`linkrisk schema` prints the kinds and their options")
    };
    let mut options: Value =
        serde_json::from_str(options_json).map_err(|e| wrong(format!("the options cannot be read: {e}")))?;
    let Some(fields) = options.as_object_mut() else {
        return Err(wrong("the options are not an object".to_owned()));
    };
    fields.insert("kind".to_owned(), kind.into());
    fields.insert("column".to_owned(), Value::Array(Vec::new()));
    let spec: AttributeSpec =
        serde_json::from_value(options).map_err(|e| wrong(format!("cannot normalise as `{kind}`: {e}")))?;
    Normaliser::new(&spec)
}

fn append(
    rules: &Normaliser,
    chunk: &ArrayRef,
    buffer: &mut String,
    out: &mut StringViewBuilder,
) -> Result<()> {
    match chunk.data_type() {
        DataType::Utf8View => append_all(rules, chunk.as_string_view().iter(), buffer, out),
        DataType::LargeUtf8 => append_all(rules, chunk.as_string::<i64>().iter(), buffer, out),
        DataType::Utf8 => append_all(rules, chunk.as_string::<i32>().iter(), buffer, out),
        DataType::Null => append_all(rules, std::iter::repeat_n(None, chunk.len()), buffer, out),
        other => {
            return Err(Error::new(
                ErrorKind::AttributeType,
                format!("cannot normalise a column of {other}"),
            )
            .hint("cast it to text first")
            .detail("found", other));
        }
    }
    Ok(())
}

fn append_all<'v>(
    rules: &Normaliser,
    values: impl Iterator<Item = Option<&'v str>>,
    buffer: &mut String,
    out: &mut StringViewBuilder,
) {
    for value in values {
        let usable = value.is_some_and(|raw| rules.text(raw, buffer).is_usable());
        out.append_option(usable.then_some(buffer.as_str()));
    }
}
