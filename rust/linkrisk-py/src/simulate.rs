//! Invented populations, written to Parquet.

use std::path::PathBuf;

use linkrisk_core::runtime::Context;
use linkrisk_core::simulate;
use pyo3::prelude::*;

use crate::engine::to_json;
use crate::enter::{Control, enter};
use crate::errors;

/// Writes a population of `records` records and the spec that links it into the folder `out`.
///
/// The data are the same for any number of threads; nobody in them can exist.
#[pyfunction(name = "simulate")]
#[pyo3(signature = (scenario, records, seed, out, threads, progress))]
pub fn simulate_py(
    py: Python<'_>,
    scenario: &str,
    records: u64,
    seed: u64,
    out: PathBuf,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let context = Context::new(None, threads, seed).map_err(|e| errors::to_py(py, &e))?;
    let control = Control::new(&context, progress);
    enter(py, &control, || to_json(&simulate::simulate(scenario, records, seed, &out, &context)?))
}
