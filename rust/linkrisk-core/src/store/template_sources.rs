//! Whose templates rest in which row, source by source, and what the others were.

use arrow_array::{Array, ArrayRef};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::normalise::Outcome;
use crate::runtime::{Context, Reservation};

/// Who has the template of a placeholder.
pub const NOBODY: u32 = u32::MAX;

/// What a source's templates were.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TemplateTally {
    /// Rows of the source.
    pub records: u64,
    /// Templates that are compared.
    pub usable: u64,
    /// Null or empty.
    pub blank: u64,
    /// All zero; of iris codes, with hardly a bit that can be used.
    pub zero: u64,
    /// Of another length than the first of the source.
    pub other_length: u64,
    /// With a number that is null or not finite.
    pub not_finite: u64,
    /// Copies of one placeholder.
    pub copies: u64,
    /// Whose length was within 0.01 of 1 on arrival.
    pub unit: u64,
    /// Sum of the squared lengths on arrival.
    pub square_norm: f64,
    /// What two strangers have in common in the mean: the squared length of the mean of all templates. Far
    /// above 0 where a camera or a site shows; known once the templates are complete.
    pub in_common: f64,
}

impl TemplateTally {
    pub(super) fn count(&mut self, outcome: Outcome, other_length: bool) {
        self.records += 1;
        *match outcome {
            Outcome::Valid => &mut self.usable,
            Outcome::Placeholder => &mut self.zero,
            Outcome::Invalid if other_length => &mut self.other_length,
            Outcome::Invalid => &mut self.not_finite,
            _ => &mut self.blank,
        } += 1;
    }
}

/// The templates of one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TemplateSource {
    /// The source's name.
    pub name: String,
    /// Its first row at rest.
    pub start: u32,
    /// What its templates were.
    pub tally: TemplateTally,
    /// A hash of its templates at rest and their records, as they came.
    pub digest: u64,
    /// The mean of its templates, each of length 1; known once they are complete, and empty for irises.
    pub mean: Vec<f32>,
}

/// Whose the rows of an attribute's templates are, of all sources one after the other: 4 bytes each.
#[derive(Debug)]
pub struct TemplateSources {
    pub(super) attribute: String,
    pub(super) records: Vec<u32>,
    pub(super) sources: Vec<TemplateSource>,
    pub(super) held: Reservation,
}

impl TemplateSources {
    pub(super) fn new(attribute: &str, context: &Context) -> Result<Self> {
        let held = context.memory.reserve("template numbers", 0)?;
        Ok(Self { attribute: attribute.to_owned(), records: Vec::new(), sources: Vec::new(), held })
    }

    pub(super) fn begin(&mut self, name: &str) {
        let start = self.records.len() as u32;
        let tally = TemplateTally::default();
        self.sources.push(TemplateSource {
            name: name.to_owned(),
            start,
            tally,
            digest: 0,
            mean: Vec::new(),
        });
    }

    /// The source that is being read.
    pub(super) fn current(&mut self) -> Result<&mut TemplateSource> {
        self.sources.last_mut().ok_or_else(|| Error::internal("templates came before their source"))
    }

    /// The attribute's name.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// How many rows there are; those of placeholders are zero and similar to nothing.
    pub fn len(&self) -> u32 {
        self.records.len() as u32
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whose template each row is; [`NOBODY`]'s is a placeholder.
    pub fn records(&self) -> &[u32] {
        &self.records
    }

    /// The sources, in order.
    pub fn sources(&self) -> &[TemplateSource] {
        &self.sources
    }

    /// The source of a row, by its number.
    pub fn source_of(&self, row: u32) -> usize {
        self.sources.partition_point(|source| source.start <= row).saturating_sub(1)
    }

    /// The rows of a source.
    pub(super) fn rows(&self, source: usize) -> std::ops::Range<usize> {
        let end = self.sources.get(source + 1).map_or(self.records.len(), |next| next.start as usize);
        self.sources[source].start as usize..end
    }

    /// The error of a source whose column cannot be read.
    pub(super) fn unreadable(&self, array: &ArrayRef, hint: &str) -> Error {
        let source = self.sources.last().map_or("", |source| &source.name);
        let message = format!(
            "attribute `{}` of source `{source}` holds templates, which cannot be read from {}",
            self.attribute,
            array.data_type()
        );
        self.error(ErrorKind::AttributeType, source, message, hint)
    }

    /// The error of a source whose templates cannot be used.
    pub(super) fn refusal(&self, source: &str, what: &str, hint: &str) -> Error {
        let message = format!("attribute `{}` of source `{source}` {what}", self.attribute);
        self.error(ErrorKind::Data, source, message, hint)
    }

    fn error(&self, kind: ErrorKind, source: &str, message: String, hint: &str) -> Error {
        Error::new(kind, message).hint(hint).detail("source", source).detail("attribute", &self.attribute)
    }
}
