//! Time, to the millisecond.

use super::*;

fn clock_at(tick: u64, unix: u64) -> Clock {
    let mut clock = Clock::new();
    clock.advance(Now::new(tick, unix), 5_000);
    clock
}

#[test]
fn the_server_clock_is_learned_within_its_own_precision() {
    // proves L9
    let mut clock = clock_at(10_000, 1_000_000_000_000);
    clock.observe(UnixMillis(1_000_003_600_000), 9_900, &Policy::default());
    let offset = clock.offset().expect("known");
    assert!((offset - 3_600_000).abs() <= 600, "{offset}");
}

#[test]
fn a_confirmed_sleep_moves_the_clock_and_a_set_clock_does_not() {
    // proves L23
    let mut clock = clock_at(0, 1_000_000_000_000);
    clock.observe(UnixMillis(1_000_000_000_000), 0, &Policy::default());
    assert_eq!(clock.advance(Now::new(1_000, 1_000_000_601_000), 5_000), Some(600_000));
    assert_eq!(clock.now(), 1_000);
    clock.observe(UnixMillis(1_000_000_601_000), 900, &Policy::default());
    assert!(clock.now().abs_diff(601_000) <= 1_500, "{}", clock.now());
    assert_eq!(clock.tick_of(clock.now()), Tick(1_000));

    let mut clock = clock_at(0, 1_000_000_000_000);
    clock.observe(UnixMillis(1_000_000_000_000), 0, &Policy::default());
    clock.advance(Now::new(1_000, 1_000_000_601_000), 5_000);
    clock.observe(UnixMillis(1_000_000_001_000), 900, &Policy::default());
    assert_eq!(clock.now(), 1_000);
    assert_eq!(clock.suspect(0), 0);
}

#[test]
fn what_came_between_two_sleeps_has_slept_through_the_second_only() {
    // proves L23
    let mut clock = clock_at(0, 1_000_000_000_000);
    clock.observe(UnixMillis(1_000_000_000_000), 0, &Policy::default());
    assert!(clock.advance(Now::new(1_000, 1_000_000_601_000), 5_000).is_some());
    assert!(clock.advance(Now::new(3_000, 1_000_000_633_000), 5_000).is_some());
    let lost = clock.observe(UnixMillis(1_000_000_633_000), 2_900, &Policy::default()).expect("confirmed");
    assert!(lost.total.abs_diff(630_000) <= 1_500, "{lost:?}");
    assert_eq!((lost.before(500), lost.before(2_000), lost.before(3_000)), (0, 600_000, lost.total));
}

#[test]
fn a_sleep_while_the_wall_clock_was_set_back_was_longer_than_it_seemed() {
    // proves L23
    let mut clock = clock_at(0, 1_000_000_000_000);
    clock.observe(UnixMillis(1_000_000_000_000), 0, &Policy::default());
    // Five hours, and set back by two; then set ahead by one.
    assert!(clock.advance(Now::new(1_000, 1_000_010_801_000), 5_000).is_some());
    assert!(clock.advance(Now::new(3_000, 1_000_014_403_000), 5_000).is_some());
    let lost = clock.observe(UnixMillis(1_000_018_003_000), 2_900, &Policy::default()).expect("confirmed");
    assert!(lost.total.abs_diff(14_400_000) <= 1_500, "{lost:?}");
    let since = lost.total - lost.before(2_000);
    assert!(since <= 1_500, "what came between the two may have lost nothing: {since}");
    // A few seconds are no clock that was set.
    let policy = Policy::default();
    for (unexplained, longer) in [(policy.jump, 0), (policy.jump + 1, policy.jump + 1)] {
        let start = 1_000_000_000_000;
        let mut clock = clock_at(0, start);
        clock.observe(UnixMillis(start), 0, &policy);
        clock.advance(Now::new(1_000, start + 601_000), 5_000);
        clock.advance(Now::new(3_000, start + 633_000), 5_000);
        let told = UnixMillis(start + 633_000 + unexplained);
        let lost = clock.observe(told, 3_000, &policy).expect("confirmed");
        assert_eq!(lost.before(2_000), 600_000 + longer);
    }
}

#[test]
fn an_old_time_is_told_from_a_sleep_to_the_millisecond() {
    // proves L23
    let (policy, start) = (Policy::default(), 1_000_000_000_000);
    let mut clock = clock_at(0, start);
    assert!(clock.may_be_old(UnixMillis(start), 0, &policy), "nothing to compare it with");
    clock.observe(UnixMillis(start), 0, &policy);
    clock.advance(Now::new(1_000, start + 601_000), 5_000);
    let is_old = |ahead: u64| clock.may_be_old(UnixMillis(start + ahead), 0, &policy);
    let first = (500_000..601_000).find(|ahead| !is_old(*ahead)).expect("some time is new");
    let (_, latest) = clock.zero_within(UnixMillis(start + first), 0, &policy);
    assert_eq!(Some(latest), clock.server.map(|known| known + 600_000));
}

#[test]
fn time_never_goes_back() {
    // proves L6
    let mut clock = clock_at(10_000, 1_000_000_000_000);
    assert_eq!(clock.advance(Now::new(4_000, 1), 5_000), None);
    assert_eq!(clock.now(), 10_000);
    // Nor beyond its horizon, where nothing overflows.
    assert!(clock.advance(Now::new(u64::MAX, u64::MAX), 5_000).is_some());
    assert_eq!(clock.now(), HORIZON);
    clock.observe(UnixMillis(u64::MAX), 0, &Policy::default());
    assert_eq!(clock.offset(), None);
}

#[test]
fn what_is_said_beyond_the_year_9999_and_what_no_sleep_explains_loses_no_time() {
    // proves L6, L9, L23
    let policy = Policy::default();
    let mut clock = clock_at(1_000, 1_000_000_000_000);
    assert_eq!(clock.observe(UnixMillis(YEAR_9999 + 1), 1_000, &policy), None);
    assert_eq!(clock.offset(), None);
    clock.observe(UnixMillis(YEAR_9999), 1_000, &policy);
    assert!(clock.offset().is_some());
    // A server's clock that is set, either way.
    for time in [1_000_000_000_000, 1_000_900_000_000] {
        assert_eq!(clock.observe(UnixMillis(time), 1_000, &policy), None);
        assert_eq!(clock.now(), 1_000);
    }
}

#[test]
fn a_sleep_is_suspected_of_what_came_before_it_alone() {
    // proves L23
    let mut clock = clock_at(0, 1_000_000_000_000);
    assert!(clock.advance(Now::new(1_000, 1_000_000_601_000), 5_000).is_some());
    assert_eq!([999, 1_000, 1_001].map(|since| clock.suspect(since)), [600_000, 0, 0]);
    assert_eq!([999, 1_000, 1_001].map(|at| clock.suspected_by(at)), [0, 600_000, 600_000]);
}

#[test]
fn what_a_record_tells_of_the_server_ends_nothing_until_a_server_tells_its_time() {
    // proves L9
    let time = UnixMillis(1_000_000_600_000);
    let (mut clock, _) =
        Clock::restored(Now::new(0, 1_000_000_000_000), UnixMillis(1_000_000_000_000), Some(0));
    assert!(clock.when_server_shows(time).is_some());
    assert_eq!((clock.is_confirmed(), clock.when_server_surely_shows(time)), (false, None));
    assert!(clock.confirm(UnixMillis(1_000_000_000_000), clock.now(), &Policy::default()).is_some());
    assert!(clock.is_confirmed() && clock.when_server_surely_shows(time).is_some());
    // Nor by what no server's clock shows.
    for (told, confirms) in [(YEAR_9999 - 1, true), (YEAR_9999, true), (YEAR_9999 + 1, false)] {
        let (mut clock, _) = Clock::restored(Now::new(0, 0), UnixMillis(0), Some(0));
        assert_eq!(clock.confirm(UnixMillis(told), 0, &Policy::default()).is_some(), confirms);
    }
}
