//! Two names of persons: their parts, in either order, beside the names as wholes.

use crate::kernel::edit::jaro_winkler;
use crate::store::Names;

/// Levels between exact and else.
///
/// A family name shared by two given names that differ is what relatives look like, so it is a level
/// of its own and not just a lower similarity.
pub const LABELS: [&str; 7] = [
    "same words, other order or script",
    "both parts alike",
    "one part agrees, the other is missing",
    "given name agrees, family name differs",
    "both parts similar",
    "family name agrees, given name differs",
    "similar as a whole",
];

/// Which of [`LABELS`] two different names have, from 0; 7 for none.
///
/// `alike` and `similar` are Jaro–Winkler similarities of parts.
pub fn level(names: &Names, left: u32, right: u32, alike: f64, similar: f64) -> u8 {
    let (a, b) = (names.codes(left), names.codes(right));
    if a.key == b.key {
        return 0;
    }
    let likeness = |x: u32, y: u32| match (x, y) {
        (0, _) | (_, 0) => None,
        (x, y) if x == y => Some(1.0),
        (x, y) => Some(likeness_of(names.parts.text(x), names.parts.text(y))),
    };
    let (given, family) = (likeness(a.given, b.given), likeness(a.family, b.family));
    let straight = both(given, family);
    if straight < alike {
        // Columns are filled in the wrong order often enough to look: 2 % of FEBRL's duplicates.
        let (crossed_given, crossed_family) = (likeness(a.given, b.family), likeness(a.family, b.given));
        if both(crossed_given, crossed_family) >= alike {
            return 1;
        }
        let complete = given.is_some() && family.is_some();
        if !complete && [given, family, crossed_given, crossed_family].into_iter().flatten().any(|s| s >= alike) {
            return 2;
        }
    }
    match (given, family) {
        _ if straight >= alike => 1,
        (Some(given), Some(family)) if given >= alike && family < similar => 3,
        _ if straight >= similar => 4,
        (Some(given), Some(family)) if family >= alike && given < similar => 5,
        _ if likeness_of(names.full.text(left), names.full.text(right)) >= similar => 6,
        _ => 7,
    }
}

/// The lesser likeness of two parts, of which neither is missing; else below every threshold.
fn both(given: Option<f64>, family: Option<f64>) -> f64 {
    match (given, family) {
        (Some(given), Some(family)) => given.min(family),
        _ => -1.0,
    }
}

/// Jaro–Winkler, with an initial taken to be like any name it begins.
fn likeness_of(left: &str, right: &str) -> f64 {
    let initial = |short: &str, long: &str| short.chars().nth(1).is_none() && long.starts_with(short);
    if initial(left, right) || initial(right, left) { 0.93 } else { jaro_winkler(left, right) }
}
