//! Packed records at rest: rows of u64 words in chunks, in memory or on disk.
//!
//! A chunk in memory starts at a cache line, so that a record of eight words is one line; and a store
//! that grows copies nothing. What goes over the memory that the store may take is written to a spill
//! file, a checksum per chunk, and read back a chunk at a time. So records are read in order; templates
//! alone are read one by one too.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use crate::error::Result;
use crate::runtime::spill::{Frame, SpillFile};
use crate::runtime::{Context, Reservation};

/// Most rows of a chunk: 1 MiB of eight-word records, so that the last chunk wastes little.
pub const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 14;

/// Most words of a chunk whose rows are wide, 2 MiB, as templates are: of 512 numbers 2,048 to a chunk.
const WIDE_BITS: u32 = 18;

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

#[derive(Debug)]
enum Chunk {
    Memory(Box<[Line]>),
    Disk(Frame),
}

/// The rows of a store.
#[derive(Debug)]
pub struct Rows {
    chunks: Vec<Chunk>,
    width: usize,
    /// A chunk has two to this power rows.
    chunk_bits: u32,
    len: usize,
    /// How many chunks are in memory.
    in_memory: usize,
    file: Option<SpillFile>,
    held: Reservation,
}

/// Bytes that clustering holds for each record at the end: its place among persons and among plates, and of each plate
/// the number and its place among vehicles.
const SETTLED: u64 = 16;

/// Bytes of `rows` rows that stay in memory at the most: half of what `limit` leaves when they are settled, for the other
/// half is for working on them. With half of the limit itself ten million people could not be settled in 256 MiB, which was
/// found out after they had been linked.
pub fn share(rows: u64, limit: u64) -> u64 {
    limit.saturating_sub(rows * SETTLED) / 2
}

impl Rows {
    /// No rows, of `width` words each, whose memory is that of `owner`.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(width: usize, owner: &'static str, context: &Context) -> Result<Self> {
        let held = context.memory.reserve(owner, 0)?;
        let chunk_bits = CHUNK_BITS.min(WIDE_BITS - width.next_power_of_two().trailing_zeros());
        Ok(Self { chunks: Vec::new(), width, chunk_bits, len: 0, in_memory: 0, file: None, held })
    }

    /// Rows of every chunk but the last.
    pub fn chunk_rows(&self) -> usize {
        1 << self.chunk_bits
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Bytes of a chunk.
    fn bytes(&self) -> u64 {
        (self.chunk_rows() * self.width * 8) as u64
    }

    /// How many rows a chunk has.
    fn rows_of(&self, chunk: usize) -> usize {
        self.chunk_rows().min(self.len - chunk * self.chunk_rows())
    }

    /// Makes room for `rows` more rows: what is full goes to disk where all together would take more
    /// than [`share`].
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) where not even the new rows fit,
    /// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit).
    fn reserve(&mut self, rows: usize, context: &Context) -> Result<()> {
        let more = (self.len + rows).div_ceil(self.chunk_rows()) - self.chunks.len();
        let wanted = (self.in_memory + more) as u64 * self.bytes();
        let share = share((self.len + rows) as u64, context.memory.limit());
        if wanted <= share && self.held.grow_to(wanted).is_ok() {
            return Ok(());
        }
        // The newest full ones first: the oldest stay in memory for good, and each is written once.
        let full = self.len / self.chunk_rows();
        let room = |rows: &Self| rows.held.bytes().min(share) / rows.bytes();
        let mut chunk = full;
        while chunk > 0 && (self.in_memory + more) as u64 > room(self) {
            chunk -= 1;
            self.spill(chunk, context)?;
        }
        let wanted = (self.in_memory + more) as u64 * self.bytes();
        self.held.shrink_to(wanted);
        self.held.grow_to(wanted)
    }

    fn spill(&mut self, chunk: usize, context: &Context) -> Result<()> {
        let Chunk::Memory(lines) = &self.chunks[chunk] else { return Ok(()) };
        if self.file.is_none() {
            self.file = Some(SpillFile::create(&context.spill, "records")?);
        }
        if let Some(file) = &self.file {
            let frame = file.append(bytemuck::cast_slice(lines))?;
            self.chunks[chunk] = Chunk::Disk(frame);
            self.in_memory -= 1;
        }
        Ok(())
    }

    /// Adds `rows` rows, all zero, and returns their words in the stretches in which they rest, with
    /// the number of the first row of each among the new ones.
    ///
    /// # Errors
    /// As [`Rows::reserve`].
    pub fn push(&mut self, rows: usize, context: &Context) -> Result<Vec<(usize, &mut [u64])>> {
        self.reserve(rows, context)?;
        let (start, width, chunk_rows) = (self.len, self.width, self.chunk_rows());
        self.len += rows;
        while self.chunks.len() * chunk_rows < self.len {
            self.chunks.push(Chunk::Memory(vec![Line([0; 8]); chunk_rows * width / 8].into_boxed_slice()));
            self.in_memory += 1;
        }
        let end = self.len;
        let chunks = self.chunks.iter_mut().enumerate().skip(start / chunk_rows);
        let stretches = chunks.filter_map(|(chunk, lines)| {
            let Chunk::Memory(lines) = lines else { return None };
            let (from, to) = ((chunk * chunk_rows).max(start), ((chunk + 1) * chunk_rows).min(end));
            let words: &mut [u64] = bytemuck::cast_slice_mut(lines);
            let stretch =
                &mut words[(from - chunk * chunk_rows) * width..(to.max(from) - chunk * chunk_rows) * width];
            Some((from - start, stretch))
        });
        Ok(stretches.filter(|(_, stretch)| !stretch.is_empty()).collect())
    }

    /// The number of the first row of a chunk, and the words of all its rows, which are read into
    /// `buffer` where they are on disk.
    ///
    /// # Errors
    /// As [`SpillFile::read`].
    pub fn chunk<'a>(&'a self, chunk: usize, buffer: &'a mut Vec<u64>) -> Result<(u32, &'a [u64])> {
        let words: &[u64] = match (&self.chunks[chunk], &self.file) {
            (Chunk::Memory(lines), _) => bytemuck::cast_slice(lines),
            (Chunk::Disk(frame), Some(file)) => {
                buffer.resize(self.chunk_rows() * self.width, 0);
                file.read(*frame, bytemuck::cast_slice_mut(buffer))?;
                buffer
            }
            (Chunk::Disk(_), None) => &[],
        };
        Ok(((chunk * self.chunk_rows()) as u32, &words[..self.rows_of(chunk) * self.width]))
    }

    /// The words of all rows of a chunk that is in memory.
    pub fn in_memory(&self, chunk: usize) -> Option<&[u64]> {
        match &self.chunks[chunk] {
            Chunk::Memory(lines) => Some(&bytemuck::cast_slice(lines)[..self.rows_of(chunk) * self.width]),
            Chunk::Disk(_) => None,
        }
    }

    /// The words of one row, read into `buffer` where it is on disk.
    ///
    /// # Errors
    /// As [`SpillFile::read_part`].
    #[inline]
    pub fn row<'a>(&'a self, row: usize, buffer: &'a mut Vec<u64>) -> Result<&'a [u64]> {
        let (chunk, at) = (row >> self.chunk_bits, row & (self.chunk_rows() - 1));
        match (&self.chunks[chunk], &self.file) {
            (Chunk::Memory(lines), _) => {
                let words: &[u64] = bytemuck::cast_slice(lines);
                Ok(&words[at * self.width..][..self.width])
            }
            (Chunk::Disk(frame), Some(file)) => {
                buffer.resize(self.width, 0);
                let from = (at * self.width * 8) as u64;
                file.read_part(*frame, from, bytemuck::cast_slice_mut(buffer))?;
                Ok(buffer)
            }
            (Chunk::Disk(_), None) => Ok(&[]),
        }
    }

    /// Whether some rows are on disk.
    pub fn is_on_disk(&self) -> bool {
        self.file.is_some()
    }

    /// Shows the words of every chunk to `change`, with the number of its first row; `change` says
    /// whether it changed them.
    ///
    /// # Errors
    /// What `change` says, and as [`SpillFile::read`] and [`SpillFile::overwrite`].
    pub fn update<A: Send>(
        &mut self,
        context: &Context,
        start: impl Fn() -> A + Sync + Send,
        change: impl Fn(&mut A, u32, &mut [u64]) -> Result<bool> + Sync + Send,
    ) -> Result<Vec<A>> {
        let chunk_rows = self.chunk_rows();
        let Self { chunks, file, width, len, .. } = self;
        let (width, len) = (*width, *len);
        let update = |(seen, mut buffer): (A, Vec<u64>), chunk: usize, rows: &mut Chunk| {
            context.cancel.check()?;
            let mut seen = seen;
            let count = chunk_rows.min(len - chunk * chunk_rows) * width;
            let first = (chunk * chunk_rows) as u32;
            match (rows, &file) {
                (Chunk::Memory(lines), _) => {
                    change(&mut seen, first, &mut bytemuck::cast_slice_mut(lines)[..count])?;
                }
                (Chunk::Disk(frame), Some(file)) => {
                    buffer.resize(chunk_rows * width, 0);
                    file.read(*frame, bytemuck::cast_slice_mut(&mut buffer))?;
                    if change(&mut seen, first, &mut buffer[..count])? {
                        file.overwrite(*frame, bytemuck::cast_slice(&buffer))?;
                    }
                }
                (Chunk::Disk(_), None) => {}
            }
            Ok((seen, buffer))
        };
        context.pool.install(|| {
            let seen = chunks.par_iter_mut().enumerate().fold(
                || Ok((start(), Vec::new())),
                |seen: Result<(A, Vec<u64>)>, (chunk, rows)| update(seen?, chunk, rows),
            );
            seen.map(|seen| seen.map(|(seen, _)| seen)).collect()
        })
    }

    /// The words of `rows`, which ascend, one row after the other.
    ///
    /// Cost: every chunk that holds one of them is read.
    ///
    /// # Errors
    /// As [`SpillFile::read`].
    pub fn gather(&self, rows: &[u32], context: &Context) -> Result<Vec<u64>> {
        let width = self.width;
        let mut words = vec![0; rows.len() * width];
        let mut work = Vec::new();
        let mut rest = words.as_mut_slice();
        let bits = self.chunk_bits;
        for group in rows.chunk_by(|a, b| a >> bits == b >> bits) {
            let (out, more) = rest.split_at_mut(group.len() * width);
            work.push((group, out));
            rest = more;
        }
        context.pool.install(|| {
            work.into_par_iter().try_for_each_init(Vec::new, |buffer, (group, out)| {
                context.cancel.check()?;
                let (first, chunk) = self.chunk((group[0] >> self.chunk_bits) as usize, buffer)?;
                for (&row, out) in group.iter().zip(out.chunks_exact_mut(width)) {
                    out.copy_from_slice(&chunk[(row - first) as usize * width..][..width]);
                }
                Ok(())
            })
        })?;
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_rows_come_back_from_memory_and_disk() {
        let chunk = (CHUNK * 3 * 8) as u64;
        let base = tempfile::tempdir().expect("a temporary directory");
        for (limit, on_disk) in [(u64::MAX, false), (8 * chunk, true), (5 * chunk, true)] {
            let context =
                Context::new(Some(limit), Some(2), 1).expect("threads start").spill_to(base.path(), None);
            let mut rows = Rows::new(3, "packed records", &context).expect("memory is there");
            let mut next = 0u64;
            for batch in [1, 16_382, 5, 30_000, 1, 30_000, 20_000] {
                let mut seen = 0;
                for (first, stretch) in rows.push(batch, &context).expect("room") {
                    assert_eq!(first, seen);
                    for row in stretch.chunks_exact_mut(3) {
                        assert_eq!(row, [0, 0, 0]);
                        row.copy_from_slice(&[next, next + 1, next + 2]);
                        next += 1;
                        seen += 1;
                    }
                }
                assert_eq!(seen, batch);
            }
            assert_eq!(rows.len() as u64, next);
            assert_eq!(context.spill.written() > 0, on_disk, "a limit of {limit}");
            assert!(!on_disk || context.memory.peak() <= limit);
            let changed = rows.update(
                &context,
                || 0,
                |count, first, words| {
                    words.chunks_exact_mut(3).zip(first..).for_each(|(row, at)| row[2] += u64::from(at % 2));
                    *count += 1;
                    Ok(true)
                },
            );
            assert_eq!(changed.expect("room").into_iter().sum::<usize>(), rows.chunks());
            let wanted: Vec<u32> =
                (0..rows.len() as u32).step_by(997).chain([rows.len() as u32 - 1]).collect();
            let found = rows.gather(&wanted, &context).expect("they are there");
            for (row, &at) in found.chunks_exact(3).zip(&wanted) {
                let first = u64::from(at);
                assert_eq!(row, [first, first + 1, first + 2 + first % 2]);
            }
        }
    }
}
