//! Which rows of a block are in which cells, by row and by cell, in memory and on disk.

use super::plan::Plan;
use crate::error::{Error, Result};
use crate::runtime::spill::{Frame, SpillFile};
use crate::runtime::{Context, Reservation};

/// Most cells of a frame on disk.
const FRAME: usize = 1 << 22;

/// Which rows of a block are in which cells.
#[derive(Debug)]
pub struct Postings {
    /// Where the cells of each row begin.
    starts: Vec<u32>,
    /// The cells of each row, ascending.
    cells: Vec<u32>,
    /// Where the rows of each cell begin.
    cell_starts: Vec<u32>,
    /// The rows of each cell, counted from the block's first, ascending.
    rows: Vec<u32>,
    _held: Reservation,
}

/// The cells of a block's rows on disk.
#[derive(Debug)]
pub struct Stored {
    lengths: Vec<Frame>,
    cells: Vec<Frame>,
}

impl Postings {
    /// Bytes for a row: as many cells as in the mean, a quarter more, and where they begin.
    pub fn bytes_per_row(plan: &Plan) -> u64 {
        (plan.cells_per_row * 1.25 * (2 * size_of::<u32>()) as f64) as u64 + 8
    }

    /// Sorts the cells of rows, those of each ascending, by cell.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(of_rows: Vec<Vec<u32>>, count: usize, context: &Context) -> Result<Self> {
        let all: usize = of_rows.iter().map(Vec::len).sum();
        let (mut starts, mut cells) = (Vec::with_capacity(of_rows.len() + 1), Vec::with_capacity(all));
        starts.push(0);
        for row in of_rows {
            cells.extend_from_slice(&row);
            starts.push(cells.len() as u32);
        }
        Self::by_cell(starts, cells, count, context)
    }

    fn by_cell(starts: Vec<u32>, cells: Vec<u32>, count: usize, context: &Context) -> Result<Self> {
        if cells.len() > u32::MAX as usize {
            return Err(Error::internal("the rows of a block are in more than four billion cells"));
        }
        let bytes = cells.len() * 8 + starts.len() * 4 + count * 8;
        let held = context.memory.reserve("cells of templates", bytes as u64)?;
        let mut cell_starts = vec![0u32; count + 1];
        cells.iter().for_each(|&cell| cell_starts[cell as usize + 1] += 1);
        (0..count).for_each(|cell| cell_starts[cell + 1] += cell_starts[cell]);
        let (mut next, mut rows) = (cell_starts.clone(), vec![0u32; cells.len()]);
        for (row, bounds) in (0..).zip(starts.windows(2)) {
            for &cell in &cells[bounds[0] as usize..bounds[1] as usize] {
                let at = &mut next[cell as usize];
                rows[*at as usize] = row;
                *at += 1;
            }
        }
        Ok(Self { starts, cells, cell_starts, rows, _held: held })
    }

    /// The cells of a row of the block, ascending.
    pub fn cells(&self, row: u32) -> &[u32] {
        &self.cells[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// The rows of a cell, counted from the block's first.
    pub fn rows(&self, cell: usize) -> &[u32] {
        &self.rows[self.cell_starts[cell] as usize..self.cell_starts[cell + 1] as usize]
    }

    /// Writes the cells of the rows to `file`.
    ///
    /// # Errors
    /// As [`SpillFile::append`].
    pub fn store(&self, file: &SpillFile) -> Result<Stored> {
        let lengths: Vec<u32> = self.starts.windows(2).map(|two| two[1] - two[0]).collect();
        let lengths = lengths.chunks(FRAME).map(|part| file.append(bytemuck::cast_slice(part)));
        let cells = self.cells.chunks(FRAME).map(|part| file.append(bytemuck::cast_slice(part)));
        Ok(Stored { lengths: lengths.collect::<Result<_>>()?, cells: cells.collect::<Result<_>>()? })
    }

    /// Reads what was stored of a block.
    ///
    /// # Errors
    /// As [`SpillFile::read`] and [`Postings::new`].
    pub fn read(file: &SpillFile, stored: &Stored, count: usize, context: &Context) -> Result<Self> {
        let lengths: Vec<u32> = read(file, &stored.lengths)?;
        let mut starts = vec![0u32; lengths.len() + 1];
        (0..lengths.len()).for_each(|row| starts[row + 1] = starts[row] + lengths[row]);
        Self::by_cell(starts, read(file, &stored.cells)?, count, context)
    }
}

fn read<T: bytemuck::Pod>(file: &SpillFile, frames: &[Frame]) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for &frame in frames {
        let start = all.len();
        all.resize(start + frame.length as usize / size_of::<T>(), T::zeroed());
        file.read(frame, bytemuck::cast_slice_mut(&mut all[start..]))?;
    }
    Ok(all)
}

/// The first cell that two rows share.
pub fn first_common(a: &[u32], b: &[u32]) -> Option<u32> {
    let (mut i, mut j) = (0, 0);
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        if x == y {
            return Some(x);
        }
        i += usize::from(x < y);
        j += usize::from(y < x);
    }
    None
}
