//! What the joins of templates of a run will take, from the templates of a sample.
//!
//! Templates are compared all with all, so how many pairs that is follows from their number alone. From which
//! similarity on pairs are found is told by random pairs of the sample, and how many that are too.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::block::nearest::axes::sample;
use crate::block::nearest::orthant::share;
use crate::block::nearest::plan::Size;
use crate::block::nearest::{self, Options, look, similarity};
use crate::block::sketch::Sketch;
use crate::compare::Comparison;
use crate::error::Result;
use crate::kernel::simd::Level;
use crate::pipeline::templates::tell;
use crate::runtime::Context;
use crate::spec::LinkageSpec;
use crate::store::Store;
use crate::store::gallery::{Gallery, Template};
use crate::store::templates::NOBODY;

/// Templates of the sample that meet, one side and the other: four million pairs, a tenth of a second.
const SIDES: [u64; 2] = [256, 16_384];

/// What their draws are called.
const DRAWS: [u64; 2] = [514, 515];

/// Templates of the other side that are at hand at a time.
const TOGETHER: usize = 1_024;

/// Bins of similarities.
const BINS: usize = 2_000;

/// The share of random pairs that tells how similar strangers are, a standard deviation above their mean: farther out
/// more and more are of one person.
const MIDDLE: f64 = 0.158_655;

/// How much slower than it did the number of strangers falls where most pairs are of one person: as in
/// `templates/rates.rs`.
const SLOWER: f64 = 0.6;

/// The share of strangers from whose similarity on pairs are looked at, whatever is wanted, and the steps in which
/// similarities are: those of the rates that a run measures.
const FIRST: f64 = 0.05;
const STEP: f64 = 0.01;

/// Nanoseconds in which a thread compares two templates of 512 numbers that are drawn: 800 million pairs in six seconds
/// of two.
const DRAWN: f64 = 15.0;

/// The join of the templates of one comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExpectedJoin {
    /// The comparison: the attribute, or the name of several that are fused.
    pub attribute: String,
    /// Templates that are compared, of all its attributes.
    pub templates: u64,
    /// Pairs of templates that are compared.
    pub compared: u64,
    /// The least similarity of a pair that is looked for, by attribute.
    pub from: Vec<f64>,
    /// Pairs of records that are found.
    pub pairs: u64,
    /// Seconds that comparing random pairs takes, finding all that are alike, and stating the recall.
    pub seconds: f64,
    /// Bytes at rest and while they are joined, by attribute.
    #[serde(skip)]
    bytes: Vec<[f64; 2]>,
}

impl ExpectedJoin {
    /// Bytes of the templates at rest, by attribute.
    pub(super) fn bytes_at_rest(&self) -> impl Iterator<Item = f64> + '_ {
        self.bytes.iter().map(|[at_rest, _]| *at_rest)
    }

    /// Bytes beside those while the largest attribute is joined.
    pub(super) fn bytes_joining(&self) -> f64 {
        self.bytes.iter().map(|[_, joining]| *joining).fold(0.0, f64::max)
    }
}

/// What becomes of the templates of each of `comparisons`, of which `store` holds a sample.
///
/// # Errors
/// As [`nearest::expected`] and [`look::expected`].
pub(super) fn expected(
    store: &Store,
    sketch: &Sketch<'_>,
    comparisons: &[Comparison],
    linkage: &LinkageSpec,
    context: &Context,
) -> Result<Vec<ExpectedJoin>> {
    comparisons.iter().map(|comparison| join(store, sketch, comparison, linkage, context)).collect()
}

fn join(
    store: &Store,
    sketch: &Sketch<'_>,
    comparison: &Comparison,
    linkage: &LinkageSpec,
    context: &Context,
) -> Result<ExpectedJoin> {
    let positions = comparison.positions.len();
    let mut join = ExpectedJoin {
        attribute: comparison.name.clone(),
        templates: 0,
        compared: 0,
        from: Vec::new(),
        pairs: 0,
        seconds: 0.0,
        bytes: Vec::new(),
    };
    // Strangers of several positions are others each time, and people the same.
    let (mut strangers, mut persons) = (0.0, 0.0f64);
    for position in &comparison.positions {
        let Some(gallery) = store.templates[position.attribute].as_ref() else { continue };
        let sources = gallery.sources().iter().enumerate();
        let rows: f64 = sources.map(|(at, source)| source.tally.usable as f64 * sketch.each(at)).sum();
        if rows < 2.0 || gallery.len() < 2 {
            continue;
        }
        let drawn = Drawn::of(gallery, sketch, context)?;
        let wanted = (tell::STRANGERS_PER_TEMPLATE * rows + tell::STRANGERS_FREE) / positions as f64;
        let stated = gallery.stated(linkage.templates_of(gallery.attribute()));
        let least = if matches!(gallery, Gallery::Irises(_)) { look::least(rows) } else { tell::LEAST };
        let from = stated.unwrap_or_else(|| drawn.similarity_of(wanted).max(least)).clamp(tell::LEAST, 1.0);
        let (cost, at_rest) = match gallery {
            Gallery::Vectors(templates) => {
                let size = Size { rows, pairs: rows * (rows - 1.0) / 2.0, stride: templates.stride() };
                let cost = nearest::expected(templates, size, &Options::new(from), context)?;
                (cost, rows * 2.0 * templates.stride() as f64)
            }
            Gallery::Irises(irises) => {
                (look::expected(irises, rows, context)?, rows * gallery.bytes() as f64)
            }
        };
        let filled = gallery.sources().iter().filter(|source| source.tally.usable > 0).count();
        let random = random_pairs(rows, filled.max(1) as f64, positions);
        // Of several positions they are compared each by itself and then together.
        let times = if positions > 1 { 2.0 } else { 1.0 };
        let random = match gallery {
            Gallery::Irises(_) => look::in_all_turns(random * times, context),
            Gallery::Vectors(templates) => {
                let threads = context.pool.current_num_threads() as f64;
                random * times * DRAWN * templates.stride() as f64 / 512.0 * 1e-9 / threads
            }
        };
        let found = drawn.pairs(from);
        let of_strangers = drawn.strangers(from).min(found);
        strangers += of_strangers;
        persons = persons.max(found - of_strangers);
        join.templates += rows.round() as u64;
        join.from.push(from);
        join.compared += cost.compared.round() as u64;
        join.seconds += random + cost.seconds;
        join.bytes.push([at_rest, (cost.bytes - at_rest).max(0.0)]);
    }
    join.pairs = (strangers + persons) as u64;
    Ok(join)
}

/// Pairs that are drawn and compared, of `rows` templates in so many sources.
fn random_pairs(rows: f64, sources: f64, positions: usize) -> f64 {
    let each = if positions > 1 { tell::PAIRS_OF_POSITION } else { tell::PAIRS_PER_TEMPLATE };
    let side = (2.0 * each * rows / sources).sqrt().clamp(tell::LEAST_SIDE as f64, tell::SIDE as f64);
    let drawn = (side * sources).min(rows);
    drawn * drawn / 2.0
}

/// How alike pairs of the sample are that are drawn at random, each counted for as many as it stands for.
struct Drawn {
    /// Pairs at least so similar, for every edge of [`BINS`] bins from −1 to 1.
    above: Vec<f64>,
    /// Mean and standard deviation of strangers.
    strangers: [f64; 2],
}

impl Drawn {
    fn of(gallery: &Gallery, sketch: &Sketch<'_>, context: &Context) -> Result<Self> {
        let records = gallery.records();
        let usable: Vec<u32> = (0..gallery.len()).filter(|&row| records[row as usize] != NOBODY).collect();
        let draw = |at: usize| -> Vec<u32> {
            let places = sample(usable.len() as u32, SIDES[at], context.seed, DRAWS[at]);
            places.into_iter().map(|place| usable[place as usize]).collect()
        };
        let [few, many] = [draw(0), draw(1)];
        let bytes = (few.len() + TOGETHER) as u64 * gallery.bytes() + (few.len() * BINS * 8) as u64;
        let _held = context.memory.reserve("sampled templates", bytes)?;
        let left = gallery.gather(&few, context)?;
        // Every pair of the sample may be drawn from either side.
        let all = usable.len() as f64;
        let each = all * all / (2.0 * few.len() as f64 * many.len() as f64);
        let kernel = Level::best();
        let mut bins = vec![0.0; BINS];
        for many in many.chunks(TOGETHER) {
            let right = gallery.gather(many, context)?;
            let of_row = |(row, template): (&u32, &Template)| {
                context.cancel.check()?;
                let (probe, mut bins) = (template.probe(), vec![0.0; BINS]);
                for (other, template) in many.iter().zip(&right).filter(|(other, _)| *other != row) {
                    let (a, b) = (records[*row as usize], records[*other as usize]);
                    let bin = bin(f64::from(similarity(probe.product(kernel, template))));
                    bins[bin] += sketch.weight(a.min(b), a.max(b)) * each;
                }
                Ok(bins)
            };
            let made: Vec<Vec<f64>> =
                context.pool.install(|| few.par_iter().zip(&left).map(of_row).collect::<Result<_>>())?;
            // In the order of the rows, for sums of floats depend on theirs.
            made.iter().for_each(|more| bins.iter_mut().zip(more).for_each(|(bin, more)| *bin += more));
        }
        Ok(Self::counted(&bins))
    }

    fn counted(bins: &[f64]) -> Self {
        let mut above: Vec<f64> = bins
            .iter()
            .rev()
            .scan(0.0, |sum, pairs| {
                *sum += pairs;
                Some(*sum)
            })
            .collect();
        above.reverse();
        above.push(0.0);
        let mut drawn = Self { above, strangers: [0.0, 1.0] };
        let mean = drawn.at(0.5);
        drawn.strangers = [mean, ((drawn.at(MIDDLE) - mean) / upper(MIDDLE)).max(1e-6)];
        drawn
    }

    /// All pairs.
    fn total(&self) -> f64 {
        self.above[0].max(1.0)
    }

    /// The similarity that a share of the pairs is at or above.
    fn at(&self, share: f64) -> f64 {
        let edge = self.above.partition_point(|&pairs| pairs > share * self.total());
        edge as f64 / BINS as f64 * 2.0 - 1.0
    }

    /// Pairs that are at least so similar.
    fn pairs(&self, from: f64) -> f64 {
        self.above[bin(from)]
    }

    /// Pairs of strangers that are.
    fn strangers(&self, from: f64) -> f64 {
        let [mean, deviation] = self.strangers;
        self.total() * share((from - mean) / deviation)
    }

    /// The least similarity that a run looks at from which on it expects no more than `wanted` pairs of strangers.
    ///
    /// It takes pairs for strangers while most are, and beyond has their number fall slower than it did.
    fn similarity_of(&self, wanted: f64) -> f64 {
        let first = (self.at(FIRST) / STEP).floor() * STEP;
        if wanted >= FIRST * self.total() {
            return first;
        }
        let steps = || (0..).map(|step| first + f64::from(step) * STEP).take_while(|&at| at < 1.0);
        let [mean, deviation] = self.strangers;
        let at = match steps().find(|&at| self.strangers(at) < 0.5 * self.pairs(at)) {
            Some(end) if self.strangers(end) > wanted => {
                let pairs = self.pairs(end);
                let decade = steps().take_while(|&at| self.pairs(at) >= 10.0 * pairs).last().unwrap_or(first);
                let slope = (self.pairs(decade) / pairs).ln() / (end - decade).max(STEP);
                end + (pairs / wanted.max(1.0)).ln() / (slope * SLOWER).max(1e-9)
            }
            _ => mean + deviation * upper(wanted / self.total()),
        };
        ((at / STEP - 1e-6).ceil() * STEP).min(1.0)
    }
}

/// The bin of a similarity.
fn bin(similarity: f64) -> usize {
    // What is at an edge but for rounding is in the bin above it.
    (((similarity + 1.0) / 2.0 * BINS as f64 + 1e-6).max(0.0) as usize).min(BINS - 1)
}

/// What a share `wanted` of standard normal numbers is at or above.
fn upper(wanted: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 38.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if share(middle) > wanted { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_a_few_shares_of_normal_numbers() {
        for (share, number) in [(0.5, 0.0), (0.158_655_3, 1.0), (0.022_750_1, 2.0), (2.866_5e-7, 5.0)] {
            assert!((upper(share) - number).abs() < 1e-4, "{share}: {}", upper(share));
        }
    }

    /// Strangers at 0 ± 0.06, and so many of a thousand pairs of one person at 0.5 and above.
    fn pairs(of_persons: f64) -> Drawn {
        let edge = |bin: usize| bin as f64 / BINS as f64 * 2.0 - 1.0;
        let strangers = |bin: usize| share(edge(bin) / 0.06) - share(edge(bin + 1) / 0.06);
        let persons = |bin: usize| if edge(bin) >= 0.5 { of_persons / 1e3 / (BINS / 4) as f64 } else { 0.0 };
        Drawn::counted(&(0..BINS).map(|bin| 1e9 * (strangers(bin) + persons(bin))).collect::<Vec<_>>())
    }

    #[test]
    fn test_strangers_are_told_from_persons_who_are_few() {
        for of_persons in [0.0, 0.1, 2.0] {
            let drawn = pairs(of_persons);
            let [mean, deviation] = drawn.strangers;
            assert!(mean.abs() < 2e-3 && (deviation / 0.06 - 1.0).abs() < 0.02, "{mean} {deviation}");
            // One in twenty strangers is at 0.0987, one in fifty at 0.123; persons move the first into the next step.
            assert!((0.09..0.101).contains(&drawn.similarity_of(9e9)));
            assert!((drawn.similarity_of(2e7) - 0.13).abs() < 1e-9);
            let persons = drawn.pairs(0.4) - drawn.strangers(0.4);
            assert!((persons - of_persons * 1e6).abs() < 1e3, "{persons}");
        }
    }

    #[test]
    fn test_where_most_are_of_one_person_strangers_fall_slower() {
        // Without anybody twice, one in a hundred thousand is at 0.256.
        let at = [0.0, 0.2, 1.0].map(|of_persons| pairs(of_persons).similarity_of(1e4));
        assert!((0.26..0.271).contains(&at[0]), "{at:?}");
        // 3.2e-4 of all pairs are at 0.22, falling by a factor of 12 from 0.16 on: 0.6 of that slope is 25.
        assert!((at[1] - 0.36).abs() < 0.011, "{at:?}");
        assert!(at[1] < at[2] && at[2] < 0.5, "{at:?}");
    }
}
