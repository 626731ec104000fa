//! The scenario `people`: one register, 2.5 records a person.
//!
//! | file | columns |
//! |---|---|
//! | `people/part-*.parquet` | `record_id`, `given_name`, `surname`, `birth_date` (`YYYY-MM-DD`), `sex` (`F`, `M`), `resident_id`, `phone`, `plate`, `city`, `person_id` |
//! | `truth/people/part-*.parquet` | `record_id`, `person_id`, `household_id` (null for those alone), `placeholder`, `missing`, `edited` |
//! | `linkrisk.toml` | the spec, with `person_id` as its truth |
//!
//! Modelled on the synthetic persons on which record-linkage tools are compared, and simpler than the
//! other scenarios: the columns carry the truth, and the truth its own masks.
//!
//! `missing` and `edited` are bit masks over the columns from `given_name` (bit 0) to `city`
//! (bit 7). Each value is missing in 10 % of the records and has an error ([`super::errors`]) in
//! 15 % of the rest; the sex, which is ticked and not typed, in 1 %. In 0.5 % of the records
//! somebody who had to enter something entered the phone 0000000000 and the birth date 1900-01-01.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, StringBuilder, UInt16Builder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::super::draw::Draw;
use super::super::errors::{DIGITS, LETTERS, misdate, misread_plate, mistype};
use super::super::identifiers::{
    KEPT_OF_ID, KEPT_OF_PHONE, KEPT_OF_PLATE, push_date, push_phone, push_plate, push_resident_id,
};
use super::super::write::{Counts, FILE_ROWS, Filled, Format, Table};
use super::super::{Options, Scenario, System};
use super::register::{MAX_RECORDS, Person, Population, persons};
use super::spec_text::SpecText;
use crate::error::{Error, Result};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "people",
    title: "one register of people with gaps, errors, shared households and placeholders",
    source: "the synthetic persons on which record-linkage tools are compared: 2.5 records a person, \
             10 % gaps and 15 % edits per field, households of two that share phone and plate",
    tables: &["people"],
    min_records: 1,
    max_records: MAX_RECORDS,
    make: |options| Box::new(People::new(options)),
};

/// How often a value is missing.
const MISSING_RATE: f64 = 0.10;
/// How often a value that is there has an error.
const EDIT_RATE: f64 = 0.15;
/// The same for the sex.
const SEX_EDIT_RATE: f64 = 0.01;
/// How often a record has placeholders.
const PLACEHOLDER_RATE: f64 = 0.005;
/// What is in the columns then.
const PLACEHOLDERS: [Option<&str>; 8] =
    [None, None, Some("1900-01-01"), None, None, Some("0000000000"), None, None];

/// The stream of random numbers of each record.
const RECORD: u64 = 101;

/// The columns that can go wrong, in the order of the bits of `missing` and `edited`.
const COLUMNS: [&str; 8] =
    ["given_name", "surname", "birth_date", "sex", "resident_id", "phone", "plate", "city"];

struct People {
    records: u64,
    seed: u64,
    population: Population,
    tables: [Table; 1],
}

impl People {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        Self { records, seed, population: Population::new(records, seed), tables: [table(records)] }
    }
}

impl System for People {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, _: usize, rows: Range<u64>) -> Result<Filled> {
        batches(&self.population, self.seed, rows, &self.tables[0])
    }

    fn persons(&self) -> Option<u64> {
        Some(persons(self.records))
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        vec![("linkrisk.toml".to_owned(), spec(self.records, self.seed, format))]
    }
}

fn table(rows: u64) -> Table {
    let field = |name: &str, kind: DataType, nullable| Field::new(name, kind, nullable);
    let mut people = vec![field("record_id", DataType::UInt64, false)];
    people.extend(COLUMNS.map(|name| field(name, DataType::Utf8, true)));
    people.push(field("person_id", DataType::UInt64, false));
    let truth = vec![
        field("record_id", DataType::UInt64, false),
        field("person_id", DataType::UInt64, false),
        field("household_id", DataType::UInt64, true),
        field("placeholder", DataType::Boolean, false),
        field("missing", DataType::UInt16, false),
        field("edited", DataType::UInt16, false),
    ];
    let distinct = ["record_id", "resident_id", "phone", "plate", "person_id", "household_id"];
    Table {
        name: "people",
        rows,
        file_rows: FILE_ROWS,
        columns: Vec::new(),
        data: Some(Arc::new(Schema::new(people))),
        truth: Arc::new(Schema::new(truth)),
        distinct: distinct.map(str::to_owned).into(),
        truncated: 0.0,
    }
}

fn batches(population: &Population, seed: u64, range: Range<u64>, table: &Table) -> Result<Filled> {
    let rows = (range.end - range.start) as usize;
    let mut values = Values::new(rows);
    let mut happened = [[0; 3]; COLUMNS.len()];
    let numbers = || UInt64Builder::with_capacity(rows);
    let (mut record_ids, mut person_ids, mut households) = (numbers(), numbers(), numbers());
    let mut placeholders = BooleanBuilder::with_capacity(rows);
    let mut missing = UInt16Builder::with_capacity(rows);
    let mut edited = UInt16Builder::with_capacity(rows);
    for record in range {
        let number = population.person_of(record);
        let person = population.person(number);
        let marks = values.append(&person, &mut Draw::new(seed, RECORD, record));
        record_ids.append_value(record);
        person_ids.append_value(number);
        households.append_option(person.household);
        placeholders.append_value(marks.placeholder);
        missing.append_value(marks.missing);
        edited.append_value(marks.edited);
        for (column, happened) in happened.iter_mut().enumerate() {
            happened[0] += u64::from(marks.missing >> column & 1);
            happened[1] += u64::from(marks.edited >> column & 1);
            happened[2] += u64::from(marks.placeholder && PLACEHOLDERS[column].is_some());
        }
    }
    let record_ids: ArrayRef = Arc::new(record_ids.finish());
    let person_ids: ArrayRef = Arc::new(person_ids.finish());
    let mut people = vec![Arc::clone(&record_ids)];
    people.extend(values.finish());
    people.push(Arc::clone(&person_ids));
    let truth: Vec<ArrayRef> = vec![
        record_ids,
        person_ids,
        Arc::new(households.finish()),
        Arc::new(placeholders.finish()),
        Arc::new(missing.finish()),
        Arc::new(edited.finish()),
    ];
    let batch = |schema: &SchemaRef, columns| {
        RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|e| Error::internal(format!("cannot build a batch: {e}")))
    };
    let data = table.data.as_ref().map(|schema| batch(schema, people)).transpose()?;
    let mut counts = Counts::new();
    for (column, happened) in COLUMNS.into_iter().zip(happened) {
        let named = ["missing", "edited", "placeholder"].into_iter().zip(happened).filter(|(_, n)| *n > 0);
        let named: BTreeMap<String, u64> = named.map(|(name, n)| (name.to_owned(), n)).collect();
        if !named.is_empty() {
            counts.insert(column.to_owned(), named);
        }
    }
    Ok(Filled { data, truth: batch(&table.truth, truth)?, counts })
}

/// What became of a record's values.
#[derive(Default)]
struct Marks {
    placeholder: bool,
    missing: u16,
    edited: u16,
}

/// The eight columns under construction.
struct Values {
    builders: [StringBuilder; 8],
    text: String,
}

impl Values {
    fn new(rows: usize) -> Self {
        Self {
            builders: std::array::from_fn(|_| StringBuilder::with_capacity(rows, rows * 18)),
            text: String::with_capacity(64),
        }
    }

    fn append(&mut self, person: &Person<'_>, draw: &mut Draw) -> Marks {
        let mut marks = Marks { placeholder: draw.chance(PLACEHOLDER_RATE), ..Marks::default() };
        for (column, name) in COLUMNS.into_iter().enumerate() {
            if let (true, Some(value)) = (marks.placeholder, PLACEHOLDERS[column]) {
                self.builders[column].append_value(value);
                continue;
            }
            if draw.chance(MISSING_RATE) {
                self.builders[column].append_null();
                marks.missing |= 1 << column;
                continue;
            }
            let rate = if name == "sex" { SEX_EDIT_RATE } else { EDIT_RATE };
            let wrong = draw.chance(rate);
            marks.edited |= u16::from(wrong) << column;
            self.text.clear();
            write_value(name, person, wrong.then_some(draw), &mut self.text);
            self.builders[column].append_value(&self.text);
        }
        marks
    }

    fn finish(self) -> impl Iterator<Item = ArrayRef> {
        self.builders.into_iter().map(|mut builder| Arc::new(builder.finish()) as ArrayRef)
    }
}

/// Writes a value, with an error where there are draws for one.
fn write_value(column: &str, person: &Person<'_>, error: Option<&mut Draw>, text: &mut String) {
    match column {
        "given_name" => text.push_str(person.given_name),
        "surname" => text.push_str(person.surname),
        "city" => text.push_str(person.city),
        "resident_id" => push_resident_id(person.resident_id, text),
        "phone" => push_phone(person.phone, text),
        "plate" => push_plate(person.plate, text),
        "sex" => text.push_str(if person.male != error.is_some() { "M" } else { "F" }),
        _ => {
            let date = person.birth_date;
            push_date(error.map_or(date, |draw| misdate(date, draw)), text);
            return;
        }
    }
    let Some(draw) = error else { return };
    match column {
        "resident_id" => mistype(text, KEPT_OF_ID, DIGITS, draw),
        "phone" => mistype(text, KEPT_OF_PHONE, DIGITS, draw),
        "plate" => misread_plate(text, KEPT_OF_PLATE, draw),
        "sex" => {}
        _ => mistype(text, 0, LETTERS, draw),
    }
}

fn spec(records: u64, seed: u64, format: Format) -> String {
    let attributes = r#"
name = { column = ["given_name", "surname"], kind = "person_name" }
born = { column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }
sex = { column = "sex", kind = "sex" }
id_no = { column = "resident_id", kind = "cn_resident_id" }
phone = { column = "phone", kind = "phone" }
car = { column = "plate", kind = "plate", scheme = "generic" }
city = { column = "city", kind = "place" }
"#;
    SpecText::new("people", "", records, seed, format)
        .source_with("people", "truth = \"person_id\"\n", attributes)
        .finish()
}
