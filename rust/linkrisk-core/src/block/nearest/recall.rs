//! What a join found of what there is: sampled rows are searched exactly, and the pairs looked up.
//!
//! Pairs of one person hang together, so an interval over pairs would be too narrow: rows are drawn again
//! instead (bootstrap; Efron, 1979). Losses are told apart: by the filter, which this measures; by rounding,
//! which is bounded; by partition there is none, for every pair is compared.

use rustc_hash::FxHashSet;
use serde::Serialize;

use super::axes::sample;
use super::filter::Filter;
use super::tiles::{Block, Join};
use super::{Options, Scored, Summary, blocks, least_product};
use crate::error::Result;
use crate::external::Kept;
use crate::kernel::hash;
use crate::kernel::simd::{Level, Packed, QUERIES};
use crate::runtime::Context;
use crate::store::templates::Templates;

/// Rows that are searched exactly.
const ROWS: u64 = 2_000;

/// Times that they are drawn again: enough for the 25th lowest and highest to stand still in two digits.
const DRAWS: u64 = 1_000;

/// What the draws are called.
const DRAW: (u64, u64) = (505, 506);

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
    /// Of all true pairs; what is missing the filter lost.
    pub all: Share,
    /// By band of similarity.
    pub bands: Vec<Band>,
    /// The mean over rows with pairs: a person with hundreds of templates counts no more than others.
    pub by_row: f64,
    /// The share lost by partition: none, for every pair is compared.
    pub lost_by_partition: f64,
    /// True pairs nearer to the threshold than rounding can move them: whether they are above it only the
    /// vectors as they came could tell.
    pub undecided: u64,
}

/// All pairs of `rows`, which ascend, with any row: `left` is the one searched. `filter` must be exact.
///
/// # Errors
/// As [`Join::blocks`].
pub fn search(
    templates: &Templates,
    rows: &[u32],
    filter: &Filter,
    options: &Options,
    context: &Context,
) -> Result<Vec<Scored>> {
    let compared = rows.len() as u64 * u64::from(templates.len());
    context.progress.begin("sample", "pairs", Some(compared));
    let join = Join {
        filter,
        least: least_product(options.threshold),
        level: options.level.unwrap_or_else(Level::best),
    };
    let second = |row: u32| options.second.is_some_and(|second| row >= second);
    let mut found = Vec::new();
    let mut held = context.memory.reserve("similar pairs", 0)?;
    let per_row = templates.stride() as u64 * 2 + Packed::bytes(QUERIES, filter.depth) / QUERIES as u64;
    let together = (context.memory.free() / 16 / per_row).max(QUERIES as u64) as usize;
    for rows in rows.chunks(together) {
        let numbers = templates.gather(rows, context)?;
        let searched = Block::gathered(&numbers, templates.stride(), filter, context)?;
        // Within one set, for those between two are among its pairs.
        let [all, _] = blocks(templates, filter, &Options { second: None, ..*options }, context);
        for (from, to) in all {
            let block = Block::load(templates, from..to, filter, context)?;
            join.between(&searched, &block, context, &mut |pairs| {
                held.grow_to(((found.len() + pairs.len()) * size_of::<Scored>()) as u64)?;
                let pairs = pairs.iter().map(|pair| Scored { left: rows[pair.left as usize], ..*pair });
                found.extend(pairs.filter(|pair| {
                    pair.left != pair.right
                        && (options.second.is_none() || second(pair.left) != second(pair.right))
                }));
                Ok(())
            })?;
        }
    }
    found.sort_unstable();
    Ok(found)
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
    let exact = Filter { exact: true, share: 1.0, ..*filter };
    let truth = search(templates, &rows, &exact, options, context)?;
    let sampled: FxHashSet<u32> = rows.iter().copied().collect();
    let mut found: FxHashSet<(u32, u32)> = FxHashSet::default();
    pairs.each(|pairs| {
        context.cancel.check()?;
        let of_sample = pairs.iter().filter(|p| sampled.contains(&p.left) || sampled.contains(&p.right));
        found.extend(of_sample.map(|pair| (pair.left, pair.right)));
        Ok(())
    })?;
    let threshold = options.threshold as f32;
    let edges = [threshold, threshold + BANDS[0], threshold + BANDS[1], 1.0];
    let band_of = |pair: &Scored| BANDS.iter().filter(|&&w| pair.similarity() >= threshold + w).count();
    // By row and band: true pairs, and those found.
    let mut counts: Vec<[[u64; 2]; 3]> = Vec::new();
    for of_row in truth.chunk_by(|a, b| a.left == b.left) {
        let mut row = [[0; 2]; 3];
        for pair in of_row {
            let ordered = (pair.left.min(pair.right), pair.left.max(pair.right));
            let band = &mut row[band_of(pair)];
            band[0] += 1;
            band[1] += u64::from(found.contains(&ordered));
        }
        counts.push(row);
    }
    let every: Vec<[u64; 2]> =
        counts.iter().map(|row| [0, 1].map(|which| row.iter().map(|band| band[which]).sum())).collect();
    let share = |rows: &[[u64; 2]]| share_of(rows, filter.exact, context.seed);
    let bands = (0..3).filter(|&band| edges[band] < edges[band + 1]).map(|band| Band {
        from: edges[band],
        to: edges[band + 1],
        share: share(&counts.iter().map(|row| row[band]).collect::<Vec<_>>()),
    });
    let of_rows: f64 = every.iter().map(|[all, found]| *found as f64 / (*all).max(1) as f64).sum();
    let near = |pair: &&Scored| f64::from(pair.similarity()) - options.threshold <= summary.rounding;
    Ok(Recall {
        rows: rows.len() as u64,
        rows_with_pairs: every.len() as u64,
        all: share(&every),
        bands: bands.collect(),
        by_row: if every.is_empty() { 1.0 } else { of_rows / every.len() as f64 },
        lost_by_partition: 0.0,
        undecided: truth.iter().filter(near).count() as u64,
    })
}

/// The share of found ones, `rows` of `[true, found]`, with its interval.
///
/// Where nothing is missing although something may be, the lower end is that of the rule of three over rows
/// with pairs (Hanley and Lippman-Hand, 1983).
fn share_of(rows: &[[u64; 2]], exact: bool, seed: u64) -> Share {
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
