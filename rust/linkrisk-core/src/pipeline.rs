//! The run: the only file that knows the order of the stages.
//!
//! Each step runs what must run before it and is done once; a step that was done returns the same
//! summary again.

mod cost;
mod estimate;
mod link;
mod resume;
mod settle;
mod stage;
mod templates;

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use crate::assess::{self, Results, RiskSummary};
use crate::block::rule::MAX_RULES;
use crate::block::sketch::Drawn;
use crate::block::{Candidates, RulePlan, Rules, Work, default};
use crate::cluster::vehicles::Vehicles;
use crate::cluster::{ClusterCounts, Clusters};
use crate::compare::comparison::Resolved;
use crate::compare::{Comparer, Comparison, PatternCounts, count};
use crate::error::{Error, ErrorKind, Result};
use crate::normalise::Normaliser;
use crate::output;
use crate::runtime::{Context, Reservation, memory, spill};
use crate::score::{self, Evidence, Model, Scorer};
use crate::spec::Spec;
use crate::store::ids::{ID_COLUMN, IdFile, Ids};
use crate::store::ingest::Ingest;
use crate::store::run_dir::{Identity, RunDir};
use crate::store::{Store, frequency};
use resume::Finished;
use settle::settle;
use stage::Stage;
use templates::Nearest;
pub use templates::{PositionSummary, TemplateSummary};

/// Pairs drawn at random to learn what chance agreement looks like: levels of one pair in two
/// thousand are then known to a tenth, and frequencies of values tell of rarer ones.
const RANDOM_PAIRS: u64 = 200_000;

/// Candidate pairs the model is trained on: with some hundred thousand matches among them, shares of
/// one in a hundred are known to a fiftieth.
const TRAINING_PAIRS: f64 = 500_000.0;

/// What a source came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IngestSummary {
    /// The source.
    pub source: String,
    /// Its rows.
    pub records: u64,
}

/// The pairs to come, known before any is compared.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Records of all sources.
    pub records: u64,
    /// The rules with their exact pairs.
    pub rules: Vec<RulePlan>,
    /// Pairs of all rules, those that several rules make counted for each.
    pub pairs: u64,
    /// Attributes that are counted and not compared: there are more than a pattern has room for, and
    /// agreement on these tells least.
    pub not_compared: Vec<String>,
}

/// What linking found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkSummary {
    /// Pairs compared, each once.
    pub candidate_pairs: u64,
    /// Pairs at or above the threshold.
    pub links: u64,
    /// Pairs that are more probably of related people than of one person or of strangers.
    pub related_pairs: u64,
    /// Pairs compared per second.
    pub pairs_per_second: f64,
}

/// What clustering found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterSummary {
    /// Distinct persons, single records included.
    pub persons: u64,
    /// Distinct vehicles.
    pub vehicles: u64,
    /// What became of the components.
    #[serde(flatten)]
    pub counts: ClusterCounts,
}

/// One run of the engine.
#[derive(Debug)]
pub struct Pipeline {
    spec: Spec,
    context: Context,
    run: Option<RunDir>,
    store: Store,
    ids: Vec<Option<IdFile>>,
    /// The sources, where the run was begun before and has read them.
    ingested: Option<Vec<IngestSummary>>,
    planned: Option<Planned>,
    model: Option<Model>,
    nearest: Option<Nearest>,
    linked: Option<Linked>,
    clustered: Option<Clustered>,
    assessed: Option<RiskSummary>,
    /// The summaries of a run that was finished before.
    finished: Option<Finished>,
    /// How the records were drawn, where they are a sample.
    drawn: Vec<Drawn>,
    /// Rows of each source, where they are known before it is read.
    rows: Vec<Option<u64>>,
    /// What the tables take that are being read.
    tables: Option<Reservation>,
}

/// Where the results of a run are kept.
#[derive(Debug, Clone, Copy)]
pub struct Out<'a> {
    /// The run directory.
    pub path: &'a Path,
    /// What is known of the tables, by source: they are the same as long as it is.
    pub inputs: &'a Value,
    /// Whether to go on with the run that is there, and to keep what it takes to go on with this one.
    pub resume: bool,
}

#[derive(Debug)]
struct Planned {
    candidates: Candidates,
    comparisons: Vec<Comparison>,
    plan: Plan,
}

impl Planned {
    /// The comparisons but those of templates, a linkage of their own.
    fn base(&self) -> &[Comparison] {
        templates::base(&self.comparisons)
    }

    /// The rules by their names, those last that find pairs by templates.
    fn rule_names(&self) -> Vec<String> {
        let by_templates = self.comparisons[self.base().len()..].iter();
        let names = self.candidates.rules.rules.iter().map(|rule| rule.name.clone());
        names.chain(by_templates.map(|comparison| templates::rule_name(&comparison.name))).collect()
    }
}

#[derive(Debug)]
struct Linked {
    found: link::Links,
    summary: LinkSummary,
}

#[derive(Debug)]
struct Clustered {
    clusters: Clusters,
    vehicles: Vehicles,
    summary: ClusterSummary,
}

impl Pipeline {
    /// Begins a run of `spec`, in the directory `out` where results are to be kept.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the spec contradicts itself or identifies nobody, [`ErrorKind::Run`] where `out` holds
    /// something already.
    pub fn new(spec: Spec, out: Option<&Path>, context: Context) -> Result<Self> {
        Self::begin(spec, out.map(|path| Out { path, inputs: &Value::Null, resume: false }), context)
    }

    /// Begins a run of `spec`, or goes on with it where `out` says so.
    ///
    /// # Errors
    /// As [`Pipeline::new`], and [`ErrorKind::Run`] where the run in `out` is another one, or what it
    /// kept is damaged.
    pub fn begin(spec: Spec, out: Option<Out<'_>>, context: Context) -> Result<Self> {
        if !(0.0..=1.0).contains(&spec.linkage.threshold) {
            return Err(Error::new(ErrorKind::Spec, "the threshold is a probability and must lie in [0, 1]")
                .detail("path", "linkage.threshold"));
        }
        check_attributes(&spec)?;
        // Read again where it is used; here, so that a wrong path is found before the tables are read.
        spec.linkage.model.as_deref().map(|path| saved(Path::new(path))).transpose()?;
        for asked in &spec.linkage.templates {
            asked.calibration.as_deref().map(templates::calibration).transpose()?;
        }
        let store = Store::new(&spec, &context)?;
        let as_json = to_json(&spec)?;
        if let Some(folder) = &spec.run.spill_dir {
            spill::Spill::new(Path::new(folder), None).try_out()?;
        }
        let run = match out {
            Some(Out { path, inputs, resume }) => {
                let spec_hash = spec_hash(&as_json);
                let identity = Identity { spec: &as_json, spec_hash, seed: context.seed, inputs };
                let open = if resume { RunDir::resume } else { RunDir::create };
                Some(open(path, identity)?)
            }
            None => None,
        };
        let temporary = std::env::temp_dir();
        let base = match (&spec.run.spill_dir, &run) {
            (Some(folder), _) => Path::new(folder),
            (None, Some(run)) => run.path(),
            (None, None) => &temporary,
        };
        let context = context.spill_to(base, spec.run.spill_limit);
        spill::sweep(base);
        let mut pipeline = Self {
            spec,
            context,
            run,
            store,
            ids: Vec::new(),
            ingested: None,
            planned: None,
            model: None,
            nearest: None,
            linked: None,
            clustered: None,
            assessed: None,
            finished: None,
            drawn: Vec::new(),
            rows: Vec::new(),
            tables: None,
        };
        pipeline.restore()?;
        Ok(pipeline)
    }

    /// Takes note of how many rows each source has, where that is known before it is read.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] where so many records cannot be clustered within the limit, whatever they
    /// hold.
    pub fn expect(&mut self, rows: Vec<Option<u64>>) -> Result<()> {
        let records: u64 = rows.iter().flatten().sum();
        let (least, limit) = (least_memory(records), self.context.memory.limit());
        if least > limit {
            return Err(Error::new(
                ErrorKind::MemoryLimit,
                format!(
                    "a run of {records} records needs at least {} of memory, and may use {}",
                    memory::human(least),
                    memory::human(limit)
                ),
            )
            .hint("raise `run.memory_limit`, or run on a machine with more memory")
            .detail("records", records)
            .detail("required", least)
            .detail("limit", limit));
        }
        self.rows = rows;
        Ok(())
    }

    /// The bytes that the batches of a source may take which are made at one time, before the engine has them. Four times
    /// as much is reserved for tables until all are read: one lot is handed over while the next is made, and what they
    /// are made from takes as much as they.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`].
    pub fn read_in_lots(&mut self) -> Result<u64> {
        // A thirty-second part of the limit, beyond which more at a time is no faster.
        const MOST: u64 = 32 << 20;
        let lot = (self.context.memory.limit() / 32).min(MOST);
        let read = self.ids.len() == self.spec.sources.len();
        self.tables = (!read).then(|| self.context.memory.reserve("tables", 4 * lot)).transpose()?;
        Ok(lot)
    }

    /// What the run may spend, and where to ask it to stop.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Gives up the run: what was kept on disk for later stages is removed, unless the run may go on, and
    /// the directory is left to others.
    pub fn abandon(&mut self) {
        self.ids.clear();
        self.tables = None;
        if let Some(run) = &mut self.run {
            run.release();
        }
    }

    /// Removes what a run that may go on keeps for that: nothing more is wanted of it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn finish(&mut self) -> Result<()> {
        self.ids.clear();
        self.run.as_mut().map_or(Ok(()), RunDir::finish)
    }

    /// Reads the batches of source number `source`; sources come in the order of the spec. The last one
    /// completes the store. A run that goes on asks for no batch of what it has.
    ///
    /// # Errors
    /// As [`Ingest::add`] and [`Ids::finish`].
    pub fn ingest(
        &mut self,
        source: usize,
        batches: impl Iterator<Item = std::result::Result<RecordBatch, ArrowError>>,
    ) -> Result<IngestSummary> {
        if let Some(known) = self.ingested.as_ref().and_then(|known| known.get(source)) {
            return Ok(known.clone());
        }
        let stage = Stage::begin("ingest", &self.context);
        let spec = self
            .spec
            .sources
            .get(source)
            .filter(|_| source == self.ids.len())
            .cloned()
            .ok_or_else(|| Error::internal(format!("source {source} was handed over out of turn")))?;
        if self.store.sources.len() > source {
            return Err(Error::new(
                ErrorKind::Run,
                format!("source `{}` was read in part before, and its rows would count twice", spec.name),
            )
            .hint("begin a new run")
            .detail("source", &spec.name));
        }
        self.context.progress.begin("ingest", "records", self.rows.get(source).copied().flatten());
        let run = self.run.as_ref().filter(|_| self.spec.allows_records());
        let directory = run.map(|run| run.state().unwrap_or_else(|| run.path().to_owned()));
        let mut ids = match &spec.id {
            Some(_) => Some(Ids::begin(&spec.name, source, directory.as_deref(), &self.context)?),
            None => None,
        };
        let mut ingest = Ingest::begin(&mut self.store, &spec)?;
        let is_last = source + 1 == self.spec.sources.len();
        if let Some(rows) = self.rows.get(source).copied().flatten() {
            let records = f64::from(self.store.len()) + rows as f64;
            let counting = if is_last { frequency::work(&self.store, records) } else { 0.0 };
            let checking = ids.as_ref().map_or(0.0, |_| Ids::work(rows));
            self.context.progress.expect(ingest.work(rows) + checking + counting);
        }
        for batch in batches {
            // What a reader says of a broken stream may quote a value of it.
            let batch = batch.map_err(|_| {
                let rows = ingest.rows();
                Error::new(ErrorKind::Data, format!("source `{}` broke off after row {rows}", spec.name))
                    .detail("source", &spec.name)
                    .detail("row", rows)
            })?;
            let column = match &ids {
                Some(_) => Some(batch.column_by_name(ID_COLUMN).ok_or_else(|| {
                    Error::new(
                        ErrorKind::MissingAttribute,
                        format!("source `{}` came without its ids", spec.name),
                    )
                })?),
                None => None,
            };
            let context = &self.context;
            let (kept, packed) = context.pool.join(
                || ids.as_mut().zip(column).map_or(Ok(()), |(ids, column)| ids.add(column)),
                || ingest.add(&mut self.store, &batch, context),
            );
            kept.and(packed)?;
        }
        let records = ingest.finish(&mut self.store)?;
        if is_last {
            self.tables = None;
        }
        let mut kept = match ids {
            Some(ids) => ids.finish()?,
            None => None,
        };
        // Before the ids are kept: where this fails they go with it.
        if is_last {
            let all: u64 = self.drawn.iter().map(|drawn| drawn.records).sum();
            let each = all as f64 / f64::from(self.store.len()).max(1.0);
            frequency::complete(&mut self.store, each.max(1.0), &self.context)?;
            self.store.check_texts(&self.context)?;
            self.keep("store", |writer| self.store.save(writer))?;
        }
        if let (Some(kept), Some(true)) = (&mut kept, self.run.as_ref().map(RunDir::is_resumable)) {
            kept.stay();
        }
        self.ids.push(kept);
        let summary = IngestSummary { source: spec.name, records };
        self.finish_stage(&stage, records, &summary, Vec::new())?;
        Ok(summary)
    }

    /// Resolves rules and comparisons, and counts the pairs to come.
    ///
    /// # Errors
    /// As [`Candidates::plan`] and [`default::choose`].
    pub fn plan(&mut self) -> Result<Plan> {
        if let Some(finished) = &self.finished {
            return Ok(finished.plan.clone());
        }
        if let Some(planned) = &self.planned {
            return Ok(planned.plan.clone());
        }
        let stage = Stage::begin("plan", &self.context);
        if self.ids.len() < self.spec.sources.len() {
            return Err(Error::internal("a source was not handed over"));
        }
        let context = &self.context;
        context.progress.begin("plan", "records", None);
        let linkage = &self.spec.linkage;
        let rules = if linkage.blocking.is_empty() {
            default::choose(&self.store, linkage.max_block_pairs, context)?
        } else {
            Rules::from_spec(&self.store, &linkage.blocking)?
        };
        let candidates = Candidates::plan(&self.store, rules, linkage, context)?;
        let Resolved { comparisons, left_out } = self.comparisons(&candidates)?;
        let rules = candidates.rules.rules.len() + comparisons.len() - templates::base(&comparisons).len();
        if rules > MAX_RULES {
            let message =
                format!("{rules} blocking rules and comparisons of templates; {MAX_RULES} is the limit");
            return Err(Error::new(ErrorKind::Spec, message)
                .hint("set `compare = false` for some under `linkage.templates`, or leave out rules")
                .detail("path", "linkage.templates"));
        }
        let plan = Plan {
            records: u64::from(self.store.len()),
            rules: candidates.lines(),
            pairs: candidates.pairs(),
            not_compared: left_out,
        };
        self.store.check_texts(context)?;
        self.keep("plan", |writer| writer.json(&candidates))?;
        let not_compared =
            (!plan.not_compared.is_empty()).then(|| ("not_compared", json!(plan.not_compared)));
        self.finish_stage(&stage, plan.records, &plan, not_compared.into_iter().collect())?;
        self.planned = Some(Planned { candidates, comparisons, plan: plan.clone() });
        Ok(plan)
    }

    /// Trains the model, or reads the one the spec names.
    ///
    /// # Errors
    /// As [`score::train`], [`Model::from_json`] and [`Model::fits`].
    pub fn train(&mut self) -> Result<Model> {
        if let Some(finished) = &self.finished {
            return Ok(finished.model.clone());
        }
        self.plan()?;
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        let stage = Stage::begin("train", &self.context);
        let planned = self.planned.as_ref().ok_or_else(not_planned)?;
        let model = match &self.spec.linkage.model {
            Some(path) => saved(Path::new(path))?.fits(planned.base())?,
            None => self.learn(&planned.candidates, planned.base())?,
        };
        self.store.check_texts(&self.context)?;
        if let Some(run) = &self.run {
            let text = serde_json::to_vec_pretty(&model).map_err(|e| Error::internal(e.to_string()))?;
            run.write("model.json", &text)?;
        }
        self.finish_stage(&stage, model.trained_on, &Value::Null, Vec::new())?;
        self.model = Some(model.clone());
        Ok(model)
    }

    fn learn(&self, candidates: &Candidates, comparisons: &[Comparison]) -> Result<Model> {
        let context = &self.context;
        if candidates.rules.rules.is_empty() {
            return Ok(Model::of_nobody(all_pairs(&self.store)));
        }
        let comparer = Comparer::new(&self.store, comparisons);
        let mut share = (TRAINING_PAIRS / candidates.pairs().max(1) as f64).min(1.0);
        let expected = (candidates.pairs() as f64 * share) as u64;
        context.progress.begin("train", "pairs", Some(expected + RANDOM_PAIRS));
        let rules = candidates.rules.rules.len() as f64;
        let work = Work {
            gathering: cost::gathering(f64::from(self.store.len()), 0.0, 1.0),
            comparing: expected as f64 * cost::PAIR / rules,
        };
        context.progress.expect(rules * (work.gathering + work.comparing));
        let random = count::random(&comparer, &self.store, RANDOM_PAIRS, context)?;
        context.progress.add(RANDOM_PAIRS);
        let mut counts = PatternCounts::default();
        loop {
            candidates.scan(&self.store, share, work, context, &count::Counter(&comparer), |more| {
                count::add(&mut counts, more);
                Ok(())
            })?;
            // Of few large blocks a small share may be none.
            if !counts.is_empty() || share >= 1.0 {
                break;
            }
            share = (share * 8.0).min(1.0);
        }
        let evidence = Evidence {
            comparisons,
            rules: &candidates.rules,
            candidates: &counts,
            share,
            random: &random,
            pairs: all_pairs(&self.store),
            records: self.store.persons(),
        };
        score::train(&evidence, context)
    }

    /// Compares every candidate pair and keeps the links.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] where the links do not fit, and as [`Pipeline::train`].
    pub fn link(&mut self) -> Result<LinkSummary> {
        if let Some(finished) = &self.finished {
            return Ok(finished.link.clone());
        }
        self.nearest()?;
        if let Some(linked) = &self.linked {
            return Ok(linked.summary.clone());
        }
        let stage = Stage::begin("link", &self.context);
        let planned = self.planned.as_ref().ok_or_else(not_planned)?;
        let model = self.model.as_ref().ok_or_else(not_planned)?;
        let threshold = self.spec.linkage.threshold;
        let run = self.run.as_ref();
        let nearest = self.nearest.as_ref().ok_or_else(not_planned)?;
        let parts = (&planned.candidates, planned.comparisons.as_slice());
        let found = link::find(&self.store, parts, (model, nearest), threshold, run, &self.context)?;
        self.store.check_texts(&self.context)?;
        let scorer = Scorer::new(model, &planned.comparisons);
        let mut summary =
            LinkSummary { candidate_pairs: 0, links: 0, related_pairs: 0, pairs_per_second: 0.0 };
        for (&pattern, &n) in &found.counts {
            let score = scorer.score(pattern);
            summary.candidate_pairs += n;
            summary.links += if score.is_link(threshold) { n } else { 0 };
            summary.related_pairs += if score.related >= 0.5 { n } else { 0 };
        }
        summary.pairs_per_second =
            summary.candidate_pairs as f64 / stage.started.elapsed().as_secs_f64().max(1e-9);
        if let Some(run) = self.run.as_ref().filter(|_| self.spec.allows_records()) {
            output::links(
                run.path(),
                &self.store,
                &planned.rule_names(),
                &found.pairs,
                &scorer,
                threshold,
                &self.context,
            )?;
            if planned.comparisons.len() > planned.base().len() + 1 {
                output::contradicting_templates(
                    run.path(),
                    &self.store,
                    &planned.comparisons,
                    &found.pairs,
                    &scorer,
                    &self.context,
                )?;
            }
        }
        self.finish_stage(&stage, summary.candidate_pairs, &summary, Vec::new())?;
        self.linked = Some(Linked { found, summary: summary.clone() });
        // Clustering has the room: up to 32 MiB a rule and 100 million records, and 12 bytes a pair that templates found.
        if let Some(planned) = &mut self.planned {
            planned.candidates.release();
        }
        if let Some(nearest) = &mut self.nearest {
            nearest.pairs = None;
        }
        Ok(summary)
    }

    /// Groups linked records into persons, and plates into vehicles.
    ///
    /// # Errors
    /// As [`cluster::cluster`] and [`Pipeline::link`].
    pub fn cluster(&mut self) -> Result<ClusterSummary> {
        if let Some(finished) = &self.finished {
            return Ok(finished.cluster.clone());
        }
        self.link()?;
        if let Some(clustered) = &self.clustered {
            return Ok(clustered.summary.clone());
        }
        let stage = Stage::begin("cluster", &self.context);
        let planned = self.planned.as_ref().ok_or_else(not_planned)?;
        let model = self.model.as_ref().ok_or_else(not_planned)?;
        let linked = self.linked.as_ref().ok_or_else(not_planned)?;
        let context = &self.context;
        let parts = (&planned.candidates, planned.comparisons.as_slice());
        let nearest = self.nearest.as_ref().ok_or_else(not_planned)?;
        let similarities = link::similarities(&self.store, parts, nearest);
        let compared = (planned.comparisons.as_slice(), &similarities);
        let linkage = &self.spec.linkage;
        let clusters = settle(&self.store, compared, model, &linked.found.pairs, linkage, context)?;
        self.store.check_texts(context)?;
        let vehicles = Vehicles::find(&self.store, &clusters.alike, context)?;
        let persons = output::persons(&self.store, &clusters.forest, context)?;
        // Last of what may be refused or cancelled but for writing itself.
        if let Some(run) = self.run.as_ref().filter(|_| self.spec.allows_records()) {
            output::entities(run.path(), &self.store, &clusters.forest, &vehicles, &self.ids, context)?;
        }
        let summary = ClusterSummary { persons, vehicles: vehicles.count(), counts: clusters.counts };
        self.keep("clusters", |writer| {
            clusters.save(writer)?;
            vehicles.save(writer)
        })?;
        self.ids.clear();
        let linked = vec![("state", json!("linked"))];
        self.finish_stage(&stage, u64::from(self.store.len()), &summary, linked)?;
        self.clustered = Some(Clustered { clusters, vehicles, summary: summary.clone() });
        Ok(summary)
    }

    /// Computes the risk figures and writes their tables.
    ///
    /// # Errors
    /// As [`assess::assess`] and [`Pipeline::cluster`].
    pub fn assess(&mut self) -> Result<RiskSummary> {
        if let Some(finished) = &self.finished {
            return finished.risk();
        }
        self.cluster()?;
        if let Some(summary) = &self.assessed {
            return Ok(summary.clone());
        }
        let stage = Stage::begin("assess", &self.context);
        let planned = self.planned.as_ref().ok_or_else(not_planned)?;
        let linked = self.linked.as_ref().ok_or_else(not_planned)?;
        let clustered = self.clustered.as_ref().ok_or_else(not_planned)?;
        let joined = self.nearest.iter().flat_map(|nearest| &nearest.joined);
        let plan: Vec<RulePlan> =
            planned.plan.rules.iter().cloned().chain(joined.map(templates::line)).collect();
        let results = Results {
            store: &self.store,
            comparisons: &planned.comparisons,
            candidates: &planned.candidates,
            plan: &plan,
            model: self.model.as_ref().ok_or_else(not_planned)?,
            counts: &linked.found.counts,
            cuts: &linked.found.cuts,
            pairs: &linked.found.pairs,
            clusters: &clustered.clusters,
            vehicles: &clustered.vehicles,
        };
        let out = self.run.as_ref().map(RunDir::path);
        let summary = assess::assess(&results, &self.spec, out, &self.context)?;
        let changes = vec![("state", json!("assessed")), ("summary", to_json(&summary)?)];
        self.finish_stage(&stage, summary.records, &Value::Null, changes)?;
        self.assessed = Some(summary.clone());
        self.finish()?;
        Ok(summary)
    }

    /// Notes a finished stage in the manifest, with what it found and what else changes by it.
    fn finish_stage(
        &mut self,
        stage: &Stage,
        rows: u64,
        summary: &impl Serialize,
        changes: Vec<(&'static str, Value)>,
    ) -> Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let figures = stage.end(rows, to_json(summary)?, &self.context);
        run.finish_stage(figures, self.context.memory.limit(), changes)
    }
}

fn to_json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal(e.to_string()))
}

/// Refuses attributes whose options cannot be understood, and a spec without anybody in it.
fn check_attributes(spec: &Spec) -> Result<()> {
    for (i, source) in spec.sources.iter().enumerate() {
        for (name, attribute) in &source.attributes {
            Normaliser::new(attribute).map_err(|error| {
                Error::new(error.kind(), format!("attribute `{name}` of source `{}`: {error}", source.name))
                    .hint(error.hint_text().unwrap_or("see the options of its kind"))
                    .detail("source", &source.name)
                    .detail("attribute", name)
                    .detail("path", format!("sources[{i}].attributes.{name}"))
            })?;
        }
    }
    let mut kinds = spec.sources.iter().flat_map(|source| source.attributes.values().map(|a| a.kind));
    if kinds.any(|kind| kind.subject().is_some()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Spec,
        "no attribute identifies a person or a vehicle, so nothing can be linked",
    )
    .hint(
        "map a name, a number, a contact, an account, a document or a plate; `linkrisk init` proposes kinds",
    )
    .detail("path", "sources"))
}

/// The model of an earlier run.
fn saved(path: &Path) -> Result<Model> {
    Model::from_json(&std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?)
}

fn not_planned() -> Error {
    Error::internal("a stage ran before the one it needs")
}

/// log2 of the odds of a probability; finite at both ends, so that 0 links everything and 1 only
/// what is beyond doubt.
fn bits(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2().clamp(-50.0, 50.0)
}

/// Pairs of records that could be of one person: both stand for one, and they are not both of a source
/// that has nobody twice.
fn all_pairs(store: &Store) -> f64 {
    let pairs = |n: u64| n as f64 * (n as f64 - 1.0) / 2.0;
    let mut within = 0.0;
    for source in store.sources.iter().filter(|s| s.duplicate_free) {
        within += pairs(u64::from(source.persons));
    }
    (pairs(u64::from(store.persons())) - within).max(1.0)
}

/// The least memory in which `records` records can be clustered: the forest, the sizes of components, a bit
/// for who is linked, and room for what is looked at in passes.
fn least_memory(records: u64) -> u64 {
    const ROOM: u64 = 16 << 20;
    ROOM + records * 9
}

/// The hash of what decides a result: the spec without what a run may use.
fn spec_hash(spec: &Value) -> u64 {
    let mut spec = spec.clone();
    if let Some(run) = spec.get_mut("run").and_then(Value::as_object_mut) {
        run.retain(|key, _| key == "seed");
    }
    xxh3_64(spec.to_string().as_bytes())
}
