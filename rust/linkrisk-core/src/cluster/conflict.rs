//! What one person cannot have: contradictions between two records.

use rustc_hash::FxHashSet;

use super::component::{Component, Record};
use crate::compare::Comparison;
use crate::kernel::date::{DateAgreement, agreement};
use crate::kind::Kind;
use crate::store::{PARTIAL, Slot, Store};

/// Tells whether two records can be of one person.
#[derive(Debug)]
pub struct Conflicts<'a> {
    store: &'a Store,
    ids: Vec<Slot>,
    dates: Vec<Slot>,
    sexes: Vec<Slot>,
    duplicate_free: bool,
}

impl<'a> Conflicts<'a> {
    /// The contradictions that the attributes of `store` can show.
    pub fn new(store: &'a Store, comparisons: &[Comparison]) -> Self {
        let slots = |wanted: fn(Kind) -> bool| {
            let compared = comparisons.iter().map(|c| c.attribute);
            compared.map(|a| &store.layout.attributes[a]).filter(|a| wanted(a.kind)).map(|a| a.slot).collect()
        };
        Self {
            store,
            ids: slots(Kind::is_official_id),
            dates: slots(|kind| kind == Kind::BirthDate),
            sexes: slots(|kind| kind == Kind::Sex),
            duplicate_free: store.sources.iter().any(|s| s.duplicate_free),
        }
    }

    /// Records of `unit`, one entity of `component`, that show every ID number in it and every source that
    /// has nobody twice: few, for records of one entity do not contradict each other.
    pub fn witnesses(&self, component: &Component<'_>, unit: &[u32]) -> Vec<u32> {
        let mut seen = FxHashSet::default();
        let mut shows_more = |place: u32| {
            let (record, words) = component.record(place);
            let mut more = false;
            for (number, slot) in self.ids.iter().enumerate() {
                let id = slot.get(words);
                more |= id != 0 && id & PARTIAL == 0 && seen.insert((number, id));
            }
            if self.duplicate_free {
                let source = self.store.source_of(record);
                more |= self.store.sources[source].duplicate_free && seen.insert((usize::MAX, source as u64));
            }
            more
        };
        unit.iter().copied().filter(|&place| shows_more(place)).collect()
    }

    /// Whether two records, given by number and words, contradict each other: two different valid ID
    /// numbers of one kind, sexes and birth dates that both disagree beyond error, or one source that
    /// has nobody twice.
    pub fn contradict(&self, (left, a): Record<'_>, (right, b): Record<'_>) -> bool {
        let both = |slot: &Slot| {
            let (x, y) = (slot.get(a), slot.get(b));
            (x != 0 && y != 0 && (x | y) & PARTIAL == 0).then_some((x, y))
        };
        let mut same_id = false;
        for (x, y) in self.ids.iter().filter_map(both) {
            if x != y && !crate::kernel::digits::osa_one(x, y) {
                return true;
            }
            same_id |= x == y;
        }
        if self.duplicate_free {
            let source = self.store.source_of(left);
            if source == self.store.source_of(right) && self.store.sources[source].duplicate_free {
                return true;
            }
        }
        let other_sex = self.sexes.iter().filter_map(both).any(|(x, y)| x != y);
        let far =
            |(x, y): (u64, u64)| agreement(x as u32, y as u32).is_some_and(|a| a >= DateAgreement::SameYear);
        !same_id && other_sex && self.dates.iter().filter_map(both).any(far)
    }
}
