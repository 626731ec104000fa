//! Templates that lead to a name or a number.

use std::sync::Arc;

use arrow_array::Float64Array;
use serde::{Deserialize, Serialize};

use super::{Table, counts, texts};
use crate::error::Result;

/// What ties a template to a record with the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The template, and nothing else.
    Alone,
    /// The template, and other attributes that agree.
    WithOthers,
}

impl Way {
    /// Both.
    pub const ALL: [Way; 2] = [Way::Alone, Way::WithOthers];

    /// The way's name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Way::Alone => "alone",
            Way::WithOthers => "with_others",
        }
    }
}

/// Records with a template that reach a target in one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reach {
    /// The attribute of templates.
    pub attribute: String,
    /// The modality that is reached.
    pub target: &'static str,
    /// By what.
    pub way: Way,
    /// Records with a template and without the target.
    pub start: u64,
    /// Those of them that a link ties to a record with the target.
    pub reached: u64,
    /// How many of these links are expected to be of two people.
    pub expected_wrong: f64,
}

/// The table of reaches.
///
/// # Errors
/// None but bugs.
pub fn reach(reaches: &[Reach]) -> Result<Table> {
    Table::new(
        "template_reach",
        vec![
            texts("attribute", reaches.iter().map(|r| &r.attribute)),
            texts("target", reaches.iter().map(|r| r.target)),
            texts("way", reaches.iter().map(|r| r.way.name())),
            counts("records", reaches.iter().map(|r| r.start)),
            counts("reached", reaches.iter().map(|r| r.reached)),
            (
                "expected_wrong",
                Arc::new(Float64Array::from_iter_values(reaches.iter().map(|r| r.expected_wrong))),
                false,
            ),
        ],
    )
}
