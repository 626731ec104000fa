//! A source's batches into packed records: attributes side by side, rows in order.
//!
//! Each attribute of a batch is one task that reads its rows in order, so the codes of a dictionary
//! depend neither on threads nor on where batches end. Besides the store this holds one packed
//! batch: 8 bytes per row and attribute.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use rayon::prelude::*;

use super::column::Column;
use super::text::Texts;
use super::vector::Templates;
use super::{Layout, NameCodes, SourceRange, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::kind::{Kind, Storage};
use crate::normalise::date::civil;
use crate::normalise::{Derived, Normaliser, Outcome};
use crate::runtime::Context;
use crate::spec::SourceSpec;

/// Nanoseconds on two processors that an attribute of a row of Parquet takes to be read; only how this stands to
/// the other work of the stage shows.
pub const READ: f64 = 85.0;

/// Reads the batches of one source into the store.
#[derive(Debug)]
pub struct Ingest {
    source: usize,
    name: String,
    fields: Vec<Field>,
    rows: u64,
}

#[derive(Debug)]
struct Field {
    attribute: usize,
    name: String,
    kind: Kind,
    text: Normaliser,
    /// For columns that are dates or times already, to which the spec's format does not apply.
    typed: Normaliser,
    width: Option<usize>,
}

/// What one attribute of a batch became.
struct Packed {
    values: Vec<u64>,
    present: Vec<bool>,
    derived: Vec<Derived>,
    names: Vec<NameCodes>,
}

impl Ingest {
    /// Begins the source of `spec`, the next of the store.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where an attribute's options make no sense.
    pub fn begin(store: &mut Store, spec: &SourceSpec) -> Result<Self> {
        let mut fields = Vec::with_capacity(spec.attributes.len());
        for (name, attribute) in &spec.attributes {
            let number = store
                .layout
                .find(name)
                .ok_or_else(|| Error::internal(format!("attribute `{name}` has no place in the layout")))?;
            let mut typed = attribute.clone();
            typed.format = None;
            fields.push(Field {
                attribute: number,
                name: name.clone(),
                kind: attribute.kind,
                text: Normaliser::new(attribute)?,
                typed: Normaliser::new(&typed)?,
                width: None,
            });
        }
        let source = store.sources.len();
        store.templates.iter_mut().flatten().for_each(|templates| templates.begin_source(&spec.name));
        store.columns.iter_mut().for_each(Column::begin_source);
        store.sources.push(SourceRange {
            name: spec.name.clone(),
            start: store.len(),
            records: 0,
            persons: 0,
            duplicate_free: spec.duplicate_free,
        });
        Ok(Self { source, name: spec.name.clone(), fields, rows: 0 })
    }

    /// Adds the rows of `batch`, whose columns are named by attribute.
    ///
    /// # Errors
    /// [`ErrorKind::MissingAttribute`] or [`ErrorKind::AttributeType`] where a column is absent or
    /// of a type its kind cannot be read from, [`ErrorKind::MemoryLimit`] where the store is full.
    pub fn add(&mut self, store: &mut Store, batch: &RecordBatch, context: &Context) -> Result<()> {
        context.cancel.check()?;
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let mut columns: Vec<Option<&mut Column>> = store.columns.iter_mut().map(Some).collect();
        let mut work = Vec::with_capacity(self.fields.len());
        for field in &mut self.fields {
            let array = batch.column_by_name(&field.name).ok_or_else(|| {
                Error::new(
                    ErrorKind::MissingAttribute,
                    format!("source `{}` has no column for attribute `{}`", self.name, field.name),
                )
                .hint("hand over one column for each attribute, with the attribute's name")
                .detail("source", &self.name)
                .detail("attribute", &field.name)
            })?;
            let column = columns[field.attribute]
                .take()
                .ok_or_else(|| Error::internal("an attribute is mapped twice"))?;
            work.push((field, array, column));
        }
        let (source, name) = (self.source, &self.name);
        let packed: Vec<Result<Packed>> = context.pool.install(|| {
            work.into_par_iter()
                .map(|(field, array, column)| pack(name, source, field, array, column))
                .collect()
        });
        let mut packed: Vec<Packed> = packed.into_iter().collect::<Result<_>>()?;
        for (field, packed) in self.fields.iter().zip(&mut packed) {
            let Some(templates) = &mut store.templates[field.attribute] else { continue };
            let array = batch.column_by_name(&field.name);
            let Some(array) = array.filter(|array| templates.takes(array)) else { continue };
            let (first, before) = (store.rows.len() as u32, templates.len());
            templates.add(array, first, context)?;
            for (row, record) in (before + 1..).zip(&templates.records()[before as usize..]) {
                packed.values[(record - first) as usize] = u64::from(row);
            }
        }
        self.write(store, &packed, context)?;
        store.account(context)?;
        self.rows += rows as u64;
        context.progress.add(rows as u64);
        context.progress.worked(self.work(rows as u64));
        Ok(())
    }

    /// The work that reading `rows` rows is.
    pub fn work(&self, rows: u64) -> f64 {
        rows as f64 * (self.fields.len() + 1) as f64 * READ
    }

    /// Rows that were added so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the source and returns how many rows it had.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] where it had none.
    pub fn finish(self, store: &mut Store) -> Result<u64> {
        if self.rows == 0 {
            return Err(Error::new(ErrorKind::Data, format!("source `{}` has no rows", self.name))
                .hint("check its path, or leave it out")
                .detail("source", &self.name));
        }
        if let Some(range) = store.sources.last_mut() {
            range.records = self.rows as u32;
            range.persons = self.rows as u32;
        }
        Ok(self.rows)
    }

    fn write(&self, store: &mut Store, packed: &[Packed], context: &Context) -> Result<()> {
        const ROWS: usize = 4096;
        let layout = store.layout.clone();
        let rows = packed.first().map_or(0, |p| p.values.len());
        let mut work = Vec::new();
        for (first, stretch) in store.push(rows, context)? {
            let pieces = stretch.chunks_mut(layout.words * ROWS).enumerate();
            work.extend(pieces.map(|(at, words)| (first + at * ROWS, words)));
        }
        let write = |(first, words)| self.write_rows(&layout, words, packed, first);
        let derived: Vec<Vec<u64>> = context.pool.install(|| work.into_par_iter().map(write).collect());
        for derived in derived {
            for (column, count) in store.columns.iter_mut().zip(derived) {
                column.tallies[self.source].derived += count;
            }
        }
        Ok(())
    }

    /// Fills the rows of `words` from row `first` of the batch on; returns how often each attribute was
    /// derived.
    fn write_rows(&self, layout: &Layout, words: &mut [u64], packed: &[Packed], first: usize) -> Vec<u64> {
        let mut derived = vec![0u64; layout.attributes.len()];
        for (row, record) in words.chunks_exact_mut(layout.words).enumerate() {
            let row = first + row;
            for (field, packed) in self.fields.iter().zip(packed) {
                if packed.present[row] {
                    record[0] |= 1 << field.attribute;
                    let attribute = &layout.attributes[field.attribute];
                    attribute.slot.set(record, packed.values[row]);
                    if let Some(&codes) = packed.names.get(row) {
                        attribute.parts.set(record, codes);
                    }
                }
            }
            for (field, packed) in self.fields.iter().zip(packed) {
                let Some(&found) = packed.derived.get(row) else { continue };
                for into in layout.derived.iter().filter(|into| into.from == field.attribute) {
                    for (attribute, value) in [
                        (into.birth_date, found.birth_date),
                        (into.sex, found.sex),
                        (into.region, found.region),
                    ] {
                        let slot = layout.attributes[attribute].slot;
                        if value != 0 && slot.get(record) == 0 {
                            slot.set(record, u64::from(value));
                            record[0] |= 1 << attribute;
                            derived[attribute] += 1;
                        }
                    }
                }
            }
        }
        derived
    }
}

fn pack(
    source_name: &str,
    source: usize,
    field: &mut Field,
    array: &ArrayRef,
    column: &mut Column,
) -> Result<Packed> {
    let rows = array.len();
    let mut packed = Packed {
        values: Vec::with_capacity(rows),
        present: Vec::with_capacity(rows),
        derived: Vec::new(),
        names: Vec::new(),
    };
    let refuse = || {
        Error::new(
            ErrorKind::AttributeType,
            format!(
                "attribute `{}` of source `{source_name}` is a `{}`, which cannot be read from {}",
                field.name,
                field.kind.name(),
                array.data_type()
            ),
        )
        .hint("cast the column, or map another one")
        .detail("source", source_name)
        .detail("attribute", &field.name)
    };
    if field.kind.storage() == Storage::Template {
        if array.data_type() == &DataType::Null {
            packed.present.resize(rows, false);
            packed.values.resize(rows, 0);
            (0..rows).for_each(|_| column.tallies[source].add(Outcome::Blank));
            return Ok(packed);
        }
        let mut templates = Templates::new(array, field.width).ok_or_else(refuse)?;
        for row in 0..rows {
            let outcome = templates.check(row);
            column.tallies[source].add(outcome);
            packed.present.push(outcome.is_usable());
            packed.values.push(0);
        }
        field.width = templates.width();
        return Ok(packed);
    }
    if field.kind.storage() == Storage::Name {
        let texts = Texts::new(array).ok_or_else(refuse)?;
        for (value, codes) in column.pack_names(source, &field.text, rows, |row| texts.get(row))? {
            packed.values.push(value);
            packed.present.push(value != 0);
            packed.names.push(codes);
        }
        return Ok(packed);
    }
    let derives = matches!(field.kind, Kind::CnResidentId);
    let mut push = |column: &mut Column, normaliser: &Normaliser, raw: Option<&str>| -> Result<()> {
        let value = column.pack(source, normaliser, raw)?;
        packed.values.push(value);
        packed.present.push(value != 0);
        if derives {
            let found = if value == 0 { None } else { normaliser.derive(value, column.partial(value)) };
            packed.derived.push(found.unwrap_or_default());
        }
        Ok(())
    };
    if let Some(texts) = Texts::new(array) {
        for row in 0..rows {
            push(column, &field.text, texts.get(row))?;
        }
        return Ok(packed);
    }
    let mut text = String::new();
    for row in 0..rows {
        let known = write_typed(array, row, &mut text).ok_or_else(refuse)?;
        push(column, &field.typed, known.then_some(text.as_str()))?;
    }
    Ok(packed)
}

/// Writes the value of a column that is no text as text; `None` where the type is not read at all,
/// `Some(false)` for null.
fn write_typed(array: &ArrayRef, row: usize, out: &mut String) -> Option<bool> {
    use std::fmt::Write;
    out.clear();
    if array.data_type() == &DataType::Null || array.is_null(row) {
        return Some(false);
    }
    match array.data_type() {
        DataType::Date32 => {
            let (year, month, day) = civil(i64::from(array.as_primitive::<Date32Type>().value(row)));
            write!(out, "{year:04}-{month:02}-{day:02}").ok()?;
        }
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)).ok()?,
        DataType::Timestamp(unit, _) => {
            let (seconds, per) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1),
                TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
                TimeUnit::Microsecond => {
                    (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000)
                }
                TimeUnit::Nanosecond => {
                    (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000)
                }
            };
            let seconds = seconds.div_euclid(per);
            let (year, month, day) = civil(seconds.div_euclid(86_400));
            let of_day = seconds.rem_euclid(86_400);
            let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
            write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}").ok()?;
        }
        _ => return None,
    }
    Some(true)
}
