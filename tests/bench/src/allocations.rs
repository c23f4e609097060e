//! What is allocated, and what is kept of it, by `stats_alloc`: with dhat a program counts once and at its end, here it
//! is wanted of single calls.

use stats_alloc::{Region, StatsAlloc};

/// What was allocated while `run` ran: how many times, and how many bytes more than were given back.
pub fn allocations(allocator: &'static StatsAlloc<std::alloc::System>, run: impl FnOnce()) -> (usize, isize) {
    let region = Region::new(allocator);
    run();
    let change = region.change();
    let kept = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    (change.allocations + change.reallocations, kept)
}
