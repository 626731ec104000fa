//! Which subject a record is about: counted out in blocks, so that it is known from its number alone.
//!
//! A block of subjects has a fixed mixture of records each. Slot `s` of a table belongs to subject
//! `s / records of a block * subjects of a block + …`, one look-up in a table of one block; records
//! are written in a keyed order of the slots, so those of one subject are nowhere near each other.

use super::draw::Permutation;

/// How many records the subjects of a block have.
pub struct Mixture {
    /// Of each slot of a block: the subject, and which of its records it is.
    slots: Vec<(u32, u32)>,
    subjects: u64,
}

/// The subject of a slot, and which of its records the slot is, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The subject.
    pub subject: u64,
    /// The record among those of the subject.
    pub ordinal: u32,
}

impl Mixture {
    /// Blocks of which so many subjects (first number) have so many records each (second number), in
    /// that order.
    pub fn new(groups: &[(u32, u32)]) -> Self {
        let mut slots = Vec::new();
        let mut subject = 0;
        for &(subjects, records) in groups {
            for _ in 0..subjects {
                slots.extend((0..records).map(|ordinal| (subject, ordinal)));
                subject += 1;
            }
        }
        Self { slots, subjects: u64::from(subject) }
    }

    /// The subject of a slot.
    #[inline]
    pub fn slot(&self, slot: u64) -> Slot {
        let records = self.slots.len() as u64;
        let (subject, ordinal) = self.slots[(slot % records) as usize];
        Slot { subject: slot / records * self.subjects + u64::from(subject), ordinal }
    }

    /// The smallest number above every subject of the slots below `slots`.
    pub fn subjects(&self, slots: u64) -> u64 {
        let records = self.slots.len() as u64;
        let rest = &self.slots[..(slots % records) as usize];
        slots / records * self.subjects + rest.last().map_or(0, |(subject, _)| u64::from(*subject) + 1)
    }
}

/// The rows of a table, each standing for a slot.
pub struct Rows {
    mixture: Mixture,
    order: Permutation,
}

impl Rows {
    /// `rows` rows, at least one, in an order that `key` draws.
    pub fn new(mixture: Mixture, rows: u64, key: u64) -> Self {
        Self { mixture, order: Permutation::new(rows.max(1), key) }
    }

    /// The slot number of a row, and what it stands for.
    #[inline]
    pub fn slot(&self, row: u64) -> (u64, Slot) {
        let slot = self.order.apply(row);
        (slot, self.mixture.slot(slot))
    }

    /// The mixture.
    pub fn mixture(&self) -> &Mixture {
        &self.mixture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_mixture_counts_out_its_groups() {
        let mixture = Mixture::new(&[(2, 1), (1, 3), (2, 0), (1, 2)]);
        let found: Vec<(u64, u32)> =
            (0..9).map(|s| mixture.slot(s)).map(|s| (s.subject, s.ordinal)).collect();
        assert_eq!(found, [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (5, 0), (5, 1), (6, 0), (7, 0)]);
        assert_eq!((mixture.subjects(0), mixture.subjects(1), mixture.subjects(5)), (0, 1, 3));
        assert_eq!((mixture.subjects(7), mixture.subjects(8)), (6, 7));
    }

    #[test]
    fn test_rows_are_every_slot_once() {
        let rows = Rows::new(Mixture::new(&[(3, 1), (1, 4)]), 701, 5);
        let mut slots: Vec<u64> = (0..701).map(|row| rows.slot(row).0).collect();
        slots.sort_unstable();
        assert!(slots.into_iter().eq(0..701));
    }
}
