//! The part of `strftime` that dates and moments are read with.

use super::date::{Moment, month_and_day, month_named};
use super::scan::Scan;
use crate::error::{Error, ErrorKind, Result};

/// A compiled format.
#[derive(Debug, Clone)]
pub(super) struct Format {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Literal(char),
    Space,
    Directive(char),
}

/// Directives that are read; `%F %T %D %R` stand for others.
const DIRECTIVES: &str = "YymdebBhHIMSfjpzZ";

impl Format {
    /// Compiles `text`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where a directive is unknown, or where there is no year.
    pub fn new(text: &str) -> Result<Self> {
        let wrong = |message: String| {
            Error::new(ErrorKind::Spec, message).hint(
                "a format holds %Y or %y with %m or %b and %d, or %j; and %H %I %p %M %S %f %z for the time",
            )
        };
        let long = text.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
        let long = long.replace("%D", "%m/%d/%y").replace("%R", "%H:%M");
        let mut items = Vec::new();
        let mut characters = long.chars();
        while let Some(c) = characters.next() {
            items.push(match c {
                '%' => match characters.next() {
                    Some('%') => Item::Literal('%'),
                    // `%-d` and `%e` differ from `%d` in writing alone.
                    Some('-') => match characters.next() {
                        Some(d) if DIRECTIVES.contains(d) => Item::Directive(d),
                        _ => return Err(wrong(format!("the format `{text}` has an unknown directive"))),
                    },
                    Some(d) if DIRECTIVES.contains(d) => Item::Directive(d),
                    Some(d) => {
                        return Err(wrong(format!("the format `{text}` has the unknown directive `%{d}`")));
                    }
                    None => return Err(wrong(format!("the format `{text}` ends within a directive"))),
                },
                c if c.is_whitespace() => Item::Space,
                c => Item::Literal(c),
            });
        }
        let has_year = items.iter().any(|i| matches!(i, Item::Directive('Y' | 'y')));
        if !has_year {
            return Err(wrong(format!("the format `{text}` has no year")));
        }
        Ok(Self { items })
    }

    /// Reads a whole text; a two-digit year is the latest that is not after `reference_year`.
    pub fn read(&self, text: &str, reference_year: u32) -> Option<Moment> {
        let mut scan = Scan::new(text);
        let mut moment = Moment::default();
        let mut time = None;
        let mut half = None;
        let mut day_of_year = None;
        for item in &self.items {
            match item {
                Item::Space => scan.space(),
                Item::Literal(c) => {
                    let next = scan.rest.chars().next()?;
                    if next != *c {
                        return None;
                    }
                    scan.rest = &scan.rest[next.len_utf8()..];
                }
                Item::Directive(directive) => {
                    let (hour, minute, second) = time.unwrap_or((0, 0, 0));
                    match directive {
                        'Y' => moment.year = scan.number_within(4)?,
                        'y' => {
                            let year = reference_year / 100 * 100 + scan.number_within(2)?;
                            moment.year = if year > reference_year { year.checked_sub(100)? } else { year };
                        }
                        'm' => moment.month = scan.number_within(2)?,
                        'd' | 'e' => {
                            scan.space();
                            moment.day = scan.number_within(2)?;
                        }
                        'b' | 'B' | 'h' => {
                            moment.month = month_named(scan.word())?;
                            let _ = scan.take(".");
                        }
                        'j' => day_of_year = Some(scan.number_within(3)?),
                        'H' | 'I' => time = Some((scan.number_within(2)?, minute, second)),
                        'M' => time = Some((hour, scan.number_within(2)?, second)),
                        'S' => time = Some((hour, minute, scan.number_within(2)?)),
                        'p' => half = Some(scan.half_of_day()?),
                        'z' => moment.zone = scan.zone()?,
                        'Z' => {
                            scan.word();
                        }
                        // Fractions of a second are dropped.
                        _ => {
                            scan.digits();
                        }
                    }
                }
            }
        }
        if let Some(day) = day_of_year {
            (moment.month, moment.day) = month_and_day(moment.year, day)?;
        }
        moment.time = match (time, half) {
            (Some((hour, minute, second)), Some(half)) => Some((hour % 12 + half, minute, second)),
            (time, _) => time,
        };
        scan.space();
        scan.rest.is_empty().then_some(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, text: &str) -> Option<(u32, u32, u32)> {
        let format = Format::new(format).expect("a format");
        format.read(text, 2026).map(|m| (m.year, m.month, m.day))
    }

    #[test]
    fn test_read_directives() {
        assert_eq!(read("%Y%m%d", "19850612"), Some((1985, 6, 12)));
        assert_eq!(read("%d/%m/%Y", "5/6/1985"), Some((1985, 6, 5)));
        assert_eq!(read("%m/%d/%y", "05/06/85"), Some((1985, 5, 6)));
        assert_eq!(read("%m/%d/%y", "05/06/26"), Some((2026, 5, 6)));
        assert_eq!(read("%d %b %Y", "5 Jun 1985"), Some((1985, 6, 5)));
        assert_eq!(read("%B %d, %Y", "June 5, 1985"), Some((1985, 6, 5)));
        assert_eq!(read("%Y-%j", "1984-366"), Some((1984, 12, 31)));
        assert_eq!(read("%Y-%j", "1985-366"), None);
        assert_eq!(read("%F %T.%f", "1985-06-12 10:11:12.123"), Some((1985, 6, 12)));
        assert_eq!(read("%d/%m/%Y", "5/6/1985 10:00"), None);
        assert_eq!(read("%d/%m/%Y", "5-6-1985"), None);
    }

    #[test]
    fn test_new_refuses_unknown_directives() {
        for wrong in ["%Q", "%m/%d", "%Y-%", "%Y-%-Q", "date"] {
            let error = Format::new(wrong).expect_err(wrong);
            assert_eq!(error.kind(), ErrorKind::Spec);
        }
    }
}
