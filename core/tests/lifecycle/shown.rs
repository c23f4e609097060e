//! A token that the serving socket does not accept is shown to a fresh connect beside it (R23); what takes the place of a
//! socket is read to its end (R22).

use crate::story::{REFUSED, Story, Treatment, UNAVAILABLE, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

/// When the token in force ends, when its successor is asked for, and a third of that lead before the end.
const END: u64 = 7_200_000;
const DUE: u64 = END - 450_000;
const LAST_CALL: u64 = END - 150_000;

/// The server answers a push with an error of its own.
const ERROR: Failure = Failure::Rpc { code: -32_603, credential: false };

/// Live with token 1 on socket 0, resumable; pushes of its successor are treated so until the last call is near.
fn pushed(treatment: Treatment) -> Story {
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    story.resume_state();
    story.always("reauthenticate", treatment);
    story.until(LAST_CALL - 10_000);
    assert!(story.times("reauthenticate").len() >= 5, "{}", story.script);
    untouched(&story);
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
fn a_push_that_is_not_accepted_is_repeated_and_then_shown_beside() {
    // proves R22.7, R23.2, R23.4
    // survives P1, P2, V4
    for treatment in [Treatment::Fail(ERROR), Treatment::Fail(REFUSED), Treatment::Silence] {
        let mut story = pushed(treatment.clone());
        assert_eq!(story.times("open").len(), 1, "not before its time");
        let told = story.warnings("credential_push_failed").len();
        assert_eq!(told, story.times("reauthenticate").len(), "each is told");
        // Where it is the credential that is refused another one may be better, but not before a quarter of its life.
        assert_eq!(story.times("refresh").len(), 1, "{}", story.script);
        story.until(LAST_CALL + 5_000);
        near(story.times("open")[1], LAST_CALL);
        assert_eq!(connects(&story), [(0, 1, false), (1, 2, false)]);
        let live = story.lives()[1];
        assert_eq!(live, story.times("open")[1] + 80);
        let order: Vec<&Event> = story.events.iter().filter(|(at, _)| *at == live).map(|(_, e)| e).collect();
        assert!(
            matches!(
                order[..],
                [
                    Event::Live { resumed: false, generation: Generation(2) },
                    Event::Renewed { generation: Generation(2), by: Some(Mechanism::Provider), .. },
                    ..
                ]
            ),
            "{order:?}"
        );
        // The old socket is read for two seconds more.
        assert_eq!((closed(&story), story.times("close")[0]), (vec![0], live + 2_000));
        assert_eq!(story.machine.socket(), Some(SocketId(1)));
        assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
        // And the session goes on as any other.
        story.mend("reauthenticate");
        story.until(3 * END);
        assert_eq!((story.lives().len(), story.phase()), (2, Phase::Live));
        assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    }
    // One that is accepted when it is repeated costs nothing.
    let mut story = unscoped().refreshes().begin();
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    story.until(LAST_CALL + 5_000);
    assert_eq!((story.renewals().len(), story.times("open").len()), (1, 1));
}

#[test]
fn a_refused_call_is_answered_within_a_minute_although_pushes_are_not_accepted() {
    // proves R23.4, R24.1
    // survives P2
    for treatment in [Treatment::Fail(ERROR), Treatment::Fail(REFUSED), Treatment::Silence] {
        let mut story = unscoped().refreshes().begin();
        story.always("reauthenticate", treatment);
        story.until(DUE + 10_000);
        untouched(&story);
        let ask = story.ask();
        story.input(Input::Rejected { ask, generation: Generation(1) });
        let refused = story.now;
        story.until(refused + 60_000);
        assert_eq!(story.times("open")[1], refused + 30_000, "{}", story.script);
        assert_eq!(story.answer(ask), Some((refused + 30_080, None)));
    }
}

#[test]
fn refused_calls_put_the_socket_at_risk_once_in_five_minutes() {
    // proves R23.4
    let mut story = unscoped().refreshes().begin();
    story.until(1_000_000);
    story.always("reauthenticate", Treatment::Fail(ERROR)).always("authenticate", Treatment::Fail(ERROR));
    story.refresh_now();
    story.until(1_010_000);
    let ask = story.ask();
    story.input(Input::Rejected { ask, generation: Generation(1) });
    story.until(1_330_000);
    untouched(&story);
    assert_eq!(story.times("open")[1..], [1_040_000], "{}", story.script);
    story.mend("authenticate");
    story.until(1_345_000);
    assert_eq!(story.times("open")[2], 1_340_000, "{}", story.script);
    assert_eq!(story.lives().len(), 2);
}

#[test]
fn only_the_refusal_of_the_connect_is_a_verdict() {
    // proves R10.1, R23.2
    // survives P1, P12, V4
    let mut story = pushed(Treatment::Fail(ERROR));
    story.always("refresh", Treatment::Fail(UNAVAILABLE)).next("authenticate", Treatment::Fail(REFUSED));
    story.until(LAST_CALL + 20_000);
    untouched(&story);
    assert_eq!(connects(&story), [(0, 1, false), (1, 2, false)]);
    assert_eq!(closed(&story), [1]);
    let connect = story.given("authenticate")[1].id;
    let told = story.warnings("connect_failed");
    let [(_, Warning::ConnectFailed { cause, next: Some(_) })] = told[..] else { panic!("{told:?}") };
    assert_eq!(cause, Cause { command: connect, failure: REFUSED });
    // Refused is refused: nobody can bring it again.
    let ask = story.ask();
    let again = TokenFacts { token: TokenId(2), statement: Statement::default(), new_secret: false };
    story.input(Input::NewBase { ask, token: again });
    assert_eq!(story.answer(ask).expect("at once").1, Some(AskError::InvalidCredentials));
    // The schedule is that of the token in force again: due, and attempted.
    assert!(story.times("refresh").len() >= 3, "{:?}", story.times("refresh"));
    // Even its resume state is what it was.
    story.input(Input::SocketLost { socket: SocketId(0) });
    story.until(LAST_CALL + 25_000);
    assert_eq!(connects(&story)[2], (2, 1, true));
    // A renewal that the server likes comes in time.
    story.mend("refresh").mend("reauthenticate");
    story.until(END + 5_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_showing_that_fails_otherwise_is_repeated_as_sockets_are() {
    // proves R19.1, R23.4, R28.1
    // survives P2, S20
    let failures = [Treatment::Fail(ERROR), Treatment::Fail(Failure::Transport), Treatment::Silence];
    for (name, treatment) in failures.into_iter().flat_map(|it| [("open", it.clone()), ("authenticate", it)])
    {
        let mut story = pushed(Treatment::Fail(ERROR));
        story.always(name, treatment.clone());
        story.until(END - 20_000);
        untouched(&story);
        let opens = story.times("open")[1..].to_vec();
        assert!((8..=50).contains(&opens.len()), "{name} {treatment:?}: {opens:?}");
        let waits: Vec<u64> = opens.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.last() > waits.first() || waits.iter().all(|wait| *wait >= 10_000), "{waits:?}");
        // Each was announced, and each was closed; the live one never was.
        for (at, warning) in story.warnings("connect_failed") {
            let Warning::ConnectFailed { next: Some(next), .. } = warning else { panic!("{warning:?}") };
            assert!(opens.contains(&next.0) || next.0 > END - 20_000, "at {at}: {next}");
        }
        assert!(closed(&story).iter().all(|socket| *socket > 0));
        assert!(story.machine.holds(TokenId(2)));
        // The session outlives the token in force.
        story.mend(name);
        story.until(END + 40_000);
        assert_eq!(story.machine.status().in_force, Some(TokenId(2)), "{name} {treatment:?}");
        assert_eq!(story.lives().len(), 2);
        assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty(), "{}", story.script);
    }
}

#[test]
fn a_showing_that_failed_is_repeated_when_that_was_announced_for() {
    // proves R19.3, R28.1
    // The socket counts as stable in between: that puts nothing forward.
    let mut story = pushed(Treatment::Fail(ERROR));
    story.until(LAST_CALL - 3_000);
    story.drop_socket();
    story.until(LAST_CALL - 2_000);
    assert_eq!(story.lives().len(), 2, "{}", story.script);
    story.always("open", Treatment::Fail(UNAVAILABLE));
    story.until(LAST_CALL + 20_000);
    let opens = story.times("open")[2..].to_vec();
    assert!(opens.len() > 5, "{opens:?}");
    for (at, warning) in story.warnings("connect_failed") {
        let Warning::ConnectFailed { next: Some(next), .. } = warning else { panic!("{warning:?}") };
        assert!(opens.contains(&next.0) || next.0 > LAST_CALL + 20_000, "at {at}: {next}, {opens:?}");
    }
}

#[test]
fn a_drop_after_service_waits_for_nothing_that_was_shown_beside() {
    // proves R19.2
    let mut story = pushed(Treatment::Fail(ERROR));
    story.next("open", Treatment::Fail(UNAVAILABLE));
    while story.warnings("connect_failed").is_empty() {
        story.until(story.now + 10);
    }
    story.drop_socket();
    assert_eq!(story.times("open").last(), Some(&story.now), "{}", story.script);
}

#[test]
fn a_token_that_comes_after_the_last_call_and_is_not_accepted_is_shown_at_once() {
    // proves R23.4
    let mut story = unscoped().refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(LAST_CALL + 20_000);
    story.mend("refresh").next("reauthenticate", Treatment::Fail(REFUSED));
    story.until(END - 10_000);
    let push = story.times("reauthenticate")[0];
    assert!(push > LAST_CALL + 20_000);
    assert_eq!(story.times("open")[1], push + 40);
    assert_eq!(story.lives(), [story.lives()[0], push + 120]);
}

#[test]
fn a_showing_goes_with_its_reason() {
    // proves R23.4, R29.2, R33.1
    // It is accepted in-band meanwhile: nothing is left to show.
    let mut story = pushed(Treatment::Fail(ERROR));
    story.next("authenticate", Treatment::Silence);
    story.until(LAST_CALL + 3_000);
    let (ask, token) = story.mend("reauthenticate").update(7_200_000);
    assert_eq!(closed(&story), [1]);
    story.until(LAST_CALL + 5_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    assert_eq!(story.machine.status().in_force, Some(token));
    // What its server answers after that is nobody's business.
    let late = story.given("authenticate")[1].id;
    story.input(Input::Done(late, Outcome::failed(REFUSED)));
    assert!(matches!(story.events.last(), Some((_, Event::Ignored(Ignored::StaleAnswer(_))))));
    // The serving socket breaks: the coming one is the reconnect.
    let mut story = pushed(Treatment::Fail(ERROR));
    story.next("authenticate", Treatment::Late(5_000));
    story.until(LAST_CALL + 3_000);
    story.input(Input::SocketLost { socket: SocketId(0) });
    let told = story.warnings("connection_lost");
    assert!(matches!(told[..], [(_, Warning::ConnectionLost { next: None, .. })]), "{told:?}");
    story.until(LAST_CALL + 8_000);
    assert_eq!(connects(&story)[1..], [(1, 2, false)]);
    assert!(closed(&story).is_empty());
    assert_eq!((story.phase(), story.machine.status().in_force), (Phase::Live, Some(TokenId(2))));
    // The coming one breaks, or is told to go: the serving one stays.
    for input in
        [Input::SocketLost { socket: SocketId(1) }, Input::ServerRestart { socket: SocketId(1), wipe: true }]
    {
        let mut story = pushed(Treatment::Fail(ERROR));
        story.next("authenticate", Treatment::Silence);
        story.until(LAST_CALL + 3_000);
        story.input(input);
        untouched(&story);
        story.until(LAST_CALL + 8_000);
        assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    }
    // Suspended, both are closed.
    let mut story = pushed(Treatment::Fail(ERROR));
    story.next("authenticate", Treatment::Silence);
    story.until(LAST_CALL + 3_000);
    story.input(Input::Suspend);
    assert_eq!(closed(&story), [0, 1]);
}

#[test]
fn a_proof_that_was_refused_for_its_time_does_not_cost_the_session() {
    // proves R4.2, R23.4
    // survives P25
    let mut story = unscoped().world(|world| world.tells_time = false).refreshes().begin();
    story.until(LAST_CALL - 400_000);
    // The server's clock is set a minute forward, and nobody says so until it refuses.
    story.world.skew = 60_000;
    story.world.window = Some(10_000);
    story.until(END - 70_000);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
    assert!(story.machine.status().in_force > Some(TokenId(1)), "{}", story.script);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
}

#[test]
fn where_pushes_cost_the_socket_tokens_are_shown_in_their_time() {
    // proves R23.5
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    story.resume_state();
    story.always("reauthenticate", Treatment::Silence);
    story.until(DUE - 2_000);
    // Each push costs the socket; the state of before would only be resumed to lose it again.
    for pushes in 1..=2 {
        while story.times("reauthenticate").len() < pushes {
            story.until(story.now + 10);
        }
        story.until(story.now + 500);
        story.drop_socket();
    }
    story.until(DUE + 20_000);
    assert_eq!(connects(&story), [(0, 1, false), (1, 1, true), (2, 2, false)], "{}", story.script);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    // From then on nothing is pushed: the next one is shown beside, at the last call.
    let pushes = story.times("reauthenticate").len();
    story.until(DUE + END + 20_000);
    assert_eq!((story.times("reauthenticate").len(), story.lives().len()), (pushes, 4));
    assert_eq!(story.machine.status().in_force, Some(TokenId(3)));
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
}

#[test]
fn pushes_that_cost_the_socket_count_whichever_tokens_they_are_of() {
    // proves R23.5: where lives are short each push is another token's
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    story.resume_state();
    story.always("reauthenticate", Treatment::Silence);
    story.until(DUE - 2_000);
    for pushes in 1..=2 {
        while story.times("reauthenticate").len() < pushes {
            story.until(story.now + 10);
        }
        story.until(story.now + 500);
        story.next("open", Treatment::Late(8_000));
        story.drop_socket();
        story.refresh_now();
        story.until(story.now + 6_000);
    }
    story.until(DUE + 40_000);
    let shown = connects(&story);
    assert_eq!(shown.len(), 3, "{shown:?} {}", story.script);
    assert!(shown[1].2 && !shown[2].2, "{shown:?} {}", story.script);
    assert_eq!(story.times("reauthenticate").len(), 2, "{}", story.script);
}

#[test]
fn a_server_that_refuses_every_successor_is_asked_ever_more_rarely() {
    // proves R18.1, R23.6
    // survives P16, P20
    for scope in [false, true] {
        let mut story = scoped().scope(scope).provider(!scope, false).begin();
        let (end, lead) = if scope { (900_000, 90_000) } else { (END, 450_000) };
        story.until(end - lead - 100_000);
        let (sockets, requests) = (story.times("open").len(), story.commands.len());
        story.always("reauthenticate", Treatment::Fail(REFUSED));
        story.always("authenticate", Treatment::Fail(REFUSED));
        story.until(end - 2_000);
        assert_eq!(story.lives().len(), 1, "{}", story.script);
        let opens = story.times("open").len() - sockets;
        assert!((1..=25).contains(&opens), "{scope}: {opens}\n{}", story.script);
        let asks = ["refresh", "renew", "activate"];
        let asked =
            story.commands[requests..].iter().filter(|(_, c)| asks.contains(&c.action.name())).count();
        // At the pace of what the API refuses: a quarter of what is left, five seconds at least.
        assert!(asked <= 22, "{scope}: {asked}\n{}", story.script);
    }
}

/// A session of ten minutes whose successor came after 100 s and is not accepted by push; another is not to be had.
fn refused_successor() -> Story {
    let mut story = unscoped().base_life(600_000).mints().begin();
    story.until(100_000);
    story.always("reauthenticate", Treatment::Fail(REFUSED));
    story.refresh_now();
    story.until(101_000);
    assert!(story.machine.holds(TokenId(2)), "{}", story.script);
    story.always("mint", Treatment::Fail(UNAVAILABLE));
    story
}

#[test]
fn a_push_that_nobody_answers_takes_back_no_refusal() {
    // proves R23.6, R23.7, R28.1
    let mut story = refused_successor();
    // The successor is no reason to ask for no other, once it has had a quarter of its life.
    story.until(310_000);
    story.always("reauthenticate", Treatment::Silence);
    let pushes = story.times("reauthenticate").len();
    while story.times("reauthenticate").len() == pushes {
        story.until(story.now + 100);
    }
    // Nor is it, once a push of it has not been answered.
    let silent = story.now + 5_000;
    let last_call = story.machine.last_call().expect("it ends").0;
    story.until(last_call - 1_000);
    assert!(silent + 60_000 < last_call, "{}", story.script);
    let (asked, mut announced) = (story.times("mint"), 0);
    for (at, warning) in story.warnings("credential_refresh_failed") {
        let Warning::RefreshFailed { next: Some(next), .. } = warning else { panic!("{warning:?}") };
        assert!(asked.contains(&next.0) || next.0 > story.now, "at {at}: {next}\n{}", story.script);
        announced += u32::from(next.0 > silent);
    }
    assert!(announced > 1, "{}", story.script);
}

#[test]
fn what_was_refused_before_is_the_reason_when_what_served_ends() {
    // proves R25.2, R25.3, R28.1
    let mut story = refused_successor();
    story.next("authenticate", Treatment::Fail(REFUSED));
    story.until(120_000);
    story.drop_socket();
    story.until(580_000);
    assert_eq!((story.phase(), story.machine.status().in_force), (Phase::Live, Some(TokenId(1))));
    let refused = story.given("authenticate")[1].id;
    story.until(602_000);
    let told = story.warnings("connect_failed");
    let Some((at, Warning::ConnectFailed { cause, next: Some(next) })) = told.last() else {
        panic!("{told:?}")
    };
    near(*at, 600_000);
    assert_eq!((*cause, story.phase()), (Cause { command: refused, failure: REFUSED }, Phase::Reconnecting));
    story.until(next.0);
    let tried = |(at, command): &(u64, Command)| {
        *at == next.0 && matches!(command.action, Action::Mint { .. } | Action::Open { .. })
    };
    assert!(story.commands.iter().any(tried), "{next}\n{}", story.script);
    // It was not the end of the second that decided it, should it come to that.
    story.until(2 * 3_600_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).len() <= 1, "{}", story.script);
}

#[test]
fn once_what_served_has_ended_the_next_push_does_not_wait() {
    // proves R23.3
    let mut story = refused_successor();
    story.always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_001, credential: false }));
    story.until(590_000);
    untouched(&story);
    let pushes = story.times("reauthenticate").len();
    story.mend("reauthenticate");
    story.until(602_000);
    assert_eq!(story.times("reauthenticate").len(), pushes + 1, "{}", story.script);
    near(*story.times("reauthenticate").last().expect("pushed"), 600_000);
    assert_eq!((story.phase(), story.machine.status().in_force), (Phase::Live, Some(TokenId(2))));
}
