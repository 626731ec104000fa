//! What a join found of what there is: sampled rows are searched exactly, and the pairs looked up.
//!
//! Pairs of one person hang together, so an interval over pairs would be too narrow: rows are drawn again
//! instead (bootstrap; Efron, 1979). Losses are told apart: by partition, since true pairs either share a cell or
//! do not; by the filter, which is the rest of what is missing; by rounding, which is bounded. Pairs are counted
//! and not kept, so a low threshold takes no more memory than a high one.

use std::collections::BinaryHeap;

use serde::Serialize;

use super::axes::sample;
use super::cells::Cells;
use super::filter::{Filter, MOST_PAIRS};
use super::plan::Plan;
use super::postings::first_common;
use super::tiles::{Block, Join, Take};
use super::{Options, Scored, Summary, block_rows, least_product};
use crate::error::Result;
use crate::external::Kept;
use crate::kernel::hash;
use crate::kernel::simd::{Level, Packed, QUERIES};
use crate::runtime::Context;
use crate::store::templates::Templates;

/// Rows that are searched exactly.
pub(super) const ROWS: u64 = 2_000;

/// Rows that they are searched among at a time. Each is packed whole and met once, so more of them save nothing: of
/// 735,000 faces all at once took 0.76 GB.
pub(super) const SEARCHED: usize = 96 * 1_024;

/// Times that they are drawn again: enough for the 25th lowest and highest to stand still in two digits.
const DRAWS: u64 = 1_000;

/// What the draws are called.
const DRAW: (u64, u64, u64) = (505, 506, 512);

/// Widths of the bands of similarity from the threshold on; the last band has the rest.
const BANDS: [f32; 2] = [0.05, 0.10];

/// A share of the true pairs, with a 95 % interval.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Share {
    /// True pairs of the sampled rows.
    pub pairs: u64,
    /// Those that the join found.
    pub found: u64,
    /// Their share; 1 where there are none.
    pub recall: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The true pairs of one band of similarity.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Band {
    /// From this similarity on.
    pub from: f32,
    /// Up to this one.
    pub to: f32,
    /// What was found of them.
    #[serde(flatten)]
    pub share: Share,
}

/// What a join found of what there is.
#[derive(Debug, Clone, Serialize)]
pub struct Recall {
    /// Rows that were searched exactly.
    pub rows: u64,
    /// Those of them that have a true pair.
    pub rows_with_pairs: u64,
    /// Of all true pairs.
    pub all: Share,
    /// By band of similarity.
    pub bands: Vec<Band>,
    /// The mean over rows with pairs: a person with hundreds of templates counts no more than others.
    pub by_row: f64,
    /// The share that shares no cell, of 4,096 true pairs at most; 0 where all pairs were compared.
    pub lost_by_partition: f64,
    /// The share that the filter lost: the rest of what is missing.
    pub lost_by_filter: f64,
    /// True pairs nearer to the threshold than rounding can move them: whether they are above it only the
    /// vectors as they came could tell.
    pub undecided: u64,
}

/// Pairs that are drawn from all that are shown, the same whatever their order.
#[derive(Debug)]
pub struct PairSample {
    key: u64,
    /// The pairs whose hashes are the least, the greatest of these first.
    kept: BinaryHeap<(u64, Scored)>,
}

impl PairSample {
    /// None yet.
    pub fn new(seed: u64) -> Self {
        Self { key: hash::combine(seed, DRAW.2), kept: BinaryHeap::new() }
    }

    /// Shows pairs.
    pub fn add(&mut self, pairs: &[Scored]) {
        for &pair in pairs {
            let key = hash::combine(self.key, u64::from(pair.left) << 32 | u64::from(pair.right));
            if self.kept.len() < MOST_PAIRS {
                self.kept.push((key, pair));
            } else if self.kept.peek().is_some_and(|most| (key, pair) < *most) {
                self.kept.pop();
                self.kept.push((key, pair));
            }
        }
    }

    /// The pairs that were drawn, ascending.
    pub fn pairs(self) -> Vec<Scored> {
        let mut pairs: Vec<Scored> = self.kept.into_iter().map(|(_, pair)| pair).collect();
        pairs.sort_unstable();
        pairs
    }
}

/// Hands all pairs of `rows`, which ascend, with any row to `take`, in no order: `left` is the one searched.
/// `filter` must be exact.
///
/// # Errors
/// As [`Join::between`].
pub fn search(
    templates: &Templates,
    rows: &[u32],
    filter: &Filter,
    options: &Options,
    context: &Context,
    take: &mut Take<'_>,
) -> Result<()> {
    let compared = rows.len() as u64 * u64::from(templates.len());
    context.progress.begin("sample", "pairs", Some(compared));
    let join = Join {
        filter,
        least: least_product(options.threshold),
        level: options.level.unwrap_or_else(Level::best),
    };
    let second = |row: u32| options.second.is_some_and(|second| row >= second);
    let per_row = templates.stride() as u64 * 2 + Packed::bytes(QUERIES, filter.depth) / QUERIES as u64;
    let together = (context.memory.free() / 16 / per_row).max(QUERIES as u64) as usize;
    for rows in rows.chunks(together) {
        let numbers = templates.gather(rows, context)?;
        let searched = Block::gathered(&numbers, templates.stride(), filter, context)?;
        let most = block_rows(templates, filter, None, options, context);
        let most = most.min((SEARCHED as u32).next_multiple_of(templates.stretches().0 as u32));
        for from in (0..templates.len()).step_by(most as usize) {
            let block = Block::load(
                templates,
                from..from.saturating_add(most).min(templates.len()),
                filter,
                context,
            )?;
            join.between(&searched, &block, context, &mut |pairs| {
                let pairs = pairs.iter().map(|pair| Scored { left: rows[pair.left as usize], ..*pair });
                let of_sets = |pair: &Scored| {
                    pair.left != pair.right
                        && (options.second.is_none() || second(pair.left) != second(pair.right))
                };
                take(&pairs.filter(of_sets).collect::<Vec<_>>())
            })?;
        }
    }
    Ok(())
}

/// States what `pairs`, which `filter` let pass, are of what there is.
///
/// Cost: 2,000 rows with all others, and one reading of the pairs.
///
/// # Errors
/// As [`search`] and [`Kept::each`].
pub fn recall(
    templates: &Templates,
    pairs: &Kept<Scored>,
    filter: &Filter,
    summary: &Summary,
    options: &Options,
    context: &Context,
) -> Result<Recall> {
    let rows = sample(templates.len(), ROWS, context.seed, DRAW.0);
    // Where few numbers lead, half of all pairs would pass a filter that loses none.
    let whole = Filter::whole(templates.dims(), templates.stride(), options.threshold);
    let exact = if filter.exact { filter } else { &whole };
    let threshold = options.threshold as f32;
    let edges = [threshold, threshold + BANDS[0], threshold + BANDS[1], 1.0];
    let band_of = |pair: &Scored| BANDS.iter().filter(|&&w| pair.similarity() >= threshold + w).count();
    // By row and band: true pairs, and those found.
    let mut counts = vec![[[0u64; 2]; 3]; rows.len()];
    let (mut undecided, mut drawn) = (0, PairSample::new(context.seed));
    search(templates, &rows, exact, options, context, &mut |pairs| {
        for pair in pairs {
            let row = rows.binary_search(&pair.left).unwrap_or(0);
            counts[row][band_of(pair)][0] += 1;
            let above = f64::from(pair.similarity()) - options.threshold;
            undecided += u64::from(above <= summary.rounding);
        }
        drawn.add(pairs);
        Ok(())
    })?;
    pairs.each(|pairs| {
        context.cancel.check()?;
        for pair in pairs {
            for row in [pair.left, pair.right] {
                if let Ok(row) = rows.binary_search(&row) {
                    counts[row][band_of(pair)][1] += 1;
                }
            }
        }
        Ok(())
    })?;
    let lost_by_partition = match &summary.partition {
        Some(plan) => apart(templates, &drawn.pairs(), plan, filter, options, context)?,
        None => 0.0,
    };
    counts.retain(|row| row.iter().any(|band| band[0] > 0));
    let every: Vec<[u64; 2]> =
        counts.iter().map(|row| [0, 1].map(|which| row.iter().map(|band| band[which]).sum())).collect();
    let share = |rows: &[[u64; 2]]| share_of(rows, summary.exact, context.seed);
    let bands = (0..3).filter(|&band| edges[band] < edges[band + 1]).map(|band| Band {
        from: edges[band],
        to: edges[band + 1],
        share: share(&counts.iter().map(|row| row[band]).collect::<Vec<_>>()),
    });
    let of_rows: f64 = every.iter().map(|[all, found]| *found as f64 / (*all).max(1) as f64).sum();
    let all = share(&every);
    Ok(Recall {
        rows: rows.len() as u64,
        rows_with_pairs: every.len() as u64,
        all,
        bands: bands.collect(),
        by_row: if every.is_empty() { 1.0 } else { of_rows / every.len() as f64 },
        lost_by_partition,
        lost_by_filter: (1.0 - all.recall - lost_by_partition).max(0.0),
        undecided,
    })
}

/// The share of true pairs that share no cell.
fn apart(
    templates: &Templates,
    pairs: &[Scored],
    plan: &Plan,
    filter: &Filter,
    options: &Options,
    context: &Context,
) -> Result<f64> {
    let cells = Cells::new(templates, plan, context)?;
    let mut rows: Vec<u32> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
    rows.sort_unstable();
    rows.dedup();
    let numbers = templates.gather(&rows, context)?;
    let block = Block::gathered(&numbers, templates.stride(), filter, context)?;
    let level = options.level.unwrap_or_else(Level::best);
    let of_rows = cells.of(&block.rows, 0..rows.len() as u32, level, context)?;
    let of = |row: u32| rows.binary_search(&row).map_or(&[][..], |at| &of_rows[at][..]);
    let apart = pairs.iter().filter(|pair| first_common(of(pair.left), of(pair.right)).is_none());
    Ok(apart.count() as f64 / pairs.len().max(1) as f64)
}

/// The share of found ones, `rows` of `[true, found]`, with its interval.
///
/// Where nothing is missing although something may be, the lower end is that of the rule of three over rows
/// with pairs (Hanley and Lippman-Hand, 1983).
pub(super) fn share_of(rows: &[[u64; 2]], exact: bool, seed: u64) -> Share {
    let sum = |which: usize| rows.iter().map(|row| row[which]).sum::<u64>();
    let (pairs, found) = (sum(0), sum(1));
    let ratio = |found: u64, pairs: u64| if pairs == 0 { 1.0 } else { found as f64 / pairs as f64 };
    let recall = ratio(found, pairs);
    let with_pairs = rows.iter().filter(|row| row[0] > 0).count();
    if found == pairs {
        let unseen = if exact { 0.0 } else { 3.0 / with_pairs.max(3) as f64 };
        return Share { pairs, found, recall, low: 1.0 - unseen, high: 1.0 };
    }
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|draw| {
            let key = hash::combine(hash::combine(seed, DRAW.1), draw);
            let (mut pairs, mut found) = (0, 0);
            for at in 0..rows.len() as u64 {
                let row = rows[hash::below(hash::combine(key, at), rows.len() as u64) as usize];
                pairs += row[0];
                found += row[1];
            }
            ratio(found, pairs)
        })
        .collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| drawn[(share * (DRAWS - 1) as f64) as usize];
    Share { pairs, found, recall, low: at(0.025), high: at(0.975) }
}
