//! All pairs of iris codes that are alike, of which few are compared in every turn of the head.
//!
//! ```text
//! codes ─► four angles summed, masked bits 0: 512 numbers ─► turned by 0, 4 and 8 angles
//!                                                              └─► joined with those that are not (mod.rs)
//!                                                                    └─► all 17 turns ─► pairs
//! ```
//!
//! Neighbouring angles of a code have bits in common, so a turn that is off by two still shows one eye; and what
//! two codes agree in, less what they differ in, is a product of numbers, of which the kernels for vectors do a
//! hundred in the time of one pair of codes in 17 turns. What the look loses is measured, and told as the recall
//! of the join. Memory: 4 KiB a code, in memory or on disk.

use std::path::Path;

use rayon::prelude::*;

use super::axes::sample;
use super::iris::{self, Near, nearest_irises};
use super::plan::{Cost, Size};
use super::recall::{Share, share_of};
use super::{Options, Scored, nearest_resumable};
use crate::error::Result;
use crate::external::{ExternalSorter, Kept};
use crate::kernel::iris::Turned;
use crate::kernel::simd::Level;
use crate::kernel::simd::iris::Code;
use crate::runtime::Context;
use crate::store::gallery::{distance_of_similarity, product_of_distance};
use crate::store::irises::Irises;
use crate::store::templates::Templates;

/// Codes up to which all pairs are compared in every turn: less than a second of two cores.
const ALL_PAIRS: u32 = 5_000;

/// The similarity from which a look finds pairs of strangers too: 0.98 of those from 0.32 on, 0.995 from 0.34 on, and
/// half of those at 0.29. Of 9,000 pairs of one eye it lost none at any similarity, for their codes agree in whole
/// stretches of angles.
pub const FROM: f64 = 0.33;

/// Angles that are summed, of 16 bits each.
const ANGLES: usize = 4;
const BITS: usize = 16;

/// Numbers of a look.
const DIMS: usize = crate::kernel::simd::iris::BITS / ANGLES;

/// Turns of the second code, in angles; those of the other sign are those of the first.
const TURNS: [isize; 3] = [0, 4, 8];

/// The least cosine of two looks whose codes are compared.
const LEAST: f64 = 0.3;

/// Codes that are compared with all others to tell what is lost: ten seconds of two cores for 200,000.
const ROWS: u64 = 1_000;

/// What the draw of these is called.
const DRAW: u64 = 513;

/// Nanoseconds in which a thread compares two codes in all turns, as the time of [`ROWS`] says.
const IN_ALL_TURNS: f64 = 100.0;

/// The least similarity from which most pairs of as many codes are found.
pub fn least(codes: f64) -> f64 {
    if codes <= f64::from(ALL_PAIRS) { 0.0 } else { FROM }
}

/// Finds the pairs of codes whose similarity, 1 − 2 HD, is `from` at least; and the share of them that it finds, with
/// its interval.
///
/// # Errors
/// As [`nearest_irises`] and [`nearest_resumable`].
pub fn nearest(
    irises: &Irises,
    from: f64,
    state: Option<&Path>,
    context: &Context,
) -> Result<(Kept<Scored>, Share)> {
    let threshold = distance_of_similarity(from);
    if irises.len() <= ALL_PAIRS {
        let options = iris::Options { threshold, second: None, level: None };
        let pairs = nearest_irises(irises, &options, context)?;
        return Ok((scored(&pairs, context)?, share_of(&[], true, context.seed)));
    }
    let pairs = by_look(irises, from, state, context)?;
    let recall = recall(irises, from, &pairs, context)?;
    Ok((pairs, recall))
}

fn scored(pairs: &Kept<Near>, context: &Context) -> Result<Kept<Scored>> {
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    pairs.each(|pairs| {
        context.cancel.check()?;
        let score = |pair: &Near| Scored {
            left: pair.left,
            right: pair.right,
            product: product_of_distance(pair.distance()),
        };
        sorter.push(&pairs.iter().map(score).collect::<Vec<_>>())
    })?;
    Kept::new(sorter.finish()?, pairs.len(), "similar pairs", context)
}

/// The pairs that a look finds, however few codes there are.
///
/// # Errors
/// As [`nearest_resumable`].
pub fn by_look(irises: &Irises, from: f64, state: Option<&Path>, context: &Context) -> Result<Kept<Scored>> {
    let count = irises.len();
    let mut looks = looks(irises, context)?;
    let options = Options { second: Some(count), ..Options::new(LEAST) };
    let (alike, _, _) = nearest_resumable(&mut looks, &options, state, context)?;
    drop(looks);
    context.progress.begin("compare", "pairs", Some(alike.len()));
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let least = super::least_product(from);
    let (kernel, mut found) = (Level::best(), 0);
    let compare = |(left, right): (u32, u32), buffers: &mut [Vec<u64>; 2]| -> Result<Option<Scored>> {
        let [one, other] = buffers;
        let turned = Turned::new(&irises.code(left, one)?);
        let product = turned.distance(kernel, &irises.code(right, other)?).map_or(0, product_of_distance);
        Ok((product >= least).then_some(Scored { left, right, product }))
    };
    alike.each(|pairs| {
        let task = |buffers: &mut [Vec<u64>; 2], pairs: &[Scored]| {
            context.cancel.check()?;
            let ordered = pairs.iter().map(|pair| {
                let (one, other) = (pair.left, pair.right % count);
                (one.min(other), one.max(other))
            });
            let mut made = Vec::new();
            for pair in ordered.filter(|(one, other)| one != other) {
                made.extend(compare(pair, buffers)?);
            }
            Ok(made)
        };
        let made: Vec<Vec<Scored>> = context
            .pool
            .install(|| pairs.par_chunks(1 << 10).map_init(Default::default, task).collect::<Result<_>>())?;
        context.progress.add(pairs.len() as u64);
        found += made.iter().map(Vec::len).sum::<usize>() as u64;
        made.iter().try_for_each(|made| sorter.push(made))
    })?;
    let all = Kept::new(sorter.finish()?, found, "similar pairs", context)?;
    distinct(&all, context)
}

/// The looks of all codes as they are, and after these those of each turn.
fn looks(irises: &Irises, context: &Context) -> Result<Templates> {
    context.progress.begin("looks", "templates", Some(u64::from(irises.len())));
    let mut looks = Templates::of_vectors(irises.attribute(), DIMS, context)?;
    for turn in [None].into_iter().chain(TURNS.map(Some)) {
        let mut buffer = Vec::new();
        for stretch in 0..irises.stretches().1 {
            let codes = irises.stretch(stretch, &mut buffer)?;
            looks.push(codes.len(), context, |at, out| look(&codes[at], turn.unwrap_or(0), out))?;
        }
    }
    Ok(looks)
}

/// What comparing as many pairs of codes in all turns takes.
pub fn in_all_turns(pairs: f64, context: &Context) -> f64 {
    pairs * IN_ALL_TURNS * 1e-9 / context.pool.current_num_threads() as f64
}

/// What [`nearest`] takes for `rows` codes like those of `sample`.
///
/// # Errors
/// As [`super::expected`].
pub fn expected(sample: &Irises, rows: f64, context: &Context) -> Result<Cost> {
    let (pairs, codes) = (rows * (rows - 1.0).max(0.0) / 2.0, rows * size_of::<Code>() as f64);
    if rows <= f64::from(ALL_PAIRS) {
        return Ok(Cost { compared: pairs, units: 0.0, seconds: in_all_turns(pairs, context), bytes: codes });
    }
    let looks = looks(sample, context)?;
    let turns = TURNS.len() as f64;
    let size = Size { rows: rows * (1.0 + turns), pairs: rows * rows * turns, stride: looks.stride() };
    let options = Options { second: Some(sample.len()), ..Options::new(LEAST) };
    let cost = super::expected(&looks, size, &options, context)?;
    let seconds = cost.seconds + in_all_turns(ROWS as f64 * rows, context);
    Ok(Cost { compared: pairs, seconds, bytes: codes + cost.bytes, ..cost })
}

/// The pairs each once: two eyes may be alike in two turns, and in either order.
fn distinct(pairs: &Kept<Scored>, context: &Context) -> Result<Kept<Scored>> {
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let (mut last, mut count) = (None, 0);
    pairs.each(|pairs| {
        context.cancel.check()?;
        let fresh = |pair: &&Scored| last.replace(**pair) != Some(**pair);
        let fresh: Vec<Scored> = pairs.iter().filter(fresh).copied().collect();
        count += fresh.len() as u64;
        sorter.push(&fresh)
    })?;
    Kept::new(sorter.finish()?, count, "similar pairs", context)
}

/// The look of a code that is turned by `turn` angles: for every four angles and every bit of these how often it is
/// 1, less how often it is 0.
fn look(code: &Code, turn: isize, out: &mut [f32]) {
    let turned = code.turned(turn);
    let bits: &[u16] = bytemuck::cast_slice(&turned.bits);
    let mask: &[u16] = bytemuck::cast_slice(&turned.mask);
    out.fill(0.0);
    for (angle, (&bits, &mask)) in bits.iter().zip(mask).enumerate() {
        for bit in (0..BITS).filter(|bit| mask >> bit & 1 == 1) {
            out[angle / ANGLES * BITS + bit] += f32::from(bits >> bit & 1) * 2.0 - 1.0;
        }
    }
}

/// The share of the pairs of sampled codes that are among `pairs`, with its interval.
fn recall(irises: &Irises, from: f64, pairs: &Kept<Scored>, context: &Context) -> Result<Share> {
    let rows = sample(irises.len(), ROWS, context.seed, DRAW);
    context.progress.begin("sample", "pairs", Some(rows.len() as u64 * u64::from(irises.len())));
    let least = super::least_product(from);
    let turned: Vec<Turned> = irises.gather(&rows, context)?.iter().map(Turned::new).collect();
    let mut counts = vec![[0u64; 2]; rows.len()];
    let place = |row: u32| rows.binary_search(&row).ok();
    pairs.each(|pairs| {
        let both = pairs.iter().flat_map(|pair| [pair.left, pair.right]);
        both.filter_map(place).for_each(|at| counts[at][1] += 1);
        Ok(())
    })?;
    let kernel = Level::best();
    let (each, stretches) = irises.stretches();
    let mut buffer = Vec::new();
    for stretch in 0..stretches {
        let codes = irises.stretch(stretch, &mut buffer)?;
        let first = (stretch * each) as u32;
        let alike: Vec<u64> = context.pool.install(|| {
            let count = |(row, turned): (&u32, &Turned)| {
                context.cancel.check()?;
                let others = (first..).zip(codes).filter(|(other, _)| other != row);
                let alike = |(_, code): &(u32, &Code)| {
                    turned.distance(kernel, code).is_some_and(|d| product_of_distance(d) >= least)
                };
                Ok(others.filter(alike).count() as u64)
            };
            rows.par_iter().zip(&turned).map(count).collect::<Result<_>>()
        })?;
        context.progress.add((rows.len() * codes.len()) as u64);
        counts.iter_mut().zip(alike).for_each(|(counts, n)| counts[0] += n);
    }
    Ok(share_of(&counts, false, context.seed))
}
