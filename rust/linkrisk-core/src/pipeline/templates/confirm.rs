//! Whose captures are who's for certain: told by the captures of a person together, which tell more than one.
//!
//! A card that somebody else used files a face under a wrong number, and some people have two numbers. Two
//! captures of one person then count as strangers: where a person has 25 captures one pair in a hundred
//! thousand, which hides the strangers that are as alike. So a capture has to resemble others under its number,
//! and two numbers whose captures on the whole are as alike as one person's are taken for one person's. Twins
//! whom their captures do not tell apart at all are lost to the rates by that.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::Result;
use crate::kernel::simd::Level;
use crate::runtime::Context;
use crate::store::templates::{Templates, round};

/// Templates of a source whose pairs tell how alike strangers are as a rule, and the share of these pairs that
/// is more alike than what confirms: a wrong capture passes for one in a thousand of those it is compared with.
const STRANGERS: usize = 1_000;
const MORE_ALIKE: f64 = 1e-3;

/// Others of a person that a capture is compared with at the most.
const OTHERS: usize = 8;

/// Captures of a person in a source from which and up to which their mean is taken.
const CAPTURES: std::ops::RangeInclusive<usize> = 6..=16;

/// Share of the people whose own captures, in two halves, are less alike than two numbers have to be.
const OWN_LESS: f64 = 0.05;

/// People of a source whose means are compared: 200 million pairs, some three seconds of a core.
const PEOPLE: usize = 20_000;

/// Rows that are read together: 16 MiB of 512 numbers.
const TOGETHER: usize = 16_384;

/// The rows of `drawn`, by source, that resemble another of the same person more than strangers do.
///
/// Cost: eight products for each row whose person is known.
///
/// # Errors
/// As [`Templates::gather`].
pub fn confirmed(
    templates: &Templates,
    drawn: &[Vec<u32>],
    persons: &FxHashMap<u32, u64>,
    context: &Context,
) -> Result<FxHashSet<u32>> {
    let (kernel, stride, sources) = (Level::best(), templates.stride(), drawn.len());
    let usual = usual(templates, drawn, context)?;
    let mut known: Vec<(u64, u32)> =
        drawn.iter().flatten().filter_map(|&row| Some((*persons.get(&row)?, row))).collect();
    known.sort_unstable();
    let people: Vec<&[(u64, u32)]> =
        known.chunk_by(|a, b| a.0 == b.0).filter(|rows| rows.len() > 1).collect();
    let mut found = FxHashSet::default();
    let mut rest = people.as_slice();
    while !rest.is_empty() {
        let mut rows = 0;
        let fits = |person: &&&[(u64, u32)]| {
            rows += person.len();
            rows <= TOGETHER
        };
        let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        rest = later;
        let mut ascending: Vec<u32> = now.iter().flat_map(|rows| rows.iter().map(|&(_, row)| row)).collect();
        ascending.sort_unstable();
        let _held = context.memory.reserve("templates of a person", (ascending.len() * stride * 2) as u64)?;
        let numbers = templates.gather(&ascending, context)?;
        let template = |row: u32| {
            let at = ascending.partition_point(|&r| r < row);
            &numbers[at * stride..][..stride]
        };
        let alike = |a: u32, b: u32| {
            let least = usual[templates.source_of(a) * sources + templates.source_of(b)];
            kernel.dot(template(a), template(b)) >= least
        };
        let confirm = |rows: &&[(u64, u32)]| {
            let others = |i: usize| (1..=OTHERS.min(rows.len() - 1)).map(move |k| (i + k) % rows.len());
            let pairs = (0..rows.len()).flat_map(|i| others(i).map(move |j| [i, j]));
            let pairs = pairs.map(|pair| pair.map(|at| rows[at].1)).filter(|[a, b]| alike(*a, *b));
            pairs.flatten().collect::<Vec<u32>>()
        };
        let made: Vec<Vec<u32>> = context.pool.install(|| now.par_iter().map(confirm).collect());
        found.extend(made.into_iter().flatten());
        context.cancel.check()?;
    }
    Ok(found)
}

/// Takes two numbers for one person's where the means of their captures are as alike as halves of one person's:
/// `persons` then names one of them for both.
///
/// Cost: a product for every two people of a source. Memory: 2 bytes a number and person.
///
/// # Errors
/// As [`Templates::gather`].
pub fn join_numbers(
    templates: &Templates,
    confirmed: &FxHashSet<u32>,
    persons: &mut FxHashMap<u32, u64>,
    context: &Context,
) -> Result<()> {
    let mut known: Vec<(usize, u64, u32)> =
        confirmed.iter().map(|row| (templates.source_of(*row), persons[row], *row)).collect();
    known.sort_unstable();
    let people: Vec<&[(usize, u64, u32)]> = known
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .filter(|rows| rows.len() >= *CAPTURES.start())
        .collect();
    let mut same: Vec<(u64, u64)> = Vec::new();
    for people in people.chunk_by(|a, b| a[0].0 == b[0].0) {
        let people = &people[..people.len().min(PEOPLE)];
        let _held =
            context.memory.reserve("means of people", (people.len() * templates.stride() * 2) as u64)?;
        same.extend(alike(templates, people, context)?);
    }
    // Of a chain of numbers the lowest stands for all.
    let mut names: FxHashMap<u64, u64> = FxHashMap::default();
    let root = |names: &FxHashMap<u64, u64>, mut person: u64| {
        while let Some(&other) = names.get(&person) {
            person = other;
        }
        person
    };
    for (a, b) in same {
        let (a, b) = (root(&names, a), root(&names, b));
        if a != b {
            names.insert(a.max(b), a.min(b));
        }
    }
    persons.values_mut().for_each(|person| *person = root(&names, *person));
    Ok(())
}

/// The people of one source, given by their captures, whose means are as alike as halves of one person's.
fn alike(
    templates: &Templates,
    people: &[&[(usize, u64, u32)]],
    context: &Context,
) -> Result<Vec<(u64, u64)>> {
    let (kernel, stride, dims) = (Level::best(), templates.stride(), templates.dims());
    let mut means = vec![0i16; people.len() * stride];
    let mut own = Vec::with_capacity(people.len());
    let together = TOGETHER / CAPTURES.end();
    for (people, means) in people.chunks(together).zip(means.chunks_mut(together * stride)) {
        context.cancel.check()?;
        let rows = |person: &[(usize, u64, u32)]| {
            person.iter().take(*CAPTURES.end()).map(|p| p.2).collect::<Vec<u32>>()
        };
        let mut ascending: Vec<u32> = people.iter().flat_map(|person| rows(person)).collect();
        ascending.sort_unstable();
        let numbers = templates.gather(&ascending, context)?;
        for (person, mean) in people.iter().zip(means.chunks_exact_mut(stride)) {
            let mut halves = vec![0.0f32; 2 * dims];
            for (i, row) in rows(person).into_iter().enumerate() {
                let at = ascending.partition_point(|&r| r < row);
                let half = &mut halves[i % 2 * dims..][..dims];
                half.iter_mut().zip(&numbers[at * stride..]).for_each(|(sum, &x)| *sum += f32::from(x));
            }
            let (even, odd) = halves.split_at(dims);
            let mut rounded = vec![0i16; 2 * stride];
            let (first, second) = rounded.split_at_mut(stride);
            round(even, first);
            round(odd, second);
            own.push(kernel.dot(first, second));
            let all: Vec<f32> = even.iter().zip(odd).map(|(a, b)| a + b).collect();
            round(&all, mean);
        }
    }
    own.sort_unstable();
    let least = own.get((own.len() as f64 * OWN_LESS) as usize).copied().unwrap_or(i32::MAX);
    let mean = |i: usize| &means[i * stride..][..stride];
    let of = |i: usize| -> Result<Vec<(u64, u64)>> {
        context.cancel.check()?;
        let as_alike = (0..i).filter(|&j| kernel.dot(mean(i), mean(j)) >= least);
        Ok(as_alike.map(|j| (people[i][0].1, people[j][0].1)).collect())
    };
    let found: Vec<Vec<(u64, u64)>> =
        context.pool.install(|| (0..people.len()).into_par_iter().map(of).collect::<Result<_>>())?;
    Ok(found.into_iter().flatten().collect())
}

/// The product that one pair of strangers in a thousand exceeds, of every two sources.
fn usual(templates: &Templates, drawn: &[Vec<u32>], context: &Context) -> Result<Vec<i32>> {
    let (kernel, stride) = (Level::best(), templates.stride());
    let mut few = Vec::with_capacity(drawn.len());
    for rows in drawn {
        let mut rows: Vec<u32> = rows.iter().copied().take(STRANGERS).collect();
        rows.sort_unstable();
        few.push(templates.gather(&rows, context)?);
    }
    let quantile = |at: usize| {
        let (a, b) = (at / drawn.len(), at % drawn.len());
        let rows = |source: usize| few[source].chunks_exact(stride.max(1)).enumerate();
        let pairs = rows(a).flat_map(|(i, left)| rows(b).map(move |(j, right)| (i, left, j, right)));
        let pairs = pairs.filter(|(i, _, j, _)| a != b || i < j);
        let mut products: Vec<i32> = pairs.map(|(_, left, _, right)| kernel.dot(left, right)).collect();
        products.sort_unstable();
        let place = (products.len() as f64 * (1.0 - MORE_ALIKE)) as usize;
        products.get(place).copied().unwrap_or(i32::MAX)
    };
    Ok(context.pool.install(|| (0..drawn.len() * drawn.len()).into_par_iter().map(quantile).collect()))
}
