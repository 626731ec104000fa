//! Laws of the kernels, and agreement with an independent implementation.

use linkrisk_core::kernel::digits::osa_one;
use linkrisk_core::kernel::edit::{
    jaro_winkler, jaro_winkler_bytes, levenshtein, levenshtein_bytes, osa, osa_bytes,
};
use linkrisk_core::kernel::ocr::plate_distance;
use linkrisk_core::kernel::plate::{self, fold};
use linkrisk_core::kernel::token::token_jaccard;
use linkrisk_core::kernel::{date, hash};
use proptest::prelude::*;

/// Texts of 0 to 100 characters from few letters, so that they have something in common; some
/// ASCII, some of several scripts.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abc]{0,100}",
        "[a-e ]{0,20}",
        "[ -~]{0,70}",
        "[张王李欧阳a]{0,100}",
        "[äöüé張伟]{0,8}",
        "[\u{0}-\u{10ffff}]{0,70}",
    ]
}

/// Two texts of which one is the other with some edits, or two of any.
fn pair() -> impl Strategy<Value = (String, String)> {
    let edited = (text(), prop::collection::vec((0usize..100, 0usize..4, any::<char>()), 0..5)).prop_map(
        |(a, edits)| {
            let mut b: Vec<char> = a.chars().collect();
            for (at, what, new) in edits {
                let at = at % (b.len() + 1);
                match what {
                    0 => b.insert(at, new),
                    1 if at < b.len() => b[at] = new,
                    2 if at < b.len() => drop(b.remove(at)),
                    3 if at + 1 < b.len() => b.swap(at, at + 1),
                    _ => {}
                }
            }
            (a, b.into_iter().collect())
        },
    );
    prop_oneof![(text(), text()), edited]
}

fn oracle_levenshtein(a: &str, b: &str) -> u32 {
    rapidfuzz::distance::levenshtein::distance(a.chars(), b.chars()) as u32
}

/// Optimal string alignment as the recurrence defines it.
fn plain_osa(a: &str, b: &str) -> u32 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut cells = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cells[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                (cells[i - 1][j - 1] + same).min(cells[i - 1][j] + 1).min(cells[i][j - 1] + 1)
            };
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cells[i][j] = cells[i][j].min(cells[i - 2][j - 2] + 1);
            }
        }
    }
    cells[a.len()][b.len()] as u32
}

fn capped(distance: u32, limit: u32) -> u32 {
    distance.min(limit.saturating_add(1))
}

/// Costs of plates as stated in words, by the recurrence, in quarters.
fn plain_plate_distance(a: &[char], b: &[char]) -> u32 {
    const CLASSES: [&str; 6] = ["0ODQ", "1I", "2Z", "5S", "8B", "6G"];
    const REPORTED: &str = "PB PR 38 CG A4 KX EF VW XY UV 68 53 58 08 39 49 1L 7T 71 MN MH MW NH NW HW";
    let cost = |x: char, y: char| {
        let both = |group: &str| group.contains(x) && group.contains(y);
        match (x == y, CLASSES.iter().any(|c| both(c)), REPORTED.split(' ').any(both)) {
            (true, ..) => 0,
            (_, true, _) => 1,
            (.., true) => 2,
            _ => 4,
        }
    };
    let mut cells = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cells[i][j] = if i == 0 || j == 0 {
                4 * (i + j) as u32
            } else {
                (cells[i - 1][j - 1] + cost(a[i - 1], b[j - 1]))
                    .min(cells[i - 1][j] + 4)
                    .min(cells[i][j - 1] + 4)
            };
        }
    }
    cells[a.len()][b.len()]
}

fn packed(plate: &str) -> u64 {
    plate::pack(&plate.chars().filter_map(plate::symbol).collect::<Vec<_>>())
}

fn any_date() -> impl Strategy<Value = u32> {
    (prop_oneof![Just(0u32), 1975u32..1985], 0u32..=12, 0u32..=28).prop_map(|(y, m, d)| date::pack(y, m, d))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn test_levenshtein_agrees_with_oracle((a, b) in pair(), limit in prop_oneof![0u32..8, Just(u32::MAX)]) {
        let expected = oracle_levenshtein(&a, &b);
        prop_assert_eq!(levenshtein(&a, &b, u32::MAX), expected);
        prop_assert_eq!(levenshtein(&a, &b, limit), capped(expected, limit));
        if a.is_ascii() && b.is_ascii() {
            prop_assert_eq!(levenshtein_bytes(a.as_bytes(), b.as_bytes(), limit), capped(expected, limit));
        }
    }

    #[test]
    fn test_osa_agrees_with_oracles((a, b) in pair(), limit in prop_oneof![0u32..8, Just(u32::MAX)]) {
        let expected = plain_osa(&a, &b);
        prop_assert_eq!(osa(&a, &b, u32::MAX), expected);
        prop_assert_eq!(osa(&a, &b, limit), capped(expected, limit));
        prop_assert_eq!(rapidfuzz::distance::osa::distance(a.chars(), b.chars()) as u32, expected);
        if a.is_ascii() && b.is_ascii() {
            prop_assert_eq!(osa_bytes(a.as_bytes(), b.as_bytes(), limit), capped(expected, limit));
        }
    }

    #[test]
    fn test_jaro_winkler_agrees_with_oracle((a, b) in pair()) {
        let expected = rapidfuzz::distance::jaro_winkler::similarity(a.chars(), b.chars());
        prop_assert!((jaro_winkler(&a, &b) - expected).abs() < 1e-12);
        if a.is_ascii() && b.is_ascii() {
            prop_assert_eq!(jaro_winkler_bytes(a.as_bytes(), b.as_bytes()), jaro_winkler(&a, &b));
        }
    }

    #[test]
    fn test_edit_laws((a, b) in pair(), c in text()) {
        prop_assert_eq!(levenshtein(&a, &b, u32::MAX), levenshtein(&b, &a, u32::MAX));
        prop_assert_eq!(osa(&a, &b, u32::MAX), osa(&b, &a, u32::MAX));
        prop_assert_eq!(jaro_winkler(&a, &b), jaro_winkler(&b, &a));
        prop_assert_eq!(levenshtein(&a, &b, 0) == 0, a == b);
        prop_assert_eq!(osa(&a, &b, 0) == 0, a == b);
        prop_assert_eq!(jaro_winkler(&a, &a), 1.0);
        prop_assert!((0.0..=1.0).contains(&jaro_winkler(&a, &b)));
        prop_assert!(osa(&a, &b, u32::MAX) <= levenshtein(&a, &b, u32::MAX));
        let (ab, bc) = (levenshtein(&a, &b, u32::MAX), levenshtein(&b, &c, u32::MAX));
        prop_assert!(levenshtein(&a, &c, u32::MAX) <= ab + bc);
    }

    #[test]
    fn test_long_texts_that_are_shifted(a in "[ab]{65,120}", shift in 0usize..12, limit in 0u32..30) {
        let b = format!("{}{}", &a[shift..], &a[..shift]);
        let expected = oracle_levenshtein(&a, &b);
        prop_assert_eq!(levenshtein(&a, &b, limit), capped(expected, limit));
        prop_assert_eq!(osa(&a, &b, limit), capped(plain_osa(&a, &b), limit));
        prop_assert_eq!(levenshtein(&a, &b, u32::MAX), expected);
    }

    #[test]
    fn test_bytes_of_any_value_are_characters(a in prop::collection::vec(any::<u8>(), 0..80), b in prop::collection::vec(0u8..4, 0..80)) {
        for (a, b) in [(&a, &b), (&b, &b), (&a, &a)] {
            let expected = rapidfuzz::distance::levenshtein::distance(a.iter(), b.iter()) as u32;
            prop_assert_eq!(levenshtein_bytes(a, b, u32::MAX), expected);
        }
    }

    #[test]
    fn test_osa_one_agrees_with_text(a in any::<u64>(), shift in 0u32..64, at in 0usize..20, what in 0usize..4, digit in 0u8..10, other in any::<u64>()) {
        let a = a >> shift;
        let mut text = a.to_string().into_bytes();
        let at = at % text.len();
        match what {
            0 => text.insert(at, b'0' + digit),
            1 => text[at] = b'0' + digit,
            2 if text.len() > 1 => drop(text.remove(at)),
            3 if at + 1 < text.len() => text.swap(at, at + 1),
            _ => {}
        }
        let edited = String::from_utf8(text).ok().and_then(|t| t.parse().ok());
        for b in edited.into_iter().chain([other >> shift, a ^ 1, a.wrapping_add(99), a / 100, a / 10]) {
            let expected = osa(&a.to_string(), &b.to_string(), 1) <= 1;
            prop_assert_eq!(osa_one(a, b), expected, "{} {}", a, b);
            prop_assert_eq!(osa_one(b, a), expected);
        }
    }

    #[test]
    fn test_plate_distance_agrees_with_recurrence(a in "[京沪A-F0-9OQZSG]{0,9}", b in "[京沪A-F0-9OQZSG]{0,9}", cut in 0usize..9) {
        let spliced: String = a.chars().take(cut).chain(b.chars().skip(cut)).collect();
        for (x, y) in [(&a, &b), (&a, &spliced), (&b, &spliced)] {
            let (left, right): (Vec<char>, Vec<char>) = (x.chars().collect(), y.chars().collect());
            let expected = plain_plate_distance(&left, &right) as f32 / 4.0;
            prop_assert_eq!(plate_distance(packed(x), packed(y)), expected);
            prop_assert_eq!(plate_distance(packed(y), packed(x)), expected);
        }
    }

    #[test]
    fn test_plate_distance_of_folded_plates(a in "[A-Z0-9]{1,9}") {
        let plate = packed(&a);
        let changed = a.chars().filter(|c| "ODQIZSBG".contains(*c)).count();
        prop_assert_eq!(plate_distance(plate, fold(plate)), changed as f32 / 4.0);
    }

    #[test]
    fn test_date_agreement_laws(a in any_date(), b in any_date()) {
        prop_assert_eq!(date::agreement(a, b), date::agreement(b, a));
        let (y, m, d) = date::unpack(a);
        prop_assert_eq!(date::pack(y, m, d), a);
        let whole = y != 0 && m != 0 && d != 0;
        prop_assert_eq!(date::agreement(a, a) == Some(date::DateAgreement::Exact), whole);
        if a != b {
            prop_assert_ne!(date::agreement(a, b), Some(date::DateAgreement::Exact));
        }
    }

    #[test]
    fn test_token_jaccard_agrees_with_sets(a in "([a-d]{1,2} ){0,40}", b in "([a-d]{1,2} ){0,40}") {
        use std::collections::HashSet;
        let (x, y): (HashSet<&str>, HashSet<&str>) = (a.split_whitespace().collect(), b.split_whitespace().collect());
        let expected = if x.is_empty() && y.is_empty() { 0.0 } else {
            x.intersection(&y).count() as f32 / x.union(&y).count() as f32
        };
        prop_assert_eq!(token_jaccard(&a, &b), expected);
        prop_assert_eq!(token_jaccard(&b, &a), expected);
    }

    #[test]
    fn test_mix_is_one_to_one_on_neighbours(a in any::<u64>(), bit in 0u32..64) {
        let changed = (hash::mix(a) ^ hash::mix(a ^ 1 << bit)).count_ones();
        prop_assert!((8..=56).contains(&changed));
    }
}

#[test]
fn test_edit_known_values() {
    assert!((jaro_winkler("MARTHA", "MARHTA") - 0.961_111_111).abs() < 1e-9);
    assert!((jaro_winkler("DIXON", "DICKSONX") - 0.813_333_333).abs() < 1e-9);
    assert!((jaro_winkler("DWAYNE", "DUANE") - 0.84).abs() < 1e-9);
    assert_eq!(jaro_winkler("", ""), 1.0);
    assert_eq!(jaro_winkler("", "a"), 0.0);
    assert_eq!(levenshtein("kitten", "sitting", u32::MAX), 3);
    assert_eq!(osa("ca", "abc", u32::MAX), 3);
    assert_eq!(osa("欧阳小明", "欧阳明小", 1), 1);
    assert_eq!(levenshtein("abc", "xyz", 1), 2);
}

#[test]
fn test_edit_at_the_word_boundaries() {
    for length in [7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128, 129] {
        let a: String = (0..length).map(|i| char::from(b'a' + (i * 7 % 26) as u8)).collect();
        let mut b = a.clone();
        b.replace_range(0..1, "Z");
        b.replace_range(length - 1.., "Z");
        assert_eq!(levenshtein(&a, &b, 5), 2, "{length}");
        assert_eq!(osa(&a, &b, 5), 2, "{length}");
        let expected = rapidfuzz::distance::jaro_winkler::similarity(a.chars(), b.chars());
        assert!((jaro_winkler(&a, &b) - expected).abs() < 1e-12, "{length}");
    }
}
