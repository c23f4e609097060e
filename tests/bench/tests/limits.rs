//! What must not grow unnoticed.

use satkeeper_bench::lifecycle::{resting, round};
use satkeeper_bench::measure::allocations;
use satkeeper_core::lifecycle::{Input, Lifecycle};
use satkeeper_core::session::Session;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

// One test: the allocator counts for the whole process.
#[test]
fn an_early_tick_allocates_nothing_and_a_round_little() {
    // proves L1
    let (mut machine, early) = resting();
    let (allocated, kept) = allocations(ALLOCATOR, || {
        let step = machine.step(early, Input::Tick);
        assert!(step.outputs.is_empty());
    });
    assert_eq!((allocated, kept), (0, 0));
    let mut round = round(false);
    let (allocated, _) = allocations(ALLOCATOR, || round.play());
    assert!((1..=12).contains(&allocated), "{allocated} allocations in a renewal round");
}

#[test]
fn sizes_are_bounded() {
    assert!(size_of::<Lifecycle>() <= 1_200, "{}", size_of::<Lifecycle>());
    assert!(size_of::<Session>() <= 2_800, "{}", size_of::<Session>());
}
