//! What one comparison costs. `cargo bench -p linkrisk-core --bench kernels`

#![allow(missing_docs)]

use std::hint::black_box;

use divan::Bencher;
use linkrisk_core::kernel::{date, digits, edit, hash, ocr, plate, token};

/// Pairs a bench goes through, so that no branch is learnt by heart.
const PAIRS: usize = 1024;

const NAMES: [&str; 24] = [
    "martha",
    "marhta",
    "katherine",
    "catherine",
    "jonathan",
    "johnathan",
    "van der berg",
    "vandenberg",
    "o'sullivan",
    "sullivan",
    "garcia lopez",
    "lopez garcia",
    "montgomery",
    "montgomrey",
    "elizabeth taylor",
    "elisabeth tailor",
    "andersson",
    "anderson",
    "wei zhang",
    "zhang wei",
    "christopherson",
    "kristofferson",
    "muller",
    "mueller",
];

fn main() {
    divan::main();
}

fn pick(i: usize) -> usize {
    hash::mix(i as u64) as usize
}

fn name_pairs() -> Vec<(&'static str, &'static str)> {
    (0..PAIRS)
        .map(|i| {
            let left = pick(i) % NAMES.len();
            // Every other pair is a name and its variant, the rest are two names.
            let right = if i % 2 == 0 { left ^ 1 } else { pick(i + PAIRS) % NAMES.len() };
            (NAMES[left], NAMES[right])
        })
        .collect()
}

fn each<T: Copy, R>(bencher: Bencher, pairs: &[(T, T)], compare: impl Fn(T, T) -> R) {
    bencher.counter(divan::counter::ItemsCount::new(pairs.len())).bench_local(|| {
        for &(a, b) in pairs {
            black_box(compare(black_box(a), black_box(b)));
        }
    });
}

#[divan::bench]
fn bench_jaro_winkler(bencher: Bencher) {
    each(bencher, &name_pairs(), edit::jaro_winkler);
}

#[divan::bench(args = [1, 3, u32::MAX])]
fn bench_levenshtein(bencher: Bencher, limit: u32) {
    each(bencher, &name_pairs(), |a, b| edit::levenshtein(a, b, limit));
}

#[divan::bench(args = [1, 3, u32::MAX])]
fn bench_osa(bencher: Bencher, limit: u32) {
    each(bencher, &name_pairs(), |a, b| edit::osa(a, b, limit));
}

#[divan::bench]
fn bench_jaro_winkler_han(bencher: Bencher) {
    let names = ["欧阳小明", "欧阳晓明", "张伟", "张玮", "诸葛孔明", "李娜"];
    let pairs: Vec<_> =
        (0..PAIRS).map(|i| (names[pick(i) % names.len()], names[pick(i + PAIRS) % names.len()])).collect();
    each(bencher, &pairs, edit::jaro_winkler);
}

#[divan::bench(args = [100, 1000])]
fn bench_levenshtein_long(bencher: Bencher, characters: usize) {
    let a = "the quick brown fox ".repeat(characters / 20);
    // Edits at both ends, so that nothing of it is left out as common.
    let b = format!("a{}z", &a[1..a.len() - 1]);
    bencher.bench_local(|| edit::levenshtein(black_box(&a), black_box(&b), u32::MAX));
}

#[divan::bench]
fn bench_osa_one(bencher: Bencher) {
    let pairs: Vec<_> = (0..PAIRS)
        .map(|i| {
            let number = 99_000_019_000_101_000 + hash::mix(i as u64) % 100_000;
            let other = if i % 2 == 0 { number + 3000 } else { number ^ 0xffff };
            (number, other)
        })
        .collect();
    each(bencher, &pairs, digits::osa_one);
}

#[divan::bench]
fn bench_plate_distance(bencher: Bencher) {
    let plates: Vec<u64> = ["京A12345", "京A1Z345", "沪AD12345", "沪A012345", "粤B12D34", "ZZ4815"]
        .iter()
        .map(|text| plate::pack(&text.chars().filter_map(plate::symbol).collect::<Vec<_>>()))
        .collect();
    let pairs: Vec<_> = (0..PAIRS)
        .map(|i| (plates[pick(i) % plates.len()], plates[pick(i + PAIRS) % plates.len()]))
        .collect();
    each(bencher, &pairs, ocr::plate_distance);
}

#[divan::bench]
fn bench_date_agreement(bencher: Bencher) {
    let day = |i: usize| {
        let h = pick(i) as u32 >> 4;
        date::pack(1930 + h % 90, 1 + (h >> 8) % 12, 1 + (h >> 16) % 28)
    };
    let pairs: Vec<_> = (0..PAIRS).map(|i| (day(i), day(i / 2 * 2 + PAIRS * (i % 2)))).collect();
    each(bencher, &pairs, date::agreement);
}

#[divan::bench]
fn bench_token_jaccard(bencher: Bencher) {
    let texts =
        ["arts delicatessen 12224 ventura blvd", "arts deli 12224 ventura boulevard", "hotel bel air"];
    let pairs: Vec<_> =
        (0..PAIRS).map(|i| (texts[pick(i) % texts.len()], texts[pick(i + PAIRS) % texts.len()])).collect();
    each(bencher, &pairs, token::token_jaccard);
}
