//! One holder: who finds that somebody else has written is out. Nothing more is presented, nothing overwritten (R11).

use crate::story::{Story, Treatment, unscoped};
use satkeeper_core::lifecycle::*;

/// A durable session, live and at rest.
fn durable() -> Story {
    let mut story = unscoped().refreshes().keyless().durable().begin();
    story.until(20_000);
    story
}

/// It was handed over at `at`, for the conflict that this command met; its sockets are closed, nothing else is done.
#[track_caller]
fn handed_over(story: &mut Story, at: u64, name: &str) {
    story.until(at + 1_000);
    assert_eq!(story.teardown(), Some((at, TeardownReason::HandedOver)), "{}", story.script);
    let Some((_, Event::Teardown { cause: Some(cause), .. })) = story.events.last() else {
        panic!("{}", story.script)
    };
    assert_eq!(cause.failure, Failure::Conflict);
    let of =
        story.commands.iter().position(|(_, command)| command.id == cause.command).expect("it was given");
    let after: Vec<&str> = story.commands[of..].iter().map(|(_, c)| c.action.name()).collect();
    assert!(
        after[0] == name && after[1..].iter().all(|name| *name == "close"),
        "{after:?}: {}",
        story.script
    );
    // What comes late is the other holder's business.
    let late = TokenFacts { token: TokenId(9), statement: Statement::default(), new_secret: true };
    let told = (story.events.len(), story.commands.len());
    for (_, command) in story.commands.clone() {
        if matches!(command.action, Action::Refresh | Action::Mint { .. }) {
            story.input(Input::Done(command.id, Outcome::ok(Reply::Token(late))));
        }
    }
    story.until(at + 100_000);
    assert_eq!((story.events.len(), story.commands.len()), told);
}

#[test]
fn a_conflict_in_a_write_is_the_end() {
    // proves R11.1, R11.2
    let mut story = durable();
    story.always("refresh", Treatment::Silence);
    let ask = story.refresh_now();
    story.next("persist", Treatment::Fail(Failure::Conflict));
    story.resume_state();
    handed_over(&mut story, 20_000, "persist");
    assert_eq!(story.answer(ask), Some((20_000, Some(AskError::SessionOver))));
    // A token that was to be pushed once it is written is not pushed.
    let mut story = durable();
    story.next("persist", Treatment::Fail(Failure::Conflict));
    story.refresh_now();
    handed_over(&mut story, 20_040, "persist");
    assert!(story.times("reauthenticate").is_empty());
    // At rest, too.
    let mut story = durable();
    story.next("persist", Treatment::Silence);
    story.resume_state();
    let write = story.given("persist").pop().expect("asked for");
    story.until(20_100);
    story.input(Input::Suspend);
    story.until(20_500);
    story.input(Input::Done(write.id, Outcome::failed(Failure::Conflict)));
    handed_over(&mut story, 20_500, "persist");
}

#[test]
fn a_conflict_in_a_request_for_a_token_is_the_end() {
    // proves R11.1, R11.2
    let mut story = durable();
    story.next("refresh", Treatment::Fail(Failure::Conflict));
    let ask = story.refresh_now();
    story.until(20_039);
    handed_over(&mut story, 20_040, "refresh");
    assert_eq!(story.answer(ask), Some((20_040, Some(AskError::SessionOver))));
    let opening = unscoped().mints().keyless().durable();
    let mut story = opening.next("mint", Treatment::Fail(Failure::Conflict)).begin();
    story.until(39);
    handed_over(&mut story, 40, "mint");
}
