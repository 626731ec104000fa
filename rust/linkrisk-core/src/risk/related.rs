//! Related pairs: people whom shared traits show to belong together.

use super::{Table, counts, texts};
use crate::error::Result;

/// Pairs of records of different people who share traits, by what they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// What the people share, such as `household`.
    pub basis: String,
    /// Pairs.
    pub pairs: u64,
    /// Persons in them.
    pub persons: u64,
}

/// Pairs of different people who share traits, by what they share, in the order given.
///
/// # Errors
/// None but bugs.
pub fn related(relations: &[Relation]) -> Result<Table> {
    Table::new(
        "related",
        vec![
            texts("basis", relations.iter().map(|r| &r.basis)),
            counts("pairs", relations.iter().map(|r| r.pairs)),
            counts("persons", relations.iter().map(|r| r.persons)),
        ],
    )
}
