//! Arrow capsules of any producer as record batch readers.

use arrow_array::RecordBatchReader;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

/// A stream of batches that another library makes.
///
/// It is pulled outside the interpreter, because a producer written in Python needs the interpreter
/// on whatever thread pulls.
pub struct Stream(pub Box<dyn RecordBatchReader + Send>);

impl<'a, 'py> FromPyObject<'a, 'py> for Stream {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        object.extract::<PyRecordBatchReader>()?.into_reader().map(Self)
    }
}
