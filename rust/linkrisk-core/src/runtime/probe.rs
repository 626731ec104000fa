//! How fast the machine is just now, beside the one that costs were measured on.

use std::time::Instant;

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::error::Result;
use crate::runtime::Context;

/// Words that each thread walks: 16 MiB, past the second-level cache, as records of a block are.
const WORDS: usize = 1 << 21;

/// Steps of a walk: some milliseconds.
const STEPS: usize = 1 << 17;

/// Nanoseconds that a step took on the machine of docs/performance.md, both of its processors walking,
/// divided by two: what is measured is work done, not time of a thread.
const REFERENCE: f64 = 4.0;

/// How many times as long as on that machine work takes on the threads of `context`.
///
/// Each thread walks through memory in an order that nobody foresees, which is what comparing records
/// waits for. The best of three walks counts. Cost: 16 MiB per thread, which are reserved.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
pub fn slowness(context: &Context) -> Result<f64> {
    let threads = context.pool.current_num_threads();
    let _held = context.memory.reserve("probe of the machine", (threads * WORDS * 8) as u64)?;
    let best = (0..3).map(|_| walk(&context.pool, threads)).fold(f64::INFINITY, f64::min);
    // Half of the time of a run is waiting for memory; the rest differs less between machines.
    Ok(0.5 + 0.5 * best / REFERENCE)
}

fn walk(pool: &ThreadPool, threads: usize) -> f64 {
    let memory: Vec<Vec<u64>> = pool.install(|| {
        let fill =
            |thread: u64| (0..WORDS as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ thread).collect();
        (0..threads as u64).into_par_iter().map(fill).collect()
    });
    let started = Instant::now();
    let sum: u64 = pool.install(|| {
        let walk =
            |words: &Vec<u64>| (0..STEPS).fold(1u64, |at, _| words[at as usize % WORDS].rotate_left(17) ^ at);
        memory.par_iter().with_max_len(1).map(walk).sum()
    });
    std::hint::black_box(sum);
    started.elapsed().as_secs_f64() * 1e9 / (threads * STEPS) as f64
}
