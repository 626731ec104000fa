//! The engine's errors as the exception classes of `linkrisk.errors`.
//!
//! The match has no wildcard: a new kind does not compile until it has a class.

use linkrisk_core::error::{Error, ErrorKind};
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// The classes, which are Python's own: two bases, attributes and pickling come for free there.
mod classes {
    use pyo3::import_exception;

    import_exception!(linkrisk.errors, SpecError);
    import_exception!(linkrisk.errors, DataError);
    import_exception!(linkrisk.errors, MissingAttributeError);
    import_exception!(linkrisk.errors, AttributeTypeError);
    import_exception!(linkrisk.errors, RecordError);
    import_exception!(linkrisk.errors, TrainingError);
    import_exception!(linkrisk.errors, MemoryLimitError);
    import_exception!(linkrisk.errors, SpillLimitError);
    import_exception!(linkrisk.errors, RunError);
    import_exception!(linkrisk.errors, InternalError);
}

/// The name of a kind, as `error_kinds()` and the exceptions' details spell it.
pub fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Spec => "spec",
        ErrorKind::Data => "data",
        ErrorKind::MissingAttribute => "missing_attribute",
        ErrorKind::AttributeType => "attribute_type",
        ErrorKind::Record => "record",
        ErrorKind::Training => "training",
        ErrorKind::MemoryLimit => "memory_limit",
        ErrorKind::SpillLimit => "spill_limit",
        ErrorKind::Run => "run",
        ErrorKind::Io => "io",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Internal => "internal",
    }
}

/// The Python exception for `error`; an exception of its own where that cannot be built.
pub fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error.kind() {
        ErrorKind::Spec => py.get_type::<classes::SpecError>(),
        ErrorKind::Data => py.get_type::<classes::DataError>(),
        ErrorKind::MissingAttribute => py.get_type::<classes::MissingAttributeError>(),
        ErrorKind::AttributeType => py.get_type::<classes::AttributeTypeError>(),
        ErrorKind::Record => py.get_type::<classes::RecordError>(),
        ErrorKind::Training => py.get_type::<classes::TrainingError>(),
        ErrorKind::MemoryLimit => py.get_type::<classes::MemoryLimitError>(),
        ErrorKind::SpillLimit => py.get_type::<classes::SpillLimitError>(),
        ErrorKind::Run => py.get_type::<classes::RunError>(),
        ErrorKind::Internal => py.get_type::<classes::InternalError>(),
        ErrorKind::Io => return io(error),
        ErrorKind::Cancelled => return PyKeyboardInterrupt::new_err(error.to_string()),
    };
    build(&class, error).unwrap_or_else(|failure| failure)
}

fn build(class: &Bound<'_, PyType>, error: &Error) -> PyResult<PyErr> {
    let py = class.py();
    let details = PyDict::new(py);
    for (key, value) in error.details() {
        details.set_item(key, value)?;
    }
    let options = PyDict::new(py);
    options.set_item("hint", error.hint_text())?;
    options.set_item("details", details)?;
    Ok(PyErr::from_value(class.call((error.to_string(),), Some(&options))?))
}

/// Plain file errors keep Python's own classes: `OSError` picks the right one by the number.
fn io(error: &Error) -> PyErr {
    let path = error.details().iter().find(|(key, _)| *key == "path").map(|(_, value)| value.clone());
    match error.io_error().and_then(|e| Some((e.raw_os_error()?, e.to_string()))) {
        Some((number, text)) => {
            // The operating system's text ends in " (os error N)", which Python adds in its own way.
            let text = text.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, text, path))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}
