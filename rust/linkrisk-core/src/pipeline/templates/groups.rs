//! How often strangers of one group look alike, beside all strangers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rates::Rates;
use crate::compare::classes::{Among, Classes};

/// What is known of two strangers of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// The values of the group attributes.
    pub group: String,
    /// Records of the group with a template.
    pub templates: u64,
    /// The similarity that the rates are of.
    pub similarity: f64,
    /// The share of the pairs of two of the group, if all were strangers, that are as alike or more.
    pub fmr: f64,
    /// The upper end of its interval.
    pub fmr_high: f64,
    /// The share of all pairs.
    pub mean_fmr: f64,
}

/// The groups whose pairs are a part of all pairs, that with the highest rate first; `sizes` has the records of each
/// class. None where there are no groups, or none is large enough.
pub fn summaries(rates: &Rates<'_>, classes: &Classes, sizes: &[u64], similarity: f64) -> Vec<GroupSummary> {
    // Pairs of the sources, and how many of them are as alike: by the rate and the upper end of its interval.
    let mut sums: BTreeMap<usize, (usize, [f64; 3])> = BTreeMap::new();
    for (part, of) in classes.parts.iter().enumerate() {
        let (Among::Group(group), Some(place)) = (of.among, rates.place(part)) else { continue };
        let pairs = rates.parts[place].pairs;
        let alike = [false, true].map(|high| pairs * rates.rate(place, similarity, high));
        let (_, sums) = sums.entry(group).or_insert((part, [0.0; 3]));
        sums.iter_mut().zip([pairs, alike[0], alike[1]]).for_each(|(sum, more)| *sum += more);
    }
    let mean_fmr = rates.all(similarity);
    let summary = |(group, (part, [pairs, alike, most])): (usize, (usize, [f64; 3]))| GroupSummary {
        group: classes.describe(part).unwrap_or_default(),
        templates: sizes.iter().skip(group).step_by(classes.groups()).sum(),
        similarity,
        fmr: alike / pairs.max(1.0),
        fmr_high: most / pairs.max(1.0),
        mean_fmr,
    };
    let mut made: Vec<GroupSummary> = sums.into_iter().map(summary).collect();
    made.sort_by(|a, b| b.fmr.total_cmp(&a.fmr));
    made
}
