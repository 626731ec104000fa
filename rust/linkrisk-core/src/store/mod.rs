//! Records at rest: packed rows, dictionaries, and what became of every raw value.

pub mod column;
pub mod dictionary;
pub mod frequency;
pub mod ids;
pub mod ingest;
pub mod layout;
pub mod parquet;
mod rows;
pub mod run_dir;
pub mod text;
pub mod vector;

pub use column::{Column, PARTIAL, Tally, Values};
pub use dictionary::{Dictionary, NameCodes, Names};
pub use layout::{Attribute, Layout, Slot};
use rows::Rows;

use rayon::prelude::*;

pub use crate::normalise::contact::NO_COUNTRY;

use crate::error::{Error, ErrorKind, Result};
use crate::kind::Subject;
use crate::runtime::{Context, Reservation};
use crate::spec::Spec;

/// The part of a record number that is the row; the rest is the source.
pub const ROW_BITS: u32 = 40;

/// A source's place among the records.
#[derive(Debug, Clone)]
pub struct SourceRange {
    /// The source's name.
    pub name: String,
    /// Its first record.
    pub start: u32,
    /// How many records it has.
    pub records: u32,
    /// Whether no person occurs twice in it.
    pub duplicate_free: bool,
}

/// Every record of a run, packed.
///
/// Records are numbered densely over all sources in their order, in 32 bits; outside the engine a
/// record is `source << 40 | row`.
#[derive(Debug)]
pub struct Store {
    /// Where attributes rest.
    pub layout: Layout,
    /// The sources, in order.
    pub sources: Vec<SourceRange>,
    /// The attributes' values, in the order of the layout.
    pub columns: Vec<Column>,
    rows: Rows,
    person_bits: u64,
    /// The records that stand for a person, where not all do; known once the store is complete.
    person_records: Option<Vec<u32>>,
    persons_reserved: Option<Reservation>,
    rows_reserved: Reservation,
    values_reserved: Reservation,
}

impl Store {
    /// An empty store for the sources of `spec`.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn new(spec: &Spec, context: &Context) -> Result<Self> {
        let layout = Layout::new(spec)?;
        let column = |attribute: &Attribute| {
            let mut column = Column::new(attribute.kind, spec.sources.len());
            if attribute.derived {
                // What an ID number carries is a number, whatever its kind: there are no texts of it.
                column.values = Values::Plain;
            }
            column
        };
        let columns = layout.attributes.iter().map(column).collect();
        let attributes = layout.attributes.iter().enumerate();
        let person_bits = attributes
            .filter(|(_, a)| a.kind.subject() == Some(Subject::Person))
            .fold(0, |bits, (i, _)| bits | 1 << i);
        let rows = Rows::new(layout.words);
        Ok(Self {
            person_bits,
            person_records: None,
            persons_reserved: None,
            layout,
            sources: Vec::new(),
            columns,
            rows,
            rows_reserved: context.memory.reserve("packed records", 0)?,
            values_reserved: context.memory.reserve("dictionaries", 0)?,
        })
    }

    /// How many records there are.
    pub fn len(&self) -> u32 {
        // `push` refuses more than u32::MAX records.
        self.rows.len() as u32
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// A record's words.
    #[inline(always)]
    pub fn record(&self, record: u32) -> &[u64] {
        self.rows.get(record)
    }

    /// The value of an attribute in a record; zero where missing.
    #[inline(always)]
    pub fn value(&self, record: u32, attribute: usize) -> u64 {
        self.layout.attributes[attribute].slot.get(self.record(record))
    }

    /// The attributes that a record gives away, a bit each.
    #[inline]
    pub fn presence(&self, record: u32) -> u64 {
        self.record(record)[0]
    }

    /// Whether a record stands for a person: it holds something that identifies one.
    ///
    /// A record of a plate and a place stands for a vehicle and for nobody; it is never linked.
    #[inline(always)]
    pub fn is_person(&self, words: &[u64]) -> bool {
        words[0] & self.person_bits != 0
    }

    /// How many records stand for a person; all are taken to until the store is complete.
    pub fn persons(&self) -> u32 {
        self.person_records.as_ref().map_or(self.len(), |records| records.len() as u32)
    }

    /// Record number `at` among those that stand for a person.
    #[inline(always)]
    pub fn person(&self, at: u32) -> u32 {
        self.person_records.as_ref().map_or(at, |records| records[at as usize])
    }

    /// The source of a record, by its number.
    #[inline]
    pub fn source_of(&self, record: u32) -> usize {
        self.sources.partition_point(|s| s.start <= record).saturating_sub(1)
    }

    /// A record's number outside the engine: `source << 40 | row`.
    pub fn record_id(&self, record: u32) -> u64 {
        let source = self.source_of(record);
        (source as u64) << ROW_BITS | u64::from(record - self.sources[source].start)
    }

    /// Shows all records to `visit`, stretch by stretch: the number of the first and the words of all.
    ///
    /// Stretches are shown side by side, each to what `start` made for some of them; what these have
    /// become is given back, in no order that may show in a result.
    ///
    /// # Errors
    /// What `visit` says, or [`ErrorKind::Cancelled`].
    pub fn scan<A: Send>(
        &self,
        context: &Context,
        start: impl Fn() -> A + Sync + Send,
        visit: impl Fn(&mut A, u32, &[u64]) -> Result<()> + Sync + Send,
    ) -> Result<Vec<A>> {
        context.pool.install(|| {
            (0..self.rows.chunks())
                .into_par_iter()
                .fold(
                    || Ok(start()),
                    |seen, chunk| {
                        let mut seen = seen?;
                        context.cancel.check()?;
                        let (first, words) = self.rows.chunk(chunk);
                        visit(&mut seen, first, words)?;
                        Ok(seen)
                    },
                )
                .collect()
        })
    }

    /// All rows, for passes that change them.
    pub(super) fn rows_mut(&mut self) -> (&Layout, &mut [Column], impl Iterator<Item = &mut [u64]>) {
        (&self.layout, &mut self.columns, self.rows.iter_mut())
    }

    /// Makes room for `rows` more records and returns their words, all zero, as [`Rows::push`] does.
    pub(super) fn push(&mut self, rows: usize) -> Result<Vec<(usize, &mut [u64])>> {
        let records = self.rows.len() + rows;
        if records > u32::MAX as usize {
            return Err(Error::new(ErrorKind::Data, "a run holds at most 4.29 billion records")
                .hint("split the sources into several runs"));
        }
        self.rows_reserved.grow_to(self.rows.bytes(records))?;
        Ok(self.rows.push(rows))
    }

    /// Lists the records that stand for a person, where not all do.
    pub(super) fn find_persons(&mut self, context: &Context) -> Result<()> {
        let standing = |record: &u32| self.is_person(self.record(*record));
        let count = (0..self.len()).filter(standing).count();
        if count < self.len() as usize {
            let mut held = context.memory.reserve("records of persons", 0)?;
            held.grow_to(count as u64 * 4)?;
            self.person_records = Some((0..self.len()).filter(standing).collect());
            self.persons_reserved = Some(held);
        }
        Ok(())
    }

    /// Accounts for what the dictionaries hold by now.
    pub(super) fn account(&mut self) -> Result<()> {
        self.values_reserved.grow_to(self.columns.iter().map(Column::memory).sum())
    }
}
