//! Two names of persons: their parts, in either order, beside the names as wholes.

use super::Memo;
use crate::kernel::edit::jaro_winkler;
use crate::store::{NameCodes, Names};

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
    "similar as a whole, a part missing",
];

/// Which of [`LABELS`] two different names have, from 0; 7 for none.
///
/// `alike` and `similar` are Jaro–Winkler similarities of parts.
pub fn level(
    names: &Names,
    (memo, comparison): (&mut Memo, usize),
    (a, b): (NameCodes, NameCodes),
    (alike, similar): (f32, f32),
) -> u8 {
    if a.key == b.key {
        return 0;
    }
    let mut likeness = |x: u32, y: u32| match (x, y) {
        (0, _) | (_, 0) => MISSING,
        (x, y) if x == y => 1.0,
        (x, y) => memo.similarity(comparison, x, y, || likeness_of(names.parts.text(x), names.parts.text(y))),
    };
    let (given, family) = (likeness(a.given, b.given), likeness(a.family, b.family));
    // The lesser of the two; below every threshold where one is missing.
    let straight = given.min(family);
    if straight >= alike {
        return 1;
    }
    // Columns are filled in the wrong order often enough to look: 2 % of FEBRL's duplicates.
    let crossed = (likeness(a.given, b.family), likeness(a.family, b.given));
    if crossed.0.min(crossed.1) >= alike {
        return 1;
    }
    if straight == MISSING {
        let best = given.max(family).max(crossed.0).max(crossed.1);
        return if best >= alike { 2 } else { whole(names, a, b, similar) };
    }
    match (given >= alike, family >= alike) {
        (true, _) if family < similar => 3,
        (_, true) if given < similar => 5,
        _ if straight >= similar => 4,
        // Names whose parts differ are not looked at as wholes: of FEBRL's matches that finds 5 in
        // 10,000, and it is half the work of a pair of strangers.
        _ => 7,
    }
}

/// The likeness of a part that one of the names lacks.
const MISSING: f32 = -1.0;

fn whole(names: &Names, left: NameCodes, right: NameCodes, similar: f32) -> u8 {
    if likeness_of(&names.text(left), &names.text(right)) >= similar { 6 } else { 7 }
}

/// Jaro–Winkler, with an initial taken to be like any name it begins.
fn likeness_of(left: &str, right: &str) -> f32 {
    let initial = |short: &str, long: &str| short.chars().nth(1).is_none() && long.starts_with(short);
    if initial(left, right) || initial(right, left) { 0.93 } else { jaro_winkler(left, right) as f32 }
}
