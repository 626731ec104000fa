//! How far apart two irises are: the least over turns of the head, normalised for the bits compared.
//!
//! HD = 0.5 − (0.5 − HD) √(n / 911) (J. Daugman, *New methods in iris recognition*, 2007).

use super::simd::Level;
use super::simd::iris::Code;

/// Turns either way.
const TURNS: isize = 8;

/// All turns of a code.
pub const ALL: usize = 2 * TURNS as usize + 1;

/// Bits that two codes have in common in the mean, to which distances are normalised (Daugman, 2007).
pub const MEAN_BITS: f64 = 911.0;

/// The normalised distance of two codes of which `compared` bits were compared and `differ` differ; 0 at the
/// least.
pub fn normalised(differ: u32, compared: u32) -> f64 {
    let (differ, compared) = (f64::from(differ), f64::from(compared));
    (0.5 - (0.5 - differ / compared) * (compared / MEAN_BITS).sqrt()).max(0.0)
}

/// A code in all turns, ready to meet others.
#[derive(Debug, Clone)]
pub struct Turned(Box<[Code; ALL]>);

impl Turned {
    /// All turns of `code`.
    pub fn new(code: &Code) -> Self {
        Self(Box::new(std::array::from_fn(|turn| code.turned(turn as isize - TURNS))))
    }

    /// Sets `counts` to the bits that differ and those compared, turn by turn.
    #[inline]
    pub fn counts(&self, level: Level, other: &Code, counts: &mut [(u32, u32); ALL]) {
        level.iris(&self.0[..], other, counts);
    }

    /// The normalised distance to `other`, in [0, 1]; none where no bit can be compared in any turn.
    #[inline]
    pub fn distance(&self, level: Level, other: &Code) -> Option<f64> {
        let mut counts = [(0, 0); ALL];
        self.counts(level, other, &mut counts);
        let compared = counts.iter().filter(|(_, compared)| *compared > 0);
        compared.map(|&(differ, compared)| normalised(differ, compared)).min_by(f64::total_cmp)
    }
}
