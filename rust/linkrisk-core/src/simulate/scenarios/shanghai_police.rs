//! The scenario `shanghai_police`: the residents of a city as its police hold them, and its cases.
//!
//! Modelled on the data offered for sale in July 2022 as those of the Shanghai police: a billion
//! residents (name, address, birthplace, ID, mobile) and several billion cases from 1995 to 2019, in
//! separate files (Reuters, 6 July 2022; the sample held 750 000 rows of three kinds).
//!
//! | table | of 10 records | columns |
//! |---|---|---|
//! | `residents` | 4 | name, sex, address, birthplace, resident ID, mobile, photo |
//! | `cases` | 6 | time, reporter's phone and name, place, kind |
//!
//! The files share no key. What joins them is what reporters say of themselves on the telephone: a
//! name as it was heard and a number. Of 100 residents 2 stand twice, at an old address and a new one.
//! Reporters are adults; of 100 who report anything 60 do so once, 25 twice, 10 four times and 5 ten
//! times. There are more reporters than adult residents, so some are in no other file.

use std::ops::Range;

use super::super::draw::Draw;
use super::super::errors::{Rates, Slip};
use super::super::movement::{DAY, days_from_civil};
use super::super::population::{MAX_PERSONS, Population};
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::fields::{push_id, push_name, push_sex, push_tel};
use super::spec_text::SpecText;
use crate::error::Result;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "shanghai_police",
    title: "the residents of a city, and its cases in a file that shares no key with them",
    source: "data offered for sale in July 2022 as those of the Shanghai police: a billion residents and \
             several billion cases in separate files (Reuters, 6 July 2022)",
    tables: &["residents", "cases"],
    min_records: 10,
    // Half as many persons as records, at most.
    max_records: MAX_PERSONS * 2,
    make: |options| Box::new(Police::new(options)),
};

const NAME: Rates = &[(Slip::Typing, 0.005)];
const SEX: Rates = &[(Slip::Missing, 0.01)];
const ADDRESS: Rates = &[(Slip::Missing, 0.02), (Slip::Abbreviated, 0.08)];
const BIRTHPLACE: Rates = &[(Slip::Missing, 0.05)];
const RESIDENT_ID: Rates = &[(Slip::Missing, 0.003), (Slip::Typing, 0.002)];
const MOBILE: Rates = &[(Slip::Missing, 0.25), (Slip::Stale, 0.08), (Slip::Typing, 0.01)];
const PHOTO: Rates = &[(Slip::Missing, 0.4)];
/// Heard on the telephone, or given as "Ms Wang".
const REPORTER: Rates = &[(Slip::Missing, 0.1), (Slip::Masked, 0.15), (Slip::Typing, 0.03)];
/// Some call on the phone of the household.
const REPORTER_PHONE: Rates = &[(Slip::Missing, 0.05), (Slip::Typing, 0.02), (Slip::Other, 0.05)];
const PLACE: Rates = &[(Slip::Missing, 0.05), (Slip::Abbreviated, 0.2)];
/// Share of cases at the reporter's home.
const AT_HOME: f64 = 0.4;
/// What is reported, most frequent first.
const KINDS: [&str; 8] = ["盗窃", "纠纷", "交通事故", "诈骗", "噪音", "走失", "打架", "家庭暴力"];
const YEAR: u32 = 2019;
const FIRST_DAY: i64 = days_from_civil(1995, 1, 1);
const CASE_DAYS: usize = 9_131;

/// What a stream of random numbers is for.
const ORDER: u64 = 1_101;
const RESIDENT: u64 = 1_102;
const CASE: u64 = 1_103;
const PHOTO_NAME: u64 = 1_104;

struct Police {
    records: u64,
    seed: u64,
    population: Population,
    tables: Vec<Table>,
    residents: Rows,
    cases: Rows,
}

impl Police {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let residents = records * 4 / 10;
        let cases = records - residents;
        let key = |table| Draw::new(seed, ORDER, table).bits();
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(residents, cases),
            residents: Rows::new(Mixture::new(&[(98, 1), (2, 2)]), residents, key(0)),
            cases: Rows::new(Mixture::new(&[(60, 1), (25, 2), (10, 4), (5, 10)]), cases, key(1)),
        }
    }

    fn resident(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.residents.slot(row);
        let person = self.population.person(of.subject);
        let draw = &mut Draw::new(self.seed, RESIDENT, slot);
        sheet.row(Some(person.number), None, draw);
        // The first of two entries is at the address of before.
        let moved = of.ordinal == 0 && self.residents.mixture().slot(slot + 1).subject == of.subject;
        let household = person.household ^ if moved { 1 << 62 } else { 0 };
        let day = draw.below(365) as u32;
        sheet.field(0, draw, |slip, draw, text| push_name(&self.population, &person, slip, draw, text));
        sheet.field(1, draw, |_, _, text| push_sex(person.male, text));
        sheet.field(2, draw, |slip, _, text| {
            self.population.push_han_address(household, slip == Some(Slip::Abbreviated), text);
        });
        sheet.field(3, draw, |_, _, text| self.population.push_region(person.resident_id, text));
        sheet.field(4, draw, |slip, draw, text| push_id(&person, slip, draw, text));
        sheet.field(5, draw, |slip, draw, text| push_tel(&self.population, &person, day, slip, draw, text));
        sheet.field(6, draw, |_, _, text| {
            text.push_str("https://photo.police.invalid/");
            self.population.push_token(PHOTO_NAME, person.number, text);
            text.push_str(".jpg");
        });
    }

    fn case(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.cases.slot(row);
        let person = self.population.person(self.population.adult(of.subject));
        let draw = &mut Draw::new(self.seed, CASE, slot);
        sheet.row(Some(person.number), None, draw);
        let day = draw.below(CASE_DAYS);
        sheet.time(0, (FIRST_DAY + day as i64) * i64::from(DAY) + draw.below(DAY as usize) as i64);
        sheet.field(1, draw, |slip, draw, text| {
            let head = (slip == Some(Slip::Other)).then(|| self.population.person(person.head));
            let caller = head.as_ref().unwrap_or(&person);
            push_tel(&self.population, caller, (day % 365) as u32, slip, draw, text);
        });
        sheet.field(2, draw, |slip, draw, text| push_name(&self.population, &person, slip, draw, text));
        sheet.field(3, draw, |slip, draw, text| {
            let place = if draw.chance(AT_HOME) { person.household } else { draw.bits() | 1 << 63 };
            self.population.push_han_address(place, slip == Some(Slip::Abbreviated), text);
        });
        // The smaller of two draws: the first kinds are the most frequent.
        let kind = draw.below(KINDS.len()).min(draw.below(KINDS.len()));
        sheet.text(4, |text| text.push_str(KINDS[kind]));
    }
}

impl System for Police {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let fill = [Self::resident, Self::case][table];
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        for row in rows {
            fill(self, &mut sheet, row);
        }
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        let residents = self.residents.mixture().subjects(self.tables[0].rows);
        let reporters = self.cases.mixture().subjects(self.tables[1].rows);
        // Reporters are the first adults: those numbered above the residents come on top.
        let inside = self.population.adults_below(residents);
        Some(residents + reporters.saturating_sub(inside))
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let spec = SpecText::new(SCENARIO.name, "", self.records, self.seed, format)
            .source(
                "residents",
                r#"
name = { column = "name", kind = "person_name" }
sex = { column = "sex", kind = "sex" }
address = { column = "address", kind = "address" }
birthplace = { column = "birthplace", kind = "place" }
id_no = { column = "id_number", kind = "cn_resident_id" }
phone = { column = "mobile", kind = "phone" }
photo = { column = "photo_url", kind = "image_url" }
"#,
            )
            .source(
                "cases",
                r#"
at = { column = "time", kind = "time" }
phone = { column = "reporter_phone", kind = "phone" }
name = { column = "reporter_name", kind = "person_name" }
address = { column = "place", kind = "address" }
reported = { column = "kind", kind = "category" }
"#,
            )
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(residents: u64, cases: u64) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    vec![
        Table::new(
            "residents",
            residents,
            vec![
                text("name").rates(NAME),
                text("sex").rates(SEX),
                text("address").rates(ADDRESS).distinct(),
                text("birthplace").rates(BIRTHPLACE),
                text("id_number").rates(RESIDENT_ID).distinct(),
                text("mobile").rates(MOBILE).distinct(),
                text("photo_url").rates(PHOTO).distinct(),
            ],
        ),
        Table::new(
            "cases",
            cases,
            vec![
                Column::new("time", Kind::Time),
                text("reporter_phone").rates(REPORTER_PHONE).distinct(),
                text("reporter_name").rates(REPORTER),
                text("place").rates(PLACE).distinct(),
                text("kind"),
            ],
        ),
    ]
}
