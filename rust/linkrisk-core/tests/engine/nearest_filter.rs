//! A filter that may lose nothing loses nothing, whatever the templates.

use linkrisk_core::block::nearest::filter::Filter;
use linkrisk_core::store::templates::{ONE, round};
use proptest::prelude::*;

/// Numbers of a template.
const DIMS: usize = 256;

fn template() -> impl Strategy<Value = Vec<f32>> {
    let number = prop_oneof![
        4 => -1.0f32..1.0,
        2 => Just(0.0f32),
        1 => -50.0f32..50.0,
        1 => prop_oneof![Just(1e-4f32), Just(-1e-4)],
    ];
    prop::collection::vec(number, DIMS).prop_filter("not zero", |v| v.iter().any(|x| x.abs() > 1e-3))
}

fn sum(filter: &Filter, a: &[i16], b: &[i16]) -> i64 {
    let factors = |row: &[i16]| {
        let mut numbers = vec![0i8; filter.depth];
        let (tail, base) = filter.factors(row, &mut numbers);
        (numbers, i64::from(tail), i64::from(base))
    };
    let ((a, a_tail, a_base), (b, b_tail, b_base)) = (factors(a), factors(b));
    let product: i64 = a.iter().zip(&b).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
    product + a_tail * b_tail + a_base + b_base
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_pair_at_its_own_cosine_passes(
        a in template(),
        other in template(),
        near in 0.0f32..1.0,
        depth in 1usize..=4,
        scale in prop_oneof![16.0f32..4_000.0, Just(440.0)],
    ) {
        // From strangers to the same template.
        let b: Vec<f32> = a.iter().zip(&other).map(|(a, b)| near * a + (1.0 - near) * b).collect();
        let mut rows = [[0i16; DIMS]; 2];
        round(&a, &mut rows[0]);
        round(&b, &mut rows[1]);
        let product: i64 = rows[0].iter().zip(&rows[1]).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
        let cosine = product as f64 / f64::from(ONE) / f64::from(ONE);
        let whole = Filter::whole(DIMS, DIMS, cosine);
        for filter in [Filter { depth: depth * 64, scale, ..whole }, whole] {
            prop_assert!(sum(&filter, &rows[0], &rows[1]) >= i64::from(filter.least()), "{:?}", filter);
        }
    }
}
