//! The persons of the scenario `people` and their records, each computed from its number alone.
//!
//! Simpler than [`super::super::population`], and kept so: figures of accuracy and of time rest on it.
//!
//! **Records.** 200 persons have 500 records in a fixed mixture of 1 to 6 each, that of one plus a
//! Poisson number of mean 1.5: 1.05 true pairs a record. Records are written in a keyed order, so
//! those of one person are nowhere near each other.
//!
//! **Households.** Of ten persons, two share a household: its phone, plate and city, and in four of
//! five cases the surname. Their birth dates and given names are drawn apart.
//!
//! **Ages.** 0 to 95 on 2024-12-31, as many at each age up to 60, then fewer in a straight line.
//! Nobody is born on 29 February.
//!
//! **Resident IDs** are distinct by construction: among 500 000 persons in a row no two share region
//! and order code, and each further 500 000 move to another day of the year, then to another year of
//! the four-year band of ages that was drawn. Phones and plates are stepped through their ranges.

use super::super::draw::{Draw, Permutation, Weighted};
use super::super::identifiers::{
    FIRST_REGION, PLATE_SYMBOLS, PLATES, REGIONS, is_issued, phone_of, push_plate,
};
use super::super::population::latin::Names;
use super::super::population::month_and_day;

/// Persons in a block, and their records.
const BLOCK_PERSONS: u64 = 200;
const BLOCK_RECORDS: u64 = 500;
/// Persons of a block with 1, 2, … 6 records.
const PERSONS_BY_RECORDS: [usize; 6] = [45, 67, 49, 25, 10, 4];
/// Of so many persons in a row the first two share a household.
const HOUSEHOLD_EVERY: u64 = 10;
/// How often the two of a household have the same surname.
const HOUSEHOLD_SAME_SURNAME: f64 = 0.8;
/// Year on whose last day ages are counted.
const REFERENCE_YEAR: u32 = 2024;
/// Years of age in a band, bands up to age 95, and the first band that gets fewer persons.
const BAND_YEARS: u64 = 4;
const BANDS: u32 = 24;
const FIRST_SHRINKING_BAND: u32 = 15;
/// Share of women.
const WOMEN: f64 = 0.5;
/// How often a given name comes from the other sex's list.
const NAME_OF_OTHER_SEX: f64 = 0.03;
/// Order codes of one region, day and sex; and so persons before a day of the year moves on.
const ORDERS: u64 = 500;
const GROUP: u64 = REGIONS * ORDERS;
const DAYS: u64 = 365;
/// Steps through the ranges above: coprime to them, so that numbers do not repeat.
const ORDER_STEP: u64 = 276_707;
const PLATE_STEP: u64 = 954_742_517;

/// Most records of a population: beyond, plates would repeat, and a little later resident IDs.
pub const MAX_RECORDS: u64 = PLATES / 3 / BLOCK_PERSONS * BLOCK_RECORDS;

/// What a stream of random numbers is for.
const ORDER: u64 = 1;
const PERSON: u64 = 2;
const ID_DATE: u64 = 3;
const RANGES: u64 = 4;

/// A person as they are, before anything is left out or misspelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person<'a> {
    /// The household, where it has two members.
    pub household: Option<u64>,
    /// Given name.
    pub given_name: &'a str,
    /// Surname.
    pub surname: &'a str,
    /// Year, month and day of birth.
    pub birth_date: (u32, u32, u32),
    /// Whether the person is a man.
    pub male: bool,
    /// The 17 digits before the check character of the resident ID.
    pub resident_id: u64,
    /// The nine digits after +999.
    pub phone: u64,
    /// The number of the six symbols after `ZZ`.
    pub plate: u64,
    /// City.
    pub city: &'a str,
}

/// A population of a given size and seed.
pub struct Population {
    seed: u64,
    order: Permutation,
    names: Names,
    ages: Weighted,
    offsets: [u64; 3],
}

/// For each record of a block the person, persons with few and many records mixed.
const PERSON_OF_SLOT: [u8; BLOCK_RECORDS as usize] = {
    let mut slots = [0; BLOCK_RECORDS as usize];
    let (mut slot, mut person) = (0, 0);
    while person < BLOCK_PERSONS as usize {
        let mut rank = person * 77 % BLOCK_PERSONS as usize;
        let mut records = 0;
        while rank >= PERSONS_BY_RECORDS[records] {
            rank -= PERSONS_BY_RECORDS[records];
            records += 1;
        }
        let end = slot + records + 1;
        while slot < end {
            slots[slot] = person as u8;
            slot += 1;
        }
        person += 1;
    }
    assert!(slot == BLOCK_RECORDS as usize);
    slots
};

/// Persons who have the records of the slots below `slots`.
pub fn persons(slots: u64) -> u64 {
    let (blocks, rest) = (slots / BLOCK_RECORDS, slots % BLOCK_RECORDS);
    let begun = rest.checked_sub(1).map_or(0, |last| u64::from(PERSON_OF_SLOT[last as usize]) + 1);
    blocks * BLOCK_PERSONS + begun
}

impl Population {
    /// The population of `records` records, 1 to [`MAX_RECORDS`], that `seed` makes.
    pub fn new(records: u64, seed: u64) -> Self {
        let weights: Vec<f64> = (0..BANDS)
            .map(|band| {
                f64::from(BANDS - band.max(FIRST_SHRINKING_BAND)) / f64::from(BANDS - FIRST_SHRINKING_BAND)
            })
            .collect();
        let mut draw = Draw::new(seed, RANGES, 0);
        Self {
            seed,
            order: Permutation::new(records, Draw::new(seed, ORDER, records).bits()),
            names: Names::new(),
            ages: Weighted::new(&weights),
            offsets: std::array::from_fn(|_| draw.bits() >> 32),
        }
    }

    /// The person whom a record is about.
    pub fn person_of(&self, record: u64) -> u64 {
        let slot = self.order.apply(record);
        let person = PERSON_OF_SLOT[(slot % BLOCK_RECORDS) as usize];
        slot / BLOCK_RECORDS * BLOCK_PERSONS + u64::from(person)
    }

    /// The person of a number.
    pub fn person(&self, number: u64) -> Person<'_> {
        let place = number % HOUSEHOLD_EVERY;
        let owner = if place == 1 { number - 1 } else { number };
        let mut draw = Draw::new(self.seed, PERSON, number);
        let mut surname = self.names.surnames.pick(&mut draw);
        let mut city = self.names.cities.pick(&mut draw);
        let male = !draw.chance(WOMEN);
        let list = if male != draw.chance(NAME_OF_OTHER_SEX) { &self.names.male } else { &self.names.female };
        let given_name = list.pick(&mut draw);
        let band = self.ages.pick(&mut draw) as u64;
        if owner != number {
            let mut first = Draw::new(self.seed, PERSON, owner);
            let shared = self.names.surnames.pick(&mut first);
            city = self.names.cities.pick(&mut first);
            if draw.chance(HOUSEHOLD_SAME_SURNAME) {
                surname = shared;
            }
        }
        let (birth_date, resident_id) = self.born(number, band, male);
        Person {
            household: (place < 2).then_some(number / HOUSEHOLD_EVERY),
            given_name,
            surname,
            birth_date,
            male,
            resident_id,
            phone: phone_of(owner, self.offsets[1]),
            plate: self.plate(owner),
            city,
        }
    }

    /// The number of a plate that nobody issues. One in 230 is passed over for another in a further
    /// third of all plates, which has room for every owner; where all three are issued, the first
    /// symbol is 0, as on no issued one.
    fn plate(&self, owner: u64) -> u64 {
        let numbers = (0..3).map(|third| {
            let index = u128::from(owner + third * (PLATES / 3));
            ((index * u128::from(PLATE_STEP) + u128::from(self.offsets[2])) % u128::from(PLATES)) as u64
        });
        let mut text = String::with_capacity(8);
        let mut last = 0;
        for number in numbers {
            text.clear();
            push_plate(number, &mut text);
            if !is_issued(&text) {
                return number;
            }
            last = number;
        }
        last - last % PLATE_SYMBOLS.len() as u64
    }

    /// Birth date and resident ID; see the module on why no two persons share one.
    fn born(&self, number: u64, band: u64, male: bool) -> ((u32, u32, u32), u64) {
        let (group, member) = (number / GROUP, number % GROUP);
        let mut draw = Draw::new(self.seed, ID_DATE, member);
        let day_of_year = (draw.below(DAYS as usize) as u64 + group) % DAYS;
        let in_band = (draw.below(BAND_YEARS as usize) as u64 + group / DAYS) % BAND_YEARS;
        let year = REFERENCE_YEAR - (band * BAND_YEARS + in_band) as u32;
        let (month, day) = month_and_day(day_of_year as u32);
        let place = (member * ORDER_STEP + self.offsets[0]) % GROUP;
        let region = FIRST_REGION + place / ORDERS;
        let order = place % ORDERS * 2 + u64::from(male);
        let date = u64::from(year * 10_000 + month * 100 + day);
        ((year, month, day), (region * 100_000_000 + date) * 1_000 + order)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::super::identifiers::PHONES;
    use super::*;

    fn gcd(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { gcd(b, a % b) }
    }

    #[test]
    fn test_steps_are_coprime_to_their_ranges() {
        assert_eq!(gcd(ORDER_STEP, GROUP), 1);
        assert_eq!(gcd(PLATE_STEP, PLATES), 1);
        // Owners are fewer than the numbers there are, and no product overflows.
        let most = persons(MAX_RECORDS);
        assert!(most < PHONES.min(PLATES / 3 + 1) && most.checked_mul(PLATE_STEP).is_some());
    }

    #[test]
    fn test_resident_ids_stay_distinct_when_numbers_wrap_around() {
        let population = Population::new(1_000, 5);
        let mut seen = HashSet::new();
        let groups = DAYS * BAND_YEARS;
        for member in [0, 1, 77, GROUP - 1] {
            for group in 0..groups {
                seen.insert(population.person(group * GROUP + member).resident_id);
            }
        }
        assert_eq!(seen.len() as u64, 4 * groups);
    }

    #[test]
    fn test_persons_counts_those_of_begun_blocks() {
        assert_eq!(persons(0), 0);
        assert_eq!(persons(1), 1);
        assert_eq!(persons(BLOCK_RECORDS), BLOCK_PERSONS);
        assert_eq!(persons(3 * BLOCK_RECORDS + 1), 3 * BLOCK_PERSONS + 1);
    }
}
