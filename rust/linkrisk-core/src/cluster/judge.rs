//! What becomes of one component: one entity, or several.

use super::agglomerate::{CONTRADICTION, agglomerate};
use super::{Conflicts, Link};

/// Units that are weighed all against all: 400 take 80,000 comparisons, 10,000 would take fifty
/// million. A larger component is settled in pieces, and then the entities of the pieces are.
const PIECE: usize = 400;

/// A weight beyond which more evidence of or against a match is no more convincing, in bits. An
/// average must not be decided by one pair that agrees, or disagrees, on everything.
const CAP: f32 = 12.0;

/// What the average weight between two clusters must reach: even odds. A pair that no rule found is
/// often one with gaps, which says little either way; held to the threshold of a link, such pairs
/// would cut what the others join.
const EVEN_ODDS: f32 = 0.0;

/// Records of a cluster that stand for it where pieces are joined.
const DELEGATES: usize = 3;

/// What became of a component.
pub struct Outcome {
    /// The first record of each member's entity, where the component was cut.
    pub labels: Option<Vec<u32>>,
    /// Whether two records contradict each other.
    pub contradiction: bool,
}

/// Settles components.
pub struct Judge<'a> {
    /// What one person cannot have.
    pub conflicts: &'a Conflicts<'a>,
    /// The weight from which a pair is a link.
    pub threshold: f32,
    /// Records above which an entity is implausible.
    pub most: u32,
}

impl Judge<'_> {
    /// Settles the component of `members`, ascending, whose links are those of `links` that
    /// `link_numbers` names.
    pub fn settle<S>(
        &self,
        (members, link_numbers): (&[u32], &[u32]),
        links: &[Link],
        scratch: &mut S,
        weigh: &impl Fn(&mut S, u32, u32) -> f32,
    ) -> Outcome {
        let known = || link_numbers.iter().map(|&i| &links[i as usize]);
        if members.len() <= PIECE && members.len() <= self.most as usize {
            return self.small(members, known(), scratch, weigh);
        }
        let mut contradiction = false;
        let mut units: Vec<Vec<u32>> = members.iter().map(|&m| vec![m]).collect();
        loop {
            let pieces = pieces(members, &units, known());
            let (before, last) = (units.len(), pieces.len() == 1);
            units = pieces
                .into_iter()
                .flat_map(|piece| self.join(piece, &mut contradiction, scratch, weigh))
                .collect();
            units.sort_unstable();
            if last || units.len() == before {
                break;
            }
        }
        let mut labels = members.to_vec();
        for unit in &units {
            for record in unit {
                if let Ok(at) = members.binary_search(record) {
                    labels[at] = unit[0];
                }
            }
        }
        Outcome { labels: (units.len() > 1).then_some(labels), contradiction }
    }

    fn small<'l, S>(
        &self,
        members: &[u32],
        known: impl Iterator<Item = &'l Link>,
        scratch: &mut S,
        weigh: &impl Fn(&mut S, u32, u32) -> f32,
    ) -> Outcome {
        let n = members.len();
        let mut weights = vec![f32::NAN; n * n];
        for link in known {
            if let (Ok(i), Ok(j)) = (members.binary_search(&link.left), members.binary_search(&link.right)) {
                weights[i * n + j] = link.weight;
            }
        }
        let (mut all_linked, mut contradiction) = (true, false);
        for i in 0..n {
            for j in i + 1..n {
                let weight = if self.conflicts.contradict(members[i], members[j]) {
                    contradiction = true;
                    CONTRADICTION
                } else if weights[i * n + j].is_nan() {
                    weigh(scratch, members[i], members[j]).clamp(-CAP, CAP)
                } else {
                    weights[i * n + j].clamp(-CAP, CAP)
                };
                all_linked &= weight >= self.threshold.min(CAP);
                weights[i * n + j] = weight;
                weights[j * n + i] = weight;
            }
        }
        if all_linked {
            return Outcome { labels: None, contradiction };
        }
        let labels = agglomerate(&vec![1; n], &mut weights, EVEN_ODDS, self.most);
        let whole = labels.iter().all(|&l| l == 0);
        let labels = (!whole).then(|| labels.into_iter().map(|l| members[l]).collect());
        Outcome { labels, contradiction }
    }

    /// Joins the units of a piece, a unit being records that are one entity already.
    fn join<S>(
        &self,
        units: Vec<Vec<u32>>,
        contradiction: &mut bool,
        scratch: &mut S,
        weigh: &impl Fn(&mut S, u32, u32) -> f32,
    ) -> Vec<Vec<u32>> {
        let n = units.len();
        let mut weights = vec![0.0; n * n];
        let witnesses: Vec<Vec<u32>> = units.iter().map(|unit| self.conflicts.witnesses(unit)).collect();
        let clash = |i: usize, j: usize| {
            let against = |&a: &u32| witnesses[j].iter().any(|&b| self.conflicts.contradict(a, b));
            witnesses[i].iter().any(against)
        };
        for i in 0..n {
            for j in i + 1..n {
                let weight = if clash(i, j) {
                    CONTRADICTION
                } else {
                    self.between(&units[i], &units[j], scratch, weigh)
                };
                *contradiction |= weight == CONTRADICTION;
                weights[i * n + j] = weight;
                weights[j * n + i] = weight;
            }
        }
        let sizes: Vec<u32> = units.iter().map(|unit| unit.len() as u32).collect();
        let labels = agglomerate(&sizes, &mut weights, EVEN_ODDS, self.most);
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
        left: &[u32],
        right: &[u32],
        scratch: &mut S,
        weigh: &impl Fn(&mut S, u32, u32) -> f32,
    ) -> f32 {
        let (mut sum, mut pairs) = (0.0, 0);
        for a in delegates(left) {
            for b in delegates(right) {
                if self.conflicts.contradict(a, b) {
                    return CONTRADICTION;
                }
                sum += weigh(scratch, a.min(b), a.max(b)).clamp(-CAP, CAP);
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
fn pieces<'l>(
    members: &[u32],
    units: &[Vec<u32>],
    links: impl Iterator<Item = &'l Link>,
) -> Vec<Vec<Vec<u32>>> {
    if units.len() <= PIECE {
        return vec![units.to_vec()];
    }
    let mut unit_of = vec![0; members.len()];
    for (number, unit) in units.iter().enumerate() {
        for record in unit {
            if let Ok(at) = members.binary_search(record) {
                unit_of[at] = number;
            }
        }
    }
    let place = |record: u32| members.binary_search(&record).map_or(0, |at| unit_of[at]);
    let mut order: Vec<&Link> = links.collect();
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
