//! The counts against a plain computation with hash maps, on records made by proptest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Row {
    mask: u32,
    person: Option<u32>,
    vehicles: BTreeSet<u32>,
    values: [u64; 2],
}

const VEHICLES: u32 = 6;

impl Records for Vec<Row> {
    fn len(&self) -> u32 {
        self.as_slice().len() as u32
    }

    fn mask(&self, record: u32) -> u32 {
        self[record as usize].mask
    }

    fn person(&self, record: u32) -> Option<u32> {
        self[record as usize].person
    }

    fn vehicles(&self, record: u32, take: impl FnMut(u32)) {
        self[record as usize].vehicles.iter().copied().for_each(take);
    }

    fn vehicle_bound(&self) -> u32 {
        VEHICLES
    }

    fn quasi_identifiers(&self) -> usize {
        2
    }

    fn value(&self, record: u32, quasi_identifier: usize) -> u64 {
        self[record as usize].values[quasi_identifier]
    }
}

fn tally<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    items.fold(BTreeMap::new(), |mut counts, item| {
        *counts.entry(item).or_default() += 1;
        counts
    })
}

fn dense(masks: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut counts = vec![0; MASKS];
    masks.for_each(|mask| counts[mask as usize] += 1);
    counts
}

fn union(rows: &[&Row]) -> u32 {
    rows.iter().fold(0, |mask, row| mask | row.mask)
}

fn plain(rows: &[Row]) -> Profiles {
    let mut persons: HashMap<u32, Vec<&Row>> = HashMap::new();
    let mut vehicles: HashMap<u32, Vec<&Row>> = HashMap::new();
    for row in rows {
        row.person.into_iter().for_each(|p| persons.entry(p).or_default().push(row));
        row.vehicles.iter().for_each(|&v| vehicles.entry(v).or_default().push(row));
    }
    let most = |rows: &[&Row], at: usize| {
        let counts = tally(rows.iter().map(|row| row.values[at]).filter(|&v| v != 0));
        let top = counts.values().max().copied();
        counts.into_iter().find(|&(_, n)| Some(n) == top).map(|(value, _)| value)
    };
    let classes = tally(persons.values().map(|rows| (most(rows, 0), most(rows, 1))));
    let together = (0..121).map(|at| {
        let both = 1 << (at / 11) | 1 << (at % 11);
        persons.values().filter(|rows| rows.iter().any(|row| row.mask & both == both)).count() as u64
    });
    Profiles {
        records: dense(rows.iter().map(|row| row.mask)),
        persons: dense(persons.values().map(|rows| union(rows))),
        vehicles: dense(vehicles.values().map(|rows| union(rows))),
        together: together.collect(),
        person_sizes: tally(persons.values().map(|rows| rows.len() as u64)),
        vehicle_sizes: tally(vehicles.values().map(|rows| rows.len() as u64)),
        class_sizes: tally(classes.into_values()),
    }
}

fn row() -> impl Strategy<Value = Row> {
    let vehicles = prop::collection::btree_set(0..VEHICLES, 0..3);
    (0..MASKS as u32, prop::option::of(0u32..40), vehicles, [0u64..4, 0u64..3]).prop_map(
        |(mask, person, vehicles, values)| Row { mask: mask & 0b101_0011_0111, person, vehicles, values },
    )
}

proptest! {
    #[test]
    fn test_count_equals_a_plain_computation(rows in prop::collection::vec(row(), 0..200)) {
        let expected = plain(&rows);
        for threads in [1, 3] {
            let context = Context::new(None, Some(threads), 1).expect("threads start");
            prop_assert_eq!(&count(&rows, &context).expect("memory is there"), &expected);
        }
    }
}

/// Records enough for several tasks, a person whose records would fill more than one included.
fn many() -> Vec<Row> {
    (0..3 * TASK as u32 + 7)
        .map(|i| Row {
            mask: i * 7 % MASKS as u32,
            person: match i % 5 {
                0 => None,
                1 | 2 => Some(3),
                _ => Some(i / 9),
            },
            vehicles: BTreeSet::from([i % VEHICLES]),
            values: [u64::from(i % 11), u64::from(i / 64 % 3)],
        })
        .collect()
}

#[test]
fn test_count_of_several_tasks_equals_a_plain_computation() {
    let rows = many();
    let expected = plain(&rows);
    for threads in [1, 2, 8] {
        let context = Context::new(None, Some(threads), 1).expect("threads start");
        assert_eq!(count(&rows, &context).expect("memory is there"), expected);
        let snapshot = context.progress.snapshot();
        assert_eq!(Some(snapshot.done), snapshot.total);
    }
}

#[test]
fn test_count_stops_when_cancelled_and_respects_the_memory_limit() {
    let rows = many();
    let context = Context::new(None, Some(2), 1).expect("threads start");
    context.cancel.cancel();
    assert_eq!(count(&rows, &context).expect_err("must fail").kind(), crate::error::ErrorKind::Cancelled);
    let context = Context::new(Some(8 * TASK as u64), Some(2), 1).expect("threads start");
    assert_eq!(count(&rows, &context).expect_err("must fail").kind(), crate::error::ErrorKind::MemoryLimit);
}
