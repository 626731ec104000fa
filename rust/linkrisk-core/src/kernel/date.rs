//! Agreement of packed dates: `year << 9 | month << 5 | day`, unknown parts being zero.
//!
//! The levels are ordered by how rarely two people agree so by chance, best first. With birth dates
//! spread over 75 years that is about
//!
//! | level | two people in | what makes it of one person |
//! |---|---|---|
//! | exact | 27 000 | |
//! | day and month swapped | 80 000, where both are at most 12 | the other order of writing |
//! | one digit | 1 500 | typing, reading |
//! | same year and month | 1 000 | a guessed or rounded day |
//! | same month and day | 370 | a wrong year or century |
//! | same year | 80 | a guessed date |
//! | within ten years | 4 | an age for a date |
//! | else | | |
//!
//! Exact comes before the rarer swap because one person's dates are equal far more often than
//! swapped: the order is that of the evidence.

use super::digits::osa_one;

/// How two dates agree, the strongest level first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DateAgreement {
    /// Year, month and day are known and equal.
    Exact,
    /// The same date with day and month in the other order.
    SwappedDayMonth,
    /// One digit of `YYYYMMDD` differs, or two neighbours are swapped.
    OneDigit,
    /// Year and month are equal, the day is not or is unknown.
    SameYearMonth,
    /// Month and day are equal, the year is not or is unknown.
    SameMonthDay,
    /// The year is equal and no more.
    SameYear,
    /// The years are at most ten apart.
    WithinTenYears,
    /// Further apart.
    Else,
}

impl DateAgreement {
    /// Every level, the strongest first.
    pub const ALL: [DateAgreement; 8] = [
        DateAgreement::Exact,
        DateAgreement::SwappedDayMonth,
        DateAgreement::OneDigit,
        DateAgreement::SameYearMonth,
        DateAgreement::SameMonthDay,
        DateAgreement::SameYear,
        DateAgreement::WithinTenYears,
        DateAgreement::Else,
    ];

    /// What the level means, as reports print it.
    pub const fn label(self) -> &'static str {
        match self {
            DateAgreement::Exact => "exact",
            DateAgreement::SwappedDayMonth => "day and month swapped",
            DateAgreement::OneDigit => "one digit differs",
            DateAgreement::SameYearMonth => "same year and month",
            DateAgreement::SameMonthDay => "same month and day",
            DateAgreement::SameYear => "same year",
            DateAgreement::WithinTenYears => "within ten years",
            DateAgreement::Else => "else",
        }
    }
}

/// Years that [`DateAgreement::WithinTenYears`] reaches.
const NEAR_YEARS: u32 = 10;

/// Packs a date; a part that is unknown is 0.
pub const fn pack(year: u32, month: u32, day: u32) -> u32 {
    year << 9 | month << 5 | day
}

/// The year, month and day of a packed date, 0 where unknown.
pub const fn unpack(date: u32) -> (u32, u32, u32) {
    (date >> 9, date >> 5 & 15, date & 31)
}

/// Finds the strongest level on which two packed dates agree.
///
/// Partial dates are compared on the parts that both have, and never reach a level that speaks of
/// a part which one of them lacks: a year that agrees with a whole date is [`SameYear`], not
/// [`Exact`]. None where no level speaks of what both have (one is missing, or only months or only
/// days are shared). Symmetric; a few nanoseconds.
///
/// [`SameYear`]: DateAgreement::SameYear
/// [`Exact`]: DateAgreement::Exact
pub fn agreement(a: u32, b: u32) -> Option<DateAgreement> {
    use DateAgreement::{
        Else, Exact, OneDigit, SameMonthDay, SameYear, SameYearMonth, SwappedDayMonth, WithinTenYears,
    };
    let ((y1, m1, d1), (y2, m2, d2)) = (unpack(a), unpack(b));
    let years = y1 != 0 && y2 != 0;
    let months = m1 != 0 && m2 != 0;
    let days = d1 != 0 && d2 != 0;
    let month_days = months && days;
    if years && month_days {
        if a == b {
            return Some(Exact);
        }
        if y1 == y2 && m1 == d2 && d1 == m2 {
            return Some(SwappedDayMonth);
        }
        if osa_one(digits(y1, m1, d1), digits(y2, m2, d2)) {
            return Some(OneDigit);
        }
    }
    if years && y1 == y2 && months && m1 == m2 {
        return Some(SameYearMonth);
    }
    if month_days && m1 == m2 && d1 == d2 {
        return Some(SameMonthDay);
    }
    match (years, month_days) {
        (true, _) if y1 == y2 => Some(SameYear),
        (true, _) if y1.abs_diff(y2) <= NEAR_YEARS => Some(WithinTenYears),
        (true, _) | (false, true) => Some(Else),
        (false, false) => None,
    }
}

/// `YYYYMMDD` behind a first digit that keeps leading zeros of the year.
fn digits(year: u32, month: u32, day: u32) -> u64 {
    100_000_000 * 10_000 + u64::from(year) * 10_000 + u64::from(month) * 100 + u64::from(day)
}

#[cfg(test)]
mod tests {
    use super::DateAgreement::*;
    use super::*;

    #[test]
    fn test_agreement_levels() {
        let date = pack(1984, 3, 7);
        for (other, level) in [
            (pack(1984, 3, 7), Exact),
            (pack(1984, 7, 3), SwappedDayMonth),
            (pack(1984, 3, 17), OneDigit),
            (pack(1984, 3, 1), OneDigit),
            (pack(1948, 3, 7), OneDigit),
            (pack(1984, 3, 28), SameYearMonth),
            (pack(1957, 3, 7), SameMonthDay),
            (pack(1984, 11, 22), SameYear),
            (pack(1974, 11, 22), WithinTenYears),
            (pack(1973, 11, 22), Else),
        ] {
            assert_eq!(agreement(date, other), Some(level), "{:?}", unpack(other));
            assert_eq!(agreement(other, date), Some(level));
        }
    }

    #[test]
    fn test_agreement_of_partial_dates() {
        let date = pack(1984, 3, 7);
        assert_eq!(agreement(date, 0), None);
        assert_eq!(agreement(0, 0), None);
        assert_eq!(agreement(pack(0, 3, 0), pack(0, 3, 0)), None);
        assert_eq!(agreement(pack(1984, 0, 0), pack(1984, 0, 0)), Some(SameYear));
        assert_eq!(agreement(date, pack(1984, 3, 0)), Some(SameYearMonth));
        assert_eq!(agreement(date, pack(1984, 4, 0)), Some(SameYear));
        assert_eq!(agreement(date, pack(1990, 0, 0)), Some(WithinTenYears));
        assert_eq!(agreement(date, pack(0, 3, 7)), Some(SameMonthDay));
        assert_eq!(agreement(date, pack(0, 4, 7)), Some(Else));
    }

    #[test]
    fn test_levels_are_ordered() {
        assert!(DateAgreement::ALL.is_sorted());
    }
}
