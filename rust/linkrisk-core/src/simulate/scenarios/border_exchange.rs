//! The scenario `border_exchange`: two governments that match each other's travellers.
//!
//! Modelled on biometric exchange between border authorities (the Enhanced Border Security Partnerships
//! that the United States ask of visa-waiver countries, the exchange of the United Kingdom with the other
//! Migration 5 countries): one side searches fingerprints and faces of its travellers in the other's
//! holdings and gets personal data where there is a hit.
//!
//! | table | of 1 000 records | columns |
//! |---|---|---|
//! | `qm_travellers` | 480 | number, surname, given name, birth date, nationality, document, day; face, two index fingers, and the same protected |
//! | `qn_travellers` | 470 | the same, in the spelling of that side |
//! | `hits` | 50 | number of either side, similarity in hundredths, day |
//!
//! Every eighth traveller of one side is one of the other too; half of these show another document there
//! (a renewal, or that of a second nationality). The second side spells every name in its own way. A hit list
//! holds nine tenths of those who are on both sides, and one hit in fifty is of two different people.
//!
//! The protected templates are those behind a secret rotation of each side: they compare within one side
//! and not across. `linkrisk.toml` maps the plain ones, `linkrisk-protected.toml` the protected ones and no
//! hits.

use std::ops::Range;

use super::super::biometric::{Capture, Setting};
use super::super::draw::{Draw, Permutation};
use super::super::errors::{Rates, Slip, mistype};
use super::super::identifiers::{KEPT_OF_DOCUMENT, PLATE_SYMBOLS, push_date, push_digits};
use super::super::movement::{civil_from_days, days_from_civil};
use super::super::population::Population;
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, Captures, capture_number};
use super::spec_text::SpecText;
use super::travel::{country, parts, push_born, push_latin, push_respelt};
use crate::error::Result;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "border_exchange",
    title: "travellers of two governments that match each other's, with plain and protected templates",
    source: "biometric exchange between border authorities: Enhanced Border Security Partnerships of the \
             United States, Migration 5",
    tables: &["qm_travellers", "qn_travellers", "hits"],
    min_records: 200,
    max_records: 400_000_000,
    make: |options| Box::new(Exchange::new(options)),
};

const SIDES: [&str; 2] = ["QM", "QN"];
/// Travellers of each side, of 1 000 records.
const TRAVELLERS: [u64; 2] = [480, 470];
/// One traveller in so many is on both sides.
const BOTH: u64 = 8;
/// Share of those who show another document on the second side, and of hits of two people.
const OTHER_DOCUMENT: f64 = 0.5;
const FALSE_HITS: f64 = 0.02;

const NAME: Rates = &[(Slip::Typing, 0.005), (Slip::Abbreviated, 0.01)];
const BORN: Rates = &[(Slip::Placeholder, 0.01), (Slip::Misdated, 0.003)];
const DOCUMENT: Rates = &[(Slip::Typing, 0.002), (Slip::Missing, 0.01)];

const YEAR: u32 = 2026;
const FIRST_DAY: i64 = days_from_civil(2021, 1, 1);
const DAYS: usize = 5 * 365;
const TONES: [f64; 6] = [0.2, 0.25, 0.2, 0.15, 0.12, 0.08];

const PLAIN: BodyColumns =
    &[("face", Body::Face), ("right_index", Body::Finger(1)), ("left_index", Body::Finger(6))];
const PROTECTED: BodyColumns = &[
    ("face_protected", Body::Face),
    ("right_index_protected", Body::Finger(1)),
    ("left_index_protected", Body::Finger(6)),
];

/// What a stream of random numbers is for.
const ORDER: u64 = 1_301;
const CROSSED: u64 = 1_302;
const HIT: u64 = 1_303;

struct Exchange {
    records: u64,
    seed: u64,
    population: Population,
    plain: Bodies,
    protected: [Bodies; 2],
    tables: Vec<Table>,
    orders: Vec<Permutation>,
}

impl Exchange {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let plain = Bodies::new(options, TONES);
        let of_side = |side: usize| records * TRAVELLERS[side] / 1_000;
        let counts = [of_side(0), of_side(1), records - of_side(0) - of_side(1)];
        let key = |table: usize| Draw::new(seed, ORDER, table as u64).bits();
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(&plain, counts),
            protected: [1, 2].map(|side| Bodies::new(options, TONES).protected(key(8 + side))),
            plain,
            orders: (0..2).map(|side| Permutation::new(counts[side].max(1), key(side))).collect(),
        }
    }

    /// The person who is a side's traveller of that number: every eighth is on both sides.
    fn traveller(&self, side: usize, number: u64) -> u64 {
        if number.is_multiple_of(BOTH) { number * 2 } else { number * 2 + side as u64 }
    }

    fn document(&self, side: usize, number: u64) -> (&'static str, u32) {
        let person = self.traveller(side, number);
        let mut draw = Draw::new(self.seed, CROSSED, person);
        let other = side == 1 && draw.chance(OTHER_DOCUMENT);
        let second = other && draw.chance(0.1);
        (country(self.seed, person, u32::from(second)), u32::from(other))
    }

    fn travellers(
        &self,
        sheet: &mut Sheet<'_>,
        captures: &mut [Captures<'_>; 2],
        side: usize,
        row: u64,
    ) -> Result<()> {
        let number = self.orders[side].apply(row);
        let person = self.population.person(self.traveller(side, number));
        let draw = &mut Draw::new(self.seed ^ side as u64, CROSSED, number | 1 << 63);
        sheet.row(Some(person.number), None, draw);
        let (given, surname) = parts(&self.population, &person, false);
        sheet.text(0, |text| push_number(side, number, text));
        for (column, part) in [(1, surname), (2, given)] {
            let mut spelt = String::new();
            if side == 0 {
                spelt.push_str(part)
            } else {
                push_respelt(part, &mut spelt)
            }
            sheet.field(column, draw, |slip, draw, text| push_latin(&spelt, &spelt, slip, draw, text));
        }
        sheet.field(3, draw, |slip, draw, text| push_born(&person, slip, draw, text));
        let (issuer, renewal) = self.document(side, number);
        sheet.text(4, |text| text.push_str(issuer));
        sheet.text(5, |text| text.push_str(issuer));
        sheet.field(6, draw, |slip, draw, text| {
            self.population.push_document(person.number, renewal, text);
            if slip.is_some() {
                mistype(text, KEPT_OF_DOCUMENT, PLATE_SYMBOLS, draw);
            }
        });
        let day = FIRST_DAY + draw.below(DAYS) as i64;
        sheet.text(7, |text| push_date(civil_from_days(day), text));
        let capture = Capture {
            number: capture_number(side as u64, number),
            day: day as u32,
            setting: Setting::Controlled,
            camera: None,
        };
        for captures in captures {
            captures.row(|_| Some((self.plain.subject(&self.population, &person), capture)))?;
        }
        Ok(())
    }

    fn hit(&self, sheet: &mut Sheet<'_>, row: u64) {
        let draw = &mut Draw::new(self.seed, HIT, row);
        // Both lists hold the travellers whose numbers are multiples of eight.
        let both = self.tables[1].rows.div_ceil(BOTH);
        let found = row % both.max(1) * BOTH;
        sheet.row(Some(self.traveller(0, found)), None, draw);
        let wrong = draw.chance(FALSE_HITS);
        let other = if wrong { draw.below(self.tables[1].rows as usize) as u64 } else { found };
        sheet.text(0, |text| push_number(0, found, text));
        sheet.text(1, |text| push_number(1, other, text));
        let similarity = if wrong { 40 + draw.below(12) } else { 45 + draw.below(24) + draw.below(24) };
        sheet.text(2, |text| push_digits(similarity as u64, 2, text));
        let day = FIRST_DAY + draw.below(DAYS) as i64;
        sheet.text(3, |text| push_date(civil_from_days(day), text));
    }
}

impl System for Exchange {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        if table == 2 {
            rows.for_each(|row| self.hit(&mut sheet, row));
            return sheet.finish();
        }
        let count = (rows.end - rows.start) as usize;
        let mut captures = [self.plain.batch(PLAIN, count), self.protected[table].batch(PROTECTED, count)];
        for row in rows {
            self.travellers(&mut sheet, &mut captures, table, row)?;
        }
        let [plain, protected] = captures;
        let behind = protected.columns();
        plain.finish_before(&mut sheet, behind)?;
        protected.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        let both = self.tables[0].rows.min(self.tables[1].rows).div_ceil(BOTH);
        Some(self.tables[0].rows + self.tables[1].rows - both)
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let travellers = r#"
name = { column = ["given_name", "surname"], kind = "person_name" }
born = { column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }
nationality = { column = "nationality", kind = "category" }
document = { column = ["document_country", "document_no"], kind = "travel_document" }
"#;
        // Templates of one side alone are alike behind its transformation, so each side's are attributes of their own.
        let protected = |side: &str| {
            let lines = self.plain.attributes(PROTECTED);
            lines.lines().map(|line| format!("{side}_{line}\n")).collect::<String>()
        };
        let spec = |body: &dyn Fn(&str) -> String, about| {
            let mut spec = SpecText::new(SCENARIO.name, about, self.records, self.seed, format);
            for (name, side) in [("qm_travellers", "qm"), ("qn_travellers", "qn")] {
                let number = format!("{side}_no = {{ column = \"number\", kind = \"account\" }}\n");
                spec = spec.source(name, &(number + travellers.trim_start() + &body(side)));
            }
            spec
        };
        let hits = r#"
qm_no = { column = "qm_number", kind = "account" }
qn_no = { column = "qn_number", kind = "account" }
"#;
        let plain =
            spec(&|_| self.plain.attributes(PLAIN), "The hit list joins the numbers of the two sides.")
                .source("hits", hits);
        let protected_spec =
            spec(&protected, "Templates of the two sides do not compare, and there is no hit list.");
        vec![
            ("linkrisk-protected.toml".to_owned(), protected_spec.exact(&["qm_no", "qn_no"]).finish()),
            ("linkrisk.toml".to_owned(), plain.exact(&["qm_no", "qn_no"]).finish()),
        ]
    }
}

fn push_number(side: usize, number: u64, text: &mut String) {
    text.push_str(SIDES[side]);
    text.push_str("-T");
    push_digits(number * 13 + 5, 11, text);
}

fn tables(bodies: &Bodies, counts: [u64; 3]) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let travellers = |name, rows| {
        let mut columns = vec![
            text("number").distinct(),
            text("surname").rates(NAME),
            text("given_name").rates(NAME),
            text("birth_date").rates(BORN),
            text("nationality"),
            text("document_country"),
            text("document_no").rates(DOCUMENT).distinct(),
            text("day"),
        ];
        columns.extend(bodies.columns(PLAIN));
        columns.extend(bodies.columns(PROTECTED));
        Table::new(name, rows, columns).file_rows(bodies.file_rows(PLAIN) / 2)
    };
    vec![
        travellers("qm_travellers", counts[0]),
        travellers("qn_travellers", counts[1]),
        Table::new(
            "hits",
            counts[2],
            vec![text("qm_number").distinct(), text("qn_number").distinct(), text("similarity"), text("day")],
        ),
    ]
}
