//! Persons whom nothing could have joined to another.

use rayon::prelude::*;

use crate::block::Rules;
use crate::cluster::Forest;
use crate::error::Result;
use crate::kernel::bits::Bits;
use crate::runtime::Context;
use crate::store::Store;

/// Nanoseconds on two processors that a record takes to be looked at.
const LOOK: f64 = 12.0;

/// The work of [`unplaced`], in nanoseconds on two processors.
pub fn unplaced_work(store: &Store) -> f64 {
    f64::from(store.len()) * LOOK
}

/// Counts the persons of one record that holds nothing by which it could have been joined to another.
///
/// Such a record stands for a person and has a key under none of `rules`, as a payment that shows a face and four digits
/// of a phone: it may be of somebody who is counted already, and nothing tells. A template that links people by itself
/// would have placed it, so records that have an attribute of `telling`, a bit each, are not counted.
/// Cost: the first rule that applies, for each record. Memory: a bit per record.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn unplaced(
    store: &Store,
    rules: &Rules,
    forest: &Forest,
    telling: u64,
    context: &Context,
) -> Result<u64> {
    let _bits = context.memory.reserve("persons of several records", Bits::bytes(store.len()))?;
    let joined = Bits::new(store.len());
    context.pool.install(|| {
        let others = (0..store.len()).into_par_iter().filter(|&record| forest.root(record) != record);
        others.for_each(|record| joined.insert(forest.root(record)));
    });
    let width = store.layout.words;
    let counts = store.scan(
        context,
        || 0u64,
        |count, first, words| {
            context.progress.worked((words.len() / width) as f64 * LOOK);
            let is_unplaced = |&(record, words): &(u32, &[u64])| {
                store.is_person(words)
                    && words[0] & telling == 0
                    && forest.root(record) == record
                    && !joined.contains(record)
                    && (0..rules.rules.len()).all(|rule| rules.key(store, rule, words) == 0)
            };
            *count += (first..).zip(words.chunks_exact(width)).filter(is_unplaced).count() as u64;
            Ok(())
        },
    )?;
    Ok(counts.into_iter().sum())
}
