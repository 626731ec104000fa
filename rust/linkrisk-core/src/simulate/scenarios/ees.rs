//! The scenario `ees`: the Entry/Exit System of the Schengen area.
//!
//! Modelled on Regulation (EU) 2017/2226: an individual file of every third-country national (Art. 16
//! for those who need a visa, Art. 17 for those who do not, with four fingerprints of the right hand
//! from the age of 12), and a record of every crossing. Volumes: some 300 million crossings a year by
//! 60 to 80 million people were expected, about four each.
//!
//! | table | of 1 000 records | columns |
//! |---|---|---|
//! | `files` | 222 | number, surname, first names, birth date, nationality, sex, travel document and its expiry, opened, whether visa-exempt; face, four fingerprints |
//! | `crossings` | 778 | document, border crossing point, entry or exit, time |
//!
//! A person has one file. 10 % have a second and 2 % a third, opened on a renewed document or on that of
//! a second nationality, when the biometric search failed or was left out. Data come from the
//! machine-readable zone, so little is mistyped; a new document spells the name otherwise in 4 %. The
//! crossings of a file show its document; it is keyed in by hand in 0.5 %.

use std::ops::Range;

use super::super::biometric::{Capture, Setting};
use super::super::draw::Draw;
use super::super::errors::{Rates, Slip, mistype};
use super::super::identifiers::{KEPT_OF_DOCUMENT, PLATE_SYMBOLS, push_date, push_digits};
use super::super::movement::{DAY, days_from_civil};
use super::super::population::{Person, Population};
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, capture_number};
use super::spec_text::SpecText;
use super::travel::{country, parts, push_born, push_latin, push_sex};
use crate::error::Result;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "ees",
    title: "files and crossings of third-country nationals at the border, renewed and second documents",
    source: "the Entry/Exit System, Regulation (EU) 2017/2226, Articles 16 and 17",
    tables: &["files", "crossings"],
    min_records: 100,
    max_records: 1_000_000_000,
    make: |options| Box::new(Ees::new(options)),
};

const NAME: Rates = &[(Slip::Romanised, 0.04), (Slip::Typing, 0.003)];
/// Of the files of which first and last name changed places.
const SWAPPED: f64 = 0.004;
const BORN: Rates = &[(Slip::Placeholder, 0.01), (Slip::Misdated, 0.002)];
const SEX: Rates = &[(Slip::Missing, 0.002), (Slip::Typing, 0.001)];
const DOCUMENT: Rates = &[(Slip::Typing, 0.001)];
const SHOWN: Rates = &[(Slip::Typing, 0.005), (Slip::Missing, 0.001)];

/// Persons of 100 with one, two and three files; files of 100 with so many crossings.
const FILES: [(u32, u32); 3] = [(88, 1), (10, 2), (2, 3)];
const CROSSINGS: [(u32, u32); 5] = [(20, 1), (25, 2), (25, 4), (20, 5), (10, 8)];
/// Files of 10 000 records.
const FILES_SHARE: u64 = 2_222;
/// Share of the people who need no visa, and whose fingerprints are here and not in the visa system.
const EXEMPT: f64 = 0.6;
const FINGERPRINT_AGE: u32 = 12;
const POINTS: usize = 1_800;
const YEAR: u32 = 2026;
const FIRST_DAY: i64 = days_from_civil(2025, 10, 12);
const DAYS: usize = 420;
/// Shares of the skin tone groups among the people who come.
const TONES: [f64; 6] = [0.15, 0.25, 0.22, 0.16, 0.12, 0.10];

const BODY: BodyColumns = &[
    ("face", Body::Face),
    ("right_index", Body::Finger(1)),
    ("right_middle", Body::Finger(2)),
    ("right_ring", Body::Finger(3)),
    ("right_little", Body::Finger(4)),
];

/// What a stream of random numbers is for.
const ORDER: u64 = 1_101;
const FILE: u64 = 1_102;
const CROSSING: u64 = 1_103;
const VISA: u64 = 1_104;

struct Ees {
    records: u64,
    seed: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    files_rows: u64,
    files: Rows,
    crossings: Rows,
}

impl Ees {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let files_rows = (records * FILES_SHARE / 10_000).max(1);
        let key = |table| Draw::new(seed, ORDER, table).bits();
        let bodies = Bodies::new(options, TONES);
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(&bodies, files_rows, records - files_rows),
            bodies,
            files_rows,
            files: Rows::new(Mixture::new(&FILES), files_rows, key(0)),
            crossings: Rows::new(Mixture::new(&CROSSINGS), records - files_rows, key(1)),
        }
    }

    /// The person of a file, and which of their files it is.
    fn holder(&self, file: u64) -> (u64, u32) {
        let slot = self.files.mixture().slot(file);
        (slot.subject, slot.ordinal)
    }

    /// A third file is on the document of a second nationality.
    fn country(&self, person: u64, ordinal: u32) -> &'static str {
        country(self.seed, person, u32::from(ordinal == 2))
    }

    fn exempt(&self, person: u64) -> bool {
        Draw::new(self.seed, VISA, person).chance(EXEMPT)
    }

    /// The day on which a file was opened, from the first.
    fn opened(&self, file: u64) -> i64 {
        Draw::new(self.seed, FILE, file).below(DAYS) as i64
    }

    fn file(&self, sheet: &mut Sheet<'_>, row: u64) -> (Person, u64) {
        let (file, _) = self.files.slot(row);
        let (number, ordinal) = self.holder(file);
        let person = self.population.person(number);
        let opened = self.opened(file);
        let draw = &mut Draw::new(self.seed, FILE, file | 1 << 63);
        sheet.row(Some(number), None, draw);
        let swapped = draw.chance(SWAPPED);
        let (given, surname) = parts(&self.population, &person, swapped);
        sheet.text(0, |text| push_digits(file * 7_919 + 100_000_000_000, 12, text));
        sheet.field(1, draw, |slip, draw, text| push_latin(surname, given, slip, draw, text));
        sheet.field(2, draw, |slip, draw, text| push_latin(given, surname, slip, draw, text));
        sheet.field(3, draw, |slip, draw, text| push_born(&person, slip, draw, text));
        sheet.text(4, |text| text.push_str(self.country(number, ordinal)));
        sheet.field(5, draw, |slip, _, text| push_sex(&person, slip, text));
        sheet.text(6, |text| text.push_str(self.country(number, ordinal)));
        sheet.field(7, draw, |slip, draw, text| {
            self.population.push_document(number, ordinal, text);
            if slip.is_some() {
                mistype(text, KEPT_OF_DOCUMENT, PLATE_SYMBOLS, draw);
            }
        });
        let expires = (2026 + draw.below(10) as u32, 1 + draw.below(12) as u32, 1 + draw.below(28) as u32);
        sheet.text(8, |text| push_date(expires, text));
        sheet.time(9, (FIRST_DAY + opened) * i64::from(DAY) + 5 * 3_600 + draw.below(18 * 3_600) as i64);
        sheet.flag(10, self.exempt(number));
        (person, file)
    }

    fn crossing(&self, sheet: &mut Sheet<'_>, row: u64) {
        let (slot, of) = self.crossings.slot(row);
        let file = of.subject.min(self.files_rows - 1);
        let (number, ordinal) = self.holder(file);
        let draw = &mut Draw::new(self.seed, CROSSING, slot);
        sheet.row(Some(number), None, draw);
        // In on the day the file was opened, out within three months, in again a while later.
        let mut stay = Draw::new(self.seed, CROSSING, file | 1 << 63);
        let mut day = self.opened(file);
        for _ in 0..of.ordinal {
            day += 2 + stay.below(40) as i64;
        }
        sheet.text(0, |text| text.push_str(self.country(number, ordinal)));
        sheet.field(1, draw, |slip, draw, text| {
            self.population.push_document(number, ordinal, text);
            if slip.is_some() {
                mistype(text, KEPT_OF_DOCUMENT, PLATE_SYMBOLS, draw);
            }
        });
        let drawn = draw.unit();
        sheet.text(2, |text| {
            text.push_str("bcp-");
            push_digits((drawn * drawn * POINTS as f64) as u64, 4, text);
        });
        sheet.text(3, |text| text.push_str(if of.ordinal % 2 == 0 { "entry" } else { "exit" }));
        sheet.time(4, (FIRST_DAY + day) * i64::from(DAY) + 4 * 3_600 + draw.below(20 * 3_600) as i64);
    }
}

impl System for Ees {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        if table == 1 {
            rows.for_each(|row| self.crossing(&mut sheet, row));
            return sheet.finish();
        }
        let mut captures = self.bodies.batch(BODY, (rows.end - rows.start) as usize);
        for row in rows {
            let (person, file) = self.file(&mut sheet, row);
            if !self.bodies.exist() {
                continue;
            }
            let subject = self.bodies.subject(&self.population, &person);
            let day = (FIRST_DAY + self.opened(file)) as u32;
            let printed = self.exempt(person.number) && Population::age(&person, YEAR) >= FINGERPRINT_AGE;
            let number = capture_number(0, file);
            let capture = Capture { number, day, setting: Setting::Controlled, camera: None };
            captures.row(|body| (body == Body::Face || printed).then_some((subject, capture)))?;
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        Some(self.files.mixture().subjects(self.files_rows))
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let about = "A crossing shows a document and nothing else of its holder.";
        let mut files = String::from(
            r#"
name = { column = ["first_names", "surname"], kind = "person_name" }
born = { column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }
nationality = { column = "nationality", kind = "category" }
sex = { column = "sex", kind = "sex" }
document = { column = ["document_country", "document_no"], kind = "travel_document" }
"#,
        );
        files += &self.bodies.attributes(BODY);
        let spec = SpecText::new(SCENARIO.name, about, self.records, self.seed, format)
            .source("files", &files)
            .source(
                "crossings",
                r#"
document = { column = ["document_country", "document_no"], kind = "travel_document" }
point = { column = "point", kind = "place" }
at = { column = "time", kind = "time" }
"#,
            )
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(bodies: &Bodies, files: u64, crossings: u64) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let mut of_files = vec![
        text("file_no").distinct(),
        text("surname").rates(NAME),
        text("first_names").rates(NAME),
        text("birth_date").rates(BORN),
        text("nationality"),
        text("sex").rates(SEX),
        text("document_country"),
        text("document_no").rates(DOCUMENT).distinct(),
        text("document_expiry"),
        Column::new("opened", Kind::Time),
        Column::new("visa_exempt", Kind::Flag),
    ];
    of_files.extend(bodies.columns(BODY));
    vec![
        Table::new("files", files, of_files).file_rows(bodies.file_rows(BODY)),
        Table::new(
            "crossings",
            crossings,
            vec![
                text("document_country"),
                text("document_no").rates(SHOWN).distinct(),
                text("point"),
                text("direction"),
                Column::new("time", Kind::Time),
            ],
        ),
    ]
}
