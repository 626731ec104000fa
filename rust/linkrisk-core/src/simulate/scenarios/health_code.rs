//! The scenario `health_code`: a city's health-code app, and the accounts that carry it.
//!
//! Modelled on the data of 48.5 million users of a city's health code offered for sale in August 2022:
//! name, phone, resident ID, the colour of the code and a UUID (Reuters, 12 August 2022). The app ran
//! inside a wallet and a messenger, whose accounts are here beside it, and venues recorded who came.
//!
//! | table | of 10 records | columns |
//! |---|---|---|
//! | `users` | 2 | UUID, phone, name, resident ID, colour |
//! | `check_ins` | 6 | UUID or phone, venue, time |
//! | `wallets` | 1 | account, phone, name |
//! | `messengers` | 1 | account, phone, name |
//!
//! Everybody is a user; children and some of the old are with a phone of the household. Of 100 users 38
//! checked in once, 30 twice, 20 four times and 12 ten times, at a venue near home or near work. A venue
//! scans the code (a UUID) or has a list to write on (a phone). Wallets know real names and show half of
//! them masked; messengers have what people call themselves.

use std::ops::Range;

use super::super::draw::Draw;
use super::super::errors::{Rates, Slip};
use super::super::identifiers::push_digits;
use super::super::movement::{DAY, days_from_civil};
use super::super::population::{MAX_PERSONS, Population};
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::fields::{push_id, push_name, push_tel};
use super::spec_text::SpecText;
use crate::error::Result;
use crate::kernel::hash;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "health_code",
    title: "the users of a city's health code, where they checked in, and the accounts that carry the app",
    source: "data of 48.5 million users of a city's health code offered for sale in August 2022 \
             (Reuters, 12 August 2022)",
    tables: &["users", "check_ins", "wallets", "messengers"],
    min_records: 10,
    max_records: MAX_PERSONS * 5,
    make: |options| Box::new(HealthCode::new(options)),
};

const NAME: Rates = &[(Slip::Typing, 0.003)];
const RESIDENT_ID: Rates = &[(Slip::Typing, 0.001)];
const PHONE: Rates = &[(Slip::Stale, 0.03)];
const WRITTEN_PHONE: Rates = &[(Slip::Typing, 0.03), (Slip::Missing, 0.05)];
const SCANNED: Rates = &[(Slip::Missing, 0.02)];
const WALLET_PHONE: Rates = &[(Slip::Stale, 0.05)];
const WALLET_NAME: Rates = &[(Slip::Masked, 0.5)];
const MESSENGER_PHONE: Rates = &[(Slip::Missing, 0.1), (Slip::Stale, 0.08)];
const MESSENGER_NAME: Rates = &[(Slip::Missing, 0.3), (Slip::Romanised, 0.35), (Slip::Order, 0.1)];
/// Of ten venues so many scan the code; the others have a list.
const SCANNING_VENUES: u64 = 6;
/// Share of check-ins near home.
const NEAR_HOME: f64 = 0.7;
/// Persons of a neighbourhood, which has a venue of each kind.
const NEIGHBOURHOOD: u64 = 2_620;
const VENUES: [&str; 8] = ["超市", "地铁站", "餐厅", "医院", "学校", "公园", "商场", "菜市场"];
/// Of 100 codes 96 are green, 3 yellow, 1 red.
const COLOURS: [(u64, &str); 3] = [(96, "green"), (99, "yellow"), (100, "red")];
const YEAR: u32 = 2022;
const FIRST_DAY: i64 = days_from_civil(2022, 6, 1);
const FIRST_DAY_OF_YEAR: u32 = 151;
const DAYS: usize = 60;

/// What a stream of random numbers is for.
const ORDER: u64 = 1_201;
const USER: u64 = 1_202;
const CHECK_IN: u64 = 1_203;
const WALLET: u64 = 1_204;
const MESSENGER: u64 = 1_205;
const VENUE: u64 = 1_206;
const WORK: u64 = 1_207;
const CODE: u64 = 1_208;

struct HealthCode {
    records: u64,
    seed: u64,
    population: Population,
    tables: Vec<Table>,
    users: Rows,
    check_ins: Rows,
    wallets: Rows,
    messengers: Rows,
}

impl HealthCode {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let (users, accounts) = (records * 2 / 10, records / 10);
        let check_ins = records - users - 2 * accounts;
        let key = |table| Draw::new(seed, ORDER, table).bits();
        let single = || Mixture::new(&[(1, 1)]);
        // A user more than there are check-ins for, so that every check-in is of a user.
        let visits = Mixture::new(&[(37, 1), (30, 2), (20, 4), (13, 10)]);
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(users, check_ins, accounts),
            users: Rows::new(single(), users, key(0)),
            check_ins: Rows::new(visits, check_ins, key(1)),
            wallets: Rows::new(single(), accounts, key(2)),
            messengers: Rows::new(single(), accounts, key(3)),
        }
    }

    fn user(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (number, _) = self.users.slot(row);
        let person = self.population.person(number);
        let draw = &mut Draw::new(self.seed, USER, number);
        sheet.row(Some(number), None, draw);
        sheet.text(0, |text| self.push_code(number, text));
        sheet.field(1, draw, |slip, draw, text| {
            push_tel(&self.population, &person, FIRST_DAY_OF_YEAR, slip, draw, text);
        });
        sheet.field(2, draw, |slip, draw, text| push_name(&self.population, &person, slip, draw, text));
        sheet.field(3, draw, |slip, draw, text| push_id(&person, slip, draw, text));
        let drawn = draw.below(100) as u64;
        let colour = COLOURS.iter().find(|(below, _)| drawn < *below).map_or("green", |(_, colour)| colour);
        sheet.text(4, |text| text.push_str(colour));
    }

    fn check_in(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.check_ins.slot(row);
        let draw = &mut Draw::new(self.seed, CHECK_IN, slot);
        sheet.row(Some(of.subject), None, draw);
        let home = of.subject / NEIGHBOURHOOD;
        let area = if draw.chance(NEAR_HOME) {
            home
        } else {
            let areas = self.tables[0].rows.div_ceil(NEIGHBOURHOOD);
            hash::below(hash::combine(hash::combine(self.seed, WORK), of.subject), areas)
        };
        let venue = area * VENUES.len() as u64 + draw.below(VENUES.len()) as u64;
        let day = draw.below(DAYS);
        if hash::below(hash::combine(hash::combine(self.seed, VENUE), venue), 10) < SCANNING_VENUES {
            sheet.field(0, draw, |_, _, text| self.push_code(of.subject, text));
            sheet.no_text(1);
        } else {
            sheet.no_text(0);
            let person = self.population.person(of.subject);
            sheet.field(1, draw, |slip, draw, text| {
                push_tel(&self.population, &person, FIRST_DAY_OF_YEAR + day as u32, slip, draw, text);
            });
        }
        sheet.text(2, |text| {
            self.population.han.push_place(&mut Draw::new(self.seed, VENUE, venue), text);
            text.push_str(VENUES[(venue % VENUES.len() as u64) as usize]);
            push_digits(venue, 7, text);
        });
        let second = 7 * 3_600 + draw.below(14 * 3_600);
        sheet.time(3, (FIRST_DAY + day as i64) * i64::from(DAY) + second as i64);
    }

    fn account(&self, messenger: bool, sheet: &mut Sheet<'_>, row: u64) {
        let (rows, purpose) = if messenger { (&self.messengers, MESSENGER) } else { (&self.wallets, WALLET) };
        let (slot, _) = rows.slot(row);
        let person = self.population.person(self.population.adult(slot));
        let draw = &mut Draw::new(self.seed, purpose, slot);
        sheet.row(Some(person.number), None, draw);
        sheet.text(0, |text| {
            text.push_str(if messenger { "messenger-" } else { "wallet-" });
            self.population.push_token(purpose, slot, text);
        });
        sheet.field(1, draw, |slip, draw, text| {
            push_tel(&self.population, &person, FIRST_DAY_OF_YEAR, slip, draw, text);
        });
        sheet.field(2, draw, |slip, draw, text| push_name(&self.population, &person, slip, draw, text));
    }

    /// A UUID of version 8, whose bits are free (RFC 9562).
    fn push_code(&self, person: u64, text: &mut String) {
        let mut draw = Draw::new(self.seed, CODE, person);
        let bits = u128::from(draw.bits()) << 64 | u128::from(draw.bits());
        for place in 0..32 {
            let digit = match place {
                12 => 8,
                16 => 8 | (bits >> 60) & 3,
                _ => bits >> (124 - 4 * place) & 15,
            };
            if matches!(place, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(char::from(b"0123456789abcdef"[digit as usize]));
        }
    }
}

impl System for HealthCode {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        for row in rows {
            match table {
                0 => self.user(&mut sheet, row),
                1 => self.check_in(&mut sheet, row),
                _ => self.account(table == 3, &mut sheet, row),
            }
        }
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        // Adults with an account are the first ones, and as a rule fewer than those among the users.
        Some(self.tables[0].rows.max(self.population.persons_of_adults(self.tables[2].rows)))
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let account = r#"
account = { column = "account", kind = "account" }
phone = { column = "phone", kind = "phone" }
name = { column = "name", kind = "person_name" }
"#;
        let wallet = account.replace("account =", "wallet =");
        let messenger = account.replace("account =", "messenger =");
        let spec = SpecText::new(SCENARIO.name, "", self.records, self.seed, format)
            .source(
                "users",
                r#"
code = { column = "uuid", kind = "account" }
phone = { column = "phone", kind = "phone" }
name = { column = "name", kind = "person_name" }
id_no = { column = "id_number", kind = "cn_resident_id" }
colour = { column = "colour", kind = "category" }
"#,
            )
            .source(
                "check_ins",
                r#"
code = { column = "uuid", kind = "account" }
phone = { column = "phone", kind = "phone" }
venue = { column = "venue", kind = "place" }
at = { column = "time", kind = "time" }
"#,
            )
            .source("wallets", &wallet)
            .source("messengers", &messenger)
            .exact(&["code", "wallet", "messenger"])
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(users: u64, check_ins: u64, accounts: u64) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let account = |name, phone, holder| {
        let columns = vec![
            text("account").distinct(),
            text("phone").rates(phone).distinct(),
            text("name").rates(holder),
        ];
        Table::new(name, accounts, columns)
    };
    vec![
        Table::new(
            "users",
            users,
            vec![
                text("uuid").distinct(),
                text("phone").rates(PHONE).distinct(),
                text("name").rates(NAME),
                text("id_number").rates(RESIDENT_ID).distinct(),
                text("colour"),
            ],
        ),
        Table::new(
            "check_ins",
            check_ins,
            vec![
                text("uuid").rates(SCANNED).distinct(),
                text("phone").rates(WRITTEN_PHONE).distinct(),
                text("venue"),
                Column::new("time", Kind::Time),
            ],
        ),
        account("wallets", WALLET_PHONE, WALLET_NAME),
        account("messengers", MESSENGER_PHONE, MESSENGER_NAME),
    ]
}
