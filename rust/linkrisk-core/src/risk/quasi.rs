//! Quasi-identifiers: what an attacker may know of somebody from elsewhere.

use crate::kind::{Kind, Subject};
use crate::store::Store;

/// The quasi-identifiers of a run, by the number of their attributes, where the spec names none.
///
/// Every attribute of such a kind that has a value in some record, those that an ID number carries
/// included; but an address or place only where a source that has it also identifies persons, for
/// else it is where something happened.
pub fn default_quasi_identifiers(store: &Store) -> Vec<usize> {
    let attributes = &store.layout.attributes;
    let usable = |attribute: usize, source: usize| {
        let t = &store.columns[attribute].tallies[source];
        t.partial + t.repaired + t.valid + t.derived > t.implausible
    };
    let of_persons: Vec<bool> = (0..store.sources.len())
        .map(|source| {
            (0..attributes.len())
                .any(|a| attributes[a].kind.subject() == Some(Subject::Person) && usable(a, source))
        })
        .collect();
    (0..attributes.len())
        .filter(|&a| attributes[a].kind.is_quasi_identifier())
        .filter(|&a| {
            let of_event = matches!(attributes[a].kind, Kind::Address | Kind::Place);
            of_persons.iter().enumerate().any(|(source, &person)| usable(a, source) && (person || !of_event))
        })
        .collect()
}
