//! The class `Engine`: one run, stage by stage; every method answers in JSON.

use std::path::PathBuf;
use std::sync::Mutex;

use arrow_schema::ArrowError;
use linkrisk_core::block::sketch::Drawn;
use linkrisk_core::error::{Error, Result};
use linkrisk_core::pipeline::{Out, Pipeline};
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::Spec;
use pyo3::prelude::*;
use serde::Serialize;
use serde_json::Value;

use crate::arrow::Streams;
use crate::enter::{Control, enter};
use crate::errors;

/// One run of the engine.
///
/// A call that was interrupted or failed leaves the engine unusable: make a new one.
#[pyclass(frozen, module = "linkrisk._linkrisk")]
pub struct Engine {
    pipeline: Mutex<Pipeline>,
    control: Control,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (spec_json, out, progress, inputs_json=None, resume=false))]
    fn new(
        py: Python<'_>,
        spec_json: &str,
        out: Option<PathBuf>,
        progress: Option<Py<PyAny>>,
        inputs_json: Option<&str>,
        resume: bool,
    ) -> PyResult<Self> {
        let to_py = |e: Error| errors::to_py(py, &e);
        let spec = Spec::from_json(spec_json).map_err(to_py)?;
        let context = Context::new(spec.run.memory_limit, spec.run.threads, spec.run.seed).map_err(to_py)?;
        let control = Control::new(&context, progress);
        let inputs: Value = inputs_json.map_or(Ok(Value::Null), serde_json::from_str).map_err(|e| {
            to_py(Error::internal(format!("what is known of the tables cannot be read: {e}")))
        })?;
        let pipeline = enter(py, &control, || {
            let out = out.as_deref().map(|path| Out { path, inputs: &inputs, resume });
            Pipeline::begin(spec, out, context)
        })?;
        Ok(Self { pipeline: Mutex::new(pipeline), control })
    }

    /// Reads one source; `tables` is an object with `__arrow_c_stream__`, or gives such one after the other.
    fn ingest(&self, py: Python<'_>, source: usize, tables: Streams) -> PyResult<String> {
        self.call(py, move |pipeline| {
            // What a reader says of a broken stream may quote a value of it, so it is left out.
            let broken = |_| ArrowError::ComputeError("the stream broke off".to_owned());
            pipeline.ingest(source, tables.map(|batch| batch.map_err(broken)))
        })
    }

    /// The bytes that a table which `ingest` is given may take; four times as much is reserved until all are read.
    fn read_in_lots(&self, py: Python<'_>) -> PyResult<u64> {
        // A number is its own JSON.
        self.call(py, Pipeline::read_in_lots).map(|text| text.parse().unwrap_or_default())
    }

    /// Takes note of the rows of each source, where they are known, and refuses what cannot be done.
    fn expect(&self, py: Python<'_>, rows: Vec<Option<u64>>) -> PyResult<()> {
        self.call(py, |pipeline| pipeline.expect(rows)).map(drop)
    }

    /// Says that the batches to come are a sample: of each source its rows, and those of a slice.
    fn draw(&self, py: Python<'_>, sources: Vec<(u64, u32)>) -> PyResult<()> {
        self.call(py, |pipeline| {
            let drawn = sources.into_iter().map(|(records, slice)| Drawn { records, slice: slice.max(1) });
            pipeline.draw(drawn.collect());
            Ok(())
        })
        .map(drop)
    }

    /// Estimates the run from the sample, which was read in `seconds`.
    fn estimate(&self, py: Python<'_>, seconds: f64) -> PyResult<String> {
        self.call(py, |pipeline| pipeline.estimate(seconds))
    }

    /// Counts the candidate pairs of every blocking rule, without comparing any.
    fn plan(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, Pipeline::plan)
    }

    /// Trains the model, or reads the one the spec names.
    fn train(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, Pipeline::train)
    }

    /// Learns what similarities of templates mean, and finds the pairs of similar ones.
    fn nearest(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, |pipeline| Ok(serde_json::json!({ "templates": pipeline.nearest()? })))
    }

    /// Compares and scores the candidate pairs.
    fn link(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, Pipeline::link)
    }

    /// Resolves links into entities.
    fn cluster(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, Pipeline::cluster)
    }

    /// Computes the tables of risk figures.
    fn assess(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, Pipeline::assess)
    }

    /// Removes what a run keeps to go on after it was killed; `assess` does so itself.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, Pipeline::finish).map(drop)
    }
}

impl Engine {
    fn call<T: Serialize>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Pipeline) -> Result<T> + Send,
    ) -> PyResult<String> {
        enter(py, &self.control, || {
            // Locked on the worker: a second Python thread then waits where Ctrl-C still reaches it.
            let mut pipeline = self
                .pipeline
                .lock()
                .map_err(|_| Error::internal("the engine failed in an earlier call and cannot go on"))?;
            let done = work(&mut pipeline);
            if done.is_err() {
                // Not left to the destructor: a traceback may hold the engine for as long as it likes.
                pipeline.abandon();
            }
            to_json(&done?)
        })
    }
}

/// The JSON text of a summary.
pub fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal(format!("a summary cannot be written: {e}")))
}
