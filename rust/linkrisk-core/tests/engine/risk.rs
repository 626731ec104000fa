//! The tables of counts on a small store, worked out by hand.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use linkrisk_core::cluster::Forest;
use linkrisk_core::cluster::vehicles::Vehicles;
use linkrisk_core::risk::{self, Assessed, Profiles, Table};
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::Spec;
use linkrisk_core::store::ingest::Ingest;
use linkrisk_core::store::{Store, frequency};

const SPEC: &str = r#"{"sources": [
    {"name": "people", "attributes": {
        "name": {"column": ["name"], "kind": "person_name"},
        "id_no": {"column": ["id_no"], "kind": "cn_resident_id"},
        "city": {"column": ["city"], "kind": "place"},
        "post": {"column": ["post"], "kind": "category"}}},
    {"name": "parking", "attributes": {
        "car": {"column": ["car"], "kind": "plate", "scheme": "generic"},
        "gate": {"column": ["gate"], "kind": "place"}}}]}"#;

fn context() -> Context {
    Context::new(None, Some(2), 1).expect("threads start")
}

fn column(name: &'static str, values: &[Option<&str>]) -> (&'static str, ArrayRef, bool) {
    (name, Arc::new(values.iter().copied().collect::<StringArray>()), true)
}

/// Three records of people, the first two of one person, and two of one car.
fn store(context: &Context) -> Store {
    let spec = Spec::from_json(SPEC).expect("the spec is sound");
    let mut store = Store::new(&spec, context).expect("the layout fits");
    let batches = [
        vec![
            column("name", &[Some("Ada Example"), Some("Ada Example"), Some("Bob Sample")]),
            column("id_no", &[Some("990000199001010017"), None, None]),
            column("city", &[Some("Easton"), Some("Weston"), Some("Easton")]),
            column("post", &[None, None, None]),
        ],
        vec![
            column("car", &[Some("QX 1734"), Some("QX 1734")]),
            column("gate", &[Some("North"), Some("South")]),
        ],
    ];
    for (source, columns) in spec.sources.iter().zip(batches) {
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        let mut ingest = Ingest::begin(&mut store, source).expect("the source is sound");
        ingest.add(&mut store, &batch, context).expect("the batch is sound");
        ingest.finish(&mut store).expect("there are rows");
    }
    frequency::complete(&mut store, 1.0, context).expect("memory is there");
    store
}

fn texts<'a>(table: &'a Table, name: &str) -> Vec<&'a str> {
    table
        .batch
        .column_by_name(name)
        .expect("the column is there")
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect()
}

fn counts(table: &Table, name: &str) -> Vec<u64> {
    let column = table.batch.column_by_name(name).expect("the column is there");
    column.as_primitive::<UInt64Type>().values().to_vec()
}

fn profiles(store: &Store, context: &Context) -> Profiles {
    let persons = Forest::new(store.len(), context).expect("memory is there");
    persons.join(0, 1);
    let vehicles = Vehicles::find(store, &[], context).expect("memory is there");
    let quasi_identifiers = risk::default_quasi_identifiers(store);
    let assessed = Assessed { store, persons: &persons, vehicles: &vehicles, quasi_identifiers };
    Profiles::count(&assessed, 0.0, context).expect("memory is there")
}

#[test]
fn test_default_quasi_identifiers_leave_out_the_empty_and_the_place_of_an_event() {
    let store = store(&context());
    let names: Vec<&str> = risk::default_quasi_identifiers(&store)
        .into_iter()
        .map(|attribute| store.layout.attributes[attribute].name.as_str())
        .collect();
    assert_eq!(names, ["city", "id_no.birth_date", "id_no.sex", "id_no.region"]);
}

#[test]
fn test_exposure_unites_the_records_of_a_person_and_of_a_vehicle() {
    let context = context();
    let table = risk::exposure(&profiles(&store(&context), &context)).expect("the table is made");
    let units = texts(&table, "unit");
    let rows: Vec<_> =
        units.into_iter().zip(texts(&table, "modalities")).zip(counts(&table, "count")).collect();
    assert_eq!(
        rows,
        [
            (("record", "plate+location"), 2),
            (("record", "name+location"), 2),
            (("record", "id+name+demographic+location"), 1),
            (("person", "name+location"), 1),
            (("person", "id+name+demographic+location"), 1),
            (("vehicle", "plate+location"), 1),
        ]
    );
}

#[test]
fn test_linkability_counts_persons() {
    let context = context();
    let table = risk::linkability(&profiles(&store(&context), &context)).expect("the table is made");
    let from = texts(&table, "from_modality");
    let at = (0..from.len()).find(|&i| from[i] == "name" && texts(&table, "to_modality")[i] == "id");
    let at = at.expect("both modalities are there");
    let row = ["persons", "same_record", "linked"].map(|name| counts(&table, name)[at]);
    assert_eq!(row, [2, 1, 1]);
    assert!(!from.contains(&"plate"), "a plate alone is of no person");
}

#[test]
fn test_classes_and_entity_sizes() {
    let context = context();
    let profiles = profiles(&store(&context), &context);
    let classes = risk::classes(&profiles).expect("the table is made");
    assert_eq!((counts(&classes, "class_size"), counts(&classes, "persons")), (vec![1], vec![2]));
    let sizes = risk::entity_sizes(&profiles).expect("the table is made");
    assert_eq!(texts(&sizes, "subject"), ["person", "person", "vehicle"]);
    assert_eq!(counts(&sizes, "records"), [1, 2, 2]);
    assert_eq!(counts(&sizes, "entities"), [1, 1, 1]);
    assert_eq!((profiles.person_records(), profiles.person_pairs(), profiles.largest_person()), (3, 1, 2));
}

#[test]
fn test_quality_has_a_row_per_source_and_attribute() {
    let context = context();
    let table = risk::quality(&store(&context), &context).expect("the table is made");
    assert_eq!(
        texts(&table, "attribute"),
        ["name", "id_no", "city", "post", "id_no.birth_date", "id_no.sex", "id_no.region", "car", "gate"]
    );
    assert_eq!(counts(&table, "records"), [3, 3, 3, 3, 3, 3, 3, 2, 2]);
    assert_eq!(counts(&table, "valid"), [3, 1, 3, 0, 0, 0, 0, 2, 2]);
    assert_eq!(counts(&table, "blank"), [0, 2, 0, 3, 0, 0, 0, 0, 0]);
    assert_eq!(counts(&table, "derived"), [0, 0, 0, 0, 1, 1, 1, 0, 0]);
    assert_eq!(counts(&table, "distinct"), [2, 1, 2, 0, 1, 1, 1, 1, 2]);
    assert_eq!(texts(&table, "modality")[6], "location");
}
