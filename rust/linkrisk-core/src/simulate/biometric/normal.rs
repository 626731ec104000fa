//! Standard normal numbers from a table of quantiles.
//!
//! The table is computed with the four operations and the square root alone, in one order, so it is
//! the same on every machine, which `exp` and `ln` of the system's library are not.

use std::sync::LazyLock;

use crate::kernel::hash;

/// Quantiles in the table: the farthest lies at 3.67. Sums over a vector hide the steps, and 16 KiB
/// stay in the first cache.
const QUANTILES: usize = 4096;
/// Numbers that come out of 64 bits.
pub const NORMALS_A_HASH: usize = 4;
/// An odd number with irregular bits, the step from one hash of a stream to the next.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Quantiles at the middles of 4096 equally likely intervals, with mean 0 and variance 1.
static TABLE: LazyLock<Box<[f32; QUANTILES]>> = LazyLock::new(|| {
    let half = QUANTILES / 2;
    let mut upper = vec![0.0f64; half];
    let mut z = 0.0;
    for (i, quantile) in upper.iter_mut().enumerate() {
        let wanted = (i as f64 + 0.5) / QUANTILES as f64;
        // The neighbour is near: Newton's method is exact to the last bits within six steps.
        for _ in 0..6 {
            let density = density(z);
            z -= (area(z, density) - wanted) / density;
        }
        *quantile = z;
    }
    let variance = upper.iter().map(|z| z * z).sum::<f64>() / half as f64;
    let scale = 1.0 / variance.sqrt();
    let mut table = Box::new([0.0; QUANTILES]);
    for (i, z) in upper.into_iter().enumerate() {
        table[half + i] = (z * scale) as f32;
        table[half - 1 - i] = -(z * scale) as f32;
    }
    table
});

/// The normal density at `z`, |z| < 8: the series of `exp` on a small argument, squared up.
fn density(z: f64) -> f64 {
    const DOUBLINGS: i32 = 8;
    const INVERSE_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
    let x = -z * z / 2.0 / f64::from(1 << DOUBLINGS);
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..16 {
        term *= x / f64::from(n);
        sum += term;
    }
    for _ in 0..DOUBLINGS {
        sum *= sum;
    }
    sum * INVERSE_SQRT_2PI
}

/// The area under the density from 0 to `z`: density · Σ z^(2n+1) / (1 · 3 · 5 … (2n + 1)).
fn area(z: f64, density: f64) -> f64 {
    let (mut term, mut sum) = (z, z);
    for n in 1..80 {
        term *= z * z / f64::from(2 * n + 1);
        sum += term;
    }
    sum * density
}

/// The four numbers at `position` of the stream `key`.
#[inline]
pub fn normals(key: u64, position: u64) -> [f32; NORMALS_A_HASH] {
    four(&TABLE, key, position)
}

#[inline]
fn four(table: &[f32; QUANTILES], key: u64, position: u64) -> [f32; NORMALS_A_HASH] {
    let bits = hash::mix(key.wrapping_add(position.wrapping_mul(STEP)));
    std::array::from_fn(|lane| table[(bits >> (16 * lane + 4)) as usize % QUANTILES])
}

/// Adds `scale` · `amplitudes` · normal numbers of the stream `key` to `sum`.
///
/// `position` gives each four of them their place in the stream.
#[inline]
pub fn add_normals(
    sum: &mut [f32],
    amplitudes: &[f32],
    key: u64,
    scale: f32,
    mut position: impl FnMut(u64) -> u64,
) {
    let table: &[f32; QUANTILES] = &TABLE;
    let fours = sum.chunks_exact_mut(NORMALS_A_HASH).zip(amplitudes.chunks_exact(NORMALS_A_HASH));
    for (i, (sum, amplitudes)) in fours.enumerate() {
        let drawn = four(table, key, position(i as u64));
        for lane in 0..NORMALS_A_HASH {
            sum[lane] += scale * amplitudes[lane] * drawn[lane];
        }
    }
}

/// A number with mean 0, variance 1 and skewness 0.71: (χ²₁₆ − 16) / √32.
pub fn skewed(key: u64) -> f32 {
    let squares: f32 = (0..4).flat_map(|position| normals(key, position)).map(|z| z * z).sum();
    (squares - 16.0) / 5.656_854
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_table_holds_known_quantiles() {
        // Φ⁻¹ at (i + 0.5) / 4096 as scipy.stats.norm.ppf has it; the variance correction is 2e-4.
        for (i, z) in [(2048, 0.000_306), (3071, 0.674_1), (3993, 1.957_4), (4095, 3.667_9)] {
            assert!((TABLE[i] - z).abs() < 2e-3 * z.max(0.1), "{i}: {}", TABLE[i]);
        }
        let variance: f64 = TABLE.iter().map(|&z| f64::from(z) * f64::from(z)).sum::<f64>() / 4096.0;
        assert!((variance - 1.0).abs() < 1e-6, "{variance}");
    }

    #[test]
    fn test_table_never_changes() {
        let digest = hash::bytes(bytemuck::cast_slice(TABLE.as_slice()));
        assert_eq!(digest, 0xbbe0_85cc_aa3f_70a4, "{digest:#x}");
    }

    #[test]
    fn test_skewed_has_its_moments() {
        let n = 100_000u64;
        let drawn: Vec<f64> = (0..n).map(|key| f64::from(skewed(hash::mix(key)))).collect();
        let moment = |power: i32| drawn.iter().map(|x| x.powi(power)).sum::<f64>() / n as f64;
        assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.03, "{} {}", moment(1), moment(2));
        assert!((moment(3) - 0.707).abs() < 0.08, "{}", moment(3));
    }
}
