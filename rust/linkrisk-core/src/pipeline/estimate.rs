//! What a run will take, from a sample of its records.

mod templates;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::templates::ExpectedJoin;
use super::{Pipeline, cost, link, not_planned};
use crate::block::nearest::Scored;
use crate::block::sketch::{Drawn, Expected, Sketch};
use crate::block::{Candidates, Pair, Rules, Visitor, Work, default};
use crate::compare::{Comparer, Comparison, LEVELS, Memo, RULE_SHIFT, ScoredPair};
use crate::error::{ErrorKind, Result};
use crate::runtime::probe;
use crate::score::Scorer;
use crate::spec::SourceSpec;
use crate::store::ids::Ids;
use crate::store::rows;

/// What a run will take.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Estimate {
    /// Records of all sources.
    pub records: u64,
    /// Records that were looked at to tell.
    pub sampled: u64,
    /// The rules with their expected pairs.
    pub rules: Vec<ExpectedRule>,
    /// Pairs of all rules, those that several rules make counted for each.
    pub pairs: u64,
    /// The joins of templates, of which there are none in most runs.
    pub templates: Vec<ExpectedJoin>,
    /// Pairs at or above the threshold that rules make; all pairs, where too few were drawn to train a model on.
    pub links: u64,
    /// Seconds by stage, and of all.
    pub seconds: Seconds,
    /// The most memory that the engine will hold, in bytes.
    pub memory_bytes: u64,
    /// Bytes that it will write to spill files, those that it reads and writes again counted again.
    pub spilled_bytes: u64,
    /// The least memory limit, in bytes, under which the run can be done.
    pub least_memory_bytes: u64,
}

/// A rule of an estimate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExpectedRule {
    /// The rule.
    pub rule: String,
    /// Records in its blocks and alone.
    pub records: u64,
    /// Its pairs, those of earlier rules included.
    pub pairs: u64,
    /// Records of its largest block, before any split.
    pub largest_block: u64,
    /// Pairs of blocks over the limit that will not be compared under it.
    pub uncompared_pairs: u64,
}

/// Seconds of the stages.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// Reading.
    pub ingest: f64,
    /// Counting pairs.
    pub plan: f64,
    /// Training.
    pub train: f64,
    /// Learning what similarities of templates mean, for which all is linked without them, and joining them.
    pub nearest: f64,
    /// Comparing.
    pub link: f64,
    /// Clustering, with its tables.
    pub cluster: f64,
    /// The risk figures.
    pub assess: f64,
    /// All of them.
    pub total: f64,
}

impl Pipeline {
    /// Declares that the batches to come are a sample, drawn as `drawn` says, source by source.
    pub fn draw(&mut self, drawn: Vec<Drawn>) {
        self.drawn = drawn;
    }

    /// Estimates the run from the sample that was read in `seconds` in all.
    ///
    /// # Errors
    /// As [`default::choose`] and [`Sketch::rule`].
    pub fn estimate(&mut self, seconds: f64) -> Result<Estimate> {
        if self.drawn.len() != self.store.sources.len() || self.drawn.is_empty() {
            return Err(not_planned());
        }
        let context = &self.context;
        let linkage = &self.spec.linkage;
        context.progress.begin("estimate", "rules", None);
        let sketch = Sketch::new(&self.store, &self.drawn, linkage.max_block_pairs);
        let records = sketch.records();
        let rules = if linkage.blocking.is_empty() {
            let pairs = |rules: &Rules| sketch.rule(rules, 0, context).map(|e| e.limited as u64);
            default::choose_by(&self.store, records, &pairs, context)?
        } else {
            Rules::from_spec(&self.store, &linkage.blocking)?
        };
        let expected: Vec<Expected> = (0..rules.rules.len())
            .map(|rule| {
                context.progress.add(1);
                sketch.rule(&rules, rule, context)
            })
            .collect::<Result<_>>()?;
        let pairs: f64 = expected.iter().map(|e| e.pairs).sum();
        let lines = rules.rules.iter().zip(&expected).map(|(rule, e)| ExpectedRule {
            rule: rule.name.clone(),
            records: e.records as u64,
            pairs: e.pairs as u64,
            largest_block: e.largest as u64,
            uncompared_pairs: e.uncompared as u64,
        });
        let lines = lines.collect();
        let candidates = Candidates::plan(&self.store, rules, linkage, context)?;
        let comparisons = self.comparisons(&candidates)?.comparisons;
        let base = super::templates::base(&comparisons);
        let shares = self.shares(&sketch, &candidates, base)?;
        let (links, kept) = (pairs * shares.links, pairs * shares.kept);
        let (rules, store) = (&candidates.rules, &self.store);
        let has_key = |record: &[u64]| (0..rules.rules.len()).any(|rule| rules.key(store, rule, record) != 0);
        let linked = sketch.sum(context, |record| usize::from(has_key(record)))?;
        let comparer = Comparer::new(store, &comparisons);
        let texts = sketch.sum(context, |record| comparer.texts(record))?;
        let joins = templates::expected(&self.store, &sketch, &comparisons[base.len()..], linkage, context)?;
        let n = records as f64;
        let keyed: f64 = expected.iter().map(|e| e.records).sum();
        let gathering: f64 = expected.iter().map(|e| cost::gathering(n, e.records, 1.0)).sum();
        let reading = keyed * texts / n.max(1.0) * cost::TEXT;
        let comparing = reading + expected.iter().map(|e| cost::comparing(e.records, e.pairs)).sum::<f64>();
        let looked = n * expected.len() as f64 * cost::KEY;
        let by_default = linkage.blocking.is_empty();
        let choosing = if by_default { default::sampled(records) as f64 * cost::CHOOSE } else { 0.0 };
        let slow = probe::slowness(context)? * 1e-9;
        let (link, clustered) = ((gathering + comparing) * slow, linked * cost::CLUSTER * slow);
        let found: f64 = joins.iter().map(|join| join.pairs as f64).sum();
        let joining = joins.iter().map(|join| join.seconds).sum::<f64>();
        let mut took = Seconds {
            ingest: seconds * n / f64::from(self.store.len()).max(1.0),
            plan: (choosing + looked + keyed * cost::COUNT) * slow,
            train: (2.0 * looked + cost::TRAIN) * slow,
            nearest: if joins.is_empty() { 0.0 } else { link + clustered + joining },
            link: link + found * cost::PAIR * slow,
            cluster: n * cost::WRITE * slow + clustered,
            assess: (n * cost::ASSESS + linked * cost::PROFILE) * slow,
            total: 0.0,
        };
        took.total =
            took.ingest + took.plan + took.train + took.nearest + took.link + took.cluster + took.assess;
        let memory = self.memory((n, linked), &expected, kept, &joins);
        Ok(Estimate {
            records,
            sampled: u64::from(self.store.len()),
            rules: lines,
            pairs: pairs as u64,
            templates: joins,
            links: links as u64,
            seconds: took,
            memory_bytes: memory.peak as u64,
            spilled_bytes: memory.spilled as u64,
            least_memory_bytes: memory.least as u64,
        })
    }

    /// The links, and the pairs that are kept, as shares of the pairs of all rules, by a model trained on the sample; of
    /// one so small that none can be trained all pairs.
    ///
    /// Each pair counts for as many as it stands for: of pairs between slices the sample holds few, and most
    /// of the tables' are such.
    fn shares(
        &self,
        sketch: &Sketch<'_>,
        candidates: &Candidates,
        comparisons: &[Comparison],
    ) -> Result<Shares> {
        let context = &self.context;
        let model = match self.learn(candidates, comparisons) {
            Ok(model) => model,
            Err(error) if error.kind() == ErrorKind::Training => return Ok(Shares::ALL),
            Err(error) => return Err(error),
        };
        let comparer = Comparer::new(&self.store, comparisons);
        let scorer = Scorer::new(&model, comparisons);
        let visitor = Weigher { comparer: &comparer, sketch };
        let (mut sums, mut all) = (Shares { links: 0.0, kept: 0.0 }, 0.0);
        candidates.scan(&self.store, 1.0, Work::default(), context, &visitor, |weights: Weights| {
            for (pattern, weight) in weights {
                // A pair that several rules make is a pair of each, and a link once.
                all += weight * f64::from((pattern >> RULE_SHIFT).count_ones());
                let score = scorer.score(pattern);
                let is_link = score.is_link(self.spec.linkage.threshold);
                if is_link {
                    sums.links += weight;
                }
                if is_link || link::keeps_every(&scorer, &score, pattern & LEVELS) {
                    sums.kept += weight;
                }
            }
            Ok(())
        })?;
        Ok(if all == 0.0 { Shares::ALL } else { Shares { links: sums.links / all, kept: sums.kept / all } })
    }

    /// The memory of a run of `n` records, of which `linked` may be linked, as the stages reserve it.
    fn memory(
        &self,
        (n, linked): (f64, f64),
        expected: &[Expected],
        kept: f64,
        joins: &[ExpectedJoin],
    ) -> Memory {
        let limit = self.context.memory.limit() as f64;
        let each = n / f64::from(self.store.len()).max(1.0);
        let row = self.store.layout.words as f64 * 8.0;
        let values: f64 = self.store.columns.iter().map(|column| column.memory_of(each)).sum();
        let rows = (n * row).min(rows::share(n as u64, self.context.memory.limit()) as f64);
        // Of each attribute's templates half of the limit may be in memory, and of all what is free.
        let at_rest: Vec<f64> = joins.iter().flat_map(ExpectedJoin::bytes_at_rest).collect();
        let at_rest_in_memory = at_rest.iter().map(|bytes| bytes.min(limit / 2.0)).sum::<f64>();
        let at_rest_in_memory = at_rest_in_memory.min((limit - rows - values).max(0.0));
        let found = |join: &ExpectedJoin| (join.pairs as f64 * size_of::<Scored>() as f64).min(limit / 8.0);
        let joining = joins.iter().map(|join| join.bytes_joining() + found(join)).fold(0.0, f64::max);
        let forest = n * 4.25;
        let keyed = expected.iter().map(|e| e.records).sum();
        let kept = cost::kept(keyed, kept) * size_of::<ScoredPair>() as f64;
        let free = (limit - rows - values - at_rest_in_memory).max(0.0);
        // As many passes as half of what is free asks for, each with as much.
        let in_passes = |bytes: f64, free: f64| bytes / (bytes / (free / 2.0).max(1.0)).ceil().max(1.0);
        let carried = expected.iter().map(|e| e.records).fold(0.0, f64::max) * (row + 16.0);
        let sorted = kept.min(limit / 8.0);
        let link = in_passes(carried, free) + sorted;
        let kept_in_memory = if kept <= free / 4.0 { kept } else { 0.0 };
        let cluster = forest + kept_in_memory;
        let cluster = cluster + in_passes(linked * (row + 16.0), (free - cluster).max(0.0));
        let hashes = |(source, drawn): (&SourceSpec, &Drawn)| {
            let bytes = source.id.as_ref().map_or(0.0, |_| drawn.records as f64 * Ids::BYTES as f64);
            if bytes > limit / 8.0 { bytes } else { 0.0 }
        };
        let hashes: f64 = self.spec.sources.iter().zip(&self.drawn).map(hashes).sum();
        let mut spilled =
            hashes + (n * row - rows).max(0.0) + at_rest.iter().sum::<f64>() - at_rest_in_memory;
        spilled += if kept > sorted { kept } else { 0.0 };
        spilled += if kept_in_memory < kept { kept } else { 0.0 };
        Memory {
            peak: (rows + values + at_rest_in_memory + link.max(cluster).max(joining.min(free))).min(limit),
            spilled,
            least: super::least_memory(n as u64) as f64 + values,
        }
    }
}

/// Of the pairs of all rules.
struct Shares {
    links: f64,
    kept: f64,
}

impl Shares {
    const ALL: Self = Self { links: 1.0, kept: 1.0 };
}

/// What the pairs of each pattern stand for, in an order that threads do not change.
type Weights = BTreeMap<u64, f64>;

/// Adds up what the pairs of each pattern stand for.
struct Weigher<'a> {
    comparer: &'a Comparer<'a>,
    sketch: &'a Sketch<'a>,
}

impl Visitor for Weigher<'_> {
    type Scratch = Memo;
    type Output = Weights;

    fn scratch(&self) -> Memo {
        self.comparer.memo()
    }

    fn output(&self) -> Weights {
        Weights::new()
    }

    fn mask(&self) -> Vec<u64> {
        self.comparer.mask()
    }

    fn gathered(&self, records: &[u64]) {
        self.comparer.touch(records);
    }

    fn visit(&self, memo: &mut Memo, weights: &mut Weights, pair: Pair<'_>) {
        let levels = self.comparer.pattern(memo, pair.left_words, pair.right_words);
        let weight = weights.entry(levels | u64::from(pair.rules) << RULE_SHIFT).or_default();
        pair.records.each(|left, right| *weight += self.sketch.weight(left, right));
    }
}

struct Memory {
    peak: f64,
    spilled: f64,
    least: f64,
}
