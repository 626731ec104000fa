//! The scenario `multimodal`: many biometrics beside everything else.
//!
//! Modelled on what civil-rights groups warn of when they write about multimodal systems (Georgetown Law,
//! *Biometric Transparency*; the plans for the Homeland Advanced Recognition Technology system of the United
//! States, with faces, fingerprints, irises and relations of persons): one wide table that has it all, and
//! movements by the number of a device.
//!
//! | table | of 1 000 records | columns |
//! |---|---|---|
//! | `people` | 40 | given name, surname, address, city, social security number, sex, birth date, phone, plate, device; face, two index fingers, iris |
//! | `traces` | 960 | device, cell, time |
//!
//! Of 100 people eight have a second record, taken years later. Somebody who works is seen in the cell of the
//! workplace on arriving and in that of the home on coming back, 26 times in all (see [`super::super::movement`]);
//! others make a visit a day in some cell. Social security numbers have an area of 900 to 999 and a group of
//! 01 to 49, which was never issued: see [`super::super::identifiers`].

use std::ops::Range;

use super::super::biometric::{Capture, Eye, Setting};
use super::super::draw::Draw;
use super::super::errors::{DIGITS, Rates, Slip, mask, mistype};
use super::super::identifiers::{
    MADE_UP_SSNS, PLATE_SYMBOLS, TYPED_PLATE_KEPT, push_digits, push_ssn, push_vehicle_plate,
};
use super::super::movement::{DAY, Worker, days_from_civil, visit};
use super::super::population::{Person, Population};
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, Captures, capture_number};
use super::fields::push_tel;
use super::spec_text::SpecText;
use super::travel::{parts, push_born, push_latin, push_sex};
use crate::error::Result;
use crate::kernel::hash;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "multimodal",
    title: "one wide table of faces, fingers, irises, names and numbers, and the movements of devices",
    source: "the warnings of civil-rights groups about multimodal systems, such as the Homeland Advanced \
             Recognition Technology of the United States",
    tables: &["people", "traces"],
    min_records: 100,
    // 40 records of people of 1 000, whose social security numbers are distinct.
    max_records: 1_000_000_000,
    make: |options| Box::new(Multimodal::new(options)),
};

const NAME: Rates = &[(Slip::Typing, 0.01), (Slip::Abbreviated, 0.01)];
const ADDRESS: Rates = &[(Slip::Missing, 0.03), (Slip::Stale, 0.1)];
const SSN: Rates = &[(Slip::Missing, 0.1), (Slip::Masked, 0.05), (Slip::Typing, 0.005)];
const SEX: Rates = &[(Slip::Missing, 0.01), (Slip::Typing, 0.002)];
const BORN: Rates = &[(Slip::Missing, 0.02), (Slip::Misdated, 0.005)];
const PHONE: Rates = &[(Slip::Missing, 0.1), (Slip::Stale, 0.08), (Slip::Typing, 0.005)];
const PLATE: Rates = &[(Slip::Missing, 0.3), (Slip::Typing, 0.005)];
const DEVICE: Rates = &[(Slip::Missing, 0.15)];

/// Records of people of 1 000, and people of 100 with one and two of them.
const PEOPLE: u64 = 40;
const RECORDS: [(u32, u32); 2] = [(92, 1), (8, 2)];
/// Points of a trace: 960 of 1 000 records by the 37 people of 40 records.
const POINTS: u32 = 26;
/// Share of people who work, and people a cell.
const WORKING: f64 = 0.7;
const PEOPLE_A_CELL: u64 = 40;
const VISIT_DAYS: u32 = 110;
const YEAR: u32 = 2026;
const FIRST_DAY: i64 = days_from_civil(2026, 1, 5);
const TONES: [f64; 6] = [0.22, 0.30, 0.18, 0.12, 0.10, 0.08];

const BODY: BodyColumns = &[
    ("face", Body::Face),
    ("right_index", Body::Finger(1)),
    ("left_index", Body::Finger(6)),
    ("iris", Body::Iris(Eye::Right)),
];

/// What a stream of random numbers is for.
const ORDER: u64 = 1_701;
const KEPT: u64 = 1_702;
const POINT: u64 = 1_703;
const CELL: u64 = 1_704;

struct Multimodal {
    records: u64,
    seed: u64,
    offset: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    people: Rows,
    traces: Rows,
}

impl Multimodal {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let people = records * PEOPLE / 1_000;
        let key = |table| Draw::new(seed, ORDER, table).bits();
        let bodies = Bodies::new(options, TONES);
        Self {
            records,
            seed,
            offset: key(2) % MADE_UP_SSNS,
            population: Population::new(seed, YEAR),
            tables: tables(&bodies, people, records - people),
            bodies,
            people: Rows::new(Mixture::new(&RECORDS), people, key(0)),
            traces: Rows::new(Mixture::new(&[(1, POINTS)]), records - people, key(1)),
        }
    }

    fn people(&self) -> u64 {
        self.people.mixture().subjects(self.tables[0].rows)
    }

    /// The person of a rank: adults alone, so that they have phones, numbers and vehicles of their own.
    fn person(&self, rank: u64) -> Person {
        self.population.person(self.population.adult(rank))
    }

    fn record(&self, sheet: &mut Sheet<'_>, captures: &mut Captures<'_>, row: u64) -> Result<()> {
        let (slot, of) = self.people.slot(row);
        let person = self.person(of.subject);
        let vehicle = self.population.vehicle(person.number);
        let draw = &mut Draw::new(self.seed, KEPT, slot);
        sheet.row(Some(person.number), Some(vehicle), draw);
        let (given, surname) = parts(&self.population, &person, false);
        sheet.field(0, draw, |slip, draw, text| push_latin(given, surname, slip, draw, text));
        sheet.field(1, draw, |slip, draw, text| push_latin(surname, given, slip, draw, text));
        sheet.field(2, draw, |slip, _, text| {
            // Somebody who has moved is still where somebody else lives.
            let moved = u64::from(slip.is_some()) << 40;
            self.population.push_address(person.household ^ moved, text);
        });
        sheet.text(3, |text| text.push_str(self.population.city(person.household)));
        sheet.field(4, draw, |slip, draw, text| {
            push_ssn(of.subject, self.offset, text);
            match slip {
                Some(Slip::Masked) => mask(text, 0, 4),
                Some(Slip::Typing) => mistype(text, 5, DIGITS, draw),
                _ => {}
            }
        });
        sheet.field(5, draw, |slip, _, text| push_sex(&person, slip, text));
        sheet.field(6, draw, |slip, draw, text| push_born(&person, slip, draw, text));
        sheet.field(7, draw, |slip, draw, text| push_tel(&self.population, &person, 0, slip, draw, text));
        sheet.field(8, draw, |slip, draw, text| {
            push_vehicle_plate(self.population.plate(vehicle, 0), text);
            if slip.is_some() {
                mistype(text, TYPED_PLATE_KEPT, PLATE_SYMBOLS, draw);
            }
        });
        sheet.field(9, draw, |_, _, text| self.population.push_token(POINT, of.subject, text));
        let back = i64::from(of.ordinal == 0) * 5 * 365 + draw.below(365) as i64;
        let capture = Capture {
            number: capture_number(0, slot),
            day: (FIRST_DAY - back) as u32,
            setting: Setting::Controlled,
            camera: None,
        };
        captures.row(|_| Some((self.bodies.subject(&self.population, &person), capture)))
    }

    /// A cell by what it is the cell of.
    fn cell(&self, of: u64) -> u64 {
        hash::below(hash::combine(hash::combine(self.seed, CELL), of), self.people().div_ceil(PEOPLE_A_CELL))
    }

    fn point(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.traces.slot(row);
        let rank = of.subject.min(self.people() - 1);
        let person = self.person(rank);
        let draw = &mut Draw::new(self.seed, POINT, slot);
        sheet.row(Some(person.number), None, draw);
        let (home, work) = (self.cell(person.household << 1), self.cell(person.number << 1 | 1));
        let works = Draw::new(self.seed, CELL, person.number).chance(WORKING);
        let (passage, cell) = if works {
            let passage = Worker::new(self.seed, person.number, work).passage(of.ordinal);
            (passage, if passage.inward { work } else { home })
        } else {
            // Each visit is a day of its own.
            let passage = visit(self.seed, rank << 8 | u64::from(of.ordinal), 0, VISIT_DAYS);
            (passage, if of.ordinal % 3 == 0 { self.cell(slot << 2 | 2) } else { home })
        };
        sheet.text(0, |text| self.population.push_token(POINT, rank, text));
        sheet.text(1, |text| {
            text.push_str("cell-");
            push_digits(cell, 7, text);
        });
        sheet.time(2, (FIRST_DAY + i64::from(passage.day)) * i64::from(DAY) + i64::from(passage.second));
    }
}

impl System for Multimodal {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        if table == 1 {
            rows.for_each(|row| self.point(&mut sheet, row));
            return sheet.finish();
        }
        let mut captures = self.bodies.batch(BODY, (rows.end - rows.start) as usize);
        for row in rows {
            self.record(&mut sheet, &mut captures, row)?;
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        Some(self.people())
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let about = "The social security numbers were never issued, and are read as synthetic ones.";
        let people = format!(
            r#"
name = {{ column = ["given_name", "surname"], kind = "person_name" }}
home = {{ column = "address", kind = "address" }}
city = {{ column = "city", kind = "place" }}
ssn = {{ column = "ssn", kind = "us_ssn", synthetic = true }}
sex = {{ column = "sex", kind = "sex" }}
born = {{ column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }}
phone = {{ column = "phone", kind = "phone" }}
car = {{ column = "plate", kind = "plate", scheme = "generic" }}
device = {{ column = "device", kind = "account" }}
{}"#,
            self.bodies.attributes(BODY)
        );
        let traces = r#"
device = { column = "device", kind = "account" }
cell = { column = "cell", kind = "place" }
at = { column = "time", kind = "time" }
"#;
        let spec = SpecText::new(SCENARIO.name, about, self.records, self.seed, format)
            .source("people", &people)
            .source("traces", traces)
            .exact(&["device", "cell"])
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(bodies: &Bodies, people: u64, traces: u64) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let mut of_people = vec![
        text("given_name").rates(NAME),
        text("surname").rates(NAME),
        text("address").rates(ADDRESS).distinct(),
        text("city"),
        text("ssn").rates(SSN).distinct(),
        text("sex").rates(SEX),
        text("birth_date").rates(BORN),
        text("phone").rates(PHONE).distinct(),
        text("plate").rates(PLATE).distinct(),
        text("device").rates(DEVICE).distinct(),
    ];
    of_people.extend(bodies.columns(BODY));
    vec![
        Table::new("people", people, of_people).file_rows(bodies.file_rows(BODY)),
        Table::new(
            "traces",
            traces,
            vec![text("device").distinct(), text("cell"), Column::new("time", Kind::Time)],
        ),
    ]
}
