//! Populations of invented people, with their errors and the truth.
//!
//! A scenario writes the tables of one holding, the truth about them apart, and the spec that links
//! them (`linkrisk.toml`). Whatever record is asked for follows from the seed and the record's
//! number alone, so the work is split at will: files are the same bytes for any number of threads,
//! and memory does not grow with the number of records.
//!
//! ```text
//! record ─► slot ─► person ─► values ─► gaps and errors ─► people/part-*.parquet
//!   │   permutation          names, dates, numbers     └─► truth/people/part-*.parquet
//! ```
//!
//! Nobody is in it. Every number is out of a range that belongs to no one: see [`population`].

pub mod biometric;
mod draw;
mod errors;
mod names;
mod people;
pub mod population;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;

pub use people::people;

/// A population that can be generated.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
    /// What it is modelled after.
    pub source: &'static str,
    run: fn(u64, u64, &Path, &Context) -> Result<SimulateSummary>,
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulateSummary {
    /// The scenario.
    pub scenario: &'static str,
    /// Records written.
    pub records: u64,
    /// Persons who have a record.
    pub persons: u64,
    /// Records of persons who share a household.
    pub household_records: u64,
    /// Records with placeholder values.
    pub placeholder_records: u64,
    /// Values left out, by column.
    pub missing: BTreeMap<&'static str, u64>,
    /// Values with an error, by column.
    pub edited: BTreeMap<&'static str, u64>,
    /// Parquet files written.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

const SCENARIOS: [Scenario; 1] = [Scenario {
    name: "people",
    title: "one register of people with gaps, errors, shared households and placeholders",
    source: "the synthetic persons on which record-linkage tools are compared: 2.5 records a person, \
             10 % gaps and 15 % edits per field, households of two that share phone and plate",
    run: people,
}];

/// Every scenario, in the order in which they are listed.
pub fn scenarios() -> &'static [Scenario] {
    &SCENARIOS
}

/// Generates `records` records of the scenario called `name` into the directory `out`.
///
/// `out` is made where it is missing and stays empty unless everything was written.
///
/// # Errors
/// [`ErrorKind::Spec`] for an unknown scenario or a number of records it cannot have,
/// [`ErrorKind::Run`] where `out` holds something, [`ErrorKind::Cancelled`], [`ErrorKind::Io`] and
/// [`ErrorKind::SpillLimit`] from the writing.
pub fn simulate(
    name: &str,
    records: u64,
    seed: u64,
    out: &Path,
    context: &Context,
) -> Result<SimulateSummary> {
    let Some(scenario) = SCENARIOS.iter().find(|s| s.name == name) else {
        let names: Vec<String> = SCENARIOS.iter().map(|s| format!("`{}`", s.name)).collect();
        return Err(Error::new(ErrorKind::Spec, format!("there is no scenario `{name}`"))
            .hint(format!("choose one of {}", names.join(", "))));
    };
    (scenario.run)(records, seed, out, context)
}
