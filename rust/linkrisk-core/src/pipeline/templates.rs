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

use std::path::Path;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::known::{Known, known};
use super::{Pipeline, Planned, stage::Stage};
use crate::block::RulePlan;
use crate::block::nearest::{self, Options, Scored};
use crate::compare::Comparison;
use crate::compare::similarity::{Ladder, RATES, labels};
use crate::error::{Error, Result};
use crate::evidence::{
    self, BINS, Calibration, Persons, Question, Sample, SourceRates, bin, cosine, edge, rising, separate,
};
use crate::external::{ExternalSorter, Kept};
use crate::kernel::simd::Level;
use crate::runtime::Context;
use crate::runtime::frames::FrameReader;
use crate::score::model::{
    ChanceSource, ComparisonModel, GenuineSource, LevelModel, Model, Source, SourcePairLevels, TemplateModel,
};
use crate::spec::Threshold;
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

/// Pairs that other attributes link, or that the templates found, from which it is known how alike one person is.
const ENOUGH: f64 = 50.0;

/// Share of the pairs of one person that are taken to be less alike than those the join finds, where nothing
/// but the join tells of them.
const MISSED: f64 = 0.1;

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
    /// The least similarity at which people are merged on the template alone, and the strangers as alike that
    /// one template has among all there, at the most; none where there is none.
    pub merges_from: Option<[f64; 2]>,
    /// Strangers that one template has among all at the similarities of the levels, expected and at the most.
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

/// Share of the random pairs at or above a similarity from which they are taken to tell of strangers. Where
/// more are of one person, what is left of them after these were taken off is the error of that.
const OF_STRANGERS: f64 = 0.5;

/// How much slower than over its last decade a rate falls beyond, and may fall at the worst: that of simulated
/// gate cameras, whose people have relatives, falls by 0.57 of it.
const SLOWER: [f64; 2] = [0.6, 0.4];

/// The rates of every two sources.
struct Rates<'a> {
    parts: &'a [SourceRates],
    /// What is taken for the rates at the similarities of each part, and the upper ends of their intervals.
    values: Vec<[Vec<f64>; 2]>,
    sources: usize,
    /// The part of two sources, and those where nobody is compared.
    of: Vec<Option<usize>>,
    total: f64,
}

impl<'a> Rates<'a> {
    fn new(parts: &'a [SourceRates], sources: usize) -> Self {
        let find = |at: usize| {
            let two = [at / sources, at % sources];
            let wanted = [two[0].min(two[1]), two[0].max(two[1])];
            parts.iter().position(|part| part.sources.is_none_or(|s| s == wanted))
        };
        let total = parts.iter().map(|part| part.pairs).sum::<f64>().max(1.0);
        let values = parts.iter().map(extrapolated).collect();
        Self { parts, values, sources, of: (0..sources * sources).map(find).collect(), total }
    }

    fn part(&self, a: usize, b: usize) -> Option<usize> {
        self.of[a * self.sources + b]
    }

    /// The rate of a part at a similarity, or the upper end of its interval; between two that were looked at
    /// its logarithm is a straight line.
    fn rate(&self, part: usize, similarity: f64, high: bool) -> f64 {
        let at = &self.parts[part].at;
        let value = |i: usize| self.values[part][usize::from(high)][i];
        let next = at.partition_point(|&s| s < similarity);
        match next {
            0 => value(0),
            _ if next == at.len() => value(next - 1),
            _ => {
                let (s, t) = (at[next - 1], at[next]);
                let (low, high) = (value(next - 1).max(1e-300).ln(), value(next).max(1e-300).ln());
                (low + (high - low) * (similarity - s) / (t - s)).exp()
            }
        }
    }

    fn all(&self, similarity: f64) -> f64 {
        let parts = 0..self.parts.len();
        parts.map(|p| self.parts[p].pairs / self.total * self.rate(p, similarity, false)).sum()
    }

    /// Strangers at least as alike as `level` that one template may have among all, of the source with most.
    fn crowd(&self, sizes: &[f64], steps: &[[Option<f64>; RATES.len()]], level: usize) -> f64 {
        let between = |a: usize, b: usize| {
            let part = self.part(a, b)?;
            let others = if a == b { sizes[b] - 1.0 } else { sizes[b] };
            Some(others.max(0.0) * self.rate(part, steps[part][level]?, true))
        };
        let of = |a: usize| (0..self.sources).filter_map(|b| between(a, b)).sum::<f64>();
        (0..self.sources).filter(|&a| sizes[a] > 0.0).map(of).fold(0.0, f64::max)
    }

    /// The least similarity of a part at which the rate is `wanted` at most.
    fn least(&self, part: usize, wanted: f64) -> Option<f64> {
        let at = &self.parts[part].at;
        let first = self.values[part][0].iter().position(|&rate| rate <= wanted)?;
        let (mut low, mut high) = (at[first.saturating_sub(1)], at[first]);
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if self.rate(part, middle, false) <= wanted { high = middle } else { low = middle }
        }
        Some(high)
    }
}

/// The rates of two sources and the upper ends of their intervals: as they are while most random pairs are of
/// strangers, and beyond that falling as they did over the last decade, down to one pair of those seen.
fn extrapolated(part: &SourceRates) -> [Vec<f64>; 2] {
    let mut values: Vec<f64> = part.rates.iter().map(|rate| rate.rate.value).collect();
    let mut highs: Vec<f64> = part.rates.iter().map(|rate| rate.rate.high).collect();
    let Some(after) = part.strangers.iter().position(|&share| share < OF_STRANGERS).filter(|&i| i > 1) else {
        return [values, highs];
    };
    let end = after - 1;
    let decade = values[..end].iter().rposition(|&rate| rate >= 10.0 * values[end]).unwrap_or(0);
    let slope = (values[decade] / values[end].max(1e-300)).ln() / (part.at[end] - part.at[decade]).max(1e-9);
    let seen = part.rates.first().map_or(0.0, |rate| rate.seen / rate.rate.value.max(1e-300));
    let (from, least) = ([values[end], highs[end]], 1.0 / seen.max(1.0));
    for i in after..values.len() {
        let beyond = part.at[i] - part.at[end];
        values[i] = values[i].min((from[0] * (-slope * SLOWER[0] * beyond).exp()).max(least));
        highs[i] = highs[i].min((from[1] * (-slope * SLOWER[1] * beyond).exp()).max(3.0 * least));
    }
    [values, highs]
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
        let stage = Stage::begin("nearest", &self.context);
        let mut made = Vec::with_capacity(compared.len());
        for comparison in compared {
            let attribute =
                self.planned.as_ref().ok_or_else(super::not_planned)?.comparisons[comparison].attribute;
            // Out of the store for a while, since the join turns them.
            let Some(mut templates) = self.store.templates[attribute].take() else { continue };
            let joined = self.join(comparison, &mut templates);
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
        if let Some(state) = self.run.as_ref().and_then(RunDir::state) {
            // The pairs are kept whole by now; what cannot be removed goes with the state.
            made.iter().for_each(|joined| {
                let _ = std::fs::remove_dir_all(state.join(format!("join-{}", joined.comparison)));
            });
        }
        let summaries: Vec<TemplateSummary> = made.iter().map(|joined| joined.summary.clone()).collect();
        let templates = summaries.iter().map(|summary| summary.templates).sum();
        self.finish_stage(&stage, templates, &summaries, Vec::new())?;
        self.joined = Some(made);
        Ok(summaries)
    }

    fn join(&mut self, comparison: usize, templates: &mut Templates) -> Result<Joined> {
        let planned = self.planned.as_ref().ok_or_else(super::not_planned)?;
        let model = self.model.as_ref().ok_or_else(super::not_planned)?;
        let name = &planned.comparisons[comparison].name;
        let usable: u64 = templates.sources().iter().map(|source| source.tally.usable).sum();
        let context = &self.context;
        if usable < 2 {
            let joined = nothing(comparison, name, usable, context)?;
            if let Some(model) = &mut self.model {
                model.comparisons.push(neutral(name));
            }
            return Ok(joined);
        }
        let sources = templates.sources().len();
        let filled = templates.sources().iter().filter(|source| source.tally.usable > 0).count().max(1);
        let lists = filled as f64 * filled as f64 / 2.0;
        let side = (2.0 * PAIRS_PER_TEMPLATE * usable as f64 / filled as f64).sqrt() as usize;
        let side = side.clamp(LEAST_SIDE, SIDE);
        let drawn = evidence::draw(templates, side * OVERDRAWN, context)?;
        let at = (&planned.comparisons[comparison], &*templates);
        let known = known(planned, &self.store, model, at, &drawn, context)?;
        let (rows, official) = choose(drawn, &known, side);
        let number = rows.iter().map(Vec::len).sum::<usize>() + 2 * known.pairs.len();
        let held = context.memory.reserve("sampled templates", (number * templates.stride() * 2) as u64)?;
        let sample = evidence::sample(templates, &rows, &known.persons, &known.pairs, context)?;
        let asked = self.spec.linkage.templates_of(name);
        let calibration =
            asked.and_then(|asked| asked.calibration.as_deref()).map(calibration).transpose()?;
        let persons = match (official, known.pairs.is_empty()) {
            (true, _) => Persons::Official,
            (false, true) => Persons::Unknown,
            (false, false) => Persons::Agreeing,
        };
        let threshold = match asked.map(|asked| asked.threshold) {
            Some(Threshold::At(similarity)) => Some(similarity),
            _ => None,
        };
        let question = Question {
            attribute: name.clone(),
            sources: self.spec.sources.iter().map(|s| (s.name.clone(), s.duplicate_free)).collect(),
            groups: Vec::new(),
            left_out: 0,
            persons,
            threshold,
            wanted: asked.map_or(1.0, |asked| asked.expected_false_links),
            agreeing: Vec::new(),
            calibration,
            pairs: (side as f64 * side as f64 * lists) as u64,
            joined: Vec::new(),
        };
        let answer = evidence::thresholds(&question, &sample, context)?;
        let rates = Rates::new(&answer.rates, sources);
        let steps: Vec<[Option<f64>; RATES.len()]> =
            (0..answer.rates.len()).map(|part| RATES.map(|wanted| rates.least(part, wanted))).collect();
        let of = |a: usize, b: usize| rates.part(a, b).map_or([None; RATES.len()], |part| steps[part]);
        let ladder = Ladder::new(sources, of);
        let from = threshold.unwrap_or_else(|| {
            let wanted = (STRANGERS_PER_TEMPLATE * usable as f64 + STRANGERS_FREE) / rates.total;
            let mut steps = answer.rates.iter().flat_map(|part| part.at.iter().copied());
            steps.find(|&s| rates.all(s) <= wanted).unwrap_or(0.99)
        });
        let from = from.clamp(0.05, 1.0);
        let genuine = genuine(&sample, &answer.genuine_counts, &rates, question.calibration.is_some());
        drop((sample, held));
        let options = options(from);
        let state =
            self.run.as_ref().and_then(RunDir::state).map(|state| state.join(format!("join-{comparison}")));
        if let Some(state) = &state {
            std::fs::create_dir_all(state).map_err(|e| Error::io(state, e))?;
        }
        let (pairs, filter, summary) =
            nearest::nearest_resumable(templates, &options, state.as_deref(), context)?;
        let recall = nearest::recall::recall(templates, &pairs, &filter, &summary, &options, context)?;
        let found = Levels::found(templates, &pairs, &ladder, &rates, from, context)?;
        let learned = learn(&steps, &rates, &found, genuine);
        let strangers: f64 = found.strangers.iter().sum();
        let matched = (pairs.len() as f64 - strangers).max(0.0);
        let seen: f64 = learned.m.iter().zip(&found.reached).filter(|(_, r)| **r).map(|(m, _)| m).sum();
        let sizes: Vec<f64> = templates.sources().iter().map(|s| s.tally.usable as f64).collect();
        let crowd: Vec<f64> = (0..RATES.len()).map(|level| rates.crowd(&sizes, &steps, level)).collect();
        let merges =
            (0..RATES.len()).rfind(|&k| crowd[k] <= evidence::ALONE && steps.iter().any(|s| s[k].is_some()));
        let merges_from = merges.map(|k| {
            let highest = steps.iter().filter_map(|s| s[k]).fold(f64::NEG_INFINITY, f64::max);
            [highest, crowd[k]]
        });
        let of_source = |part: usize| SourcePairLevels {
            sources: answer.rates[part].sources,
            similarity: steps[part].to_vec(),
        };
        let summary = TemplateSummary {
            attribute: name.clone(),
            templates: usable,
            from,
            pairs: pairs.len(),
            strangers,
            recall: [recall.all.recall, recall.all.low, recall.all.high],
            merges_from,
            genuine: learned.source,
            genuine_pairs: learned.pairs,
        };
        let told = TemplateModel {
            attribute: name.clone(),
            templates: usable,
            pairs: (0..answer.rates.len()).map(of_source).collect(),
            strangers: crowd,
            found_from: from,
            found: [pairs.len() as f64, strangers],
            genuine: learned.source,
            genuine_pairs: learned.pairs,
            matches_before: Some(model.matches),
        };
        if let Some(model) = &mut self.model {
            // Matches that no other attribute tells of.
            if learned.pairs >= ENOUGH {
                model.matches = model.matches.max(matched / seen.max(0.01)).min(model.pairs);
                model.prior = model.matches / model.pairs.max(1.0);
            }
            model.comparisons.push(ComparisonModel { attribute: name.clone(), levels: learned.levels() });
            model.templates.push(told);
        }
        Ok(Joined { comparison, pairs, ladder, least: nearest::least_product(from), summary })
    }
}

fn calibration(path: &str) -> Result<Calibration> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(Path::new(path), e))?;
    Calibration::from_json(path, &text)
}

/// The rows that are compared, `side` of a source: where the people of enough of them are known for certain
/// those alone. Says whether that is so in any source.
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

/// Pairs of one person by pairs of sources: counts of the bins of the grid.
struct Genuine {
    parts: Vec<Vec<f64>>,
    pairs: f64,
    source: GenuineSource,
}

/// How alike one person is, in every two sources; strangers among the linked pairs are taken off.
fn genuine(sample: &Sample, all: &evidence::Histogram, rates: &Rates<'_>, calibrated: bool) -> Genuine {
    if calibrated {
        let pairs = all.total();
        // Of a calibration the middles of its bins; its edges are its own.
        let mut counts = vec![0.0; BINS];
        for (edges, n) in all.edges().windows(2).zip(all.counts()) {
            counts[bin(0.5 * (edges[0] + edges[1]))] += n;
        }
        return Genuine { parts: vec![counts; rates.parts.len()], pairs, source: GenuineSource::Calibration };
    }
    let level = Level::best();
    let mut parts = vec![vec![0.0; BINS]; rates.parts.len()];
    for person in &sample.persons {
        if let [a, b] = person.as_slice() {
            let part = rates.part(a.source as usize, b.source as usize);
            if let Some(part) = part {
                parts[part][bin(cosine(level, a, b))] += 1.0;
            }
        }
    }
    for (number, counts) in parts.iter_mut().enumerate() {
        let apart = separate(counts, &rates.parts[number].bins);
        if let Some(apart) = apart.filter(|_| counts.iter().sum::<f64>() >= ENOUGH) {
            *counts = apart.genuine;
        }
    }
    let pairs = parts.iter().flatten().sum();
    Genuine { parts, pairs, source: GenuineSource::Linked }
}

/// The pairs that the join found, by levels.
struct Levels {
    /// Pairs of each level.
    pairs: Vec<f64>,
    /// Pairs of strangers expected among them.
    strangers: Vec<f64>,
    /// Whether the join finds all pairs of the level.
    reached: Vec<bool>,
}

impl Levels {
    fn found(
        templates: &Templates,
        pairs: &Kept<Scored>,
        ladder: &Ladder,
        rates: &Rates<'_>,
        from: f64,
        context: &Context,
    ) -> Result<Self> {
        let levels = RATES.len() + 1;
        let mut made =
            Self { pairs: vec![0.0; levels], strangers: vec![0.0; levels], reached: vec![false; levels] };
        let mut counts: FxHashMap<usize, u64> = FxHashMap::default();
        pairs.each(|pairs| {
            context.cancel.check()?;
            for pair in pairs {
                let sources = (templates.source_of(pair.left), templates.source_of(pair.right));
                *counts.entry(ladder.level(sources, pair.product) - 1).or_default() += 1;
            }
            Ok(())
        })?;
        counts.into_iter().for_each(|(level, n)| made.pairs[level] += n as f64);
        for part in 0..rates.parts.len() {
            let mut above = 0.0;
            for (level, wanted) in RATES.iter().enumerate() {
                let Some(least) = rates.least(part, *wanted) else { continue };
                let rate = rates.rate(part, least.max(from), false);
                made.strangers[level] += (rate - above).max(0.0) * rates.parts[part].pairs;
                above = rate.max(above);
                made.reached[level] |= least >= from;
            }
            let rest = (rates.rate(part, from, false) - above).max(0.0);
            made.strangers[RATES.len()] += rest * rates.parts[part].pairs;
        }
        Ok(made)
    }
}

/// m and u of the levels, best first and `else` last.
struct Learned {
    m: Vec<f64>,
    u: Vec<f64>,
    pairs: f64,
    source: GenuineSource,
}

impl Learned {
    fn levels(&self) -> Vec<LevelModel> {
        let labels = labels();
        let each = self.m.iter().zip(&self.u).zip(&labels[1..]);
        let level = |((&m, &u), label): ((&f64, &f64), &String)| LevelModel {
            label: label.clone(),
            m,
            u,
            related: None,
            weight: (m / u).log2(),
            m_source: Source::Genuine,
            u_source: ChanceSource::Impostors,
        };
        each.map(level).collect()
    }
}

fn learn(
    steps: &[[Option<f64>; RATES.len()]],
    rates: &Rates<'_>,
    found: &Levels,
    genuine: Genuine,
) -> Learned {
    let levels = RATES.len() + 1;
    let (mut m, mut u) = (vec![0.0; levels], vec![0.0; levels]);
    for (part, steps) in steps.iter().enumerate() {
        let share = rates.parts[part].pairs / rates.total;
        let mut above = 0.0;
        for (level, least) in steps.iter().enumerate() {
            if let Some(least) = least {
                let rate = rates.rate(part, *least, false);
                u[level] += share * (rate - above).max(0.0);
                above = rate.max(above);
            }
        }
        u[levels - 1] += share * (1.0 - above).max(0.0);
        // The best level that is begun at or below the middle of a bin.
        for (b, &n) in genuine.parts[part].iter().enumerate().filter(|(_, n)| **n > 0.0) {
            let middle = 0.5 * (edge(b) + edge(b + 1));
            let level = steps.iter().position(|least| least.is_some_and(|least| middle >= least));
            m[level.unwrap_or(levels - 1)] += n;
        }
    }
    let (mut pairs, mut source) = (genuine.pairs, genuine.source);
    if pairs < ENOUGH {
        source = GenuineSource::Found;
        m = found.pairs.iter().zip(&found.strangers).map(|(n, s)| (n - s).max(0.0)).collect();
        m.iter_mut().zip(&found.reached).filter(|(_, reached)| !**reached).for_each(|(m, _)| *m = 0.0);
        pairs = m.iter().sum();
        let missing = found.reached.iter().filter(|reached| !**reached).count().max(1) as f64;
        let rest = pairs * MISSED / (1.0 - MISSED) / missing;
        m.iter_mut().zip(&found.reached).filter(|(_, reached)| !**reached).for_each(|(m, _)| *m = rest);
    }
    if pairs < ENOUGH {
        // Nothing is known of one person, so a similarity tells nothing.
        return Learned {
            m: u.iter().map(|u| u.max(1e-12)).collect(),
            u: u.iter().map(|u| u.max(1e-12)).collect(),
            pairs,
            source,
        };
    }
    let total: f64 = m.iter().sum::<f64>() + 0.5 * levels as f64;
    // Half a pair more in each, so that no level is impossible among people; a level that no part has is
    // never met.
    m.iter_mut().for_each(|m| *m = (*m + 0.5) / total);
    u.iter_mut().zip(RATES.iter().chain([&1.0])).for_each(|(u, rate)| *u = u.max(rate * 0.1).max(1e-12));
    // Bits fall with the similarity: from the worst level on they rise.
    let ratios: Vec<f64> = m.iter().zip(&u).rev().map(|(m, u)| m / u).collect();
    let weights: Vec<f64> = u.iter().rev().copied().collect();
    let rising = rising(&ratios, &weights);
    m = rising.iter().rev().zip(&u).map(|(ratio, u)| ratio * u).collect();
    let sum: f64 = m.iter().sum();
    m.iter_mut().for_each(|m| *m = (*m / sum).clamp(1e-12, 1.0));
    Learned { m, u, pairs, source }
}

/// The comparison of templates of which there are too few to tell anything.
fn neutral(name: &str) -> ComparisonModel {
    let levels = RATES.len() + 1;
    let flat = vec![1.0 / levels as f64; levels];
    let learned = Learned { m: flat.clone(), u: flat, pairs: 0.0, source: GenuineSource::Found };
    ComparisonModel { attribute: name.to_owned(), levels: learned.levels() }
}

fn nothing(comparison: usize, name: &str, templates: u64, context: &Context) -> Result<Joined> {
    let summary = TemplateSummary {
        attribute: name.to_owned(),
        templates,
        from: 1.0,
        pairs: 0,
        strangers: 0.0,
        recall: [1.0; 3],
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
    nearest::turn(templates, &options(summary.from), context)?;
    let steps = |a: usize, b: usize| {
        let found = told.pairs.iter().find(|part| part.sources.is_none_or(|s| s == [a, b]));
        std::array::from_fn(|k| found.and_then(|part| part.similarity.get(k).copied().flatten()))
    };
    let ladder = Ladder::new(templates.sources().len(), steps);
    Ok(Joined { comparison, pairs, ladder, least: nearest::least_product(summary.from), summary })
}

fn options(from: f64) -> Options {
    Options::new(from)
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
    let count = comparisons.partition_point(|c| c.method != crate::spec::Method::Similarity);
    &comparisons[..count]
}
