//! Rest and end (R33).

use crate::story::{HOUR, Treatment, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn suspended_nothing_fires_and_resumed_all_is_as_it_should_be() {
    // proves R33.1, R33.2
    // survives S6, S10, P11
    let mut story = scoped().refreshes().begin();
    story.until(20_000);
    story.resume_state();
    let waiting = story.refresh_now();
    story.input(Input::Suspend);
    assert_eq!(story.answer(waiting), Some((20_000, Some(AskError::Suspended))));
    assert_eq!(story.phase(), Phase::Suspended);
    let commands = story.commands.len();
    // What was on its way is heard; then nothing is due.
    story.until(30_000);
    assert_eq!(story.machine.why(), None);
    story.until(850_000);
    assert_eq!(story.commands.len(), commands);
    assert_eq!(story.commands.last().map(|(_, c)| c.action.name()), Some("close"));
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), Some((850_000, Some(AskError::Suspended))));
    story.input(Input::Resume);
    story.until(860_000);
    assert_eq!(story.phase(), Phase::Live);
    assert_eq!(
        story.told(|e| matches!(e, Event::Live { resumed: true, .. })).len(),
        1,
        "resume state is kept"
    );
    assert_eq!(story.times("renew").len(), 2, "the one that was asked for, and the one that is due");
    assert_eq!(story.times("mint").len(), 1, "tokens and key are kept");
    assert_eq!(story.times("make_key").len(), 1);
    // Suspended past the end: nobody is waked for it, and the resume sees to it.
    let mut story = unscoped().base_life(600_000).refreshes().begin();
    story.until(20_000);
    story.input(Input::Suspend);
    story.until(2 * HOUR);
    assert_eq!(story.teardown(), None);
    story.input(Input::Resume);
    story.until(2 * HOUR + 10_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_write_that_fails_at_rest_is_told() {
    // proves R13.4
    for treatment in [Treatment::Fail(Failure::Transport), Treatment::Silence] {
        let mut story = unscoped().refreshes().keyless().durable().begin();
        story.until(20_000);
        // A token that comes late is written, at rest, too.
        story.refresh_now();
        story.input(Input::Suspend);
        story.always("persist", treatment);
        story.until(40_000);
        assert_eq!(story.phase(), Phase::Suspended);
        assert!(story.times("persist").iter().any(|at| *at > 20_000));
        let told = story.warnings("store_failed");
        assert!(told.first().is_some_and(|(at, _)| *at <= 22_040), "{told:?}");
    }
}

#[test]
fn a_suspended_write_is_made_up_for() {
    // proves R33.2
    let mut story = unscoped().refreshes().keyless().durable().begin();
    story.until(20_000);
    // With resume state, so that the new token must be pushed after the resume.
    story.resume_state();
    story.until(20_050);
    story.always("persist", Treatment::Silence);
    let (ask, _) = story.update(7_200_000);
    story.until(20_100);
    story.input(Input::Suspend);
    assert_eq!(story.answer(ask), Some((20_100, Some(AskError::Suspended))));
    story.mend("persist");
    story.until(30_000);
    story.input(Input::Resume);
    story.until(40_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)), "{}", story.script);
    assert!(story.times("persist").iter().any(|at| *at >= 30_000));
}

#[test]
fn what_comes_late_is_kept_at_rest_and_before_the_end() {
    // proves R12.11
    for input in [Input::Suspend, Input::Disconnect, Input::Leave, Input::Destroy] {
        let mut story = unscoped().refreshes().keyless().durable().begin();
        story.until(20_000);
        story.always("refresh", Treatment::Silence).always("close", Treatment::Silence);
        story.always("persist", Treatment::Silence);
        story.refresh_now();
        let refresh = story.given("refresh")[0].id;
        story.until(21_000);
        let destroyed = input == Input::Destroy;
        story.input(input);
        story.mend("persist");
        let before = story.times("persist").len();
        let late = TokenFacts { token: TokenId(9), statement: Statement::default(), new_secret: true };
        story.input(Input::Done(refresh, Outcome::ok(Reply::Token(late))));
        story.until(30_000);
        assert_eq!(story.times("persist").len() > before, !destroyed, "{}", story.script);
    }
}

#[test]
fn a_mint_that_a_person_is_busy_with_outlives_a_suspension() {
    // proves R26.2, R33.1
    let mut story = scoped().refreshes().keyless().next("mint", Treatment::Late(30_000)).begin();
    story.until(1_000);
    story.input(Input::Suspend);
    story.until(40_000);
    story.input(Input::Resume);
    story.until(41_000);
    assert_eq!(story.phase(), Phase::Live);
    assert_eq!(story.times("mint").len(), 1);
}

#[test]
fn leaving_puts_everything_away_and_is_final() {
    // proves R13.6, R29.3, R33.5, R33.6
    // survives S10, P32
    for (input, reason, write) in [
        (Input::Disconnect, TeardownReason::Disconnected, "persist"),
        (Input::Leave, TeardownReason::Left, "persist"),
        (Input::Destroy, TeardownReason::Destroyed, "erase"),
    ] {
        let mut story = unscoped().refreshes().keyless().durable().begin();
        story.until(20_000);
        story.next("refresh", Treatment::Late(3_000));
        let waiting = story.refresh_now();
        story.until(20_500);
        let refresh = story.given("refresh")[0].id;
        story.input(input.clone());
        assert_eq!(story.names(20_500), ["close", write]);
        assert_eq!(story.answer(waiting), Some((20_500, Some(AskError::SessionOver))));
        story.until(21_000);
        assert_eq!(story.teardown(), Some((20_500, reason)));
        assert_eq!(story.machine.why(), None);
        // Nothing in flight brings it back.
        let late = TokenFacts { token: TokenId(9), statement: Statement::default(), new_secret: true };
        let (events, commands) = (story.events.len(), story.commands.len());
        story.input(Input::Done(refresh, Outcome::ok(Reply::Token(late))));
        story.input(Input::Resume);
        story.input(Input::NetworkChanged);
        story.refresh_now();
        story.until(10 * HOUR);
        assert_eq!((story.events.len(), story.commands.len()), (events, commands));
        assert!(matches!(story.events.last(), Some((_, Event::Teardown { .. }))));
    }
    // A store that hangs delays the end by 2 s, no more; a second call is out of place.
    let mut story = scoped().refreshes().keyless().durable().begin();
    story.until(20_000);
    story.always("persist", Treatment::Silence).always("close", Treatment::Silence);
    story.input(Input::Disconnect);
    story.input(Input::Destroy);
    assert!(matches!(story.events.last(), Some((_, Event::Ignored(Ignored::OutOfPlace)))));
    story.until(30_000);
    assert_eq!(story.teardown(), Some((22_000, TeardownReason::Disconnected)));
}
