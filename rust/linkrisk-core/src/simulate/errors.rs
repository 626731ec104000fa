//! How values go wrong on their way into a record: one error at most in each.
//!
//! A scenario states for each field how often which [`Slip`] happens ([`Rates`]); the truth names the
//! one that did.
//!
//! Typing inserts, deletes, replaces or swaps characters, each as often. Cameras read a symbol of a
//! plate as another of its confusion class. Dates get day and month swapped or a digit wrong, and
//! stay dates, as forms refuse anything else.

use super::draw::Draw;
use super::identifiers::{KEPT_OF_ID, KEPT_OF_PLATE, PLATE_SYMBOLS, TYPED_PLATE_KEPT, is_issued};
use super::population::MONTH_DAYS;
use crate::kernel::ocr;

/// What may happen to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Slip {
    /// Not there.
    Missing,
    /// Cut off with the rest of its row.
    Truncated,
    /// What a form takes when nothing is known.
    Placeholder,
    /// Partly covered by stars.
    Masked,
    /// A character inserted, left out, replaced or swapped; in Chinese, one that sounds the same.
    Typing,
    /// Parts in another order.
    Order,
    /// In Latin letters.
    Romanised,
    /// Read by a camera as something that looks alike.
    Misread,
    /// Another date, by day and month swapped or a digit.
    Misdated,
    /// Right once, and not brought up to date.
    Stale,
    /// Shortened, as people do who write it often.
    Abbreviated,
    /// Somebody else's.
    Other,
}

impl Slip {
    /// Every slip, in the order of its numbers.
    pub const ALL: [Slip; 12] = [
        Slip::Missing,
        Slip::Truncated,
        Slip::Placeholder,
        Slip::Masked,
        Slip::Typing,
        Slip::Order,
        Slip::Romanised,
        Slip::Misread,
        Slip::Misdated,
        Slip::Stale,
        Slip::Abbreviated,
        Slip::Other,
    ];

    /// The word for it in the truth.
    pub const fn name(self) -> &'static str {
        match self {
            Slip::Missing => "missing",
            Slip::Truncated => "truncated",
            Slip::Placeholder => "placeholder",
            Slip::Masked => "masked",
            Slip::Typing => "typing",
            Slip::Order => "order",
            Slip::Romanised => "romanised",
            Slip::Misread => "misread",
            Slip::Misdated => "date_slip",
            Slip::Stale => "stale",
            Slip::Abbreviated => "abbreviated",
            Slip::Other => "other_person",
        }
    }
}

/// How often which slip happens to a field, of all its values.
pub type Rates = &'static [(Slip, f64)];

/// Draws what happens to a value; mostly nothing.
#[inline]
pub fn draw_slip(rates: Rates, draw: &mut Draw) -> Option<Slip> {
    let mut drawn = draw.unit();
    for &(slip, rate) in rates {
        if drawn < rate {
            return Some(slip);
        }
        drawn -= rate;
    }
    None
}

/// Puts stars over the middle of a text behind `front` characters and before the last `back`.
pub fn mask(text: &mut String, front: usize, back: usize) {
    let stars = text.len().saturating_sub(front + back);
    text.replace_range(front..front + stars, &"*".repeat(stars));
}

/// Covers a resident ID in one of the three usual ways: the birth date, the end, or all but both ends.
pub fn mask_resident_id(text: &mut String, draw: &mut Draw) {
    match draw.below(3) {
        0 => mask(text, KEPT_OF_ID, 4),
        1 => mask(text, 14, 0),
        _ => mask(text, 10, 4),
    }
}

/// Reads a vehicle's plate as a camera does that is wrong: a symbol of the same confusion class, one
/// in four times any symbol in the last three places, one in ten times a symbol less.
pub fn misread_by_camera(text: &mut String, draw: &mut Draw) {
    let kind = draw.below(20);
    if kind < 2 {
        text.remove(TYPED_PLATE_KEPT + draw.below(text.len() - TYPED_PLATE_KEPT));
    } else if kind < 7 || !misread_in_class(text, KEPT_OF_PLATE, draw) {
        let at = TYPED_PLATE_KEPT + draw.below(text.len() - TYPED_PLATE_KEPT);
        replace_by_other(text, at, PLATE_SYMBOLS, draw);
    }
}

/// How often a wrong plate was misread rather than mistyped.
const MISREAD_SHARE: f64 = 0.6;
/// How often a wrong date has day and month swapped, where that is a date.
const SWAPPED_DATE_SHARE: f64 = 0.25;
/// Wrong digits that are tried before the day next to it is taken.
const DATE_TRIES: usize = 16;
/// Years that a form takes.
const FORM_YEARS: std::ops::RangeInclusive<u32> = 1901..=2024;

/// Symbols of names.
pub const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
/// Symbols of numbers.
pub const DIGITS: &[u8] = b"0123456789";

/// Makes one typing error behind the first `kept` characters of an ASCII text, which has more.
///
/// The text always changes, and keeps at least one character behind the kept ones.
pub fn mistype(text: &mut String, kept: usize, symbols: &[u8], draw: &mut Draw) {
    let upper = kept == 0 && text.starts_with(|c: char| c.is_ascii_uppercase());
    let at = kept + draw.below(text.len() - kept);
    let neighbours = |t: &str| {
        let bytes = t.as_bytes();
        at + 1 < bytes.len() && !bytes[at].eq_ignore_ascii_case(&bytes[at + 1])
    };
    match draw.below(4) {
        0 => text.insert(at, char::from(draw.one_of(symbols))),
        1 if text.len() > kept + 1 => drop(text.remove(at)),
        2 if neighbours(text) => {
            let moved = text.remove(at);
            text.insert(at + 1, moved);
        }
        _ => replace_by_other(text, at, symbols, draw),
    }
    if upper {
        // A form writes the first letter of a name large whichever it is.
        text.make_ascii_lowercase();
        let first = text.as_bytes()[0].to_ascii_uppercase();
        replace(text, 0, first);
    }
}

/// Replaces a symbol by another one, whichever case it is in.
fn replace_by_other(text: &mut String, at: usize, symbols: &[u8], draw: &mut Draw) {
    let old = text.as_bytes()[at].to_ascii_lowercase();
    let mut new = draw.one_of(symbols);
    if new.to_ascii_lowercase() == old {
        let next = symbols.iter().position(|&s| s == new).map_or(0, |i| i + 1);
        new = symbols[next % symbols.len()];
    }
    replace(text, at, new);
}

/// Misreads or mistypes a plate behind its first `kept` symbols, into none that somebody issues.
pub fn misread_plate(text: &mut String, kept: usize, draw: &mut Draw) {
    let right = text.clone();
    loop {
        if !(draw.chance(MISREAD_SHARE) && misread_in_class(text, kept, draw)) {
            mistype(text, kept, PLATE_SYMBOLS, draw);
        }
        if !is_issued(text) {
            return;
        }
        text.clone_from(&right);
    }
}

/// Takes a symbol behind the first `kept` for another of its confusion class, if one is in any.
fn misread_in_class(text: &mut String, kept: usize, draw: &mut Draw) -> bool {
    let class_of = |symbol: u8| ocr::CLASSES.iter().find(|class| class.contains(&symbol));
    let likely = text.bytes().skip(kept).filter(|&s| class_of(s).is_some()).count();
    if likely == 0 {
        return false;
    }
    let chosen = draw.below(likely);
    let found = text
        .bytes()
        .enumerate()
        .skip(kept)
        .filter_map(|(at, s)| class_of(s).map(|class| (at, s, *class)))
        .nth(chosen);
    let Some((at, symbol, class)) = found else { return false };
    let own = class.iter().position(|&s| s == symbol).unwrap_or(0);
    let other = (own + 1 + draw.below(class.len() - 1)) % class.len();
    replace(text, at, class[other]);
    true
}

/// Another date that somebody writes by mistake.
pub fn misdate(date: (u32, u32, u32), draw: &mut Draw) -> (u32, u32, u32) {
    let (year, month, day) = date;
    if day <= 12 && day != month && draw.chance(SWAPPED_DATE_SHARE) {
        return (year, day, month);
    }
    let digits = year * 10_000 + month * 100 + day;
    for _ in 0..DATE_TRIES {
        // The century is the last thing to be mistyped: two digits of the year, month and day.
        let unit = 10u32.pow(draw.below(6) as u32);
        let digit = digits / unit % 10;
        let wrong = digits - digit * unit + draw.below(10) as u32 * unit;
        let candidate = (wrong / 10_000, wrong / 100 % 100, wrong % 100);
        if wrong != digits && is_date(candidate) {
            return candidate;
        }
    }
    (year, month, if day > 1 { day - 1 } else { day + 1 })
}

fn is_date((year, month, day): (u32, u32, u32)) -> bool {
    let days = (month as usize).checked_sub(1).and_then(|m| MONTH_DAYS.get(m)).copied();
    FORM_YEARS.contains(&year) && days.is_some_and(|days| (1..=days).contains(&day))
}

fn replace(text: &mut String, at: usize, symbol: u8) {
    let mut buffer = [0; 4];
    text.replace_range(at..=at, char::from(symbol).encode_utf8(&mut buffer));
}

#[cfg(test)]
mod tests {
    use super::super::identifiers::push_vehicle_plate;
    use super::*;
    use crate::kernel::edit;

    #[test]
    fn test_mistype_makes_one_edit_behind_what_is_kept() {
        for i in 0..4_000 {
            let mut draw = Draw::new(1, 1, i);
            for (value, kept, symbols) in [
                ("Anna", 0, LETTERS),
                ("Li", 0, LETTERS),
                ("+999012345678", 4, DIGITS),
                ("990000199001010017", 6, DIGITS),
                ("ZZ1", 2, PLATE_SYMBOLS),
            ] {
                let mut text = value.to_owned();
                mistype(&mut text, kept, symbols, &mut draw);
                let (before, after) = (value.to_ascii_lowercase(), text.to_ascii_lowercase());
                assert_eq!(edit::osa(&before, &after, 3), 1, "{value} {text}");
                assert!(text.starts_with(&value[..kept]) && text.len() > kept);
                assert!(kept > 0 || text.starts_with(|c: char| c.is_ascii_uppercase()));
            }
        }
    }

    #[test]
    fn test_misread_plate_stays_in_class_more_often_than_not() {
        use crate::kernel::plate::{pack, symbol};
        let packed = |t: &str| pack(&t.chars().filter_map(symbol).collect::<Vec<_>>());
        let mut near = 0;
        for i in 0..2_000 {
            let mut text = "ZZ4B7K0X".to_owned();
            misread_plate(&mut text, 2, &mut Draw::new(1, 2, i));
            let distance = ocr::plate_distance(packed("ZZ4B7K0X"), packed(&text));
            assert!(distance > 0.0 && distance <= 2.0 && text.starts_with("ZZ"));
            near += u32::from(distance == 0.25);
        }
        assert!((1_100..1_400).contains(&near), "{near}");
    }

    #[test]
    fn test_cameras_misread_into_plates_that_nobody_issues() {
        for i in 0..20_000 {
            let mut right = String::new();
            push_vehicle_plate(i, &mut right);
            assert!(!is_issued(&right));
            let mut read = right.clone();
            misread_by_camera(&mut read, &mut Draw::new(1, 4, i));
            assert!(read != right && !is_issued(&read) && read.starts_with("ZZ"), "{right} {read}");
            let mut typed = right.clone();
            mistype(&mut typed, TYPED_PLATE_KEPT, PLATE_SYMBOLS, &mut Draw::new(1, 5, i));
            assert!(typed != right && !is_issued(&typed), "{right} {typed}");
        }
    }

    #[test]
    fn test_masks_cover_what_they_say() {
        let mut text = "990000199001010017".to_owned();
        mask(&mut text, 6, 4);
        assert_eq!(text, "990000********0017");
        mask(&mut text, 14, 0);
        assert_eq!(text, "990000************");
        for i in 0..20 {
            let mut masked = "990000199001010017".to_owned();
            mask_resident_id(&mut masked, &mut Draw::new(1, 6, i));
            assert!(masked.starts_with("990000") && masked.len() == 18 && masked.contains("****"));
        }
    }

    #[test]
    fn test_slips_come_at_their_rates() {
        const RATES: Rates = &[(Slip::Missing, 0.2), (Slip::Typing, 0.05)];
        let mut draw = Draw::new(1, 7, 1);
        let drawn: Vec<_> = (0..100_000).map(|_| draw_slip(RATES, &mut draw)).collect();
        let share = |slip| drawn.iter().filter(|d| **d == slip).count() as f64 / 100_000.0;
        assert!((share(Some(Slip::Missing)) - 0.2).abs() < 0.006);
        assert!((share(Some(Slip::Typing)) - 0.05).abs() < 0.004);
        assert_eq!(share(Some(Slip::Stale)), 0.0);
    }

    #[test]
    fn test_misdate_stays_a_date_and_differs() {
        for i in 0..5_000 {
            let mut draw = Draw::new(1, 3, i);
            for date in [(2024, 2, 28), (1930, 1, 1), (1984, 7, 3), (1999, 12, 31)] {
                let wrong = misdate(date, &mut draw);
                assert!(wrong != date && is_date(wrong), "{wrong:?}");
            }
        }
    }
}
