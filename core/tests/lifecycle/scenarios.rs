//! Whole sessions, line by line. The snapshots are under `snapshots/`: read them as documentation.

use crate::story::{Treatment, UNAVAILABLE, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn a_healthy_bound_session() {
    // proves L12, L15, L18, L25, L41
    let mut story = scoped().refreshes().durable().begin();
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
    let mut story = scoped()
        .base_life(900_000)
        .refreshes()
        .always("activate", Treatment::Fail(UNAVAILABLE))
        .next("refresh", Treatment::Well)
        .always("refresh", Treatment::Fail(Failure::Rejected))
        .begin();
    story.until(2_000_000);
    insta::assert_snapshot!(story.script);
}

#[test]
fn a_drop_a_resume_and_a_renewal_in_between() {
    // proves L28, L34, L36
    let mut story = unscoped().base_life(600_000).refreshes().keyless().begin();
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
