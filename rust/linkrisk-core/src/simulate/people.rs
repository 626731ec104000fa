//! The scenario `people`: one register, 2.5 records a person.
//!
//! | file | columns |
//! |---|---|
//! | `people/part-*.parquet` | `record_id`, `given_name`, `surname`, `birth_date` (`YYYY-MM-DD`), `sex` (`F`, `M`), `resident_id`, `phone`, `plate`, `city`, `person_id` |
//! | `truth/people/part-*.parquet` | `record_id`, `person_id`, `household_id` (null for those alone), `placeholder`, `missing`, `edited` |
//! | `linkrisk.toml` | the spec, with `person_id` as its truth |
//!
//! `missing` and `edited` are bit masks over the columns from `given_name` (bit 0) to `city`
//! (bit 7). Each value is missing in 10 % of the records and has an error ([`super::errors`]) in
//! 15 % of the rest; the sex, which is ticked and not typed, in 1 %. In 0.5 % of the records
//! somebody who had to enter something entered the phone 0000000000 and the birth date 1900-01-01.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Range};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, StringBuilder, UInt16Builder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use super::SimulateSummary;
use super::draw::Draw;
use super::errors::{DIGITS, LETTERS, misdate, misread_plate, mistype};
use super::population::{
    MAX_RECORDS, Person, Population, persons, push_date, push_phone, push_plate, push_resident_id,
};
use super::write::{Output, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;

/// How often a value is missing.
const MISSING_RATE: f64 = 0.10;
/// How often a value that is there has an error.
const EDIT_RATE: f64 = 0.15;
/// The same for the sex.
const SEX_EDIT_RATE: f64 = 0.01;
/// How often a record has placeholders.
const PLACEHOLDER_RATE: f64 = 0.005;
const PLACEHOLDER_PHONE: &str = "0000000000";
const PLACEHOLDER_DATE: &str = "1900-01-01";

/// The stream of random numbers of each record.
const RECORD: u64 = 101;

/// The columns that can go wrong, in the order of the bits of `missing` and `edited`.
const COLUMNS: [&str; 8] =
    ["given_name", "surname", "birth_date", "sex", "resident_id", "phone", "plate", "city"];

/// Characters that errors leave alone, which keep a value out of every range in use.
const KEPT_OF_ID: usize = 6;
const KEPT_OF_PHONE: usize = 4;
const KEPT_OF_PLATE: usize = 2;

/// Generates `records` records of a register of people into the directory `out`.
///
/// The same bytes for the same `records` and `seed`, whatever the context's threads; the context's
/// own seed is not used. 1 to [`MAX_RECORDS`] records.
///
/// # Errors
/// [`ErrorKind::Spec`] for another number of records, [`ErrorKind::Run`] where `out` holds
/// something, [`ErrorKind::Cancelled`], [`ErrorKind::Io`], [`ErrorKind::SpillLimit`].
pub fn people(records: u64, seed: u64, out: &Path, context: &Context) -> Result<SimulateSummary> {
    if !(1..=MAX_RECORDS).contains(&records) {
        return Err(Error::new(ErrorKind::Spec, format!("cannot simulate {records} records"))
            .hint(format!("ask for 1 to {MAX_RECORDS}")));
    }
    let output = Output::claim(out)?;
    context.progress.begin("simulate", "records", Some(records));
    let population = Population::new(records, seed);
    let tables = tables();
    let (counts, written) =
        output.write(&tables, records, context, |range| batches(&population, seed, range, &tables))?;
    output.publish("linkrisk.toml", &spec(records, seed))?;
    let by_column = |values: [u64; 8]| COLUMNS.into_iter().zip(values).collect::<BTreeMap<_, _>>();
    Ok(SimulateSummary {
        scenario: "people",
        records,
        persons: persons(records),
        household_records: counts.household,
        placeholder_records: counts.placeholder,
        missing: by_column(counts.missing),
        edited: by_column(counts.edited),
        files: written.files,
        bytes: written.bytes,
    })
}

#[derive(Default)]
struct Counts {
    household: u64,
    placeholder: u64,
    missing: [u64; 8],
    edited: [u64; 8],
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.household += other.household;
        self.placeholder += other.placeholder;
        for i in 0..COLUMNS.len() {
            self.missing[i] += other.missing[i];
            self.edited[i] += other.edited[i];
        }
    }
}

fn tables() -> [Table; 2] {
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
    [
        Table {
            folder: "people",
            schema: Arc::new(Schema::new(people)),
            distinct: &["record_id", "resident_id", "phone", "plate", "person_id"],
        },
        Table {
            folder: "truth/people",
            schema: Arc::new(Schema::new(truth)),
            distinct: &["record_id", "person_id", "household_id"],
        },
    ]
}

fn batches(
    population: &Population,
    seed: u64,
    range: Range<u64>,
    tables: &[Table; 2],
) -> Result<(Vec<RecordBatch>, Counts)> {
    let rows = (range.end - range.start) as usize;
    let mut values = Values::new(rows);
    let mut counts = Counts::default();
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
        counts.household += u64::from(person.household.is_some());
        counts.placeholder += u64::from(marks.placeholder);
        for column in 0..COLUMNS.len() {
            counts.missing[column] += u64::from(marks.missing >> column & 1);
            counts.edited[column] += u64::from(marks.edited >> column & 1);
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
    let batch = |table: &Table, columns| {
        RecordBatch::try_new(Arc::clone(&table.schema), columns)
            .map_err(|e| Error::internal(format!("cannot build a batch: {e}")))
    };
    Ok((vec![batch(&tables[0], people)?, batch(&tables[1], truth)?], counts))
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
            let entered = match name {
                "birth_date" => Some(PLACEHOLDER_DATE),
                "phone" => Some(PLACEHOLDER_PHONE),
                _ => None,
            };
            if let (true, Some(value)) = (marks.placeholder, entered) {
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

fn spec(records: u64, seed: u64) -> String {
    format!(
        r#"# Invented people: scenario `people`, {records} records, seed {seed}.
purpose = "test on invented people"
controller = "linkrisk simulator"

[[sources]]
name = "people"
path = "people/*.parquet"
id = "record_id"
truth = "person_id"

[sources.attributes]
name = {{ column = ["given_name", "surname"], kind = "person_name" }}
born = {{ column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }}
sex = {{ column = "sex", kind = "sex" }}
id_no = {{ column = "resident_id", kind = "cn_resident_id" }}
phone = {{ column = "phone", kind = "phone" }}
car = {{ column = "plate", kind = "plate", scheme = "generic" }}
city = {{ column = "city", kind = "place" }}
"#
    )
}
