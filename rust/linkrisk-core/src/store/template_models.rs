//! Whether the templates of an attribute come from one model.
//!
//! Templates of two models cannot be compared: their cosines mean nothing. Two lengths and two norms show it
//! at once. Models of one length and norm are told by the axes along which their templates vary: strangers of
//! two sources are then less alike in size, up to sign, than strangers of one, since what varies in one is
//! not what varies in the other. Within one source the same is asked of two groups, where there are two: those
//! into which its templates fall along the direction in which they vary most.

use super::template_sources::{NOBODY, TemplateSource};
use super::templates::{ONE, Templates};
use crate::error::Result;
use crate::kernel::hash;
use crate::runtime::Context;

/// The share of templates from which a second length, or a second norm, is taken for a second model.
const SECOND: f64 = 0.01;

/// Templates of a source that are looked at, and the fewest that tell anything.
const ROWS: u64 = 400;
const LEAST: usize = 50;

/// What the draw of these is called.
const DRAW: u64 = 507;

/// Templates of a source that are looked at for two groups: of a fortieth of them fifty are among these.
const OF_SOURCE: u64 = 2_000;

/// Rounds of the power method; a direction along which there are two groups stands out.
const ROUNDS: usize = 30;

/// The share of the variance along a direction that two groups explain where there are two: of one normal group,
/// cut in halves, they explain 0.64, and of an even one 0.75.
const TWO_GROUPS: f64 = 0.8;

/// The overlap below which two sources are of two models. Two models whose axes have nothing to do with each
/// other have √(effective dimensions of one · those of the other) / dimensions: 0.53 for the simulator's faces.
/// One model has 1, and nearly as much between a counter and an infrared camera.
const OVERLAP: f64 = 0.65;

const HINT: &str = "templates of two models cannot be compared: map each to an attribute of its own";

impl Templates {
    /// Refuses a source with two lengths or two norms.
    pub(super) fn check_source(&self, source: &TemplateSource) -> Result<()> {
        let tally = &source.tally;
        let all = tally.usable + tally.other_length;
        let second = |part: u64, of: u64| part > 10 && part as f64 > SECOND * of as f64;
        if second(tally.other_length, all) {
            let what = format!(
                "holds templates of two lengths: {} of {} numbers and {} of another",
                tally.usable,
                self.dims(),
                tally.other_length
            );
            return Err(self.sources.refusal(&source.name, &what, HINT));
        }
        let other = tally.usable - tally.unit;
        if second(tally.unit, tally.usable) && second(other, tally.usable) {
            let what = format!(
                "holds templates of two norms: {} of length 1 and {other} of others, which two models make",
                tally.unit
            );
            return Err(self.sources.refusal(&source.name, &what, HINT));
        }
        Ok(())
    }

    /// Refuses sources whose templates vary along other axes than those of the first.
    pub(super) fn check_axes(&self, context: &Context) -> Result<()> {
        let drawn: Vec<Vec<f32>> = (0..self.sources().len())
            .map(|source| self.drawn(source, ROWS, context))
            .collect::<Result<_>>()?;
        let dims = self.dims();
        let enough = |rows: &[f32]| rows.len() >= LEAST * dims;
        let Some(first) = drawn.iter().position(|rows| enough(rows)) else { return Ok(()) };
        let own = typical(&drawn[first], &drawn[first], dims);
        for (number, rows) in drawn.iter().enumerate().skip(first + 1).filter(|(_, rows)| enough(rows)) {
            context.cancel.check()?;
            let overlap = typical(&drawn[first], rows, dims).powi(2) / (own * typical(rows, rows, dims));
            if overlap < OVERLAP {
                let what = format!(
                    "holds templates that vary along other axes than those of source `{}` (overlap {overlap:.2} \
                     of 1), which another model makes",
                    self.sources()[first].name
                );
                return Err(self.sources.refusal(&self.sources()[number].name, &what, HINT));
            }
        }
        Ok(())
    }

    /// Refuses a source whose templates fall into two groups that vary along other axes.
    ///
    /// Two cameras of one model make two groups too, but vary along the same axes.
    pub(super) fn check_groups(&self, context: &Context) -> Result<()> {
        let dims = self.dims();
        for (number, source) in self.sources().iter().enumerate() {
            let rows = self.drawn(number, OF_SOURCE, context)?;
            let Some(groups) = two_groups(&rows, dims, context)? else { continue };
            let [a, b] = groups.map(|group| less_mean(&rows, &group, dims));
            let overlap = typical(&a, &b, dims).powi(2) / (typical(&a, &a, dims) * typical(&b, &b, dims));
            if overlap < OVERLAP {
                let what = format!(
                    "holds templates of two kinds that differ in their mean and vary along other axes (overlap \
                     {overlap:.2} of 1), which two models make"
                );
                return Err(self.sources.refusal(&source.name, &what, HINT));
            }
        }
        Ok(())
    }

    /// At most `most` templates of a source, less their mean.
    fn drawn(&self, source: usize, most: u64, context: &Context) -> Result<Vec<f32>> {
        let (range, dims) = (self.sources.rows(source), self.dims());
        let most = most.min(range.len() as u64);
        let share = |at: u64| range.len() as u64 * at / most.max(1);
        let rows = (0..most).map(|at| {
            let key = hash::combine(hash::combine(context.seed, DRAW), at);
            (range.start as u64 + share(at) + hash::below(key, share(at + 1) - share(at))) as u32
        });
        let rows: Vec<u32> = rows.filter(|&row| self.records()[row as usize] != NOBODY).collect();
        let numbers = self.gather(&rows, context)?;
        let mean = &self.sources()[source].mean;
        let templates = numbers.chunks_exact(self.stride().max(1)).flat_map(|row| &row[..dims]);
        Ok(templates.zip(mean.iter().cycle()).map(|(&x, m)| f32::from(x) / ONE - m).collect())
    }
}

/// The two groups into which `rows` fall along the direction in which they vary most, where there are two.
fn two_groups(rows: &[f32], dims: usize, context: &Context) -> Result<Option<[Vec<usize>; 2]>> {
    let count = rows.len().checked_div(dims).unwrap_or(0);
    if count < 2 * LEAST {
        return Ok(None);
    }
    let product =
        |row: &[f32], axis: &[f64]| row.iter().zip(axis).map(|(&x, a)| f64::from(x) * a).sum::<f64>();
    // A direction that is no row's own, so that no sign decides.
    let mut axis: Vec<f64> = (0..dims).map(|k| 1.0 - 2.0 * (hash::mix(k as u64) % 2) as f64).collect();
    for _ in 0..ROUNDS {
        context.cancel.check()?;
        let mut next = vec![0.0; dims];
        for row in rows.chunks_exact(dims) {
            let along = product(row, &axis);
            next.iter_mut().zip(row).for_each(|(next, &x)| *next += along * f64::from(x));
        }
        let norm = next.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        axis = next.iter().map(|x| x / norm).collect();
    }
    let mut along: Vec<(f64, usize)> =
        rows.chunks_exact(dims).map(|row| product(row, &axis)).zip(0..).collect();
    along.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let all: f64 = along.iter().map(|(x, _)| x).sum();
    let mean = all / count as f64;
    let variance = along.iter().map(|(x, _)| (x - mean) * (x - mean)).sum::<f64>();
    // The cut that explains the most (Otsu, 1979).
    let (mut below, mut best) = (0.0, (0.0, 0));
    for (at, (x, _)) in along.iter().enumerate() {
        if (LEAST..=count - LEAST).contains(&at) {
            let (low, high) = (below / at as f64, (all - below) / (count - at) as f64);
            let between = (low - high) * (low - high) * at as f64 * (count - at) as f64 / count as f64;
            if between > best.0 {
                best = (between, at);
            }
        }
        below += x;
    }
    let part = |rows: &[(f64, usize)]| rows.iter().map(|&(_, row)| row).collect();
    Ok((best.0 > TWO_GROUPS * variance).then(|| [part(&along[..best.1]), part(&along[best.1..])]))
}

/// At most [`ROWS`] of the rows of a group, less their mean.
fn less_mean(rows: &[f32], group: &[usize], dims: usize) -> Vec<f32> {
    let group = &group[..group.len().min(ROWS as usize)];
    let of = |row: usize| &rows[row * dims..][..dims];
    let mut mean = vec![0.0f32; dims];
    for &row in group {
        mean.iter_mut().zip(of(row)).for_each(|(mean, x)| *mean += x / group.len() as f32);
    }
    group.iter().flat_map(|&row| of(row).iter().zip(&mean).map(|(x, m)| x - m)).collect()
}

/// The median size of the cosines of templates of two samples, or of one with itself: that of strangers, for
/// captures of one person are fewer than half of the pairs.
fn typical(a: &[f32], b: &[f32], dims: usize) -> f64 {
    let same = std::ptr::eq(a, b);
    let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    let norms: Vec<f32> = b.chunks_exact(dims).map(norm).collect();
    let mut sizes = Vec::with_capacity(a.len() / dims * norms.len());
    for (i, a) in a.chunks_exact(dims).enumerate() {
        let length = norm(a);
        for (j, (b, norm)) in b.chunks_exact(dims).zip(&norms).enumerate() {
            if !same || j > i {
                let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                sizes.push((product / length / norm).abs());
            }
        }
    }
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
    f64::from(*median).max(1e-9)
}
