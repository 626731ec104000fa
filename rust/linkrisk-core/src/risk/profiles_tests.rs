//! The counts against a plain computation with hash maps, on records made by proptest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use rayon::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Row {
    mask: u32,
    person: Option<u32>,
    vehicles: BTreeSet<u32>,
    values: [u64; 2],
}

const VEHICLES: u32 = 6;

/// Rows that are shown together.
const SOME: usize = 1 << 12;

impl Records for Vec<Row> {
    type Row<'a> = &'a Row;

    fn len(&self) -> u32 {
        self.as_slice().len() as u32
    }

    fn scan<A: Send>(
        &self,
        context: &Context,
        start: impl Fn() -> A + Sync + Send,
        visit: impl Fn(&mut A, &mut dyn Iterator<Item = (u32, &Row)>) -> Result<()> + Sync + Send,
    ) -> Result<Vec<A>> {
        let visit = |(number, rows): (usize, &[Row])| {
            context.cancel.check()?;
            let mut seen = start();
            visit(&mut seen, &mut ((number * SOME) as u32..).zip(rows))?;
            Ok(seen)
        };
        context.pool.install(|| self.par_chunks(SOME).enumerate().map(visit).collect())
    }

    fn mask(&self, row: &Row) -> u32 {
        row.mask
    }

    fn person(&self, _: u32, row: &Row) -> Option<u32> {
        row.person
    }

    fn vehicles(&self, _: u32, row: &Row, take: impl FnMut(u32)) {
        row.vehicles.iter().copied().for_each(take);
    }

    fn vehicle_bound(&self) -> u32 {
        VEHICLES
    }

    fn quasi_identifiers(&self) -> usize {
        2
    }

    fn value(&self, row: &Row, quasi_identifier: usize) -> u64 {
        row.values[quasi_identifier]
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
            prop_assert_eq!(&count(&rows, 0.0, &context).expect("memory is there"), &expected);
        }
    }
}

/// Records enough for several tasks, a person whose records would fill more than one included.
fn many() -> Vec<Row> {
    (0..20 * SOME as u32 + 7)
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
fn test_count_in_several_tasks_and_passes_equals_a_plain_computation() {
    let rows = many();
    let expected = plain(&rows);
    let base = tempfile::tempdir().expect("a temporary directory");
    // All rows take 40 bytes each, 3.3 MB.
    for (threads, limit) in [(1, u64::MAX), (2, u64::MAX), (8, 3 << 20), (2, 2 << 20)] {
        let context = Context::new(Some(limit), Some(threads), 1).expect("threads start");
        let context = context.spill_to(base.path(), None);
        assert_eq!(count(&rows, 0.0, &context).expect("memory is there"), expected);
        assert!(context.memory.peak() <= limit);
        let snapshot = context.progress.snapshot();
        assert_eq!(Some(snapshot.done), snapshot.total);
        assert_eq!(snapshot.total > Some(rows.len() as u64), limit < u64::MAX, "in passes or not");
    }
}

#[test]
fn test_count_stops_when_cancelled_and_respects_the_memory_limit() {
    let rows = many();
    let context = Context::new(None, Some(2), 1).expect("threads start");
    context.cancel.cancel();
    assert_eq!(
        count(&rows, 0.0, &context).expect_err("must fail").kind(),
        crate::error::ErrorKind::Cancelled
    );
    let context = Context::new(Some(1 << 13), Some(2), 1).expect("threads start");
    assert_eq!(
        count(&rows, 0.0, &context).expect_err("must fail").kind(),
        crate::error::ErrorKind::MemoryLimit
    );
}
