//! Invented record sets, written to files.

use std::path::PathBuf;

use linkrisk_core::runtime::Context;
use linkrisk_core::simulate::{self, Format, Options, Templates};
use pyo3::prelude::*;

use crate::engine::to_json;
use crate::enter::{Control, enter};
use crate::errors;

/// Lists the scenarios, as JSON: name, title, source, tables, and the records they can have.
#[pyfunction]
pub fn scenarios(py: Python<'_>) -> PyResult<String> {
    to_json(&simulate::scenarios()).map_err(|e| errors::to_py(py, &e))
}

/// Writes the tables of a scenario, its truth and the spec that links it into the folder `out`.
///
/// The data are the same for any number of threads and shares; nobody in them can exist.
#[pyfunction(name = "simulate")]
#[pyo3(signature = (
    scenario, records, seed, out, threads, progress, *,
    format = "parquet", truth = true, templates = "none", share = (1, 1)
))]
#[expect(clippy::too_many_arguments, reason = "keywords of one Python function")]
pub fn simulate_py(
    py: Python<'_>,
    scenario: &str,
    records: u64,
    seed: u64,
    out: PathBuf,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
    format: &str,
    truth: bool,
    templates: &str,
    share: (u64, u64),
) -> PyResult<String> {
    let options = || -> linkrisk_core::error::Result<(Options, Context)> {
        let (format, templates) = (Format::parse(format)?, Templates::parse(templates)?);
        Ok((Options { records, seed, format, truth, templates, share }, Context::new(None, threads, seed)?))
    };
    let (options, context) = options().map_err(|e| errors::to_py(py, &e))?;
    let control = Control::new(&context, progress);
    enter(py, &control, || to_json(&simulate::simulate(scenario, &options, &out, &context)?))
}
