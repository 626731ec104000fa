//! AVX2: products of 16-bit numbers, which cannot saturate as those of `vpmaddubsw` would.
//!
//! A panel is read in two halves of eight rows; the four bytes of a row become two pairs of 16-bit numbers,
//! the even and the odd ones, as do those of a query. Tiles are of four queries: 4 sums by two parts, two
//! parts of the line and two of the query in 16 registers.

#![expect(unsafe_code, reason = "vector loads are by pointer, and features are checked at run time")]

use std::arch::x86_64::*;

use super::{Panels, Queries};

/// Queries of a tile.
const TILE: usize = 4;

/// Rows of half a panel.
const HALF: usize = 8;

pub fn hits(queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
    // SAFETY: the feature is there, since `Level::hits` asks first.
    unsafe { hits_here(queries, panels, threshold, masks) }
}

pub fn dot(a: &[i16], b: &[i16]) -> i32 {
    // SAFETY: the feature is there, since `Level::dot` asks first.
    unsafe { dot_here(a, b) }
}

pub fn dot8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: the feature is there, since `Level::dot8` asks first.
    unsafe { dot8_here(a, b) }
}

#[target_feature(enable = "avx2")]
fn hits_here(queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
    let (depth, rows) = (queries.depth, queries.tails.len());
    let wide: Vec<[i32; 2]> = queries.numbers.chunks_exact(4).map(pairs).collect();
    for (panel, masks) in masks.chunks_exact_mut(rows).enumerate() {
        let lines = &panels.lines[panel * depth / 4..][..depth / 4];
        let half_of = |lanes: &[i32; 16], half: usize| {
            // SAFETY: eight lanes are 32 bytes.
            unsafe { _mm256_loadu_si256(lanes[half * HALF..][..HALF].as_ptr().cast()) }
        };
        for first in (0..rows).step_by(TILE) {
            let q = &wide[first * depth / 4..][..TILE * depth / 4];
            let mut found = [0u16; TILE];
            for half in 0..2 {
                let mut sums = [_mm256_setzero_si256(); TILE];
                for (step, line) in lines.iter().enumerate() {
                    // SAFETY: half a line is 32 bytes.
                    let x = unsafe { _mm256_loadu_si256(line.0[half * 32..][..32].as_ptr().cast()) };
                    let even = _mm256_and_si256(x, _mm256_set1_epi16(0xff));
                    let odd = _mm256_srli_epi16::<8>(x);
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let [q_even, q_odd] = q[row * (depth / 4) + step].map(|pair| _mm256_set1_epi32(pair));
                        let products =
                            _mm256_add_epi32(_mm256_madd_epi16(even, q_even), _mm256_madd_epi16(odd, q_odd));
                        *sum = _mm256_add_epi32(*sum, products);
                    }
                }
                let (tails, bases) =
                    (half_of(&panels.tails[panel].0, half), half_of(&panels.bases[panel].0, half));
                for (row, (sum, found)) in sums.iter().zip(&mut found).enumerate() {
                    let at = first + row;
                    let base = _mm256_set1_epi32(queries.bases[at] + queries.offsets[at]);
                    let tail = _mm256_madd_epi16(_mm256_set1_epi32(queries.tails[at]), tails);
                    let sum = _mm256_add_epi32(*sum, _mm256_add_epi32(_mm256_add_epi32(base, bases), tail));
                    let below = _mm256_cmpgt_epi32(_mm256_set1_epi32(threshold), sum);
                    let below = _mm256_movemask_ps(_mm256_castsi256_ps(below)) as u16;
                    *found |= (!below & 0xff) << (half * HALF);
                }
            }
            masks[first..][..TILE].copy_from_slice(&found);
        }
    }
}

/// Four numbers as two pairs of 16 bits, the even and the odd ones, as those of a line are parted.
fn pairs(four: &[i8]) -> [i32; 2] {
    let pair = |low: i8, high: i8| i32::from(low) & 0xffff | i32::from(high) << 16;
    [pair(four[0], four[2]), pair(four[1], four[3])]
}

#[target_feature(enable = "avx2")]
fn dot_here(a: &[i16], b: &[i16]) -> i32 {
    let mut sum = _mm256_setzero_si256();
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        // SAFETY: 16 numbers are 32 bytes.
        let (a, b) =
            unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
    }
    sum_of(sum)
}

#[target_feature(enable = "avx2")]
fn dot8_here(a: &[i8], b: &[i8]) -> i32 {
    let mut sum = _mm256_setzero_si256();
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        // SAFETY: 16 numbers are 16 bytes.
        let (a, b) = unsafe { (_mm_loadu_si128(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast())) };
        let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b));
        sum = _mm256_add_epi32(sum, products);
    }
    sum_of(sum)
}

#[inline]
#[target_feature(enable = "avx2")]
fn sum_of(sum: __m256i) -> i32 {
    let mut lanes = [0i32; 8];
    // SAFETY: eight lanes are 32 bytes.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
    lanes.iter().sum()
}
