//! The scenario `aadhaar`: a national biometric ID, its authentication logs, and fraud.
//!
//! Modelled on the enrolment of the Unique Identification Authority of India: name, date of birth, gender,
//! address, ten fingerprints, two irises and a face under a number of twelve digits, de-duplicated by
//! biometrics (UIDAI, *Role of Biometric Technology in Aadhaar Enrollment*, 2012).
//!
//! | table | of 1 000 records | columns |
//! |---|---|---|
//! | `enrolments` | 200 | number, name, birth date, gender, address, city, phone, day; face, ten fingers, two irises |
//! | `authentications` | 800 | number, agency, modality, outcome, time |
//! | truth `fraud` | | enrolment, kind (1, 2), person whose body it is |
//!
//! **Fraud.** Kind 1: of 1 000 enrolments three are of one person who is enrolled already, under invented
//! names, with captures of their own. Kind 2: of 10 000 enrolments twenty hold one capture of another
//! person's ten fingers, copied, beside a face and irises of their own. Rates are assumptions.
//!
//! One birth date in four is the first of January of the declared year. 15 % of the authentications log the
//! last four digits of the number alone. Numbers start with 0 or 1, which no issued one does: see
//! `simulate::identifiers`.

use std::ops::Range;

use super::super::biometric::{Capture, Eye, Setting};
use super::super::draw::{Draw, Permutation};
use super::super::errors::{DIGITS, Rates, Slip, mask, mistype};
use super::super::identifiers::{MADE_UP_AADHAARS, push_aadhaar, push_date, push_digits};
use super::super::movement::{DAY, civil_from_days, days_from_civil};
use super::super::population::Population;
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table, numbers};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, Captures, capture_number};
use super::fields::push_tel;
use super::spec_text::SpecText;
use super::travel::{parts, push_born, push_latin, push_sex};
use crate::error::Result;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "aadhaar",
    title: "a national biometric ID: enrolments, authentication logs, and two kinds of fraud",
    source: "Aadhaar of the Unique Identification Authority of India: ten fingers, two irises and a face of each \
             person (Role of Biometric Technology in Aadhaar Enrollment, 2012)",
    tables: &["enrolments", "authentications"],
    min_records: 100,
    max_records: 2_000_000_000,
    make: |options| Box::new(Aadhaar::new(options)),
};

const NAME: Rates = &[(Slip::Typing, 0.02), (Slip::Abbreviated, 0.03), (Slip::Order, 0.02)];
const BORN: Rates = &[(Slip::Placeholder, 0.25), (Slip::Misdated, 0.01)];
const GENDER: Rates = &[(Slip::Typing, 0.002)];
const PHONE: Rates = &[(Slip::Missing, 0.15), (Slip::Stale, 0.05), (Slip::Typing, 0.005)];
const LOGGED: Rates = &[(Slip::Masked, 0.15), (Slip::Typing, 0.003)];

/// Enrolments of 1 000 records, and of 100 numbers those with so many authentications.
const ENROLMENTS: u64 = 200;
const AUTHENTICATIONS: [(u32, u32); 3] = [(50, 2), (30, 4), (20, 9)];
/// Of a thousand enrolments the last so many are of the person of the sixth.
const THOUSAND: u64 = 1_000;
const GHOSTS: u64 = 3;
const GHOSTS_OF: u64 = 5;
/// Of ten thousand enrolments so many, from the five-thousandth on, hold the prints of the 43rd.
const TEN_THOUSAND: u64 = 10_000;
const COPIES: Range<u64> = 5_000..5_020;
const COPIES_OF: u64 = 42;
/// The number of the capture that is copied, which no enrolment has.
const COPIED: u64 = capture_number(9, 0);

const AGENCIES: usize = 300;
const MODALITIES: [&str; 4] = ["finger", "finger", "otp", "iris"];
const YEAR: u32 = 2022;
const FIRST_DAY: i64 = days_from_civil(2021, 1, 1);
const ENROLLED_BACK: usize = 10 * 365;
const TONES: [f64; 6] = [0.01, 0.06, 0.23, 0.36, 0.26, 0.08];

const BODY: BodyColumns = &[
    ("face", Body::Face),
    ("right_thumb", Body::Finger(0)),
    ("right_index", Body::Finger(1)),
    ("right_middle", Body::Finger(2)),
    ("right_ring", Body::Finger(3)),
    ("right_little", Body::Finger(4)),
    ("left_thumb", Body::Finger(5)),
    ("left_index", Body::Finger(6)),
    ("left_middle", Body::Finger(7)),
    ("left_ring", Body::Finger(8)),
    ("left_little", Body::Finger(9)),
    ("left_iris", Body::Iris(Eye::Left)),
    ("right_iris", Body::Iris(Eye::Right)),
];

/// What a stream of random numbers is for.
const ORDER: u64 = 1_601;
const ENROLLED: u64 = 1_602;
const LOG: u64 = 1_603;

struct Aadhaar {
    records: u64,
    seed: u64,
    offset: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    order: Permutation,
    logs: Rows,
}

impl Aadhaar {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let enrolments = records * ENROLMENTS / 1_000;
        let key = |table| Draw::new(seed, ORDER, table).bits();
        let bodies = Bodies::new(options, TONES);
        Self {
            records,
            seed,
            offset: key(2) % MADE_UP_AADHAARS,
            population: Population::new(seed, YEAR),
            tables: tables(&bodies, enrolments, records - enrolments),
            bodies,
            order: Permutation::new(enrolments, key(0)),
            logs: Rows::new(Mixture::new(&AUTHENTICATIONS), records - enrolments, key(1)),
        }
    }

    fn push_number(&self, enrolment: u64, text: &mut String) {
        push_aadhaar(enrolment, self.offset, text);
    }

    fn enrolment(&self, sheet: &mut Sheet<'_>, captures: &mut Captures<'_>, row: u64) -> Result<()> {
        let enrolment = self.order.apply(row);
        let claimed = self.population.person(enrolment);
        let body = self.population.person(ghost_of(enrolment).unwrap_or(enrolment));
        let draw = &mut Draw::new(self.seed, ENROLLED, enrolment);
        sheet.row(Some(body.number), None, draw);
        let (given, surname) = parts(&self.population, &claimed, false);
        sheet.text(0, |text| self.push_number(enrolment, text));
        sheet.field(1, draw, |slip, draw, text| {
            let (first, last) = if slip == Some(Slip::Order) { (surname, given) } else { (given, surname) };
            push_latin(first, first, slip, draw, text);
            text.push(' ');
            text.push_str(last);
        });
        sheet.field(2, draw, |slip, draw, text| push_born(&claimed, slip, draw, text));
        sheet.field(3, draw, |slip, _, text| push_sex(&body, slip, text));
        sheet.text(4, |text| self.population.push_address(claimed.household, text));
        sheet.text(5, |text| text.push_str(self.population.city(claimed.household)));
        sheet.field(6, draw, |slip, draw, text| push_tel(&self.population, &claimed, 0, slip, draw, text));
        let day = FIRST_DAY - 1 - draw.below(ENROLLED_BACK) as i64;
        sheet.text(7, |text| push_date(civil_from_days(day), text));
        let capture = Capture {
            number: capture_number(0, enrolment),
            day: day as u32,
            setting: Setting::Controlled,
            camera: None,
        };
        if !self.bodies.exist() {
            return Ok(());
        }
        let subject = self.bodies.subject(&self.population, &body);
        let copied = copied_from(enrolment).map(|donor| {
            let donor = self.bodies.subject(&self.population, &self.population.person(donor));
            (donor, Capture { number: COPIED, ..capture })
        });
        captures.row(|body| match (body, copied) {
            (Body::Finger(_), Some(copied)) => Some(copied),
            _ => Some((subject, capture)),
        })
    }

    fn authentication(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.logs.slot(row);
        let enrolment = of.subject.min(self.tables[0].rows - 1);
        let draw = &mut Draw::new(self.seed, LOG, slot);
        sheet.row(Some(ghost_of(enrolment).unwrap_or(enrolment)), None, draw);
        sheet.field(0, draw, |slip, draw, text| {
            self.push_number(enrolment, text);
            match slip {
                Some(Slip::Masked) => mask(text, 0, 4),
                Some(Slip::Typing) => mistype(text, 1, DIGITS, draw),
                _ => {}
            }
        });
        let agency = draw.unit();
        sheet.text(1, |text| {
            text.push_str("aua-");
            push_digits((agency * agency * AGENCIES as f64) as u64, 4, text);
        });
        sheet.text(2, |text| text.push_str(draw.one_of(&MODALITIES)));
        sheet.flag(3, draw.chance(0.94));
        let day = FIRST_DAY + draw.below(365) as i64;
        sheet.time(4, day * i64::from(DAY) + 6 * 3_600 + draw.below(15 * 3_600) as i64);
    }
}

/// The enrolment of the person who stands behind one under an invented name.
fn ghost_of(enrolment: u64) -> Option<u64> {
    let (thousand, within) = (enrolment / THOUSAND, enrolment % THOUSAND);
    (within >= THOUSAND - GHOSTS).then_some(thousand * THOUSAND + GHOSTS_OF)
}

/// The enrolment whose prints were copied to this one.
fn copied_from(enrolment: u64) -> Option<u64> {
    let (block, within) = (enrolment / TEN_THOUSAND, enrolment % TEN_THOUSAND);
    COPIES.contains(&within).then_some(block * TEN_THOUSAND + COPIES_OF)
}

/// Enrolments below `enrolments` of which a block of `block` has those from `first` to before `end`.
fn count(enrolments: u64, block: u64, first: u64, end: u64) -> u64 {
    let rest = (enrolments % block).clamp(first, end) - first;
    enrolments / block * (end - first) + rest
}

fn ghosts(enrolments: u64) -> u64 {
    count(enrolments, THOUSAND, THOUSAND - GHOSTS, THOUSAND)
}

fn copies(enrolments: u64) -> u64 {
    count(enrolments, TEN_THOUSAND, COPIES.start, COPIES.end)
}

impl System for Aadhaar {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        if table == 2 {
            let ghosts = ghosts(self.tables[0].rows);
            let of = |row: u64| match row.checked_sub(ghosts) {
                None => {
                    let enrolment = row / GHOSTS * THOUSAND + THOUSAND - GHOSTS + row % GHOSTS;
                    [enrolment, 1, ghost_of(enrolment).unwrap_or(enrolment)]
                }
                Some(copy) => {
                    let many = COPIES.end - COPIES.start;
                    let enrolment = copy / many * TEN_THOUSAND + COPIES.start + copy % many;
                    [enrolment, 2, copied_from(enrolment).unwrap_or(enrolment)]
                }
            };
            let column = |at: usize| rows.clone().map(|row| of(row)[at]).collect();
            return numbers(&self.tables[table], (0..3).map(column).collect());
        }
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        if table == 1 {
            rows.for_each(|row| self.authentication(&mut sheet, row));
            return sheet.finish();
        }
        let mut captures = self.bodies.batch(BODY, (rows.end - rows.start) as usize);
        for row in rows {
            self.enrolment(&mut sheet, &mut captures, row)?;
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        Some(self.tables[0].rows - ghosts(self.tables[0].rows))
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let about = "The numbers start with 0 or 1, so they are nobody's, and are read as synthetic ones.";
        let number = "number = { column = \"number\", kind = \"aadhaar\", synthetic = true }\n";
        let enrolments = format!(
            r#"{number}name = {{ column = "name", kind = "person_name" }}
born = {{ column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }}
gender = {{ column = "gender", kind = "sex" }}
home = {{ column = "address", kind = "address" }}
city = {{ column = "city", kind = "place" }}
phone = {{ column = "phone", kind = "phone" }}
{}"#,
            self.bodies.attributes(BODY)
        );
        let logs = format!(
            "{number}agency = {{ column = \"agency\", kind = \"place\" }}\nat = {{ column = \"time\", kind = \"time\" }}\n"
        );
        let spec = SpecText::new(SCENARIO.name, about, self.records, self.seed, format)
            .source("enrolments", &enrolments)
            .source("authentications", &logs)
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(bodies: &Bodies, enrolments: u64, authentications: u64) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let mut of_enrolments = vec![
        text("number").distinct(),
        text("name").rates(NAME),
        text("birth_date").rates(BORN),
        text("gender").rates(GENDER),
        text("address").distinct(),
        text("city"),
        text("phone").rates(PHONE).distinct(),
        text("day"),
    ];
    of_enrolments.extend(bodies.columns(BODY));
    vec![
        Table::new("enrolments", enrolments, of_enrolments).file_rows(bodies.file_rows(BODY)),
        Table::new(
            "authentications",
            authentications,
            vec![
                text("number").rates(LOGGED).distinct(),
                text("agency"),
                text("modality"),
                Column::new("passed", Kind::Flag),
                Column::new("time", Kind::Time),
            ],
        ),
        Table::truth_only(
            "fraud",
            ghosts(enrolments) + copies(enrolments),
            &["enrolment", "kind", "person_id"],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_fraud_is_counted_as_it_is_made() {
        for enrolments in [0, 5, 997, 998, 1_000, 5_000, 5_003, 5_019, 5_020, 12_345, 20_000] {
            let found =
                |of: fn(u64) -> Option<u64>| (0..enrolments).filter(|&e| of(e).is_some()).count() as u64;
            assert_eq!(ghosts(enrolments), found(ghost_of), "{enrolments}");
            assert_eq!(copies(enrolments), found(copied_from), "{enrolments}");
        }
    }
}
