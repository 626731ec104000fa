//! Records, persons and vehicles counted by what they give away: all that the measures need.
//!
//! ```text
//! records ──► scattered by person ──► a look at each person ──► hashes of classes ──► sorted
//!        └──► masks of vehicles
//! ```
//!
//! Memory: 8 bytes per plate, and 24 and 8 for each quasi-identifier per record of a person in passes
//! over ranges of persons; classes are sorted on disk where they do not fit. Every result is a sum of
//! integers, so threads and passes change nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::people::{PersonCounts, count_persons};
use super::{Assessed, Folding, MASKS};
use crate::error::Result;
use crate::external::scatter::{Partition, Scatter, in_pass, passes};
use crate::external::{ExternalSorter, Sorted};
use crate::kernel::hash::mix;
use crate::kind::Modality;
use crate::runtime::Context;

/// What the counts want to know of the records.
pub(super) trait Records: Sync {
    /// What is known of a record when it is read.
    type Row<'a>: Copy;
    /// How many records there are.
    fn len(&self) -> u32;
    /// Shows every record once, some at a time and side by side, as [`Store::scan`] does.
    fn scan<A: Send>(
        &self,
        context: &Context,
        start: impl Fn() -> A + Sync + Send,
        visit: impl Fn(&mut A, &mut dyn Iterator<Item = (u32, Self::Row<'_>)>) -> Result<()> + Sync + Send,
    ) -> Result<Vec<A>>;
    /// The modalities that a record gives away.
    fn mask(&self, row: Self::Row<'_>) -> u32;
    /// The person that a record stands for, if any.
    fn person(&self, record: u32, row: Self::Row<'_>) -> Option<u32>;
    /// Hands each vehicle of a record to `take`, once.
    fn vehicles(&self, record: u32, row: Self::Row<'_>, take: impl FnMut(u32));
    /// A number above every vehicle's.
    fn vehicle_bound(&self) -> u32;
    /// How many quasi-identifiers there are.
    fn quasi_identifiers(&self) -> usize;
    /// The value of a quasi-identifier in a record; zero where missing.
    fn value(&self, row: Self::Row<'_>, quasi_identifier: usize) -> u64;
}

/// Counts of records, persons and vehicles by what they give away.
///
/// A record stands for a person where it holds an attribute that identifies one, and for the
/// vehicles whose plates it holds; records that stand for nobody are in no person. A person or
/// vehicle gives away what any of its records does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles {
    /// Records by the mask of their modalities.
    pub records: Vec<u64>,
    /// Persons by the mask of all their records.
    pub persons: Vec<u64>,
    /// Vehicles by the mask of all their records.
    pub vehicles: Vec<u64>,
    /// Persons of whom one record gives away both modalities: `from × 11 + to`.
    pub together: Vec<u64>,
    /// Persons by how many records they have.
    pub person_sizes: BTreeMap<u64, u64>,
    /// Vehicles by how many records they have.
    pub vehicle_sizes: BTreeMap<u64, u64>,
    /// Classes of persons who agree on every quasi-identifier, by how many persons they hold; empty
    /// where there is no quasi-identifier.
    pub class_sizes: BTreeMap<u64, u64>,
}

impl Profiles {
    /// Counts the records, persons and vehicles of `assessed`.
    ///
    /// The value of a quasi-identifier of a person is the one most of the person's records have,
    /// missing ones aside, and of equally frequent ones the smallest at rest; missing in all of them
    /// is a value of its own. Classes are told apart by a 64-bit hash: in 10 million persons the
    /// chance that any two classes are taken for one is 3 in a million.
    ///
    /// Begins the stage, of which what comes `after` is expected to be as much work, in nanoseconds on two
    /// processors.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn count(assessed: &Assessed<'_>, after: f64, context: &Context) -> Result<Self> {
        let folding = Folding::new(&assessed.store.layout);
        count(&Whole { assessed, folding }, after, context)
    }

    /// How many persons there are.
    pub fn person_count(&self) -> u64 {
        self.person_sizes.values().sum()
    }

    /// How many records stand for a person.
    pub fn person_records(&self) -> u64 {
        self.person_sizes.iter().map(|(size, n)| size * n).sum()
    }

    /// Pairs of records of one person, over all persons.
    pub fn person_pairs(&self) -> u64 {
        self.person_sizes.iter().map(|(size, n)| size * (size - 1) / 2 * n).sum()
    }

    /// How many vehicles there are.
    pub fn vehicle_count(&self) -> u64 {
        self.vehicle_sizes.values().sum()
    }

    /// Records of the person who has most.
    pub fn largest_person(&self) -> u64 {
        self.person_sizes.last_key_value().map_or(0, |(&size, _)| size)
    }
}

struct Whole<'a> {
    assessed: &'a Assessed<'a>,
    folding: Folding,
}

impl Records for Whole<'_> {
    type Row<'a> = &'a [u64];

    fn len(&self) -> u32 {
        self.assessed.store.len()
    }

    fn scan<A: Send>(
        &self,
        context: &Context,
        start: impl Fn() -> A + Sync + Send,
        visit: impl Fn(&mut A, &mut dyn Iterator<Item = (u32, &[u64])>) -> Result<()> + Sync + Send,
    ) -> Result<Vec<A>> {
        let width = self.assessed.store.layout.words;
        self.assessed.store.scan(context, start, |seen, first, words| {
            visit(seen, &mut (first..).zip(words.chunks_exact(width)))
        })
    }

    fn mask(&self, row: &[u64]) -> u32 {
        self.folding.mask(row[0])
    }

    fn person(&self, record: u32, row: &[u64]) -> Option<u32> {
        self.folding.has_person(row[0]).then(|| self.assessed.persons.root(record))
    }

    fn vehicles(&self, record: u32, row: &[u64], take: impl FnMut(u32)) {
        if self.folding.has_vehicle(row[0]) {
            self.assessed.vehicles.of(record).for_each(take);
        }
    }

    fn vehicle_bound(&self) -> u32 {
        self.assessed.vehicles.bound()
    }

    fn quasi_identifiers(&self) -> usize {
        self.assessed.quasi_identifiers.len()
    }

    fn value(&self, row: &[u64], quasi_identifier: usize) -> u64 {
        let attribute = self.assessed.quasi_identifiers[quasi_identifier];
        self.assessed.store.layout.attributes[attribute].slot.get(row)
    }
}

/// Nanoseconds on two processors that a record takes to be read; only how these stand to each other shows.
const LOOK: f64 = 48.0;

/// A record counted with the others of its person.
const COUNT: f64 = 26.0;

/// A person's class sorted among the others.
const CLASS: f64 = 12.0;

pub(super) fn count<R: Records>(records: &R, after: f64, context: &Context) -> Result<Profiles> {
    let all = u64::from(records.len());
    let width = records.quasi_identifiers() + 3;
    let vehicles = records.vehicle_bound();
    let _vehicles = context.memory.reserve("vehicles", u64::from(vehicles) * 8)?;
    let vehicles: Vec<(AtomicU32, AtomicU32)> = (0..vehicles).map(|_| Default::default()).collect();
    let passes = passes(all * width as u64 * 8, context);
    // Each record is read in every pass.
    context.progress.begin("assess", "records", Some(all * passes));
    let whole = |persons: u64| all as f64 * (LOOK * passes as f64 + COUNT) + persons as f64 * CLASS + after;
    // How many persons there are is known once they are counted.
    context.progress.expect(whole(all));
    let mut by_record = vec![0; MASKS];
    let mut persons = PersonCounts::new();
    let mut classes: ExternalSorter<u64> =
        ExternalSorter::new("classes of persons", context.memory.free() / 4, context)?;
    for pass in 0..passes {
        let scatter = Scatter::new("persons", width, all / passes, context)?;
        let masks = records.scan(
            context,
            || vec![0u64; MASKS],
            |masks, rows| {
                let mut writer = scatter.writer();
                let mut values = vec![0; width - 2];
                let mut seen = 0;
                for (record, row) in rows {
                    let mask = records.mask(row);
                    seen += 1;
                    if pass == 0 {
                        masks[mask as usize] += 1;
                        records.vehicles(record, row, |vehicle| {
                            let (seen, count) = &vehicles[vehicle as usize];
                            seen.fetch_or(mask, Ordering::Relaxed);
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                    let Some(person) = records.person(record, row) else { continue };
                    let key = mix(u64::from(person));
                    if in_pass(key, (pass, passes)) {
                        values[0] = u64::from(mask);
                        (1..values.len()).for_each(|at| values[at] = records.value(row, at - 1));
                        writer.push(key, u64::from(record), &values)?;
                    }
                }
                context.progress.add(seen);
                context.progress.worked(seen as f64 * LOOK);
                Ok(())
            },
        )?;
        for masks in masks {
            by_record.iter_mut().zip(masks).for_each(|(a, b)| *a += b);
        }
        let (partitions, _held) = scatter.finish();
        // A fold per thread and not per partition: the counts of one take 33 KB.
        let each = all as f64 * COUNT / passes as f64 / partitions.len().max(1) as f64;
        let counted: Vec<(PersonCounts, Vec<u64>)> = context.pool.install(|| {
            let count = |counted: Result<(PersonCounts, Vec<u64>)>, partition: Partition| {
                let (mut counts, mut hashes) = counted?;
                context.cancel.check()?;
                count_persons(&partition, width - 3, &mut counts, &mut hashes);
                context.progress.worked(each);
                Ok((counts, hashes))
            };
            let start = || Ok((PersonCounts::new(), Vec::new()));
            partitions.into_par_iter().fold(start, count).collect::<Result<_>>()
        })?;
        for (more, hashes) in counted {
            persons = persons.merge(more);
            classes.push(&hashes)?;
        }
    }
    let class_sizes = if records.quasi_identifiers() == 0 {
        context.progress.expect(whole(0));
        BTreeMap::new()
    } else {
        context.progress.expect(whole(persons.sizes.values().sum()));
        runs(classes.finish()?, context)?
    };
    let mut vehicle_masks = vec![0; MASKS];
    let seen = || vehicles.iter().filter(|(_, records)| records.load(Ordering::Relaxed) > 0);
    seen().for_each(|(mask, _)| vehicle_masks[mask.load(Ordering::Relaxed) as usize] += 1);
    let vehicle_sizes = sizes(seen().map(|(_, records)| u64::from(records.load(Ordering::Relaxed))));
    let PersonCounts { whole, pieced, together, sizes } = persons;
    Ok(Profiles {
        records: by_record,
        together: with_whole(together, &whole),
        persons: whole.iter().zip(&pieced).map(|(a, b)| a + b).collect(),
        vehicles: vehicle_masks,
        person_sizes: sizes.into_iter().collect(),
        vehicle_sizes,
        class_sizes,
    })
}

/// How many values there are of each number of times that they occur.
fn runs(mut sorted: Sorted<u64>, context: &Context) -> Result<BTreeMap<u64, u64>> {
    let mut sizes = BTreeMap::new();
    let mut last: Option<(u64, u64)> = None;
    while let Some(values) = sorted.read_next()? {
        context.progress.worked(values.len() as f64 * CLASS);
        for &value in values {
            last = Some(match last {
                Some((known, n)) if known == value => (known, n + 1),
                Some((_, n)) => {
                    *sizes.entry(n).or_default() += 1;
                    (value, 1)
                }
                None => (value, 1),
            });
        }
    }
    if let Some((_, n)) = last {
        *sizes.entry(n).or_default() += 1;
    }
    Ok(sizes)
}

fn sizes(groups: impl Iterator<Item = u64>) -> BTreeMap<u64, u64> {
    let mut sizes = rustc_hash::FxHashMap::default();
    groups.for_each(|size| *sizes.entry(size).or_default() += 1);
    sizes.into_iter().collect()
}

/// Adds the persons of whom one record gives away all that they give away.
fn with_whole(mut together: Vec<u64>, whole: &[u64]) -> Vec<u64> {
    let modalities = Modality::ALL.len();
    for (mask, persons) in whole.iter().enumerate().filter(|(_, n)| **n > 0) {
        for from in (0..modalities).filter(|from| mask >> from & 1 == 1) {
            for to in (0..modalities).filter(|to| mask >> to & 1 == 1) {
                together[from * modalities + to] += persons;
            }
        }
    }
    together
}

#[cfg(test)]
#[path = "profiles_tests.rs"]
mod tests;
