//! All pairs of iris codes that are near enough, whichever way the heads were turned.
//!
//! The distance is normalised for the bits compared, HD = 0.5 − (0.5 − HD) √(n / 911) (Daugman, 2007), and is
//! the least over turns of up to eight angles either way. Whether a turn is near enough is a look-up by the
//! bits compared, in whole numbers; so all kernels find the same pairs. Nothing is filtered: half of a code
//! says too little about the rest. Memory: two stretches of codes (2 MiB each) and the turns of one, 17 times
//! as much as it.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use crate::error::{Error, ErrorKind, Result};
use crate::external::{ExternalSorter, Kept};
use crate::kernel::iris::{ALL, MEAN_BITS, Turned, normalised};
use crate::kernel::simd::Level;
use crate::kernel::simd::iris::{BITS, Code};
use crate::runtime::Context;
use crate::store::irises::Irises;

/// What a distance of 1 is in a [`Near`].
const ONE: f64 = (1u64 << 30) as f64;

/// Codes that stay in the second-level cache while others pass by: half a mebibyte.
const TILE: usize = 1_024;

/// Rows of a piece of work, some 3 ms a tile.
const PIECE: usize = 64;

/// A pair of codes and their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct Near {
    /// The lower row, or that of the first set.
    pub left: u32,
    /// The other row.
    pub right: u32,
    /// The distance in units of 2⁻³⁰.
    pub distance: u32,
}

impl Near {
    /// The normalised distance, in [0, 1]; unlike eyes are about 0.46 apart, the best of 17 turns.
    pub fn distance(&self) -> f64 {
        f64::from(self.distance) / ONE
    }
}

/// What is searched, and how.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The greatest normalised distance of a pair, in [0, 0.5).
    pub threshold: f64,
    /// The first row of the second set; pairs are then those between the sets alone.
    pub second: Option<u32>,
    /// The kernel; the fastest of the processor where absent.
    pub level: Option<Level>,
}

/// Finds all pairs of codes.
///
/// # Errors
/// [`ErrorKind::Spec`] where the threshold is not in [0, 0.5), [`ErrorKind::MemoryLimit`],
/// [`ErrorKind::SpillLimit`], [`ErrorKind::Cancelled`].
pub fn nearest_irises(irises: &Irises, options: &Options, context: &Context) -> Result<Kept<Near>> {
    if !(0.0..0.5).contains(&options.threshold) {
        return Err(Error::new(
            ErrorKind::Spec,
            format!("a distance of {} is not in [0, 0.5)", options.threshold),
        )
        .hint("give the greatest distance of two captures of one iris, such as 0.32"));
    }
    let search = Search {
        least: least_surplus(options.threshold),
        second: options.second,
        level: options.level.unwrap_or_else(Level::best),
    };
    let all = f64::from(irises.len());
    context.progress.begin("nearest irises", "pairs", Some((all * (all - 1.0).max(0.0) / 2.0) as u64));
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let (rows, stretches) = irises.stretches();
    let _held = context.memory.reserve("blocks of templates", (2 * rows * size_of::<Code>()) as u64)?;
    let (mut count, mut buffers) = (0, (Vec::new(), Vec::new()));
    for left in 0..stretches {
        let codes = irises.stretch(left, &mut buffers.0)?;
        for right in left..stretches {
            let others = irises.stretch(right, &mut buffers.1)?;
            let starts = ((left * rows) as u32, (right * rows) as u32);
            for found in search.stretches(codes, others, starts, context)? {
                count += found.len() as u64;
                sorter.push(&found)?;
            }
        }
    }
    Kept::new(sorter.finish()?, count, "similar pairs", context)
}

/// For each number of bits compared, how many more must agree than differ: (n − 2d) ≥ 2 (0.5 − t) √(911 n).
fn least_surplus(threshold: f64) -> Vec<i32> {
    let least = |n: usize| (2.0 * (0.5 - threshold) * (MEAN_BITS * n as f64).sqrt()).ceil() as i32;
    (0..=BITS).map(|n| if n == 0 { i32::MAX } else { least(n) }).collect()
}

struct Search {
    least: Vec<i32>,
    second: Option<u32>,
    level: Level,
}

impl Search {
    fn stretches(
        &self,
        codes: &[Code],
        others: &[Code],
        starts: (u32, u32),
        context: &Context,
    ) -> Result<Vec<Vec<Near>>> {
        context.pool.install(|| {
            let pieces = codes.par_chunks(PIECE).enumerate().with_max_len(1);
            pieces
                .map(|(piece, codes)| {
                    self.piece(codes, others, (starts.0 + (piece * PIECE) as u32, starts.1), context)
                })
                .collect()
        })
    }

    fn piece(
        &self,
        codes: &[Code],
        others: &[Code],
        starts: (u32, u32),
        context: &Context,
    ) -> Result<Vec<Near>> {
        let (mut found, mut held) = (Vec::new(), context.memory.reserve("similar pairs", 0)?);
        let mut counts = [(0, 0); ALL];
        for (tile, others) in others.chunks(TILE).enumerate() {
            let first = starts.1 + (tile * TILE) as u32;
            for (left, code) in (starts.0..).zip(codes) {
                context.cancel.check()?;
                if first + (others.len() as u32) <= left || !self.may_meet(left, first, others.len()) {
                    continue;
                }
                let turned = Turned::new(code);
                for (right, other) in (first..).zip(others) {
                    if right <= left || self.second.is_some_and(|second| right < second) {
                        continue;
                    }
                    turned.counts(self.level, other, &mut counts);
                    if let Some(distance) = self.nearest(&counts) {
                        let distance = (distance * ONE).round() as u32;
                        found.push(Near { left, right, distance });
                    }
                }
                held.grow_to((found.capacity() * size_of::<Near>()) as u64).map_err(|error| {
                    error.hint(
                        "raise `run.memory_limit`, or lower the distance: more pairs than fit are within it",
                    )
                })?;
            }
            context.progress.add((codes.len() * others.len()) as u64);
        }
        Ok(found)
    }

    /// Whether a row and one of those from `first` on can be of two sets, where there are two.
    fn may_meet(&self, left: u32, first: u32, others: usize) -> bool {
        self.second.is_none_or(|second| left < second && first + others as u32 > second)
    }

    /// The least distance of the turns that are near enough.
    #[inline]
    fn nearest(&self, counts: &[(u32, u32); ALL]) -> Option<f64> {
        let near = |&&(differ, compared): &&(u32, u32)| {
            compared as i32 - 2 * differ as i32 >= self.least[compared as usize]
        };
        let distances = counts.iter().filter(near).map(|&(differ, compared)| normalised(differ, compared));
        distances.min_by(f64::total_cmp)
    }
}
