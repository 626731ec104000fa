//! Pure functions on slices: no Arrow, no errors, no allocation in the loop.

pub mod plate;
