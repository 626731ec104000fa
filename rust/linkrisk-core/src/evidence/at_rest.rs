//! A sample of templates that rest in a store.

use std::ops::Range;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::sample::{Body, Cell, Drawn, OfSource, Outcomes, Sample};
use crate::compare::classes::Classes;
use crate::compare::comparison::Position;
use crate::compare::fusion::Fusion;
use crate::error::Result;
use crate::kernel::bits::Bits;
use crate::kernel::hash;
use crate::runtime::{Context, Reservation};
use crate::store::Store;
use crate::store::gallery::{Gallery, Template};
use crate::store::templates::NOBODY;

/// What the draw of the records is called.
const RECORD: u64 = 713;

/// Records between two looks at whether to stop: a tenth of a second.
const PART: u32 = 1 << 20;

/// Records that are drawn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    /// Their source.
    pub source: usize,
    /// Their group; none where they are of all.
    pub group: Option<usize>,
    /// How many are drawn.
    pub side: usize,
}

/// The records that have a template of some position of a comparison.
pub struct Members<'a> {
    store: &'a Store,
    /// The positions that rest in the store, in order.
    positions: Vec<(Position, &'a Gallery)>,
    records: Bits,
    _held: Reservation,
    /// Records of each source.
    pub sizes: Vec<u64>,
}

impl<'a> Members<'a> {
    /// Those of `positions`. Memory: a bit for every record of the store.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn new(store: &'a Store, positions: &[Position], context: &Context) -> Result<Self> {
        let gallery = |&position: &Position| Some((position, store.templates[position.attribute].as_ref()?));
        let positions: Vec<(Position, &Gallery)> = positions.iter().filter_map(gallery).collect();
        let held = context.memory.reserve("records with templates", Bits::bytes(store.len()))?;
        let records = Bits::new(store.len());
        for (_, gallery) in &positions {
            context.cancel.check()?;
            gallery.records().iter().filter(|&&record| record != NOBODY).for_each(|&r| records.insert(r));
        }
        let mut made = Self { store, positions, records, _held: held, sizes: Vec::new() };
        let size = |source| made.range(source).filter(|&record| made.records.contains(record)).count() as u64;
        made.sizes = (0..store.sources.len()).map(size).collect();
        Ok(made)
    }

    fn range(&self, source: usize) -> Range<u32> {
        let source = &self.store.sources[source];
        source.start..source.start + source.records
    }

    /// How many positions they may have templates of.
    pub fn positions(&self) -> usize {
        self.positions.len()
    }

    /// Records of all sources.
    pub fn len(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a record is one of them.
    pub fn has(&self, record: u32) -> bool {
        self.records.contains(record)
    }

    /// Bytes of the templates of a record, at the most.
    pub fn bytes(&self) -> u64 {
        self.positions.iter().map(|(_, gallery)| gallery.bytes()).sum()
    }

    /// Records of each class.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn sizes_of(&self, classes: &Classes, context: &Context) -> Result<Vec<u64>> {
        if !classes.has_groups() {
            return Ok(self.sizes.clone());
        }
        let count = |from: u32| {
            context.cancel.check()?;
            let mut sizes = vec![0u64; classes.len()];
            let records = (from..self.store.len().min(from.saturating_add(PART))).filter(|&r| self.has(r));
            records.for_each(|record| sizes[classes.class(self.store, record)] += 1);
            Ok(sizes)
        };
        let sum = |mut sizes: Vec<u64>, more: Vec<u64>| {
            sizes.iter_mut().zip(more).for_each(|(size, more)| *size += more);
            Ok(sizes)
        };
        let parts: Vec<u32> = (0..self.store.len()).step_by(PART as usize).collect();
        let none = || Ok(vec![0; classes.len()]);
        context
            .pool
            .install(|| parts.into_par_iter().map(count).reduce(none, |sizes, more| sum(sizes?, more?)))
    }

    /// Draws records of each of `lists`, which are source by source, as many as it says, in the order of their lots.
    ///
    /// Cost: a hash for every record. Memory: 32 bytes for each that is drawn of a source.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn draw(&self, classes: &Classes, lists: &[List], context: &Context) -> Result<Vec<Vec<u32>>> {
        let mut drawn = Vec::with_capacity(lists.len());
        for lists in lists.chunk_by(|a, b| a.source == b.source) {
            context.cancel.check()?;
            let (source, range) = (lists[0].source, self.range(lists[0].source));
            let key = hash::combine(hash::combine(RECORD, context.seed), source as u64);
            let mut lots: Vec<Vec<(u64, u32)>> = vec![Vec::new(); lists.len()];
            for record in range.clone().filter(|&record| self.has(record)) {
                if record % PART == 0 {
                    context.cancel.check()?;
                }
                let lot = hash::combine(key, u64::from(record - range.start));
                let group = Some(classes.group(classes.class(self.store, record)));
                let of = lists
                    .iter()
                    .zip(&mut lots)
                    .filter(|(list, _)| list.group.is_none() || list.group == group);
                for (list, lots) in of {
                    lots.push((lot, record));
                    if lots.len() > 2 * list.side {
                        lots.select_nth_unstable(list.side);
                        lots.truncate(list.side);
                    }
                }
            }
            for (list, mut lots) in lists.iter().zip(lots) {
                lots.sort_unstable();
                lots.truncate(list.side);
                drawn.push(lots.into_iter().map(|(_, record)| record).collect());
            }
        }
        Ok(drawn)
    }

    /// A sample of the records `drawn` of each of `lists`, whose persons are known of those in `persons`, and of
    /// both records of each of `pairs`, which are taken to be of one person. Of several positions `fusion` makes
    /// one similarity.
    ///
    /// Memory: the templates of every record.
    ///
    /// # Errors
    /// As [`Gallery::gather`] and [`Store::gather`].
    pub fn sample(
        &self,
        classes: &Classes,
        (lists, drawn): (&[List], &[Vec<u32>]),
        persons: &FxHashMap<u32, u64>,
        pairs: &[[u32; 2]],
        fusion: Option<Fusion>,
        context: &Context,
    ) -> Result<Sample> {
        let mut sources: Vec<OfSource> = Vec::with_capacity(self.sizes.len());
        for (list, records) in lists.iter().zip(drawn) {
            let records = self.read(classes, records, persons, context)?;
            match list.group {
                None => {
                    let outcomes = self.outcomes(list.source);
                    let all = Cell { attribute: 0, group: 0, size: outcomes.usable, records };
                    sources.push(OfSource { outcomes, known: 0, cells: vec![all] });
                }
                Some(group) => {
                    let size = records.len() as u64;
                    let cell = Cell { attribute: 1, group: group as u16 + 1, size, records };
                    sources[list.source].cells.push(cell);
                }
            }
        }
        let both: Vec<u32> = pairs.iter().flatten().copied().collect();
        let both = self.read(classes, &both, persons, context)?;
        let persons: Vec<Vec<Drawn>> = both.chunks_exact(2).map(<[Drawn]>::to_vec).collect();
        Ok(Sample {
            dims: None,
            sources,
            persons_met: persons.len() as u64,
            records_met: 2 * persons.len() as u64,
            persons,
            copies: 0,
            fusion,
        })
    }

    /// What became of the templates of a source; of several positions it is told of the records alone.
    fn outcomes(&self, source: usize) -> Outcomes {
        let usable = self.sizes[source];
        let [(_, gallery)] = self.positions.as_slice() else {
            return Outcomes { usable, ..Outcomes::default() };
        };
        let tally = &gallery.sources()[source].tally;
        Outcomes {
            usable,
            blank: tally.blank,
            invalid: tally.other_length + tally.not_finite,
            placeholder: tally.zero + tally.copies,
        }
    }

    /// The templates of `records`, in their order; one whose person is not known is a person of its own.
    fn read(
        &self,
        classes: &Classes,
        records: &[u32],
        persons: &FxHashMap<u32, u64>,
        context: &Context,
    ) -> Result<Vec<Drawn>> {
        let mut ascending = records.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        let places: FxHashMap<u32, usize> = ascending.iter().copied().zip(0..).collect();
        let words = self.store.gather(&ascending, context)?;
        let width = self.store.layout.words;
        let mut bodies: Vec<Vec<Option<Template>>> = Vec::with_capacity(self.positions.len());
        for (position, gallery) in &self.positions {
            let each = words.chunks_exact(width).enumerate();
            let rows = each.filter_map(|(place, words)| Some((position.row(words)?, place)));
            let mut rows: Vec<(u32, usize)> = rows.collect();
            rows.sort_unstable();
            let wanted: Vec<u32> = rows.iter().map(|&(row, _)| row).collect();
            let mut of_position = vec![None; ascending.len()];
            for (template, (_, place)) in gallery.gather(&wanted, context)?.into_iter().zip(rows) {
                of_position[place] = Some(template);
            }
            bodies.push(of_position);
        }
        let drawn = |&record: &u32| {
            let place = places[&record];
            let template = match bodies.as_slice() {
                [one] => Body::One(one[place].clone()?),
                several => Body::Several(several.iter().map(|each| each[place].clone()).collect()),
            };
            let class = classes.class(self.store, record);
            let source = classes.source(class);
            let known = persons.get(&record).copied();
            let person = known.unwrap_or_else(|| hash::combine(u64::from(record), RECORD));
            let number = u64::from(record - self.range(source).start);
            Some(Drawn::at_rest([source, class], number, (person, known.is_some()), template))
        };
        Ok(records.iter().filter_map(drawn).collect())
    }
}
