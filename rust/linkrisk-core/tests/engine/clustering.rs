//! Links into entities: components against a depth-first search, and what no entity may hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::common::{PEOPLE, Rows, context, people_spec, resident_id, store};
use linkrisk_core::cluster::agglomerate::{CONTRADICTION, agglomerate};
use linkrisk_core::cluster::component::{Against, Record, Weighed};
use linkrisk_core::cluster::{ClusterCounts, Clusters, Conflicts, Forest, Limits, Link, cluster};
use linkrisk_core::compare;
use linkrisk_core::kernel::hash::{below, mix};
use linkrisk_core::spec::Spec;
use linkrisk_core::store::Store;
use proptest::prelude::*;
use rayon::prelude::*;
use serde_json::json;

/// The smallest node that each node is connected with.
fn components(nodes: u32, edges: &[(u32, u32)]) -> Vec<u32> {
    let mut neighbours = vec![Vec::new(); nodes as usize];
    for &(a, b) in edges {
        neighbours[a as usize].push(b);
        neighbours[b as usize].push(a);
    }
    let mut label = vec![u32::MAX; nodes as usize];
    for start in 0..nodes {
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            if label[node as usize] == u32::MAX {
                label[node as usize] = start;
                stack.extend(&neighbours[node as usize]);
            }
        }
    }
    label
}

fn graph() -> impl Strategy<Value = (u32, Vec<(u32, u32)>)> {
    (1u32..300).prop_flat_map(|nodes| {
        (Just(nodes), proptest::collection::vec((0..nodes, 0..nodes), 0..nodes as usize * 2))
    })
}

/// Symmetric weights of `n` records, some of them contradictions.
fn weights() -> impl Strategy<Value = (usize, Vec<f32>)> {
    let weight = prop_oneof![8 => -12.0f32..12.0, 1 => Just(CONTRADICTION), 1 => Just(3.0f32)];
    (1usize..14).prop_flat_map(move |n| (Just(n), proptest::collection::vec(weight.clone(), n * n))).prop_map(
        |(n, mut weights)| {
            for i in 0..n {
                for j in 0..i {
                    weights[i * n + j] = weights[j * n + i];
                }
                weights[i * n + i] = f32::NAN;
            }
            (n, weights)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn test_a_forest_finds_the_components((nodes, edges) in graph()) {
        let expected = components(nodes, &edges);
        for threads in [1, 2, 8] {
            let context = context(threads);
            let forest = Forest::new(nodes, &context).expect("memory is there");
            context.pool.install(|| edges.par_iter().with_max_len(1).for_each(|&(a, b)| forest.join(a, b)));
            let roots: Vec<u32> = (0..nodes).map(|node| forest.root(node)).collect();
            prop_assert_eq!(&roots, &expected);
        }
    }

    #[test]
    fn test_agglomerating_obeys_its_laws((n, weights) in weights(), threshold in -2.0f32..6.0) {
        let labels = agglomerate(&vec![1; n], &weights, threshold, u32::MAX);
        prop_assert_eq!(labels.len(), n);
        for (record, &label) in labels.iter().enumerate() {
            prop_assert!(label <= record, "the label is the first record of the entity");
            prop_assert_eq!(labels[label], label);
        }
        let entity = |label: usize| (0..n).filter(|&i| labels[i] == label).collect::<Vec<_>>();
        for first in (0..n).filter(|&i| labels[i] == i) {
            let own = entity(first);
            for (at, &i) in own.iter().enumerate() {
                for &j in &own[at + 1..] {
                    prop_assert!(weights[i * n + j] != CONTRADICTION, "{i} and {j} contradict each other");
                }
            }
            // What is left apart is not worth a merge: the mean weight is below the threshold.
            for second in (first + 1..n).filter(|&i| labels[i] == i) {
                let other = entity(second);
                let weight = |i: usize| other.iter().map(move |&j| (i, j)).map(|(i, j)| weights[i * n + j]);
                let between: Vec<f32> = own.iter().flat_map(|&i| weight(i)).collect();
                if !between.contains(&CONTRADICTION) {
                    let mean = between.iter().sum::<f32>() / between.len() as f32;
                    prop_assert!(mean < threshold + 1e-3, "{first} and {second}: {mean}");
                }
            }
        }
    }
}

/// Weights of `n` records, symmetric.
fn matrix(n: usize, weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    (0..n * n).map(|at| weight((at / n).min(at % n), (at / n).max(at % n))).collect()
}

#[test]
fn test_a_stray_record_neither_joins_a_person_nor_takes_a_record_of_theirs_away() {
    // Ten records of one person, and one that is falsely linked to the first by the strongest link of all.
    for false_links in 1..4 {
        let weights = matrix(11, |a, b| match (a < false_links, b == 10) {
            (true, true) => 12.0,
            (false, true) => -7.0,
            _ => 5.0,
        });
        let labels = agglomerate(&[1; 11], &weights, 0.0, u32::MAX);
        assert_eq!(labels, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10], "{false_links} false links");
    }
}

#[test]
fn test_moves_keep_to_the_most_records_and_to_contradictions() {
    let weights = matrix(6, |_, _| 5.0);
    let labels = agglomerate(&[1; 6], &weights, 0.0, 3);
    assert!(sizes(&labels.iter().map(|&label| label as u32).collect::<Vec<_>>()).values().all(|&n| n == 3));
    // 0 has all the weight with 1 to 4, one of whom it cannot be with.
    let weights = matrix(5, |a, b| match (a, b) {
        (0, 4) => CONTRADICTION,
        _ => 5.0,
    });
    let labels = agglomerate(&[1; 5], &weights, 0.0, u32::MAX);
    assert_ne!(labels[0], labels[4], "{labels:?}");
}

/// Clusters `links` among the records of `store`; pairs that are no links weigh `otherwise`.
fn entities(
    store: &Store,
    spec: &Spec,
    links: &[Link],
    otherwise: f32,
    threads: usize,
) -> (Vec<u32>, ClusterCounts) {
    settled(store, spec, links, (otherwise, Against::ByLevels), threads)
}

/// The same, of which pairs that are no links weigh as given.
fn settled(
    store: &Store,
    spec: &Spec,
    links: &[Link],
    weights: (f32, Against),
    threads: usize,
) -> (Vec<u32>, ClusterCounts) {
    let Clusters { forest, counts, .. } = clusters(store, spec, links, weights, threads);
    ((0..store.len()).map(|record| forest.root(record)).collect(), counts)
}

fn clusters(
    store: &Store,
    spec: &Spec,
    links: &[Link],
    (otherwise, against): (f32, Against),
    threads: usize,
) -> Clusters {
    let context = context(threads);
    let comparisons = compare::comparisons(store, &spec.linkage).expect("the comparisons suit").comparisons;
    let conflicts = Conflicts::new(store, &comparisons);
    let limits = Limits { threshold: 4.0, prior: 0.0, most_records: spec.linkage.max_entity_records };
    let known: HashMap<(u32, u32), f32> = links.iter().map(|l| ((l.left, l.right), l.weight)).collect();
    let weigh = |(): &mut (), (left, _): Record<'_>, (right, _): Record<'_>| Weighed {
        weight: known.get(&(left, right)).copied().unwrap_or(otherwise),
        against,
    };
    let mask = vec![u64::MAX; store.layout.words];
    cluster(store, links, &conflicts, limits, (|| (), weigh), &mask, &context).expect("memory is there")
}

/// Nameless records, so that nothing contradicts anything, and no two the same.
fn strangers(records: usize) -> (Store, Spec) {
    let spec = people_spec(&[false], json!({}));
    let mut rows = Rows::new(&PEOPLE);
    (0..records).for_each(|at| rows.push(&["", "", "", "", &format!("Easton {at}"), ""]));
    (store(&spec, &[rows], &context(1)), spec)
}

fn link(left: u32, right: u32, weight: f32) -> Link {
    Link { left, right, weight }
}

fn sizes(roots: &[u32]) -> BTreeMap<u32, usize> {
    roots.iter().fold(BTreeMap::new(), |mut sizes, &root| {
        *sizes.entry(root).or_default() += 1;
        sizes
    })
}

#[test]
fn test_a_complete_graph_stays_whole() {
    let (store, spec) = strangers(12);
    let links: Vec<Link> = (0..10u32).flat_map(|i| (i + 1..10).map(move |j| link(i, j, 5.0))).collect();
    let (roots, counts) = entities(&store, &spec, &links, -9.0, 2);
    assert_eq!(roots, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11]);
    assert_eq!((counts.components, counts.cut, counts.links_cut), (1, 0, 0));
    assert_eq!((counts.entities, counts.largest, counts.contradictions), (1, 10, 0));
}

#[test]
fn test_a_chain_of_weak_links_is_cut() {
    let (store, spec) = strangers(20);
    let links: Vec<Link> = (0..19).map(|i| link(i, i + 1, 5.0)).collect();
    let (roots, counts) = entities(&store, &spec, &links, -10.0, 2);
    assert!(sizes(&roots).values().all(|&size| size <= 2), "{roots:?}");
    assert_eq!((counts.components, counts.cut), (1, 1));
    assert_eq!(counts.links_cut, 19 - 10);
}

#[test]
fn test_two_groups_joined_by_one_link_are_parted() {
    let (store, spec) = strangers(10);
    let group =
        |from: u32| (from..from + 5).flat_map(move |i| (i + 1..from + 5).map(move |j| link(i, j, 9.0)));
    let links: Vec<Link> = group(0).chain(group(5)).chain([link(2, 7, 6.0)]).collect();
    let (roots, counts) = entities(&store, &spec, &links, -8.0, 2);
    assert_eq!(roots, [0, 0, 0, 0, 0, 5, 5, 5, 5, 5]);
    assert_eq!((counts.links_cut, counts.entities), (1, 2));
}

#[test]
fn test_pairs_that_cannot_contradict_outvote_no_link() {
    let (store, spec) = strangers(10);
    let group =
        |from: u32| (from..from + 5).flat_map(move |i| (i + 1..from + 5).map(move |j| link(i, j, 9.0)));
    let links: Vec<Link> = group(0).chain(group(5)).chain([link(2, 7, 6.0)]).collect();
    let of = |against| settled(&store, &spec, &links, (-8.0, against), 2).0;
    assert_eq!(of(Against::Never), [0; 10]);
    assert_eq!(of(Against::Always), of(Against::ByLevels));
    assert_eq!(of(Against::Always)[9], 5);
}

#[test]
fn test_links_on_one_issued_number_count_once_with_the_weakest() {
    let spec = people_spec(&[false], json!({}));
    let (one, other) = (resident_id("19900101", 11), resident_id("19851224", 347));
    let mut rows = Rows::new(&PEOPLE);
    for (at, id) in [&one, &one, &one, &one, "", "", &other, &other, &other].into_iter().enumerate() {
        rows.push(&["", "", "", id, &format!("Easton {at}"), ""]);
    }
    let store = store(&spec, &[rows], &context(1));
    // Those of one number hang by 9, 6 and 5, two without any by 8 and 7; those of the other by 6 and 6.
    let links = [(0, 1, 9.0), (0, 2, 6.0), (0, 3, 5.0), (1, 2, 4.5), (0, 4, 8.0), (4, 5, 7.0)]
        .into_iter()
        .chain([(6, 7, 6.0), (6, 8, 6.0), (7, 8, 5.5)])
        .map(|(left, right, weight)| link(left, right, weight));
    for threads in [1, 8] {
        let found =
            clusters(&store, &spec, &links.clone().collect::<Vec<_>>(), (3.0, Against::Always), threads);
        let spanning: Vec<(f32, u64)> =
            found.spanning.iter().map(|(&weight, &count)| (f32::from_bits(weight), count)).collect();
        assert_eq!(spanning, [(5.0, 1), (6.0, 1), (7.0, 1), (8.0, 1)]);
    }
}

/// People of two resident IDs each, more than one edit apart, and some without any.
#[test]
fn test_two_valid_ids_are_never_in_one_entity() {
    let spec = people_spec(&[false], json!({}));
    let ids: Vec<String> = (0..60u32)
        .map(|i| match i % 4 {
            0 => String::new(),
            1 => resident_id("19900101", 11),
            2 => resident_id("19851224", 347),
            _ => resident_id("19710615", 900),
        })
        .collect();
    let mut rows = Rows::new(&PEOPLE);
    ids.iter().for_each(|id| rows.push(&["", "", "", id, "Easton", ""]));
    let store = store(&spec, &[rows], &context(1));
    // Everything is linked with everything, as strongly as can be.
    let links: Vec<Link> = (0..60u32).flat_map(|i| (i + 1..60).map(move |j| link(i, j, 30.0))).collect();
    for threads in [1, 8] {
        let (roots, counts) = entities(&store, &spec, &links, 30.0, threads);
        let mut held: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
        for (root, id) in roots.iter().zip(&ids).filter(|(_, id)| !id.is_empty()) {
            held.entry(*root).or_default().insert(id);
        }
        assert!(held.values().all(|ids| ids.len() == 1), "{held:?}");
        assert_eq!(held.len(), 3, "the records of one ID stay together");
        assert_eq!(counts.contradictions, 1);
    }
}

#[test]
fn test_a_source_that_has_nobody_twice_gives_an_entity_one_record() {
    let spec = people_spec(&[true, true, false], json!({}));
    let tables: Vec<Rows> = (0..3)
        .map(|_| {
            let mut rows = Rows::new(&PEOPLE);
            (0..10).for_each(|_| rows.push(&["", "", "", "", "Easton", ""]));
            rows
        })
        .collect();
    let store = store(&spec, &tables, &context(1));
    let links: Vec<Link> = (0..30u32)
        .flat_map(|i| (i + 1..30).map(move |j| link(i, j, 5.0 + (mix(u64::from(i * 30 + j)) % 4) as f32)))
        .filter(|l| l.left / 10 != l.right / 10 || l.left >= 20)
        .collect();
    let (roots, _) = entities(&store, &spec, &links, -9.0, 2);
    for (root, members) in sizes(&roots) {
        for source in [0..10u32, 10..20] {
            let own = source.clone().filter(|&r| roots[r as usize] == root).count();
            assert!(own <= 1, "entity {root} of {members} records has {own} of source {source:?}");
        }
    }
    assert!(sizes(&roots).values().any(|&size| size > 2), "something is linked all the same");
}

#[test]
fn test_a_large_component_is_cut_at_its_weakest_links() {
    // A thousand people of ten records each, whole and strong, in one chain of weak links.
    let (store, spec) = strangers(10_000);
    let mut links = Vec::new();
    for person in 0..1_000u32 {
        let first = person * 10;
        links.extend((first..first + 10).flat_map(|i| (i + 1..first + 10).map(move |j| link(i, j, 11.0))));
        if person > 0 {
            links.push(link(first - 1, first, 4.5));
        }
    }
    let expected: Vec<u32> = (0..10_000).map(|record| record / 10 * 10).collect();
    for threads in [1, 2, 8] {
        let (roots, counts) = entities(&store, &spec, &links, -9.0, threads);
        assert_eq!(roots, expected);
        assert_eq!((counts.components, counts.entities, counts.largest), (1, 1_000, 10));
        assert_eq!(counts.links_cut, 999);
    }
}

/// A thousand records of one name in pieces that are settled apart, two of which hold an ID number.
#[test]
fn test_two_valid_ids_are_never_in_one_entity_however_large() {
    let spec = people_spec(&[false], json!({"max_entity_records": 2_000}));
    for (first, second) in [(0, 999), (50, 450), (1, 998), (77, 612), (399, 400)] {
        let mut rows = Rows::new(&PEOPLE);
        for record in 0..1_000 {
            let id = match record {
                at if at == first => resident_id("19900101", 11),
                at if at == second => resident_id("19851224", 347),
                _ => String::new(),
            };
            rows.push(&["Ada Example", "", "", &id, "Easton", ""]);
        }
        let store = store(&spec, &[rows], &context(1));
        let links: Vec<Link> =
            (0..1_000u32).flat_map(|i| (i + 1..1_000.min(i + 20)).map(move |j| link(i, j, 8.0))).collect();
        let (roots, counts) = entities(&store, &spec, &links, 8.0, 2);
        assert_ne!(roots[first], roots[second], "records {first} and {second}");
        assert!(counts.largest > 400, "the rest is one person: {}", counts.largest);
    }
}

#[test]
fn test_no_entity_has_more_records_than_are_plausible() {
    let (store, mut spec) = strangers(100);
    spec.linkage.max_entity_records = 30;
    let links: Vec<Link> = (0..100u32).flat_map(|i| (i + 1..100).map(move |j| link(i, j, 8.0))).collect();
    let (roots, counts) = entities(&store, &spec, &links, 8.0, 2);
    assert!(sizes(&roots).values().all(|&size| size <= 30), "{:?}", sizes(&roots));
    assert!(counts.largest <= 30);
}

#[test]
fn test_the_order_of_links_and_threads_do_not_show() {
    let (store, spec) = strangers(600);
    let draw = |i: u64, n: u64| below(mix(i), n) as u32;
    let links: Vec<Link> = (0..900u64)
        .map(|i| (draw(i, 600), draw(i + 10_000, 600), draw(i + 20_000, 8) as f32 + 4.0))
        .filter(|(a, b, _)| a != b)
        .map(|(a, b, weight)| link(a.min(b), a.max(b), weight))
        .collect();
    let mut seen = BTreeSet::new();
    let mut distinct = links;
    distinct.retain(|l| seen.insert((l.left, l.right)));
    distinct.sort_by_key(|l| (l.left, l.right));
    let (roots, counts) = entities(&store, &spec, &distinct, -1.0, 1);
    let component = components(600, &distinct.iter().map(|l| (l.left, l.right)).collect::<Vec<_>>());
    for (record, &root) in roots.iter().enumerate() {
        assert_eq!(component[record], component[root as usize], "an entity never leaves its component");
        assert_eq!(roots[root as usize], root);
    }
    for threads in [2, 8] {
        assert_eq!(entities(&store, &spec, &distinct, -1.0, threads), (roots.clone(), counts));
    }
}
