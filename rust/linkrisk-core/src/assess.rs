//! The risk figures of a linked run, gathered into tables and one summary.

mod reach;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::block::{Candidates, RulePlan};
use crate::cluster::vehicles::Vehicles;
use crate::cluster::{self, Clusters, Link};
use crate::compare::count::CutCounts;
use crate::compare::{Comparison, PatternCounts, RULE_SHIFT, ScoredPair};
use crate::error::Result;
use crate::external::Kept;
use crate::kernel::bits::Bits;
use crate::risk::{self, Assessed, Distinct, Matches, Profiles, Relation, Table, Unplaced, WeightBin};
use crate::runtime::Context;
use crate::score::capture::{self, Captured};
use crate::score::lost::{self, Interval};
use crate::score::{Model, Scorer, Scores};
use crate::spec::Spec;
use crate::store::Store;
use crate::store::parquet::TableWriter;

/// What the stages before found.
#[derive(Debug)]
pub struct Results<'a> {
    /// The records.
    pub store: &'a Store,
    /// The comparisons.
    pub comparisons: &'a [Comparison],
    /// The blocking rules and how their large blocks were cut.
    pub candidates: &'a Candidates,
    /// What they make.
    pub plan: &'a [RulePlan],
    /// The model.
    pub model: &'a Model,
    /// Every candidate pair's pattern, counted.
    pub counts: &'a PatternCounts,
    /// Those of pairs in blocks that were cut.
    pub cuts: &'a CutCounts,
    /// The pairs that were kept.
    pub pairs: &'a Kept<ScoredPair>,
    /// Which records are of one person.
    pub clusters: &'a Clusters,
    /// Which vehicle a plate is.
    pub vehicles: &'a Vehicles,
}

/// The figures of a run that are single numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RiskSummary {
    /// Records of all sources.
    pub records: u64,
    /// Distinct persons.
    pub persons: Distinct,
    /// Distinct vehicles.
    pub vehicles: Distinct,
    /// Links.
    pub links: u64,
    /// Pairs compared, each once.
    pub candidate_pairs: u64,
    /// What the model expects of its own links.
    pub expected: Expectation,
    /// The attributes an attacker is taken to know.
    pub quasi_identifiers: Vec<String>,
    /// Records of the largest person.
    pub largest_entity: u64,
    /// Components in which records contradict each other, and the links cut for that or otherwise.
    pub contradictions: Contradictions,
    /// What it cost that large blocks were cut; none where none was.
    pub uncompared: Option<Uncompared>,
    /// Pairs of records of related people.
    pub related_pairs: u64,
    /// Persons who are in such a pair.
    pub persons_with_relatives: u64,
}

/// Precision and recall as the model expects them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Expectation {
    /// Mean match probability of the links.
    pub precision: f64,
    /// Share of the matches that became links.
    pub recall: f64,
    /// Share of the matches found of which nothing tells how many like them were missed: of records that one rule
    /// alone can join, or rules that share an attribute.
    #[serde(default)]
    pub unchecked: f64,
}

/// What it cost that large blocks were cut.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Uncompared {
    /// Pairs that agree on a rule and were not compared under it.
    pub pairs: u64,
    /// Matches among those that no rule compared; none where no rule tells for one that has cut blocks.
    pub lost: Option<Interval>,
    /// Share of all matches that are lost so.
    pub recall_lost: Option<Interval>,
}

impl Uncompared {
    fn new(results: &Results<'_>, matches: f64, scorer: &Scorer<'_>) -> Option<Self> {
        let candidates = results.candidates;
        let pairs = candidates.counts.iter().map(|counts| counts.uncompared).sum();
        if pairs == 0 {
            return None;
        }
        let mut each = candidates.cut_rules().map(|cut| lost::matches(results.cuts, cut, scorer));
        // The ends are added up too: what makes one rule's figure too low makes the others' too low.
        let add = |a: Interval, b: Interval| Interval {
            estimate: a.estimate + b.estimate,
            low: a.low + b.low,
            high: a.high + b.high,
        };
        let none = Interval { estimate: 0.0, low: 0.0, high: 0.0 };
        let lost = each.try_fold(none, |sum, lost| lost.map(|lost| add(sum, lost)));
        let share = |lost: f64| if lost > 0.0 { lost / (matches + lost) } else { 0.0 };
        let recall_lost = lost.map(|lost| Interval {
            estimate: share(lost.estimate),
            low: share(lost.low),
            high: share(lost.high),
        });
        Some(Self { pairs, lost, recall_lost })
    }
}

/// What clustering refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contradictions {
    /// Components in which two records contradict each other.
    pub clusters: u64,
    /// Links whose records came to be different entities.
    pub links_cut: u64,
    /// Pairs of records of which some templates are as alike as one person's alone, and others as two people's.
    #[serde(default)]
    pub templates: u64,
}

/// Computes the figures and, in a run directory, writes the tables.
///
/// # Errors
/// As [`Profiles::count`], and [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
/// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit) where tables cannot be written.
pub fn assess(
    results: &Results<'_>,
    spec: &Spec,
    out: Option<&Path>,
    context: &Context,
) -> Result<RiskSummary> {
    let store = results.store;
    let scorer = Scorer::new(results.model, results.comparisons);
    let threshold = spec.linkage.threshold;
    let quasi_identifiers = match spec.report.quasi_identifiers.as_slice() {
        [] => risk::default_quasi_identifiers(store),
        named => named.iter().filter_map(|name| store.layout.find(name)).collect(),
    };
    let assessed = Assessed {
        store,
        persons: &results.clusters.forest,
        vehicles: results.vehicles,
        quasi_identifiers: quasi_identifiers.clone(),
    };
    let after = results.pairs.len() as f64 * RELATE
        + reach::work(results)
        + risk::unplaced_work(store)
        + if out.is_some() { risk::quality_work(store) } else { 0.0 };
    let profiles = Profiles::count(&assessed, after, context)?;
    let tally = Tally::new(results.counts, &scorer, threshold, results.plan.len());
    let captured = capture::matches(results.counts, &results.candidates.rules, results.comparisons, &scorer);
    let (relations, persons_with_relatives) = relations(results, &scorer, context)?;
    let rules = &results.candidates.rules;
    let could_link = |has| could_link(results, &scorer, threshold, has);
    let unplaced = risk::unplaced(store, rules, &results.clusters.forest, could_link, context)?;
    let reaches = reach::reach(results, &scorer, threshold, context)?;
    // Past this nothing is refused or cancelled: tables are only written.
    let persons = persons(results, (&profiles, unplaced), captured);
    if let Some(out) = out {
        let tables = [
            risk::quality(store, context)?,
            risk::exposure(&profiles)?,
            risk::linkability(&profiles)?,
            risk::classes(&profiles)?,
            risk::entity_sizes(&profiles)?,
            risk::match_weights(&tally.bins)?,
            risk::blocking(results.plan, &tally.first_found)?,
            risk::comparisons(results.model)?,
            risk::related(&relations)?,
        ];
        let tables =
            tables.into_iter().chain((!reaches.is_empty()).then(|| risk::reach(&reaches)).transpose()?);
        for table in tables {
            write(out, &table)?;
        }
    }
    Ok(RiskSummary {
        records: u64::from(store.len()),
        persons,
        vehicles: Distinct::vehicles(profiles.vehicle_count()),
        links: tally.links,
        candidate_pairs: tally.pairs,
        expected: Expectation {
            precision: if tally.links == 0 { 1.0 } else { tally.probability / tally.links as f64 },
            recall: if captured.all > 0.0 { (tally.probability / captured.all).min(1.0) } else { 1.0 },
            unchecked: if captured.found > 0.0 { captured.unchecked / captured.found } else { 0.0 },
        },
        quasi_identifiers: quasi_identifiers
            .iter()
            .map(|&i| store.layout.attributes[i].name.clone())
            .collect(),
        largest_entity: profiles.largest_person(),
        contradictions: Contradictions {
            clusters: results.clusters.counts.contradictions,
            links_cut: results.clusters.counts.links_cut,
            templates: tally.contradicting,
        },
        uncompared: Uncompared::new(results, captured.found, &scorer),
        related_pairs: tally.related,
        persons_with_relatives,
    })
}

/// What the histogram of patterns tells.
struct Tally {
    pairs: u64,
    links: u64,
    related: u64,
    /// Pairs whose templates contradict each other.
    contradicting: u64,
    /// Sum of the links' match probabilities.
    probability: f64,
    bins: Vec<WeightBin>,
    first_found: Vec<u64>,
}

impl Tally {
    fn new(counts: &PatternCounts, scorer: &Scorer<'_>, threshold: f64, rules: usize) -> Self {
        let mut tally = Self {
            pairs: 0,
            links: 0,
            related: 0,
            contradicting: 0,
            probability: 0.0,
            bins: Vec::new(),
            first_found: vec![0; rules],
        };
        let mut bins: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        let mut patterns: Vec<(u64, u64)> = counts.iter().map(|(&p, &n)| (p, n)).collect();
        // Sums of floats depend on their order.
        patterns.sort_unstable();
        for (pattern, n) in patterns {
            let score = scorer.score(pattern);
            let is_link = score.is_link(threshold);
            tally.pairs += n;
            tally.contradicting += if scorer.contradicting(pattern).is_some() { n } else { 0 };
            let bin = bins.entry(score.weight.floor() as i64).or_default();
            bin.0 += n;
            if is_link {
                tally.links += n;
                tally.probability += n as f64 * score.probability;
                bin.1 += n;
            }
            tally.related += if score.related >= 0.5 { n } else { 0 };
            let first = (pattern >> RULE_SHIFT).trailing_zeros() as usize;
            if let Some(found) = tally.first_found.get_mut(first) {
                *found += n;
            }
        }
        tally.bins = bins
            .into_iter()
            .map(|(weight, (candidates, links))| WeightBin { weight: weight as f64, candidates, links })
            .collect();
        tally
    }
}

/// Whether a record with these attributes, a bit each, would be linked to another if all that can agree did, values that
/// two records have in common and templates as alike as any, and every record had one to be linked to.
fn could_link(results: &Results<'_>, scorer: &Scorer<'_>, threshold: f64, has: u64) -> bool {
    let mut pattern = 0;
    for (k, comparison) in results.comparisons.iter().enumerate() {
        let is_there = |attribute: usize| has >> attribute & 1 == 1;
        let levels = if comparison.positions.is_empty() {
            if is_there(comparison.attribute) { comparison.exact } else { 0 }
        } else if comparison.positions.iter().any(|position| is_there(position.attribute)) {
            comparison.levels() - 1
        } else {
            0
        };
        let occurs = |level: usize| comparison.coincidences.get(level - 1).is_none_or(|&pairs| pairs > 0.0);
        let worth = |level: usize| scorer.bits(k, comparison.with_level(0, level));
        let known = (1..=levels).filter(|&level| occurs(level) && worth(level) > 0.0);
        if let Some(best) = known.max_by(|&a, &b| worth(a).total_cmp(&worth(b))) {
            pattern = comparison.with_level(pattern, best);
        }
    }
    let (score, records) = (scorer.score(pattern), f64::from(results.store.len()));
    let weight = score.weight + (records / results.model.matches).log2().max(0.0);
    pattern != 0 && score.borne && 1.0 / (1.0 + (-weight).exp2()) >= threshold
}

fn persons(
    results: &Results<'_>,
    (profiles, unplaced): (&Profiles, Unplaced),
    captured: Captured,
) -> Distinct {
    let observed = profiles.person_count();
    let matches = Matches {
        records: profiles.person_records(),
        observed,
        pairs: profiles.person_pairs(),
        matches: captured.all,
        blocking_recall: captured.recall(),
    };
    let wrong = risk::false_merges(&results.clusters.spanning);
    let missed = risk::missed_merges(&matches, wrong);
    Distinct::persons((observed, unplaced), matches.records, wrong, missed, risk::blocking_variance(&matches))
}

/// The links among the pairs that were kept.
#[derive(Debug)]
pub struct KeptLinks<'a> {
    /// The pairs.
    pub pairs: &'a Kept<ScoredPair>,
    /// Weighs them.
    pub scorer: &'a Scorer<'a>,
    /// The match probability from which a pair is a link.
    pub threshold: f64,
}

impl cluster::Links for KeptLinks<'_> {
    fn each(&self, take: &mut dyn FnMut(&[Link]) -> Result<()>) -> Result<()> {
        let mut scores = Scores::new(self.scorer);
        let mut links = Vec::new();
        self.pairs.each(|pairs| {
            links.clear();
            for pair in pairs {
                let score = scores.score(pair.pattern);
                if score.is_link(self.threshold) {
                    links.push(Link { left: pair.left, right: pair.right, weight: score.weight as f32 });
                }
            }
            take(&links)
        })
    }

    fn most(&self) -> u64 {
        self.pairs.len()
    }
}

/// Nanoseconds on two processors that a pair takes to be looked at for related people.
const RELATE: f64 = 6.0;

/// Related pairs by the traits they share, most frequent first, and the persons in any of them.
fn relations(results: &Results<'_>, scorer: &Scorer<'_>, context: &Context) -> Result<(Vec<Relation>, u64)> {
    let forest = &results.clusters.forest;
    let mut held = context.memory.reserve("relatives", Bits::bytes(forest.len()))?;
    let persons = Bits::new(forest.len());
    let mut bases: BTreeMap<u64, (u64, Bits)> = BTreeMap::new();
    let shareable: Vec<(usize, &Comparison)> =
        results.comparisons.iter().enumerate().filter(|(_, c)| c.kind.is_shareable()).collect();
    let mut scores = Scores::new(scorer);
    results.pairs.each(|pairs| {
        context.cancel.check()?;
        context.progress.worked(pairs.len() as f64 * RELATE);
        for pair in pairs {
            if scores.score(pair.pattern).related < 0.5 {
                continue;
            }
            let (left, right) = (forest.root(pair.left), forest.root(pair.right));
            if left == right {
                continue;
            }
            let agrees = |(_, c): &&(usize, &Comparison)| (1..=c.exact).contains(&c.level(pair.pattern));
            let basis = shareable.iter().filter(agrees).fold(0u64, |bits, (k, _)| bits | 1 << k);
            if !bases.contains_key(&basis) {
                let bytes = held.bytes() + Bits::bytes(forest.len());
                held.grow_to(bytes)?;
            }
            let (pairs, members) = bases.entry(basis).or_insert_with(|| (0, Bits::new(forest.len())));
            *pairs += 1;
            for set in [&*members, &persons] {
                set.insert(left);
                set.insert(right);
            }
        }
        Ok(())
    })?;
    let name = |basis: u64| {
        let names: Vec<&str> =
            shareable.iter().filter(|(k, _)| basis >> k & 1 == 1).map(|(_, c)| c.name.as_str()).collect();
        if names.is_empty() { "similar traits".to_owned() } else { format!("same {}", names.join(" + ")) }
    };
    let mut relations: Vec<Relation> = bases
        .into_iter()
        .map(|(basis, (pairs, members))| Relation { basis: name(basis), pairs, persons: members.count() })
        .collect();
    relations.sort_by(|a, b| b.pairs.cmp(&a.pairs).then_with(|| a.basis.cmp(&b.basis)));
    Ok((relations, persons.count()))
}

fn write(out: &Path, table: &Table) -> Result<()> {
    let mut writer =
        TableWriter::create(&out.join("tables"), &format!("{}.parquet", table.name), table.batch.schema())?;
    writer.write(&table.batch)?;
    writer.finish().map(|_| ())
}
