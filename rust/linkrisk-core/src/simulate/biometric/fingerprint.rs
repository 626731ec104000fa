//! Fingerprint templates: unit vectors of 192 numbers for each of ten fingers, compared by their cosine.
//!
//! The length is that of DeepPrint (Engelsma, Cao and Jain, 2019), whose rank-1 rate of 98.8 % against
//! 1.1 M prints the parameters are chosen for: strangers 0.02 ± 0.09 (effective dimension 123), two good
//! prints of one finger 0.72 ± 0.12. The pattern (whorl, left and right loop, arch, tented arch; with
//! their frequencies in life) makes 4 % of the variance, so fingers of one pattern are a little
//! nearer; the ten fingers of a person share 4 %, and those of identical twins 6 %. In 3 % of the people
//! the ridges are worn, and every print of theirs is bad. Prints do not age.

use super::face::Kin;
use super::latent::{Latent, add_scaled, scale_to};
use super::normal::skewed;
use super::rotation::Rotation;
use crate::kernel::hash;

/// Numbers of a fingerprint template.
pub const FINGERPRINT_DIMS: usize = 192;

/// Variance of a latent axis by that of the one before: exp(−1 / 69.9), effective dimension 123.
const RATIO: f64 = 0.985_804_396_752_746_3;

const PATTERN_SHARE: f32 = 0.04;
const PERSON_SHARE: f32 = 0.04;
const TWIN_SHARE: f32 = 0.06;

/// Frequencies of whorl, left loop, right loop, arch and tented arch, in thousandths (Wilson, Candela
/// and Watson, 1994).
const PATTERNS: [u64; 5] = [279, 338, 317, 37, 29];

/// One person in so many has worn ridges.
const WORN: u64 = 33;
/// Mean and standard deviation of the quality of a print, good and worn.
const QUALITY: (f32, f32) = (0.849, 0.087);
const WORN_QUALITY: (f32, f32) = (0.67, 0.12);
const QUALITIES: std::ops::RangeInclusive<f32> = 0.05..=0.98;

/// What a stream of random numbers is for.
const FINGER: u64 = 311;
const HAND: u64 = 312;
const PRINT: u64 = 313;
const TWINS: u64 = 314;
const ROTATION: u64 = 315;
const PATTERN: u64 = 316;

/// One taking of a finger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    /// Position as in ISO/IEC 19794-2, less one: 0 right thumb, 1 right index … 5 left thumb … 9.
    pub finger: u8,
    /// A number that no two takings of the person have in common.
    pub number: u64,
}

/// Makes the fingerprint templates of a population.
pub struct Fingerprints {
    seed: u64,
    latent: Latent,
    rotation: Rotation,
    patterns: Vec<Vec<f32>>,
}

impl Fingerprints {
    /// The templates of the population of `seed`.
    pub fn new(seed: u64) -> Self {
        let latent = Latent::new(FINGERPRINT_DIMS, RATIO);
        Self {
            seed,
            rotation: Rotation::new(FINGERPRINT_DIMS, ROTATION),
            patterns: (0..PATTERNS.len() as u64).map(|p| latent.unit(hash::combine(PATTERN, p))).collect(),
            latent,
        }
    }

    /// The same prints behind a secret rotation; see [`super::face::Faces::protected`].
    pub fn protected(mut self, key: u64) -> Self {
        self.rotation = Rotation::new(FINGERPRINT_DIMS, hash::combine(ROTATION, key));
        self
    }

    /// Writes the template of a print of `person` to `out`, 192 numbers of a unit vector.
    ///
    /// Of `kin`, identical twins alone count.
    pub fn template(&self, person: u64, kin: Option<Kin>, print: Print, out: &mut [f32]) {
        let mut scratch = [0.0f32; FINGERPRINT_DIMS];
        let of = |purpose: u64, number: u64| hash::combine(hash::combine(self.seed, purpose), number);
        let finger = u64::from(print.finger);
        let own = hash::combine(of(FINGER, person), finger);
        let twins = kin.filter(|kin| kin.share >= Kin::TWINS);
        let twin_share = if twins.is_some() { TWIN_SHARE } else { 0.0 };
        out.fill(0.0);
        self.latent.add(out, own, (1.0 - PATTERN_SHARE - PERSON_SHARE - twin_share).sqrt());
        self.latent.add(out, of(HAND, person), PERSON_SHARE.sqrt());
        if let Some(twins) = twins {
            self.latent.add(out, hash::combine(of(TWINS, twins.family), finger), twin_share.sqrt());
        }
        add_scaled(out, &self.patterns[pattern(own)], PATTERN_SHARE.sqrt());
        scale_to(out, 1.0);

        let key = hash::combine(hash::combine(of(PRINT, person), finger), print.number);
        self.latent.add(&mut scratch, key, 1.0);
        scale_to(&mut scratch, 1.0);
        let worn = hash::below(hash::mix(of(HAND, person)), WORN) == 0;
        let (mean, deviation) = if worn { WORN_QUALITY } else { QUALITY };
        let quality = (mean - deviation * skewed(hash::mix(key))).clamp(*QUALITIES.start(), *QUALITIES.end());
        for (x, noise) in out.iter_mut().zip(&scratch) {
            *x = quality * *x + (1.0 - quality * quality).sqrt() * noise;
        }
        self.rotation.apply(out, &mut scratch);
        scale_to(out, 1.0);
    }
}

fn pattern(finger: u64) -> usize {
    let mut drawn = hash::below(hash::combine(finger, PATTERN), PATTERNS.iter().sum());
    PATTERNS
        .iter()
        .position(|&often| {
            let is = drawn < often;
            drawn = drawn.wrapping_sub(often);
            is
        })
        .unwrap_or(0)
}
