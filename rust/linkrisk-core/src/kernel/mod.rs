//! Pure functions on slices: no Arrow, no errors, no allocation in the loop.

pub mod bits;
pub mod date;
pub mod digits;
pub mod edit;

pub mod hash;
pub mod iris;
pub mod ocr;
pub mod plate;
pub mod simd;
pub mod token;
