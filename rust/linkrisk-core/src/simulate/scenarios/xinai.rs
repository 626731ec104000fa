//! The scenario `xinai`: a firm that runs gates and car parks for many sites.
//!
//! Modelled on the database of an access-control firm that stood open in 2022: more than 800 million
//! rows with links to photographs of faces, names, ages, sexes, resident IDs and number plates
//! (TechCrunch, 30 August 2022). How many rows each table had was never told; the shares here are those
//! of such a system in use: nearly all rows are events.
//!
//! | table | of 1 000 records | columns |
//! |---|---|---|
//! | `registrations` | 30 | number, name, age, sex, resident ID, phone, enrolled photo, site, time |
//! | `gate_events` | 705 | number or enrolled photo where the terminal knows it, snapshot, site, gate, time |
//! | `vehicle_events` | 249 | plate as the camera read it, site, lane, time, snapshot |
//! | `parking_accounts` | 16 | account, plate, phone, name, site |
//!
//! **Links to photographs are of two kinds.** A person's enrolled photo has one address: in whichever
//! table it stands, it says who. A snapshot has an address of its own for every event: it says who only
//! to somebody who opens it. Of ten terminals six write the registration's number into the event, two
//! the address of the enrolled photo, two nothing but the snapshot.
//!
//! **Who passes.** Of 100 registrations 60 are of people who work there (38 passages each) and 40 of
//! visitors (1 to 3). 24 of the 60 drive (32 passages of the lane, about a minute from the gate, see
//! [`movement`]); 15 visitors and 33 people of no registration do so too. A person has 1 to 4
//! registrations, and a third of the further ones are at the site of the first.
//!
//! Cameras: 70 % misread 2 % of the plates, 25 % misread 6 %, 5 % misread 20 %.

use std::ops::Range;

use super::super::biometric::{Capture, Setting};
use super::super::draw::Draw;
use super::super::errors::{Rates, Slip, misread_by_camera, mistype};
use super::super::identifiers::{
    PLATE_SYMBOLS, TYPED_PLATE_KEPT, push_base36, push_digits, push_vehicle_plate,
};
use super::super::movement::{DAY, Passage, Worker, civil_from_days, days_from_civil, visit};
use super::super::population::Population;
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table, numbers};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, capture_number};
use super::fields::{camera_rates, push_id, push_name, push_sex, push_tel};
use super::spec_text::SpecText;
use crate::error::Result;
use crate::kernel::hash;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "xinai",
    title: "gates and car parks of many sites: registrations, passages of people and vehicles, accounts",
    source: "the database of an access-control firm that stood open in 2022, more than 800 million rows \
             with photographs, names, resident IDs and plates (TechCrunch, 30 August 2022)",
    tables: &["registrations", "gate_events", "vehicle_events", "parking_accounts"],
    min_records: 100,
    // 30 registrations and 21 persons of 1 000 records, whose resident IDs and plates are distinct.
    max_records: 2_000_000_000,
    make: |options| Box::new(Xinai::new(options)),
};

const NAME: Rates = &[
    (Slip::Missing, 0.01),
    (Slip::Masked, 0.02),
    (Slip::Typing, 0.015),
    (Slip::Romanised, 0.03),
    (Slip::Order, 0.01),
];
const AGE: Rates = &[(Slip::Missing, 0.2), (Slip::Stale, 0.15)];
const SEX: Rates = &[(Slip::Missing, 0.1), (Slip::Typing, 0.005)];
const RESIDENT_ID: Rates =
    &[(Slip::Missing, 0.3), (Slip::Masked, 0.08), (Slip::Typing, 0.01), (Slip::Placeholder, 0.01)];
const PHONE: Rates = &[
    (Slip::Missing, 0.12),
    (Slip::Masked, 0.05),
    (Slip::Typing, 0.01),
    (Slip::Placeholder, 0.01),
    (Slip::Stale, 0.03),
];
const PHOTO: Rates = &[(Slip::Missing, 0.05)];
/// Of the events at terminals that write a number or a photo: people who were not recognised.
const UNRECOGNISED: Rates = &[(Slip::Missing, 0.03)];
const ACCOUNT_PLATE: Rates = &[(Slip::Typing, 0.01)];
const ACCOUNT_PHONE: Rates =
    &[(Slip::Missing, 0.08), (Slip::Typing, 0.01), (Slip::Placeholder, 0.01), (Slip::Stale, 0.05)];
const ACCOUNT_NAME: Rates =
    &[(Slip::Missing, 0.25), (Slip::Masked, 0.05), (Slip::Typing, 0.015), (Slip::Romanised, 0.02)];
/// Of ten cameras so many, with their rates.
const CAMERAS: [(u64, Rates); 3] = [
    (70, &[(Slip::Misread, 0.02), (Slip::Missing, 0.005)]),
    (25, &[(Slip::Misread, 0.06), (Slip::Missing, 0.01)]),
    (5, &[(Slip::Misread, 0.20), (Slip::Missing, 0.05)]),
];
/// The mean of [`CAMERAS`].
const PLATE: Rates = &[(Slip::Misread, 0.039), (Slip::Missing, 0.0085)];
const TRUNCATED: f64 = 0.002;

/// Registrations of a block: workers, of whom drivers, then visitors, of whom those with a vehicle.
const BLOCK: u64 = 100;
const WORKERS: u64 = 60;
const DRIVERS: u64 = 24;
const DRIVING_VISITORS: u64 = 15;
/// People of no registration with a vehicle, for each block.
const OUTSIDERS: u64 = 33;
/// Drivers of a block who have a parking account.
const DRIVERS_WITH_ACCOUNT: u64 = 20;
/// Registrations of a site, on average.
const SITE_REGISTRATIONS: u64 = 120;
/// Of three further registrations of a person so many are at the site of the first.
const SAME_SITE: f64 = 0.3;
/// Days that visits are spread over.
const VISIT_DAYS: u32 = 110;
/// The first Monday, and what day of the year it is.
const FIRST_DAY: i64 = days_from_civil(2022, 5, 2);
const FIRST_DAY_OF_YEAR: u32 = 121;
const YEAR: u32 = 2022;
/// The first Monday in days from 1900-01-01.
const SINCE_1900: u32 = (FIRST_DAY - days_from_civil(1900, 1, 1)) as u32;
/// Shares of the skin tone groups, from light to dark; assumed.
const TONES: [f64; 6] = [0.1, 0.45, 0.35, 0.08, 0.015, 0.005];
const FACE: BodyColumns = &[("face", Body::Face)];

/// What a stream of random numbers is for.
const ORDER: u64 = 1_001;
const SITE: u64 = 1_002;
const REGISTERED: u64 = 1_003;
const GATE: u64 = 1_004;
const LANE: u64 = 1_005;
const ACCOUNT: u64 = 1_006;
const TERMINAL: u64 = 1_007;
const SAME: u64 = 1_008;

struct Xinai {
    records: u64,
    seed: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    registrations: u64,
    sites: u64,
    /// Of the registrations: the person.
    registered: Rows,
    /// Of the events: the registration, or the vehicle.
    gates: Rows,
    lanes: Rows,
    accounts: Rows,
}

/// Who drives: somebody registered, or the outsider of that number.
#[derive(Clone, Copy)]
enum Driver {
    Registered(u64),
    Outsider(u64),
}

impl Xinai {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let share = |per_10_000: u64| (records * per_10_000 / 10_000).max(1);
        let (registrations, lanes, accounts) = (share(301), share(2_490), share(158));
        let gates = records - registrations - lanes - accounts;
        let key = |table: u64| Draw::new(seed, ORDER, table).bits();
        let bodies = Bodies::new(options, TONES);
        let persons = Mixture::new(&[(70, 1), (20, 2), (7, 3), (3, 4)]);
        let passages = Mixture::new(&[(WORKERS as u32, 38), (20, 1), (12, 2), (8, 3)]);
        let drives = Mixture::new(&[(DRIVERS as u32, 32), (DRIVING_VISITORS as u32 + 50, 1)]);
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(registrations, gates, lanes, accounts, &bodies),
            bodies,
            registrations,
            sites: registrations.div_ceil(SITE_REGISTRATIONS),
            registered: Rows::new(persons, registrations, key(0)),
            gates: Rows::new(passages, gates, key(1)),
            lanes: Rows::new(drives, lanes, key(2)),
            accounts: Rows::new(Mixture::new(&[(1, 1)]), accounts, key(3)),
        }
    }

    /// The person of a registration.
    fn person_of(&self, registration: u64) -> u64 {
        self.population.adult(self.registered.mixture().slot(registration).subject)
    }

    /// The person who is the outsider of that number.
    fn outsider(&self, number: u64) -> u64 {
        self.population.adult(self.registered.mixture().subjects(self.registrations) + number)
    }

    fn site_of(&self, registration: u64) -> u64 {
        let first = registration - u64::from(self.registered.mixture().slot(registration).ordinal);
        let again = first != registration && Draw::new(self.seed, SAME, registration).chance(SAME_SITE);
        let drawn = Draw::new(self.seed, SITE, if again { first } else { registration }).unit();
        // Few large sites and many small ones: the density falls as one over the root.
        ((drawn * drawn * self.sites as f64) as u64).min(self.sites - 1)
    }

    fn gate_passage(&self, registration: u64, nth: u32) -> Passage {
        if registration % BLOCK < WORKERS {
            self.worker(registration).passage(nth)
        } else {
            visit(self.seed, registration, nth, VISIT_DAYS)
        }
    }

    fn worker(&self, registration: u64) -> Worker {
        Worker::new(self.seed, self.person_of(registration), self.site_of(registration))
    }

    /// Who drives in the `subject`-th place of the vehicle events.
    fn driver(subject: u64) -> Driver {
        const A_BLOCK: u64 = DRIVERS + DRIVING_VISITORS + 50;
        let (block, place) = (subject / A_BLOCK, subject % A_BLOCK);
        match place.checked_sub(DRIVERS) {
            None => Driver::Registered(block * BLOCK + place),
            Some(visitor) if visitor < DRIVING_VISITORS => {
                Driver::Registered(block * BLOCK + WORKERS + visitor)
            }
            Some(other) => Driver::Outsider(block * OUTSIDERS + (other - DRIVING_VISITORS) % OUTSIDERS),
        }
    }

    fn person_driving(&self, driver: Driver) -> u64 {
        match driver {
            Driver::Registered(registration) => self.person_of(registration),
            Driver::Outsider(number) => self.outsider(number),
        }
    }

    fn registration(&self, sheet: &mut Sheet<'_>, row: u64) -> Option<(u64, Capture)> {
        let (registration, _) = self.registered.slot(row);
        let number = self.person_of(registration);
        let person = self.population.person(number);
        let draw = &mut Draw::new(self.seed, REGISTERED, registration);
        sheet.row(Some(number), None, draw);
        let day = draw.below(FIRST_DAY_OF_YEAR as usize) as u32;
        sheet.text(0, |text| push_registration(registration, text));
        sheet.field(1, draw, |slip, draw, text| push_name(&self.population, &person, slip, draw, text));
        sheet.whole_field(2, draw, |slip, draw| {
            let age = Population::age(&person, YEAR) as i32;
            if slip == Some(Slip::Stale) { age - 1 - draw.below(3) as i32 } else { age }
        });
        sheet.field(3, draw, |slip, _, text| push_sex(person.male != slip.is_some(), text));
        sheet.field(4, draw, |slip, draw, text| push_id(&person, slip, draw, text));
        sheet.field(5, draw, |slip, draw, text| push_tel(&self.population, &person, day, slip, draw, text));
        sheet.field(6, draw, |_, _, text| self.push_photo(registration, text));
        sheet.text(7, |text| self.push_site(self.site_of(registration), text));
        sheet.time(
            8,
            (FIRST_DAY - i64::from(FIRST_DAY_OF_YEAR - day)) * i64::from(DAY)
                + draw.below(DAY as usize) as i64,
        );
        Some((
            number,
            Capture {
                number: capture_number(0, registration),
                day: SINCE_1900 - (FIRST_DAY_OF_YEAR - day),
                setting: Setting::Controlled,
                camera: None,
            },
        ))
    }

    fn gate_event(&self, sheet: &mut Sheet<'_>, row: u64) -> Option<(u64, Capture)> {
        let (slot, of) = self.gates.slot(row);
        let registration = of.subject.min(self.registrations - 1);
        let draw = &mut Draw::new(self.seed, GATE, slot);
        let site = self.site_of(registration);
        let passage = self.gate_passage(registration, of.ordinal);
        let gate = draw.below(4) as u64;
        sheet.row(Some(self.person_of(registration)), None, draw);
        // What the terminal writes is a matter of its model.
        let model = hash::below(hash::combine(hash::combine(self.seed, TERMINAL), site * 4 + gate), 10);
        if model < 6 {
            sheet.field(0, draw, |_, _, text| push_registration(registration, text));
        } else {
            sheet.no_text(0);
        }
        if (6..8).contains(&model) {
            sheet.field(1, draw, |_, _, text| self.push_photo(registration, text));
        } else {
            sheet.no_text(1);
        }
        sheet.text(2, |text| push_snapshot("face", &passage, row, text));
        sheet.text(3, |text| self.push_site(site, text));
        sheet.text(4, |text| {
            text.push_str("gate-");
            push_digits(gate + 1, 2, text);
        });
        sheet.text(5, |text| text.push_str(if passage.inward { "in" } else { "out" }));
        sheet.time(6, time_of(&passage));
        Some((
            self.person_of(registration),
            Capture {
                number: capture_number(1, slot),
                day: SINCE_1900 + passage.day,
                setting: Setting::Uncontrolled,
                camera: Some(site * 4 + gate),
            },
        ))
    }

    fn vehicle_event(&self, sheet: &mut Sheet<'_>, row: u64) -> Option<(u64, Capture)> {
        let (slot, of) = self.lanes.slot(row);
        let driver = Self::driver(of.subject);
        let draw = &mut Draw::new(self.seed, LANE, slot);
        let person = self.person_driving(driver);
        let (site, passage) = match driver {
            Driver::Registered(r) if r % BLOCK < WORKERS => {
                (self.site_of(r), self.worker(r).lane(of.ordinal, self.population.turn(person)))
            }
            Driver::Registered(r) => {
                // A visitor drives in before passing the gate.
                let gate = visit(self.seed, r, 0, VISIT_DAYS);
                (self.site_of(r), Passage { second: gate.second - 30 - draw.below(60) as u32, ..gate })
            }
            Driver::Outsider(number) => {
                let site = hash::below(hash::combine(hash::combine(self.seed, SITE), person), self.sites);
                (site, visit(self.seed, number ^ 1 << 62, draw.below(20) as u32, VISIT_DAYS))
            }
        };
        let vehicle = self.population.vehicle(person);
        sheet.row(Some(person), Some(vehicle), draw);
        let lane = draw.below(3) as u64;
        let rates = camera_rates(&CAMERAS, hash::combine(hash::combine(self.seed, LANE), site * 4 + lane));
        sheet.field_at(0, rates, draw, |slip, draw, text| {
            push_vehicle_plate(self.population.plate(vehicle, FIRST_DAY_OF_YEAR + passage.day), text);
            if slip.is_some() {
                misread_by_camera(text, draw);
            }
        });
        sheet.text(1, |text| self.push_site(site, text));
        sheet.text(2, |text| {
            text.push_str("lane-");
            push_digits(lane + 1, 2, text);
        });
        sheet.time(3, time_of(&passage));
        sheet.text(4, |text| push_snapshot("car", &passage, row, text));
        None
    }

    fn account(&self, sheet: &mut Sheet<'_>, row: u64) -> Option<(u64, Capture)> {
        let (slot, _) = self.accounts.slot(row);
        let (driver, vehicle) = self.account_of(slot);
        // The account is in the name of whom the vehicle belongs to, whoever drives it here.
        let person = self.population.person(self.population.keeper(vehicle));
        let draw = &mut Draw::new(self.seed, ACCOUNT, slot);
        sheet.row(Some(person.number), Some(vehicle), draw);
        let day = FIRST_DAY_OF_YEAR;
        sheet.text(0, |text| {
            text.push_str("PA");
            push_digits(slot, 9, text);
        });
        sheet.field(1, draw, |slip, draw, text| {
            push_vehicle_plate(self.population.plate(vehicle, day), text);
            if slip.is_some() {
                mistype(text, TYPED_PLATE_KEPT, PLATE_SYMBOLS, draw);
            }
        });
        sheet.field(2, draw, |slip, draw, text| push_tel(&self.population, &person, day, slip, draw, text));
        sheet.field(3, draw, |slip, draw, text| push_name(&self.population, &person, slip, draw, text));
        let site = match driver {
            Driver::Registered(registration) => self.site_of(registration),
            Driver::Outsider(_) => {
                hash::below(hash::combine(hash::combine(self.seed, SITE), person.number), self.sites)
            }
        };
        sheet.text(4, |text| self.push_site(site, text));
        None
    }

    /// Whose account it is that has that number.
    fn account_of(&self, slot: u64) -> (Driver, u64) {
        let (block, place) =
            (slot / (DRIVERS_WITH_ACCOUNT + OUTSIDERS), slot % (DRIVERS_WITH_ACCOUNT + OUTSIDERS));
        let driver = match place.checked_sub(DRIVERS_WITH_ACCOUNT) {
            None => Driver::Registered(block * BLOCK + place),
            Some(other) => Driver::Outsider(block * OUTSIDERS + other),
        };
        (driver, self.population.vehicle(self.person_driving(driver)))
    }

    /// Who drives which vehicle: drivers, visitors and outsiders of each block in turn.
    fn drives(&self, rows: Range<u64>) -> (Vec<u64>, Vec<u64>) {
        let drives = rows.map(|row| {
            let (block, place) = (row / DRIVING, row % DRIVING);
            let driver = if place < DRIVERS {
                Driver::Registered(block * BLOCK + place)
            } else if place < DRIVERS + DRIVING_VISITORS {
                Driver::Registered(block * BLOCK + WORKERS + place - DRIVERS)
            } else {
                Driver::Outsider(block * OUTSIDERS + place - DRIVERS - DRIVING_VISITORS)
            };
            let person = self.person_driving(driver);
            (person, self.population.vehicle(person))
        });
        drives.unzip()
    }

    fn push_photo(&self, registration: u64, text: &mut String) {
        text.push_str("https://oss.xinai.invalid/enrolled/");
        self.population.push_token(REGISTERED, registration, text);
        text.push_str(".jpg");
    }

    fn push_site(&self, site: u64, text: &mut String) {
        const KINDS: [&str; 6] = ["产业园", "工地", "小区", "学校", "医院", "写字楼"];
        let mut draw = Draw::new(self.seed, SITE, site | 1 << 62);
        self.population.han.push_place(&mut draw, text);
        text.push_str(draw.one_of(&KINDS));
        push_digits(site, 6, text);
    }
}

/// Drivers, driving visitors and outsiders of a block.
const DRIVING: u64 = DRIVERS + DRIVING_VISITORS + OUTSIDERS;

impl System for Xinai {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        if table == 4 {
            let (persons, vehicles) = self.drives(rows);
            return numbers(&self.tables[table], vec![persons, vehicles]);
        }
        let fill = [Self::registration, Self::gate_event, Self::vehicle_event, Self::account][table];
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        let faces = if table < 2 { FACE } else { &[] };
        let mut captures = self.bodies.batch(faces, (rows.end - rows.start) as usize);
        for row in rows {
            if let Some((person, capture)) = fill(self, &mut sheet, row) {
                captures.of(&self.population, person, capture)?;
            }
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        // Who drives and whose account it is overlap: the truth has them one by one.
        None
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let about = "A snapshot has an address of its own for every event, so it can link nothing and is not\n\
                     mapped; the address of an enrolled photo is the same wherever it stands.";
        let face = |attributes: &str| format!("{attributes}{}", self.bodies.attributes(FACE));
        let spec = SpecText::new(SCENARIO.name, about, self.records, self.seed, format)
            .source(
                "registrations",
                &face(
                    r#"
number = { column = "registration_no", kind = "account" }
name = { column = "name", kind = "person_name" }
age = { column = "age", kind = "age", reference_date = "2022-06-30" }
sex = { column = "sex", kind = "sex" }
id_no = { column = "id_number", kind = "cn_resident_id" }
phone = { column = "phone", kind = "phone" }
photo = { column = "photo_url", kind = "image_url" }
site = { column = "site", kind = "place" }
"#,
                ),
            )
            .source(
                "gate_events",
                &face(
                    r#"
number = { column = "registration_no", kind = "account" }
photo = { column = "photo_url", kind = "image_url" }
site = { column = "site", kind = "place" }
at = { column = "time", kind = "time" }
"#,
                ),
            )
            .source(
                "vehicle_events",
                r#"
car = { column = "plate", kind = "plate", scheme = "generic" }
site = { column = "site", kind = "place" }
at = { column = "time", kind = "time" }
"#,
            )
            .source(
                "parking_accounts",
                r#"
name = { column = "name", kind = "person_name" }
phone = { column = "phone", kind = "phone" }
car = { column = "plate", kind = "plate", scheme = "generic" }
site = { column = "site", kind = "place" }
"#,
            )
            .exact(&["number"])
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(registrations: u64, gates: u64, lanes: u64, accounts: u64, bodies: &Bodies) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let with_faces = |name, rows, mut columns: Vec<Column>| {
        columns.extend(bodies.columns(FACE));
        Table::new(name, rows, columns).file_rows(bodies.file_rows(FACE))
    };
    vec![
        with_faces(
            "registrations",
            registrations,
            vec![
                text("registration_no").distinct(),
                text("name").rates(NAME),
                Column::new("age", Kind::Whole).rates(AGE),
                text("sex").rates(SEX),
                text("id_number").rates(RESIDENT_ID).distinct(),
                text("phone").rates(PHONE).distinct(),
                text("photo_url").rates(PHOTO).distinct(),
                text("site"),
                Column::new("registered", Kind::Time),
            ],
        )
        .truncated(TRUNCATED),
        with_faces(
            "gate_events",
            gates,
            vec![
                text("registration_no").rates(UNRECOGNISED).distinct(),
                text("photo_url").rates(UNRECOGNISED).distinct(),
                text("snapshot_url").distinct(),
                text("site"),
                text("gate"),
                text("direction"),
                Column::new("time", Kind::Time),
            ],
        ),
        Table::new(
            "vehicle_events",
            lanes,
            vec![
                text("plate").rates(PLATE).distinct(),
                text("site"),
                text("lane"),
                Column::new("time", Kind::Time),
                text("snapshot_url").distinct(),
            ],
        ),
        Table::new(
            "parking_accounts",
            accounts,
            vec![
                text("account").distinct(),
                text("plate").rates(ACCOUNT_PLATE).distinct(),
                text("phone").rates(ACCOUNT_PHONE).distinct(),
                text("name").rates(ACCOUNT_NAME),
                text("site"),
            ],
        ),
        Table::truth_only(
            "person_vehicle",
            registrations.div_ceil(BLOCK) * DRIVING,
            &["person_id", "vehicle_id"],
        ),
    ]
}

fn time_of(passage: &Passage) -> i64 {
    (FIRST_DAY + i64::from(passage.day)) * i64::from(DAY) + i64::from(passage.second)
}

fn push_registration(registration: u64, text: &mut String) {
    text.push_str("XR");
    push_digits(registration, 10, text);
}

/// An address by day and time, as cameras name their files.
fn push_snapshot(what: &str, passage: &Passage, row: u64, text: &mut String) {
    let (year, month, day) = civil_from_days(FIRST_DAY + i64::from(passage.day));
    text.push_str("https://oss.xinai.invalid/");
    text.push_str(what);
    text.push('/');
    push_digits(u64::from(year * 10_000 + month * 100 + day), 8, text);
    text.push('/');
    let (hour, minute, second) = (passage.second / 3_600, passage.second / 60 % 60, passage.second % 60);
    push_digits(u64::from(hour * 10_000 + minute * 100 + second), 6, text);
    text.push('-');
    push_base36(row, text);
    text.push_str(".jpg");
}
