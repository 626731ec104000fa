//! The ways past memory: passes over ranges of keys, and sorting on disk.

pub mod kept;
pub mod merge;
pub mod scatter;
pub mod sort;

pub use kept::Kept;
pub use scatter::{Partition, Scatter};
pub use sort::{ExternalSorter, Sorted};
