//! One component at hand: its records, their words and the links among them.

use super::Conflicts;

/// A record: its number and its words.
pub type Record<'a> = (u32, &'a [u64]);

/// What two records weigh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// Match weight in bits.
    pub weight: f32,
    /// When a weight below even odds speaks against one person.
    pub against: Against,
}

/// When a pair below even odds speaks against one person, by what was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Always: templates were compared, and those of one person are alike; these are not, or what a person has one of
    /// was compared as well.
    Always,
    /// Where its levels do: something was compared of which one person has one, such as a birth date.
    ByLevels,
    /// Never: all that was compared is of what one person has several, such as places and accounts, and templates that
    /// are alike.
    Never,
}

/// A component; its records go by their place in `members`.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a> {
    /// Numbers of the records, ascending.
    pub members: &'a [u32],
    /// Their words, one record after the other.
    pub words: &'a [u64],
    /// Links between places, the lower first, ascending; of large components alone, for in a small one
    /// every two records are weighed anyway.
    pub links: &'a [Tie],
}

/// A link between two records of a component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tie {
    /// Place of the first record, the lower.
    pub left: u32,
    /// Place of the second.
    pub right: u32,
    /// Match weight in bits.
    pub weight: f32,
}

impl Component<'_> {
    /// The words of the record at `place`.
    #[inline]
    pub fn words(&self, place: u32) -> &[u64] {
        let width = self.words.len() / self.members.len().max(1);
        &self.words[place as usize * width..][..width]
    }

    /// The record at `place`.
    #[inline]
    pub fn record(&self, place: u32) -> Record<'_> {
        (self.members[place as usize], self.words(place))
    }

    /// Whether two records contradict each other.
    pub fn contradict(&self, conflicts: &Conflicts<'_>, left: u32, right: u32) -> bool {
        conflicts.contradict(self.record(left), self.record(right))
    }
}

/// Finds the strongest ties that hold entities together; kept between components for the room alone.
#[derive(Debug, Default)]
pub struct Kruskal {
    parents: Vec<u32>,
}

impl Kruskal {
    /// Hands the strongest of `ties` that hold each entity of `members` records together to `take`: of an entity
    /// of `n` records at most `n − 1`. Without `labels` all records are one entity.
    ///
    /// Which of equally strong ties are taken does not change their weights (J. B. Kruskal, 1956).
    pub fn spanning(
        &mut self,
        ties: &mut [Tie],
        members: usize,
        labels: Option<&[u32]>,
        mut take: impl FnMut(Tie),
    ) {
        let Self { parents } = self;
        parents.clear();
        parents.extend(0..members as u32);
        ties.sort_unstable_by(|a, b| b.weight.total_cmp(&a.weight));
        let of_one = |tie: &&Tie| labels.is_none_or(|l| l[tie.left as usize] == l[tie.right as usize]);
        for tie in ties.iter().filter(of_one) {
            let (left, right) = (root(parents, tie.left), root(parents, tie.right));
            if left != right {
                parents[left.max(right) as usize] = left.min(right);
                take(*tie);
            }
        }
    }
}

fn root(parents: &mut [u32], mut at: u32) -> u32 {
    while parents[at as usize] != at {
        parents[at as usize] = parents[parents[at as usize] as usize];
        at = parents[at as usize];
    }
    at
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_strongest_tree_of_each_entity_is_taken() {
        let tie = |left, right, weight| Tie { left, right, weight };
        // The weakest of the triangle is no part of the tree; the last link was cut.
        let mut links = [tie(0, 1, 3.0), tie(0, 2, 1.0), tie(1, 2, 0.5), tie(2, 3, 9.0)];
        let mut taken = Vec::new();
        Kruskal::default().spanning(&mut links, 4, Some(&[0, 0, 0, 3]), |tie| taken.push(tie.weight));
        assert_eq!(taken, [3.0, 1.0]);
        let component = Component { members: &[4, 5, 6, 9], words: &[1, 2, 3, 4], links: &[] };
        assert_eq!(component.record(2), (6, [3].as_slice()));
    }
}
