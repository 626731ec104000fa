//! All pairs of templates at least as similar as a threshold, within a set or between two.
//!
//! ```text
//! templates ─► principal axes ─► turned, in place ─► blocks, two at a time
//!                                                     ├─ leading numbers as int8: can it be similar enough?
//!                                                     └─ all numbers in 16 bits: is it?  ─► sorted pairs
//! ```
//!
//! Every pair is compared: 1 million templates are half a billion thousands of pairs, and a core tests
//! two or three thousand millions a second. A pair of blocks is a task by itself; each pair of rows is in
//! one. Memory: two blocks in three quarters of what is free, and the pairs in the rest; the templates rest in
//! memory or on disk as they did. Besides, the samples take 16 KiB a number of a template for a while.

pub mod axes;
pub mod cap;
pub mod filter;
pub mod iris;
pub mod recall;
pub mod table;
pub mod tiles;

use bytemuck::{Pod, Zeroable};
use serde::Serialize;

use self::axes::{Axes, sample};
use self::filter::Filter;
use self::tiles::{Block, Join};
use crate::error::{Error, ErrorKind, Result};
use crate::external::{ExternalSorter, Kept};
use crate::kernel::simd::{Level, QUERIES};
use crate::runtime::Context;
use crate::store::templates::{ONE, Templates};

/// Templates up to which all numbers are compared: 8 million pairs take less time than axes.
const FEW: u32 = 4_096;

/// Rows that are searched exactly to choose the filter.
const CHOOSING: u64 = 512;

/// What the draw of these rows is called.
const DRAW: u64 = 504;

/// The loss that the filter is chosen for where loss is allowed: twice that makes 0.995 of the pairs.
const LOSS: f64 = 0.0025;

/// A pair of rows and the product of their numbers at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct Scored {
    /// The lower row, or that of the first set.
    pub left: u32,
    /// The other row.
    pub right: u32,
    /// The product of the numbers at rest.
    pub product: i32,
}

impl Scored {
    /// The cosine, in [−1, 1].
    pub fn similarity(&self) -> f32 {
        similarity(self.product)
    }
}

/// The cosine that a product at rest stands for.
pub fn similarity(product: i32) -> f32 {
    (f64::from(product) / f64::from(ONE) / f64::from(ONE)).clamp(-1.0, 1.0) as f32
}

/// What is searched, and how.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The least cosine of a pair, in (0, 1].
    pub threshold: f64,
    /// The first row of the second set; pairs are then those between the sets alone.
    pub second: Option<u32>,
    /// Whether no pair may be lost.
    pub exact: bool,
    /// The kernel; the fastest of the processor where absent.
    pub level: Option<Level>,
    /// Most rows of a block; what memory allows where absent.
    pub block_rows: Option<u32>,
}

/// How a join went.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Templates that were compared; zero rows of placeholders are among them and similar to nothing.
    pub templates: u32,
    /// Numbers of a template.
    pub dims: usize,
    /// The least cosine.
    pub threshold: f64,
    /// The kernel.
    pub kernel: &'static str,
    /// Leading numbers of the filter; as many as a row has where nothing is filtered.
    pub depth: usize,
    /// The share of the product of two tails that the filter allows for; 1 where no pair is lost.
    pub share: f32,
    /// Whether no pair was lost but by the rounding of templates at rest.
    pub exact: bool,
    /// How far a similarity can be from that of the vectors as they came.
    pub rounding: f64,
    /// Pairs of blocks.
    pub tasks: u64,
    /// Pairs that were compared.
    pub compared: f64,
    /// Pairs whose full product was taken.
    pub passed: u64,
    /// Pairs at or above the threshold.
    pub pairs: u64,
}

/// Finds all pairs; the templates are turned along their principal axes on the way.
///
/// # Errors
/// [`ErrorKind::Spec`] where the threshold is not in (0, 1], [`ErrorKind::MemoryLimit`],
/// [`ErrorKind::SpillLimit`], [`ErrorKind::Cancelled`].
pub fn nearest(
    templates: &mut Templates,
    options: &Options,
    context: &Context,
) -> Result<(Kept<Scored>, Filter, Summary)> {
    if !(options.threshold > 0.0 && options.threshold <= 1.0) {
        return Err(Error::new(
            ErrorKind::Spec,
            format!("a threshold of {} is not in (0, 1]", options.threshold),
        )
        .hint("give the least cosine of a pair, such as 0.4"));
    }
    let filter = prepare(templates, options, context)?;
    let (pairs, mut summary) = join(templates, &filter, options, context)?;
    summary.rounding = crate::store::templates::bound(templates.dims());
    if filter.depth < templates.stride() {
        // Rounded once on arrival and once more when they were turned.
        summary.rounding *= 2.0;
    }
    Ok((pairs, filter, summary))
}

/// Chooses the filter and turns the templates for it.
fn prepare(templates: &mut Templates, options: &Options, context: &Context) -> Result<Filter> {
    let (dims, stride) = (templates.dims(), templates.stride());
    let whole = Filter::whole(dims, stride, options.threshold);
    if templates.len() <= FEW || stride == crate::kernel::simd::DEPTH {
        return Ok(whole);
    }
    context.progress.begin("axes", "templates", None);
    let axes = Axes::of(templates, context)?;
    let filter = if options.exact {
        Filter::choose(templates, &axes, options.threshold, None, context)?
    } else {
        let rows = sample(templates.len(), CHOOSING, context.seed, DRAW);
        let known = recall::search(templates, &rows, &whole, options, context)?;
        Filter::choose(templates, &axes, options.threshold, Some((LOSS, &known)), context)?
    };
    if filter.depth < stride {
        axes.turn(filter.depth, templates, context)?;
        return Ok(filter);
    }
    Ok(whole)
}

/// Turns templates as [`nearest`] does, for who has its pairs from before.
///
/// # Errors
/// As [`nearest`].
pub fn turn(templates: &mut Templates, options: &Options, context: &Context) -> Result<()> {
    prepare(templates, options, context).map(drop)
}

/// The least product of rows at rest whose cosine is `threshold`.
pub fn least_product(threshold: f64) -> i32 {
    (threshold * f64::from(ONE) * f64::from(ONE)).ceil() as i32
}

/// The rows of each set, cut into blocks of which two fit memory, and a quarter of what is free stays so.
fn blocks(
    templates: &Templates,
    filter: &Filter,
    options: &Options,
    context: &Context,
) -> [Vec<(u32, u32)>; 2] {
    let most = context.memory.free() / 8 * 3;
    let per_row = Block::bytes_per_row(templates, filter.depth);
    // Rows on disk are read a stretch at a time, and a second set may begin within one.
    let together = if templates.is_on_disk() { templates.stretches().0 as u64 } else { QUERIES as u64 };
    let part = if templates.is_on_disk() && options.second.is_some() { together } else { 0 };
    let rows = ((most / per_row).saturating_sub(part) / together).max(1) * together;
    let rows = rows.min(u64::from(options.block_rows.unwrap_or(u32::MAX))) as u32;
    let cut = |from: u32, to: u32| -> Vec<(u32, u32)> {
        (from..to).step_by(rows as usize).map(|start| (start, start.saturating_add(rows).min(to))).collect()
    };
    match options.second {
        Some(second) => {
            let second = second.min(templates.len());
            [cut(0, second), cut(second, templates.len())]
        }
        None => [cut(0, templates.len()), Vec::new()],
    }
}

fn join(
    templates: &Templates,
    filter: &Filter,
    options: &Options,
    context: &Context,
) -> Result<(Kept<Scored>, Summary)> {
    let level = options.level.unwrap_or_else(Level::best);
    let least = least_product(options.threshold);
    let [first, second] = blocks(templates, filter, options, context);
    let rows = |blocks: &[(u32, u32)]| blocks.iter().map(|b| f64::from(b.1 - b.0)).sum::<f64>();
    let compared = match options.second {
        Some(_) => rows(&first) * rows(&second),
        None => rows(&first) * (rows(&first) - 1.0) / 2.0,
    };
    context.progress.begin("nearest", "pairs", Some(compared as u64));
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let join = Join { filter, least, level };
    let (mut tasks, mut passed, mut pairs) = (0, 0, 0);
    let mut take = |found: &[Scored]| {
        pairs += found.len() as u64;
        sorter.push(found)
    };
    for (at, &(from, to)) in first.iter().enumerate() {
        let left = Block::load(templates, from..to, filter, context)?;
        if options.second.is_none() {
            passed += join.within(&left, context, &mut take)?;
            tasks += 1;
        }
        let others = if options.second.is_some() { &second[..] } else { &first[at + 1..] };
        for &(from, to) in others {
            let right = Block::load(templates, from..to, filter, context)?;
            passed += join.between(&left, &right, context, &mut take)?;
            tasks += 1;
        }
    }
    let summary = Summary {
        templates: templates.len(),
        dims: templates.dims(),
        threshold: options.threshold,
        kernel: level.name(),
        depth: filter.depth,
        share: filter.share,
        exact: filter.exact,
        rounding: 0.0,
        tasks,
        compared,
        passed,
        pairs,
    };
    Ok((Kept::new(sorter.finish()?, pairs, "similar pairs", context)?, summary))
}
