//! A sample of templates that rest in a store.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::sample::{Cell, Drawn, OfSource, Outcomes, Sample};
use crate::error::Result;
use crate::kernel::hash;
use crate::runtime::Context;
use crate::store::templates::{NOBODY, Templates};

/// What the draw of the records is called.
const RECORD: u64 = 713;

/// Draws up to `side` templates of every source, as rows in the order of their lots.
///
/// Cost: a hash for every template. Memory: 32 bytes for each that is drawn of a source.
///
/// # Errors
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn draw(templates: &Templates, side: usize, context: &Context) -> Result<Vec<Vec<u32>>> {
    let mut drawn = Vec::with_capacity(templates.sources().len());
    for (number, source) in templates.sources().iter().enumerate() {
        context.cancel.check()?;
        let end = templates.sources().get(number + 1).map_or(templates.len(), |next| next.start);
        let rows = (source.start..end).filter(|&row| templates.records()[row as usize] != NOBODY);
        let key = hash::combine(hash::combine(RECORD, context.seed), number as u64);
        let mut lots: Vec<(u64, u32)> = Vec::new();
        for row in rows {
            lots.push((hash::combine(key, u64::from(row - source.start)), row));
            if lots.len() > 2 * side {
                lots.select_nth_unstable(side);
                lots.truncate(side);
            }
        }
        lots.sort_unstable();
        lots.truncate(side);
        drawn.push(lots.into_iter().map(|(_, row)| row).collect());
    }
    Ok(drawn)
}

/// A sample of the rows `drawn` of every source, whose persons are known of those in `persons`, and of both
/// rows of each of `pairs`, which are taken to be of one person.
///
/// Memory: 2 bytes a number of every row.
///
/// # Errors
/// As [`Templates::gather`].
pub fn sample(
    templates: &Templates,
    drawn: &[Vec<u32>],
    persons: &FxHashMap<u32, u64>,
    pairs: &[[u32; 2]],
    context: &Context,
) -> Result<Sample> {
    let mut sources = Vec::with_capacity(drawn.len());
    for (source, rows) in templates.sources().iter().zip(drawn) {
        let tally = &source.tally;
        let outcomes = Outcomes {
            usable: tally.usable,
            blank: tally.blank,
            invalid: tally.other_length + tally.not_finite,
            placeholder: tally.zero + tally.copies,
        };
        let records = read(templates, rows, persons, context)?;
        let all = Cell { attribute: 0, group: 0, size: tally.usable, records };
        sources.push(OfSource { outcomes, known: 0, cells: vec![all] });
    }
    let rows: Vec<u32> = pairs.iter().flatten().copied().collect();
    let both = read(templates, &rows, persons, context)?;
    let persons: Vec<Vec<Drawn>> = both.chunks_exact(2).map(<[Drawn]>::to_vec).collect();
    Ok(Sample {
        dims: (templates.dims() > 0).then_some(templates.dims()),
        sources,
        persons_met: persons.len() as u64,
        records_met: 2 * persons.len() as u64,
        persons,
        copies: 0,
    })
}

/// The templates of `rows`, in their order; one whose person is not known is a person of its own.
fn read(
    templates: &Templates,
    rows: &[u32],
    persons: &FxHashMap<u32, u64>,
    context: &Context,
) -> Result<Vec<Drawn>> {
    let mut ascending = rows.to_vec();
    ascending.sort_unstable();
    ascending.dedup();
    let numbers = templates.gather(&ascending, context)?;
    let places: FxHashMap<u32, usize> = ascending.iter().copied().zip(0..).collect();
    let stride = templates.stride();
    let drawn = |&row: &u32| {
        let source = templates.source_of(row);
        let template: Arc<[i16]> = numbers[places[&row] * stride..][..stride].into();
        let number = u64::from(row - templates.sources()[source].start);
        let known = persons.get(&row).copied();
        let person = known.unwrap_or_else(|| hash::combine(u64::from(row), RECORD));
        Drawn::at_rest(source as u32, number, (person, known.is_some()), template)
    };
    Ok(rows.iter().map(drawn).collect())
}
