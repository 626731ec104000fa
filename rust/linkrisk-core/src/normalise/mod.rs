//! Raw values in, canonical values out: one rule set per kind, applied once on the way in.
//!
//! A normaliser never fails: what cannot be used comes back as an [`Outcome`] that is counted and
//! reported, and is never compared as equal to anything.

/// What became of one raw value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Null, empty, white space or control characters only.
    Blank,
    /// A word or value that people enter when they have none: `无`, `N/A`, `0000000000`, 1900-01-01.
    Placeholder,
    /// Something else than the kind allows.
    Invalid,
    /// Usable in part: digits are masked or missing.
    Partial,
    /// Valid after one error that the check digit determines was undone.
    Repaired,
    /// Valid as it came, up to spelling.
    Valid,
}

impl Outcome {
    /// Every outcome, in the order of the counters of an attribute.
    pub const ALL: [Outcome; 6] = [
        Outcome::Blank,
        Outcome::Placeholder,
        Outcome::Invalid,
        Outcome::Partial,
        Outcome::Repaired,
        Outcome::Valid,
    ];

    /// Whether a value came out that may be compared.
    pub const fn is_usable(self) -> bool {
        matches!(self, Outcome::Partial | Outcome::Repaired | Outcome::Valid)
    }
}
#[derive(Debug, Default)]
pub struct NameParts { pub full: String, pub given: String, pub family: String, pub key: String }
#[derive(Debug, Clone, Copy, Default)]
pub struct Derived { pub birth_date: u32, pub sex: u32, pub region: u32 }
#[derive(Debug)]
pub struct Normaliser;
impl Normaliser {
    pub fn new(_: &crate::spec::AttributeSpec) -> crate::error::Result<Self> { Ok(Self) }
    pub fn number(&self, _raw: &str) -> (Outcome, u64) { (Outcome::Valid, 1) }
    pub fn text(&self, _raw: &str, _out: &mut String) -> Outcome { Outcome::Valid }
    pub fn name(&self, _raw: &str, _out: &mut NameParts) -> Outcome { Outcome::Valid }
    pub fn derive(&self, _packed: u64, _partial: Option<&str>) -> Option<Derived> { None }
}
pub fn spell_id(_kind: crate::kind::Kind, _packed: u64, _out: &mut [u8; 18]) -> usize { 0 }
