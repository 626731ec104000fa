//! Runs that were stopped go on where they were and come to the same, or say why they cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::run::{Outcome, files, folder, manifest, names, outcome, people, spec};
use crate::common::{context, limited};
use linkrisk_core::error::{Error, ErrorKind, Result};
use linkrisk_core::kernel::hash::{below, mix};
use linkrisk_core::pipeline::{Out, Pipeline};
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::Spec;
use serde_json::{Value, json};

type Step = fn(&mut Pipeline) -> Result<()>;

const STEPS: [Step; 6] = [
    |pipeline| pipeline.ingest(0, people().batches(1_000).into_iter().map(Ok)).map(|_| ()),
    |pipeline| pipeline.plan().map(|_| ()),
    |pipeline| pipeline.train().map(|_| ()),
    |pipeline| pipeline.link().map(|_| ()),
    |pipeline| pipeline.cluster().map(|_| ()),
    |pipeline| pipeline.assess().map(|_| ()),
];

fn tables() -> Value {
    json!({"people": {"people.parquet": {"bytes": 7, "modified": 1, "hash": "0a"}}})
}

fn open(spec: Spec, path: &Path, inputs: &Value, context: Context) -> Result<Pipeline> {
    Pipeline::begin(spec, Some(Out { path, inputs, resume: true }), context)
}

fn resume(path: &Path, context: Context) -> Pipeline {
    open(spec(|_| {}), path, &tables(), context).expect("it goes on")
}

fn refusal(spec: Spec, path: &Path, inputs: &Value) -> Error {
    let error = open(spec, path, inputs, context(1)).map(|_| ()).expect_err("it is another run");
    assert_eq!(error.kind(), ErrorKind::Run);
    assert!(error.hint_text().is_some());
    error
}

/// What a run comes to that nobody stops.
fn undisturbed() -> Outcome {
    let out = folder();
    let path = out.path().join("run");
    let mut pipeline = Pipeline::new(spec(|_| {}), Some(&path), context(2)).expect("an empty directory");
    STEPS.iter().for_each(|step| step(&mut pipeline).expect("it fits"));
    outcome(&path)
}

/// The directory as a process that is killed now would leave it.
fn killed(path: &Path, to: &Path) -> PathBuf {
    for file in files(path) {
        let target = to.join(file.strip_prefix(path).expect("a file of the run"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("room");
        fs::copy(&file, target).expect("room");
    }
    to.to_owned()
}

fn stages(path: &Path) -> Vec<Value> {
    manifest(path)["stages"].as_array().cloned().unwrap_or_default()
}

#[test]
fn test_a_run_goes_on_after_every_stage_and_repeats_none() {
    let expected = undisturbed();
    let out = folder();
    let mut pipeline = resume(&out.path().join("run"), context(2));
    for done in 0..=STEPS.len() {
        let path = killed(&out.path().join("run"), &out.path().join(format!("after-{done}")));
        fs::write(path.join(".links.parquet.7.partial"), "half").expect("room");
        let before = stages(&path);
        assert_eq!(before.len(), done);
        // Another number of threads, and so little memory that records are on disk.
        let mut again = resume(&path, limited(if done % 2 == 0 { 2_000_000 } else { 1 << 40 }, 1 + done % 3));
        if done > 0 {
            let known = again.ingest(0, std::iter::from_fn(|| panic!("it is read already")));
            assert_eq!(known.expect("it is known").records, crate::common::run::RECORDS);
        }
        STEPS[usize::from(done > 0)..].iter().for_each(|step| step(&mut again).expect("it fits"));
        assert!(outcome(&path) == expected, "after {done} stages");
        // The seconds of a stage that was repeated would be others.
        assert_eq!(stages(&path)[..done], before[..]);
        assert_eq!(stages(&path).len(), STEPS.len());
        assert!(!path.join("state").exists(), "nothing is kept of a run that is finished");
        assert!(!names(&path).iter().any(|name| name.starts_with('.')), "{:?}", names(&path));
        drop(again);
        // Once more there is nothing to do.
        let mut finished = resume(&path, context(1));
        assert_eq!(
            finished.link().expect("it is known").links,
            finished.assess().expect("it is known").links
        );
        finished.train().expect("it is known");
        if done < STEPS.len() {
            STEPS[done](&mut pipeline).expect("it fits");
        }
    }
}

#[test]
fn test_what_is_kept_is_private_and_goes_when_it_is_wanted_no_more() {
    let out = folder();
    let path = out.path().join("run");
    let mut pipeline = resume(&path, context(2));
    STEPS[..5].iter().for_each(|step| step(&mut pipeline).expect("it fits"));
    let state = path.join("state");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    let kept = files(&state);
    assert!(kept.len() >= 5, "{kept:?}");
    assert!(kept.iter().all(|file| mode(file) == 0o600));
    pipeline.finish().expect("it is wanted no more");
    assert!(!state.exists());
    drop(pipeline);
    let mut again = resume(&path, context(1));
    assert!(again.cluster().expect("it is known").persons > 0);
    let error = again.assess().expect_err("its records are gone");
    assert_eq!((error.kind(), error.hint_text().is_some()), (ErrorKind::Run, true));
}

#[test]
fn test_passes_that_were_finished_are_not_repeated_whatever_the_memory() {
    let expected = undisturbed();
    let out = folder();
    let tight = 1_950_000;
    let mut pipeline = resume(&out.path().join("run"), limited(tight, 2));
    STEPS[..3].iter().for_each(|step| step(&mut pipeline).expect("it fits"));
    let journal = out.path().join("run/state/pairs-passes");
    let cancel = pipeline.context().cancel.clone();
    let stopped = std::thread::scope(|scope| {
        scope.spawn(|| {
            while fs::metadata(&journal).map_or(0, |m| m.len()) == 0 {
                std::thread::sleep(Duration::from_micros(100));
            }
            cancel.cancel();
        });
        pipeline.link()
    });
    assert_eq!(stopped.expect_err("it was stopped").kind(), ErrorKind::Cancelled);
    pipeline.abandon();
    let done = fs::read(&journal).expect("there is a journal");
    assert!(!done.is_empty());
    for limit in [tight, 1 << 40] {
        let path = killed(&out.path().join("run"), &out.path().join(format!("limit-{limit}")));
        let mut again = resume(&path, limited(limit, 2));
        again.link().expect("it fits");
        let all = fs::read(path.join("state/pairs-passes")).expect("there is a journal");
        assert!(all.starts_with(&done) && all.len() > done.len(), "what is finished stays");
        again.assess().expect("it fits");
        assert!(outcome(&path) == expected, "{limit} bytes");
    }
}

#[test]
fn test_a_run_that_was_stopped_anywhere_goes_on() {
    let expected = undisturbed();
    for moment in 0..4 {
        let out = folder();
        let path = out.path().join("run");
        for attempt in 0.. {
            let mut pipeline = resume(&path, context(2));
            let cancel = pipeline.context().cancel.clone();
            let wait = Duration::from_micros(below(mix(moment * 64 + attempt), 200_000) << attempt.min(4));
            let result = std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(wait);
                    cancel.cancel();
                });
                STEPS.iter().try_for_each(|step| step(&mut pipeline))
            });
            if result.is_err() {
                pipeline.abandon();
                continue;
            }
            assert!(outcome(&path) == expected, "moment {moment} after {attempt} attempts");
            break;
        }
    }
}

#[test]
fn test_another_run_is_refused_with_what_differs() {
    let out = folder();
    let path = out.path().join("run");
    let mut pipeline = resume(&path, context(1));
    let in_use = refusal(spec(|_| {}), &path, &tables());
    assert!(in_use.to_string().contains("another process"), "{in_use}");
    STEPS[0](&mut pipeline).expect("it fits");
    drop(pipeline);
    let before = (names(&path), fs::read(path.join("manifest.json")).expect("it is there"));
    let error = refusal(spec(|spec| spec["linkage"] = json!({"threshold": 0.5})), &path, &tables());
    assert!(error.to_string().contains("`linkage.threshold`"), "{error}");
    let error = refusal(spec(|spec| spec["run"] = json!({"seed": 9})), &path, &tables());
    assert!(error.to_string().contains("`run.seed`"), "{error}");
    let mut changed = tables();
    changed["people"]["people.parquet"]["hash"] = json!("0b");
    let error = refusal(spec(|_| {}), &path, &changed);
    assert!(error.to_string().contains("`people.parquet` of `people` has changed (`hash`)"), "{error}");
    assert_eq!((names(&path), fs::read(path.join("manifest.json")).expect("still there")), before);
    // What a run may use may change.
    let other = spec(|spec| spec["run"] = json!({"threads": 1, "batch_size": 7}));
    open(other, &path, &tables(), context(1)).expect("it is the same run");
    let strange = out.path().join("strange");
    fs::create_dir(&strange).expect("room");
    fs::write(strange.join("mine.txt"), "mine").expect("room");
    assert!(refusal(spec(|_| {}), &strange, &tables()).to_string().contains("`mine.txt`"));
    assert_eq!(names(&strange), ["mine.txt".to_owned()].into());
}

#[test]
fn test_a_run_that_kept_nothing_begins_anew() {
    let expected = undisturbed();
    let out = folder();
    let path = out.path().join("run");
    let inputs = tables();
    let begun = Some(Out { path: &path, inputs: &inputs, resume: false });
    let mut pipeline = Pipeline::begin(spec(|_| {}), begun, context(2)).expect("an empty directory");
    STEPS[..4].iter().for_each(|step| step(&mut pipeline).expect("it fits"));
    let path = killed(&path, &out.path().join("killed"));
    assert!(!path.join("state").exists());
    let mut again = resume(&path, context(2));
    assert!(!names(&path).iter().any(|name| name.starts_with('.')), "{:?}", names(&path));
    STEPS.iter().for_each(|step| step(&mut again).expect("it fits"));
    assert!(outcome(&path) == expected);
}

#[test]
fn test_what_was_kept_and_is_damaged_is_an_error_that_names_the_file() {
    let out = folder();
    let mut pipeline = resume(&out.path().join("run"), context(2));
    STEPS[..5].iter().for_each(|step| step(&mut pipeline).expect("it fits"));
    for name in ["store", "plan", "pairs-rows", "clusters"] {
        let path = killed(&out.path().join("run"), &out.path().join(name));
        let file = path.join("state").join(name);
        let mut text = fs::read(&file).expect("it is kept");
        let middle = text.len() / 2;
        text[middle] ^= 4;
        fs::write(&file, text).expect("room");
        let error = refusal(spec(|_| {}), &path, &tables());
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}
