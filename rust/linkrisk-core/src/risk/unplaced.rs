//! Persons whom nothing could have joined to another.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::block::Rules;
use crate::cluster::Forest;
use crate::error::Result;
use crate::kernel::bits::Bits;
use crate::kind::Storage;
use crate::runtime::Context;
use crate::store::{PARTIAL, Store};

/// Nanoseconds on two processors that a record takes to be looked at.
const LOOK: f64 = 12.0;

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
        let others = (0..store.len()).into_par_iter().filter(|&record| forest.root(record) != record);
        others.for_each(|record| joined.insert(forest.root(record)));
    });
    let attributes = || store.layout.attributes.iter().zip(0..);
    let bits_of = |storage: Storage| {
        let ours = attributes().filter(|(laid, _)| laid.kind.storage() == storage);
        ours.fold(0u64, |bits, (_, bit)| bits | 1 << bit)
    };
    let (templates, numbers) = (bits_of(Storage::Template), bits_of(Storage::Number));
    // A masked number agrees with many.
    let whole = |words: &[u64]| {
        let masked = attributes()
            .filter(|&(laid, bit)| words[0] & numbers >> bit & 1 == 1 && laid.slot.get(words) & PARTIAL != 0);
        masked.fold(words[0], |bits, (_, bit)| bits & !(1 << bit))
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
