//! The provider: the first mint, and what it rejects (L17, L42).

use crate::story::{FORBIDDEN, HOUR, Treatment, http, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn a_rejected_provider_gives_a_scoped_base_back_to_bound() {
    // proves L17
    let mut story = scoped()
        .refreshes()
        .next("activate", Treatment::Fail(FORBIDDEN))
        .always("refresh", Treatment::Fail(Failure::Rejected))
        .begin();
    story.until(10_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.refresh_now();
    story.until(12_000);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    assert_eq!(story.times("activate").len(), 2);
}

#[test]
fn a_rejected_provider_is_not_asked_again_and_the_session_goes_on() {
    // proves L17, L19
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
    // proves L17, L24, L40
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
    story.input(Input::NewProvider(ProviderFacts { can_refresh: true, can_mint_again: false }));
    story.until(6_951_000);
    assert_eq!(story.renewals().len(), 1);

    let mut story = begin();
    story.update(7_200_000);
    story.until(6_951_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
}

#[test]
fn which_failures_of_the_provider_are_for_good() {
    // proves L17
    for (failure, good) in [
        (http(401), true),
        (http(403), true),
        (http(404), true),
        (http(422), true),
        (Failure::Rejected, true),
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
fn the_first_mint_is_one_call() {
    // proves L42, L2
    // survives P6
    let mut story = scoped().refreshes().mints().keyless().always("mint", Treatment::Fail(http(500))).begin();
    story.until(HOUR);
    assert_eq!(story.times("mint").len(), 1);
    let Some((_, Event::Teardown { reason, cause: Some(cause) })) = story.events.last() else {
        panic!("{}", story.script)
    };
    assert_eq!((*reason, cause.failure), (TeardownReason::MintFailed, http(500)));

    let mut story = scoped().refreshes().mints().keyless().always("mint", Treatment::Silence).begin();
    story.until(HOUR);
    assert_eq!(story.teardown(), Some((60_000, TeardownReason::MintFailed)));
}

#[test]
fn a_repeatable_mint_counts_as_refresh_and_others_are_called_once() {
    // proves L42
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
