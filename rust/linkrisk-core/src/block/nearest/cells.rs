//! Cells that overlap: which templates can be similar, without comparing them.
//!
//! A direction is drawn for each cell, at random and whatever the data; a template lies in the cell where its
//! product with the direction, less that of the mean of all templates, is at least `reach` times its distance
//! from the mean (locality-sensitive filters; Becker, Ducas, Gama and Laarhoven, 2016). Nothing is ranked, and
//! loss and work follow from cosines alone ([`super::orthant`]).
//!
//! Directions are not stored: twice as many as a template has numbers, there and back, are the rows of a Hadamard
//! matrix after a flip of random signs ([`Level::hadamard`]). Two turns of that kind come first, which spread what
//! single numbers hold over all. All these directions are of one length, and in few dimensions products with them fall
//! short of normal ones far out: of 64 numbers a fifth of the pairs were missing in cells. So each is given the length
//! that a direction of normal numbers has. Cost: log₂ n additions of 16 bits for two cells, where a direction that is
//! stored takes n products.

use std::ops::Range;

use rayon::prelude::*;

use super::axes::sample;
use super::filter::ROUNDS;
use super::plan::Plan;
use super::tiles::AtRest;
use crate::error::Result;
use crate::kernel::hash;
use crate::kernel::simd::Level;
use crate::kernel::simd::hadamard::{Each, SIDE_BY_SIDE};
use crate::runtime::{Context, Reservation};
use crate::store::templates::{ONE, Templates};

/// Templates whose cells are found as one piece of work: some 10 ms where there are 262,144 cells.
const PIECE: usize = 32 * SIDE_BY_SIDE;

/// The length of a template when its cells are found, and so a standard deviation of its products: eight of them fit 16
/// bits, and rounding is less than a hundredth of a number.
const DEVIATION: f32 = 4_096.0;

/// Turns that come first.
const TURNS: usize = 2;

/// Templates that the mean is taken from.
const MEAN_ROWS: u64 = 4_096;

/// What the draws are called.
const DRAWS: (u64, u64, u64) = (510, 511, 516);

/// The mean of templates.
#[derive(Debug)]
pub struct Mean {
    /// Its numbers, 1 being 1.
    pub numbers: Vec<f32>,
}

impl Mean {
    /// The mean of a sample of templates.
    ///
    /// # Errors
    /// As [`Templates::gather`].
    pub fn of(templates: &Templates, context: &Context) -> Result<Self> {
        let rows = sample(templates.len(), MEAN_ROWS, context.seed, DRAWS.0);
        let (numbers, dims) = (templates.gather(&rows, context)?, templates.dims());
        let mut sums = vec![0i64; dims];
        for row in numbers.chunks_exact(templates.stride().max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += i64::from(x));
        }
        let unit = f64::from(ONE) * rows.len().max(1) as f64;
        Ok(Self { numbers: sums.iter().map(|&sum| (sum as f64 / unit) as f32).collect() })
    }

    /// How far a row at rest is from it.
    pub fn distance(&self, row: &[i16]) -> f32 {
        let square = |(&x, m): (&i16, &f32)| (f64::from(x) / f64::from(ONE) - f64::from(*m)).powi(2);
        row.iter().zip(&self.numbers).map(square).sum::<f64>().sqrt() as f32
    }
}

/// The directions of the cells.
#[derive(Debug)]
pub struct Cells {
    /// The signs of each turn and then those of each set of directions, `width` each.
    signs: Vec<i16>,
    /// Numbers of a template, filled up to a power of two.
    width: usize,
    mean: Mean,
    /// The least product within the two cells of each direction; what none reaches where there is no cell.
    leasts: Vec<u16>,
    count: usize,
    _held: Reservation,
}

impl Cells {
    /// Draws the cells of `plan`.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit); as [`Templates::gather`].
    pub fn new(templates: &Templates, plan: &Plan, context: &Context) -> Result<Self> {
        let (width, count) = (templates.stride().next_power_of_two(), plan.cells as usize);
        let mean = Mean::of(templates, context)?;
        let directions = count.div_ceil(2 * width) * width;
        let all = TURNS * width + directions;
        let held =
            context.memory.reserve("cells of templates", ((all + directions) * size_of::<i16>()) as u64)?;
        let key = hash::combine(context.seed, DRAWS.1);
        let bits = |word: u64| (0..u64::BITS).map(move |bit| hash::combine(key, word) >> bit & 1);
        let signs = (0..).flat_map(bits).take(all).map(|bit| 1 - 2 * bit as i16).collect();
        let key = hash::combine(context.seed, DRAWS.2);
        let least = |direction: usize| {
            let reach = plan.reach / length(normal(hash::combine(key, direction as u64)), width);
            if 2 * direction < count { (reach * f64::from(DEVIATION)).round() as u16 } else { u16::MAX }
        };
        let leasts = (0..directions).map(least).collect();
        Ok(Self { signs, width, mean, leasts, count, _held: held })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The cells of the rows `range`, ascending for each.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub(super) fn of(
        &self,
        rows: &AtRest<'_>,
        range: Range<u32>,
        level: Level,
        context: &Context,
    ) -> Result<Vec<Vec<u32>>> {
        let pieces: Vec<u32> = range.clone().step_by(PIECE).collect();
        context.pool.install(|| {
            let of_piece =
                |from: u32| self.piece(rows, from..range.end.min(from + PIECE as u32), level, context);
            let found: Result<Vec<Vec<Vec<u32>>>> =
                pieces.into_par_iter().with_max_len(1).map(of_piece).collect();
            Ok(found?.into_iter().flatten().collect())
        })
    }

    fn piece(
        &self,
        rows: &AtRest<'_>,
        range: Range<u32>,
        level: Level,
        context: &Context,
    ) -> Result<Vec<Vec<u32>>> {
        let mut found = vec![Vec::new(); range.len()];
        let mut spread = vec![Each::ZERO; self.width];
        let mut products = spread.clone();
        let mut far = vec![0u16; self.width];
        let (turns, sets) = self.signs.split_at(TURNS * self.width);
        let nowhere = vec![u16::MAX; self.width];
        let sets = sets.chunks_exact(self.width).zip(self.leasts.chunks_exact(self.width));
        for (first, found) in range.step_by(SIDE_BY_SIDE).zip(found.chunks_mut(SIDE_BY_SIDE)) {
            context.cancel.check()?;
            spread.fill(Each::ZERO);
            for lane in 0..found.len() {
                self.place(rows.row(first + lane as u32), &mut spread, lane);
            }
            let shrink = 1.0 / (self.width as f32).sqrt();
            for signs in turns.chunks_exact(self.width) {
                level.hadamard(&spread, signs, &nowhere, &mut products, &mut far);
                for (spread, products) in spread.iter_mut().zip(&products) {
                    spread.0 = products.0.map(|x| whole(f32::from(x) * shrink));
                }
            }
            for (set, (signs, leasts)) in sets.clone().enumerate() {
                level.hadamard(&spread, signs, leasts, &mut products, &mut far);
                // Four at once: of most no bit is set.
                for (at, four) in (set * self.width..).step_by(4).zip(far.chunks_exact(4)) {
                    let mut word =
                        four.iter().rev().fold(0u64, |word, &far| word << SIDE_BY_SIDE | u64::from(far));
                    while word != 0 {
                        let bit = word.trailing_zeros() as usize;
                        word &= word - 1;
                        let (direction, lane) = (at + bit / SIDE_BY_SIDE, bit % SIDE_BY_SIDE);
                        if let Some(found) = found.get_mut(lane) {
                            let behind = products[direction - set * self.width].0[lane] < 0;
                            found.push((2 * direction + usize::from(behind)) as u32);
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// Puts a row, less the mean and at the length that all have, into `spread`; a placeholder, which is all zero and in no
    /// cell, stays so.
    fn place(&self, row: &[i16], spread: &mut [Each], lane: usize) {
        let distance = self.mean.distance(row);
        if distance > 0.0 && row.iter().any(|&x| x != 0) {
            let unit = DEVIATION / distance;
            for ((out, &x), mean) in spread.iter_mut().zip(row).zip(&self.mean.numbers) {
                out.0[lane] = whole((f32::from(x) / ONE - mean) * unit);
            }
        }
    }
}

/// The length of a direction of `width` normal numbers, of which 1 is the mean of squares: where `deviation` is normal, the
/// root of a χ² (Wilson and Hilferty, 1931).
fn length(deviation: f64, width: usize) -> f64 {
    let part = 2.0 / (9.0 * width as f64);
    (1.0 - part + deviation * part.sqrt()).sqrt().powi(3)
}

/// A normal number (Box and Muller, 1958).
fn normal(key: u64) -> f64 {
    let unit = |bits: u64| ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let (u, v) = (unit(hash::mix(key)), unit(hash::mix(key ^ 0x5555_5555_5555_5555)));
    (-2.0 * libm::log(u)).sqrt() * libm::cos(std::f64::consts::TAU * v)
}

/// A number without its fraction.
fn whole(x: f32) -> i16 {
    ((x + ROUNDS) - ROUNDS) as i16
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array};
    use arrow_schema::{DataType, Field};

    use super::*;
    use crate::block::nearest::filter::Filter;
    use crate::block::nearest::orthant::{Orthant, share};
    use crate::block::nearest::postings::first_common;
    use crate::block::nearest::tiles::Block;

    /// Pairs of vectors whose cosine is `cosine`: of independent numbers, or with most numbers zero.
    fn pairs(dims: usize, cosine: f64, filled: usize, count: usize) -> ArrayRef {
        let mut numbers = Vec::with_capacity(2 * count * dims);
        for pair in 0..count as u64 {
            let draw = |which: u64, k: usize| {
                let key = hash::combine(hash::combine(pair, which), k as u64);
                let sum: f64 = (0..12).map(|part| hash::combine(key, part) as f64 / u64::MAX as f64).sum();
                if (k + pair as usize) % dims < filled { sum - 6.0 } else { 0.0 }
            };
            let a: Vec<f64> = (0..dims).map(|k| draw(0, k)).collect();
            let b: Vec<f64> = (0..dims).map(|k| draw(1, k)).collect();
            let (aa, ab) = a.iter().zip(&b).fold((0.0, 0.0), |(aa, ab), (a, b)| (aa + a * a, ab + a * b));
            let apart: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - ab / aa * a).collect();
            let long =
                (aa / apart.iter().map(|x| x * x).sum::<f64>()).sqrt() * (1.0 - cosine * cosine).sqrt();
            numbers.extend(a.iter().map(|&x| x as f32));
            numbers.extend(a.iter().zip(&apart).map(|(a, x)| (cosine * a + long * x) as f32));
        }
        let field = Arc::new(Field::new_list_field(DataType::Float32, false));
        Arc::new(FixedSizeListArray::new(field, dims as i32, Arc::new(Float32Array::from(numbers)), None))
    }

    #[test]
    fn test_templates_are_in_as_many_cells_as_told_alone_and_together() {
        let context = Context::new(None, Some(2), 1).expect("threads start");
        for (dims, filled) in [(64, 64), (128, 128), (300, 300), (512, 512), (512, 8)] {
            let (cosine, count) = (0.5, 400);
            let column = pairs(dims, cosine, filled, count);
            let mut templates = Templates::new("face", &context).expect("room");
            templates.begin_source("a");
            templates.add(&column, 0, &context).expect("room");
            templates.complete(&context).expect("one model");
            let reach = 2.5;
            let plan = Plan { cells: 1 << 14, reach, cells_per_row: 0.0, work: 0.0, loss: 0.0 };
            let cells = Cells::new(&templates, &plan, &context).expect("room");
            let filter = Filter::whole(templates.dims(), templates.stride(), 0.4);
            let block = Block::load(&templates, 0..templates.len(), &filter, &context).expect("room");
            let found = |level| cells.of(&block.rows, 0..templates.len(), level, &context).expect("room");
            let of_rows = found(Level::best());
            assert!(of_rows == found(Level::Scalar));
            assert!(
                of_rows
                    .iter()
                    .all(|row| row.is_sorted() && row.last().is_some_and(|&last| last < plan.cells))
            );
            let alone = of_rows.iter().map(Vec::len).sum::<usize>() as f64 / (2 * count) as f64;
            let told = f64::from(plan.cells) * share(reach);
            assert!((alone / told - 1.0).abs() < 0.03, "{dims}: {alone} of {told}");
            let shared = |two: &[Vec<u32>]| two[0].iter().filter(|cell| two[1].contains(cell)).count();
            let together = of_rows.chunks(2).map(shared).sum::<usize>() as f64 / count as f64;
            let told = f64::from(plan.cells) * Orthant::new(reach).both(cosine);
            assert!((together / told - 1.0).abs() < 0.15, "{dims}: {together} of {told}");
            let meets = |two: &[Vec<u32>]| first_common(&two[0], &two[1]).is_some();
            assert!(of_rows.chunks(2).all(|two| meets(two) == (shared(two) > 0)));
        }
    }
}
