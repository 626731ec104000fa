//! Data quality: what became of the raw values of each attribute.

use std::sync::Arc;

use arrow_array::StringArray;
use rustc_hash::FxHashSet;

use super::{Table, counts, modality, texts};
use crate::error::Result;
use crate::kind::{Storage, Subject};
use crate::runtime::Context;
use crate::store::{Attribute, Column, Store, Tally};

/// What the raw values of each attribute of each source were.
///
/// Definition: a row per source and attribute that it maps or that an ID number of it carries.
/// `records` are the source's; `blank` to `valid` count its raw values and sum to `records`, but are
/// zero for an attribute that only an ID number carries; `derived` are records filled in from an ID
/// number, beside those; `implausible` are usable values set aside because too many records hold
/// them. `distinct` counts whole values over *all* sources that have the attribute. Unit: records.
/// Direction: lower is worse for `valid`, higher for the others.
///
/// # Errors
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn quality(store: &Store, context: &Context) -> Result<Table> {
    let attributes = &store.layout.attributes;
    let distinct: Vec<u64> =
        (0..attributes.len()).map(|attribute| distinct(store, attribute, context)).collect::<Result<_>>()?;
    let rows: Vec<(usize, usize, &Tally)> = (0..store.sources.len())
        .flat_map(|source| {
            let tallies =
                store.columns.iter().map(move |column: &Column| &column.tallies[source]).enumerate();
            tallies.map(move |(attribute, tally)| (source, attribute, tally))
        })
        .filter(|(_, _, tally)| tally.records > 0 || tally.derived > 0)
        .collect();
    let subjects = rows.iter().map(|r| attributes[r.1].kind.subject().map(Subject::name));
    Table::new(
        "attributes",
        vec![
            texts("source", rows.iter().map(|r| &store.sources[r.0].name)),
            texts("attribute", rows.iter().map(|r| &attributes[r.1].name)),
            texts("kind", rows.iter().map(|r| attributes[r.1].kind.name())),
            texts("modality", rows.iter().map(|r| modality(&attributes[r.1]).name())),
            ("subject", Arc::new(subjects.collect::<StringArray>()), true),
            counts("records", rows.iter().map(|r| u64::from(store.sources[r.0].records))),
            counts("blank", rows.iter().map(|r| r.2.blank)),
            counts("placeholder", rows.iter().map(|r| r.2.placeholder)),
            counts("invalid", rows.iter().map(|r| r.2.invalid)),
            counts("partial", rows.iter().map(|r| r.2.partial)),
            counts("repaired", rows.iter().map(|r| r.2.repaired)),
            counts("valid", rows.iter().map(|r| r.2.valid)),
            counts("implausible", rows.iter().map(|r| r.2.implausible)),
            counts("derived", rows.iter().map(|r| r.2.derived)),
            counts("distinct", rows.iter().map(|r| distinct[r.1])),
        ],
    )
}

/// Nanoseconds on two processors that a region of issue takes to be counted.
const REGION: f64 = 5.0;

/// Whether the values of an attribute were not counted with the others.
fn is_uncounted(laid: &Attribute) -> bool {
    laid.derived && laid.kind.storage() == Storage::Text
}

/// The work that [`quality`] will be, in nanoseconds on two processors.
pub fn work(store: &Store) -> f64 {
    let scanned = store.layout.attributes.iter().filter(|laid| is_uncounted(laid)).count();
    scanned as f64 * f64::from(store.len()) * REGION
}

/// The distinct values of an attribute.
///
/// A region of issue rests in the records as its code, without a dictionary entry, so the store did
/// not count it.
fn distinct(store: &Store, attribute: usize, context: &Context) -> Result<u64> {
    let laid = &store.layout.attributes[attribute];
    if !is_uncounted(laid) {
        return Ok(store.columns[attribute].distinct);
    }
    let values = store.scan(context, FxHashSet::default, |seen: &mut FxHashSet<u64>, _, words| {
        seen.extend(words.chunks_exact(store.layout.words).map(|record| laid.slot.get(record)));
        context.progress.worked((words.len() / store.layout.words) as f64 * REGION);
        Ok(())
    })?;
    let mut seen: FxHashSet<u64> = values.into_iter().flatten().collect();
    seen.remove(&0);
    Ok(seen.len() as u64)
}
