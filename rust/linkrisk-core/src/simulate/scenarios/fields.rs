//! Fields that many scenarios have, with what may happen to them.

use super::super::draw::Draw;
use super::super::errors::{DIGITS, Rates, Slip, mask, mask_resident_id, mistype};
use super::super::identifiers::{KEPT_OF_ID, KEPT_OF_PHONE, push_phone, push_resident_id};
use super::super::population::han::Romanisation;
use super::super::population::{Person, Population};
use crate::kernel::hash;

/// The rates of one camera, which `key` is of: of 100 so many have each.
pub fn camera_rates(cameras: &[(u64, Rates)], key: u64) -> Rates {
    let mut rest = hash::below(key, 100);
    for (share, rates) in cameras {
        if rest < *share {
            return rates;
        }
        rest -= share;
    }
    &[]
}

/// Appends a Chinese name.
pub fn push_name(
    population: &Population,
    person: &Person,
    slip: Option<Slip>,
    draw: &mut Draw,
    text: &mut String,
) {
    let name = population.han_name(person);
    let han = &population.han;
    match slip {
        Some(Slip::Masked) => han.push_masked(name, text),
        Some(Slip::Typing) => han.push(han.mistaken(name), text),
        Some(Slip::Order) => han.push_romanised(name, Romanisation::Western, text),
        Some(Slip::Romanised) => {
            let style = draw.one_of(&[Romanisation::Passport, Romanisation::Passport, Romanisation::Joined]);
            han.push_romanised(name, style, text);
        }
        _ => han.push(name, text),
    }
}

/// Appends a sex in Chinese.
pub fn push_sex(male: bool, text: &mut String) {
    text.push_str(if male { "男" } else { "女" });
}

/// Appends a resident ID.
pub fn push_id(person: &Person, slip: Option<Slip>, draw: &mut Draw, text: &mut String) {
    if slip == Some(Slip::Placeholder) {
        text.push_str("000000000000000000");
        return;
    }
    push_resident_id(person.resident_id, text);
    match slip {
        Some(Slip::Masked) => mask_resident_id(text, draw),
        Some(Slip::Typing) => mistype(text, KEPT_OF_ID, DIGITS, draw),
        _ => {}
    }
}

/// Appends the phone of a person on a day of the year.
pub fn push_tel(
    population: &Population,
    person: &Person,
    day: u32,
    slip: Option<Slip>,
    draw: &mut Draw,
    text: &mut String,
) {
    if slip == Some(Slip::Placeholder) {
        text.push_str("0000000000");
        return;
    }
    let stale = slip == Some(Slip::Stale);
    push_phone(if stale { population.old_phone(person) } else { population.phone(person, day) }, text);
    match slip {
        Some(Slip::Masked) => mask(text, 7, 3),
        Some(Slip::Typing) => mistype(text, KEPT_OF_PHONE, DIGITS, draw),
        _ => {}
    }
}
