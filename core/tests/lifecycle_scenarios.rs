//! Whole sessions, line by line. The snapshots are under `snapshots/`: read them as documentation.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    missing_docs,
    reason = "a failing test is a panic"
)]

mod story;

use satkeeper_core::lifecycle::*;
use story::{Story, Treatment, World};

const UNAVAILABLE: Failure = Failure::Http { status: 503, retry_after: None };

#[test]
fn a_healthy_bound_session() {
    // proves L12, L15, L18, L25, L41
    let mut story = Story::new(story::exact());
    story.start_as(true, false, KeyFacts::Fixed(KeyAlgorithm::Es256), true);
    story.until(1_700_000);
    story.line("---- the application disconnects");
    story.input(Input::Disconnect);
    story.until(1_701_000);
    insta::assert_snapshot!(story.script);
}

#[test]
fn an_ordinary_unlucky_session() {
    // proves L15, L16, L17, L21, L22
    // survives S7, S14, S29, P13
    let mut story = Story::new(story::exact());
    story.world = World { base_life: 900_000, ..World::default() };
    story.always("activate", Treatment::Fail(UNAVAILABLE));
    story.next("refresh", Treatment::Well);
    story.always("refresh", Treatment::Fail(Failure::Rejected));
    story.start(true, false, KeyFacts::Fixed(KeyAlgorithm::Es256));
    story.until(2_000_000);
    insta::assert_snapshot!(story.script);
}

#[test]
fn a_drop_a_resume_and_a_renewal_in_between() {
    // proves L28, L34, L36
    let mut story = Story::new(story::exact());
    story.world = World { scope: false, base_life: 600_000, ..World::default() };
    story.start(true, false, KeyFacts::Unavailable);
    story.until(30_000);
    story.line("---- the server hands out resume state");
    story.resume_state();
    story.until(539_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(545_000);
    story.mend("open");
    story.until(580_000);
    insta::assert_snapshot!(story.script);
}
