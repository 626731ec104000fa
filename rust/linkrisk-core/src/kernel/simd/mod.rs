//! Products of templates, many at a time: one interface, and a kernel for each kind of processor.
//!
//! ```text
//! [`Level::hits`]   rows × rows of int8: which pairs can be similar enough (a bit each)
//! [`Level::dot`]    one pair of 16-bit rows: their product
//! [`Level::dot8`]   one pair of int8 rows: the same
//! [`Level::hadamard`]  16 rows with very many random directions
//! ```
//!
//! All levels give the same integers: what is added is exact, so its order does not matter. The test is
//! part of the product, for a matrix of sums would be written and read again in the time of the sums:
//!
//! ```text
//! Σ q[k] · x[k]  +  tail(q) · tail(x)  +  base(q) + base(x)  ≥  threshold
//! └ leading numbers ┘ └ most that the others add ┘ └ rounding ┘
//! ```

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod hadamard;
pub mod iris;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use bytemuck::{Pod, Zeroable};

/// Rows of a panel: the 32-bit lanes of the widest registers.
pub const LANES: usize = 16;

/// Queries are padded to a multiple of this: tiles of 12 rows, and pairs of tiles of 16.
pub const QUERIES: usize = 96;

/// Numbers of a row that are multiplied are a multiple of this: a line, and the depth of a matrix tile.
pub const DEPTH: usize = 64;

/// What `base` is for a row that pads: no sum of a real row makes up for it, and two of them do not
/// overflow.
pub const PADDED: i32 = i32::MIN / 4;

/// Four numbers of each row of a panel.
#[derive(Debug, Clone, Copy, Pod, Zeroable, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Line(pub [u8; 64]);

/// A number for each row of a panel.
#[derive(Debug, Clone, Copy, Pod, Zeroable, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Lanes(pub [i32; LANES]);

/// Rows that are multiplied with those of panels, one after the other: int8 in ±127.
#[derive(Debug, Clone, Copy)]
pub struct Queries<'a> {
    /// Numbers of a row, a multiple of [`DEPTH`].
    pub depth: usize,
    /// The numbers of the rows.
    pub numbers: &'a [i8],
    /// Factor of the tail of each row, at most `i16::MAX`.
    pub tails: &'a [i32],
    /// What is added for each row.
    pub bases: &'a [i32],
    /// Minus 128 times the sum of each row, which undoes the offset of panels.
    pub offsets: &'a [i32],
}

/// Rows in panels of 16: of each panel the first four numbers of all rows, then the next four.
#[derive(Debug, Clone, Copy)]
pub struct Panels<'a> {
    /// Numbers of a row, a multiple of [`DEPTH`].
    pub depth: usize,
    /// The numbers of the rows, each with 128 added, `depth / 4` lines a panel.
    pub lines: &'a [Line],
    /// Factor of the tail of each row, at most `i16::MAX`.
    pub tails: &'a [Lanes],
    /// What is added for each row.
    pub bases: &'a [Lanes],
}

/// A kind of processor that there is a kernel for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Any.
    Scalar,
    /// 64-bit ARM.
    Neon,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 VNNI.
    Avx512,
    /// x86-64 with AVX-512 VNNI and AMX int8 tiles.
    Amx,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Level; 5] = [Level::Scalar, Level::Neon, Level::Avx2, Level::Avx512, Level::Amx];

    /// The level's name.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512_vnni",
            Level::Amx => "amx_int8",
        }
    }

    /// The fastest level that this processor has.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Level::Scalar)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "aarch64")]
            Level::Neon => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::is_available(),
            #[cfg(target_arch = "x86_64")]
            Level::Amx => amx::is_available(),
            #[cfg(not(all(target_arch = "x86_64", target_arch = "aarch64")))]
            _ => false,
        }
    }

    /// Sets bit `x` of `masks[panel * queries + query]` where the query and row `x` of the panel pass the
    /// test of the module's description.
    ///
    /// Queries are a multiple of [`QUERIES`]. Sums must fit 32 bits: those of rows of up to 2,048 numbers do.
    /// A level that this processor does not have counts as [`Level::Scalar`].
    ///
    /// # Panics
    /// Where lengths do not agree.
    pub fn hits(self, queries: Queries<'_>, panels: Panels<'_>, threshold: i32, masks: &mut [u16]) {
        let (rows, count) = (queries.tails.len(), panels.tails.len());
        assert!(
            queries.depth == panels.depth
                && queries.depth.is_multiple_of(DEPTH)
                && rows.is_multiple_of(QUERIES)
        );
        assert!(queries.numbers.len() == rows * queries.depth && queries.bases.len() == rows);
        assert!(queries.offsets.len() == rows && panels.lines.len() == count * panels.depth / 4);
        assert!(panels.bases.len() == count && masks.len() == rows * count);
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Amx if self.is_available() => amx::hits(queries, panels, threshold, masks),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if self.is_available() => avx512::hits(queries, panels, threshold, masks),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if self.is_available() => avx2::hits(queries, panels, threshold, masks),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => neon::hits(queries, panels, threshold, masks),
            _ => scalar::hits(queries, panels, threshold, masks),
        }
    }

    /// The product of two rows of a multiple of 32 numbers in ±32,767.
    ///
    /// No sum over a part of the numbers may leave 32 bits, in whatever way they are parted: those of rows
    /// of length 32,767 do not.
    ///
    /// # Panics
    /// Where lengths do not agree.
    #[inline]
    pub fn dot(self, a: &[i16], b: &[i16]) -> i32 {
        assert!(a.len() == b.len() && a.len().is_multiple_of(32));
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Amx if avx512::is_available() => avx512::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if self.is_available() => avx2::dot(a, b),
            // LLVM makes of the plain loop what there is: `pmaddwd` of SSE2, `smlal` of NEON.
            _ => scalar::dot(a, b),
        }
    }

    /// The product of two rows of a multiple of [`DEPTH`] numbers, of at most 65,536.
    ///
    /// # Panics
    /// Where lengths do not agree.
    #[inline]
    pub fn dot8(self, a: &[i8], b: &[i8]) -> i32 {
        assert!(a.len() == b.len() && a.len().is_multiple_of(DEPTH));
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Amx if avx512::is_available() => avx512::dot8(a, b),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if self.is_available() => avx2::dot8(a, b),
            _ => scalar::dot8(a, b),
        }
    }
}

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Rows that are packed for [`Level::hits`], both as queries and in panels.
#[derive(Debug, Default)]
pub struct Packed {
    /// Numbers of a row.
    pub depth: usize,
    numbers: Vec<i8>,
    lines: Vec<Line>,
    tails: Vec<Lanes>,
    bases: Vec<Lanes>,
    offsets: Vec<i32>,
}

impl Packed {
    /// Bytes for `rows` rows of which `depth` numbers are packed.
    pub const fn bytes(rows: usize, depth: usize) -> u64 {
        (rows.next_multiple_of(QUERIES) * (2 * depth + 12)) as u64
    }

    /// Room for `rows` rows of `depth` numbers, which pad until they are set.
    pub fn new(rows: usize, depth: usize) -> Self {
        let rows = rows.next_multiple_of(QUERIES);
        Self {
            depth,
            numbers: vec![0; rows * depth],
            lines: vec![Line([128; 64]); rows * depth / 64],
            tails: vec![Lanes([0; LANES]); rows / LANES],
            bases: vec![Lanes([PADDED; LANES]); rows / LANES],
            offsets: vec![0; rows],
        }
    }

    /// Some of its rows, packed anew in this order.
    ///
    /// Rows come from anywhere: those of a part are first looked at, so that their cache misses overlap.
    pub fn gathered(&self, rows: &[u32]) -> Self {
        let depth = self.depth;
        let mut packed = Self::new(rows.len(), depth);
        let (tails, bases): (&[i32], &[i32]) =
            (bytemuck::cast_slice(&self.tails), bytemuck::cast_slice(&self.bases));
        for (mut part, rows) in packed.parts().zip(rows.chunks(QUERIES)) {
            let mut seen = 0;
            for &row in rows {
                let row = row as usize;
                let numbers = &self.numbers[row * depth..][..depth];
                let lines = numbers.iter().step_by(LINE).chain(numbers.last());
                seen ^= lines.fold(0, |seen, &x| seen ^ i32::from(x)) ^ tails[row] ^ bases[row];
            }
            std::hint::black_box(seen);
            for (at, &row) in rows.iter().enumerate() {
                let row = row as usize;
                part.set(at, &self.numbers[row * depth..][..depth], tails[row] as i16, bases[row]);
            }
        }
        packed
    }

    /// The numbers of a row.
    #[inline]
    pub fn row(&self, row: usize) -> &[i8] {
        &self.numbers[row * self.depth..][..self.depth]
    }

    /// Rows, those that pad included.
    pub fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// Its rows by [`QUERIES`], to be set side by side.
    pub fn parts(&mut self) -> impl Iterator<Item = Part<'_>> {
        let depth = self.depth;
        let panels = QUERIES / LANES;
        let numbers = self.numbers.chunks_exact_mut(QUERIES * depth);
        let lines = self.lines.chunks_exact_mut(panels * depth / 4);
        let added = self.tails.chunks_exact_mut(panels).zip(self.bases.chunks_exact_mut(panels));
        let offsets = self.offsets.chunks_exact_mut(QUERIES);
        numbers.zip(lines).zip(added.zip(offsets)).map(
            move |((numbers, lines), ((tails, bases), offsets))| Part {
                depth,
                numbers,
                lines,
                tails,
                bases,
                offsets,
            },
        )
    }

    /// Rows `first..first + count` as queries; both are multiples of [`QUERIES`].
    pub fn queries(&self, first: usize, count: usize) -> Queries<'_> {
        let per_row = first..first + count;
        Queries {
            depth: self.depth,
            numbers: &self.numbers[first * self.depth..][..count * self.depth],
            tails: &bytemuck::cast_slice(&self.tails)[per_row.clone()],
            bases: &bytemuck::cast_slice(&self.bases)[per_row.clone()],
            offsets: &self.offsets[per_row],
        }
    }

    /// The panels `first..first + count`.
    pub fn panels(&self, first: usize, count: usize) -> Panels<'_> {
        let lines = self.depth / 4;
        Panels {
            depth: self.depth,
            lines: &self.lines[first * lines..][..count * lines],
            tails: &self.tails[first..][..count],
            bases: &self.bases[first..][..count],
        }
    }
}

/// [`QUERIES`] rows of those that are packed.
#[derive(Debug)]
pub struct Part<'a> {
    depth: usize,
    numbers: &'a mut [i8],
    lines: &'a mut [Line],
    tails: &'a mut [Lanes],
    bases: &'a mut [Lanes],
    offsets: &'a mut [i32],
}

impl Part<'_> {
    /// Sets a row: its numbers in ±127, the factor of its tail, and what is added.
    pub fn set(&mut self, row: usize, numbers: &[i8], tail: i16, base: i32) {
        let depth = self.depth;
        self.numbers[row * depth..][..depth].copy_from_slice(numbers);
        let (panel, lane) = (row / LANES, row % LANES);
        let lines = &mut self.lines[panel * depth / 4..][..depth / 4];
        for (line, four) in lines.iter_mut().zip(numbers.chunks_exact(4)) {
            for (out, &x) in line.0[lane * 4..][..4].iter_mut().zip(four) {
                *out = x as u8 ^ 0x80;
            }
        }
        self.tails[panel].0[lane] = i32::from(tail);
        self.bases[panel].0[lane] = base;
        self.offsets[row] = -128 * numbers.iter().map(|&x| i32::from(x)).sum::<i32>();
    }
}
