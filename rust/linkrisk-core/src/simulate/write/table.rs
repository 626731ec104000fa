//! The shape of a table: columns, how often what happens to them, and the truth beside it.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::super::errors::Rates;

/// Rows of a file where a scenario says nothing else.
pub const FILE_ROWS: u64 = 500_000;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A small number, such as an age.
    Whole,
    /// A point in time, milliseconds from 1970.
    Time,
    /// Yes or no.
    Flag,
    /// A value that the scenario makes as an Arrow array by the batch, such as templates.
    Array(DataType),
}

impl Kind {
    fn data_type(&self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Whole => DataType::Int32,
            Kind::Time => DataType::Timestamp(TimeUnit::Millisecond, None),
            Kind::Flag => DataType::Boolean,
            Kind::Array(kind) => kind.clone(),
        }
    }
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// How often what happens to it; the truth has a column for those with any.
    pub rates: Rates,
    /// Whether values hardly repeat, so that a dictionary of them would be a waste.
    pub distinct: bool,
}

impl Column {
    /// A column that nothing happens to.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, rates: &[], distinct: false }
    }

    /// The same, with what happens to it.
    pub fn rates(self, rates: Rates) -> Self {
        Self { rates, ..self }
    }

    /// The same, with values that hardly repeat.
    pub fn distinct(self) -> Self {
        Self { distinct: true, ..self }
    }
}

/// A table of a scenario.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name, which is the folder of its files and the name of the source in the spec.
    pub name: &'static str,
    /// Rows.
    pub rows: u64,
    /// Rows of a file.
    pub file_rows: u64,
    /// Columns behind `record_id`; empty where the scenario makes its batches itself.
    pub columns: Vec<Column>,
    /// Columns of the data; none where the table is a truth and nothing else.
    pub data: Option<SchemaRef>,
    /// Columns of the truth.
    pub truth: SchemaRef,
    /// Columns of either whose values hardly repeat.
    pub distinct: Vec<String>,
    /// Share of rows of which the end is missing.
    pub truncated: f64,
}

/// The columns that every truth begins with.
pub const TRUTH: [&str; 3] = ["record_id", "person_id", "vehicle_id"];

impl Table {
    /// A table of `rows` rows with a `record_id` before its columns, and its truth.
    pub fn new(name: &'static str, rows: u64, columns: Vec<Column>) -> Self {
        let mut data = vec![Field::new("record_id", DataType::UInt64, false)];
        data.extend(columns.iter().map(|c| Field::new(c.name, c.kind.data_type(), true)));
        let mut truth = vec![Field::new(TRUTH[0], DataType::UInt64, false)];
        truth.extend(TRUTH[1..].iter().map(|name| Field::new(*name, DataType::UInt64, true)));
        let slip = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        let fallible = columns.iter().filter(|c| !c.rates.is_empty());
        truth.extend(fallible.map(|c| Field::new(format!("{}_error", c.name), slip.clone(), true)));
        let distinct =
            columns.iter().filter(|c| c.distinct || c.kind == Kind::Time).map(|c| c.name.to_owned());
        Self {
            name,
            rows,
            file_rows: FILE_ROWS,
            data: Some(Arc::new(Schema::new(data))),
            truth: Arc::new(Schema::new(truth)),
            distinct: distinct.chain(TRUTH.map(str::to_owned)).collect(),
            columns,
            truncated: 0.0,
        }
    }

    /// A table that is a truth and nothing else: numbers that belong together.
    pub fn truth_only(name: &'static str, rows: u64, columns: &[&str]) -> Self {
        let fields: Vec<Field> = columns.iter().map(|c| Field::new(*c, DataType::UInt64, false)).collect();
        Self {
            name,
            rows,
            file_rows: FILE_ROWS,
            columns: Vec::new(),
            data: None,
            truth: Arc::new(Schema::new(fields)),
            distinct: columns.iter().map(|c| (*c).to_owned()).collect(),
            truncated: 0.0,
        }
    }

    /// The same, with so many rows a file: fewer where a row is large.
    pub fn file_rows(self, file_rows: u64) -> Self {
        Self { file_rows, ..self }
    }

    /// The same, with that share of rows cut off.
    pub fn truncated(self, truncated: f64) -> Self {
        Self { truncated, ..self }
    }

    /// Files of the table: one of no rows where it has none, so that it is there.
    pub fn parts(&self) -> u64 {
        self.rows.div_ceil(self.file_rows).max(1)
    }
}
