//! Blocking: what each rule brought together, and what was left uncompared.

use super::{Table, counts, texts};
use crate::block::RulePlan;
use crate::error::{Error, Result};

/// The blocking rules with their exact sizes; `first_found` are the pairs that each rule was the
/// first to make, by which every candidate pair counts once.
///
/// # Errors
/// None but bugs.
pub fn blocking(plan: &[RulePlan], first_found: &[u64]) -> Result<Table> {
    if plan.len() != first_found.len() {
        return Err(Error::internal("the rules and their pairs differ in number"));
    }
    Table::new(
        "blocking",
        vec![
            texts("rule", plan.iter().map(|r| &r.rule)),
            counts("records", plan.iter().map(|r| r.records)),
            counts("blocks", plan.iter().map(|r| r.blocks)),
            counts("pairs", plan.iter().map(|r| r.pairs)),
            counts("largest_block", plan.iter().map(|r| r.largest_block)),
            counts("split_blocks", plan.iter().map(|r| r.split_blocks)),
            counts("sampled_blocks", plan.iter().map(|r| r.sampled_blocks)),
            counts("uncompared_pairs", plan.iter().map(|r| r.uncompared_pairs)),
            counts("first_found", first_found.iter().copied()),
        ],
    )
}
