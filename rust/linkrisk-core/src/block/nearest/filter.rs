//! The filter before the full product: leading numbers as int8, and the most that the others can add.
//!
//! ```text
//! a · b = p · p' + rounding + tail · tail'
//!         int8     |rounding| ≤ S|e| + S|e'| + |e||e'|        tail · tail' ≤ share · |tail| |tail'|
//! ```
//!
//! `e` is what rounding took from the leading numbers of a row and `S` what 1 is in int8. With a share of 1
//! that holds for every pair (Cauchy–Schwarz), so no pair is lost. Tails of similar templates hardly ever
//! point the same way, so a smaller share loses few pairs and lets far fewer pass; it is then chosen for a
//! stated loss, from pairs that an exact search of a sample found. All factors are those of a row alone,
//! so what passes depends neither on blocks nor on threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use serde::Serialize;

use super::Scored;
use super::axes::{Axes, sample};
use crate::error::Result;
use crate::kernel::simd::DEPTH;
use crate::runtime::Context;
use crate::store::templates::{ONE, Templates};

/// Most and least that 1 is in int8: above, the numbers of a template would be cut; tails fit 16 bits.
const SCALES: std::ops::RangeInclusive<f32> = 16.0..=4_000.0;

/// Standard deviations of a number within ±127: of a million templates of 128 numbers some tens are cut.
const DEVIATIONS: f32 = 5.0;

/// What a row of 512 numbers costs that passes, in products of 64 numbers: 20 ns against 0.12 ns.
pub(super) const PASSED: f64 = 170.0;

/// What a pair costs besides its product, in the same unit.
pub(super) const PAIR: f64 = 0.5;

/// Pairs that a share is chosen from; of fewer the share of the loss is not known, and nothing may be lost.
const LEAST_PAIRS: usize = 500;
pub(super) const MOST_PAIRS: usize = 4_096;

/// Rows of the sample whose pairs tell how many pass.
const ROWS: (u64, u64) = (256, 4_096);

/// What the draws of the samples are called.
const DRAWS: (u64, u64) = (502, 503);

/// How the leading numbers of templates are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filter {
    /// Leading numbers, a multiple of [`DEPTH`].
    pub depth: usize,
    /// What 1 is in int8.
    pub scale: f32,
    /// The share of the product of two tails that is allowed for, in (0, 1].
    pub share: f32,
    /// Whether no pair may be lost.
    pub exact: bool,
    /// The least cosine.
    pub threshold: f64,
    /// The share of unrelated pairs that are expected to pass.
    pub passing: f64,
    /// What else is asked of pairs that pass before their full product is taken.
    pub finer: Option<Finer>,
}

/// A second test, of more leading numbers to the same scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Finer {
    /// Leading numbers, a multiple of [`DEPTH`].
    pub depth: usize,
    /// The share of the product of two tails that is allowed for.
    pub share: f32,
}

impl Filter {
    /// All numbers of templates of a stride of `depth`, which nobody turned; no pair is lost.
    pub fn whole(dims: usize, depth: usize, threshold: f64) -> Self {
        let scale = scale_of(1.0, dims);
        Self { depth, scale, share: 1.0, exact: true, threshold, passing: 0.0, finer: None }
    }

    /// The filter that costs the least of those that lose at most a share `loss` of the pairs like `known`;
    /// with none, of those that lose no pair.
    ///
    /// # Errors
    /// As [`Templates::gather`].
    pub fn choose(
        templates: &Templates,
        axes: &Axes,
        threshold: f64,
        loss: Option<(f64, &[Scored])>,
        context: &Context,
    ) -> Result<Self> {
        let dims = templates.dims();
        let [few, many] = [(ROWS.0, DRAWS.0), (ROWS.1, DRAWS.1)]
            .map(|(most, draw)| sample(templates.len(), most, context.seed, draw));
        let (a, b) = (
            Leading::of(axes.along(&templates.gather(&few, context)?, templates.stride())),
            Leading::of(axes.along(&templates.gather(&many, context)?, templates.stride())),
        );
        let known = loss.map(|(loss, pairs)| Known::of(templates, axes, loss, pairs, context)).transpose()?;
        let mut products = Mat::<f32>::zeros(few.len(), many.len());
        let mut best = Self { depth: templates.stride(), ..Self::whole(dims, templates.stride(), threshold) };
        let mut least = f64::INFINITY;
        for depth in (DEPTH..=templates.stride()).step_by(DEPTH) {
            let (from, to) = (depth - DEPTH, depth.min(dims));
            let part = |rows: &Leading| rows.rows.subcols(from, to - from).to_owned();
            matmul(&mut products, Accum::Add, &part(&a), part(&b).transpose(), 1.0, Par::Seq);
            context.cancel.check()?;
            let norms = (0..many.len()).map(|row| f64::from(b.leading(row, to)));
            let scale = scale_of(norms.sum::<f64>() / many.len() as f64, to);
            let exact = known.is_none();
            let mut filter = Self { depth, scale, share: 1.0, exact, threshold, passing: 0.0, finer: None };
            if let Some(known) = &known {
                filter.share = known.share(&filter, to);
            }
            let slack = filter.typical_slack(to);
            let mut passed = 0u64;
            for (i, &left) in few.iter().enumerate() {
                for (j, &right) in many.iter().enumerate() {
                    let most = products[(i, j)] + filter.share * a.tail(i, to) * b.tail(j, to) + slack;
                    passed += u64::from(left != right && f64::from(most) >= threshold);
                }
            }
            filter.passing = passed as f64 / (few.len() * many.len()) as f64;
            let cost = depth as f64 / DEPTH as f64
                + PAIR
                + filter.passing * PASSED * templates.stride() as f64 / 512.0;
            if cost < least {
                (best, least) = (filter, cost);
            }
        }
        Ok(best)
    }

    /// This filter and a second test of twice its leading numbers, which loses at most a share `loss` more of the
    /// pairs like `known`; none where rows have no more, or nothing may be lost.
    ///
    /// # Errors
    /// As [`Templates::gather`].
    pub fn with_finer(
        self,
        templates: &Templates,
        axes: &Axes,
        (loss, known): (f64, &[Scored]),
        context: &Context,
    ) -> Result<Self> {
        let depth = 2 * self.depth;
        if self.exact || depth >= templates.stride() {
            return Ok(self);
        }
        let known = Known::of(templates, axes, loss, known, context)?;
        let share = known.share(&Self { depth, ..self }, depth.min(templates.dims()));
        Ok(Self { finer: Some(Finer { depth, share }), ..self })
    }

    /// The second test as a filter.
    pub fn second(&self) -> Option<Self> {
        self.finer.map(|Finer { depth, share }| Self { depth, share, finer: None, ..*self })
    }

    /// What rounding may take from the cosine of two rows like most.
    fn typical_slack(&self, numbers: usize) -> f32 {
        let off = (numbers as f32 / 12.0).sqrt() / self.scale;
        2.0 * if self.exact { off } else { off * LIKELY / (numbers as f32).sqrt() }
    }

    /// The least sum of those that pass.
    pub fn least(&self) -> i32 {
        let one = f64::from(self.scale);
        (self.threshold * one * one).floor() as i32
    }

    /// The leading numbers of a row in ±127, written to `numbers`; the factor of its tail and what is added.
    pub fn factors(&self, row: &[i16], numbers: &mut [i8]) -> (i16, i32) {
        let (leading, tail) = row.split_at(self.depth);
        let per_unit = self.scale / ONE;
        let mut off = 0.0f32;
        for (out, &x) in numbers.iter_mut().zip(leading) {
            let exact = f32::from(x) * per_unit;
            let rounded = (exact + ROUNDS) - ROUNDS;
            let kept = rounded.clamp(-127.0, 127.0);
            off += (exact - kept) * (exact - kept);
            *out = kept as i8;
        }
        // Sums of squares of whole numbers, so that no order of adding shows.
        let tail: u64 = tail.iter().map(|&x| i64::from(x).unsigned_abs().pow(2)).sum();
        let tail = (tail as f64).sqrt() * f64::from(per_unit) * f64::from(self.share).sqrt();
        // A row at rest is longer than 1 by its rounding, a three-thousandth at most.
        let (one, off) = (f64::from(self.scale) * 1.001, f64::from(off).sqrt() * 1.0001);
        let base = if self.exact {
            one * off + off * off / 2.0
        } else {
            one * off * f64::from(LIKELY) / (self.depth as f64).sqrt() + off * off / self.depth as f64
        };
        // One more for what single precision took from `exact`.
        (tail.ceil() as i16, base.ceil() as i32 + 1)
    }
}

/// Adding it and taking it away rounds to a whole number, ties to even.
pub(super) const ROUNDS: f32 = 12_582_912.0;

/// Standard deviations of rounding that are allowed for, for each row of a pair, where loss is allowed: both
/// together 5.6, which one pair in a hundred million exceeds.
const LIKELY: f32 = 4.0;

/// What 1 is in int8 where `numbers` numbers have squares that add up to `square`.
fn scale_of(square: f64, numbers: usize) -> f32 {
    let deviation = (square / numbers as f64).sqrt() as f32;
    (127.0 / DEVIATIONS / deviation.max(1e-6)).clamp(*SCALES.start(), *SCALES.end())
}

/// Templates along the axes, and how much of each is in its leading numbers.
struct Leading {
    rows: Mat<f32>,
    /// Sums of the squares of the leading numbers, for every multiple of [`DEPTH`].
    squares: Vec<Vec<f32>>,
}

impl Leading {
    fn of(rows: Mat<f32>) -> Self {
        let sums = |row: usize| {
            let squares: Vec<f32> = (0..rows.ncols()).map(|k| rows[(row, k)] * rows[(row, k)]).collect();
            let mut sum = 0.0;
            squares
                .chunks(DEPTH)
                .map(|part| {
                    sum += part.iter().sum::<f32>();
                    sum
                })
                .collect()
        };
        let squares = (0..rows.nrows()).map(sums).collect();
        Self { rows, squares }
    }

    fn leading(&self, row: usize, numbers: usize) -> f32 {
        self.squares[row][numbers.div_ceil(DEPTH) - 1]
    }

    fn tail(&self, row: usize, numbers: usize) -> f32 {
        let all = self.squares[row].last().copied().unwrap_or(0.0);
        (all - self.leading(row, numbers)).max(0.0).sqrt()
    }
}

/// Pairs that are similar enough, from which the loss of a filter is told.
struct Known {
    loss: f64,
    left: Leading,
    right: Leading,
}

impl Known {
    fn of(
        templates: &Templates,
        axes: &Axes,
        loss: f64,
        pairs: &[Scored],
        context: &Context,
    ) -> Result<Self> {
        let side = |row: fn(&Scored) -> u32| -> Result<Leading> {
            let mut rows: Vec<u32> = pairs.iter().map(row).collect();
            rows.sort_unstable();
            rows.dedup();
            let numbers = templates.gather(&rows, context)?;
            let stride = templates.stride();
            let wanted = pairs.iter().flat_map(|pair| {
                let at = rows.binary_search(&row(pair)).unwrap_or(0);
                &numbers[at * stride..][..stride]
            });
            Ok(Leading::of(axes.along(&wanted.copied().collect::<Vec<i16>>(), stride)))
        };
        Ok(Self { loss, left: side(|pair| pair.left)?, right: side(|pair| pair.right)? })
    }

    /// The least share of tails that keeps all but the allowed loss of the pairs.
    fn share(&self, filter: &Filter, numbers: usize) -> f32 {
        let pairs = self.left.rows.nrows();
        if pairs < LEAST_PAIRS {
            return 1.0;
        }
        let mut needed: Vec<f32> = (0..pairs)
            .map(|pair| {
                let product: f32 =
                    (0..numbers).map(|k| self.left.rows[(pair, k)] * self.right.rows[(pair, k)]).sum();
                let tails = self.left.tail(pair, numbers) * self.right.tail(pair, numbers);
                if tails > 0.0 { ((filter.threshold as f32 - product) / tails).clamp(0.0, 1.0) } else { 0.0 }
            })
            .collect();
        needed.sort_unstable_by(f32::total_cmp);
        let kept = ((1.0 - self.loss) * pairs as f64).ceil() as usize;
        needed[kept.min(pairs) - 1].max(0.01)
    }
}
