//! Numbers as they are written, all of them out of ranges that belong to no one.
//!
//! * **Resident IDs** have regions 990000 to 990999, which GB/T 2260 does not have. Errors leave the
//!   six digits alone.
//! * **Phones** start with +999, which the ITU has assigned to no country or service, and nine digits
//!   follow. A reserved range such as +44 7700 900000–900999 has too few numbers for a population.
//! * **Plates** start with `ZZ`: ISO 3166 reserves it for private use, and the one issuer known to put
//!   ZZ first (Ireland, for temporary registrations) has five digits after it and nothing else. In
//!   [`push_vehicle_plate`] a letter, a digit, a letter that no camera takes for a digit, and three
//!   symbols follow: no country writes letters and digits in that order, and errors keep the order.
//! * **Travel documents** are those of `UTO`, the country of the specimens of ICAO 9303.
//! * **Addresses of the web** end in `.invalid`, which RFC 2606 keeps from ever being registered.

/// First of the thousand regions that are used.
pub const FIRST_REGION: u64 = 990_000;
/// Regions.
pub const REGIONS: u64 = 1_000;
/// Phones there are.
pub const PHONES: u64 = 1_000_000_000;
/// Symbols of plates: no I and no O, as most issuers have it.
pub const PLATE_SYMBOLS: &[u8; 34] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Plates that [`push_plate`] can write.
pub const PLATES: u64 = 34u64.pow(6);
/// Letters of plates that are in no confusion class of cameras, without E and H, which end the plates
/// of electric and of old cars in Germany.
const CLEAR_LETTERS: &[u8; 16] = b"ACFJKLMNPRTUVWXY";
const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Plates that [`push_vehicle_plate`] can write.
pub const VEHICLE_PLATES: u64 = 24 * 10 * 16 * 34u64.pow(3);
/// Coprime to [`VEHICLE_PLATES`], so that plates do not repeat and neighbours look nothing alike.
const VEHICLE_PLATE_STEP: u64 = 96_208_693;
/// Coprime to [`PHONES`].
const PHONE_STEP: u64 = 618_033_989;

/// Characters that errors leave alone.
pub const KEPT_OF_ID: usize = 6;
/// Characters that errors leave alone.
pub const KEPT_OF_PHONE: usize = 4;
/// Characters that misreadings leave alone.
pub const KEPT_OF_PLATE: usize = 2;
/// Characters of a vehicle's plate that typing leaves alone.
pub const TYPED_PLATE_KEPT: usize = 5;

/// Appends the 18 characters of a resident ID (ISO 7064 MOD 11-2).
///
/// On purpose not the normaliser's function: what one writes, the other has to find valid.
pub fn push_resident_id(digits: u64, text: &mut String) {
    push_digits(digits, 17, text);
    // The check character makes the sum of digit · 2^(places to its right) equal 1 modulo 11.
    let (mut rest, mut factor, mut sum) = (digits, 2, 0);
    while rest > 0 {
        sum += rest % 10 * factor;
        factor = factor * 2 % 11;
        rest /= 10;
    }
    text.push(match (12 - sum % 11) % 11 {
        10 => 'X',
        check => char::from(b'0' + check as u8),
    });
}

/// Appends a phone number.
pub fn push_phone(number: u64, text: &mut String) {
    text.push_str("+999");
    push_digits(number, 9, text);
}

/// The phone number with the index `index`; the first billion are distinct.
pub fn phone_of(index: u64, offset: u64) -> u64 {
    ((index % PHONES) * PHONE_STEP + offset) % PHONES
}

/// Appends a plate of six symbols in any mixture behind `ZZ`.
pub fn push_plate(number: u64, text: &mut String) {
    text.push_str("ZZ");
    let mut rest = number;
    for _ in 0..6 {
        text.push(char::from(PLATE_SYMBOLS[(rest % 34) as usize]));
        rest /= 34;
    }
}

/// Appends the plate with the index `index`; the first [`VEHICLE_PLATES`] are distinct.
pub fn push_vehicle_plate(index: u64, text: &mut String) {
    let mut rest = (index % VEHICLE_PLATES) * VEHICLE_PLATE_STEP % VEHICLE_PLATES;
    let mut take = |symbols: &[u8]| {
        let symbol = char::from(symbols[(rest % symbols.len() as u64) as usize]);
        rest /= symbols.len() as u64;
        symbol
    };
    text.push_str("ZZ");
    text.push(take(LETTERS));
    text.push(take(b"0123456789"));
    text.push(take(CLEAR_LETTERS));
    for _ in 0..3 {
        text.push(take(PLATE_SYMBOLS));
    }
}

/// Appends a date as `YYYY-MM-DD`.
pub fn push_date((year, month, day): (u32, u32, u32), text: &mut String) {
    push_digits(u64::from(year), 4, text);
    text.push('-');
    push_digits(u64::from(month), 2, text);
    text.push('-');
    push_digits(u64::from(day), 2, text);
}

/// Appends a number in `width` digits, leading zeros included.
#[inline]
pub fn push_digits(number: u64, width: u32, text: &mut String) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut at) = (number, digits.len());
    for _ in 0..width {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text.extend(digits[at..].iter().map(|&d| char::from(d)));
}

/// Appends a number in the digits and lower-case letters, without leading zeros.
pub fn push_base36(number: u64, text: &mut String) {
    const SYMBOLS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; 13];
    let (mut rest, mut at) = (number, digits.len());
    loop {
        at -= 1;
        digits[at] = SYMBOLS[(rest % 36) as usize];
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|&d| char::from(d)));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn gcd(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { gcd(b, a % b) }
    }

    #[test]
    fn test_steps_are_coprime_to_their_ranges() {
        assert_eq!(gcd(PHONE_STEP, PHONES), 1);
        assert_eq!(gcd(VEHICLE_PLATE_STEP, VEHICLE_PLATES), 1);
        assert!(VEHICLE_PLATES.checked_mul(VEHICLE_PLATE_STEP).is_some());
    }

    #[test]
    fn test_resident_id_is_the_specimen_of_the_range() {
        for (digits, text) in [
            (99_000_019_900_101_001, "990000199001010017"),
            (99_000_019_900_101_002, "990000199001010025"),
            (99_000_019_900_101_010, "990000199001010105"),
            (99_000_019_900_101_999, "990000199001019994"),
        ] {
            let mut written = String::new();
            push_resident_id(digits, &mut written);
            assert_eq!(written, text);
        }
        let mut with_x = String::new();
        push_resident_id(11_010_519_491_231_002, &mut with_x);
        assert!(with_x.ends_with("2X"));
    }

    #[test]
    fn test_vehicle_plates_are_distinct_and_of_their_shape() {
        let mut seen = HashSet::new();
        for index in 0..20_000 {
            let mut text = String::new();
            push_vehicle_plate(index, &mut text);
            let b = text.as_bytes();
            assert!(text.len() == 8 && text.starts_with("ZZ"));
            assert!(
                b[2].is_ascii_uppercase() && b[3].is_ascii_digit() && CLEAR_LETTERS.contains(&b[4]),
                "{text}"
            );
            assert!(seen.insert(text));
        }
    }

    #[test]
    fn test_numbers_are_written_in_full() {
        let mut text = String::new();
        push_digits(42, 5, &mut text);
        push_base36(36 * 36 + 35, &mut text);
        push_base36(0, &mut text);
        push_phone(7, &mut text);
        assert_eq!(text, "0004210z0+999000000007");
    }
}
