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

mod at_rest;
mod bootstrap;
mod calibration;
mod choice;
mod genuine;
mod groups;
mod histogram;
mod impostor;
mod interval;
mod isotonic;
mod levels;
mod mixture;
mod pairs;
mod rates;
mod reader;
mod sample;
mod scale;
mod tail;
mod thresholds;

pub use at_rest::{List, Members};
pub use bootstrap::{Dependence, TailPair};
pub use calibration::Calibration;
pub use choice::{Choice, Stretch, choose};
pub use genuine::Genuine;
pub use groups::classes;
pub use histogram::{BINS, Histogram, bin, edge};
pub use impostor::{Basis, FalseMatch, Impostors, TailReport};
pub use interval::{Estimate, at_most, clustered_share, percentile, share};
pub use isotonic::rising;
pub use levels::{Level, MOST, levels};
pub use mixture::{BelowMedian, Separated, below_median, separate};
pub use pairs::{Compared, KEPT_MOST, Pairs, Probe, compare};
pub use rates::{
    ALONE, AtScale, EqualError, effective_gallery, equal_error, expected_false_links,
    false_positive_identification, largest_component, may_merge_alone, pairs_of, percolation, wrongly_merged,
};
pub use reader::{Read, Reader};
pub use sample::{Batch, Body, Cell, Drawn, OfSource, Outcomes, Plan, Sample, Sampler};
pub use scale::Scale;
pub use tail::Pareto;
pub use thresholds::{
    Auto, Corroboration, Group, PartRow, Percent, Persons, Question, Row, SourcePair, SourceRates,
    SourceTemplates, Thresholds, thresholds, thresholds_of,
};
