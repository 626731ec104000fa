//! Persons whom nothing could have joined to another.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::block::Rules;
use crate::cluster::Forest;
use crate::error::{Error, Result};
use crate::kernel::bits::Bits;
use crate::kind::Storage;
use crate::runtime::Context;
use crate::store::{PARTIAL, Slot, Store};

/// Nanoseconds on two processors that a record takes to be looked at.
const LOOK: f64 = 12.0;

/// Records between two looks at whether to stop.
const CHUNK: u32 = 1 << 20;

/// The work of [`unplaced`], in nanoseconds on two processors.
pub fn unplaced_work(store: &Store) -> f64 {
    f64::from(store.len()) * LOOK
}

/// Counts the persons of one record that holds nothing by which it could have been joined to another.
///
/// Such a record stands for a person, and either has a key under none of `rules` and no template, or what it has would not
/// make a link if all of it agreed, as a payment that shows its till, a sum and four digits of a phone. It may be of somebody
/// who is counted already, and nothing tells. `could_link` says so of a set of attributes, a bit each.
/// Cost: the first rule that applies, and a look-up, for each record. Memory: a bit per record.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn unplaced(
    store: &Store,
    rules: &Rules,
    forest: &Forest,
    could_link: impl Fn(u64) -> bool + Sync,
    context: &Context,
) -> Result<u64> {
    let _bits = context.memory.reserve("persons of several records", Bits::bytes(store.len()))?;
    let joined = Bits::new(store.len());
    context.pool.install(|| {
        (0..store.len().div_ceil(CHUNK)).into_par_iter().try_for_each(|chunk| {
            context.cancel.check()?;
            let first = chunk * CHUNK;
            let records = first..first.saturating_add(CHUNK).min(store.len());
            let others = records.filter(|&record| forest.root(record) != record);
            others.for_each(|record| joined.insert(forest.root(record)));
            Ok::<_, Error>(())
        })
    })?;
    let of = |storage: Storage| {
        let laid = store.layout.attributes.iter().zip(0..);
        laid.filter(move |(laid, _)| laid.kind.storage() == storage)
            .map(|(laid, bit)| (1u64 << bit, laid.slot))
    };
    let templates = of(Storage::Template).fold(0, |bits, (bit, _)| bits | bit);
    let numbers: Vec<(u64, Slot)> = of(Storage::Number).collect();
    // A masked number agrees with many.
    let whole = |words: &[u64]| {
        let is_masked = |&&(bit, slot): &&(u64, Slot)| words[0] & bit != 0 && slot.get(words) & PARTIAL != 0;
        numbers.iter().filter(is_masked).fold(words[0], |bits, (bit, _)| bits & !bit)
    };
    let width = store.layout.words;
    let counts = store.scan(
        context,
        || (0u64, FxHashMap::default()),
        |(count, known): &mut (u64, FxHashMap<u64, bool>), first, words| {
            context.progress.worked((words.len() / width) as f64 * LOOK);
            for (record, words) in (first..).zip(words.chunks_exact(width)) {
                let is_alone = forest.root(record) == record && !joined.contains(record);
                if !is_alone || !store.is_person(words) {
                    continue;
                }
                let is_compared = words[0] & templates != 0
                    || (0..rules.rules.len()).any(|rule| rules.key(store, rule, words) != 0);
                let has = whole(words);
                let placed = is_compared && *known.entry(has).or_insert_with(|| could_link(has));
                *count += u64::from(!placed);
            }
            Ok(())
        },
    )?;
    Ok(counts.into_iter().map(|(count, _)| count).sum())
}
