//! Records into candidate pairs: blocking is sorting, and a pair is made once.

pub mod blocks;
pub mod default;
pub mod nearest;
pub mod pairs;
pub mod plan;
pub mod rule;
pub mod shared;
pub mod sketch;

pub use pairs::{Pair, Portion, Visitor, Work};
pub use plan::{Candidates, CutRule, RulePlan};
pub use rule::Rules;
