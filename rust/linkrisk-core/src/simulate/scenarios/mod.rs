//! The systems, one file each: tables and volumes, what happens to which field, and the spec.

mod aadhaar;
mod border_exchange;
mod captures;
mod delhi;
mod ees;
mod fields;
mod multimodal;
mod people;
mod prum;
mod register;
mod smile_to_pay;
mod spec_text;
mod travel;
mod xinai;

use super::Scenario;

/// Every scenario, in the order in which they are listed.
pub const ALL: [Scenario; 9] = [
    people::SCENARIO,
    xinai::SCENARIO,
    ees::SCENARIO,
    prum::SCENARIO,
    border_exchange::SCENARIO,
    smile_to_pay::SCENARIO,
    delhi::SCENARIO,
    aadhaar::SCENARIO,
    multimodal::SCENARIO,
];
