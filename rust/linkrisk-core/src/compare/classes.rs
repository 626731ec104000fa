//! Classes of records, and the parts of all pairs of templates that have a false match rate of their own.
//!
//! How often strangers look alike depends on their cameras and on their groups: two people of one sex, age band and
//! skin tone do so 10 to 100 times as often as two of different ones (P. Grother, M. Ngan and K. Hanaoka, *Face
//! recognition vendor test, part 3: demographic effects*, NISTIR 8280, 2019). A record's class is its source and its
//! group: what it has in the group attributes, a missing value being one too. Which part a pair is of is told by
//! the classes of its records.
//!
//! Each two classes as a part of their own would be K² parts, each with K² times fewer pairs to tell its rate, and no
//! gallery could bear a merge. So of two sources those pairs are a part that are of one group, for each group that is
//! large enough; and those of two groups, by which attributes they agree on. What is too small for a part is with
//! [`Among::Others`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::runtime::Reservation;
use crate::store::Store;

/// Group attributes of a comparison, at the most: they agree, differ or are missing in 81 ways.
pub const ATTRIBUTES: usize = 4;

/// Classes at the most: the table of their pairs has 16 MB.
const CLASSES: usize = 2_048;

/// Parts at the most: each takes the fits of a bootstrap, a twentieth of a second, and half a megabyte.
const PARTS: usize = 512;

/// Templates of a group, in each of two sources, from which its pairs are a part: all pairs of 1,000 are half a
/// million, so that with none of strangers above a similarity one template has 1,000 · 3 / 500,000 = 0.006 there at
/// the most, and the group may still be merged on a template (0.01).
pub const LEAST: u64 = 1_000;

/// Pairs of two groups that are a part, at the least, and as a share of those of their sources.
const LEAST_PAIRS: f64 = 500_000.0;
const LEAST_SHARE: f64 = 1e-3;

/// How many times as many of a record's pairs as of all may be of one part. What is not known of a part's rate weighs
/// as much more on that record: the few whose group nobody stated would decide what everybody's gallery bears.
const LOPSIDED: f64 = 4.0;

/// The codes of a group's values, attribute by attribute; 0 is missing.
pub type Codes = [u8; ATTRIBUTES];

/// What two records have in a group attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Values {
    /// The same value.
    Agree,
    /// Two values.
    Differ,
    /// Not both have one.
    Missing,
}

/// Which pairs of two sources a part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Among {
    /// Those that are in no other part.
    Others,
    /// Two of a group, by its number.
    Group(usize),
    /// Two that have this in the attributes.
    Two([Values; ATTRIBUTES]),
}

/// A part of all pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The sources by number, the lower first.
    pub sources: [usize; 2],
    /// Which of their pairs.
    pub among: Among,
    /// Of a group, the share of the pairs that are drawn of all groups which are to be of it.
    pub share: f64,
}

/// The group of every record.
#[derive(Debug)]
pub struct Groups {
    /// The group attributes, and what their values are called by code from 1.
    pub names: Vec<(String, Vec<String>)>,
    /// What the groups have in them; one at the least.
    pub codes: Vec<Codes>,
    /// The group of a record.
    pub of_record: Vec<AtomicU8>,
    /// Its bytes, and those of the table of classes.
    pub held: Reservation,
}

/// The classes of a comparison's records.
#[derive(Debug)]
pub struct Classes {
    sources: usize,
    groups: Option<Groups>,
    /// The parts; those of two sources follow each other.
    pub parts: Vec<Part>,
    /// The part of two classes in turn.
    of: Vec<u32>,
}

impl Classes {
    /// Those of `sources` sources, each with every other a part.
    pub fn of_sources(sources: usize) -> Self {
        Self::divided(&vec![false; sources], None, &[])
    }

    /// Those of records with these groups, of which each class has `sizes` templates: source by source, and there
    /// group by group. Of a source in which nobody is twice no two records are compared, and no groups are parts.
    pub fn of_groups(duplicate_free: &[bool], groups: Groups, sizes: &[u64]) -> Self {
        Self::divided(duplicate_free, Some(groups), sizes)
    }

    /// How many groups of `sources` sources are told apart at the most: a byte of each record tells which.
    pub fn most_groups(sources: usize) -> usize {
        (CLASSES / sources.max(1)).clamp(1, usize::from(u8::MAX))
    }

    /// Bytes of the table of the parts of so many classes.
    pub fn bytes(classes: usize) -> u64 {
        (classes * classes * size_of::<u32>()) as u64
    }

    fn divided(duplicate_free: &[bool], groups: Option<Groups>, sizes: &[u64]) -> Self {
        let sources = duplicate_free.len();
        let number = groups.as_ref().map_or(1, |groups| groups.codes.len());
        let classes = sources * number;
        let mut made = Self { sources, groups, parts: Vec::new(), of: vec![0; classes * classes] };
        for (a, &alone) in duplicate_free.iter().enumerate() {
            for b in a..sources {
                let groups = made.groups.as_ref().filter(|_| a != b || !alone);
                let own = groups.map(|of| own_parts(of, sources, [a, b], sizes)).unwrap_or_default();
                made.divide([a, b], own);
            }
        }
        made.share(sizes);
        made
    }

    /// Adds the parts of two sources: the others, and `own` ones.
    fn divide(&mut self, sources: [usize; 2], own: Vec<Among>) {
        let (first, groups, classes) = (self.parts.len(), self.groups(), self.len());
        let place = |among: Among| own.iter().position(|&part| part == among).map(|at| first + 1 + at);
        let [a, b] = sources;
        for g in 0..groups {
            for h in 0..groups {
                let of_group = (g == h).then(|| place(Among::Group(g))).flatten();
                let of_two = || self.groups.as_ref().and_then(|of| place(Among::Two(values(of, g, h))));
                let part = of_group.or_else(of_two).unwrap_or(first) as u32;
                let (x, y) = (a * groups + g, b * groups + h);
                self.of[x * classes + y] = part;
                self.of[y * classes + x] = part;
            }
        }
        let parts = std::iter::once(Among::Others).chain(own);
        self.parts.extend(parts.map(|among| Part { sources, among, share: 0.0 }));
    }

    /// Shares the pairs that are drawn of groups out: the more templates, the more pairs, for what is not known of a
    /// rate weighs on each of them.
    fn share(&mut self, sizes: &[u64]) {
        let groups = self.groups();
        let weight = |part: &Part| match part.among {
            Among::Group(g) => {
                let size = |source: usize| sizes[source * groups + g] as f64;
                (size(part.sources[0]) * size(part.sources[1])).sqrt()
            }
            _ => 0.0,
        };
        let weights: Vec<f64> = self.parts.iter().map(weight).collect();
        let sum: f64 = weights.iter().sum();
        self.parts.iter_mut().zip(weights).for_each(|(part, weight)| part.share = weight / sum.max(1.0));
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.sources * self.groups()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sources == 0
    }

    /// Groups of a source.
    pub fn groups(&self) -> usize {
        self.groups.as_ref().map_or(1, |groups| groups.codes.len())
    }

    /// Whether groups are told apart.
    pub fn has_groups(&self) -> bool {
        self.groups.is_some()
    }

    /// The class of a record.
    #[inline]
    pub fn class(&self, store: &Store, record: u32) -> usize {
        let source = store.source_of(record);
        match &self.groups {
            None => source,
            Some(groups) => {
                let group = groups.of_record[record as usize].load(Ordering::Relaxed);
                source * groups.codes.len() + usize::from(group)
            }
        }
    }

    /// The source of a class.
    pub fn source(&self, class: usize) -> usize {
        class / self.groups()
    }

    /// The group of a class.
    pub fn group(&self, class: usize) -> usize {
        class % self.groups()
    }

    /// The part of two classes.
    #[inline]
    pub fn part(&self, a: usize, b: usize) -> usize {
        self.of[a * self.len() + b] as usize
    }

    /// Whether a part has pairs of two groups, which are drawn among all of its sources.
    pub fn is_of_sources(&self, part: usize) -> bool {
        !matches!(self.parts[part].among, Among::Group(_))
    }

    /// Records of each list of a part that is a group, where about `pairs` pairs are compared in all: half of them are
    /// of groups.
    pub fn side(&self, part: usize, pairs: u64) -> usize {
        let Part { sources: [a, b], share, .. } = self.parts[part];
        let each = if a == b { 0.5 } else { 1.0 };
        ((0.5 * pairs as f64 * share / each).sqrt() as usize).max(LEAST as usize)
    }

    /// Which pairs of its sources a part has, in words; none where there are no groups.
    pub fn describe(&self, part: usize) -> Option<String> {
        let groups = self.groups.as_ref()?;
        type Named = (String, Vec<String>);
        let each = |say: &dyn Fn(usize, &Named) -> String| {
            let said: Vec<String> =
                groups.names.iter().enumerate().map(|(at, names)| say(at, names)).collect();
            said.join(", ")
        };
        Some(match self.parts[part].among {
            Among::Others => "others".to_owned(),
            Among::Group(group) => each(&|at, (name, values)| match groups.codes[group][at] {
                0 => format!("{name} missing"),
                code => format!("{name} {}", values[usize::from(code) - 1]),
            }),
            Among::Two(values) => each(&|at, (name, _)| match values[at] {
                Values::Agree => format!("one {name}"),
                Values::Differ => format!("two of {name}"),
                Values::Missing => format!("{name} missing"),
            }),
        })
    }
}

/// What two groups have in common; attributes that there are not are missing.
fn values(groups: &Groups, g: usize, h: usize) -> [Values; ATTRIBUTES] {
    std::array::from_fn(|attribute| match (groups.codes[g][attribute], groups.codes[h][attribute]) {
        (0, _) | (_, 0) => Values::Missing,
        (a, b) if a == b => Values::Agree,
        _ => Values::Differ,
    })
}

/// Pairs of two sources that may become a part.
#[derive(Default)]
struct Candidate {
    pairs: f64,
    /// For each group of either source the share of the other source's records that it meets so.
    others: [BTreeMap<usize, f64>; 2],
}

/// The parts that the pairs of two sources fall into beside the others.
///
/// The others are the largest part of pairs of two groups and what is too small to be a part. Where nearly all
/// pairs are of one group, it is with them.
fn own_parts(groups: &Groups, sources: usize, [a, b]: [usize; 2], sizes: &[u64]) -> Vec<Among> {
    let number = groups.codes.len();
    let size = |source: usize, group: usize| sizes[source * number + group];
    let total = |source: usize| (0..number).map(|group| size(source, group)).sum::<u64>() as f64;
    let mut candidates: BTreeMap<Among, Candidate> = BTreeMap::new();
    let mut all = 0.0;
    for g in 0..number {
        for h in 0..number {
            let (left, right) = (size(a, g) as f64, size(b, h) as f64);
            // Within a source each pair is met from both sides, and no record meets itself.
            let others = if a == b && g == h { (right - 1.0).max(0.0) } else { right };
            let pairs = if a == b { 0.5 } else { 1.0 } * left * others;
            if pairs > 0.0 {
                let is_large = g == h && size(a, g).min(size(b, g)) >= LEAST;
                let among = if is_large { Among::Group(g) } else { Among::Two(values(groups, g, h)) };
                let candidate = candidates.entry(among).or_default();
                candidate.pairs += pairs;
                *candidate.others[0].entry(g).or_default() += others / total(b);
                *candidate.others[1].entry(h).or_default() += left / total(a);
                all += pairs;
            }
        }
    }
    let is_part = |(among, candidate): &(&Among, &Candidate)| {
        let share = candidate.pairs / all;
        let most = candidate.others.iter().flat_map(BTreeMap::values).fold(0.0, |a, &b| f64::max(a, b));
        let is_even = share >= LEAST_SHARE && most <= LOPSIDED * share;
        matches!(among, Among::Group(_)) || (candidate.pairs >= LEAST_PAIRS && is_even)
    };
    let mut parts: Vec<(&Among, &Candidate)> = candidates.iter().filter(is_part).collect();
    parts.sort_by(|x, y| y.1.pairs.total_cmp(&x.1.pairs).then(x.0.cmp(y.0)));
    let of_two = parts.iter().position(|(among, _)| matches!(among, Among::Two(_)));
    let largest = (!parts.is_empty() && (parts.len() < candidates.len() || parts.len() == 1)).then_some(0);
    if let Some(others) = of_two.or(largest) {
        parts.remove(others);
    }
    let most = (PARTS / (sources * (sources + 1) / 2)).saturating_sub(1);
    parts.into_iter().take(most).map(|(among, _)| *among).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runtime::Context;

    /// Classes of `sources` sources with these groups, of which each source has so many templates.
    fn classes(sources: usize, groups: &[(Codes, u64)]) -> Classes {
        let context = Context::new(None, Some(1), 1).expect("a context");
        let values = |attribute: usize| (1..=9).map(|code| format!("{attribute}{code}")).collect();
        let names =
            ["sex", "age", "tone"].iter().enumerate().map(|(at, name)| ((*name).to_owned(), values(at)));
        let held = context.memory.reserve("groups of records", 0).expect("nothing");
        let codes = groups.iter().map(|group| group.0).collect();
        let of = Groups { names: names.collect(), codes, of_record: Vec::new(), held };
        let sizes: Vec<u64> = (0..sources).flat_map(|_| groups.iter().map(|group| group.1)).collect();
        Classes::of_groups(&vec![false; sources], of, &sizes)
    }

    fn says(classes: &Classes, a: usize, b: usize) -> String {
        classes.describe(classes.part(a, b)).expect("groups")
    }

    #[test]
    fn test_without_groups_every_two_sources_are_a_part() {
        let classes = Classes::of_sources(3);
        let sources: Vec<[usize; 2]> = classes.parts.iter().map(|part| part.sources).collect();
        assert_eq!(sources, [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]);
        assert_eq!((classes.part(2, 1), classes.part(1, 2), classes.describe(4)), (4, 4, None));
        assert!(classes.parts.iter().all(|part| part.among == Among::Others));
    }

    #[test]
    fn test_large_groups_are_parts_and_two_groups_by_what_they_agree_on() {
        let group = |sex, age| [sex, age, 0, 0];
        let groups = [(1, 1), (1, 2), (2, 1), (2, 2)].map(|(sex, age)| (group(sex, age), 5_000));
        let classes = classes(1, &[&groups[..], &[(group(1, 3), 900)]].concat());
        assert_eq!(says(&classes, 0, 0), "sex 01, age 11, tone missing");
        assert_eq!(says(&classes, 3, 3), "sex 02, age 12, tone missing");
        assert_eq!(says(&classes, 0, 2), "two of sex, one age, tone missing");
        // Of two groups most agree on the sex alone or on nothing.
        let rest = [says(&classes, 0, 1), says(&classes, 0, 3)];
        assert!(rest.contains(&"others".to_owned()) && rest[0] != rest[1], "{rest:?}");
        // Too small for a part.
        assert_eq!(says(&classes, 4, 4), "others");
        let shares: Vec<f64> = classes.parts.iter().map(|part| part.share).collect();
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(classes.side(classes.part(0, 0), 8_000_000) > 1_000);
    }

    #[test]
    fn test_the_few_of_no_group_are_with_the_others() {
        let classes = classes(2, &[([1, 0, 0, 0], 40_000), ([2, 0, 0, 0], 40_000), ([0; 4], 800)]);
        assert_eq!(says(&classes, 0, 1), "others");
        assert_eq!(says(&classes, 0, 2), "others");
        assert_eq!(says(&classes, 2, 5), "others");
        assert_eq!(says(&classes, 0, 3), "sex 01, age missing, tone missing");
    }

    #[test]
    fn test_where_nearly_all_are_of_one_group_it_is_with_the_others() {
        let classes = classes(1, &[([1, 0, 0, 0], 90_000), ([2, 0, 0, 0], 90)]);
        assert_eq!([says(&classes, 0, 0), says(&classes, 0, 1)], ["others", "others"]);
        assert!(classes.parts.len() == 1 && classes.parts[0].share == 0.0);
    }

    proptest! {
        #[test]
        fn test_a_pair_is_of_one_part_of_its_sources(
            sources in 1usize..4,
            groups in prop::collection::btree_map(prop::array::uniform3(0u8..4), 0u64..4_000, 1..20),
        ) {
            let groups: Vec<(Codes, u64)> =
                groups.into_iter().map(|([a, b, c], size)| ([a, b, c, 0], size)).collect();
            let classes = classes(sources, &groups);
            for a in 0..classes.len() {
                for b in 0..classes.len() {
                    let part = classes.part(a, b);
                    prop_assert_eq!(part, classes.part(b, a));
                    let two = [classes.source(a), classes.source(b)];
                    prop_assert_eq!(classes.parts[part].sources, [two[0].min(two[1]), two[0].max(two[1])]);
                    if let Among::Group(group) = classes.parts[part].among {
                        prop_assert_eq!([classes.group(a), classes.group(b)], [group; 2]);
                        prop_assert!(groups[group].1 >= LEAST);
                    }
                }
            }
            let shares: f64 = classes.parts.iter().map(|part| part.share).sum();
            prop_assert!(shares == 0.0 || (shares - 1.0).abs() < 1e-9);
        }
    }
}
