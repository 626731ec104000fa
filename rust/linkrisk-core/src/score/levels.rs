//! What levels of a comparison mean, by the kind of its attribute: which relatives do not share, which are of two people,
//! which are errors.

use crate::compare::Comparison;
use crate::kind::Kind;
use crate::spec::Method;

/// How far beyond exact agreement the level of names is of which the given names agree alone.
pub(super) const GIVEN_ALONE: usize = 4;

/// The same of names of which the family names agree alone.
pub(super) const FAMILY_ALONE: usize = 6;

/// Whether relatives differ on the attribute of `comparison` as strangers do.
pub(super) fn tells_relatives(comparison: &Comparison) -> bool {
    (1..comparison.levels()).any(|level| is_personal(comparison, level))
}

/// Whether `level` of `comparison` is as rare among relatives as among strangers.
pub(super) fn is_personal(comparison: &Comparison, level: usize) -> bool {
    match comparison.kind {
        Kind::CnResidentId | Kind::Aadhaar | Kind::UsSsn | Kind::TravelDocument | Kind::BirthDate => true,
        // Whole names that agree; relatives share one part of it.
        Kind::PersonName if comparison.method == Method::PersonName => {
            level <= comparison.exact + 2 || level == comparison.exact + 5
        }
        _ => false,
    }
}

/// Whether two values at `level` of `comparison`, which is one that tells relatives, are of two people, errors and
/// renewed numbers apart.
pub(super) fn contradicts(comparison: &Comparison, level: usize) -> bool {
    let beyond = level.saturating_sub(comparison.exact);
    match comparison.kind {
        // From the same month and day on; swapped, mistyped and half-known dates are errors.
        Kind::BirthDate if comparison.method == Method::Date => beyond >= 4,
        Kind::PersonName => matches!(beyond, GIVEN_ALONE | FAMILY_ALONE | 8),
        _ => level + 1 == comparison.levels(),
    }
}

/// Whether two values at `level` of `comparison`, which is one that tells relatives, are the same but for an error.
pub(super) fn nearly_agrees(comparison: &Comparison, level: usize) -> bool {
    let beyond = level.saturating_sub(comparison.exact);
    match comparison.kind {
        Kind::BirthDate if comparison.method == Method::Date => matches!(beyond, 1..=3),
        Kind::PersonName => matches!(beyond, 2 | 5),
        _ => beyond == 1 && !contradicts(comparison, level),
    }
}
