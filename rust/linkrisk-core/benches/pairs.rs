//! Thousand millions of pairs a second that one thread and two test. `cargo bench -p linkrisk-core --bench pairs`
//!
//! Rows with rows as a join has them: 98,304 that pass by a strip of 2,016 that stays, threads with strips of
//! their own, the test of the threshold included. Each figure is the best of five runs in turns.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Instant;

use linkrisk_core::kernel::hash;
use linkrisk_core::kernel::simd::{LANES, Level, Packed, QUERIES};

const PASSING: usize = 98_304;
const STRIP: usize = 2_016;
const RUNS: usize = 5;

fn main() {
    println!("{:<14}{:>8}{:>12}{:>12}", "level", "numbers", "1 thread", "2 threads");
    for depth in [64, 128, 192, 256, 512] {
        let packed = rows(depth);
        for level in Level::ALL.into_iter().filter(|level| level.is_available() && *level != Level::Scalar) {
            let mut best = [0.0f64; 2];
            for _ in 0..RUNS {
                for (threads, best) in (1..).zip(&mut best) {
                    *best = best.max(rate(level, &packed, threads));
                }
            }
            println!("{:<14}{depth:>8}{:>12.2}{:>12.2}", level.name(), best[0], best[1]);
        }
    }
}

fn rows(depth: usize) -> Packed {
    let mut packed = Packed::new(PASSING, depth);
    for (at, mut part) in packed.parts().enumerate() {
        for row in 0..QUERIES {
            let number = |k| (hash::mix(((at * QUERIES + row) * depth + k) as u64) % 51) as i8 - 25;
            part.set(row, &(0..depth).map(number).collect::<Vec<i8>>(), 100, -7);
        }
    }
    packed
}

fn rate(level: Level, packed: &Packed, threads: usize) -> f64 {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let panels = packed.panels(thread * STRIP / LANES, STRIP / LANES);
                let mut masks = vec![0; QUERIES * STRIP / LANES];
                for query in (0..PASSING).step_by(QUERIES) {
                    level.hits(packed.queries(query, QUERIES), panels, 60_000, &mut masks);
                    std::hint::black_box(&masks);
                }
            });
        }
    });
    (threads * PASSING * STRIP) as f64 / started.elapsed().as_secs_f64() / 1e9
}
