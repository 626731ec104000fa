//! Where each attribute rests in a packed record.
//!
//! ```text
//! word 0      word 1 ..            then, two to a word
//! presence    8-byte attributes    4-byte attributes
//! ```
//!
//! A record is a row of u64 words, the same number for every record of a run. Bit `i` of word 0 says
//! that attribute `i` gave something away; a value of zero is missing, everywhere.

use serde::{Deserialize, Serialize};

use super::dictionary::NameCodes;
use crate::error::{Error, ErrorKind, Result};
use crate::kind::{Kind, Storage};
use crate::spec::Spec;

/// The most attributes a run may have: one bit each in the presence word.
pub const MAX_ATTRIBUTES: usize = 64;

/// Where a value rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    word: u16,
    shift: u8,
    mask: u64,
}

impl Slot {
    const NOWHERE: Slot = Slot { word: 0, shift: 0, mask: 0 };

    /// The value in `record`; zero where it is missing or where the attribute has no value at rest.
    #[inline(always)]
    pub fn get(self, record: &[u64]) -> u64 {
        (record[self.word as usize] >> self.shift) & self.mask
    }

    /// Marks the slot's bits in `mask`, which is as long as a record.
    pub fn mark(self, mask: &mut [u64]) {
        mask[self.word as usize] |= self.mask << self.shift;
    }

    /// Puts `value` into `record`.
    #[inline(always)]
    pub fn set(self, record: &mut [u64], value: u64) {
        let word = &mut record[self.word as usize];
        *word = (*word & !(self.mask << self.shift)) | ((value & self.mask) << self.shift);
    }
}

/// An attribute of the run: the same name in several sources is the same attribute.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// The attribute's name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Where its values rest.
    pub slot: Slot,
    /// Whether it exists only because an ID number carries it.
    pub derived: bool,
    /// Where the parts of its names rest; nowhere for what is no name.
    pub parts: NameSlots,
}

/// Where the parts of a name rest beside the name itself.
///
/// Nowhere else: the whole name is a hash, and the 12 bytes are in the line that is read anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameSlots {
    /// Code of the given names.
    pub given: Slot,
    /// Code of the family name.
    pub family: Slot,
    /// Hash of the key that knows neither order nor script: 32 bits, so that of two billion pairs of
    /// different names one half of a pair is taken to have one key.
    pub key: Slot,
}

impl NameSlots {
    const NOWHERE: NameSlots = NameSlots { given: Slot::NOWHERE, family: Slot::NOWHERE, key: Slot::NOWHERE };

    /// The parts of the name in `record`.
    #[inline(always)]
    pub fn get(&self, record: &[u64]) -> NameCodes {
        NameCodes {
            given: self.given.get(record) as u32,
            family: self.family.get(record) as u32,
            key: self.key.get(record) as u32,
        }
    }

    /// Marks the slots' bits in `mask`.
    pub fn mark(&self, mask: &mut [u64]) {
        [self.given, self.family, self.key].into_iter().for_each(|slot| slot.mark(mask));
    }

    /// Puts the parts of a name into `record`.
    pub fn set(&self, record: &mut [u64], codes: NameCodes) {
        self.given.set(record, u64::from(codes.given));
        self.family.set(record, u64::from(codes.family));
        self.key.set(record, u64::from(codes.key));
    }
}

/// What an ID number fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerivedInto {
    /// The attribute that holds the ID number.
    pub from: usize,
    /// The attribute that takes the birth date.
    pub birth_date: usize,
    /// The attribute that takes the sex.
    pub sex: usize,
    /// The attribute that takes the region of issue.
    pub region: usize,
}

/// The attributes of a run and their places in a record.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The attributes: those of the spec in its order, then the derived ones.
    pub attributes: Vec<Attribute>,
    /// What each ID number attribute fills in.
    pub derived: Vec<DerivedInto>,
    /// Words of a record.
    pub words: usize,
}

impl Layout {
    /// Lays out the attributes of `spec`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where an attribute has two kinds or there are more than
    /// [`MAX_ATTRIBUTES`].
    pub fn new(spec: &Spec) -> Result<Self> {
        let mut attributes: Vec<Attribute> = Vec::new();
        for source in &spec.sources {
            for (name, attribute) in &source.attributes {
                match attributes.iter().find(|a| a.name == *name) {
                    Some(known) if known.kind != attribute.kind => {
                        return Err(Error::new(
                            ErrorKind::Spec,
                            format!(
                                "attribute `{name}` is a `{}` in one source and a `{}` in source `{}`",
                                known.kind.name(),
                                attribute.kind.name(),
                                source.name
                            ),
                        )
                        .hint("give the two attributes different names")
                        .detail("source", &source.name)
                        .detail("attribute", name));
                    }
                    Some(_) => {}
                    None => attributes.push(Attribute {
                        name: name.clone(),
                        kind: attribute.kind,
                        slot: Slot::NOWHERE,
                        derived: false,
                        parts: NameSlots::NOWHERE,
                    }),
                }
            }
        }
        let derived = derive(&mut attributes);
        if attributes.len() > MAX_ATTRIBUTES {
            return Err(Error::new(
                ErrorKind::Spec,
                format!(
                    "the run has {} attributes, derived ones included; {MAX_ATTRIBUTES} is the limit",
                    attributes.len()
                ),
            )
            .hint("leave out attributes that identify nobody"));
        }
        // Seven words straddle two cache lines seven times in eight; eight never do.
        let words = match place(&mut attributes) {
            7 => 8,
            words => words,
        };
        Ok(Self { attributes, derived, words })
    }

    /// The number of the attribute called `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|a| a.name == name)
    }
}

/// Adds the attributes that ID numbers carry and the spec lacks.
///
/// A birth date or sex that the spec already has is filled in where it is missing; the region of
/// issue is always an attribute of its own, for its codes are no place names.
fn derive(attributes: &mut Vec<Attribute>) -> Vec<DerivedInto> {
    let ids: Vec<usize> =
        (0..attributes.len()).filter(|&i| matches!(attributes[i].kind, Kind::CnResidentId)).collect();
    ids.into_iter()
        .map(|from| {
            let id = attributes[from].name.clone();
            let mut into = |kind: Kind, part: &str, may_exist: bool| {
                let known = attributes.iter().position(|a| a.kind == kind && may_exist);
                known.unwrap_or_else(|| {
                    attributes.push(Attribute {
                        name: format!("{id}.{part}"),
                        kind,
                        slot: Slot::NOWHERE,
                        derived: true,
                        parts: NameSlots::NOWHERE,
                    });
                    attributes.len() - 1
                })
            };
            DerivedInto {
                from,
                birth_date: into(Kind::BirthDate, "birth_date", true),
                sex: into(Kind::Sex, "sex", true),
                region: into(Kind::Category, "region", false),
            }
        })
        .collect()
}

fn place(attributes: &mut [Attribute]) -> usize {
    let mut word = 1;
    for attribute in attributes.iter_mut().filter(|a| a.kind.storage() == Storage::Number) {
        attribute.slot = Slot { word, shift: 0, mask: u64::MAX };
        word += 1;
    }
    let mut halves = Halves { word, half: false };
    for attribute in attributes.iter_mut() {
        match attribute.kind.storage() {
            Storage::Number => {}
            Storage::Text | Storage::Date | Storage::Small | Storage::Template => {
                attribute.slot = halves.next();
            }
            Storage::Name => {
                attribute.slot = halves.next();
                attribute.parts =
                    NameSlots { given: halves.next(), family: halves.next(), key: halves.next() };
            }
        }
    }
    usize::from(halves.word) + usize::from(halves.half)
}

/// The 4-byte places of a record, two to a word.
struct Halves {
    word: u16,
    half: bool,
}

impl Halves {
    fn next(&mut self) -> Slot {
        let slot = Slot { word: self.word, shift: if self.half { 32 } else { 0 }, mask: u64::from(u32::MAX) };
        self.word += u16::from(self.half);
        self.half = !self.half;
        slot
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn layout(kinds: &[Kind]) -> Result<Layout> {
        let attributes: serde_json::Map<String, Value> = kinds
            .iter()
            .enumerate()
            .map(|(at, kind)| (format!("a{at}"), json!({"column": ["c"], "kind": kind})))
            .collect();
        let spec = json!({"sources": [{"name": "s", "attributes": attributes}]});
        Layout::new(&Spec::from_json(&spec.to_string())?)
    }

    /// Every slot of a layout that holds something, with the most it can hold.
    fn slots(layout: &Layout) -> Vec<(Slot, u64)> {
        let of = |attribute: &Attribute| {
            let parts = [attribute.parts.given, attribute.parts.family, attribute.parts.key];
            let width = match attribute.kind.storage() {
                Storage::Number => u64::MAX,
                _ => u64::from(u32::MAX),
            };
            let all = std::iter::once(attribute.slot).chain(parts).collect::<Vec<_>>();
            all.into_iter().filter(|&slot| slot != Slot::NOWHERE).map(move |slot| (slot, width))
        };
        layout.attributes.iter().flat_map(of).collect()
    }

    proptest! {
        #[test]
        fn test_slots_hold_their_values_and_leave_others_alone(
            kinds in proptest::collection::vec(proptest::sample::select(Kind::ALL.to_vec()), 1..12),
            values in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u64>()), 0..80),
            presence in any::<u64>(),
        ) {
            let layout = layout(&kinds).expect("few attributes");
            let slots = slots(&layout);
            let names = |a: &&Attribute| a.kind.storage() == Storage::Name;
            let expected = layout.attributes.len()
                + 3 * layout.attributes.iter().filter(names).count();
            prop_assert_eq!(slots.len(), expected);
            let mut record = vec![0; layout.words];
            record[0] = presence;
            let mut kept = vec![0; slots.len()];
            for (at, value) in values.iter().filter(|_| !slots.is_empty()) {
                let at = at.index(slots.len());
                slots[at].0.set(&mut record, value & slots[at].1);
                kept[at] = value & slots[at].1;
            }
            let read: Vec<u64> = slots.iter().map(|(slot, _)| slot.get(&record)).collect();
            prop_assert_eq!(read, kept);
            prop_assert_eq!(record[0], presence, "no value is in the word of presence");
        }
    }

    #[test]
    fn test_the_number_of_attributes_is_limited_derived_ones_included() {
        let of = |kind: Kind, n: usize| layout(&vec![kind; n]);
        assert_eq!(of(Kind::Text, 64).expect("one bit each").attributes.len(), 64);
        assert_eq!(of(Kind::Text, 65).expect_err("no bit is left").kind(), ErrorKind::Spec);
        // A region each, and one birth date and one sex for all.
        assert_eq!(of(Kind::CnResidentId, 31).expect("one bit each").attributes.len(), 64);
        assert_eq!(of(Kind::CnResidentId, 32).expect_err("no bit is left").kind(), ErrorKind::Spec);
    }

    #[test]
    fn test_an_id_number_fills_in_what_the_spec_has_and_adds_what_it_lacks() {
        let layout = layout(&[Kind::BirthDate, Kind::CnResidentId]).expect("two attributes");
        let names: Vec<(&str, bool)> =
            layout.attributes.iter().map(|a| (a.name.as_str(), a.derived)).collect();
        assert_eq!(names, [("a0", false), ("a1", false), ("a1.sex", true), ("a1.region", true)]);
        assert_eq!(layout.derived, [DerivedInto { from: 1, birth_date: 0, sex: 2, region: 3 }]);
    }
}
