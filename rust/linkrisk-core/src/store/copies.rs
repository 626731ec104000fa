//! Records that are the same in all that a linkage looks at.
//!
//! The events of one card at one gate differ in their times alone. Where times are not compared, what
//! holds for one of them holds for all: n of them are weighed once and not n² times.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::Store;
use crate::kernel::hash::combine;

/// Tells which records are copies of each other.
#[derive(Debug)]
pub struct Copies<'a> {
    store: &'a Store,
    /// The bits of a record's words that are looked at.
    mask: Vec<u64>,
    /// Whether a record's source counts too.
    by_source: bool,
}

/// Records in groups of copies; kept between blocks for the room alone.
#[derive(Debug, Default)]
pub struct Groups {
    /// Places of the records, those of one group together and ascending.
    pub places: Vec<u32>,
    /// Where each group ends in `places`; groups come in the order of their first places.
    ends: Vec<u32>,
    /// The group of each record.
    group_of: Vec<u32>,
    by_hash: FxHashMap<u64, u32>,
}

impl Groups {
    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Where group `group` is in `places`.
    #[inline]
    pub fn range(&self, group: usize) -> Range<usize> {
        let start = if group == 0 { 0 } else { self.ends[group - 1] };
        start as usize..self.ends[group] as usize
    }

    /// The places of the records of group `group`.
    #[inline]
    pub fn of(&self, group: usize) -> &[u32] {
        &self.places[self.range(group)]
    }

    /// The groups.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).map(|group| self.of(group))
    }
}

impl<'a> Copies<'a> {
    /// Copies in the sense of `masks`, the bits that somebody looks at.
    pub fn new<'m>(store: &'a Store, masks: impl IntoIterator<Item = &'m [u64]>) -> Self {
        let mut mask = vec![0; store.layout.words];
        for more in masks {
            mask.iter_mut().zip(more).for_each(|(mask, more)| *mask |= more);
        }
        let by_source = store.sources.iter().any(|source| source.duplicate_free);
        Self { store, mask, by_source }
    }

    /// Groups the records `members`, whose words stand one after the other.
    ///
    /// Cost: of few records one comparison with the first of each group before it, most of which end at the
    /// first word; else a hash per record, and one comparison with the first of its group.
    pub fn group(&self, members: &[u32], words: &[u64], groups: &mut Groups) {
        let Groups { places, ends, group_of, by_hash } = groups;
        by_hash.clear();
        group_of.clear();
        ends.clear();
        // The first record of each group, until the groups are laid out.
        places.clear();
        for place in 0..members.len() as u32 {
            let next = ends.len() as u32;
            let group = if members.len() <= FEW {
                let is_copy = |&(_, &first): &(u32, &u32)| self.are_copies(members, words, first, place);
                (0..).zip(places.iter()).find(is_copy).map(|(group, _)| group)
            } else {
                let group = *by_hash.entry(self.hash(members, words, place)).or_insert(next);
                // One that has the hash of another group and not its words stands alone.
                Some(group)
                    .filter(|&g| g < next && self.are_copies(members, words, places[g as usize], place))
            };
            match group {
                Some(group) => ends[group as usize] += 1,
                None => {
                    places.push(place);
                    ends.push(1);
                }
            }
            group_of.push(group.unwrap_or(next));
        }
        let mut start = 0;
        for end in ends.iter_mut() {
            start += std::mem::replace(end, start);
        }
        places.clear();
        places.resize(members.len(), 0);
        for (place, &group) in group_of.iter().enumerate() {
            let at = &mut ends[group as usize];
            places[*at as usize] = place as u32;
            *at += 1;
        }
    }

    fn record<'w>(&self, words: &'w [u64], place: u32) -> &'w [u64] {
        &words[place as usize * self.mask.len()..][..self.mask.len()]
    }

    fn hash(&self, members: &[u32], words: &[u64], place: u32) -> u64 {
        let source = if self.by_source { self.store.source_of(members[place as usize]) } else { 0 };
        let record = self.record(words, place).iter().zip(&self.mask);
        record.fold(source as u64, |h, (w, m)| combine(h, w & m))
    }

    #[inline]
    fn are_copies(&self, members: &[u32], words: &[u64], left: u32, right: u32) -> bool {
        let source = |place: u32| self.store.source_of(members[place as usize]);
        let pairs = self.record(words, left).iter().zip(self.record(words, right));
        // The last words differ most often: the first says which attributes are there.
        pairs.zip(&self.mask).rev().all(|((a, b), mask)| (a ^ b) & mask == 0)
            && (!self.by_source || source(left) == source(right))
    }
}

/// Records up to which each is compared with the groups before it: at most 120 comparisons of a word or two.
const FEW: usize = 16;

/// Two groups of copies, or one twice: what holds for one pair of them holds for every pair.
#[derive(Debug, Clone, Copy)]
pub enum Alike<'a> {
    /// The pairs within one group of at least two.
    Within(&'a [u32]),
    /// The pairs of a record of the first group and one of the second.
    Between(&'a [u32], &'a [u32]),
}

/// Pairs of copies up to which each is listed: the links of people of up to eleven records are complete,
/// and events by the hundred are linked in a chain.
const LISTED: u64 = 64;

impl Alike<'_> {
    /// How many pairs there are.
    #[inline]
    pub fn count(self) -> u64 {
        match self {
            Alike::Within(a) => a.len() as u64 * (a.len() as u64 - 1) / 2,
            Alike::Between(a, b) => a.len() as u64 * b.len() as u64,
        }
    }

    /// Hands every pair to `take`, the lower number first.
    pub fn each(self, mut take: impl FnMut(u32, u32)) {
        let mut ordered = |a: u32, b: u32| take(a.min(b), a.max(b));
        match self {
            Alike::Within(a) => {
                (0..a.len()).for_each(|i| a[i + 1..].iter().for_each(|&other| ordered(a[i], other)));
            }
            Alike::Between(a, b) => {
                a.iter().for_each(|&left| b.iter().for_each(|&right| ordered(left, right)))
            }
        }
    }

    /// Hands enough pairs to `take` that whatever all of them connect is connected: as many as there are
    /// records where that is less than a few dozen pairs.
    ///
    /// They hold the same records together at every threshold, for all pairs weigh the same.
    pub fn connecting(self, mut take: impl FnMut(u32, u32)) {
        if self.count() <= LISTED {
            return self.each(take);
        }
        match self {
            Alike::Within(a) => a.windows(2).for_each(|two| take(two[0].min(two[1]), two[0].max(two[1]))),
            Alike::Between(a, b) => {
                b.iter().for_each(|&right| take(a[0].min(right), a[0].max(right)));
                a[1..].iter().for_each(|&left| take(left.min(b[0]), left.max(b[0])));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn test_connecting_pairs_connect_what_all_pairs_connect(
            a in 2u32..40, b in 1u32..40,
        ) {
            let numbers: Vec<u32> = (0..a + b).collect();
            let (left, right) = numbers.split_at(a as usize);
            for alike in [Alike::Within(left), Alike::Between(left, right)] {
                let (mut all, mut some) = (Vec::new(), Vec::new());
                alike.each(|l, r| all.push((l, r)));
                alike.connecting(|l, r| some.push((l, r)));
                prop_assert_eq!(all.len() as u64, alike.count());
                prop_assert!(some.iter().all(|pair| pair.0 < pair.1 && all.contains(pair)));
                let records = if matches!(alike, Alike::Within(_)) { a } else { a + b };
                let mut root: Vec<u32> = numbers.clone();
                for (l, r) in some {
                    let (keep, gone) = (root[l as usize], root[r as usize]);
                    root.iter_mut().filter(|root| **root == gone).for_each(|root| *root = keep);
                }
                prop_assert!(root[..records as usize].iter().all(|&r| r == root[0]));
            }
        }
    }
}
