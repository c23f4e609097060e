//! Attempts that nobody answers, that are spread, that come late, and what a token is worth meanwhile (R14, R20, R28).

use std::collections::BTreeSet;

use crate::story::{EPOCH, MINUTE, Story, Treatment, exact, scoped, unscoped};
use satkeeper_core::lifecycle::*;
use satkeeper_core::{Tick, UnixMillis};

const UNAUTHORIZED: Failure = Failure::Http { status: 401, retry_after: None };

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
fn an_attempt_that_nobody_answers_is_told_as_failed_once() {
    // proves R28.1
    for name in ["activate", "renew"] {
        let mut story = scoped().refreshes().always(name, Treatment::Silence).begin();
        story.until(899_000);
        let told = failed_attempts(&story);
        let over = story.given(name).into_iter().filter(|command| command.deadline.0 <= 899_000);
        let over = over.map(|command| command.id).collect::<Vec<_>>();
        assert!(over.len() > 3, "{name}: {}", story.script);
        for command in over {
            let of = told.iter().filter(|(_, _, of)| *of == command).collect::<Vec<_>>();
            assert_eq!(of.len(), 1, "{name}: {}", story.script);
            assert_eq!(of[0].1, Mechanism::Bound);
        }
    }
}

#[test]
fn who_waits_for_an_attempt_that_nobody_answers_is_served_by_whoever_is_next() {
    // proves R17.6, R17.10, R27.1
    let mut story = scoped()
        .refreshes()
        .always("renew", Treatment::Silence)
        .next("activate", Treatment::Well)
        .always("activate", Treatment::Silence)
        .begin();
    story.until(854_000);
    let ask = story.refresh_now();
    story.until(870_000);
    assert!(matches!(story.answer(ask), Some((_, None))), "{}", story.script);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    assert_eq!(story.fallbacks()[0].1, FallbackReason::EndpointFailed);
}

#[test]
fn a_wall_clock_that_is_set_again_and_again_makes_no_permits() {
    // proves R20.1, R20.4: only time that has passed does, and nobody but the wall clock says that it has
    // survives P18, P20
    let mut story = unscoped().ticks_stand_asleep().base_life(100 * 24 * 60 * MINUTE).refreshes().begin();
    story.until(10_000);
    let set = |story: &mut Story| {
        story.wall += 20 * MINUTE as i64;
        story.input(Input::Tick);
    };
    let from = story.now;
    for _ in 0..100 {
        set(&mut story);
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
        set(&mut story);
        story.input(Input::NetworkChanged);
        story.until(story.now + 500);
    }
    let opened = story.times("open").iter().filter(|at| **at >= from).count() as u64;
    assert!(opened <= 5 + (story.now - from) / 3_100 + 1, "{opened} in {} ms", story.now - from);
    assert!(opened >= 5, "{opened}");
}

#[test]
fn an_activation_that_is_due_after_a_sleep_is_spread_once() {
    // proves R1.3
    // survives P36
    let mut waits = BTreeSet::new();
    for seed in 0..20 {
        let mut story = scoped()
            .ticks_stand_asleep()
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
fn a_bound_token_of_a_second_base_takes_anothers_place() {
    // proves R16.4: its jitter is that of a renewal, half a lead and not half a life
    // survives P36
    let mut early = BTreeSet::new();
    for seed in 0..20 {
        let mut story = scoped().jittered(seed).world(|world| world.refreshed_scope = true).begin();
        story.until(20_000);
        story.update(100 * MINUTE);
        story.until(16 * MINUTE);
        assert_eq!(story.times("activate").len(), 2, "{}", story.script);
        let second = story.times("activate")[1];
        let renewal = story.times("renew").into_iter().find(|at| *at > second).expect("renewed");
        early.insert(second + 15 * MINUTE - renewal);
    }
    // The lead is 90 s.
    assert!(early.iter().all(|early| (88_000..=137_000).contains(early)), "{early:?}");
    assert!(early.last().zip(early.first()).is_some_and(|(most, least)| most - least > 30_000), "{early:?}");
}

#[test]
fn whoever_answers_ends_the_waits_after_silence_and_no_other() {
    // proves R10.1, R18.6: a 401 of subscriber/info shows that there is somebody, and asks for nothing
    for (failure, goes_on) in [(UNAUTHORIZED, true), (Failure::Transport, false)] {
        let mut seen = 0;
        for seed in 0..40 {
            let mut story = scoped()
                .seed(seed)
                .refreshes()
                .always("open", Treatment::Fail(Failure::Transport))
                .always("activate", Treatment::Silence)
                .next("inspect", Treatment::Silence)
                .begin();
            story.until(5_000);
            let inspect = story.given("inspect").pop().expect("asked");
            let Some((at, Wake::Open)) = story.machine.why().map(|why| (why.at.0, why.wake)) else {
                continue;
            };
            if at < story.now + 500 {
                continue;
            }
            let from = story.now;
            story.input(Input::Done(inspect.id, Outcome::failed(failure)));
            let opened = story.times("open").into_iter().any(|then| then == from);
            // Unless the bucket is empty.
            seen += usize::from(opened);
            assert!(goes_on || !opened, "{failure:?}: {}", story.script);
            story.until(at + 10_000);
            assert!(story.times("refresh").is_empty(), "{}", story.script);
        }
        assert_eq!(seen > 5, goes_on, "{seen}");
    }
}

#[test]
fn a_token_that_is_brought_again_is_not_inspected_again() {
    // proves R17.4, R27.7
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
    // proves R6.5, R14.1: it wins even late
    // survives P30
    let mut story = scoped()
        .always("renew", Treatment::Silence)
        .next("activate", Treatment::Well)
        .always("activate", Treatment::Silence)
        .begin();
    story.until(872_000);
    // At a third of the lead before the bound token's end its base, which outlives it, is in force.
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)), "{}", story.script);
    let renew = story.given("renew").remove(0);
    assert!(renew.deadline.0 < story.now);
    let token = story.token(true);
    story.input(Input::Done(renew.id, Outcome::ok(Reply::Token(token))));
    story.until(873_000);
    assert_eq!(story.machine.status().in_force, Some(token.token), "{}", story.script);
}

#[test]
fn who_brings_a_token_that_has_ended_does_not_wait_for_ever() {
    // proves R27.2
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
    let mut story = scoped().policy(exact().with(|it| it.patience = u64::MAX)).refreshes().keyless().begin();
    story.until(10_000);
    story.always("open", Treatment::Fail(Failure::Transport)).always("refresh", Treatment::Silence);
    story.drop_socket();
    let (ask, _) = story.update(MINUTE);
    story.until(80_000);
    assert!(matches!(story.answer(ask), Some((_, Some(AskError::InvalidCredentials)))), "{}", story.script);
}

#[test]
fn an_older_token_that_ends_sooner_than_was_thought_ends_no_session() {
    // proves R6, R25: of the older one nobody had said when it ends, until it was pushed in place of the newer
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

#[test]
fn a_refresh_that_was_not_heard_is_repeated_and_one_that_was_refused_is_not() {
    // proves R12.5, R12.6: 408 and 425 say that nobody has looked at the secret
    for (status, repeated) in
        [(408, true), (425, true), (503, true), (400, false), (401, false), (403, false)]
    {
        let mut story = unscoped()
            .provider(true, true)
            .keyless()
            .next("refresh", Treatment::Fail(Failure::Http { status, retry_after: None }))
            .begin();
        story.until(6_800_000);
        let asked = (story.times("refresh").len(), story.times("mint").len());
        assert_eq!(asked, if repeated { (2, 1) } else { (1, 2) }, "{status}: {}", story.script);
        assert_eq!((story.renewals().len(), story.phase()), (1, Phase::Live));
    }
}

#[test]
fn a_callback_that_has_hung_once_is_no_slower_for_that() {
    // proves R14.6: that it hung in the life before takes none of its places now
    let mut opening = unscoped().base_life(MINUTE).refreshes().keyless();
    opening.start.provider.may_be_asked_twice = true;
    let mut story = opening.begin();
    for life in 1..=4 {
        story.next("refresh", Treatment::Silence);
        while story.renewals().len() < life {
            story.until(story.now + 500);
            assert!(story.now < 5 * MINUTE, "{}", story.script);
        }
    }
    let expired = story.told(|event| matches!(event, Event::Expired { .. }));
    assert!(expired.is_empty(), "{expired:?} {}", story.script);
}

#[test]
fn what_is_announced_reckons_with_what_else_is_due_by_then() {
    // proves R28.1
    let mut story = scoped().refreshes().always("inspect", Treatment::Silence).begin();
    story.until(5_000);
    story.next("refresh", Treatment::Silence);
    story.refresh_now();
    story.until(10_000);
    // A driver that wakes late brings the provider's "never" before it sees that nobody has said what the base can do: its
    // activation is tried at once.
    story.now = 10_100;
    let outcome = Outcome::failed(Failure::Rejected);
    story.input(Input::Done(story.given("refresh")[0].id, outcome));
    assert_eq!(story.times("activate"), [10_100], "{}", story.script);
    let told = story.warnings("credential_refresh_failed");
    let [(10_100, Warning::RefreshFailed { next, .. })] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*next, Some(Tick(10_100)), "{}", story.script);
}

#[test]
fn what_is_announced_reckons_with_a_question_that_nobody_answers() {
    // proves R17.5, R28.1: once nobody has said what the base can do, its activation is tried
    let mut story = scoped().refreshes().always("inspect", Treatment::Silence).begin();
    story.until(5_000);
    story.next("refresh", Treatment::Fail(Failure::Rejected));
    story.refresh_now();
    story.until(12_000);
    assert_eq!(story.times("activate"), [10_040], "{}", story.script);
    let told = story.warnings("credential_refresh_failed");
    let [(5_040, Warning::RefreshFailed { next, .. })] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*next, Some(Tick(10_040)), "{}", story.script);
}

#[test]
fn what_is_announced_while_a_resume_is_on_its_way_reckons_with_its_failure() {
    // proves R28.1: a resume that fails is no failure that is told
    let mut story = unscoped().refreshes().base_life(60_000).begin();
    story.until(1_000);
    story.resume_state();
    let ended = Statement { expires_in: Some(0), ..Statement::default() };
    let ended = TokenFacts { token: TokenId(50), statement: ended, new_secret: false };
    story.next("refresh", Treatment::Say(Reply::Token(ended)));
    story.always("refresh", Treatment::Fail(Failure::Http { status: 429, retry_after: Some(200_000) }));
    story.until(54_000);
    story.next("authenticate", Treatment::Silence);
    story.drop_socket();
    story.until(63_000);
    let told = story.warnings("connect_failed");
    let Some((_, Warning::ConnectFailed { next: Some(next), .. })) = told.last() else { panic!("{told:?}") };
    assert_eq!(story.times("open").len(), 2, "{}", story.script);
    story.until(next.0);
    assert_eq!(story.times("open").last(), Some(&next.0), "{}", story.script);
}

#[test]
fn who_takes_longer_than_he_has_is_listened_to_however_often_he_is_asked_again() {
    // proves R14.8
    let mut story = unscoped().provider(true, true).base_life(600_000).begin();
    let twice = ProviderFacts { can_refresh: true, can_mint_again: true, may_be_asked_twice: true };
    story.input(Input::NewProvider(twice));
    story.until(500_000);
    // None comes before the end.
    story.always("refresh", Treatment::Late(90_000)).always("mint", Treatment::Late(90_000));
    story.until(800_000);
    let ignored = story.told(|event| matches!(event, Event::Ignored(_)));
    assert_eq!((ignored, story.phase()), (vec![], Phase::Live), "{}", story.script);
}
