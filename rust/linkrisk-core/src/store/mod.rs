//! Records at rest: packed rows, dictionaries, and what became of every raw value.

pub mod column;
pub mod dictionary;
pub mod frequency;
pub mod ids;
pub mod ingest;
pub mod layout;
pub mod parquet;
pub mod run_dir;
pub mod text;
pub mod vector;

pub use column::{Column, PARTIAL, Tally, Values};
pub use dictionary::{Dictionary, NameCodes, Names};
pub use layout::{Attribute, Layout, Slot};

pub use crate::normalise::contact::NO_COUNTRY;

use crate::error::{Error, ErrorKind, Result};
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
    words: Vec<u64>,
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
        Ok(Self {
            layout,
            sources: Vec::new(),
            columns,
            words: Vec::new(),
            rows_reserved: context.memory.reserve("packed records", 0)?,
            values_reserved: context.memory.reserve("dictionaries", 0)?,
        })
    }

    /// How many records there are.
    pub fn len(&self) -> u32 {
        // `push` refuses more than u32::MAX records.
        (self.words.len() / self.layout.words) as u32
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A record's words.
    #[inline(always)]
    pub fn record(&self, record: u32) -> &[u64] {
        let words = self.layout.words;
        &self.words[record as usize * words..][..words]
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

    /// All rows, for passes that change them.
    pub(super) fn rows_mut(&mut self) -> (&Layout, &mut [Column], std::slice::ChunksExactMut<'_, u64>) {
        let words = self.layout.words;
        (&self.layout, &mut self.columns, self.words.chunks_exact_mut(words))
    }

    /// Makes room for `rows` more records and returns their words, all zero.
    pub(super) fn push(&mut self, rows: usize) -> Result<&mut [u64]> {
        let start = self.words.len();
        let end = start + rows * self.layout.words;
        if end / self.layout.words > u32::MAX as usize {
            return Err(Error::new(ErrorKind::Data, "a run holds at most 4.29 billion records")
                .hint("split the sources into several runs"));
        }
        self.rows_reserved.grow_to((end * 8) as u64)?;
        self.words.resize(end, 0);
        Ok(&mut self.words[start..])
    }

    /// Accounts for what the dictionaries hold by now.
    pub(super) fn account(&mut self) -> Result<()> {
        self.values_reserved.grow_to(self.columns.iter().map(Column::memory).sum())
    }
}
