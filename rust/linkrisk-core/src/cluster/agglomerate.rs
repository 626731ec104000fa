//! One component into the entities that its pairs, taken together, support.
//!
//! A component holds whatever a chain of links reaches. Here every two of its records are weighed,
//! linked or not, and clusters merge, the best supported first, while the *average* weight between
//! them speaks for one person rather than against it (average linkage; R. R. Sokal and C. D. Michener 1958). So one false link
//! between two people is outvoted by the pairs that say otherwise, and a merge that contradicts
//! itself is refused.
//!
//! The strongest link goes first, so a stray record may join the one it is falsely linked to before the rest
//! of that one's entity does. Records against which the rest of their entity speaks are therefore put out, and
//! what is left merges once more.

/// A weight that no agreement outweighs.
pub const CONTRADICTION: f32 = f32::NEG_INFINITY;

/// Merges units of the given sizes, whose weights are given row by row, symmetric; returns for each
/// unit the first unit of its entity.
///
/// Two clusters merge while the average weight between their records is at least `threshold` and they
/// have at most `most` records together. Then units whose average weight with the rest of their cluster is
/// less are put out, the worst first, and what is left merges again. Ties go to the smallest numbers. Cost:
/// n² per merge at worst.
pub fn agglomerate(sizes: &[u32], weights: &[f32], threshold: f32, most: u32) -> Vec<usize> {
    let n = sizes.len();
    let mut labels = merge(sizes, weights.to_vec(), threshold, most);
    if !put_out(sizes, weights, threshold, &mut labels) {
        return labels;
    }
    let firsts: Vec<usize> = (0..n).filter(|&unit| labels[unit] == unit).collect();
    let place: Vec<usize> =
        labels.iter().map(|label| firsts.partition_point(|first| first < label)).collect();
    let clusters = firsts.len();
    let (mut whole, mut sums) = (vec![0; clusters], vec![0.0; clusters * clusters]);
    for i in 0..n {
        whole[place[i]] += sizes[i];
        for j in (0..n).filter(|&j| place[j] != place[i]) {
            // A contradiction is −∞, and stays that in a sum.
            sums[place[i] * clusters + place[j]] += (sizes[i] * sizes[j]) as f32 * weights[i * n + j];
        }
    }
    for (at, sum) in sums.iter_mut().enumerate() {
        *sum /= whole[at / clusters] as f32 * whole[at % clusters] as f32;
    }
    let merged = merge(&whole, sums, threshold, most);
    place.into_iter().map(|cluster| firsts[merged[cluster]]).collect()
}

/// Takes units out of their clusters while the rest of one speaks against them; tells whether any was.
fn put_out(sizes: &[u32], weights: &[f32], threshold: f32, labels: &mut [usize]) -> bool {
    let n = sizes.len();
    let weighs = |i: usize, j: usize| sizes[j] as f32 * weights[i * n + j];
    let mut any = false;
    for first in 0..n {
        let mut own: Vec<usize> = (first..n).filter(|&unit| labels[unit] == first).collect();
        let mut rest: u32 = own.iter().map(|&unit| sizes[unit]).sum();
        let others = |i: usize| own.iter().filter(move |&&j| j != i).map(move |&j| weighs(i, j)).sum();
        let mut sums: Vec<f32> = own.iter().map(|&i| others(i)).collect();
        while own.len() > 1 {
            let mean = |at: usize| sums[at] / (rest - sizes[own[at]]) as f32;
            let Some(worst) = (0..own.len()).min_by(|&a, &b| mean(a).total_cmp(&mean(b))) else { break };
            if mean(worst) >= threshold {
                break;
            }
            let out = own.remove(worst);
            sums.remove(worst);
            rest -= sizes[out];
            sums.iter_mut().zip(&own).for_each(|(sum, &i)| *sum -= weighs(i, out));
            labels[out] = out;
            any = true;
        }
        own.iter().for_each(|&unit| labels[unit] = own[0]);
    }
    any
}

/// Merges clusters, the two with the highest average weight first.
fn merge(sizes: &[u32], mut weights: Vec<f32>, threshold: f32, most: u32) -> Vec<usize> {
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
    let mut best: Vec<(f32, usize)> = (0..n).map(|i| nearest(&weights, &size, n, i)).collect();
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
                best[i] = nearest(&weights, &size, n, i);
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
