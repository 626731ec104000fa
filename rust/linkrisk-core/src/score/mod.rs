//! Patterns into evidence: training the model, and weighing pairs by it.

pub mod capture;
mod em;
mod levels;
pub mod lost;
pub mod model;
mod sums;
pub mod train;
pub mod weights;

pub(crate) use em::IMPURE;
pub use model::Model;
pub use train::{Evidence, train};
pub use weights::{Score, Scorer, Scores};
