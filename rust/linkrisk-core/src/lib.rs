//! The linkage-risk engine: records in, linked persons and vehicles and their risk out.
//!
//! ```text
//! tables ─► normalise ─► store ─► block ─► compare ─► score ─► cluster ─► risk ─► tables
//! ```
//!
//! Imports go one way: kernel → runtime → external → store → stages → pipeline.

pub mod assess;
pub mod block;
pub mod cluster;
pub mod compare;
pub mod error;
pub mod evidence;
pub mod external;
pub mod kernel;
pub mod kind;
pub mod normalise;
pub mod output;
pub mod pipeline;
pub mod risk;
pub mod runtime;
pub mod score;
pub mod simulate;
pub mod spec;
pub mod store;
