//! The templates of an attribute, whatever they are made of: vectors or iris codes.
//!
//! How alike two are is one whole number for both, in units of [`ONE`]²: the cosine of vectors, and
//! 1 − 2 HD of irises, which is 0 of codes that agree in half of their bits and 1 of equal ones.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;

use super::irises::Irises;
use super::template_sources::TemplateSources;
use super::templates::{ONE, Templates};
use super::vector;
use crate::error::Result;
use crate::kernel::iris::Turned;
use crate::kernel::simd::Level;
use crate::kernel::simd::iris::Code;
use crate::kind::Kind;
use crate::runtime::Context;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::spec::{Metric, TemplatesSpec, Threshold};

/// The templates of one attribute.
#[derive(Debug)]
pub enum Gallery {
    /// Vectors, compared by their cosine.
    Vectors(Templates),
    /// Iris codes, compared by their Hamming distance.
    Irises(Irises),
}

/// Whose its rows are.
impl std::ops::Deref for Gallery {
    type Target = TemplateSources;

    fn deref(&self) -> &TemplateSources {
        match self {
            Self::Vectors(templates) => templates,
            Self::Irises(irises) => irises,
        }
    }
}

/// The product of two iris codes so far apart.
pub fn product_of_distance(distance: f64) -> i32 {
    ((1.0 - 2.0 * distance) * f64::from(ONE) * f64::from(ONE)).round() as i32
}

/// The distance of two iris codes with this similarity.
pub fn distance_of_similarity(similarity: f64) -> f64 {
    0.5 - 0.5 * similarity
}

/// What a thread keeps: two rows that rest on disk.
#[derive(Debug, Default)]
pub struct TwoRows([Vec<u64>; 2]);

/// A template on its own.
#[derive(Debug, Clone)]
pub enum Template {
    /// Numbers of unit length, [`ONE`] being 1, padded for the kernels.
    Vector(Arc<[i16]>),
    /// A code.
    Iris(Arc<Code>),
}

impl Template {
    /// The template ready to meet others.
    pub fn probe(&self) -> Probe<'_> {
        match self {
            Self::Vector(numbers) => Probe::Vector(numbers),
            Self::Iris(code) => Probe::Iris(Turned::new(code)),
        }
    }
}

/// A template ready to meet others.
#[derive(Debug)]
pub enum Probe<'a> {
    /// Numbers as they are.
    Vector(&'a [i16]),
    /// A code in all turns.
    Iris(Turned),
}

impl Probe<'_> {
    /// How alike it and another template of the same make are; 0 where nothing can be compared.
    #[inline]
    pub fn product(&self, level: Level, other: &Template) -> i32 {
        match (self, other) {
            (Self::Vector(numbers), Template::Vector(others)) => level.dot(numbers, others),
            (Self::Iris(turned), Template::Iris(code)) => {
                turned.distance(level, code).map_or(0, product_of_distance)
            }
            _ => 0,
        }
    }
}

impl Gallery {
    /// The similarity that a spec states as the threshold; none where it states none.
    pub fn stated(&self, asked: Option<&TemplatesSpec>) -> Option<f64> {
        let asked = asked?;
        let Threshold::At(stated) = asked.threshold else { return None };
        Some(match (asked.metric, self) {
            (Metric::L2, Self::Vectors(templates)) => templates.cosine_of_distance(stated),
            (Metric::Hamming, _) => 1.0 - 2.0 * stated,
            (Metric::Cosine | Metric::L2, _) => stated,
        })
    }

    /// No templates, of the attribute `name` of that kind.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(kind: Kind, name: &str, context: &Context) -> Result<Self> {
        Ok(match kind {
            Kind::Iris => Self::Irises(Irises::new(name, context)?),
            _ => Self::Vectors(Templates::new(name, context)?),
        })
    }

    /// Begins the next source.
    pub fn begin_source(&mut self, name: &str) {
        match self {
            Self::Vectors(templates) => templates.begin_source(name),
            Self::Irises(irises) => irises.begin_source(name),
        }
    }

    /// Whether the column can be compared: lists of numbers, and of irises codes. What cannot is counted alone,
    /// such as minutiae of fingers.
    pub fn takes(&self, array: &ArrayRef) -> bool {
        if array.data_type() == &DataType::Null {
            return false;
        }
        let column = vector::Templates::new(array, None);
        column.is_some_and(|column| column.is_binary() == matches!(self, Self::Irises(_)))
    }

    /// Adds the templates of a batch, whose records are numbered from `first` on.
    ///
    /// # Errors
    /// As [`Templates::add`] and [`Irises::add`].
    pub fn add(&mut self, array: &ArrayRef, first: u32, context: &Context) -> Result<()> {
        match self {
            Self::Vectors(templates) => templates.add(array, first, context),
            Self::Irises(irises) => irises.add(array, first, context),
        }
    }

    /// Ends the last source.
    ///
    /// # Errors
    /// As [`Templates::complete`].
    pub fn complete(&mut self, context: &Context) -> Result<()> {
        match self {
            Self::Vectors(templates) => templates.complete(context),
            Self::Irises(_) => Ok(()),
        }
    }

    /// How alike two rows are; 0 where nothing can be compared.
    ///
    /// # Errors
    /// As reading a row that is on disk.
    #[inline]
    pub fn product(&self, level: Level, a: u32, b: u32, rows: &mut TwoRows) -> Result<i32> {
        match self {
            Self::Vectors(templates) => {
                let [one, other] = &mut rows.0;
                Ok(level.dot(templates.row(a, one)?, templates.row(b, other)?))
            }
            Self::Irises(irises) => {
                let [one, other] = [irises.code(a, &mut rows.0[0])?, irises.code(b, &mut rows.0[1])?];
                Ok(Turned::new(&one).distance(level, &other).map_or(0, product_of_distance))
            }
        }
    }

    /// Bytes of a template at rest.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Vectors(templates) => 2 * templates.stride() as u64,
            Self::Irises(_) => size_of::<Code>() as u64,
        }
    }

    /// The templates of `rows`, which ascend.
    ///
    /// # Errors
    /// As [`Templates::gather`].
    pub fn gather(&self, rows: &[u32], context: &Context) -> Result<Vec<Template>> {
        match self {
            Self::Vectors(templates) if templates.stride() > 0 => {
                let numbers = templates.gather(rows, context)?;
                let each = numbers.chunks_exact(templates.stride());
                Ok(each.map(|numbers| Template::Vector(numbers.into())).collect())
            }
            Self::Vectors(_) => Ok(Vec::new()),
            Self::Irises(irises) => {
                let codes = irises.gather(rows, context)?;
                Ok(codes.into_iter().map(|code| Template::Iris(Arc::new(code))).collect())
            }
        }
    }

    pub(super) fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        match self {
            Self::Vectors(templates) => templates.save(writer),
            Self::Irises(irises) => irises.save(writer),
        }
    }

    pub(super) fn load(&mut self, reader: &mut FrameReader, context: &Context) -> Result<()> {
        match self {
            Self::Vectors(templates) => {
                *templates = Templates::load(templates.attribute(), reader, context)?;
            }
            Self::Irises(irises) => *irises = Irises::load(irises.attribute(), reader, context)?,
        }
        Ok(())
    }
}
