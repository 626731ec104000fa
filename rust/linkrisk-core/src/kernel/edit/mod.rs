//! Edit distances and Jaro–Winkler similarity of two texts.
//!
//! Texts of up to 64 characters run bit-parallel, one machine word holding a whole column of the
//! edit matrix: Levenshtein as in Myers (1999) in the form of Hyyrö (2003), optimal string
//! alignment as in Hyyrö (2002), the matches of Jaro with one bit per character. Longer texts take
//! a banded matrix ([`long`]), so any length is correct and only the speed changes.
//!
//! A character is a Unicode scalar value: `é` as one code point and as two are different texts, and
//! callers compare normalised text. ASCII runs on the bytes as they are; other texts are decoded
//! into buffers on the stack. Only texts of more than 64 characters allocate.
//!
//! Jaro–Winkler is that of Winkler (1990) as common libraries have it (rapidfuzz, jellyfish): the
//! number of transpositions is halved and rounded down, and the prefix of at most four characters
//! raises a similarity above 0.7 by a tenth of the missing part per character. Below 0.7 the prefix
//! counts for nothing, which keeps `Wang` and `Wagner-Schmidt` apart.

mod long;
mod short;

use short::{Bytes, Wide};

/// Most characters of a text that the bit-parallel kernels take.
const WORD: usize = 64;
/// Weight of each character of the common prefix.
const PREFIX_WEIGHT: f64 = 0.1;
/// Most characters of a prefix that count.
const PREFIX_LIMIT: usize = 4;
/// Jaro similarity above which the prefix counts.
const BOOST_ABOVE: f64 = 0.7;

/// Measures how alike two names are, from 0 to 1, giving weight to a common beginning.
///
/// Two empty texts are alike (1), an empty and another one are not (0). Symmetric to the last bit.
/// About 50 ns for ASCII names; O(n log n) for texts of more than 64 characters.
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    if a.is_ascii() && b.is_ascii() {
        return jaro_winkler_bytes(a.as_bytes(), b.as_bytes());
    }
    decoded(a, b, jaro_winkler_wide)
}

/// [`jaro_winkler`] of texts known to be ASCII; other bytes count as one character each.
pub fn jaro_winkler_bytes(a: &[u8], b: &[u8]) -> f64 {
    let (longer, shorter) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let jaro = match longer.len() {
        _ if longer == shorter => return 1.0,
        0..=8 => short::jaro(&Bytes::<1>::new(longer), shorter),
        9..=16 => short::jaro(&Bytes::<2>::new(longer), shorter),
        17..=32 => short::jaro(&Bytes::<4>::new(longer), shorter),
        33..=WORD => short::jaro(&Bytes::<8>::new(longer), shorter),
        _ => long::jaro(longer, shorter),
    };
    boosted(jaro, a, b)
}

/// Counts the insertions, deletions and substitutions between two texts, up to `limit`.
///
/// Returns `limit + 1` where there are more (`u32::MAX` for `limit` = `u32::MAX`, which no text
/// reaches). A low limit is faster: a pair is left as soon as it cannot be reached any more.
pub fn levenshtein(a: &str, b: &str, limit: u32) -> u32 {
    if a.is_ascii() && b.is_ascii() {
        return levenshtein_bytes(a.as_bytes(), b.as_bytes(), limit);
    }
    decoded(a, b, |a, b| edits_wide::<false>(a, b, limit))
}

/// [`levenshtein`] of texts known to be ASCII; other bytes count as one character each.
pub fn levenshtein_bytes(a: &[u8], b: &[u8], limit: u32) -> u32 {
    edits_bytes::<false>(a, b, limit)
}

/// Counts insertions, deletions, substitutions and swaps of neighbours between two texts, up to
/// `limit`.
///
/// Optimal string alignment: no character is edited twice, so `ca` and `abc` are 3 apart and the
/// triangle inequality does not hold. Returns `limit + 1` where there are more, as [`levenshtein`].
pub fn osa(a: &str, b: &str, limit: u32) -> u32 {
    if a.is_ascii() && b.is_ascii() {
        return osa_bytes(a.as_bytes(), b.as_bytes(), limit);
    }
    decoded(a, b, |a, b| edits_wide::<true>(a, b, limit))
}

/// [`osa`] of texts known to be ASCII; other bytes count as one character each.
pub fn osa_bytes(a: &[u8], b: &[u8], limit: u32) -> u32 {
    edits_bytes::<true>(a, b, limit)
}

fn boosted<T: PartialEq>(jaro: f64, a: &[T], b: &[T]) -> f64 {
    if jaro <= BOOST_ABOVE {
        return jaro;
    }
    let prefix = a.iter().zip(b).take(PREFIX_LIMIT).take_while(|(x, y)| x == y).count();
    jaro + prefix as f64 * PREFIX_WEIGHT * (1.0 - jaro)
}

fn jaro_winkler_wide(a: &[u32], b: &[u32]) -> f64 {
    let (longer, shorter) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let jaro = match longer.len() {
        _ if longer == shorter => return 1.0,
        0..=WORD => short::jaro(&Wide(longer), shorter),
        _ => long::jaro(longer, shorter),
    };
    boosted(jaro, a, b)
}

fn edits_bytes<const SWAPS: bool>(a: &[u8], b: &[u8], limit: u32) -> u32 {
    let Some((longer, shorter)) = different_parts(a, b, limit) else {
        return limit.saturating_add(1);
    };
    match longer.len() {
        _ if shorter.is_empty() => longer.len() as u32,
        0..=8 => short::edits::<_, _, SWAPS>(&Bytes::<1>::new(longer), shorter, limit),
        9..=16 => short::edits::<_, _, SWAPS>(&Bytes::<2>::new(longer), shorter, limit),
        17..=32 => short::edits::<_, _, SWAPS>(&Bytes::<4>::new(longer), shorter, limit),
        33..=WORD => short::edits::<_, _, SWAPS>(&Bytes::<8>::new(longer), shorter, limit),
        _ => long::edits::<_, SWAPS>(longer, shorter, limit),
    }
}

fn edits_wide<const SWAPS: bool>(a: &[u32], b: &[u32], limit: u32) -> u32 {
    let Some((longer, shorter)) = different_parts(a, b, limit) else {
        return limit.saturating_add(1);
    };
    match longer.len() {
        _ if shorter.is_empty() => longer.len() as u32,
        0..=WORD => short::edits::<_, _, SWAPS>(&Wide(longer), shorter, limit),
        _ => long::edits::<_, SWAPS>(longer, shorter, limit),
    }
}

/// The texts without their common beginning and end, the longer one first; none where their
/// lengths alone are further apart than `limit`.
fn different_parts<'a, T: PartialEq>(a: &'a [T], b: &'a [T], limit: u32) -> Option<(&'a [T], &'a [T])> {
    let (longer, shorter) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if longer.len() - shorter.len() > limit as usize {
        return None;
    }
    let head = longer.iter().zip(shorter).take_while(|(x, y)| x == y).count();
    let (longer, shorter) = (&longer[head..], &shorter[head..]);
    let tail = longer.iter().rev().zip(shorter.iter().rev()).take_while(|(x, y)| x == y).count();
    Some((&longer[..longer.len() - tail], &shorter[..shorter.len() - tail]))
}

/// Calls `then` with the characters of both texts, from the stack where they fit.
fn decoded<R>(a: &str, b: &str, then: impl Fn(&[u32], &[u32]) -> R) -> R {
    let (mut left, mut right) = ([0; WORD], [0; WORD]);
    match (decode(a, &mut left), decode(b, &mut right)) {
        (Some(m), Some(n)) => then(&left[..m], &right[..n]),
        _ => {
            let a: Vec<u32> = a.chars().map(u32::from).collect();
            let b: Vec<u32> = b.chars().map(u32::from).collect();
            then(&a, &b)
        }
    }
}

fn decode(text: &str, into: &mut [u32; WORD]) -> Option<usize> {
    let mut count = 0;
    for c in text.chars() {
        *into.get_mut(count)? = u32::from(c);
        count += 1;
    }
    Some(count)
}
