//! All pairs of templates at least as similar as a threshold, within a set or between two.
//!
//! ```text
//! templates ─► principal axes ─► turned, in place ─► blocks, two at a time
//!                                                     ├─ which share a cell, where there are cells
//!                                                     ├─ leading numbers as int8: can it be similar enough?
//!                                                     └─ all numbers in 16 bits: is it?  ─► sorted pairs
//! ```
//!
//! Every pair is compared: 1 million templates are half a billion thousands of pairs, and a core tests
//! two or three thousand millions a second. Above six million templates those that share a cell are
//! ([`plan`]), and what passes the filter is tested once more (`finer`) before its full product is taken. A pair
//! of blocks is a task by itself, kept on disk where the join is to be resumable; each pair of rows is in one. Memory: two blocks in three quarters of what is free, and the pairs in the rest; the
//! templates rest in memory or on disk as they did. Besides, the samples take 16 KiB a number of a template for a
//! while.

pub mod axes;
pub mod cap;
pub mod cells;
pub mod filter;
mod finer;
pub mod iris;
pub mod look;
mod met;
pub mod orthant;
mod partition;
pub mod plan;
pub mod postings;
pub mod recall;
pub mod strangers;
pub mod table;
mod tasks;
pub mod tiles;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use bytemuck::{Pod, Zeroable};
use serde::Serialize;

use self::axes::{Axes, sample};
use self::cells::Cells;
use self::filter::{Filter, Finer};
use self::plan::{Method, Plan};
use self::postings::{Postings, Stored};
use self::recall::PairSample;
use self::tasks::Tasks;
use self::tiles::{Block, Join, Tally};
use crate::error::{Error, ErrorKind, Result};
use crate::external::{ExternalSorter, Kept};
use crate::kernel::simd::{Level, Packed, QUERIES};
use crate::runtime::Context;
use crate::runtime::spill::SpillFile;
use crate::store::templates::{ONE, Templates};

/// Rows that are searched exactly to choose the filter; of a sample more, as many as find as many pairs.
const CHOOSING: f64 = 512.0;

/// What the draw of these rows is called.
const DRAW: u64 = 504;

/// The loss that the filter is chosen for where loss is allowed: twice that makes 0.995 of the pairs.
const LOSS: f64 = 0.0025;

/// The loss that its second test is chosen for, where there is one.
const FINER_LOSS: f64 = 0.0005;

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
    /// Which pairs are compared.
    pub method: Method,
    /// Whether templates are turned along their axes for a filter; by cost where absent.
    pub turned: Option<bool>,
    /// The kernel; the fastest of the processor where absent.
    pub level: Option<Level>,
    /// Most rows of a block; what memory allows where absent.
    pub block_rows: Option<u32>,
}

impl Options {
    /// A join of one set that may lose some pairs, by the method and the kernel that suit.
    pub fn new(threshold: f64) -> Self {
        Self {
            threshold,
            second: None,
            exact: false,
            method: Method::Auto,
            turned: None,
            level: None,
            block_rows: None,
        }
    }
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
    /// What else was asked of pairs that passed.
    pub finer: Option<Finer>,
    /// Whether no pair was lost but by the rounding of templates at rest.
    pub exact: bool,
    /// The cells whose pairs were compared; `None` where all were.
    pub partition: Option<Plan>,
    /// How far a similarity can be from that of the vectors as they came.
    pub rounding: f64,
    /// Pairs of blocks.
    pub tasks: u64,
    /// Those of them that an earlier process had joined.
    pub tasks_before: u64,
    /// Pairs of rows that were compared; one that shares several cells counts for each.
    pub compared: f64,
    /// Pairs that passed the filter and what else was asked, counted alike.
    pub passed: u64,
    /// Pairs at or above the threshold.
    pub pairs: u64,
}

/// Finds all pairs; the templates are turned along their principal axes on the way.
///
/// # Errors
/// [`ErrorKind::Spec`] where the threshold is not in (0, 1] or the method cannot do what is asked for,
/// [`ErrorKind::MemoryLimit`], [`ErrorKind::SpillLimit`], [`ErrorKind::Cancelled`].
pub fn nearest(
    templates: &mut Templates,
    options: &Options,
    context: &Context,
) -> Result<(Kept<Scored>, Filter, Summary)> {
    nearest_resumable(templates, options, None, context)
}

/// The same, with what takes to go on after a kill in the directory `state`, or going on with what is there.
///
/// Reading, turning and assigning cells are done again, pairs of blocks that were joined are not. The state must
/// be that of the same templates, options and seed; but for kernel, blocks, threads and memory.
///
/// # Errors
/// As [`nearest`]; [`ErrorKind::Run`] where the state is corrupt.
pub fn nearest_resumable(
    templates: &mut Templates,
    options: &Options,
    state: Option<&Path>,
    context: &Context,
) -> Result<(Kept<Scored>, Filter, Summary)> {
    if !(options.threshold > 0.0 && options.threshold <= 1.0) {
        return Err(Error::new(
            ErrorKind::Spec,
            format!("a threshold of {} is not in (0, 1]", options.threshold),
        )
        .hint("give the least cosine of a pair, such as 0.4"));
    }
    let (filter, plan) = prepare(templates, options, context)?;
    let (pairs, mut summary) = join(templates, &filter, plan, options, state, context)?;
    summary.rounding = crate::store::templates::bound(templates.dims());
    if filter.depth < templates.stride() {
        // Rounded once on arrival and once more when they were turned.
        summary.rounding *= 2.0;
    }
    Ok((pairs, filter, summary))
}

/// What a join of `size` takes, of templates like those of `sample`: filter and cells are chosen on these. Finding the
/// axes and turning is in it where the join does so, and stating the recall.
///
/// # Errors
/// As [`nearest`].
pub fn expected(
    sample: &Templates,
    size: plan::Size,
    options: &Options,
    context: &Context,
) -> Result<plan::Cost> {
    let Chosen { filter, plan, axes } = choose(sample, size, options, context)?;
    let (level, threads) = (options.level.unwrap_or_else(Level::best), context.pool.current_num_threads());
    let mut cost = plan::cost(size, &filter, plan.as_ref(), level, threads);
    if axes.is_some() {
        cost.add(plan::turning(size), level, threads);
    }
    let whole = Filter::whole(sample.dims(), sample.stride(), options.threshold);
    let exact = if filter.exact { filter } else { whole };
    // Sampled rows are searched among others that are packed whole, when the blocks of the join are gone.
    let among = Packed::bytes(recall::SEARCHED.min(size.rows as usize), exact.depth) as f64;
    cost.bytes = cost.bytes.max(size.rows * 2.0 * size.stride as f64 + among);
    let searched = plan::Size { pairs: recall::ROWS as f64 * size.rows, ..size };
    cost.add(plan::cost(searched, &exact, None, level, threads).units, level, threads);
    Ok(cost)
}

/// Chooses filter and cells, and turns the templates for them.
fn prepare(
    templates: &mut Templates,
    options: &Options,
    context: &Context,
) -> Result<(Filter, Option<Plan>)> {
    let size = plan::Size::of(templates, options.second);
    let Chosen { filter, plan, axes } = choose(templates, size, options, context)?;
    if let Some(axes) = axes {
        axes.turn(filter.depth, templates, context)?;
    }
    Ok((filter, plan))
}

/// How templates are joined.
struct Chosen {
    filter: Filter,
    plan: Option<Plan>,
    /// What they are turned along, where they are.
    axes: Option<Axes>,
}

/// Chooses filter and cells for a join of `size`, on its templates or on some of them.
fn choose(templates: &Templates, size: plan::Size, options: &Options, context: &Context) -> Result<Chosen> {
    let (dims, stride) = (templates.dims(), templates.stride());
    let whole = Filter::whole(dims, stride, options.threshold);
    let pays = || plan::turning_pays(size);
    let is_turned = stride > crate::kernel::simd::DEPTH && options.turned.unwrap_or_else(pays);
    let mut known = PairSample::new(context.seed);
    if !options.exact && (plan::may_cut(size, options) || is_turned) {
        let rows = CHOOSING * (size.rows / f64::from(templates.len()).max(1.0)).max(1.0);
        let rows = sample(templates.len(), rows as u64, context.seed, DRAW);
        recall::search(templates, &rows, &whole, options, context, &mut |pairs| {
            known.add(pairs);
            Ok(())
        })?;
    }
    let known = known.pairs();
    let (mut filter, mut turned) = (whole, None);
    if is_turned {
        context.progress.begin("axes", "templates", None);
        let axes = Axes::of(templates, context)?;
        let loss = (!options.exact).then_some((LOSS, &known[..]));
        let chosen = Filter::choose(templates, &axes, options.threshold, loss, context)?;
        if chosen.depth < stride {
            (filter, turned) = (chosen, Some(axes));
        }
    }
    let plan = plan::choose(templates, &filter, &known, size, options, context)?;
    if let (Some(_), Some(axes)) = (plan, &turned) {
        filter = filter.with_finer(templates, axes, (FINER_LOSS, &known), context)?;
    }
    Ok(Chosen { filter, plan, axes: turned })
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

/// Rows of a block, of which two fit memory where a quarter of what is free stays so.
fn block_rows(
    templates: &Templates,
    filter: &Filter,
    plan: Option<&Plan>,
    options: &Options,
    context: &Context,
) -> u32 {
    let most = context.memory.free() / 8 * 3;
    let per_row = Block::bytes_per_row(templates, filter) + plan.map_or(0, Postings::bytes_per_row);
    // Rows on disk are read a stretch at a time, and a block may begin within one.
    let together = if templates.is_on_disk() { templates.stretches().0 as u64 } else { QUERIES as u64 };
    let part = if templates.is_on_disk() && options.second.is_some() { together } else { 0 };
    let rows = ((most / per_row).saturating_sub(part) / together).max(1) * together;
    rows.min(u64::from(options.block_rows.unwrap_or(u32::MAX))) as u32
}

/// The rows of each set.
fn sets(templates: &Templates, options: &Options) -> [Range<u32>; 2] {
    let rows = templates.len();
    let second = options.second.unwrap_or(rows).min(rows);
    [0..second, second..rows]
}

/// Loads blocks with the cells of their rows, which are found once and then rest on disk.
struct Loader<'a> {
    templates: &'a Templates,
    filter: &'a Filter,
    cells: Option<(&'a Cells, &'a Plan)>,
    level: Level,
    /// Where the cells of a block go that is loaded more than once.
    file: Option<SpillFile>,
    stored: BTreeMap<u32, Stored>,
}

impl<'a> Loader<'a> {
    fn load(&mut self, rows: &Range<u32>, context: &Context) -> Result<(Block<'a>, Option<Postings>)> {
        let block = Block::load(self.templates, rows.clone(), self.filter, context)?;
        let Some((cells, plan)) = self.cells else { return Ok((block, None)) };
        if let (Some(file), Some(stored)) = (&self.file, self.stored.get(&rows.start)) {
            let postings = Postings::read(file, stored, cells.len(), context)?;
            return Ok((block, Some(postings)));
        }
        let bytes = rows.len() as u64 * (plan.cells_per_row * 8.0 + 24.0) as u64;
        let held = context.memory.reserve("cells of templates", bytes)?;
        let postings =
            Postings::new(cells.of(&block.rows, rows.clone(), self.level, context)?, cells.len(), context)?;
        drop(held);
        if let Some(file) = &self.file {
            self.stored.insert(rows.start, postings.store(file)?);
        }
        Ok((block, Some(postings)))
    }
}

fn join(
    templates: &Templates,
    filter: &Filter,
    plan: Option<Plan>,
    options: &Options,
    state: Option<&Path>,
    context: &Context,
) -> Result<(Kept<Scored>, Summary)> {
    let level = options.level.unwrap_or_else(Level::best);
    let size = plan::Size::of(templates, options.second);
    let expected = plan::cost(size, filter, plan.as_ref(), level, 1).compared;
    let cells = plan.as_ref().map(|plan| Cells::new(templates, plan, context)).transpose()?;
    context.progress.begin("nearest", "pairs", Some(expected as u64));
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let mut tasks = Tasks::open(state, &context.cancel, |pairs| sorter.push(pairs))?;
    let most = block_rows(templates, filter, plan.as_ref(), options, context);
    let [first, second] = sets(templates, options).map(|rows| tasks.cut(rows, most));
    let file = (cells.is_some() && first.len() + second.len() > 2)
        .then(|| SpillFile::create(&context.spill, "cells"))
        .transpose()?;
    let cells = cells.as_ref().zip(plan.as_ref());
    let mut loader = Loader { templates, filter, cells, level, file, stored: BTreeMap::new() };
    let join = Join { filter, least: least_product(options.threshold), level };
    let (tasks_before, mut all) = tasks.before();
    context.progress.add(all.tested);
    let mut done = tasks_before;
    for (at, rows) in first.iter().enumerate() {
        let others = if options.second.is_some() { &second[..] } else { &first[at..] };
        let others: Vec<&Range<u32>> =
            others.iter().filter(|right| !tasks.is_finished(rows, right)).collect();
        if others.is_empty() {
            continue;
        }
        let left = loader.load(rows, context)?;
        for others in others {
            let mut take = |found: &[Scored]| {
                tasks.push(found)?;
                sorter.push(found)
            };
            let tally = if options.second.is_none() && others == rows {
                between(&join, &left, &left, cells, context, &mut take)?
            } else {
                let right = loader.load(others, context)?;
                between(&join, &left, &right, cells, context, &mut take)?
            };
            tasks.finish(rows.clone(), others.clone(), tally)?;
            all.add(tally);
            done += 1;
        }
    }
    let summary = Summary {
        templates: templates.len(),
        dims: templates.dims(),
        threshold: options.threshold,
        kernel: level.name(),
        depth: filter.depth,
        share: filter.share,
        finer: filter.finer,
        exact: filter.exact && plan.is_none(),
        partition: plan,
        rounding: 0.0,
        tasks: done,
        tasks_before,
        compared: if plan.is_some() { all.tested as f64 } else { size.pairs },
        passed: all.passed,
        pairs: all.pairs,
    };
    Ok((Kept::new(sorter.finish()?, all.pairs, "similar pairs", context)?, summary))
}

type Loaded<'a> = (Block<'a>, Option<Postings>);

/// Joins two blocks, or one with itself where both are the same.
fn between(
    join: &Join<'_>,
    left: &Loaded<'_>,
    right: &Loaded<'_>,
    cells: Option<(&Cells, &Plan)>,
    context: &Context,
    take: &mut tiles::Take<'_>,
) -> Result<Tally> {
    match (cells, &left.1, &right.1) {
        (Some((cells, _)), Some(of_left), Some(of_right)) => {
            join.in_cells((&left.0, of_left), (&right.0, of_right), cells.len(), context, take)
        }
        _ if std::ptr::eq(left, right) => join.within(&left.0, context, take),
        _ => join.between(&left.0, &right.0, context, take),
    }
}
