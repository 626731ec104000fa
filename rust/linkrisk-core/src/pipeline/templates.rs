//! What the similarities of templates mean in this run, and the pairs that they find.
//!
//! ```text
//! random pairs ───────────────────────► false match rates ─► ladder of levels ─┐
//! pairs that other attributes link ───► similarities of one person ────────────┴─► m, u of each level
//! all templates, joined ──────────────► pairs as candidates, and how many matches there are
//! ```
//!
//! The false match rate is known down to one pair among those that were compared. So that a gallery of N may
//! merge people on a template alone, some hundred pairs are compared for each of its templates.

mod known;
mod levels;
mod purity;
mod rates;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::known::{Known, Linkage};
use self::levels::{Found, Genuine, Learned};
use self::purity::Impure;
use self::rates::Rates;
use super::{Pipeline, Planned, stage::Stage};
use crate::block::RulePlan;
use crate::block::nearest::{self, Options, Scored};
use crate::block::rule::MAX_RULES;
use crate::compare::Comparison;
use crate::compare::similarity::{Ladder, RATES};
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::{self, Calibration, Persons, Question, Thresholds};
use crate::external::{ExternalSorter, Kept};
use crate::runtime::Context;
use crate::runtime::frames::FrameReader;
use crate::score::model::{ComparisonModel, GenuineSource, Model, SourcePairLevels, TemplateModel};
use crate::spec::{Method, Threshold};
use crate::store::Store;
use crate::store::run_dir::RunDir;
use crate::store::templates::Templates;

/// Pairs of strangers that are compared for each template: with none seen above a similarity its rate is
/// below 3 / pairs, and then c = (N − 1) · rate is 0.001, a tenth of what may merge people.
const PAIRS_PER_TEMPLATE: f64 = 3_000.0;

/// How many times as many templates are drawn as are compared, to have enough whose people are known, and
/// how many of those are enough: half a million pairs.
const OVERDRAWN: usize = 4;
const CERTAIN: usize = 1_000;

/// Templates of a source that are compared at the least, as far as there are so many.
const LEAST_SIDE: usize = 200;

/// Templates of a source that are compared at the most: 800 million pairs, some six seconds of two cores.
const SIDE: usize = 40_000;

/// Pairs of strangers that the join may find for each template, and such as cost nothing.
const STRANGERS_PER_TEMPLATE: f64 = 1.0;
const STRANGERS_FREE: f64 = 500_000.0;

/// Templates of a person from which a bound on the strangers of one is not enough. A person is tied to a stranger
/// where any of their templates is, and one in ten so tied is as many as settling takes apart again: 0.01 for one
/// template is 0.1 for ten. At 0.01 for each of 27, one person in 22 of a million gate records was merged
/// wrongly.
const FEW: f64 = 10.0;

/// The least similarity that is looked for, whatever the strangers.
const LEAST: f64 = 0.05;

/// What became of the templates of an attribute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TemplateSummary {
    /// The attribute.
    pub attribute: String,
    /// Templates that are compared.
    pub templates: u64,
    /// The least similarity of a pair that was looked for.
    pub from: f64,
    /// Pairs that were found.
    pub pairs: u64,
    /// Pairs of strangers expected among them.
    pub strangers: f64,
    /// Share of the pairs at or above the least similarity that the join finds, with its interval.
    pub recall: [f64; 3],
    /// Templates of a person, as the mean over templates tells.
    pub templates_of_person: f64,
    /// The least similarity at which people are merged on the template alone, and the strangers as alike that
    /// one template, or ten of one person, has among all there, at the most; none where there is none.
    pub merges_from: Option<[f64; 2]>,
    /// Where the similarities of one person come from.
    pub genuine: GenuineSource,
    /// Pairs of one person by which it is known how alike they are.
    pub genuine_pairs: f64,
}

/// The pairs that the templates of an attribute found.
#[derive(Debug)]
pub struct Joined {
    /// The place of the comparison.
    pub comparison: usize,
    /// The pairs by rows, in order.
    pub pairs: Kept<Scored>,
    /// What levels begin where.
    pub ladder: Ladder,
    /// The least product of a pair.
    pub least: i32,
    /// What became of it.
    pub summary: TemplateSummary,
}

impl Pipeline {
    /// Learns what similarities of templates mean, and finds the pairs of similar ones.
    ///
    /// # Errors
    /// As [`evidence::thresholds`] and [`nearest::nearest`], and
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) where a calibration cannot be read.
    pub fn nearest(&mut self) -> Result<Vec<TemplateSummary>> {
        if let Some(finished) = &self.finished {
            return Ok(finished.nearest.clone());
        }
        self.train()?;
        if let Some(joined) = &self.joined {
            return Ok(joined.iter().map(|joined| joined.summary.clone()).collect());
        }
        let planned = self.planned.as_ref().ok_or_else(super::not_planned)?;
        let compared: Vec<usize> = (planned.base().len()..planned.comparisons.len()).collect();
        if compared.is_empty() {
            self.joined = Some(Vec::new());
            return Ok(Vec::new());
        }
        let rules = planned.candidates.rules.rules.len() + compared.len();
        if rules > MAX_RULES {
            let message =
                format!("{rules} blocking rules and attributes of templates; {MAX_RULES} is the limit");
            return Err(Error::new(ErrorKind::Spec, message)
                .hint("set `compare = false` for some under `linkage.templates`, or leave out rules")
                .detail("path", "linkage.templates"));
        }
        let stage = Stage::begin("nearest", &self.context);
        let model = self.model.as_ref().ok_or_else(super::not_planned)?;
        let linkage = Linkage::new(planned, &self.store, model, &self.spec.linkage, &self.context)?;
        // What is told comes first for all, so that the linkage is let go before anything is joined.
        let told: Vec<Option<Told>> =
            compared.iter().map(|&at| self.tell(planned, at, &linkage)).collect::<Result<_>>()?;
        drop(linkage);
        // What a model that was given says of numbers is not changed.
        if let Some(model) = self.model.as_mut().filter(|_| self.spec.linkage.model.is_none()) {
            let impure = told.iter().flatten().flat_map(|told| &told.impure).copied().collect();
            purity::correct(&mut model.comparisons, planned.base(), impure);
        }
        let mut made = Vec::with_capacity(compared.len());
        for (comparison, told) in compared.into_iter().zip(told) {
            let attribute =
                self.planned.as_ref().ok_or_else(super::not_planned)?.comparisons[comparison].attribute;
            // Out of the store for a while, since the join turns them.
            let Some(mut templates) = self.store.templates[attribute].take() else { continue };
            let joined = self.join(comparison, &mut templates, told);
            self.store.templates[attribute] = Some(templates);
            made.push(joined?);
        }
        if let Some(run) = &self.run {
            let model = self.model.as_ref().ok_or_else(super::not_planned)?;
            let text = serde_json::to_vec_pretty(model).map_err(|e| Error::internal(e.to_string()))?;
            run.write("model.json", &text)?;
        }
        self.keep("nearest", |writer| {
            made.iter().try_for_each(|joined: &Joined| {
                writer.begin_array(joined.pairs.len())?;
                joined.pairs.each(|pairs| writer.rows(pairs))
            })
        })?;
        for state in made.iter().filter_map(|joined| self.state_of(joined.comparison)) {
            // The pairs are kept whole by now; what cannot be removed goes with the run's state.
            let _ = std::fs::remove_dir_all(state);
        }
        let summaries: Vec<TemplateSummary> = made.iter().map(|joined| joined.summary.clone()).collect();
        let templates = summaries.iter().map(|summary| summary.templates).sum();
        self.finish_stage(&stage, templates, &summaries, Vec::new())?;
        self.joined = Some(made);
        Ok(summaries)
    }

    fn join(&mut self, comparison: usize, templates: &mut Templates, told: Option<Told>) -> Result<Joined> {
        let planned = self.planned.as_ref().ok_or_else(super::not_planned)?;
        let name = &planned.comparisons[comparison].name;
        let usable = usable(templates);
        let context = &self.context;
        let Some(Told { answer, genuine, threshold, .. }) = told else {
            let joined = nothing(comparison, name, usable, context)?;
            if let Some(model) = &mut self.model {
                model.comparisons.push(levels::neutral(name));
            }
            return Ok(joined);
        };
        let rates = Rates::new(&answer.rates, templates.sources().len());
        let steps = rates.steps();
        let ladder = rates.ladder(&steps);
        let wanted = STRANGERS_PER_TEMPLATE * usable as f64 + STRANGERS_FREE;
        let from = threshold.unwrap_or_else(|| rates.similarity_of(wanted)).clamp(LEAST, 1.0);
        let options = Options::new(from);
        let state = self.state_of(comparison);
        if let Some(state) = &state {
            std::fs::create_dir_all(state).map_err(|e| Error::io(state, e))?;
        }
        let (pairs, filter, summary) =
            nearest::nearest_resumable(templates, &options, state.as_deref(), context)?;
        let recall = nearest::recall::recall(templates, &pairs, &filter, &summary, &options, context)?.all;
        let found = Found::of(templates, &pairs, &ladder, (&rates, &steps), from, context)?;
        let learned = Learned::of(&steps, &rates, &found, genuine);
        let strangers: f64 = found.strangers.iter().sum();
        let sizes: Vec<f64> = templates.sources().iter().map(|s| s.tally.usable as f64).collect();
        let matches = learned.matches(pairs.len() as f64 - strangers, &found);
        // The mean over templates, in which people with many count for as many.
        let of_person = 1.0 + 2.0 * matches.unwrap_or(0.0) / usable as f64;
        let crowd = |level: usize| (of_person / FEW).max(1.0) * rates.crowd(&sizes, &steps, level);
        let crowd: Vec<f64> = (0..RATES.len()).map(crowd).collect();
        let borne = |&level: &usize| crowd[level] <= evidence::ALONE;
        let highest = |level: usize| steps.iter().filter_map(|s| s[level]).reduce(f64::max);
        let merges = (0..RATES.len()).rev().filter(borne).find_map(|k| Some([highest(k)?, crowd[k]]));
        let summary = TemplateSummary {
            attribute: name.clone(),
            templates: usable,
            from,
            pairs: pairs.len(),
            strangers,
            recall: [recall.recall, recall.low, recall.high],
            templates_of_person: of_person,
            merges_from: merges,
            genuine: learned.source,
            genuine_pairs: learned.pairs,
        };
        let Some(model) = &mut self.model else { return Err(super::not_planned()) };
        let of_sources = answer.rates.iter().zip(&steps);
        model.templates.push(TemplateModel {
            attribute: name.clone(),
            templates: usable,
            pairs: of_sources
                .map(|(part, steps)| SourcePairLevels { sources: part.sources, similarity: steps.to_vec() })
                .collect(),
            strangers: crowd,
            found_from: from,
            found: [pairs.len() as f64, strangers],
            genuine: learned.source,
            genuine_pairs: learned.pairs,
            matches_before: Some(model.matches),
        });
        model.comparisons.push(ComparisonModel { attribute: name.clone(), levels: learned.levels() });
        // Matches that no other attribute tells of.
        if let Some(matches) = matches {
            model.matches = model.matches.max(matches).min(model.pairs);
            model.prior = model.matches / model.pairs.max(1.0);
        }
        Ok(Joined { comparison, pairs, ladder, least: nearest::least_product(from), summary })
    }

    /// What random pairs and linked ones tell of the similarities of templates; none where there are not two.
    fn tell(&self, planned: &Planned, comparison: usize, linkage: &Linkage) -> Result<Option<Told>> {
        let (context, compared) = (&self.context, &planned.comparisons[comparison]);
        let templates = self.store.templates[compared.attribute].as_ref();
        let Some(templates) = templates.filter(|templates| usable(templates) > 1) else { return Ok(None) };
        let usable = usable(templates);
        let filled =
            templates.sources().iter().filter(|source| source.tally.usable > 0).count().max(1) as f64;
        let side = (2.0 * PAIRS_PER_TEMPLATE * usable as f64 / filled).sqrt() as usize;
        let side = side.clamp(LEAST_SIDE, SIDE);
        let drawn = evidence::draw(templates, side * OVERDRAWN, context)?;
        let known = linkage.known(planned, &self.store, (compared, templates), &drawn, context)?;
        let (rows, official) = choose(drawn, &known, side);
        let number = rows.iter().map(Vec::len).sum::<usize>() + 2 * known.pairs.len();
        let _held = context.memory.reserve("sampled templates", (number * templates.stride() * 2) as u64)?;
        let sample = evidence::sample(templates, &rows, &known.persons, &known.pairs, context)?;
        let asked = self.spec.linkage.templates_of(&compared.name);
        let calibration = asked.and_then(|asked| asked.calibration.as_deref());
        let threshold = match asked.map(|asked| asked.threshold) {
            Some(Threshold::At(similarity)) => Some(similarity),
            _ => None,
        };
        let question = Question {
            attribute: compared.name.clone(),
            sources: self.spec.sources.iter().map(|s| (s.name.clone(), s.duplicate_free)).collect(),
            groups: Vec::new(),
            left_out: 0,
            persons: match (official, known.pairs.is_empty()) {
                (true, _) => Persons::Official,
                (false, true) => Persons::Unknown,
                (false, false) => Persons::Agreeing,
            },
            threshold,
            wanted: asked.map_or(1.0, |asked| asked.expected_false_links),
            agreeing: Vec::new(),
            calibration: calibration.map(self::calibration).transpose()?,
            pairs: ((side * side) as f64 * filled * filled / 2.0) as u64,
            joined: Vec::new(),
        };
        let answer = evidence::thresholds(&question, &sample, context)?;
        let rates = Rates::new(&answer.rates, templates.sources().len());
        let genuine = match question.calibration {
            Some(_) => Genuine::calibrated(&answer.genuine_counts, &rates),
            None => Genuine::linked(&sample, &rates),
        };
        let models = self.model.as_ref().map_or(&[][..], |model| &model.comparisons);
        let impure = purity::of_numbers((planned.base(), models), &known, (&sample, &rates));
        Ok(Some(Told { answer, genuine, impure, threshold }))
    }

    /// Where a join keeps what it takes to go on, in a run that may go on.
    fn state_of(&self, comparison: usize) -> Option<PathBuf> {
        self.run.as_ref().and_then(RunDir::state).map(|state| state.join(format!("join-{comparison}")))
    }
}

/// What is known of similarities before the join.
struct Told {
    answer: Thresholds,
    genuine: Genuine,
    impure: Vec<Impure>,
    /// That of the spec.
    threshold: Option<f64>,
}

/// Templates that are compared.
fn usable(templates: &Templates) -> u64 {
    templates.sources().iter().map(|source| source.tally.usable).sum()
}

/// Reads a calibration.
pub fn calibration(path: &str) -> Result<Calibration> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(Path::new(path), e))?;
    Calibration::from_json(path, &text)
}

/// The rows that are compared, `side` of a source: where enough are known to be of people whom numbers tell
/// apart, those alone. Says whether that is so in any source.
fn choose(drawn: Vec<Vec<u32>>, known: &Known, side: usize) -> (Vec<Vec<u32>>, bool) {
    let mut official = false;
    let rows = drawn.into_iter().map(|mut rows| {
        let certain = rows.iter().filter(|row| known.persons.contains_key(row)).count();
        if certain >= CERTAIN.min(side) {
            rows.retain(|row| known.persons.contains_key(row));
            official = true;
        }
        rows.truncate(side);
        rows
    });
    (rows.collect(), official)
}

fn nothing(comparison: usize, name: &str, templates: u64, context: &Context) -> Result<Joined> {
    let summary = TemplateSummary {
        attribute: name.to_owned(),
        templates,
        from: 1.0,
        pairs: 0,
        strangers: 0.0,
        recall: [1.0; 3],
        templates_of_person: 1.0,
        merges_from: None,
        genuine: GenuineSource::Found,
        genuine_pairs: 0.0,
    };
    let none = ExternalSorter::new("similar pairs", 0, context)?.finish()?;
    let pairs = Kept::new(none, 0, "similar pairs", context)?;
    Ok(Joined {
        comparison,
        pairs,
        ladder: Ladder::new(0, |_, _| [None; RATES.len()]),
        least: i32::MAX,
        summary,
    })
}

/// Takes up what the templates of an attribute found in a run that was killed later.
pub fn restore(
    summary: TemplateSummary,
    planned: &Planned,
    model: &Model,
    store: &mut Store,
    reader: &mut FrameReader,
    context: &Context,
) -> Result<Joined> {
    let comparisons = &planned.comparisons;
    let comparison =
        comparisons.iter().position(|c| c.name == summary.attribute).ok_or_else(|| reader.wrong())?;
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let number = reader.each(|pairs: &[Scored]| sorter.push(pairs))?;
    if number != summary.pairs {
        return Err(reader.wrong());
    }
    let pairs = Kept::new(sorter.finish()?, number, "similar pairs", context)?;
    let Some(told) = model.templates.iter().find(|t| t.attribute == summary.attribute) else {
        return nothing(comparison, &summary.attribute, summary.templates, context);
    };
    let attribute = comparisons[comparison].attribute;
    let templates = store.templates[attribute].as_mut().ok_or_else(|| reader.wrong())?;
    // As they were when the levels were given: along their axes.
    nearest::turn(templates, &Options::new(summary.from), context)?;
    let steps = |a: usize, b: usize| {
        let found = told.pairs.iter().find(|part| part.sources.is_none_or(|s| s == [a, b]));
        std::array::from_fn(|k| found.and_then(|part| part.similarity.get(k).copied().flatten()))
    };
    let ladder = Ladder::new(templates.sources().len(), steps);
    Ok(Joined { comparison, pairs, ladder, least: nearest::least_product(summary.from), summary })
}

/// The pairs of templates as a line of the plan.
pub fn line(joined: &Joined) -> RulePlan {
    RulePlan {
        rule: rule_name(&joined.summary.attribute),
        records: joined.summary.templates,
        blocks: 0,
        pairs: joined.pairs.len(),
        largest_block: 0,
        split_blocks: 0,
        sampled_blocks: 0,
        uncompared_pairs: 0,
    }
}

/// What the rule is called that finds pairs by the templates of an attribute.
pub fn rule_name(attribute: &str) -> String {
    format!("{attribute} alike")
}

/// The comparisons that compare no templates.
pub fn base(comparisons: &[Comparison]) -> &[Comparison] {
    let count = comparisons.partition_point(|c| c.method != Method::Similarity);
    &comparisons[..count]
}
