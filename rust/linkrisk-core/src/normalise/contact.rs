//! Ways to reach somebody: telephone numbers, e-mail addresses.
//!
//! A telephone number is packed as its E.164 digits, country code first (at most 15 digits, 50 bits).
//! Where a national number comes without a country, from the value or from the spec, bit 62 is set and
//! the digits are those without leading zeros: two such numbers compare, but never equal one whose
//! country is known. Canonical text is `+` and digits, or the digits alone.
//!
//! Numbering plans are known by country code, trunk prefix and length, and that of mainland China and
//! of North America in more detail. They are not a list of numbers in service.

use std::fmt::Write;
use std::sync::OnceLock;

use super::Outcome;
use super::text::{self, Buffer, compact, is_filler};

/// Marks a packed number whose country is not known.
pub const NO_COUNTRY: u64 = 1 << 62;

/// Fewest digits that must show in a masked number.
const MIN_KNOWN: usize = 6;

/// A numbering plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    region: &'static str,
    code: &'static str,
    /// Dialled before national numbers inside the country.
    trunk: &'static str,
    shortest: usize,
    longest: usize,
}

const fn plan(
    region: &'static str,
    code: &'static str,
    trunk: &'static str,
    shortest: usize,
    longest: usize,
) -> Plan {
    Plan { region, code, trunk, shortest, longest }
}

/// Plans by region; the first of a country code is the one a number in full is checked with.
const PLANS: [Plan; 50] = [
    plan("CN", "86", "0", 9, 11),
    plan("US", "1", "1", 10, 10),
    plan("CA", "1", "1", 10, 10),
    plan("GB", "44", "0", 9, 10),
    plan("IN", "91", "0", 10, 10),
    plan("DE", "49", "0", 5, 12),
    plan("FR", "33", "0", 9, 9),
    plan("IT", "39", "", 6, 11),
    plan("ES", "34", "", 9, 9),
    plan("PT", "351", "", 9, 9),
    plan("NL", "31", "0", 9, 9),
    plan("BE", "32", "0", 8, 9),
    plan("LU", "352", "", 6, 11),
    plan("CH", "41", "0", 9, 9),
    plan("AT", "43", "0", 4, 13),
    plan("DK", "45", "", 8, 8),
    plan("NO", "47", "", 8, 8),
    plan("SE", "46", "0", 7, 9),
    plan("FI", "358", "0", 5, 12),
    plan("IE", "353", "0", 7, 9),
    plan("PL", "48", "", 9, 9),
    plan("CZ", "420", "", 9, 9),
    plan("SK", "421", "0", 9, 9),
    plan("HU", "36", "06", 8, 9),
    plan("RO", "40", "0", 9, 9),
    plan("BG", "359", "0", 7, 9),
    plan("GR", "30", "", 10, 10),
    plan("TR", "90", "0", 10, 10),
    plan("UA", "380", "0", 9, 9),
    plan("RU", "7", "8", 10, 10),
    plan("JP", "81", "0", 9, 10),
    plan("KR", "82", "0", 8, 10),
    plan("HK", "852", "", 8, 8),
    plan("MO", "853", "", 8, 8),
    plan("TW", "886", "0", 8, 9),
    plan("SG", "65", "", 8, 8),
    plan("MY", "60", "0", 8, 10),
    plan("TH", "66", "0", 8, 9),
    plan("VN", "84", "0", 9, 10),
    plan("PH", "63", "0", 8, 10),
    plan("ID", "62", "0", 8, 12),
    plan("AU", "61", "0", 9, 9),
    plan("NZ", "64", "0", 8, 10),
    plan("BR", "55", "0", 10, 11),
    plan("MX", "52", "", 10, 10),
    plan("ZA", "27", "0", 9, 9),
    plan("NG", "234", "0", 8, 10),
    plan("PK", "92", "0", 9, 10),
    plan("AE", "971", "0", 8, 9),
    plan("IL", "972", "0", 8, 9),
];

/// The plan of a region, ISO 3166 alpha-2 in any case.
pub fn plan_of(region: &str) -> Option<&'static Plan> {
    PLANS.iter().find(|p| p.region.eq_ignore_ascii_case(region.trim()))
}

/// The regions whose plans are known.
pub fn regions() -> impl Iterator<Item = &'static str> {
    PLANS.iter().map(|p| p.region)
}

impl Plan {
    /// Whether digits are a number of the plan, without country code and trunk prefix.
    fn holds(&self, digits: &[u8]) -> bool {
        if !(self.shortest..=self.longest).contains(&digits.len()) {
            return false;
        }
        match self.code {
            // Mobile 1[3-9] and nine more; or an area code of two or three digits and seven or eight.
            "86" => match digits {
                [b'1', b'0', rest @ ..] => matches!(rest.len(), 7 | 8),
                [b'1', b'3'..=b'9', ..] => digits.len() == 11,
                [b'2', ..] => matches!(digits.len(), 9 | 10),
                [b'3'..=b'9', ..] => matches!(digits.len(), 10 | 11),
                _ => false,
            },
            "1" => matches!(digits[0], b'2'..=b'9') && matches!(digits[3], b'2'..=b'9'),
            _ => !digits.starts_with(b"0") || self.trunk.is_empty(),
        }
    }

    /// The national digits of what was dialled inside the country or written with the country code.
    fn national<'d>(&self, digits: &'d [u8]) -> Option<&'d [u8]> {
        let without_trunk = digits.strip_prefix(self.trunk.as_bytes()).filter(|_| !self.trunk.is_empty());
        let without_code = digits.strip_prefix(self.code.as_bytes());
        [without_trunk, Some(digits), without_code].into_iter().flatten().find(|d| self.holds(d))
    }
}

/// A telephone number as read: its packed value, or the characters of a masked one.
pub struct Phone {
    /// 0 unless the number is whole.
    pub packed: u64,
    /// Characters of a masked number, digits and `*`.
    pub masked: Option<String>,
}

const NO_PHONE: Phone = Phone { packed: 0, masked: None };

fn number_of(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |v, d| v * 10 + u64::from(d - b'0'))
}

/// Reads a telephone number; an extension after `x`, `ext` or `#` is dropped.
pub fn phone(raw: &str, region: Option<&Plan>) -> (Outcome, Phone) {
    let mut buffer: Buffer = [0; 96];
    let Some(given) = compact(raw, &mut buffer) else {
        return (Outcome::Invalid, NO_PHONE);
    };
    if given.is_empty() {
        return (Outcome::Blank, NO_PHONE);
    }
    let given: &[u8] = given.strip_prefix(b"TEL:").unwrap_or(given);
    let mut digits = [0u8; 24];
    let (mut length, mut masks) = (0, 0);
    let plus = given.first() == Some(&b'+') || given.starts_with(b"(+");
    let mut rest = given;
    while let [c, tail @ ..] = rest {
        rest = tail;
        match c {
            // (0) after a country code is the trunk prefix for callers from inside.
            b'(' if plus && tail.starts_with(b"0)") => rest = &tail[2..],
            b'-' | b'.' | b'/' | b'(' | b')' => {}
            b'+' if length == 0 => {}
            b'0'..=b'9' | b'*' => {
                let Some(slot) = digits.get_mut(length) else {
                    return (Outcome::Invalid, NO_PHONE);
                };
                *slot = *c;
                length += 1;
                masks += usize::from(*c == b'*');
            }
            b'X' | b'E' | b'#' if length >= 7 && is_extension(rest) => break,
            _ => return (Outcome::Invalid, NO_PHONE),
        }
    }
    let digits = &digits[..length];
    if masks > 0 {
        return masked(digits, masks, plus, region);
    }
    if is_filler(digits) || length == 0 {
        return (Outcome::Placeholder, NO_PHONE);
    }
    let (packed, national) = match whole(digits, plus, region) {
        Some(found) => found,
        None => return (Outcome::Invalid, NO_PHONE),
    };
    let empty = national.len() > 7 && national[national.len() - 7..].iter().all(|d| *d == b'0');
    if is_filler(national) || empty {
        return (Outcome::Placeholder, NO_PHONE);
    }
    (Outcome::Valid, Phone { packed, masked: None })
}

fn is_extension(rest: &[u8]) -> bool {
    let digits = rest.strip_prefix(b"XT").unwrap_or(rest);
    let digits = digits.strip_prefix(b".").unwrap_or(digits);
    !digits.is_empty() && digits.len() <= 6 && digits.iter().all(u8::is_ascii_digit)
}

/// The packed value and national digits of a whole number.
fn whole<'d>(digits: &'d [u8], plus: bool, region: Option<&Plan>) -> Option<(u64, &'d [u8])> {
    let abroad = if plus {
        Some(digits)
    } else {
        let exit = if region.is_some_and(|p| p.code == "1") { &b"011"[..] } else { b"00" };
        digits.strip_prefix(exit)
    };
    if let Some(international) = abroad {
        return e164(international);
    }
    match region {
        Some(plan) => {
            let national = plan.national(digits)?;
            Some((
                number_of(plan.code.as_bytes()) * 10u64.pow(national.len() as u32) + number_of(national),
                national,
            ))
        }
        None => {
            let start = digits.iter().position(|d| *d != b'0')?;
            let national = &digits[start..];
            (6..=15).contains(&national.len()).then(|| (NO_COUNTRY | number_of(national), national))
        }
    }
}

/// The plan whose country code three and more digits begin with.
fn plan_by_code(digits: &[u8]) -> Option<&'static Plan> {
    static BY_CODE: OnceLock<Vec<Option<&'static Plan>>> = OnceLock::new();
    let by_code = BY_CODE.get_or_init(|| {
        let starts = |code: usize| PLANS.iter().find(|p| format!("{code:03}").starts_with(p.code));
        (0..1000).map(starts).collect()
    });
    by_code.get(number_of(digits.get(..3)?) as usize).copied().flatten()
}

/// A number with its country code; checked with the plan where it is known.
fn e164(digits: &[u8]) -> Option<(u64, &[u8])> {
    if !(7..=15).contains(&digits.len()) || digits[0] == b'0' {
        return None;
    }
    let Some(plan) = plan_by_code(digits) else {
        return Some((number_of(digits), digits));
    };
    let rest = &digits[plan.code.len()..];
    // Kazakhstan and the Caribbean share a code with a plan of the same shape.
    let national = [Some(rest), rest.strip_prefix(plan.trunk.as_bytes()).filter(|_| !plan.trunk.is_empty())];
    let national = national.into_iter().flatten().find(|d| plan.holds(d))?;
    Some((number_of(plan.code.as_bytes()) * 10u64.pow(national.len() as u32) + number_of(national), national))
}

/// A masked number keeps its length, and its country where that shows or the region tells.
fn masked(digits: &[u8], masks: usize, plus: bool, region: Option<&Plan>) -> (Outcome, Phone) {
    if digits.len() - masks < MIN_KNOWN || !(7..=15).contains(&digits.len()) {
        return (Outcome::Invalid, NO_PHONE);
    }
    let text: String = digits.iter().map(|&d| d as char).collect();
    let trunk =
        |p: &Plan| if p.trunk.is_empty() { None } else { text.strip_prefix(p.trunk).map(str::to_owned) };
    let text = match region {
        _ if plus => format!("+{text}"),
        Some(p) => {
            let national = trunk(p).unwrap_or_else(|| text.clone());
            if !(p.shortest..=p.longest).contains(&national.len()) {
                return (Outcome::Invalid, NO_PHONE);
            }
            format!("+{}{national}", p.code)
        }
        None => text,
    };
    (Outcome::Partial, Phone { packed: 0, masked: Some(text) })
}

/// Appends the canonical text of a packed number.
pub fn phone_text(packed: u64, out: &mut String) {
    if packed & NO_COUNTRY == 0 {
        out.push('+');
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", packed & !NO_COUNTRY);
}

const NOBODY: [&str; 14] = [
    "none",
    "null",
    "nil",
    "na",
    "n/a",
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "unknown",
    "nobody",
    "noemail",
    "nomail",
    "notprovided",
];

/// Reads an e-mail address: folded, spaces dropped; tags and dots of the local part are kept, because
/// only some providers ignore them.
pub fn email(raw: &str, out: &mut String) -> Outcome {
    text::fold(raw, out);
    if let (Some(start), Some(end)) = (out.rfind('<'), out.rfind('>'))
        && start < end
    {
        *out = out[start + 1..end].to_owned();
    }
    text::drop_characters(out, char::is_whitespace);
    if let Some(address) = out.strip_prefix("mailto:") {
        *out = address.to_owned();
    }
    let outcome = judge_email(out);
    if !outcome.is_usable() {
        out.clear();
    }
    outcome
}

fn judge_email(address: &str) -> Outcome {
    if address.is_empty() {
        return Outcome::Blank;
    }
    let Some((local, domain)) = address.rsplit_once('@') else {
        return if text::is_placeholder(address) { Outcome::Placeholder } else { Outcome::Invalid };
    };
    let name = domain.split('.').next().unwrap_or(domain);
    if NOBODY.contains(&local) || NOBODY.contains(&name) || (local == name && local.len() <= 4) {
        return Outcome::Placeholder;
    }
    let label =
        |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-') && !l.starts_with('-');
    let is_local = !local.is_empty()
        && local.len() <= 64
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
        && !local.starts_with('.');
    let valid = is_local && domain.contains('.') && domain.split('.').all(label) && address.len() <= 254;
    if valid { Outcome::Valid } else { Outcome::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str, region: &str) -> (Outcome, String) {
        let (outcome, phone) = phone(raw, plan_of(region));
        let mut out = String::new();
        match phone.masked {
            Some(masked) => out = masked,
            None if outcome.is_usable() => phone_text(phone.packed, &mut out),
            None => {}
        }
        (outcome, out)
    }

    #[test]
    fn test_phone_cn() {
        for raw in [
            "13800138001",
            "+86 138 0013 8001",
            "0086-13800138001",
            "8613800138001",
            "１３８００１３８００１",
            "+86(0)13800138001",
        ] {
            assert_eq!(read(raw, "CN"), (Outcome::Valid, "+8613800138001".into()), "{raw}");
        }
        assert_eq!(read("010-12345679", "CN").1, "+861012345679");
        // Machines, a wrong second digit, a digit short.
        for raw in ["1064812345679", "1440012345679", "12800138001", "1380013800", "+8612800138001"] {
            assert_eq!(read(raw, "CN").0, Outcome::Invalid, "{raw}");
        }
        assert_eq!(read("138****8001", "CN"), (Outcome::Partial, "+86138****8001".into()));
    }

    #[test]
    fn test_phone_reserved_numbers_of_other_regions() {
        assert_eq!(read("07700 900123", "GB").1, "+447700900123");
        assert_eq!(read("+44 (0)7700 900123", "GB").1, "+447700900123");
        assert_eq!(read("+44 7700 900123", "").1, "+447700900123");
        assert_eq!(read("(212) 555-0142 x17", "US").1, "+12125550142");
        assert_eq!(read("1-212-555-0142", "US").1, "+12125550142");
        assert_eq!(read("011 44 7700 900123", "US").1, "+447700900123");
        assert_eq!(read("112 555 0142", "US").0, Outcome::Invalid);
    }

    #[test]
    fn test_phone_without_country_is_kept_apart() {
        assert_eq!(read("07700 900123", ""), (Outcome::Valid, "7700900123".into()));
        assert_ne!(phone("447700900123", None).1.packed, phone("+447700900123", None).1.packed);
    }

    #[test]
    fn test_phone_placeholders() {
        for raw in ["0000000000", "11111111111", "1234567890", "13000000000"] {
            assert_eq!(read(raw, "CN").0, Outcome::Placeholder, "{raw}");
        }
        assert_eq!(read("+12346", "CN").0, Outcome::Invalid);
        assert_eq!(read("call me", "CN").0, Outcome::Invalid);
        assert_eq!(read("", "CN").0, Outcome::Blank);
    }

    #[test]
    fn test_email() {
        let mut out = String::new();
        assert_eq!(email(" Anna <Anna.E+x@Example.COM> ", &mut out), Outcome::Valid);
        assert_eq!(out, "anna.e+x@example.com");
        for raw in ["none@none", "noreply@example.com", "N/A", "null@example.com"] {
            assert_eq!(email(raw, &mut out), Outcome::Placeholder, "{raw}");
        }
        for raw in ["anna", "a@b", "a b@c@d.com", "@example.com", "a@.com", "a@example..com"] {
            assert_eq!(email(raw, &mut out), Outcome::Invalid, "{raw}");
        }
    }
}
