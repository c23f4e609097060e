//! Attempts that are cut short, slept through, spread, or overtaken by a refusal (L15, L18, L20, L21, L23, L36).

use std::collections::BTreeSet;

use crate::story::{EPOCH, MINUTE, Story, Treatment, exact, scoped, unscoped};
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

const UNAUTHORIZED: Failure = Failure::Http { status: 401, retry_after: None };

/// The machine sleeps, and on its waking the server says what time it is.
fn sleep(story: &mut Story, span: u64) {
    story.sleep(span);
    story.input(Input::ServerTime(UnixMillis(story.server_now())));
}

/// What was told of failed attempts: when, by whom, and of which command.
fn failed_attempts(story: &Story) -> Vec<(u64, Mechanism, CommandId)> {
    let told = story.warnings("credential_refresh_failed").into_iter();
    told.map(|(at, warning)| match warning {
        Warning::RefreshFailed { mechanism, cause, .. } => (at, mechanism, cause.command),
        _ => unreachable!("another code"),
    })
    .collect()
}

#[test]
fn an_attempt_that_a_handover_cuts_short_is_told_as_failed() {
    // proves L21, L15, L17
    for name in ["activate", "renew"] {
        let mut story = scoped().refreshes().always(name, Treatment::Silence).begin();
        story.until(899_000);
        let attempts = story.given(name);
        let told = failed_attempts(&story);
        let of: Vec<CommandId> = told.iter().map(|(_, _, command)| *command).collect();
        // A promotion begins another one meanwhile, which nobody has given up yet.
        let over = attempts.iter().filter(|command| command.deadline.0 <= story.now);
        for command in over {
            assert_eq!(of.iter().filter(|id| **id == command.id).count(), 1, "{name}: {}", story.script);
        }
        let handover = story.warnings("credential_refresh_fallback")[0].0;
        let cut_short: Vec<_> = told.iter().filter(|(at, _, _)| *at == handover).collect();
        assert_eq!(cut_short.len(), 1, "{name}: {}", story.script);
        let deadline = attempts.iter().find(|command| command.id == cut_short[0].2).map(|it| it.deadline.0);
        assert!(deadline > Some(handover), "{name}: it was cut short");
        assert_eq!(cut_short[0].1, Mechanism::Bound);
    }
}

#[test]
fn who_waits_for_an_attempt_that_is_cut_short_is_served_by_the_provider() {
    // proves L24, L17
    let mut story = scoped().refreshes().always("renew", Treatment::Silence).begin();
    story.until(854_000);
    let ask = story.refresh_now();
    story.until(856_000);
    assert!(matches!(story.answer(ask), Some((_, None))), "{}", story.script);
    assert_eq!(story.mechanism(), Mechanism::Provider);
}

#[test]
fn a_sleep_is_no_connected_time() {
    // proves L15, L23
    let mut story = scoped().refreshes().always("activate", Treatment::Silence).begin();
    story.until(10_000);
    let live = story.lives()[0];
    sleep(&mut story, 20 * MINUTE);
    assert!(story.warnings("credential_refresh_fallback").is_empty(), "{}", story.script);
    assert_eq!(story.phase(), Phase::Live);
    story.until(60_000);
    assert_eq!(story.warnings("credential_refresh_fallback")[0].0, live + 30_000, "{}", story.script);
}

#[test]
fn no_permit_forms_in_a_sleep() {
    // proves L20, L23: nor while a clock is set again and again by somebody whom the server agrees with
    // survives P18, P20
    let mut story = unscoped().base_life(100 * 24 * 60 * MINUTE).refreshes().begin();
    story.until(10_000);
    let from = story.now;
    for _ in 0..100 {
        sleep(&mut story, 20 * MINUTE);
        story.refresh_now();
        story.until(story.now + 500);
    }
    let asked = story.times("refresh").len() as u64;
    assert!(asked <= 10 + (story.now - from) / 5_000 + 1, "{asked} in {} ms", story.now - from);
    assert!(asked >= 6, "{asked}");

    // Nor one for a socket.
    let from = story.now;
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    for _ in 0..100 {
        sleep(&mut story, 20 * MINUTE);
        story.input(Input::NetworkChanged);
        story.until(story.now + 500);
    }
    let opened = story.times("open").iter().filter(|at| **at >= from).count() as u64;
    assert!(opened <= 5 + (story.now - from) / 3_000 + 1, "{opened} in {} ms", story.now - from);
    assert!(opened >= 5, "{opened}");
}

#[test]
fn an_activation_that_is_due_after_a_sleep_is_spread_once() {
    // proves L18
    // survives P36
    let mut waits = BTreeSet::new();
    for seed in 0..20 {
        let mut story = scoped()
            .jittered(seed)
            .next("activate", Treatment::Fail(Failure::Http { status: 503, retry_after: Some(10_000) }))
            .begin();
        story.until(5_000);
        story.skip(20 * MINUTE);
        story.input(Input::Tick);
        let woken = story.now;
        // A second one before it has begun does not put it off again: who is always late would never begin.
        let due = story.machine.why().map(|why| (why.at.0, why.wake));
        if let Some((at, Wake::Activate)) = due.filter(|(at, _)| *at > woken) {
            story.wall += 20_000;
            story.input(Input::Tick);
            let then = story.machine.why().map(|why| (why.at.0, why.wake));
            assert_eq!(then, Some((at, Wake::Activate)), "{}", story.script);
        }
        story.until(woken + 6_000);
        let after = story.times("activate").into_iter().find(|at| *at >= woken);
        let waited = after.expect("within five seconds") - woken;
        assert!(waited < 5_000, "{waited}");
        waits.insert(waited);
    }
    assert!(waits.len() > 15, "{waits:?}");
    assert!(waits.last() >= Some(&3_000), "{waits:?}");
}

#[test]
fn a_bound_token_of_a_second_activation_has_the_jitter_of_a_first_one() {
    // proves L18: an outage of the device endpoint ends for a whole fleet at the same moment
    // survives P36
    let mut early = BTreeSet::new();
    for seed in 0..20 {
        let mut story = scoped()
            .jittered(seed)
            .base_life(100 * MINUTE)
            .always("renew", Treatment::Fail(UNAUTHORIZED))
            .begin();
        // The first bound token ends unrenewed; its base is activated anew.
        story.until(15 * MINUTE + 30_000);
        let second = *story.times("activate").get(1).expect("activated anew");
        story.mend("renew");
        story.until(second + 15 * MINUTE);
        let renewal = story.times("renew").into_iter().find(|at| *at > second).expect("renewed");
        early.insert(second + 15 * MINUTE - renewal);
    }
    // The lead is 90 s; a renewal's jitter would be less than 45 s.
    assert!(early.iter().all(|early| (88_000..=542_000).contains(early)), "{early:?}");
    assert!(early.iter().filter(|early| **early > 140_000).count() > 10, "{early:?}");
}

#[test]
fn a_refusal_that_comes_without_a_socket_does_not_end_the_wait_for_one() {
    // proves L36, L38: the wait before a reconnect is the network's, and a 401 of subscriber/info is the token's
    let mut seen = 0;
    for seed in 0..40 {
        let mut story = scoped()
            .seed(seed)
            .refreshes()
            .always("open", Treatment::Fail(Failure::Transport))
            .next("inspect", Treatment::Silence)
            .begin();
        story.until(5_000);
        let inspect = story.given("inspect").pop().expect("asked");
        let Some((at, Wake::Open)) = story.machine.why().map(|why| (why.at.0, why.wake)) else { continue };
        if at < story.now + 500 {
            continue;
        }
        seen += 1;
        let from = story.now;
        story.input(Input::Done(inspect.id, Outcome::failed(UNAUTHORIZED)));
        story.until(at + 10_000);
        assert_eq!(story.times("refresh").len(), 1, "in place of what was refused: {}", story.script);
        let opened = story.times("open").into_iter().find(|then| *then > from);
        assert!(opened >= Some(at), "{opened:?} and not {at}: {}", story.script);
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn a_first_mint_that_is_a_renewal_has_the_deadline_of_one() {
    // proves L18, L2: never past the end of the token that the application has brought meanwhile
    let mut story =
        unscoped().mints().next("make_key", Treatment::Late(500)).always("mint", Treatment::Silence).begin();
    let (_, token) = story.update(MINUTE);
    story.until(50_000);
    assert_eq!(story.machine.status().in_force, Some(token), "{}", story.script);
    let mint = story.given("mint").remove(0);
    let ends = story.machine.status().token_ends.expect("stated");
    assert!(mint.deadline < ends, "{} and not before {ends}", mint.deadline);
}

#[test]
fn a_token_that_is_brought_again_is_not_inspected_again() {
    // proves L14, L40
    let mut story = scoped().refreshes().keyless().begin();
    story.until(10_000);
    story.always("reauthenticate", Treatment::Silence);
    let (_, token) = story.update(MINUTE);
    story.until(11_000);
    assert_eq!(story.times("inspect").len(), 2);
    let ask = story.ask();
    let token = TokenFacts { token, statement: Statement::default(), new_secret: false };
    story.input(Input::NewBase { ask, token });
    story.until(12_000);
    assert_eq!(story.times("inspect").len(), 2, "{}", story.script);
}

#[test]
fn a_bound_token_that_comes_after_its_base_took_over_is_not_lost() {
    // proves L15, L7: it wins even late
    // survives P30
    let mut story = scoped().always("renew", Treatment::Silence).begin();
    story.until(870_100);
    story.refresh_now();
    story.until(870_200);
    // At a third of the lead before the bound token's end its base, which outlives it, is in force.
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)), "{}", story.script);
    let renew = story.given("renew").pop().expect("under way");
    assert!(renew.deadline.0 > story.now);
    let token = story.token(true);
    let from = story.now;
    story.input(Input::Done(renew.id, Outcome::ok(Reply::Token(token))));
    story.until(880_000);
    assert_eq!(story.machine.status().in_force, Some(token.token), "{}", story.script);
    assert!(!story.names(from).contains(&"activate"), "{}", story.script);
}

#[test]
fn who_brings_a_token_that_has_ended_does_not_wait_for_ever() {
    // proves L40, L11
    // survives P6
    let ended = |at| Statement { expires_at: Some(UnixMillis(at)), ..Statement::default() };
    // By what subscriber/info says of it, before it could be pushed.
    let mut story = unscoped().refreshes().keyless().durable().begin();
    story.until(10_000);
    story.next("persist", Treatment::Silence);
    story.next("inspect", Treatment::Say(Reply::Inspected(ended(EPOCH - 60_000))));
    let (ask, token) = story.update(MINUTE);
    story.until(11_000);
    let answer = story.answer(ask).map(|(_, error)| error);
    assert_eq!(answer, Some(Some(AskError::InvalidCredentials)), "{}", story.script);
    assert_ne!(story.machine.status().in_force, Some(token));
    assert_eq!(story.phase(), Phase::Live);

    // By the clock, while no socket could be had.
    let mut story = scoped().policy(exact().with(|it| it.grace = u64::MAX)).refreshes().keyless().begin();
    story.until(10_000);
    story.always("open", Treatment::Fail(Failure::Transport)).always("refresh", Treatment::Silence);
    story.drop_socket();
    let (ask, _) = story.update(MINUTE);
    story.until(80_000);
    assert!(matches!(story.answer(ask), Some((_, Some(AskError::InvalidCredentials)))), "{}", story.script);
}

#[test]
fn an_older_token_that_ends_sooner_than_was_thought_ends_no_session() {
    // proves L7, L19: of the older one nobody had said when it ends, until it was pushed in place of the newer
    // survives P16
    let mut story = unscoped()
        .base_life(MINUTE)
        .refreshes()
        .keyless()
        .next("inspect", Treatment::Silence)
        .next("open", Treatment::Silence)
        .always("refresh", Treatment::Silence)
        .begin();
    story.until(1_000);
    let (_, newer) = story.update(10 * MINUTE);
    story.until(500_000);
    assert_eq!(story.machine.status().in_force, Some(newer), "{}", story.script);
    assert_eq!(story.teardown(), None);
    // At a third of the lead before its end the older one is pushed, and turns out to have ended long ago.
    story.until(590_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty(), "{}", story.script);
    assert_eq!(story.phase(), Phase::Live);
    assert_eq!(story.machine.status().in_force, Some(newer), "{}", story.script);
}
