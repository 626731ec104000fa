//! Persons whom nothing, or one thing alone, could have joined to another.

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

/// Persons whose number is in doubt, for little or nothing could have joined them to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unplaced {
    /// Persons of one record that holds nothing by which it could have been joined to another.
    pub alone: u64,
    /// Other persons all of whose records could have been joined by one attribute and nothing besides.
    pub by_one: u64,
}

/// What can be made of the attributes of a record.
#[derive(Clone, Copy)]
struct Use {
    /// They could link it to another.
    links: bool,
    /// Without any one of them the others could.
    spares_one: bool,
}

/// Counts the persons whom nothing, or one attribute alone, could have joined to another.
///
/// The first are single records that have a key under none of `rules` and no template, or whose attributes would not make a
/// link if all of them agreed, as a payment that shows its till, a sum and four digits of a phone. They may be of somebody
/// who is counted already, and nothing tells. The second hang on one attribute, as crossings of a border on the number of a
/// passport: who came with another passport too is two of them, and nothing tells either. `could_link` says of a set of
/// attributes, a bit each, whether it could link. Cost: a few look-ups for each record, and the rules for one of a person of
/// whom no record was seen yet that spares an attribute. Memory: three bits per record.
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
) -> Result<Unplaced> {
    let _bits = context.memory.reserve("how persons are joined", 3 * Bits::bytes(store.len()))?;
    let [joined, persons, placed] = [(); 3].map(|()| Bits::new(store.len()));
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
    let keyed: Vec<u64> = (0..rules.rules.len()).map(|rule| rules.attributes(rule)).collect();
    let attributes = |has: u64| (0..u64::BITS).map(|bit| 1 << bit).filter(move |bit| has & bit != 0);
    let use_of = |has: u64| Use {
        links: could_link(has),
        spares_one: attributes(has).all(|bit| could_link(has & !bit)),
    };
    let width = store.layout.words;
    let counts = store.scan(
        context,
        || (0u64, FxHashMap::default()),
        |(alone, known): &mut (u64, FxHashMap<u64, Use>), first, words| {
            context.progress.worked((words.len() / width) as f64 * LOOK);
            for (record, words) in (first..).zip(words.chunks_exact(width)) {
                let root = forest.root(record);
                if !store.is_person(words) || placed.contains(root) {
                    continue;
                }
                persons.insert(root);
                let has = whole(words);
                let Use { links, spares_one } = *known.entry(has).or_insert_with(|| use_of(has));
                let is_alone = root == record && !joined.contains(record);
                if !spares_one && !is_alone {
                    continue;
                }
                // What it is looked for by: the attributes of each rule that it has a key under, and each template.
                let by_rule = (0..keyed.len()).filter(|&rule| rules.key(store, rule, words) != 0);
                let ways = by_rule.map(|rule| keyed[rule]).chain(attributes(words[0] & templates));
                let (some, in_all) = ways.fold((false, u64::MAX), |(_, all), way| (true, all & way));
                *alone += u64::from(is_alone && !(links && some));
                // No attribute is in all of them.
                if spares_one && some && in_all == 0 {
                    placed.insert(root);
                }
            }
            Ok(())
        },
    )?;
    let alone = counts.into_iter().map(|(alone, _)| alone).sum();
    Ok(Unplaced { alone, by_one: persons.count().saturating_sub(placed.count() + alone) })
}
