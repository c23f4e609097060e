//! The least of many batches: on a machine that others use too, what is measured above it is theirs.

use std::time::Instant;

use stats_alloc::{Region, StatsAlloc};

/// Batches of one measurement.
const BATCHES: usize = 60;

/// Nanoseconds of one of `each` runs of `run` on states that `make` has made beforehand.
pub fn nanoseconds<T>(each: usize, make: impl Fn() -> T, mut run: impl FnMut(&mut T)) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..BATCHES {
        let mut states: Vec<T> = (0..each).map(|_| make()).collect();
        let began = Instant::now();
        for state in &mut states {
            run(state);
        }
        best = best.min(began.elapsed().as_nanos() as f64 / each as f64);
    }
    best
}

/// What was allocated while `run` ran: how many times, and how many bytes more than were given back.
pub fn allocations(allocator: &'static StatsAlloc<std::alloc::System>, run: impl FnOnce()) -> (usize, isize) {
    let region = Region::new(allocator);
    run();
    let change = region.change();
    let kept = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    (change.allocations + change.reallocations, kept)
}
