//! Similarities of templates into evidence: how often strangers look alike, how often one person does not
//! look alike, and what a similarity is worth in bits.
//!
//! ```text
//! random pairs ─► impostors ─► tail ──┐
//!                                     ├─► levels (bits) · rates (FMR, FNMR, FPIR, false links) · thresholds
//! pairs of one person ─► genuine ─────┘
//! ```
//!
//! A similarity is no probability. What it says depends on the model, the cameras, the group and, most of
//! all, on the number of templates it is searched among.

mod histogram;
mod interval;
mod isotonic;
mod mixture;
mod tail;

pub use histogram::{BINS, Histogram, bin, edge};
pub use interval::{Estimate, at_most, clustered_share, percentile, share};
pub use isotonic::rising;
pub use mixture::{Separated, separate};
pub use tail::Pareto;
