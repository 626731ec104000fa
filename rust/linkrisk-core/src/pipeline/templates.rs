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

mod classes;
mod groups;
mod known;
mod levels;
mod pairs;
mod positions;
mod purity;
mod rates;
pub(super) mod tell;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::groups::GroupSummary;
use self::known::Linkage;
use self::levels::{Found, Learned};
pub use self::pairs::FoundPair;
pub use self::positions::PositionSummary;
use self::rates::{Rates, Steps};
use self::tell::Told;
use super::{Pipeline, Planned, stage::Stage};
use crate::block::RulePlan;
use crate::block::nearest::{self, Options, Scored};
use crate::compare::Comparison;
use crate::compare::classes::Classes;
use crate::compare::comparison::Position;
use crate::compare::fusion::Fusion;
use crate::compare::similarity::{Compared, Ladder, RATES};
use crate::error::{Error, Result};
use crate::evidence::{self, Calibration, Members, SourceRates};
use crate::external::{ExternalSorter, Kept};
use crate::runtime::Context;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::score::model::{ComparisonModel, GenuineSource, Model, SourcePairLevels, TemplateModel};
use crate::spec::{LinkageSpec, Method};
use crate::store::Store;
use crate::store::gallery::Gallery;
use crate::store::run_dir::RunDir;

/// Templates of a person from which a bound on the strangers of one is not enough. A person is tied to a stranger
/// where any of their templates is, and one in ten so tied is as many as settling takes apart again: 0.01 for one
/// template is 0.1 for ten. At 0.01 for each of 27, one person in 22 of a million gate records was merged
/// wrongly.
const FEW: f64 = 10.0;

/// What became of the templates of a comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TemplateSummary {
    /// The comparison: the attribute, or the name of several that are fused.
    pub attribute: String,
    /// Its attributes, and the pairs that each found.
    pub positions: Vec<PositionSummary>,
    /// Records with a template.
    pub templates: u64,
    /// Pairs that were found.
    pub pairs: u64,
    /// Pairs of strangers expected among them; of several positions, those that are not known to be of one person.
    pub strangers: f64,
    /// Records of a person with a template, as the mean over these tells.
    pub templates_of_person: f64,
    /// The least similarity at which people are merged on the template alone, and the strangers as alike that
    /// one template, or ten of one person, has among all there, at the most; none where there is none.
    pub merges_from: Option<[f64; 2]>,
    /// Where the similarities of one person come from.
    pub genuine: GenuineSource,
    /// Pairs of one person by which it is known how alike they are.
    pub genuine_pairs: f64,
    /// How often strangers of one group look alike, from the similarity on at which pairs are looked for, or of several
    /// positions that at which people are merged on the templates alone; empty where there is none.
    pub groups: Vec<GroupSummary>,
}

/// How the templates of a comparison are compared.
#[derive(Debug)]
pub struct Joined {
    /// The place of the comparison.
    pub comparison: usize,
    /// What levels begin where.
    pub ladder: Ladder,
    /// How several positions are fused.
    pub fusion: Option<Fusion>,
    /// The least product of a pair, by position.
    pub least: Vec<i32>,
    /// What became of it.
    pub summary: TemplateSummary,
}

impl Joined {
    /// What it takes to compare two records; `rule` is the bit of the pairs that it found.
    pub fn compared<'a>(&'a self, store: &'a Store, comparison: &'a Comparison, rule: u32) -> Compared<'a> {
        compared(store, comparison, (self.fusion.as_ref(), &self.least), &self.ladder, rule)
    }
}

fn compared<'a>(
    store: &'a Store,
    comparison: &'a Comparison,
    (fusion, least): (Option<&'a Fusion>, &[i32]),
    ladder: &'a Ladder,
    rule: u32,
) -> Compared<'a> {
    let position = |(&position, &least): (&Position, &i32)| {
        Some((position, store.templates[position.attribute].as_ref()?, least))
    };
    let positions = comparison.positions.iter().zip(least).filter_map(position).collect();
    Compared { comparison, positions, fusion, ladder, rule }
}

/// What the templates of a run found.
#[derive(Debug, Default)]
pub struct Nearest {
    /// Comparison by comparison.
    pub joined: Vec<Joined>,
    /// The pairs of all, each once.
    pub pairs: Option<Kept<FoundPair>>,
}

impl Nearest {
    /// How many pairs were found.
    pub fn len(&self) -> u64 {
        self.pairs.as_ref().map_or(0, Kept::len)
    }

    fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        for table in self.joined.iter().filter_map(|j| j.fusion.as_ref()).flat_map(Fusion::surprises) {
            table.iter().try_for_each(|table| writer.array(table))?;
        }
        writer.begin_array(self.len())?;
        self.pairs.as_ref().map_or(Ok(()), |pairs| pairs.each(|pairs| writer.rows(pairs)))
    }
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
        if let Some(nearest) = &self.nearest {
            return Ok(nearest.joined.iter().map(|joined| joined.summary.clone()).collect());
        }
        let planned = self.planned.as_ref().ok_or_else(super::not_planned)?;
        let compared: Vec<usize> = (planned.base().len()..planned.comparisons.len()).collect();
        if compared.is_empty() {
            self.nearest = Some(Nearest::default());
            return Ok(Vec::new());
        }
        let stage = Stage::begin("nearest", &self.context);
        let model = self.model.as_ref().ok_or_else(super::not_planned)?;
        let linkage = {
            let _part = self.context.progress.within("without templates");
            Linkage::new(planned, &self.store, model, &self.spec.linkage, &self.context)?
        };
        // What is told comes first for all, so that the linkage is let go before anything is joined.
        let told: Vec<Option<Told>> =
            compared.iter().map(|&at| self.tell(planned, at, &linkage)).collect::<Result<_>>()?;
        drop(linkage);
        self.store.check_texts(&self.context)?;
        // What a model that was given says of numbers is not changed.
        if let Some(model) = self.model.as_mut().filter(|_| self.spec.linkage.model.is_none()) {
            let impure = told.iter().flatten().flat_map(|told| &told.impure).copied().collect();
            purity::correct(&mut model.comparisons, planned.base(), impure);
        }
        let mut made = Nearest::default();
        let mut all = ExternalSorter::new("similar pairs", self.context.memory.free() / 8, &self.context)?;
        for (comparison, told) in compared.into_iter().zip(told) {
            let joined = self.join(comparison, told, &mut |pairs| {
                let rules = 1 << made.joined.len();
                let found: Vec<FoundPair> = pairs.iter().map(|pair| FoundPair::new(pair, rules)).collect();
                all.push(&found)
            })?;
            made.joined.push(joined);
        }
        made.pairs = Some(pairs::together(all.finish()?, FoundPair::join, &self.context)?);
        if let Some(run) = &self.run {
            let model = self.model.as_ref().ok_or_else(super::not_planned)?;
            let text = serde_json::to_vec_pretty(model).map_err(|e| Error::internal(e.to_string()))?;
            run.write("model.json", &text)?;
        }
        self.keep("nearest", |writer| made.save(writer))?;
        for position in made.joined.iter().flat_map(|joined| &joined.summary.positions) {
            if let Some(state) = self.state_of(&position.attribute) {
                // The pairs are kept whole by now; what cannot be removed goes with the run's state.
                let _ = std::fs::remove_dir_all(state);
            }
        }
        let summaries: Vec<TemplateSummary> =
            made.joined.iter().map(|joined| joined.summary.clone()).collect();
        let templates = summaries.iter().map(|summary| summary.templates).sum();
        self.finish_stage(&stage, templates, &summaries, Vec::new())?;
        self.nearest = Some(made);
        Ok(summaries)
    }

    /// Joins the templates of a comparison; its pairs go to `take`, by records.
    fn join(
        &mut self,
        comparison: usize,
        told: Option<Told>,
        take: &mut impl FnMut(&[Scored]) -> Result<()>,
    ) -> Result<Joined> {
        let planned = self.planned.as_ref().ok_or_else(super::not_planned)?;
        let compared = planned.comparisons[comparison].clone();
        let Some(told) = told else {
            if let Some(model) = &mut self.model {
                model.comparisons.push(levels::neutral(&compared.name));
            }
            let classes = Arc::new(Classes::of_sources(self.store.sources.len()));
            return Ok(nothing(&self.store, comparison, &compared, &classes));
        };
        let (fusion, answer, classes) = (told.fusion, &told.answer, &told.classes);
        let rates = Rates::new(&answer.rates, classes);
        let steps = rates.steps();
        let ladder = rates.ladder(&steps);
        let mut positions = Vec::with_capacity(compared.positions.len());
        let mut sorter = ExternalSorter::new("similar pairs", self.context.memory.free() / 8, &self.context)?;
        for (position, &from) in compared.positions.iter().zip(&told.from) {
            // Out of the store for a while, since the join turns them.
            let Some(mut gallery) = self.store.templates[position.attribute].take() else { continue };
            let state = self.state_of(gallery.attribute());
            let found =
                positions::join(&mut gallery, from, state.as_deref(), &self.context, &mut |p| sorter.push(p));
            self.store.templates[position.attribute] = Some(gallery);
            positions.push(found?);
        }
        let least: Vec<i32> = told.from.iter().map(|&from| nearest::least_product(from)).collect();
        let context = &self.context;
        let mut pairs = pairs::together(sorter.finish()?, pairs::same, context)?;
        if fusion.is_some() {
            let compared = self::compared(&self.store, &compared, (fusion.as_ref(), &least), &ladder, 0);
            pairs = pairs::fused(&self.store, &compared, &pairs, context)?;
        }
        // Of several positions those are found of which one is alike, whatever the fused similarity.
        let from = if fusion.is_some() { 0.0 } else { told.from.first().copied().unwrap_or(1.0) };
        let found =
            Found::of(&self.store, &pairs, &ladder, (&rates, &steps), (from, positions.len()), context)?;
        pairs.each(take)?;
        let learned = Learned::of(&steps, &rates, &found, told.genuine);
        let strangers = match positions.len() {
            1 => found.strangers.iter().sum(),
            // Of all strangers so alike some position finds a few.
            _ => pairs.len() as f64 - found.less_strangers().1,
        };
        let templates: u64 = told.sizes.iter().sum();
        let matches = learned.matches(&found);
        // The mean over templates, in which people with many count for as many.
        let of_person = 1.0 + 2.0 * matches.unwrap_or(0.0) / templates as f64;
        let crowd = rates.crowd(&told.sizes, &steps).map(|crowd| (of_person / FEW).max(1.0) * crowd);
        let borne = |&level: &usize| crowd[level] <= evidence::ALONE;
        let highest = |level: usize| steps.iter().filter_map(|s| s[level]).reduce(f64::max);
        let merges = (0..RATES.len()).rev().filter(borne).find_map(|k| Some([highest(k)?, crowd[k]]));
        let at = if fusion.is_some() { merges.map(|[similarity, _]| similarity) } else { Some(from) };
        let summary = TemplateSummary {
            attribute: compared.name.clone(),
            positions,
            templates,
            pairs: pairs.len(),
            strangers,
            templates_of_person: of_person,
            merges_from: merges,
            genuine: learned.source,
            genuine_pairs: learned.pairs,
            groups: at.map(|at| groups::summaries(&rates, classes, &told.sizes, at)).unwrap_or_default(),
        };
        let Some(model) = &mut self.model else { return Err(super::not_planned()) };
        let of_part = |(part, steps): (&SourceRates, &Steps)| SourcePairLevels {
            sources: part.part.map(|part| classes.parts[part].sources),
            group: part.part.and_then(|part| classes.describe(part)),
            similarity: steps.to_vec(),
        };
        model.templates.push(TemplateModel {
            attribute: compared.name.clone(),
            positions: summary.positions.iter().map(|position| position.attribute.clone()).collect(),
            templates,
            pairs: answer.rates.iter().zip(&steps).map(of_part).collect(),
            strangers: crowd.to_vec(),
            found_from: told.from,
            found: [pairs.len() as f64, strangers],
            linked: told.linked,
            genuine: learned.source,
            genuine_pairs: learned.pairs,
            matches_before: Some(model.matches),
        });
        model.comparisons.push(ComparisonModel { attribute: compared.name, levels: learned.levels() });
        // Matches that no other attribute tells of.
        if let Some(matches) = matches {
            model.matches = model.matches.max(matches).min(model.pairs);
            model.prior = model.matches / model.pairs.max(1.0);
        }
        Ok(Joined { comparison, ladder, fusion, least, summary })
    }

    /// Where the join of an attribute keeps what it takes to go on, in a run that may go on.
    fn state_of(&self, attribute: &str) -> Option<PathBuf> {
        let number = self.store.layout.find(attribute)?;
        self.run.as_ref().and_then(RunDir::state).map(|state| state.join(format!("join-{number}")))
    }
}

/// Reads a calibration.
pub fn calibration(path: &str) -> Result<Calibration> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(Path::new(path), e))?;
    Calibration::from_json(path, &text)
}

/// The comparison of templates of which there are not two.
fn nothing(store: &Store, comparison: usize, compared: &Comparison, classes: &Arc<Classes>) -> Joined {
    let galleries = compared.positions.iter().filter_map(|p| store.templates[p.attribute].as_ref());
    let summary = TemplateSummary {
        attribute: compared.name.clone(),
        positions: galleries.map(PositionSummary::none).collect(),
        templates: 0,
        pairs: 0,
        strangers: 0.0,
        templates_of_person: 1.0,
        merges_from: None,
        genuine: GenuineSource::Found,
        genuine_pairs: 0.0,
        groups: Vec::new(),
    };
    // One position in common says nothing, fused or not.
    let fusion = (compared.positions.len() > 1).then(|| {
        Fusion::new(classes.clone(), vec![vec![Vec::new(); classes.parts.len()]; compared.positions.len()])
    });
    Joined {
        comparison,
        ladder: Ladder::new(classes.clone(), |_| [None; RATES.len()]),
        fusion,
        least: vec![i32::MAX; compared.positions.len()],
        summary,
    }
}

/// Takes up what templates found in a run that was killed later.
pub fn restore(
    summaries: Vec<TemplateSummary>,
    planned: &Planned,
    (model, linkage): (&Model, &LinkageSpec),
    store: &mut Store,
    reader: &mut FrameReader,
    context: &Context,
) -> Result<Nearest> {
    let mut made = Nearest::default();
    for summary in summaries {
        let named = |c: &Comparison| c.name == summary.attribute;
        let comparison = planned.comparisons.iter().position(named).ok_or_else(|| reader.wrong())?;
        let compared = &planned.comparisons[comparison];
        let told = model.templates.iter().find(|told| told.attribute == summary.attribute);
        let classes = match told {
            Some(_) => {
                let members = Members::new(store, &compared.positions, context)?;
                classes::of(store, compared, &members, linkage, context)?
            }
            None => Classes::of_sources(store.sources.len()),
        };
        let classes = Arc::new(classes);
        let mut joined = nothing(store, comparison, compared, &classes);
        if compared.positions.len() > 1 {
            let table = |_| classes.parts.iter().map(|_| reader.array()).collect::<Result<_>>();
            let tables = compared.positions.iter().map(table).collect::<Result<_>>()?;
            joined.fusion = Some(Fusion::new(classes.clone(), tables));
        }
        if let Some(told) = told {
            for (position, &from) in compared.positions.iter().zip(&told.found_from) {
                // As they were when the levels were given: along their axes.
                if let Some(Gallery::Vectors(templates)) = &mut store.templates[position.attribute] {
                    nearest::turn(templates, &Options::new(from), context)?;
                }
            }
            let steps = |part: usize| {
                let (sources, group) = (classes.parts[part].sources, classes.describe(part));
                let same = |told: &&SourcePairLevels| {
                    told.sources.is_none_or(|of| of == sources && told.group == group)
                };
                let found = told.pairs.iter().find(same);
                std::array::from_fn(|k| found.and_then(|part| part.similarity.get(k).copied().flatten()))
            };
            joined.ladder = Ladder::new(classes.clone(), steps);
            joined.least = told.found_from.iter().map(|&from| nearest::least_product(from)).collect();
        }
        joined.summary = summary;
        made.joined.push(joined);
    }
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let number = reader.each(|pairs: &[FoundPair]| sorter.push(pairs))?;
    made.pairs = Some(Kept::new(sorter.finish()?, number, "similar pairs", context)?);
    Ok(made)
}

/// The pairs of templates as a line of the plan.
pub fn line(joined: &Joined) -> RulePlan {
    RulePlan {
        rule: rule_name(&joined.summary.attribute),
        records: joined.summary.templates,
        blocks: 0,
        pairs: joined.summary.pairs,
        largest_block: 0,
        split_blocks: 0,
        sampled_blocks: 0,
        uncompared_pairs: 0,
    }
}

/// What the rule is called that finds pairs by the templates of a comparison.
pub fn rule_name(comparison: &str) -> String {
    format!("{comparison} alike")
}

/// The comparisons that compare no templates.
pub fn base(comparisons: &[Comparison]) -> &[Comparison] {
    let count = comparisons.partition_point(|c| c.method != Method::Similarity);
    &comparisons[..count]
}
