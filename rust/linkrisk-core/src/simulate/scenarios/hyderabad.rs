//! The scenario `hyderabad`: a city command centre with cameras and plate readers over one city.
//!
//! Modelled on the integrated command and control centre of Hyderabad and the police practice around
//! it: hundreds of thousands of cameras, people stopped in the street and photographed with tablets
//! (Amnesty International and Internet Freedom Foundation, *Ban the Scan Hyderabad*, 2021), a vehicle
//! register beside it.
//!
//! | table | of 20 records | columns |
//! |---|---|---|
//! | `face_sightings` | 9 | camera, time; with templates a face |
//! | `plate_sightings` | 8 | plate as the camera read it, camera, time |
//! | `tablet_stops` | 1 | name, document and phone as the officer wrote them, place, time; with templates a face |
//! | `vehicle_register` | 2 | plate, keeper's name, address, phone |
//!
//! Every household has a vehicle in the register. Of 100 vehicles 70 are read four times, 20 six times,
//! 10 not at all: on the way out and back, four readings a trip. Whoever drives is seen by the face
//! camera on the same pole within five seconds on every second reading, three times of each hundred
//! drivers; of each household another person is seen on foot near home. Without templates a sighting of
//! a face is a place and a time and nothing else.
//!
//! Cameras: 60 % misread 3 % of the plates, 30 % misread 8 %, 10 % misread 20 %.

use std::ops::Range;

use super::super::biometric::{Capture, Setting};
use super::super::draw::Draw;
use super::super::errors::{LETTERS, Rates, Slip, misread_by_camera, mistype};
use super::super::identifiers::{KEPT_OF_DOCUMENT, PLATE_SYMBOLS, push_digits, push_vehicle_plate};
use super::super::movement::{DAY, days_from_civil};
use super::super::population::Population;
use super::super::population::ages::{BLOCK_HOUSEHOLDS, BLOCK_PERSONS};
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table, numbers};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, capture_number};
use super::fields::push_tel;
use super::spec_text::SpecText;
use crate::error::Result;
use crate::kernel::hash;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "hyderabad",
    title: "a city command centre: sightings of faces and plates, stops in the street, a vehicle register",
    source: "the command and control centre of Hyderabad and stops with tablets there \
             (Amnesty International and Internet Freedom Foundation, Ban the Scan Hyderabad, 2021)",
    tables: &["face_sightings", "plate_sightings", "tablet_stops", "vehicle_register"],
    min_records: 20,
    // A household, with two vehicles of two plates, for ten records.
    max_records: Population::max_drivers() / BLOCK_PERSONS * BLOCK_HOUSEHOLDS * 10,
    make: |options| Box::new(City::new(options)),
};

/// Of 100 cameras so many, with their rates.
const CAMERAS: [(usize, Rates); 3] = [
    (60, &[(Slip::Misread, 0.03), (Slip::Missing, 0.01)]),
    (30, &[(Slip::Misread, 0.08), (Slip::Missing, 0.02)]),
    (10, &[(Slip::Misread, 0.20), (Slip::Missing, 0.06)]),
];
/// The mean of [`CAMERAS`].
const PLATE: Rates = &[(Slip::Misread, 0.062), (Slip::Missing, 0.018)];
const STOP_NAME: Rates = &[(Slip::Missing, 0.1), (Slip::Typing, 0.08), (Slip::Order, 0.1)];
const STOP_DOCUMENT: Rates = &[(Slip::Missing, 0.3), (Slip::Typing, 0.03)];
const STOP_PHONE: Rates = &[(Slip::Missing, 0.5), (Slip::Typing, 0.03)];
const KEEPER: Rates = &[(Slip::Typing, 0.01), (Slip::Order, 0.05)];
const ADDRESS: Rates = &[(Slip::Missing, 0.03)];
const REGISTER_PHONE: Rates = &[(Slip::Missing, 0.2), (Slip::Stale, 0.1), (Slip::Typing, 0.01)];

/// Readings of a trip, and every which the face camera sees.
const READINGS: u32 = 4;
const SEEN_EVERY: u32 = 2;
/// Households of a neighbourhood, which has cameras of its own.
const NEIGHBOURHOOD: u64 = 500;
const CAMERAS_EACH: u64 = 8;
/// Persons of a block of the sightings of faces: drivers, then others.
const SEEN_BLOCK: u64 = 100;
/// Shares of the skin tone groups, from light to dark; assumed.
const TONES: [f64; 6] = [0.01, 0.04, 0.25, 0.35, 0.25, 0.1];
const FACE: BodyColumns = &[("face", Body::Face)];
const YEAR: u32 = 2024;
const FIRST_DAY: i64 = days_from_civil(2024, 1, 1);
const DAYS: usize = 30;

/// What a stream of random numbers is for.
const ORDER: u64 = 1_401;
const TRIP: u64 = 1_402;
const WALK: u64 = 1_403;
const READ: u64 = 1_404;
const STOP: u64 = 1_405;
const REGISTER: u64 = 1_406;
const CAMERA: u64 = 1_407;
const WORK: u64 = 1_408;

struct City {
    records: u64,
    seed: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    seen: Rows,
    read: Rows,
    stops: Rows,
    registered: Rows,
}

/// A camera, and when something passed it, in seconds from the first day.
struct Sighting {
    camera: u64,
    second: u32,
}

impl City {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let (households, stops, plates) = (records / 10, records / 20, records * 8 / 20);
        let seen = records - households - stops - plates;
        let key = |table| Draw::new(seed, ORDER, table).bits();
        let bodies = Bodies::new(options, TONES);
        // Room for one record more than nine of twenty, which the rounding of the others may leave.
        let sightings = Mixture::new(&[(100, 3), (49, 1), (51, 2)]);
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(seen, plates, stops, households, &bodies),
            bodies,
            seen: Rows::new(sightings, seen, key(0)),
            read: Rows::new(Mixture::new(&[(70, 4), (20, 6), (10, 0)]), plates, key(1)),
            stops: Rows::new(Mixture::new(&[(1, 1)]), stops, key(2)),
            registered: Rows::new(Mixture::new(&[(1, 1)]), households, key(3)),
        }
    }

    fn households(&self) -> u64 {
        self.tables[3].rows
    }

    fn cameras(&self) -> u64 {
        self.households().div_ceil(NEIGHBOURHOOD) * CAMERAS_EACH
    }

    /// Where and when the vehicle of a household is read for the `nth` time.
    fn reading(&self, household: u64, nth: u32) -> Sighting {
        let (trip, leg) = (nth / READINGS, nth % READINGS);
        let mut draw = Draw::new(self.seed, TRIP, household << 8 | u64::from(trip));
        let day = draw.below(DAYS) as u32;
        let leaves = 6 * 3_600 + draw.below(5 * 3_600) as u32;
        let stays = 2 * 3_600 + draw.below(7 * 3_600) as u32;
        // Out past a camera near home and one near work, which is always the same, and back.
        let work = hash::below(hash::combine(hash::combine(self.seed, WORK), household), self.cameras());
        let home = household / NEIGHBOURHOOD * CAMERAS_EACH + household % CAMERAS_EACH;
        let (camera, second) = match leg {
            0 => (home, leaves),
            1 => (work, leaves + 900 + draw.below(1_200) as u32),
            2 => (work, leaves + stays + 2_400),
            _ => (home, leaves + stays + 3_300 + draw.below(1_200) as u32),
        };
        Sighting { camera, second: day * DAY + second }
    }

    /// Whose face is seen in a place of the sightings, where and when.
    fn sighting(&self, subject: u64, nth: u32) -> (u64, Sighting) {
        let (block, place) = (subject / (2 * SEEN_BLOCK), subject % (2 * SEEN_BLOCK));
        let household = block * SEEN_BLOCK + place % SEEN_BLOCK;
        let (first, members) = self.population.members(household);
        if place < SEEN_BLOCK {
            let mut passed = self.reading(household, nth * SEEN_EVERY);
            passed.second += 1 + Draw::new(self.seed, WALK, subject << 8 | u64::from(nth)).below(5) as u32;
            return (self.population.keeper(household * 2), passed);
        }
        let mut draw = Draw::new(self.seed, WALK, subject << 8 | u64::from(nth));
        let camera = household / NEIGHBOURHOOD * CAMERAS_EACH + draw.below(CAMERAS_EACH as usize) as u64;
        let second = draw.below(DAYS) as u32 * DAY + 7 * 3_600 + draw.below(14 * 3_600) as u32;
        (first + members.len() as u64 - 1, Sighting { camera, second })
    }

    fn face_sighting(&self, sheet: &mut Sheet<'_>, row: u64) -> (u64, Capture) {
        let (slot, of) = self.seen.slot(row);
        let (person, seen) = self.sighting(of.subject, of.ordinal);
        sheet.row(Some(person), None, &mut Draw::new(self.seed, ORDER, slot));
        sheet.text(0, |text| push_camera(seen.camera, text));
        sheet.time(1, time_of(&seen));
        (person, self.capture(capture_number(0, slot), seen.second, Setting::Uncontrolled, Some(seen.camera)))
    }

    fn capture(&self, number: u64, second: u32, setting: Setting, camera: Option<u64>) -> Capture {
        const SINCE_1900: i64 = days_from_civil(1900, 1, 1);
        let day = (FIRST_DAY - SINCE_1900) as u32 + second / DAY;
        Capture { number, day, setting, camera }
    }

    fn plate_sighting(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.read.slot(row);
        let read = self.reading(of.subject, of.ordinal);
        let vehicle = of.subject * 2;
        let draw = &mut Draw::new(self.seed, READ, slot);
        sheet.row(Some(self.population.keeper(vehicle)), Some(vehicle), draw);
        let camera = hash::below(hash::combine(hash::combine(self.seed, CAMERA), read.camera), 100) as usize;
        let mut below = 0;
        let rates = CAMERAS.iter().find(|(share, _)| {
            below += share;
            camera < below
        });
        sheet.field_at(0, rates.map_or(PLATE, |(_, rates)| *rates), draw, |slip, draw, text| {
            push_vehicle_plate(self.population.plate(vehicle, read.second / DAY), text);
            if slip.is_some() {
                misread_by_camera(text, draw);
            }
        });
        sheet.text(1, |text| push_camera(read.camera, text));
        sheet.time(2, time_of(&read));
    }

    fn stop(&self, sheet: &mut Sheet<'_>, row: u64) -> (u64, Capture) {
        let (slot, _) = self.stops.slot(row);
        let draw = &mut Draw::new(self.seed, STOP, slot);
        let person = self.population.person(self.population.adult(slot));
        sheet.row(Some(person.number), None, draw);
        let (day, second) = (draw.below(DAYS) as u32, 8 * 3_600 + draw.below(14 * 3_600) as u32);
        sheet.field(0, draw, |slip, draw, text| self.push_name(person.number, slip, draw, text));
        sheet.field(1, draw, |slip, draw, text| {
            self.population.push_document(person.number, 0, text);
            if slip.is_some() {
                mistype(text, KEPT_OF_DOCUMENT, PLATE_SYMBOLS, draw);
            }
        });
        sheet.field(2, draw, |slip, draw, text| push_tel(&self.population, &person, day, slip, draw, text));
        let place = draw.below(self.cameras() as usize) as u64;
        sheet.text(3, |text| push_camera(place, text));
        let at = Sighting { camera: place, second: day * DAY + second };
        sheet.time(4, time_of(&at));
        (person.number, self.capture(capture_number(2, slot), at.second, Setting::Controlled, None))
    }

    fn vehicle(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (household, _) = self.registered.slot(row);
        let vehicle = household * 2;
        let keeper = self.population.person(self.population.keeper(vehicle));
        let draw = &mut Draw::new(self.seed, REGISTER, household);
        sheet.row(Some(keeper.number), Some(vehicle), draw);
        sheet.text(0, |text| push_vehicle_plate(self.population.plate(vehicle, DAYS as u32), text));
        sheet.field(1, draw, |slip, draw, text| self.push_name(keeper.number, slip, draw, text));
        sheet.field(2, draw, |_, _, text| self.population.push_address(household, text));
        sheet.field(3, draw, |slip, draw, text| push_tel(&self.population, &keeper, 0, slip, draw, text));
    }

    fn push_name(&self, person: u64, slip: Option<Slip>, draw: &mut Draw, text: &mut String) {
        let person = self.population.person(person);
        let (given, surname) = self.population.latin_name(&person);
        let (first, second) = if slip == Some(Slip::Order) { (surname, given) } else { (given, surname) };
        text.push_str(first);
        text.push(' ');
        text.push_str(second);
        if slip == Some(Slip::Typing) {
            mistype(text, 0, LETTERS, draw);
        }
    }
}

impl System for City {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        if table == 4 {
            let keepers = rows.clone().map(|household| self.population.keeper(household * 2)).collect();
            let vehicles = rows.map(|household| household * 2).collect();
            return numbers(&self.tables[table], vec![keepers, vehicles]);
        }
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        let faces = if matches!(table, 0 | 2) { FACE } else { &[] };
        let mut captures = self.bodies.batch(faces, (rows.end - rows.start) as usize);
        for row in rows {
            let (person, capture) = match table {
                0 => self.face_sighting(&mut sheet, row),
                2 => self.stop(&mut sheet, row),
                1 => {
                    self.plate_sighting(&mut sheet, row);
                    continue;
                }
                _ => {
                    self.vehicle(&mut sheet, row);
                    continue;
                }
            };
            captures.row(|_| {
                let person = self.population.person(person);
                Some((self.bodies.subject(&self.population, &person), capture))
            })?;
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        // Keepers, the stopped and people on foot overlap: the truth has them one by one.
        None
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let face = |attributes: &str| format!("{attributes}{}", self.bodies.attributes(FACE));
        let sighting = r#"
camera = { column = "camera", kind = "place" }
at = { column = "time", kind = "time" }
"#;
        let spec = SpecText::new(SCENARIO.name, "", self.records, self.seed, format)
            .source("face_sightings", &face(sighting))
            .source(
                "plate_sightings",
                r#"
car = { column = "plate", kind = "plate", scheme = "generic" }
camera = { column = "camera", kind = "place" }
at = { column = "time", kind = "time" }
"#,
            )
            .source(
                "tablet_stops",
                &face(
                    r#"
name = { column = "name", kind = "person_name" }
document = { column = "document", kind = "travel_document", country = "UTO" }
phone = { column = "phone", kind = "phone" }
camera = { column = "place", kind = "place" }
at = { column = "time", kind = "time" }
"#,
                ),
            )
            .source(
                "vehicle_register",
                r#"
car = { column = "plate", kind = "plate", scheme = "generic" }
name = { column = "keeper", kind = "person_name" }
address = { column = "address", kind = "address" }
phone = { column = "phone", kind = "phone" }
"#,
            )
            .exact(&["camera"])
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(seen: u64, plates: u64, stops: u64, vehicles: u64, bodies: &Bodies) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let time = || Column::new("time", Kind::Time);
    let with_faces = |name, rows, mut columns: Vec<Column>| {
        columns.extend(bodies.columns(FACE));
        Table::new(name, rows, columns).file_rows(bodies.file_rows(FACE))
    };
    vec![
        with_faces("face_sightings", seen, vec![text("camera"), time()]),
        Table::new(
            "plate_sightings",
            plates,
            vec![text("plate").rates(PLATE).distinct(), text("camera"), time()],
        ),
        with_faces(
            "tablet_stops",
            stops,
            vec![
                text("name").rates(STOP_NAME),
                text("document").rates(STOP_DOCUMENT).distinct(),
                text("phone").rates(STOP_PHONE).distinct(),
                text("place"),
                time(),
            ],
        ),
        Table::new(
            "vehicle_register",
            vehicles,
            vec![
                text("plate").distinct(),
                text("keeper").rates(KEEPER),
                text("address").rates(ADDRESS).distinct(),
                text("phone").rates(REGISTER_PHONE).distinct(),
            ],
        ),
        Table::truth_only("person_vehicle", vehicles, &["person_id", "vehicle_id"]),
    ]
}

fn time_of(sighting: &Sighting) -> i64 {
    FIRST_DAY * i64::from(DAY) + i64::from(sighting.second)
}

fn push_camera(camera: u64, text: &mut String) {
    text.push_str("cam-");
    push_digits(camera, 7, text);
}
