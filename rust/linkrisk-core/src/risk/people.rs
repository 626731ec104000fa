//! The pass over persons: what each gives away in one record and in all, and the class each is in.

use rustc_hash::FxHashMap;

use super::MASKS;
use crate::external::Partition;
use crate::kernel::hash::combine;
use crate::kind::Modality;

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
    pub(super) fn new() -> Self {
        Self {
            whole: vec![0; MASKS],
            pieced: vec![0; MASKS],
            together: vec![0; MODALITIES * MODALITIES],
            sizes: FxHashMap::default(),
        }
    }

    pub(super) fn merge(mut self, more: Self) -> Self {
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

/// Counts the persons of `partition`, whose rows are a mask and the values of the quasi-identifiers, and
/// adds one hash of these values per person.
pub(super) fn count_persons(
    partition: &Partition,
    quasi_identifiers: usize,
    counts: &mut PersonCounts,
    hashes: &mut Vec<u64>,
) {
    let (mut masks, mut values) = (Vec::new(), Vec::new());
    let order = partition.order();
    for person in order.chunk_by(|a, b| a.key == b.key) {
        masks.clear();
        masks.extend(person.iter().map(|&place| partition.words(place)[0] as u32));
        counts.add(&masks);
        hashes.push((0..quasi_identifiers).fold(0, |hash, quasi_identifier| {
            values.clear();
            let held = person.iter().map(|&place| partition.words(place)[quasi_identifier + 1]);
            values.extend(held.filter(|&v| v != 0));
            combine(hash, consensus(&mut values))
        }));
    }
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
    fn test_person_pieced_together_counts_only_what_one_record_shows() {
        let mut counts = PersonCounts::new();
        counts.add(&[0b011, 0b110]);
        assert_eq!(counts.pieced[0b111], 1);
        assert_eq!((counts.together[1], counts.together[2], counts.together[MODALITIES + 2]), (1, 0, 1));
        counts.add(&[0b001, 0b011]);
        assert_eq!(counts.whole[0b011], 1);
    }
}
