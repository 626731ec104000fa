//! The systems, one file each: tables and volumes, what happens to which field, and the spec.

mod fields;
mod people;
mod register;
mod spec_text;
mod xinai;

use super::Scenario;

/// Every scenario, in the order in which they are listed.
pub const ALL: [Scenario; 2] = [people::SCENARIO, xinai::SCENARIO];
