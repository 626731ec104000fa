//! Whether all pairs are compared or those that share a cell, by what each takes.
//!
//! The unit is what a thread takes for the product of 64 numbers of two packed rows. Everything here is
//! arithmetic on a sample, so that the same templates have the same plan on every machine; seconds come from
//! the kernel's rate and decide nothing.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use serde::Serialize;

use super::axes::sample;
use super::cells::Mean;
use super::filter::{Filter, PAIR, PASSED};
use super::orthant::{Orthant, share};
use super::{Options, Scored};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::simd::{DEPTH, Level};
use crate::runtime::Context;
use crate::store::templates::{ONE, Templates};

/// Pairs up to which all of them are compared where the method is left open: six million templates, an hour of two
/// cores with VNNI.
const ALL: f64 = 2e13;

/// The loss of pairs that share no cell that a plan is made for: with those of the filter one in a hundred.
const LOSS: f64 = 0.0075;

/// Cells are as many as a power of two with this exponent.
const CELLS: std::ops::RangeInclusive<u32> = 8..=20;

/// What asking whether a template is in a cell takes: 0.1 ns.
const ASKED: f64 = 0.5;

/// Reaches that are tried, in hundredths of a standard deviation.
const REACHES: std::ops::Range<u32> = 100..450;

/// What packing a row anew for one of its cells takes, for each block that it meets: 38 ns against 0.12 ns.
const GATHER: f64 = 320.0;

/// Rows that a block is taken to have, for a plan must not depend on memory: those of 512 numbers in 16 GiB.
const BLOCK: f64 = 1.5e6;

/// What a pair takes that a filter lets pass of those drawn at random: those that are alike and share several cells
/// pass in each, and their rows are read from anywhere.
const FAR: f64 = 3_000.0;

/// Rows of a cell that are compared as if it had as many more: those that pad, and those of a strip's corner.
const PADS: f64 = 200.0;

/// Pairs that say how similar those are that are looked for; of fewer, all are taken to lie at the threshold.
const LEAST_PAIRS: usize = 500;

/// Rows of the sample whose pairs tell how alike strangers are.
const ROWS: (u64, u64) = (256, 4_096);

/// What the draws of the samples are called.
const DRAWS: (u64, u64) = (508, 509);

/// Which pairs are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// Up to six million templates all, above those that share a cell where that is cheaper.
    #[default]
    Auto,
    /// All.
    AllPairs,
    /// Those that share a cell.
    Partitions,
}

/// The cells of a join by partitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Plan {
    /// Cells that there are.
    pub cells: u32,
    /// How far a cell reaches from the mean, in standard deviations along its direction.
    pub reach: f64,
    /// Cells that a template is in, in the mean.
    pub cells_per_row: f64,
    /// The share of pairs that are compared, one that shares two cells twice.
    pub work: f64,
    /// The share of the pairs looked for that are expected to share no cell.
    pub loss: f64,
}

/// What a join is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Pairs that the filter tests.
    pub compared: f64,
    /// Products of 64 numbers.
    pub units: f64,
    /// Seconds, of this kernel on this many threads.
    pub seconds: f64,
    /// Bytes of templates and of what goes with them, whether they are in memory or on disk.
    pub bytes: f64,
}

impl Cost {
    /// Adds the work of so many units.
    pub fn add(&mut self, units: f64, level: Level, threads: usize) {
        self.units += units;
        self.seconds += units * unit(level) * 1e-9 / threads.max(1) as f64;
    }
}

/// The size of a join.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Templates.
    pub rows: f64,
    /// Pairs of them that may be looked for.
    pub pairs: f64,
    /// Numbers of a row at rest.
    pub stride: usize,
}

impl Size {
    /// The size of a join of these templates.
    pub fn of(templates: &Templates, second: Option<u32>) -> Self {
        let rows = f64::from(templates.len());
        let pairs = match second {
            Some(second) => f64::from(second) * (rows - f64::from(second)),
            None => rows * (rows - 1.0).max(0.0) / 2.0,
        };
        Self { rows, pairs, stride: templates.stride() }
    }
}

/// What finding the axes takes for each cube of the numbers of a row, and turning a row for each square: 0.2 s and
/// 1.6 µs of 512 numbers.
const AXES: (f64, f64) = (12.0, 0.05);

/// Units of a pair where a filter of the leading numbers is there.
const FILTERED: f64 = 3.0;

/// What finding the axes takes and turning the templates, in units.
pub fn turning(size: Size) -> f64 {
    let stride = size.stride as f64;
    AXES.0 * stride.powi(3) + AXES.1 * size.rows * stride * stride
}

/// Whether a filter saves more than finding the axes and turning the templates takes: from 27,000 templates of 512
/// numbers on, or 8,000 of 128.
pub fn turning_pays(size: Size) -> bool {
    let stride = size.stride as f64;
    let saved = (stride / DEPTH as f64 + PAIR - FILTERED).max(1.0);
    size.pairs * saved > turning(size)
}

/// Nanoseconds of a unit for a thread of a kernel.
///
/// Those of `avx512_vnni` and `avx2` were measured (docs/performance.md), that of `amx_int8` is the rate of a C program;
/// those of `neon` and `scalar` are guesses.
fn unit(level: Level) -> f64 {
    match level {
        Level::Amx => 0.035,
        Level::Avx512 => 0.12,
        Level::Avx2 => 0.8,
        Level::Neon => 0.5,
        Level::Scalar => 8.0,
    }
}

/// What a join of this size takes, of all pairs or of those that share a cell of `plan`.
///
/// Reading and turning templates are not in it. Bytes: 2 a number at rest and what the filter packs; with
/// cells, 4 for each of a template's.
pub fn cost(size: Size, filter: &Filter, plan: Option<&Plan>, level: Level, threads: usize) -> Cost {
    let per_pair = filter.depth as f64 / DEPTH as f64 + PAIR;
    let passed = size.pairs * filter.passing * size.stride as f64 / 512.0;
    let at_rest = (2 * size.stride + 2 * filter.depth) as f64;
    let (compared, units, bytes) = match plan {
        None => (size.pairs, size.pairs * per_pair + passed * PASSED, size.rows * at_rest),
        Some(plan) => {
            let assigned = size.rows * f64::from(plan.cells) * ASKED;
            let blocks = (size.rows / BLOCK).max(1.0);
            let of_cell = (size.rows / blocks * plan.cells_per_row / f64::from(plan.cells)).max(1.0);
            let compared = size.pairs * plan.work * (1.0 + PADS / of_cell);
            let gathered = size.rows * plan.cells_per_row * blocks * GATHER;
            let bytes = size.rows * (at_rest + 4.0 * plan.cells_per_row);
            // What passes is alike and mostly shares a cell.
            (compared, assigned + compared * per_pair + gathered + passed * FAR, bytes)
        }
    };
    let mut cost = Cost { compared, units: 0.0, seconds: 0.0, bytes };
    cost.add(units, level, threads);
    cost
}

/// What decides on cells: how similar the pairs looked for are, and how similar strangers.
#[derive(Debug)]
pub struct Alike {
    /// Cosines of pairs that are looked for, less the mean of all templates.
    pub wanted: Vec<f64>,
    /// Cosines of pairs drawn at random.
    pub strangers: Vec<f64>,
}

impl Alike {
    /// Measures both, the first on pairs `known` from an exact search.
    ///
    /// # Errors
    /// As [`Templates::gather`].
    pub fn of(templates: &Templates, known: &[Scored], threshold: f64, context: &Context) -> Result<Self> {
        let mean = Mean::of(templates, context)?;
        let gather = |rows: &[u32]| -> Result<Mat<f32>> {
            let (numbers, dims) = (templates.gather(rows, context)?, templates.dims());
            let mut unit = Mat::zeros(rows.len(), dims);
            for (at, row) in numbers.chunks_exact(templates.stride()).enumerate() {
                let off = mean.distance(row);
                let scale = if off > 0.0 { 1.0 / off } else { 0.0 };
                for (k, &x) in row[..dims].iter().enumerate() {
                    unit[(at, k)] = (f32::from(x) / ONE - mean.numbers[k]) * scale;
                }
            }
            Ok(unit)
        };
        let [few, many] = [(ROWS.0, DRAWS.0), (ROWS.1, DRAWS.1)]
            .map(|(most, draw)| sample(templates.len(), most, context.seed, draw));
        let mut products = Mat::<f32>::zeros(few.len(), many.len());
        matmul(&mut products, Accum::Replace, &gather(&few)?, gather(&many)?.transpose(), 1.0, Par::Seq);
        let apart = |(i, j): (usize, usize)| (few[i] != many[j]).then(|| f64::from(products[(i, j)]));
        let strangers =
            (0..few.len()).flat_map(|i| (0..many.len()).map(move |j| (i, j))).filter_map(apart).collect();
        let mut wanted = vec![threshold];
        if known.len() >= LEAST_PAIRS {
            let mut rows: Vec<u32> = known.iter().flat_map(|pair| [pair.left, pair.right]).collect();
            rows.sort_unstable();
            rows.dedup();
            let (unit, at) = (gather(&rows)?, |row: u32| rows.binary_search(&row).unwrap_or(0));
            let cosine = |pair: &Scored| {
                let (a, b) = (unit.row(at(pair.left)), unit.row(at(pair.right)));
                a.iter().zip(b.iter()).map(|(a, b)| f64::from(a * b)).sum()
            };
            wanted = known.iter().map(cosine).collect();
        }
        Ok(Self { wanted, strangers })
    }

    /// The plan with this many cells whose loss is just allowed.
    pub fn plan(&self, cells: u32) -> Plan {
        let loss = |orthant: &Orthant| mean(&self.wanted, |cosine| 1.0 - orthant.meet(cosine, cells));
        // Farther out, fewer share a cell: the farthest reach that loses no more is found by halving.
        let (mut low, mut high) = (REACHES.start, REACHES.end);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if loss(&Orthant::new(f64::from(middle) / 100.0)) <= LOSS { low = middle } else { high = middle }
        }
        let reach = f64::from(low) / 100.0;
        let orthant = Orthant::new(reach);
        Plan {
            cells,
            reach,
            cells_per_row: f64::from(cells) * share(reach),
            work: f64::from(cells) * mean(&self.strangers, |cosine| orthant.both(cosine)),
            loss: loss(&orthant),
        }
    }

    /// The plan that costs the least.
    pub fn cheapest(&self, size: Size, filter: &Filter) -> Plan {
        let cost = |plan: &Plan| cost(size, filter, Some(plan), Level::Scalar, 1).units;
        let plans = CELLS.map(|power| self.plan(1 << power));
        plans
            .reduce(|a, b| if cost(&b) < cost(&a) { b } else { a })
            .unwrap_or_else(|| self.plan(1 << CELLS.end()))
    }
}

fn mean(of: &[f64], what: impl Fn(f64) -> f64) -> f64 {
    of.iter().map(|&x| what(x)).sum::<f64>() / of.len().max(1) as f64
}

/// Whether a join may be one of pairs that share a cell.
pub fn may_cut(size: Size, options: &Options) -> bool {
    options.method == Method::Partitions
        || options.method == Method::Auto && !options.exact && size.pairs > ALL
}

/// The cells of a join of `size`, chosen on its templates or on some of them; `None` where all pairs are compared.
///
/// # Errors
/// [`ErrorKind::Spec`] where partitions are wanted of a join that may lose nothing; as [`Templates::gather`].
pub fn choose(
    templates: &Templates,
    filter: &Filter,
    known: &[Scored],
    size: Size,
    options: &Options,
    context: &Context,
) -> Result<Option<Plan>> {
    if !may_cut(size, options) {
        return Ok(None);
    }
    if options.exact {
        return Err(Error::new(ErrorKind::Spec, "a join by partitions loses pairs, and none may be lost")
            .hint("leave `exact` out, or compare all pairs"));
    }
    let open = options.method == Method::Auto;
    let plan = Alike::of(templates, known, options.threshold, context)?.cheapest(size, filter);
    let units = |plan: Option<&Plan>| cost(size, filter, plan, Level::Scalar, 1).units;
    Ok((!open || units(Some(&plan)) < units(None)).then_some(plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs at a cosine of 0.64 ± 0.1 and strangers at 0 ± 0.06, by quantiles of triangles.
    fn faces() -> Alike {
        let spread = |middle: f64, width: f64| {
            let at = move |k: u32| {
                let u = (f64::from(k) + 0.5) / 1_000.0;
                let side = if u < 0.5 { (2.0 * u).sqrt() - 1.0 } else { 1.0 - (2.0 - 2.0 * u).sqrt() };
                middle + width * 2.45 * side
            };
            (0..1_000).map(at).collect()
        };
        Alike { wanted: spread(0.64, 0.1), strangers: spread(0.0, 0.06) }
    }

    fn size(rows: f64) -> Size {
        Size { rows, pairs: rows * rows / 2.0, stride: 512 }
    }

    fn filter() -> Filter {
        Filter { depth: 128, share: 0.3, exact: false, passing: 2e-5, ..Filter::whole(512, 512, 0.4) }
    }

    #[test]
    fn test_a_plan_keeps_to_the_loss_and_more_cells_save_work() {
        let plans: Vec<Plan> = CELLS.map(|power| faces().plan(1 << power)).collect();
        assert!(plans.iter().all(|plan| plan.loss <= LOSS && plan.loss > LOSS / 3.0), "{plans:?}");
        assert!(plans.windows(2).all(|two| two[1].work < two[0].work && two[1].reach > two[0].reach));
        let last = plans.last().expect("one");
        assert!(last.work < 0.15 && last.cells_per_row < 200.0, "{last:?}");
    }

    #[test]
    fn test_a_filter_pays_where_there_are_many() {
        let least = |stride: usize| {
            let pays = |rows: &u32| {
                let rows = f64::from(*rows) * 1_000.0;
                turning_pays(Size { rows, pairs: rows * rows / 2.0, stride })
            };
            (1..1_000).find(pays).expect("a thousand thousands are many")
        };
        assert!(
            (6..=9).contains(&least(128)) && (24..=30).contains(&least(512)),
            "{} {}",
            least(128),
            least(512)
        );
        assert!(least(512) < least(2_048));
    }

    #[test]
    fn test_costs_grow_with_the_square_and_cells_pay_where_there_are_many() {
        let filter = filter();
        let all = |rows| cost(size(rows), &filter, None, Level::Avx512, 2);
        assert!((all(2e7).units / all(1e7).units - 4.0).abs() < 1e-9);
        assert!(
            (all(1e7).seconds * 2.0 / cost(size(1e7), &filter, None, Level::Avx512, 1).seconds - 1.0).abs()
                < 1e-9
        );
        let cells = |rows| {
            let plan = faces().cheapest(size(rows), &filter);
            (plan, cost(size(rows), &filter, Some(&plan), Level::Avx512, 2))
        };
        assert!(cells(1e4).1.units > all(1e4).units);
        let ratios: Vec<f64> =
            [1e5, 1e6, 1e7, 1e8].map(|rows| cells(rows).1.units / all(rows).units).to_vec();
        assert!(ratios.windows(2).all(|two| two[1] < two[0]) && ratios[2] < 0.4, "{ratios:?}");
        assert_eq!(cells(1e8).0.cells, 1 << CELLS.end());
        // A hundred million templates take more than fits most memories, and less than 200 GB.
        assert!((1e11..2e11).contains(&cells(1e8).1.bytes));
    }
}
