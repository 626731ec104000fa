//! Pairs of similar templates of one table, or of two.

use std::path::{Path, PathBuf};

use linkrisk_core::block::nearest::cap::{Capped, cap};
use linkrisk_core::block::nearest::recall::{Recall, recall};
use linkrisk_core::block::nearest::table::write_pairs;
use linkrisk_core::block::nearest::{Options, Summary, nearest};
use linkrisk_core::error::{Error, ErrorKind, Result};
use linkrisk_core::runtime::Context;
use linkrisk_core::store::templates::{TemplateTally, Templates};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::arrow::Stream;
use crate::engine::to_json;
use crate::enter::{Control, enter};
use crate::errors;

/// The column of every stream.
const COLUMN: &str = "template";

/// What Python asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    sources: Vec<String>,
    attribute: String,
    threshold: f64,
    metric: Metric,
    centre: bool,
    exact: bool,
    cap: Option<u32>,
    least: u64,
    memory_limit: Option<u64>,
    threads: Option<usize>,
    seed: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Metric {
    Cosine,
    L2,
}

/// What came of it.
#[derive(Serialize)]
struct Statement {
    #[serde(flatten)]
    summary: Summary,
    sources: Vec<(String, TemplateTally)>,
    capped: Capped,
    recall: Recall,
}

/// Finds all pairs of templates at least as similar as a threshold, in one stream or between two.
///
/// Each stream has the one column `template`. The pairs are written to `pairs.parquet` in the folder `out`,
/// where one is named; the statement comes back as JSON.
#[pyfunction(name = "nearest")]
pub fn nearest_py(
    py: Python<'_>,
    request_json: &str,
    streams: Vec<Stream>,
    out: Option<PathBuf>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let begin = || -> Result<(Request, Context)> {
        let request: Request = serde_json::from_str(request_json)
            .map_err(|e| Error::internal(format!("what is asked for cannot be read: {e}")))?;
        let context = Context::new(request.memory_limit, request.threads, request.seed)?;
        Ok((request, context))
    };
    let (request, context) = begin().map_err(|e| errors::to_py(py, &e))?;
    let control = Control::new(&context, progress);
    enter(py, &control, || to_json(&find(&request, streams, out.as_deref(), &context)?))
}

fn find(request: &Request, streams: Vec<Stream>, out: Option<&Path>, context: &Context) -> Result<Statement> {
    let mut templates = Templates::new(&request.attribute, context)?;
    context.progress.begin("ingest", "templates", None);
    for (name, stream) in request.sources.iter().zip(streams) {
        templates.begin_source(name);
        let mut first = 0u32;
        for batch in stream.0 {
            // What a reader says of a broken stream may quote a value of it, so it is left out.
            let batch = batch.map_err(|_| Error::new(ErrorKind::Data, "the stream broke off"))?;
            let column = batch
                .column_by_name(COLUMN)
                .ok_or_else(|| Error::internal("a stream has no column of templates"))?;
            templates.add(column, first, context)?;
            first = first.checked_add(batch.num_rows() as u32).ok_or_else(too_many)?;
            context.progress.add(batch.num_rows() as u64);
        }
    }
    templates.complete(context)?;
    for source in templates.sources() {
        if source.tally.usable < request.least {
            return Err(Error::new(
                ErrorKind::Data,
                format!(
                    "source `{}` has {} usable templates, and sets of at least {} are compared",
                    source.name, source.tally.usable, request.least
                ),
            )
            .hint("this measures whole holdings and looks for nobody: give whole tables")
            .detail("source", &source.name));
        }
    }
    if request.centre {
        templates.centre(context)?;
    }
    let threshold = match request.metric {
        Metric::Cosine => request.threshold,
        Metric::L2 => templates.cosine_of_distance(request.threshold),
    };
    let options = Options {
        threshold,
        second: templates.sources().get(1).map(|source| source.start),
        exact: request.exact,
        level: None,
        block_rows: None,
    };
    let (mut pairs, filter, summary) = nearest(&mut templates, &options, context)?;
    let recall = recall(&templates, &pairs, &filter, &summary, &options, context)?;
    let mut capped = Capped::default();
    if let Some(most) = request.cap {
        (pairs, capped) = cap(pairs, most, context)?;
    }
    if let Some(out) = out {
        write_pairs(&templates, &pairs, out, "pairs.parquet", context)?;
    }
    let sources = templates.sources().iter().map(|s| (s.name.clone(), s.tally.clone())).collect();
    Ok(Statement { summary, sources, capped, recall })
}

fn too_many() -> Error {
    Error::new(ErrorKind::Data, "a table of templates has at most 4.29 billion rows")
        .hint("split it into several")
}
