//! The provider: the first mint, and what it rejects (R17, R26, R34).

use crate::story::{FORBIDDEN, HOUR, MINUTE, Story, Treatment, UNAVAILABLE, http, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn a_provider_that_rejects_leaves_the_renewal_to_the_bound_way() {
    // proves R17.8, R18.5
    let mut story = scoped()
        .refreshes()
        .always("activate", Treatment::Fail(FORBIDDEN))
        .always("refresh", Treatment::Fail(Failure::Rejected))
        .begin();
    story.until(10_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.refresh_now();
    story.until(12_000);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    // The endpoint is asked at its own pace, and once it is well the session is bound.
    story.mend("activate");
    story.until(HOUR);
    assert!(story.machine.status().bound, "{}", story.script);
    assert_eq!(story.times("refresh").len(), 1);
}

#[test]
fn a_rejected_provider_is_not_asked_again_and_the_session_goes_on() {
    // proves R17.11, R18.5, R25.6, R25.8
    // survives S14, S28, P37
    let mut story = unscoped().refreshes().begin();
    story.always("refresh", Treatment::Fail(Failure::Rejected));
    story.until(6_950_000);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.mechanism(), Mechanism::None);
    assert_eq!(story.warnings("credential_no_refresh_handler").len(), 1);
    story.drop_socket();
    story.until(7_000_000);
    assert_eq!(story.times("refresh").len(), 1, "not after a reconnect either");
    assert_eq!(story.phase(), Phase::Live);
    story.until(7_300_000);
    assert!(story.teardown().is_some_and(|(at, _)| at.abs_diff(7_200_000) < 1_600));
    assert_eq!(story.told(|event| matches!(event, Event::Expired { renewing: false })).len(), 1);
}

#[test]
fn what_ends_a_rejection() {
    // proves R18.5
    let begin = || {
        let mut story = unscoped().refreshes().begin();
        story.next("refresh", Treatment::Fail(Failure::Rejected));
        story.until(6_950_000);
        assert_eq!(story.mechanism(), Mechanism::None);
        story
    };
    let mut story = begin();
    let ask = story.refresh_now();
    story.until(6_951_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);

    let mut story = begin();
    story.input(Input::NewProvider(ProviderFacts {
        can_refresh: true,
        can_mint_again: false,
        may_be_asked_twice: false,
    }));
    story.until(6_951_000);
    assert_eq!(story.renewals().len(), 1);

    let mut story = begin();
    story.update(7_200_000);
    story.until(6_951_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
}

#[test]
fn only_the_providers_own_word_stops_the_schedule() {
    // proves R18.5
    for (failure, good) in [
        (Failure::Rejected, true),
        (http(401), false),
        (http(403), false),
        (http(404), false),
        (http(422), false),
        (Failure::Page { status: 404, retry_after: None }, false),
        (http(400), false),
        (http(429), false),
        (http(500), false),
        (Failure::Timeout, false),
        (Failure::Malformed, false),
        (Failure::Provider { retry_after: None }, false),
    ] {
        let mut story = unscoped().refreshes().begin();
        story.next("refresh", Treatment::Fail(failure));
        story.until(6_990_000);
        assert_eq!(story.times("refresh").len(), if good { 1 } else { 2 }, "{failure:?}");
    }
}

#[test]
fn who_is_asked_once_for_a_first_token_is_asked_once() {
    // proves R26.2, R34.2
    // survives P6
    let mut story = scoped().refreshes().keyless().always("mint", Treatment::Fail(http(500))).begin();
    story.until(HOUR);
    assert_eq!(story.times("mint").len(), 1);
    let Some((_, Event::Teardown { reason, cause: Some(cause) })) = story.events.last() else {
        panic!("{}", story.script)
    };
    assert_eq!((*reason, cause.failure), (TeardownReason::MintFailed, http(500)));

    // Silent, it is told of; its answer is waited for all the same, for a day at most.
    let mut story = scoped().refreshes().keyless().always("mint", Treatment::Silence).begin();
    story.until(23 * HOUR);
    let told = story.warnings("credential_refresh_failed");
    assert!(
        matches!(told[..], [(120_000, Warning::RefreshFailed { attempt: 1, next: None, .. })]),
        "{told:?}"
    );
    assert_eq!((story.phase(), story.times("mint").len()), (Phase::Minting, 1));
    story.until(25 * HOUR);
    assert_eq!(story.teardown(), Some((24 * HOUR, TeardownReason::MintFailed)));
}

#[test]
fn who_takes_his_time_over_a_first_token_is_heard() {
    // proves R14.1, R26.2
    for (treatment, live) in
        [(Treatment::Late(150_000), true), (Treatment::FailLate(http(500), 150_000), false)]
    {
        let mut story = scoped().refreshes().keyless().next("mint", treatment).begin();
        story.until(HOUR);
        assert_eq!(story.times("mint").len(), 1);
        if live {
            assert_eq!(story.lives(), [150_080], "{}", story.script);
        } else {
            assert_eq!(story.teardown(), Some((150_000, TeardownReason::MintFailed)));
        }
    }
}

#[test]
fn what_is_brought_before_the_first_mint_and_ends_at_once_does_not_take_its_place() {
    // proves R9.1
    // Nothing has been asked for yet: the key is being made.
    let mut story = unscoped().next("make_key", Treatment::Silence).begin();
    let ask = story.ask();
    let says = Statement { expires_in: Some(1), ..Statement::default() };
    let token = TokenFacts { token: TokenId(900), statement: says, new_secret: false };
    story.input(Input::NewBase { ask, token });
    story.until(130_000);
    assert_eq!(story.answer(ask), Some((1, Some(AskError::InvalidCredentials))));
    assert_eq!((story.phase(), story.times("mint").len()), (Phase::Live, 1), "{}", story.script);
}

/// When each failed attempt was told, and when the next was said to come.
fn told(story: &Story) -> Vec<(u32, u64, u64)> {
    let told = |(at, warning)| match warning {
        Warning::RefreshFailed { attempt, mechanism: Mechanism::Provider, next: Some(next), .. } => {
            (attempt, at, next.0)
        }
        other => panic!("{other:?}"),
    };
    story.warnings("credential_refresh_failed").into_iter().map(told).collect()
}

#[test]
fn a_first_mint_that_can_be_repeated_is_repeated() {
    // proves R18.1, R26.1, R28.1
    // survives W11
    for seed in 0..20 {
        let opening = scoped().mints().keyless().jittered(seed);
        let mut story = opening.always("mint", Treatment::Fail(UNAVAILABLE)).begin();
        story.until(MINUTE);
        assert_eq!(story.phase(), Phase::Minting, "{}", story.script);
        let told = told(&story);
        // It doubles from 1 s to 10 s, half of it drawn; nobody waits for longer.
        let ceilings = [1_000, 2_000, 4_000, 8_000].into_iter().chain([10_000; 20]);
        for ((number, (attempt, at, next)), ceiling) in (1..).zip(&told).zip(ceilings) {
            assert_eq!(*attempt, number);
            assert!((ceiling / 2..ceiling).contains(&(next - at)), "{} of {ceiling}", next - at);
        }
        let promised: Vec<u64> =
            told.iter().map(|(_, _, next)| *next).filter(|next| *next <= MINUTE).collect();
        assert_eq!(story.times("mint")[1..], promised, "each comes when it was said to");
        assert!(told.len() >= 7, "{told:?}");
        story.mend("mint");
        story.until(MINUTE + 11_000);
        assert_eq!(story.phase(), Phase::Live, "{}", story.script);
        assert_eq!(story.teardown(), None);
    }
}

#[test]
fn which_failures_of_a_first_mint_are_for_good() {
    // proves R26.1, R26.2
    // survives W11
    for (failure, good) in [
        (Failure::Rejected, true),
        (http(400), false),
        (http(401), false),
        (http(403), false),
        (http(404), false),
        (http(422), false),
        (http(408), false),
        (http(425), false),
        (http(429), false),
        (http(500), false),
        (http(503), false),
        // A page that asks for a sign-in, in front of the network.
        (http(302), false),
        (Failure::Timeout, false),
        (Failure::Transport, false),
        (Failure::Malformed, false),
        (Failure::Provider { retry_after: None }, false),
    ] {
        let mut story = scoped().mints().keyless().next("mint", Treatment::Fail(failure)).begin();
        story.until(20_000);
        let ended = story.teardown().map(|(_, reason)| reason);
        assert_eq!(ended, good.then_some(TeardownReason::MintFailed), "{failure:?}");
        assert_eq!(story.phase() == Phase::Live, !good, "{failure:?}");
        assert_eq!(story.times("mint").len(), if good { 1 } else { 2 }, "{failure:?}");
    }
}

#[test]
fn a_first_mint_that_is_repeated_comes_when_the_endpoint_asks_for_it() {
    // proves R18.4, R26.1
    for (asked, waits) in [(7_000, 7_000), (86_400_000, 300_000)] {
        let busy = Failure::Http { status: 429, retry_after: Some(asked) };
        let mut story = scoped().mints().keyless().next("mint", Treatment::Fail(busy)).begin();
        story.until(HOUR);
        let [first, second] = story.times("mint")[..] else { panic!("{}", story.script) };
        let failed = story.warnings("credential_refresh_failed")[0].0;
        assert_eq!((first, second), (0, failed + waits), "{asked}");
    }
}

#[test]
fn a_first_mint_yields_its_place_after_two_minutes_or_where_it_may_be_asked_twice_at_once() {
    // proves R14.4, R14.6, R34.3
    for twice in [false, true] {
        let mut opening = scoped().mints().keyless().always("mint", Treatment::Silence);
        opening.start.provider.may_be_asked_twice = twice;
        let mut story = opening.begin();
        story.until(4 * MINUTE);
        let span = if twice { 5_000 } else { 120_000 };
        assert!(story.commands.iter().all(|(at, command)| command.deadline.0 - at == span));
        let times = story.times("mint");
        if twice {
            // Never more than two at once: a place is free again after ten seconds.
            assert_eq!(times[..3], [0, 5_000, 10_000], "{times:?}");
            assert!(times.windows(3).all(|three| three[2] - three[0] >= 10_000), "{times:?}");
        } else {
            assert_eq!(times, [0, 120_000, 240_000]);
        }
        assert_eq!(story.phase(), Phase::Minting);
    }
}

#[test]
fn a_network_that_is_there_again_ends_the_wait_for_a_first_mint() {
    // proves R19.5, R26.1
    let mut story = scoped().mints().keyless().always("mint", Treatment::Fail(Failure::Transport)).begin();
    story.until(HOUR);
    let before = story.times("mint").len();
    story.mend("mint");
    story.input(Input::NetworkChanged);
    assert_eq!(story.times("mint").len(), before + 1, "at once");
    story.until(HOUR + 1_000);
    assert_eq!(story.phase(), Phase::Live);

    // But not where the endpoint asked for it.
    let busy = Failure::Http { status: 503, retry_after: Some(60_000) };
    let mut story = scoped().mints().keyless().next("mint", Treatment::Fail(busy)).begin();
    story.until(1_000);
    story.input(Input::NetworkChanged);
    story.until(50_000);
    assert_eq!(story.times("mint").len(), 1);
}

#[test]
fn a_first_mint_that_failed_at_rest_is_repeated_after_it_in_its_time() {
    // proves R26.1, R33.2
    let busy = Failure::Http { status: 503, retry_after: Some(60_000) };
    let mut story = scoped().mints().keyless().next("mint", Treatment::Fail(busy)).begin();
    story.input(Input::Suspend);
    story.until(10_000);
    let [(failed, Warning::RefreshFailed { next: None, .. })] =
        story.warnings("credential_refresh_failed")[..]
    else {
        panic!("{}", story.script)
    };
    assert_eq!((story.phase(), story.times("mint").len()), (Phase::Suspended, 1));
    story.input(Input::Resume);
    story.until(HOUR);
    assert_eq!(story.times("mint")[..2], [0, failed + 60_000]);
    assert!(story.lives().len() == 1 && story.teardown().is_none(), "{}", story.script);
}

#[test]
fn who_asks_for_a_renewal_before_there_is_a_token_asks_for_the_first_one() {
    // proves R26.1, R27.1
    let mut story = scoped().mints().keyless().always("mint", Treatment::Fail(UNAVAILABLE)).begin();
    story.until(HOUR);
    let ask = story.refresh_now();
    story.until(HOUR + 59_000);
    // It comes in its time, and who asked is told what has kept it.
    assert_eq!(story.answer(ask), None);
    story.until(HOUR + 60_000);
    assert!(story.failed(ask, UNAVAILABLE), "{:?}", story.answer(ask));
    story.mend("mint");
    let ask = story.refresh_now();
    story.until(HOUR + 72_000);
    assert_eq!(story.answer(ask).map(|(_, error)| error), Some(None));
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_repeatable_mint_counts_as_refresh_and_others_are_called_once() {
    // proves R17.2, R34.2
    let mut story = unscoped().mints().begin();
    story.until(7_000_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    assert_eq!(story.times("mint").len(), 2);
    assert_eq!(story.renewals().len(), 1);
    let mut story = unscoped().refreshes().begin();
    story.always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_002, credential: true }));
    story.until(8 * HOUR);
    assert_eq!(story.times("mint").len(), 1);
}
