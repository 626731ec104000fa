//! Records, persons and vehicles counted by what they give away: all that the measures need.
//!
//! ```text
//! records ──► (person, record) keys ──► sorted ──► a pass per person ──► hashes of classes ──► sorted
//!        └──► masks of vehicles
//! ```
//!
//! Memory: 8 bytes per record for the keys, which the hashes of the classes then overwrite, and 8
//! per plate. Every result is a sum of integers, so threads change nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::people::{PersonCounts, count_persons};
use super::{Assessed, Folding, MASKS};
use crate::error::Result;
use crate::kind::Modality;
use crate::runtime::Context;

/// Records of a task: about a millisecond of work.
pub(super) const TASK: usize = 1 << 15;

/// A key of a record that stands for nobody; it sorts behind every person.
const NOBODY: u64 = u64::MAX;

/// What the counts want to know of a record.
pub(super) trait Records: Sync {
    /// How many records there are.
    fn len(&self) -> u32;
    /// The modalities that a record gives away.
    fn mask(&self, record: u32) -> u32;
    /// The person that a record stands for, if any.
    fn person(&self, record: u32) -> Option<u32>;
    /// Hands each vehicle of a record to `take`, once.
    fn vehicles(&self, record: u32, take: impl FnMut(u32));
    /// A number above every vehicle's.
    fn vehicle_bound(&self) -> u32;
    /// How many quasi-identifiers there are.
    fn quasi_identifiers(&self) -> usize;
    /// The value of a quasi-identifier in a record; zero where missing.
    fn value(&self, record: u32, quasi_identifier: usize) -> u64;
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
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn count(assessed: &Assessed<'_>, context: &Context) -> Result<Self> {
        let folding = Folding::new(&assessed.store.layout);
        count(&Whole { assessed, folding }, context)
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
    fn len(&self) -> u32 {
        self.assessed.store.len()
    }

    fn mask(&self, record: u32) -> u32 {
        self.folding.mask(self.assessed.store.presence(record))
    }

    fn person(&self, record: u32) -> Option<u32> {
        let stands = self.folding.has_person(self.assessed.store.presence(record));
        stands.then(|| self.assessed.persons.root(record))
    }

    fn vehicles(&self, record: u32, take: impl FnMut(u32)) {
        if self.folding.has_vehicle(self.assessed.store.presence(record)) {
            self.assessed.vehicles.of(record).for_each(take);
        }
    }

    fn vehicle_bound(&self) -> u32 {
        self.assessed.vehicles.bound()
    }

    fn quasi_identifiers(&self) -> usize {
        self.assessed.quasi_identifiers.len()
    }

    fn value(&self, record: u32, quasi_identifier: usize) -> u64 {
        self.assessed.store.value(record, self.assessed.quasi_identifiers[quasi_identifier])
    }
}

pub(super) fn count<R: Records>(records: &R, context: &Context) -> Result<Profiles> {
    let all = records.len() as usize;
    // Each record is counted in both passes.
    context.progress.begin("assess", "records", Some(2 * all as u64));
    let _keys = context.memory.reserve("persons", all as u64 * 8)?;
    let vehicles = records.vehicle_bound() as usize;
    let _vehicles = context.memory.reserve("vehicles", vehicles as u64 * 8)?;
    let vehicles: Vec<(AtomicU32, AtomicU32)> = (0..vehicles).map(|_| Default::default()).collect();
    let mut keys = vec![NOBODY; all];
    let by_record = context.pool.install(|| by_record(records, &mut keys, &vehicles, context))?;
    context.cancel.check()?;
    context.pool.install(|| keys.par_sort_unstable());
    keys.truncate(keys.partition_point(|&key| key != NOBODY));
    context.progress.add((all - keys.len()) as u64);
    let persons = context.pool.install(|| count_persons(records, &mut keys, context))?;
    // What is left in `keys` is the hash of each person's class.
    let class_sizes = if records.quasi_identifiers() == 0 {
        BTreeMap::new()
    } else {
        context.cancel.check()?;
        context.pool.install(|| keys.par_sort_unstable());
        sizes(keys.chunk_by(|a, b| a == b).map(|class| class.len() as u64))
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

fn by_record<R: Records>(
    records: &R,
    keys: &mut [u64],
    vehicles: &[(AtomicU32, AtomicU32)],
    context: &Context,
) -> Result<Vec<u64>> {
    keys.par_chunks_mut(TASK)
        .enumerate()
        .try_fold(
            || vec![0u64; MASKS],
            |mut masks, (task, keys)| {
                context.cancel.check()?;
                for (i, key) in keys.iter_mut().enumerate() {
                    let record = (task * TASK + i) as u32;
                    let mask = records.mask(record);
                    masks[mask as usize] += 1;
                    if let Some(person) = records.person(record) {
                        *key = u64::from(person) << 32 | u64::from(record);
                    }
                    records.vehicles(record, |vehicle| {
                        let (seen, count) = &vehicles[vehicle as usize];
                        seen.fetch_or(mask, Ordering::Relaxed);
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                }
                context.progress.add(keys.len() as u64);
                Ok(masks)
            },
        )
        .try_reduce(
            || vec![0u64; MASKS],
            |mut total, more| {
                total.iter_mut().zip(more).for_each(|(a, b)| *a += b);
                Ok(total)
            },
        )
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
