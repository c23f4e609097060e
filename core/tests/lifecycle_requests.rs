//! What the application asks for, and the discipline of answers (L1, L2, L11, L24, L40, L41).
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

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;
use story::{EPOCH, HOUR, REFUSED, Story, Treatment, UNAVAILABLE, near, scoped, unscoped};

/// An unbound session with a provider's refresh, live.
fn provided() -> Story {
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story
}

fn offered(story: &Story) -> Vec<u32> {
    let token = |c: &Command| match c.action {
        Action::Authenticate { token, .. } | Action::Reauthenticate { token, .. } => Some(token.0),
        _ => None,
    };
    story.commands.iter().filter_map(|(_, c)| token(c)).collect()
}

fn is_exchange(error: Option<AskError>, failure: Failure) -> bool {
    matches!(error, Some(AskError::Exchange(cause)) if cause.failure == failure)
}

// ---- Answers ----

#[test]
fn each_command_fails_by_its_own_deadline() {
    // proves L1, L2
    // survives S13, P33
    for (name, span) in [("make_key", 60_000), ("mint", 60_000), ("inspect", 10_000), ("open", 10_000)] {
        let mut story = scoped().refreshes().key(KeyFacts::Auto).next(name, Treatment::Silence).begin();
        story.until(1_000);
        let (at, command) =
            story.commands.iter().find(|(_, c)| c.action.name() == name).expect("given").clone();
        assert_eq!(command.deadline.0, at + span, "{name}");
        story.until(at + span + 20_000);
        if name != "mint" {
            assert_eq!(story.phase(), Phase::Live, "{name}");
        }
    }
    for (name, span) in
        [("authenticate", 10_000), ("reauthenticate", 5_000), ("probe", 10_000), ("close", 2_000)]
    {
        let mut story = provided();
        story.drop_socket();
        story.until(25_000);
        story.input(Input::NetworkChanged);
        story.refresh_now();
        story.until(30_000);
        let socket = story.socket();
        story.input(Input::SocketDead { socket });
        let (at, command) =
            story.commands.iter().find(|(_, c)| c.action.name() == name).expect("given").clone();
        assert_eq!(command.deadline.0, at + span, "{name}");
    }
    // A write gets a tenth of the time left, 2 s at most.
    let mut story = unscoped().base_life(10_000).keyless().durable().begin();
    story.until(500);
    let writes: Vec<u64> = story
        .commands
        .iter()
        .filter(|(_, c)| c.action == Action::Persist)
        .map(|(at, c)| c.deadline.0 - at)
        .collect();
    assert!(writes.iter().any(|span| (800..=1_000).contains(span)), "{writes:?}");
}

#[test]
fn stale_answers_and_sockets_change_nothing() {
    // proves L1
    // survives P15, S9, S17
    let mut story = provided();
    let old = story.socket();
    story.drop_socket();
    story.until(40_000);
    let (status, why) = (story.machine.status(), story.machine.why());
    let generation = status.generation;
    for input in [
        Input::SocketLost { socket: old },
        Input::SocketDead { socket: old },
        Input::ServerRestart { socket: old, wipe: true },
        Input::ResumeState { socket: old },
        Input::Done(CommandId(0), Outcome::ok(Reply::KeyMade)),
        Input::Done(CommandId(77_777), Outcome::failed(Failure::Rejected)),
    ] {
        story.input(input);
        assert!(matches!(story.events.last(), Some((_, Event::Ignored(_)))));
        let then = story.machine.status();
        assert_eq!(Status { time_left: None, ..then }, Status { time_left: None, ..status });
        assert_eq!(story.machine.why(), why);
    }
    assert_eq!(story.machine.status().generation, generation);
    // An answer that comes with the deadline is late.
    let mut story = provided();
    story.always("refresh", Treatment::Late(30_000));
    let ask = story.refresh_now();
    story.until(50_000);
    assert!(is_exchange(story.answer(ask).expect("answered").1, Failure::Timeout));
    assert_eq!(story.renewals().len(), 0);
}

#[test]
fn an_answer_of_the_wrong_kind_is_a_failure() {
    // proves L1
    // survives P17
    let mut story = provided();
    story.next("refresh", Treatment::Say(Reply::Opened));
    let ask = story.refresh_now();
    story.until(22_000);
    assert!(is_exchange(story.answer(ask).expect("answered").1, Failure::Malformed));
    assert_eq!(story.told(|e| matches!(e, Event::Ignored(Ignored::WrongReply(_)))).len(), 1);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn what_makes_no_sense_is_ignored() {
    // proves L1, L2
    let opening = unscoped().refreshes().keyless();
    let (mut story, start) = (opening.stage(), opening.start);
    for input in
        [Input::Resume, Input::Suspend, Input::NetworkChanged, Input::Start(start), Input::Start(start)]
    {
        story.input(input);
    }
    story.input(Input::Resume);
    assert_eq!(story.told(|e| matches!(e, Event::Ignored(Ignored::OutOfPlace))).len(), 5);
    assert_eq!(story.times("mint").len(), 1);
}

// ---- On demand ----

#[test]
fn on_demand_calls_share_one_exchange() {
    // proves L24, L13
    let mut story = provided();
    let one = story.refresh_now();
    let two = story.refresh_now();
    story.until(20_020);
    let three = story.refresh_now();
    let four = story.ask();
    story.input(Input::Rejected { ask: four, generation: Generation(1) });
    // One joins while its token is being pushed.
    story.until(20_060);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.answer(one), None, "exchanged is not acknowledged");
    let five = story.refresh_now();
    story.until(30_000);
    assert_eq!(story.times("refresh").len(), 1);
    for ask in [one, two, three, four, five] {
        assert_eq!(story.answer(ask), Some((20_080, None)));
    }
    // And a failure is everybody's too.
    story.next("refresh", Treatment::Fail(UNAVAILABLE));
    let (one, two) = (story.refresh_now(), story.refresh_now());
    story.until(31_000);
    for ask in [one, two] {
        assert!(is_exchange(story.answer(ask).expect("answered").1, UNAVAILABLE));
    }
}

#[test]
fn a_failed_call_on_demand_changes_no_schedule_for_good() {
    // proves L24, L19
    // survives P37
    let mut story = provided();
    story.next("refresh", Treatment::Fail(UNAVAILABLE));
    story.refresh_now();
    story.until(7_000_000);
    assert_eq!(story.times("refresh").len(), 2);
    near(story.times("refresh")[1], 6_900_000);
    assert_eq!(story.renewals().len(), 1);
}

#[test]
fn nobody_to_renew_fails_at_once_or_as_soon_as_that_is_known() {
    // proves L24
    let mut story = unscoped().begin();
    story.until(20_000);
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), Some((20_000, Some(AskError::NoMechanism))));
    // While the scope is still being asked for, nobody knows.
    let mut story = unscoped().next("inspect", Treatment::Late(3_000)).begin();
    story.until(1_000);
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), None);
    story.until(4_000);
    assert_eq!(story.answer(ask), Some((3_040, Some(AskError::NoMechanism))));
}

#[test]
fn a_rejected_request_is_repeated_after_the_renewal() {
    // proves L24
    let mut story = scoped().refreshes().begin();
    story.until(20_000);
    let generation = story.machine.status().generation;
    let ask = story.ask();
    story.input(Input::Rejected { ask, generation });
    story.until(30_000);
    assert_eq!(story.times("renew").len(), 1);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    assert_eq!(story.machine.status().generation, Generation(generation.0 + 1));
    // What was sent under an older generation needs no renewal.
    let ask = story.ask();
    story.input(Input::Rejected { ask, generation });
    assert_eq!(story.answer(ask), Some((30_000, None)));
    assert_eq!(story.times("renew").len(), 1);
}

#[test]
fn an_exchange_that_is_given_up_takes_no_waiting_call_with_it() {
    // proves L24, L15, L40
    // survives P6, P11
    // The activation's budget ends while a call waits for it: the provider serves the call.
    let mut story = scoped().refreshes().always("activate", Treatment::Silence).begin();
    story.until(28_000);
    let ask = story.refresh_now();
    story.until(32_000);
    assert_eq!(story.answer(ask).expect("answered").1, None, "{}", story.script);
    // The provider is replaced in the middle of a call: the new one serves it.
    let mut story = provided();
    story.next("refresh", Treatment::Silence);
    let ask = story.refresh_now();
    story.until(21_000);
    story.input(Input::NewProvider(ProviderFacts { can_refresh: true, can_mint_again: false }));
    story.until(22_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    // Or nobody does any more.
    let mut story = provided();
    story.next("refresh", Treatment::Silence);
    let ask = story.refresh_now();
    story.until(21_000);
    story.input(Input::NewProvider(ProviderFacts { can_refresh: false, can_mint_again: false }));
    assert_eq!(story.answer(ask), Some((21_000, Some(AskError::NoMechanism))));
}

#[test]
fn calls_on_demand_leave_the_last_permits_to_the_schedule() {
    // proves L20
    // survives P16, P20, S2
    let mut story = provided();
    story.until(100_000);
    let mut throttled = 0;
    for _ in 0..20 {
        let ask = story.refresh_now();
        story.until(story.now + 100);
        throttled += usize::from(matches!(story.answer(ask), Some((_, Some(AskError::Throttled)))));
    }
    assert_eq!(story.times("refresh").len(), 6);
    assert_eq!(throttled, 14);
    let (ask, _) = story.update(7_200_000);
    story.until(story.now + 1_000);
    assert_eq!(story.answer(ask).expect("answered").1, None, "a token that is brought may use them");
}

// ---- A token of the application's own ----

#[test]
fn a_new_token_resolves_when_the_server_has_accepted_it() {
    // proves L40
    // survives V1, P3
    let mut story = provided();
    let (ask, token) = story.update(7_200_000);
    story.until(20_030);
    assert_eq!(story.answer(ask), None);
    story.until(21_000);
    assert_eq!(story.answer(ask), Some((20_040, None)));
    assert_eq!(story.machine.status().in_force, Some(token));
    let by = |e: &Event| matches!(e, Event::Renewed { by: None, .. });
    assert_eq!(story.told(by).len(), 1);
    assert_eq!(story.times("inspect").len(), 2, "and it is inspected");
    // Its own end plans the next renewal.
    story.until(HOUR * 2);
    near(story.times("refresh")[0], 20_000 + 6_900_000);
}

#[test]
fn a_token_that_is_held_already_keeps_its_age() {
    // proves L8, L40
    // survives S5
    let life = Statement { expires_in: Some(HOUR), ..Statement::default() };
    let facts = TokenFacts { token: TokenId(1), statement: life, new_secret: false };
    let mint = Treatment::Say(Reply::Token(facts));
    let mut story = unscoped().world(|world| world.states_ends = false).keyless().next("mint", mint).begin();
    story.until(HOUR / 2);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    let ask = story.ask();
    // What is left of it, or its whole life: either counts from when it was first seen.
    let left = Statement { expires_in: Some(HOUR / 2), ..Statement::default() };
    story.input(Input::NewBase { ask, token: TokenFacts { statement: left, ..facts } });
    near(story.machine.status().session_ends.expect("stated").0, HOUR);
}

#[test]
fn a_refused_token_fails_the_call_and_the_old_one_stays() {
    // proves L40, L19
    // survives P1
    let mut story = provided();
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert!(is_exchange(story.answer(ask).expect("answered").1, REFUSED));
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)));
    assert!(!story.machine.holds(token));
    assert_eq!(story.lives().len(), 1);
    // Who shared it shares that, too.
    let mut story = provided();
    story.next("refresh", Treatment::Silence).next("reauthenticate", Treatment::Fail(REFUSED));
    let waiting = story.refresh_now();
    story.update(7_200_000);
    story.until(30_000);
    assert!(is_exchange(story.answer(waiting).expect("answered").1, REFUSED));
    // A transient failure is no refusal: the same token again.
    story.next("reauthenticate", Treatment::Fail(Failure::Transport));
    let (ask, token) = story.update(7_200_000);
    story.until(40_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    assert_eq!(story.machine.status().in_force, Some(token));
}

#[test]
fn a_bound_session_exchanges_first() {
    // proves L40, L15
    let mut story = scoped().world(|world| world.refreshed_scope = true).refreshes().begin();
    story.until(20_000);
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    let status = story.machine.status();
    assert!(status.bound && status.in_force != Some(token));
    assert!(!offered(&story).contains(&token.0), "only what was exchanged from it: {}", story.script);
    // Past the budget the base itself is pushed.
    for provider in [true, false] {
        let mut story =
            scoped().world(|world| world.refreshed_scope = true).provider(provider, false).begin();
        story.until(20_000);
        story.always("activate", Treatment::Fail(UNAVAILABLE));
        let (ask, token) = story.update(7_200_000);
        story.until(45_000);
        assert_eq!(story.answer(ask), None);
        story.until(55_000);
        near(story.answer(ask).expect("answered").0, 50_000);
        assert_eq!(story.machine.status().in_force, Some(token));
    }
    // A refusal of what was exchanged is one of the token that was brought.
    let mut story = scoped().world(|world| world.refreshed_scope = true).refreshes().begin();
    story.until(20_000);
    let before = story.machine.status().in_force;
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert!(is_exchange(story.answer(ask).expect("answered").1, REFUSED));
    assert_eq!(story.machine.status().in_force, before);
    assert!(!story.machine.holds(token));
}

#[test]
fn without_a_socket_the_next_connect_takes_it() {
    // proves L40
    let mut story = provided();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(30_000);
    let (ask, token) = story.update(7_200_000);
    story.until(40_000);
    assert_eq!(story.answer(ask), None);
    story.mend("open");
    story.until(60_000);
    assert_eq!(story.answer(ask), Some((story.lives()[1], None)));
    assert_eq!(story.machine.status().in_force, Some(token));
    // Refused by that connect, the call fails and the old one connects.
    let mut story = provided();
    story.next("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    let (ask, _) = story.update(7_200_000);
    story.until(30_000);
    assert!(is_exchange(story.answer(ask).expect("answered").1, REFUSED));
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)));
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_newer_call_supersedes_and_an_exchange_in_flight_is_retired() {
    // proves L40, L13
    // survives S9, P15
    let mut story = provided();
    story.next("refresh", Treatment::Late(5_000));
    let waiting = story.refresh_now();
    let (one, _) = story.update(7_200_000);
    let (two, token) = story.update(7_200_000);
    assert_eq!(story.answer(one), Some((20_000, Some(AskError::Superseded))));
    story.until(30_000);
    assert_eq!(story.answer(two).expect("answered").1, None);
    assert_eq!(story.answer(waiting).expect("answered").1, None, "it has the newest token, too");
    assert_eq!(story.machine.status().in_force, Some(token));
    // The first push may be under way already.
    let mut story = provided();
    let (one, first) = story.update(7_200_000);
    story.until(20_010);
    let (two, second) = story.update(7_200_000);
    story.until(30_000);
    assert_eq!(story.answer(one), Some((20_010, Some(AskError::Superseded))));
    assert_eq!(story.answer(two).expect("answered").1, None);
    assert_eq!(story.machine.status().in_force, Some(second));
    assert!(!story.machine.holds(first));
}

#[test]
fn what_the_server_says_of_a_token_that_is_not_held_any_more_counts_for_nothing() {
    // proves L38, L40
    let mut story = provided();
    story.always("inspect", Treatment::Silence).always("open", Treatment::Silence);
    story.drop_socket();
    story.until(25_000);
    story.update(HOUR);
    let inspect = story.given("inspect").pop().expect("asked");
    story.update(HOUR);
    let closed = story.given("close").len();
    let refused = Failure::Http { status: 401, retry_after: None };
    story.input(Input::Done(inspect.id, Outcome::failed(refused)));
    let ignored = story.told(|event| matches!(event, Event::Ignored(Ignored::StaleAnswer(_))));
    assert_eq!((ignored, story.given("close").len()), (vec![story.now], closed));
}

#[test]
fn tokens_that_have_ended_do_not_pile_up_while_no_socket_can_be_had() {
    // proves L7
    let mut story = unscoped().base_life(HOUR).refreshes().begin();
    story.until(20_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(10 * HOUR);
    let held = story.tokens_held();
    assert!((2..=3).contains(&held), "{held} are held");
    story.always("open", Treatment::Well);
    story.until(10 * HOUR + 60_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn what_is_refused_at_the_door() {
    // proves L11
    // survives P6, P12
    let door = |story: &mut Story, statement: Statement| {
        let ask = story.ask();
        let token = TokenFacts { token: TokenId(500 + ask.0 as u32), statement, new_secret: false };
        story.input(Input::NewBase { ask, token });
        let at = story.now;
        story.until(at + 1_000);
        story.answer(ask).expect("answered")
    };
    let mut story = provided();
    let commands = story.commands.len();
    for statement in [
        Statement { expires_at: Some(UnixMillis(EPOCH + 19_000)), ..Statement::default() },
        Statement { expiry_hint: Some(UnixMillis(EPOCH + 15_000)), ..Statement::default() },
        Statement { expires_in: Some(0), ..Statement::default() },
        Statement { cnf: Confirmation::Others, ..Statement::default() },
    ] {
        let now = story.now;
        assert_eq!(door(&mut story, statement), (now, Some(AskError::InvalidCredentials)), "{statement:?}");
    }
    assert_eq!(story.commands.len(), commands, "nothing was sent");
    let fine = Statement { expires_at: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
    assert_eq!(door(&mut story, fine).1, None);
    // In the server's time, not in ours.
    let mut story = unscoped().skew(-2 * HOUR as i64).refreshes().begin();
    story.until(20_000);
    let past = Statement { expiry_hint: Some(UnixMillis(EPOCH - HOUR)), ..Statement::default() };
    assert_eq!(door(&mut story, past).1, None);
    // And what the server has refused before.
    let mut story = provided();
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    let (_, token) = story.update(7_200_000);
    story.until(22_000);
    let ask = story.ask();
    let again = TokenFacts { token, statement: Statement::default(), new_secret: false };
    story.input(Input::NewBase { ask, token: again });
    assert_eq!(story.answer(ask), Some((22_000, Some(AskError::InvalidCredentials))));
}

#[test]
fn a_new_provider_re_evaluates_who_renews() {
    // proves L40, L12
    let mut story = unscoped().begin();
    story.until(20_000);
    assert_eq!(story.mechanism(), Mechanism::None);
    story.input(Input::NewProvider(ProviderFacts { can_refresh: true, can_mint_again: false }));
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.until(6_910_000);
    assert_eq!(story.renewals().len(), 1);
    story.input(Input::NewProvider(ProviderFacts { can_refresh: false, can_mint_again: false }));
    assert_eq!(story.mechanism(), Mechanism::None);
    assert_eq!(story.warnings("credential_no_refresh_handler").len(), 2);
}

// ---- Rest and end ----

#[test]
fn suspended_nothing_fires_and_resumed_all_is_as_it_should_be() {
    // proves L41
    // survives S6, S10, P11
    let mut story = scoped().refreshes().begin();
    story.until(20_000);
    story.resume_state();
    let waiting = story.refresh_now();
    story.input(Input::Suspend);
    assert_eq!(story.answer(waiting), Some((20_000, Some(AskError::Suspended))));
    assert_eq!(story.phase(), Phase::Suspended);
    let commands = story.commands.len();
    assert_eq!(story.machine.why(), None);
    story.until(850_000);
    assert_eq!(story.commands.len(), commands);
    assert_eq!(story.commands.last().map(|(_, c)| c.action.name()), Some("close"));
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), Some((850_000, Some(AskError::Suspended))));
    story.input(Input::Resume);
    story.until(860_000);
    assert_eq!(story.phase(), Phase::Live);
    assert_eq!(
        story.told(|e| matches!(e, Event::Live { resumed: true, .. })).len(),
        1,
        "resume state is kept"
    );
    assert_eq!(story.times("renew").len(), 2, "the one that was asked for, and the one that is due");
    assert_eq!(story.times("mint").len(), 1, "tokens and key are kept");
    assert_eq!(story.times("make_key").len(), 1);
    // Suspended past the end: nobody is waked for it, and the resume sees to it.
    let mut story = unscoped().base_life(600_000).refreshes().begin();
    story.until(20_000);
    story.input(Input::Suspend);
    story.until(2 * HOUR);
    assert_eq!(story.teardown(), None);
    story.input(Input::Resume);
    story.until(2 * HOUR + 10_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_suspended_write_is_made_up_for() {
    // proves L25, L41
    let mut story = unscoped().refreshes().keyless().durable().begin();
    story.until(20_000);
    // With resume state, so that the new token must be pushed after the resume.
    story.resume_state();
    story.until(20_050);
    story.always("persist", Treatment::Silence);
    let (ask, _) = story.update(7_200_000);
    story.until(20_100);
    story.input(Input::Suspend);
    assert_eq!(story.answer(ask), Some((20_100, Some(AskError::Suspended))));
    story.mend("persist");
    story.until(30_000);
    story.input(Input::Resume);
    story.until(40_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)), "{}", story.script);
    assert!(story.times("persist").iter().any(|at| *at >= 30_000));
}

#[test]
fn a_mint_that_a_person_is_busy_with_outlives_a_suspension() {
    // proves L41, L42
    let mut story = scoped().refreshes().keyless().next("mint", Treatment::Late(30_000)).begin();
    story.until(1_000);
    story.input(Input::Suspend);
    story.until(40_000);
    story.input(Input::Resume);
    story.until(41_000);
    assert_eq!(story.phase(), Phase::Live);
    assert_eq!(story.times("mint").len(), 1);
}

#[test]
fn leaving_puts_everything_away_and_is_final() {
    // proves L41, L1
    // survives S10, P32
    for (input, reason, write) in [
        (Input::Disconnect, TeardownReason::Disconnected, "persist"),
        (Input::Destroy, TeardownReason::Destroyed, "erase"),
    ] {
        let mut story = unscoped().refreshes().keyless().durable().begin();
        story.until(20_000);
        story.next("refresh", Treatment::Late(3_000));
        let waiting = story.refresh_now();
        story.until(20_500);
        let refresh = story.given("refresh")[0].id;
        story.input(input.clone());
        assert_eq!(story.names(20_500), ["close", write]);
        assert_eq!(story.answer(waiting), Some((20_500, Some(AskError::SessionOver))));
        story.until(21_000);
        assert_eq!(story.teardown(), Some((20_500, reason)));
        assert_eq!(story.machine.why(), None);
        // Nothing in flight brings it back.
        let late = TokenFacts { token: TokenId(9), statement: Statement::default(), new_secret: true };
        let (events, commands) = (story.events.len(), story.commands.len());
        story.input(Input::Done(refresh, Outcome::ok(Reply::Token(late))));
        story.input(Input::Resume);
        story.input(Input::NetworkChanged);
        story.refresh_now();
        story.until(10 * HOUR);
        assert_eq!((story.events.len(), story.commands.len()), (events, commands));
        assert!(matches!(story.events.last(), Some((_, Event::Teardown { .. }))));
    }
    // A store that hangs delays the end by 2 s, no more; a second call is out of place.
    let mut story = scoped().refreshes().keyless().durable().begin();
    story.until(20_000);
    story.always("persist", Treatment::Silence).always("close", Treatment::Silence);
    story.input(Input::Disconnect);
    story.input(Input::Destroy);
    assert!(matches!(story.events.last(), Some((_, Event::Ignored(Ignored::OutOfPlace)))));
    story.until(30_000);
    assert_eq!(story.teardown(), Some((22_000, TeardownReason::Disconnected)));
}
