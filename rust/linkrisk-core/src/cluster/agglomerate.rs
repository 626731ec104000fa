//! One component into the entities that its pairs, taken together, support.
//!
//! A component holds whatever a chain of links reaches. Here every two of its records are weighed,
//! linked or not, and clusters merge, the best supported first, while the *average* weight between
//! them speaks for one person rather than against it (average linkage; R. R. Sokal and C. D. Michener 1958). So one false link
//! between two people is outvoted by the pairs that say otherwise, and a merge that contradicts
//! itself is refused.

/// A weight that no agreement outweighs.
pub const CONTRADICTION: f32 = f32::NEG_INFINITY;

/// Merges units of the given sizes, whose weights are given row by row, symmetric; returns for each
/// unit the first unit of its entity.
///
/// Two clusters merge while the average weight between their records is at least `threshold` and they
/// have at most `most` records together. Ties go to the smallest numbers. Cost: n² per merge at worst.
pub fn agglomerate(sizes: &[u32], weights: &mut [f32], threshold: f32, most: u32) -> Vec<usize> {
    let n = sizes.len();
    let mut label: Vec<usize> = (0..n).collect();
    let mut size: Vec<f32> = sizes.iter().map(|&s| s as f32).collect();
    for i in 0..n {
        for j in 0..n {
            if i != j && sizes[i] + sizes[j] > most {
                weights[i * n + j] = CONTRADICTION;
            }
        }
    }
    let mut best: Vec<(f32, usize)> = (0..n).map(|i| nearest(weights, &size, n, i)).collect();
    loop {
        let mut top = (threshold, usize::MAX);
        for (i, &(weight, _)) in best.iter().enumerate() {
            if size[i] > 0.0 && weight >= top.0 && (top.1 == usize::MAX || weight > top.0) {
                top = (weight, i);
            }
        }
        let Some(&(_, other)) = best.get(top.1) else { return label };
        let (keep, gone) = (top.1.min(other), top.1.max(other));
        let (a, b) = (size[keep], size[gone]);
        for other in 0..n {
            if other != keep && other != gone && size[other] > 0.0 {
                let (x, y) = (weights[keep * n + other], weights[gone * n + other]);
                let too_many = a + b + size[other] > most as f32;
                let merged = if too_many || x == CONTRADICTION || y == CONTRADICTION {
                    CONTRADICTION
                } else {
                    (a * x + b * y) / (a + b)
                };
                weights[keep * n + other] = merged;
                weights[other * n + keep] = merged;
            }
        }
        size[keep] += size[gone];
        size[gone] = 0.0;
        label.iter_mut().filter(|l| **l == gone).for_each(|l| *l = keep);
        for i in 0..n {
            if size[i] > 0.0
                && (i == keep || best[i].1 == keep || best[i].1 == gone || weights[i * n + keep] > best[i].0)
            {
                best[i] = nearest(weights, &size, n, i);
            }
        }
    }
}

fn nearest(weights: &[f32], size: &[f32], n: usize, i: usize) -> (f32, usize) {
    let mut best = (f32::NEG_INFINITY, usize::MAX);
    for j in (0..n).filter(|&j| j != i && size[j] > 0.0) {
        if weights[i * n + j] > best.0 {
            best = (weights[i * n + j], j);
        }
    }
    best
}
