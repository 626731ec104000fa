//! Pairs of one person: of all, of two sources, of a group.

use super::super::genuine::Genuine;
use super::super::histogram::{BINS, Histogram, bin, edge};
use super::super::interval::Estimate;
use super::super::mixture::separate;
use super::super::pairs::Probe;
use super::super::sample::Sample;
use super::{Persons, Question};
use crate::kernel::simd::Level;

/// Pairs of one person from which it is known how alike they are.
pub(super) const ENOUGH: f64 = 50.0;

/// The pairs of one person.
pub(super) struct Pool {
    /// All of them.
    pub(super) all: Genuine,
    /// The share of the pairs that are, where it is estimated.
    pub(super) share: Option<f64>,
    pairs: Vec<GenuinePair>,
}

/// A pair of one person.
pub(super) struct GenuinePair {
    person: u32,
    bin: u16,
    pub(super) sources: [u32; 2],
    /// Of each group attribute the group that both records are of; 0 is none.
    pub(super) groups: Vec<u16>,
}

impl GenuinePair {
    pub(super) fn of(question: &Question, sample: &Sample) -> Vec<Self> {
        let (level, mut pairs) = (Level::best(), Vec::new());
        for (number, person) in sample.persons.iter().enumerate() {
            for (i, a) in person.iter().enumerate() {
                let probe = Probe::new(level, a, sample.fusion.as_ref());
                for b in &person[..i] {
                    if a.source == b.source && question.sources[a.source as usize].1 {
                        continue;
                    }
                    let Some(similarity) = probe.similarity(b) else { continue };
                    let groups = a.groups.iter().zip(&b.groups).map(|(x, y)| if x == y { *x } else { 0 });
                    pairs.push(Self {
                        person: number as u32,
                        bin: bin(similarity) as u16,
                        sources: [a.source.min(b.source), a.source.max(b.source)],
                        groups: groups.collect(),
                    });
                }
            }
        }
        pairs
    }
}

impl Pool {
    pub(super) fn of(question: &Question, pairs: Vec<GenuinePair>, rate: impl Fn(f64) -> f64) -> Self {
        if let Some(given) = &question.calibration {
            return Self { all: Genuine::Counts(given.genuine.clone()), share: None, pairs: Vec::new() };
        }
        let counted = Genuine::of_pairs(pairs.iter().map(|p| (p.person, p.bin)).collect());
        if question.persons != Persons::Agreeing {
            return Self { all: counted, share: None, pairs };
        }
        let impostor: Vec<f64> = (0..BINS).map(|b| (rate(edge(b)) - rate(edge(b + 1))).max(0.0)).collect();
        let Some(apart) = separate(counted.histogram().counts(), &impostor) else {
            return Self { all: counted, share: None, pairs };
        };
        let edges = counted.histogram().edges().to_vec();
        let all = Histogram::new(edges, apart.genuine).map_or(counted, Genuine::Counts);
        // Which pairs are genuine is known of none, so no part of them is told apart.
        Self { all, share: Some(apart.share), pairs: Vec::new() }
    }

    pub(super) fn false_non_match(&self, similarity: f64) -> Option<Estimate> {
        (self.all.pairs() > 0.0).then(|| self.all.false_non_match(similarity))
    }

    /// How alike pairs of one person of two sources are; of all, where there are too few of those.
    pub(super) fn of_sources(&self, sources: [usize; 2]) -> Histogram {
        let own = self.part(|p| p.sources == sources.map(|s| s as u32));
        if own.pairs() >= ENOUGH { own.histogram().clone() } else { self.all.histogram().clone() }
    }

    /// The pairs of a part.
    pub(super) fn part(&self, within: impl Fn(&GenuinePair) -> bool) -> Genuine {
        Genuine::of_pairs(self.pairs.iter().filter(|p| within(p)).map(|p| (p.person, p.bin)).collect())
    }
}
