//! People with Latin names and travel documents, as border authorities write them.

use super::super::draw::Draw;
use super::super::errors::{LETTERS, Slip, misdate, mistype};
use super::super::identifiers::push_date;
use super::super::population::{Person, Population};

/// Countries that issue documents: codes that ISO 3166 leaves to its users for good, and the country of
/// the specimens of ICAO 9303. The first have the most people.
const COUNTRIES: [&str; 12] =
    ["QMA", "QNC", "UTO", "QPA", "QRT", "QSE", "QTH", "QUM", "QVA", "QWY", "QYN", "QZO"];

const COUNTRY: u64 = 411;

/// What one authority writes where another writes something else: from, to. As letters are carried over
/// from other alphabets; each authority has its own way and keeps to it.
const SPELLINGS: [(&str, &str); 10] = [
    ("ch", "tch"),
    ("ck", "k"),
    ("ph", "f"),
    ("sh", "sch"),
    ("oo", "u"),
    ("ou", "u"),
    ("ie", "i"),
    ("y", "i"),
    ("w", "v"),
    ("x", "ks"),
];

/// The country of a person's nationality, or of another one where `which` is not 0.
pub fn country(seed: u64, person: u64, which: u32) -> &'static str {
    let drawn = Draw::new(seed, COUNTRY, person).unit();
    // The density falls as one over the root: a third of the people are of the first country.
    let first = (drawn * drawn * COUNTRIES.len() as f64) as usize;
    COUNTRIES[(first + which as usize * 5) % COUNTRIES.len()]
}

/// Appends a name as an authority with another spelling writes it.
pub fn push_respelt(name: &str, text: &mut String) {
    let lower = name.to_ascii_lowercase();
    let mut rest = lower.as_str();
    let start = text.len();
    while let Some(symbol) = rest.chars().next() {
        match SPELLINGS.iter().find(|(from, _)| rest.starts_with(from)) {
            Some((from, to)) => {
                text.push_str(to);
                rest = &rest[from.len()..];
            }
            None => {
                text.push(symbol);
                rest = &rest[symbol.len_utf8()..];
            }
        }
    }
    if let Some(first) = text.get_mut(start..start + 1) {
        first.make_ascii_uppercase();
    }
}

/// Appends a part of a Latin name: `typing` mistypes it, `romanised` spells it otherwise,
/// `abbreviated` leaves its first letter, `order` takes the other part.
pub fn push_latin(part: &str, other: &str, slip: Option<Slip>, draw: &mut Draw, text: &mut String) {
    match slip {
        Some(Slip::Romanised) => push_respelt(part, text),
        Some(Slip::Abbreviated) => text.extend(part.chars().take(1)),
        Some(Slip::Order) => text.push_str(other),
        Some(Slip::Typing) => {
            let mut wrong = part.to_owned();
            mistype(&mut wrong, 0, LETTERS, draw);
            text.push_str(&wrong);
        }
        _ => text.push_str(part),
    }
}

/// Appends a birth date, `date_slip` another one, `placeholder` the first of January.
pub fn push_born(person: &Person, slip: Option<Slip>, draw: &mut Draw, text: &mut String) {
    let date = person.birth_date;
    push_date(
        match slip {
            Some(Slip::Misdated) => misdate(date, draw),
            Some(Slip::Placeholder) => (date.0, 1, 1),
            _ => date,
        },
        text,
    );
}

/// Appends the sex as one letter, the other one where something happened.
pub fn push_sex(person: &Person, slip: Option<Slip>, text: &mut String) {
    text.push(if person.male != slip.is_some() { 'M' } else { 'F' });
}

/// Whether the two parts of a name changed places in a record: they do so together.
pub fn parts<'a>(population: &'a Population, person: &Person, swapped: bool) -> (&'a str, &'a str) {
    let (given, surname) = population.latin_name(person);
    if swapped { (surname, given) } else { (given, surname) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_respelt_names_keep_their_form() {
        for (name, expected) in [("Schofield", "Shofild"), ("Yarx", "Iarks"), ("Anna", "Anna")] {
            let mut text = String::from("- ");
            push_respelt(name, &mut text);
            assert_eq!(text[2..].chars().next(), expected.chars().next(), "{text}");
            assert!(text[2..].chars().skip(1).all(|c| c.is_ascii_lowercase()));
        }
    }

    #[test]
    fn test_countries_are_codes_of_nobody() {
        // AAA to AAZ, QMA to QZZ, XAA to XZZ and ZZA to ZZZ are left to users (ISO 3166-1).
        assert!(COUNTRIES.iter().all(|c| *c == "UTO" || ("QMA"..="QZZ").contains(c)));
        let first = (0..10_000).filter(|&p| country(1, p, 0) == COUNTRIES[0]).count();
        assert!((2_500..3_300).contains(&first), "{first}");
        assert!((0..100).all(|p| country(1, p, 0) != country(1, p, 1)));
    }
}
