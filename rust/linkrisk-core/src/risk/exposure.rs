//! Exposure: which modalities records give away, alone and once they are linked.

use std::sync::Arc;

use arrow_array::UInt32Array;

use super::mask::names;
use super::{Profiles, Table, counts, texts};
use crate::error::Result;

/// Records, persons and vehicles by the set of modalities that they give away.
///
/// Definition: a record gives away the modalities of its usable values, those that an ID number
/// carries included; a person or vehicle those of all its records together. Unit: records, persons
/// or vehicles. Range: 0 upwards. Direction: the more modalities in one set, the worse. Assumption:
/// the entities are those that the linkage found. Sets that nobody has are left out; the empty set
/// is the empty text.
///
/// # Errors
/// None but bugs.
pub fn exposure(profiles: &Profiles) -> Result<Table> {
    let units =
        [("record", &profiles.records), ("person", &profiles.persons), ("vehicle", &profiles.vehicles)];
    let rows: Vec<(&str, u32, u64)> = units
        .into_iter()
        .flat_map(|(unit, masks)| {
            (0u32..).zip(masks).filter(|(_, n)| **n > 0).map(move |(mask, &n)| (unit, mask, n))
        })
        .collect();
    Table::new(
        "exposure",
        vec![
            texts("unit", rows.iter().map(|r| r.0)),
            texts("modalities", rows.iter().map(|r| names(r.1))),
            ("mask", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|r| r.1))), false),
            counts("count", rows.iter().map(|r| r.2)),
        ],
    )
}
