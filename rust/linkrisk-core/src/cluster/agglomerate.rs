//! One component into the entities that its pairs, taken together, support.
//!
//! A component holds whatever a chain of links reaches. Here every two of its records are weighed,
//! linked or not, and clusters merge, the best supported first, while the *average* weight between
//! them speaks for one person rather than against it (average linkage; R. R. Sokal and C. D. Michener 1958). So one false link
//! between two people is outvoted by the pairs that say otherwise, and a merge that contradicts
//! itself is refused.
//!
//! The strongest link goes first, so a stray record may take the one it is falsely linked to away from that one's
//! entity, or come into it. Records therefore move to where most weight speaks for them, which is what
//! correlation clustering seeks (N. Bansal, A. Blum and S. Chawla, *Correlation clustering*, 2004), and what is left
//! merges once more.

/// A weight that no agreement outweighs.
pub const CONTRADICTION: f32 = f32::NEG_INFINITY;

/// Merges units of the given sizes, whose weights are given row by row, symmetric; returns for each
/// unit the first unit of its entity.
///
/// Two clusters merge while the average weight between their records is at least `threshold` and they
/// have at most `most` records together. Then units move, each to the cluster with the greatest sum of weights
/// above `threshold`, or to none where that is below zero, and clusters merge again. Ties stay, or go to the
/// smallest numbers. Cost: n² per merge at worst. Memory: a copy of the weights, and 4 bytes per square of the
/// clusters where any unit moved.
pub fn agglomerate(sizes: &[u32], weights: &[f32], threshold: f32, most: u32) -> Vec<usize> {
    let n = sizes.len();
    let mut labels = merge(sizes, weights.to_vec(), threshold, most);
    if !moved(sizes, weights, (threshold, most), &mut labels) {
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
            sums[place[i] * clusters + place[j]] += sizes[i] as f32 * sizes[j] as f32 * weights[i * n + j];
        }
    }
    for (at, sum) in sums.iter_mut().enumerate() {
        *sum /= whole[at / clusters] as f32 * whole[at % clusters] as f32;
    }
    let merged = merge(&whole, sums, threshold, most);
    place.into_iter().map(|cluster| firsts[merged[cluster]]).collect()
}

/// Rounds in which units may move: nearly all that do move in the first.
const ROUNDS: usize = 3;

/// A gain that is not one: the rounding of a sum.
const LEAST_GAIN: f32 = 1e-3;

/// Moves units to where most weight speaks for them, one after the other; tells whether any moved.
fn moved(sizes: &[u32], weights: &[f32], (threshold, most): (f32, u32), labels: &mut [usize]) -> bool {
    let n = sizes.len();
    let mut whole = vec![0u32; n];
    labels.iter().zip(sizes).for_each(|(&label, &size)| whole[label] += size);
    let (mut any, mut sums) = (false, vec![0.0f32; n]);
    for _ in 0..ROUNDS {
        let mut again = false;
        for unit in 0..n {
            sums.fill(0.0);
            for other in (0..n).filter(|&other| other != unit) {
                sums[labels[other]] += sizes[other] as f32 * (weights[unit * n + other] - threshold);
            }
            let own = labels[unit];
            let is_open = |at: usize| whole[at] > 0 && whole[at].saturating_add(sizes[unit]) <= most;
            let others = (0..n).filter(|&at| at != own && is_open(at));
            let best = others.max_by(|&a, &b| sums[a].total_cmp(&sums[b]).then(b.cmp(&a)));
            let (sum, to) = match best {
                Some(at) if sums[at] > 0.0 => (sums[at], Some(at)),
                _ => (0.0, None),
            };
            if sum <= sums[own] + LEAST_GAIN {
                continue;
            }
            whole[own] -= sizes[unit];
            // Alone it takes a number that no cluster has: its own, or that of those it leaves.
            let to = to.or_else(|| (0..n).find(|&at| whole[at] == 0)).unwrap_or(own);
            whole[to] += sizes[unit];
            labels[unit] = to;
            again = true;
        }
        any |= again;
        if !again {
            break;
        }
    }
    first_of_each(labels);
    any
}

/// Makes the label of each cluster its first unit.
fn first_of_each(labels: &mut [usize]) {
    let mut first = vec![usize::MAX; labels.len()];
    for unit in 0..labels.len() {
        first[labels[unit]] = first[labels[unit]].min(unit);
    }
    labels.iter_mut().for_each(|label| *label = first[*label]);
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
