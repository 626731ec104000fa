//! Number plates: the Chinese scheme, and any scheme of two to nine letters and digits.
//!
//! Packed as [`crate::kernel::plate`] describes. Separators (`· . - _` and space) are dropped, case
//! and width folded. On Chinese plates the serial has neither O nor I, so an O there can only be a 0
//! and an I a 1: such a plate is repaired, not valid as it came. Other look-alikes stay as they are.
//! How many letters a serial holds is not checked.

use super::Outcome;
use super::text::{is_blank, push_without_accent};
use crate::kernel::plate::{MAX_SYMBOLS, pack, symbol};

/// How plates of an attribute are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// GA 36-2018, with military and armed-police plates.
    Cn,
    /// Two to nine letters and digits.
    Generic,
}

/// The characters that start an ordinary plate.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Characters at the end of plates of four-symbol serials.
const SUFFIXES: &str = "学警挂港澳领使试超";

/// Traditional forms, and Cyrillic letters that plates use for their Latin look-alikes.
const SAME: [(char, char); 26] = [
    ('滬', '沪'),
    ('雲', '云'),
    ('遼', '辽'),
    ('魯', '鲁'),
    ('蘇', '苏'),
    ('贛', '赣'),
    ('陝', '陕'),
    ('閩', '闽'),
    ('貴', '贵'),
    ('粵', '粤'),
    ('寧', '宁'),
    ('瓊', '琼'),
    ('領', '领'),
    ('學', '学'),
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('У', 'Y'),
    ('Х', 'X'),
];

/// Words that clerks and cameras enter for a vehicle without a plate.
const WORDS: [&str; 17] = [
    "NA",
    "NONE",
    "NULL",
    "NIL",
    "TEST",
    "UNKNOWN",
    "UNK",
    "NOPLATE",
    "NOPLATES",
    "NOTAG",
    "NOREAD",
    "无牌",
    "无牌车",
    "无",
    "未知",
    "未识别",
    "临时",
];

fn upper(c: char, out: &mut [char; MAX_SYMBOLS], length: &mut usize) -> Option<()> {
    let mut push = |c: char| -> Option<()> {
        *out.get_mut(*length)? = c;
        *length += 1;
        Some(())
    };
    if c.is_ascii() {
        return push(c.to_ascii_uppercase());
    }
    if ('\u{4e00}'..='\u{9fff}').contains(&c) {
        return push(SAME.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to));
    }
    let mut plain = String::new();
    for folded in
        unicode_normalization::UnicodeNormalization::nfkc(std::iter::once(c)).flat_map(char::to_lowercase)
    {
        push_without_accent(folded, &mut plain);
    }
    for c in plain.chars().flat_map(char::to_uppercase) {
        push(SAME.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to))?;
    }
    Some(())
}

/// Reads a plate into its packed value.
pub fn plate(raw: &str, scheme: Scheme) -> (Outcome, u64) {
    let mut text = ['\0'; MAX_SYMBOLS];
    let mut length = 0;
    for c in raw.trim().chars() {
        let separates = matches!(c, ' ' | '.' | '-' | '_' | '\u{b7}' | '\u{2022}' | '\u{2027}' | '\u{30fb}')
            || matches!(c, '\u{2010}'..='\u{2015}' | '－' | '．')
            || c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}');
        if !separates && upper(c, &mut text, &mut length).is_none() {
            return (Outcome::Invalid, 0);
        }
    }
    let text = &mut text[..length];
    if text.is_empty() {
        return (if is_blank(raw) { Outcome::Blank } else { Outcome::Placeholder }, 0);
    }
    // No word has a digit, and few plates have none.
    let may_be_word = !text.iter().any(char::is_ascii_digit);
    if may_be_word && WORDS.iter().any(|w| w.chars().eq(text.iter().copied())) {
        return (Outcome::Placeholder, 0);
    }
    let mut outcome = match scheme {
        Scheme::Generic => Outcome::Valid,
        Scheme::Cn => {
            let before: [char; MAX_SYMBOLS] = std::array::from_fn(|at| text.get(at).copied().unwrap_or('\0'));
            serial_digits(text);
            if !is_chinese(text) {
                return (refusal(text), 0);
            }
            if text[..] == before[..length] { Outcome::Valid } else { Outcome::Repaired }
        }
    };
    let mut codes = [0; MAX_SYMBOLS];
    for (code, &c) in codes.iter_mut().zip(text.iter()) {
        match symbol(c) {
            Some(known) => *code = known,
            None => return (Outcome::Invalid, 0),
        }
    }
    let repeated = text.iter().all(|c| *c == text[0]);
    let empty_serial = scheme == Scheme::Cn && text.iter().skip(2).all(|c| *c == '0');
    if length < 2 {
        outcome = Outcome::Invalid;
    } else if repeated || empty_serial {
        outcome = Outcome::Placeholder;
    }
    if outcome.is_usable() { (outcome, pack(&codes[..length])) } else { (outcome, 0) }
}

fn refusal(text: &[char]) -> Outcome {
    let filler = text.len() >= 4 && text.iter().all(|c| *c == text[0]);
    if filler { Outcome::Placeholder } else { Outcome::Invalid }
}

/// Replaces O and I by the digits they can only be, past the letter of the office.
fn serial_digits(text: &mut [char]) {
    let armed_police = text.starts_with(&['W', 'J']);
    let office = if armed_police || text[0].is_ascii() { 2 } else { text.len().min(2) };
    for c in text.iter_mut().skip(office) {
        match c {
            'O' => *c = '0',
            'I' => *c = '1',
            _ => {}
        }
    }
}

fn is_serial(c: char) -> bool {
    c.is_ascii_digit() || (c.is_ascii_uppercase() && !matches!(c, 'I' | 'O'))
}

fn all_digits(text: &[char]) -> bool {
    text.iter().all(char::is_ascii_digit)
}

fn is_chinese(text: &[char]) -> bool {
    match text {
        ['使', serial @ ..] => serial.len() == 6 && all_digits(serial),
        ['民', '航', serial @ ..] => serial.len() == 5 && serial.iter().all(|c| is_serial(*c)),
        ['W', 'J', rest @ ..] => is_armed_police(rest),
        // The office letter O was the police's; I was never used.
        [province, office, serial @ ..] if PROVINCES.contains(*province) => {
            office.is_ascii_uppercase() && *office != 'I' && is_chinese_serial(serial)
        }
        [branch, unit, serial @ ..] if "VZKHBSLJNGCE".contains(*branch) => {
            matches!(unit, 'A'..='D' | 'J'..='P' | 'R'..='T' | 'V' | 'Y')
                && serial.len() == 5
                && all_digits(serial)
        }
        [serial @ .., '使' | '领'] => serial.len() == 6 && all_digits(serial),
        _ => false,
    }
}

fn is_chinese_serial(serial: &[char]) -> bool {
    // Relaxed from D and F by the amendment that opened A to E and F to K.
    let energy = |c: char| matches!(c, 'A'..='H' | 'J' | 'K');
    match serial {
        [number @ .., '应', '急'] => number.len() == 4 && number.iter().all(|c| is_serial(*c)),
        [number @ .., suffix] if SUFFIXES.contains(*suffix) => {
            number.len() == 4 && number.iter().all(|c| is_serial(*c))
        }
        [first, second, number @ ..] if serial.len() == 6 && energy(*first) && all_digits(number) => {
            is_serial(*second)
        }
        [number @ .., last] if serial.len() == 6 => energy(*last) && all_digits(number),
        _ => serial.len() == 5 && serial.iter().all(|c| is_serial(*c)),
    }
}

/// What follows `WJ`: a province perhaps, four or five digits, a letter of the unit perhaps.
fn is_armed_police(rest: &[char]) -> bool {
    let rest = match rest {
        [province, rest @ ..] if PROVINCES.contains(*province) => rest,
        _ => rest,
    };
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    match &rest[digits..] {
        [] => (4..=6).contains(&digits),
        [unit] => (4..=5).contains(&digits) && "TDSHBXJ".contains(*unit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::plate::plate_text;

    fn read(raw: &str, scheme: Scheme) -> (Outcome, String) {
        let (outcome, packed) = plate(raw, scheme);
        let mut text = String::new();
        plate_text(packed, &mut text);
        (outcome, text)
    }

    #[test]
    fn test_plate_cn_accepts() {
        for valid in [
            "京A12345",
            "粤B12D34",
            "沪AD12345",
            "粤B12345D",
            "粤Z1234港",
            "京A1234学",
            "粤B1234D",
            "京O12345",
            "粤Z1234澳",
            "苏E1234挂",
            "鲁A1234警",
            "京X1234应急",
            "使014578",
            "VA12345",
            "WJ京1234T",
            "WJ12345",
            "沪AA12345",
            "民航B1234",
        ] {
            assert_eq!(read(valid, Scheme::Cn), (Outcome::Valid, valid.to_owned()));
        }
    }

    #[test]
    fn test_plate_cn_rejects() {
        for invalid in
            ["京I12345", "A京12345", "京A1234", "京A123456", "京112345", "ABC123", "京A12345港", "东A12345"]
        {
            assert_eq!(plate(invalid, Scheme::Cn), (Outcome::Invalid, 0), "{invalid}");
        }
    }

    #[test]
    fn test_plate_cn_letters_that_cannot_be_are_repaired() {
        assert_eq!(read("京A1O345", Scheme::Cn), (Outcome::Repaired, "京A10345".into()));
        assert_eq!(read("沪AD1234O", Scheme::Cn), (Outcome::Repaired, "沪AD12340".into()));
        assert_eq!(read("京AI2345", Scheme::Cn), (Outcome::Repaired, "京A12345".into()));
    }

    #[test]
    fn test_plate_spelling() {
        for raw in ["京A·12345", "京a 12345", "京Ａ－１２３４５", " 京A.123\t45\u{0}"] {
            assert_eq!(read(raw, Scheme::Cn).1, "京A12345", "{raw}");
        }
        assert_eq!(read("粵B12D34", Scheme::Cn).1, "粤B12D34");
        assert_eq!(read("m-äb 123", Scheme::Generic), (Outcome::Valid, "MAB123".into()));
        assert_eq!(read("а123вс77", Scheme::Generic), (Outcome::Valid, "A123BC77".into()));
    }

    #[test]
    fn test_plate_without_one() {
        for raw in ["无牌", "no plate", "NULL", "0000000", "---", "XXXXX"] {
            assert_eq!(plate(raw, Scheme::Generic), (Outcome::Placeholder, 0), "{raw}");
        }
        for raw in ["京A00000", "无牌车", "00000"] {
            assert_eq!(plate(raw, Scheme::Cn), (Outcome::Placeholder, 0), "{raw}");
        }
        assert_eq!(plate("  ", Scheme::Cn).0, Outcome::Blank);
        assert_eq!(plate("A", Scheme::Generic).0, Outcome::Invalid);
        assert_eq!(plate("ABCDEFGHIJ", Scheme::Generic).0, Outcome::Invalid);
        assert_eq!(plate("AB/12", Scheme::Generic).0, Outcome::Invalid);
    }
}
