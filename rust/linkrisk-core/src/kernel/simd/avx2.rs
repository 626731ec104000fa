//! AVX2: products of 16-bit numbers, which cannot saturate as those of `vpmaddubsw` would.
//!
//! A panel is read in two halves of eight rows; the four bytes of a row become two pairs of 16-bit numbers,
//! the even and the odd ones, as do those of a query. Tiles are of four queries: eight sums, four parts of the line, a
//! pair of a query and a product in 16 registers.

#![expect(unsafe_code, reason = "vector loads are by pointer, and features are checked at run time")]

use std::arch::x86_64::*;

use super::{Line, Panels, Queries};

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
    let wide = widened(queries);
    for (panel, masks) in masks.chunks_exact_mut(rows).enumerate() {
        let lines = &panels.lines[panel * depth / 4..][..depth / 4];
        let (tails, bases) = (halves(&panels.tails[panel].0), halves(&panels.bases[panel].0));
        let tiles = wide.chunks_exact(depth / 4).zip(masks.chunks_exact_mut(TILE)).enumerate();
        for (tile, (q, masks)) in tiles {
            let sums = tile_of(q, lines);
            for (row, (sums, mask)) in sums.iter().zip(masks).enumerate() {
                let at = tile * TILE + row;
                let base = _mm256_set1_epi32(queries.bases[at] + queries.offsets[at]);
                let mut found = 0;
                for half in 0..2 {
                    let tail = _mm256_madd_epi16(_mm256_set1_epi32(queries.tails[at]), tails[half]);
                    let most = _mm256_add_epi32(_mm256_add_epi32(base, bases[half]), tail);
                    let sum = _mm256_add_epi32(sums[half], most);
                    let below = _mm256_cmpgt_epi32(_mm256_set1_epi32(threshold), sum);
                    let below = _mm256_movemask_ps(_mm256_castsi256_ps(below)) as u16;
                    found |= (!below & 0xff) << (half * HALF);
                }
                *mask = found;
            }
        }
    }
}

/// The products of the rows of a tile with those of a panel.
///
/// Pairs of a query's numbers are broadcast from memory, which takes no more than the load does; taken from a general
/// register they cost two thirds of the rate.
#[inline]
#[target_feature(enable = "avx2")]
fn tile_of(q: &[Step], lines: &[Line]) -> [[__m256i; 2]; TILE] {
    let mut sums = [[_mm256_setzero_si256(); 2]; TILE];
    for (q, line) in q.iter().zip(lines) {
        let (bytes, x) = (_mm256_set1_epi16(0xff), halves(bytemuck::cast_ref(line)));
        let even = [_mm256_and_si256(x[0], bytes), _mm256_and_si256(x[1], bytes)];
        let odd = [_mm256_srli_epi16::<8>(x[0]), _mm256_srli_epi16::<8>(x[1])];
        for (q, sums) in q.iter().zip(&mut sums) {
            for (q, x) in q.iter().zip([even, odd]) {
                // SAFETY: `q` is four bytes.
                let q = unsafe { _mm256_castps_si256(_mm256_broadcast_ss(&*std::ptr::from_ref(q).cast())) };
                for (x, sum) in x.iter().zip(&mut *sums) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(*x, q));
                }
            }
        }
    }
    sums
}

/// Four numbers of each query of a tile, as pairs of 16 bits: the even and the odd ones, as those of a line are parted.
type Step = [[i32; 2]; TILE];

/// The numbers of queries, by tile and by four.
fn widened(queries: Queries<'_>) -> Vec<Step> {
    let depth = queries.depth;
    let step = |rows: &[i8], at: usize| {
        let mut step = [[0; 2]; TILE];
        for (out, row) in step.iter_mut().zip(rows.chunks_exact(depth)) {
            *out = pairs(&row[at * 4..][..4]);
        }
        step
    };
    let tiles = queries.numbers.chunks_exact(TILE * depth);
    tiles.flat_map(|rows| (0..depth / 4).map(move |at| step(rows, at))).collect()
}

/// No closure: one that is handed to a function without the feature is called, and not inlined.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(lanes: &[i32; 16]) -> [__m256i; 2] {
    let at = lanes.as_ptr().cast::<__m256i>();
    // SAFETY: 16 lanes are 64 bytes.
    unsafe { [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))] }
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
