//! Templates at rest: unit vectors as 16-bit whole numbers, apart from the records.
//!
//! ```text
//! list of f16 f32 f64 int8 ─► checked ─► length 1 ─► × 32,767, rounded ─► rows, in memory or on disk
//!                               └─► null, zero, not finite, of another length, copies: counted
//! ```
//!
//! A number is off by 1/65,534 at most, so a cosine of two templates of `d` numbers by [`bound`]: 0.0007
//! where `d` is 512, and by a fiftieth of that as a rule. int8 of one scale would be off by 0.03 at most,
//! so a filter is made of it and no answer. 16-bit products add up in 32 bits whatever their order, since
//! no partial sum of two unit vectors exceeds 32,767². Memory: 2 bytes a number (the length rounded up to
//! 64), 4 a template, and 8 more until the copies are counted; rows over half of the limit go to disk.

use arrow_array::{Array, ArrayRef};
use rayon::prelude::*;

use super::rows::Rows;
pub use super::template_sources::{NOBODY, TemplateSource, TemplateSources, TemplateTally};
use super::vector;
use crate::error::Result;
use crate::kernel::hash;
use crate::normalise::Outcome;
use crate::runtime::Context;

/// What 1 is at rest.
pub const ONE: f32 = 32_767.0;

/// Lengths that are read.
pub const DIMS: std::ops::RangeInclusive<usize> = 64..=2_048;

/// Rows at rest are padded with zeros to a multiple of this, which every kernel reads whole.
pub const PADDING: usize = 64;

/// Templates that are read side by side.
const STRETCH: usize = 512;

/// A template is a placeholder where more than one in a thousand of the source are the same to the bit,
/// and more than a hundred: a photo of one person may be enrolled at every gate, one of nobody is everywhere.
const COPIES: (u64, u64) = (100, 1_000);

/// How far the cosine of two templates of `dims` numbers at rest can be from that of the vectors.
///
/// Each is off by half a unit a number, √dims / 2 in all, and the error of a product of unit vectors is at
/// most the sum of those of its factors and their product (Cauchy–Schwarz).
pub fn bound(dims: usize) -> f64 {
    let off = (dims as f64).sqrt() / 2.0 / f64::from(ONE);
    2.0 * off + off * off
}

/// The templates of one attribute, of all sources one after the other.
///
/// Rows are numbered as they rest; [`Templates::records`] tells whose they are.
#[derive(Debug)]
pub struct Templates {
    pub(super) dims: usize,
    pub(super) rows: Option<Rows>,
    hashes: Vec<u64>,
    pub(super) sources: TemplateSources,
}

/// Whose its rows are.
impl std::ops::Deref for Templates {
    type Target = TemplateSources;

    fn deref(&self) -> &TemplateSources {
        &self.sources
    }
}

/// What was made of one template of a batch.
struct Read {
    outcome: Outcome,
    length: usize,
    norm: f64,
}

impl Templates {
    /// No templates, of the attribute of that name.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`].
    pub fn new(attribute: &str, context: &Context) -> Result<Self> {
        let sources = TemplateSources::new(attribute, context)?;
        Ok(Self { dims: 0, rows: None, hashes: Vec::new(), sources })
    }

    /// No templates of `dims` numbers, made by the engine itself, of one source; [`Templates::push`] adds them.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`].
    pub fn of_vectors(attribute: &str, dims: usize, context: &Context) -> Result<Self> {
        let mut made = Self::new(attribute, context)?;
        made.dims = dims;
        made.sources.begin(attribute);
        made.sources.current()?.mean = vec![0.0; dims];
        made.rows = Some(Rows::new(made.stride() / 4, "templates", context)?);
        Ok(made)
    }

    /// Adds `count` templates, which are numbered as their records: `write` makes them, by their numbers among
    /// these.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub fn push(
        &mut self,
        count: usize,
        context: &Context,
        write: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<()> {
        context.cancel.check()?;
        let (dims, stride, first) = (self.dims, self.stride(), self.len());
        self.sources.held.grow_to((4 * (first as usize + count) as u64).next_power_of_two())?;
        self.sources.records.extend(first..first + count as u32);
        self.sources.current()?.tally.usable += count as u64;
        let Some(rows) = &mut self.rows else { return Ok(()) };
        for (at, words) in rows.push(count, context)? {
            let numbers: &mut [i16] = bytemuck::cast_slice_mut(words);
            context.pool.install(|| {
                let each = numbers.par_chunks_exact_mut(stride).enumerate();
                each.for_each_init(
                    || vec![0.0f32; dims],
                    |template, (row, out)| {
                        write(at + row, template);
                        round(template, out);
                    },
                );
            });
        }
        Ok(())
    }

    /// Begins the next source.
    pub fn begin_source(&mut self, name: &str) {
        self.sources.begin(name);
    }

    /// Adds the templates of a batch, whose records are numbered from `first` on.
    ///
    /// # Errors
    /// [`ErrorKind::AttributeType`] where the column is none of lists of numbers, [`ErrorKind::Data`] where
    /// its templates have a length that is not read or not that of the sources before,
    /// [`ErrorKind::MemoryLimit`] or [`ErrorKind::SpillLimit`] where they do not fit,
    /// [`ErrorKind::Cancelled`].
    pub fn add(&mut self, array: &ArrayRef, first: u32, context: &Context) -> Result<()> {
        let source = self.sources.current()?;
        let name = source.name.clone();
        let width = (source.tally.usable + source.tally.zero > 0).then_some(self.dims);
        let column = vector::Templates::new(array, width).filter(|column| !column.is_binary());
        let unreadable =
            || self.sources.unreadable(array, "give a column of lists of f16, f32, f64 or int8 numbers");
        let mut column = column.ok_or_else(unreadable)?;
        // The first template that can be used says how long all of them are.
        for row in 0..array.len() {
            if column.width().is_some() {
                break;
            }
            column.check(row);
        }
        let Some(dims) = column.width() else {
            let tally = &mut self.sources.current()?.tally;
            (0..array.len()).for_each(|row| tally.count(column.check(row), false));
            return Ok(());
        };
        self.agree(dims, &name)?;
        let stride = self.stride();
        for start in (0..array.len()).step_by(STRETCH * 16) {
            context.cancel.check()?;
            let end = array.len().min(start + STRETCH * 16);
            let mut numbers = vec![0i16; (end - start) * stride];
            let pieces = numbers.par_chunks_mut(STRETCH * stride).enumerate();
            let read: Vec<Vec<Read>> = context.pool.install(|| {
                let read = pieces.map(|(piece, out)| {
                    let mut column = vector::Templates::new(array, Some(dims));
                    let mut template = Vec::new();
                    let mut read_row = |(row, out): (usize, &mut [i16])| match &mut column {
                        Some(column) => {
                            let (outcome, length) = column.read(row, &mut template);
                            let norm = if outcome == Outcome::Valid { round(&template, out) } else { 0.0 };
                            Read { outcome, length, norm }
                        }
                        None => Read { outcome: Outcome::Blank, length: 0, norm: 0.0 },
                    };
                    let first = start + piece * STRETCH;
                    out.chunks_exact_mut(stride)
                        .enumerate()
                        .map(|(i, out)| read_row((first + i, out)))
                        .collect()
                });
                read.collect()
            });
            let read: Vec<Read> = read.into_iter().flatten().collect();
            self.keep(&numbers, &read, first + start as u32, context)?;
        }
        Ok(())
    }

    /// Makes sure that templates are of a length that is read, and of that of the sources before.
    fn agree(&mut self, dims: usize, source: &str) -> Result<()> {
        if !DIMS.contains(&dims) {
            let what = format!("holds templates of {dims} numbers, and those of 64 to 2,048 are read");
            return Err(self.sources.refusal(source, &what, "map a column of templates, one list a row"));
        }
        if self.dims != 0 && self.dims != dims {
            let what = format!("holds templates of {dims} numbers where earlier sources have {}", self.dims);
            let hint = "templates of two models cannot be compared: map each to an attribute of its own";
            return Err(self.sources.refusal(source, &what, hint));
        }
        self.dims = dims;
        Ok(())
    }

    fn keep(&mut self, numbers: &[i16], read: &[Read], first: u32, context: &Context) -> Result<()> {
        let (stride, dims) = (self.stride(), self.dims);
        let usable = read.iter().filter(|r| r.outcome == Outcome::Valid).count();
        let held = (self.sources.records.len() + usable) as u64 * 12;
        self.sources.held.grow_to(held.next_power_of_two())?;
        let mut records = std::mem::take(&mut self.sources.records);
        let source = self.sources.current()?;
        let mut valid = Vec::with_capacity(usable);
        for ((row, read), record) in read.iter().enumerate().zip(first..) {
            source.tally.count(read.outcome, read.length != dims);
            if read.outcome == Outcome::Valid {
                let template = &numbers[row * stride..][..stride];
                source.tally.unit += u64::from((read.norm - 1.0).abs() <= 0.01);
                source.tally.square_norm += read.norm * read.norm;
                records.push(record);
                let hash = hash::bytes(bytemuck::cast_slice(template));
                source.digest = hash::combine(source.digest, hash::combine(hash, u64::from(record)));
                self.hashes.push(hash);
                valid.push(template);
            }
        }
        self.sources.records = records;
        let rows = match &mut self.rows {
            Some(rows) => rows,
            none => none.insert(Rows::new(stride / 4, "templates", context)?),
        };
        for (at, words) in rows.push(usable, context)? {
            let out: &mut [i16] = bytemuck::cast_slice_mut(words);
            out.chunks_exact_mut(stride).zip(&valid[at..]).for_each(|(out, from)| out.copy_from_slice(from));
        }
        Ok(())
    }

    /// Ends the last source: copies of a placeholder are set aside and means are taken.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] where a source holds the templates of two models, by their lengths, norms, means or axes;
    /// as [`Rows::update`].
    pub fn complete(&mut self, context: &Context) -> Result<()> {
        for number in 0..self.sources().len() {
            self.check_source(&self.sources()[number])?;
            self.set_copies_aside(number);
        }
        self.hashes = Vec::new();
        self.sources.held.shrink_to(u64::from(self.len()) * 4);
        let (stride, dims) = (self.stride(), self.dims);
        let sources = &self.sources;
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let sums = rows.update(
            context,
            || vec![vec![0i64; dims]; sources.sources.len()],
            |sums, first, words| {
                let numbers: &mut [i16] = bytemuck::cast_slice_mut(words);
                let mut changed = false;
                for (row, at) in numbers.chunks_exact_mut(stride).zip(first..) {
                    if sources.records[at as usize] == NOBODY {
                        row.fill(0);
                        changed = true;
                    }
                    let sums = &mut sums[sources.source_of(at)];
                    sums.iter_mut().zip(row.iter()).for_each(|(sum, &x)| *sum += i64::from(x));
                }
                Ok(changed)
            },
        )?;
        for (number, source) in self.sources.sources.iter_mut().enumerate() {
            let unit = f64::from(ONE) * source.tally.usable.max(1) as f64;
            let sum = |k: usize| sums.iter().map(|sums| sums[number][k]).sum::<i64>();
            source.mean = (0..dims).map(|k| (sum(k) as f64 / unit) as f32).collect();
            source.tally.in_common = source.mean.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        }
        self.check_groups(context)?;
        self.check_axes(context)
    }

    fn set_copies_aside(&mut self, number: usize) {
        let range = self.sources.rows(number);
        let mut sorted = self.hashes[range.clone()].to_vec();
        sorted.sort_unstable();
        let most = COPIES.0.max(range.len() as u64 / COPIES.1) as usize;
        let placeholders: Vec<u64> =
            sorted.chunk_by(|a, b| a == b).filter(|same| same.len() > most).map(|same| same[0]).collect();
        let tally = &mut self.sources.sources[number].tally;
        for (record, hash) in self.sources.records[range.clone()].iter_mut().zip(&self.hashes[range]) {
            if placeholders.binary_search(hash).is_ok() {
                *record = NOBODY;
                tally.copies += 1;
                tally.usable -= 1;
            }
        }
    }

    /// Numbers of a template; 0 where there is none.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Numbers of a row at rest: those of a template, and zeros.
    pub fn stride(&self) -> usize {
        self.dims.next_multiple_of(PADDING)
    }

    /// Rows of every stretch but the last that [`Templates::stretch`] gives, and how many there are.
    pub fn stretches(&self) -> (usize, usize) {
        self.rows.as_ref().map_or((1, 0), |rows| (rows.chunk_rows(), rows.chunks()))
    }

    /// The rows of a stretch, one after the other, read into `buffer` where they are on disk.
    ///
    /// # Errors
    /// As [`SpillFile::read`](crate::runtime::spill::SpillFile::read).
    pub fn stretch<'a>(&'a self, stretch: usize, buffer: &'a mut Vec<u64>) -> Result<&'a [i16]> {
        match &self.rows {
            Some(rows) => Ok(bytemuck::cast_slice(rows.chunk(stretch, buffer)?.1)),
            None => Ok(&[]),
        }
    }

    /// The rows of a stretch that is in memory.
    pub fn at_rest(&self, stretch: usize) -> Option<&[i16]> {
        self.rows.as_ref()?.in_memory(stretch).map(bytemuck::cast_slice)
    }

    /// The numbers of one row, read into `buffer` where it is on disk.
    ///
    /// # Errors
    /// As [`Rows::row`].
    #[inline]
    pub fn row<'a>(&'a self, row: u32, buffer: &'a mut Vec<u64>) -> Result<&'a [i16]> {
        match &self.rows {
            Some(rows) => Ok(bytemuck::cast_slice(rows.row(row as usize, buffer)?)),
            None => Ok(&[]),
        }
    }

    /// Whether some rows are on disk.
    pub fn is_on_disk(&self) -> bool {
        self.rows.as_ref().is_some_and(Rows::is_on_disk)
    }

    /// The numbers of `rows`, which ascend, one row after the other.
    ///
    /// # Errors
    /// As [`Rows::gather`].
    pub fn gather(&self, rows: &[u32], context: &Context) -> Result<Vec<i16>> {
        match &self.rows {
            Some(at_rest) => Ok(bytemuck::cast_slice(&at_rest.gather(rows, context)?).to_vec()),
            None => Ok(Vec::new()),
        }
    }

    /// Shows the numbers of all rows to `change`, stretch by stretch and side by side, with the number of
    /// the first row of each.
    ///
    /// # Errors
    /// What `change` says, and as [`Rows::update`].
    pub fn update(
        &mut self,
        context: &Context,
        change: impl Fn(u32, &mut [i16]) -> Result<()> + Sync + Send,
    ) -> Result<()> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let changed = rows.update(
            context,
            || (),
            |(), first, words| change(first, bytemuck::cast_slice_mut(words)).map(|()| true),
        );
        changed.map(drop)
    }

    /// Takes the mean of its source from every template and makes its length 1 again, so that what a
    /// camera or a site has in common makes nobody similar.
    ///
    /// Once only: the means stay those from before.
    ///
    /// # Errors
    /// As [`Templates::update`].
    pub fn centre(&mut self, context: &Context) -> Result<()> {
        let (stride, dims) = (self.stride(), self.dims);
        let sources: Vec<(u32, Vec<f32>)> =
            self.sources().iter().map(|s| (s.start, s.mean.clone())).collect();
        self.update(context, |first, numbers| {
            let mut centred = vec![0.0f32; dims];
            for (row, at) in numbers.chunks_exact_mut(stride).zip(first..) {
                if row.iter().all(|&x| x == 0) {
                    continue;
                }
                let source = sources.partition_point(|source| source.0 <= at).saturating_sub(1);
                let mean = &sources[source].1;
                for ((out, &x), m) in centred.iter_mut().zip(row.iter()).zip(mean) {
                    *out = f32::from(x) / ONE - m;
                }
                round(&centred, row);
            }
            Ok(())
        })
    }

    /// The cosine that stands for the distance `l2` between two vectors as they came, as [`cosine_of_distance`] has it.
    pub fn cosine_of_distance(&self, l2: f64) -> f64 {
        let (mut squares, mut usable) = (0.0, 0);
        for source in self.sources() {
            squares += source.tally.square_norm;
            usable += source.tally.usable + source.tally.copies;
        }
        cosine_of_distance(l2, (squares, usable))
    }
}

/// The cosine that stands for the distance `l2` between two vectors as they came, of which the lengths' squares sum up
/// to the first of `squares` and are as many as the second; 1 where there are none.
///
/// ‖a − b‖² = 2 n² (1 − cos) for two vectors of length n, for which the root mean square of all is taken: 1
/// for a model whose vectors are of length 1.
pub fn cosine_of_distance(l2: f64, (squares, vectors): (f64, u64)) -> f64 {
    if squares > 0.0 { 1.0 - l2 * l2 * vectors as f64 / (2.0 * squares) } else { 1.0 }
}

/// Writes a vector at length 1 to `out`, rounded to even; returns the length it had.
///
/// The addition rounds as every addition does; `round_ties_even` is a call on processors that are not
/// known to have the instruction.
pub fn round(template: &[f32], out: &mut [i16]) -> f64 {
    const ROUNDS: f32 = 12_582_912.0;
    let norm = template.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    let scale = if norm > 0.0 { f64::from(ONE) / norm } else { 0.0 };
    let whole = |x: f32| ((f64::from(x) * scale) as f32 + ROUNDS).to_bits() as i16;
    out.iter_mut().zip(template).for_each(|(out, &x)| *out = whole(x));
    norm
}
