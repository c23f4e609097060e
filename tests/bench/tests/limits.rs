//! What must not grow unnoticed.

use satkeeper_bench::allocations::allocations;
use satkeeper_bench::lifecycle::{resting, round};
use satkeeper_bench::session::renewed;
use satkeeper_core::lifecycle::{Input, Lifecycle};
use satkeeper_core::session::Session;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

// One test: the allocator counts for the whole process.
#[test]
fn ticks_and_rounds_allocate_little_and_renewals_leave_nothing() {
    // proves R29
    let (mut machine, early) = resting();
    let (allocated, kept) = allocations(ALLOCATOR, || {
        let step = machine.step(early, Input::Tick);
        assert!(step.outputs.is_empty());
    });
    assert_eq!((allocated, kept), (0, 0));
    let mut round = round(false);
    let (allocated, _) = allocations(ALLOCATOR, || round.play());
    assert!((1..=12).contains(&allocated), "{allocated} allocations in a renewal round");
    // What a session remembers of its past is full after twenty renewals.
    let kept = |renewals| allocations(ALLOCATOR, || std::mem::forget(renewed(renewals))).1;
    // What sessions share is there after the first.
    let (_, twenty, many) = (kept(1), kept(20), kept(500));
    assert_eq!(twenty, many);
    // 700 of them are what the server has told of connection and subscriber.
    assert!(twenty <= 4_850, "{twenty} bytes on the heap, of which 1,400 are tokens");
    // Three sockets at once, a pace for each endpoint, and what attempts have taken of late.
    assert!(size_of::<Lifecycle>() <= 1_400, "{}", size_of::<Lifecycle>());
    assert!(size_of::<Session>() <= 2_800, "{}", size_of::<Session>());
}
