//! The plain loops that all levels are measured against.

use super::{LANES, Panels, Queries};

pub fn hits(queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
    let (depth, rows) = (queries.depth, queries.tails.len());
    for (panel, masks) in masks.chunks_exact_mut(rows).enumerate() {
        let lines = &panels.lines[panel * depth / 4..][..depth / 4];
        for (row, mask) in masks.iter_mut().enumerate() {
            let mut sums = panels.bases[panel].0;
            for (sum, tail) in sums.iter_mut().zip(panels.tails[panel].0) {
                *sum += queries.bases[row] + queries.tails[row] * tail;
            }
            let numbers = &queries.numbers[row * depth..][..depth];
            for (line, four) in lines.iter().zip(numbers.chunks_exact(4)) {
                for (sum, x) in sums.iter_mut().zip(line.0.chunks_exact(4)) {
                    let products =
                        x.iter().zip(four).map(|(&x, &q)| i32::from((x ^ 0x80) as i8) * i32::from(q));
                    *sum += products.sum::<i32>();
                }
            }
            *mask = (0..LANES).fold(0, |mask, lane| mask | u16::from(sums[lane] >= threshold) << lane);
        }
    }
}

pub fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

pub fn dot8(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
