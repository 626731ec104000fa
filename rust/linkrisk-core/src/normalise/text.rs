//! Folding of text, the words that mean "none", and the kinds that are little more than text.
//!
//! Folding is NFKC, lower case, one space between words, and no control or zero-width characters.
//! Only the first [`MAX_RAW_BYTES`] of a value are looked at and the first [`MAX_BYTES`] of the
//! result are kept, both cut between characters: a value of ten megabytes costs what one of a
//! kilobyte costs.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::Outcome;

/// Bytes of a raw value that are read.
pub const MAX_RAW_BYTES: usize = 1024;

/// Bytes of a canonical text that are kept.
pub const MAX_BYTES: usize = 256;

/// The character that joins the columns of an attribute that is made of several.
pub const JOINT: char = '\u{1f}';

/// Whether a folded text is a word for "none". Text without a single letter or digit means the same.
///
/// A `match` looks at the length first: a list that is searched took one in fifteen instructions of reading.
fn is_word_for_none(folded: &str) -> bool {
    matches!(
        folded,
        "na" | "n/a"
            | "n.a."
            | "#n/a"
            | "nan"
            | "none"
            | "null"
            | "nil"
            | "nill"
            | "empty"
            | "blank"
            | "missing"
            | "unknown"
            | "unk"
            | "unkn"
            | "unspecified"
            | "undefined"
            | "not known"
            | "not available"
            | "not applicable"
            | "not provided"
            | "no data"
            | "no name"
            | "noname"
            | "nn"
            | "n.n."
            | "test"
            | "testing"
            | "tester"
            | "dummy"
            | "xx"
            | "xxx"
            | "xxxx"
            | "xxxxx"
            | "xxxxxx"
            | "tbd"
            | "tba"
            | "anonymous"
            | "john doe"
            | "jane doe"
            | "<null>"
            | "(null)"
            | "[null]"
            | "\\n"
            | "00000"
            | "0000"
            | "无"
            | "無"
            | "未知"
            | "不详"
            | "不詳"
            | "没有"
            | "没"
            | "暂无"
            | "暫無"
            | "空"
            | "未填"
            | "未填写"
            | "测试"
            | "匿名"
            | "未登记"
            | "不明"
    )
}

/// The longest prefix of `text` of at most `bytes` bytes that ends between characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether a character is neither shown nor a space: control, zero-width, byte order mark, soft hyphen.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a raw value shows nothing at all.
pub fn is_blank(raw: &str) -> bool {
    raw.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Folds `raw` into `out`, which is cleared first.
pub fn fold(raw: &str, out: &mut String) {
    out.clear();
    let raw = cut(raw.trim_start(), MAX_RAW_BYTES);
    if raw.is_ascii() {
        push_words(raw.chars().map(|c| c.to_ascii_lowercase()), out);
    } else {
        push_words(raw.nfkc().flat_map(char::to_lowercase), out);
        // Lower-casing and dropping invisible characters can leave what NFKC would compose again.
        for _ in 0..4 {
            if is_nfkc_quick(out.chars()) == IsNormalized::Yes {
                break;
            }
            let again = std::mem::take(out);
            push_words(again.nfkc().flat_map(char::to_lowercase), out);
        }
    }
    truncate(out);
}

/// Drops characters from folded text and composes again what that brought together.
pub fn drop_characters(out: &mut String, dropped: impl Fn(char) -> bool) {
    for _ in 0..4 {
        out.retain(|c| !dropped(c));
        if out.is_ascii() || is_nfkc_quick(out.chars()) == IsNormalized::Yes {
            break;
        }
        let again = std::mem::take(out);
        fold(&again, out);
    }
}

fn truncate(out: &mut String) {
    let kept = cut(out, MAX_BYTES).trim_end().len();
    out.truncate(kept);
}

fn push_words(characters: impl Iterator<Item = char>, out: &mut String) {
    let mut gap = false;
    for c in characters {
        // The joint and line breaks part words; other control characters are noise inside them.
        if c.is_whitespace() || c == JOINT {
            gap = true;
        } else if !is_invisible(c) {
            if gap && !out.is_empty() {
                out.push(' ');
            }
            gap = false;
            out.push(c);
        }
    }
}

/// The letters that stand for a Latin, Greek or Cyrillic letter with its accent removed.
///
/// Other scripts are left alone: their marks are vowels, not accents.
pub fn push_without_accent(c: char, out: &mut String) {
    match c {
        '\u{300}'..='\u{36f}' => {}
        _ if c.is_ascii() => out.push(c),
        '\u{c0}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}' => {
            // What is left of ǿ is ø, which is a letter with a stroke and no accent.
            decompose_canonical(c, |part| {
                if !is_combining_mark(part) {
                    push_without_stroke(part, out);
                }
            });
        }
        _ => out.push(c),
    }
}

fn push_without_stroke(c: char, out: &mut String) {
    match c {
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'þ' => out.push_str("th"),
        'ø' => out.push('o'),
        'đ' | 'ð' => out.push('d'),
        'ł' => out.push('l'),
        'ı' => out.push('i'),
        _ => out.push(c),
    }
}

/// Whether a folded text means "none": a known word, or no letter and no digit at all.
pub fn is_placeholder(folded: &str) -> bool {
    !folded.chars().any(char::is_alphanumeric) || is_word_for_none(folded)
}

/// Whether digits are a filler: one digit repeated, or counted up or down from an end.
pub fn is_filler(digits: &[u8]) -> bool {
    let follows = |step: u8| digits.windows(2).all(|w| (w[0] - b'0' + step) % 10 == w[1] - b'0');
    digits.len() >= 4
        && digits.iter().all(u8::is_ascii_digit)
        && (follows(0)
            || (matches!(digits[0], b'0' | b'1') && follows(1))
            || (matches!(digits[0], b'0' | b'9') && follows(9)))
}

/// Room for the characters of one compacted value; the longest is a TD1 zone of 90.
pub type Buffer = [u8; 96];

/// The characters of a short code: upper-case ASCII, full-width forms and look-alike punctuation
/// folded, everything that is not shown dropped. `None` where something else is in it or it is too
/// long.
pub fn compact<'b>(raw: &str, buffer: &'b mut Buffer) -> Option<&'b mut [u8]> {
    let mut length = 0;
    for c in raw.trim().chars() {
        let c = match c {
            ' ' | '\0'..='\x1f' | '\x7f' => continue,
            '!'..='~' => c as u8,
            '\u{ff01}'..='\u{ff5e}' => (c as u32 - 0xfee0) as u8,
            '\u{2010}'..='\u{2015}' | '\u{2212}' => b'-',
            '\u{b7}' | '\u{30fb}' | '\u{2027}' => b'.',
            '\u{2022}' | '\u{25cf}' | '\u{d7}' => b'*',
            _ if c.is_whitespace() || is_invisible(c) => continue,
            _ => return None,
        };
        *buffer.get_mut(length)? = c.to_ascii_uppercase();
        length += 1;
    }
    Some(&mut buffer[..length])
}

/// Folded text as it is: place, category, text.
pub fn folded(raw: &str, out: &mut String) -> Outcome {
    fold(raw, out);
    settle(out)
}

fn settle(out: &mut String) -> Outcome {
    if out.is_empty() {
        Outcome::Blank
    } else if is_placeholder(out) {
        out.clear();
        Outcome::Placeholder
    } else {
        Outcome::Valid
    }
}

/// A postal address: accents folded, punctuation dropped, common abbreviations written out.
pub fn address(raw: &str, out: &mut String) -> Outcome {
    let mut text = String::new();
    fold(raw, &mut text);
    out.clear();
    if is_placeholder(&text) {
        return if text.is_empty() { Outcome::Blank } else { Outcome::Placeholder };
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '’' => {}
            '-' | '/' | '&' => plain.push(c),
            _ if c.is_alphanumeric() || is_combining_mark(c) => push_without_accent(c, &mut plain),
            _ => plain.push(' '),
        }
    }
    drop_characters(&mut plain, |_| false);
    for word in plain.split_ascii_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        // At the front `st` is Saint.
        out.push_str(if out.is_empty() { word } else { written_out(word) });
    }
    truncate(out);
    // The cut can leave an abbreviation of a longer word at the end.
    if let Some(at) = out.rfind(' ') {
        let last = written_out(&out[at + 1..]);
        if out.len() >= MAX_BYTES - 12 && last != &out[at + 1..] {
            out.truncate(at);
        }
    }
    settle(out)
}

fn written_out(word: &str) -> &str {
    match word {
        "st" | "str" => "street",
        "rd" => "road",
        "ave" | "av" => "avenue",
        "blvd" => "boulevard",
        "dr" => "drive",
        "ln" => "lane",
        "ct" => "court",
        "pl" => "place",
        "sq" => "square",
        "hwy" => "highway",
        "apt" => "apartment",
        _ => word,
    }
}

/// An account, customer or device number: case folded, spaces and `- . : /` dropped.
pub fn account(raw: &str, out: &mut String) -> Outcome {
    let outcome = folded(raw, out);
    if outcome != Outcome::Valid {
        return outcome;
    }
    drop_characters(out, |c| matches!(c, ' ' | '-' | '.' | ':' | '/'));
    if is_placeholder(out) || is_filler(out.as_bytes()) {
        out.clear();
        return Outcome::Placeholder;
    }
    Outcome::Valid
}

/// The sexes as they are packed.
pub const SEXES: [&str; 4] = ["", "male", "female", "other"];

/// Sex: 1 male, 2 female, 3 other. ISO/IEC 5218 codes, and words and letters of several languages.
///
/// `m` is male and `f` female; `w`, `v`, `k` are female (German, Dutch, Swedish), `h` male (French,
/// Spanish). 0 and 9, not known and not applicable in ISO/IEC 5218, are placeholders.
pub fn sex(raw: &str) -> (Outcome, u64) {
    let mut folded = String::new();
    fold(cut(raw.trim_start(), 64), &mut folded);
    let value = match folded.trim_end_matches('.') {
        "" if folded.is_empty() => return (Outcome::Blank, 0),
        "1" | "m" | "male" | "man" | "boy" | "mr" | "男" | "男性" | "男士" | "先生" | "♂" | "h" | "homme"
        | "hombre" | "herr" | "mann" | "männlich" | "maennlich" | "masculin" | "masculino" | "maschio"
        | "man." | "masculine" | "mannlig" | "м" | "муж" | "мужской" | "남" | "남성" | "남자" | "पुरुष" => {
            1
        }
        "2" | "f" | "female" | "woman" | "girl" | "mrs" | "ms" | "miss" | "女" | "女性" | "女士" | "小姐"
        | "♀" | "w" | "v" | "k" | "femme" | "mujer" | "frau" | "weiblich" | "féminin" | "feminin"
        | "femenino" | "feminino" | "femmina" | "vrouw" | "kvinna" | "kvinne" | "kvinde" | "feminine"
        | "ж" | "жен" | "женский" | "여" | "여성" | "여자" | "महिला" => 2,
        "3" | "x" | "o" | "d" | "other" | "diverse" | "divers" | "nonbinary" | "non-binary" | "intersex"
        | "third gender" | "transgender" | "其他" | "其它" => 3,
        "0" | "9" | "u" | "n" | "未知的性别" | "未说明的性别" | "保密" => {
            return (Outcome::Placeholder, 0);
        }
        _ if is_placeholder(&folded) => return (Outcome::Placeholder, 0),
        _ => return (Outcome::Invalid, 0),
    };
    (Outcome::Valid, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded_text(raw: &str) -> String {
        let mut out = String::new();
        fold(raw, &mut out);
        out
    }

    #[test]
    fn test_fold_unifies_width_case_and_space() {
        assert_eq!(folded_text("  Ｎｏ．１２\u{3000}北京\t路\u{200b} "), "no.12 北京 路");
        assert_eq!(folded_text("a\u{1f}B"), "a b");
        assert_eq!(folded_text("a\u{0}b"), "ab");
    }

    #[test]
    fn test_fold_cuts_between_characters() {
        let long = "路".repeat(4_000_000);
        let out = folded_text(&long);
        assert_eq!(out.len(), 255);
        assert!(out.chars().all(|c| c == '路'));
    }

    #[test]
    fn test_placeholder_words() {
        for word in ["无", "N/A", "none", "NULL", "--", ".", "?", "暂无", "Unknown", "ｎａ"] {
            assert_eq!(folded(word, &mut String::new()), Outcome::Placeholder, "{word}");
        }
        assert_eq!(folded("Ned", &mut String::new()), Outcome::Valid);
        assert_eq!(folded(" \u{0}\u{feff}\n", &mut String::new()), Outcome::Blank);
    }

    #[test]
    fn test_filler_digits() {
        for digits in ["0000000000", "1111", "123456789", "0123456789", "1234567890", "987654321"] {
            assert!(is_filler(digits.as_bytes()), "{digits}");
        }
        assert!(!is_filler(b"1123456789"));
        assert!(!is_filler(b"345678"));
    }

    #[test]
    fn test_address_writes_abbreviations_out() {
        let mut out = String::new();
        assert_eq!(address("12, Main St., Apt 4", &mut out), Outcome::Valid);
        assert_eq!(out, "12 main street apartment 4");
        assert_eq!(address("St. Mary's Rd 3", &mut out), Outcome::Valid);
        assert_eq!(out, "st marys road 3");
        assert_eq!(address("Königstraße 7", &mut out), Outcome::Valid);
        assert_eq!(out, "konigstrasse 7");
    }

    #[test]
    fn test_account_drops_separators() {
        let mut out = String::new();
        assert_eq!(account("GB-12 34.AB", &mut out), Outcome::Valid);
        assert_eq!(out, "gb1234ab");
        assert_eq!(account("0000-0000", &mut out), Outcome::Placeholder);
        assert!(out.is_empty());
    }

    #[test]
    fn test_sex_codes_and_words() {
        for (raw, value) in
            [("男", 1), ("F", 2), ("Male ", 1), ("2", 2), ("weiblich", 2), ("X", 3), ("ｍ", 1)]
        {
            assert_eq!(sex(raw), (Outcome::Valid, value), "{raw}");
        }
        assert_eq!(sex("0").0, Outcome::Placeholder);
        assert_eq!(sex("9").0, Outcome::Placeholder);
        assert_eq!(sex("N/A").0, Outcome::Placeholder);
        assert_eq!(sex("tall").0, Outcome::Invalid);
        assert_eq!(sex(" ").0, Outcome::Blank);
    }
}
