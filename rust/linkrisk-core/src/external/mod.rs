//! What may be larger than memory: sorted, in the memory that is left.

pub mod merge;
pub mod sort;

pub use sort::{ExternalSorter, Sorted};
