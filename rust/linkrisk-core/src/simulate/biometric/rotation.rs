//! A rotation of a vector by signs and Hadamard transforms, in O(dims · log dims).
//!
//! Two rounds of (signs, Hadamard transform of each block, a permutation) as in structured
//! orthogonal random features (Yu et al., 2016): orthogonal to rounding, and each coordinate takes
//! part in all others. A dense 512 × 512 matrix would cost 57 times the additions.

use crate::kernel::hash;

/// An orthogonal map of vectors of one length, made from a key.
pub struct Rotation {
    /// Signs of each round, scaled so that the whole keeps lengths.
    signs: [Vec<f32>; 2],
    /// Length of the transforms: the largest power of two that divides the vector's length.
    block: usize,
}

/// Step of the permutation between the rounds: prime, and no factor of a length in use.
const STRIDE: usize = 67;

impl Rotation {
    /// The rotation of vectors of `dims` numbers that `key` makes.
    pub fn new(dims: usize, key: u64) -> Self {
        let block = 1 << dims.trailing_zeros();
        let size = 1.0 / (block as f32).sqrt();
        let signs =
            std::array::from_fn(|round| {
                (0..dims as u64)
                    .map(|i| {
                        if hash::combine(hash::combine(key, round as u64), i) >> 63 == 0 {
                            size
                        } else {
                            -size
                        }
                    })
                    .collect()
            });
        Self { signs, block }
    }

    /// Rotates `vector`, using `scratch` of the same length.
    pub fn apply(&self, vector: &mut [f32], scratch: &mut [f32]) {
        self.round(0, vector);
        let mut from = 0;
        for to in scratch.iter_mut() {
            *to = vector[from];
            from = (from + STRIDE) % vector.len();
        }
        self.round(1, scratch);
        vector.copy_from_slice(scratch);
    }

    fn round(&self, round: usize, vector: &mut [f32]) {
        for (x, sign) in vector.iter_mut().zip(&self.signs[round]) {
            *x *= sign;
        }
        for block in vector.chunks_exact_mut(self.block) {
            hadamard(block);
        }
    }
}

/// The Hadamard transform of a power of two of numbers, not scaled.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn test_rotation_keeps_products(key: u64, seed: u64, dims in prop::sample::select(vec![128usize, 192, 512])) {
            let drawn = |salt: u64| -> Vec<f32> {
                (0..dims as u64).map(|i| (hash::combine(seed ^ salt, i) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
            };
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
            let (a, b) = (drawn(1), drawn(2));
            let rotation = Rotation::new(dims, key);
            let mut scratch = vec![0.0; dims];
            let rotated = |v: &[f32], scratch: &mut [f32]| {
                let mut v = v.to_vec();
                rotation.apply(&mut v, scratch);
                v
            };
            let (ra, rb) = (rotated(&a, &mut scratch), rotated(&b, &mut scratch));
            prop_assert!((product(&a, &b) - product(&ra, &rb)).abs() < 1e-3);
            prop_assert!((product(&a, &a) - product(&ra, &ra)).abs() < 1e-3);
        }
    }

    #[test]
    fn test_rotation_spreads_one_coordinate_over_all() {
        for dims in [128, 192, 512] {
            let mut vector = vec![0.0; dims];
            vector[0] = 1.0;
            Rotation::new(dims, 9).apply(&mut vector, &mut vec![0.0; dims]);
            let largest = vector.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert!(largest < 5.0 / (dims as f32).sqrt(), "{dims}: {largest}");
            assert!(vector.iter().filter(|x| x.abs() < 1e-6).count() < dims / 4);
        }
    }
}
