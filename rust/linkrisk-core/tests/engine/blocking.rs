//! Candidate pairs against all pairs looked at one by one, by what was read in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::common::{PEOPLE, Rows, context, limited, people_spec, resident_id, store};
use linkrisk_core::block::{Candidates, Pair, Rules, Visitor, Work, default};
use linkrisk_core::error::{ErrorKind, Result};
use linkrisk_core::runtime::Context;
use linkrisk_core::spec::{BlockingRuleSpec, LinkageSpec, Spec};
use linkrisk_core::store::Store;
use proptest::prelude::*;
use serde_json::json;

/// A record before it is written down: small numbers for its values, so that many agree.
#[derive(Debug, Clone, Copy)]
struct Row {
    given: Option<u8>,
    family: Option<u8>,
    /// Year, month and day.
    born: Option<(u8, u8, u8)>,
    phone: Option<(u8, u8)>,
    /// A number, and whether it is masked.
    id_no: Option<(u8, bool)>,
    city: Option<u8>,
}

const GIVEN: [&str; 3] = ["Ada", "Bertram", "Cyriak"];
const FAMILY: [&str; 3] = ["Example", "Sample", "Instance"];
const CITIES: [&str; 3] = ["Easton", "Weston", "Eastbourne"];

impl Row {
    fn values(&self) -> Vec<Option<String>> {
        let part = |names: &[&str], at: Option<u8>| at.map_or("", |at| names[usize::from(at)]).to_owned();
        let (given, family) = (part(&GIVEN, self.given), part(&FAMILY, self.family));
        let name = (!given.is_empty() || !family.is_empty()).then(|| format!("{given}\u{1f}{family}"));
        let born = self.born.map(|(y, m, d)| format!("{}-{:02}-{:02}", 1980 + u32::from(y), m + 1, d + 1));
        let phone = self.phone.map(|(area, line)| format!("+999555{area}00012{line}"));
        let id_no = self.id_no.map(|(n, masked)| {
            let whole = resident_id("19900101", u32::from(n) + 1);
            if masked { format!("{}****", &whole[..14]) } else { whole }
        });
        let city = self.city.map(|city| CITIES[usize::from(city)].to_owned());
        vec![name, born, phone, id_no, city, None]
    }

    /// Whether the row has anything that identifies a person; a date or a city does not.
    fn is_person(&self) -> bool {
        self.given.is_some() || self.family.is_some() || self.phone.is_some() || self.id_no.is_some()
    }

    /// The birth date, or that of the ID number, masked or not, where there is none.
    fn born(&self) -> Option<(u8, u8, u8)> {
        self.born.or(self.id_no.map(|_| (10, 0, 0)))
    }

    /// What the row has of a term of a rule; `None` where it has nothing to agree on.
    fn part(&self, term: &str) -> Option<u32> {
        let id = |n: Option<u8>| n.map(u32::from);
        match term {
            "name" if self.given.is_none() && self.family.is_none() => None,
            "name" => Some(id(self.given).map_or(9, |n| n) * 10 + id(self.family).map_or(9, |n| n)),
            "name.given" => id(self.given),
            "name.family" => id(self.family),
            "born" => self.born().map(|(y, m, d)| u32::from(y) * 10_000 + u32::from(m) * 100 + u32::from(d)),
            "born.year" => self.born().map(|(y, ..)| u32::from(y)),
            "born.month_day" => self.born().map(|(_, m, d)| u32::from(m) * 100 + u32::from(d)),
            "phone" => self.phone.map(|(area, line)| u32::from(area) * 10 + u32::from(line)),
            "phone.last6" => self.phone.map(|(_, line)| u32::from(line)),
            "id_no" => self.id_no.filter(|&(_, masked)| !masked).map(|(n, _)| u32::from(n)),
            "city" => id(self.city),
            // Easton and Eastbourne begin alike.
            "city.prefix4" => self.city.map(|city| u32::from(city) % 2),
            other => unreachable!("no term {other}"),
        }
    }
}

const TERMS: [&str; 11] = [
    "name",
    "name.given",
    "name.family",
    "born",
    "born.year",
    "born.month_day",
    "phone",
    "phone.last6",
    "id_no",
    "city",
    "city.prefix4",
];

fn a_row() -> impl Strategy<Value = Row> {
    let maybe = |n: u8| proptest::option::weighted(0.8, 0..n);
    let born = proptest::option::weighted(0.8, (0..2u8, 0..2u8, 0..3u8));
    let phone = proptest::option::weighted(0.8, (0..2u8, 0..3u8));
    let id_no = proptest::option::weighted(0.8, (0..3u8, any::<bool>()));
    (maybe(3), maybe(3), born, phone, id_no, maybe(3))
        .prop_map(|(given, family, born, phone, id_no, city)| Row { given, family, born, phone, id_no, city })
}

fn rules() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let rule = proptest::sample::subsequence(TERMS.to_vec(), 1..=2).prop_map(|mut terms| {
        terms.sort_unstable();
        terms.dedup();
        terms
    });
    proptest::collection::vec(rule, 1..5).prop_map(|mut rules| {
        // A rule that is there already is left out by the engine too.
        let mut seen = BTreeSet::new();
        rules.retain(|rule| seen.insert(rule.clone()));
        rules
    })
}

/// A case: sources of rows, whether each is free of duplicates, rules.
fn sources(rows: usize) -> impl Strategy<Value = Vec<(Vec<Row>, bool)>> {
    proptest::collection::vec((proptest::collection::vec(a_row(), 1..rows), any::<bool>()), 1..4)
}

fn spec_and_store(sources: &[(Vec<Row>, bool)], context: &Context) -> (Spec, Store) {
    let free: Vec<bool> = sources.iter().map(|(_, free)| *free).collect();
    let spec = people_spec(&free, json!({}));
    let tables: Vec<Rows> = sources
        .iter()
        .map(|(rows, _)| Rows { attributes: PEOPLE.to_vec(), rows: rows.iter().map(Row::values).collect() })
        .collect();
    let store = store(&spec, &tables, context);
    (spec, store)
}

fn resolve(store: &Store, rules: &[Vec<&str>]) -> Rules {
    let specs: Vec<BlockingRuleSpec> = rules
        .iter()
        .map(|terms| BlockingRuleSpec { on: terms.iter().map(|t| (*t).to_owned()).collect() })
        .collect();
    Rules::from_spec(store, &specs).expect("the rules are sound")
}

/// Pairs with the rules that are said to make them.
type Made = BTreeMap<(u32, u32), u32>;

/// Notes every pair and refuses one that comes twice.
struct Collect {
    made: Mutex<Made>,
    /// Words of a record.
    words: usize,
}

impl Visitor for Collect {
    type Scratch = ();
    type Output = Vec<(u32, u32)>;

    fn scratch(&self) {}

    fn output(&self) -> Vec<(u32, u32)> {
        Vec::new()
    }

    /// Nothing: records are copies where all rules take them for the same.
    fn mask(&self) -> Vec<u64> {
        vec![0; self.words]
    }

    fn gathered(&self, _: &[u64]) {}

    fn visit(&self, (): &mut (), output: &mut Vec<(u32, u32)>, pair: Pair<'_>) {
        let mut made = self.made.lock().expect("no test thread panicked");
        pair.records.each(|left, right| {
            let before = made.insert((left, right), pair.rules);
            assert!(before.is_none(), "a pair came twice");
            assert!(left < right, "a pair came the wrong way round");
            output.push((left, right));
        });
    }
}

fn scan(candidates: &Candidates, store: &Store, context: &Context) -> Result<(Made, Vec<(u32, u32)>)> {
    let collect = Collect { made: Mutex::default(), words: store.layout.words };
    let mut order = Vec::new();
    candidates.scan(store, 1.0, Work::default(), context, &collect, |pairs| {
        order.extend(pairs);
        Ok(())
    })?;
    Ok((collect.made.into_inner().expect("no test thread panicked"), order))
}

/// Every pair of records that agrees on all parts of some rule, and those rules.
fn naive(sources: &[(Vec<Row>, bool)], rules: &[Vec<&str>]) -> Made {
    let rows: Vec<(usize, &Row)> =
        sources.iter().enumerate().flat_map(|(s, (rows, _))| rows.iter().map(move |row| (s, row))).collect();
    let mut made = Made::new();
    for (i, (source, left)) in rows.iter().enumerate() {
        for (j, (other, right)) in rows.iter().enumerate().skip(i + 1) {
            let persons = left.is_person() && right.is_person();
            if !persons || source == other && sources[*source].1 {
                continue;
            }
            let agree = |term: &&str| left.part(term).is_some() && left.part(term) == right.part(term);
            let shared = rules
                .iter()
                .enumerate()
                .filter(|(_, terms)| terms.iter().all(agree))
                .fold(0, |bits, (rule, _)| bits | 1 << rule);
            if shared != 0 {
                made.insert((i as u32, j as u32), shared);
            }
        }
    }
    made
}

/// Pairs that agree on `rule`, whatever their sources.
fn agreeing(sources: &[(Vec<Row>, bool)], rule: &[&str]) -> u64 {
    let all: Vec<(Vec<Row>, bool)> = sources.iter().map(|(rows, _)| (rows.clone(), false)).collect();
    naive(&all, &[rule.to_vec()]).len() as u64
}

fn linkage(max_block_pairs: u64) -> LinkageSpec {
    LinkageSpec { max_block_pairs, ..LinkageSpec::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn test_candidates_are_the_pairs_that_agree(sources in sources(25), rules in rules()) {
        let context = context(2);
        let (_, store) = spec_and_store(&sources, &context);
        let candidates = Candidates::plan(&store, resolve(&store, &rules), &linkage(u64::MAX), &context)
            .expect("the plan fits");
        let (made, order) = scan(&candidates, &store, &context).expect("the scan ends");
        let expected = naive(&sources, &rules);
        prop_assert_eq!(&made, &expected);
        // Outputs come rule by rule: the first rule that makes a pair owns it.
        let owners: Vec<u32> = order.iter().map(|pair| made[pair].trailing_zeros()).collect();
        prop_assert!(owners.is_sorted());
        for (rule, counts) in rules.iter().zip(&candidates.counts) {
            prop_assert_eq!(counts.pairs, agreeing(&sources, rule));
            prop_assert_eq!((counts.uncompared, counts.split, counts.sampled), (0, 0, 0));
        }
    }

    #[test]
    fn test_a_block_over_the_limit_is_split_and_accounted_for(
        sources in sources(40),
        rules in rules(),
        limit in 1u64..40,
    ) {
        let context = context(2);
        let (_, store) = spec_and_store(&sources, &context);
        let candidates = Candidates::plan(&store, resolve(&store, &rules), &linkage(limit), &context)
            .expect("the plan fits");
        let (made, _) = scan(&candidates, &store, &context).expect("the scan ends");
        let expected = naive(&sources, &rules);
        let mut per_rule = vec![0u64; rules.len()];
        for (pair, &by) in &made {
            let may = expected.get(pair).copied().unwrap_or_default();
            prop_assert_eq!(by & !may, 0, "a pair was made by a rule on which it disagrees");
            (0..rules.len()).for_each(|rule| per_rule[rule] += u64::from(by >> rule & 1));
        }
        for (rule, terms) in rules.iter().enumerate() {
            let counts = candidates.counts[rule];
            prop_assert_eq!(counts.pairs + counts.uncompared, agreeing(&sources, terms));
            if sources.iter().all(|(_, free)| !free) {
                prop_assert_eq!(per_rule[rule], counts.pairs, "what is scanned is what was counted");
            }
            let whole = counts.split + counts.sampled == 0;
            prop_assert_eq!(whole, counts.uncompared == 0 && counts.largest_pairs() <= limit);
            for (pair, &by) in expected.iter().filter(|_| whole) {
                let found = made.get(pair).copied().unwrap_or_default();
                prop_assert_eq!(found >> rule & 1, by >> rule & 1, "an unsplit rule loses nothing");
            }
        }
    }

    #[test]
    fn test_passes_and_threads_change_nothing(
        sources in sources(200),
        rules in rules(),
        limit in prop_oneof![Just(u64::MAX), 1u64..40],
    ) {
        let context = context(1);
        let (_, store) = spec_and_store(&sources, &context);
        let plan = |context: &Context| {
            Candidates::plan(&store, resolve(&store, &rules), &linkage(limit), context)
        };
        let roomy = plan(&context).expect("the plan fits");
        let (made, _) = scan(&roomy, &store, &context).expect("the scan ends");
        // A carried record has 16 bytes beside its words, and half of what is free is taken for a pass.
        let all = u64::from(store.len()) * (store.layout.words as u64 + 2) * 8;
        // One block may hold all of them, whatever the passes.
        for (memory, threads) in [(all * 2 + 40_000, 8), (all + 5_000, 2), (all + 5_000, 1)] {
            let tight = limited(memory, threads);
            let candidates = plan(&tight).expect("several passes fit");
            let (again, _) = scan(&candidates, &store, &tight).expect("the scan ends");
            prop_assert_eq!(&again, &made);
            prop_assert_eq!(&candidates.counts, &roomy.counts);
            drop(candidates);
            prop_assert_eq!(tight.memory.free(), memory, "all is given back");
        }
    }

    #[test]
    fn test_a_plan_that_is_taken_up_without_the_bits_of_its_keys_makes_the_same_pairs(
        sources in sources(60),
        rules in rules(),
        limit in prop_oneof![Just(u64::MAX), 1u64..40],
    ) {
        let context = context(2);
        let (_, store) = spec_and_store(&sources, &context);
        let before = context.memory.free();
        let planned = Candidates::plan(&store, resolve(&store, &rules), &linkage(limit), &context)
            .expect("the plan fits");
        prop_assert!(context.memory.free() < before, "bits are held");
        let expected = scan(&planned, &store, &context).expect("the scan ends");
        let kept = serde_json::to_vec(&planned).expect("it can be written");
        drop(planned);
        prop_assert_eq!(context.memory.free(), before);
        // As a run that goes on takes it up.
        let taken_up: Candidates = serde_json::from_slice(&kept).expect("it can be read");
        prop_assert_eq!(context.memory.free(), before, "no bits are held");
        prop_assert_eq!(scan(&taken_up, &store, &context).expect("the scan ends"), expected);
    }
}

/// Pairs of the largest block before any split.
trait LargestPairs {
    fn largest_pairs(&self) -> u64;
}

impl LargestPairs for linkrisk_core::block::blocks::BlockCounts {
    fn largest_pairs(&self) -> u64 {
        self.largest * self.largest.saturating_sub(1) / 2
    }
}

/// `n` records of one city, of which each `per` share a birth date.
fn crowd(n: u32, per: u32) -> Rows {
    let mut rows = Rows::new(&PEOPLE);
    for i in 0..n {
        let date = i / per;
        let born = format!("19{:02}-{:02}-01", 50 + date / 12, date % 12 + 1);
        rows.push(&["Ada Example", &born, "", "", "Easton", ""]);
    }
    rows
}

#[test]
fn test_a_split_by_a_further_attribute_keeps_its_agreeing_pairs() {
    let context = context(2);
    let spec = people_spec(&[false], json!({}));
    let store = store(&spec, &[crowd(120, 4)], &context);
    let rules = resolve(&store, &[vec!["city"]]);
    let candidates = Candidates::plan(&store, rules, &linkage(100), &context).expect("the plan fits");
    let counts = candidates.counts[0];
    assert_eq!((counts.split, counts.sampled, counts.blocks, counts.largest), (1, 0, 30, 120));
    assert_eq!((counts.pairs, counts.uncompared), (30 * 6, 120 * 119 / 2 - 30 * 6));
    let (made, _) = scan(&candidates, &store, &context).expect("the scan ends");
    assert!(made.keys().all(|(left, right)| left / 4 == right / 4));
    assert_eq!(made.len() as u64, counts.pairs);
}

#[test]
fn test_a_block_that_nothing_splits_is_sampled_to_about_the_limit() {
    let context = context(2);
    let spec = people_spec(&[false], json!({}));
    let mut rows = Rows::new(&PEOPLE);
    // Whatever could split the block, all have and share; phone and ID number are taken out as
    // implausible.
    let all =
        ["Ada Example", "1990-01-01", "+999555100012", &resident_id("19900101", 1), "Easton", "ZZ 1234"];
    (0..190).for_each(|_| rows.push(&all));
    let store = store(&spec, &[rows], &context);
    let rules = resolve(&store, &[vec!["city", "born.year"]]);
    let candidates = Candidates::plan(&store, rules, &linkage(2_000), &context).expect("the plan fits");
    let counts = candidates.counts[0];
    assert_eq!((counts.split, counts.sampled), (2, 1), "by name and plate, in vain");
    assert_eq!(counts.pairs + counts.uncompared, 190 * 189 / 2);
    assert!((1_500..3_000).contains(&counts.pairs), "{} pairs are no sample of 2,000", counts.pairs);
}

#[test]
fn test_too_many_pairs_are_refused_with_their_number() {
    let context = context(1);
    let spec = people_spec(&[false], json!({}));
    let store = store(&spec, &[crowd(40, 4)], &context);
    let plan = |max_pairs: u64| {
        let linkage = LinkageSpec { max_pairs, ..LinkageSpec::default() };
        Candidates::plan(&store, resolve(&store, &[vec!["city"]]), &linkage, &context)
    };
    assert_eq!(plan(780).expect("the limit itself is allowed").pairs(), 780);
    let error = plan(779).expect_err("one more is not");
    assert_eq!(error.kind(), ErrorKind::Spec);
    let detail = |name: &str| {
        error
            .details()
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    assert_eq!(
        (detail("rule"), detail("pairs"), detail("largest_block")),
        ("city".to_owned(), "780".to_owned(), "40".to_owned())
    );
    assert!(!error.to_string().contains("Easton"), "no value of the data is told");
}

#[test]
fn test_a_number_without_its_country_shares_the_last_digits_of_one_with_it() {
    let context = context(1);
    let spec = people_spec(&[false], json!({}));
    let mut rows = Rows::new(&PEOPLE);
    for phone in ["+447700900123", "07700900123", "07700900124"] {
        rows.push(&["", "", phone, "", "", ""]);
    }
    let store = store(&spec, &[rows], &context);
    let rules = resolve(&store, &[vec!["phone.last6"]]);
    let candidates = Candidates::plan(&store, rules, &linkage(u64::MAX), &context).expect("the plan fits");
    let (made, _) = scan(&candidates, &store, &context).expect("the scan ends");
    assert_eq!(made.into_keys().collect::<Vec<_>>(), [(0, 1)]);
}

#[test]
fn test_the_parts_that_an_id_number_carries_can_be_blocked_on() {
    let context = context(1);
    let spec = people_spec(&[false], json!({}));
    let mut rows = Rows::new(&PEOPLE);
    for sequence in 1..=3 {
        rows.push(&["", "", "", &resident_id("19900101", sequence), "", ""]);
    }
    let store = store(&spec, &[rows], &context);
    for (term, pairs) in [("id_no.region", 3), ("id_no.region.prefix4", 0)] {
        let rules = resolve(&store, &[vec![term]]);
        let candidates = Candidates::plan(&store, rules, &linkage(u64::MAX), &context).expect("it fits");
        assert_eq!(candidates.pairs(), pairs, "{term}");
    }
}

#[test]
fn test_a_rule_that_names_nothing_known_is_refused() {
    let context = context(1);
    let spec = people_spec(&[false], json!({}));
    let store = store(&spec, &[crowd(4, 2)], &context);
    let error = |terms: &[&str]| {
        let on = terms.iter().map(|t| (*t).to_owned()).collect();
        Rules::from_spec(&store, &[BlockingRuleSpec { on }]).expect_err("the rule is not sound").kind()
    };
    assert_eq!(error(&[]), ErrorKind::Spec);
    assert_eq!(error(&["city", "village"]), ErrorKind::Spec);
    assert_eq!(error(&["city.year"]), ErrorKind::Spec);
    let many: Vec<BlockingRuleSpec> = (0..21)
        .map(|i| {
            let parts = ["name", "born", "phone", "id_no", "city"];
            let on = (0..5).filter(|bit| (i + 1) >> bit & 1 == 1).map(|bit| parts[bit].to_owned()).collect();
            BlockingRuleSpec { on }
        })
        .collect();
    assert_eq!(Rules::from_spec(&store, &many[..20]).expect("twenty are allowed").rules.len(), 20);
    assert_eq!(Rules::from_spec(&store, &many).expect_err("more are not").kind(), ErrorKind::Spec);
}

#[test]
fn test_default_rules_stay_within_their_budget() {
    let context = context(2);
    let spec = people_spec(&[false], json!({}));
    // All share two cities; a birth date is shared by two, so that a rule of it costs little.
    let mut rows = Rows::new(&PEOPLE);
    for i in 0..6_000u32 {
        let date = i / 2;
        let born = format!("{}-{:02}-{:02}", 1930 + date / 336, date / 28 % 12 + 1, date % 28 + 1);
        rows.push(&[
            GIVEN[(i % 3) as usize],
            &born,
            "",
            &resident_id("19900101", i / 2 % 1_000),
            CITIES[(i % 2) as usize],
            "",
        ]);
    }
    let store = store(&spec, &[rows], &context);
    let rules = default::choose(&store, u64::MAX, &context).expect("rules can be built");
    let names: Vec<&str> = rules.rules.iter().map(|r| r.name.as_str()).collect();
    assert!(names.contains(&"born"), "{names:?}");
    assert!(!names.contains(&"city"), "nine million pairs are over the budget: {names:?}");
    let candidates = Candidates::plan(&store, rules, &LinkageSpec::default(), &context).expect("it fits");
    // The sample is all there is, so the estimate is exact: two million pairs and six a record.
    assert!(candidates.pairs() <= 2_000_000 + 6 * 6_000);
    assert!(candidates.rules.rules.len() <= 12);
}

#[test]
fn test_there_are_no_default_rules_where_no_value_is_shared() {
    let context = context(1);
    let spec = people_spec(&[false], json!({}));
    let mut rows = Rows::new(&PEOPLE);
    rows.push(&["Ada Example", "", "", "", "", ""]);
    rows.push(&["Bertram Sample", "", "", "", "", ""]);
    let store = store(&spec, &[rows], &context);
    assert_eq!(
        default::choose(&store, u64::MAX, &context).expect_err("nothing is shared").kind(),
        ErrorKind::Spec
    );
}
