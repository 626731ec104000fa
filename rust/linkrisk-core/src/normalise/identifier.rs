//! National identity numbers: Chinese resident ID, Aadhaar, United States SSN.
//!
//! A whole number is packed as the integer of its digits: 17 for a resident ID (the check character
//! follows from them), 12 for an Aadhaar, 9 for an SSN. None can be 0. A masked number has no packed
//! value; its text has `*` for every digit that does not show.
//!
//! Check characters: ISO 7064 MOD 11-2 (GB 11643-1999) and Verhoeff's dihedral scheme. Both determine
//! one erased digit exactly, so a number with one is repaired. A number whose check character is
//! wrong is invalid: which digit is wrong cannot be known.
//!
//! Aadhaar and SSN have no region that nobody lives in, so made-up numbers come from a [`Range`] of
//! their own, which is read only where the spec says that the numbers are made up.

use super::date::is_calendar_date;
use super::text::{Buffer, compact, is_filler};
use super::{Derived, Outcome};

/// One identity number as read: the outcome, the packed value (0 unless whole) and its characters.
pub type Reading<const N: usize> = (Outcome, u64, [u8; N]);

/// Which numbers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// Those that an authority issues.
    Issued,
    /// Those that no authority issues, for made-up people: an Aadhaar that starts with 0 or 1; an SSN
    /// of area 900 to 999 with group 01 to 49, which are no taxpayer numbers either.
    Synthetic,
}

const CHECK_CHARACTERS: [u8; 11] = *b"10X98765432";

/// ISO 7064 MOD 11-2 weights of the first 17 characters.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Fewest digits that must show in a masked number.
const MIN_KNOWN_RESIDENT_ID: usize = 6;
const MIN_KNOWN_OTHER: usize = 4;

const fn is_mask(c: u8) -> bool {
    matches!(c, b'*' | b'#' | b'?' | b'_')
}

fn known_digits(characters: &[u8]) -> usize {
    characters.iter().filter(|c| c.is_ascii_digit()).count()
}

fn value_of(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, &d| value * 10 + u64::from(d - b'0'))
}

/// Writes the lowest `N` decimal digits of `packed`, zero-filled.
pub fn digits_of<const N: usize>(packed: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    let mut rest = packed;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

fn check_character(digits: &[u8]) -> u8 {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(&d, w)| u32::from(d - b'0') * w).sum();
    CHECK_CHARACTERS[(sum % 11) as usize]
}

/// The 18 characters of a packed resident ID.
pub fn cn_resident_id_text(packed: u64) -> [u8; 18] {
    let digits: [u8; 17] = digits_of(packed);
    let mut text = [0; 18];
    text[..17].copy_from_slice(&digits);
    text[17] = check_character(&digits);
    text
}

/// Whether a region may be the start of a resident ID; counties come and go, provinces hardly.
fn is_region(first: u8, second: u8) -> bool {
    match first {
        b'1' => matches!(second, b'1'..=b'5'),
        b'2' | b'8' => matches!(second, b'1'..=b'3'),
        b'3' => matches!(second, b'1'..=b'7'),
        b'4' => matches!(second, b'1'..=b'6'),
        b'5' => matches!(second, b'0'..=b'4'),
        b'6' => matches!(second, b'1'..=b'5'),
        b'7' => second == b'1',
        // Permanent-resident cards of foreigners, and the region that nobody lives in.
        b'9' => true,
        _ => false,
    }
}

/// Whether nothing that shows in 18 characters contradicts a resident ID: region and birth date.
fn is_plausible(id: &[u8; 18]) -> bool {
    let region = !(id[0].is_ascii_digit() && id[1].is_ascii_digit()) || is_region(id[0], id[1]);
    let first = id[0] == b'*' || is_region(id[0], b'1');
    let date = !id[6..14].iter().all(u8::is_ascii_digit) || {
        let date = value_of(&id[6..14]) as u32;
        is_calendar_date(date / 10_000, date / 100 % 100, date % 100)
    };
    region && first && date
}

/// Reads a Chinese resident ID number.
pub fn cn_resident_id(raw: &str) -> Reading<18> {
    const NOTHING: [u8; 18] = [b'*'; 18];
    // As nearly all are written; what is odd about one of these goes the long way.
    if let Ok(id) = <[u8; 18]>::try_from(raw.as_bytes())
        && id[..17].iter().all(u8::is_ascii_digit)
        && check_character(&id[..17]) == id[17]
        && is_plausible(&id)
        && !is_filler(&id[..17])
    {
        return (Outcome::Valid, value_of(&id[..17]), id);
    }
    let mut buffer: Buffer = [0; 96];
    let Some(given) = compact(raw, &mut buffer) else {
        return (Outcome::Invalid, 0, NOTHING);
    };
    if given.is_empty() {
        return (Outcome::Blank, 0, NOTHING);
    }
    let Some(id) = eighteen(given) else {
        return (refusal(given), 0, NOTHING);
    };
    let unknown = id.iter().filter(|&&c| c == b'*').count();
    if is_filler(&id[..17]) {
        return (Outcome::Placeholder, 0, NOTHING);
    }
    if unknown > 1 {
        let usable = known_digits(&id) >= MIN_KNOWN_RESIDENT_ID && is_plausible(&id);
        return if usable { (Outcome::Partial, 0, id) } else { (Outcome::Invalid, 0, NOTHING) };
    }
    let (outcome, id) =
        if unknown == 1 { (Outcome::Repaired, restored(id)) } else { (Outcome::Valid, Some(id)) };
    match id {
        Some(id) if is_plausible(&id) && check_character(&id[..17]) == id[17] => {
            (outcome, value_of(&id[..17]), id)
        }
        _ => (Outcome::Invalid, 0, NOTHING),
    }
}

/// What digits of a wrong number or length are: a filler, or just wrong.
fn refusal(given: &[u8]) -> Outcome {
    if is_filler(given) { Outcome::Placeholder } else { Outcome::Invalid }
}

/// Brings what was given to 18 characters of digits, final X, and `*`.
fn eighteen(given: &mut [u8]) -> Option<[u8; 18]> {
    let dashes = given.iter().filter(|&&c| c == b'-').count();
    // A hyphen separates where the rest is of full length, else it masks.
    let mut plain = [0u8; 96];
    let mut length = 0;
    let separates = matches!(given.len() - dashes, 15 | 18);
    let has_other_mask = given.iter().any(|&c| is_mask(c)) || (dashes > 0 && !separates);
    for at in 0..given.len() {
        let c = match given[at] {
            b'-' if separates => continue,
            b'-' => b'*',
            // X is a check character at the end, and a mask in a run of them; one alone inside is an error.
            b'X' => {
                let follows = at > 0 && (given[at - 1] == b'X' || is_mask(given[at - 1]));
                let is_check = at + 1 == given.len() && (has_other_mask || !follows);
                let masks = follows || given.get(at + 1).is_some_and(|&c| c == b'X' || is_mask(c));
                match (is_check, masks) {
                    (true, _) => b'X',
                    (false, true) => b'*',
                    (false, false) => return None,
                }
            }
            c if is_mask(c) => b'*',
            c if c.is_ascii_digit() => c,
            _ => return None,
        };
        plain[length] = c;
        length += 1;
    }
    let plain = &plain[..length];
    let mut id = [b'*'; 18];
    match length {
        18 => id.copy_from_slice(plain),
        15 if !plain.contains(&b'X') => {
            if is_filler(plain) {
                // Kept recognisable for the caller, which tests the first 17.
                id[..17].fill(plain[0]);
                return Some(id);
            }
            id[..6].copy_from_slice(&plain[..6]);
            // Orders 996 to 999 were kept for those born in the century before.
            let century =
                if matches!(&plain[12..15], b"996" | b"997" | b"998" | b"999") { b"18" } else { b"19" };
            id[6..8].copy_from_slice(century);
            id[8..17].copy_from_slice(&plain[6..15]);
            if !id[..17].contains(&b'*') {
                id[17] = check_character(&id[..17]);
            }
        }
        // One run of masks of any length stands for all that is missing.
        1..=17 => {
            let start = plain.iter().position(|&c| c == b'*')?;
            let end = plain.iter().rposition(|&c| c == b'*')? + 1;
            if plain[start..end].iter().any(|&c| c != b'*') {
                return None;
            }
            id[..start].copy_from_slice(&plain[..start]);
            id[18 - (length - end)..].copy_from_slice(&plain[end..]);
        }
        _ => return None,
    }
    Some(id)
}

/// Fills the one `*` of a resident ID, where a digit fits.
fn restored(mut id: [u8; 18]) -> Option<[u8; 18]> {
    let at = id.iter().position(|&c| c == b'*')?;
    if at == 17 {
        id[17] = check_character(&id[..17]);
        return Some(id);
    }
    // At most one digit fits: every weight is invertible modulo 11.
    (b'0'..=b'9').find_map(|digit| {
        id[at] = digit;
        (check_character(&id[..17]) == id[17]).then_some(id)
    })
}

/// Birth date, sex and county that a resident ID carries, as far as its characters show.
pub fn cn_derived(id: &[u8; 18]) -> Derived {
    let number = |part: &[u8]| if part.iter().all(u8::is_ascii_digit) { value_of(part) as u32 } else { 0 };
    let sex = match id[16] {
        order if order.is_ascii_digit() => 2 - u32::from(order & 1),
        _ => 0,
    };
    let (year, month, day) = (number(&id[6..10]), number(&id[10..12]), number(&id[12..14]));
    // A month without its year, or a day without its month, would not be a date.
    let month = if year == 0 || month > 12 { 0 } else { month };
    let day = if month == 0 { 0 } else { day };
    Derived { birth_date: super::date::pack(year, month, day), sex, region: number(&id[..6]) }
}

const VERHOEFF_PRODUCT: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

const VERHOEFF_PERMUTATION: [[u8; 10]; 8] = {
    const ROW: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut rows = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; 8];
    let mut row = 1;
    while row < 8 {
        let mut digit = 0;
        while digit < 10 {
            rows[row][digit] = ROW[rows[row - 1][digit] as usize];
            digit += 1;
        }
        row += 1;
    }
    rows
};

fn is_verhoeff(digits: &[u8]) -> bool {
    let product = digits.iter().rev().enumerate().fold(0, |product: u8, (at, &d)| {
        VERHOEFF_PRODUCT[product as usize][VERHOEFF_PERMUTATION[at % 8][(d - b'0') as usize] as usize]
    });
    product == 0
}

/// Brings a number of fixed length with masks and separators to `N` characters of digits and `*`.
fn fixed<const N: usize>(raw: &str) -> Result<[u8; N], Outcome> {
    let mut buffer: Buffer = [0; 96];
    let Some(given) = compact(raw, &mut buffer) else {
        return Err(Outcome::Invalid);
    };
    if given.is_empty() {
        return Err(Outcome::Blank);
    }
    let mut id = [0; N];
    let mut length = 0;
    for &c in given.iter() {
        let c = match c {
            b'-' | b'.' | b'/' => continue,
            b'X' => b'*',
            c if is_mask(c) => b'*',
            c if c.is_ascii_digit() => c,
            _ => return Err(Outcome::Invalid),
        };
        let Some(slot) = id.get_mut(length) else {
            return Err(refusal(given));
        };
        *slot = c;
        length += 1;
    }
    if length != N || is_filler(&id) {
        return Err(refusal(&id[..length]));
    }
    Ok(id)
}

/// Reads an Aadhaar number of `range`.
///
/// The first digit of an issued one is 2 to 9; numbers that read the same backwards are not issued.
pub fn aadhaar(raw: &str, range: Range) -> Reading<12> {
    const NOTHING: [u8; 12] = [b'*'; 12];
    let mut id: [u8; 12] = match fixed(raw) {
        Ok(id) => id,
        Err(outcome) => return (outcome, 0, NOTHING),
    };
    let known = known_digits(&id);
    let starts = |first: u8| match range {
        Range::Issued => matches!(first, b'2'..=b'9'),
        Range::Synthetic => matches!(first, b'0' | b'1'),
    };
    if known < 11 {
        let usable = known >= MIN_KNOWN_OTHER && (id[0] == b'*' || starts(id[0]));
        return if usable { (Outcome::Partial, 0, id) } else { (Outcome::Invalid, 0, NOTHING) };
    }
    let mut outcome = Outcome::Valid;
    if let Some(at) = id.iter().position(|&c| c == b'*') {
        outcome = Outcome::Repaired;
        // Exactly one digit fits: each step of the scheme is a permutation.
        for digit in b'0'..=b'9' {
            id[at] = digit;
            if is_verhoeff(&id) {
                break;
            }
        }
    }
    let palindrome = id.iter().eq(id.iter().rev());
    if starts(id[0]) && !palindrome && is_verhoeff(&id) {
        (outcome, value_of(&id), id)
    } else {
        (Outcome::Invalid, 0, NOTHING)
    }
}

/// Reads a United States social security number of `range`; it has no check digit, so few errors show.
pub fn us_ssn(raw: &str, range: Range) -> Reading<9> {
    const NOTHING: [u8; 9] = [b'*'; 9];
    let id: [u8; 9] = match fixed(raw) {
        Ok(id) => id,
        Err(outcome) => return (outcome, 0, NOTHING),
    };
    let (area, group, serial) = (&id[..3], &id[3..5], &id[5..]);
    let elsewhere = match range {
        Range::Issued => area == b"000" || area == b"666" || area[0] == b'9',
        Range::Synthetic => !matches!(area[0], b'9' | b'*') || !matches!(group[0], b'0'..=b'4' | b'*'),
    };
    if elsewhere || group == b"00" || serial == b"0000" {
        return (Outcome::Invalid, 0, NOTHING);
    }
    // Printed in wallets and leaflets, then used by thousands.
    if matches!(&id, b"078051120" | b"219099999") {
        return (Outcome::Placeholder, 0, NOTHING);
    }
    match known_digits(&id) {
        9 => (Outcome::Valid, value_of(&id), id),
        MIN_KNOWN_OTHER..9 => (Outcome::Partial, 0, id),
        _ => (Outcome::Invalid, 0, NOTHING),
    }
}
