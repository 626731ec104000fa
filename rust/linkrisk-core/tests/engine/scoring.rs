//! Weights of patterns where templates tell what pairs that other attributes link are worth.

use crate::common::{PEOPLE, Rows, context, people_spec, store};
use linkrisk_core::compare::{self, Comparison};
use linkrisk_core::score::Scorer;
use linkrisk_core::score::model::{
    ChanceSource, ComparisonModel, GenuineSource, LevelModel, Model, Source, TemplateModel,
};
use proptest::prelude::*;
use serde_json::json;

const PAIRS: f64 = 1e9;
const MATCHES: f64 = 1e3;

/// A model of linked pairs of which one in a hundred is of one person.
const HOUSEHOLDS: Option<[f64; 2]> = Some([1_000.0, 10.0]);

/// Comparisons of people, and a model in which all say the same: agreement 0.9 among matches and 0.001 else. The
/// city stands for a template of which strangers are as alike once in a thousand galleries.
fn judged(linked: Option<[f64; 2]>) -> (Vec<Comparison>, Model) {
    let context = context(1);
    let spec = people_spec(&[false], json!({}));
    let mut table = Rows::new(&PEOPLE);
    table.push(&["Ada\u{1f}Example", "1990-02-03", "+999555010012", "", "Easton", "ZZ 1234"]);
    table.push(&["Ben\u{1f}Sample", "1991-02-03", "+999555010013", "", "Weston", "ZZ 1235"]);
    let store = store(&spec, &[table], &context);
    let comparisons = compare::comparisons(&store, &spec.linkage).expect("they suit").comparisons;
    let mut model = Model::of_nobody(PAIRS);
    model.matches = MATCHES;
    model.comparisons = comparisons
        .iter()
        .map(|compared| {
            let others = (compared.levels() - 2) as f64;
            let levels = compared.labels[1..].iter().enumerate().map(|(at, label)| {
                let (m, u) = if at == 0 { (0.9, 0.001) } else { (0.1 / others, 0.999 / others) };
                let (m_source, u_source) = (Source::Em, ChanceSource::RandomPairs);
                LevelModel {
                    label: label.clone(),
                    m,
                    u,
                    related: None,
                    weight: (m / u).log2(),
                    m_source,
                    u_source,
                }
            });
            ComparisonModel { attribute: compared.name.clone(), levels: levels.collect() }
        })
        .collect();
    let levels = model.comparisons.iter().find(|c| c.attribute == "city").map_or(0, |c| c.levels.len());
    model.templates.push(TemplateModel {
        attribute: "city".to_owned(),
        positions: vec!["city".to_owned()],
        templates: 1_000,
        pairs: Vec::new(),
        strangers: (0..levels).map(|level| if level == 0 { 0.001 } else { 900.0 }).collect(),
        found_from: vec![0.5],
        found: [0.0, 0.0],
        linked,
        genuine: GenuineSource::Linked,
        genuine_pairs: 100.0,
        matches_before: None,
    });
    (comparisons, model)
}

/// The pattern in which each comparison has a level, `levels` in turn as often as needed.
fn pattern(comparisons: &[Comparison], levels: &[usize]) -> u64 {
    let each = comparisons.iter().zip(levels.iter().cycle());
    each.fold(0, |pattern, (c, level)| c.with_level(pattern, level % c.levels()))
}

fn template(comparisons: &[Comparison]) -> &Comparison {
    comparisons.iter().find(|c| c.name == "city").expect("the city is compared")
}

#[test]
fn what_households_hold_against_a_match_does_not_outvote_templates() {
    let all_others_differ = |linked| {
        let (comparisons, model) = judged(linked);
        let worst: Vec<usize> = comparisons.iter().map(|c| c.levels() - 1).collect();
        let pattern = template(&comparisons).with_level(pattern(&comparisons, &worst), 1);
        let scorer = Scorer::new(&model, &comparisons);
        (scorer.score(pattern), scorer.bits_of_others(pattern))
    };
    let (borne_out, against) = all_others_differ(Some([1_000.0, 990.0]));
    assert!(against < -15.0 && !borne_out.borne);
    let (households, little) = all_others_differ(HOUSEHOLDS);
    assert!((-0.2..0.0).contains(&little) && households.borne, "{little}, {households:?}");
    assert!(households.weight > borne_out.weight + 15.0);
}

proptest! {
    #[test]
    fn without_templates_households_change_nothing(levels in proptest::collection::vec(0usize..8, 1..8)) {
        let ((comparisons, model), (_, households)) = (judged(None), judged(HOUSEHOLDS));
        let pattern = template(&comparisons).with_level(pattern(&comparisons, &levels), 0);
        let (plain, same) = (Scorer::new(&model, &comparisons), Scorer::new(&households, &comparisons));
        prop_assert_eq!(plain.score(pattern), same.score(pattern));
        prop_assert_eq!(plain.bits_of_others(pattern), same.bits_of_others(pattern));
    }

    #[test]
    fn weights_beside_templates_are_the_prior_and_the_bits_as_long_as_the_others_are_not_sure(
        levels in proptest::collection::vec(0usize..8, 1..8),
        of_template in 1usize..3,
    ) {
        let (comparisons, model) = judged(HOUSEHOLDS);
        let pattern = template(&comparisons).with_level(pattern(&comparisons, &levels), of_template);
        let scorer = Scorer::new(&model, &comparisons);
        let (others, prior) = (scorer.bits_of_others(pattern), (MATCHES / PAIRS).log2());
        let city = comparisons.iter().position(|c| c.name == "city").expect("the city is compared");
        let of_template = scorer.bits(city, pattern);
        let weight = scorer.score(pattern).weight;
        // Of what the others are sure of one in a hundred is of one person, half a pair of a thousand more.
        let most = (10.5f64 / 990.5).log2();
        prop_assert!(weight - of_template <= most + 1e-9);
        if prior + others < most - 10.0 {
            prop_assert!((weight - prior - others - of_template).abs() < 0.01);
        }
    }
}
