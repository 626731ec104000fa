//! How often values occur: distinct values, chance agreement, and values too frequent to be true.
//!
//! A telephone number that ten thousand records hold is a switchboard or a placeholder that no list
//! knows. Compared as equal it would join them all; so values held by an implausible number of
//! records are taken out of the records, counted and reported.
//!
//! Memory: 8 bytes per record that has the attribute at hand; what does not fit is counted in passes
//! over ranges of the values' hashes.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Attribute, Column, Names, PARTIAL, Store, Values};
use crate::error::Result;
use crate::external::scatter::{Partition, Scatter, in_pass, passes};
use crate::kernel::hash::mix;
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

/// How many values an attribute has of each count, and which are frequent.
#[derive(Debug, Default)]
struct Counts {
    /// Count and how many values have it.
    sizes: FxHashMap<u64, u64>,
    /// The values of at least a wanted count.
    frequent: Vec<(u64, u64)>,
}

impl Counts {
    fn add(&mut self, value: u64, count: u64, least: u64) {
        *self.sizes.entry(count).or_default() += 1;
        if count >= least {
            self.frequent.push((value, count));
        }
    }

    fn merge(mut self, more: Self) -> Self {
        more.sizes.into_iter().for_each(|(size, n)| *self.sizes.entry(size).or_default() += n);
        self.frequent.extend(more.frequent);
        self
    }

    /// Counts and how many values have each, ascending.
    fn sizes(&self) -> Vec<(u64, u64)> {
        let mut sizes: Vec<(u64, u64)> = self.sizes.iter().map(|(&size, &n)| (size, n)).collect();
        sizes.sort_unstable();
        sizes
    }

    fn take_out(&mut self, implausible: &FxHashSet<u64>) {
        for (_, count) in self.frequent.iter().filter(|(value, _)| implausible.contains(value)) {
            if let Some(n) = self.sizes.get_mut(count) {
                *n -= 1;
            }
        }
        self.sizes.retain(|_, n| *n > 0);
    }
}

/// Nanoseconds on two processors that a value takes to be counted, in the sense of
/// [`READ`](super::ingest::READ).
const COUNT: f64 = 30.0;

/// What is left to do with a record once its values are counted.
const AFTER: f64 = 30.0;

/// The work that [`complete`] will be of a store of `records` records.
pub fn work(store: &Store, records: f64) -> f64 {
    let counted =
        |(laid, column): &(&Attribute, &Column)| has_many(laid) && !matches!(column.values, Values::Text(_));
    let attributes = store.layout.attributes.iter().zip(&store.columns).filter(counted).count();
    records * (attributes as f64 * COUNT + AFTER)
}

/// Completes the store, in which a record stands for `each` of the tables: counts values, takes implausible
/// ones out, counts who stands for a person.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where not even a small share of an
/// attribute's values fits.
pub fn complete(store: &mut Store, each: f64, context: &Context) -> Result<()> {
    // Of a sample: a value that fewer than ten records hold may be any that is frequent.
    let least =
        if each > 1.0 { ((LEAST_IMPLAUSIBLE as f64 / each) as u64).max(EXCESS) } else { LEAST_IMPLAUSIBLE };
    store.complete_templates(context)?;
    let mut implausible: Vec<FxHashSet<u64>> = Vec::new();
    for attribute in 0..store.layout.attributes.len() {
        context.cancel.check()?;
        let kind = store.layout.attributes[attribute].kind;
        if kind.storage() == Storage::Template {
            // No template occurs twice, and how often two are alike is no matter of values.
            let usable = store.templates[attribute].iter().flat_map(|t| t.sources()).map(|s| s.tally.usable);
            store.columns[attribute].filled = usable.sum();
            store.columns[attribute].distinct = store.columns[attribute].filled;
            implausible.push(FxHashSet::default());
            continue;
        }
        let mut counts = match &store.columns[attribute].values {
            Values::Text(dictionary) => {
                let mut counts = Counts::default();
                let codes = dictionary.counts().iter().zip(1u64..);
                codes.for_each(|(&n, code)| counts.add(code, u64::from(n), least));
                counts
            }
            Values::Name(_) => resting(store, attribute, false, Names::least(store.len()), context)?,
            Values::Number(_) | Values::Plain => resting(store, attribute, false, least, context)?,
        };
        let taken = self::implausible(kind, &counts, least);
        counts.take_out(&taken);
        let sizes = counts.sizes();
        let column = &mut store.columns[attribute];
        column.distinct = sizes.iter().map(|(_, n)| n).sum();
        column.filled = sizes.iter().map(|(size, n)| size * n).sum();
        column.coincidences = coincidences(&sizes);
        if let Values::Name(names) = &mut column.values {
            names.set_counts(sizes, &counts.frequent);
        }
        implausible.push(taken);
    }
    store.columns.iter_mut().for_each(Column::complete);
    store.account(context)?;
    take_out(store, &implausible, context)?;
    store.count_persons(context)?;
    if store.persons() < store.len() {
        for attribute in 0..store.layout.attributes.len() {
            // Chance agreement is between records that are compared.
            let kind = store.layout.attributes[attribute].kind;
            if kind.storage() != Storage::Template
                && matches!(store.columns[attribute].values, Values::Number(_) | Values::Plain)
            {
                let counts = resting(store, attribute, true, u64::MAX, context)?;
                store.columns[attribute].coincidences = coincidences(&counts.sizes());
            }
        }
    }
    Ok(())
}

/// Pairs of records with the same value.
fn coincidences(sizes: &[(u64, u64)]) -> f64 {
    sizes.iter().map(|&(size, n)| n as f64 * (size as f64 * (size as f64 - 1.0) / 2.0)).sum()
}

/// How many records hold each value, of those that rest in the records; `of_persons` looks at records
/// that stand for a person alone, and values of `least` records are listed.
fn resting(
    store: &Store,
    attribute: usize,
    of_persons: bool,
    least: u64,
    context: &Context,
) -> Result<Counts> {
    let slot = store.layout.attributes[attribute].slot;
    let value = |words: &[u64]| {
        let value = slot.get(words);
        let wanted = value != 0 && value & PARTIAL == 0 && (!of_persons || store.is_person(words));
        wanted.then_some(value)
    };
    let width = store.layout.words;
    let laid = &store.layout.attributes[attribute];
    let mut counts = Counts::default();
    if !has_many(laid) {
        // Few values: dates, sexes, regions.
        let tallies =
            store.scan(context, FxHashMap::default, |tally: &mut FxHashMap<u64, u64>, _, words| {
                let values = words.chunks_exact(width).filter_map(value);
                values.for_each(|value| *tally.entry(value).or_default() += 1);
                Ok(())
            })?;
        let mut all: FxHashMap<u64, u64> = FxHashMap::default();
        for (value, n) in tallies.into_iter().flatten() {
            *all.entry(value).or_default() += n;
        }
        all.into_iter().for_each(|(value, n)| counts.add(value, n, least));
        return Ok(counts);
    }
    let records = u64::from(store.len());
    let passes = passes(records * 8, context);
    for pass in 0..passes {
        let scatter = Scatter::new("value counts", 1, records / passes, context)?;
        store.scan(
            context,
            || (),
            |(), _, words| {
                context.progress.worked((words.len() / width) as f64 * COUNT / 2.0 / passes as f64);
                let mut rows = scatter.writer();
                let keys = words.chunks_exact(width).filter_map(value).map(mix);
                keys.filter(|&key| in_pass(key, (pass, passes))).try_for_each(|key| rows.push_key(key))
            },
        )?;
        let (partitions, _held) = scatter.finish();
        let each = records as f64 * COUNT / 2.0 / passes as f64 / partitions.len().max(1) as f64;
        let more = context.pool.install(|| {
            let count = |counts: Result<Counts>, partition: Partition| {
                let mut counts = counts?;
                context.cancel.check()?;
                for run in partition.keys().chunk_by(|a, b| a == b) {
                    counts.add(run[0], run.len() as u64, least);
                }
                context.progress.worked(each);
                Ok(counts)
            };
            let counts = partitions.into_par_iter().fold(|| Ok(Counts::default()), count);
            counts.try_reduce(Counts::default, |a, b| Ok(a.merge(b)))
        })?;
        counts = counts.merge(more);
    }
    // Keys are values mixed, one to one.
    counts.frequent.iter_mut().for_each(|(key, _)| *key = crate::kernel::hash::unmix(*key));
    Ok(counts)
}

/// Whether an attribute may have a value for every record or so.
fn has_many(laid: &Attribute) -> bool {
    !laid.derived && !matches!(laid.kind.storage(), Storage::Date | Storage::Small)
}

fn implausible(kind: Kind, counts: &Counts, least: u64) -> FxHashSet<u64> {
    let least = match kind {
        Kind::CnResidentId
        | Kind::Aadhaar
        | Kind::UsSsn
        | Kind::TravelDocument
        | Kind::Plate
        | Kind::Phone
        | Kind::Email
        | Kind::Account
        | Kind::ImageUrl => least,
        Kind::BirthDate => least * (LEAST_IMPLAUSIBLE_DATE / LEAST_IMPLAUSIBLE),
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
    let sizes = counts.sizes();
    let over = |limit: u64| {
        counts.frequent.iter().filter(move |(_, n)| *n > limit).map(|&(value, _)| value).collect()
    };
    let limit = match sizes.as_slice() {
        [] => return FxHashSet::default(),
        // Nothing to measure it by. A value that all records share tells no two of them apart, so
        // nothing is lost; but cameras do see one car a thousand times.
        [(_, 1)] if kind == Kind::Plate => return FxHashSet::default(),
        [(_, 1)] => least,
        _ => {
            let values: u64 = sizes.iter().map(|(_, n)| n).sum();
            let at = (values - 1) * 999 / 1_000;
            let mut before = 0;
            let quantile = sizes.iter().find(|(_, n)| {
                before += n;
                before > at
            });
            least.max(EXCESS * quantile.map_or(0, |&(size, _)| size))
        }
    };
    over(limit)
}

fn take_out(store: &mut Store, implausible: &[FxHashSet<u64>], context: &Context) -> Result<()> {
    if implausible.iter().all(FxHashSet::is_empty) {
        return Ok(());
    }
    for (column, implausible) in store.columns.iter_mut().zip(implausible) {
        // How rare agreement is, is told by these counts.
        if let Values::Text(dictionary) = &mut column.values {
            implausible.iter().for_each(|&code| dictionary.take_out(code as u32));
        }
    }
    let Store { layout, sources, rows, .. } = store;
    let width = layout.words;
    let slots = layout.attributes.iter().map(|a| a.slot).zip(implausible).enumerate();
    let slots: Vec<_> = slots.filter(|(_, (_, implausible))| !implausible.is_empty()).collect();
    let source_of = |record: u32| sources.partition_point(|s| s.start <= record).saturating_sub(1);
    let taken = rows.update(context, FxHashMap::default, |taken: &mut FxHashMap<_, u64>, first, words| {
        let mut changed = false;
        for (words, record) in words.chunks_exact_mut(width).zip(first..) {
            for &(attribute, (slot, implausible)) in &slots {
                if implausible.contains(&slot.get(words)) {
                    slot.set(words, 0);
                    words[0] &= !(1 << attribute);
                    *taken.entry((attribute, source_of(record))).or_default() += 1;
                    changed = true;
                }
            }
        }
        Ok(changed)
    })?;
    for ((attribute, source), n) in taken.into_iter().flatten() {
        store.columns[attribute].tallies[source].implausible += n;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(values: impl IntoIterator<Item = (u64, u64)>) -> Counts {
        let mut counts = Counts::default();
        values.into_iter().for_each(|(value, n)| counts.add(value, n, LEAST_IMPLAUSIBLE));
        counts
    }

    /// The values of `kind` that are implausible where `common` values are held by `n` records each,
    /// and value 0 by `top`.
    fn found(kind: Kind, common: u64, n: u64, top: u64) -> Vec<u64> {
        let counts = counted(std::iter::once((0, top)).chain((1..=common).map(|v| (v, n))));
        implausible(kind, &counts, LEAST_IMPLAUSIBLE).into_iter().collect()
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
        assert!(implausible(Kind::Phone, &Counts::default(), LEAST_IMPLAUSIBLE).is_empty());
    }

    #[test]
    fn test_few_values_are_held_to_the_least_of_them() {
        // A single value has nothing to be measured by; held by all, it tells nobody apart.
        let of = |kind, values: &[(u64, u64)]| {
            implausible(kind, &counted(values.iter().copied()), LEAST_IMPLAUSIBLE)
        };
        assert_eq!(of(Kind::Phone, &[(7, 100_000)]).len(), 1);
        assert!(of(Kind::Phone, &[(7, LEAST_IMPLAUSIBLE)]).is_empty());
        assert!(of(Kind::Plate, &[(7, 100_000)]).is_empty());
        // Of two the lesser is the quantile.
        assert_eq!(of(Kind::Phone, &[(7, 100_000), (8, 2)]).len(), 1);
    }

    #[test]
    fn test_what_is_taken_out_counts_no_more() {
        let mut counts = counted([(1, 60), (2, 60), (3, 2)]);
        counts.take_out(&FxHashSet::from_iter([1]));
        assert_eq!(counts.sizes(), [(2, 1), (60, 1)]);
    }
}
