//! AVX-512 VNNI: tiles of 12 queries by two panels, 24 sums in registers.
//!
//! 12 × 2 sums, two lines and four numbers of a query take 27 of the 32 registers, and 14 loads serve 24
//! products of 64 numbers: four cycles a pair of 512 numbers where two products start in each.

#![expect(unsafe_code, reason = "vector loads are by pointer, and features are checked at run time")]

use std::arch::x86_64::*;

use super::{Lanes, Line, Panels, Queries};

/// Queries of a tile.
const TILE: usize = 12;

pub fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}

pub fn hits(queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
    // SAFETY: the features are there, since `Level::hits` asks `is_available` first.
    unsafe { hits_here(queries, panels, threshold, masks) }
}

pub fn dot(a: &[i16], b: &[i16]) -> i32 {
    // SAFETY: the features are there, since `Level::dot` asks `is_available` first.
    unsafe { dot_here(a, b) }
}

pub fn dot8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: the features are there, since `Level::dot8` asks `is_available` first.
    unsafe { dot8_here(a, b) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn hits_here(queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
    let (depth, rows, count) = (queries.depth, queries.tails.len(), panels.tails.len());
    let lines = depth / 4;
    let mut panel = 0;
    while panel < count {
        // The last of an odd number of panels is multiplied twice, which changes nothing.
        let second = (panel + 1).min(count - 1);
        let pair = [panel, second];
        let x = pair.map(|p| &panels.lines[p * lines..][..lines]);
        for first in (0..rows).step_by(TILE) {
            let q = &queries.numbers[first * depth..][..TILE * depth];
            let sums = tile(q, x);
            for (side, &p) in pair.iter().enumerate() {
                let (tails, bases) = (load(&panels.tails[p]), load(&panels.bases[p]));
                for (row, sums) in sums.iter().enumerate() {
                    let at = first + row;
                    let base = _mm512_set1_epi32(queries.bases[at] + queries.offsets[at]);
                    let tail = _mm512_madd_epi16(_mm512_set1_epi32(queries.tails[at]), tails);
                    let most = _mm512_add_epi32(_mm512_add_epi32(base, bases), tail);
                    let sum = _mm512_add_epi32(sums[side], most);
                    masks[p * rows + at] = _mm512_cmpge_epi32_mask(sum, _mm512_set1_epi32(threshold));
                }
            }
        }
        panel += 2;
    }
}

/// The products of the rows of `q` with those of two panels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn tile(q: &[i8], x: [&[Line]; 2]) -> [[__m512i; 2]; TILE] {
    let depth = q.len() / TILE;
    let mut sums = [[_mm512_setzero_si512(); 2]; TILE];
    for (step, (a, b)) in x[0].iter().zip(x[1]).enumerate() {
        let lines = [line(a), line(b)];
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `step` is below `depth / 4` and `row` below `TILE`, so four numbers of `q` are there.
            let four = unsafe { q.as_ptr().add(row * depth + step * 4).cast::<i32>().read_unaligned() };
            let four = _mm512_set1_epi32(four);
            sums[0] = _mm512_dpbusd_epi32(sums[0], lines[0], four);
            sums[1] = _mm512_dpbusd_epi32(sums[1], lines[1], four);
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f")]
fn line(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes and aligned to as many.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(lanes: &Lanes) -> __m512i {
    // SAFETY: lanes are 64 bytes and aligned to as many.
    unsafe { _mm512_load_si512(lanes.0.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_here(a: &[i16], b: &[i16]) -> i32 {
    let mut sum = _mm512_setzero_si512();
    for (a, b) in a.chunks_exact(32).zip(b.chunks_exact(32)) {
        // SAFETY: 32 numbers are 64 bytes.
        let (a, b) =
            unsafe { (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast())) };
        sum = _mm512_dpwssd_epi32(sum, a, b);
    }
    _mm512_reduce_add_epi32(sum)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot8_here(a: &[i8], b: &[i8]) -> i32 {
    let mut sum = _mm512_setzero_si512();
    for (a, b) in a.chunks_exact(32).zip(b.chunks_exact(32)) {
        // SAFETY: 32 numbers are 32 bytes.
        let (a, b) =
            unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
        sum = _mm512_dpwssd_epi32(sum, _mm512_cvtepi8_epi16(a), _mm512_cvtepi8_epi16(b));
    }
    _mm512_reduce_add_epi32(sum)
}
