//! The scenario `people`: the same bytes always, the stated rates, and nobody real.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt16Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use linkrisk_core::error::ErrorKind;
use linkrisk_core::runtime::Context;
use linkrisk_core::simulate::{Options, SimulateSummary, scenarios, simulate};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use xxhash_rust::xxh3::xxh3_64;

const COLUMNS: [&str; 8] =
    ["given_name", "surname", "birth_date", "sex", "resident_id", "phone", "plate", "city"];
const RECORDS: u64 = 100_000;

fn context(threads: usize) -> Context {
    Context::new(None, Some(threads), 0).expect("a context")
}

fn people(
    records: u64,
    seed: u64,
    out: &Path,
    context: &Context,
) -> linkrisk_core::error::Result<SimulateSummary> {
    simulate("people", &Options::new(records, seed), out, context)
}

fn happened(summary: &SimulateSummary, column: &str, what: &str) -> u64 {
    let errors = &summary.tables["people"].errors;
    errors.get(column).and_then(|found| found.get(what)).copied().unwrap_or(0)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn checksums(folder: &Path) -> BTreeMap<PathBuf, u64> {
    files(folder)
        .into_iter()
        .map(|path| {
            let sum = xxh3_64(&fs::read(&path).expect("bytes"));
            (path.strip_prefix(folder).expect("inside").to_owned(), sum)
        })
        .collect()
}

fn read(path: &Path) -> RecordBatch {
    let file = File::open(path).expect("a file");
    ParquetRecordBatchReaderBuilder::try_new(file)
        .expect("Parquet")
        .with_batch_size(1_000_000)
        .build()
        .expect("a reader")
        .next()
        .expect("a batch")
        .expect("readable")
}

/// One record with its truth.
struct Record {
    person: u64,
    household: Option<u64>,
    placeholder: bool,
    missing: u16,
    edited: u16,
    values: [Option<String>; 8],
}

impl Record {
    fn clean(&self, column: usize) -> Option<&str> {
        let entered = self.placeholder && matches!(COLUMNS[column], "birth_date" | "phone");
        let usable = self.edited >> column & 1 == 0 && !entered;
        self.values[column].as_deref().filter(|_| usable)
    }
}

fn population() -> &'static (SimulateSummary, Vec<Record>) {
    static POPULATION: OnceLock<(SimulateSummary, Vec<Record>)> = OnceLock::new();
    POPULATION.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let summary = people(RECORDS, 11, folder.path(), &context(2)).expect("people");
        let data = read(&folder.path().join("people/part-00000.parquet"));
        let truth = read(&folder.path().join("truth/people/part-00000.parquet"));
        assert_eq!(data.num_rows() as u64, RECORDS);
        assert_eq!(data["record_id"].as_ref(), truth["record_id"].as_ref());
        assert_eq!(data["person_id"].as_ref(), truth["person_id"].as_ref());
        let number = |name: &str| truth[name].as_primitive::<UInt64Type>();
        let mask = |name: &str| truth[name].as_primitive::<UInt16Type>();
        let records = (0..data.num_rows())
            .map(|row| Record {
                person: number("person_id").value(row),
                household: number("household_id").is_valid(row).then(|| number("household_id").value(row)),
                placeholder: truth["placeholder"].as_boolean().value(row),
                missing: mask("missing").value(row),
                edited: mask("edited").value(row),
                values: COLUMNS.map(|name| {
                    let column = data[name].as_string::<i32>();
                    column.is_valid(row).then(|| column.value(row).to_owned())
                }),
            })
            .collect();
        (summary, records)
    })
}

fn close(share: f64, stated: f64, tolerance: f64) -> bool {
    (share - stated).abs() <= tolerance
}

/// The true value of each person's column, from a record that has it without an error.
fn true_values(column: usize) -> HashMap<u64, &'static str> {
    let mut values = HashMap::new();
    for record in &population().1 {
        if let Some(value) = record.clean(column) {
            let known = values.entry(record.person).or_insert(value);
            assert_eq!(*known, value, "a person has one `{}`", COLUMNS[column]);
        }
    }
    values
}

#[test]
fn test_people_same_bytes_for_any_threads() {
    // Two files, so that there is something to do at the same time.
    const MANY: u64 = 520_000;
    let run = |threads, seed| {
        let folder = tempfile::tempdir().expect("a folder");
        let summary = people(MANY, seed, folder.path(), &context(threads)).expect("people");
        (summary, checksums(folder.path()))
    };
    let first = run(1, 3);
    assert_eq!(first.1.len(), 5);
    assert!(first.1.contains_key(Path::new("people/part-00001.parquet")));
    assert!(first.1.contains_key(Path::new("linkrisk.toml")));
    assert_eq!(first, run(2, 3));
    assert_eq!(first, run(8, 3));
    assert_ne!(first.1, run(2, 4).1);
}

#[test]
fn test_people_rates() {
    let (summary, records) = population();
    let all = RECORDS as f64;
    let placeholders = records.iter().filter(|r| r.placeholder).count();
    assert!(close(placeholders as f64 / all, 0.005, 0.001));
    assert_eq!(placeholders as u64, happened(summary, "phone", "placeholder"));
    let household = records.iter().filter(|r| r.household.is_some()).count();
    assert!(close(household as f64 / all, 0.2, 0.01));
    for (column, name) in COLUMNS.iter().enumerate() {
        let missing = records.iter().filter(|r| r.values[column].is_none()).count();
        assert!(close(missing as f64 / all, 0.1, 0.005), "{name}: {missing}");
        assert_eq!(missing as u64, happened(summary, name, "missing"));
        assert!(records.iter().all(|r| (r.missing >> column & 1 == 1) == r.values[column].is_none()));
        let truth = true_values(column);
        let known = records.iter().filter(|r| {
            r.values[column].is_some()
                && truth.contains_key(&r.person)
                && !(r.placeholder && matches!(*name, "phone" | "birth_date"))
        });
        let (mut values, mut wrong) = (0, 0);
        for record in known {
            values += 1;
            let differs = record.values[column].as_deref() != truth.get(&record.person).copied();
            assert_eq!(differs, record.edited >> column & 1 == 1, "{name}");
            wrong += u32::from(differs);
        }
        // Persons all of whose values are wrong are not seen, so the share comes out a little low.
        let stated = if *name == "sex" { 0.01 } else { 0.15 };
        assert!(close(f64::from(wrong) / f64::from(values), stated, 0.035), "{name}");
        let there = RECORDS - happened(summary, name, "missing");
        assert!(close(happened(summary, name, "edited") as f64 / there as f64, stated, 0.005), "{name}");
    }
}

#[test]
fn test_people_records_per_person() {
    let (summary, records) = population();
    let mut counts: HashMap<u64, u64> = HashMap::new();
    for record in records {
        *counts.entry(record.person).or_default() += 1;
    }
    assert_eq!(Some(counts.len() as u64), summary.persons);
    assert!(close(RECORDS as f64 / counts.len() as f64, 2.5, 0.01));
    assert_eq!(counts.values().min(), Some(&1));
    assert_eq!(counts.values().max(), Some(&6));
    let pairs: u64 = counts.values().map(|n| n * (n - 1) / 2).sum();
    assert!(close(pairs as f64 / RECORDS as f64, 1.05, 0.02));
    let neighbours = records.windows(2).filter(|w| w[0].person == w[1].person).count();
    assert!(neighbours < 20, "{neighbours}");
}

#[test]
fn test_people_households_share_what_they_share() {
    let column = |name| COLUMNS.iter().position(|c| *c == name).expect("a column");
    let members: HashMap<u64, HashSet<u64>> = population().1.iter().fold(HashMap::new(), |mut all, r| {
        if let Some(household) = r.household {
            all.entry(household).or_insert_with(HashSet::new).insert(r.person);
        }
        all
    });
    let pairs: Vec<Vec<u64>> = members.values().map(|m| m.iter().copied().collect()).collect();
    assert!(pairs.iter().all(|pair| pair.len() == 2));
    let same = |name| {
        let truth = true_values(column(name));
        let known: Vec<bool> =
            pairs.iter().filter_map(|pair| Some(truth.get(&pair[0])? == truth.get(&pair[1])?)).collect();
        known.iter().filter(|same| **same).count() as f64 / known.len() as f64
    };
    for name in ["phone", "plate", "city"] {
        assert_eq!(same(name), 1.0, "{name}");
    }
    assert!(close(same("surname"), 0.8, 0.03));
    assert!(same("birth_date") < 0.01);
    assert!(same("given_name") < 0.05);
    // Nobody else shares a phone or a plate.
    for name in ["phone", "plate"] {
        let mut owners: HashMap<&str, HashSet<u64>> = HashMap::new();
        for (person, value) in true_values(column(name)) {
            owners.entry(value).or_default().insert(person - u64::from(person % 10 == 1));
        }
        assert!(owners.values().all(|people| people.len() == 1), "{name}");
    }
}

#[test]
fn test_people_resident_ids_are_valid_and_distinct() {
    let ids = true_values(4);
    let (dates, sexes) = (true_values(2), true_values(3));
    let distinct: HashSet<&str> = ids.values().copied().collect();
    assert_eq!(distinct.len(), ids.len());
    for (person, id) in &ids {
        let digit = |c: char| {
            if c == 'X' { 10 } else { c.to_digit(10).expect("a digit") }
        };
        let sum = id.chars().fold(0, |sum, c| (sum * 2 + digit(c)) % 11);
        assert_eq!((id.len(), sum), (18, 1));
        if let Some(date) = dates.get(person) {
            assert_eq!(id[6..14], date.replace('-', ""));
        }
        if let Some(sex) = sexes.get(person) {
            assert_eq!(id.as_bytes()[16] % 2 == 1, *sex == "M");
        }
    }
}

#[test]
fn test_people_is_nobody() {
    for record in &population().1 {
        if let Some(id) = &record.values[4] {
            assert!(id.starts_with("990") && id.as_bytes()[..6].iter().all(u8::is_ascii_digit));
        }
        if let Some(phone) = &record.values[5] {
            assert!(phone.starts_with("+999") || (record.placeholder && phone == "0000000000"));
        }
        if let Some(plate) = &record.values[6] {
            assert!(plate.starts_with("ZZ") && (7..=9).contains(&plate.len()));
        }
        let date = record.values[2].as_deref();
        assert_eq!(record.placeholder, date == Some("1900-01-01"));
    }
}

#[test]
fn test_people_names_are_unequally_frequent_and_fit_the_sex() {
    let share_of_top_five = |column| {
        let mut counts: HashMap<&str, u32> = HashMap::new();
        let values = true_values(column);
        for value in values.values() {
            *counts.entry(value).or_default() += 1;
        }
        let mut counts: Vec<u32> = counts.into_values().collect();
        counts.sort_unstable_by_key(|c| std::cmp::Reverse(*c));
        f64::from(counts[..5].iter().sum::<u32>()) / values.len() as f64
    };
    assert!(close(share_of_top_five(1), 0.07, 0.01));
    let (names, sexes) = (true_values(0), true_values(3));
    let mut by_name: HashMap<&str, [f64; 2]> = HashMap::new();
    for (person, name) in &names {
        if let Some(sex) = sexes.get(person) {
            by_name.entry(name).or_default()[usize::from(*sex == "M")] += 1.0;
        }
    }
    let usual: f64 = by_name.values().map(|n| n[0].max(n[1])).sum();
    let all: f64 = by_name.values().map(|n| n[0] + n[1]).sum();
    assert!(close(usual / all, 0.97, 0.02), "{}", usual / all);
}

#[test]
fn test_people_spec_names_every_column() {
    let folder = tempfile::tempdir().expect("a folder");
    people(10, 1, folder.path(), &context(1)).expect("people");
    let spec = fs::read_to_string(folder.path().join("linkrisk.toml")).expect("a spec");
    for column in COLUMNS.iter().chain(&["record_id", "person_id", "people/*.parquet"]) {
        assert!(spec.contains(&format!("\"{column}\"")), "{column}");
    }
    assert!(spec.contains("purpose = \"test on invented people\""));
    assert!(spec.contains("controller = \"linkrisk simulator\""));
    let left: Vec<PathBuf> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().into())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn test_simulate_refuses_what_it_cannot_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let kind = |result: linkrisk_core::error::Result<SimulateSummary>| {
        let error = result.expect_err("an error");
        assert!(error.hint_text().is_some());
        error.kind()
    };
    let run = |name, records, out: &Path| simulate(name, &Options::new(records, 1), out, &context(1));
    assert_eq!(kind(run("peple", 10, folder.path())), ErrorKind::Spec);
    assert_eq!(kind(run("people", 0, folder.path())), ErrorKind::Spec);
    assert_eq!(kind(run("people", u64::MAX, folder.path())), ErrorKind::Spec);
    assert!(files(folder.path()).is_empty());
    let file = folder.path().join("notes.txt");
    fs::write(&file, "kept").expect("a file");
    assert_eq!(kind(run("people", 10, folder.path())), ErrorKind::Run);
    assert_eq!(kind(run("people", 10, &file)), ErrorKind::Run);
    assert_eq!(files(folder.path()), [file]);
}

#[test]
fn test_simulate_cancelled_leaves_nothing_in_its_place_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let context = context(2);
    let token = context.cancel.clone();
    let progress = std::sync::Arc::clone(&context.progress);
    // Cancelled while it writes, not before: the thread waits for the first batch.
    let caller = std::thread::spawn(move || {
        while progress.snapshot().done < 600_000 {
            std::thread::yield_now();
        }
        token.cancel();
    });
    let error = people(5_000_000, 1, folder.path(), &context).expect_err("cancelled");
    caller.join().expect("the caller");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let left: Vec<PathBuf> = files(folder.path());
    assert!(left.iter().all(|p| p.starts_with(folder.path().join(".partial"))), "{left:?}");
}

#[test]
fn test_scenarios_are_described() {
    let names: HashSet<&str> = scenarios().iter().map(|s| s.name).collect();
    assert_eq!(names.len(), scenarios().len());
    assert!(scenarios().iter().all(|s| !s.title.is_empty() && !s.source.is_empty()));
}
