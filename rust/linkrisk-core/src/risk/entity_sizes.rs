//! Entity sizes: how many records stand for one person or vehicle.

use super::{Profiles, Table, counts, texts};
use crate::error::Result;
use crate::kind::Subject;

/// Persons and vehicles by how many records they have.
///
/// Definition: entities with exactly `records` records. A record with plates of two vehicles counts
/// for both. Unit: entities. Range: 1 upwards for the size. Direction: larger is worse, for more is
/// known of one entity. Assumption: the entities are those that the linkage found.
///
/// # Errors
/// None but bugs.
pub fn entity_sizes(profiles: &Profiles) -> Result<Table> {
    let units = [(Subject::Person, &profiles.person_sizes), (Subject::Vehicle, &profiles.vehicle_sizes)];
    let rows: Vec<(&str, u64, u64)> = units
        .into_iter()
        .flat_map(|(subject, sizes)| sizes.iter().map(move |(&records, &n)| (subject.name(), records, n)))
        .collect();
    Table::new(
        "entity_sizes",
        vec![
            texts("subject", rows.iter().map(|r| r.0)),
            counts("records", rows.iter().map(|r| r.1)),
            counts("entities", rows.iter().map(|r| r.2)),
        ],
    )
}
