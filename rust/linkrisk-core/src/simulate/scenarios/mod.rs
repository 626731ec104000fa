//! The systems, one file each: tables and volumes, what happens to which field, and the spec.

mod aadhaar;
mod border_exchange;
mod captures;
mod delhi;
mod ees;
mod eu_wallet;
mod fields;
mod health_code;
mod hyderabad;
mod looks;
mod multimodal;
mod people;
mod prum;
mod register;
mod shanghai_police;
mod smile_to_pay;
mod spec_text;
mod travel;
mod xinai;

use super::Scenario;

/// Every scenario, in the order in which they are listed.
pub const ALL: [Scenario; 13] = [
    xinai::SCENARIO,
    shanghai_police::SCENARIO,
    health_code::SCENARIO,
    ees::SCENARIO,
    prum::SCENARIO,
    border_exchange::SCENARIO,
    eu_wallet::SCENARIO,
    smile_to_pay::SCENARIO,
    delhi::SCENARIO,
    hyderabad::SCENARIO,
    aadhaar::SCENARIO,
    multimodal::SCENARIO,
    people::SCENARIO,
];
