//! Whole sessions, line by line. The snapshots are under `snapshots/`: read them as documentation.

use crate::story::{FORBIDDEN, Treatment, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn a_healthy_bound_session() {
    // proves R13.3, R16.1, R17.1
    let mut story = scoped().refreshes().durable().begin();
    story.until(1_700_000);
    story.line("---- the application disconnects");
    story.input(Input::Disconnect);
    story.until(1_701_000);
    insta::assert_snapshot!(story.script);
}

#[test]
fn an_ordinary_unlucky_session() {
    // proves R17.10, R25.6, R28.1
    // survives S7, S14, S29, P13
    let mut story = scoped()
        .base_life(900_000)
        .refreshes()
        .always("activate", Treatment::Fail(FORBIDDEN))
        .next("refresh", Treatment::Well)
        .always("refresh", Treatment::Fail(Failure::Rejected))
        .begin();
    story.until(2_000_000);
    insta::assert_snapshot!(story.script);
}

#[test]
fn a_drop_a_resume_and_a_renewal_in_between() {
    // proves R21.3, R21.8
    let mut story = unscoped().base_life(600_000).refreshes().keyless().begin();
    story.until(30_000);
    story.line("---- the server hands out resume state");
    story.resume_state();
    story.until(299_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(303_000);
    story.mend("open");
    story.until(340_000);
    insta::assert_snapshot!(story.script);
}
