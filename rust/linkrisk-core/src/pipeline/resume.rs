//! Going on with a run that was killed: what each stage leaves for it, and how it is taken up.
//!
//! ```text
//! ingest    state/store               the complete store; the ids of each source beside it
//! plan      state/plan                rules, their pairs and how large blocks are split
//! train     model.json
//! nearest   state/nearest             pairs found by templates; the model with what these mean
//! link      state/pairs-*             a journal of passes
//! cluster   state/clusters            persons and vehicles
//! ```
//!
//! A stage is finished once the manifest says so, which is after its files are whole. A stage that the
//! manifest does not tell of is run again and replaces what it left.

use std::path::Path;

use super::{
    ClusterSummary, Clustered, IngestSummary, LinkSummary, Linked, Pipeline, Plan, Planned, TemplateSummary,
    templates::{self, Nearest},
};
use super::{link, saved};
use crate::assess::RiskSummary;
use crate::block::Candidates;
use crate::cluster::Clusters;
use crate::cluster::vehicles::Vehicles;
use crate::compare;
use crate::compare::comparison::Resolved;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::score::Model;
use crate::store::Store;
use crate::store::ids::IdFile;
use crate::store::run_dir::{Pending, RunDir};

/// The summaries of a run of which nothing is left to do.
#[derive(Debug)]
pub struct Finished {
    /// What linking took.
    pub plan: Plan,
    /// The model.
    pub model: Model,
    /// What templates found.
    pub nearest: Vec<TemplateSummary>,
    /// What linking found.
    pub link: LinkSummary,
    /// What clustering found.
    pub cluster: ClusterSummary,
    /// The risk figures, where the run came so far.
    pub assess: Option<RiskSummary>,
}

impl Pipeline {
    /// Takes up what the finished stages of the run left.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where it is corrupt, and where it does not fit as the stages themselves.
    pub(super) fn restore(&mut self) -> Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let done = |run: &RunDir, stage: &str| !run.finished(stage).is_empty();
        if done(run, "assess") || done(run, "cluster") && !run.is_resumable() {
            self.finished = Some(Finished::read(run)?);
            self.ingested = Some(summaries(run, "ingest")?);
            return if done(run, "assess") { run.finish() } else { Ok(()) };
        }
        let ingested: Vec<IngestSummary> = summaries(run, "ingest")?;
        let Some(state) = run.state().filter(|_| ingested.len() == self.spec.sources.len()) else {
            // Sources that were read and are not in a snapshot are read again.
            return run.begin_again();
        };
        let records = ingested.iter().map(|summary| summary.records).sum();
        self.context.progress.begin("resume", "records", Some(records));
        self.store = self.read(&state, "store", |reader| Store::load(&self.spec, reader, &self.context))?;
        self.ingested = Some(ingested);
        let keeps = |source: &crate::spec::SourceSpec| source.id.is_some() && self.spec.allows_records();
        let sources = self.spec.sources.iter().enumerate();
        self.ids = sources.map(|(at, source)| keeps(source).then(|| IdFile::kept(&state, at))).collect();
        let run = self.run.as_ref().ok_or_else(super::not_planned)?;
        let [planned, trained, linked, clustered] =
            ["plan", "train", "link", "cluster"].map(|stage| done(run, stage));
        if planned {
            let plan: Plan = summary(run, "plan")?;
            let candidates: Candidates = self.read(&state, "plan", FrameReader::json)?;
            let comparisons = self.comparisons(&candidates)?.comparisons;
            self.planned = Some(Planned { candidates, comparisons, plan });
        }
        if trained {
            self.model = Some(saved(&run.path().join("model.json"))?);
        }
        self.restore_templates()?;
        let run = self.run.as_ref().ok_or_else(super::not_planned)?;
        if let (true, Some(planned), Some(model)) = (linked, &self.planned, &self.model) {
            let threshold = self.spec.linkage.threshold;
            let found = {
                let none = Nearest::default();
                let nearest = self.nearest.as_ref().unwrap_or(&none);
                link::find(
                    &self.store,
                    (&planned.candidates, &planned.comparisons),
                    (model, nearest),
                    threshold,
                    Some(run),
                    &self.context,
                )?
            };
            self.linked = Some(Linked { found, summary: summary(run, "link")? });
        }
        if clustered {
            let records = self.store.len();
            let (clusters, vehicles) = self.read(&state, "clusters", |reader| {
                let clusters = Clusters::load(reader, records, &self.context)?;
                Ok((clusters, Vehicles::load(reader, records, &self.context)?))
            })?;
            self.clustered = Some(Clustered { clusters, vehicles, summary: summary(run, "cluster")? });
        }
        Ok(())
    }

    /// The comparisons of the run; where no rule makes a pair, those of templates alone.
    pub(super) fn comparisons(&self, candidates: &Candidates) -> Result<Resolved> {
        if candidates.rules.rules.is_empty() && self.store.templates.iter().all(Option::is_none) {
            return Ok(Resolved::default());
        }
        let mut resolved = compare::comparisons(&self.store, &self.spec.linkage)?;
        if candidates.rules.rules.is_empty() {
            // Nothing can be learned of the others.
            let count = templates::base(&resolved.comparisons).len();
            resolved.left_out.extend(resolved.comparisons.drain(..count).map(|c| c.name));
        }
        Ok(resolved)
    }

    /// Takes up what the templates found; where that is not finished, the model is what it was before.
    fn restore_templates(&mut self) -> Result<()> {
        let (Some(run), Some(planned), Some(model)) = (&self.run, &self.planned, &mut self.model) else {
            return Ok(());
        };
        let (true, Some(state)) = (!run.finished("nearest").is_empty(), run.state()) else {
            let known = std::mem::take(&mut model.templates);
            let base = planned.base().len();
            model.comparisons.truncate(base);
            if let Some(prior) = known.first().and_then(|told| told.matches_before) {
                model.matches = prior;
                model.prior = prior / model.pairs.max(1.0);
            }
            return Ok(());
        };
        let found: Vec<TemplateSummary> = summary(run, "nearest")?;
        let mut reader = FrameReader::open(&state.join("nearest"), &self.context.cancel)?;
        let known = (&*model, &self.spec.linkage);
        let nearest = templates::restore(found, planned, known, &mut self.store, &mut reader, &self.context)?;
        self.nearest = Some(nearest);
        Ok(())
    }

    /// Writes what a stage leaves for a run that goes on; nothing where the run keeps nothing.
    pub(super) fn keep(&self, name: &str, write: impl FnOnce(&mut FrameWriter) -> Result<()>) -> Result<()> {
        let Some(state) = self.run.as_ref().and_then(RunDir::state) else { return Ok(()) };
        let pending = Pending::create(&state, name)?;
        let path = state.join(name);
        let file = pending.file.try_clone().map_err(|e| Error::io(&path, e))?;
        let mut writer = FrameWriter::new(file, &path, &self.context.cancel);
        write(&mut writer)?;
        writer.sync()?;
        pending.commit()
    }

    fn read<T>(
        &self,
        state: &Path,
        name: &str,
        read: impl FnOnce(&mut FrameReader) -> Result<T>,
    ) -> Result<T> {
        read(&mut FrameReader::open(&state.join(name), &self.context.cancel)?)
    }
}

impl Finished {
    fn read(run: &RunDir) -> Result<Self> {
        Ok(Self {
            plan: summary(run, "plan")?,
            model: saved(&run.path().join("model.json"))?,
            nearest: summaries(run, "nearest")?.pop().unwrap_or_default(),
            link: summary(run, "link")?,
            cluster: summary(run, "cluster")?,
            assess: serde_json::from_value(run.summary().clone()).ok(),
        })
    }

    /// The risk figures.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the run ended before and keeps nothing to go on.
    pub fn risk(&self) -> Result<RiskSummary> {
        self.assess.clone().ok_or_else(|| {
            Error::new(ErrorKind::Run, "the run was linked and finished, and its records are not kept")
                .hint("name a new directory to assess it")
        })
    }
}

/// What the finished stages called `stage` found.
fn summaries<T: serde::de::DeserializeOwned>(run: &RunDir, stage: &str) -> Result<Vec<T>> {
    let read = |value: &serde_json::Value| {
        serde_json::from_value(value.clone()).map_err(|_| {
            let manifest = run.path().join("manifest.json");
            Error::new(ErrorKind::Run, format!("`{}` is damaged", manifest.display()))
                .hint("name a new directory, or remove this one to begin anew")
                .detail("path", manifest.display())
        })
    };
    run.finished(stage).into_iter().map(read).collect()
}

fn summary<T: serde::de::DeserializeOwned>(run: &RunDir, stage: &str) -> Result<T> {
    summaries(run, stage)?.pop().ok_or_else(super::not_planned)
}
