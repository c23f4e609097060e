//! Who asks for a renewal is answered for that one, within a minute (R27).

use crate::story::{Treatment, UNAVAILABLE, provided};
use satkeeper_core::lifecycle::*;

#[test]
fn it_is_settled_when_that_renewal_is_in_force_and_not_before() {
    // proves R21.8, R27.1
    let mut story = provided();
    story.resume_state();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(25_000);
    let ask = story.refresh_now();
    story.until(40_000);
    assert_eq!(
        (story.times("refresh").len(), story.answer(ask)),
        (1, None),
        "it is there, and of no use yet"
    );
    // The resume proves the old one.
    story.mend("open").next("reauthenticate", Treatment::Late(1_000));
    story.until(50_000);
    let (live, renewed) = (story.lives()[1], story.renewals()[0]);
    assert_eq!(renewed, live + 1_000, "{}", story.script);
    assert_eq!(story.answer(ask), Some((renewed, None)));
    // A fresh connect with the new one is as good.
    let mut story = provided();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(25_000);
    let ask = story.refresh_now();
    story.until(40_000);
    assert_eq!(story.answer(ask), None);
    story.mend("open");
    story.until(50_000);
    assert_eq!(story.answer(ask), Some((story.lives()[1], None)), "{}", story.script);
}

#[test]
fn a_renewal_that_was_asked_for_before_settles_nobody() {
    // proves R14.1, R27.1
    // The first is late and silent; who asks then waits for the second, whichever comes first.
    let mut story = provided();
    story.next("refresh", Treatment::Late(145_000)).next("refresh", Treatment::Late(40_000));
    story.refresh_now();
    story.until(141_000);
    let ask = story.refresh_now();
    story.until(170_000);
    assert_eq!(story.renewals(), [165_040], "{}", story.script);
    assert_eq!(story.answer(ask), None);
    story.until(190_000);
    assert_eq!(story.answer(ask), Some((181_040, None)), "{}", story.script);
}

#[test]
fn after_a_minute_it_is_pending_or_what_it_failed_with() {
    // proves R27.1
    let mut story = provided();
    story.next("refresh", Treatment::Late(100_000));
    let one = story.refresh_now();
    story.until(50_000);
    let two = story.refresh_now();
    story.until(115_000);
    assert_eq!(story.answer(one), Some((80_000, Some(AskError::Pending))));
    assert_eq!(story.answer(two), Some((110_000, Some(AskError::Pending))), "each has a minute");
    // It goes on, and is told when it comes.
    story.until(125_000);
    assert_eq!(story.renewals(), [120_040]);

    let mut story = provided();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    let ask = story.refresh_now();
    story.until(79_999);
    assert_eq!(story.answer(ask), None);
    assert!(story.times("refresh").len() >= 3, "it is tried meanwhile");
    story.until(80_000);
    assert!(story.failed(ask, UNAVAILABLE), "{:?}", story.answer(ask));
}
