//! Two blocks of templates, every row of one with those of the other that share a cell.
//!
//! The rows of a cell are packed side by side and tested as blocks are. A pair that shares several cells is
//! tested in each, and found in the first of them alone; in the others it is known by then, where it was not forgotten.

use std::ops::Range;

use super::Scored;
use super::finer::FinerRows;
use super::met::Met;
use super::postings::{Postings, first_common};
use super::tiles::{Block, Join, Room, Sides, Take, Tally};
use crate::error::Result;
use crate::kernel::simd::{LANES, Packed, QUERIES};
use crate::runtime::Context;

/// Most rows of a cell, for each side, that are packed as one piece of work: 2 MiB of 128 numbers.
const TILE: usize = 8_064;

/// Rows of the other side that are looked at before they are multiplied, so that their cache misses overlap: 16 KiB of
/// 512 numbers.
const AHEAD: usize = 16;

/// The rows of a cell that meet, and how many of the first were done.
#[derive(Debug, Clone)]
struct Piece {
    cell: usize,
    left: Range<usize>,
    right: Range<usize>,
    /// The first strip of the right rows and the first left rows that are to be done.
    at: (usize, usize),
}

impl Join<'_> {
    /// Finds the pairs of rows of two blocks, or of one with itself, that share a cell; hands them to `take`.
    ///
    /// # Errors
    /// As [`Join::between`].
    pub(super) fn in_cells(
        &self,
        (left, left_cells): (&Block<'_>, &Postings),
        (right, right_cells): (&Block<'_>, &Postings),
        cells: usize,
        context: &Context,
        take: &mut Take<'_>,
    ) -> Result<Tally> {
        let same = std::ptr::eq(left, right);
        let room = Room::new(context)?;
        let met = Met::new(left.range.len().max(right.range.len()), context)?;
        // Each thread packs both sides of a piece, in a sixteenth of what is free.
        let sides = 2 * context.pool.current_num_threads() as u64;
        let bytes = |rows| Packed::bytes(rows, self.filter.depth) + FinerRows::bytes(rows, self.filter);
        let together = bytes(QUERIES);
        let tile = (context.memory.free() / 16 / sides / together) as usize * QUERIES;
        let tile = tile.clamp(QUERIES, TILE);
        let hits = QUERIES * room.strip * size_of::<(u32, u32)>() * context.pool.current_num_threads();
        let _packed = context.memory.reserve("cells of templates", sides * bytes(tile) + hits as u64)?;
        let tiles = move |rows: usize| (0..rows).step_by(tile).map(move |from| from..(from + tile).min(rows));
        let pieces = (0..cells).flat_map(|cell| {
            let rows = (left_cells.rows(cell).len(), right_cells.rows(cell).len());
            tiles(rows.0).flat_map(move |left| {
                let meets = move |right: &Range<usize>| !same || right.start >= left.start;
                let piece = {
                    let left = left.clone();
                    move |right| Piece { cell, left: left.clone(), right, at: (0, 0) }
                };
                tiles(rows.1).filter(meets).map(piece).collect::<Vec<_>>()
            })
        });
        room.work(pieces, context, take, |piece| {
            let mut found = room.found();
            let rows = &left_cells.rows(piece.cell)[piece.left.clone()];
            let others = &right_cells.rows(piece.cell)[piece.right.clone()];
            let cell = piece.cell as u32;
            let itself = same && piece.left == piece.right;
            let queries = left.packed.gathered(rows);
            let of_others = (!itself).then(|| right.packed.gathered(others));
            let panels = of_others.as_ref().unwrap_or(&queries);
            let finer = left.finer.as_ref().map(|finer| finer.gathered(rows));
            let of_others = right.finer.as_ref().filter(|_| !itself).map(|finer| finer.gathered(others));
            let finer = finer.as_ref().map(|finer| (finer, of_others.as_ref().unwrap_or(finer)));
            let sides = Sides { queries: &queries, panels, same: itself };
            let mut masks = vec![0u16; QUERIES * room.strip / LANES];
            let mut hits = Vec::new();
            let mut from = piece.at.1;
            for strip in (piece.at.0..panels.rows()).step_by(room.strip) {
                let strip = strip..(strip + room.strip).min(panels.rows());
                let end = if itself { strip.end } else { queries.rows() };
                for query in (from..end).step_by(QUERIES) {
                    context.cancel.check()?;
                    if found.is_full(strip.len()) {
                        found.rest = Some(Piece { at: (strip.start, query), ..piece });
                        return Ok(found);
                    }
                    hits.clear();
                    let tested = self.test(&sides, query, strip.clone(), &mut masks, |q, x| {
                        hits.push((q as u32, x as u32));
                    });
                    if let Some((of_left, of_right)) = finer {
                        FinerRows::keep((of_left, &queries), (of_right, panels), &mut hits, self.level);
                    }
                    found.passed += hits.len() as u64;
                    let at = |&(q, x): &(u32, u32)| (rows[q as usize], others[x as usize]);
                    hits.retain(|hit| !met.has(at(hit)));
                    for hits in hits.chunks(AHEAD) {
                        let touched = |(_, x): (u32, u32)| right.rows.touch(right.range.start + x);
                        std::hint::black_box(hits.iter().map(at).fold(0, |seen, hit| seen ^ touched(hit)));
                        for (q, x) in hits.iter().map(at) {
                            let (a, b) = (left.range.start + q, right.range.start + x);
                            let product = self.level.dot(left.rows.row(a), right.rows.row(b));
                            if product < self.least {
                                met.add((q, x));
                            } else if first_common(left_cells.cells(q), right_cells.cells(x)) == Some(cell) {
                                met.add((q, x));
                                found.push(Scored { left: a, right: b, product });
                            }
                        }
                    }
                    found.tested += tested;
                    context.progress.add(tested);
                }
                from = 0;
            }
            Ok(found)
        })
    }
}
