//! A refused push is put to the test of a connect beside the live socket (L27, L19).

use crate::story::{REFUSED, Story, Treatment, UNAVAILABLE, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

/// When the token in force ends, and a third of its lead before that.
const END: u64 = 7_200_000;
const TRIAL: u64 = END - 100_000;

/// Live with token 1 on socket 0; the push of its successor has been refused.
fn refused() -> Story {
    let mut story = unscoped().refreshes().begin();
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    story.until(TRIAL - 10_000);
    assert_eq!(story.times("refresh").len(), 1);
    story
}

/// Sockets and tokens of all connects.
fn connects(story: &Story) -> Vec<(u32, u32, bool)> {
    let connect = |(_, command): &(u64, Command)| match command.action {
        Action::Authenticate { socket, token, resume, .. } => Some((socket.0, token.0, resume)),
        _ => None,
    };
    story.commands.iter().filter_map(connect).collect()
}

fn closed(story: &Story) -> Vec<u32> {
    let close = |(_, command): &(u64, Command)| match command.action {
        Action::Close { socket } => Some(socket.0),
        _ => None,
    };
    story.commands.iter().filter_map(close).collect()
}

/// The session as it was before the push: token 1 on socket 0.
#[track_caller]
fn untouched(story: &Story) {
    assert_eq!(story.phase(), Phase::Live);
    assert_eq!(story.lives().len(), 1, "{}", story.script);
    assert_eq!(story.machine.socket(), Some(SocketId(0)));
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)));
}

#[test]
fn a_refused_push_is_decided_beside_the_live_socket() {
    // proves L27, L19
    // survives P1, P2, V4
    let mut story = refused();
    untouched(&story);
    assert_eq!(story.warnings("credential_push_failed").len(), 1, "not tried again and again");
    assert_eq!(story.times("reauthenticate").len(), 1);
    assert_eq!(story.times("open").len(), 1, "nor before its time");
    assert_eq!(story.machine.status().time_left.map(|left| left > 3_600_000), Some(true));
    story.until(TRIAL + 5_000);
    near(story.times("open")[1], TRIAL);
    assert_eq!(connects(&story), [(0, 1, false), (1, 2, false)]);
    // The old socket is closed when the new one is authenticated, and not before.
    assert_eq!(closed(&story), [0]);
    let live = story.lives()[1];
    assert_eq!((live, story.times("close")[0]), (story.times("open")[1] + 80, live));
    let order: Vec<&Event> = story.events.iter().filter(|(at, _)| *at == live).map(|(_, e)| e).collect();
    assert!(
        matches!(
            order[..],
            [
                Event::Live { resumed: false, generation: Generation(2) },
                Event::Renewed {
                    generation: Generation(2),
                    token: TokenId(2),
                    by: Some(Mechanism::Provider),
                    ..
                },
                ..
            ]
        ),
        "{order:?}"
    );
    assert_eq!(story.machine.socket(), Some(SocketId(1)));
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    // And the session goes on as any other.
    story.until(3 * END);
    assert_eq!(story.lives().len(), 2);
    assert_eq!(story.renewals().len(), 3);
}

#[test]
fn only_the_refusal_of_the_connect_is_a_verdict() {
    // proves L27, L19, L11
    // survives P1, P12, V4
    let mut story = refused();
    story.resume_state();
    story.always("refresh", Treatment::Fail(UNAVAILABLE)).next("authenticate", Treatment::Fail(REFUSED));
    story.until(TRIAL + 20_000);
    untouched(&story);
    assert_eq!(connects(&story), [(0, 1, false), (1, 2, false)]);
    assert_eq!(closed(&story), [1]);
    assert!(!story.machine.holds(TokenId(2)), "erased");
    let warnings = story.warnings("credential_push_failed");
    assert_eq!(warnings.len(), 2);
    let connect = story.given("authenticate")[1].id;
    let Warning::PushFailed { token: TokenId(2), cause } = warnings[1].1 else { panic!("{warnings:?}") };
    assert_eq!(cause, Cause { command: connect, failure: REFUSED });
    // Marked rejected: nobody can bring it again.
    let ask = story.ask();
    let again = TokenFacts { token: TokenId(2), statement: Statement::default(), new_secret: false };
    story.input(Input::NewBase { ask, token: again });
    assert_eq!(story.answer(ask).expect("at once").1, Some(AskError::InvalidCredentials));
    // The schedule is that of the token in force again: due, and attempted.
    assert!(story.times("refresh").len() >= 3, "{:?}", story.times("refresh"));
    // Even its resume state is what it was.
    story.input(Input::SocketLost { socket: SocketId(0) });
    story.until(TRIAL + 25_000);
    assert_eq!(connects(&story)[2], (2, 1, true));
    // A renewal that the server likes comes in time.
    story.mend("refresh");
    story.until(END + 5_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_trial_that_fails_otherwise_is_repeated_by_backoff() {
    // proves L27, L19, L20
    // survives P2, S20
    let failures = [
        Treatment::Fail(Failure::Rpc { code: -32_602, credential: false }),
        Treatment::Fail(Failure::Transport),
        Treatment::Silence,
    ];
    for (name, treatment) in failures.into_iter().flat_map(|it| [("open", it.clone()), ("authenticate", it)])
    {
        let mut story = refused();
        story.always(name, treatment.clone());
        story.until(END - 5_000);
        untouched(&story);
        let opens = &story.times("open")[1..];
        assert!((3..=12).contains(&opens.len()), "{name} {treatment:?}: {opens:?}");
        let waits: Vec<u64> = opens.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.last() > waits.first(), "{waits:?}");
        // Each was closed, and the live one never was.
        assert!(closed(&story).iter().all(|socket| *socket > 0));
        assert!(closed(&story).len() + 1 >= opens.len(), "{}", story.script);
        assert_eq!(story.warnings("credential_push_failed").len(), 1, "no verdict");
        assert!(story.machine.holds(TokenId(2)));
        // The session outlives the token in force, with the socket that it has.
        story.mend(name);
        story.until(END + 40_000);
        assert_eq!(story.machine.status().in_force, Some(TokenId(2)), "{name} {treatment:?}");
        assert_eq!(story.lives().len(), 2);
        assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    }
}

#[test]
fn a_push_that_is_refused_late_is_put_to_the_test_at_once() {
    // proves L27
    let mut story = unscoped().refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(TRIAL + 20_000);
    story.mend("refresh").next("reauthenticate", Treatment::Fail(REFUSED));
    story.until(END - 10_000);
    let push = story.times("reauthenticate")[0];
    assert!(push > TRIAL + 20_000);
    assert_eq!(story.times("open")[1], push + 40);
    assert_eq!(story.lives(), [story.lives()[0], push + 120]);
}

#[test]
fn a_trial_goes_with_its_reason() {
    // proves L27, L35, L1
    // A newer token is accepted in-band meanwhile: nothing is left to decide.
    let mut story = refused();
    story.next("authenticate", Treatment::Silence);
    story.until(TRIAL + 3_000);
    let (ask, token) = story.update(7_200_000);
    story.until(TRIAL + 5_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    assert_eq!(closed(&story), [1]);
    assert_eq!((story.machine.status().in_force, story.lives().len()), (Some(token), 1));
    assert!(!story.machine.holds(TokenId(2)));
    // What its server answers after that is nobody's business.
    let late = story.given("authenticate")[1].id;
    story.input(Input::Done(late, Outcome::failed(REFUSED)));
    assert!(matches!(story.events.last(), Some((_, Event::Ignored(Ignored::StaleAnswer(_))))));
    // The live socket breaks: there is one connect, and it decides by itself.
    let mut story = refused();
    story.next("authenticate", Treatment::Silence);
    story.until(TRIAL + 3_000);
    story.input(Input::SocketLost { socket: SocketId(0) });
    assert_eq!(closed(&story), [1]);
    story.until(TRIAL + 8_000);
    assert_eq!(connects(&story)[2], (2, 2, false));
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    // The one on trial breaks, or is told to go: the live one stays.
    for input in
        [Input::SocketLost { socket: SocketId(1) }, Input::ServerRestart { socket: SocketId(1), wipe: true }]
    {
        let mut story = refused();
        story.resume_state();
        story.next("authenticate", Treatment::Silence);
        story.until(TRIAL + 3_000);
        story.input(input);
        untouched(&story);
        story.until(TRIAL + 8_000);
        assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    }
    // Suspended, both are closed.
    let mut story = refused();
    story.next("authenticate", Treatment::Silence);
    story.until(TRIAL + 3_000);
    story.input(Input::Suspend);
    assert_eq!(closed(&story), [1, 0]);
}

#[test]
fn a_trial_that_was_refused_for_the_time_of_its_proof_is_signed_anew_once() {
    // proves L27 (with L35)
    // survives P25
    let mut story = unscoped().world(|world| world.tells_time = false).refreshes().begin();
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    story.until(TRIAL - 10_000);
    // The server's clock is set a minute forward, and nobody says so until it refuses.
    story.world.skew = 60_000;
    story.world.window = Some(10_000);
    story.until(TRIAL + 5_000);
    let connects = connects(&story);
    assert_eq!(connects[1..], [(1, 2, false), (2, 2, false)], "{}", story.script);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
}

#[test]
fn a_server_that_refuses_every_successor_is_asked_ever_more_rarely() {
    // proves L20, L19, L27
    // survives P16, P20
    for scope in [false, true] {
        let mut story = scoped().scope(scope).provider(!scope, false).begin();
        let (end, lead) = if scope { (900_000, 90_000) } else { (END, 300_000) };
        story.until(end - lead - 100_000);
        let sockets = story.times("open").len();
        story.always("reauthenticate", Treatment::Fail(REFUSED));
        story.always("authenticate", Treatment::Fail(REFUSED));
        story.until(end - 2_000);
        assert_eq!(story.lives().len(), 1, "{}", story.script);
        let opens = story.times("open").len() - sockets;
        assert!((3..=9).contains(&opens), "{scope}: {opens}\n{}", story.script);
    }
}
