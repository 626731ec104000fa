//! Arrow capsules of any producer as record batch readers.

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::ArrowError;
use pyo3::prelude::*;
use pyo3::types::PyIterator;
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

/// The batches of a stream, or of several one after the other, each of which is made when the one before is at its
/// end.
pub struct Streams {
    stream: Option<Stream>,
    /// Those after it.
    more: Option<Py<PyIterator>>,
}

impl<'a, 'py> FromPyObject<'a, 'py> for Streams {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        // A table is one stream, and what it gives when it is gone through are its columns.
        if object.hasattr("__arrow_c_stream__")? {
            return Ok(Self { stream: Some(object.extract()?), more: None });
        }
        Ok(Self { stream: None, more: Some(object.try_iter()?.unbind()) })
    }
}

impl Iterator for Streams {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.stream.as_mut().and_then(|stream| stream.0.next()) {
                return Some(batch);
            }
            self.stream = None;
            let more = self.more.as_ref()?;
            let next = Python::attach(|py| {
                let table = more.bind(py).clone().next();
                table.map(|table| table.and_then(|table| table.extract::<Stream>()))
            });
            match next? {
                Ok(stream) => self.stream = Some(stream),
                Err(error) => return Some(Err(ArrowError::ComputeError(error.to_string()))),
            }
        }
    }
}
