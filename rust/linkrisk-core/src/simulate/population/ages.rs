//! Ages and households of the People's Republic of China in 2020.
//!
//! Ages by five years are those of the Seventh National Population Census (National Bureau of
//! Statistics, *China Population Census Yearbook 2020*; their sums are those of Communiqué no. 5 of
//! 11 May 2021: 17.95 % up to 14, 63.35 % from 15 to 59, 18.70 % from 60). Households are those of the
//! same census: 25.39 % of one person, 29.68 % of two, 2.62 persons on average.
//!
//! A block of 1 000 households has each kind of household in a fixed number, chosen so that children
//! (up to 19), adults (20 to 59) and elders have their shares of the census within half a point.

use super::super::draw::{Draw, Weighted};

/// What a member of a household is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Up to 19 years.
    Child,
    /// 20 to 59 years.
    Adult,
    /// 60 years and more.
    Elder,
}

/// Years of a band of ages.
pub const BAND: u32 = 5;
/// Per cent of the population in each five years of age, from 0 to 4 up to 95 and more.
pub const PYRAMID: [f64; 20] = [
    5.52, 6.39, 6.04, 5.16, 5.30, 6.52, 8.81, 7.03, 6.59, 8.12, 8.59, 7.19, 5.20, 5.25, 3.52, 2.20, 1.45,
    0.76, 0.26, 0.08,
];

impl Role {
    /// The bands of ages that the role has.
    pub fn bands(self) -> std::ops::Range<usize> {
        match self {
            Role::Child => 0..4,
            Role::Adult => 4..12,
            Role::Elder => 12..20,
        }
    }
}

/// Weights of the ages of adults in households of adults alone, and of elders in households of elders
/// alone. Parents are older than their children and younger than theirs, so they are not spread as the
/// census is; these make up for it, so that all together are (fitted by iteration to half a point).
const ADULTS_ALONE: [f64; 8] = [21.4, 21.5, 28.2, 13.1, 1.4, 3.3, 4.9, 6.2];
const ELDERS_ALONE: [f64; 8] = [41.2, 45.3, 13.3, 0.1, 0.02, 0.02, 0.02, 0.04];
/// Draws before the least age that will do is taken.
const TRIES: usize = 8;

/// Draws ages.
pub struct Ages {
    children: Weighted,
    adults: [Weighted; 2],
    elders: [Weighted; 2],
}

impl Ages {
    /// The tables of the draws.
    pub fn new() -> Self {
        let of = |role: Role| Weighted::new(&PYRAMID[role.bands()]);
        Self {
            children: of(Role::Child),
            adults: [of(Role::Adult), Weighted::new(&ADULTS_ALONE)],
            elders: [of(Role::Elder), Weighted::new(&ELDERS_ALONE)],
        }
    }

    /// The age of a child.
    pub fn child(&self, draw: &mut Draw) -> u32 {
        Self::age(Role::Child, &self.children, 0, draw)
    }

    /// The age of an adult of at least `least` years, in a household of adults alone or another.
    pub fn adult(&self, alone: bool, least: u32, draw: &mut Draw) -> u32 {
        Self::age(Role::Adult, &self.adults[usize::from(alone)], least, draw)
    }

    /// The age of an elder of at least `least` years, in a household of elders alone or another.
    pub fn elder(&self, alone: bool, least: u32, draw: &mut Draw) -> u32 {
        Self::age(Role::Elder, &self.elders[usize::from(alone)], least, draw)
    }

    fn age(role: Role, weights: &Weighted, least: u32, draw: &mut Draw) -> u32 {
        for _ in 0..TRIES {
            let band = (weights.pick(draw) + role.bands().start) as u32;
            let age = band * BAND + draw.below(BAND as usize) as u32;
            if age >= least {
                return age;
            }
        }
        least
    }
}

/// Households of a block.
pub const BLOCK_HOUSEHOLDS: u64 = 1_000;
/// Their members.
pub const BLOCK_PERSONS: u64 = 2_620;
/// Members of the largest household.
pub const MOST_MEMBERS: usize = 8;

/// How many households of a block have which members: adults before children before elders.
pub const HOUSEHOLDS: [(usize, &str); 19] = [
    (190, "A"),
    (64, "E"),
    (170, "AA"),
    (75, "EE"),
    (30, "AC"),
    (22, "AE"),
    (170, "AAC"),
    (20, "AAE"),
    (20, "AAA"),
    (95, "AACC"),
    (25, "AACE"),
    (12, "AAEE"),
    (30, "AACEE"),
    (31, "AACCE"),
    (23, "AACCEE"),
    (10, "AAACCEE"),
    (3, "AAACCCE"),
    (6, "AAAACCEE"),
    (4, "AAAACCCE"),
];

/// The households of a block and the persons in them, mixed.
pub struct Block {
    /// Of each household: the first person in the block, and the members.
    pub households: Vec<(u16, Vec<Role>)>,
    /// Of each person: the household in the block, and the place in it.
    pub persons: Vec<(u16, u8)>,
    /// The adults of the block.
    pub adults: Vec<u16>,
}

impl Block {
    /// Lays out a block, large and small households mixed.
    pub fn new() -> Self {
        let role = |member| match member {
            b'A' => Role::Adult,
            b'C' => Role::Child,
            _ => Role::Elder,
        };
        let kinds: Vec<&str> =
            HOUSEHOLDS.iter().flat_map(|(count, members)| std::iter::repeat_n(*members, *count)).collect();
        let mut block = Self { households: Vec::new(), persons: Vec::new(), adults: Vec::new() };
        for household in 0..BLOCK_HOUSEHOLDS as usize {
            // 389 is coprime to 1 000, so every household comes once and kinds are mixed.
            let members = kinds[household * 389 % BLOCK_HOUSEHOLDS as usize];
            let first = block.persons.len() as u16;
            block.households.push((first, members.bytes().map(role).collect()));
            for (place, member) in members.bytes().enumerate() {
                if role(member) == Role::Adult {
                    block.adults.push(block.persons.len() as u16);
                }
                block.persons.push((household as u16, place as u8));
            }
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_block_has_the_households_of_the_census() {
        let block = Block::new();
        assert_eq!(block.households.len() as u64, BLOCK_HOUSEHOLDS);
        assert_eq!(block.persons.len() as u64, BLOCK_PERSONS);
        let of_size = |n: usize| block.households.iter().filter(|(_, m)| m.len() == n).count() as f64 / 10.0;
        for (size, stated) in [(1, 25.39), (2, 29.68)] {
            assert!((of_size(size) - stated).abs() < 0.1, "{size}");
        }
        let share = |role| {
            let all = block.households.iter().flat_map(|(_, members)| members.iter());
            all.filter(|r| **r == role).count() as f64 / BLOCK_PERSONS as f64 * 100.0
        };
        for role in [Role::Child, Role::Adult, Role::Elder] {
            let stated: f64 = PYRAMID[role.bands()].iter().sum();
            assert!((share(role) - stated).abs() < 0.5, "{role:?} {} {stated}", share(role));
        }
        assert_eq!(block.adults.len() as f64, share(Role::Adult) * BLOCK_PERSONS as f64 / 100.0);
    }

    #[test]
    fn test_members_stand_as_they_are_written() {
        for (_, members) in Block::new().households {
            assert!(members.len() <= MOST_MEMBERS);
            assert!(members.is_sorted_by_key(|r| match r {
                Role::Adult => 0,
                Role::Child => 1,
                Role::Elder => 2,
            }));
        }
    }
}
