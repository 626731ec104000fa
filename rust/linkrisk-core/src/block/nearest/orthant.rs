//! How often two templates lie in one cell.
//!
//! A cell is what lies beyond `reach` standard deviations along a direction that is drawn at random. Two
//! templates of the cosine ρ have products with it that are normal and correlated by ρ, so both lie in the cell
//! with the probability (Plackett, 1954)
//!
//! ```text
//!             asin ρ
//! P(ρ) = 1/2π  ∫  exp(−reach² / (1 + sin θ)) dθ          P(1) = P(a normal number ≥ reach)
//!             −π/2
//! ```
//!
//! and of `n` independent cells they share none with the probability (1 − P)ⁿ.

/// Steps of θ over half a turn: P is off by less than a ten-thousandth of itself.
const STEPS: usize = 4_096;

/// The share of templates in a cell that reaches to `reach` standard deviations.
pub fn share(reach: f64) -> f64 {
    0.5 * libm::erfc(reach / std::f64::consts::SQRT_2)
}

/// P(ρ) for one reach.
#[derive(Debug, Clone)]
pub struct Orthant {
    /// The integral up to each step.
    sums: Vec<f64>,
}

impl Orthant {
    /// The table for cells that reach to `reach` standard deviations, above 0.
    pub fn new(reach: f64) -> Self {
        let width = std::f64::consts::PI / STEPS as f64;
        let at = |step: usize| {
            let above = 1.0 + (step as f64 * width - std::f64::consts::FRAC_PI_2).sin();
            if above > 0.0 { (-reach * reach / above).exp() / std::f64::consts::TAU } else { 0.0 }
        };
        let mut sum = 0.0;
        let sums = (0..=STEPS).map(|step| {
            if step > 0 {
                sum += (at(step - 1) + at(step)) / 2.0 * width;
            }
            sum
        });
        Self { sums: sums.collect() }
    }

    /// The probability that two templates of this cosine lie in a cell.
    pub fn both(&self, cosine: f64) -> f64 {
        let at = (cosine.clamp(-1.0, 1.0).asin() / std::f64::consts::PI + 0.5) * STEPS as f64;
        let step = (at as usize).min(STEPS - 1);
        let part = at - step as f64;
        self.sums[step] * (1.0 - part) + self.sums[step + 1] * part
    }

    /// The probability that they lie together in one of `cells` cells at least.
    pub fn meet(&self, cosine: f64, cells: u32) -> f64 {
        -(f64::from(cells) * (-self.both(cosine)).ln_1p()).exp_m1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_equal_templates_independent_and_opposite_ones() {
        for reach in [0.5, 1.0, 2.0, 3.0, 4.0] {
            let (orthant, alone) = (Orthant::new(reach), share(reach));
            let near = |found: f64, wanted: f64| (found / wanted - 1.0).abs() < 1e-4;
            assert!(near(orthant.both(1.0), alone), "{} {alone}", orthant.both(1.0));
            assert!(near(orthant.both(0.0), alone * alone));
            assert!(orthant.both(-1.0) < 1e-12);
        }
        // Half of all templates: asin ρ / 2π more than a quarter (Sheppard, 1899).
        let half = Orthant::new(1e-9);
        assert!((half.both(0.5) - (0.25 + 1.0 / 12.0)).abs() < 5e-4);
    }

    #[test]
    fn test_nearer_templates_meet_more_often() {
        let orthant = Orthant::new(3.0);
        let meet: Vec<f64> = (-9..=10).map(|at| orthant.meet(f64::from(at) / 10.0, 4_096)).collect();
        assert!(meet.is_sorted() && meet[0] < 1e-9 && meet[19] > 0.99);
        assert!(orthant.meet(0.4, 8_192) > orthant.meet(0.4, 4_096));
    }
}
