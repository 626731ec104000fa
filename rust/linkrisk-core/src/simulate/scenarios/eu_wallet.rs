//! The scenario `eu_wallet`: what relying parties hold of a digital identity wallet.
//!
//! Modelled on the wallet of Regulation (EU) 2024/1183. Attestations in the formats it started with
//! (SD-JWT VC, ISO/IEC 18013-5) are signed once and shown as they are, so whoever sees one twice knows
//! it again by its hash and its key (Cryptographers' Feedback on the EU Digital Identity's ARF, June
//! 2024). Issued in batches and shown once each, with a pseudonym for each relying party, they are not.
//!
//! | table | of 2 records | columns |
//! |---|---|---|
//! | `presentations` | 1 | relying party, hash of the credential, attributes shown, time |
//! | `unlinkable` | 1 | the same presentations with credentials shown once and pairwise pseudonyms |
//!
//! Both tables tell of the same people, relying parties and times, so their difference is that of the
//! credential. Of 100 holders 30 show it once, 30 three times, 25 eight times, 15 twenty times. Shops
//! ask for an age alone, carriers for a name, banks and hotels for name, birth date and city, offices
//! for the document too. Attributes are those of the issuer, so nothing is misspelt.
//!
//! `linkrisk.toml` is for `presentations`, `linkrisk-unlinkable.toml` for `unlinkable`.

use std::ops::Range;

use super::super::draw::Draw;
use super::super::identifiers::{push_date, push_digits};
use super::super::movement::{DAY, days_from_civil};
use super::super::population::{MAX_PERSONS, Population};
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::spec_text::SpecText;
use crate::error::Result;
use crate::kernel::hash;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "eu_wallet",
    title: "presentations of a digital identity wallet, with the same credential and with unlinkable ones",
    source: "the wallet of Regulation (EU) 2024/1183, and what cryptographers wrote about its credentials \
             (Cryptographers' Feedback on the EU Digital Identity's ARF, June 2024)",
    tables: &["presentations", "unlinkable"],
    min_records: 10,
    max_records: MAX_PERSONS * 2,
    make: |options| Box::new(Wallet::new(options)),
};

/// What a kind of relying party asks for, beside the age that all do, and its share in 100.
struct Asks {
    kind: &'static str,
    below: u64,
    name: bool,
    birth_date: bool,
    document: bool,
}

const ASKS: [Asks; 5] = [
    Asks { kind: "shop", below: 45, name: false, birth_date: false, document: false },
    Asks { kind: "carrier", below: 65, name: true, birth_date: false, document: false },
    Asks { kind: "hotel", below: 77, name: true, birth_date: true, document: false },
    Asks { kind: "bank", below: 90, name: true, birth_date: true, document: false },
    Asks { kind: "office", below: 100, name: true, birth_date: true, document: true },
];
/// Holders for each relying party.
const HOLDERS_EACH: u64 = 50;
const YEAR: u32 = 2027;
const FIRST_DAY: i64 = days_from_civil(2027, 1, 1);
const DAYS: usize = 180;

/// What a stream of random numbers is for.
const ORDER: u64 = 1_301;
const SHOWN: u64 = 1_302;
const PARTY: u64 = 1_303;
const CREDENTIAL: u64 = 1_304;
const PSEUDONYM: u64 = 1_305;

struct Wallet {
    records: u64,
    seed: u64,
    population: Population,
    tables: Vec<Table>,
    parties: u64,
    /// Of either table: its own order of the same presentations.
    shown: [Rows; 2],
}

impl Wallet {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let (linkable, unlinkable) = (records.div_ceil(2), records / 2);
        let rows = |table, rows| {
            let mixture = Mixture::new(&[(30, 1), (30, 3), (25, 8), (15, 20)]);
            Rows::new(mixture, rows, Draw::new(seed, ORDER, table).bits())
        };
        let shown = [rows(0, linkable), rows(1, unlinkable)];
        let holders = shown[0].mixture().subjects(linkable);
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: vec![table("presentations", linkable), table("unlinkable", unlinkable)],
            parties: holders.div_ceil(HOLDERS_EACH),
            shown,
        }
    }

    fn presentation(&self, table: usize, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.shown[table].slot(row);
        let person = self.population.person(self.population.adult(of.subject));
        let draw = &mut Draw::new(self.seed, SHOWN, slot);
        sheet.row(Some(person.number), None, draw);
        // Everybody has a few places they go to again.
        let habit = draw.below(4) as u64;
        let party = hash::below(
            hash::combine(hash::combine(self.seed, PARTY), person.number * 4 + habit),
            self.parties,
        );
        let kind = hash::below(hash::combine(self.seed ^ PARTY, party), 100);
        let asks = ASKS.iter().find(|asks| kind < asks.below).unwrap_or(&ASKS[0]);
        sheet.text(0, |text| {
            text.push_str(asks.kind);
            text.push('-');
            push_digits(party, 7, text);
        });
        let unlinkable = table == 1;
        sheet.text(1, |text| {
            let credential = if unlinkable { slot } else { person.number };
            self.push_hash(CREDENTIAL + u64::from(unlinkable) * 100, credential, text);
        });
        if unlinkable {
            let pair = hash::combine(person.number, party);
            sheet.text(2, |text| self.push_hash(PSEUDONYM, pair, text));
        } else {
            sheet.no_text(2);
        }
        sheet.flag(3, true);
        let (given, surname) = self.population.latin_name(&person);
        fill(sheet, 4, asks.name, |text| text.push_str(given));
        fill(sheet, 5, asks.name, |text| text.push_str(surname));
        fill(sheet, 6, asks.birth_date, |text| push_date(person.birth_date, text));
        fill(sheet, 7, asks.birth_date, |text| text.push_str(self.population.city(person.household)));
        fill(sheet, 8, asks.document, |text| self.population.push_document(person.number, 0, text));
        let second = 8 * 3_600 + draw.below(13 * 3_600);
        sheet.time(9, (FIRST_DAY + draw.below(DAYS) as i64) * i64::from(DAY) + second as i64);
    }

    fn push_hash(&self, purpose: u64, number: u64, text: &mut String) {
        let mut draw = Draw::new(self.seed, purpose, number);
        for _ in 0..2 {
            let bits = draw.bits();
            for place in 0..16 {
                text.push(char::from(b"0123456789abcdef"[(bits >> (60 - 4 * place) & 15) as usize]));
            }
        }
    }

    fn spec(&self, table: usize, format: Format) -> String {
        let about = [
            "The credential is the same wherever it is shown. `linkrisk-unlinkable.toml` is the other half.",
            "Each credential is shown once; a pseudonym is the same at one relying party alone.",
        ];
        let key = [
            "credential = { column = \"credential_hash\", kind = \"account\" }\n",
            "pseudonym = { column = \"pseudonym\", kind = \"account\" }\n",
        ];
        let attributes = format!(
            "{}{}",
            key[table],
            r#"name = { column = ["given_name", "surname"], kind = "person_name" }
born = { column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }
city = { column = "city", kind = "place" }
document = { column = "document", kind = "travel_document", country = "UTO" }
party = { column = "relying_party", kind = "place" }
at = { column = "time", kind = "time" }
"#
        );
        SpecText::new(SCENARIO.name, about[table], self.records, self.seed, format)
            .source(self.tables[table].name, &attributes)
            .exact(&[["credential", "pseudonym"][table], "party"])
            .finish()
    }
}

/// Fills a column where the relying party asked for it.
fn fill(sheet: &mut Sheet<'_>, column: usize, asked: bool, write: impl FnOnce(&mut String)) {
    if asked { sheet.text(column, write) } else { sheet.no_text(column) }
}

impl System for Wallet {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        for row in rows {
            self.presentation(table, &mut sheet, row);
        }
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        Some(self.shown[0].mixture().subjects(self.tables[0].rows))
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        vec![
            ("linkrisk-unlinkable.toml".to_owned(), self.spec(1, format)),
            ("linkrisk.toml".to_owned(), self.spec(0, format)),
        ]
    }
}

fn table(name: &'static str, rows: u64) -> Table {
    let text = |name| Column::new(name, Kind::Text);
    let columns = vec![
        text("relying_party"),
        text("credential_hash").distinct(),
        text("pseudonym").distinct(),
        Column::new("over_18", Kind::Flag),
        text("given_name"),
        text("surname"),
        text("birth_date"),
        text("city"),
        text("document").distinct(),
        Column::new("time", Kind::Time),
    ];
    Table::new(name, rows, columns)
}
