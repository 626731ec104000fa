//! Dates of birth, ages and moments.
//!
//! A date is packed as `year << 9 | month << 5 | day`, parts that are unknown being 0; canonical
//! text is `1985-06-12`, `1985-06`, `1985`, or `--06-12` without a year. A moment is packed as
//! seconds since 1970 plus [`EPOCH_OFFSET`], so that 0 is none; canonical text is
//! `2022-08-01T12:30:00`, in UTC. An age is packed as the birth year it implies.
//!
//! Without a format these are read: year first (`1985-06-12`, `1985/6/12`, `19850612`,
//! `1985年6月12日`), day first with dots (`12.06.1985`), and with the month's English name. Day and
//! month around slashes or hyphens are read only where one of them is past 12 or both are equal:
//! `05/06/1985` is invalid without a format, because a guess would be wrong half of the time. With a
//! format, that is tried first, and ISO 8601 beside it. The canonical text of a value therefore reads
//! as itself, except under a format that swaps ISO's own month and day.

use std::fmt::Write;

use super::Outcome;
use super::format::Format;
use super::scan::Scan;
use super::text::{MAX_RAW_BYTES, cut, is_blank};

/// Years that a date of birth may have.
pub const BIRTH_YEARS: std::ops::RangeInclusive<u32> = 1850..=2100;

/// Years that a moment may have.
const MOMENT_YEARS: std::ops::RangeInclusive<u32> = 1900..=2200;

/// Added to the seconds since 1970 of a packed moment.
pub const EPOCH_OFFSET: u64 = 1 << 40;

/// The year ages and two-digit years refer to where the spec has no reference date.
///
/// A constant and not the clock's year: the same table gives the same run in any year.
pub const DEFAULT_REFERENCE_YEAR: u32 = 2026;

/// The oldest age that is believed.
const MAX_AGE: u32 = 120;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Dates that software and clerks enter for "none".
const PLACEHOLDERS: [(u32, u32, u32); 6] =
    [(1900, 1, 1), (0, 0, 0), (9999, 12, 31), (1111, 11, 11), (1, 1, 1), (1899, 12, 30)];

/// Packs a date; parts that are unknown are 0.
pub const fn pack(year: u32, month: u32, day: u32) -> u32 {
    year << 9 | (month & 15) << 5 | (day & 31)
}

/// Year, month and day of a packed date.
pub const fn unpack(packed: u32) -> (u32, u32, u32) {
    (packed >> 9, packed >> 5 & 15, packed & 31)
}

/// The packed date of a number of days since 1970-01-01; 0 outside the years of [`BIRTH_YEARS`] and
/// for the dates that mean "none".
pub fn from_days(days: i32) -> (Outcome, u32) {
    let (year, month, day) = civil(i64::from(days));
    match u32::try_from(year) {
        Ok(year) => judge_birth(year, month, day),
        Err(_) => (Outcome::Invalid, 0),
    }
}

const fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Whether a day exists and lies in the years of [`BIRTH_YEARS`].
pub fn is_calendar_date(year: u32, month: u32, day: u32) -> bool {
    BIRTH_YEARS.contains(&year) && day >= 1 && day <= days_in(year, month)
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    // Hinnant's algorithm: years begin in March, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year =
        (153 * (i64::from(month) + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day number since 1970-01-01, in the proleptic Gregorian calendar (H.
/// Hinnant, *chrono-compatible low-level date algorithms*).
pub fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The month and day of a day of the year.
pub(super) fn month_and_day(year: u32, mut day: u32) -> Option<(u32, u32)> {
    (1..=12).find_map(|month| {
        let length = days_in(year, month);
        if (1..=length).contains(&day) {
            return Some((month, day));
        }
        day = day.saturating_sub(length);
        None
    })
}

/// The month whose English name or abbreviation `word` is, in any case.
pub(super) fn month_named(word: &str) -> Option<u32> {
    let known = word.len() >= 3 && word.is_ascii() && word.len() <= 9;
    let at = MONTHS.iter().position(|m| known && word[..3].eq_ignore_ascii_case(m))?;
    Some(at as u32 + 1)
}

/// A date and a time of day, as written; parts that are missing are 0, the zone in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    pub year: u32,
    pub month: u32,
    pub day: u32,
    /// Hour, minute and second, where a time is written.
    pub time: Option<(u32, u32, u32)>,
    pub zone: i64,
}

/// Reads a date without a format; the text after it, which may be a time, comes with it.
fn detect(text: &str) -> Option<(Moment, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match digits {
        8 | 12 | 14 => {
            let part = |from: usize, to: usize| text[from..to].parse::<u32>().ok();
            let mut moment =
                Moment { year: part(0, 4)?, month: part(4, 6)?, day: part(6, 8)?, ..Moment::default() };
            if digits > 8 {
                let second = if digits == 14 { part(12, 14)? } else { 0 };
                moment.time = Some((part(8, 10)?, part(10, 12)?, second));
            }
            Some((moment, &text[digits..]))
        }
        0..=4 => year_first(text).or_else(|| day_first(text)).or_else(|| month_by_name(text)),
        _ => None,
    }
}

fn year_first(text: &str) -> Option<(Moment, &str)> {
    let mut scan = Scan::new(text);
    let mut moment = Moment::default();
    if scan.take("--") {
        moment.month = scan.number(2, 2)?;
        scan.separator("-")?;
    } else {
        moment.year = scan.number(4, 4)?;
        if scan.rest.is_empty() {
            return Some((moment, ""));
        }
        scan.separator("-/.年")?;
        if scan.rest.is_empty() {
            return Some((moment, ""));
        }
        moment.month = scan.number(1, 2)?;
        if scan.rest.is_empty() {
            return Some((moment, ""));
        }
        scan.separator("-/.月")?;
        if scan.rest.is_empty() {
            return Some((moment, ""));
        }
    }
    moment.day = scan.number(1, 2)?;
    let _ = scan.take("日") || scan.take("号");
    Some((moment, scan.rest))
}

/// `12.06.1985`, and other separators where the order does not matter or cannot be mistaken.
fn day_first(text: &str) -> Option<(Moment, &str)> {
    let mut scan = Scan::new(text);
    let first = scan.number(1, 2)?;
    let separator = scan.separator("-/.")?;
    let second = scan.number(1, 2)?;
    if scan.separator("-/.")? != separator {
        return None;
    }
    let year = scan.number(4, 4)?;
    let (day, month) = match (first, second) {
        _ if separator == '.' || first == second || first > 12 => (first, second),
        _ if second > 12 => (second, first),
        _ => return None,
    };
    Some((Moment { year, month, day, ..Moment::default() }, scan.rest))
}

/// `12 Jun 1985`, `12-JUN-1985`, `June 12, 1985`.
fn month_by_name(text: &str) -> Option<(Moment, &str)> {
    let mut scan = Scan::new(text);
    let mut day = scan.number(1, 2);
    if day.is_some() {
        let _ = scan.separator("-/.");
    }
    let month = month_named(scan.word())?;
    if day.is_none() {
        let _ = scan.separator("-.");
        day = scan.number(1, 2);
    }
    let _ = scan.separator("-/.,");
    let year = scan.number(4, 4)?;
    Some((Moment { year, month, day: day?, ..Moment::default() }, scan.rest))
}

/// Adds the time of day and zone that follow a date; `None` where something else follows.
fn with_time(mut moment: Moment, rest: &str) -> Option<Moment> {
    let mut scan = Scan::new(rest);
    scan.space();
    if scan.rest.is_empty() {
        return Some(moment);
    }
    let _ = scan.take("T") || scan.take("t") || scan.take(",");
    scan.space();
    if moment.time.is_none() {
        let hour = scan.plain_number(1, 2)?;
        let minute =
            if scan.take(":") { scan.plain_number(2, 2)? } else { scan.plain_number(2, 2).unwrap_or(0) };
        let second =
            if scan.take(":") { scan.plain_number(2, 2)? } else { scan.plain_number(2, 2).unwrap_or(0) };
        moment.time = Some((hour, minute, second));
    }
    if scan.take(".") || scan.take(",") {
        let _ = scan.digits();
    }
    scan.space();
    if let (Some((hour, minute, second)), Some(half)) = (moment.time, scan.half_of_day()) {
        moment.time = Some((hour % 12 + half, minute, second));
    }
    scan.space();
    moment.zone = scan.zone()?;
    scan.space();
    scan.rest.is_empty().then_some(moment)
}

fn read(raw: &str, format: Option<&Format>, reference_year: u32) -> Option<Moment> {
    if let Some(moment) = format.and_then(|f| f.read(raw, reference_year)) {
        return Some(moment);
    }
    let (moment, rest) = if format.is_some() {
        // Beside a format only ISO 8601, which cannot be mistaken for it.
        let iso = raw.starts_with("--") || raw.len() == 4 || raw.as_bytes().get(4) == Some(&b'-');
        if iso { year_first(raw)? } else { return None }
    } else {
        detect(raw)?
    };
    with_time(moment, rest)
}

fn judge_birth(year: u32, month: u32, day: u32) -> (Outcome, u32) {
    if PLACEHOLDERS.contains(&(year, month, day)) {
        return (Outcome::Placeholder, 0);
    }
    let in_range = year == 0 || BIRTH_YEARS.contains(&year);
    // Without a year, February may have a leap day.
    let longest = days_in(if year == 0 { 2000 } else { year }, month);
    let exists = month <= 12 && (day == 0 || (month > 0 && day <= longest));
    if !in_range || !exists || (year == 0 && day == 0) {
        return (Outcome::Invalid, 0);
    }
    let whole = year > 0 && month > 0 && day > 0;
    (if whole { Outcome::Valid } else { Outcome::Partial }, pack(year, month, day))
}

/// Reads a date of birth.
pub(super) fn birth_date(raw: &str, format: Option<&Format>, reference_year: u32) -> (Outcome, u32) {
    let raw = cut(raw.trim(), MAX_RAW_BYTES);
    match read(raw, format, reference_year) {
        Some(m) => judge_birth(m.year, m.month, m.day),
        None if is_blank(raw) => (Outcome::Blank, 0),
        None => (Outcome::Invalid, 0),
    }
}

/// Appends the canonical text of a packed date of birth.
pub fn birth_date_text(packed: u32, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match unpack(packed) {
        (0, month, day) => write!(out, "--{month:02}-{day:02}"),
        (year, 0, _) => write!(out, "{year:04}"),
        (year, month, 0) => write!(out, "{year:04}-{month:02}"),
        (year, month, day) => write!(out, "{year:04}-{month:02}-{day:02}"),
    };
}

/// Reads an age in years; months and days count as 0 years. The packed value is the birth year that
/// the age implies in `reference_year`, which is off by one for those whose birthday is yet to come.
pub(super) fn age(raw: &str, reference_year: u32) -> (Outcome, u32) {
    let raw = cut(raw.trim(), MAX_RAW_BYTES);
    if is_blank(raw) {
        return (Outcome::Blank, 0);
    }
    let mut scan = Scan::new(raw);
    let Some(years) = scan.plain_number(1, 3) else {
        return (Outcome::Invalid, 0);
    };
    if scan.take(".") {
        let _ = scan.digits();
    }
    scan.space();
    let years = match scan.rest.trim().to_lowercase().trim_end_matches('.') {
        "" | "y" | "yr" | "yrs" | "yo" | "y/o" | "year" | "years" | "years old" | "year old" | "岁"
        | "周岁" | "歲" => years,
        "m" | "mo" | "month" | "months" | "个月" | "月" | "d" | "day" | "days" | "天" => 0,
        _ => return (Outcome::Invalid, 0),
    };
    match years {
        0..=MAX_AGE => (Outcome::Valid, reference_year - years),
        // What registers put where no age is known.
        888 | 999 => (Outcome::Placeholder, 0),
        _ => (Outcome::Invalid, 0),
    }
}

/// Reads a moment; a date without a time of day is partial and has no packed value.
pub(super) fn time(raw: &str, format: Option<&Format>, reference_year: u32) -> (Outcome, u64, Moment) {
    let nothing = Moment::default();
    let raw = cut(raw.trim(), MAX_RAW_BYTES);
    if is_blank(raw) {
        return (Outcome::Blank, 0, nothing);
    }
    let moment = match epoch(raw) {
        Some(seconds) if format.is_none() => at_epoch(seconds),
        _ => read(raw, format, reference_year),
    };
    let Some(m) = moment else {
        return (Outcome::Invalid, 0, nothing);
    };
    if PLACEHOLDERS.contains(&(m.year, m.month, m.day)) {
        return (Outcome::Placeholder, 0, nothing);
    }
    let exists = MOMENT_YEARS.contains(&m.year) && m.day >= 1 && m.day <= days_in(m.year, m.month);
    match m.time {
        Some((hour, minute, second)) if exists && hour < 24 && minute < 60 && second <= 60 => {
            let days = days_from_civil(i64::from(m.year), m.month, m.day);
            let seconds = days * 86_400 + i64::from(hour * 3_600 + minute * 60 + second) - m.zone;
            match seconds {
                0 => (Outcome::Placeholder, 0, nothing),
                // A zone can carry the first or last day out of the years that the text can hold.
                _ if at_epoch(seconds).is_none() => (Outcome::Invalid, 0, nothing),
                _ => (Outcome::Valid, pack_time(seconds), m),
            }
        }
        None if exists => (Outcome::Partial, 0, m),
        _ => (Outcome::Invalid, 0, nothing),
    }
}

/// Packs seconds since 1970; anything before the year −32 873 or after 36 812 would not fit.
pub const fn pack_time(seconds: i64) -> u64 {
    seconds.wrapping_add(EPOCH_OFFSET as i64) as u64
}

/// The seconds since 1970 of a packed moment.
pub const fn unpack_time(packed: u64) -> i64 {
    packed as i64 - EPOCH_OFFSET as i64
}

/// Seconds since 1970 of a plain number: 9 or 10 digits are seconds, 13 milli-, 16 microseconds.
fn epoch(raw: &str) -> Option<i64> {
    let (digits, scale) = match raw.len() {
        9 | 10 => (raw, 1),
        13 => (raw, 1_000),
        16 => (raw, 1_000_000),
        _ if raw == "0" => (raw, 1),
        _ => return None,
    };
    let all = digits.bytes().all(|b| b.is_ascii_digit());
    if all { digits.parse::<i64>().ok().map(|n| n / scale) } else { None }
}

fn at_epoch(seconds: i64) -> Option<Moment> {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let year = u32::try_from(year).ok().filter(|y| MOMENT_YEARS.contains(y))?;
    let of_day = seconds.rem_euclid(86_400) as u32;
    let time = Some((of_day / 3_600, of_day / 60 % 60, of_day % 60));
    Some(Moment { year, month, day, time, zone: 0 })
}

/// Appends the canonical text of a packed moment, in UTC; nothing for one that has no text.
pub fn time_text(packed: u64, out: &mut String) {
    if let Some(Moment { year, month, day, time: Some((hour, minute, second)), .. }) =
        at_epoch(unpack_time(packed))
    {
        let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    }
}

/// Appends the canonical text of a day without a time.
pub(super) fn day_text(m: &Moment, out: &mut String) {
    let _ = write!(out, "{:04}-{:02}-{:02}", m.year, m.month, m.day);
}
