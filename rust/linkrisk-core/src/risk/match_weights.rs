//! Match weights: how clearly the model tells links from the rest.

use std::sync::Arc;

use arrow_array::Float64Array;

use super::{Table, counts};
use crate::error::Result;

/// Candidate pairs whose match weight lies in one bit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightBin {
    /// The lower edge, in bits; the upper one is 1 more and belongs to the next bin.
    pub weight: f64,
    /// Candidate pairs.
    pub candidates: u64,
    /// Those of them that are links.
    pub links: u64,
}

/// Candidate pairs and links by match weight, in bins of one bit, in the order given.
///
/// # Errors
/// None but bugs.
pub fn match_weights(bins: &[WeightBin]) -> Result<Table> {
    Table::new(
        "match_weights",
        vec![
            ("weight", Arc::new(Float64Array::from_iter_values(bins.iter().map(|b| b.weight))), false),
            counts("candidates", bins.iter().map(|b| b.candidates)),
            counts("links", bins.iter().map(|b| b.links)),
        ],
    )
}
