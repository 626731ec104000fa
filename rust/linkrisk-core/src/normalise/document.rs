//! Travel documents: a number with or without its issuing country, or a machine-readable zone.
//!
//! A number of up to nine letters and digits is packed with the country, 62 bits in all:
//!
//! ```text
//! bit 62  0 │ country, base 27, 15 bits │ number, base 37 with digits from 1, 47 bits
//! bit 62  1 │ 62 bits of xxh3 of country and number, for 10 to 20 characters
//! ```
//!
//! Canonical text is `L898902C3`, or `UTO:L898902C3` where the country is known. Zones of the sizes
//! TD1, TD2 and TD3 of ICAO 9303 (and of visas, which have no composite check digit) are read with or
//! without line breaks; one wrong check digit makes them invalid. A zone that passes is evidence, not
//! proof: values that are equal modulo 10 replace one another unnoticed.

use xxhash_rust::xxh3::xxh3_64;

use super::text::{Buffer, JOINT, compact, is_filler};
use super::{Derived, Outcome, date};

const NUMBER_BITS: u32 = 47;
const HASHED: u64 = 1 << 62;
const MAX_PACKED: usize = 9;
const MAX_NUMBER: usize = 20;

/// A document as read: where it came from does not matter any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    country: [u8; 3],
    number: [u8; MAX_NUMBER],
    length: usize,
    /// What a machine-readable zone says beside the number.
    pub derived: Option<Derived>,
}

impl Document {
    const NONE: Document = Document { country: [0; 3], number: [0; MAX_NUMBER], length: 0, derived: None };

    fn number(&self) -> &[u8] {
        &self.number[..self.length]
    }

    /// The packed value; never 0 for a document that was read.
    pub fn packed(&self) -> u64 {
        if self.length > MAX_PACKED {
            let mut key = [0; 3 + MAX_NUMBER];
            key[..3].copy_from_slice(&self.country);
            key[3..].copy_from_slice(&self.number);
            return HASHED | (xxh3_64(&key) & (HASHED - 1));
        }
        let country =
            self.country.iter().fold(0, |v, &c| v * 27 + if c == 0 { 0 } else { u64::from(c - b'A') + 1 });
        let number = self.number().iter().fold(0, |v, &c| v * 37 + symbol(c));
        country << NUMBER_BITS | number
    }

    /// Appends the canonical text.
    pub fn push_text(&self, out: &mut String) {
        let country = self.country.iter().take_while(|c| **c != 0);
        out.extend(country.map(|&c| c as char));
        if self.country[0] != 0 {
            out.push(':');
        }
        out.extend(self.number().iter().map(|&c| c as char));
    }
}

fn symbol(c: u8) -> u64 {
    u64::from(if c.is_ascii_digit() { c - b'0' + 1 } else { c - b'A' + 11 })
}

/// Country and number of a packed document; `None` where only a hash was kept.
pub fn unpack(packed: u64) -> Option<(String, String)> {
    if packed & HASHED != 0 {
        return None;
    }
    let spell = |mut rest: u64, base: u64, letter: fn(u64) -> u8| {
        let mut text = Vec::new();
        while rest > 0 {
            match rest % base {
                0 => {}
                digit => text.push(letter(digit)),
            }
            rest /= base;
        }
        text.iter().rev().map(|&c| c as char).collect::<String>()
    };
    let country = spell(packed >> NUMBER_BITS, 27, |d| b'A' + d as u8 - 1);
    let number = spell(packed & ((1 << NUMBER_BITS) - 1), 37, |d| {
        if d <= 10 { b'0' + d as u8 - 1 } else { b'A' + d as u8 - 11 }
    });
    Some((country, number))
}

/// An ICAO country code of one to three letters, or `None`.
pub fn country_code(text: &str) -> Option<[u8; 3]> {
    let text = text.trim();
    let fits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic());
    let mut code = [0; 3];
    if fits {
        for (to, from) in code.iter_mut().zip(text.bytes()) {
            *to = from.to_ascii_uppercase();
        }
    }
    fits.then_some(code)
}

/// Reads a document; `country` is the one that issued it where the value does not say.
pub fn document(raw: &str, country: [u8; 3]) -> (Outcome, Document) {
    let mut buffer: Buffer = [0; 96];
    let Some(given) = compact(raw, &mut buffer) else {
        return (Outcome::Invalid, Document::NONE);
    };
    if given.is_empty() {
        return (Outcome::Blank, Document::NONE);
    }
    if given.contains(&b'<') && given.len() >= 72 {
        return match zone(given) {
            Some(document) => (Outcome::Valid, document),
            None => (Outcome::Invalid, Document::NONE),
        };
    }
    // Country and number in two columns or around a colon, in either order.
    let mut halves = raw.trim_matches(JOINT).splitn(2, [JOINT, ':', '：']);
    if let (Some(left), Some(right)) = (halves.next(), halves.next()) {
        return match (country_code(left), country_code(right)) {
            (Some(code), _) => plain(right, code),
            (None, Some(code)) => plain(left, code),
            (None, None) => (Outcome::Invalid, Document::NONE),
        };
    }
    plain(raw, country)
}

fn plain(raw: &str, country: [u8; 3]) -> (Outcome, Document) {
    let mut buffer: Buffer = [0; 96];
    let Some(given) = compact(raw, &mut buffer) else {
        return (Outcome::Invalid, Document::NONE);
    };
    let mut document = Document { country, ..Document::NONE };
    for &c in given.iter() {
        match c {
            b'-' | b'.' | b'/' | b'_' | b'<' => {}
            b'0'..=b'9' | b'A'..=b'Z' => {
                let Some(slot) = document.number.get_mut(document.length) else {
                    return (Outcome::Invalid, Document::NONE);
                };
                *slot = c;
                document.length += 1;
            }
            _ => return (Outcome::Invalid, Document::NONE),
        }
    }
    (judge(&document), document)
}

fn judge(document: &Document) -> Outcome {
    let number = document.number();
    let repeated = number.iter().all(|c| *c == number[0]);
    match number.len() {
        0 => Outcome::Placeholder,
        _ if is_filler(number) || (number.len() >= 3 && repeated) => Outcome::Placeholder,
        // Every country's numbers hold digits; a word is not a number.
        1..=3 => Outcome::Invalid,
        _ if !number.iter().any(u8::is_ascii_digit) => Outcome::Invalid,
        _ => Outcome::Valid,
    }
}

/// The check digit of a field: weights 7 3 1, letters from 10, `<` as 0.
fn check_digit<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Option<u8> {
    let mut sum = 0;
    for (&c, weight) in fields.into_iter().flatten().zip([7u32, 3, 1].into_iter().cycle()) {
        sum += weight
            * match c {
                b'0'..=b'9' => u32::from(c - b'0'),
                b'A'..=b'Z' => u32::from(c - b'A') + 10,
                b'<' => 0,
                _ => return None,
            };
    }
    Some(b'0' + (sum % 10) as u8)
}

fn passes(field: &[u8], digit: u8) -> bool {
    check_digit([field]) == Some(digit)
}

/// Reads a machine-readable zone without its line breaks.
fn zone(zone: &[u8]) -> Option<Document> {
    match zone.len() {
        90 if matches!(zone[0], b'A' | b'C' | b'I') => {
            let (first, second) = (&zone[..30], &zone[30..60]);
            let composite = check_digit([&first[5..30], &second[0..7], &second[8..15], &second[18..29]]);
            // A number of more than nine characters goes on in the optional field, its digit after it.
            let (number, digit) = if first[14] == b'<' {
                let end = first[15..].iter().position(|&c| c == b'<')? + 15;
                (
                    &[&first[5..14], &first[15..(end - 1).max(15)]].concat()[..],
                    *first.get(end.checked_sub(1)?)?,
                )
            } else {
                (&first[5..14], first[14])
            };
            (composite == Some(second[29])).then_some(())?;
            build(
                &first[2..5],
                number,
                digit,
                second[0..7].try_into().ok()?,
                second[7],
                second[8..15].try_into().ok()?,
            )
        }
        72 | 88 => {
            let width = zone.len() / 2;
            let (first, second) = (&zone[..width], &zone[width..]);
            if !first[0].is_ascii_uppercase() {
                return None;
            }
            if first[0] != b'V' {
                let composite = check_digit([&second[0..10], &second[13..20], &second[21..width - 1]]);
                let personal = width == 36
                    || passes(&second[28..42], second[42])
                    || (second[42] == b'<' && second[28..42].iter().all(|&c| c == b'<'));
                (composite == Some(second[width - 1]) && personal).then_some(())?;
            }
            let (born, expires) = (second[13..20].try_into().ok()?, second[21..28].try_into().ok()?);
            build(&first[2..5], &second[0..9], second[9], born, second[20], expires)
        }
        _ => None,
    }
}

fn build(
    country: &[u8],
    number: &[u8],
    digit: u8,
    born: [u8; 7],
    sex: u8,
    expires: [u8; 7],
) -> Option<Document> {
    let checked = passes(number, digit) && passes(&born[..6], born[6]) && passes(&expires[..6], expires[6]);
    let mut document = Document::NONE;
    for &c in number.iter().filter(|c| **c != b'<') {
        *document.number.get_mut(document.length)? = c;
        document.length += 1;
    }
    for (to, &from) in document.country.iter_mut().zip(country.iter().filter(|c| c.is_ascii_uppercase())) {
        *to = from;
    }
    let sex = match sex {
        b'M' => 1,
        b'F' => 2,
        _ => 0,
    };
    document.derived = Some(Derived { birth_date: born_on(&born[..6], &expires[..6]), sex, region: 0 });
    (checked && document.length > 0 && judge(&document) == Outcome::Valid).then_some(document)
}

/// The packed birth date of YYMMDD, parts written `<<` being unknown.
///
/// The century is this one only where that is not after the year of expiry, which is of this century
/// below 70: no clock is needed, and somebody of a hundred years is taken for a child.
fn born_on(born: &[u8], expires: &[u8]) -> u32 {
    let part = |field: &[u8], at: usize| {
        let two = &field[at..at + 2];
        two.iter().all(u8::is_ascii_digit).then(|| u32::from(two[0] - b'0') * 10 + u32::from(two[1] - b'0'))
    };
    let (Some(year), Some(expiry)) = (part(born, 0), part(expires, 0)) else {
        return 0;
    };
    let year = if expiry < 70 && year <= expiry { 2000 + year } else { 1900 + year };
    let month = part(born, 2).filter(|m| (1..=12).contains(m)).unwrap_or(0);
    let day = part(born, 4).filter(|&d| date::is_calendar_date(year, month, d)).unwrap_or(0);
    date::pack(year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TD3: &str =
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
    const TD1: &str =
        "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    const TD2: &str = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6";

    fn text(raw: &str) -> (Outcome, String) {
        let (outcome, document) = document(raw, [0; 3]);
        let mut out = String::new();
        if outcome.is_usable() {
            document.push_text(&mut out);
        }
        (outcome, out)
    }

    #[test]
    fn test_check_digit_of_published_fields() {
        assert_eq!(check_digit([&b"520727"[..]]), Some(b'3'));
        assert_eq!(check_digit([&b"AB2134<<<"[..]]), Some(b'5'));
        assert_eq!(check_digit([&b"a"[..]]), None);
    }

    #[test]
    fn test_zone_specimens() {
        for (raw, number) in [(TD3, "UTO:L898902C3"), (TD1, "UTO:D23145890"), (TD2, "UTO:D23145890")] {
            assert_eq!(text(raw), (Outcome::Valid, number.into()));
            assert_eq!(text(&raw.replace('\n', "")), (Outcome::Valid, number.into()));
            let derived = document(raw, [0; 3]).1.derived.expect("a zone derives");
            assert_eq!((date::unpack(derived.birth_date), derived.sex), ((1974, 8, 12), 2));
        }
    }

    #[test]
    fn test_zone_with_a_wrong_check_digit_is_invalid() {
        for zone in [TD3, TD2, TD1] {
            // Every check digit in turn: of the number, birth date, expiry, personal number, composite.
            let found = match zone.len() {
                89 => vec![54, 64, 72, 87, 88],
                73 => vec![46, 56, 64, 72],
                _ => vec![14, 37, 45, 60],
            };
            for at in found {
                let mut wrong = zone.as_bytes().to_vec();
                wrong[at] = if wrong[at] == b'9' { b'0' } else { wrong[at] + 1 };
                let wrong = String::from_utf8(wrong).expect("ASCII");
                assert_eq!(text(&wrong).0, Outcome::Invalid, "{at} of {}", zone.len());
            }
        }
    }

    #[test]
    fn test_long_number_of_a_card() {
        let digit = check_digit([&b"D2314589012"[..]]).expect("a digit") as char;
        let first = format!("I<UTOD23145890<12{digit}<<<<<<<<<<<<");
        let second = "7408122F1204159UTO<<<<<<<<<<<";
        let (f, s) = (first.as_bytes(), second.as_bytes());
        let composite = check_digit([&f[5..30], &s[0..7], &s[8..15], &s[18..29]]).expect("a digit") as char;
        let zone = format!("{first}{second}{composite}ERIKSSON<<ANNA<MARIA<<<<<<<<<<");
        assert_eq!(text(&zone), (Outcome::Valid, "UTO:D2314589012".into()));
    }

    #[test]
    fn test_number_with_country() {
        assert_eq!(text("uto : l898902-c3"), (Outcome::Valid, "UTO:L898902C3".into()));
        assert_eq!(text("L898902C3\u{1f}UTO"), (Outcome::Valid, "UTO:L898902C3".into()));
        assert_eq!(text("L898902C3\u{1f}"), (Outcome::Valid, "L898902C3".into()));
        assert_eq!(text("00000000").0, Outcome::Placeholder);
        assert_eq!(text("PASSPORT").0, Outcome::Invalid);
        assert_eq!(text("P12345678901234567890").0, Outcome::Invalid);
        assert_ne!(document("L898902C3", *b"UTO").1.packed(), document("L898902C3", [0; 3]).1.packed());
    }

    proptest! {
        #[test]
        fn test_pack_round_trip(number in "[A-Z0-9]{3,8}[0-9]", country in "[A-Z]{0,3}") {
            let code = country_code(&country).unwrap_or([0; 3]);
            let (outcome, read) = document(&number, code);
            prop_assume!(outcome == Outcome::Valid);
            prop_assert!(read.packed() != 0 && read.packed() < HASHED);
            prop_assert_eq!(unpack(read.packed()), Some((country, number)));
        }

        #[test]
        fn test_long_numbers_are_hashed(number in "[A-Z0-9]{12,19}[0-9]") {
            let (outcome, read) = document(&number, [0; 3]);
            prop_assume!(outcome == Outcome::Valid);
            prop_assert!(read.packed() & HASHED != 0 && read.packed() >> 63 == 0);
            prop_assert_eq!(unpack(read.packed()), None);
        }
    }
}
