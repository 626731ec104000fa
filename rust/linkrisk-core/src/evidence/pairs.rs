//! Similarities of sampled records, all against all.

use rayon::prelude::*;

use super::bootstrap::TailPair;
use super::histogram::{BINS, Histogram, bin};
use super::sample::{Body, Drawn};
use crate::compare::fusion::Fusion;
use crate::error::Result;
use crate::kernel::simd::Level;
use crate::runtime::Context;
use crate::store::gallery::{self, Template};
use crate::store::templates::ONE;

/// Records of a side that are compared with as many of the other while both rest in the cache: 64 templates
/// of 512 numbers are 64 KiB.
const TILE: usize = 64;

/// Share of the pairs that are kept one by one.
const KEPT: f64 = 0.03;

/// How many of all pairs of two lists are kept at the most: 18 MB, and two seconds of a bootstrap on one core.
pub const KEPT_MOST: f64 = 1.5e6;

/// Pairs from which the similarity is chosen above which pairs are kept.
const PILOT: usize = 512;

/// Which pairs of two lists are compared.
pub trait Pairs: Fn(&Drawn, &Drawn) -> bool + Sync {}

impl<F: Fn(&Drawn, &Drawn) -> bool + Sync> Pairs for F {}

/// Pairs of two lists of records that are not of one person.
#[derive(Debug)]
pub struct Compared {
    /// Their similarities.
    pub histogram: Histogram,
    /// The first bin that is whole in `tail`.
    pub from: usize,
    /// The pairs of that bin and above, in the order of the lists.
    pub tail: Vec<TailPair>,
}

/// A record ready to meet others.
pub struct Probe<'a> {
    class: usize,
    parts: Parts<'a>,
    fusion: Option<&'a Fusion>,
    level: Level,
}

enum Parts<'a> {
    One(gallery::Probe<'a>),
    Several(Vec<Option<gallery::Probe<'a>>>),
}

impl<'a> Probe<'a> {
    /// The record `drawn`, whose templates `fusion` fuses where there are several.
    pub fn new(level: Level, drawn: &'a Drawn, fusion: Option<&'a Fusion>) -> Self {
        let parts = match &drawn.template {
            Body::One(template) => Parts::One(template.probe()),
            Body::Several(each) => {
                Parts::Several(each.iter().map(|one| one.as_ref().map(Template::probe)).collect())
            }
        };
        Self { class: drawn.class as usize, parts, fusion, level }
    }

    /// How alike the two are: the cosine of vectors, 1 − 2 HD of irises, the fused similarity of several
    /// positions; none where they have no position in common.
    #[inline]
    pub fn similarity(&self, other: &Drawn) -> Option<f64> {
        let product = match (&self.parts, &other.template) {
            (Parts::One(probe), Body::One(template)) => Some(probe.product(self.level, template)),
            (Parts::Several(probes), Body::Several(others)) => {
                let both = probes.iter().zip(others.iter()).enumerate();
                let products = both.filter_map(|(at, (probe, other))| {
                    Some((at, probe.as_ref()?.product(self.level, other.as_ref()?)))
                });
                self.fusion?.product((self.class, other.class as usize), products)
            }
            _ => None,
        };
        product.map(|product| f64::from(product) / f64::from(ONE).powi(2))
    }
}

/// Compares every record of `left` with every one of `right`, or each pair within `left` where there is no
/// `right`, of those pairs that are `among` them.
///
/// Cost: |left| · |right| products; memory: the tail, about a thirtieth of the pairs at 12 bytes, of all pairs of the
/// lists `most`.
///
/// # Errors
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn compare(
    left: &[&Drawn],
    right: Option<&[&Drawn]>,
    (among, most): (impl Pairs, f64),
    fusion: Option<&Fusion>,
    context: &Context,
) -> Result<Compared> {
    let within = right.is_none();
    let right = right.unwrap_or(left);
    let level = Level::best();
    let from = first_kept(level, (left, right), (&among, most), fusion);
    let tiles: Vec<(usize, usize)> = (0..left.len())
        .step_by(TILE)
        .flat_map(|a| (0..right.len()).step_by(TILE).map(move |b| (a, b)))
        .filter(|&(a, b)| !within || b <= a)
        .collect();
    let rows: Vec<&[(usize, usize)]> = tiles.chunk_by(|a, b| a.0 == b.0).collect();
    let parts: Vec<(Vec<u32>, Vec<TailPair>)> = context.pool.install(|| {
        rows.par_iter()
            .map(|tiles| {
                let (mut counts, mut tail) = (vec![0u32; BINS], Vec::new());
                for &(a, b) in *tiles {
                    context.cancel.check()?;
                    let mut done = 0;
                    for (i, one) in left.iter().enumerate().skip(a).take(TILE) {
                        // Within one list each pair is met once, and no record itself.
                        let last = if within { i } else { right.len() };
                        let others = right[..last].iter().enumerate().skip(b).take(TILE);
                        let probe = Probe::new(level, one, fusion);
                        let is_stranger = |other: &Drawn| other.person != one.person && among(one, other);
                        for (j, other) in others.filter(|(_, other)| is_stranger(other)) {
                            let Some(similarity) = probe.similarity(other) else { continue };
                            let place = bin(similarity);
                            counts[place] += 1;
                            if place >= from {
                                tail.push(TailPair { records: [i as u32, j as u32], bin: place as u16 });
                            }
                            done += 1;
                        }
                    }
                    context.progress.add(done);
                }
                Ok((counts, tail))
            })
            .collect::<Result<_>>()
    })?;
    let mut made = Compared { histogram: Histogram::grid(), from, tail: Vec::new() };
    for (counts, tail) in parts {
        made.histogram.counts_mut().iter_mut().zip(counts).for_each(|(sum, c)| *sum += f64::from(c));
        made.tail.extend(tail);
    }
    Ok(made)
}

/// The bin that about [`KEPT`] of the pairs are at or above, from a first few of them.
fn first_kept(
    level: Level,
    (left, right): (&[&Drawn], &[&Drawn]),
    (among, most): (&impl Pairs, f64),
    fusion: Option<&Fusion>,
) -> usize {
    let kept = KEPT.min(most / (left.len() as f64 * right.len() as f64).max(1.0));
    let mut pilot: Vec<usize> = left
        .iter()
        .take(PILOT)
        .enumerate()
        .flat_map(|(i, a)| {
            // Neighbours in the list, 40 for each: 20,000 pairs.
            let b = right.iter().cycle().skip((i * 41 + 1) % right.len().max(1)).take(right.len());
            let b = b.filter(|b| among(a, b)).take(40);
            let probe = Probe::new(level, a, fusion);
            b.filter(|b| b.person != a.person).filter_map(move |b| probe.similarity(b).map(bin))
        })
        .collect();
    pilot.sort_unstable();
    let place = (pilot.len() as f64 * (1.0 - kept)) as usize;
    pilot.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::sample::{Batch, Plan, Sampler};
    use super::*;
    use crate::kernel::hash;
    use arrow_array::{ArrayRef, FixedSizeListArray, Int8Array};
    use arrow_schema::{DataType, Field};

    fn templates(rows: usize, seed: u64) -> ArrayRef {
        let numbers = (0..rows * 32).map(|i| hash::combine(seed, i as u64) as i8);
        let field = Arc::new(Field::new("item", DataType::Int8, false));
        Arc::new(FixedSizeListArray::new(field, 32, Arc::new(Int8Array::from_iter_values(numbers)), None))
    }

    fn sampled(batches: &[(ArrayRef, Vec<Option<u64>>)]) -> super::super::sample::Sample {
        let plan = Plan { records: 150, of_group: 10, of_persons: 60 };
        let mut sampler = Sampler::new(plan, 1, 1);
        for (templates, persons) in batches {
            let groups = vec![(0..persons.len()).map(|i| (i % 3) as u16).collect()];
            sampler.take(0, &Batch { templates, persons, groups: &groups }).expect("lists of numbers");
        }
        sampler.finish()
    }

    #[test]
    fn test_the_sample_does_not_depend_on_batches() {
        let whole = templates(300, 5);
        let persons: Vec<Option<u64>> = (0..300).map(|i| (i % 5 > 0).then_some(i / 3)).collect();
        let one = sampled(&[(whole.clone(), persons.clone())]);
        let many: Vec<_> =
            (0..100).map(|i| (whole.slice(i * 3, 3), persons[i * 3..i * 3 + 3].to_vec())).collect();
        let parts = sampled(&many);
        let rows = |s: &super::super::sample::Sample| -> Vec<Vec<u64>> {
            s.sources[0].cells.iter().map(|c| c.records.iter().map(|d| d.row).collect()).collect()
        };
        assert_eq!(rows(&one), rows(&parts));
        assert_eq!(one.sources[0].cells.iter().map(|c| c.records.len()).collect::<Vec<_>>(), [150, 10, 10]);
        assert_eq!(one.sources[0].cells.iter().map(|c| c.size).collect::<Vec<_>>(), [300, 100, 100]);
        assert!(one.records_met <= 60 && one.persons.iter().all(|p| p.len() > 1) && !one.persons.is_empty());
        assert_eq!(one.persons.len(), parts.persons.len());
    }

    #[test]
    fn test_all_pairs_of_different_people_are_counted_once() {
        let persons: Vec<Option<u64>> = (0..150).map(|i| Some(i / 2)).collect();
        let sample = sampled(&[(templates(150, 9), persons)]);
        let all: Vec<&Drawn> = sample.sources[0].cells[0].records.iter().collect();
        let context = Context::new(None, Some(2), 1).expect("a context");
        let found = compare(&all, None, (|_: &Drawn, _: &Drawn| true, KEPT_MOST), None, &context)
            .expect("not cancelled");
        assert_eq!(found.histogram.total(), 150.0 * 149.0 / 2.0 - 75.0);
        let mut slow = Histogram::grid();
        for (i, a) in all.iter().enumerate() {
            for b in &all[..i] {
                if a.row / 2 != b.row / 2 {
                    let similarity = Probe::new(Level::Scalar, a, None).similarity(b).expect("one of each");
                    slow.counts_mut()[bin(similarity)] += 1.0;
                }
            }
        }
        assert_eq!(found.histogram, slow);
        assert_eq!(found.tail.len() as f64, slow.counts()[found.from..].iter().sum::<f64>());
        assert!(found.tail.len() > 100 && found.tail.len() < 1_500, "{}", found.tail.len());
        // Two lists that are the same one meet every pair twice, and no record itself.
        let crossed = compare(&all, Some(&all), (|_: &Drawn, _: &Drawn| true, KEPT_MOST), None, &context)
            .expect("not cancelled");
        assert_eq!(crossed.histogram.total(), 2.0 * found.histogram.total());
    }

    #[test]
    fn test_copies_of_one_template_are_left_out() {
        let mut numbers: Vec<i8> = (0..100 * 32).map(|i| hash::combine(3, i) as i8).collect();
        for row in 0..5 {
            numbers.copy_within(0..32, row * 32);
        }
        let field = Arc::new(Field::new("item", DataType::Int8, false));
        let array: ArrayRef =
            Arc::new(FixedSizeListArray::new(field, 32, Arc::new(Int8Array::from(numbers)), None));
        let sample = sampled(&[(array, vec![None; 100])]);
        assert_eq!(sample.copies, 5);
        assert_eq!(sample.sources[0].cells[0].records.len(), 95);
    }
}
