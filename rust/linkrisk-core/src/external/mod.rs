//! The ways past memory: what does not fit is done in passes, or on disk.

pub mod scatter;

pub use scatter::{Partition, Scatter};
