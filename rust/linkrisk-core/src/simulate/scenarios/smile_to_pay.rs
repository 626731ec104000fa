//! The scenario `smile_to_pay`: face payment at tills.
//!
//! Modelled on the face payment of Chinese payment firms (Smile to Pay, 2017 and later): a face at a
//! terminal finds the account, and where the terminal asks for it the last digits of the phone number are
//! typed in as a second factor.
//!
//! | table | of 1 000 records | columns |
//! |---|---|---|
//! | `enrolments` | 60 | account, name, phone, time; face |
//! | `payments` | 940 | merchant, terminal, amount band, time, last four digits of the phone where asked for; face |
//!
//! Of 100 customers 40 pay 6 times, 30 pay 12, 20 pay 24 and 10 pay 49 times, four of five times at one of
//! their own three merchants. Two terminals of five ask for the second factor; the face is that of a
//! camera at a till. `linkrisk.toml` maps the second factor, `linkrisk-face-alone.toml` does not.

use std::ops::Range;

use super::super::biometric::{Capture, Setting};
use super::super::draw::Draw;
use super::super::errors::{Rates, Slip, mask};
use super::super::identifiers::{push_digits, push_phone};
use super::super::movement::{DAY, days_from_civil};
use super::super::population::Population;
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, Captures, capture_number};
use super::fields::{push_name, push_tel};
use super::spec_text::SpecText;
use crate::error::Result;
use crate::kernel::hash;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "smile_to_pay",
    title: "face payment at tills: enrolled faces and payments, some with a second factor",
    source: "face payment of Chinese payment firms since 2017, with the last digits of the phone as a second \
             factor",
    tables: &["enrolments", "payments"],
    min_records: 100,
    max_records: 2_000_000_000,
    make: |options| Box::new(SmileToPay::new(options)),
};

const NAME: Rates = &[(Slip::Masked, 0.3), (Slip::Typing, 0.005)];
const PHONE: Rates = &[(Slip::Stale, 0.02), (Slip::Typing, 0.002)];

/// Enrolments of 1 000 records, and customers of 100 with so many payments.
const ENROLMENTS: u64 = 60;
const PAYMENTS: [(u32, u32); 4] = [(40, 6), (30, 12), (20, 24), (10, 49)];
/// Terminals of five that ask for the second factor.
const ASKING: u64 = 2;
/// Share of payments at one of the customer's own merchants, customers a merchant, terminals a merchant.
const OWN: f64 = 0.8;
const CUSTOMERS: u64 = 15;
const TERMINALS: u64 = 2;
const BANDS: [&str; 6] = ["0-10", "10-20", "20-50", "50-100", "100-300", "300+"];
const YEAR: u32 = 2022;
const FIRST_DAY: i64 = days_from_civil(2022, 1, 1);
const TONES: [f64; 6] = [0.1, 0.45, 0.35, 0.08, 0.015, 0.005];

const FACE: BodyColumns = &[("face", Body::Face)];

/// What a stream of random numbers is for.
const ORDER: u64 = 1_401;
const ENROLLED: u64 = 1_402;
const PAID: u64 = 1_403;
const MERCHANT: u64 = 1_404;
const TERMINAL: u64 = 1_405;

struct SmileToPay {
    records: u64,
    seed: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    enrolments: Rows,
    payments: Rows,
}

impl SmileToPay {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let enrolments = records * ENROLMENTS / 1_000;
        let key = |table| Draw::new(seed, ORDER, table).bits();
        let bodies = Bodies::new(options, TONES);
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(&bodies, enrolments, records - enrolments),
            bodies,
            enrolments: Rows::new(Mixture::new(&[(1, 1)]), enrolments, key(0)),
            payments: Rows::new(Mixture::new(&PAYMENTS), records - enrolments, key(1)),
        }
    }

    fn enrolment(&self, sheet: &mut Sheet<'_>, captures: &mut Captures<'_>, row: u64) -> Result<()> {
        let (customer, _) = self.enrolments.slot(row);
        let person = self.population.person(self.population.adult(customer));
        let draw = &mut Draw::new(self.seed, ENROLLED, customer);
        sheet.row(Some(person.number), None, draw);
        sheet.text(0, |text| self.population.push_token(ENROLLED, customer, text));
        sheet.field(1, draw, |slip, draw, text| push_name(&self.population, &person, slip, draw, text));
        let day = draw.below(365) as u32;
        sheet.field(2, draw, |slip, draw, text| push_tel(&self.population, &person, day, slip, draw, text));
        let days = FIRST_DAY + i64::from(day) - 730;
        sheet.time(3, days * i64::from(DAY) + draw.below(DAY as usize) as i64);
        let capture = Capture {
            number: capture_number(0, customer),
            day: days as u32,
            setting: Setting::Controlled,
            camera: None,
        };
        captures.row(|_| Some((self.bodies.subject(&self.population, &person), capture)))
    }

    fn payment(&self, sheet: &mut Sheet<'_>, captures: &mut Captures<'_>, row: u64) -> Result<()> {
        let (slot, of) = self.payments.slot(row);
        let customer = of.subject.min(self.tables[0].rows - 1);
        let person = self.population.person(self.population.adult(customer));
        let draw = &mut Draw::new(self.seed, PAID, slot);
        sheet.row(Some(person.number), None, draw);
        let merchants = (self.tables[0].rows / CUSTOMERS).max(1);
        let merchant = if draw.chance(OWN) {
            let own = customer * 3 + draw.below(3) as u64;
            hash::below(hash::combine(hash::combine(self.seed, MERCHANT), own), merchants)
        } else {
            draw.below(merchants as usize) as u64
        };
        let terminal = merchant * TERMINALS + draw.below(TERMINALS as usize) as u64;
        sheet.text(0, |text| {
            text.push_str("mc-");
            push_digits(merchant, 8, text);
        });
        sheet.text(1, |text| {
            text.push_str("tm-");
            push_digits(terminal, 9, text);
        });
        let band = draw.below(BANDS.len()).min(draw.below(BANDS.len()));
        sheet.text(2, |text| text.push_str(BANDS[band]));
        let day = draw.below(365) as u32;
        let days = FIRST_DAY + i64::from(day);
        sheet.time(3, days * i64::from(DAY) + 6 * 3_600 + draw.below(16 * 3_600) as i64);
        if hash::below(hash::combine(hash::combine(self.seed, TERMINAL), terminal), 5) < ASKING {
            sheet.text(4, |text| {
                push_phone(self.population.phone(&person, day), text);
                mask(text, 4, 4);
            });
        } else {
            sheet.no_text(4);
        }
        let capture = Capture {
            number: capture_number(1, slot),
            day: days as u32,
            setting: Setting::Uncontrolled,
            camera: Some(terminal),
        };
        captures.row(|_| Some((self.bodies.subject(&self.population, &person), capture)))
    }
}

impl System for SmileToPay {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        let mut captures = self.bodies.batch(FACE, (rows.end - rows.start) as usize);
        let fill = [Self::enrolment, Self::payment][table];
        for row in rows {
            fill(self, &mut sheet, &mut captures, row)?;
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        Some(self.tables[0].rows)
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let face = self.bodies.attributes(FACE);
        let spec = |about, second: &str| {
            let enrolments = format!(
                "account = {{ column = \"account\", kind = \"account\" }}\n\
                 name = {{ column = \"name\", kind = \"person_name\" }}\n\
                 phone = {{ column = \"phone\", kind = \"phone\" }}\n{face}"
            );
            let payments = format!(
                "merchant = {{ column = \"merchant\", kind = \"place\" }}\n\
                 amount = {{ column = \"amount_band\", kind = \"category\" }}\n\
                 at = {{ column = \"time\", kind = \"time\" }}\n{second}{face}"
            );
            SpecText::new(SCENARIO.name, about, self.records, self.seed, format)
                .source("enrolments", &enrolments)
                .source("payments", &payments)
                .exact(&["account", "merchant", "amount"])
                .finish()
        };
        let factor = "phone = { column = \"phone_tail\", kind = \"phone\" }\n";
        vec![
            ("linkrisk-face-alone.toml".to_owned(), spec("Payments without the second factor.", "")),
            (
                "linkrisk.toml".to_owned(),
                spec("Payments with the second factor where it was asked for.", factor),
            ),
        ]
    }
}

fn tables(bodies: &Bodies, enrolments: u64, payments: u64) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let mut of_enrolments = vec![
        text("account").distinct(),
        text("name").rates(NAME),
        text("phone").rates(PHONE).distinct(),
        Column::new("enrolled", Kind::Time),
    ];
    let mut of_payments = vec![
        text("merchant"),
        text("terminal"),
        text("amount_band"),
        Column::new("time", Kind::Time),
        text("phone_tail"),
    ];
    of_enrolments.extend(bodies.columns(FACE));
    of_payments.extend(bodies.columns(FACE));
    let rows = bodies.file_rows(FACE);
    vec![
        Table::new("enrolments", enrolments, of_enrolments).file_rows(rows),
        Table::new("payments", payments, of_payments).file_rows(rows),
    ]
}
