//! Products of a vector with very many directions, none of which is stored: Walsh–Hadamard transforms.
//!
//! The rows of a Hadamard matrix are orthogonal directions of numbers ±1. With the numbers of a vector given random signs
//! first they are directions drawn at random, and all n products take n log₂ n additions in place of n² multiplications
//! (Ailon and Chazelle, 2009). Sixteen vectors are transformed side by side, so that each step is one addition of
//! registers whatever its distance. 16 bits are enough, and what leaves them saturates.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "features of the processor are checked at run time")
)]

use bytemuck::{Pod, Zeroable};

use super::Level;

/// Vectors that are transformed side by side.
pub const SIDE_BY_SIDE: usize = 16;

/// One number of each vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(32))]
pub struct Each(pub [i16; SIDE_BY_SIDE]);

impl Each {
    /// Zero for each vector.
    pub const ZERO: Self = Self([0; SIDE_BY_SIDE]);
}

impl Level {
    /// Sets `out` to the products of the vectors `from` with the directions that `signs` make, and in `far` a bit for each
    /// product that is at least as far from 0 as `leasts` has it for its direction.
    ///
    /// Signs are ±1, numbers in ±32,767, and no distance is 0. All levels give the same.
    ///
    /// # Panics
    /// Where the numbers of a vector are no power of two from 64 on, or lengths do not agree.
    pub fn hadamard(self, from: &[Each], signs: &[i16], leasts: &[u16], out: &mut [Each], far: &mut [u16]) {
        assert!(from.len() >= 64 && from.len().is_power_of_two() && from.len() == out.len());
        assert!(from.len() == signs.len() && from.len() == leasts.len() && from.len() == far.len());
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx512 | Level::Amx if Level::Avx2.is_available() => {
                // SAFETY: the feature was just asked for.
                unsafe { avx2(from, signs, leasts, out, far) }
            }
            _ => transform::<Each>(from, signs, leasts, out, far),
        }
    }
}

/// What holds one number of each vector while it is worked on.
trait Register: Copy {
    fn load(from: &Each) -> Self;
    fn store(self, to: &mut Each);
    /// Times ±1.
    fn signed(self, sign: i16) -> Self;
    /// The sum and the difference, saturated.
    fn both(self, other: Self) -> (Self, Self);
    /// A bit for each number that is `least` or farther from 0.
    fn far(self, least: u16) -> u16;
}

impl Register for Each {
    #[inline(always)]
    fn load(from: &Each) -> Self {
        *from
    }

    #[inline(always)]
    fn store(self, to: &mut Each) {
        *to = self;
    }

    #[inline(always)]
    fn signed(self, sign: i16) -> Self {
        Self(self.0.map(|x| x.wrapping_mul(sign)))
    }

    #[inline(always)]
    fn both(self, other: Self) -> (Self, Self) {
        let pairs = || self.0.into_iter().zip(other.0);
        let (mut sum, mut difference) = (Self::ZERO, Self::ZERO);
        sum.0.iter_mut().zip(pairs()).for_each(|(out, (a, b))| *out = a.saturating_add(b));
        difference.0.iter_mut().zip(pairs()).for_each(|(out, (a, b))| *out = a.saturating_sub(b));
        (sum, difference)
    }

    #[inline(always)]
    fn far(self, least: u16) -> u16 {
        let bits = self.0.iter().zip(0..).map(|(x, lane)| u16::from(x.unsigned_abs() >= least) << lane);
        bits.fold(0, |all, bit| all | bit)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Each, Register};

    /// A register of 256 bits; for functions with AVX2 alone.
    #[derive(Clone, Copy)]
    pub struct Wide(__m256i);

    // SAFETY (of all): only [`super::avx2`] uses them, for which the feature was asked; `Each` is aligned to 32 bytes.
    impl Register for Wide {
        #[inline(always)]
        fn load(from: &Each) -> Self {
            Self(unsafe { _mm256_load_si256(from.0.as_ptr().cast()) })
        }

        #[inline(always)]
        fn store(self, to: &mut Each) {
            unsafe { _mm256_store_si256(to.0.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn signed(self, sign: i16) -> Self {
            Self(unsafe { _mm256_sign_epi16(self.0, _mm256_set1_epi16(sign)) })
        }

        #[inline(always)]
        fn both(self, other: Self) -> (Self, Self) {
            unsafe { (Self(_mm256_adds_epi16(self.0, other.0)), Self(_mm256_subs_epi16(self.0, other.0))) }
        }

        #[inline(always)]
        fn far(self, least: u16) -> u16 {
            unsafe {
                let distance = _mm256_abs_epi16(self.0);
                let most = _mm256_max_epu16(distance, _mm256_set1_epi16(least as i16));
                let far = _mm256_cmpeq_epi16(most, distance);
                let bytes = _mm_packs_epi16(_mm256_castsi256_si128(far), _mm256_extracti128_si256::<1>(far));
                _mm_movemask_epi8(bytes) as u16
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(from: &[Each], signs: &[i16], leasts: &[u16], out: &mut [Each], far: &mut [u16]) {
    transform::<x86::Wide>(from, signs, leasts, out, far);
}

/// The transform, three steps at a time: so eight registers are busy, and all is read and written a third as often.
#[inline(always)]
fn transform<R: Register>(from: &[Each], signs: &[i16], leasts: &[u16], out: &mut [Each], far: &mut [u16]) {
    for ((out, from), signs) in out.chunks_exact_mut(8).zip(from.chunks_exact(8)).zip(signs.chunks_exact(8)) {
        let mut some: [R; 8] = std::array::from_fn(|k| R::load(&from[k]).signed(signs[k]));
        steps(&mut some);
        some.into_iter().zip(out).for_each(|(register, out)| register.store(out));
    }
    let mut apart = 8;
    while apart < out.len() {
        match out.len() / apart {
            2 => pass::<R, 2>(out, apart),
            4 => pass::<R, 4>(out, apart),
            _ => pass::<R, 8>(out, apart),
        }
        apart *= (out.len() / apart).min(8);
    }
    for ((far, each), &least) in far.iter_mut().zip(out).zip(leasts) {
        *far = R::load(each).far(least);
    }
}

/// log₂ `N` steps of the transform, of numbers that are `apart`.
#[expect(clippy::needless_range_loop, reason = "the index goes through all parts side by side")]
#[inline(always)]
fn pass<R: Register, const N: usize>(out: &mut [Each], apart: usize) {
    for block in out.chunks_exact_mut(N * apart) {
        let mut parts = block.chunks_exact_mut(apart);
        let parts: [&mut [Each]; N] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        for at in 0..apart {
            let mut some: [R; N] = std::array::from_fn(|k| R::load(&parts[k][at]));
            steps(&mut some);
            for k in 0..N {
                some[k].store(&mut parts[k][at]);
            }
        }
    }
}

#[inline(always)]
fn steps<R: Register, const N: usize>(some: &mut [R; N]) {
    let mut half = 1;
    while half < N {
        for k in 0..N / 2 {
            let low = k / half * 2 * half + k % half;
            (some[low], some[low + half]) = some[low].both(some[low + half]);
        }
        half *= 2;
    }
}
