//! The principal axes of templates: most of what two have in common is in the leading numbers then.

use faer::linalg::matmul::matmul;
use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use crate::error::{Error, Result};
use crate::kernel::hash;
use crate::runtime::Context;
use crate::store::templates::{ONE, Templates, round};

/// Most templates that the axes are taken from: sixteen for each of 512 axes.
const SAMPLE: u64 = 8_192;

/// What the draw of the sample is called.
const DRAW: u64 = 501;

/// Principal axes, the one along which templates differ most first.
#[derive(Debug)]
pub struct Axes {
    /// An axis a row.
    axes: Mat<f32>,
}

impl Axes {
    /// The axes of a sample of `templates`: eigenvectors of their second moments, not of their covariance,
    /// since the products of templates that are not centred are to be kept.
    ///
    /// Cost: dims³ and the sample's 8,192 · dims², on one thread so that every run has the same axes; half a
    /// second where there are 512.
    ///
    /// # Errors
    /// As [`Templates::gather`].
    pub fn of(templates: &Templates, context: &Context) -> Result<Self> {
        let dims = templates.dims();
        let sample = sample(templates.len(), SAMPLE, context.seed, DRAW);
        let numbers = templates.gather(&sample, context)?;
        let stride = templates.stride();
        let rows =
            Mat::from_fn(sample.len(), dims, |row, k| f64::from(numbers[row * stride + k]) / f64::from(ONE));
        let mut moments = Mat::<f64>::zeros(dims, dims);
        matmul(&mut moments, Accum::Replace, rows.transpose(), &rows, 1.0, Par::Seq);
        context.cancel.check()?;
        let found = SelfAdjointEigen::new(moments.as_ref(), Side::Lower)
            .map_err(|_| Error::internal("the principal axes of the templates were not found"))?;
        // Eigenvalues ascend.
        let axes = Mat::from_fn(dims, dims, |axis, k| found.U()[(k, dims - 1 - axis)] as f32);
        Ok(Self { axes })
    }

    /// Templates of `stride` numbers at rest along the axes, one a row.
    pub fn along(&self, numbers: &[i16], stride: usize) -> Mat<f32> {
        let (rows, dims) = (numbers.len() / stride, self.axes.ncols());
        let templates = Mat::from_fn(rows, dims, |row, k| f32::from(numbers[row * stride + k]) / ONE);
        let mut along = Mat::zeros(rows, dims);
        matmul(&mut along, Accum::Replace, &templates, self.axes.transpose(), 1.0, Par::Seq);
        along
    }

    /// Turns the templates so that their leading `depth` numbers hold the leading `depth` axes, mixed.
    ///
    /// Mixing (an orthonormal cosine transform) lets these numbers vary alike, so that one scale suits all
    /// of them: the first axis alone may hold nine tenths of a model's templates. Products of templates
    /// stay as they are, within the rounding of rows at rest.
    ///
    /// # Errors
    /// As [`Templates::update`].
    pub fn turn(&self, depth: usize, templates: &mut Templates, context: &Context) -> Result<()> {
        let (dims, stride) = (templates.dims(), templates.stride());
        let depth = depth.min(dims);
        let cosine = |k: usize, j: usize| {
            let scale = if k == 0 { 1.0 } else { 2.0 } / depth as f64;
            let angle = std::f64::consts::PI / depth as f64 * (j as f64 + 0.5) * k as f64;
            (scale.sqrt() * angle.cos()) as f32
        };
        let mixing = Mat::from_fn(depth, depth, cosine);
        let mut turned = self.axes.clone();
        matmul(
            turned.subrows_mut(0, depth),
            Accum::Replace,
            &mixing,
            self.axes.subrows(0, depth),
            1.0,
            Par::Seq,
        );
        templates.update(context, |_, numbers| {
            // Rows by tiles of one height: then a row's sums have one order, whatever stretch it is in.
            for rows in numbers.chunks_mut(TILE * stride) {
                context.cancel.check()?;
                turn_tile(turned.as_ref(), dims, stride, rows);
            }
            Ok(())
        })
    }
}

/// Rows that are turned at once.
const TILE: usize = 256;

fn turn_tile(axes: MatRef<'_, f32>, dims: usize, stride: usize, rows: &mut [i16]) {
    let mut from = vec![0.0f32; TILE * dims];
    let mut to = vec![0.0f32; TILE * dims];
    for (from, row) in from.chunks_exact_mut(dims).zip(rows.chunks_exact(stride)) {
        from.iter_mut().zip(row).for_each(|(from, &x)| *from = f32::from(x));
    }
    let out = MatMut::from_row_major_slice_mut(&mut to, TILE, dims);
    let rows_in = MatRef::from_row_major_slice(&from, TILE, dims);
    matmul(out, Accum::Replace, rows_in, axes.transpose(), 1.0, Par::Seq);
    for (to, row) in to.chunks_exact(dims).zip(rows.chunks_exact_mut(stride)) {
        round(to, &mut row[..dims]);
    }
}

/// At most `most` of the numbers below `count`, ascending: one out of each of as many shares.
pub fn sample(count: u32, most: u64, seed: u64, draw: u64) -> Vec<u32> {
    let most = most.min(u64::from(count));
    let start = |share: u64| u64::from(count) * share / most.max(1);
    let drawn = (0..most).map(|share| {
        let key = hash::combine(hash::combine(seed, draw), share);
        (start(share) + hash::below(key, start(share + 1) - start(share))) as u32
    });
    drawn.collect()
}
