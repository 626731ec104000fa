//! Whether the templates of an attribute come from one model.
//!
//! Templates of two models cannot be compared: their cosines mean nothing. Two lengths and two norms show it
//! at once. Models of one length and norm are told by the axes along which their templates vary: strangers of
//! two sources are then less alike in size, up to sign, than strangers of one, since what varies in one is
//! not what varies in the other.

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
        let drawn: Vec<Vec<f32>> =
            (0..self.sources().len()).map(|source| self.drawn(source, context)).collect::<Result<_>>()?;
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

    /// Some templates of a source, less their mean.
    fn drawn(&self, source: usize, context: &Context) -> Result<Vec<f32>> {
        let (range, dims) = (self.sources.rows(source), self.dims());
        let most = ROWS.min(range.len() as u64);
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
