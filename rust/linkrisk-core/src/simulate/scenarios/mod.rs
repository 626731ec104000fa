//! The systems, one file each: tables and volumes, what happens to which field, and the spec.

mod eu_wallet;
mod faces;
mod fields;
mod health_code;
mod hyderabad;
mod people;
mod register;
mod shanghai_police;
mod spec_text;
mod xinai;

use super::Scenario;

/// Every scenario, in the order in which they are listed.
pub const ALL: [Scenario; 6] = [
    people::SCENARIO,
    xinai::SCENARIO,
    shanghai_police::SCENARIO,
    health_code::SCENARIO,
    hyderabad::SCENARIO,
    eu_wallet::SCENARIO,
];
