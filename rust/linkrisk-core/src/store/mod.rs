//! Records at rest: packed rows, dictionaries, and what became of every raw value.

mod changes;
pub mod column;
pub mod copies;
pub mod dictionary;
pub mod frequency;
pub mod gallery;
mod growing;
pub mod ids;
pub mod ingest;
pub mod irises;
pub mod journal;
pub mod layout;
pub mod parquet;
pub mod row_groups;
pub mod rows;
pub mod run_dir;
mod snapshot;
mod template_models;
mod template_snapshot;
mod template_sources;
pub mod templates;
pub mod text;
pub mod vector;

pub use column::{Column, PARTIAL, Tally, Values};
pub use dictionary::{Dictionary, NameCodes, Names};
use gallery::Gallery;
pub use layout::{Attribute, Layout, Slot};
use rows::Rows;
use templates::NOBODY;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use crate::normalise::contact::NO_COUNTRY;

use crate::error::{Error, ErrorKind, Result};
use crate::kind::{Storage, Subject};
use crate::runtime::{Context, Reservation};
use crate::spec::Spec;

/// The part of a record number that is the row; the rest is the source.
pub const ROW_BITS: u32 = 40;

/// A source's place among the records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceRange {
    /// The source's name.
    pub name: String,
    /// Its first record.
    pub start: u32,
    /// How many records it has.
    pub records: u32,
    /// How many of them stand for a person; all are taken to until the store is complete.
    pub persons: u32,
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
    /// The templates of each attribute that is compared by them.
    pub templates: Vec<Option<Gallery>>,
    rows: Rows,
    person_bits: u64,
    /// How many records of the chunks before each stand for a person, and of all, where not all do;
    /// known once the store is complete.
    persons_before: Option<Vec<u32>>,
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
        let templates = layout.attributes.iter().map(|attribute| {
            let compared = attribute.kind.storage() == Storage::Template
                && spec.linkage.templates_of(&attribute.name).is_none_or(|asked| asked.compare);
            compared.then(|| Gallery::new(attribute.kind, &attribute.name, context)).transpose()
        });
        let templates = templates.collect::<Result<_>>()?;
        let rows = Rows::new(layout.words, "packed records", context)?;
        Ok(Self {
            person_bits,
            persons_before: None,
            layout,
            sources: Vec::new(),
            columns,
            templates,
            rows,
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
        self.rows.is_empty()
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
        self.persons_before.as_ref().and_then(|before| before.last()).map_or(self.len(), |&all| all)
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
    /// What `visit` says, [`ErrorKind::Cancelled`], or [`ErrorKind::Io`] where records are on disk.
    pub fn scan<A: Send>(
        &self,
        context: &Context,
        start: impl Fn() -> A + Sync + Send,
        visit: impl Fn(&mut A, u32, &[u64]) -> Result<()> + Sync + Send,
    ) -> Result<Vec<A>> {
        let step = |(mut seen, mut buffer): (A, Vec<u64>), chunk: usize| {
            context.cancel.check()?;
            let (first, words) = self.rows.chunk(chunk, &mut buffer)?;
            visit(&mut seen, first, words)?;
            Ok((seen, buffer))
        };
        context.pool.install(|| {
            let seen = (0..self.rows.chunks())
                .into_par_iter()
                .fold(|| Ok((start(), Vec::new())), |seen: Result<(A, Vec<u64>)>, chunk| step(seen?, chunk));
            seen.map(|seen| seen.map(|(seen, _)| seen)).collect()
        })
    }

    /// The words of `records`, which ascend, one record after the other.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], or [`ErrorKind::Io`] where records are on disk.
    pub fn gather(&self, records: &[u32], context: &Context) -> Result<Vec<u64>> {
        self.rows.gather(records, context)
    }

    /// The words of those records that are number `ranks` among the ones that stand for a person; ranks
    /// ascend.
    ///
    /// # Errors
    /// As [`Store::gather`].
    pub fn gather_persons(&self, ranks: &[u32], context: &Context) -> Result<Vec<u64>> {
        let Some(before) = &self.persons_before else { return self.gather(ranks, context) };
        let (mut words, mut buffer) = (Vec::with_capacity(ranks.len() * self.layout.words), Vec::new());
        let mut ranks = ranks.iter().copied().peekable();
        while let Some(&rank) = ranks.peek() {
            context.cancel.check()?;
            let chunk = before.partition_point(|&persons| persons <= rank).saturating_sub(1);
            let (_, chunk_words) = self.rows.chunk(chunk, &mut buffer)?;
            let records = chunk_words.chunks_exact(self.layout.words).filter(|words| self.is_person(words));
            for (record, at) in records.zip(before[chunk]..) {
                while ranks.next_if_eq(&at).is_some() {
                    words.extend_from_slice(record);
                }
            }
            // Past the last record, which no rank is.
            while ranks.next_if(|&rank| before.get(chunk + 1).is_some_and(|&end| rank < end)).is_some() {}
        }
        Ok(words)
    }

    /// Makes room for `rows` more records and returns their words, all zero, as [`Rows::push`] does.
    pub(super) fn push(&mut self, rows: usize, context: &Context) -> Result<Vec<(usize, &mut [u64])>> {
        if self.rows.len() + rows > u32::MAX as usize {
            return Err(Error::new(ErrorKind::Data, "a run holds at most 4.29 billion records")
                .hint("split the sources into several runs"));
        }
        self.rows.push(rows, context)
    }

    /// Counts the records that stand for a person, chunk by chunk and source by source.
    pub(super) fn count_persons(&mut self, context: &Context) -> Result<()> {
        let counted = self.scan(
            context,
            || (Vec::new(), vec![0u32; self.sources.len()]),
            |(chunks, sources), first, words| {
                let mut persons = 0;
                let records = words.chunks_exact(self.layout.words).zip(first..);
                for (_, record) in records.filter(|(words, _)| self.is_person(words)) {
                    persons += 1;
                    sources[self.source_of(record)] += 1;
                }
                chunks.push((first, persons));
                Ok(())
            },
        )?;
        self.sources.iter_mut().for_each(|source| source.persons = 0);
        let mut chunks: Vec<(u32, u32)> = Vec::new();
        for (more, by_source) in counted {
            chunks.extend(more);
            self.sources.iter_mut().zip(by_source).for_each(|(source, persons)| source.persons += persons);
        }
        chunks.sort_unstable();
        let mut before = vec![0];
        let mut all = 0;
        for (_, persons) in chunks {
            all += persons;
            before.push(all);
        }
        self.persons_before = (all < self.len()).then_some(before);
        Ok(())
    }

    /// Completes the templates; records whose template is a placeholder lose it.
    pub(super) fn complete_templates(&mut self, context: &Context) -> Result<()> {
        let Self { layout, columns, templates, rows, .. } = self;
        for (attribute, templates) in templates.iter_mut().enumerate() {
            let Some(templates) = templates else { continue };
            templates.complete(context)?;
            for (tally, source) in columns[attribute].tallies.iter_mut().zip(templates.sources()) {
                tally.valid -= source.tally.copies;
                tally.placeholder += source.tally.copies;
            }
            if templates.sources().iter().all(|source| source.tally.copies == 0) {
                continue;
            }
            let (slot, templates) = (layout.attributes[attribute].slot, &*templates);
            rows.update(
                context,
                || (),
                |(), _, words| {
                    let mut changed = false;
                    for record in words.chunks_exact_mut(layout.words) {
                        let row = slot.get(record);
                        if row != 0 && templates.records()[row as usize - 1] == NOBODY {
                            slot.set(record, 0);
                            record[0] &= !(1 << attribute);
                            changed = true;
                        }
                    }
                    Ok(changed)
                },
            )?;
        }
        Ok(())
    }

    /// Accounts for what the dictionaries hold by now, and has their texts rest on disk where they would take
    /// more than a quarter of the limit, or more than is free.
    pub(super) fn account(&mut self, context: &Context) -> Result<()> {
        // Below this texts are not worth a write.
        const LEAST: u64 = 1 << 16;
        let limit = context.memory.limit();
        let held = self.values_memory();
        self.values_reserved.shrink_to(held);
        let texts: u64 = self.columns.iter().map(Column::texts_memory).sum();
        let is_much = held > limit / 4 && texts > (limit / 64).max(LEAST);
        if !is_much && self.values_reserved.grow_to(held).is_ok() {
            return Ok(());
        }
        self.columns.iter_mut().try_for_each(|column| column.spill_texts(&context.spill))?;
        let held = self.values_memory();
        self.values_reserved.shrink_to(held);
        self.values_reserved.grow_to(held)
    }

    /// Checks that texts on disk are what was written. A stage that reads texts does it once it has read them, and
    /// before what it found is kept.
    ///
    /// Cost: what is on disk of them is read once.
    ///
    /// # Errors
    /// As [`Dictionary::check`].
    pub fn check_texts(&self, context: &Context) -> Result<()> {
        self.columns.iter().try_for_each(|column| column.check_texts(context))
    }

    fn values_memory(&self) -> u64 {
        self.columns.iter().map(Column::memory).sum()
    }
}
