//! The second test of pairs that share a cell and passed the filter: more of their leading numbers.
//!
//! Of pairs that share a cell far more pass than of pairs drawn at random: of faces, by a filter of 128 numbers, 1.4
//! in a thousand against 0.3. A full product reads 1 KiB of a row from anywhere in memory; this test has 128 bytes, packed
//! beside those of the filter, and lets one in seven on.

use std::ops::Range;

use rayon::prelude::*;

use super::filter::Filter;
use super::tiles::AtRest;
use crate::error::Result;
use crate::kernel::simd::{Level, Packed};
use crate::runtime::Context;

/// Rows that are prepared as one piece of work.
const PIECE: usize = 4_096;

/// Rows that are looked at before they are copied, so that their cache misses overlap.
const AHEAD: usize = 96;

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// What the second test takes of the rows of a block.
#[derive(Debug)]
pub(super) struct FinerRows {
    /// Numbers of a row after those of the filter.
    width: usize,
    numbers: Vec<i8>,
    /// The factor of a row's tail, and what is added.
    added: Vec<(i32, i32)>,
    least: i32,
}

impl FinerRows {
    /// Bytes of so many rows.
    pub fn bytes(rows: usize, filter: &Filter) -> u64 {
        let width = filter.finer.map_or(0, |finer| finer.depth - filter.depth + size_of::<(i32, i32)>());
        (rows * width) as u64
    }

    /// What the second test of `filter` takes of rows, where there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn of(
        rows: &AtRest<'_>,
        range: Range<u32>,
        filter: &Filter,
        context: &Context,
    ) -> Result<Option<Self>> {
        let Some(second) = filter.second() else { return Ok(None) };
        let width = second.depth - filter.depth;
        let (mut numbers, mut added) = (vec![0; range.len() * width], vec![(0, 0); range.len()]);
        let pieces = numbers.par_chunks_mut(PIECE * width).zip(added.par_chunks_mut(PIECE));
        context.pool.install(|| {
            pieces.enumerate().try_for_each(|(piece, (numbers, added))| {
                context.cancel.check()?;
                let mut all = vec![0i8; second.depth];
                let rows = (range.start + (piece * PIECE) as u32..).map(|row| rows.row(row));
                for ((numbers, added), row) in numbers.chunks_exact_mut(width).zip(added).zip(rows) {
                    let (tail, base) = second.factors(row, &mut all);
                    *added = (i32::from(tail), base);
                    numbers.copy_from_slice(&all[filter.depth..]);
                }
                Ok(())
            })
        })?;
        Ok(Some(Self { width, numbers, added, least: second.least() }))
    }

    /// The same of some of the rows, in this order.
    pub fn gathered(&self, rows: &[u32]) -> Self {
        let mut numbers = Vec::with_capacity(rows.len() * self.width);
        let mut added = Vec::with_capacity(rows.len());
        for rows in rows.chunks(AHEAD) {
            let touched = |row: &u32| {
                let lines = self.row(*row).iter().step_by(LINE);
                lines.fold(self.added[*row as usize].0, |seen, &x| seen ^ i32::from(x))
            };
            std::hint::black_box(rows.iter().fold(0, |seen, row| seen ^ touched(row)));
            for &row in rows {
                numbers.extend_from_slice(self.row(row));
                added.push(self.added[row as usize]);
            }
        }
        Self { width: self.width, numbers, added, least: self.least }
    }

    /// Keeps the pairs of a row of each that pass, whose leading numbers are in `queries` and `panels`.
    pub fn keep(
        (left, queries): (&Self, &Packed),
        (right, panels): (&Self, &Packed),
        pairs: &mut Vec<(u32, u32)>,
        level: Level,
    ) {
        pairs.retain(|&(q, x)| {
            let product = level.dot8(queries.row(q as usize), panels.row(x as usize))
                + level.dot8(left.row(q), right.row(x));
            let ((a, b), (c, d)) = (left.added[q as usize], right.added[x as usize]);
            product + a * c + b + d >= left.least
        });
    }

    #[inline]
    fn row(&self, row: u32) -> &[i8] {
        &self.numbers[row as usize * self.width..][..self.width]
    }
}
