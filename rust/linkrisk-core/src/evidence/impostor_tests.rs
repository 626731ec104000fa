//! Rates, intervals and what is told where pairs are few.

use proptest::prelude::*;

use super::super::bootstrap::TailPair;
use super::super::histogram::{BINS, bin};
use super::*;
use crate::kernel::hash;

/// Normal similarities of `pairs` pairs of `persons` persons, by hash; `between` is the share of the
/// variance that is a person's.
fn sample(persons: u32, between: f64, seed: u64) -> (Histogram, Vec<TailPair>, Vec<u64>) {
    let unit = |h: u64| ((h >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let normal = |h: u64| (-2.0 * unit(h).ln()).sqrt() * (std::f64::consts::TAU * unit(hash::mix(h))).cos();
    let mut histogram = Histogram::grid();
    let mut pairs = Vec::new();
    let own: Vec<f64> = (0..persons).map(|p| normal(hash::combine(seed, u64::from(p)))).collect();
    for a in 0..persons {
        for b in 0..a {
            let pair = hash::combine(hash::combine(seed ^ 77, u64::from(a)), u64::from(b));
            let shared = (own[a as usize] + own[b as usize]) / std::f64::consts::SQRT_2;
            let s = 0.06 * (between.sqrt() * shared + (1.0 - between).sqrt() * normal(pair));
            histogram.counts_mut()[bin(s)] += 1.0;
            if s >= 0.1 {
                pairs.push(TailPair { records: [a, b], bin: bin(s) as u16 });
            }
        }
    }
    (histogram, pairs, (0..u64::from(persons)).collect())
}

fn true_rate(s: f64) -> f64 {
    0.5 * libm::erfc(s / 0.06 / std::f64::consts::SQRT_2)
}

fn context() -> Context {
    Context::new(None, Some(2), 1).expect("a context")
}

fn dependence<'a>(pairs: &'a [TailPair], persons: &'a [u64]) -> Dependence<'a> {
    Dependence::Persons { from: bin(0.1), pairs, left: persons, right: None }
}

#[test]
fn test_the_interval_holds_the_true_rate() {
    let at = [0.15, 0.2, 0.24, 0.28];
    let mut held = [0; 4];
    let seeds = 20;
    for seed in 0..seeds {
        let (histogram, pairs, persons) = sample(700, 0.1, seed);
        let found = Impostors::new(histogram, dependence(&pairs, &persons));
        let replicates = found.replicates(&at, &context()).expect("not cancelled");
        for (i, rate) in found.rates(&at, &replicates).iter().enumerate() {
            held[i] += i32::from(rate.rate.low <= true_rate(at[i]) && true_rate(at[i]) <= rate.rate.high);
        }
    }
    // Of twenty 95 % intervals 16 or more hold the truth in 99.7 % of the cases.
    assert!(held.iter().all(|&h| h >= 16), "{held:?} of {seeds}");
}

#[test]
fn test_a_few_pairs_of_one_person_do_not_lift_the_tail() {
    let (mut histogram, mut pairs, persons) = sample(700, 0.0, 3);
    let rate = Impostors::new(histogram.clone(), dependence(&pairs, &persons)).rate(0.3);
    let mut genuine = Histogram::grid();
    for i in 0..60u16 {
        let bin = bin(0.5) as u16 + i * 5;
        histogram.counts_mut()[usize::from(bin)] += 1.0;
        genuine.counts_mut()[usize::from(bin)] += 10.0;
        pairs.push(TailPair { records: [u32::from(i), u32::from(i) + 100], bin });
    }
    let mixed = Impostors::of_random_pairs(histogram.clone(), dependence(&pairs, &persons), &genuine);
    assert!((mixed.set_aside() - 60.0).abs() < 1.0, "{}", mixed.set_aside());
    assert!(mixed.rate(0.3) < 2.0 * rate + 1e-9, "{} {rate}", mixed.rate(0.3));
    // Were they known to be strangers, as lookalikes are, they would count.
    let known = Impostors::new(histogram, dependence(&pairs, &persons));
    assert_eq!((known.rate(0.45) * known.pairs()).round(), 60.0);
    assert!((known.rate(0.3) * known.pairs() - 60.0).abs() < 2.0);
    let replicates = known.replicates(&[0.45], &context()).expect("not cancelled");
    let rate = known.rates(&[0.45], &replicates)[0];
    assert_eq!(rate.basis, Basis::Counted);
    assert!(rate.rate.low * known.pairs() < 46.0 && rate.rate.high * known.pairs() > 77.0, "{rate:?}");
}

#[test]
fn test_strangers_of_another_camera_are_not_taken_off() {
    // One pair in a thousand lies around 0.3, far below what pairs of one person are.
    let (mut histogram, pairs, persons) = sample(700, 0.0, 8);
    let mut genuine = Histogram::grid();
    (0..400).for_each(|i| genuine.counts_mut()[bin(0.4) + i] += 1.0);
    (0..80).for_each(|i| histogram.counts_mut()[bin(0.28) + i] += 3.0);
    (0..400).step_by(8).for_each(|i| histogram.counts_mut()[bin(0.4) + i] += 1.0);
    let found = Impostors::of_random_pairs(histogram, dependence(&pairs, &persons), &genuine);
    assert!((found.set_aside() - 50.0).abs() < 5.0, "{}", found.set_aside());
    assert!((found.rate(0.29) * found.pairs() - 180.0).abs() < 10.0, "{}", found.rate(0.29) * found.pairs());
    assert!(found.rate(0.45) * found.pairs() < 3.0);
}

#[test]
fn test_what_cannot_be_known_is_said() {
    let (histogram, pairs, persons) = sample(700, 0.0, 4);
    let found = Impostors::new(histogram, dependence(&pairs, &persons));
    let at = [0.3, 0.6];
    let replicates = found.replicates(&at, &context()).expect("not cancelled");
    let rates = found.rates(&at, &replicates);
    assert_eq!((rates[1].basis, rates[1].seen), (Basis::Unknown, 0.0));
    // Three in 244,650 pairs.
    assert!((rates[1].rate.high * found.pairs() - 3.0).abs() < 0.01);
    assert_eq!(rates[1].rate.low, 0.0);
    let few = Impostors::new(
        Histogram::new(vec![0.0, 0.5, 1.0], vec![10.0, 0.0]).expect("sound"),
        Dependence::Unknown,
    );
    assert!(few.tail().is_none());
    let replicates = few.replicates(&[0.5], &context()).expect("not cancelled");
    let rates = few.rates(&[0.5], &replicates);
    assert_eq!(rates[0].basis, Basis::Unknown);
    assert!(rates[0].rate.high > 0.25);
}

#[test]
fn test_threads_do_not_show() {
    let (histogram, pairs, persons) = sample(200, 0.1, 7);
    let found = Impostors::new(histogram, dependence(&pairs, &persons));
    let drawn = |threads| {
        let context = Context::new(None, Some(threads), 1).expect("a context");
        found.replicates(&[0.1, 0.3], &context).expect("not cancelled")
    };
    assert_eq!(drawn(1), drawn(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn test_rates_fall_as_similarity_rises(seed: u64, persons in 2u32..300, a in -1.0..1.0f64, b in -1.0..1.0f64) {
        let (histogram, pairs, persons) = sample(persons, 0.2, seed);
        let mut genuine = Histogram::grid();
        (0..800).for_each(|i| genuine.counts_mut()[bin(0.2) + i] += 1.0);
        let found = Impostors::of_random_pairs(histogram, dependence(&pairs, &persons), &genuine);
        let at = [a.min(b), a.max(b)];
        let replicates = found.replicates(&at, &context()).expect("not cancelled");
        let rates = found.rates(&at, &replicates);
        prop_assert!(rates[0].rate.value >= rates[1].rate.value - 1e-12);
        for rate in rates {
            prop_assert!(0.0 <= rate.rate.low && rate.rate.low <= rate.rate.value);
            prop_assert!(rate.rate.value <= rate.rate.high && rate.rate.high <= 1.0 + 1e-9);
        }
        prop_assert_eq!(found.histogram().counts().len(), BINS);
    }
}
