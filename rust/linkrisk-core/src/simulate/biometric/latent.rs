//! Vectors along latent axes whose variances fall geometrically.

use super::normal::add_normals;
use crate::kernel::hash;

/// Partial sums that are kept apart: independent additions, in one order on every machine.
const LANES: usize = 16;

/// The latent axes of a kind of template.
pub struct Latent {
    /// Standard deviation along each axis; the variances add up to 1.
    amplitudes: Vec<f32>,
}

impl Latent {
    /// `dims` axes, the variance of each being `ratio` times that of the one before.
    ///
    /// The effective dimension (Σλ)² / Σλ² of the variances λ is what decides how near strangers come:
    /// the cosine of two unrelated vectors has the standard deviation 1 / √d_eff.
    pub fn new(dims: usize, ratio: f64) -> Self {
        let mut variances = vec![1.0; dims];
        for i in 1..dims {
            variances[i] = variances[i - 1] * ratio;
        }
        let total: f64 = variances.iter().sum();
        Self { amplitudes: variances.into_iter().map(|v| (v / total).sqrt() as f32).collect() }
    }

    /// Numbers of a vector.
    pub fn dims(&self) -> usize {
        self.amplitudes.len()
    }

    /// Adds the vector of `key`, of length `scale` on average.
    pub fn add(&self, sum: &mut [f32], key: u64, scale: f32) {
        add_normals(sum, &self.amplitudes, key, scale, |i| i);
    }

    /// Adds the vector that `key` has on a day, of length `scale` on average.
    ///
    /// Every four coordinates are drawn anew each `period` days, at days of their own: the cosine of
    /// the vectors of two days falls in a straight line with the days between, to 0 after a period.
    pub fn add_drifting(&self, sum: &mut [f32], key: u64, scale: f32, day: u32, period: u32) {
        let period = u64::from(period);
        // The golden ratio spreads the days of change evenly, whichever axes one looks at.
        let step = period * 618_034 / 1_000_000;
        let mut phase = hash::below(hash::mix(key), period) + u64::from(day);
        add_normals(sum, &self.amplitudes, key, scale, |i| {
            let epoch = phase / period;
            phase += step;
            epoch << 32 | i
        });
    }

    /// The unit vector of `key`.
    pub fn unit(&self, key: u64) -> Vec<f32> {
        let mut vector = vec![0.0; self.dims()];
        self.add(&mut vector, key, 1.0);
        scale_to(&mut vector, 1.0);
        vector
    }
}

/// The inner product of two vectors of one length.
pub fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum()
}

/// Makes `vector` as long as `length`; a zero vector stays what it is.
pub fn scale_to(vector: &mut [f32], length: f32) {
    let square = product(vector, vector);
    if square > 0.0 {
        let factor = length / square.sqrt();
        vector.iter_mut().for_each(|x| *x *= factor);
    }
}

/// Adds `scale` · `vector`.
pub fn add_scaled(sum: &mut [f32], vector: &[f32], scale: f32) {
    for (sum, x) in sum.iter_mut().zip(vector) {
        *sum += scale * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_latent_has_its_effective_dimension() {
        for (dims, ratio, expected) in
            [(512, super::super::face::RATIO_512, 270.5), (128, super::super::face::RATIO_128, 64.0)]
        {
            let latent = Latent::new(dims, ratio);
            let fourth: f32 = latent.amplitudes.iter().map(|a| a.powi(4)).sum();
            assert!((1.0 / fourth - expected).abs() < 1.0, "{}", 1.0 / fourth);
        }
    }

    #[test]
    fn test_drifting_vector_moves_in_a_straight_line() {
        let latent = Latent::new(512, super::super::face::RATIO_512);
        let on = |key: u64, day: u32| {
            let mut v = vec![0.0; 512];
            latent.add_drifting(&mut v, hash::mix(key), 1.0, day, 1000);
            scale_to(&mut v, 1.0);
            v
        };
        for (days, expected) in [(0, 1.0), (100, 0.9), (250, 0.75), (500, 0.5), (1000, 0.0)] {
            let mean: f32 =
                (0..200).map(|key| product(&on(key, 400), &on(key, 400 + days))).sum::<f32>() / 200.0;
            assert!((mean - expected).abs() < 0.03, "{days}: {mean}");
        }
    }
}
