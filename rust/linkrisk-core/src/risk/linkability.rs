//! Linkability: of the people with one trait, for how many do the records lead to another.

use super::{Profiles, Table, counts, texts};
use crate::error::Result;
use crate::kind::Modality;

/// For ordered pairs of modalities the persons of whom one leads to the other.
///
/// Definition: of the `persons` of whom some record gives away `from`, `same_record` are those of
/// whom one record gives away both, and `linked` those whose records together do. From a modality
/// to itself all three are the same. Unit: persons. Range: 0 to `persons`. Direction: higher is
/// worse. Assumption: the persons are those that the linkage found. Modalities that no person gives
/// away are left out.
///
/// # Errors
/// None but bugs.
pub fn linkability(profiles: &Profiles) -> Result<Table> {
    let with = |wanted: u32| -> u64 {
        (0u32..).zip(&profiles.persons).filter(|(mask, _)| mask & wanted == wanted).map(|(_, &n)| n).sum()
    };
    let held: Vec<(Modality, u64)> =
        Modality::ALL.into_iter().map(|m| (m, with(m.bit()))).filter(|&(_, persons)| persons > 0).collect();
    let mut rows = Vec::with_capacity(held.len() * held.len());
    for &(from, persons) in &held {
        for &(to, _) in &held {
            let together = profiles.together[from as usize * Modality::ALL.len() + to as usize];
            rows.push((from.name(), to.name(), persons, together, with(from.bit() | to.bit())));
        }
    }
    Table::new(
        "linkability",
        vec![
            texts("from_modality", rows.iter().map(|r| r.0)),
            texts("to_modality", rows.iter().map(|r| r.1)),
            counts("persons", rows.iter().map(|r| r.2)),
            counts("same_record", rows.iter().map(|r| r.3)),
            counts("linked", rows.iter().map(|r| r.4)),
        ],
    )
}
