//! Whose templates the tables of a scenario hold, and the columns that they go to.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_schema::DataType;

use super::super::Options;
use super::super::biometric::{
    Capture, Eye, FINGERPRINT_DIMS, FaceDims, Faces, Fingerprints, IRIS_BYTES, Irises, Precision, Print,
    Subject, TemplateBuilder,
};
use super::super::population::{Person, Population};
use super::super::write::{Column, FILE_ROWS, Kind, Sheet};
use super::looks::Looks;
use crate::error::{Error, Result};
use crate::kernel::hash;

/// What a template is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The face.
    Face,
    /// The finger at that position, from 0: the right thumb.
    Finger(u8),
    /// An iris.
    Iris(Eye),
}

/// Template columns of a table: name, and what of the body.
pub type BodyColumns = &'static [(&'static str, Body)];

/// The bodies of a population.
pub struct Bodies {
    precision: Option<Precision>,
    faces: Faces,
    prints: Fingerprints,
    irises: Irises,
    looks: Looks,
}

impl Bodies {
    /// The bodies of a scenario whose people have the six skin tone groups in these shares.
    pub fn new(options: &Options, tones: [f64; 6]) -> Self {
        Self {
            precision: options.templates.precision(),
            faces: Faces::new(FaceDims::D512, options.seed),
            prints: Fingerprints::new(options.seed),
            irises: Irises::new(options.seed),
            looks: Looks::new(options.seed, &tones),
        }
    }

    /// The same bodies, with the templates of faces and fingers behind a secret rotation.
    pub fn protected(mut self, key: u64) -> Self {
        self.faces = self.faces.protected(key);
        self.prints = self.prints.protected(key);
        self
    }

    /// Whether there are templates at all.
    pub fn exist(&self) -> bool {
        self.precision.is_some()
    }

    /// The columns of a table, behind its others; none where no templates are asked for.
    pub fn columns(&self, named: BodyColumns) -> Vec<Column> {
        let Some(precision) = self.precision else { return Vec::new() };
        let kind = |body| match body {
            Body::Face => precision.data_type(FaceDims::D512.count()),
            Body::Finger(_) => precision.data_type(FINGERPRINT_DIMS),
            Body::Iris(_) => DataType::FixedSizeBinary(IRIS_BYTES as i32),
        };
        named.iter().map(|&(name, body)| Column::new(name, Kind::Array(kind(body)))).collect()
    }

    /// The lines of a spec that map the columns.
    pub fn attributes(&self, named: BodyColumns) -> String {
        let named = if self.exist() { named } else { &[] };
        let kind = |body| match body {
            Body::Face => "face",
            Body::Finger(_) => "fingerprint",
            Body::Iris(_) => "iris",
        };
        named
            .iter()
            .map(|&(name, body)| format!("{name} = {{ column = \"{name}\", kind = \"{}\" }}\n", kind(body)))
            .collect()
    }

    /// Rows of a file: so many that its templates stay below 200 MB.
    pub fn file_rows(&self, named: BodyColumns) -> u64 {
        if self.exist() && !named.is_empty() { FILE_ROWS / (named.len() as u64 + 1) / 2 } else { FILE_ROWS }
    }

    /// A person as far as their templates go.
    pub fn subject(&self, population: &Population, person: &Person) -> Subject {
        self.looks.subject(population, person)
    }

    /// The template columns `named` of a batch of `rows` rows.
    pub fn batch(&self, named: BodyColumns, rows: usize) -> Captures<'_> {
        let builders = match self.precision {
            None => Vec::new(),
            Some(precision) => named
                .iter()
                .map(|&(_, body)| match body {
                    Body::Face => {
                        Builder::Vectors(TemplateBuilder::new(precision, FaceDims::D512.count(), rows))
                    }
                    Body::Finger(_) => {
                        Builder::Vectors(TemplateBuilder::new(precision, FINGERPRINT_DIMS, rows))
                    }
                    Body::Iris(_) => {
                        Builder::Codes(FixedSizeBinaryBuilder::with_capacity(rows, IRIS_BYTES as i32))
                    }
                })
                .collect(),
        };
        Captures { bodies: self, named, builders, vector: vec![0.0; FaceDims::D512.count()] }
    }
}

/// The number of a capture that no other record has: which table, which record.
pub const fn capture_number(table: u64, record: u64) -> u64 {
    hash::combine(table, record)
}

enum Builder {
    Vectors(TemplateBuilder),
    Codes(FixedSizeBinaryBuilder),
}

/// The template columns of a batch under way.
pub struct Captures<'a> {
    bodies: &'a Bodies,
    named: BodyColumns,
    builders: Vec<Builder>,
    vector: Vec<f32>,
}

impl Captures<'_> {
    /// Fills the columns of a row: of whom and in which capture, or nothing.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Internal`].
    pub fn row(&mut self, mut taken: impl FnMut(Body) -> Option<(Subject, Capture)>) -> Result<()> {
        for (builder, &(_, body)) in self.builders.iter_mut().zip(self.named) {
            match (builder, body, taken(body)) {
                (Builder::Vectors(builder), _, None) => builder.push_null(),
                (Builder::Codes(builder), _, None) => builder.append_null(),
                (Builder::Vectors(builder), Body::Finger(finger), Some((subject, capture))) => {
                    let print = Print { finger, number: capture.number };
                    let vector = &mut self.vector[..FINGERPRINT_DIMS];
                    self.bodies.prints.template(subject.person, subject.kin, print, vector);
                    builder.push(vector);
                }
                (Builder::Codes(builder), Body::Iris(eye), Some((subject, capture))) => {
                    let mut code = [0; IRIS_BYTES];
                    self.bodies.irises.code(subject.person, eye, capture.number, &mut code);
                    builder
                        .append_value(code)
                        .map_err(|e| Error::internal(format!("cannot append a code: {e}")))?;
                }
                (Builder::Vectors(builder), _, Some((subject, capture))) => {
                    self.bodies.faces.template(&subject, &capture, &mut self.vector);
                    builder.push(&self.vector);
                }
                (Builder::Codes(builder), _, Some(_)) => builder.append_null(),
            }
        }
        Ok(())
    }

    /// Fills the columns of a row with what one capture took of a person.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Internal`].
    pub fn of(&mut self, population: &Population, person: u64, capture: Capture) -> Result<()> {
        let bodies = self.bodies;
        self.row(|_| Some((bodies.subject(population, &population.person(person)), capture)))
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.builders.len()
    }

    /// Puts the columns behind the others of a sheet.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Internal`].
    pub fn finish(self, sheet: &mut Sheet<'_>) -> Result<()> {
        self.finish_before(sheet, 0)
    }

    /// The same, before `behind` further columns.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Internal`].
    pub fn finish_before(self, sheet: &mut Sheet<'_>, behind: usize) -> Result<()> {
        let first = sheet.columns() - behind - self.builders.len();
        for (at, builder) in self.builders.into_iter().enumerate() {
            let array: ArrayRef = match builder {
                Builder::Vectors(builder) => builder.finish()?,
                Builder::Codes(mut builder) => Arc::new(builder.finish()),
            };
            sheet.array(first + at, array);
        }
        Ok(())
    }
}
