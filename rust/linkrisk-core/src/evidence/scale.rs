//! The scales on which vendors state similarity, and what a percentage on each is as a cosine.

use serde::{Deserialize, Serialize};

/// A scale of similarity of unit vectors; all rise with the cosine c.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The cosine itself.
    Cosine,
    /// (1 + c) / 2.
    Shifted,
    /// 1 − arccos(c) / π.
    Angular,
    /// 1 − d / 2 with the Euclidean distance d = √(2 − 2 c).
    Distance,
}

impl Scale {
    /// Every scale.
    pub const ALL: [Scale; 4] = [Scale::Cosine, Scale::Shifted, Scale::Angular, Scale::Distance];

    /// The scale's name in calibrations and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Scale::Cosine => "cosine",
            Scale::Shifted => "shifted",
            Scale::Angular => "angular",
            Scale::Distance => "distance",
        }
    }

    /// How the scale follows from the cosine.
    pub const fn formula(self) -> &'static str {
        match self {
            Scale::Cosine => "cosine",
            Scale::Shifted => "(1 + cosine) / 2",
            Scale::Angular => "1 − angle / 180°",
            Scale::Distance => "1 − distance / 2",
        }
    }

    /// The cosine of a value on the scale, between −1 and 1.
    pub fn cosine(self, value: f64) -> f64 {
        let cosine = match self {
            Scale::Cosine => value,
            Scale::Shifted => 2.0 * value - 1.0,
            Scale::Angular => (std::f64::consts::PI * (1.0 - value.clamp(0.0, 1.0))).cos(),
            Scale::Distance => 1.0 - 2.0 * (1.0 - value.min(1.0)).powi(2),
        };
        cosine.clamp(-1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_eighty_per_cent_is_four_similarities() {
        let cosines = Scale::ALL.map(|s| (s.cosine(0.8) * 1e4).round() / 1e4);
        assert_eq!(cosines, [0.8, 0.6, 0.809, 0.92]);
    }

    #[test]
    fn test_ends_are_the_cosines() {
        for scale in Scale::ALL {
            assert!((scale.cosine(1.0) - 1.0).abs() < 1e-12, "{}", scale.name());
            let least = if scale == Scale::Cosine { -1.0 } else { 0.0 };
            assert!((scale.cosine(least) + 1.0).abs() < 1e-12, "{}", scale.name());
        }
    }
}
