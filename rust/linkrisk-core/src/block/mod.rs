//! Records into candidate pairs: blocking is sorting, and a pair is made once.

pub mod blocks;
pub mod default;
pub mod nearest;
pub mod pairs;
pub mod plan;
pub mod rule;

pub use pairs::{Pair, Visitor};
pub use plan::{Candidates, RulePlan};
pub use rule::Rules;
