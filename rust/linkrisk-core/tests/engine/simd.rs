//! Every kernel level of this processor gives the bits and the sums of the plain loops.

use linkrisk_core::kernel::simd::hadamard::{Each, SIDE_BY_SIDE};
use linkrisk_core::kernel::simd::{LANES, Level, Packed, QUERIES};
use proptest::prelude::*;

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

/// What the test of a pair is, without any packing.
fn passes(a: &Row, b: &Row, threshold: i32) -> bool {
    let product: i64 = a.numbers.iter().zip(&b.numbers).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
    let most = i64::from(a.tail) * i64::from(b.tail) + i64::from(a.base) + i64::from(b.base);
    product + most >= i64::from(threshold)
}

#[derive(Debug, Clone)]
struct Row {
    numbers: Vec<i8>,
    tail: i16,
    base: i32,
}

fn row(depth: usize) -> impl Strategy<Value = Row> {
    let number = prop_oneof![Just(127i8), Just(-127i8), -127i8..=127];
    (prop::collection::vec(number, depth), 0i16..=i16::MAX / 4, -200_000..200_000)
        .prop_map(|(numbers, tail, base)| Row { numbers, tail, base })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop_oneof![Just(64usize), Just(192), Just(512), Just(2_048)]
        .prop_flat_map(|depth| prop::collection::vec(row(depth), 1..60))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_level_finds_the_pairs_that_pass(rows in rows(), threshold in prop_oneof![-1_000_000..1_000_000, Just(0)]) {
        let depth = rows[0].numbers.len();
        let mut packed = Packed::new(rows.len(), depth);
        for (mut part, rows) in packed.parts().zip(rows.chunks(QUERIES)) {
            for (at, row) in rows.iter().enumerate() {
                part.set(at, &row.numbers, row.tail, row.base);
            }
        }
        let count = rows.len().div_ceil(LANES);
        prop_assert_eq!(packed.rows(), QUERIES);
        for level in levels() {
            let mut masks = vec![0u16; QUERIES * count];
            level.hits(packed.queries(0, QUERIES), packed.panels(0, count), threshold, &mut masks);
            for panel in 0..count {
                for query in 0..QUERIES {
                    for lane in 0..LANES {
                        let found = masks[panel * QUERIES + query] >> lane & 1 == 1;
                        let (a, b) = (rows.get(query), rows.get(panel * LANES + lane));
                        let expected = a.zip(b).is_some_and(|(a, b)| passes(a, b, threshold));
                        prop_assert_eq!(found, expected, "{}: {} and {}", level.name(), query, panel * LANES + lane);
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_gives_the_product(pair in prop::collection::vec((-700i16..=700, -700i16..=700), 1..65)) {
        let length = pair.len() * 32;
        let of = |side: fn(&(i16, i16)) -> i16| -> Vec<i16> {
            (0..length).map(|i| side(&pair[i % pair.len()])).collect()
        };
        let (a, b) = (of(|p| p.0), of(|p| p.1));
        let expected: i32 = a.iter().zip(&b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
        for level in levels() {
            prop_assert_eq!(level.dot(&a, &b), expected, "{}", level.name());
        }
    }
}

proptest! {
    #[test]
    fn every_level_gives_the_product_of_int8(pair in prop::collection::vec((-127i8..=127, -127i8..=127), 1..65)) {
        for length in [64, 128, 1_984] {
            let of = |side: fn(&(i8, i8)) -> i8| -> Vec<i8> {
                (0..length).map(|i| side(&pair[i % pair.len()])).collect()
            };
            let (a, b) = (of(|p| p.0), of(|p| p.1));
            let expected: i32 = a.iter().zip(&b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
            for level in levels() {
                prop_assert_eq!(level.dot8(&a, &b), expected, "{}", level.name());
            }
        }
    }
}

/// Vectors side by side, whose numbers are at most `most`, and signs.
fn vectors(most: i16) -> impl Strategy<Value = (Vec<Each>, Vec<i16>)> {
    let number = prop_oneof![Just(most), Just(-most), -most..=most];
    let some =
        (prop::collection::vec(number, 64), prop::collection::vec(prop_oneof![Just(1i16), Just(-1)], 67));
    (some, 6u32..=11).prop_map(|((numbers, signs), power)| {
        let width = 1 << power;
        let each = |k| Each(std::array::from_fn(|lane| numbers[(k * 7 + lane * 13 + k / 64) % 64]));
        ((0..width).map(each).collect(), (0..width).map(|k| signs[k % 67]).collect())
    })
}

/// What is far, by direction.
fn leasts(least: u16, count: usize) -> Vec<u16> {
    (0..count as u16).map(|at| least.saturating_add(at % 5)).collect()
}

/// The products as a level gives them, and which of them it says are far.
fn transformed(level: Level, from: &[Each], signs: &[i16], leasts: &[u16]) -> (Vec<Each>, Vec<u16>) {
    let (mut out, mut far) = (vec![Each::ZERO; from.len()], vec![0; from.len()]);
    level.hadamard(from, signs, leasts, &mut out, &mut far);
    (out, far)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_level_gives_the_products_with_all_directions((from, signs) in vectors(15), least in 1u16..400) {
        let product = |at: usize, lane: usize| -> i32 {
            let number = |k: usize| i32::from(from[k].0[lane]) * i32::from(signs[k]);
            (0..from.len()).map(|k| if (at & k).count_ones().is_multiple_of(2) { number(k) } else { -number(k) }).sum()
        };
        let leasts = leasts(least, from.len());
        for level in levels() {
            let (out, far) = transformed(level, &from, &signs, &leasts);
            for at in (0..from.len()).step_by(if from.len() > 256 { 61 } else { 1 }) {
                let expected: Vec<i32> = (0..SIDE_BY_SIDE).map(|lane| product(at, lane)).collect();
                prop_assert_eq!(out[at].0.map(i32::from).to_vec(), expected, "{}: {}", level.name(), at);
            }
            let is_far = |each: &Each, lane: usize, least: u16| each.0[lane].unsigned_abs() >= least;
            let bits = |(each, &least): (&Each, &u16)| {
                (0..SIDE_BY_SIDE).map(|lane| u16::from(is_far(each, lane, least)) << lane).sum()
            };
            let expected: Vec<u16> = out.iter().zip(&leasts).map(bits).collect();
            prop_assert_eq!(far, expected);
        }
    }

    #[test]
    fn every_level_saturates_alike((from, signs) in vectors(i16::MAX), least in 1u16..=u16::MAX) {
        let leasts = leasts(least, from.len());
        let plain = transformed(Level::Scalar, &from, &signs, &leasts);
        for level in levels() {
            prop_assert!(transformed(level, &from, &signs, &leasts) == plain, "{}", level.name());
        }
    }
}

#[test]
fn a_product_of_the_longest_rows_does_not_overflow() {
    let mut row = vec![0i16; 64];
    row[5] = 32_767;
    for level in levels() {
        assert_eq!(level.dot(&row, &row), 32_767 * 32_767);
    }
}

#[test]
fn the_best_level_is_there() {
    assert!(Level::best().is_available() && levels().all(|level| level <= Level::best()));
}
