//! The one population under all scenarios: persons, households, vehicles and what belongs to them,
//! each computed from its number alone.
//!
//! Persons are numbered through households and households through blocks ([`ages`]). So whatever is
//! asked about a person follows from the seed and the person's number; nothing grows with the number
//! of persons.
//!
//! * **Ages** are drawn by the census, children first. A household's adults are at least [`GENERATION`]
//!   years older than its children, its elders as much older again; couples are five years apart at most
//!   and of both sexes.
//! * **Twins**: one second child in [`TWINS`] has the birth date of the first.
//! * **Surnames**: the first adult and the children have the household's ([`MOTHERS_NAME`] of the
//!   children their mother's), everybody else their own.
//! * **Resident IDs** are distinct: 250 000 persons in a row differ in region and order code, the next
//!   250 000 have another day of the year, and after a year of days the year of birth moves by one in
//!   five. That makes [`MAX_PERSONS`]. A twin has the first one's region and day and the order code 250
//!   higher, which is given to nobody else.
//! * **Phones**: one each. Children under [`PHONE_AGE`] and [`ELDERS_WITHOUT_PHONE`] of the elders are
//!   reached by the first adult's. [`RECYCLED`] of the numbers pass to another person on some day of the
//!   year, and the one who had it takes a new one.
//! * **Vehicles**: household `h` has the vehicle `2 h`, and in [`SECOND_VEHICLES`] of those with two
//!   adults also `2 h + 1`, driven by the second adult; else they share. [`REPLACED`] of the vehicles
//!   get another plate on some day of the year.
//! * **Documents** are renewed: number `n` of a person is a document of its own.
//!
//! Sources: [`ages`] for ages and households; one child in twelve with the mother's surname, *National
//! Name Report* for 2020; the other rates are assumptions, stated here to be changed here.

pub mod ages;
pub mod han;
pub mod latin;

use self::ages::{Ages, BAND, BLOCK_HOUSEHOLDS, BLOCK_PERSONS, Block, MOST_MEMBERS, Role};
use self::han::{Han, HanName};
use self::latin::Names;
use super::draw::Draw;
use super::identifiers::{
    DOCUMENTS, FIRST_REGION, REGIONS, VEHICLE_PLATES, phone_of, push_base36, push_digits, push_document,
};

/// Years that parents are older than their children at least.
const GENERATION: u32 = 22;
/// Second children of whom one is a twin: about 1.2 % of all births are of twins.
const TWINS: u64 = 40;
/// Share of children with their mother's surname.
const MOTHERS_NAME: f64 = 1.0 / 12.0;
/// Share of boys (census of 2020: 111.3 boys to 100 girls at birth) and of men among those alone.
const BOYS: f64 = 0.527;
/// Age from which somebody has a phone.
const PHONE_AGE: u32 = 14;
/// Share of elders who give the phone of the first adult.
const ELDERS_WITHOUT_PHONE: f64 = 0.3;
/// Share of phone numbers that go to somebody else within the year.
pub const RECYCLED: f64 = 0.03;
/// Share of households with two adults and a vehicle that have a second.
pub const SECOND_VEHICLES: f64 = 0.3;
/// Share of vehicles that get another plate within the year.
pub const REPLACED: f64 = 0.06;

/// Order codes of a region and day, without the sex and without those of second twins.
const ORDERS: u64 = 250;
const GROUP: u64 = REGIONS * ORDERS;
const DAYS: u64 = 365;
/// Coprime to [`ORDERS`] and to [`REGIONS`].
const ORDER_STEP: u64 = 113;
const REGION_STEP: u64 = 387;
/// Persons whose resident IDs are distinct.
pub const MAX_PERSONS: u64 = GROUP * DAYS * BAND as u64;

/// What a stream of random numbers is for.
const HOUSEHOLD: u64 = 201;
const PERSON: u64 = 202;
const NAME: u64 = 203;
const PHONE: u64 = 204;
const VEHICLE: u64 = 205;
const OFFSETS: u64 = 206;
const BIRTHDAY: u64 = 207;
const ADDRESS: u64 = 208;
const REGION: u64 = 209;

/// A person as they are, before anything is left out or misspelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// The number.
    pub number: u64,
    /// The household.
    pub household: u64,
    /// What they are in it.
    pub role: Role,
    /// The first member, who is an adult where there is one.
    pub head: u64,
    /// Whether the person is a man.
    pub male: bool,
    /// Year, month and day of birth.
    pub birth_date: (u32, u32, u32),
    /// The 17 digits before the check character of the resident ID.
    pub resident_id: u64,
    /// The elder twin, where the person is the younger.
    pub twin_of: Option<u64>,
    /// Whether the surname is the household's.
    family_name: bool,
}

/// A population that a seed makes.
pub struct Population {
    seed: u64,
    year: u32,
    /// Chinese names.
    pub han: Han,
    /// Latin names.
    pub latin: Names,
    block: Block,
    ages: Ages,
    offsets: [u64; 3],
}

struct Household {
    first: u64,
    ages: [u32; MOST_MEMBERS],
    males: [bool; MOST_MEMBERS],
    twin: bool,
}

impl Population {
    /// The population of `seed` whose ages are those in `year`.
    pub fn new(seed: u64, year: u32) -> Self {
        let mut draw = Draw::new(seed, OFFSETS, 0);
        Self {
            seed,
            year,
            han: Han::new(),
            latin: Names::new(),
            block: Block::new(),
            ages: Ages::new(),
            offsets: std::array::from_fn(|_| draw.bits() >> 32),
        }
    }

    /// The year whose ages are meant.
    pub fn year(&self) -> u32 {
        self.year
    }

    /// The person who is the adult of that rank: adults alone, in the order of persons.
    pub fn adult(&self, rank: u64) -> u64 {
        let adults = self.block.adults.len() as u64;
        rank / adults * BLOCK_PERSONS + u64::from(self.block.adults[(rank % adults) as usize])
    }

    /// The smallest number above the first `adults` adults: persons there are to be.
    pub fn persons_of_adults(&self, adults: u64) -> u64 {
        adults.checked_sub(1).map_or(0, |last| self.adult(last) + 1)
    }

    /// Adults among the persons below a number.
    pub fn adults_below(&self, number: u64) -> u64 {
        let within = (number % BLOCK_PERSONS) as u16;
        let adults = &self.block.adults;
        number / BLOCK_PERSONS * adults.len() as u64 + adults.partition_point(|a| *a < within) as u64
    }

    /// The household of a person, the place in it, and the members.
    fn place(&self, number: u64) -> (u64, usize, &[Role]) {
        let (household, place) = self.block.persons[(number % BLOCK_PERSONS) as usize];
        let members = &self.block.households[usize::from(household)].1;
        (number / BLOCK_PERSONS * BLOCK_HOUSEHOLDS + u64::from(household), usize::from(place), members)
    }

    /// The first person's number and the roles of a household.
    pub fn members(&self, household: u64) -> (u64, &[Role]) {
        let (first, members) = &self.block.households[(household % BLOCK_HOUSEHOLDS) as usize];
        (household / BLOCK_HOUSEHOLDS * BLOCK_PERSONS + u64::from(*first), members)
    }

    /// Ages and sexes of a household.
    fn household(&self, number: u64) -> Household {
        let (first, members) = self.members(number);
        let draw = &mut Draw::new(self.seed, HOUSEHOLD, number);
        let mut made = Household { first, ages: [0; 8], males: [false; 8], twin: false };
        let adults = members.iter().filter(|r| **r == Role::Adult).count();
        let children = adults..adults + members.iter().filter(|r| **r == Role::Child).count();
        let elders = children.end..members.len();
        for place in children.clone() {
            made.ages[place] = self.ages.child(draw);
            made.males[place] = draw.chance(BOYS);
        }
        if children.len() > 1 && draw.below(TWINS as usize) == 0 {
            made.twin = true;
            made.ages[children.start + 1] = made.ages[children.start];
        }
        let oldest_child = made.ages[children.clone()].iter().max().map_or(0, |age| age + GENERATION);
        let couple = |age: u32, draw: &mut Draw| (age + draw.below(9) as u32).saturating_sub(5);
        if adults > 0 {
            let grown_child = adults > 2 && children.is_empty();
            let least = if grown_child { 20 + GENERATION } else { oldest_child };
            let head = self.ages.adult(members.len() == adults && !grown_child, least, draw);
            made.ages[0] = head;
            made.males[0] = draw.chance(0.5);
            for place in 1..adults {
                made.ages[place] = match place {
                    1 => couple(head, draw).clamp(least.max(20), 59),
                    _ if grown_child => 20 + draw.below((head - GENERATION - 20) as usize + 1) as u32,
                    _ => self.ages.adult(false, 0, draw),
                };
                made.males[place] = if place == 1 { !made.males[0] } else { draw.chance(0.5) };
            }
        }
        for place in elders.clone() {
            let least = made.ages[..adults.min(2)].iter().min().map_or(0, |age| age + GENERATION);
            (made.ages[place], made.males[place]) = if place == elders.start {
                (self.ages.elder(adults == 0, least, draw), draw.chance(0.5))
            } else {
                (couple(made.ages[place - 1], draw).clamp(60, 99), !made.males[place - 1])
            };
        }
        made
    }

    /// The person of a number below [`MAX_PERSONS`].
    pub fn person(&self, number: u64) -> Person {
        let (household, place, members) = self.place(number);
        let home = self.household(household);
        let role = members[place];
        let second_child = role == Role::Child
            && place > 0
            && members[place - 1] == Role::Child
            && members[..place].iter().filter(|r| **r == Role::Child).count() == 1;
        let twin_of = (second_child && home.twin).then(|| number - 1);
        let male = home.males[place];
        let (birth_date, resident_id) =
            self.born(twin_of.unwrap_or(number), home.ages[place], male, twin_of.is_some());
        Person {
            number,
            household,
            role,
            head: home.first,
            male,
            birth_date,
            resident_id,
            twin_of,
            family_name: place == 0 || (role == Role::Child && !self.mothers_name(household)),
        }
    }

    fn mothers_name(&self, household: u64) -> bool {
        Draw::new(self.seed, NAME, household | 1 << 63).chance(MOTHERS_NAME)
    }

    /// Birth date and resident ID; see the module on why no two persons share one.
    fn born(&self, number: u64, age: u32, male: bool, second_twin: bool) -> ((u32, u32, u32), u64) {
        let (group, member) = (number / GROUP, number % GROUP);
        let mut draw = Draw::new(self.seed, BIRTHDAY, member);
        let day_of_year = (draw.below(DAYS as usize) as u64 + group) % DAYS;
        let (month, day) = month_and_day(day_of_year as u32);
        // The year of birth has the remainder that the group asks for: two years off at most.
        let wanted = ((draw.below(BAND as usize) as u64 + group / DAYS) % u64::from(BAND)) as u32;
        let nearest = (self.year - age).min(self.year - 2);
        let year = (nearest - 2..=nearest + 2).find(|y| y % BAND == wanted).unwrap_or(nearest);
        let region = FIRST_REGION + (member / ORDERS * REGION_STEP + self.offsets[0]) % REGIONS;
        let order = (member % ORDERS * ORDER_STEP + self.offsets[1]) % ORDERS;
        let order = (order + if second_twin { ORDERS } else { 0 }) * 2 + u64::from(male);
        let date = u64::from(year * 10_000 + month * 100 + day);
        ((year, month, day), (region * 100_000_000 + date) * 1_000 + order)
    }

    /// The whole years of a person on 30 June of `year`.
    pub fn age(person: &Person, year: u32) -> u32 {
        let (born, month, _) = person.birth_date;
        (year - born.min(year)).saturating_sub(u32::from(month > 6))
    }

    /// The Chinese name of a person.
    pub fn han_name(&self, person: &Person) -> HanName {
        let mut own = Draw::new(self.seed, NAME, person.number);
        let mut surname = self.han.surname(&mut own);
        let mut given = self.han.given(person.birth_date.0, person.male, &mut own);
        if person.family_name {
            surname = self.han.surname(&mut Draw::new(self.seed, NAME, person.head));
        } else if person.role == Role::Child {
            surname = self.han.surname(&mut Draw::new(self.seed, NAME, person.head + 1));
        }
        if let Some(twin) = person.twin_of {
            // Twins have one character in common.
            let mut first = Draw::new(self.seed, NAME, twin);
            let _ = self.han.surname(&mut first);
            given[0] = self.han.given(person.birth_date.0, person.male, &mut first)[0];
        }
        HanName { surname, given }
    }

    /// The Latin given name and surname of a person.
    pub fn latin_name(&self, person: &Person) -> (&str, &str) {
        let mut own = Draw::new(self.seed, NAME, person.number);
        let mut surname = self.latin.surnames.pick(&mut own);
        let given = if person.male { &self.latin.male } else { &self.latin.female };
        let given = given.pick(&mut own);
        // In these countries the second adult of a household mostly has the same surname too.
        let married = person.role != Role::Child && person.number != person.head && own.chance(0.7);
        if person.family_name || person.role == Role::Child || married {
            surname = self.latin.surnames.pick(&mut Draw::new(self.seed, NAME, person.head));
        }
        (given, surname)
    }

    /// The city of a household.
    pub fn city(&self, household: u64) -> &str {
        self.latin.cities.pick(&mut Draw::new(self.seed, ADDRESS, household))
    }

    /// Appends the name of a region, as somebody born there gives it.
    pub fn push_region(&self, resident_id: u64, text: &mut String) {
        self.han.push_place(&mut Draw::new(self.seed, REGION, resident_id / 100_000_000_000), text);
        text.push('县');
    }

    /// Appends the address of a household in Chinese: road, number, building and flat, or road and
    /// number alone where it is shortened.
    pub fn push_han_address(&self, household: u64, short: bool, text: &mut String) {
        let mut draw = Draw::new(self.seed, ADDRESS, household);
        self.han.push_place(&mut draw, text);
        text.push('路');
        push_digits(draw.below(900) as u64 + 100, 3, text);
        text.push('号');
        if short {
            return;
        }
        push_digits(draw.below(40) as u64 + 1, 2, text);
        text.push('幢');
        push_digits((draw.below(30) * 100 + draw.below(8) + 101) as u64, 4, text);
        text.push('室');
    }

    /// Appends the address of a household: road, number, building and flat.
    pub fn push_address(&self, household: u64, text: &mut String) {
        let mut draw = Draw::new(self.seed, ADDRESS, household);
        let _ = self.latin.cities.pick(&mut draw);
        text.push_str(self.latin.cities.pick(&mut draw));
        text.push_str(" Road ");
        push_digits(draw.below(900) as u64 + 100, 3, text);
        text.push_str(", Block ");
        push_digits(draw.below(40) as u64 + 1, 2, text);
        text.push_str(", Flat ");
        push_digits((draw.below(30) * 100 + draw.below(8) + 101) as u64, 4, text);
    }

    /// The number of the phone by which a person is reached on a day of the year.
    pub fn phone(&self, person: &Person, day: u32) -> u64 {
        let young = Self::age(person, self.year) < PHONE_AGE;
        let asks = young
            || (person.role == Role::Elder
                && person.number != person.head
                && Draw::new(self.seed, PERSON, person.number).chance(ELDERS_WITHOUT_PHONE));
        let owner = if asks { person.head } else { person.number };
        phone_of(self.phone_index(owner, day), self.offsets[2])
    }

    /// Phones are numbered twice the persons: an own one, and a further one for who has to change.
    fn phone_index(&self, owner: u64, day: u32) -> u64 {
        // The same place of two neighbouring blocks: strangers, not neighbours.
        let (block, place) = (owner / BLOCK_PERSONS, owner % BLOCK_PERSONS);
        let (pair, later) = (block / 2 * BLOCK_PERSONS + place, block % 2 == 1);
        let mut draw = Draw::new(self.seed, PHONE, pair);
        if !draw.chance(2.0 * RECYCLED) {
            return pair * 4 + if later { 2 } else { 0 };
        }
        let changes = draw.below(DAYS as usize) as u32;
        match (later, day >= changes) {
            // The earlier holder keeps it until the day, then takes the spare one.
            (false, false) | (true, true) => pair * 4,
            (false, true) => pair * 4 + 1,
            // The later one had another number before.
            (true, false) => pair * 4 + 2,
        }
    }

    /// The number that a person had long ago, which may have been somebody else's since.
    pub fn old_phone(&self, person: &Person) -> u64 {
        let block = person.number / BLOCK_PERSONS;
        let pair = block / 2 * BLOCK_PERSONS + person.number % BLOCK_PERSONS;
        phone_of(pair * 4 + 3, self.offsets[2])
    }

    /// The vehicle that a person drives: the household's, or the second adult's own.
    pub fn vehicle(&self, number: u64) -> u64 {
        let (household, place, _) = self.place(number);
        household * 2 + u64::from(place == 1 && self.has_second_vehicle(household))
    }

    /// Which of those who share the vehicle a driver is; none where nobody else drives it.
    pub fn turn(&self, number: u64) -> Option<u32> {
        let (household, place, members) = self.place(number);
        let adults = members.iter().filter(|r| **r == Role::Adult).count();
        let shared = if self.has_second_vehicle(household) { adults > 2 && place != 1 } else { adults > 1 };
        shared.then_some(place as u32)
    }

    /// Whether a second adult has a vehicle of their own.
    pub fn has_second_vehicle(&self, household: u64) -> bool {
        Draw::new(self.seed, VEHICLE, household | 1 << 63).chance(SECOND_VEHICLES)
    }

    /// Whom a vehicle belongs to: the member of the household who registered it.
    pub fn keeper(&self, vehicle: u64) -> u64 {
        let (first, members) = self.members(vehicle / 2);
        first + (vehicle % 2).min(members.len() as u64 - 1)
    }

    /// The index of the plate that a vehicle has on a day of the year.
    pub fn plate(&self, vehicle: u64, day: u32) -> u64 {
        let mut draw = Draw::new(self.seed, VEHICLE, vehicle);
        let replaced = draw.chance(REPLACED) && day >= draw.below(DAYS as usize) as u32;
        vehicle * 2 + u64::from(replaced)
    }

    /// Persons of whose vehicles every plate is another.
    pub const fn max_drivers() -> u64 {
        VEHICLE_PLATES / 4 / BLOCK_HOUSEHOLDS * BLOCK_PERSONS
    }

    /// Appends the number of a person's travel document, the `renewal`-th; nine characters.
    pub fn push_document(&self, number: u64, renewal: u32, text: &mut String) {
        push_document((number * 8 + u64::from(renewal % 8)) % DOCUMENTS, text);
    }

    /// Appends a random-looking name of a file or account, 13 symbols at most.
    pub fn push_token(&self, purpose: u64, number: u64, text: &mut String) {
        push_base36(Draw::new(self.seed, purpose, number).bits(), text);
    }
}

/// Days of each month; a year has 365.
pub const MONTH_DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Month and day of the month, from 1, of a day of a year of 365 days, from 0.
pub fn month_and_day(day_of_year: u32) -> (u32, u32) {
    let (mut month, mut day) = (1, day_of_year);
    for days in MONTH_DAYS {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    (month, day + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::ages::PYRAMID;
    use super::*;

    const YEAR: u32 = 2022;

    #[test]
    fn test_ages_are_those_of_the_census() {
        let population = Population::new(7, YEAR);
        let mut counts = [0.0; 20];
        let persons = 40 * BLOCK_PERSONS;
        for number in 0..persons {
            let age = YEAR - population.person(number).birth_date.0;
            counts[((age / BAND) as usize).min(19)] += 100.0 / persons as f64;
        }
        for (band, (count, stated)) in counts.iter().zip(PYRAMID).enumerate() {
            // What adults alone cannot even out: half a point, and the noise of 105 000 persons.
            assert!((count - stated).abs() < 0.8, "{band}: {count} and not {stated}");
        }
    }

    #[test]
    fn test_households_are_families() {
        let population = Population::new(7, YEAR);
        let (mut siblings, mut twins, mut children, mut same_surname) = (0, 0, 0, 0);
        for household in 0..20 * BLOCK_HOUSEHOLDS {
            let (first, roles) = population.members(household);
            let persons: Vec<Person> =
                (0..roles.len() as u64).map(|i| population.person(first + i)).collect();
            assert!(persons.iter().all(|p| p.household == household && p.head == first));
            for (person, role) in persons.iter().zip(roles) {
                assert_eq!(person.role, *role);
                if *role != Role::Child {
                    continue;
                }
                children += 1;
                same_surname += u32::from(
                    population.han_name(person).surname == population.han_name(&persons[0]).surname,
                );
                // Birth years move to the one with the right remainder: two years, a newborn's four.
                assert!(person.birth_date.0 + 6 >= persons[0].birth_date.0 + GENERATION);
                if let Some(twin) = person.twin_of {
                    let first = persons.iter().find(|p| p.number == twin).expect("in the household");
                    assert_eq!(first.birth_date, person.birth_date);
                    assert_ne!(first.resident_id, person.resident_id);
                    twins += 1;
                }
            }
            if roles.len() >= 2 && roles[1] == Role::Adult {
                assert_ne!(persons[0].male, persons[1].male);
            }
            siblings += u32::from(roles.iter().filter(|r| **r == Role::Child).count() >= 2);
        }
        let share = f64::from(same_surname) / f64::from(children);
        assert!((share - (1.0 - MOTHERS_NAME)).abs() < 0.02, "{share}");
        let share = f64::from(twins) / f64::from(siblings);
        assert!((share - 1.0 / TWINS as f64).abs() < 0.01, "{share}");
    }

    #[test]
    fn test_resident_ids_are_distinct_and_of_the_person() {
        let population = Population::new(5, YEAR);
        let mut seen = HashSet::new();
        // Groups in a row, groups a year of days apart, and the last ones.
        for group in [0, 1, 2, DAYS, DAYS + 1, 2 * DAYS, 3 * DAYS, 4 * DAYS, u64::from(BAND) * DAYS - 1] {
            for member in (0..GROUP).step_by(61) {
                let person = population.person(group * GROUP + member);
                let (year, month, day) = person.birth_date;
                let date = u64::from(year * 10_000 + month * 100 + day);
                assert_eq!(person.resident_id / 1_000 % 100_000_000, date);
                assert_eq!(person.resident_id % 2 == 1, person.male);
                assert_eq!(person.resident_id / 100_000_000_000 / 1_000, 990);
                assert!(seen.insert(person.resident_id), "{group} {member}");
            }
        }
    }

    #[test]
    fn test_phones_pass_on_and_are_shared_in_households_alone() {
        let population = Population::new(5, YEAR);
        let persons = 4 * BLOCK_PERSONS;
        let mut holders: HashMap<u64, HashSet<u64>> = HashMap::new();
        let mut changed = 0;
        for number in 0..persons {
            let person = population.person(number);
            let (before, after) = (population.phone(&person, 0), population.phone(&person, DAYS as u32));
            changed += u32::from(before != after && person.role == Role::Adult);
            for (day, phone) in [(0, before), (1, after)] {
                holders.entry(phone * 2 + day).or_default().insert(person.household);
            }
        }
        assert!(holders.values().all(|h| h.len() == 1), "two households have one phone on one day");
        let now =
            |day: u64| -> HashSet<u64> { holders.keys().filter(|k| *k % 2 == day).map(|k| k / 2).collect() };
        let both: Vec<u64> = now(0).intersection(&now(1)).copied().collect();
        let passed = both.iter().filter(|p| holders[&(*p * 2)] != holders[&(*p * 2 + 1)]).count();
        assert!(passed > 0 && changed > 0);
        let share = passed as f64 / both.len() as f64;
        assert!((share - RECYCLED).abs() < 0.01, "{share}");
    }

    #[test]
    fn test_vehicles_are_shared_and_replaced() {
        let population = Population::new(5, YEAR);
        let (mut second, mut couples, mut replaced) = (0, 0, 0);
        for household in 0..5_000 {
            let (first, roles) = population.members(household);
            replaced +=
                u32::from(population.plate(household * 2, 0) != population.plate(household * 2, DAYS as u32));
            assert_eq!(population.keeper(household * 2), first);
            if roles.len() >= 2 && roles[1] == Role::Adult {
                couples += 1;
                let (one, two) = (population.vehicle(first), population.vehicle(first + 1));
                assert_eq!(one, household * 2);
                second += u32::from(one != two);
            }
        }
        assert!((f64::from(second) / f64::from(couples) - SECOND_VEHICLES).abs() < 0.03);
        assert!((f64::from(replaced) / 5_000.0 - REPLACED).abs() < 0.015);
        assert!(Population::max_drivers() > 90_000_000);
    }

    #[test]
    fn test_adults_are_numbered_through() {
        let population = Population::new(5, YEAR);
        let mut last = None;
        for rank in 0..5_000 {
            let number = population.adult(rank);
            assert!(last < Some(number));
            assert_eq!(population.person(number).role, Role::Adult);
            last = Some(number);
        }
        let persons = population.persons_of_adults(5_000);
        assert_eq!(persons, last.map_or(0, |n| n + 1));
        assert_eq!((population.adults_below(persons), population.adults_below(persons - 1)), (5_000, 4_999));
    }

    #[test]
    fn test_days_of_year() {
        assert_eq!(month_and_day(0), (1, 1));
        assert_eq!(month_and_day(58), (2, 28));
        assert_eq!(month_and_day(59), (3, 1));
        assert_eq!(month_and_day(364), (12, 31));
    }
}
