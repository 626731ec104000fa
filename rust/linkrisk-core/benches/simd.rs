//! Pairs of templates a second and thread. `cargo bench -p linkrisk-core --bench simd`

#![allow(missing_docs)]

use divan::{Bencher, counter::ItemsCount};
use linkrisk_core::kernel::hash;
use linkrisk_core::kernel::simd::{LANES, Level, Packed};

/// Queries of a call, and rows in panels: 1 MiB of 512 numbers, which stay in the second-level cache.
const QUERIES: usize = 96;
const ROWS: usize = 2_016;

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

fn main() {
    divan::main();
}

fn rows(depth: usize) -> Packed {
    let mut packed = Packed::new(ROWS, depth);
    for (at, mut part) in packed.parts().enumerate() {
        for row in 0..QUERIES {
            let number = |k| (hash::mix(((at * QUERIES + row) * depth + k) as u64) % 51) as i8 - 25;
            part.set(row, &(0..depth).map(number).collect::<Vec<i8>>(), 100, -7);
        }
    }
    packed
}

#[divan::bench(args = levels(), consts = [64, 128, 192, 256, 512], max_time = 1)]
fn hits<const DEPTH: usize>(bencher: Bencher, level: Level) {
    let packed = rows(DEPTH);
    let panels = ROWS / LANES;
    let mut masks = vec![0; QUERIES * panels];
    bencher.counter(ItemsCount::new(QUERIES * ROWS)).bench_local(|| {
        level.hits(packed.queries(0, QUERIES), packed.panels(0, panels), 60_000, &mut masks);
        masks[5]
    });
}

#[divan::bench(args = levels())]
fn dot_512(bencher: Bencher, level: Level) {
    let rows: Vec<i16> = (0..512 * 1_024).map(|k| (hash::mix(k) % 2_000) as i16 - 1_000).collect();
    bencher.counter(ItemsCount::new(1_023usize)).bench_local(|| {
        let rows: Vec<&[i16]> = rows.chunks_exact(512).collect();
        rows.windows(2).map(|pair| i64::from(level.dot(pair[0], pair[1]))).sum::<i64>()
    });
}
