//! False match rates of every part of all pairs, and what follows from them: where levels begin, how many strangers a
//! template has among all.

use std::sync::Arc;

use crate::compare::classes::Classes;
use crate::compare::similarity::{Ladder, RATES};
use crate::evidence::SourceRates;

/// The least similarity of each level, best first; none where the pairs seen cannot tell so low a rate.
pub type Steps = [Option<f64>; RATES.len()];

/// Share of the random pairs at or above a similarity from which they are taken to tell of strangers. Where
/// more are of one person, what is left of them after these were taken off is the error of that.
const OF_STRANGERS: f64 = 0.5;

/// How much slower than over its last decade a rate falls beyond, and may fall at the worst: that of simulated
/// gate cameras, whose people have relatives, falls by 0.57 of it.
const SLOWER: [f64; 2] = [0.6, 0.4];

/// The rates of every part.
pub struct Rates<'a> {
    pub parts: &'a [SourceRates],
    /// What is taken for the rates at the similarities of each part, and the upper ends of their intervals.
    values: Vec<[Vec<f64>; 2]>,
    classes: Arc<Classes>,
    /// The place of each part among them; none where nobody is compared.
    of: Vec<Option<usize>>,
    /// Pairs of all parts.
    pub total: f64,
}

impl<'a> Rates<'a> {
    /// The rates of `parts` of the pairs of `classes`.
    pub fn new(parts: &'a [SourceRates], classes: &Arc<Classes>) -> Self {
        let find = |wanted| parts.iter().position(|part| part.part.is_none_or(|part| part == wanted));
        let total = parts.iter().map(|part| part.pairs).sum::<f64>().max(1.0);
        let values = parts.iter().map(extrapolated).collect();
        let of = (0..classes.parts.len()).map(find).collect();
        Self { parts, values, classes: classes.clone(), of, total }
    }

    /// The place of the part of two classes; none where nobody of them is compared.
    pub fn part(&self, a: usize, b: usize) -> Option<usize> {
        self.of[self.classes.part(a, b)]
    }

    /// The place of a part of all pairs.
    pub fn place(&self, part: usize) -> Option<usize> {
        self.of[part]
    }

    /// The rate of a part at a similarity, or the upper end of its interval; between two that were looked at
    /// its logarithm is a straight line.
    pub fn rate(&self, part: usize, similarity: f64, high: bool) -> f64 {
        let at = &self.parts[part].at;
        let value = |i: usize| self.values[part][usize::from(high)][i];
        let next = at.partition_point(|&s| s < similarity);
        match next {
            0 => value(0),
            _ if next == at.len() => value(next - 1),
            _ => {
                let (s, t) = (at[next - 1], at[next]);
                let (low, high) = (value(next - 1).max(1e-300).ln(), value(next).max(1e-300).ln());
                (low + (high - low) * (similarity - s) / (t - s)).exp()
            }
        }
    }

    /// The rate of all pairs at a similarity.
    pub fn all(&self, similarity: f64) -> f64 {
        let parts = 0..self.parts.len();
        parts.map(|p| self.parts[p].pairs / self.total * self.rate(p, similarity, false)).sum()
    }

    /// Where the levels of each part begin.
    pub fn steps(&self) -> Vec<Steps> {
        (0..self.parts.len()).map(|part| RATES.map(|wanted| self.least(part, wanted))).collect()
    }

    /// The same as a ladder.
    pub fn ladder(&self, steps: &[Steps]) -> Ladder {
        let of = |part: usize| self.of[part].map_or([None; RATES.len()], |place| steps[place]);
        Ladder::new(self.classes.clone(), of)
    }

    /// The least similarity at which no more than `strangers` pairs of strangers are expected.
    pub fn similarity_of(&self, strangers: f64) -> f64 {
        let mut at = self.parts.iter().flat_map(|part| part.at.iter().copied());
        at.find(|&s| self.all(s) * self.total <= strangers).unwrap_or(0.99)
    }

    /// Strangers at least as alike as each level that one template may have among all, of the class with most.
    pub fn crowd(&self, sizes: &[u64], steps: &[Steps]) -> [f64; RATES.len()] {
        let filled: Vec<usize> = (0..sizes.len()).filter(|&class| sizes[class] > 0).collect();
        std::array::from_fn(|level| {
            let high =
                |(part, steps): (usize, &Steps)| steps[level].map(|least| self.rate(part, least, true));
            let highs: Vec<Option<f64>> = steps.iter().enumerate().map(high).collect();
            let between = |a: usize, b: usize| {
                let others = if a == b { sizes[b] - 1 } else { sizes[b] };
                Some(others as f64 * highs[self.part(a, b)?]?)
            };
            let of = |&a: &usize| filled.iter().filter_map(|&b| between(a, b)).sum::<f64>();
            filled.iter().map(of).fold(0.0, f64::max)
        })
    }

    /// The least similarity of a part at which the rate is `wanted` at most.
    pub fn least(&self, part: usize, wanted: f64) -> Option<f64> {
        let at = &self.parts[part].at;
        let first = self.values[part][0].iter().position(|&rate| rate <= wanted)?;
        let (mut low, mut high) = (at[first.saturating_sub(1)], at[first]);
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if self.rate(part, middle, false) <= wanted { high = middle } else { low = middle }
        }
        Some(high)
    }
}

/// The rates of a part and the upper ends of their intervals: as they are while most random pairs are of
/// strangers, and beyond that falling as they did over the last decade, down to one pair of those seen.
fn extrapolated(part: &SourceRates) -> [Vec<f64>; 2] {
    let mut values: Vec<f64> = part.rates.iter().map(|rate| rate.rate.value).collect();
    let mut highs: Vec<f64> = part.rates.iter().map(|rate| rate.rate.high).collect();
    let Some(after) = part.strangers.iter().position(|&share| share < OF_STRANGERS).filter(|&i| i > 1) else {
        return [values, highs];
    };
    let end = after - 1;
    let decade = values[..end].iter().rposition(|&rate| rate >= 10.0 * values[end]).unwrap_or(0);
    let slope = (values[decade] / values[end].max(1e-300)).ln() / (part.at[end] - part.at[decade]).max(1e-9);
    let seen = part.rates.first().map_or(0.0, |rate| rate.seen / rate.rate.value.max(1e-300));
    let (from, least) = ([values[end], highs[end]], 1.0 / seen.max(1.0));
    for i in after..values.len() {
        let beyond = part.at[i] - part.at[end];
        values[i] = values[i].min((from[0] * (-slope * SLOWER[0] * beyond).exp()).max(least));
        highs[i] = highs[i].min((from[1] * (-slope * SLOWER[1] * beyond).exp()).max(3.0 * least));
    }
    [values, highs]
}
