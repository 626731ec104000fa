//! At most so many pairs a row: the most similar ones, and how many there were beyond.
//!
//! A threshold is what decides; a cap guards against the row that is similar to thousands, such as a face
//! out of focus. Cost: the pairs are sorted twice more, within memory or on disk.

use bytemuck::{Pod, Zeroable};
use serde::Serialize;

use super::Scored;
use crate::error::Result;
use crate::external::{ExternalSorter, Kept};
use crate::runtime::Context;

/// A pair as one of its rows has it, the most similar first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
struct Ranked {
    row: u32,
    /// Minus the product.
    distance: i32,
    other: u32,
}

/// What a cap took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Capped {
    /// Rows with more pairs than the cap.
    pub records: u64,
    /// Pairs that were dropped.
    pub pairs: u64,
}

/// Keeps the pairs that are among the `most` most similar of both of their rows; of equally similar ones
/// those with the lower numbers.
///
/// # Errors
/// As [`ExternalSorter::push`] and [`Kept::each`].
pub fn cap(pairs: Kept<Scored>, most: u32, context: &Context) -> Result<(Kept<Scored>, Capped)> {
    let sorter = || ExternalSorter::new("similar pairs", context.memory.free() / 4, context);
    let mut ranked = ExternalSorter::new("similar pairs", context.memory.free() / 4, context)?;
    let all = pairs.len();
    pairs.each(|pairs| {
        pairs.iter().try_for_each(|&Scored { left, right, product }| {
            let distance = -product;
            ranked.push(&[
                Ranked { row: left, distance, other: right },
                Ranked { row: right, distance, other: left },
            ])
        })
    })?;
    drop(pairs);
    let (mut kept, mut capped) = (sorter()?, Capped::default());
    let mut ranked = ranked.finish()?;
    let (mut row, mut rank) = (None, 0u32);
    while let Some(batch) = ranked.read_next()? {
        for pair in batch {
            rank = if row == Some(pair.row) { rank + 1 } else { 0 };
            row = Some(pair.row);
            if rank < most {
                let (left, right) = (pair.row.min(pair.other), pair.row.max(pair.other));
                kept.push(&[Scored { left, right, product: -pair.distance }])?;
            }
            capped.records += u64::from(rank == most);
        }
    }
    drop(ranked);
    // Both rows kept the pairs that are there twice.
    let (mut both, mut count, mut last) = (sorter()?, 0, None);
    let mut kept = kept.finish()?;
    while let Some(batch) = kept.read_next()? {
        for &pair in batch {
            if last == Some(pair) {
                both.push(&[pair])?;
                count += 1;
            }
            last = Some(pair);
        }
    }
    drop(kept);
    capped.pairs = all - count;
    Ok((Kept::new(both.finish()?, count, "similar pairs", context)?, capped))
}
