//! Comparison vectors: the laws they obey, and the levels of values worked out by hand.

use crate::common::{PEOPLE, Rows, context, people_spec, record, resident_id, store, value};
use linkrisk_core::compare::{self, Comparer, Comparison};
use linkrisk_core::error::ErrorKind;
use linkrisk_core::spec::{LinkageSpec, Method, Spec};
use linkrisk_core::store::{PARTIAL, Store};
use proptest::prelude::*;
use serde_json::json;

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(values).prop_map(str::to_owned)
}

/// Values that are close to each other in every way a level knows.
fn a_row() -> impl Strategy<Value = Vec<String>> {
    let name = one_of(&[
        "",
        "Ada\u{1f}Example",
        "Adah\u{1f}Example",
        "Example\u{1f}Ada",
        "A\u{1f}Example",
        "Ada\u{1f}",
        "\u{1f}Example",
        "Ada Maria\u{1f}Exampel",
        "Bertram\u{1f}Sample",
        "Xiaoming\u{1f}Zhang",
        "晓明\u{1f}张",
    ]);
    let born =
        one_of(&["", "1990-02-03", "1990-03-02", "1990-02-04", "1991-02-03", "1990", "1990-02", "1955"]);
    let phone = one_of(&["", "+999555010012", "+999555010013", "+999555010021", "0555010012", "0555010019"]);
    let id = prop_oneof![
        Just(String::new()),
        (1u32..4).prop_map(|n| resident_id("19900203", n)),
        (1u32..4).prop_map(|n| format!("{}****", &resident_id("19900203", n)[..14])),
        Just("990000********0017".to_owned()),
    ];
    let city = one_of(&["", "Easton", "Eastonn", "Weston", "Eastbourne"]);
    let car = one_of(&["", "ZZ 1234", "ZZ I234", "ZZ 1284", "QX 7777"]);
    (name, born, phone, id, city, car).prop_map(|(a, b, c, d, e, f)| vec![a, b, c, d, e, f])
}

fn rows_of(rows: &[Vec<String>]) -> Rows {
    let mut table = Rows::new(&PEOPLE);
    rows.iter().for_each(|row| table.push(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    table
}

/// Specs of the default comparisons and of every other method.
fn linkages() -> impl Strategy<Value = serde_json::Value> {
    let text = |method: &str, at: &[f64]| {
        json!([
            {"attribute": "name", "method": method, "at": at},
            {"attribute": "city", "method": method, "at": at},
        ])
    };
    proptest::sample::select(vec![
        json!([]),
        text("exact", &[]),
        text("levenshtein", &[1.0, 3.0]),
        text("osa", &[1.0, 2.0]),
        text("token_set", &[0.9, 0.5]),
        text("jaro_winkler", &[0.95, 0.9, 0.8]),
        json!([{"attribute": "phone", "method": "osa", "at": [1.0, 2.0, 3.0]},
               {"attribute": "id_no", "method": "exact"},
               {"attribute": "car", "method": "exact"},
               {"attribute": "name", "method": "person_name", "term_frequency": false}]),
    ])
}

fn built(rows: &[Vec<String>], asked: &serde_json::Value) -> (Store, Vec<Comparison>) {
    let context = context(1);
    let spec = people_spec(&[false], json!({"comparisons": asked}));
    let store = store(&spec, &[rows_of(rows)], &context);
    let comparisons = compare::comparisons(&store, &spec.linkage).expect("the comparisons suit").comparisons;
    (store, comparisons)
}

fn find<'a>(comparisons: &'a [Comparison], name: &str) -> &'a Comparison {
    comparisons.iter().find(|c| c.name == name).expect("the attribute is compared")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn test_patterns_are_symmetric_and_no_memory_changes_them(
        rows in proptest::collection::vec(a_row(), 2..20),
        asked in linkages(),
    ) {
        let (store, comparisons) = built(&rows, &asked);
        let comparer = Comparer::new(&store, &comparisons);
        let mut kept = comparer.memo();
        let records: Vec<Vec<u64>> = (0..store.len()).map(|number| record(&store, number)).collect();
        for left in 0..store.len() {
            for right in 0..store.len() {
                let (a, b) = (&records[left as usize], &records[right as usize]);
                let fresh = comparer.pattern(&mut comparer.memo(), a, b);
                prop_assert_eq!(comparer.pattern(&mut kept, a, b), fresh);
                prop_assert_eq!(comparer.pattern(&mut kept, b, a), fresh);
                prop_assert!(fresh <= compare::LEVELS);
                for comparison in &comparisons {
                    let level = comparison.level(fresh);
                    prop_assert!(level < comparison.levels());
                    let values = [left, right].map(|r| {
                        let slot = store.layout.attributes[comparison.attribute].slot;
                        slot.get(&records[r as usize])
                    });
                    let missing = values.contains(&0);
                    prop_assert!(!missing || level == 0, "{} of a missing value", comparison.name);
                    // A date may lack the very part that the other has, and a mask hides digits.
                    let masked = values.iter().any(|value| value & PARTIAL != 0);
                    let hidden = masked && comparison.method != Method::IdNumber;
                    if !missing && !hidden && comparison.name != "born" {
                        prop_assert!(level != 0, "{} says nothing", comparison.name);
                    }
                }
            }
        }
    }

    #[test]
    fn test_a_record_agrees_exactly_with_itself(
        rows in proptest::collection::vec(a_row(), 1..20),
        asked in linkages(),
    ) {
        let (store, comparisons) = built(&rows, &asked);
        let comparer = Comparer::new(&store, &comparisons);
        for number in 0..store.len() {
            let words = record(&store, number);
            let pattern = comparer.pattern(&mut comparer.memo(), &words, &words);
            for comparison in &comparisons {
                let level = comparison.level(pattern);
                let row = &rows[number as usize];
                match value(&store, number, comparison.attribute) {
                    0 => prop_assert_eq!(level, 0),
                    // A masked number and a date in part are never known to be equal.
                    _ if comparison.name == "id_no" && row[3].contains('*') => {
                        let masked = if comparison.method == Method::IdNumber { 3 } else { 0 };
                        prop_assert_eq!(level, masked);
                    }
                    _ if comparison.name == "born" && row[1].len() < 10 && !row[1].is_empty() => {
                        prop_assert_eq!(level > comparison.exact, true);
                    }
                    _ => prop_assert!((1..=comparison.exact).contains(&level), "{}: {level}", comparison.name),
                }
            }
        }
    }
}

/// The label of the level that two values of one attribute have under the default comparisons.
fn level(attribute: &str, left: &str, right: &str) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let at = PEOPLE.iter().position(|name| *name == attribute).expect("an attribute");
    for value in [left, right] {
        let mut row = vec![String::new(); PEOPLE.len()];
        row[at] = value.to_owned();
        rows.push(row);
    }
    // Enough names with two parts for them to be compared by their parts.
    for given in ["Aloysius", "Quentin", "Zebulon"] {
        let mut row = vec![String::new(); PEOPLE.len()];
        row[0] = format!("{given}\u{1f}Thirdparty");
        rows.push(row);
    }
    let (store, comparisons) = built(&rows, &json!([]));
    let comparer = Comparer::new(&store, &comparisons);
    let pattern = comparer.pattern(&mut comparer.memo(), &record(&store, 0), &record(&store, 1));
    let comparison = find(&comparisons, attribute);
    comparison.labels[comparison.level(pattern)].clone()
}

#[test]
fn test_levels_of_names() {
    let name =
        |left: &str, right: &str| level("name", &left.replace('|', "\u{1f}"), &right.replace('|', "\u{1f}"));
    let order = "same words, other order or script";
    for (left, right, label) in [
        ("Ada|Example", "ADA|example", "exact"),
        ("Ada|Example", "Example|Ada", order),
        ("Xiaoming|Zhang", "晓明|张", order),
        ("Bernadette|Example", "Bernadete|Exampel", "both parts alike"),
        // Columns swapped and misspelt: no longer the same words.
        ("Bernadette|Example", "Exampel|Bernadete", "both parts alike"),
        ("Bernadette|Example", "B|Example", "both parts alike"),
        ("Bernadette|Example", "K|Example", "family name agrees, given name differs"),
        ("Bernadette|Example", "Bernadette|", "one part agrees, the other is missing"),
        ("Bernadette|Example", "|Example", "one part agrees, the other is missing"),
        ("Bernadette|Example", "Kunigunde|", "else"),
        ("Bernadette|Example", "|Wolfram", "else"),
        ("Bernadette|Example", "Bernadette|Wolfram", "given name agrees, family name differs"),
        ("Bernadette|Example", "Kunigunde|Example", "family name agrees, given name differs"),
        ("Bernadette|Example", "Kunigunde|Wolfram", "else"),
        ("", "Bernadette|Example", "null"),
    ] {
        assert_eq!(name(left, right), label, "{left} and {right}");
        assert_eq!(name(right, left), label, "{right} and {left}");
    }
}

#[test]
fn test_levels_of_numbers_dates_and_plates() {
    let id = |n: u32| resident_id("19900203", n);
    let masked = |n: u32| format!("{}****", &id(n)[..14]);
    let cases = [
        ("id_no", id(123), id(123), "exact"),
        ("id_no", id(123), id(132), "one edit"),
        ("id_no", id(123), id(124), "one edit"),
        ("id_no", id(123), id(145), "else"),
        ("id_no", id(123), masked(123), "agrees with a masked one"),
        ("id_no", masked(123), masked(123), "agrees with a masked one"),
        ("id_no", id(123), resident_id("19900204", 123)[..14].to_owned() + "****", "one edit"),
        ("phone", "+999555010012".into(), "+999555010012".into(), "exact"),
        ("phone", "+999555010012".into(), "+999555010021".into(), "edits ≤ 1"),
        ("phone", "+999555010012".into(), "+999555010131".into(), "else"),
        ("born", "1990-02-03".into(), "1990-03-02".into(), "day and month swapped"),
        ("born", "1990-02-03".into(), "1990".into(), "same year"),
        ("born", "1990-02-03".into(), "1955-07-21".into(), "else"),
        ("car", "ZZ 1234".into(), "ZZ1234".into(), "exact"),
        ("city", "Easton".into(), "Weston".into(), "else"),
    ];
    for (attribute, left, right, label) in cases {
        // A mask that disagrees in what it shows is no agreement, whatever else it hides.
        let label = if attribute == "id_no" && right.ends_with('*') && left[..14] != right[..14] {
            "else"
        } else {
            label
        };
        assert_eq!(level(attribute, &left, &right), label, "{attribute}: {left} and {right}");
    }
}

#[test]
fn test_one_wrong_digit_shows_in_numbers_without_a_country() {
    let number = 7_700_900_123u64;
    // Every digit raised by one to nine: no place and no carry is lucky.
    for place in 0..9 {
        let ten = 10u64.pow(place);
        for step in 1..10 - number / ten % 10 {
            let (left, right) = (format!("0{number}"), format!("0{}", number + step * ten));
            assert_eq!(level("phone", &left, &right), "edits ≤ 1", "{left} and {right}");
        }
    }
    assert_eq!(level("phone", "07700900123", "07700900132"), "edits ≤ 1", "neighbours swapped");
    assert_eq!(level("phone", "07700900123", "+447700900123"), "else", "a country is known or not");
    assert_eq!(level("phone", "07700900100", "07700900211"), "else");
}

#[test]
fn test_exact_agreement_is_the_weaker_the_more_frequent_the_value() {
    // A thousand records: one city in every second, others ever rarer.
    let mut rows = Vec::new();
    for i in 0..1_000u32 {
        let city = match i {
            0..500 => "Easton".to_owned(),
            500..560 => "Weston".to_owned(),
            560..570 => "Norton".to_owned(),
            570..579 => "Sutton".to_owned(),
            _ => format!("Village {i}"),
        };
        rows.push(vec![String::new(), String::new(), String::new(), String::new(), city, String::new()]);
    }
    let (store, comparisons) = built(&rows, &json!([]));
    let comparer = Comparer::new(&store, &comparisons);
    let city = find(&comparisons, "city");
    let level = |number: u32| {
        let words = record(&store, number);
        city.level(comparer.pattern(&mut comparer.memo(), &words, &words))
    };
    let levels = [0, 500, 560, 570, 579].map(level);
    assert_eq!((levels, city.exact), ([1, 2, 2, 3, 3], 3), "a tenth and more, a hundredth and more, rarer");
    // The pairs that agree, level by level, are all pairs that agree.
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let expected = pairs(500.0) + pairs(60.0) + pairs(10.0) + pairs(9.0);
    assert_eq!(city.coincidences.iter().sum::<f64>(), expected);
    assert_eq!(city.coincidences, [pairs(500.0), pairs(60.0) + pairs(10.0), pairs(9.0)]);
}

#[test]
fn test_tiers_leave_out_values_that_were_taken_out() {
    let spec =
        r#"{"sources": [{"name": "a", "attributes": {"mail": {"column": ["mail"], "kind": "email"}}}]}"#;
    let spec = Spec::from_json(spec).expect("the spec is sound");
    let mut rows = Rows::new(&["mail"]);
    (0..400).for_each(|_| rows.push(&["desk@example.org"]));
    (0..400).for_each(|i| rows.push(&[&format!("person{}@example.org", i / 2)]));
    let store = crate::common::store(&spec, &[rows], &context(1));
    assert_eq!(value(&store, 0, 0), 0, "held by more records than one person's address can be");
    let comparisons = compare::comparisons(&store, &LinkageSpec::default()).expect("they suit").comparisons;
    let mail = find(&comparisons, "mail");
    assert_eq!(mail.coincidences.iter().sum::<f64>(), 200.0, "two hundred addresses of two records each");
    assert_eq!(mail.exact, 1, "no level is for values that are no longer there");
}

#[test]
fn test_what_an_id_number_carries_can_be_compared() {
    let mut rows = Vec::new();
    for n in 1..=2 {
        let mut row = vec![String::new(); PEOPLE.len()];
        row[3] = resident_id("19900203", n);
        rows.push(row);
    }
    let (store, comparisons) = built(&rows, &json!([{"attribute": "id_no.region", "method": "exact"}]));
    let comparer = Comparer::new(&store, &comparisons);
    let pattern = comparer.pattern(&mut comparer.memo(), &record(&store, 0), &record(&store, 1));
    let region = find(&comparisons, "id_no.region");
    assert_eq!(region.labels[region.level(pattern)], "exact");
    assert_eq!(region.coincidences, [1.0]);
}

#[test]
fn test_a_method_that_does_not_suit_is_refused() {
    let context = context(1);
    for asked in [
        json!([{"attribute": "born", "method": "jaro_winkler"}]),
        json!([{"attribute": "village", "method": "exact"}]),
        json!([{"attribute": "name", "method": "jaro_winkler",
                "at": (0..300).map(|i| 1.0 - f64::from(i) / 400.0).collect::<Vec<_>>()}]),
    ] {
        let spec = people_spec(&[false], json!({"comparisons": asked}));
        let mut rows = Rows::new(&PEOPLE);
        rows.push(&["Ada Example", "1990-02-03", "", "", "Easton", ""]);
        let store = store(&spec, &[rows], &context);
        let refused = compare::comparisons(&store, &spec.linkage).map(|c| c.comparisons.len());
        assert_eq!(refused.expect_err("it does not suit").kind(), ErrorKind::Spec);
    }
}
