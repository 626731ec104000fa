//! How similar pairs drawn at random are, up to the most similar of thousands of millions.
//!
//! A small sample tells of all pairs, and from which similarity on one in fifty lies. Those
//! above it are then looked for among many more pairs: some rows with all others. Pairs of one person are
//! among them.

use super::axes::sample;
use super::filter::Filter;
use super::{Options, recall};
use crate::error::Result;
use crate::kernel::simd::Level;
use crate::runtime::Context;
use crate::store::templates::{ONE, Templates};

/// Rows of the small sample: half a million pairs, of which the share below is ten thousand.
const SMALL: u64 = 1_024;

/// The share of pairs that are looked for among many.
const ABOVE: f64 = 0.02;

/// Pairs that are compared, about: two seconds of a core.
const PAIRS: u64 = 2_000_000_000;

/// Rows that are searched among all.
const ROWS: std::ops::RangeInclusive<u64> = 256..=20_000;

/// What the draws are called.
const DRAWS: (u64, u64) = (513, 514);

/// Hands the similarity of each pair that was drawn, and how many pairs it stands for, to `take`; returns how
/// many rows were searched among all.
///
/// # Errors
/// As [`recall::search`].
pub fn strangers(
    templates: &Templates,
    second: Option<u32>,
    context: &Context,
    mut take: impl FnMut(f64, f64),
) -> Result<u64> {
    let few = sample(templates.len(), SMALL, context.seed, DRAWS.0);
    let numbers = templates.gather(&few, context)?;
    let rows: Vec<&[i16]> = numbers.chunks_exact(templates.stride().max(1)).collect();
    let level = Level::best();
    let met = |a: u32, b: u32| second.is_none_or(|second| (a < second) != (b < second));
    let mut small = Vec::with_capacity(few.len() * few.len() / 2);
    for (i, a) in rows.iter().enumerate() {
        context.cancel.check()?;
        let others = rows.iter().enumerate().skip(i + 1).filter(|(j, _)| met(few[i], few[*j]));
        small.extend(others.map(|(_, b)| super::similarity(level.dot(a, b))));
    }
    if small.is_empty() {
        return Ok(0);
    }
    small.sort_unstable_by(f32::total_cmp);
    // Above zero, for the search takes a threshold as a join does.
    let cut = f64::from(small[((1.0 - ABOVE) * small.len() as f64) as usize]).max(1.0 / f64::from(ONE));
    let many = (PAIRS / u64::from(templates.len()).max(1)).clamp(*ROWS.start(), *ROWS.end());
    let many = sample(templates.len(), many, context.seed, DRAWS.1);
    let mut pairs = 0.0;
    for &row in &many {
        let others = match second {
            Some(second) if row < second => templates.len() - second,
            Some(second) => second,
            None => templates.len() - 1,
        };
        pairs += f64::from(others);
    }
    let whole = Filter::whole(templates.dims(), templates.stride(), cut);
    let options = Options { second, exact: true, ..Options::new(cut) };
    let mut above = 0.0;
    recall::search(templates, &many, &whole, &options, context, &mut |found| {
        above += found.len() as f64;
        found.iter().for_each(|pair| take(f64::from(pair.similarity()), 1.0));
        Ok(())
    })?;
    let below: Vec<f64> = small.iter().map(|&s| f64::from(s)).filter(|&s| s < cut).collect();
    let each = (pairs - above).max(0.0) / below.len().max(1) as f64;
    below.iter().for_each(|&similarity| take(similarity, each));
    Ok(many.len() as u64)
}
