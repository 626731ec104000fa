//! Small stores for the tests of the engine, read in as a run reads them: batch by batch.

pub mod run;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::Spec;
use linkrisk_core::store::ingest::Ingest;
use linkrisk_core::store::{Store, frequency};

/// A table: its attributes and, row by row, their values.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub attributes: Vec<&'static str>,
    pub rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    pub fn new(attributes: &[&'static str]) -> Self {
        Self { attributes: attributes.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; an empty text stands for null.
    pub fn push(&mut self, values: &[&str]) {
        assert_eq!(values.len(), self.attributes.len(), "a value for each attribute");
        self.rows.push(values.iter().map(|v| (!v.is_empty()).then(|| (*v).to_owned())).collect());
    }

    /// The rows as batches of `size`.
    pub fn batches(&self, size: usize) -> Vec<RecordBatch> {
        self.rows
            .chunks(size)
            .map(|rows| {
                let columns = self.attributes.iter().enumerate().map(|(at, &name)| {
                    let column: StringArray = rows.iter().map(|row| row[at].as_deref()).collect();
                    (name, Arc::new(column) as ArrayRef, true)
                });
                RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
            })
            .collect()
    }
}

pub fn context(threads: usize) -> Context {
    Context::new(None, Some(threads), 1).expect("threads start")
}

/// A context with a memory limit in bytes.
pub fn limited(memory: u64, threads: usize) -> Context {
    Context::new(Some(memory), Some(threads), 1).expect("threads start")
}

/// Reads the tables, one for each source of `spec`, and completes the store.
pub fn store(spec: &Spec, tables: &[Rows], context: &Context) -> Store {
    assert_eq!(spec.sources.len(), tables.len(), "a table for each source");
    let mut store = Store::new(spec, context).expect("the layout fits");
    for (source, table) in spec.sources.iter().zip(tables) {
        let mut ingest = Ingest::begin(&mut store, source).expect("the source is sound");
        for batch in table.batches(7) {
            ingest.add(&mut store, &batch, context).expect("the batch is sound");
        }
        ingest.finish(&mut store).expect("there are rows");
    }
    frequency::complete(&mut store, 1.0, context).expect("memory is there");
    store
}

/// A record's words.
pub fn record(store: &Store, number: u32) -> Vec<u64> {
    store.gather(&[number], &context(1)).expect("the record is there")
}

/// The value of an attribute in a record; zero where missing.
pub fn value(store: &Store, number: u32, attribute: usize) -> u64 {
    store.layout.attributes[attribute].slot.get(&record(store, number))
}

/// Attributes of every shape at rest: a name with parts, a date, numbers, masked numbers, a text.
pub const PEOPLE: [&str; 6] = ["name", "born", "phone", "id_no", "city", "car"];

/// A spec with a source of [`PEOPLE`] for each of `duplicate_free`, and `linkage` as it is.
pub fn people_spec(duplicate_free: &[bool], linkage: serde_json::Value) -> Spec {
    let sources: Vec<serde_json::Value> = duplicate_free
        .iter()
        .enumerate()
        .map(|(number, free)| {
            serde_json::json!({"name": format!("source_{number}"), "duplicate_free": free, "attributes": {
                "name": {"column": ["given", "family"], "kind": "person_name"},
                "born": {"column": ["born"], "kind": "birth_date"},
                "phone": {"column": ["phone"], "kind": "phone"},
                "id_no": {"column": ["id_no"], "kind": "cn_resident_id"},
                "city": {"column": ["city"], "kind": "place"},
                "car": {"column": ["car"], "kind": "plate", "scheme": "generic"},
            }})
        })
        .collect();
    let spec = serde_json::json!({"sources": sources, "linkage": linkage});
    Spec::from_json(&spec.to_string()).expect("the spec is sound")
}

/// A resident ID of the region that belongs to nobody, with its check character.
pub fn resident_id(born: &str, sequence: u32) -> String {
    let digits = format!("990000{born}{sequence:03}");
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.bytes().zip(weights).map(|(digit, w)| u32::from(digit - b'0') * w).sum();
    let check = b"10X98765432"[(sum % 11) as usize];
    format!("{digits}{}", char::from(check))
}
