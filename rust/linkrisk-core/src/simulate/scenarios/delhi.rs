//! The scenario `delhi`: a police watch list searched by cameras.
//!
//! Modelled on the face recognition of the Delhi police, who told in 2022 that they treat a match of 80 %
//! similarity as positive, and on its use over crowds: nearly everybody who is looked for in the gallery is
//! not in it, so that false matches outnumber true ones.
//!
//! | table | of 1 000 records | columns |
//! |---|---|---|
//! | `gallery` | 50 | record number, name, sex, age band, skin tone group, station, day; face |
//! | `probes` | 950 | camera, time, sex, age band and skin tone group as an operator judged them; face |
//!
//! 2 % of the probes are of somebody in the gallery; their photographs there are up to 15 years old. The
//! operator is wrong about the sex in 3 %, about the age band in 15 % and about the tone in 20 %. Groups have
//! different false match rates: see `simulate::biometric::face`.

use std::ops::Range;

use super::super::biometric::{Capture, Group, Setting};
use super::super::draw::{Draw, Permutation};
use super::super::errors::{Rates, Slip};
use super::super::identifiers::{push_date, push_digits};
use super::super::movement::{DAY, civil_from_days, days_from_civil};
use super::super::population::Population;
use super::super::slots::{Mixture, Rows};
use super::super::write::{Column, Filled, Format, Kind, Sheet, Table};
use super::super::{Options, Scenario, System};
use super::captures::{Bodies, Body, BodyColumns, Captures, capture_number};
use super::spec_text::SpecText;
use super::travel::{parts, push_latin};
use crate::error::Result;

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "delhi",
    title: "a police watch list and the faces of a city's cameras, with groups of different error rates",
    source: "face recognition of the Delhi police, 80 % similarity as positive (answer to a request for \
             information, 2022)",
    tables: &["gallery", "probes"],
    min_records: 100,
    max_records: 200_000_000,
    make: |options| Box::new(Delhi::new(options)),
};

const NAME: Rates = &[(Slip::Typing, 0.03), (Slip::Romanised, 0.1), (Slip::Missing, 0.02)];
const JUDGED_SEX: Rates = &[(Slip::Missing, 0.05), (Slip::Other, 0.03)];
const JUDGED_AGE: Rates = &[(Slip::Missing, 0.05), (Slip::Other, 0.15)];
const JUDGED_TONE: Rates = &[(Slip::Missing, 0.05), (Slip::Other, 0.20)];

/// Records of the gallery of 1 000, and records of it of 100 people.
const GALLERY: u64 = 50;
const PHOTOGRAPHS: [(u32, u32); 3] = [(80, 1), (15, 2), (5, 4)];
/// Of so many probes one is of somebody in the gallery.
const SOUGHT_EVERY: u64 = 50;
/// People of 100 who are not in it and pass one, two and five cameras.
const PASSED: [(u32, u32); 3] = [(70, 1), (22, 2), (8, 5)];
const AGES: [&str; 4] = ["under 18", "18-39", "40-64", "65 and over"];
const TONE_NAMES: [&str; 6] = ["I", "II", "III", "IV", "V", "VI"];
const CAMERAS: usize = 600;
const STATIONS: usize = 180;
const YEAR: u32 = 2022;
const FIRST_DAY: i64 = days_from_civil(2022, 2, 1);
const DAYS: usize = 90;
const DAYS_BACK: usize = 15 * 365;
const TONES: [f64; 6] = [0.01, 0.06, 0.23, 0.36, 0.26, 0.08];

const FACE: BodyColumns = &[("face", Body::Face)];

/// What a stream of random numbers is for.
const ORDER: u64 = 1_501;
const PHOTOGRAPHED: u64 = 1_502;
const SEEN: u64 = 1_503;

struct Delhi {
    records: u64,
    seed: u64,
    population: Population,
    bodies: Bodies,
    tables: Vec<Table>,
    gallery: Rows,
    probes: Permutation,
    passers: Mixture,
}

impl Delhi {
    fn new(options: &Options) -> Self {
        let Options { records, seed, .. } = *options;
        let gallery = records * GALLERY / 1_000;
        let bodies = Bodies::new(options, TONES);
        let key = |table| Draw::new(seed, ORDER, table).bits();
        Self {
            records,
            seed,
            population: Population::new(seed, YEAR),
            tables: tables(&bodies, gallery, records - gallery),
            bodies,
            gallery: Rows::new(Mixture::new(&PHOTOGRAPHS), gallery, key(0)),
            probes: Permutation::new((records - gallery).max(1), key(1)),
            passers: Mixture::new(&PASSED),
        }
    }

    /// People in the gallery; every fourth adult of the population can be.
    fn listed(&self) -> u64 {
        self.gallery.mixture().subjects(self.tables[0].rows)
    }

    fn photograph(&self, sheet: &mut Sheet<'_>, captures: &mut Captures<'_>, row: u64) -> Result<()> {
        let (slot, of) = self.gallery.slot(row);
        let person = self.population.person(self.population.adult(of.subject * 4));
        let subject = self.bodies.subject(&self.population, &person);
        let draw = &mut Draw::new(self.seed, PHOTOGRAPHED, slot);
        sheet.row(Some(person.number), None, draw);
        let (given, surname) = parts(&self.population, &person, false);
        sheet.text(0, |text| {
            text.push_str("CR-");
            push_digits(slot * 11 + 4, 9, text);
        });
        sheet.field(1, draw, |slip, draw, text| {
            push_latin(given, surname, slip, draw, text);
            text.push(' ');
            text.push_str(surname);
        });
        sheet.text(2, |text| text.push_str(sex(subject.group)));
        sheet.text(3, |text| text.push_str(AGES[usize::from(subject.group.age_band)]));
        sheet.text(4, |text| text.push_str(TONE_NAMES[usize::from(subject.group.tone)]));
        let station = draw.below(STATIONS) as u64;
        sheet.text(5, |text| {
            text.push_str("station-");
            push_digits(station, 3, text);
        });
        let day = FIRST_DAY - 1 - draw.below(DAYS_BACK) as i64;
        sheet.text(6, |text| push_date(civil_from_days(day), text));
        let capture = Capture {
            number: capture_number(0, slot),
            day: day as u32,
            setting: Setting::Controlled,
            camera: None,
        };
        captures.row(|_| Some((subject, capture)))
    }

    fn probe(&self, sheet: &mut Sheet<'_>, captures: &mut Captures<'_>, row: u64) -> Result<()> {
        let slot = self.probes.apply(row);
        let draw = &mut Draw::new(self.seed, SEEN, slot);
        let (fifty, within) = (slot / SOUGHT_EVERY, slot % SOUGHT_EVERY);
        // The first of four adults can be in the gallery, and the others are not.
        let rank = match within.checked_sub(1) {
            None => draw.below(self.listed().max(1) as usize) as u64 * 4,
            Some(within) => {
                let passer = self.passers.slot(fifty * (SOUGHT_EVERY - 1) + within).subject;
                passer / 3 * 4 + passer % 3 + 1
            }
        };
        let person = self.population.person(self.population.adult(rank));
        let subject = self.bodies.subject(&self.population, &person);
        let group = subject.group;
        sheet.row(Some(person.number), None, draw);
        let camera = draw.below(CAMERAS) as u64;
        sheet.text(0, |text| {
            text.push_str("camera-");
            push_digits(camera, 4, text);
        });
        let day = FIRST_DAY + draw.below(DAYS) as i64;
        sheet.time(1, day * i64::from(DAY) + 5 * 3_600 + draw.below(18 * 3_600) as i64);
        sheet.field(2, draw, |slip, _, text| {
            text.push_str(sex(Group { female: group.female != slip.is_some(), ..group }));
        });
        sheet.field(3, draw, |slip, draw, text| {
            text.push_str(AGES[judged(usize::from(group.age_band), AGES.len(), slip, draw)]);
        });
        sheet.field(4, draw, |slip, draw, text| {
            text.push_str(TONE_NAMES[judged(usize::from(group.tone), TONE_NAMES.len(), slip, draw)]);
        });
        let capture = Capture {
            number: capture_number(1, slot),
            day: day as u32,
            setting: Setting::Uncontrolled,
            camera: Some(camera),
        };
        captures.row(|_| Some((subject, capture)))
    }
}

/// A band, or the one beside it where somebody was wrong.
fn judged(band: usize, bands: usize, slip: Option<Slip>, draw: &mut Draw) -> usize {
    match (slip, draw.chance(0.5)) {
        (None, _) => band,
        (Some(_), true) if band > 0 => band - 1,
        (Some(_), _) if band + 1 < bands => band + 1,
        (Some(_), _) => band - 1,
    }
}

fn sex(group: Group) -> &'static str {
    if group.female { "F" } else { "M" }
}

impl System for Delhi {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled> {
        let mut sheet = Sheet::new(&self.tables[table], rows.clone());
        let mut captures = self.bodies.batch(FACE, (rows.end - rows.start) as usize);
        let fill = [Self::photograph, Self::probe][table];
        for row in rows {
            fill(self, &mut sheet, &mut captures, row)?;
        }
        captures.finish(&mut sheet)?;
        sheet.finish()
    }

    fn persons(&self) -> Option<u64> {
        let probes = self.tables[1].rows;
        Some(self.listed() + self.passers.subjects(probes - probes.div_ceil(SOUGHT_EVERY)))
    }

    fn specs(&self, format: Format) -> Vec<(String, String)> {
        let about =
            "Probes have a face and an operator's guess at three groups; nothing else leads to the gallery.";
        let face = self.bodies.attributes(FACE);
        let groups = "\
sex = { column = \"sex\", kind = \"sex\" }
age_band = { column = \"age_band\", kind = \"category\" }
tone = { column = \"skin_tone\", kind = \"category\" }
";
        let spec = SpecText::new(SCENARIO.name, about, self.records, self.seed, format)
            .source(
                "gallery",
                &format!(
                    "record = {{ column = \"record_no\", kind = \"account\" }}\n\
                     name = {{ column = \"name\", kind = \"person_name\" }}\n{groups}\
                     station = {{ column = \"station\", kind = \"place\" }}\n{face}"
                ),
            )
            .source(
                "probes",
                &format!(
                    "{groups}camera = {{ column = \"camera\", kind = \"place\" }}\n\
                     at = {{ column = \"time\", kind = \"time\" }}\n{face}"
                ),
            )
            .exact(&["record", "age_band", "tone"])
            .finish();
        vec![("linkrisk.toml".to_owned(), spec)]
    }
}

fn tables(bodies: &Bodies, gallery: u64, probes: u64) -> Vec<Table> {
    let text = |name| Column::new(name, Kind::Text);
    let mut of_gallery = vec![
        text("record_no").distinct(),
        text("name").rates(NAME),
        text("sex"),
        text("age_band"),
        text("skin_tone"),
        text("station"),
        text("day"),
    ];
    let mut of_probes = vec![
        text("camera"),
        Column::new("time", Kind::Time),
        text("sex").rates(JUDGED_SEX),
        text("age_band").rates(JUDGED_AGE),
        text("skin_tone").rates(JUDGED_TONE),
    ];
    of_gallery.extend(bodies.columns(FACE));
    of_probes.extend(bodies.columns(FACE));
    let rows = bodies.file_rows(FACE);
    vec![
        Table::new("gallery", gallery, of_gallery).file_rows(rows),
        Table::new("probes", probes, of_probes).file_rows(rows),
    ]
}
