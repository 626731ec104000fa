//! Iris codes at rest: 2,048 bits and a mask of as many, in memory or on disk.
//!
//! Read from binary columns of 512 bytes: code, then mask, 128 angles of 16 bits each, so that a turn of the
//! head by one angle moves both by two bytes.

use arrow_array::{Array, ArrayRef};

use super::rows::Rows;
use super::template_sources::TemplateSources;
use super::vector;
use crate::error::Result;
use crate::kernel::simd::iris::Code;
use crate::runtime::Context;

/// Bytes of a code with its mask.
pub const BYTES: usize = 512;

/// The least bits that can be used: of fewer, half of which another mask takes, no distance means anything.
const LEAST_BITS: u32 = 256;

/// The iris codes of one attribute, of all sources one after the other.
#[derive(Debug)]
pub struct Irises {
    pub(super) rows: Rows,
    pub(super) sources: TemplateSources,
}

/// Whose its rows are.
impl std::ops::Deref for Irises {
    type Target = TemplateSources;

    fn deref(&self) -> &TemplateSources {
        &self.sources
    }
}

impl Irises {
    /// No codes, of the attribute of that name.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(attribute: &str, context: &Context) -> Result<Self> {
        let rows = Rows::new(BYTES / 8, "templates", context)?;
        Ok(Self { rows, sources: TemplateSources::new(attribute, context)? })
    }

    /// Begins the next source.
    pub fn begin_source(&mut self, name: &str) {
        self.sources.begin(name);
    }

    /// Adds the codes of a batch, whose records are numbered from `first` on.
    ///
    /// Set aside and counted: null ones, those of another length than 512 bytes, and those with fewer than
    /// 256 bits that can be used, which count as zero.
    ///
    /// # Errors
    /// As [`Templates::add`](super::templates::Templates::add), where the column is not binary.
    pub fn add(&mut self, array: &ArrayRef, first: u32, context: &Context) -> Result<()> {
        context.cancel.check()?;
        let column = vector::Templates::new(array, None).filter(vector::Templates::is_binary);
        let unreadable =
            || self.sources.unreadable(array, "give a binary column of 512 bytes: code, then mask");
        let column = column.ok_or_else(unreadable)?;
        let tally = &mut self.sources.current()?.tally;
        let mut codes = Vec::new();
        for (row, record) in (0..array.len()).zip(first..) {
            tally.records += 1;
            let Some(bytes) = column.code(row).filter(|bytes| !bytes.is_empty()) else {
                tally.blank += 1;
                continue;
            };
            if bytes.len() != BYTES {
                tally.other_length += 1;
                continue;
            }
            let usable: u32 = bytes[BYTES / 2..].iter().map(|byte| byte.count_ones()).sum();
            if usable < LEAST_BITS {
                tally.zero += 1;
                continue;
            }
            tally.usable += 1;
            codes.push((record, bytes));
        }
        let all = self.sources.records.len() + codes.len();
        self.sources.held.grow_to((4 * all as u64).next_power_of_two())?;
        for (at, words) in self.rows.push(codes.len(), context)? {
            let out: &mut [u8] = bytemuck::cast_slice_mut(words);
            out.chunks_exact_mut(BYTES)
                .zip(&codes[at..])
                .for_each(|(out, (_, code))| out.copy_from_slice(code));
        }
        self.sources.records.extend(codes.iter().map(|(record, _)| record));
        Ok(())
    }

    /// Codes of every stretch but the last, and how many stretches there are.
    pub fn stretches(&self) -> (usize, usize) {
        (self.rows.chunk_rows(), self.rows.chunks())
    }

    /// The codes of a stretch, read into `buffer` where they are on disk.
    ///
    /// # Errors
    /// As [`SpillFile::read`](crate::runtime::spill::SpillFile::read).
    pub fn stretch<'a>(&'a self, stretch: usize, buffer: &'a mut Vec<Code>) -> Result<&'a [Code]> {
        if let Some(words) = self.rows.in_memory(stretch) {
            return Ok(bytemuck::cast_slice(words));
        }
        let mut words = Vec::new();
        let words = self.rows.chunk(stretch, &mut words)?.1;
        buffer.resize(words.len() * 8 / BYTES, bytemuck::Zeroable::zeroed());
        bytemuck::cast_slice_mut(buffer).copy_from_slice(words);
        Ok(buffer)
    }

    /// The code of one row, read by way of `buffer` where it is on disk.
    ///
    /// # Errors
    /// As [`Rows::row`].
    #[inline]
    pub fn code(&self, row: u32, buffer: &mut Vec<u64>) -> Result<Code> {
        let mut code: Code = bytemuck::Zeroable::zeroed();
        let words: &mut [u64] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut code));
        words.copy_from_slice(self.rows.row(row as usize, buffer)?);
        Ok(code)
    }

    /// The codes of `rows`, which ascend.
    ///
    /// # Errors
    /// As [`Rows::gather`].
    pub fn gather(&self, rows: &[u32], context: &Context) -> Result<Vec<Code>> {
        let words = self.rows.gather(rows, context)?;
        let mut codes: Vec<Code> = vec![bytemuck::Zeroable::zeroed(); rows.len()];
        bytemuck::cast_slice_mut(&mut codes).copy_from_slice(&words);
        Ok(codes)
    }
}
