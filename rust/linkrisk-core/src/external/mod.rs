//! The ways past memory: passes over ranges of keys, and sorting on disk.

pub mod merge;
pub mod scatter;
pub mod sort;

pub use scatter::{Partition, Scatter};
pub use sort::{ExternalSorter, Sorted};
