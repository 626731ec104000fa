//! What the other attributes know of the people behind templates: which pairs are of one person, and which
//! templates are of people who are told apart for certain.
//!
//! Where a person has thousands of templates, one random pair in some hundred is of one person and drowns the
//! strangers who are as alike. Two records that other attributes tie to different official numbers are of
//! two people, whatever their templates say.

use rustc_hash::FxHashMap;

use super::super::settle::settle;
use super::super::{Planned, link};
use super::Nearest;
use crate::cluster::Forest;
use crate::compare::similarity::Similarities;
use crate::error::Result;
use crate::evidence::Members;
use crate::kernel::hash;
use crate::runtime::Context;
use crate::score::{Model, Scorer, Scores};
use crate::spec::LinkageSpec;
use crate::store::{PARTIAL, Slot, Store};

/// Match probability by the other attributes from which a pair shows how alike one person is.
const LINKED: f64 = 0.95;

/// Such pairs that are looked at, and those of them that are taken: shares of one in a hundred are then known
/// to a tenth.
const LOOKED_AT: usize = 200_000;
const LINKED_PAIRS: usize = 20_000;

/// Of all pairs that are linked those that are taken to tell how many are of one person.
const ASKED: usize = 2_000;

/// What the draw of linked pairs is called.
const DRAW: u64 = 714;

/// A linkage without templates.
#[derive(Debug)]
pub struct Linkage {
    /// Its entities, where anything links records.
    forest: Option<Forest>,
    /// Pairs of records that it links and that came to be of one entity, by lot.
    pairs: Vec<Linked>,
    /// Pairs of records that it links, whatever became of them, by lot.
    linked: Vec<Linked>,
}

/// Two records and their pattern.
type Linked = ([u32; 2], u64);

/// Pairs by lot: those whose lots are the least.
struct Lots(Vec<(u64, Linked)>);

impl Lots {
    fn push(&mut self, lot: u64, pair: Linked) {
        self.0.push((lot, pair));
        if self.0.len() > 4 * LOOKED_AT {
            self.0.select_nth_unstable(LOOKED_AT);
            self.0.truncate(LOOKED_AT);
        }
    }

    fn finish(mut self) -> Vec<Linked> {
        self.0.sort_unstable();
        self.0.truncate(LOOKED_AT);
        self.0.into_iter().map(|(_, pair)| pair).collect()
    }
}

/// What the other attributes know.
#[derive(Debug, Default)]
pub struct Known {
    /// Pairs of records that are linked, by lot.
    pub pairs: Vec<[u32; 2]>,
    /// On what the records of each agree.
    pub patterns: Vec<u64>,
    /// The person of a record, by the one official number that its records are tied to.
    pub persons: FxHashMap<u32, u64>,
}

impl Linkage {
    /// Links the records by all attributes but templates.
    ///
    /// # Errors
    /// As [`link::find`] and [`settle`].
    pub fn new(
        planned: &Planned,
        store: &Store,
        model: &Model,
        linkage: &LinkageSpec,
        context: &Context,
    ) -> Result<Self> {
        let (candidates, base) = (&planned.candidates, planned.base());
        if candidates.rules.rules.is_empty() || model.matches <= 0.0 {
            return Ok(Self { forest: None, pairs: Vec::new(), linked: Vec::new() });
        }
        let found = link::find(
            store,
            (candidates, base),
            (model, &Nearest::default()),
            linkage.threshold,
            None,
            context,
        )?;
        let none = Similarities::new(store, Vec::new());
        let forest = settle(store, (base, &none), model, &found.pairs, linkage, context)?.forest;
        let (mut of_one, mut linked) = (Lots(Vec::new()), Lots(Vec::new()));
        let key = hash::combine(DRAW, context.seed);
        let lot =
            |pair: [u32; 2]| pair.iter().fold(key, |lot, &record| hash::combine(lot, u64::from(record)));
        let scorer = Scorer::new(model, base);
        let mut scores = Scores::new(&scorer);
        found.pairs.each(|pairs| {
            context.cancel.check()?;
            for pair in pairs {
                if scores.score(pair.pattern).probability >= LINKED {
                    let both = [pair.left, pair.right];
                    linked.push(lot(both), (both, pair.pattern));
                    if forest.root(pair.left) == forest.root(pair.right) {
                        of_one.push(lot(both), (both, pair.pattern));
                    }
                }
            }
            Ok(())
        })?;
        Ok(Self { forest: Some(forest), pairs: of_one.finish(), linked: linked.finish() })
    }

    /// Pairs of `members` that it links, by lot, whatever became of them.
    pub fn linked(&self, members: &Members<'_>) -> Vec<[u32; 2]> {
        let both = |(pair, _): &&Linked| pair.iter().all(|&record| members.has(record));
        self.linked.iter().filter(both).take(ASKED).map(|&(pair, _)| pair).collect()
    }

    /// What it knows of `members`: of persons for the records `drawn`.
    ///
    /// Cost: the records are read once.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub fn known(
        &self,
        planned: &Planned,
        store: &Store,
        members: &Members<'_>,
        drawn: &[Vec<u32>],
        context: &Context,
    ) -> Result<Known> {
        let Some(forest) = &self.forest else { return Ok(Known::default()) };
        let official = planned.base().iter().filter(|c| c.kind.is_official_id());
        let official: Vec<Slot> = official.map(|c| store.layout.attributes[c.attribute].slot).collect();
        let both = |(pair, _): &&Linked| pair.iter().all(|&record| members.has(record));
        let (pairs, patterns) = self.pairs.iter().filter(both).take(LINKED_PAIRS).copied().unzip();
        Ok(Known { pairs, patterns, persons: persons(store, forest, &official, drawn, context)? })
    }
}

/// The person of each record of `drawn` whose entity has one official number and one alone.
fn persons(
    store: &Store,
    forest: &Forest,
    official: &[Slot],
    drawn: &[Vec<u32>],
    context: &Context,
) -> Result<FxHashMap<u32, u64>> {
    /// Of an entity with two numbers.
    const SEVERAL: u64 = u64::MAX;
    let mut numbers: FxHashMap<u32, u64> =
        drawn.iter().flatten().map(|&record| (forest.root(record), 0)).collect();
    let width = store.layout.words;
    let join = |known: &mut u64, number: u64| {
        *known = if *known == 0 || *known == number { number } else { SEVERAL };
    };
    let found =
        store.scan(context, FxHashMap::default, |found: &mut FxHashMap<u32, u64>, first, words| {
            for (words, record) in words.chunks_exact(width).zip(first..) {
                for (attribute, slot) in official.iter().enumerate() {
                    let value = slot.get(words);
                    if value != 0 && value & PARTIAL == 0 {
                        let root = forest.root(record);
                        if numbers.contains_key(&root) {
                            let number = hash::combine(attribute as u64, value).max(1);
                            join(found.entry(root).or_default(), number);
                        }
                    }
                }
            }
            Ok(())
        })?;
    for (root, number) in found.into_iter().flatten() {
        if let Some(known) = numbers.get_mut(&root) {
            join(known, number);
        }
    }
    let person = |&record: &u32| {
        let number = *numbers.get(&forest.root(record))?;
        (number != 0 && number != SEVERAL).then_some((record, number))
    };
    Ok(drawn.iter().flatten().filter_map(person).collect())
}
