//! What each level is worth: its share among strangers, and among captures of one person.

use super::rates::{Rates, Steps};
use crate::block::nearest::Scored;
use crate::compare::similarity::{Ladder, RATES, labels};
use crate::error::Result;
use crate::evidence::{BINS, Histogram, Probe, Sample, bin, edge, rising, separate};
use crate::external::Kept;
use crate::kernel::simd::Level;
use crate::runtime::Context;
use crate::score::model::{ChanceSource, ComparisonModel, GenuineSource, LevelModel, Source};
use crate::store::Store;

/// Pairs that other attributes link from which it is known how alike one person is.
pub const ENOUGH: f64 = 50.0;

/// Pairs that were found, less the strangers among them, from which it is known how alike one person is: where
/// most pairs of a level are of one person, fewer tell than of pairs that other attributes link.
const ENOUGH_FOUND: f64 = 10.0;

/// Share of the pairs of one person that are taken to be less alike than those the join finds, where nothing
/// but the join tells of them. Of several positions, one of which is enough to be found, it is as much less as there
/// are more: nine of ten fingers may be worn, and a hand is not ten independent fingers.
const MISSED: f64 = 0.1;

/// Pairs of one person by parts of all pairs.
pub struct Genuine {
    /// Counts of the bins of the grid, part by part.
    parts: Vec<Vec<f64>>,
    pairs: f64,
    source: GenuineSource,
}

impl Genuine {
    /// By a calibration, the same for every part; counts go to the middles of its bins.
    pub fn calibrated(all: &Histogram, rates: &Rates<'_>) -> Self {
        let mut counts = vec![0.0; BINS];
        for (edges, n) in all.edges().windows(2).zip(all.counts()) {
            counts[bin(0.5 * (edges[0] + edges[1]))] += n;
        }
        let parts = vec![counts; rates.parts.len()];
        Self { parts, pairs: all.total(), source: GenuineSource::Calibration }
    }

    /// By the linked pairs of a sample; strangers among them are taken off.
    pub fn linked(sample: &Sample, rates: &Rates<'_>) -> Self {
        let kernel = Level::best();
        let mut parts = vec![vec![0.0; BINS]; rates.parts.len()];
        for person in &sample.persons {
            if let [a, b] = person.as_slice()
                && let Some(part) = rates.part(a.class as usize, b.class as usize)
                && let Some(similarity) = Probe::new(kernel, a, sample.fusion.as_ref()).similarity(b)
            {
                parts[part][bin(similarity)] += 1.0;
            }
        }
        for (counts, part) in parts.iter_mut().zip(rates.parts) {
            let apart = separate(counts, &part.bins);
            if let Some(apart) = apart.filter(|_| counts.iter().sum::<f64>() >= ENOUGH) {
                *counts = apart.genuine;
            }
        }
        let pairs = parts.iter().flatten().sum();
        Self { parts, pairs, source: GenuineSource::Linked }
    }
}

/// The pairs that the join found, by levels.
pub struct Found {
    /// Pairs of each level.
    pub pairs: Vec<f64>,
    /// Pairs of strangers expected among them.
    pub strangers: Vec<f64>,
    /// Whether the join finds all pairs of the level, and most of them are of one person.
    pub reached: Vec<bool>,
    /// Share of the pairs of one person that are elsewhere.
    missed: f64,
}

impl Found {
    /// Counts the pairs of a join from the similarity `from` on.
    ///
    /// What all strangers of a level are is known, and of those that a join of several positions finds that they are
    /// no more. A level of which most pairs may be of strangers tells nothing of one person.
    pub fn of(
        store: &Store,
        pairs: &Kept<Scored>,
        ladder: &Ladder,
        (rates, steps): (&Rates<'_>, &[Steps]),
        (from, positions): (f64, usize),
        context: &Context,
    ) -> Result<Self> {
        let levels = RATES.len() + 1;
        let mut counts = vec![0u64; levels];
        pairs.each(|pairs| {
            context.cancel.check()?;
            for pair in pairs {
                let class = |record: u32| ladder.classes.class(store, record);
                counts[ladder.level((class(pair.left), class(pair.right)), pair.product) - 1] += 1;
            }
            Ok(())
        })?;
        let pairs = counts.into_iter().map(|n| n as f64).collect();
        let mut made = Self {
            pairs,
            strangers: vec![0.0; levels],
            reached: vec![false; levels],
            missed: MISSED / positions.max(1) as f64,
        };
        for (part, steps) in steps.iter().enumerate() {
            let mut above = 0.0;
            for (level, least) in steps.iter().enumerate() {
                let Some(least) = least else { continue };
                let rate = rates.rate(part, least.max(from), false);
                made.strangers[level] += (rate - above).max(0.0) * rates.parts[part].pairs;
                above = rate.max(above);
                made.reached[level] |= *least >= from;
            }
            let rest = (rates.rate(part, from, false) - above).max(0.0);
            made.strangers[RATES.len()] += rest * rates.parts[part].pairs;
        }
        let found = made.pairs.iter().zip(&made.strangers);
        made.reached
            .iter_mut()
            .zip(found)
            .for_each(|(reached, (n, s))| *reached &= *n >= 2.0 * s || *s < 1.0);
        Ok(made)
    }

    /// Pairs of one person in each level, where the join finds all of a level, and in all; those that it does
    /// not find are spread over the others.
    pub fn less_strangers(&self) -> (Vec<f64>, f64) {
        let found = |(level, reached): (usize, &bool)| {
            if *reached { (self.pairs[level] - self.strangers[level]).max(0.0) } else { 0.0 }
        };
        let mut m: Vec<f64> = self.reached.iter().enumerate().map(found).collect();
        let pairs: f64 = m.iter().sum();
        let missing = self.reached.iter().filter(|reached| !**reached).count().max(1) as f64;
        let rest = pairs * self.missed / (1.0 - self.missed) / missing;
        m.iter_mut().zip(&self.reached).filter(|(_, reached)| !**reached).for_each(|(m, _)| *m = rest);
        (m, pairs)
    }
}

/// m and u of the levels, best first and `else` last.
pub struct Learned {
    m: Vec<f64>,
    u: Vec<f64>,
    /// Pairs of one person that tell.
    pub pairs: f64,
    /// Where they come from.
    pub source: GenuineSource,
    /// Whether they are enough to tell anything.
    is_known: bool,
}

impl Learned {
    /// As the model has them.
    pub fn levels(&self) -> Vec<LevelModel> {
        let labels = labels();
        let each = self.m.iter().zip(&self.u).zip(&labels[1..]);
        let level = |((&m, &u), label): ((&f64, &f64), &String)| LevelModel {
            label: label.clone(),
            m,
            u,
            related: None,
            weight: (m / u).log2(),
            m_source: Source::Genuine,
            u_source: ChanceSource::Impostors,
        };
        each.map(level).collect()
    }

    /// Learns them.
    pub fn of(steps: &[Steps], rates: &Rates<'_>, found: &Found, genuine: Genuine) -> Self {
        let levels = RATES.len() + 1;
        let (mut m, mut u) = (vec![0.0; levels], vec![0.0; levels]);
        for (part, steps) in steps.iter().enumerate() {
            let share = rates.parts[part].pairs / rates.total;
            let mut above = 0.0;
            for (level, least) in steps.iter().enumerate() {
                let Some(least) = least else { continue };
                let rate = rates.rate(part, *least, false);
                u[level] += share * (rate - above).max(0.0);
                above = rate.max(above);
            }
            u[levels - 1] += share * (1.0 - above).max(0.0);
            for (b, &n) in genuine.parts[part].iter().enumerate().filter(|(_, n)| **n > 0.0) {
                let middle = 0.5 * (edge(b) + edge(b + 1));
                let level = steps.iter().position(|least| least.is_some_and(|least| middle >= least));
                m[level.unwrap_or(levels - 1)] += n;
            }
        }
        // A level that no part has is never met.
        u.iter_mut().zip(RATES.iter().chain([&1.0])).for_each(|(u, rate)| *u = u.max(rate * 0.1));
        let (mut pairs, mut source) = (genuine.pairs, genuine.source);
        if pairs < ENOUGH {
            source = GenuineSource::Found;
            (m, pairs) = found.less_strangers();
        }
        let enough = if source == GenuineSource::Found { ENOUGH_FOUND } else { ENOUGH };
        if pairs < enough {
            // Nothing is known of one person, so a similarity tells nothing.
            return Self { m: u.clone(), u, pairs, source, is_known: false };
        }
        // Half a pair more in each, so that no level is impossible among people.
        let total: f64 = m.iter().sum::<f64>() + 0.5 * levels as f64;
        // Bits fall with the similarity: from the worst level on they rise.
        let ratios: Vec<f64> = m.iter().zip(&u).rev().map(|(m, u)| (m + 0.5) / total / u).collect();
        let weights: Vec<f64> = u.iter().rev().copied().collect();
        let ratios = rising(&ratios, &weights);
        let m: Vec<f64> = ratios.iter().rev().zip(&u).map(|(ratio, u)| ratio * u).collect();
        let sum: f64 = m.iter().sum();
        Self { m: m.iter().map(|m| (m / sum).clamp(1e-12, 1.0)).collect(), u, pairs, source, is_known: true }
    }

    /// The matches behind the pairs of one person that were found; none where it is not known how many are missed.
    pub fn matches(&self, found: &Found) -> Option<f64> {
        let matched = found.less_strangers().1;
        let seen: f64 = self.m.iter().zip(&found.reached).filter(|(_, r)| **r).map(|(m, _)| m).sum();
        self.is_known.then(|| matched / seen.max(0.01))
    }
}

/// The comparison of templates of which there are too few to tell anything.
pub fn neutral(name: &str) -> ComparisonModel {
    let levels = RATES.len() + 1;
    let flat = vec![1.0 / levels as f64; levels];
    let learned =
        Learned { m: flat.clone(), u: flat, pairs: 0.0, source: GenuineSource::Found, is_known: false };
    ComparisonModel { attribute: name.to_owned(), levels: learned.levels() }
}
