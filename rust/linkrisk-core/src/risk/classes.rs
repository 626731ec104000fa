//! Classes: how many people share what an attacker may know of one.

use super::{Profiles, Table, counts};
use crate::error::Result;

/// Equivalence classes over the quasi-identifiers by how many persons they hold.
///
/// Definition: two persons are in one class where every quasi-identifier has the same value, a
/// missing one being a value of its own; a person's value is the one most of the person's records
/// have. Unit: classes, and persons in them. Range: 1 upwards for the size. Direction: small
/// classes are worse; size 1 is unique. Assumption: the attacker knows the value that the records
/// have. Without quasi-identifiers the table is empty. Source: L. Sweeney, *k-anonymity*, 2002, with
/// the person instead of the row as the unit.
///
/// # Errors
/// None but bugs.
pub fn classes(profiles: &Profiles) -> Result<Table> {
    let sizes = &profiles.class_sizes;
    Table::new(
        "classes",
        vec![
            counts("class_size", sizes.keys().copied()),
            counts("classes", sizes.values().copied()),
            counts("persons", sizes.iter().map(|(size, classes)| size * classes)),
        ],
    )
}
