//! Iris codes: 2048 bits and a mask of as many, compared by their fractional Hamming distance.
//!
//! ```text
//! bytes 0–255    code: 128 angles of 16 bits (8 bands from the pupil outwards, 2 phases each),
//!                little-endian, so a rotation of the eye by one angle (2.8°) moves it by 2 bytes
//! bytes 256–511  mask, laid out alike: 1 where the bit of the code can be used
//! ```
//!
//! Bits are correlated along angles and bands, as the filters of Daugman's code make them, so that two
//! different irises differ as in 249 tosses of a coin where 911 bits are compared (Daugman, 2003 and
//! 2007). Two captures of one iris differ in 0.11 ± 0.06 of the bits, as outside the laboratory.
//! Upper and lower eyelid cover an arc each, another sixth of the bits is too weak to be used, and
//! the head tilts by up to four angles. The eyes of a person, and those of twins, have nothing in common.

use super::normal::normals;
use crate::kernel::hash;

/// Bytes of a code with its mask.
pub const IRIS_BYTES: usize = 512;
/// Bytes of each of the two.
const CODE_BYTES: usize = IRIS_BYTES / 2;
/// Angles of a code.
pub const ANGLES: usize = 128;
/// Bands of an angle.
const BANDS: u32 = 8;

/// How often a bit is as it was one angle before, beyond chance, in 1024.
const SAME_AS_BEFORE: u32 = 838;
/// Share of bits that differ from capture to capture: the mean, and the most.
const NOISE: f32 = 0.0585;
const MOST_NOISE: f32 = 0.40;
/// Share of bits that are too weak to be used, in 1024.
const WEAK: u32 = 170;

/// Largest tilt of a head, in angles.
const TILT: i64 = 4;

/// An eyelid: the angle of its middle, half of its width, and least and most bands that it covers.
struct Lid {
    middle: i64,
    half_width: i64,
    depth: (u64, u64),
}

const LIDS: [Lid; 2] =
    [Lid { middle: 32, half_width: 34, depth: (3, 7) }, Lid { middle: 96, half_width: 22, depth: (1, 4) }];

/// What a stream of random numbers is for.
const IRIS: u64 = 321;
const CAPTURE: u64 = 322;

/// One of two eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eye {
    /// The left eye.
    Left,
    /// The right eye.
    Right,
}

/// Makes the iris codes of a population.
pub struct Irises {
    seed: u64,
}

/// A stream of 64 random bits after another.
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 = hash::mix(self.0);
        self.0
    }

    /// 64 bits, each of which is set in `rate` of 1024 cases.
    fn rarely(&mut self, rate: u32) -> u64 {
        (0..10).fold(0, |set, bit| if rate >> bit & 1 == 1 { set | self.next() } else { set & self.next() })
    }
}

impl Irises {
    /// The iris codes of the population of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Writes the code of the capture `number` of an eye of `person`; no two captures of the eye have a
    /// number in common.
    pub fn code(&self, person: u64, eye: Eye, number: u64, out: &mut [u8; IRIS_BYTES]) {
        let own = hash::combine(
            hash::combine(hash::combine(self.seed, IRIS), person),
            u64::from(eye == Eye::Right),
        );
        let taken = hash::combine(hash::combine(own, CAPTURE), number);
        let mut bits = Bits(taken);
        let [a, b, c, tilt] = normals(taken, 0);
        // Mean 1 and standard deviation 0.82, as 2f(1 − f) varies over captures.
        let noise = (NOISE * (a * a + b * b + c * c) / 3.0).min(MOST_NOISE);
        let noise = (noise * 1024.0) as u32;
        let tilt = ((tilt * 2.0) as i64).clamp(-TILT, TILT);
        let depths = LIDS.map(|lid| lid.depth.0 + hash::below(bits.next(), lid.depth.1 - lid.depth.0 + 1));

        let mut structure = Bits(own);
        let mut code = 0u16;
        for angles in 0..ANGLES / 4 {
            let (flips, weak) = (bits.rarely(noise), bits.rarely(WEAK));
            let (same, inside, fresh) =
                (structure.rarely(SAME_AS_BEFORE), structure.next(), structure.next());
            for lane in 0..4 {
                let angle = angles * 4 + lane;
                let of = |word: u64| (word >> (16 * lane)) as u16;
                let same = if angle == 0 { 0 } else { of(same) };
                code = structure_of(code, same, of(inside), of(fresh));
                let seen = code ^ of(flips);
                let usable = !of(weak) & !covered(angle as i64, depths);
                let at = (angle as i64 + tilt).rem_euclid(ANGLES as i64) as usize * 2;
                out[at..at + 2].copy_from_slice(&seen.to_le_bytes());
                out[CODE_BYTES + at..CODE_BYTES + at + 2].copy_from_slice(&usable.to_le_bytes());
            }
        }
    }
}

/// The bits of the next angle: where `same`, those `before`; else where `inside`, those of the band
/// inside; else `fresh` ones.
fn structure_of(before: u16, same: u16, inside: u16, fresh: u16) -> u16 {
    let kept = before & same;
    let inside = inside & !same & !0b11;
    let own = kept | fresh & !same & !inside;
    // Bands from the inside out: each may repeat what the one before it has become.
    (1..BANDS).fold(own, |word, band| word | (word << 2) & inside & (0b11 << (2 * band)))
}

/// The bits of an angle that eyelids of these depths cover: the outermost bands, deepest in the middle.
fn covered(angle: i64, depths: [u64; 2]) -> u16 {
    let mut bands = 0;
    for (lid, depth) in LIDS.iter().zip(depths) {
        let off = (angle - lid.middle).abs();
        let off = off.min(ANGLES as i64 - off);
        if off < lid.half_width {
            let width = lid.half_width * lid.half_width;
            bands = bands.max((depth as i64 * (width - off * off) + width / 2) / width);
        }
    }
    !(u32::from(u16::MAX) >> (2 * bands.min(i64::from(BANDS)))) as u16
}

/// The least fractional Hamming distance over rotations by up to `rotations` angles either way, and the
/// bits that were compared there; `None` where no bit can be.
///
/// HD = |(A ⊕ B) ∧ mask A ∧ mask B| / |mask A ∧ mask B|, in [0, 1] (Daugman, 1993).
pub fn distance(a: &[u8; IRIS_BYTES], b: &[u8; IRIS_BYTES], rotations: usize) -> Option<(f64, u32)> {
    let (a_code, a_mask) = a.split_at(CODE_BYTES);
    let (b_code, b_mask) = b.split_at(CODE_BYTES);
    (0..=2 * rotations)
        .filter_map(|turn| {
            let by = (turn + ANGLES - rotations) % ANGLES * 2;
            let (mut differ, mut compared) = (0, 0);
            for i in 0..CODE_BYTES {
                let j = (i + by) % CODE_BYTES;
                let both = a_mask[i] & b_mask[j];
                compared += both.count_ones();
                differ += ((a_code[i] ^ b_code[j]) & both).count_ones();
            }
            (compared > 0).then(|| (f64::from(differ) / f64::from(compared), compared))
        })
        .min_by(|x, y| x.0.total_cmp(&y.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_covered_takes_outer_bands_first() {
        assert_eq!(covered(32, [3, 1]), 0b1111_1100_0000_0000);
        assert_eq!(covered(96, [3, 1]), 0b1100_0000_0000_0000);
        assert_eq!(covered(0, [3, 1]), 0);
    }

    #[test]
    fn test_distance_undoes_a_rotation() {
        let mut code = [0; IRIS_BYTES];
        Irises::new(1).code(5, Eye::Left, 0, &mut code);
        let mut turned = code;
        turned[..CODE_BYTES].rotate_right(10);
        turned[CODE_BYTES..].rotate_right(10);
        assert_eq!(distance(&code, &turned, 5).map(|d| d.0), Some(0.0));
        assert!(distance(&code, &turned, 4).is_some_and(|d| d.0 > 0.05));
    }
}
