//! A restart in an outage is no fresh start (R13).

use crate::story::{HOUR, REFUSED, Story, Treatment, UNAVAILABLE, exact, near, unscoped};
use satkeeper_core::lifecycle::*;

fn opening() -> crate::story::Opening {
    unscoped().refreshes().keyless().durable()
}

/// Killed, and begun anew after a tenth of a second.
fn restart(story: &mut Story) {
    story.restart(exact(), 100, opening().start);
}

#[test]
fn who_was_removed_is_told_so_however_often_a_supervisor_starts_him_again() {
    // proves R10.4, R13.1, R25.5
    for span in [100_000, 240_000, 300_000] {
        let mut story = opening().begin();
        story.until(20_000);
        story.always("authenticate", Treatment::Fail(REFUSED));
        story.drop_socket();
        while story.teardown().is_none() && story.now < HOUR {
            story.until(story.now + span);
            if story.teardown().is_none() {
                restart(&mut story);
            }
        }
        let Some((at, TeardownReason::InvalidCredentials)) = story.teardown() else {
            panic!("{span}: {}", story.script)
        };
        assert!((600_000..900_000).contains(&at), "{span}: {at}");
        // Each start shows what there is once, and once more; no round begins anew.
        let starts = (at / span) as usize;
        assert!(story.connects().len() <= 20 + 3 * starts, "{span}: {:?}", story.connects());
    }
}

#[test]
fn who_begins_anew_after_the_end_has_as_much_patience_as_ever() {
    // proves R25.5
    let mut story = opening().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(HOUR);
    assert!(story.teardown().is_some(), "{}", story.script);
    restart(&mut story);
    story.until(HOUR + 500_000);
    let over = story.told(|event| matches!(event, Event::Teardown { .. })).len();
    assert_eq!(over, 1, "{}", story.script);
    story.mend("authenticate");
    story.until(HOUR + 561_000);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
}

#[test]
fn rounds_go_on_where_they_were() {
    // proves R10.4, R13.1
    let mut story = opening().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(200_000);
    restart(&mut story);
    let begun = story.now;
    story.until(begun + 3_000);
    let shown = story.connects().iter().filter(|(at, ..)| *at >= begun).count();
    assert!((1..=3).contains(&shown), "{}", story.script);
    story.until(begun + 50_000);
    let again = story.connects().iter().filter(|(at, ..)| *at >= begun + 3_000).count();
    assert_eq!(again, 0, "not after five seconds, as if it were the first: {}", story.script);
    story.mend("authenticate");
    story.until(begun + 65_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn an_endpoint_that_fails_is_asked_as_if_nothing_had_been() {
    // proves R13.1, R13.2, R18.1
    let mut story = opening().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(6_800_000);
    let told = story.warnings("credential_refresh_failed");
    let Some((_, Warning::RefreshFailed { attempt, next: Some(next), .. })) = told.last() else {
        panic!("{told:?}")
    };
    let (attempt, next) = (*attempt, next.0);
    assert!(attempt >= 6 && next > story.now + 2_000, "{attempt} {next}");
    restart(&mut story);
    let begun = story.now;
    story.until(next + 5_000);
    let asked = story.times("refresh").into_iter().find(|at| *at >= begun).expect("asked again");
    near(asked, next);
    // And the count goes on.
    let told = story.warnings("credential_refresh_failed");
    let Some((_, Warning::RefreshFailed { attempt: now, .. })) = told.last() else { panic!("{told:?}") };
    assert_eq!(*now, attempt + 1);
}
