//! Packed records at rest: rows of u64 words in chunks that never move.
//!
//! A chunk starts at a cache line. A record of eight words is then one line, and reading it one miss
//! and not two; and a store that grows copies nothing.

use bytemuck::{Pod, Zeroable};

/// Records of a chunk: 1 MiB of eight-word records, so that the last chunk wastes little.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 14;

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// The rows of a store.
#[derive(Debug)]
pub struct Rows {
    chunks: Vec<Box<[Line]>>,
    width: usize,
    len: usize,
}

impl Rows {
    /// No rows, of `width` words each.
    pub fn new(width: usize) -> Self {
        Self { chunks: Vec::new(), width, len: 0 }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of `rows` rows.
    pub fn bytes(&self, rows: usize) -> u64 {
        (rows.div_ceil(CHUNK) * CHUNK * self.width * 8) as u64
    }

    /// A row's words.
    #[inline(always)]
    pub fn get(&self, row: u32) -> &[u64] {
        let words: &[u64] = bytemuck::cast_slice(&self.chunks[(row >> CHUNK_BITS) as usize]);
        &words[(row as usize & (CHUNK - 1)) * self.width..][..self.width]
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.len.div_ceil(CHUNK)
    }

    /// The number of the first row of a chunk, and the words of all its rows.
    pub fn chunk(&self, chunk: usize) -> (u32, &[u64]) {
        let words: &[u64] = bytemuck::cast_slice(&self.chunks[chunk]);
        let rows = CHUNK.min(self.len - chunk * CHUNK);
        ((chunk * CHUNK) as u32, &words[..rows * self.width])
    }

    /// Adds `rows` rows, all zero, and returns their words in the stretches in which they rest, with
    /// the number of the first row of each among the new ones.
    pub fn push(&mut self, rows: usize) -> Vec<(usize, &mut [u64])> {
        let (start, width) = (self.len, self.width);
        self.len += rows;
        while self.chunks.len() * CHUNK < self.len {
            self.chunks.push(vec![Line([0; 8]); CHUNK * width / 8].into_boxed_slice());
        }
        let end = self.len;
        let chunks = self.chunks.iter_mut().enumerate().skip(start / CHUNK);
        chunks
            .map(|(chunk, lines)| {
                let (from, to) = ((chunk * CHUNK).max(start), ((chunk + 1) * CHUNK).min(end));
                let words: &mut [u64] = bytemuck::cast_slice_mut(lines);
                let stretch =
                    &mut words[(from - chunk * CHUNK) * width..(to.max(from) - chunk * CHUNK) * width];
                (from - start, stretch)
            })
            .filter(|(_, stretch)| !stretch.is_empty())
            .collect()
    }

    /// Every row, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut [u64]> {
        let (width, len) = (self.width, self.len);
        let chunks = self.chunks.iter_mut();
        chunks
            .flat_map(move |lines| bytemuck::cast_slice_mut::<Line, u64>(lines).chunks_exact_mut(width))
            .take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_push_fills_chunks_in_order() {
        let mut rows = Rows::new(3);
        let mut next = 0u64;
        for batch in [1, 16_382, 5, 70_000, 1] {
            let mut seen = 0;
            for (first, stretch) in rows.push(batch) {
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
        for row in (0..rows.len() as u32).step_by(997).chain([16_383, 16_384, rows.len() as u32 - 1]) {
            let first = u64::from(row);
            assert_eq!(rows.get(row), [first, first + 1, first + 2]);
        }
        assert_eq!(rows.iter_mut().count(), rows.len());
    }
}
