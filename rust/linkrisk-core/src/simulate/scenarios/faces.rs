//! Face templates in the tables of scenarios: a column where they are asked for, none where not.

use arrow_array::ArrayRef;

use super::super::Templates;
use super::super::biometric::{Capture, FaceDims, Faces, Precision, TemplateBuilder};
use super::super::population::Population;
use super::super::write::{Column, Kind};
use super::looks::Looks;
use crate::error::Result;

/// Rows of a file with templates, which are 512 bytes and more each.
pub const TEMPLATE_FILE_ROWS: u64 = 100_000;

/// The faces of a population, and how their templates are stored.
pub struct FaceColumn {
    faces: Faces,
    precision: Precision,
    looks: Looks,
}

impl FaceColumn {
    /// Templates of 512 numbers, as `templates` says; none where they are not asked for. `tones` are
    /// the shares of the six skin tone groups.
    pub fn new(templates: Templates, seed: u64, tones: &[f64; 6]) -> Option<Self> {
        let precision = templates.precision()?;
        Some(Self { faces: Faces::new(FaceDims::D512, seed), precision, looks: Looks::new(seed, tones) })
    }

    /// The column `face`.
    pub fn column(&self) -> Column {
        Column::new("face", Kind::Array(self.precision.data_type(FaceDims::D512.count())))
    }

    /// A batch of templates.
    pub fn batch(&self, rows: usize) -> FaceBatch<'_> {
        let dims = FaceDims::D512.count();
        FaceBatch {
            column: self,
            builder: TemplateBuilder::new(self.precision, dims, rows),
            template: vec![0.0; dims],
        }
    }
}

/// A batch of templates under way.
pub struct FaceBatch<'a> {
    column: &'a FaceColumn,
    builder: TemplateBuilder,
    template: Vec<f32>,
}

impl FaceBatch<'_> {
    /// Appends what was captured of a person.
    pub fn push(&mut self, population: &Population, person: u64, capture: &Capture) {
        let subject = self.column.looks.subject(population, &population.person(person));
        self.column.faces.template(&subject, capture, &mut self.template);
        self.builder.push(&self.template);
    }

    /// The column.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Internal`].
    pub fn finish(self) -> Result<ArrayRef> {
        self.builder.finish()
    }
}
