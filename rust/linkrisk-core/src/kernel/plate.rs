//! Number plates as one u64: seven bits a symbol, the first symbol highest, bit 63 clear.
//!
//! The alphabet has 36 digits and Latin letters (codes 1–10 for `0`–`9`, 11–36 for `A`–`Z`) and the
//! characters of Chinese plates (from 37). Code 0 is no symbol, so 0 is no plate and the length
//! needs no field of its own. Nine symbols fit; the longest plate in use has nine.
//!
//! ```text
//! 京A12345   bit 63  0 │ 0000000 │ 0000000 │ 京 │ A │ 1 │ 2 │ 3 │ 4 │ 5   bit 0
//! ```
//!
//! [`fold`] replaces each symbol by the representative of its class of symbols that cameras take
//! for one another: {0, O, D, Q} {1, I} {2, Z} {5, S} {8, B} {6, G}, the equivalence that plate
//! readers ship with.

/// The longest plate that can be packed.
pub const MAX_SYMBOLS: usize = 9;

/// The Chinese characters of plates, in the order of their codes.
///
/// The 31 provinces; then embassy, consulate, training, police, trailer, Hong Kong, Macau, test,
/// oversize, fire and rescue (two characters), civil aviation (two characters).
const HAN: [char; 44] = [
    '京', '津', '沪', '渝', '冀', '豫', '云', '辽', '黑', '湘', '皖', '鲁', '新', '苏', '浙', '赣', '鄂',
    '桂', '甘', '晋', '蒙', '陕', '吉', '闽', '贵', '粤', '青', '藏', '川', '宁', '琼', '使', '领', '学',
    '警', '挂', '港', '澳', '试', '超', '应', '急', '民', '航',
];

const FIRST_HAN: u8 = 37;

/// The class representative of each code.
const FOLDED: [u8; 128] = {
    let mut table = [0u8; 128];
    let mut code = 0;
    while code < 128 {
        table[code] = code as u8;
        code += 1;
    }
    table[letter(b'O')] = digit(0);
    table[letter(b'D')] = digit(0);
    table[letter(b'Q')] = digit(0);
    table[letter(b'I')] = digit(1);
    table[letter(b'Z')] = digit(2);
    table[letter(b'S')] = digit(5);
    table[letter(b'B')] = digit(8);
    table[letter(b'G')] = digit(6);
    table
};

const fn letter(upper: u8) -> usize {
    (upper - b'A') as usize + 11
}

const fn digit(value: u8) -> u8 {
    value + 1
}

/// The code of a character, or `None` where no plate has it. Letters must be upper case.
pub fn symbol(character: char) -> Option<u8> {
    match character {
        '0'..='9' => Some(character as u8 - b'0' + 1),
        'A'..='Z' => Some(character as u8 - b'A' + 11),
        _ if character.is_ascii() => None,
        _ => HAN.iter().position(|&h| h == character).map(|at| FIRST_HAN + at as u8),
    }
}

/// The character of a code, or `None` for 0 and for codes past the alphabet.
pub fn character(code: u8) -> Option<char> {
    match code {
        1..=10 => Some((b'0' + code - 1) as char),
        11..=36 => Some((b'A' + code - 11) as char),
        37.. => HAN.get((code - FIRST_HAN) as usize).copied(),
        0 => None,
    }
}

/// Packs up to [`MAX_SYMBOLS`] codes; 0 where there are none, too many, or one is not a code.
pub fn pack(codes: &[u8]) -> u64 {
    if codes.len() > MAX_SYMBOLS || codes.iter().any(|&code| character(code).is_none()) {
        return 0;
    }
    codes.iter().fold(0, |packed, &code| packed << 7 | u64::from(code))
}

/// The codes of a packed plate and how many there are.
pub fn unpack(packed: u64) -> ([u8; MAX_SYMBOLS], usize) {
    let mut codes = [0u8; MAX_SYMBOLS];
    let length = (64 - packed.leading_zeros() as usize).div_ceil(7).min(MAX_SYMBOLS);
    for (at, code) in codes.iter_mut().take(length).enumerate() {
        *code = (packed >> (7 * (length - 1 - at)) & 0x7f) as u8;
    }
    (codes, length)
}

/// The plate with every symbol replaced by the representative of its confusion class.
pub fn fold(packed: u64) -> u64 {
    let mut folded = 0;
    let mut shift = 0;
    while shift < 63 {
        folded |= u64::from(FOLDED[(packed >> shift & 0x7f) as usize]) << shift;
        shift += 7;
    }
    folded
}

/// Appends the plate as people write it, without separators.
pub fn plate_text(packed: u64, out: &mut String) {
    let (codes, length) = unpack(packed);
    out.extend(codes[..length].iter().filter_map(|&code| character(code)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(text: &str) -> u64 {
        pack(&text.chars().filter_map(symbol).collect::<Vec<_>>())
    }

    #[test]
    fn test_alphabet_is_one_to_one() {
        for code in 1..FIRST_HAN + HAN.len() as u8 {
            assert_eq!(character(code).and_then(symbol), Some(code));
        }
        assert_eq!(character(FIRST_HAN + HAN.len() as u8), None);
        assert!((FIRST_HAN as usize + HAN.len()) <= 128);
    }

    #[test]
    fn test_fold_joins_confused_symbols_and_no_others() {
        assert_eq!(fold(packed("京AOD0Q1I")), packed("京A000011"));
        assert_eq!(fold(packed("ZSBG")), packed("2586"));
        assert_ne!(fold(packed("京A12345")), fold(packed("津A12345")));
        assert_ne!(fold(packed("A3")), fold(packed("A8")));
        assert_eq!(fold(0), 0);
    }

    #[test]
    fn test_pack_refuses_what_does_not_fit() {
        assert_eq!(pack(&[1; 10]), 0);
        assert_eq!(pack(&[]), 0);
        assert_eq!(pack(&[1, 0, 1]), 0);
        assert_eq!(pack(&[127]), 0);
    }

    proptest! {
        #[test]
        fn test_pack_round_trip(codes in proptest::collection::vec(1u8..81, 1..=MAX_SYMBOLS)) {
            let plate = pack(&codes);
            prop_assert!(plate != 0 && plate >> 63 == 0);
            let (unpacked, length) = unpack(plate);
            prop_assert_eq!(&unpacked[..length], &codes[..]);
            let mut text = String::new();
            plate_text(plate, &mut text);
            prop_assert_eq!(packed(&text), plate);
        }

        #[test]
        fn test_fold_is_idempotent_and_keeps_length(any in any::<u64>()) {
            let any = any >> 1;
            prop_assert_eq!(fold(fold(any)), fold(any));
            let _ = unpack(any | 1 << 63);
        }
    }
}
