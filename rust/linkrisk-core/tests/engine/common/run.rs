//! Whole runs on invented people, and everything that they come to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use linkrisk_core::simulate;
use linkrisk_core::spec::Spec;
use linkrisk_core::store::parquet::TableReader;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Rows, context};

pub const RECORDS: u64 = 5_000;
pub const ATTRIBUTES: [&str; 8] = ["__id", "name", "born", "sex", "id_no", "phone", "car", "city"];

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A register of invented people, written by the simulator and read back.
pub fn people() -> &'static Rows {
    static PEOPLE: OnceLock<Rows> = OnceLock::new();
    PEOPLE.get_or_init(|| {
        let folder = folder();
        let options = simulate::Options::new(RECORDS, 7);
        simulate::simulate("people", &options, folder.path(), &context(2)).expect("room on the disk");
        let mut rows = Rows::new(&ATTRIBUTES);
        for file in files(&folder.path().join("people")) {
            read(&file).iter().for_each(|batch| append(&mut rows, batch));
        }
        assert_eq!(rows.rows.len() as u64, RECORDS);
        rows
    })
}

fn append(rows: &mut Rows, batch: &RecordBatch) {
    let column = |name: &str| batch.column_by_name(name).expect("the column is there");
    let text = |name: &str, row: usize| {
        let column = column(name).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    for row in 0..batch.num_rows() {
        let name = match (text("given_name", row), text("surname", row)) {
            (None, None) => None,
            (given, family) => {
                Some(format!("{}\u{1f}{}", given.unwrap_or_default(), family.unwrap_or_default()))
            }
        };
        let id = column("record_id").as_primitive::<UInt64Type>().value(row);
        let rest = ["birth_date", "sex", "resident_id", "phone", "plate", "city"].map(|name| text(name, row));
        rows.rows.push([Some(format!("R{id}")), name].into_iter().chain(rest).collect());
    }
}

pub fn spec(change: impl FnOnce(&mut Value)) -> Spec {
    let mut spec = json!({
        "purpose": "test on invented people",
        "controller": "linkrisk tests",
        "sources": [{"name": "people", "id": "record_id", "attributes": {
            "name": {"column": ["given_name", "surname"], "kind": "person_name"},
            "born": {"column": ["birth_date"], "kind": "birth_date", "format": "%Y-%m-%d"},
            "sex": {"column": ["sex"], "kind": "sex"},
            "id_no": {"column": ["resident_id"], "kind": "cn_resident_id"},
            "phone": {"column": ["phone"], "kind": "phone"},
            "car": {"column": ["plate"], "kind": "plate", "scheme": "generic"},
            "city": {"column": ["city"], "kind": "place"},
        }}],
    });
    change(&mut spec);
    Spec::from_json(&spec.to_string()).expect("the spec is sound")
}

/// Every file under `folder`, hidden ones too.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub fn names(folder: &Path) -> BTreeSet<String> {
    let name = |path: &PathBuf| {
        let inside = path.strip_prefix(folder).expect("a file of the folder");
        inside.to_str().expect("plain names").to_owned()
    };
    files(folder).iter().map(name).collect()
}

pub fn table(out: &Path, name: &str) -> Vec<RecordBatch> {
    let path = out.join(name);
    let mut parts = if path.is_dir() { files(&path) } else { vec![path] };
    parts.sort();
    parts.iter().flat_map(|part| read(part)).collect()
}

/// The row groups of a Parquet file.
fn read(path: &Path) -> Vec<RecordBatch> {
    let table = TableReader::open(path).expect("a Parquet file");
    (0..table.row_groups()).map(|group| table.row_group(group).expect("a row group")).collect()
}

pub fn manifest(out: &Path) -> Value {
    let text = fs::read_to_string(out.join("manifest.json")).expect("there is a manifest");
    serde_json::from_str(&text).expect("it is JSON")
}

pub const TABLES: [&str; 9] = [
    "attributes",
    "blocking",
    "classes",
    "comparisons",
    "entity_sizes",
    "exposure",
    "linkability",
    "match_weights",
    "related",
];

/// Everything that a run came to, as it is on the disk.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub model: String,
    pub summary: Value,
    pub links: Vec<RecordBatch>,
    pub entities: Vec<RecordBatch>,
    pub tables: Vec<Vec<RecordBatch>>,
}

pub fn outcome(out: &Path) -> Outcome {
    Outcome {
        model: fs::read_to_string(out.join("model.json")).expect("there is a model"),
        summary: manifest(out)["summary"].clone(),
        links: table(out, "links.parquet"),
        entities: table(out, "entities.parquet"),
        tables: TABLES.map(|name| table(out, &format!("tables/{name}.parquet"))).into(),
    }
}
