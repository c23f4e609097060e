//! The record's writes: gathered, one under way and the newest next, at most one a second but for tokens and secrets (R13).

use crate::story::{Story, Treatment, unscoped};
use satkeeper_core::lifecycle::*;

/// A durable session, live and at rest since a while.
fn durable() -> Story {
    let mut story = unscoped().refreshes().keyless().durable().begin();
    story.until(20_000);
    story
}

fn writes(story: &Story, from: u64) -> Vec<u64> {
    story.times("persist").into_iter().filter(|at| *at >= from).collect()
}

#[test]
fn what_changes_again_and_again_is_written_once_a_second() {
    // proves R13.5
    // survives S22
    let mut story = durable();
    for _ in 0..300 {
        story.resume_state();
        story.until(story.now + 10);
    }
    story.until(60_000);
    // The first at once, then what has come since, and the last of it.
    assert_eq!(writes(&story, 20_000), [20_000, 21_000, 22_000, 23_000], "{}", story.script);
}

#[test]
fn a_token_does_not_wait_to_be_gathered() {
    // proves R13.3, R13.5
    let mut story = durable();
    story.resume_state();
    story.refresh_now();
    story.until(30_000);
    // Written when it comes, and that it is in force.
    assert_eq!(writes(&story, 20_000), [20_000, 20_040, 20_080], "{}", story.script);
    assert_eq!(story.times("reauthenticate"), [20_040]);
}

#[test]
fn one_write_is_under_way_and_the_newest_next() {
    // proves R13.3, R13.5
    // survives P31
    let mut story = durable();
    story.always("persist", Treatment::Silence);
    story.resume_state();
    story.until(20_100);
    story.resume_state();
    story.refresh_now();
    story.until(21_500);
    assert_eq!(writes(&story, 20_000), [20_000], "{}", story.script);
    assert!(story.times("reauthenticate").is_empty(), "it is not written yet");
    let first = story.given("persist").pop().expect("asked for");
    story.input(Input::Done(first.id, Outcome::ok(Reply::Finished)));
    assert_eq!(writes(&story, 20_000), [20_000, 21_500]);
    assert!(story.times("reauthenticate").is_empty(), "the first one did not hold it");
    let second = story.given("persist").pop().expect("asked for");
    story.until(21_800);
    story.input(Input::Done(second.id, Outcome::ok(Reply::Finished)));
    assert_eq!(story.times("reauthenticate"), [21_800]);
}
