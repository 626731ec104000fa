//! Whole runs on invented people: the same answer always, and what a run leaves on the disk.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::run::{
    ATTRIBUTES, Outcome, RECORDS, TABLES, files, folder, manifest, names, outcome, people, spec, table,
};
use crate::common::{Rows, context, limited};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use linkrisk_core::error::{Error, ErrorKind, Result};
use linkrisk_core::kernel::hash::{below, mix};
use linkrisk_core::pipeline::Pipeline;
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::Spec;
use linkrisk_core::store::run_dir::{Identity, Pending, RunDir};
use serde_json::json;

fn begin(spec: Spec, out: &Path, context: Context) -> Pipeline {
    Pipeline::new(spec, Some(out), context).expect("the directory is empty")
}

fn ingest(pipeline: &mut Pipeline, rows: &Rows, batch: usize) -> Result<()> {
    pipeline.ingest(0, rows.batches(batch).into_iter().map(Ok)).map(|_| ())
}

/// Bytes that are free after reading in, under no limit worth the name, and those that are used.
fn used_by_records() -> u64 {
    let out = folder();
    let mut pipeline = begin(spec(|_| {}), &out.path().join("run"), limited(1 << 40, 2));
    ingest(&mut pipeline, people(), 1_000).expect("sound rows");
    (1 << 40) - pipeline.context().memory.free()
}

/// Room beside the records in which a run just fits.
const TIGHT: u64 = 600_000;

#[test]
fn test_threads_batches_and_memory_change_nothing() {
    let tight = used_by_records() + TIGHT;
    let mut first: Option<Outcome> = None;
    for memory in [1 << 40, tight] {
        for threads in [1, 2, 8] {
            for batch in [1, 1_000, 65_536] {
                let out = folder();
                let path = out.path().join("run");
                let mut pipeline = begin(spec(|_| {}), &path, limited(memory, threads));
                ingest(&mut pipeline, people(), batch).expect("sound rows");
                if memory == tight {
                    let needed = RECORDS * 80;
                    assert!(pipeline.context().memory.free() / 2 < needed, "one pass is not enough");
                }
                pipeline.assess().expect("it fits");
                let here = outcome(&path);
                let first = first.get_or_insert_with(|| outcome(&path));
                assert_eq!(
                    &here.model, &first.model,
                    "{threads} threads, batches of {batch}, {memory} bytes"
                );
                assert!(here == *first, "{threads} threads, batches of {batch}, {memory} bytes");
            }
        }
    }
    let first = first.expect("there was a run");
    let rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    assert!(rows(&first.links) > 2_000, "{} links are no test", rows(&first.links));
    assert!(rows(&first.entities) as u64 >= RECORDS);
}

#[test]
fn test_a_run_writes_down_what_it_did_for_its_owner_alone() {
    let out = folder();
    let path = out.path().join("run");
    let mut pipeline = begin(spec(|_| {}), &path, context(2));
    let state = || manifest(&path)["state"].clone();
    let stages = || {
        let manifest = manifest(&path);
        let stages = manifest["stages"].as_array().expect("a list").clone();
        stages.iter().map(|s| s["stage"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((state(), stages()), (json!("running"), Vec::new()));
    ingest(&mut pipeline, people(), 1_000).expect("sound rows");
    assert_eq!((state(), stages()), (json!("running"), vec!["ingest".to_owned()]));
    let model = pipeline.train().expect("there is much to learn from");
    assert!(model.has_related(), "households share phones and plates: {}", model.choice.reason);
    pipeline.link().expect("it fits");
    assert_eq!((state(), stages().len()), (json!("running"), 4));
    pipeline.cluster().expect("it fits");
    assert_eq!((state(), stages().len()), (json!("linked"), 5));
    let summary = pipeline.assess().expect("it fits");
    assert_eq!(state(), json!("assessed"));
    assert_eq!(stages(), ["ingest", "plan", "train", "link", "cluster", "assess"]);
    assert_eq!(manifest(&path)["summary"], serde_json::to_value(&summary).expect("JSON"));
    // A stage that was done is not done again.
    assert_eq!(pipeline.assess().expect("it is there").links, summary.links);
    assert_eq!(stages().len(), 6);

    let mut expected: BTreeSet<String> = [
        "manifest.json",
        "model.json",
        "links.parquet/part-00000.parquet",
        "entities.parquet/part-00000.parquet",
    ]
    .map(str::to_owned)
    .into();
    expected.extend(TABLES.map(|name| format!("tables/{name}.parquet")));
    assert_eq!(names(&path), expected);
    for file in files(&path) {
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    for directory in [path.clone(), path.join("tables"), path.join("links.parquet")] {
        assert_eq!(fs::metadata(&directory).expect("it is there").permissions().mode() & 0o777, 0o700);
    }
    let text = fs::read_to_string(path.join("manifest.json")).expect("there is a manifest");
    let value = people().rows[0][1].as_deref().unwrap_or("no such name").replace('\u{1f}', " ");
    assert!(!text.contains(&value), "no value of the data is in the manifest");
}

#[test]
fn test_the_rows_of_entities_are_those_of_the_source() {
    let out = folder();
    let path = out.path().join("run");
    let mut pipeline = begin(spec(|_| {}), &path, context(2));
    ingest(&mut pipeline, people(), 1_000).expect("sound rows");
    let summary = pipeline.cluster().expect("it fits");
    let (mut records, mut persons) = (BTreeSet::new(), BTreeSet::new());
    for batch in table(&path, "entities.parquet") {
        let column = |name: &str| batch.column_by_name(name).expect("the column is there");
        let (record, entity) = (column("record").as_primitive::<UInt64Type>(), column("entity_id"));
        let subject = column("subject").as_any_dictionary();
        let subjects = subject.values().as_string::<i32>();
        let keys = subject.normalized_keys();
        for (row, &key) in keys.iter().enumerate() {
            let own = &people().rows[record.value(row) as usize];
            assert_eq!(Some(column("id").as_string::<i32>().value(row)), own[0].as_deref());
            if subjects.value(key) == "person" {
                assert!(records.insert(record.value(row)), "a record is of one person");
                persons.insert(entity.as_primitive::<UInt64Type>().value(row));
            }
        }
    }
    assert_eq!(persons.len() as u64, summary.persons);
    // Two and a half records a person, found again but for the worst.
    assert!((1_900..2_400).contains(&summary.persons), "{} persons", summary.persons);
}

#[test]
fn test_without_purpose_no_record_is_written() {
    let out = folder();
    let path = out.path().join("run");
    let mut pipeline = begin(spec(|spec| spec["purpose"] = json!(" ")), &path, context(2));
    ingest(&mut pipeline, people(), 1_000).expect("sound rows");
    let hidden = |name: &String| name.starts_with('.');
    assert!(!names(&path).iter().any(hidden), "ids are not kept: {:?}", names(&path));
    pipeline.cluster().expect("it fits");
    assert_eq!(names(&path), ["manifest.json", "model.json"].map(str::to_owned).into());
}

#[test]
fn test_a_used_directory_is_refused_and_left_alone() {
    let out = folder();
    let path = out.path().join("run");
    drop(begin(spec(|_| {}), &path, context(1)));
    let before = fs::read(path.join("manifest.json")).expect("there is a manifest");
    let refuse = |path: &Path| {
        Pipeline::new(spec(|_| {}), Some(path), context(1)).map(|_| ()).expect_err("it is in use").kind()
    };
    assert_eq!(refuse(&path), ErrorKind::Run);
    assert_eq!(fs::read(path.join("manifest.json")).expect("still there"), before);
    let other = out.path().join("other");
    fs::create_dir(&other).expect("a folder");
    fs::write(other.join("mine.txt"), "mine").expect("a file");
    assert_eq!(refuse(&other), ErrorKind::Run);
    assert_eq!(names(&other), ["mine.txt".to_owned()].into());
}

#[test]
fn test_a_pending_file_has_its_name_only_when_it_is_whole() {
    let out = folder();
    let pending = Pending::create(out.path(), "table").expect("room");
    assert_eq!(names(out.path()).len(), 1);
    assert!(!out.path().join("table").exists());
    drop(pending);
    assert!(names(out.path()).is_empty(), "what is given up is removed");
    Pending::create(out.path(), "table").expect("room").commit().expect("room");
    assert_eq!(names(out.path()), ["table".to_owned()].into());
    // What is there stays as it was until the new one is whole.
    let nothing = json!({});
    let identity = Identity { spec: &nothing, spec_hash: 1, seed: 1, inputs: &nothing };
    let run = RunDir::create(&out.path().join("run"), identity).expect("an empty directory");
    run.write("model.json", b"old").expect("room");
    drop(Pending::create(run.path(), "model.json").expect("room"));
    assert_eq!(fs::read(run.path().join("model.json")).expect("it is there"), b"old");
}

#[test]
fn test_a_folder_to_spill_into_is_tried_before_the_work_and_swept() {
    let out = folder();
    let into = |folder: &Path| {
        spec(|spec| spec["run"] = json!({"spill_dir": folder.to_str().expect("a plain path")}))
    };
    fs::write(out.path().join("file"), "mine").expect("room");
    let run = out.path().join("run");
    let refused = Pipeline::new(into(&out.path().join("file")), Some(&run), context(1)).map(|_| ());
    assert_eq!(refused.expect_err("a file is no folder").kind(), ErrorKind::Io);
    assert!(!run.exists());
    let spilled = out.path().join("spilled");
    let stale = spilled.join("linkrisk-4294967295-1-1");
    fs::create_dir_all(&stale).expect("room");
    let pipeline = begin(into(&spilled), &run, context(1));
    assert!(!stale.exists(), "what a dead process left is swept");
    assert_eq!(pipeline.context().spill.base(), spilled);
    drop(pipeline);
    let pipeline = begin(spec(|_| {}), &out.path().join("second"), context(1));
    assert_eq!(pipeline.context().spill.base(), out.path().join("second"));
}

type Step = fn(&mut Pipeline) -> Result<()>;

const STEPS: [(&str, Step); 6] = [
    ("ingest", |pipeline| ingest(pipeline, people(), 200)),
    ("plan", |pipeline| pipeline.plan().map(|_| ())),
    ("train", |pipeline| pipeline.train().map(|_| ())),
    ("link", |pipeline| pipeline.link().map(|_| ())),
    ("cluster", |pipeline| pipeline.cluster().map(|_| ())),
    ("assess", |pipeline| pipeline.assess().map(|_| ())),
];

/// The files that are there once `steps` steps are done.
fn files_after(steps: usize) -> BTreeSet<String> {
    let mut files = BTreeSet::from(["manifest.json".to_owned()]);
    // The sources' own ids are hidden, and gone once the entities are written.
    files.extend((1..5).contains(&steps).then(|| ".ids-0.parquet".to_owned()));
    files.extend((steps >= 3).then(|| "model.json".to_owned()));
    files.extend((steps >= 4).then(|| "links.parquet/part-00000.parquet".to_owned()));
    files.extend((steps >= 5).then(|| "entities.parquet/part-00000.parquet".to_owned()));
    files.extend(TABLES.iter().filter(|_| steps >= 6).map(|name| format!("tables/{name}.parquet")));
    files
}

#[test]
fn test_a_run_that_is_cancelled_leaves_nothing_in_halves() {
    people();
    let mut took = [Duration::ZERO; STEPS.len()];
    let out = folder();
    let mut pipeline = begin(spec(|_| {}), &out.path().join("whole"), context(2));
    for ((_, step), took) in STEPS.iter().zip(&mut took) {
        let started = Instant::now();
        step(&mut pipeline).expect("it fits");
        *took = started.elapsed();
    }
    for (at, (name, step)) in STEPS.iter().enumerate() {
        for moment in 0..3u64 {
            let path = out.path().join(format!("{name}-{moment}"));
            let mut pipeline = begin(spec(|_| {}), &path, context(2));
            for (_, before) in &STEPS[..at] {
                before(&mut pipeline).expect("it fits");
            }
            assert_eq!(names(&path), files_after(at), "before {name}");
            let cancel = pipeline.context().cancel.clone();
            // The first time before the step begins, then anywhere in it.
            let wait = took[at].mul_f64(below(mix(at as u64 * 8 + moment), 900) as f64 / 1_000.0);
            let result = if moment == 0 {
                cancel.cancel();
                step(&mut pipeline)
            } else {
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        std::thread::sleep(wait);
                        cancel.cancel();
                    });
                    step(&mut pipeline)
                })
            };
            match result {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Cancelled, "{name}: {error}");
                    assert_eq!(names(&path), files_after(at), "{name} was cancelled after {wait:?}");
                    assert_eq!(manifest(&path)["stages"].as_array().map(Vec::len), Some(at));
                }
                Ok(()) => {
                    assert_ne!(moment, 0, "{name} went on although it was cancelled before");
                    assert_eq!(names(&path), files_after(at + 1), "{name} was done in time");
                }
            }
            drop(pipeline);
            let hidden: Vec<String> = names(&path).into_iter().filter(|n| n.starts_with('.')).collect();
            assert!(hidden.is_empty(), "{hidden:?} outlived a run that was cancelled in {name}");
        }
    }
}

/// What reading in people with these ids comes to.
fn with_ids(ids: &[&str], batch: usize) -> (Error, BTreeSet<String>) {
    let out = folder();
    let path = out.path().join("run");
    let mut rows = Rows::new(&ATTRIBUTES);
    ids.iter().for_each(|id| rows.push(&[id, "Ada Example", "", "", "", "", "", ""]));
    let mut pipeline = begin(spec(|_| {}), &path, context(2));
    let error = ingest(&mut pipeline, &rows, batch).expect_err("the ids are at fault");
    (error, names(&path))
}

#[test]
fn test_ids_that_are_missing_or_twice_are_refused_by_row() {
    for batch in [1, 3, 100] {
        for (ids, message, rows, row) in [
            (["a1", "b2", "secret7", "d4", "e5", "secret7", "e5"], "4 rows that share an id", "4", "2"),
            (["a1", "secret7", "", "secret7", "", "f6", ""], "3 rows without an id", "3", "2"),
        ] {
            let (error, files) = with_ids(&ids, batch);
            assert_eq!(error.kind(), ErrorKind::Record);
            let text = error.to_string();
            assert!(text.contains(message) && !text.contains("secret"), "{text}");
            assert!(!text.contains("share") || text.contains("rows 2 and 5"), "{text}");
            let detail = |name: &str| {
                let found = error.details().iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            assert_eq!((detail("count").as_str(), detail("row").as_str()), (rows, row));
            assert_eq!(files, ["manifest.json".to_owned()].into(), "ids are not left behind");
        }
    }
}

#[test]
fn test_a_source_that_failed_is_not_read_again() {
    let mut pipeline = Pipeline::new(spec(|_| {}), None, context(1)).expect("a sound spec");
    let mut rows = Rows::new(&ATTRIBUTES);
    rows.push(&["a", "Ada Example", "", "", "", "", "", ""]);
    rows.push(&["a", "Ada Example", "", "", "", "", "", ""]);
    assert_eq!(ingest(&mut pipeline, &rows, 1).expect_err("an id twice").kind(), ErrorKind::Record);
    rows.rows.pop();
    // Its first rows are in the store: read again, they would count twice.
    assert_eq!(ingest(&mut pipeline, &rows, 1).expect_err("too late").kind(), ErrorKind::Run);
}

#[test]
fn test_a_saved_model_gives_the_same_links() {
    let out = folder();
    let (first, second) = (out.path().join("first"), out.path().join("second"));
    let mut pipeline = begin(spec(|_| {}), &first, context(2));
    ingest(&mut pipeline, people(), 1_000).expect("sound rows");
    pipeline.cluster().expect("it fits");
    let model = first.join("model.json");
    let again = spec(|spec| spec["linkage"] = json!({"model": model.to_str().expect("a plain path")}));
    let mut pipeline = begin(again, &second, context(2));
    ingest(&mut pipeline, people(), 1_000).expect("sound rows");
    pipeline.cluster().expect("it fits");
    assert_eq!(fs::read(second.join("model.json")).ok(), fs::read(&model).ok());
    for name in ["links.parquet", "entities.parquet"] {
        assert!(table(&first, name) == table(&second, name), "{name} differs");
    }
}

#[test]
fn test_a_threshold_beyond_probability_is_refused() {
    for threshold in [-0.1, 1.1] {
        let spec = spec(|spec| spec["linkage"] = json!({"threshold": threshold}));
        let error = Pipeline::new(spec, None, context(1)).map(|_| ()).expect_err("no probability");
        assert_eq!(error.kind(), ErrorKind::Spec);
    }
}

#[test]
fn test_memory_that_is_too_little_is_refused_by_name() {
    let out = folder();
    let mut pipeline = begin(spec(|_| {}), &out.path().join("run"), limited(100_000, 2));
    let error = ingest(&mut pipeline, people(), 1_000).expect_err("five thousand records are more");
    assert_eq!(error.kind(), ErrorKind::MemoryLimit);
    assert!(
        error.to_string().contains("packed records") || error.to_string().contains("dictionaries"),
        "{error}"
    );
}
