//! Presence bits of a record into the set of modalities that it gives away.

use crate::kind::{Kind, Modality, Subject};
use crate::store::{Attribute, Layout};

/// How many sets of modalities there are.
pub const MASKS: usize = 1 << Modality::ALL.len();

/// What an attribute gives away.
///
/// As its kind does, except for the region of issue that an ID number carries: a category by kind,
/// it tells where somebody comes from.
pub fn modality(attribute: &Attribute) -> Modality {
    if attribute.derived && attribute.kind == Kind::Category {
        Modality::Location
    } else {
        attribute.kind.modality()
    }
}

/// Folds presence words into modality masks: a look-up per eight attributes.
#[derive(Debug, Clone)]
pub struct Folding {
    tables: Vec<[u32; 256]>,
    person: u64,
    plate: u64,
}

impl Folding {
    /// The folding of the attributes of `layout`.
    pub fn new(layout: &Layout) -> Self {
        let bits: Vec<u32> = layout.attributes.iter().map(|a| modality(a).bit()).collect();
        let tables = bits
            .chunks(8)
            .map(|chunk| {
                std::array::from_fn(|byte| {
                    chunk
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| byte >> i & 1 == 1)
                        .fold(0, |mask, (_, bit)| mask | bit)
                })
            })
            .collect();
        let of = |subject: Subject| {
            let ours =
                layout.attributes.iter().enumerate().filter(|(_, a)| a.kind.subject() == Some(subject));
            ours.fold(0u64, |bits, (i, _)| bits | 1 << i)
        };
        Self { tables, person: of(Subject::Person), plate: of(Subject::Vehicle) }
    }

    /// The modalities of a record with these presence bits.
    #[inline]
    pub fn mask(&self, presence: u64) -> u32 {
        self.tables
            .iter()
            .enumerate()
            .fold(0, |mask, (i, table)| mask | table[(presence >> (8 * i) & 0xff) as usize])
    }

    /// Whether a record with these presence bits stands for a person.
    #[inline]
    pub fn has_person(&self, presence: u64) -> bool {
        presence & self.person != 0
    }

    /// Whether a record with these presence bits stands for a vehicle.
    #[inline]
    pub fn has_vehicle(&self, presence: u64) -> bool {
        presence & self.plate != 0
    }
}

/// The modalities of `mask` by name, joined with `+` in the order of their bits.
pub(super) fn names(mask: u32) -> String {
    let names: Vec<&str> = Modality::ALL.iter().filter(|m| mask & m.bit() != 0).map(|m| m.name()).collect();
    names.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_names_follow_the_order_of_the_bits() {
        assert_eq!(names(0), "");
        assert_eq!(
            names(Modality::Location.bit() | Modality::Face.bit() | Modality::Id.bit()),
            "face+id+location"
        );
    }
}
