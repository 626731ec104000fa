//! Iris codes, two at a time: the bits that differ and those compared, for every turn of the head.
//!
//! HD = |(A ⊕ B) ∧ mask A ∧ mask B| / |mask A ∧ mask B| (Daugman, 1993). The turns of one code are made once
//! and meet many others, whose 512 bytes stay in eight registers.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector loads are by pointer, and features are checked at run time")
)]

use bytemuck::{Pod, Zeroable};

use super::Level;

/// Words of a code; its mask has as many.
pub const WORDS: usize = 32;

/// Bits of a code.
pub const BITS: usize = WORDS * 64;

/// A code and its mask, in which a bit is 1 where that of the code can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Code {
    /// The bits.
    pub bits: [u64; WORDS],
    /// Which of them can be used.
    pub mask: [u64; WORDS],
}

impl Code {
    /// The code of a head that is turned by `angles` more, of 16 bits each.
    pub fn turned(&self, angles: isize) -> Self {
        let turn = |words: &[u64; WORDS]| {
            let mut angles_of = [0u16; BITS / 16];
            angles_of.copy_from_slice(bytemuck::cast_slice(words));
            angles_of.rotate_right(angles.rem_euclid((BITS / 16) as isize) as usize);
            let mut out = [0u64; WORDS];
            out.copy_from_slice(bytemuck::cast_slice(&angles_of));
            out
        };
        Self { bits: turn(&self.bits), mask: turn(&self.mask) }
    }
}

impl Level {
    /// Sets `out` to the bits that differ and those compared, of `other` and each of `turns`.
    ///
    /// # Panics
    /// Where `out` is shorter than `turns`.
    #[inline]
    pub fn iris(self, turns: &[Code], other: &Code, out: &mut [(u32, u32)]) {
        assert!(out.len() >= turns.len());
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Amx if has_popcnt_512() => {
                // SAFETY: the features were just asked for.
                unsafe { popcnt_512(turns, other, out) }
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if std::arch::is_x86_feature_detected!("popcnt") => {
                // SAFETY: the feature was just asked for.
                unsafe { popcnt_64(turns, other, out) }
            }
            _ => plain(turns, other, out),
        }
    }
}

#[inline(always)]
fn plain(turns: &[Code], other: &Code, out: &mut [(u32, u32)]) {
    for (turn, out) in turns.iter().zip(out) {
        let (mut differ, mut compared) = (0, 0);
        for word in 0..WORDS {
            let both = turn.mask[word] & other.mask[word];
            compared += both.count_ones();
            differ += ((turn.bits[word] ^ other.bits[word]) & both).count_ones();
        }
        *out = (differ, compared);
    }
}

/// The plain loop with an instruction that counts bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn popcnt_64(turns: &[Code], other: &Code, out: &mut [(u32, u32)]) {
    plain(turns, other, out);
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_popcnt_512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vpopcntdq")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn popcnt_512(turns: &[Code], other: &Code, out: &mut [(u32, u32)]) {
    use std::arch::x86_64::*;
    let load = |words: &[u64; WORDS], part: usize| {
        // SAFETY: eight words are 64 bytes, and codes are aligned to as many.
        unsafe { _mm512_load_si512(words[part * 8..][..8].as_ptr().cast()) }
    };
    let bits: [_; 4] = std::array::from_fn(|part| load(&other.bits, part));
    let mask: [_; 4] = std::array::from_fn(|part| load(&other.mask, part));
    for (turn, out) in turns.iter().zip(out) {
        let (mut differ, mut compared) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        for part in 0..4 {
            let both = _mm512_and_si512(load(&turn.mask, part), mask[part]);
            // (a ⊕ b) ∧ c
            let other = _mm512_ternarylogic_epi64::<0x28>(load(&turn.bits, part), bits[part], both);
            compared = _mm512_add_epi64(compared, _mm512_popcnt_epi64(both));
            differ = _mm512_add_epi64(differ, _mm512_popcnt_epi64(other));
        }
        *out = (_mm512_reduce_add_epi64(differ) as u32, _mm512_reduce_add_epi64(compared) as u32);
    }
}
