//! How often values occur: distinct values, chance agreement, and values too frequent to be true.
//!
//! A telephone number that ten thousand records hold is a switchboard or a placeholder that no list
//! knows. Compared as equal it would join them all; so values held by an implausible number of
//! records are taken out of the records, counted and reported.
//!
//! Memory: 8 bytes per record for one attribute at a time.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{PARTIAL, Store, Values};
use crate::error::Result;
use crate::kind::{Kind, Storage};
use crate::runtime::Context;

/// A value is implausible above this many times the count that all but one in a thousand of the
/// attribute's values stay below. Real persons' values differ in frequency, but by less: in the
/// public sets we tried the largest count of a true value is 4 times that quantile.
const EXCESS: u64 = 10;

/// Below this count no value is implausible, whatever the others do.
const LEAST_IMPLAUSIBLE: u64 = 50;

/// The same for birth dates, of which every record has one of some thirty thousand.
const LEAST_IMPLAUSIBLE_DATE: u64 = 200;

/// Completes the store: counts values, takes implausible ones out.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where an attribute's values do
/// not fit.
pub fn complete(store: &mut Store, context: &Context) -> Result<()> {
    let everybody = (0..store.len()).all(|record| store.is_person(store.record(record)));
    for attribute in 0..store.layout.attributes.len() {
        context.cancel.check()?;
        let counts = match &store.columns[attribute].values {
            Values::Text(dictionary) => coded(dictionary.counts()),
            Values::Name(names) => coded(names.full.counts()),
            Values::Number(_) | Values::Plain => resting(store, attribute, false, context)?,
        };
        let kind = store.layout.attributes[attribute].kind;
        let implausible = implausible(kind, &counts);
        let column = &mut store.columns[attribute];
        let kept = || {
            let counts = counts.iter();
            counts
                .filter(|(value, _)| implausible.is_empty() || !implausible.contains(value))
                .map(|&(_, n)| n)
        };
        column.distinct = kept().count() as u64;
        column.filled = kept().sum();
        column.coincidences = coincidences(kept());
        if !implausible.is_empty() {
            take_out(store, attribute, &implausible);
        }
        let rests_here = matches!(store.columns[attribute].values, Values::Number(_) | Values::Plain);
        if !everybody && rests_here {
            // Chance agreement is between records that are compared.
            let counts = resting(store, attribute, true, context)?;
            store.columns[attribute].coincidences = coincidences(counts.iter().map(|&(_, n)| n));
        }
    }
    store.find_persons(context)
}

fn coincidences(counts: impl Iterator<Item = u64>) -> f64 {
    counts.map(|n| n as f64 * (n as f64 - 1.0) / 2.0).sum()
}

fn coded(counts: &[u32]) -> Vec<(u64, u64)> {
    counts.iter().enumerate().map(|(i, &n)| (i as u64 + 1, u64::from(n))).collect()
}

/// How many records hold each value, of those that rest in the records; `of_persons` looks at records
/// that stand for a person alone.
fn resting(store: &Store, attribute: usize, of_persons: bool, context: &Context) -> Result<Vec<(u64, u64)>> {
    let slot = store.layout.attributes[attribute].slot;
    let value = |record: u32| {
        let words = store.record(record);
        let value = slot.get(words);
        (value & PARTIAL == 0 && (!of_persons || store.is_person(words))).then_some(value).filter(|&v| v != 0)
    };
    let laid = &store.layout.attributes[attribute];
    if laid.derived || matches!(laid.kind.storage(), Storage::Date | Storage::Small) {
        return Ok(context.pool.install(|| tallied(store.len(), value)));
    }
    let _held = context.memory.reserve("value counts", u64::from(store.len()) * 8)?;
    let values: Vec<u64> = context.pool.install(|| {
        let mut values: Vec<u64> = (0..store.len()).into_par_iter().filter_map(value).collect();
        values.par_sort_unstable();
        values
    });
    Ok(values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect())
}

/// Counts values of which there are few: dates, sexes, regions.
fn tallied(records: u32, value: impl Fn(u32) -> Option<u64> + Sync + Send) -> Vec<(u64, u64)> {
    let count = |mut counts: FxHashMap<u64, u64>, value: u64| {
        *counts.entry(value).or_default() += 1;
        counts
    };
    let add = |mut counts: FxHashMap<u64, u64>, more: FxHashMap<u64, u64>| {
        for (value, n) in more {
            *counts.entry(value).or_default() += n;
        }
        counts
    };
    let counts = (0..records)
        .into_par_iter()
        .filter_map(value)
        .fold(FxHashMap::default, count)
        .reduce(FxHashMap::default, add);
    let mut counts: Vec<(u64, u64)> = counts.into_iter().collect();
    counts.sort_unstable();
    counts
}

fn implausible(kind: Kind, counts: &[(u64, u64)]) -> FxHashSet<u64> {
    let least = match kind {
        Kind::CnResidentId
        | Kind::Aadhaar
        | Kind::UsSsn
        | Kind::TravelDocument
        | Kind::Plate
        | Kind::Phone
        | Kind::Email
        | Kind::Account
        | Kind::ImageUrl => LEAST_IMPLAUSIBLE,
        Kind::BirthDate => LEAST_IMPLAUSIBLE_DATE,
        Kind::PersonName
        | Kind::Age
        | Kind::Sex
        | Kind::Address
        | Kind::Place
        | Kind::Time
        | Kind::Face
        | Kind::Iris
        | Kind::Fingerprint
        | Kind::Category
        | Kind::Text => return FxHashSet::default(),
    };
    if counts.is_empty() {
        return FxHashSet::default();
    }
    if let [(value, n)] = counts {
        // Nothing to measure it by. A value that all records share tells no two of them apart, so
        // nothing is lost; but cameras do see one car a thousand times.
        return if *n > least && kind != Kind::Plate {
            FxHashSet::from_iter([*value])
        } else {
            FxHashSet::default()
        };
    }
    let mut sizes: Vec<u64> = counts.iter().map(|&(_, n)| n).collect();
    let at = (sizes.len() - 1) * 999 / 1_000;
    let quantile = *sizes.select_nth_unstable(at).1;
    let limit = least.max(EXCESS * quantile);
    counts.iter().filter(|&&(_, n)| n > limit).map(|&(value, _)| value).collect()
}

fn take_out(store: &mut Store, attribute: usize, implausible: &FxHashSet<u64>) {
    let sources: Vec<(u32, u32)> = store.sources.iter().map(|s| (s.start, s.records)).collect();
    let (layout, columns, mut rows) = store.rows_mut();
    let slot = layout.attributes[attribute].slot;
    // How rare agreement is, is told by these counts.
    if let Values::Text(dictionary) = &mut columns[attribute].values {
        implausible.iter().for_each(|&code| dictionary.take_out(code as u32));
    }
    for (source, (_, records)) in sources.into_iter().enumerate() {
        for record in rows.by_ref().take(records as usize) {
            if implausible.contains(&slot.get(record)) {
                slot.set(record, 0);
                record[0] &= !(1 << attribute);
                columns[attribute].tallies[source].implausible += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of `kind` that are implausible where `common` values are held by `n` records each,
    /// and value 0 by `top`.
    fn found(kind: Kind, common: u64, n: u64, top: u64) -> Vec<u64> {
        let counts: Vec<(u64, u64)> = std::iter::once((0, top)).chain((1..=common).map(|v| (v, n))).collect();
        implausible(kind, &counts).into_iter().collect()
    }

    #[test]
    fn test_a_value_is_implausible_past_ten_times_what_nearly_all_have() {
        assert_eq!(found(Kind::Phone, 2_000, 8, 81), [0]);
        assert!(found(Kind::Phone, 2_000, 8, 80).is_empty());
    }

    #[test]
    fn test_no_value_of_few_records_is_implausible() {
        assert_eq!(found(Kind::Phone, 2_000, 1, 51), [0]);
        assert!(found(Kind::Phone, 2_000, 1, 50).is_empty());
        assert_eq!(found(Kind::BirthDate, 2_000, 1, 201), [0]);
        assert!(found(Kind::BirthDate, 2_000, 1, 200).is_empty());
    }

    #[test]
    fn test_what_describes_is_frequent_by_nature() {
        for kind in [Kind::PersonName, Kind::Sex, Kind::Place, Kind::Category, Kind::Age] {
            assert!(found(kind, 2_000, 1, 1_000_000).is_empty());
        }
        assert!(implausible(Kind::Phone, &[]).is_empty());
    }

    #[test]
    fn test_few_values_are_held_to_the_least_of_them() {
        // A single value has nothing to be measured by; held by all, it tells nobody apart.
        assert_eq!(implausible(Kind::Phone, &[(7, 100_000)]).len(), 1);
        assert!(implausible(Kind::Phone, &[(7, LEAST_IMPLAUSIBLE)]).is_empty());
        assert!(implausible(Kind::Plate, &[(7, 100_000)]).is_empty());
        // Of two the lesser is the quantile.
        assert_eq!(implausible(Kind::Phone, &[(7, 100_000), (8, 2)]).len(), 1);
    }
}
