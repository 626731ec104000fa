//! What the other attributes know of the people behind templates: which pairs are of one person, and which
//! templates are of people who are told apart for certain.
//!
//! Where a person has thousands of templates, one random pair in some hundred is of one person and drowns the
//! strangers who are as alike. Two records that other attributes tie to different official numbers are of
//! two people, whatever their templates say.

use rustc_hash::FxHashMap;

use super::super::settle::settle;
use super::super::{Planned, link};
use crate::cluster::Forest;
use crate::compare::Comparison;
use crate::compare::similarity::Similarities;
use crate::error::Result;
use crate::kernel::hash;
use crate::runtime::Context;
use crate::score::{Model, Scorer, Scores};
use crate::spec::LinkageSpec;
use crate::store::templates::Templates;
use crate::store::{PARTIAL, Slot, Store};

/// Match probability by the other attributes from which a pair shows how alike one person is.
const LINKED: f64 = 0.95;

/// Such pairs that are looked at, and those of them that are taken: shares of one in a hundred are then known
/// to a tenth.
const LOOKED_AT: usize = 200_000;
const LINKED_PAIRS: usize = 20_000;

/// What the draw of linked pairs is called.
const DRAW: u64 = 714;

/// What the other attributes know.
#[derive(Debug, Default)]
pub struct Known {
    /// Pairs of rows that are linked, by lot.
    pub pairs: Vec<[u32; 2]>,
    /// The person of a row, by the one official number that its records are tied to.
    pub persons: FxHashMap<u32, u64>,
}

/// Finds it out; of persons for the rows `drawn`.
///
/// Cost: a linkage without templates.
///
/// # Errors
/// As [`link::find`] and [`settle`].
pub fn known(
    planned: &Planned,
    store: &Store,
    model: &Model,
    (comparison, templates): (&Comparison, &Templates),
    drawn: &[Vec<u32>],
    linkage: &LinkageSpec,
    context: &Context,
) -> Result<Known> {
    let candidates = &planned.candidates;
    if candidates.rules.rules.is_empty() || model.matches <= 0.0 {
        return Ok(Known::default());
    }
    let base = planned.base();
    let official: Vec<Slot> = base
        .iter()
        .filter(|c| c.kind.is_official_id())
        .map(|c| store.layout.attributes[c.attribute].slot)
        .collect();
    let scorer = Scorer::new(model, base);
    let found = link::find(store, (candidates, base), (model, &[]), linkage.threshold, None, context)?;
    let none = Similarities::new(store, Vec::new());
    let forest = settle(store, (base, &none), model, &found.pairs, linkage, context)?.forest;
    let mut lots: Vec<(u64, [u32; 2])> = Vec::new();
    let key = hash::combine(DRAW, context.seed);
    let lot = |left: u32, right: u32| hash::combine(hash::combine(key, u64::from(left)), u64::from(right));
    let mut scores = Scores::new(&scorer);
    found.pairs.each(|pairs| {
        context.cancel.check()?;
        for pair in pairs {
            let is_one = || forest.root(pair.left) == forest.root(pair.right);
            if scores.score(pair.pattern).probability >= LINKED && is_one() {
                lots.push((lot(pair.left, pair.right), [pair.left, pair.right]));
                if lots.len() > 4 * LOOKED_AT {
                    lots.select_nth_unstable(LOOKED_AT);
                    lots.truncate(LOOKED_AT);
                }
            }
        }
        Ok(())
    })?;
    lots.sort_unstable();
    lots.truncate(LOOKED_AT);
    let mut records: Vec<u32> = lots.iter().flat_map(|(_, pair)| *pair).collect();
    records.sort_unstable();
    records.dedup();
    let words = store.gather(&records, context)?;
    let width = store.layout.words;
    let row = |record: u32| {
        let at = records.partition_point(|&r| r < record);
        (comparison.value(&words[at * width..][..width]) as u32).checked_sub(1)
    };
    let pairs = lots.iter().filter_map(|(_, [left, right])| Some([row(*left)?, row(*right)?]));
    let pairs = pairs.take(LINKED_PAIRS).collect();
    let persons = persons(store, &forest, &official, (templates, drawn), context)?;
    Ok(Known { pairs, persons })
}

/// The person of each row of `drawn` whose entity has one official number and one alone.
fn persons(
    store: &Store,
    forest: &Forest,
    official: &[Slot],
    (templates, drawn): (&Templates, &[Vec<u32>]),
    context: &Context,
) -> Result<FxHashMap<u32, u64>> {
    /// Of an entity with two numbers.
    const SEVERAL: u64 = u64::MAX;
    let root = |row: u32| forest.root(templates.records()[row as usize]);
    let mut numbers: FxHashMap<u32, u64> = drawn.iter().flatten().map(|&row| (root(row), 0)).collect();
    let width = store.layout.words;
    let found = store.scan(context, Vec::new, |found: &mut Vec<(u32, u64)>, first, words| {
        for (words, record) in words.chunks_exact(width).zip(first..) {
            for (attribute, slot) in official.iter().enumerate() {
                let value = slot.get(words);
                if value != 0 && value & PARTIAL == 0 {
                    let root = forest.root(record);
                    if numbers.contains_key(&root) {
                        found.push((root, hash::combine(attribute as u64, value).max(1)));
                    }
                }
            }
        }
        Ok(())
    })?;
    for (root, number) in found.into_iter().flatten() {
        if let Some(known) = numbers.get_mut(&root) {
            *known = if *known == 0 || *known == number { number } else { SEVERAL };
        }
    }
    let person = |&row: &u32| {
        let number = *numbers.get(&root(row))?;
        (number != 0 && number != SEVERAL).then_some((row, number))
    };
    Ok(drawn.iter().flatten().filter_map(person).collect())
}
