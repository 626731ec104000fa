//! Cells that overlap: which templates can be similar, without comparing them.
//!
//! A direction is drawn for each cell, at random and whatever the data; a template lies in the cell where its
//! product with the direction, less that of the mean of all templates, is at least `reach` times its distance
//! from the mean (locality-sensitive filters; Becker, Ducas, Gama and Laarhoven, 2016). Nothing is ranked, so
//! the kernel of the join finds the cells too: the threshold is what is added for each side. Loss and work
//! follow from cosines alone ([`super::orthant`]). Cost: a product of all numbers with every direction.

use std::ops::Range;

use rayon::prelude::*;

use super::axes::sample;
use super::filter::ROUNDS;
use super::plan::Plan;
use super::tiles::AtRest;
use crate::error::{Error, Result};
use crate::kernel::hash;
use crate::kernel::simd::{LANES, Level, PADDED, Packed, QUERIES};
use crate::runtime::spill::{Frame, SpillFile};
use crate::runtime::{Context, Reservation};
use crate::store::templates::{ONE, Templates};

/// Directions that stay in the second-level cache while templates pass by: 1 MiB of 512 numbers.
const STRIP: usize = 2_016;

/// Templates whose cells are found as one piece of work: 0.1 s where there are 65,536 cells.
const PIECE: usize = 10 * QUERIES;

/// What 1 is in a direction: ±127 are five standard deviations.
const DEVIATION: f64 = 127.0 / 5.0;

/// Templates that the mean is taken from.
const MEAN_ROWS: u64 = 4_096;

/// What the draws are called.
const DRAWS: (u64, u64) = (510, 511);

/// Most cells of a frame on disk.
const FRAME: usize = 1 << 22;

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
    directions: Packed,
    mean: Mean,
    /// What 1 is in a template's numbers as they are compared.
    scale: f32,
    reach: f64,
    count: usize,
    _held: Reservation,
}

impl Cells {
    /// Draws the cells of `plan` for templates whose leading numbers have the scale `scale`.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit); as [`Templates::gather`].
    pub fn new(templates: &Templates, plan: &Plan, scale: f32, context: &Context) -> Result<Self> {
        let (dims, stride, count) = (templates.dims(), templates.stride(), plan.cells as usize);
        let mean = Mean::of(templates, context)?;
        let held = context.memory.reserve("cells of templates", Packed::bytes(count, stride))?;
        let mut directions = Packed::new(count, stride);
        let key = hash::combine(context.seed, DRAWS.1);
        let parts: Vec<_> = directions.parts().enumerate().collect();
        context.pool.install(|| {
            parts.into_par_iter().try_for_each(|(part, mut out)| {
                context.cancel.check()?;
                let mut numbers = vec![0i8; stride];
                for row in 0..QUERIES.min(count.saturating_sub(part * QUERIES)) {
                    let key = hash::combine(key, (part * QUERIES + row) as u64);
                    let mut off = 0.0;
                    for (k, number) in numbers[..dims].iter_mut().enumerate() {
                        *number = (DEVIATION * normal(hash::combine(key, k as u64))).round() as i8;
                        off += f64::from(*number) * f64::from(mean.numbers[k]);
                    }
                    out.set(row, &numbers, 0, -(off * f64::from(scale)).round() as i32);
                }
                Ok(())
            })
        })?;
        Ok(Self { directions, mean, scale, reach: plan.reach, count, _held: held })
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
    ) -> Result<Vec<Vec<u16>>> {
        let pieces: Vec<u32> = range.clone().step_by(PIECE).collect();
        context.pool.install(|| {
            let of_piece =
                |from: u32| self.piece(rows, from..range.end.min(from + PIECE as u32), level, context);
            let found: Result<Vec<Vec<Vec<u16>>>> =
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
    ) -> Result<Vec<Vec<u16>>> {
        let stride = self.directions.depth;
        let mut packed = Packed::new(range.len(), stride);
        let mut numbers = vec![0i8; stride];
        for (part, mut out) in packed.parts().enumerate() {
            for row in 0..QUERIES.min(range.len() - part * QUERIES) {
                let at_rest = rows.row(range.start + (part * QUERIES + row) as u32);
                let per_unit = self.scale / ONE;
                let whole = |x: i16| ((f32::from(x) * per_unit + ROUNDS) - ROUNDS).clamp(-127.0, 127.0);
                numbers.iter_mut().zip(at_rest).for_each(|(out, &x)| *out = whole(x) as i8);
                let least = self.reach * f64::from(self.mean.distance(at_rest));
                // A placeholder is all zero and in no cell.
                let base = match numbers.iter().all(|&x| x == 0) {
                    true => PADDED,
                    false => -(least * DEVIATION * f64::from(self.scale)).ceil() as i32,
                };
                out.set(row, &numbers, 0, base);
            }
        }
        let mut found = vec![Vec::new(); range.len()];
        let mut masks = vec![0u16; QUERIES * STRIP / LANES];
        for strip in (0..self.directions.rows()).step_by(STRIP) {
            let panels = (self.directions.rows() - strip).min(STRIP) / LANES;
            for query in (0..packed.rows()).step_by(QUERIES) {
                context.cancel.check()?;
                let masks = &mut masks[..QUERIES * panels];
                let directions = self.directions.panels(strip / LANES, panels);
                level.hits(packed.queries(query, QUERIES), directions, 0, masks);
                for (panel, masks) in masks.chunks_exact(QUERIES).enumerate() {
                    for (cells, &mask) in found[query..].iter_mut().zip(masks) {
                        let mut mask = mask;
                        while mask != 0 {
                            cells.push((strip + panel * LANES + mask.trailing_zeros() as usize) as u16);
                            mask &= mask - 1;
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

/// A normal number (Box and Muller, 1958): as good as any here, where int8 is made of it.
fn normal(key: u64) -> f64 {
    let unit = |bits: u64| ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let (u, v) = (unit(hash::mix(key)), unit(hash::mix(key ^ 0x5555_5555_5555_5555)));
    (-2.0 * libm::log(u)).sqrt() * libm::cos(std::f64::consts::TAU * v)
}

/// Which rows of a block are in which cells.
#[derive(Debug)]
pub struct Postings {
    /// Where the cells of each row begin.
    starts: Vec<u32>,
    /// The cells of each row, ascending.
    cells: Vec<u16>,
    /// Where the rows of each cell begin.
    cell_starts: Vec<u32>,
    /// The rows of each cell, counted from the block's first, ascending.
    rows: Vec<u32>,
    _held: Reservation,
}

/// The cells of a block's rows on disk.
#[derive(Debug)]
pub struct Stored {
    lengths: Vec<Frame>,
    cells: Vec<Frame>,
}

impl Postings {
    /// Bytes for a row: as many cells as in the mean, a quarter more, and where they begin.
    pub fn bytes_per_row(plan: &Plan) -> u64 {
        (plan.cells_per_row * 1.25 * (size_of::<u16>() + size_of::<u32>()) as f64) as u64 + 8
    }

    /// Sorts the cells of rows, those of each ascending, by cell.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(of_rows: Vec<Vec<u16>>, count: usize, context: &Context) -> Result<Self> {
        let all: usize = of_rows.iter().map(Vec::len).sum();
        let (mut starts, mut cells) = (Vec::with_capacity(of_rows.len() + 1), Vec::with_capacity(all));
        starts.push(0);
        for row in of_rows {
            cells.extend_from_slice(&row);
            starts.push(cells.len() as u32);
        }
        Self::by_cell(starts, cells, count, context)
    }

    fn by_cell(starts: Vec<u32>, cells: Vec<u16>, count: usize, context: &Context) -> Result<Self> {
        if cells.len() > u32::MAX as usize {
            return Err(Error::internal("the rows of a block are in more than four billion cells"));
        }
        let bytes = cells.len() * 6 + starts.len() * 4 + count * 4;
        let held = context.memory.reserve("cells of templates", bytes as u64)?;
        let mut cell_starts = vec![0u32; count + 1];
        cells.iter().for_each(|&cell| cell_starts[usize::from(cell) + 1] += 1);
        (0..count).for_each(|cell| cell_starts[cell + 1] += cell_starts[cell]);
        let (mut next, mut rows) = (cell_starts.clone(), vec![0u32; cells.len()]);
        for (row, bounds) in (0..).zip(starts.windows(2)) {
            for &cell in &cells[bounds[0] as usize..bounds[1] as usize] {
                let at = &mut next[usize::from(cell)];
                rows[*at as usize] = row;
                *at += 1;
            }
        }
        Ok(Self { starts, cells, cell_starts, rows, _held: held })
    }

    /// The cells of a row of the block, ascending.
    pub fn cells(&self, row: u32) -> &[u16] {
        &self.cells[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// The rows of a cell, counted from the block's first.
    pub fn rows(&self, cell: usize) -> &[u32] {
        &self.rows[self.cell_starts[cell] as usize..self.cell_starts[cell + 1] as usize]
    }

    /// Writes the cells of the rows to `file`.
    ///
    /// # Errors
    /// As [`SpillFile::append`].
    pub fn store(&self, file: &SpillFile) -> Result<Stored> {
        let lengths: Vec<u32> = self.starts.windows(2).map(|two| two[1] - two[0]).collect();
        let lengths = lengths.chunks(FRAME).map(|part| file.append(bytemuck::cast_slice(part)));
        let cells = self.cells.chunks(FRAME).map(|part| file.append(bytemuck::cast_slice(part)));
        Ok(Stored { lengths: lengths.collect::<Result<_>>()?, cells: cells.collect::<Result<_>>()? })
    }

    /// Reads what was stored of a block.
    ///
    /// # Errors
    /// As [`SpillFile::read`] and [`Postings::new`].
    pub fn read(file: &SpillFile, stored: &Stored, count: usize, context: &Context) -> Result<Self> {
        let lengths: Vec<u32> = read(file, &stored.lengths)?;
        let mut starts = vec![0u32; lengths.len() + 1];
        (0..lengths.len()).for_each(|row| starts[row + 1] = starts[row] + lengths[row]);
        Self::by_cell(starts, read(file, &stored.cells)?, count, context)
    }
}

fn read<T: bytemuck::Pod>(file: &SpillFile, frames: &[Frame]) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for &frame in frames {
        let start = all.len();
        all.resize(start + frame.length as usize / size_of::<T>(), T::zeroed());
        file.read(frame, bytemuck::cast_slice_mut(&mut all[start..]))?;
    }
    Ok(all)
}

/// The first cell that two rows share.
pub fn first_common(a: &[u16], b: &[u16]) -> Option<u16> {
    let (mut i, mut j) = (0, 0);
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        if x == y {
            return Some(x);
        }
        i += usize::from(x < y);
        j += usize::from(y < x);
    }
    None
}
