//! A token of the application's own, and another provider (R15, R27).

use crate::story::{EPOCH, HOUR, REFUSED, Story, Treatment, UNAVAILABLE, near, provided, scoped, unscoped};
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

fn offered(story: &Story) -> Vec<u32> {
    let token = |c: &Command| match c.action {
        Action::Authenticate { token, .. } | Action::Reauthenticate { token, .. } => Some(token.0),
        _ => None,
    };
    story.commands.iter().filter_map(|(_, c)| token(c)).collect()
}

#[test]
fn a_new_token_resolves_when_the_server_has_accepted_it() {
    // proves R27.3
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
    near(story.times("refresh")[0], 20_000 + 6_750_000);
}

#[test]
fn a_token_that_is_held_already_keeps_its_age() {
    // proves R2.1, R27.7
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
    // proves R15.1, R27.4
    // survives P1
    let mut story = provided();
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert!(story.failed(ask, REFUSED));
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)));
    assert!(!story.machine.holds(token));
    assert_eq!(story.lives().len(), 1);
    // Who waits for a renewal waits for that one: what had been asked before is void, and it is asked again.
    let mut story = provided();
    story.next("refresh", Treatment::Silence).next("reauthenticate", Treatment::Fail(REFUSED));
    let waiting = story.refresh_now();
    story.update(7_200_000);
    story.until(30_000);
    assert_eq!(story.answer(waiting), Some((25_080, None)), "{}", story.script);
    // A transient failure is no refusal: the same token again.
    story.next("reauthenticate", Treatment::Fail(Failure::Transport));
    let (ask, token) = story.update(7_200_000);
    story.until(40_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    assert_eq!(story.machine.status().in_force, Some(token));
}

#[test]
fn a_bound_session_exchanges_first() {
    // proves R17.9, R27.3, R27.4
    let mut story = scoped().world(|world| world.refreshed_scope = true).refreshes().begin();
    story.until(20_000);
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    let status = story.machine.status();
    assert!(status.bound && status.in_force != Some(token));
    assert!(!offered(&story).contains(&token.0), "only what was exchanged from it: {}", story.script);
    // Once the activation has failed the base itself is pushed.
    for provider in [true, false] {
        let mut story =
            scoped().world(|world| world.refreshed_scope = true).provider(provider, false).begin();
        story.until(20_000);
        story.always("activate", Treatment::Fail(UNAVAILABLE));
        let (ask, token) = story.update(7_200_000);
        story.until(45_000);
        assert_eq!(story.answer(ask), Some((20_120, None)), "{}", story.script);
        assert_eq!(story.machine.status().in_force, Some(token));
    }
    // A refusal of what was exchanged is one of the token that was brought.
    let mut story = scoped().world(|world| world.refreshed_scope = true).refreshes().begin();
    story.until(20_000);
    let before = story.machine.status().in_force;
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert!(story.failed(ask, REFUSED));
    assert_eq!(story.machine.status().in_force, before);
    assert!(!story.machine.holds(token));
}

#[test]
fn without_a_socket_the_next_connect_takes_it() {
    // proves R21.3, R27.3
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
    assert!(story.failed(ask, REFUSED));
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)));
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_newer_call_supersedes_and_an_exchange_in_flight_is_retired() {
    // proves R15.1, R27.6
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
    // proves R10.1, R29.2
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
    // A question ends nothing, least of all one about what is gone.
    assert_eq!((story.given("close").len(), story.teardown()), (closed, None));
    story.mend("open").mend("inspect");
    story.until(60_000);
    assert_eq!((story.phase(), story.machine.status().in_force), (Phase::Live, Some(TokenId(3))));
}

#[test]
fn tokens_that_have_ended_do_not_pile_up_while_no_socket_can_be_had() {
    // proves R6.1
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
    // proves R7.4, R10.1, R27.2
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
        Statement { expires_in: Some(0), ..Statement::default() },
        Statement { cnf: Confirmation::Others, ..Statement::default() },
    ] {
        let now = story.now;
        assert_eq!(door(&mut story, statement), (now, Some(AskError::InvalidCredentials)), "{statement:?}");
    }
    assert_eq!(story.commands.len(), commands, "nothing was sent");
    let fine = Statement { expires_at: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
    assert_eq!(door(&mut story, fine).1, None);
    // A hint refuses nothing: by a clock that is wrong it may be past.
    let past = Statement { expiry_hint: Some(UnixMillis(EPOCH - HOUR)), ..Statement::default() };
    assert_eq!(door(&mut story, past).1, None);
    assert_eq!(story.warnings("server_value_clamped").len(), 1);
    // Nor does the refusal of a push, which is no verdict: brought again, it is shown again.
    let mut story = provided();
    story.next("reauthenticate", Treatment::Fail(REFUSED));
    let (_, token) = story.update(7_200_000);
    story.until(22_000);
    let ask = story.ask();
    let again = TokenFacts { token, statement: Statement::default(), new_secret: false };
    story.input(Input::NewBase { ask, token: again });
    assert_eq!(story.answer(ask), None);
    story.until(23_000);
    assert_eq!(story.answer(ask), Some((22_040, None)));
}

#[test]
fn a_push_of_it_that_brings_no_answer_is_followed_by_a_fresh_connect_beside() {
    // proves R22.7, R27.5
    let error = Failure::Rpc { code: -32_603, credential: false };
    for treatment in [Treatment::Fail(error), Treatment::Silence] {
        let mut story = provided();
        story.resume_state();
        story.always("reauthenticate", treatment);
        let (ask, token) = story.update(7_200_000);
        story.until(29_990);
        assert_eq!((story.answer(ask), story.times("open").len()), (None, 1), "{}", story.script);
        assert!(story.times("reauthenticate").len() >= 2, "it is repeated meanwhile");
        story.until(33_000);
        assert_eq!(story.times("open")[1], 30_000, "{}", story.script);
        assert_eq!(story.answer(ask), Some((30_080, None)));
        assert_eq!(story.connects().last().map(|(_, it, resume)| (*it, *resume)), Some((token.0, false)));
        assert_eq!(story.times("close"), [32_080], "the old socket is read for two seconds more");
        assert_eq!(story.phase(), Phase::Live);
    }
}

#[test]
fn a_new_provider_re_evaluates_who_renews() {
    // proves R17.11, R33.7
    let mut story = unscoped().begin();
    story.until(20_000);
    assert_eq!(story.mechanism(), Mechanism::None);
    story.input(Input::NewProvider(ProviderFacts {
        can_refresh: true,
        can_mint_again: false,
        may_be_asked_twice: false,
    }));
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.until(6_910_000);
    assert_eq!(story.renewals().len(), 1);
    story.input(Input::NewProvider(ProviderFacts {
        can_refresh: false,
        can_mint_again: false,
        may_be_asked_twice: false,
    }));
    assert_eq!(story.mechanism(), Mechanism::None);
    assert_eq!(story.warnings("credential_no_refresh_handler").len(), 2);
}
