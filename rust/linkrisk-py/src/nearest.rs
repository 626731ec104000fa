//! Pairs of similar templates of one table, or of two.

use std::path::{Path, PathBuf};

use arrow_array::ArrayRef;
use linkrisk_core::block::nearest::cap::{Capped, cap};
use linkrisk_core::block::nearest::iris::{self, nearest_irises};
use linkrisk_core::block::nearest::plan::{Method, Size};
use linkrisk_core::block::nearest::recall::{Recall, recall};
use linkrisk_core::block::nearest::strangers::strangers;
use linkrisk_core::block::nearest::table::write_pairs;
use linkrisk_core::block::nearest::{Options, Summary, nearest_resumable};
use linkrisk_core::error::{Error, ErrorKind, Result};
use linkrisk_core::evidence::{self, Choice, Histogram};
use linkrisk_core::kernel::hash;
use linkrisk_core::kernel::simd::Level;
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::Metric;
use linkrisk_core::store::irises::Irises;
use linkrisk_core::store::run_dir::{Identity, RunDir};
use linkrisk_core::store::templates::{TemplateSource, TemplateTally, Templates};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arrow::Stream;
use crate::engine::to_json;
use crate::enter::{Control, enter};
use crate::errors;

/// The column of every stream.
const COLUMN: &str = "template";

/// The table of pairs.
const TABLE: &str = "pairs.parquet";

/// The name of each source, and what it held.
type Tallies = Vec<(String, TemplateTally)>;

/// What Python asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    sources: Vec<String>,
    attribute: String,
    /// Absent where it is chosen.
    threshold: Option<f64>,
    false_links: f64,
    metric: Metric,
    centre: bool,
    exact: bool,
    method: Way,
    cap: Option<u32>,
    resume: bool,
    least: u64,
    memory_limit: Option<u64>,
    threads: Option<usize>,
    seed: u64,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Auto,
    AllPairs,
    Partitions,
}

impl From<Way> for Method {
    fn from(way: Way) -> Self {
        match way {
            Way::Auto => Self::Auto,
            Way::AllPairs => Self::AllPairs,
            Way::Partitions => Self::Partitions,
        }
    }
}

/// What came of it.
#[derive(Serialize)]
#[serde(untagged)]
enum Statement {
    /// What a run said that was finished before.
    Before(Value),
    Vectors {
        #[serde(flatten)]
        summary: Box<Summary>,
        sources: Tallies,
        capped: Capped,
        recall: Box<Recall>,
        /// How the threshold was chosen, where it was not given.
        chosen: Option<Choice>,
    },
    Irises {
        templates: u32,
        threshold: f64,
        kernel: &'static str,
        pairs: u64,
        sources: Tallies,
    },
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
    match request.metric {
        Metric::Hamming => find_irises(request, streams, out, context),
        Metric::Cosine | Metric::L2 => find_vectors(request, streams, out, context),
    }
}

fn find_vectors(
    request: &Request,
    streams: Vec<Stream>,
    out: Option<&Path>,
    context: &Context,
) -> Result<Statement> {
    let mut templates = Templates::new(&request.attribute, context)?;
    for (name, stream) in request.sources.iter().zip(streams) {
        templates.begin_source(name);
        read(stream, context, |column, first| templates.add(column, first, context))?;
    }
    templates.complete(context)?;
    let (sources, second) = checked(request, templates.sources())?;
    if request.centre {
        templates.centre(context)?;
    }
    let mut run = match out {
        Some(out) if request.resume => Some(resumed(request, &templates, out, context)?),
        _ => None,
    };
    if let Some(said) = run.as_ref().map(RunDir::summary).filter(|said| !said.is_null()) {
        return Ok(Statement::Before(said.clone()));
    }
    let (threshold, chosen) = match (request.threshold, request.metric) {
        (Some(distance), Metric::L2) => (templates.cosine_of_distance(distance), None),
        (Some(cosine), _) => (cosine, None),
        (None, _) => {
            let mut random = Histogram::grid();
            strangers(&templates, second, context, |similarity, pairs| {
                random.counts_mut()[evidence::bin(similarity)] += pairs;
            })?;
            let pairs = Size::of(&templates, second).pairs;
            let choice = evidence::choose(random, request.false_links, pairs)?;
            (choice.threshold, Some(choice))
        }
    };
    let options =
        Options { second, exact: request.exact, method: request.method.into(), ..Options::new(threshold) };
    let state = run.as_ref().and_then(RunDir::state);
    let (mut pairs, filter, summary) =
        nearest_resumable(&mut templates, &options, state.as_deref(), context)?;
    let recall = recall(&templates, &pairs, &filter, &summary, &options, context)?;
    let mut capped = Capped::default();
    if let Some(most) = request.cap {
        (pairs, capped) = cap(pairs, most, context)?;
    }
    if let Some(out) = out {
        write_pairs(templates.records(), &pairs, out, TABLE, context)?;
    }
    let statement =
        Statement::Vectors { summary: Box::new(summary), sources, capped, recall: Box::new(recall), chosen };
    if let Some(run) = &mut run {
        // By way of its text, where a number of single precision has as many digits as it needs.
        let said = serde_json::from_str(&to_json(&statement)?).map_err(|e| Error::internal(e.to_string()))?;
        run.set("summary", said)?;
        run.set("state", json!("joined"))?;
        run.finish()?;
    }
    Ok(statement)
}

/// The directory of the join of these templates, begun or gone on with.
fn resumed(request: &Request, templates: &Templates, out: &Path, context: &Context) -> Result<RunDir> {
    let Request { threshold, false_links, metric, centre, exact, method, cap, .. } = request;
    let settings = json!({
        "attribute": request.attribute,
        "threshold": threshold,
        "false_links": false_links,
        "metric": metric,
        "centre": centre,
        "exact": exact,
        "method": method,
        "cap": cap,
        "seed": request.seed,
    });
    let of_source = |source: &TemplateSource| {
        let parts = json!({"records": source.tally.records, "hash": format!("{:016x}", source.digest)});
        (source.name.clone(), json!({"templates": parts}))
    };
    let inputs = Value::Object(templates.sources().iter().map(of_source).collect());
    let spec_hash = hash::bytes(settings.to_string().as_bytes());
    RunDir::resume(out, Identity { spec: &settings, spec_hash, seed: context.seed, inputs: &inputs })
}

fn find_irises(
    request: &Request,
    streams: Vec<Stream>,
    out: Option<&Path>,
    context: &Context,
) -> Result<Statement> {
    let mut irises = Irises::new(&request.attribute, context)?;
    for (name, stream) in request.sources.iter().zip(streams) {
        irises.begin_source(name);
        read(stream, context, |column, first| irises.add(column, first, context))?;
    }
    let (sources, second) = checked(request, irises.sources())?;
    let threshold =
        request.threshold.ok_or_else(|| Error::internal("iris codes have no chosen threshold"))?;
    let options = iris::Options { threshold, second, level: None };
    let pairs = nearest_irises(&irises, &options, context)?;
    if let Some(out) = out {
        write_pairs(irises.records(), &pairs, out, TABLE, context)?;
    }
    Ok(Statement::Irises {
        templates: irises.len(),
        threshold,
        kernel: Level::best().name(),
        pairs: pairs.len(),
        sources,
    })
}

/// Hands the columns of a stream to `add`, with the number of the first row of each.
fn read(stream: Stream, context: &Context, mut add: impl FnMut(&ArrayRef, u32) -> Result<()>) -> Result<()> {
    context.progress.begin("ingest", "templates", None);
    let mut first = 0u32;
    for batch in stream.0 {
        // What a reader says of a broken stream may quote a value of it, so it is left out.
        let batch = batch.map_err(|_| Error::new(ErrorKind::Data, "the stream broke off"))?;
        let column = batch
            .column_by_name(COLUMN)
            .ok_or_else(|| Error::internal("a stream has no column of templates"))?;
        add(column, first)?;
        first = first.checked_add(batch.num_rows() as u32).ok_or_else(|| {
            Error::new(ErrorKind::Data, "a table of templates has at most 4.29 billion rows")
                .hint("split it into several")
        })?;
        context.progress.add(batch.num_rows() as u64);
    }
    Ok(())
}

/// What the sources held, and where the second begins; refuses sets of few.
fn checked(request: &Request, sources: &[TemplateSource]) -> Result<(Tallies, Option<u32>)> {
    if let Some(source) = sources.iter().find(|source| source.tally.usable < request.least) {
        let message = format!(
            "source `{}` has {} usable templates, and sets of at least {} are compared",
            source.name, source.tally.usable, request.least
        );
        return Err(Error::new(ErrorKind::Data, message)
            .hint("this measures whole holdings and looks for nobody: give whole tables")
            .detail("source", &source.name));
    }
    let tallies = sources.iter().map(|source| (source.name.clone(), source.tally.clone())).collect();
    Ok((tallies, sources.get(1).map(|source| source.start)))
}
