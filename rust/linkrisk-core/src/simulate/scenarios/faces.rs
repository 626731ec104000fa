//! Face templates in the tables of scenarios: a column where they are asked for, none where not.

use arrow_array::ArrayRef;

use super::super::Templates;
use super::super::biometric::{Capture, FaceDims, Faces, Group, Kin, Precision, Subject, TemplateBuilder};
use super::super::draw::Draw;
use super::super::population::ages::Role;
use super::super::population::{Person, Population};
use super::super::write::{Column, Kind};
use crate::error::Result;

/// Rows of a file with templates, which are 512 bytes and more each.
pub const TEMPLATE_FILE_ROWS: u64 = 100_000;
/// What a stream of random numbers is for.
const TONE: u64 = 1_901;

/// The faces of a population, and how their templates are stored.
pub struct FaceColumn {
    faces: Faces,
    precision: Precision,
    seed: u64,
    /// Of ten persons so many have each skin tone.
    tones: &'static [u8],
}

impl FaceColumn {
    /// Templates of 512 numbers, as `templates` says; none where they are not asked for. `tones` are
    /// the skin tones of a population, drawn from for each household.
    pub fn new(templates: Templates, seed: u64, tones: &'static [u8]) -> Option<Self> {
        let precision = match templates {
            Templates::None => return None,
            Templates::Int8 => Precision::Int8,
            Templates::F16 => Precision::F16,
            Templates::F32 => Precision::F32,
        };
        Some(Self { faces: Faces::new(FaceDims::D512, seed), precision, seed, tones })
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

    /// Who a person looks like: twins like each other, children of a household somewhat.
    fn subject(&self, population: &Population, person: &Person) -> Subject {
        let tone = Draw::new(self.seed, TONE, person.household).one_of(self.tones);
        let age = Population::age(person, population.year());
        let (first, roles) = population.members(person.household);
        let siblings = (first..).zip(roles).filter(|(_, role)| **role == Role::Child);
        let siblings: Vec<u64> = siblings.map(|(number, _)| number).collect();
        let twins = person.twin_of.is_some()
            || siblings
                .get(1)
                .is_some_and(|second| population.person(*second).twin_of == Some(person.number));
        let kin = match (twins, person.role) {
            (true, _) => Some(Kin::twins(person.household)),
            (false, Role::Child) if siblings.len() > 1 => Some(Kin::siblings(person.household)),
            _ => None,
        };
        Subject {
            person: person.number,
            group: Group { female: !person.male, age_band: Group::age_band(age), tone },
            kin,
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
        let subject = self.column.subject(population, &population.person(person));
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
