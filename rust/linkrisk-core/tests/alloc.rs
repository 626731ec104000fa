//! The counting allocator, in a process of its own: its totals are the process's.

use std::alloc::System;
use std::hint::black_box;

use linkrisk_core::runtime::alloc::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

/// What the threads that are alive may not have told yet, and what the test's own strings take.
const SLACK: u64 = 1 << 18;

const MEBIBYTE: usize = 1 << 20;

#[test]
fn test_what_is_allocated_is_counted_to_a_thread_s_drift() {
    alloc::begin();
    let before = alloc::current();
    let mut held = black_box(vec![1u8; 40 * MEBIBYTE]);
    assert!(alloc::current().abs_diff(before + 40 * MEBIBYTE as u64) < SLACK);
    held.reserve_exact(40 * MEBIBYTE);
    assert!(alloc::current().abs_diff(before + 80 * MEBIBYTE as u64) < SLACK, "as it was made larger");
    held.truncate(MEBIBYTE);
    held.shrink_to_fit();
    assert!(alloc::current().abs_diff(before + MEBIBYTE as u64) < SLACK, "as it was made smaller");
    drop(held);
    assert!(alloc::current().abs_diff(before) < SLACK);
    let peak = alloc::peak().expect("it counts");
    assert!(peak.abs_diff(before + 80 * MEBIBYTE as u64) < SLACK, "{peak}");
    alloc::begin();
    assert!(alloc::peak().is_some_and(|peak| peak < before + SLACK), "a new peak begins from what there is");

    // Small pieces that no thread tells by itself until it ends, freed by another.
    let pieces: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let make = || (0..1_000).map(|_| black_box(vec![0u8; 60])).collect::<Vec<_>>();
        let threads: Vec<_> = (0..40).map(|_| scope.spawn(make)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    let grown = alloc::current() - before;
    assert!(grown.abs_diff(40_000 * (60 + 24)) < 4 * SLACK, "{grown}");
    drop(pieces);
    assert!(alloc::current().abs_diff(before) < SLACK);
}
