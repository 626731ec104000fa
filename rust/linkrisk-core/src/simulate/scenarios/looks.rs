//! Who looks like whom: groups and relatives of the people of a scenario.

use super::super::biometric::{Group, Kin, Subject};
use super::super::draw::{Draw, Weighted};
use super::super::population::ages::Role;
use super::super::population::{Person, Population};

/// Distance of the numbers of adults who are taken for brothers and sisters.
const SIBLING_BIT: u64 = 1 << 9;
/// Share of adults with a brother or sister in the population, and of those who are twins of one sex or
/// of two, as often: those of one sex are identical. 0.8 % of all people are.
const SIBLINGS: f64 = 0.5;
const TWINS: f64 = 0.016;

const TONE: u64 = 401;
const FAMILY: u64 = 402;

/// The looks of a population.
pub struct Looks {
    seed: u64,
    tones: Weighted,
}

impl Looks {
    /// The looks of people who have the six skin tone groups in these shares.
    pub fn new(seed: u64, tones: &[f64; 6]) -> Self {
        Self { seed, tones: Weighted::new(tones) }
    }

    /// A person as far as their templates go; groups are those of the population's year, and a household
    /// has one skin tone group.
    ///
    /// Children have their brothers and sisters of the household; adults somebody elsewhere, of no
    /// household and no name in common.
    pub fn subject(&self, population: &Population, person: &Person) -> Subject {
        let age = Population::age(person, population.year());
        let tone = self.tones.pick(&mut Draw::new(self.seed, TONE, person.household)) as u8;
        let group = Group { female: !person.male, age_band: Group::age_band(age), tone };
        let kin = match person.role {
            Role::Child => Some(Self::kin_of_child(population, person)),
            Role::Adult | Role::Elder => self.kin_of_adult(population, person),
        };
        Subject { person: person.number, group, kin }
    }

    fn kin_of_child(population: &Population, person: &Person) -> Kin {
        let next = population.person(person.number + 1);
        let twin = match person.twin_of {
            Some(elder) => Some(population.person(elder)),
            None => (next.twin_of == Some(person.number)).then_some(next),
        };
        match twin {
            // Two thirds of the twins of one sex are identical; of the rest, by the elder's number.
            Some(twin) if twin.male == person.male && twin.number.min(person.number) % 3 > 0 => {
                Kin::twins(twin.number.min(person.number))
            }
            _ => Kin::siblings(person.head),
        }
    }

    fn kin_of_adult(&self, population: &Population, person: &Person) -> Option<Kin> {
        let family = person.number & !SIBLING_BIT;
        let drawn = Draw::new(self.seed, FAMILY, family).unit();
        let of_one_sex = || population.person(person.number ^ SIBLING_BIT).male == person.male;
        // Families of adults are numbered apart from those of children.
        let family = family | 1 << 63;
        match drawn {
            _ if drawn < TWINS && of_one_sex() => Some(Kin::twins(family)),
            _ if drawn < SIBLINGS => Some(Kin::siblings(family)),
            _ => None,
        }
    }
}
