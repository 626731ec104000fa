//! Record-level results as tables: links and entities, written only where the spec allows it.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder, StringDictionaryBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

use crate::cluster::Forest;
use crate::cluster::vehicles::Vehicles;
use crate::compare::{RULE_SHIFT, ScoredPair};
use crate::error::Result;
use crate::external::Kept;
use crate::kernel::bits::Bits;
use crate::kernel::hash::mix;
use crate::kind::Subject;
use crate::runtime::Context;
use crate::score::{Scorer, Scores};
use crate::store::ids::{IdFile, read_ids};
use crate::store::parquet::{PartsWriter, batch};
use crate::store::{SourceRange, Store};

/// Rows made at once: a few megabytes.
const ROWS: usize = 1 << 16;

fn label() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn links_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("left_id", DataType::UInt64, false),
        Field::new("right_id", DataType::UInt64, false),
        Field::new("rule", label(), false),
        Field::new("match_weight", DataType::Float64, false),
        Field::new("match_probability", DataType::Float64, false),
    ]))
}

fn entities_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("source", label(), false),
        Field::new("record", DataType::UInt64, false),
        Field::new("id", DataType::Utf8, true),
        Field::new("subject", label(), false),
        Field::new("entity_id", DataType::UInt64, false),
    ]))
}

/// Writes `links.parquet`: the pairs at or above the threshold.
///
/// # Errors
/// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
/// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit).
pub fn links(
    directory: &Path,
    store: &Store,
    rules: &[String],
    pairs: &Kept<ScoredPair>,
    scorer: &Scorer<'_>,
    threshold: f64,
    context: &Context,
) -> Result<u64> {
    let schema = links_schema();
    let mut writer = PartsWriter::create(directory, "links.parquet", Arc::clone(&schema))?;
    context.progress.begin("links", "pairs", Some(pairs.len()));
    let mut scores = Scores::new(scorer);
    let mut write = |chunk: &[ScoredPair]| -> Result<()> {
        let (mut left, mut right) = (UInt64Builder::new(), UInt64Builder::new());
        let mut rule = StringDictionaryBuilder::<Int32Type>::new();
        let (mut weight, mut probability) = (Float64Builder::new(), Float64Builder::new());
        for pair in chunk {
            let score = scores.score(pair.pattern);
            if !score.is_link(threshold) {
                continue;
            }
            left.append_value(store.record_id(pair.left));
            right.append_value(store.record_id(pair.right));
            let first = (pair.pattern >> RULE_SHIFT).trailing_zeros() as usize;
            rule.append_value(rules.get(first).map_or("", |name| name));
            weight.append_value(score.weight);
            probability.append_value(score.probability);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(left.finish()),
            Arc::new(right.finish()),
            Arc::new(rule.finish()),
            Arc::new(weight.finish()),
            Arc::new(probability.finish()),
        ];
        writer.write(&batch(&schema, columns)?)
    };
    pairs.each(|pairs| {
        pairs.chunks(ROWS).try_for_each(|chunk| {
            context.cancel.check()?;
            context.progress.add(chunk.len() as u64);
            write(chunk)
        })
    })?;
    writer.finish()
}

/// Writes `entities.parquet`: a row for each record and the person it is of, and one for each
/// vehicle it shows.
///
/// # Errors
/// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
/// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit).
pub fn entities(
    directory: &Path,
    store: &Store,
    persons: &Forest,
    vehicles: &Vehicles,
    ids: &[Option<IdFile>],
    context: &Context,
) -> Result<u64> {
    let schema = entities_schema();
    let mut writer = PartsWriter::create(directory, "entities.parquet", Arc::clone(&schema))?;
    context.progress.begin("entities", "records", Some(u64::from(store.len())));
    let rows = Entities { store, persons, vehicles, seed: context.seed };
    // As many batches as threads are made side by side and written in order.
    let side_by_side = context.pool.current_num_threads();
    for (source, file) in store.sources.iter().zip(ids) {
        let mut own = match file {
            Some(file) => Some(read_ids(file, ROWS)?),
            None => None,
        };
        let starts: Vec<u32> = (0..source.records).step_by(ROWS).collect();
        for starts in starts.chunks(side_by_side) {
            context.cancel.check()?;
            let mut work = Vec::with_capacity(starts.len());
            for &start in starts {
                let own = match &mut own {
                    Some(batches) => batches.next().transpose()?,
                    None => None,
                };
                work.push((start, own));
            }
            let batches: Vec<Result<RecordBatch>> = context.pool.install(|| {
                work.par_iter()
                    .map(|(start, own)| rows.batch(&schema, source, *start, own.as_ref(), context))
                    .collect()
            });
            for batch in batches {
                writer.write(&batch?)?;
            }
            let last = starts.last().map_or(0, |&last| source.records.min(last.saturating_add(ROWS as u32)));
            context.progress.add(u64::from(last - starts.first().map_or(last, |&first| first)));
        }
    }
    writer.finish()
}

/// What makes the rows of `entities.parquet`.
struct Entities<'a> {
    store: &'a Store,
    persons: &'a Forest,
    vehicles: &'a Vehicles,
    seed: u64,
}

impl Entities<'_> {
    /// The rows of the records of `source` from `start` on, whose own ids are in `own`.
    fn batch(
        &self,
        schema: &SchemaRef,
        source: &SourceRange,
        start: u32,
        own: Option<&RecordBatch>,
        context: &Context,
    ) -> Result<RecordBatch> {
        let records: Vec<u32> = (source.start + start
            ..source.start + source.records.min(start.saturating_add(ROWS as u32)))
            .collect();
        let words = self.store.gather(&records, context)?;
        let own = own.map(|b| b.column(0).as_string::<i32>());
        let has_plates = self.vehicles.bound() > 0;
        let mut names = StringDictionaryBuilder::<Int32Type>::new();
        let mut subjects = StringDictionaryBuilder::<Int32Type>::new();
        let (mut rows, mut entities) = (UInt64Builder::new(), UInt64Builder::new());
        let mut keys = StringBuilder::new();
        for (words, record) in words.chunks_exact(self.store.layout.words).zip(records) {
            let row = record - source.start;
            let mut push = |subject: Subject, entity: u32| {
                names.append_value(&source.name);
                rows.append_value(u64::from(row));
                keys.append_option(own.map(|own| own.value((row - start) as usize)));
                subjects.append_value(subject.name());
                entities.append_value(entity_id(self.seed, subject, entity));
            };
            if self.store.is_person(words) {
                push(Subject::Person, self.persons.root(record));
            }
            if has_plates {
                self.vehicles.of(record).for_each(|vehicle| push(Subject::Vehicle, vehicle));
            }
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(names.finish()),
            Arc::new(rows.finish()),
            Arc::new(keys.finish()),
            Arc::new(subjects.finish()),
            Arc::new(entities.finish()),
        ];
        batch(schema, columns)
    }
}

/// Distinct persons: records that stand for a person, linked ones counted once.
///
/// # Errors
/// As [`Store::scan`].
pub fn persons(store: &Store, persons: &Forest, context: &Context) -> Result<u64> {
    let _held = context.memory.reserve("persons", Bits::bytes(store.len()))?;
    let seen = Bits::new(store.len());
    store.scan(
        context,
        || (),
        |(), first, words| {
            let records = words.chunks_exact(store.layout.words).zip(first..);
            records
                .filter(|(words, _)| store.is_person(words))
                .for_each(|(_, record)| seen.insert(persons.root(record)));
            Ok(())
        },
    )?;
    Ok(seen.count())
}

/// An entity's id: a keyed bijection of its number, so that ids are unique in a run and tell
/// nothing about the order of records.
fn entity_id(seed: u64, subject: Subject, entity: u32) -> u64 {
    let key = mix(mix(seed) ^ subject as u64);
    mix(key ^ u64::from(entity))
}
