//! Isotonic regression: the rising sequence nearest to another one.
//!
//! Pool adjacent violators (M. Ayer et al., *An empirical distribution function for sampling with
//! incomplete information*, Annals of Mathematical Statistics 26, 1955), in linear time.

/// The sequence that never falls and has the least weighted sum of squared differences from `values`.
///
/// For counts over expected counts, with the expected ones as weights, it is the likeliest rising ratio too.
/// Values of no weight take the value of the block they fall into.
pub fn rising(values: &[f64], weights: &[f64]) -> Vec<f64> {
    struct Block {
        value: f64,
        weight: f64,
        length: usize,
    }
    let mut blocks: Vec<Block> = Vec::with_capacity(values.len());
    for (&value, &weight) in values.iter().zip(weights) {
        let mut next = Block { value, weight, length: 1 };
        while let Some(last) = blocks.pop() {
            if last.value < next.value && last.weight > 0.0 {
                blocks.push(last);
                break;
            }
            let weight = last.weight + next.weight;
            let value = if weight > 0.0 {
                (last.value * last.weight + next.value * next.weight) / weight
            } else {
                last.value.max(next.value)
            };
            next = Block { value, weight, length: last.length + next.length };
        }
        blocks.push(next);
    }
    blocks.iter().flat_map(|b| std::iter::repeat_n(b.value, b.length)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn test_violators_are_pooled() {
        assert_eq!(rising(&[1.0, 3.0, 2.0, 4.0], &[1.0; 4]), [1.0, 2.5, 2.5, 4.0]);
        assert_eq!(rising(&[3.0, 2.0, 1.0], &[1.0, 1.0, 2.0]), [1.75; 3]);
        assert_eq!(rising(&[], &[]), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn test_it_rises_keeps_the_mean_and_is_nearest(
            pairs in prop::collection::vec((0.0..10.0f64, 0.1..5.0f64), 1..60),
            other in prop::collection::vec(0.0..10.0f64, 60),
        ) {
            let (values, weights): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let fitted = rising(&values, &weights);
            prop_assert!(fitted.is_sorted());
            let mean = |v: &[f64]| v.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>();
            prop_assert!((mean(&fitted) - mean(&values)).abs() < 1e-6);
            let loss = |v: &[f64]| -> f64 {
                v.iter().zip(&values).zip(&weights).map(|((f, v), w)| w * (f - v).powi(2)).sum()
            };
            let mut other = other[..values.len()].to_vec();
            other.sort_by(f64::total_cmp);
            prop_assert!(loss(&fitted) <= loss(&other) + 1e-9);
        }
    }
}
