//! The join of iris codes finds what the plain double loop finds, and every kernel counts the same bits.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int8Array};
use linkrisk_core::block::nearest::iris::{Near, Options, nearest_irises};
use linkrisk_core::block::nearest::look;
use linkrisk_core::error::ErrorKind;
use linkrisk_core::kernel::iris::normalised;
use linkrisk_core::kernel::simd::Level;
use linkrisk_core::kernel::simd::iris::Code;
use linkrisk_core::runtime::Context;
use linkrisk_core::simulate::biometric::{self, Eye, IRIS_BYTES};
use linkrisk_core::store::gallery::distance_of_similarity;
use linkrisk_core::store::irises::Irises;
use proptest::prelude::*;

fn codes(persons: u64, captures: u64) -> Vec<[u8; IRIS_BYTES]> {
    let irises = biometric::Irises::new(7);
    let mut code = [0; IRIS_BYTES];
    let all = (0..captures).flat_map(|capture| (0..persons).map(move |person| (person, capture)));
    all.map(|(person, capture)| {
        irises.code(person, Eye::Left, capture, &mut code);
        code
    })
    .collect()
}

fn stored(codes: &[[u8; IRIS_BYTES]], context: &Context) -> Irises {
    let mut irises = Irises::new("iris", context).expect("room");
    irises.begin_source("a");
    for (number, codes) in codes.chunks(700).enumerate() {
        let column: ArrayRef = Arc::new(BinaryArray::from_iter_values(codes));
        irises.add(&column, number as u32 * 700, context).expect("room");
    }
    irises
}

fn context(limit: u64, threads: usize) -> Context {
    Context::new(Some(limit), Some(threads), 1).expect("threads start")
}

fn found(irises: &Irises, options: &Options, context: &Context) -> Vec<Near> {
    let mut all = Vec::new();
    let pairs = nearest_irises(irises, options, context).expect("room");
    pairs
        .each(|pairs| {
            all.extend_from_slice(pairs);
            Ok(())
        })
        .expect("they are there");
    all
}

/// The normalised distance of two codes, turn by turn and byte by byte.
fn distance(a: &[u8; IRIS_BYTES], b: &[u8; IRIS_BYTES]) -> f64 {
    let turns = (-8i32..=8).map(|turn| {
        let (mut differ, mut compared) = (0, 0);
        for at in 0..256usize {
            let other = (at as i32 - 2 * turn).rem_euclid(256) as usize;
            let both = a[256 + other] & b[256 + at];
            compared += both.count_ones();
            differ += ((a[other] ^ b[at]) & both).count_ones();
        }
        if compared == 0 { 1.0 } else { normalised(differ, compared) }
    });
    turns.fold(1.0, f64::min)
}

#[test]
fn every_near_pair_is_found_on_every_kernel() {
    let codes = codes(150, 2);
    let context = context(1 << 28, 2);
    let irises = stored(&codes, &context);
    for (threshold, second) in [(0.35, None), (0.42, Some(150)), (0.42, None)] {
        let mut expected = Vec::new();
        for left in 0..codes.len() as u32 {
            for right in left + 1..codes.len() as u32 {
                let distance = distance(&codes[left as usize], &codes[right as usize]);
                let between = second.is_none_or(|second| left < second && right >= second);
                if between && distance <= threshold {
                    expected.push((left, right, (distance * f64::from(1 << 30)).round() as u32));
                }
            }
        }
        assert!(expected.len() > 145);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let options = Options { threshold, second, level: Some(level) };
            let pairs = found(&irises, &options, &context);
            let pairs: Vec<_> = pairs.iter().map(|pair| (pair.left, pair.right, pair.distance)).collect();
            assert!(pairs == expected, "{}: {} of {}", level.name(), pairs.len(), expected.len());
        }
    }
}

#[test]
fn one_iris_is_near_itself_and_no_other() {
    let context = context(1 << 28, 2);
    let irises = stored(&codes(500, 2), &context);
    let pairs = found(&irises, &Options { threshold: 0.32, second: None, level: None }, &context);
    let right = pairs.iter().filter(|pair| pair.right - pair.left == 500).count();
    assert!(right > 485 && pairs.len() - right < 3, "{right} of {}", pairs.len());
}

#[test]
fn memory_and_threads_change_nothing() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let codes = codes(4_600, 1);
    let options = Options { threshold: 0.40, second: None, level: None };
    let (whole, small) = (context(1 << 28, 2), context(9 << 20, 1).spill_to(base.path(), None));
    let in_memory = found(&stored(&codes, &whole), &options, &whole);
    let on_disk = found(&stored(&codes, &small), &options, &small);
    assert!(in_memory == on_disk && in_memory.len() > 100, "{}", in_memory.len());
    assert!(small.spill.written() > 0 && small.memory.peak() <= 9 << 20);
}

#[test]
fn what_is_no_code_is_set_aside_or_refused() {
    let context = context(1 << 28, 1);
    let code = codes(1, 1)[0];
    let mut blind = code;
    blind[300..].fill(0);
    let rows = [Some(&code[..]), None, Some(&code[..100]), Some(&blind[..]), Some(&[])];
    let mut irises = Irises::new("iris", &context).expect("room");
    irises.begin_source("a");
    let column: ArrayRef = Arc::new(BinaryArray::from_iter(rows));
    irises.add(&column, 10, &context).expect("room");
    let tally = &irises.sources()[0].tally;
    assert_eq!((tally.records, tally.usable, tally.blank), (5, 1, 2));
    assert_eq!((tally.other_length, tally.zero, irises.records()), (1, 1, &[10][..]));
    let numbers: ArrayRef = Arc::new(Int8Array::from(vec![1]));
    assert_eq!(irises.add(&numbers, 0, &context).expect_err("no codes").kind(), ErrorKind::AttributeType);
    for threshold in [-0.1, 0.5, f64::NAN] {
        let options = Options { threshold, second: None, level: None };
        assert_eq!(
            nearest_irises(&irises, &options, &context).expect_err("no distance").kind(),
            ErrorKind::Spec
        );
    }
}

proptest! {
    #[test]
    fn every_kernel_counts_the_same_bits(
        a in prop::collection::vec(any::<u64>(), 64),
        b in prop::collection::vec(any::<u64>(), 64),
        turn in -200isize..200,
    ) {
        let code = |words: &[u64]| {
            let mut code = Code { bits: [0; 32], mask: [0; 32] };
            code.bits.copy_from_slice(&words[..32]);
            code.mask.copy_from_slice(&words[32..]);
            code
        };
        let turns = [code(&a), code(&a).turned(turn), code(&a).turned(turn).turned(-turn)];
        let counts = |level: Level| {
            let mut counts = [(0, 0); 3];
            level.iris(&turns, &code(&b), &mut counts);
            counts
        };
        let plain = counts(Level::Scalar);
        prop_assert_eq!(plain[0], plain[2]);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            prop_assert_eq!(counts(level), plain);
        }
    }
}

#[test]
fn test_a_look_loses_no_pair_of_one_eye_and_few_of_strangers() {
    let context = context(u64::MAX, 2);
    let irises = stored(&codes(3_000, 2), &context);
    let pairs_from = |from: f64| {
        let mut looked = Vec::new();
        let pairs = look::by_look(&irises, from, None, &context).expect("room");
        pairs
            .each(|pairs| {
                looked.extend(pairs.iter().map(|pair| (pair.left, pair.right)));
                Ok(())
            })
            .expect("they are there");
        let options = Options { threshold: distance_of_similarity(from), second: None, level: None };
        let exact = found(&irises, &options, &context);
        (exact.iter().map(|near| (near.left, near.right)).collect::<Vec<(u32, u32)>>(), looked)
    };
    let of_one = |pairs: &[(u32, u32)]| pairs.iter().filter(|(a, b)| b - a == 3_000).count();
    let (exact, looked) = pairs_from(0.2);
    assert!(looked.is_sorted() && looked.iter().all(|pair| exact.binary_search(pair).is_ok()));
    assert!(of_one(&exact) > 2_980);
    assert_eq!(of_one(&looked), of_one(&exact));
    // Strangers who are hardly alike are lost, for their codes agree in no angle as those of one eye do.
    assert!(looked.len() < exact.len() / 10);
    let (exact, looked) = pairs_from(look::FROM);
    assert!(exact.len() > of_one(&exact) + 20);
    assert!(looked.len() as f64 > 0.99 * exact.len() as f64, "{} of {}", looked.len(), exact.len());
}
