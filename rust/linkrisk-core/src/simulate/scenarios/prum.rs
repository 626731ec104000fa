//! The scenario `prum`: police photographs, prints and vehicle registers of three member states.
//!
//! Modelled on Regulation (EU) 2024/982 (Prüm II), under which member states search each other's facial
//! images, dactyloscopic data and vehicle registers through one router. Reference numbers and no names
//! go with images and prints; the holding state gives the person's data after a human confirms a
//! hit. The record sets here are the national ones as they stand before that.
//!
//! | table, for each of the states `qm`, `qn`, `qp` (50, 30, 20 %) | of 1 000 records | columns |
//! |---|---|---|
//! | `photos` | 350 | reference, file number, surname, given name, year and place of the taking; face |
//! | `prints` | 300 | reference, file number, surname; four fingers |
//! | `vehicles` | 350 | plate, keeper's surname, given name, birth date, address |
//!
//! One person in eight who is known in one state is a resident of another, and mostly known there too.
//! Photographs and prints of a person in one state carry the same file number; 30 % of the photographs are
//! of unknown people, without file number and name (a camera, not a booth), and 15 % of the prints are
//! marks left at a scene: one finger, and nothing else. Every other vehicle belongs to the household of
//! somebody who is known, the rest to other people. Registers name the keeper in full; police files
//! give the surname and two thirds of the given names, a tenth of them in another spelling.

use std::ops::Range;

use super::super::biometric::{Capture, Setting};
use super::super::draw::Draw;
use super::super::errors::{Rates, Slip, mistype};
use super::super::identifiers::{PLATE_SYMBOLS, TYPED_PLATE_KEPT, push_digits, push_vehicle_plate};
use super::super::movement::days_from_civil;
use super::super::population::Population;
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, Captures, capture_number};
use super::spec_text::SpecText;
use super::travel::{parts, push_born, push_latin};
use crate::error::Result;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "prum",
    title: "photographs, prints and vehicle registers of the police of three member states",
    source: "automated exchange between police forces, Regulation (EU) 2024/982 (Prüm II)",
    tables: &[
        "qm_photos",
        "qm_prints",
        "qm_vehicles",
        "qn_photos",
        "qn_prints",
        "qn_vehicles",
        "qp_photos",
        "qp_prints",
        "qp_vehicles",
    ],
    min_records: 200,
    max_records: 90_000_000,
    make: |options| Box::new(Prum::new(options)),
};

/// The states: code, tables, and share of the records in percent.
const STATES: [(&str, [&str; 3], u64); 3] = [
    ("QM", ["qm_photos", "qm_prints", "qm_vehicles"], 50),
    ("QN", ["qn_photos", "qn_prints", "qn_vehicles"], 30),
    ("QP", ["qp_photos", "qp_prints", "qp_vehicles"], 20),
];
/// Shares of photographs and prints of a state's records, in percent; the rest are vehicles.
const PHOTOS: u64 = 35;
const PRINTS: u64 = 30;

const SURNAME: Rates = &[(Slip::Typing, 0.02), (Slip::Romanised, 0.15)];
const GIVEN: Rates =
    &[(Slip::Missing, 0.35), (Slip::Abbreviated, 0.15), (Slip::Typing, 0.02), (Slip::Romanised, 0.10)];
const PLATE: Rates = &[(Slip::Typing, 0.002)];
const KEEPER: Rates = &[(Slip::Typing, 0.005)];
const BORN: Rates = &[(Slip::Missing, 0.05), (Slip::Misdated, 0.01)];

/// People of a state of whom one is known in the one before.
const SHARED: u64 = 8;
/// Share of photographs of unknown people and of marks, and of people known to the police with a vehicle.
const UNKNOWN: f64 = 0.30;
const MARKS: f64 = 0.15;
const YEAR: u32 = 2026;
/// Photographs are of these years back.
const YEARS_BACK: usize = 15;
const PLACES: usize = 400;
const TONES: [f64; 6] = [0.35, 0.28, 0.15, 0.10, 0.07, 0.05];

const FACE: BodyColumns = &[("face", Body::Face)];
const FINGERS: BodyColumns = &[
    ("right_thumb", Body::Finger(0)),
    ("right_index", Body::Finger(1)),
    ("left_thumb", Body::Finger(5)),
    ("left_index", Body::Finger(6)),
];

/// Of photographs, prints and vehicles.
const BODY: [BodyColumns; 3] = [FACE, FINGERS, &[]];
/// People with so many photographs, sets of prints, vehicles.
const MIXTURES: [&[(u32, u32)]; 3] =
    [&[(60, 1), (25, 2), (10, 3), (5, 4)], &[(75, 1), (20, 2), (5, 3)], &[(1, 1)]];
/// Where the numbers of keepers whom the police do not know begin.
const OTHERS: u64 = 1 << 24;

/// What a stream of random numbers is for.
const ORDER: u64 = 1_201;
const TAKEN: u64 = 1_202;

struct Prum {
    records: u64,
    seed: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    rows: Vec<Rows>,
}

impl Prum {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let bodies = Bodies::new(options, TONES);
        let (mut tables, mut rows, mut left) = (Vec::new(), Vec::new(), records);
        for (state, (_, names, share)) in STATES.into_iter().enumerate() {
            let of_state = if state == 2 { left } else { records * share / 100 };
            left -= of_state;
            let (photos, prints) = (of_state * PHOTOS / 100, of_state * PRINTS / 100);
            for (what, count) in [photos, prints, of_state - photos - prints].into_iter().enumerate() {
                tables.push(table(&bodies, names[what], what, count));
                let key = Draw::new(seed, ORDER, rows.len() as u64).bits();
                rows.push(Rows::new(Mixture::new(MIXTURES[what]), count, key));
            }
        }
        Self { records, seed, population: Population::new(seed, YEAR), bodies, tables, rows }
    }

    /// The person who is the `known`-th that the police of a state know.
    ///
    /// Residents of each state are a third of the population. Every eighth known person is a resident of the
    /// state before, the one with the number after, who is known there unless its files end before.
    fn known(&self, state: usize, known: u64) -> u64 {
        if known.is_multiple_of(SHARED) {
            self.resident((state + 2) % 3, known + 1)
        } else {
            self.resident(state, known)
        }
    }

    fn resident(&self, state: usize, number: u64) -> u64 {
        self.population.adult(number * 3 + state as u64)
    }

    fn photo(
        &self,
        sheet: &mut Sheet<'_>,
        captures: &mut Captures<'_>,
        state: usize,
        row: u64,
    ) -> Result<()> {
        let table = (state * 3) as u64;
        let (slot, of) = self.rows[state * 3].slot(row);
        let person = self.population.person(self.known(state, of.subject));
        let draw = &mut Draw::new(self.seed ^ table, TAKEN, slot);
        sheet.row(Some(person.number), None, draw);
        let (given, surname) = parts(&self.population, &person, false);
        let unknown = draw.chance(UNKNOWN);
        sheet.text(0, |text| push_reference(state, 'F', slot, text));
        if unknown {
            (1..4).for_each(|column| sheet.no_text(column));
        } else {
            sheet.text(1, |text| push_file(state, of.subject, text));
            sheet.field(2, draw, |slip, draw, text| push_latin(surname, given, slip, draw, text));
            sheet.field(3, draw, |slip, draw, text| push_latin(given, surname, slip, draw, text));
        }
        let back = draw.below(YEARS_BACK) as u32;
        sheet.text(4, |text| push_digits(u64::from(YEAR - back), 4, text));
        let place = draw.below(PLACES) as u64;
        sheet.text(5, |text| {
            text.push_str(STATES[state].0);
            text.push_str("-place-");
            push_digits(place, 3, text);
        });
        let day = (days_from_civil(i64::from(YEAR - back), 1, 1) + draw.below(365) as i64) as u32;
        let (setting, camera) =
            if unknown { (Setting::Uncontrolled, Some(place)) } else { (Setting::Controlled, None) };
        let number = capture_number(table, slot);
        captures.row(|_| {
            let subject = self.bodies.subject(&self.population, &person);
            Some((subject, Capture { number, day, setting, camera }))
        })
    }

    fn prints(
        &self,
        sheet: &mut Sheet<'_>,
        captures: &mut Captures<'_>,
        state: usize,
        row: u64,
    ) -> Result<()> {
        let table = (state * 3 + 1) as u64;
        let (slot, of) = self.rows[state * 3 + 1].slot(row);
        let person = self.population.person(self.known(state, of.subject));
        let draw = &mut Draw::new(self.seed ^ table, TAKEN, slot);
        sheet.row(Some(person.number), None, draw);
        let (given, surname) = parts(&self.population, &person, false);
        let mark = draw.chance(MARKS).then(|| draw.below(FINGERS.len()));
        sheet.text(0, |text| push_reference(state, 'D', slot, text));
        if mark.is_some() {
            (1..3).for_each(|column| sheet.no_text(column));
        } else {
            sheet.text(1, |text| push_file(state, of.subject, text));
            sheet.field(2, draw, |slip, draw, text| push_latin(surname, given, slip, draw, text));
        }
        let number = capture_number(table, slot);
        let left = mark.map(|finger| FINGERS[finger].1);
        captures.row(|body| {
            let subject = self.bodies.subject(&self.population, &person);
            let capture = Capture { number, day: 0, setting: Setting::Controlled, camera: None };
            left.is_none_or(|left| left == body).then_some((subject, capture))
        })
    }

    fn vehicle(&self, sheet: &mut Sheet<'_>, state: usize, row: u64) {
        let (slot, _) = self.rows[state * 3 + 2].slot(row);
        // Every other vehicle is kept by somebody whom the police know, or in their household.
        let resident = self.resident(state, if slot % 2 == 0 { slot } else { slot + OTHERS });
        let vehicle = self.population.vehicle(resident);
        let person = self.population.person(self.population.keeper(vehicle));
        let draw = &mut Draw::new(self.seed ^ (state * 3 + 2) as u64, TAKEN, slot);
        sheet.row(Some(person.number), Some(vehicle), draw);
        let (given, surname) = parts(&self.population, &person, false);
        sheet.field(0, draw, |slip, draw, text| {
            push_vehicle_plate(self.population.plate(vehicle, 0), text);
            if slip.is_some() {
                mistype(text, TYPED_PLATE_KEPT, PLATE_SYMBOLS, draw);
            }
        });
        sheet.field(1, draw, |slip, draw, text| push_latin(surname, given, slip, draw, text));
        sheet.field(2, draw, |slip, draw, text| push_latin(given, surname, slip, draw, text));
        sheet.field(3, draw, |slip, draw, text| push_born(&person, slip, draw, text));
        sheet.text(4, |text| self.population.push_address(person.household, text));
        sheet.text(5, |text| text.push_str(self.population.city(person.household)));
    }
}

impl System for Prum {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let (state, what) = (table / 3, table % 3);
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        let mut captures = self.bodies.batch(BODY[what], (rows.end - rows.start) as usize);
        for row in rows {
            match what {
                0 => self.photo(&mut sheet, &mut captures, state, row)?,
                1 => self.prints(&mut sheet, &mut captures, state, row)?,
                _ => self.vehicle(&mut sheet, state, row),
            }
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        // Police and registers know some of the same people: the truth has them one by one.
        None
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let about = "File numbers mean something within one state alone; each state has a kind of its own.";
        let mut spec = SpecText::new(SCENARIO.name, about, self.records, self.seed, format);
        for (code, names, _) in STATES {
            let file =
                format!("file_{} = {{ column = \"file_no\", kind = \"account\" }}\n", code.to_lowercase());
            let photos = format!(
                "{file}name = {{ column = [\"given_name\", \"surname\"], kind = \"person_name\" }}\n\
                 place = {{ column = \"place\", kind = \"place\" }}\n{}",
                self.bodies.attributes(FACE)
            );
            let prints = format!(
                "{file}name = {{ column = \"surname\", kind = \"person_name\" }}\n{}",
                self.bodies.attributes(FINGERS)
            );
            let vehicles = r#"car = { column = "plate", kind = "plate", scheme = "generic" }
name = { column = ["given_name", "surname"], kind = "person_name" }
born = { column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }
home = { column = "address", kind = "address" }
city = { column = "city", kind = "place" }
"#;
            spec = spec.source(names[0], &photos).source(names[1], &prints).source(names[2], vehicles);
        }
        let spec = spec.exact(&["file_qm", "file_qn", "file_qp"]).finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn push_file(state: usize, known: u64, text: &mut String) {
    text.push_str(STATES[state].0);
    text.push_str("-P");
    push_digits(known * 31 + 7, 10, text);
}

fn push_reference(state: usize, what: char, slot: u64, text: &mut String) {
    text.push_str(STATES[state].0);
    text.push('/');
    text.push(what);
    text.push('/');
    push_digits(slot * 17 + 3, 11, text);
}

fn table(bodies: &Bodies, name: &'static str, what: usize, rows: u64) -> Table {
    let text = |name| Column::new(name, Kind::Text);
    let mut columns = match what {
        0 => vec![
            text("reference").distinct(),
            text("file_no").distinct(),
            text("surname").rates(SURNAME),
            text("given_name").rates(GIVEN),
            text("year"),
            text("place"),
        ],
        1 => vec![text("reference").distinct(), text("file_no").distinct(), text("surname").rates(SURNAME)],
        _ => vec![
            text("plate").rates(PLATE).distinct(),
            text("surname").rates(KEEPER),
            text("given_name").rates(KEEPER),
            text("birth_date").rates(BORN),
            text("address").distinct(),
            text("city"),
        ],
    };
    columns.extend(bodies.columns(BODY[what]));
    Table::new(name, rows, columns).file_rows(bodies.file_rows(BODY[what]))
}
