//! Two blocks of templates, every row of one with every row of the other.
//!
//! A strip of 2,016 rows stays in the second-level cache while rows of the other block pass by, 96 at a time.
//! What passes the filter is multiplied in full at once, from the rows at rest. Threads share out strips by
//! stretches of the other block, some at a time, and what they found is then handed over in order.

use std::ops::Range;

use rayon::prelude::*;

use super::Scored;
use super::filter::Filter;
use crate::error::Result;
use crate::kernel::simd::{LANES, Level, Packed, QUERIES};
use crate::runtime::{Context, Reservation};
use crate::store::templates::Templates;

/// Rows of a strip: 21 times 96.
const STRIP: usize = 2_016;

/// Rows of the other block that pass by a strip as one piece of work: 100 times 96, some 8 ms.
const PASSING: usize = 9_600;

/// Pieces of work for each thread between two times of handing over: at the end of them threads wait for
/// the slowest, half a piece on average.
const PIECES: usize = 16;

/// Pairs for which a piece of work reserves memory at a time.
const FOUND: usize = 1 << 16;

/// Rows `range` of the templates, packed for the filter and as they rest.
pub struct Block<'a> {
    /// The rows.
    pub range: Range<u32>,
    packed: Packed,
    rows: AtRest<'a>,
    _held: Reservation,
}

/// Rows at rest, by stretch.
struct AtRest<'a> {
    stretches: Vec<Stretch<'a>>,
    /// The number of the first stretch, and rows of each.
    first: usize,
    rows: usize,
    stride: usize,
}

enum Stretch<'a> {
    Memory(&'a [i16]),
    Disk(Vec<u64>),
}

impl AtRest<'_> {
    #[inline]
    fn row(&self, row: u32) -> &[i16] {
        let row = row as usize;
        let numbers = match &self.stretches[row / self.rows - self.first] {
            Stretch::Memory(numbers) => numbers,
            Stretch::Disk(words) => bytemuck::cast_slice(words),
        };
        &numbers[row % self.rows * self.stride..][..self.stride]
    }
}

impl<'a> Block<'a> {
    /// Bytes of a block's row, besides rows that rest in memory anyway.
    pub fn bytes_per_row(templates: &Templates, depth: usize) -> u64 {
        let at_rest = if templates.is_on_disk() { templates.stride() * 2 } else { 0 };
        (at_rest + 2 * depth + 12) as u64
    }

    /// Reads and packs rows.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit), [`ErrorKind::Cancelled`
    /// ](crate::error::ErrorKind::Cancelled), and as [`Templates::stretch`].
    pub fn load(
        templates: &'a Templates,
        range: Range<u32>,
        filter: &Filter,
        context: &Context,
    ) -> Result<Self> {
        let (rows, count) = (templates.stretches().0, range.len());
        let stretches = range.start as usize / rows..(range.end as usize).div_ceil(rows);
        let mut bytes = Packed::bytes(count, filter.depth);
        if templates.is_on_disk() {
            bytes += (stretches.len() * rows * templates.stride() * 2) as u64;
        }
        let held = context.memory.reserve("blocks of templates", bytes)?;
        let first = stretches.start;
        let read = |stretch: usize| {
            context.cancel.check()?;
            Ok(match templates.at_rest(stretch) {
                Some(numbers) => Stretch::Memory(numbers),
                None => {
                    let mut words = Vec::new();
                    templates.stretch(stretch, &mut words)?;
                    Stretch::Disk(words)
                }
            })
        };
        let stretches: Result<Vec<Stretch<'a>>> =
            context.pool.install(|| stretches.into_par_iter().map(read).collect());
        let at_rest = AtRest { stretches: stretches?, first, rows, stride: templates.stride() };
        Self::pack(range, at_rest, filter, held, context)
    }

    /// Packs rows that were gathered, which are numbered from zero.
    ///
    /// # Errors
    /// As [`Block::load`].
    pub fn gathered(numbers: &[i16], stride: usize, filter: &Filter, context: &Context) -> Result<Self> {
        let count = numbers.len() / stride;
        let bytes = Packed::bytes(count, filter.depth) + (numbers.len() * 2) as u64;
        let held = context.memory.reserve("blocks of templates", bytes)?;
        let mut words = vec![0u64; numbers.len() / 4];
        bytemuck::cast_slice_mut(&mut words).copy_from_slice(numbers);
        let rows = AtRest { stretches: vec![Stretch::Disk(words)], first: 0, rows: count.max(1), stride };
        Self::pack(0..count as u32, rows, filter, held, context)
    }

    fn pack(
        range: Range<u32>,
        rows: AtRest<'a>,
        filter: &Filter,
        held: Reservation,
        context: &Context,
    ) -> Result<Self> {
        let mut packed = Packed::new(range.len(), filter.depth);
        let parts: Vec<_> = packed.parts().enumerate().collect();
        context.pool.install(|| {
            parts.into_par_iter().try_for_each(|(at, mut part)| {
                context.cancel.check()?;
                let mut numbers = vec![0i8; filter.depth];
                let first = at * QUERIES;
                for row in 0..QUERIES.min(range.len().saturating_sub(first)) {
                    let at_rest = rows.row(range.start + (first + row) as u32);
                    let (tail, base) = filter.factors(at_rest, &mut numbers);
                    part.set(row, &numbers, tail, base);
                }
                Ok(())
            })
        })?;
        Ok(Self { range, packed, rows, _held: held })
    }
}

/// How two blocks are joined.
pub struct Join<'a> {
    /// What passes to the full product.
    pub filter: &'a Filter,
    /// The least product of two rows at rest.
    pub least: i32,
    /// The kernel.
    pub level: Level,
}

/// Takes pairs that were found.
pub type Take<'a> = dyn FnMut(&[Scored]) -> Result<()> + 'a;

/// A strip of one block and a stretch of the other.
#[derive(Debug, Clone, Copy)]
struct Piece {
    strip: usize,
    passing: usize,
}

/// What a piece of work found.
struct Found {
    pairs: Vec<Scored>,
    passed: u64,
    held: Reservation,
}

impl Join<'_> {
    /// Finds all pairs of rows of `block`, each once, the lower row first.
    ///
    /// # Errors
    /// As [`Join::between`].
    pub fn within(&self, block: &Block<'_>, context: &Context, take: &mut Take<'_>) -> Result<u64> {
        self.blocks(block, block, true, context, take)
    }

    /// Finds all pairs of a row of `left` and one of `right`, hands them to `take` in order, and returns how
    /// many passed the filter.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where more is found at once than fits,
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled), and what `take` says.
    pub fn between(
        &self,
        left: &Block<'_>,
        right: &Block<'_>,
        context: &Context,
        take: &mut Take<'_>,
    ) -> Result<u64> {
        self.blocks(left, right, false, context, take)
    }

    fn blocks(
        &self,
        left: &Block<'_>,
        right: &Block<'_>,
        same: bool,
        context: &Context,
        take: &mut Take<'_>,
    ) -> Result<u64> {
        let mut pieces = Vec::new();
        for strip in (0..right.packed.rows()).step_by(STRIP) {
            let end = if same { strip + STRIP } else { usize::MAX };
            let passing = (0..left.packed.rows().min(end)).step_by(PASSING);
            pieces.extend(passing.map(|passing| Piece { strip, passing }));
        }
        let mut passed = 0;
        for pieces in pieces.chunks(PIECES * context.pool.current_num_threads()) {
            let found: Result<Vec<Found>> = context.pool.install(|| {
                let pieces = pieces.par_iter().with_max_len(1);
                pieces.map(|&piece| self.piece(left, right, same, piece, context)).collect()
            });
            for found in found? {
                take(&found.pairs)?;
                passed += found.passed;
            }
        }
        Ok(passed)
    }

    fn piece(
        &self,
        left: &Block<'_>,
        right: &Block<'_>,
        same: bool,
        Piece { strip, passing }: Piece,
        context: &Context,
    ) -> Result<Found> {
        let mut found =
            Found { pairs: Vec::new(), passed: 0, held: context.memory.reserve("similar pairs", 0)? };
        let end = (strip + STRIP).min(right.packed.rows());
        let last = (passing + PASSING).min(if same { end } else { left.packed.rows() });
        let mut masks = vec![0u16; QUERIES * STRIP / LANES];
        for query in (passing..last).step_by(QUERIES) {
            context.cancel.check()?;
            // Of a block with itself, rows before the first query have met it.
            let start = if same { strip.max(query) } else { strip };
            let count = (end - start) / LANES;
            let masks = &mut masks[..QUERIES * count];
            let (queries, panels) =
                (left.packed.queries(query, QUERIES), right.packed.panels(start / LANES, count));
            self.level.hits(queries, panels, self.filter.least(), masks);
            for (panel, masks) in masks.chunks_exact(QUERIES).enumerate() {
                for (at, &mask) in masks.iter().enumerate() {
                    let mut mask = mask;
                    while mask != 0 {
                        let lane = mask.trailing_zeros() as usize;
                        mask &= mask - 1;
                        let (q, x) = (query + at, start + panel * LANES + lane);
                        if same && q >= x {
                            continue;
                        }
                        found.passed += 1;
                        let pair = (left.range.start + q as u32, right.range.start + x as u32);
                        let product = self.level.dot(left.rows.row(pair.0), right.rows.row(pair.1));
                        if product >= self.least {
                            found.push(Scored { left: pair.0, right: pair.1, product })?;
                        }
                    }
                }
            }
            context.progress.add((QUERIES * (end - start)) as u64);
        }
        Ok(found)
    }
}

impl Found {
    fn push(&mut self, pair: Scored) -> Result<()> {
        if self.pairs.len() == self.pairs.capacity() {
            let more = (2 * self.pairs.len()).clamp(64, self.pairs.len() + FOUND);
            self.held.grow_to(((self.pairs.len() + more) * size_of::<Scored>()) as u64).map_err(|error| {
                error.hint("raise `run.memory_limit`, or the threshold: more pairs than fit are above it")
            })?;
            self.pairs.reserve_exact(more - self.pairs.len());
        }
        self.pairs.push(pair);
        Ok(())
    }
}
