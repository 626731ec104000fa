//! Training on data that come from a known model: what went in has to come out.
//!
//! Pairs are not drawn one by one: the patterns of billions of pairs are what a model expects of
//! them, rounded up or down at random so that the mean is exact.

use crate::common::{Rows, context, store};
use linkrisk_core::block::Rules;
use linkrisk_core::compare::{self, Comparison, PatternCounts, RULE_SHIFT};
use linkrisk_core::error::ErrorKind;
use linkrisk_core::kernel::hash::mix;
use linkrisk_core::score::{Evidence, Model, train};
use linkrisk_core::spec::Spec;
use linkrisk_core::store::Store;
use serde_json::json;

/// An attribute, what its comparison's levels are among matches, related and unrelated pairs.
struct Trait {
    name: &'static str,
    kind: &'static str,
    comparison: (&'static str, &'static [f64]),
    matched: &'static [f64],
    related: &'static [f64],
    unrelated: &'static [f64],
}

/// Birth dates of relatives agree as those of strangers do; the model takes that for granted.
const TRAITS: [Trait; 7] = [
    Trait {
        name: "name",
        kind: "person_name",
        comparison: ("exact", &[]),
        matched: &[0.85, 0.15],
        related: &[0.02, 0.98],
        unrelated: &[0.004, 0.996],
    },
    Trait {
        name: "born",
        kind: "birth_date",
        comparison: ("exact", &[]),
        matched: &[0.9, 0.1],
        related: &[0.002, 0.998],
        unrelated: &[0.002, 0.998],
    },
    Trait {
        name: "sex",
        kind: "sex",
        comparison: ("exact", &[]),
        matched: &[0.98, 0.02],
        related: &[0.4, 0.6],
        unrelated: &[0.5, 0.5],
    },
    Trait {
        name: "phone",
        kind: "phone",
        comparison: ("osa", &[1.0]),
        matched: &[0.8, 0.1, 0.1],
        related: &[0.7, 0.05, 0.25],
        unrelated: &[0.0001, 0.0009, 0.999],
    },
    Trait {
        name: "city",
        kind: "place",
        comparison: ("jaro_winkler", &[0.9]),
        matched: &[0.8, 0.1, 0.1],
        related: &[0.9, 0.05, 0.05],
        unrelated: &[0.05, 0.05, 0.9],
    },
    Trait {
        name: "age",
        kind: "age",
        comparison: ("numeric_within", &[1.0, 3.0]),
        matched: &[0.8, 0.1, 0.05, 0.05],
        related: &[0.05, 0.1, 0.1, 0.75],
        unrelated: &[0.02, 0.04, 0.06, 0.88],
    },
    Trait {
        name: "account",
        kind: "account",
        comparison: ("exact", &[]),
        matched: &[0.7, 0.3],
        related: &[0.01, 0.99],
        unrelated: &[0.001, 0.999],
    },
];

const RULES: [&[&str]; 3] = [&["phone"], &["born", "name"], &["name", "city"]];

/// Share of pairs in which one of the two lacks the attribute, whoever they are.
const MISSING: f64 = 0.1;

const RECORDS: u32 = 100_000;
const PAIRS: f64 = 4_999_950_000.0;
const RANDOM: f64 = 400_000_000.0;

/// The levels of a trait in a class.
type Class = fn(&Trait) -> &'static [f64];

struct Known {
    comparisons: Vec<Comparison>,
    rules: Rules,
    _store: Store,
}

/// The comparisons and rules, on a store whose few records matter to none of them.
fn known() -> Known {
    let attributes: serde_json::Map<String, serde_json::Value> =
        TRAITS.iter().map(|t| (t.name.to_owned(), json!({"column": [t.name], "kind": t.kind}))).collect();
    let comparisons: Vec<serde_json::Value> = TRAITS
        .iter()
        .map(|t| {
            let (method, at) = t.comparison;
            json!({"attribute": t.name, "method": method, "at": at, "term_frequency": false})
        })
        .collect();
    let blocking: Vec<serde_json::Value> = RULES.iter().map(|on| json!({"on": on})).collect();
    let spec = json!({
        "sources": [{"name": "people", "attributes": attributes}],
        "linkage": {"comparisons": comparisons, "blocking": blocking},
    });
    let spec = Spec::from_json(&spec.to_string()).expect("the spec is sound");
    let names = spec.sources[0].attributes.keys().map(String::as_str);
    let names: Vec<&str> = names.collect();
    let mut rows = Rows::new(&TRAITS.map(|t| t.name));
    rows.push(&["Ada Example", "1990-02-03", "F", "+999555010012", "Easton", "32", "ACC-1"]);
    assert_eq!(names.len(), TRAITS.len());
    let store = store(&spec, &[rows], &context(1));
    let comparisons = compare::comparisons(&store, &spec.linkage).expect("the comparisons suit").comparisons;
    let rules = Rules::from_spec(&store, &spec.linkage.blocking).expect("the rules are sound");
    Known { comparisons, rules, _store: store }
}

fn of(name: &str) -> &'static Trait {
    TRAITS.iter().find(|t| t.name == name).expect("a trait")
}

/// Adds the patterns that `pairs` pairs of a class are expected to have; those of no rule are left
/// out where `candidates` is set.
fn expect(counts: &mut PatternCounts, known: &Known, pairs: f64, class: Class, candidates: bool) {
    let order: Vec<&Trait> = known.comparisons.iter().map(|c| of(&c.name)).collect();
    let mut levels = vec![0usize; order.len()];
    loop {
        let (mut pattern, mut shift, mut share) = (0u64, 0, 1.0);
        for ((comparison, laid), &level) in known.comparisons.iter().zip(&order).zip(&levels) {
            pattern |= (level as u64) << shift;
            shift += usize::BITS - (comparison.levels() - 1).leading_zeros();
            share *= if level == 0 { MISSING } else { (1.0 - MISSING) * class(laid)[level - 1] };
        }
        for (comparison, &level) in known.comparisons.iter().zip(&levels) {
            assert_eq!(comparison.level(pattern), level, "the pattern is packed as the engine packs it");
        }
        let agrees = |name: &&str| levels[order.iter().position(|t| t.name == *name).expect("a trait")] == 1;
        let rules = RULES
            .iter()
            .enumerate()
            .filter(|(_, on)| on.iter().all(agrees))
            .fold(0u64, |bits, (rule, _)| bits | 1 << rule);
        if !candidates || rules != 0 {
            let chance = mix(mix(pattern) ^ pairs.to_bits()) as f64 / u64::MAX as f64;
            let count = (pairs * share + chance).floor() as u64;
            if count > 0 {
                let rules = if candidates { rules } else { 0 };
                *counts.entry(pattern | rules << RULE_SHIFT).or_default() += count;
            }
        }
        let Some(at) = (0..levels.len()).find(|&at| levels[at] + 1 < known.comparisons[at].levels()) else {
            return;
        };
        levels[..at].fill(0);
        levels[at] += 1;
    }
}

/// Trains on a population of `matches` and `related` pairs.
fn trained(known: &Known, matches: f64, related: f64, threads: usize) -> Model {
    trained_among(known, matches, related, |t| t.unrelated, threads)
}

fn trained_among(known: &Known, matches: f64, related: f64, unrelated: Class, threads: usize) -> Model {
    let (mut candidates, mut random) = (PatternCounts::default(), PatternCounts::default());
    let classes: [(f64, Class); 3] =
        [(matches, |t| t.matched), (related, |t| t.related), (PAIRS - matches - related, unrelated)];
    for (pairs, class) in classes {
        expect(&mut candidates, known, pairs, class, true);
        expect(&mut random, known, pairs * RANDOM / PAIRS, class, false);
    }
    // Sums are taken over stretches of 1,024 patterns; several are needed for their order to matter.
    assert!(candidates.len() > 1_536 && random.len() > 1_536, "{} {}", candidates.len(), random.len());
    let evidence = Evidence {
        comparisons: &known.comparisons,
        rules: &known.rules,
        candidates: &candidates,
        share: 1.0,
        random: &random,
        pairs: PAIRS,
        records: RECORDS,
    };
    train(&evidence, &context(threads)).expect("there is much to learn from")
}

#[track_caller]
fn assert_close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected} ± {tolerance}");
}

fn assert_learned(model: &Model, matches: f64) {
    // Of the matches 1.1 % lack what any rule takes, and the sure ones agree on a little more than all do.
    assert_close("matches", model.matches, matches, matches * 0.04);
    assert_close("prior", model.prior, matches / PAIRS, matches * 0.04 / PAIRS);
    for comparison in &model.comparisons {
        let laid = of(&comparison.attribute);
        for (at, level) in comparison.levels.iter().enumerate() {
            let what = format!("{} {}", comparison.attribute, level.label);
            assert_close(&format!("m of {what}"), level.m, laid.matched[at], 0.01);
            assert_close(
                &format!("u of {what}"),
                level.u,
                laid.unrelated[at],
                0.01 * laid.unrelated[at] + 1e-4,
            );
            assert_close(&format!("weight of {what}"), level.weight, (level.m / level.u).log2(), 1e-12);
        }
    }
}

/// Share of the pairs that agree on a rule where each trait does with probability `agree`: 1 - P(no phone)
/// P(neither name + born nor name + city).
fn by_rules(agree: impl Fn(&str) -> f64) -> f64 {
    let by_name = agree("name") * (1.0 - (1.0 - agree("born")) * (1.0 - agree("city")));
    1.0 - (1.0 - agree("phone")) * (1.0 - by_name)
}

/// Share of the matches that some rule finds, of those that have what one takes.
fn recall() -> f64 {
    by_rules(|name| (1.0 - MISSING) * of(name).matched[0]) / by_rules(|_| 1.0 - MISSING)
}

#[test]
fn test_two_classes_are_recovered() {
    let known = known();
    let model = trained(&known, 20_000.0, 0.0, 2);
    assert_learned(&model, 20_000.0);
    assert!(!model.has_related(), "{}", model.choice.reason);
    assert!(model.comparisons.iter().flat_map(|c| &c.levels).all(|level| level.related.is_none()));
    // Sure matches agree on more rules than all do.
    assert_close("recall", model.blocking_recall, recall(), 0.02);
    assert!(model.choice.three_classes.is_some(), "both were tried: {}", model.choice.reason);
}

#[test]
fn test_strangers_with_much_in_common_are_no_relatives() {
    // More candidate pairs by chance, in which a class too many finds something to explain.
    let known = known();
    for matches in [5_000.0, 20_000.0, 80_000.0] {
        let in_common: Class = |t| if t.name == "phone" { &[0.001, 0.002, 0.997] } else { t.unrelated };
        let model = trained_among(&known, matches, 0.0, in_common, 2);
        assert!(!model.has_related(), "{matches} matches: {}", model.choice.reason);
    }
}

#[test]
fn test_households_are_no_matches_where_hardly_anybody_stands_twice() {
    let known = known();
    let model = trained(&known, 1_000.0, 400_000.0, 2);
    assert!(model.has_related(), "{}", model.choice.reason);
    assert!((500.0..2_000.0).contains(&model.matches), "{} matches", model.matches);
    for comparison in model.comparisons.iter().filter(|c| ["name", "born"].contains(&c.attribute.as_str())) {
        let last = comparison.levels.last().expect("there are levels");
        assert!(last.m <= 0.5 && last.related.is_some_and(|related| related > 0.5), "{last:?}");
    }
}

#[test]
fn test_three_classes_are_recovered() {
    let known = known();
    let model = trained(&known, 20_000.0, 100_000.0, 2);
    assert!(model.has_related(), "{}", model.choice.reason);
    assert_learned(&model, 20_000.0);
    // Relatives with different phones are lost among strangers, so there are more than are found.
    assert!((60_000.0..105_000.0).contains(&model.related), "{} related pairs", model.related);
    for comparison in model.comparisons.iter().filter(|c| !["phone", "city"].contains(&c.attribute.as_str()))
    {
        for (at, level) in comparison.levels.iter().enumerate() {
            let what = format!("{} {} among relatives", comparison.attribute, level.label);
            assert_close(
                &what,
                level.related.unwrap_or_default(),
                of(&comparison.attribute).related[at],
                0.01,
            );
        }
    }
    let choice = &model.choice;
    assert!(choice.three_classes.is_some_and(|three| three > choice.two_classes));
}

#[test]
fn test_threads_change_no_bit_of_the_model() {
    let known = known();
    let json = |threads| serde_json::to_string(&trained(&known, 20_000.0, 100_000.0, threads)).expect("JSON");
    let one = json(1);
    assert_eq!(json(2), one);
    assert_eq!(json(8), one);
}

#[test]
fn test_a_saved_model_is_read_back_bit_for_bit() {
    let known = known();
    let model = trained(&known, 20_000.0, 100_000.0, 1);
    let text = serde_json::to_string_pretty(&model).expect("JSON");
    let read = Model::from_json(&text).expect("it is a model");
    assert_eq!(read, model);
    let other = text.replacen("\"version\": 1", "\"version\": 2", 1);
    for text in ["{}", other.as_str()] {
        let error = Model::from_json(text).expect_err("it is something else");
        assert_eq!(error.kind(), ErrorKind::Run);
    }
    assert!(read.clone().fits(&known.comparisons).is_ok());
    assert!(read.fits(&known.comparisons[1..]).is_err());
}

#[test]
fn test_nothing_is_learned_from_nothing() {
    let known = known();
    let nothing = PatternCounts::default();
    let mut random = PatternCounts::default();
    expect(&mut random, &known, RANDOM, |t| t.unrelated, false);
    let evidence = Evidence {
        comparisons: &known.comparisons,
        rules: &known.rules,
        candidates: &nothing,
        share: 1.0,
        random: &random,
        pairs: PAIRS,
        records: RECORDS,
    };
    let error = train(&evidence, &context(1)).expect_err("there is no candidate pair");
    assert_eq!(error.kind(), ErrorKind::Training);
    assert!(error.hint_text().is_some());
    let evidence = Evidence { comparisons: &[], candidates: &random, ..evidence };
    assert_eq!(train(&evidence, &context(1)).expect_err("nothing is compared").kind(), ErrorKind::Training);
}
