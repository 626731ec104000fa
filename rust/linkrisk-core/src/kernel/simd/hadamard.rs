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

/// Products of each vector among which [`Level::hadamard`] says whether one is far.
pub const GROUP: usize = 4;

impl Level {
    /// Sets `out` to the products of the vectors `from` with the directions that `signs` make, and `far` to whether one of
    /// [`GROUP`] products of any vector is at least as far from 0 as `leasts` has it for its direction.
    ///
    /// Signs are ±1, numbers in ±32,767, and no distance is 0. All levels give the same.
    ///
    /// # Panics
    /// Where the numbers of a vector are no power of two from 64 on, or lengths do not agree.
    pub fn hadamard(self, from: &[Each], signs: &[i16], leasts: &[u16], out: &mut [Each], far: &mut [bool]) {
        assert!(from.len() >= 64 && from.len().is_power_of_two() && from.len() == out.len());
        assert!(from.len() == signs.len() && from.len() == leasts.len() && far.len() * GROUP == out.len());
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
    /// Something but 0 where `self` or what the other is farther than `least`, less 1, is.
    fn or_far(self, other: Self, least: u16) -> Self;
    /// Whether one number is not 0.
    fn any(self) -> bool;
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
    fn or_far(self, other: Self, least: u16) -> Self {
        let mut out = self;
        let pairs = out.0.iter_mut().zip(other.0);
        pairs.for_each(|(out, x)| *out |= x.unsigned_abs().saturating_sub(least - 1) as i16);
        out
    }

    #[inline(always)]
    fn any(self) -> bool {
        self.0.iter().fold(0, |any, x| any | x) != 0
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
        fn or_far(self, other: Self, least: u16) -> Self {
            Self(unsafe {
                let over =
                    _mm256_subs_epu16(_mm256_abs_epi16(other.0), _mm256_set1_epi16((least - 1) as i16));
                _mm256_or_si256(self.0, over)
            })
        }

        #[inline(always)]
        fn any(self) -> bool {
            unsafe { _mm256_testz_si256(self.0, self.0) == 0 }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(from: &[Each], signs: &[i16], leasts: &[u16], out: &mut [Each], far: &mut [bool]) {
    transform::<x86::Wide>(from, signs, leasts, out, far);
}

/// The transform, three steps at a time: so eight registers are busy, and all is read and written a third as often.
#[inline(always)]
fn transform<R: Register>(from: &[Each], signs: &[i16], leasts: &[u16], out: &mut [Each], far: &mut [bool]) {
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
    for (far, (group, leasts)) in far.iter_mut().zip(out.chunks_exact(GROUP).zip(leasts.chunks_exact(GROUP)))
    {
        let each = group.iter().zip(leasts);
        let over = each.fold(R::load(&Each::ZERO), |over, (each, &least)| over.or_far(R::load(each), least));
        *far = over.any();
    }
}

/// log₂ `N` steps of the transform, of numbers that are `apart`.
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
