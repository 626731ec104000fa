//! Kernels for texts of more than 64 characters: correct for any length, and allocating.
//!
//! Edit distances fill the edit matrix in a band around its diagonal that doubles until it holds the
//! answer or the limit: O(n · min(distance, limit)) time and three rows of memory. Jaro's matches
//! come from sorted positions: within one character both texts are matched in order, so each
//! character's two lists of positions are merged; O(n log n) time, O(n) memory.

use super::short::similarity;

/// First half-width of the band.
const FIRST_BAND: usize = 32;

/// Levenshtein or, with `SWAPS`, optimal string alignment distance up to `limit`.
///
/// `longer` is at least as long as `shorter`, and by no more than `limit`.
pub fn edits<T: Copy + PartialEq, const SWAPS: bool>(longer: &[T], shorter: &[T], limit: u32) -> u32 {
    let most = longer.len().min(limit as usize);
    let mut band = FIRST_BAND.max(longer.len() - shorter.len()).min(most);
    loop {
        match banded::<T, SWAPS>(longer, shorter, band) {
            Some(distance) => return distance as u32,
            None if band == most => return limit.saturating_add(1),
            None => band = (band * 2).min(most),
        }
    }
}

/// The distance if it is at most `band`.
fn banded<T: Copy + PartialEq, const SWAPS: bool>(longer: &[T], shorter: &[T], band: usize) -> Option<usize> {
    let width = longer.len();
    let beyond = band + 1;
    let mut before = vec![beyond; width + 1];
    let mut above: Vec<usize> = (0..=width).map(|j| j.min(beyond)).collect();
    let mut row = vec![beyond; width + 1];
    for i in 1..=shorter.len() {
        let low = i.saturating_sub(band);
        let high = (i + band).min(width);
        // Right of the band no row was ever filled; left of it this one holds an earlier row.
        if low == 0 {
            row[0] = i;
        } else {
            row[low - 1] = beyond;
        }
        for j in low.max(1)..=high {
            let same = longer[j - 1] == shorter[i - 1];
            let mut best = (above[j - 1] + usize::from(!same)).min(above[j] + 1).min(row[j - 1] + 1);
            if SWAPS && i > 1 && j > 1 && longer[j - 1] == shorter[i - 2] && longer[j - 2] == shorter[i - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row[j] = best.min(beyond);
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
    (above[width] <= band).then_some(above[width])
}

/// Jaro similarity of two texts, `longer` at least as long as `shorter`.
pub fn jaro<T: Copy + Ord>(longer: &[T], shorter: &[T]) -> f64 {
    let reach = (longer.len() / 2).saturating_sub(1);
    let (left, right) = (sorted_positions(longer), sorted_positions(shorter));
    let mut in_longer = vec![false; longer.len()];
    let mut in_shorter = vec![false; shorter.len()];
    let (mut x, mut y, mut matched) = (0, 0, 0);
    while x < left.len() && y < right.len() {
        let (i, j) = (left[x], right[y]);
        match longer[i].cmp(&shorter[j]) {
            std::cmp::Ordering::Less => x += 1,
            std::cmp::Ordering::Greater => y += 1,
            std::cmp::Ordering::Equal if i + reach < j => x += 1,
            std::cmp::Ordering::Equal if j + reach < i => y += 1,
            std::cmp::Ordering::Equal => {
                (in_longer[i], in_shorter[j]) = (true, true);
                matched += 1;
                x += 1;
                y += 1;
            }
        }
    }
    let kept = |text: &[T], marks: &[bool]| -> Vec<T> {
        text.iter().zip(marks).filter_map(|(&c, &m)| m.then_some(c)).collect()
    };
    let moved =
        kept(longer, &in_longer).iter().zip(kept(shorter, &in_shorter)).filter(|(a, b)| **a != *b).count();
    similarity(matched, moved, longer.len(), shorter.len())
}

fn sorted_positions<T: Ord>(text: &[T]) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..text.len()).collect();
    positions.sort_by(|&i, &j| text[i].cmp(&text[j]));
    positions
}
