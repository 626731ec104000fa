//! NEON: eight-bit products whose pairs are added in 16 bits and widened, which every 64-bit ARM has.
//!
//! Tiles are of four queries by a panel, 16 sums in registers. A product of ±127 fits 16 bits.

#![expect(unsafe_code, reason = "vector loads are by pointer")]

use std::arch::aarch64::*;

use super::{LANES, Panels, Queries};

/// Queries of a tile.
const TILE: usize = 4;

pub fn hits(queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
    let (depth, rows) = (queries.depth, queries.tails.len());
    for (panel, masks) in masks.chunks_exact_mut(rows).enumerate() {
        let lines = &panels.lines[panel * depth / 4..][..depth / 4];
        for first in (0..rows).step_by(TILE) {
            let q = &queries.numbers[first * depth..][..TILE * depth];
            // SAFETY: NEON is part of every 64-bit ARM; a line is four vectors of 16 bytes, and `step`
            // and `row` are below `depth / 4` and `TILE`, so four numbers of `q` are there.
            let sums = unsafe {
                let mut sums = [[vdupq_n_s32(0); 4]; TILE];
                for (step, line) in lines.iter().enumerate() {
                    let x = [0, 16, 32, 48].map(|at| {
                        let x = veorq_u8(vld1q_u8(line.0.as_ptr().add(at)), vdupq_n_u8(0x80));
                        vreinterpretq_s8_u8(x)
                    });
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let four = q.as_ptr().add(row * depth + step * 4).cast::<i32>().read_unaligned();
                        let four = vreinterpret_s8_s32(vdup_n_s32(four));
                        for (sum, x) in sums.iter_mut().zip(x) {
                            // Each half holds two rows of four; their pairs are added, then those of a row.
                            let low = vpaddlq_s16(vmull_s8(vget_low_s8(x), four));
                            let high = vpaddlq_s16(vmull_s8(vget_high_s8(x), four));
                            *sum = vaddq_s32(*sum, vpaddq_s32(low, high));
                        }
                    }
                }
                sums.map(|sums| {
                    let mut lanes = [0i32; LANES];
                    for (part, sum) in sums.into_iter().enumerate() {
                        vst1q_s32(lanes.as_mut_ptr().add(part * 4), sum);
                    }
                    lanes
                })
            };
            for (row, sums) in sums.iter().enumerate() {
                let at = first + row;
                let mut mask = 0;
                for lane in 0..LANES {
                    let most = queries.bases[at]
                        + panels.bases[panel].0[lane]
                        + queries.tails[at] * panels.tails[panel].0[lane];
                    mask |= u16::from(sums[lane] + most >= threshold) << lane;
                }
                masks[at] = mask;
            }
        }
    }
}
