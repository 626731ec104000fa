//! Two blocks of templates, every row of one with every row of the other.
//!
//! A strip of 2,016 rows stays in the second-level cache while rows of the other block pass by, 96 at a time.
//! What passes the filter is multiplied in full at once, from the rows at rest. Threads share out strips by
//! stretches of the other block, some at a time, and what they found is then handed over in order. A piece of
//! work whose share of the memory is full ends there, and its rest is done once that was handed over; so no
//! threshold finds more than fits.

use std::collections::VecDeque;
use std::ops::Range;

use rayon::prelude::*;

use super::Scored;
use super::filter::Filter;
use super::finer::FinerRows;
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

/// Numbers at rest in a line of the caches.
const LINE: usize = 32;

/// Most bytes of pairs that wait to be handed over.
const WAITING: u64 = 1 << 28;

/// Rows `range` of the templates, packed for the filter and as they rest.
pub struct Block<'a> {
    /// The rows.
    pub range: Range<u32>,
    pub(super) packed: Packed,
    pub(super) rows: AtRest<'a>,
    /// What the second test takes of each row, where there is one.
    pub(super) finer: Option<FinerRows>,
    _held: Reservation,
}

/// Rows at rest, by stretch.
pub(super) struct AtRest<'a> {
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
    /// The numbers of a row.
    #[inline]
    pub fn row(&self, row: u32) -> &[i16] {
        let row = row as usize;
        let numbers = match &self.stretches[row / self.rows - self.first] {
            Stretch::Memory(numbers) => numbers,
            Stretch::Disk(words) => bytemuck::cast_slice(words),
        };
        &numbers[row % self.rows * self.stride..][..self.stride]
    }

    /// Looks at every line of a row, so that it is in the caches when it is wanted.
    #[inline]
    pub fn touch(&self, row: u32) -> i16 {
        self.row(row).iter().step_by(LINE).fold(0, |seen, &x| seen ^ x)
    }
}

impl<'a> Block<'a> {
    /// Bytes of a block's row, besides rows that rest in memory anyway.
    pub fn bytes_per_row(templates: &Templates, filter: &Filter) -> u64 {
        let at_rest = if templates.is_on_disk() { templates.stride() as u64 * 2 } else { 0 };
        at_rest + Self::packed_bytes(QUERIES, filter) / QUERIES as u64
    }

    /// Bytes of so many rows as the tests take them.
    fn packed_bytes(rows: usize, filter: &Filter) -> u64 {
        Packed::bytes(rows, filter.depth) + FinerRows::bytes(rows, filter)
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
        let mut bytes = Self::packed_bytes(count, filter);
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
        let bytes = Self::packed_bytes(count, filter) + (numbers.len() * 2) as u64;
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
        let finer = FinerRows::of(&rows, range.clone(), filter, context)?;
        Ok(Self { range, packed, rows, finer, _held: held })
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
#[derive(Debug, Clone)]
struct Piece {
    strip: Range<usize>,
    passing: Range<usize>,
}

/// Rows that are tested against rows, each of them packed.
pub(super) struct Sides<'a> {
    /// These pass by.
    pub queries: &'a Packed,
    /// These stay.
    pub panels: &'a Packed,
    /// Whether both are the same, whose pairs are then met once, the lower row first.
    pub same: bool,
}

/// Room for what pieces of work find until it is handed over.
pub(super) struct Room {
    /// Most pairs of a piece of work.
    pairs: usize,
    /// Pieces of work at a time.
    together: usize,
    /// Rows of a strip: 96 rows with all of them find no more than a piece of work may.
    pub strip: usize,
    _held: Reservation,
}

/// What a piece of work found, and what is left of it.
pub(super) struct Found<P> {
    /// The pairs.
    pub pairs: Vec<Scored>,
    /// Those that passed what is asked before their full product is taken.
    pub passed: u64,
    /// Pairs that were tested.
    pub tested: u64,
    /// What is still to be done, for which there was no room.
    pub rest: Option<P>,
    most: usize,
}

/// What became of the pairs of two blocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Pairs that were tested by the filter.
    pub tested: u64,
    /// Those that passed what is asked before their full product is taken.
    pub passed: u64,
    /// Those at or above the threshold.
    pub pairs: u64,
}

impl Tally {
    /// Adds those of another pair of blocks.
    pub fn add(&mut self, other: Self) {
        self.tested += other.tested;
        self.passed += other.passed;
        self.pairs += other.pairs;
    }
}

impl Room {
    /// Room in an eighth of the memory that is free.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where not even 110 KiB a thread are.
    pub fn new(context: &Context) -> Result<Self> {
        let threads = context.pool.current_num_threads();
        let pair = size_of::<Scored>();
        let least = threads * QUERIES * QUERIES * pair;
        let bytes = (context.memory.free() / 8).min(WAITING).max(least as u64) as usize;
        let held = context.memory.reserve("similar pairs", bytes as u64)?;
        let together = (bytes / pair / (QUERIES * STRIP)).clamp(threads, PIECES * threads);
        let pairs = bytes / pair / together;
        let strip = (pairs / QUERIES / QUERIES * QUERIES).clamp(QUERIES, STRIP);
        Ok(Self { pairs, together, strip, _held: held })
    }

    /// What a piece of work found: nothing yet.
    pub fn found<P>(&self) -> Found<P> {
        Found { pairs: Vec::new(), passed: 0, tested: 0, rest: None, most: self.pairs }
    }

    /// Does all `pieces`, some at a time, and hands what they found to `take`.
    ///
    /// # Errors
    /// What `work` and `take` say.
    pub fn work<P: Send>(
        &self,
        pieces: impl Iterator<Item = P>,
        context: &Context,
        take: &mut Take<'_>,
        work: impl Fn(P) -> Result<Found<P>> + Sync,
    ) -> Result<Tally> {
        let (mut pieces, mut again, mut tally) = (pieces, VecDeque::new(), Tally::default());
        loop {
            let mut now: Vec<P> = again.drain(..self.together.min(again.len())).collect();
            now.extend(pieces.by_ref().take(self.together - now.len()));
            if now.is_empty() {
                return Ok(tally);
            }
            let found: Result<Vec<Found<P>>> =
                context.pool.install(|| now.into_par_iter().with_max_len(1).map(&work).collect());
            for found in found? {
                take(&found.pairs)?;
                tally.tested += found.tested;
                tally.passed += found.passed;
                tally.pairs += found.pairs.len() as u64;
                again.extend(found.rest);
            }
        }
    }
}

impl<P> Found<P> {
    /// Whether 96 rows with a strip may find more than there is room for.
    pub fn is_full(&self, strip: usize) -> bool {
        self.pairs.len() + QUERIES * strip > self.most
    }

    /// Adds a pair.
    #[inline]
    pub fn push(&mut self, pair: Scored) {
        if self.pairs.len() == self.pairs.capacity() {
            let more = self.pairs.len().min(self.most.saturating_sub(self.pairs.len())).max(64);
            self.pairs.reserve_exact(more);
        }
        self.pairs.push(pair);
    }
}

impl Join<'_> {
    /// Finds all pairs of rows of `block`, each once, the lower row first.
    ///
    /// # Errors
    /// As [`Join::between`].
    pub fn within(&self, block: &Block<'_>, context: &Context, take: &mut Take<'_>) -> Result<Tally> {
        self.blocks(block, block, true, context, take)
    }

    /// Finds all pairs of a row of `left` and one of `right`, hands them to `take`, and returns how many
    /// there were.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where there is no room for pairs,
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled), and what `take` says.
    pub fn between(
        &self,
        left: &Block<'_>,
        right: &Block<'_>,
        context: &Context,
        take: &mut Take<'_>,
    ) -> Result<Tally> {
        self.blocks(left, right, false, context, take)
    }

    fn blocks(
        &self,
        left: &Block<'_>,
        right: &Block<'_>,
        same: bool,
        context: &Context,
        take: &mut Take<'_>,
    ) -> Result<Tally> {
        let room = Room::new(context)?;
        let (rows, others) = (left.packed.rows(), right.packed.rows());
        let strips = (0..others).step_by(room.strip).map(|strip| strip..(strip + room.strip).min(others));
        let pieces = strips.flat_map(|strip| {
            let end = if same { strip.end } else { rows };
            let passing = (0..end).step_by(PASSING);
            passing.map(move |from| Piece { strip: strip.clone(), passing: from..(from + PASSING).min(end) })
        });
        let sides = Sides { queries: &left.packed, panels: &right.packed, same };
        room.work(pieces, context, take, |Piece { strip, passing }| {
            let mut found = room.found();
            let mut masks = vec![0u16; QUERIES * strip.len() / LANES];
            for query in passing.clone().step_by(QUERIES) {
                context.cancel.check()?;
                if found.is_full(strip.len()) {
                    found.rest = Some(Piece { strip, passing: query..passing.end });
                    break;
                }
                let mut passed = 0;
                let tested = self.test(&sides, query, strip.clone(), &mut masks, |q, x| {
                    passed += 1;
                    let (left_row, right_row) = (left.range.start + q as u32, right.range.start + x as u32);
                    let product = self.level.dot(left.rows.row(left_row), right.rows.row(right_row));
                    if product >= self.least {
                        found.push(Scored { left: left_row, right: right_row, product });
                    }
                });
                found.passed += passed;
                found.tested += tested;
                context.progress.add(tested);
            }
            Ok(found)
        })
    }

    /// Tests 96 rows from `query` on against the rows `strip`, and hands those that pass to `hit`; returns how
    /// many pairs were tested.
    #[inline]
    pub(super) fn test(
        &self,
        sides: &Sides<'_>,
        query: usize,
        strip: Range<usize>,
        masks: &mut [u16],
        mut hit: impl FnMut(usize, usize),
    ) -> u64 {
        // Of rows with themselves, those before the first query have met it.
        let start = if sides.same { strip.start.max(query) } else { strip.start };
        let count = strip.end.saturating_sub(start) / LANES;
        let masks = &mut masks[..QUERIES * count];
        let (queries, panels) =
            (sides.queries.queries(query, QUERIES), sides.panels.panels(start / LANES, count));
        self.level.hits(queries, panels, self.filter.least(), masks);
        for (panel, masks) in masks.chunks_exact(QUERIES).enumerate() {
            // Four at once: of nine words in ten no bit is set.
            for (at, four) in masks.chunks_exact(4).enumerate() {
                let mut word = four.iter().rev().fold(0u64, |word, &mask| word << LANES | u64::from(mask));
                while word != 0 {
                    let bit = word.trailing_zeros() as usize;
                    word &= word - 1;
                    let (q, x) = (query + 4 * at + bit / LANES, start + panel * LANES + bit % LANES);
                    if !sides.same || q < x {
                        hit(q, x);
                    }
                }
            }
        }
        (QUERIES * count * LANES) as u64
    }
}
