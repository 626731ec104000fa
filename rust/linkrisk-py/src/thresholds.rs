//! Thresholds of template attributes.

use linkrisk_core::error::{Error, ErrorKind, Result};
use linkrisk_core::evidence::{self, Calibration, Persons, Question, Reader};
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::Metric;
use linkrisk_core::store::templates::cosine_of_distance;
use pyo3::prelude::*;
use serde::Deserialize;

use crate::arrow::Stream;
use crate::engine::to_json;
use crate::enter::{Control, enter};
use crate::errors;

/// What Python asks, beside the tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    attribute: String,
    sources: Vec<(String, bool)>,
    groups: Vec<String>,
    persons: Persons,
    threshold: Option<f64>,
    metric: Metric,
    wanted: f64,
    agreeing: Vec<(String, f64)>,
    calibration: Option<(String, String)>,
    pairs: u64,
    joined: Vec<(f64, f64)>,
    memory_limit: Option<u64>,
    threads: Option<usize>,
    seed: u64,
}

/// Estimates the error rates of a template attribute at every threshold, as JSON.
///
/// `streams` has a table for each source: templates, persons and groups, read once. The answer is the
/// same for any number of threads and any batches.
#[pyfunction]
pub fn thresholds(
    py: Python<'_>,
    question_json: &str,
    streams: Vec<Stream>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let to_py = |e: Error| errors::to_py(py, &e);
    let asked: Asked = serde_json::from_str(question_json)
        .map_err(|e| to_py(Error::internal(format!("the question cannot be read: {e}"))))?;
    let context = Context::new(asked.memory_limit, asked.threads, asked.seed).map_err(to_py)?;
    let control = Control::new(&context, progress);
    enter(py, &control, || answer(asked, streams, &context))
}

fn answer(asked: Asked, streams: Vec<Stream>, context: &Context) -> Result<String> {
    let calibration =
        asked.calibration.as_ref().map(|(name, text)| Calibration::from_json(name, text)).transpose()?;
    let mut reader = Reader::new(asked.sources.len(), asked.groups, asked.pairs, context)?;
    context.progress.begin("sample", "records", None);
    for (source, stream) in streams.into_iter().enumerate() {
        for batch in stream.0 {
            // What a reader says of a broken stream may quote a value of it, so it is left out.
            let batch = batch.map_err(|_| {
                let name = &asked.sources[source].0;
                Error::new(ErrorKind::Data, format!("source `{name}`: the stream broke off"))
                    .hint("check that the table can be read to its end")
                    .detail("source", name)
            })?;
            reader.take(source, &batch, context)?;
        }
    }
    let read = reader.finish();
    let similarity = |stated: f64| match asked.metric {
        Metric::L2 => cosine_of_distance(stated, read.squares),
        Metric::Cosine | Metric::Hamming => stated,
    };
    let question = Question {
        attribute: asked.attribute,
        sources: asked.sources,
        groups: read.groups.clone(),
        left_out: read.left_out,
        persons: asked.persons,
        threshold: asked.threshold.map(similarity),
        wanted: asked.wanted,
        agreeing: asked.agreeing,
        calibration,
        pairs: asked.pairs,
        joined: asked.joined,
    };
    to_json(&evidence::thresholds(&question, &read.sample, context)?)
}
