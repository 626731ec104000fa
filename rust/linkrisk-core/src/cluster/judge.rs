//! What becomes of one component: one entity, or several.

use super::Conflicts;
use super::agglomerate::{CONTRADICTION, agglomerate};
use super::component::{Against, Component, Record, Tie, Weighed};
use crate::store::copies::{Alike, Copies, Groups};

/// Units that are weighed all against all: 400 take 80,000 comparisons, 10,000 would take fifty
/// million. A larger component is settled in pieces, and then the entities of the pieces are.
const PIECE: usize = 400;

/// A weight beyond which more evidence of or against a match is no more convincing, in bits. An
/// average must not be decided by one pair that agrees, or disagrees, on everything.
const CAP: f32 = 12.0;

/// Evidence against a match, in bits, from which a pair that is no link votes against a merge. Two gate
/// events that share nothing but a site are unlikely to be of one person and say nothing against it; two
/// registrations that agree on name and ID number must not be outvoted by hundreds of such pairs. Nor by those
/// of events at two sites, whatever the bits: who is registered at both has them by the thousand.
const AGAINST: f32 = -3.0;

/// What the average weight between two clusters must reach: more for one person than against it.
const EVEN_ODDS: f32 = 1e-6;

/// Records up to which a component is weighed pair by pair before anything else: ten pairs.
const FEW: usize = 5;

/// Records of a cluster that stand for it where pieces are joined.
const DELEGATES: usize = 3;

/// What became of a component.
pub struct Outcome {
    /// The place of the first record of each member's entity, where the component was cut.
    pub labels: Option<Vec<u32>>,
    /// Whether two records contradict each other.
    pub contradiction: bool,
    /// The pairs that are links by their weight, of a component of which every two records were weighed.
    pub ties: Vec<Tie>,
}

/// Settles components.
pub struct Judge<'a> {
    /// What one person cannot have.
    pub conflicts: &'a Conflicts<'a>,
    /// Which records are weighed alike.
    pub copies: &'a Copies<'a>,
    /// The weight from which a pair is a link.
    pub threshold: f32,
    /// The weight of a pair of which nothing is known.
    pub prior: f32,
    /// Records above which an entity is implausible.
    pub most: u32,
}

impl Judge<'_> {
    /// Whether a component of `records`, copies counted once, is settled in pieces, along its links.
    pub fn is_large(&self, records: usize) -> bool {
        records > PIECE.min(self.most as usize)
    }

    /// A weight as it counts in an average.
    fn vote(&self, Weighed { weight, against }: Weighed) -> f32 {
        let speaks = weight >= 0.0
            || match against {
                Against::Always => true,
                Against::ByLevels => weight - self.prior <= AGAINST,
                Against::Never => false,
            };
        if speaks { weight.clamp(-CAP, CAP) } else { 0.0 }
    }

    /// Settles a component; `weigh` gives the weight of two records.
    pub fn settle<S>(
        &self,
        component: &Component<'_>,
        scratch: &mut S,
        weigh: &impl Fn(&mut S, Record<'_>, Record<'_>) -> Weighed,
    ) -> Outcome {
        if let Some(ties) = self.all_linked(component, scratch, weigh) {
            return Outcome { labels: None, contradiction: false, ties };
        }
        let mut units = self.units(component, scratch, weigh);
        if !self.is_large(units.len()) {
            return self.small(component, &units, scratch, weigh);
        }
        let n = component.members.len();
        let mut contradiction = false;
        loop {
            let pieces = pieces(n, &units, component.links);
            let (before, last) = (units.len(), pieces.len() == 1);
            units = pieces
                .into_iter()
                .flat_map(|piece| self.join(component, piece, &mut contradiction, scratch, weigh))
                .collect();
            units.sort_unstable();
            if last || units.len() == before {
                break;
            }
        }
        let mut labels: Vec<u32> = (0..n as u32).collect();
        for unit in &units {
            unit.iter().for_each(|&place| labels[place as usize] = unit[0]);
        }
        let ties = component.links.to_vec();
        Outcome { labels: (units.len() > 1).then_some(labels), contradiction, ties }
    }

    /// The links of a component of few records of which every two are linked, as most are: there is nothing to
    /// decide, and no need to look for copies.
    fn all_linked<S>(
        &self,
        component: &Component<'_>,
        scratch: &mut S,
        weigh: &impl Fn(&mut S, Record<'_>, Record<'_>) -> Weighed,
    ) -> Option<Vec<Tie>> {
        let n = component.members.len();
        if n > FEW || self.is_large(n) {
            return None;
        }
        let mut ties = Vec::with_capacity(n * (n - 1) / 2);
        for left in 0..n as u32 {
            for right in left + 1..n as u32 {
                let weight = weigh(scratch, component.record(left), component.record(right)).weight;
                if weight < self.threshold || component.contradict(self.conflicts, left, right) {
                    return None;
                }
                ties.push(Tie { left, right, weight });
            }
        }
        Some(ties)
    }

    /// The records of a component, those together that are copies and linked.
    fn units<S>(
        &self,
        component: &Component<'_>,
        scratch: &mut S,
        weigh: &impl Fn(&mut S, Record<'_>, Record<'_>) -> Weighed,
    ) -> Vec<Vec<u32>> {
        let mut groups = Groups::default();
        self.copies.group(component.members, component.words, &mut groups);
        let mut units: Vec<Vec<u32>> = Vec::with_capacity(groups.len());
        for group in groups.iter() {
            let linked = match *group {
                [first, second, ..] if group.len() <= self.most as usize => {
                    !component.contradict(self.conflicts, first, second)
                        && weigh(scratch, component.record(first), component.record(second)).weight
                            >= self.threshold
                }
                _ => false,
            };
            if linked {
                units.push(group.to_vec());
            } else {
                units.extend(group.iter().map(|&place| vec![place]));
            }
        }
        units
    }

    fn small<S>(
        &self,
        component: &Component<'_>,
        units: &[Vec<u32>],
        scratch: &mut S,
        weigh: &impl Fn(&mut S, Record<'_>, Record<'_>) -> Weighed,
    ) -> Outcome {
        let n = units.len();
        let mut weights = vec![0.0; n * n];
        let mut ties = Vec::new();
        let (mut all_linked, mut contradiction) = (component.members.len() <= self.most as usize, false);
        for i in 0..n {
            if let [first, second, ..] = *units[i].as_slice() {
                let weight = weigh(scratch, component.record(first), component.record(second)).weight;
                Alike::Within(&units[i]).connecting(|left, right| ties.push(Tie { left, right, weight }));
            }
            for j in i + 1..n {
                let (left, right) = (units[i][0].min(units[j][0]), units[i][0].max(units[j][0]));
                let (weight, vote) = if component.contradict(self.conflicts, left, right) {
                    contradiction = true;
                    (CONTRADICTION, CONTRADICTION)
                } else {
                    let weighed = weigh(scratch, component.record(left), component.record(right));
                    (weighed.weight, self.vote(weighed))
                };
                if weight >= self.threshold {
                    let tie = |left, right| ties.push(Tie { left, right, weight });
                    Alike::Between(&units[i], &units[j]).connecting(tie);
                } else {
                    all_linked = false;
                }
                weights[i * n + j] = vote;
                weights[j * n + i] = vote;
            }
        }
        if all_linked {
            return Outcome { labels: None, contradiction, ties };
        }
        let sizes: Vec<u32> = units.iter().map(|unit| unit.len() as u32).collect();
        let by_unit = agglomerate(&sizes, &weights, EVEN_ODDS, self.most);
        let whole = by_unit.iter().all(|&l| l == 0);
        let labels = (!whole).then(|| {
            // The first record of an entity need not be of its first unit.
            let mut first = vec![u32::MAX; n];
            for (unit, &label) in units.iter().zip(&by_unit) {
                first[label] = first[label].min(unit[0]);
            }
            let mut labels = vec![0; component.members.len()];
            for (unit, &label) in units.iter().zip(&by_unit) {
                unit.iter().for_each(|&place| labels[place as usize] = first[label]);
            }
            labels
        });
        Outcome { labels, contradiction, ties }
    }

    /// Joins the units of a piece, a unit being records that are one entity already.
    fn join<S>(
        &self,
        component: &Component<'_>,
        units: Vec<Vec<u32>>,
        contradiction: &mut bool,
        scratch: &mut S,
        weigh: &impl Fn(&mut S, Record<'_>, Record<'_>) -> Weighed,
    ) -> Vec<Vec<u32>> {
        let n = units.len();
        let mut weights = vec![0.0; n * n];
        let witnesses: Vec<Vec<u32>> =
            units.iter().map(|unit| self.conflicts.witnesses(component, unit)).collect();
        let clash = |i: usize, j: usize| {
            let against = |&a: &u32| witnesses[j].iter().any(|&b| component.contradict(self.conflicts, a, b));
            witnesses[i].iter().any(against)
        };
        for i in 0..n {
            for j in i + 1..n {
                let weight = if clash(i, j) {
                    CONTRADICTION
                } else {
                    self.between(component, (&units[i], &units[j]), scratch, weigh)
                };
                *contradiction |= weight == CONTRADICTION;
                weights[i * n + j] = weight;
                weights[j * n + i] = weight;
            }
        }
        let sizes: Vec<u32> = units.iter().map(|unit| unit.len() as u32).collect();
        let labels = agglomerate(&sizes, &weights, EVEN_ODDS, self.most);
        let mut joined: Vec<Vec<u32>> = vec![Vec::new(); n];
        for (unit, label) in units.into_iter().zip(labels) {
            joined[label].extend(unit);
        }
        joined.retain(|unit| !unit.is_empty());
        joined.iter_mut().for_each(|unit| unit.sort_unstable());
        joined
    }

    /// The average weight between the delegates of two units.
    fn between<S>(
        &self,
        component: &Component<'_>,
        (left, right): (&[u32], &[u32]),
        scratch: &mut S,
        weigh: &impl Fn(&mut S, Record<'_>, Record<'_>) -> Weighed,
    ) -> f32 {
        let (mut sum, mut pairs) = (0.0, 0);
        for a in delegates(left) {
            for b in delegates(right) {
                if component.contradict(self.conflicts, a, b) {
                    return CONTRADICTION;
                }
                let (first, second) = (component.record(a.min(b)), component.record(a.max(b)));
                sum += self.vote(weigh(scratch, first, second));
                pairs += 1;
            }
        }
        sum / pairs as f32
    }
}

/// Records that stand for a unit: spread evenly over it.
fn delegates(unit: &[u32]) -> impl Iterator<Item = u32> + '_ {
    let count = unit.len().min(DELEGATES);
    (0..count).map(move |i| unit[i * unit.len() / count])
}

/// Parts units into pieces of at most [`PIECE`]: the strongest links are followed first, and one that
/// would make a piece too large is not.
fn pieces(members: usize, units: &[Vec<u32>], links: &[Tie]) -> Vec<Vec<Vec<u32>>> {
    if units.len() <= PIECE {
        return vec![units.to_vec()];
    }
    let mut unit_of = vec![0; members];
    for (number, unit) in units.iter().enumerate() {
        unit.iter().for_each(|&place| unit_of[place as usize] = number);
    }
    let place = |record: u32| unit_of[record as usize];
    let mut order: Vec<&Tie> = links.iter().collect();
    order.sort_by(|a, b| b.weight.total_cmp(&a.weight).then((a.left, a.right).cmp(&(b.left, b.right))));
    let mut pieces: Vec<Vec<usize>> = (0..units.len()).map(|unit| vec![unit]).collect();
    let mut home: Vec<usize> = (0..units.len()).collect();
    for link in order {
        let (a, b) = (home[place(link.left)], home[place(link.right)]);
        if a != b && pieces[a].len() + pieces[b].len() <= PIECE {
            let (keep, gone) = if pieces[a].len() >= pieces[b].len() { (a, b) } else { (b, a) };
            let moved = std::mem::take(&mut pieces[gone]);
            moved.iter().for_each(|&unit| home[unit] = keep);
            pieces[keep].extend(moved);
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces.iter_mut().for_each(|piece| piece.sort_unstable());
    pieces.into_iter().map(|piece| piece.into_iter().map(|unit| units[unit].clone()).collect()).collect()
}
