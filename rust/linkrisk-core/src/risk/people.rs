//! The pass over persons: what each gives away in one record and in all, and the class each is in.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::MASKS;
use super::profiles::{Records, TASK};
use crate::error::Result;
use crate::kernel::hash::combine;
use crate::kind::Modality;
use crate::runtime::Context;

const MODALITIES: usize = Modality::ALL.len();

/// Persons counted.
#[derive(Debug)]
pub(super) struct PersonCounts {
    /// By mask, those of whom one record gives away all that they give away.
    pub whole: Vec<u64>,
    /// By mask, the others.
    pub pieced: Vec<u64>,
    /// Of the others, those of whom one record gives away both modalities.
    pub together: Vec<u64>,
    /// By number of records.
    pub sizes: FxHashMap<u64, u64>,
}

impl PersonCounts {
    fn new() -> Self {
        Self {
            whole: vec![0; MASKS],
            pieced: vec![0; MASKS],
            together: vec![0; MODALITIES * MODALITIES],
            sizes: FxHashMap::default(),
        }
    }

    fn merge(mut self, more: Self) -> Self {
        let add = |total: &mut [u64], more: &[u64]| total.iter_mut().zip(more).for_each(|(a, b)| *a += b);
        add(&mut self.whole, &more.whole);
        add(&mut self.pieced, &more.pieced);
        add(&mut self.together, &more.together);
        more.sizes.into_iter().for_each(|(size, n)| *self.sizes.entry(size).or_default() += n);
        self
    }

    /// Counts one person, whose records have these masks.
    fn add(&mut self, masks: &[u32]) {
        *self.sizes.entry(masks.len() as u64).or_default() += 1;
        let union = masks.iter().fold(0, |union, mask| union | mask);
        if masks.contains(&union) {
            self.whole[union as usize] += 1;
            return;
        }
        self.pieced[union as usize] += 1;
        let mut beside = [0u32; MODALITIES];
        for mask in masks {
            for (from, beside) in beside.iter_mut().enumerate() {
                if mask >> from & 1 == 1 {
                    *beside |= mask;
                }
            }
        }
        for (from, beside) in beside.into_iter().enumerate().filter(|(_, beside)| *beside != 0) {
            for to in (0..MODALITIES).filter(|to| beside >> to & 1 == 1) {
                self.together[from * MODALITIES + to] += 1;
            }
        }
    }
}

/// Counts the persons of `keys`, which are `person << 32 | record` and sorted, and leaves in `keys`
/// one hash of the values of the quasi-identifiers per person.
///
/// In place, for a person has at least one record: hashes never overtake keys.
pub(super) fn count_persons<R: Records>(
    records: &R,
    keys: &mut Vec<u64>,
    context: &Context,
) -> Result<PersonCounts> {
    let parts = split(keys, TASK);
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let mut persons = vec![0usize; parts.len()];
    let counts = parts
        .into_par_iter()
        .zip(&mut persons)
        .try_fold(PersonCounts::new, |mut counts, (part, persons)| {
            context.cancel.check()?;
            *persons = count_part(records, part, &mut counts);
            context.progress.add(part.len() as u64);
            Ok(counts)
        })
        .try_reduce(PersonCounts::new, |a, b| Ok(a.merge(b)))?;
    let (mut start, mut end) = (0, 0);
    for (length, persons) in lengths.into_iter().zip(persons) {
        keys.copy_within(start..start + persons, end);
        start += length;
        end += persons;
    }
    keys.truncate(end);
    Ok(counts)
}

/// Cuts sorted keys into parts of about `size`, no person in two.
fn split(mut keys: &mut [u64], size: usize) -> Vec<&mut [u64]> {
    let mut parts = Vec::with_capacity(keys.len() / size + 1);
    while !keys.is_empty() {
        let mut end = size.min(keys.len());
        while end < keys.len() && keys[end] >> 32 == keys[end - 1] >> 32 {
            end += 1;
        }
        let (part, rest) = keys.split_at_mut(end);
        parts.push(part);
        keys = rest;
    }
    parts
}

fn count_part<R: Records>(records: &R, part: &mut [u64], counts: &mut PersonCounts) -> usize {
    let (mut start, mut persons) = (0, 0);
    let (mut masks, mut values) = (Vec::new(), Vec::new());
    while start < part.len() {
        let rest = &part[start..];
        let person = rest[0] >> 32;
        let group = &rest[..rest.iter().take_while(|&&key| key >> 32 == person).count()];
        masks.clear();
        masks.extend(group.iter().map(|&key| records.mask(key as u32)));
        counts.add(&masks);
        let hash = (0..records.quasi_identifiers()).fold(0, |hash, quasi_identifier| {
            values.clear();
            values.extend(
                group.iter().map(|&key| records.value(key as u32, quasi_identifier)).filter(|&v| v != 0),
            );
            combine(hash, consensus(&mut values))
        });
        start += group.len();
        part[persons] = hash;
        persons += 1;
    }
    persons
}

/// The most frequent of `values`, the smallest of equally frequent ones, zero where there is none.
fn consensus(values: &mut [u64]) -> u64 {
    if let [value] = values {
        return *value;
    }
    values.sort_unstable();
    let mut best: &[u64] = &[];
    for run in values.chunk_by(|a, b| a == b) {
        if run.len() > best.len() {
            best = run;
        }
    }
    best.first().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_consensus_takes_the_most_frequent_then_the_smallest() {
        assert_eq!(consensus(&mut []), 0);
        assert_eq!(consensus(&mut [7]), 7);
        assert_eq!(consensus(&mut [9, 4, 9]), 9);
        assert_eq!(consensus(&mut [9, 4]), 4);
        assert_eq!(consensus(&mut [5, 9, 4, 9, 5]), 5);
    }

    #[test]
    fn test_split_keeps_each_person_whole() {
        let mut keys: Vec<u64> = [0u64, 0, 0, 0, 0, 5, 6, 6]
            .iter()
            .zip(0u64..)
            .map(|(person, record)| person << 32 | record)
            .collect();
        let lengths: Vec<usize> = split(&mut keys, 2).iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [5, 3]);
    }

    #[test]
    fn test_person_pieced_together_counts_only_what_one_record_shows() {
        let mut counts = PersonCounts::new();
        counts.add(&[0b011, 0b110]);
        assert_eq!(counts.pieced[0b111], 1);
        assert_eq!((counts.together[1], counts.together[2], counts.together[MODALITIES + 2]), (1, 0, 1));
        counts.add(&[0b001, 0b011]);
        assert_eq!(counts.whole[0b011], 1);
    }
}
