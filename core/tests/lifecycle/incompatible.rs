//! A server that does not speak this version of the protocol (-32001): the end of a first connect, and asked again each five
//! minutes by a session that has been live (R24).

use crate::story::{HOUR, Story, Treatment, exact, provided, unscoped};
use satkeeper_core::lifecycle::*;

const INCOMPATIBLE: Failure = Failure::Rpc { code: -32_001, credential: false };

/// When connects were made since then.
fn connects(story: &Story, from: u64) -> Vec<u64> {
    story.connects().iter().map(|(at, ..)| *at).filter(|at| *at >= from).collect()
}

#[test]
fn before_the_first_live_it_is_the_end() {
    // proves R24.3
    let mut story = unscoped().mints().always("authenticate", Treatment::Fail(INCOMPATIBLE)).begin();
    story.until(HOUR);
    let Some((at, Event::Teardown { reason: TeardownReason::Incompatible, cause: Some(cause) })) =
        story.events.last()
    else {
        panic!("{}", story.script)
    };
    assert_eq!((*at, cause.failure), (120, INCOMPATIBLE));
    assert_eq!((story.connects().len(), story.times("mint").len()), (1, 1));
}

#[test]
fn after_it_the_server_is_asked_again_each_five_minutes() {
    // proves R24.4, R28.1
    for resumable in [false, true] {
        let mut story = provided();
        if resumable {
            story.resume_state();
        }
        story.always("authenticate", Treatment::Fail(INCOMPATIBLE));
        story.drop_socket();
        story.until(1_000_000);
        assert_eq!(story.teardown(), None, "{}", story.script);
        let times = connects(&story, 20_000);
        // A state that is refused is followed by a fresh connect at once.
        let fresh = &times[usize::from(resumable)..];
        assert_eq!(fresh.len(), 4, "{times:?}");
        assert!(fresh.windows(2).all(|pair| pair[1] - pair[0] == 300_080), "{times:?}");
        let told = story.warnings("connect_failed");
        let next = |warning: &Warning| match warning {
            Warning::ConnectFailed { next, .. } => next.map(|next| next.0 + 40),
            _ => None,
        };
        let told: Vec<u64> = told.iter().filter_map(|(_, warning)| next(warning)).collect();
        assert_eq!(told[..3], fresh[1..], "each comes when it was said to");
        // Nobody hurries it.
        story.input(Input::NetworkChanged);
        story.until(1_010_000);
        assert!(connects(&story, 1_000_000).is_empty());
        story.mend("authenticate");
        story.until(1_300_000);
        assert_eq!(story.phase(), Phase::Live);
    }
}

#[test]
fn a_session_that_was_live_before_a_restart_has_been_live() {
    // proves R13.1, R24.4
    let opening = unscoped().refreshes().keyless().durable();
    let start = opening.start;
    let mut story = opening.begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(INCOMPATIBLE));
    story.restart(exact(), 3_000, start);
    story.until(200_000);
    assert_eq!((story.teardown(), connects(&story, 23_000).len()), (None, 1), "{}", story.script);
    story.mend("authenticate");
    story.until(330_000);
    assert_eq!(story.phase(), Phase::Live);
}
