//! What a unit of work takes, for estimates and for the time that is left.
//!
//! Nanoseconds on two processors of the machine that docs/performance.md names, fitted to the runs of 1, 10
//! and 100 million records listed there; another machine's are these times what
//! [`crate::runtime::probe::slowness`] measures.

/// A record looked at for its key under one rule.
pub const KEY: f64 = 4.0;

/// A key counted for the plan.
pub const COUNT: f64 = 35.0;

/// A record of the sample by which rules are chosen.
pub const CHOOSE: f64 = 2_000.0;

/// A record brought together with those of its key under one rule.
pub const CARRY: f64 = 120.0;

/// A text of such a record read into the caches.
pub const TEXT: f64 = 65.0;

/// A pair compared, and kept, sorted and written where it is a link, as three in ten were.
pub const PAIR: f64 = 115.0;

/// A record looked at for its component, and written.
pub const WRITE: f64 = 280.0;

/// A record that may be linked, clustered.
pub const CLUSTER: f64 = 680.0;

/// A record looked at for the risk figures.
pub const ASSESS: f64 = 20.0;

/// A record that may be linked, assessed.
pub const PROFILE: f64 = 260.0;

/// Training, whatever the records, each of which is looked at twice.
pub const TRAIN: f64 = 5e8;

/// Pairs of `records` records that are compared one by one, of `pairs` in all: those of a card's hundred
/// events are copies of each other and cost next to nothing.
pub fn compared(records: f64, pairs: f64) -> f64 {
    pairs.min(8.0 * records)
}

/// Links that are kept of `links`, of the `records` of all rules together: of those of many copies as many as connect them, which
/// were 1.6 a record, by what was spilled of a hundred million records of `xinai`, where each had eight links.
pub fn kept(records: f64, links: f64) -> f64 {
    links.min(2.0 * records)
}

/// Bringing the records of a rule together, in `passes` passes over all: looking at each, and sorting.
pub fn gathering(all: f64, records: f64, passes: f64) -> f64 {
    all * KEY * passes + records * CARRY / 2.0
}

/// Comparing the records of a rule once they are together.
pub fn comparing(records: f64, pairs: f64) -> f64 {
    records * CARRY / 2.0 + compared(records, pairs) * PAIR
}
