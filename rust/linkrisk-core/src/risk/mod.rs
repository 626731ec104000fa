//! What the linked records give away, as tables of counts.
//!
//! Two passes do all the counting ([`Profiles`]): one over the records, one over the persons. The
//! measures are then read off the profiles, one file each, as tables for the run directory. No table
//! holds a value of the user's data.

mod blocking;
mod classes;
mod comparisons;
mod distinct;
mod entity_sizes;
mod exposure;
mod linkability;
mod mask;
mod match_weights;
mod merges;
mod people;
mod profiles;
mod quality;
mod quasi;
mod reach;
mod related;
mod unplaced;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};

pub use blocking::blocking;
pub use classes::classes;
pub use comparisons::comparisons;
pub use distinct::Distinct;
pub use entity_sizes::entity_sizes;
pub use exposure::exposure;
pub use linkability::linkability;
pub use mask::{Folding, MASKS, modality};
pub use match_weights::{WeightBin, match_weights};
pub use merges::{Expected, Matches, blocking_variance, false_merges, missed_merges};
pub use profiles::Profiles;
pub use quality::{quality, work as quality_work};
pub use quasi::default_quasi_identifiers;
pub use reach::{Reach, Way, reach};
pub use related::{Relation, related};
pub use unplaced::{Unplaced, unplaced, unplaced_work};

use crate::cluster::Forest;
use crate::cluster::vehicles::Vehicles;
use crate::error::{Error, Result};
use crate::store::Store;

/// A table of the run directory.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name, which is its file's without the extension.
    pub name: &'static str,
    /// Its rows.
    pub batch: RecordBatch,
}

impl Table {
    fn new(name: &'static str, columns: Vec<(&'static str, ArrayRef, bool)>) -> Result<Self> {
        let batch = RecordBatch::try_from_iter_with_nullable(columns)
            .map_err(|e| Error::internal(format!("table `{name}` cannot be made: {e}")))?;
        Ok(Self { name, batch })
    }
}

/// Records and the persons and vehicles they were found to stand for.
#[derive(Debug)]
pub struct Assessed<'a> {
    /// The records.
    pub store: &'a Store,
    /// Which records are of one person.
    pub persons: &'a Forest,
    /// Which vehicle a plate is.
    pub vehicles: &'a Vehicles,
    /// The attributes, by number, that an attacker is taken to know.
    pub quasi_identifiers: Vec<usize>,
}

fn counts(name: &'static str, values: impl IntoIterator<Item = u64>) -> (&'static str, ArrayRef, bool) {
    (name, Arc::new(UInt64Array::from_iter_values(values)), false)
}

fn texts<T: AsRef<str>>(
    name: &'static str,
    values: impl IntoIterator<Item = T>,
) -> (&'static str, ArrayRef, bool) {
    (name, Arc::new(StringArray::from_iter_values(values)), false)
}
