//! Several templates of a person and modality, such as ten fingers, fused as one comparison.
//!
//! Each position that two records have in common has its false match rate p. By Fisher's method (R. A. Fisher,
//! *Statistical methods for research workers*, 1932) −2 Σ ln p of k positions of strangers is of χ² with 2k
//! degrees of freedom, so that one number tells how rare all together are, however many there are:
//!
//! > Q = e^−x Σ_{j<k} x^j / j!, x = −Σ ln p
//!
//! This holds where the positions of strangers are independent, and two fingers of one hand are not quite. So Q is
//! a scale and no rate: how often strangers reach it is counted as for any other similarity.

use std::sync::Arc;

use super::classes::Classes;
use crate::store::templates::ONE;

/// Decades of Q that are told apart; a similarity of 1 is this many.
pub const DECADES: f64 = 40.0;

/// The lowest rate of a position that counts: the lowest of the levels. What is beyond follows from a fitted tail
/// alone, and one finger must not outweigh nine.
pub const LEAST: f64 = 1e-10;

/// Fuses the similarities of positions.
#[derive(Debug, Clone)]
pub struct Fusion {
    classes: Arc<Classes>,
    /// For every position, and every part of all pairs, −ln p at equal steps of the similarity from −1 to 1; empty
    /// where nobody of these is compared.
    surprises: Vec<Vec<Vec<f32>>>,
}

impl Fusion {
    /// A fusion of positions by their tables of −ln p, one for every part of the pairs of `classes`.
    pub fn new(classes: Arc<Classes>, surprises: Vec<Vec<Vec<f32>>>) -> Self {
        Self { classes, surprises }
    }

    /// The tables, position by position.
    pub fn surprises(&self) -> &[Vec<Vec<f32>>] {
        &self.surprises
    }

    /// The fused product of two records of `classes`, of the products of positions that both have; none where
    /// they have none in common.
    #[inline]
    pub fn product(
        &self,
        classes: (usize, usize),
        products: impl Iterator<Item = (usize, i32)>,
    ) -> Option<i32> {
        let part = self.classes.part(classes.0, classes.1);
        let (mut surprise, mut count) = (0.0, 0);
        for (position, product) in products {
            let table = &self.surprises[position][part];
            if table.len() > 1 {
                surprise += f64::from(look_up(table, product));
                count += 1;
            }
        }
        let similarity = (decades(surprise, count) / DECADES).clamp(0.0, 1.0);
        (count > 0).then(|| (similarity * f64::from(ONE) * f64::from(ONE)) as i32)
    }
}

/// The value of a table at the cosine of `product`; between two steps it is a straight line.
#[inline]
fn look_up(table: &[f32], product: i32) -> f32 {
    let steps = (table.len() - 1) as f32;
    let at = ((product as f32 / (ONE * ONE) + 1.0) * 0.5 * steps).clamp(0.0, steps);
    let before = (at as usize).min(table.len() - 2);
    let part = at - before as f32;
    table[before] + (table[before + 1] - table[before]) * part
}

/// −log₁₀ Q of `count` positions whose −ln p add up to `surprise`.
fn decades(surprise: f64, count: usize) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for j in 0..count {
        sum += term;
        term *= surprise / (j + 1) as f64;
    }
    (surprise - f64::ln(sum.max(1.0))) * std::f64::consts::LOG10_E
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::hash;

    fn product(cosine: f64) -> i32 {
        (cosine * f64::from(ONE) * f64::from(ONE)) as i32
    }

    /// Of a similarity whose −ln p rises in a straight line, from 1 to the least rate.
    fn straight() -> Vec<f32> {
        (0..=4_000).map(|i| i as f32 / 4_000.0 * -(LEAST.ln() as f32)).collect()
    }

    #[test]
    fn test_independent_positions_have_the_rate_that_is_told() {
        let fusion = Fusion::new(Arc::new(Classes::of_sources(1)), vec![vec![straight()]; 10]);
        for count in [1, 2, 10] {
            let pairs = 200_000u64;
            let fused = (0..pairs).map(|pair| {
                let cosine = |position: usize| {
                    let bits = hash::combine(hash::combine(3, pair), position as u64) >> 11;
                    let rate = (bits as f64 + 0.5) / (1u64 << 53) as f64;
                    2.0 * (rate.ln() / LEAST.ln()) - 1.0
                };
                let each = (0..count).map(|position| (position, product(cosine(position))));
                f64::from(fusion.product((0, 0), each).expect("positions")) / f64::from(ONE).powi(2) * DECADES
            });
            let fused: Vec<f64> = fused.collect();
            for decade in 1..=3 {
                let seen = fused.iter().filter(|&&d| d >= f64::from(decade)).count() as f64;
                let expected = pairs as f64 * 0.1f64.powi(decade);
                assert!((seen - expected).abs() < 4.5 * expected.sqrt(), "{count} {decade}: {seen}");
            }
        }
    }

    #[test]
    fn test_one_finger_does_not_outweigh_nine() {
        let fusion = Fusion::new(Arc::new(Classes::of_sources(1)), vec![vec![straight()]; 10]);
        let at = |first: f64, rest: f64| {
            let each = (0..10).map(|i| (i, product(if i == 0 { first } else { rest })));
            f64::from(fusion.product((0, 0), each).expect("positions")) / f64::from(ONE).powi(2) * DECADES
        };
        // Nine fingers as alike as every second pair of strangers: −ln 0.5 is 0.03 of −ln 1e−10.
        assert!(at(1.0, -0.94) < 6.0, "{}", at(1.0, -0.94));
        assert!(at(-0.6, -0.6) > at(1.0, -0.94), "{}", at(-0.6, -0.6));
        assert_eq!(at(1.0, 1.0), DECADES);
        assert_eq!(fusion.product((0, 0), std::iter::empty()), None);
    }

    #[test]
    fn test_a_position_that_sources_do_not_share_says_nothing() {
        let tables = vec![straight(), Vec::new(), straight()];
        let fusion = Fusion::new(Arc::new(Classes::of_sources(2)), vec![tables.clone(), tables]);
        let each = || [(0, product(0.5)), (1, product(0.2))].into_iter();
        assert_eq!(fusion.product((0, 1), each()), None);
        assert_eq!(fusion.product((0, 0), each()), fusion.product((1, 1), each()));
    }
}
