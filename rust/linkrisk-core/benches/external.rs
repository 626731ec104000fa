//! What sorting past memory costs. `cargo bench -p linkrisk-core --bench external`

#![allow(missing_docs)]

use divan::Bencher;
use linkrisk_core::external::ExternalSorter;
use linkrisk_core::kernel::hash::mix;
use linkrisk_core::runtime::Context;
use rayon::slice::ParallelSliceMut;

/// Rows of 16 bytes: 256 MB.
const ROWS: u64 = 16_000_000;

fn main() {
    divan::main();
}

fn rows() -> Vec<[u64; 2]> {
    (0..ROWS).map(|row| [mix(row), row]).collect()
}

/// The standard to hold it against: everything in memory and in one piece.
#[divan::bench(sample_count = 3)]
fn in_place(bencher: Bencher) {
    let context = Context::new(None, None, 1).expect("threads");
    bencher.counter(divan::counter::ItemsCount::new(ROWS)).with_inputs(rows).bench_local_refs(|rows| {
        context.pool.install(|| rows.par_sort_unstable());
    });
}

#[divan::bench(sample_count = 3, args = [512, 64, 8])]
fn sorter(bencher: Bencher, mebibytes: u64) {
    let context = Context::new(Some(mebibytes << 20), None, 1).expect("threads");
    bencher.counter(divan::counter::ItemsCount::new(ROWS)).with_inputs(rows).bench_local_refs(|rows| {
        let mut sorter = ExternalSorter::new("rows", u64::MAX, &context).expect("memory");
        rows.chunks(65_536).for_each(|rows| sorter.push(rows).expect("room"));
        let (mut sorted, mut sum) = (sorter.finish().expect("room"), 0);
        while let Some(rows) = sorted.read_next().expect("sound") {
            sum ^= rows[0][0];
        }
        sum
    });
}
