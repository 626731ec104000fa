//! Every simulated system: the same bytes however it is made, and the rates that it states.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use arrow_array::{Array, RecordBatch};
use linkrisk_core::error::{ErrorKind, Result};
use linkrisk_core::runtime::Context;
use linkrisk_core::simulate::{
    Format, Kind, Options, SimulateSummary, Templates, scenarios, simulate, tables,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

const RECORDS: u64 = 100_000;

fn context(threads: usize) -> Context {
    Context::new(None, Some(threads), 0).expect("a context")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn checksums(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let sum = |path: PathBuf| {
        let sum = xxh3_64(&fs::read(&path).expect("bytes"));
        (path.strip_prefix(folder).expect("inside").to_owned(), sum)
    };
    files(folder).into_iter().map(sum).collect()
}

fn read(folder: &Path) -> Vec<RecordBatch> {
    let open = |path| {
        let file = File::open(path).expect("a file");
        ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").build().expect("a reader")
    };
    files(folder).iter().flat_map(open).map(|batch| batch.expect("a batch")).collect()
}

fn nulls(batches: &[RecordBatch], column: &str) -> u64 {
    batches.iter().map(|b| b.column_by_name(column).expect("a column").null_count() as u64).sum()
}

#[test]
fn test_systems_have_the_same_bytes_for_any_threads() {
    for scenario in scenarios() {
        let run = |threads, seed| {
            let folder = folder();
            let options = Options::new(20_000, seed);
            let summary = simulate(scenario.name, &options, folder.path(), &context(threads)).expect("made");
            (summary, checksums(folder.path()))
        };
        let first = run(1, 3);
        assert_eq!(first, run(8, 3), "{}", scenario.name);
        assert_ne!(first.1, run(2, 4).1, "{}", scenario.name);
        assert_eq!(first.0.records, 20_000);
        for table in scenario.tables {
            assert!(first.0.tables[*table].records > 0, "{table}");
            assert!(first.1.keys().any(|path| path.starts_with(table)));
            assert!(first.1.keys().any(|path| path.starts_with(Path::new("truth").join(table))));
        }
    }
}

#[test]
fn test_shares_make_the_same_bytes_alone_and_together() {
    // More than one part of two tables.
    const MANY: u64 = 2_100_000;
    let run = |share, out: &Path| -> SimulateSummary {
        let options = Options { share, ..Options::new(MANY, 5) };
        simulate("xinai", &options, out, &context(2)).expect("made")
    };
    let whole = folder();
    let summary = run((1, 1), whole.path());
    let expected = checksums(whole.path());
    assert!(expected.contains_key(Path::new("gate_events/part-00002.parquet")));

    // The last share alone makes its parts, and nothing is in its place.
    let shared = folder();
    assert!(run((3, 3), shared.path()).missing_parts > 0);
    let partial = shared.path().join(".partial");
    let made = checksums(&partial);
    let data: Vec<_> = made.iter().filter(|(p, _)| p.extension().is_some_and(|e| e == "parquet")).collect();
    assert!(data.len() > 2 && data.iter().all(|(path, sum)| expected[*path] == **sum));
    assert_eq!(fs::read_dir(shared.path()).expect("a folder").count(), 1);

    // Whoever makes the last part ends the work, and makes no part again.
    let changed =
        |path: &Path| -> SystemTime { fs::metadata(path).expect("a file").modified().expect("a time") };
    let before = changed(&partial.join(data[0].0));
    assert!(run((1, 3), shared.path()).missing_parts > 0);
    assert_eq!(run((1, 1), shared.path()), summary);
    assert_eq!(checksums(shared.path()), expected);
    assert_eq!(changed(&shared.path().join(data[0].0)), before);
}

#[test]
fn test_realised_rates_are_the_stated_ones() {
    for scenario in scenarios().iter().filter(|s| s.name != "people") {
        let options = Options::new(RECORDS, 7);
        let folder = folder();
        let summary = simulate(scenario.name, &options, folder.path(), &context(2)).expect("made");
        for table in tables(scenario.name, &options).expect("tables") {
            let Some(written) = summary.tables.get(table.name) else { continue };
            let data = read(&folder.path().join(table.name));
            for column in table.columns.iter().filter(|c| !c.rates.is_empty()) {
                let none = BTreeMap::new();
                let found = written.errors.get(column.name).unwrap_or(&none);
                let count = |what| found.get(what).copied().unwrap_or(0);
                // Records that have no such value are no part of it.
                let gone = count("missing") + count("truncated");
                let values = (written.records - nulls(&data, column.name) + gone) as f64;
                for (slip, stated) in column.rates {
                    let share = count(slip.name()) as f64 / values;
                    // Five standard deviations; plates are read by cameras of three kinds, of which a
                    // small city has few.
                    let noise = 5.0 * (stated * (1.0 - stated) / values).sqrt();
                    let cameras = if column.name == "plate" { 0.02 } else { 0.0 };
                    assert!(
                        (share - stated).abs() < noise + cameras + table.truncated,
                        "{} {} {} {slip:?}: {share} and not {stated}",
                        scenario.name,
                        table.name,
                        column.name
                    );
                }
                let known: Vec<&str> = column.rates.iter().map(|(slip, _)| slip.name()).collect();
                assert!(found.keys().all(|what| what == "truncated" || known.contains(&what.as_str())));
            }
        }
    }
}

#[test]
fn test_persons_are_those_of_the_truth() {
    for scenario in scenarios().iter().filter(|s| s.name != "people") {
        let folder = folder();
        let options = Options::new(RECORDS, 3);
        let summary = simulate(scenario.name, &options, folder.path(), &context(2)).expect("made");
        let mut persons = std::collections::HashSet::new();
        for table in scenario.tables {
            for batch in read(&folder.path().join("truth").join(table)) {
                let column = batch.column_by_name("person_id").expect("a column");
                let column = column.as_any().downcast_ref::<arrow_array::UInt64Array>().expect("numbers");
                persons.extend(column.iter().flatten());
            }
        }
        if let Some(stated) = summary.persons {
            assert_eq!(persons.len() as u64, stated, "{}", scenario.name);
        }
    }
}

#[test]
fn test_every_format_holds_the_same_records() {
    for scenario in scenarios() {
        for format in [Format::Csv, Format::Ndjson] {
            let folder = folder();
            let options = Options { format, truth: false, ..Options::new(2_000, 3) };
            let summary = simulate(scenario.name, &options, folder.path(), &context(2)).expect("made");
            assert!(!folder.path().join("truth").exists());
            let lines = |path: &PathBuf| fs::read_to_string(path).expect("UTF-8").lines().count() as u64;
            for (name, table) in &summary.tables {
                let found: u64 = files(&folder.path().join(name)).iter().map(lines).sum();
                assert_eq!(found, table.records + u64::from(format == Format::Csv), "{name}");
            }
            let spec = fs::read_to_string(folder.path().join("linkrisk.toml")).expect("a spec");
            assert!(spec.contains(&format!("/*.{}\"", format.name())));
        }
    }
}

#[test]
fn test_templates_are_there_where_they_are_asked_for() {
    let mut with_templates = 0;
    for scenario in scenarios() {
        for templates in [Templates::Int8, Templates::F16, Templates::F32] {
            let folder = folder();
            let options = Options { templates, ..Options::new(2_000, 3) };
            let made = simulate(scenario.name, &options, folder.path(), &context(2));
            let shapes = tables(scenario.name, &options).expect("tables");
            let columns: Vec<_> = shapes
                .iter()
                .flat_map(|t| t.columns.iter().map(move |c| (t.name, c)))
                .filter(|(_, c)| matches!(c.kind, Kind::Array(_)))
                .collect();
            if columns.is_empty() {
                assert_eq!(made.expect_err("no templates").kind(), ErrorKind::Spec);
                continue;
            }
            made.expect("made");
            with_templates += 1;
            for (table, column) in columns {
                let data = read(&folder.path().join(table));
                let rows: usize = data.iter().map(RecordBatch::num_rows).sum();
                assert!(rows > 0 && nulls(&data, column.name) < rows as u64);
            }
            let spec = fs::read_to_string(folder.path().join("linkrisk.toml")).expect("a spec");
            assert!(spec.contains("kind = \"face\""));
        }
    }
    assert!(with_templates >= 6);
}

#[test]
fn test_what_cannot_be_made_is_refused_before_anything_is_written() {
    let kind = |result: Result<SimulateSummary>| {
        let error = result.expect_err("an error");
        assert!(error.hint_text().is_some());
        error.kind()
    };
    let folder = folder();
    let out = folder.path().join("out");
    let run = |options: &Options| simulate("xinai", options, &out, &context(1));
    let options = Options::new(1_000, 1);
    for share in [(0, 2), (3, 2), (1, 0)] {
        assert_eq!(kind(run(&Options { share, ..options.clone() })), ErrorKind::Spec);
    }
    assert_eq!(kind(run(&Options::new(99, 1))), ErrorKind::Spec);
    let csv = Options { format: Format::Csv, templates: Templates::Int8, ..options.clone() };
    assert_eq!(kind(run(&csv)), ErrorKind::Spec);
    assert!(!out.exists());
    // What another call began is not mixed with this one.
    run(&Options { share: (1, 2), ..options.clone() }).expect("half");
    assert_eq!(kind(run(&Options::new(1_000, 2))), ErrorKind::Run);
    assert_eq!(run(&options).expect("the rest").missing_parts, 0);
    assert_eq!(kind(run(&options)), ErrorKind::Run);
}

#[test]
fn test_aadhaars_and_ssns_are_distinct_and_read_as_synthetic_alone() {
    use linkrisk_core::normalise::Outcome;
    use linkrisk_core::normalise::identifier::{Range, aadhaar, us_ssn};
    use linkrisk_core::simulate::identifiers::{MADE_UP_SSNS, push_aadhaar, push_ssn};
    let mut seen = std::collections::HashSet::new();
    for index in (0..3_000).chain(MADE_UP_SSNS - 3_000..MADE_UP_SSNS) {
        let (mut number, mut ssn) = (String::new(), String::new());
        push_aadhaar(index, 77, &mut number);
        push_ssn(index, 77, &mut ssn);
        assert_eq!(aadhaar(&number, Range::Synthetic).0, Outcome::Valid, "{number}");
        assert_eq!(aadhaar(&number, Range::Issued).0, Outcome::Invalid, "{number}");
        assert_eq!(us_ssn(&ssn, Range::Synthetic).0, Outcome::Valid, "{ssn}");
        assert_eq!(us_ssn(&ssn, Range::Issued).0, Outcome::Invalid, "{ssn}");
        assert!(seen.insert(number) && seen.insert(ssn));
    }
}
