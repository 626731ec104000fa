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
use super::{Options, Scored, nearest_resumable};
use crate::error::Result;
use crate::evidence::clustered_share;
use crate::external::{ExternalSorter, Kept};
use crate::kernel::iris::Turned;
use crate::kernel::simd::Level;
use crate::kernel::simd::iris::Code;
use crate::runtime::Context;
use crate::store::gallery::{distance_of_similarity, product_of_distance};
use crate::store::irises::Irises;
use crate::store::templates::Templates;

/// Codes up to which all pairs are compared in every turn: some ten seconds of two cores.
const ALL_PAIRS: u32 = 20_000;

/// Angles that are summed, of 16 bits each.
const ANGLES: usize = 4;
const BITS: usize = 16;

/// Numbers of a look.
const DIMS: usize = crate::kernel::simd::iris::BITS / ANGLES;

/// Turns of the second code, in angles; those of the other sign are those of the first.
const TURNS: [isize; 3] = [0, 4, 8];

/// The least cosine of two looks whose codes are compared.
const LEAST: f64 = 0.3;

/// Codes that are compared with all others to tell what is lost.
const ROWS: u64 = 400;

/// What the draw of these is called.
const DRAW: u64 = 513;

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
) -> Result<(Kept<Scored>, [f64; 3])> {
    let threshold = distance_of_similarity(from);
    if irises.len() <= ALL_PAIRS {
        let options = iris::Options { threshold, second: None, level: None };
        let pairs = nearest_irises(irises, &options, context)?;
        return Ok((scored(&pairs, context)?, [1.0; 3]));
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

/// The pairs that a look finds.
fn by_look(irises: &Irises, from: f64, state: Option<&Path>, context: &Context) -> Result<Kept<Scored>> {
    let count = irises.len();
    context.progress.begin("looks", "templates", Some(u64::from(count)));
    let mut looks = Templates::of_vectors(irises.attribute(), DIMS, context)?;
    for turn in [None].into_iter().chain(TURNS.map(Some)) {
        let mut buffer = Vec::new();
        for stretch in 0..irises.stretches().1 {
            let codes = irises.stretch(stretch, &mut buffer)?;
            looks.push(codes.len(), context, |at, out| look(&codes[at], turn.unwrap_or(0), out))?;
        }
    }
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
fn recall(irises: &Irises, from: f64, pairs: &Kept<Scored>, context: &Context) -> Result<[f64; 3]> {
    let rows = sample(irises.len(), ROWS, context.seed, DRAW);
    context.progress.begin("sample", "pairs", Some(rows.len() as u64 * u64::from(irises.len())));
    let least = super::least_product(from);
    let turned: Vec<Turned> = irises.gather(&rows, context)?.iter().map(Turned::new).collect();
    let mut found = vec![0.0; rows.len()];
    let place = |row: u32| rows.binary_search(&row).ok();
    pairs.each(|pairs| {
        pairs
            .iter()
            .flat_map(|pair| [pair.left, pair.right])
            .filter_map(place)
            .for_each(|at| found[at] += 1.0);
        Ok(())
    })?;
    let kernel = Level::best();
    let mut all = vec![0.0; rows.len()];
    let (each, stretches) = irises.stretches();
    let mut buffer = Vec::new();
    for stretch in 0..stretches {
        let codes = irises.stretch(stretch, &mut buffer)?;
        let first = (stretch * each) as u32;
        let counts: Vec<f64> = context.pool.install(|| {
            let count = |(row, turned): (&u32, &Turned)| {
                context.cancel.check()?;
                let others = (first..).zip(codes).filter(|(other, _)| other != row);
                let alike = |(_, code): &(u32, &Code)| {
                    turned.distance(kernel, code).is_some_and(|d| product_of_distance(d) >= least)
                };
                Ok(others.filter(alike).count() as f64)
            };
            rows.par_iter().zip(&turned).map(count).collect::<Result<_>>()
        })?;
        context.progress.add((rows.len() * codes.len()) as u64);
        all.iter_mut().zip(counts).for_each(|(all, n)| *all += n);
    }
    if all.iter().sum::<f64>() == 0.0 {
        return Ok([1.0, 0.0, 1.0]);
    }
    let share = clustered_share(found.into_iter().zip(all).filter(|(_, all)| *all > 0.0));
    Ok([share.value, share.low, share.high])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray};

    use super::*;
    use crate::simulate::biometric::{self, Eye, IRIS_BYTES};

    fn stored(persons: u64, captures: u64, context: &Context) -> Irises {
        let made = biometric::Irises::new(7);
        let mut irises = Irises::new("iris", context).expect("room");
        irises.begin_source("a");
        let mut codes = Vec::new();
        for capture in 0..captures {
            for person in 0..persons {
                let mut code = [0; IRIS_BYTES];
                made.code(person, Eye::Left, capture, &mut code);
                codes.push(code);
            }
        }
        let column: ArrayRef = Arc::new(BinaryArray::from_iter_values(&codes));
        irises.add(&column, 0, context).expect("room");
        irises
    }

    #[test]
    fn test_a_look_finds_what_all_turns_find() {
        let context = Context::new(None, Some(2), 1).expect("threads start");
        let irises = stored(1_500, 2, &context);
        let from = 0.3;
        let options = iris::Options { threshold: distance_of_similarity(from), second: None, level: None };
        let exact = nearest_irises(&irises, &options, &context).expect("room");
        let exact = scored(&exact, &context).expect("room");
        let by_look = by_look(&irises, from, None, &context).expect("room");
        let all = |kept: &Kept<Scored>| {
            let mut all = Vec::new();
            kept.each(|pairs| {
                all.extend_from_slice(pairs);
                Ok(())
            })
            .expect("they are there");
            all
        };
        let (exact, found) = (all(&exact), all(&by_look));
        assert!(
            found.iter().all(|pair| exact
                .binary_search_by_key(&(pair.left, pair.right), |p| (p.left, p.right))
                .is_ok())
        );
        let of_one = |pairs: &[Scored]| pairs.iter().filter(|p| p.right - p.left == 1_500).count();
        assert!(of_one(&exact) > 1_400);
        let lost = of_one(&exact) - of_one(&found);
        let share = recall(&irises, from, &by_look, &context).expect("room");
        eprintln!(
            "{} of one person, {lost} lost; {} in all, {} found, {share:?}",
            of_one(&exact),
            exact.len(),
            found.len()
        );
        assert!(lost <= 3, "{lost}");
    }
}
