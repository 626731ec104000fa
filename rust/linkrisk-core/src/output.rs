//! Record-level results as tables: links and entities, written only where the spec allows it.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::cluster::Forest;
use crate::cluster::vehicles::Vehicles;
use crate::compare::{Comparison, RULE_SHIFT, ScoredPair};
use crate::error::{Error, Result};
use crate::external::Kept;
use crate::kernel::bits::Bits;
use crate::kernel::hash::mix;
use crate::kind::Subject;
use crate::runtime::Context;
use crate::score::{Scorer, Scores};
use crate::store::ids::IdFile;
use crate::store::parquet::{PartsWriter, ROW_GROUP, batch};
use crate::store::{SourceRange, Store};

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
    let mut writer = PartsWriter::create(directory, "links.parquet", Arc::clone(&schema), context)?;
    context.progress.begin("links", "pairs", Some(pairs.len()));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(rules));
    let make = |scores: &mut Scores<'_>, chunk: &[ScoredPair]| -> Result<RecordBatch> {
        let (mut left, mut right) = (Vec::with_capacity(chunk.len()), Vec::with_capacity(chunk.len()));
        let mut rule = Vec::with_capacity(chunk.len());
        let (mut weight, mut probability) =
            (Vec::with_capacity(chunk.len()), Vec::with_capacity(chunk.len()));
        for pair in chunk {
            let score = scores.score(pair.pattern);
            if !score.is_link(threshold) {
                continue;
            }
            left.push(store.record_id(pair.left));
            right.push(store.record_id(pair.right));
            rule.push((pair.pattern >> RULE_SHIFT).trailing_zeros() as i32);
            weight.push(score.weight);
            probability.push(score.probability);
        }
        context.progress.add(chunk.len() as u64);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(left)),
            Arc::new(UInt64Array::from(right)),
            labels(rule, &names)?,
            Arc::new(Float64Array::from(weight)),
            Arc::new(Float64Array::from(probability)),
        ];
        batch(&schema, columns)
    };
    let together = writer.side_by_side() * ROW_GROUP;
    let mut gathered: Vec<ScoredPair> = Vec::with_capacity(together.min(pairs.len() as usize));
    let mut write = |gathered: &mut Vec<ScoredPair>| {
        let work: Vec<&[ScoredPair]> = gathered.chunks(ROW_GROUP).collect();
        writer.write(work, || Scores::new(scorer), make, context)?;
        gathered.clear();
        Ok(())
    };
    pairs.each(|mut pairs| {
        while !pairs.is_empty() {
            let (now, later) = pairs.split_at(pairs.len().min(together - gathered.len()));
            gathered.extend_from_slice(now);
            pairs = later;
            if gathered.len() == together {
                write(&mut gathered)?;
            }
        }
        Ok(())
    })?;
    write(&mut gathered)?;
    writer.finish()
}

fn contradicting_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("left_id", DataType::UInt64, false),
        Field::new("right_id", DataType::UInt64, false),
        Field::new("agrees", label(), false),
        Field::new("disagrees", label(), false),
    ]))
}

/// Writes `contradicting_templates.parquet`: pairs of records of which some templates are as alike as one person's
/// alone and others as two people's, whether they are links or not.
///
/// # Errors
/// As [`links`].
pub fn contradicting_templates(
    directory: &Path,
    store: &Store,
    comparisons: &[Comparison],
    pairs: &Kept<ScoredPair>,
    scorer: &Scorer<'_>,
    context: &Context,
) -> Result<u64> {
    let schema = contradicting_schema();
    let name = "contradicting_templates.parquet";
    let mut writer = PartsWriter::create(directory, name, Arc::clone(&schema), context)?;
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(comparisons.iter().map(|c| &c.name)));
    let make = |(): &mut (), chunk: &[(ScoredPair, [usize; 2])]| -> Result<RecordBatch> {
        let ids = |id: fn(&ScoredPair) -> u32| {
            chunk.iter().map(|(pair, _)| store.record_id(id(pair))).collect::<Vec<u64>>()
        };
        let places = |at: usize| chunk.iter().map(|(_, both)| both[at] as i32).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(ids(|pair| pair.left))),
            Arc::new(UInt64Array::from(ids(|pair| pair.right))),
            labels(places(0), &names)?,
            labels(places(1), &names)?,
        ];
        batch(&schema, columns)
    };
    let mut gathered: Vec<(ScoredPair, [usize; 2])> = Vec::new();
    pairs.each(|pairs| {
        context.cancel.check()?;
        gathered.extend(pairs.iter().filter_map(|pair| Some((*pair, scorer.contradicting(pair.pattern)?))));
        if gathered.len() >= ROW_GROUP {
            writer.write(gathered.chunks(ROW_GROUP).collect(), || (), make, context)?;
            gathered.clear();
        }
        Ok(())
    })?;
    writer.write(gathered.chunks(ROW_GROUP).collect(), || (), make, context)?;
    writer.finish()
}

/// A column of labels: the one of `names` that each of `keys` is the place of.
fn labels(keys: Vec<i32>, names: &ArrayRef) -> Result<ArrayRef> {
    let labels = DictionaryArray::<Int32Type>::try_new(keys.into(), Arc::clone(names));
    labels.map(|labels| Arc::new(labels) as ArrayRef).map_err(|e| Error::internal(e.to_string()))
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
    let mut writer = PartsWriter::create(directory, "entities.parquet", Arc::clone(&schema), context)?;
    context.progress.begin("entities", "records", Some(u64::from(store.len())));
    let rows = Entities { schema, store, persons, vehicles, seed: context.seed };
    for (source, file) in store.sources.iter().zip(ids) {
        let own = file.as_ref().map(IdFile::open).transpose()?;
        let groups: Vec<usize> = (0..(source.records as usize).div_ceil(ROW_GROUP)).collect();
        for groups in groups.chunks(writer.side_by_side()) {
            let make = |(): &mut (), &group: &usize| {
                let own = own.as_ref().map(|own| own.row_group(group)).transpose()?;
                let made = rows.of(source, group, own.as_ref(), context)?;
                let records = (source.records as usize - group * ROW_GROUP).min(ROW_GROUP);
                context.progress.add(records as u64);
                Ok(made)
            };
            writer.write(groups.iter().collect(), || (), make, context)?;
        }
    }
    writer.finish()
}

/// What makes the rows of `entities.parquet`.
struct Entities<'a> {
    schema: SchemaRef,
    store: &'a Store,
    persons: &'a Forest,
    vehicles: &'a Vehicles,
    seed: u64,
}

impl Entities<'_> {
    /// The rows of the records of `source` in its row group `group`, whose own ids are in `own`.
    fn of(
        &self,
        source: &SourceRange,
        group: usize,
        own: Option<&RecordBatch>,
        context: &Context,
    ) -> Result<RecordBatch> {
        let start = (group * ROW_GROUP) as u32;
        let end = source.records.min(start.saturating_add(ROW_GROUP as u32));
        let records: Vec<u32> = (source.start + start..source.start + end).collect();
        let words = self.store.gather(&records, context)?;
        let own = own.map(|b| b.column(0).as_string::<i32>());
        let subjects = [Subject::Person, Subject::Vehicle];
        let most = records.len() * if self.vehicles.bound() > 0 { 2 } else { 1 };
        let mut subject_keys = Vec::with_capacity(most);
        let (mut rows, mut entities) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let mut keys = StringBuilder::with_capacity(most, 0);
        for (words, record) in words.chunks_exact(self.store.layout.words).zip(records) {
            let row = record - source.start;
            let mut push = |subject: usize, entity: u32| {
                rows.push(u64::from(row));
                keys.append_option(own.map(|own| own.value((row - start) as usize)));
                subject_keys.push(subject as i32);
                entities.push(entity_id(self.seed, subjects[subject], entity));
            };
            if self.store.is_person(words) {
                push(0, self.persons.root(record));
            }
            self.vehicles.of(record).for_each(|vehicle| push(1, vehicle));
        }
        let source_name: ArrayRef = Arc::new(StringArray::from(vec![source.name.as_str()]));
        let subject_names: ArrayRef = Arc::new(StringArray::from_iter_values(subjects.map(Subject::name)));
        let columns: Vec<ArrayRef> = vec![
            labels(vec![0; rows.len()], &source_name)?,
            Arc::new(UInt64Array::from(rows)),
            Arc::new(keys.finish()),
            labels(subject_keys, &subject_names)?,
            Arc::new(UInt64Array::from(entities)),
        ];
        batch(&self.schema, columns)
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
