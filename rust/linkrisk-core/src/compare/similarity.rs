//! Templates compared: a similarity becomes a level by how rare it is among strangers.
//!
//! Levels are steps of the false match rate and not of the similarity, since the same cosine means another
//! rate with every model, between every two cameras and in every group of people. Which similarity begins a level is
//! told part of all pairs by part, by a [`Ladder`].
//!
//! A template is read where it rests and never carried along with keys; so the levels of two records come
//! without it first, [`PENDING`] standing where both have one, and are completed for those pairs alone that
//! it can decide.

use std::sync::Arc;

use super::classes::Classes;
use super::comparison::Position;
use super::fusion::Fusion;
use super::{Comparison, RULE_SHIFT};
use crate::error::Result;
use crate::kernel::simd::Level;
use crate::spec::Method;
use crate::store::Store;
use crate::store::gallery::{Gallery, TwoRows};
use crate::store::templates::ONE;

/// False match rates of the levels, best first: half decades, of which a match weight has two bits each.
/// Between two of them the rate is that of the worse.
pub const RATES: [f64; 13] = [1e-10, 1e-9, 1e-8, 3e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/// The level of two templates that are less alike than one pair of strangers in ten.
pub const ELSE: usize = RATES.len() + 1;

/// Stands for the level of two templates that were not compared yet.
pub const PENDING: usize = ELSE + 1;

/// What the levels are called, null first.
pub fn labels() -> Vec<String> {
    let rate = |rate: &f64| format!("false match rate ≤ {rate:.0e}");
    let rates = RATES.iter().map(rate);
    std::iter::once("null".to_owned()).chain(rates).chain(["else".to_owned()]).collect()
}

/// From which similarity on two templates have which level, in every part of all pairs.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// The classes of records, which tell the part.
    pub classes: Arc<Classes>,
    /// Least products of rows at rest, falling, of every part.
    steps: Vec<[i32; RATES.len()]>,
}

impl Ladder {
    /// The ladder of `classes`; `similarities` tells the least cosine of each level of a part, best first, of which
    /// those that cannot be known there are none.
    pub fn new(classes: Arc<Classes>, similarities: impl Fn(usize) -> [Option<f64>; RATES.len()]) -> Self {
        let product = |cosine: Option<f64>| {
            cosine.map_or(i32::MAX, |c| {
                (c * f64::from(ONE) * f64::from(ONE)).ceil().min(f64::from(i32::MAX)) as i32
            })
        };
        let steps = (0..classes.parts.len()).map(|part| similarities(part).map(product)).collect();
        Self { classes, steps }
    }

    /// The level of a product of two rows of records of these classes.
    #[inline]
    pub fn level(&self, classes: (usize, usize), product: i32) -> usize {
        let steps = &self.steps[self.classes.part(classes.0, classes.1)];
        1 + steps.iter().take_while(|&&least| product < least).count()
    }
}

/// What a thread keeps: two rows that rest on disk, and the products of positions.
#[derive(Debug, Default)]
pub struct Scratch {
    rows: TwoRows,
    products: Vec<(usize, i32)>,
}

/// The templates of a comparison, as they are compared.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The comparison.
    pub comparison: &'a Comparison,
    /// The templates of each of its positions, and the least product of pairs that are found by them.
    pub positions: Vec<(Position, &'a Gallery, i32)>,
    /// How several are fused.
    pub fusion: Option<&'a Fusion>,
    /// Their levels.
    pub ladder: &'a Ladder,
    /// The rule that finds pairs by them, a bit.
    pub rule: u32,
}

impl Compared<'_> {
    /// The product of two records of `classes`, given by their words, of several positions the fused one; and
    /// whether some position finds them. None where they have no position in common.
    ///
    /// # Errors
    /// As [`Gallery::product`].
    pub fn product(
        &self,
        kernel: Level,
        scratch: &mut Scratch,
        classes: (usize, usize),
        (left, right): (&[u64], &[u64]),
    ) -> Result<Option<(i32, bool)>> {
        let Scratch { rows, products } = scratch;
        products.clear();
        let mut is_found = false;
        for (at, (position, gallery, least)) in self.positions.iter().enumerate() {
            if let (Some(a), Some(b)) = (position.row(left), position.row(right)) {
                let product = gallery.product(kernel, a, b, rows)?;
                is_found |= product >= *least;
                products.push((at, product));
            }
        }
        let product = match self.fusion {
            Some(fusion) => fusion.product(classes, products.iter().copied()),
            None => products.first().map(|&(_, product)| product),
        };
        Ok(product.map(|product| (product, is_found)))
    }
}

/// Completes the levels of pairs whose templates were not compared.
#[derive(Debug)]
pub struct Similarities<'a> {
    store: &'a Store,
    each: Vec<Compared<'a>>,
    kernel: Level,
}

impl<'a> Similarities<'a> {
    /// Of these templates of `store`.
    pub fn new(store: &'a Store, each: Vec<Compared<'a>>) -> Self {
        Self { store, each, kernel: Level::best() }
    }

    /// The pattern of two records, given by number and words, with the levels of their templates in place
    /// of [`PENDING`], and the bits of the rules that find the pair by them.
    ///
    /// Cost: a product of two rows for each attribute that both have; where these are on disk, two reads.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io).
    pub fn complete(
        &self,
        scratch: &mut Scratch,
        (left, left_words): (u32, &[u64]),
        (right, right_words): (u32, &[u64]),
        mut pattern: u64,
    ) -> Result<u64> {
        let levels = pattern;
        for compared in self.each.iter().filter(|c| c.comparison.level(levels) == PENDING) {
            let class = |record: u32| compared.ladder.classes.class(self.store, record);
            let classes = (class(left), class(right));
            let found = compared.product(self.kernel, scratch, classes, (left_words, right_words))?;
            let level = found.map_or(0, |(product, _)| compared.ladder.level(classes, product));
            pattern = compared.comparison.with_level(pattern, level);
            let is_found = found.is_some_and(|(_, is_found)| is_found);
            pattern |= u64::from(is_found) << (RULE_SHIFT + compared.rule);
        }
        Ok(pattern)
    }

    /// Whether templates were compared in `pattern`.
    pub fn told(&self, pattern: u64) -> bool {
        self.each.iter().any(|compared| !matches!(compared.comparison.level(pattern), 0 | PENDING))
    }
}

/// The comparisons of templates among `comparisons`.
pub fn of_templates(comparisons: &[Comparison]) -> impl Iterator<Item = &Comparison> {
    comparisons.iter().filter(|comparison| comparison.method == Method::Similarity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_levels_fall_with_the_similarity_and_only_those_that_are_known_are_given() {
        let classes = Arc::new(Classes::of_sources(2));
        let ladder = Ladder::new(classes.clone(), |part| {
            let shift = if classes.parts[part].sources == [0, 1] { 0.1 } else { 0.0 };
            std::array::from_fn(|k| (k >= 4).then_some(0.6 + shift - k as f64 * 0.03))
        });
        let product = |cosine: f64| (cosine * f64::from(ONE) * f64::from(ONE)) as i32;
        assert_eq!(ladder.level((0, 0), product(0.99)), 5);
        assert_eq!(ladder.level((0, 0), product(0.4801)), 5);
        assert_eq!(ladder.level((0, 0), product(0.4799)), 6);
        assert_eq!(ladder.level((1, 0), product(0.4801)), ladder.level((0, 1), product(0.4801)));
        assert!(ladder.level((0, 1), product(0.4801)) > 5);
        assert_eq!(ladder.level((1, 1), product(-0.5)), ELSE);
        assert_eq!(labels().len(), ELSE + 1);
    }
}
