//! Laptops that sleep and clocks that are wrong (R1 to R3).

use crate::story::{HOUR, MINUTE, Opening, Story, Treatment, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

/// The lid is closed for twenty minutes; whether the monotonic clock goes on meanwhile depends on the system.
/// Time goes on by the server's clock, which is what all that follows is reckoned by.
fn close_the_lid(story: &mut Story, runs_on: bool) {
    if runs_on {
        story.skip(story.now + 20 * MINUTE);
    } else {
        story.sleep(20 * MINUTE);
    }
    story.input(Input::Tick);
}

/// A host of this kind.
fn on_host(runs_on: bool, opening: Opening) -> Opening {
    if runs_on { opening } else { opening.ticks_stand_asleep() }
}

fn expiries(story: &Story) -> Vec<u64> {
    story.told(|event| matches!(event, Event::Expired { .. }))
}

#[test]
fn the_lid_closed_across_an_expiry() {
    // proves R1.2, R1.3
    // survives P22, P23
    for runs_on in [false, true] {
        // A token of half an hour; the lid is closed from 20 to 40 minutes.
        let mut story = on_host(runs_on, unscoped().base_life(HOUR / 2).refreshes()).begin();
        story.until(20 * MINUTE);
        close_the_lid(&mut story, runs_on);
        let woken = story.now;
        assert_eq!(story.told(|event| matches!(event, Event::ClockJump { .. })), [woken], "{runs_on}");
        assert_eq!(story.times("probe"), [woken]);
        assert_eq!(story.times("refresh"), [woken], "what could be due is renewed at once: {runs_on}");
        assert!(expiries(&story).is_empty(), "before anybody has answered");
        story.until(woken + 10_000);
        assert_eq!(story.teardown(), None);
        assert_eq!(story.phase(), Phase::Live, "{runs_on}: {}", story.script);
        assert_eq!(story.machine.status().in_force, Some(TokenId(2)), "{}", story.script);
        // The new token's whole life is ahead of it, and its renewal where it belongs.
        story.until(woken + HOUR / 2);
        near(story.times("refresh")[1], woken + HOUR / 2 - 450_000);
        assert_eq!(story.times("refresh").len(), 2);

        // With nobody to renew, the end is one: told when it is sure, and not before.
        let mut story = on_host(runs_on, unscoped().base_life(HOUR / 2)).begin();
        story.until(20 * MINUTE);
        story.always("probe", Treatment::Late(1_500));
        close_the_lid(&mut story, runs_on);
        story.until(woken + 1_490);
        assert!(expiries(&story).is_empty() && story.teardown().is_none(), "{runs_on}");
        story.until(woken + 3_500);
        assert_eq!(expiries(&story), [woken + 1_500]);
        assert_eq!(story.teardown(), Some((woken + 1_500, TeardownReason::Expired)));

        // Not across one: nothing came of it, and the end is where the server sees it.
        let mut story = on_host(runs_on, unscoped().base_life(HOUR)).begin();
        story.until(20 * MINUTE);
        close_the_lid(&mut story, runs_on);
        story.until(2 * HOUR);
        near(expiries(&story)[0], woken + 20 * MINUTE);
        assert_eq!(story.lives().len(), 1);
    }
}

#[test]
fn a_socket_that_died_in_the_sleep_is_replaced_with_a_renewed_token() {
    // proves R1.3, R22.5
    // survives P11, P22
    for runs_on in [false, true] {
        let mut story = on_host(runs_on, unscoped().base_life(HOUR / 2).refreshes()).begin();
        story.until(20 * MINUTE);
        story.always("probe", Treatment::Silence).next("reauthenticate", Treatment::Silence);
        close_the_lid(&mut story, runs_on);
        let woken = story.now;
        story.until(woken + 30_000);
        assert_eq!(story.phase(), Phase::Live, "{runs_on}: {}", story.script);
        assert_eq!(story.machine.status().in_force, Some(TokenId(2)), "{}", story.script);
        assert_eq!(story.teardown(), None);
    }
}

/// A session that nobody tells the time unasked; its provider's tokens live for ten minutes from receipt.
fn untold() -> Story {
    let opening = unscoped().base_life(25 * MINUTE).world(|world| world.tells_time = false);
    let mut story = opening.refreshes().ticks_stand_asleep().begin();
    story.until(10 * MINUTE);
    story.world.states_ends = false;
    story
}

fn of_ten_minutes(token: u32) -> Treatment {
    let statement = Statement { expires_in: Some(10 * MINUTE), ..Statement::default() };
    Treatment::Say(Reply::Token(TokenFacts { token: TokenId(token), statement, new_secret: false }))
}

/// Somebody says what time it is, in an answer of the API's own.
fn confirm(story: &mut Story) {
    story.world.tells_time = true;
    story.input(Input::NetworkChanged);
    story.until(story.now + 40);
    story.world.tells_time = false;
}

#[test]
fn what_came_after_the_wake_has_slept_through_nothing() {
    // proves R1.6
    // survives P22
    let mut story = untold();
    story.next("refresh", of_ten_minutes(700));
    close_the_lid(&mut story, false);
    let woken = story.now;
    story.until(woken + 2_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(700)), "{}", story.script);
    let ends = story.machine.status().token_ends.expect("stated");
    // Only now somebody says what time it is.
    confirm(&mut story);
    assert_eq!(story.machine.status().token_ends, Some(ends), "its life began after the sleep");
    near(ends.0, woken + 10 * MINUTE);
    story.until(woken + 10 * MINUTE);
    near(story.times("refresh")[1], woken + 5 * MINUTE);
    assert!(expiries(&story).is_empty());
    assert!(story.warnings("credential_refresh_failed").is_empty(), "it has gained something");
}

#[test]
fn what_came_between_two_sleeps_has_slept_through_the_second_alone() {
    // proves R1.6
    let mut story = untold();
    story.next("refresh", of_ten_minutes(700));
    close_the_lid(&mut story, false);
    story.until(story.now + 2_000);
    let ends = story.machine.status().token_ends.expect("stated").0;
    assert_eq!(story.machine.status().in_force, Some(TokenId(700)), "{}", story.script);
    story.sleep(2 * MINUTE);
    story.input(Input::Tick);
    story.until(story.now + 2_000);
    assert_eq!(story.times("refresh").len(), 1, "nothing is due yet");
    // Only now somebody says what time it is: two of its ten minutes have gone, and no more.
    confirm(&mut story);
    assert_eq!((story.phase(), expiries(&story)), (Phase::Live, vec![]), "{}", story.script);
    near(story.machine.status().token_ends.expect("stated").0, ends - 2 * MINUTE);
}

#[test]
fn what_comes_in_the_very_step_that_shows_the_sleep_has_not_slept_either() {
    // proves R1.6
    let mut story = untold();
    story.sleep(20 * MINUTE);
    let ask = story.ask();
    let statement = Statement { expires_in: Some(10 * MINUTE), ..Statement::default() };
    let token = TokenFacts { token: TokenId(700), statement, new_secret: false };
    story.input(Input::NewBase { ask, token });
    let woken = story.now;
    story.until(woken + 2_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(700)), "{}", story.script);
    confirm(&mut story);
    near(story.machine.status().token_ends.expect("stated").0, woken + 10 * MINUTE);
}

#[test]
fn a_command_given_after_the_wake_keeps_its_deadline() {
    // proves R1.6
    let mut story = untold();
    story.always("refresh", Treatment::Silence);
    close_the_lid(&mut story, false);
    let woken = story.now;
    let deadline = story.given("refresh")[0].deadline.0;
    assert!(deadline > woken + 5_000);
    story.until(woken + 1_000);
    confirm(&mut story);
    assert!(story.warnings("credential_refresh_failed").is_empty(), "it is not late: {}", story.script);
    story.until(deadline + 1);
    assert_eq!(story.warnings("credential_refresh_failed")[0].0, deadline);
    // One that was under way when the lid was closed is late.
    let mut story = untold();
    story.always("refresh", Treatment::Silence);
    story.refresh_now();
    story.until(story.now + 1_000);
    close_the_lid(&mut story, false);
    let woken = story.now;
    story.until(woken + 100);
    confirm(&mut story);
    let told = story.warnings("credential_refresh_failed")[0].0;
    assert!((woken..=story.now).contains(&told), "{}", story.script);
}

#[test]
fn a_clock_that_is_an_hour_fast_renews_on_time() {
    // proves R2.2
    // survives P24, S2, S4, S24
    for scope in [false, true] {
        let mut story = scoped().scope(scope).skew(-(HOUR as i64)).provider(!scope, false).begin();
        story.until(6 * HOUR);
        assert_eq!(story.lives().len(), 1);
        assert!(expiries(&story).is_empty());
        assert!(story.told(|event| matches!(event, Event::ClockJump { .. })).is_empty());
        let (name, count) = if scope { ("renew", 24..=27) } else { ("refresh", 3..=4) };
        assert!(count.contains(&story.times(name).len()), "{scope}: {:?}", story.times(name));
    }
}

#[test]
fn a_wall_clock_that_is_set_back_moves_nothing() {
    // proves R1.5
    // survives P24
    let plain = {
        let mut story = unscoped().base_life(HOUR).refreshes().begin();
        story.until(3 * HOUR);
        story.times("refresh")
    };
    for by in [10 * MINUTE, 30 * 24 * HOUR] {
        let mut story = unscoped().base_life(HOUR).refreshes().begin();
        story.until(20 * MINUTE);
        story.wall -= by as i64;
        story.until(3 * HOUR);
        assert_eq!(story.times("refresh"), plain, "{by}");
        assert!(story.told(|event| matches!(event, Event::ClockJump { .. })).is_empty());
        assert_eq!((story.lives().len(), story.times("probe").len()), (1, 0));
    }
}

#[test]
fn a_sleep_is_noticed_probed_and_confirmed() {
    // proves R1.3, R1.5, R1.6
    // survives P22, P23
    let mut story = unscoped().base_life(HOUR).refreshes().ticks_stand_asleep().begin();
    story.until(600_000);
    // Fifty minutes in which our monotonic clock stood still: the renewal is overdue.
    story.sleep(50 * 60_000);
    story.input(Input::Tick);
    assert_eq!(story.told(|event| matches!(event, Event::ClockJump { .. })), [600_000]);
    story.until(606_000);
    assert_eq!(story.times("probe"), [600_000]);
    assert_eq!(story.times("refresh").len(), 1, "at once");
    assert_eq!(story.renewals().len(), 1);
    // The server's time has confirmed it: the next renewal is where it belongs.
    story.until(HOUR + 600_000);
    near(story.times("refresh")[1], 600_000 + HOUR - 450_000);
}

#[test]
fn a_sleep_past_the_end_ends_nothing_before_somebody_has_answered() {
    // proves R1.2, R1.3
    // survives P23
    let mut story = unscoped().base_life(HOUR).begin();
    story.until(600_000);
    story.always("probe", Treatment::Late(1_800));
    // Our monotonic clock went on in this sleep: the step is late by hours.
    story.skip(3 * HOUR);
    story.input(Input::Tick);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    assert_eq!(story.times("probe").len(), 1);
    story.until(3 * HOUR + 1_700);
    assert_eq!(story.teardown(), None);
    story.until(3 * HOUR + 2_000);
    assert_eq!(story.teardown().expect("over").1, TeardownReason::Expired);
}

#[test]
fn a_set_clock_moves_nothing() {
    // proves R1.5, R1.6
    // survives P24
    for runs_on in [false, true] {
        for by in [-2 * HOUR as i64, 2 * HOUR as i64] {
            let mut story = on_host(runs_on, unscoped().base_life(2 * HOUR).refreshes()).begin();
            story.until(600_000);
            story.wall += by;
            story.input(Input::Tick);
            story.until(2 * HOUR - 1_000);
            let jumps = story.told(|event| matches!(event, Event::ClockJump { .. })).len();
            let suspect = by > 0 && !runs_on;
            assert_eq!(jumps, usize::from(suspect));
            // Forward, where the tick would have stood in a sleep: what could be due is renewed once; then all is as before.
            let times = story.times("refresh");
            if suspect {
                assert_eq!(times.len(), 1, "{times:?}");
                assert!(times[0] < 606_000);
            } else {
                near(times[0], 2 * HOUR - 450_000);
            }
            assert_eq!(story.lives().len(), 1);
        }
    }
}

#[test]
fn a_jump_that_nobody_confirms_costs_one_renewal() {
    // proves R1.5, R1.6
    // survives S2, P19
    let opening = unscoped().base_life(2 * HOUR).world(|world| world.tells_time = false);
    let mut story = opening.refreshes().ticks_stand_asleep().begin();
    story.until(600_000);
    story.wall += 24 * HOUR as i64;
    story.input(Input::Tick);
    story.until(HOUR);
    assert_eq!(story.times("refresh").len(), 1, "{:?}", story.times("refresh"));
}

#[test]
fn naps_that_are_each_too_short_to_be_noticed_add_up() {
    // proves R1.5
    // survives P22
    // Renewed a minute and a half before the end: what is not counted is missed.
    let mut opening = unscoped().base_life(15 * MINUTE).refreshes().ticks_stand_asleep();
    opening.start.provider.may_be_asked_twice = true;
    let mut story = opening.begin();
    story.until(10_000);
    // 4.9 s in each 10 s: the server sees twice the time that our tick does.
    let begun = story.server_now();
    while story.server_now() - begun < 40 * MINUTE {
        story.until(story.now + 5_100);
        story.sleep(4_900);
        story.input(Input::Tick);
    }
    assert!(expiries(&story).is_empty() && story.teardown().is_none(), "{}", story.script);
    assert!(story.renewals().len() >= 2, "{}", story.script);
}

#[test]
fn what_was_on_its_way_in_a_sleep_is_not_late_for_two_seconds_more_once() {
    // proves R1.4
    let mut story = unscoped().base_life(2 * HOUR).refreshes().begin();
    story.until(10 * MINUTE);
    story.always("refresh", Treatment::Silence);
    story.refresh_now();
    story.until(story.now + 1_000);
    let told = |story: &Story| story.warnings("credential_refresh_failed");
    close_the_lid(&mut story, true);
    let woken = story.now;
    story.until(woken + 1_999);
    assert!(told(&story).is_empty(), "{}", story.script);
    // Two seconds, and no more for a second sleep within them.
    close_the_lid(&mut story, true);
    assert_eq!(told(&story)[0].0, story.now, "{}", story.script);
    // Without that one: when they are over.
    let mut story = unscoped().base_life(2 * HOUR).refreshes().begin();
    story.until(10 * MINUTE);
    story.next("refresh", Treatment::Silence);
    story.refresh_now();
    close_the_lid(&mut story, true);
    let woken = story.now;
    story.until(woken + 2_000);
    assert_eq!(told(&story)[0].0, woken + 2_000, "{}", story.script);
}
