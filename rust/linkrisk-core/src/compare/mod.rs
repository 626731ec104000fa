//! Candidate pairs into comparison vectors, each packed into one u64: its pattern.
//!
//! ```text
//! bit 63            44 43                                0
//!     rules of the pair | level of each comparison, packed
//! ```

pub mod classes;
pub mod comparison;
pub mod count;
pub mod fusion;
pub mod links;
pub mod name;
pub mod similarity;

pub use comparison::Comparison;
pub use count::PatternCounts;
pub use links::{LinkFinder, ScoredPair};

use crate::error::Result;
use crate::kernel::date::agreement;
use crate::kernel::digits::osa_one;
use crate::kernel::edit::{jaro_winkler, levenshtein, osa};
use crate::kernel::hash::mix;
use crate::kernel::ocr::plate_distance;
use crate::kernel::token::token_jaccard;
use crate::kind::Kind;
use crate::normalise::identifier::{cn_resident_id_text, digits_of};
use crate::spec::{LinkageSpec, Method};
use crate::store::{NO_COUNTRY, NameCodes, PARTIAL, Store, Values};

/// Where the rules begin in a pattern; below are the levels.
pub const RULE_SHIFT: u32 = 44;

/// The levels of a pattern without its rules.
pub const LEVELS: u64 = (1 << RULE_SHIFT) - 1;

/// Compares records attribute by attribute.
#[derive(Debug)]
pub struct Comparer<'a> {
    store: &'a Store,
    /// The comparisons, in the order of the pattern's bits.
    pub comparisons: &'a [Comparison],
}

/// The comparisons of a run.
///
/// # Errors
/// As [`comparison::resolve`].
pub fn comparisons(store: &Store, linkage: &LinkageSpec) -> Result<comparison::Resolved> {
    comparison::resolve(store, linkage)
}

/// What the pairs of texts compared last came to: frequent names meet again and again.
#[derive(Debug)]
pub struct Memo {
    levels: Vec<(u64, u8)>,
    /// Similarities of given and family names.
    parts: Vec<(u64, f32)>,
}

impl Memo {
    /// 4,096 entries of 16 bytes per thread fit the second-level cache several times over; on a
    /// million people four pairs of names in ten are found here.
    const SIZE: usize = 1 << 12;

    fn new() -> Self {
        Self { levels: vec![(0, 0); Self::SIZE], parts: vec![(0, 0.0); Self::SIZE] }
    }

    #[inline]
    fn similarity(&mut self, comparison: usize, left: u32, right: u32, compare: impl FnOnce() -> f32) -> f32 {
        let hash = Self::hash(comparison, u64::from(left.min(right)), u64::from(left.max(right)));
        let entry = &mut self.parts[hash as usize % Self::SIZE];
        if entry.0 != hash {
            *entry = (hash, compare());
        }
        entry.1
    }

    /// The hash, not the codes, is kept: it tells comparisons apart, and two pairs with one hash would
    /// have to meet in one thread's 4,096 entries.
    #[inline(always)]
    fn hash(comparison: usize, left: u64, right: u64) -> u64 {
        mix((left << 32 | right) ^ (comparison as u64) << 58)
    }

    #[inline(always)]
    fn level(&mut self, comparison: usize, left: u64, right: u64, compare: impl FnOnce() -> u8) -> u8 {
        let hash = Self::hash(comparison, left, right);
        let entry = &mut self.levels[hash as usize % Self::SIZE];
        if entry.0 != hash {
            *entry = (hash, compare());
        }
        entry.1
    }
}

impl<'a> Comparer<'a> {
    /// A comparer of the records of `store`.
    pub fn new(store: &'a Store, comparisons: &'a [Comparison]) -> Self {
        Self { store, comparisons }
    }

    /// The bits of a record that are looked at.
    pub fn mask(&self) -> Vec<u64> {
        let mut mask = vec![0; self.store.layout.words];
        for comparison in self.comparisons {
            comparison.slot.mark(&mut mask);
            comparison.positions.iter().for_each(|position| position.slot.mark(&mut mask));
            comparison.parts.mark(&mut mask);
        }
        mask
    }

    /// What a thread keeps between pairs.
    pub fn memo(&self) -> Memo {
        Memo::new()
    }

    /// Has the texts of gathered records read into the caches, all waiting at once and not one after
    /// the other: a miss is a fifth of a microsecond on the machines this was measured on.
    #[inline]
    pub fn touch(&self, records: &[u64]) {
        let (mut seen, mut last) = (0, 0);
        for record in records.chunks_exact(self.store.layout.words) {
            for comparison in self.comparisons {
                match &self.store.columns[comparison.attribute].values {
                    Values::Name(names) if comparison.method == Method::PersonName => {
                        // Records of a block often have the name of the one before.
                        let whole = comparison.slot.get(record);
                        if std::mem::replace(&mut last, whole) == whole {
                            continue;
                        }
                        let parts = comparison.parts.get(record);
                        seen ^= names.parts.touch(parts.given) ^ names.parts.touch(parts.family);
                    }
                    Values::Text(dictionary) => {
                        seen ^= dictionary.touch(comparison.slot.get(record) as u32);
                    }
                    _ => {}
                }
            }
        }
        std::hint::black_box(seen);
    }

    /// How many texts of a record [`Self::touch`] reads.
    pub fn texts(&self, record: &[u64]) -> usize {
        let is_text = |comparison: &&Comparison| match &self.store.columns[comparison.attribute].values {
            Values::Name(_) => comparison.method == Method::PersonName,
            Values::Text(_) => true,
            _ => false,
        };
        let present = |comparison: &&Comparison| comparison.slot.get(record) != 0;
        self.comparisons.iter().filter(is_text).filter(present).count()
    }

    /// `pattern` with null where templates were not compared.
    pub fn settled(&self, pattern: u64) -> u64 {
        similarity::of_templates(self.comparisons)
            .filter(|comparison| comparison.level(pattern) == similarity::PENDING)
            .fold(pattern, |pattern, comparison| comparison.with_level(pattern, 0))
    }

    /// The levels of two records, packed; [`similarity::PENDING`] where both have a template.
    #[inline]
    pub fn pattern(&self, memo: &mut Memo, left: &[u64], right: &[u64]) -> u64 {
        let mut pattern = 0;
        for (i, comparison) in self.comparisons.iter().enumerate() {
            if comparison.method == Method::Similarity {
                let mut slots = comparison.positions.iter().map(|position| position.slot);
                if slots.any(|slot| slot.get(left) != 0 && slot.get(right) != 0) {
                    pattern |= (similarity::PENDING as u64) << comparison.shift;
                }
                continue;
            }
            let (a, b) = (comparison.slot.get(left), comparison.slot.get(right));
            if a != 0 && b != 0 {
                let level = if a != b && comparison.kind == Kind::PersonName {
                    let parts = (comparison.parts.get(left), comparison.parts.get(right));
                    self.name_level(memo, i, comparison, (a, b), parts)
                } else {
                    self.level(memo, i, comparison, a, b)
                };
                pattern |= u64::from(level) << comparison.shift;
            }
        }
        pattern
    }

    /// The level of two names that differ.
    fn name_level(
        &self,
        memo: &mut Memo,
        i: usize,
        comparison: &Comparison,
        whole: (u64, u64),
        parts: (NameCodes, NameCodes),
    ) -> u8 {
        let Values::Name(names) = &self.store.columns[comparison.attribute].values else { return 0 };
        if comparison.method != Method::PersonName {
            let (a, b) = (whole.0.min(whole.1), whole.0.max(whole.1));
            return memo.level(i, a, b, || text(comparison, &names.text(parts.0), &names.text(parts.1)));
        }
        let at = |step: usize, or: f64| comparison.at.get(step).map_or(or, |&t| t) as f32;
        let level = name::level(names, (memo, i), parts, (at(0, 0.92), at(1, 0.84)));
        comparison.exact as u8 + 1 + level
    }

    #[inline]
    fn level(&self, memo: &mut Memo, i: usize, comparison: &Comparison, a: u64, b: u64) -> u8 {
        let column = &self.store.columns[comparison.attribute];
        match &column.values {
            Values::Plain if a == b && comparison.method != Method::Date => 1,
            Values::Plain => number(comparison, a, b),
            Values::Number(_) if a == b && a & PARTIAL == 0 => 1,
            Values::Number(partials) if (a | b) & PARTIAL != 0 => {
                let text = |v: u64| if v & PARTIAL != 0 { Some(partials.text(v as u32)) } else { None };
                masked(comparison, (a, text(a)), (b, text(b)))
            }
            Values::Number(_) => number(comparison, a, b),
            Values::Text(dictionary) if a == b => comparison.tier(dictionary.count(a as u32)),
            Values::Name(names) if a == b => comparison.tier(names.count(a as u32)),
            Values::Text(dictionary) => {
                let (a, b) = (a.min(b), a.max(b));
                memo.level(i, a, b, || text(comparison, dictionary.text(a as u32), dictionary.text(b as u32)))
            }
            // Two names that differ are compared by their parts.
            Values::Name(_) => 0,
        }
    }
}

/// The level of the first threshold that `holds`, else the last level.
#[inline]
fn first(comparison: &Comparison, holds: impl Fn(f64) -> bool) -> u8 {
    let step = comparison.at.iter().take_while(|&&t| !holds(t)).count();
    (comparison.exact + 1 + step) as u8
}

fn text(comparison: &Comparison, a: &str, b: &str) -> u8 {
    let edits = || comparison.at.last().map_or(0, |&most| most as u32);
    match comparison.method {
        Method::JaroWinkler => {
            let similarity = jaro_winkler(a, b);
            first(comparison, |t| similarity >= t)
        }
        Method::Levenshtein => {
            let distance = f64::from(levenshtein(a, b, edits()));
            first(comparison, |t| distance <= t)
        }
        Method::Osa => {
            let distance = f64::from(osa(a, b, edits()));
            first(comparison, |t| distance <= t)
        }
        Method::TokenSet => {
            let overlap = f64::from(token_jaccard(a, b));
            first(comparison, |t| overlap >= t)
        }
        _ => (comparison.labels.len() - 1) as u8,
    }
}

fn number(comparison: &Comparison, a: u64, b: u64) -> u8 {
    let other = (comparison.labels.len() - 1) as u8;
    match comparison.method {
        Method::Date => agreement(a as u32, b as u32).map_or(0, |level| level as u8 + 1),
        Method::IdNumber if osa_one(a, b) => 2,
        Method::PlateOcr => {
            let cost = f64::from(plate_distance(a, b));
            first(comparison, |t| cost <= t)
        }
        // Telephone numbers: the mark of an unknown country is none of the digits.
        Method::Osa if (a ^ b) & NO_COUNTRY != 0 => other,
        Method::Osa => {
            let (a, b) = (a & !NO_COUNTRY, b & !NO_COUNTRY);
            first(comparison, |t| if t < 2.0 { osa_one(a, b) } else { digits_osa(a, b) <= t as u32 })
        }
        Method::NumericWithin => {
            let distance = a.abs_diff(b) as f64;
            first(comparison, |t| distance <= t)
        }
        _ => other,
    }
}

/// Edits between two numbers of up to 20 digits.
fn digits_osa(a: u64, b: u64) -> u32 {
    let mut buffers = [[0u8; 20]; 2];
    let mut spell = |which: usize, mut n: u64| {
        let mut at = 20;
        while n > 0 {
            at -= 1;
            buffers[which][at] = b'0' + (n % 10) as u8;
            n /= 10;
        }
        at
    };
    let (from_a, from_b) = (spell(0, a), spell(1, b));
    crate::kernel::edit::osa_bytes(&buffers[0][from_a..], &buffers[1][from_b..], 4)
}

/// The level of two numbers of which one at least is masked.
///
/// For ID numbers, digits that differ are disagreement and digits that agree a level of their own. Of
/// other numbers too few are left to tell anything, which is null, unless two masked ones differ.
fn masked(comparison: &Comparison, a: (u64, Option<&str>), b: (u64, Option<&str>)) -> u8 {
    let other = (comparison.labels.len() - 1) as u8;
    if comparison.method != Method::IdNumber {
        return match (a.1, b.1) {
            (Some(left), Some(right)) if !agree(left.as_bytes(), right.as_bytes()) => other,
            _ => 0,
        };
    }
    let mut whole = [[0u8; 18]; 2];
    let write = |buffer: &mut [u8; 18], (packed, partial): (u64, Option<&str>)| match partial {
        Some(text) => {
            let text = text.as_bytes();
            let length = text.len().min(18);
            buffer[..length].copy_from_slice(&text[..length]);
            length
        }
        None => spell(comparison.kind, packed, buffer),
    };
    let (first, second) = whole.split_at_mut(1);
    let (left, right) = (write(&mut first[0], a), write(&mut second[0], b));
    if agree(&first[0][..left], &second[0][..right]) { 3 } else { other }
}

/// Whether two numbers are the same wherever neither is masked.
fn agree(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(x, y)| x == y || *x == b'*' || *y == b'*')
}

/// Writes an ID number as people write it and returns its length.
fn spell(kind: Kind, packed: u64, out: &mut [u8; 18]) -> usize {
    let mut put = |text: &[u8]| {
        out[..text.len()].copy_from_slice(text);
        text.len()
    };
    match kind {
        Kind::CnResidentId => put(&cn_resident_id_text(packed)),
        Kind::Aadhaar => put(&digits_of::<12>(packed)),
        _ => put(&digits_of::<9>(packed)),
    }
}
