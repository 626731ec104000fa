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
use crate::spec::{LinkageSpec, Threshold};
use crate::store::Store;
use crate::store::gallery::Gallery;
use crate::store::templates::NOBODY;

/// Templates of the sample that meet, one side and the other: four million pairs, a tenth of a second.
const SIDES: [u64; 2] = [256, 16_384];

/// What their draws are called.
const DRAWS: [u64; 2] = [514, 515];

/// The share of random pairs that tells how similar strangers are: farther out more and more are of one person.
const TAIL: f64 = 0.01;

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
        let stated = match linkage.templates_of(gallery.attribute()).map(|asked| asked.threshold) {
            Some(Threshold::At(similarity)) => Some(similarity),
            _ => None,
        };
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

/// Pairs of the sample drawn at random, and what they stand for.
struct Drawn {
    /// Similarities, descending, each with the pairs that it stands for.
    pairs: Vec<(f32, f64)>,
    /// All pairs that these stand for.
    total: f64,
    /// Mean and standard deviation of a normal distribution with the middle and the upper end of strangers.
    strangers: [f64; 2],
}

impl Drawn {
    fn of(gallery: &Gallery, sketch: &Sketch<'_>, context: &Context) -> Result<Self> {
        let numbers: Vec<u32> = (0..gallery.len()).collect();
        let usable: Vec<u32> =
            numbers.into_iter().filter(|&row| gallery.records()[row as usize] != NOBODY).collect();
        let draw = |at: usize| -> Vec<u32> {
            let places = sample(usable.len() as u32, SIDES[at], context.seed, DRAWS[at]);
            places.into_iter().map(|place| usable[place as usize]).collect()
        };
        let [few, many] = [draw(0), draw(1)];
        let bytes = (few.len() + many.len()) as u64 * gallery.bytes() + (few.len() * many.len() * 16) as u64;
        let _held = context.memory.reserve("sampled templates", bytes)?;
        let (left, right) = (gallery.gather(&few, context)?, gallery.gather(&many, context)?);
        let (kernel, records) = (Level::best(), gallery.records());
        // Every pair of the sample may be drawn from either side.
        let all = usable.len() as f64;
        let each = all * all / (2.0 * few.len() as f64 * many.len() as f64);
        let of_row = |(row, template): (&u32, &crate::store::gallery::Template)| {
            context.cancel.check()?;
            let probe = template.probe();
            let others = many.iter().zip(&right).filter(|(other, _)| *other != row);
            let pairs = others.map(|(other, template)| {
                let (a, b) = (records[*row as usize], records[*other as usize]);
                let weight = sketch.weight(a.min(b), a.max(b)) * each;
                (similarity(probe.product(kernel, template)), weight)
            });
            Ok(pairs.collect::<Vec<(f32, f64)>>())
        };
        let made: Vec<Vec<(f32, f64)>> =
            context.pool.install(|| few.par_iter().zip(&left).map(of_row).collect::<Result<_>>())?;
        let mut pairs = made.concat();
        context.pool.install(|| {
            pairs.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| b.1.total_cmp(&a.1)));
        });
        let total = pairs.iter().map(|pair| pair.1).sum();
        let mut drawn = Self { pairs, total, strangers: [0.0, 0.0] };
        let (mean, end) = (drawn.at(0.5 * total), drawn.at(TAIL * total));
        drawn.strangers = [mean, ((end - mean) / upper(TAIL)).max(1e-6)];
        Ok(drawn)
    }

    /// The similarity that as many pairs are at or above.
    fn at(&self, pairs: f64) -> f64 {
        let mut above = 0.0;
        let found = self.pairs.iter().find(|pair| {
            above += pair.1;
            above >= pairs
        });
        found.or(self.pairs.last()).map_or(0.0, |pair| f64::from(pair.0))
    }

    /// Pairs that are at least so similar.
    fn pairs(&self, from: f64) -> f64 {
        self.pairs.iter().take_while(|pair| f64::from(pair.0) >= from).map(|pair| pair.1).sum()
    }

    /// Pairs of strangers that are.
    fn strangers(&self, from: f64) -> f64 {
        let [mean, deviation] = self.strangers;
        self.total * share((from - mean) / deviation)
    }

    /// The least similarity that is looked at from which on there are no more than `wanted` pairs of strangers.
    fn similarity_of(&self, wanted: f64) -> f64 {
        let wanted = wanted / self.total.max(1.0);
        if wanted >= FIRST {
            return (self.at(FIRST * self.total) / STEP).floor() * STEP;
        }
        let [mean, deviation] = self.strangers;
        let at = if wanted >= TAIL { self.at(wanted * self.total) } else { mean + deviation * upper(wanted) };
        (at / STEP).ceil() * STEP
    }
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

    #[test]
    fn test_strangers_are_told_from_persons_who_are_few() {
        // A hundred thousand pairs of strangers, 0 ± 0.06, and one in a thousand of a person at 0.6.
        let number = |k: u32| upper((f64::from(k) + 0.5) / 1e5) * 0.06;
        let mut pairs: Vec<(f32, f64)> = (0..100_000).map(|k| (number(k) as f32, 10.0)).collect();
        pairs.extend([(0.6, 10.0); 100]);
        pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut drawn = Drawn { pairs, total: 1_001_000.0, strangers: [0.0, 0.0] };
        let (mean, end) = (drawn.at(0.5 * drawn.total), drawn.at(TAIL * drawn.total));
        drawn.strangers = [mean, (end - mean) / upper(TAIL)];
        assert_eq!(drawn.similarity_of(1e9), 0.09, "one in twenty is at 0.099");
        assert_eq!(drawn.similarity_of(2e4), 0.13, "one in fifty is at 0.123");
        let at = drawn.similarity_of(3.0);
        assert!((0.25..0.31).contains(&at), "{at}");
        let persons = drawn.pairs(at) - drawn.strangers(at);
        assert!((900.0..1_100.0).contains(&persons), "{persons}");
    }
}
