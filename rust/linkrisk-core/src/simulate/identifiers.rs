//! Numbers as they are written, all of them out of ranges that belong to no one.
//!
//! * **Resident IDs** have regions 990000 to 990999, which GB/T 2260 does not have. Errors leave the
//!   six digits alone.
//! * **Phones** start with +999, which the ITU has assigned to no country or service, and nine digits
//!   follow. A reserved range such as +44 7700 900000–900999 has too few numbers for a population.
//! * **Plates** start with `ZZ`, which ISO 3166 reserves for private use, in no order of letters and
//!   digits in which somebody issues them ([`is_issued`]: Zeitz in Germany, temporary registrations in
//!   Ireland, the far ends of the series of France and Italy). In [`push_vehicle_plate`] a letter, a
//!   digit, a letter that no camera takes for a digit, and three symbols follow: no country writes
//!   them so, and errors keep the order.
//! * **Travel documents** are of Utopia (`UTO`), the country of the specimens of ICAO 9303, or of codes
//!   that ISO 3166 leaves to its users: `UT`, a digit, a letter and five symbols, in which order no
//!   country is known to number its own.
//! * **Aadhaar numbers** start with 0 or 1, which no issued one does (2 to 9, UIDAI), and have their check
//!   digit.
//! * **Social security numbers** have an area of 900 to 999, which is never assigned, and a group of 01 to
//!   49, which keeps them out of the taxpayer numbers of the same area (50 and more).
//! * **Addresses of the web** end in `.invalid`, which RFC 2606 keeps from ever being registered.
//!
//! The normaliser refuses made-up Aadhaar and social security numbers as issued ones: the spec has to say
//! `synthetic = true`.

/// First of the thousand regions that are used.
pub const FIRST_REGION: u64 = 990_000;
/// Regions.
pub const REGIONS: u64 = 1_000;
/// Phones there are.
pub const PHONES: u64 = 1_000_000_000;
/// Symbols of plates: no I and no O, as most issuers have it.
pub const PLATE_SYMBOLS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Plates that [`push_plate`] can write.
pub const PLATES: u64 = 34u64.pow(6);
/// Letters of plates that are in no confusion class of cameras, without E and H, which end the plates
/// of electric and of old cars in Germany.
const CLEAR_LETTERS: &[u8] = b"ACFJKLMNPRTUVWXY";
const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Plates that [`push_vehicle_plate`] can write.
pub const VEHICLE_PLATES: u64 = 24 * 10 * 16 * 34u64.pow(3);
/// Coprime to [`VEHICLE_PLATES`], so that plates do not repeat and neighbours look nothing alike.
const VEHICLE_PLATE_STEP: u64 = 96_208_693;
/// Coprime to [`PHONES`].
const PHONE_STEP: u64 = 618_033_989;

/// Aadhaar numbers that [`push_aadhaar`] can write: of eleven digits the first is 0 or 1, and the last
/// is not the second, so that none reads the same backwards, as issued ones do not either.
pub const MADE_UP_AADHAARS: u64 = 2 * 10 * 100_000_000 * 9;
/// Coprime to it.
const AADHAAR_STEP: u64 = 7_415_816_237;
/// Social security numbers that [`push_ssn`] can write: area, group, serial.
pub const MADE_UP_SSNS: u64 = 100 * 49 * 9_999;
/// Coprime to it.
const SSN_STEP: u64 = 30_280_639;

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

/// Appends the Aadhaar number with the index `index`, behind an offset below [`MADE_UP_AADHAARS`]; the
/// first [`MADE_UP_AADHAARS`] are distinct.
pub fn push_aadhaar(index: u64, offset: u64, text: &mut String) {
    let step = u128::from(index % MADE_UP_AADHAARS) * u128::from(AADHAAR_STEP);
    let mut rest = ((step + u128::from(offset)) % u128::from(MADE_UP_AADHAARS)) as u64;
    let mut take = |end: u64| {
        let taken = rest % end;
        rest /= end;
        taken
    };
    let (first, second, middle, off) = (take(2), take(10), take(100_000_000), take(9));
    let digits = ((first * 10 + second) * 100_000_000 + middle) * 10 + (second + 1 + off) % 10;
    push_digits(digits, 11, text);
    text.push(char::from(b'0' + verhoeff_digit(digits)));
}

/// The digit that makes a number pass Verhoeff's check (J. Verhoeff, *Error Detecting Decimal Codes*,
/// 1969): products in the symmetries of a pentagon, of digits permuted by their place.
///
/// On purpose not the normaliser's tables: what one writes, the other has to find valid.
fn verhoeff_digit(number: u64) -> u8 {
    // 0 to 4 are rotations, 5 to 9 reflections.
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let (mut rest, mut sum) = (number, 0);
    for place in 1..=11 {
        let mut digit = (rest % 10) as u8;
        rest /= 10;
        (0..place % 8).for_each(|_| digit = PERMUTED[usize::from(digit)]);
        sum = product(sum, digit);
    }
    // Reflections are their own inverses.
    if sum < 5 { (5 - sum) % 5 } else { sum }
}

/// Appends the social security number with the index `index`, behind an offset below [`MADE_UP_SSNS`];
/// the first [`MADE_UP_SSNS`] are distinct.
pub fn push_ssn(index: u64, offset: u64, text: &mut String) {
    let number = ((index % MADE_UP_SSNS) * SSN_STEP + offset) % MADE_UP_SSNS;
    push_digits(900 + number / (49 * 9_999), 3, text);
    text.push('-');
    push_digits(1 + number / 9_999 % 49, 2, text);
    text.push('-');
    push_digits(1 + number % 9_999, 4, text);
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
    push_symbols(number, &[PLATE_SYMBOLS; 6], text);
}

/// Whether a text that begins with `ZZ` has the order of letters and digits of some issuer.
pub fn is_issued(plate: &str) -> bool {
    let rest = plate.as_bytes().get(2..).unwrap_or_default();
    let run = |from: usize, of: fn(&u8) -> bool| rest[from..].iter().take_while(|b| of(b)).count();
    let letters = run(0, u8::is_ascii_uppercase);
    let digits = run(letters, u8::is_ascii_digit);
    let end = &rest[letters + digits..];
    match (letters, digits) {
        // ZZ AB 1234, and E or H behind it.
        (1..=2, 1..=4) => rest[letters] != b'0' && matches!(end, [] | [b'E' | b'H']),
        // ZZ 12345; ZZ 123 AB.
        (0, 5) => end.is_empty(),
        (0, 3) => end.len() == 2 && end.iter().all(u8::is_ascii_uppercase),
        _ => false,
    }
}

/// Appends the plate with the index `index`; the first [`VEHICLE_PLATES`] are distinct.
pub fn push_vehicle_plate(index: u64, text: &mut String) {
    let shuffled = (index % VEHICLE_PLATES) * VEHICLE_PLATE_STEP % VEHICLE_PLATES;
    text.push_str("ZZ");
    let rest = push_symbols(shuffled, &[LETTERS, DIGITS, CLEAR_LETTERS], text);
    push_symbols(rest, &[PLATE_SYMBOLS; 3], text);
}

/// Appends a symbol of each list, the digits of a number from the lowest on; gives what is left of it.
fn push_symbols(number: u64, lists: &[&[u8]], text: &mut String) -> u64 {
    let mut rest = number;
    for symbols in lists {
        text.push(char::from(symbols[(rest % symbols.len() as u64) as usize]));
        rest /= symbols.len() as u64;
    }
    rest
}

/// Travel documents that [`push_document`] can write.
pub const DOCUMENTS: u64 = 10 * 24 * 34u64.pow(5);
/// Coprime to [`DOCUMENTS`].
const DOCUMENT_STEP: u64 = 618_033_989;
/// Characters of a travel document that typing leaves alone.
pub const KEPT_OF_DOCUMENT: usize = 4;

/// Appends the number of the travel document with the index `index`, nine characters; the first
/// [`DOCUMENTS`] are distinct.
pub fn push_document(index: u64, text: &mut String) {
    let shuffled = u128::from(index % DOCUMENTS) * u128::from(DOCUMENT_STEP) % u128::from(DOCUMENTS);
    text.push_str("UT");
    let rest = push_symbols(shuffled as u64, &[DIGITS, LETTERS], text);
    push_symbols(rest, &[PLATE_SYMBOLS; 5], text);
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
        assert_eq!(gcd(AADHAAR_STEP, MADE_UP_AADHAARS), 1);
        assert_eq!(gcd(SSN_STEP, MADE_UP_SSNS), 1);
        assert_eq!(gcd(VEHICLE_PLATE_STEP, VEHICLE_PLATES), 1);
        assert_eq!(gcd(DOCUMENT_STEP, DOCUMENTS), 1);
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
    fn test_documents_are_distinct_and_of_their_shape() {
        let mut seen = HashSet::new();
        for index in (0..20_000).chain(DOCUMENTS - 20_000..DOCUMENTS) {
            let mut text = String::new();
            push_document(index, &mut text);
            let b = text.as_bytes();
            assert!(text.len() == 9 && text.starts_with("UT"));
            assert!(b[2].is_ascii_digit() && b[3].is_ascii_uppercase(), "{text}");
            assert!(seen.insert(text));
        }
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
    fn test_issued_plates_are_known() {
        for plate in ["ZZA1", "ZZAB1234", "ZZA1234E", "ZZAB12H", "ZZ12345", "ZZ123AB"] {
            assert!(is_issued(plate), "{plate}");
        }
        for plate in ["ZZ", "ZZABC123", "ZZA0123", "ZZ1234", "ZZ123456", "ZZ123A4", "ZZA1F234", "ZZAB1234F"] {
            assert!(!is_issued(plate), "{plate}");
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
