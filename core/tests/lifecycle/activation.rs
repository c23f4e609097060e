//! From a base to a bound token: its scope, and the activation (R17).

use crate::story::{FORBIDDEN, HOUR, REFUSED, Treatment, http, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn the_scope_may_come_with_the_connect_result() {
    // proves R17.4
    let statement = Statement { scope: Some(true), ..Statement::default() };
    let mut story = scoped()
        .refreshes()
        .always("inspect", Treatment::Fail(http(500)))
        .next("authenticate", Treatment::Say(Reply::Authenticated { resumed: false, statement }))
        .begin();
    story.until(10_000);
    assert_eq!(story.mechanism(), Mechanism::Bound);
}

#[test]
fn an_unknown_scope_arms_the_provider_silently_or_is_tried() {
    // proves R17.5
    for (can_refresh, tried) in [(true, 0), (false, 1)] {
        let mut story =
            scoped().provider(can_refresh, false).always("inspect", Treatment::Fail(http(500))).begin();
        story.until(20_000);
        assert_eq!(story.times("activate").len(), tried);
        assert!(story.told(|event| matches!(event, Event::Warn(_))).is_empty(), "{}", story.script);
        assert_eq!(story.phase(), Phase::Live);
    }
}

#[test]
fn an_activation_that_nobody_answers_is_asked_again_and_a_late_answer_counts() {
    // proves R14.1, R14.6, R17.8
    // survives S17, P33
    let mut story = scoped().refreshes().always("activate", Treatment::Silence).begin();
    story.until(300_000);
    let asked = story.times("activate");
    // Two places, free again after half a minute.
    assert!((10..=24).contains(&asked.len()), "{asked:?}");
    assert!(asked.windows(3).all(|three| three[2] - three[0] >= 20_000), "{asked:?}");
    assert!(story.times("refresh").is_empty(), "the base has hours left");
    assert_eq!((story.fallbacks(), story.lives().len()), (Vec::new(), 1));
    assert_eq!(story.mechanism(), Mechanism::Provider, "which would renew, as things stand");
    let late = story.given("activate").remove(asked.len() - 2);
    assert!(late.deadline.0 < story.now);
    let token = story.token(true);
    story.input(Input::Done(late.id, Outcome::ok(Reply::Token(token))));
    story.until(301_000);
    let status = story.machine.status();
    assert_eq!(
        (status.in_force, status.mechanism),
        (Some(token.token), Mechanism::Bound),
        "{}",
        story.script
    );
}

#[test]
fn an_outage_declines_nothing() {
    // proves R17.8
    // survives S16, S30
    let mut story = scoped().refreshes().begin();
    story.always("activate", Treatment::Fail(http(503)));
    story.until(10_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(70_000);
    story.mend("open").mend("activate");
    story.until(105_000);
    assert_eq!((story.fallbacks(), story.times("refresh").len()), (Vec::new(), 0));
    let status = story.machine.status();
    assert_eq!((status.phase, status.bound, status.mechanism), (Phase::Live, true, Mechanism::Bound));
}

#[test]
fn an_activation_that_fails_is_asked_for_again_at_the_endpoints_own_pace() {
    // proves R17.8, R18.1
    // survives P34, S15
    // A refusal is the endpoint's word: ten seconds. Silence, or somebody who does not know, is none: one.
    for (status, first) in
        [(400, 10_000), (401, 10_000), (403, 10_000), (404, 10_000), (422, 10_000), (429, 10_000)]
            .into_iter()
            .chain([(408, 1_000), (425, 1_000), (500, 1_000), (503, 1_000)])
    {
        let refused = Treatment::FailLate(http(status), 500);
        let mut story = scoped().refreshes().next("activate", refused).begin();
        story.until(20_000);
        let asked = story.times("activate");
        let wait = asked[1] - asked[0] - 500;
        assert!((first / 2..=first).contains(&wait), "{status}: {asked:?}");
        assert_eq!((asked.len(), story.fallbacks()), (2, Vec::new()), "{status}");
        assert_eq!(story.mechanism(), Mechanism::Bound, "{status}");
    }
    // Refused for ever, it is asked a dozen times in the first hour, and hardly after that.
    let mut story =
        scoped().base_life(24 * HOUR).refreshes().always("activate", Treatment::Fail(FORBIDDEN)).begin();
    story.until(12 * HOUR);
    let asked = story.times("activate");
    let first = asked.iter().filter(|at| **at < HOUR).count();
    assert!(first <= 12 && asked.len() <= first + 22, "{asked:?}");
    assert_eq!(story.lives().len(), 1);
}

#[test]
fn without_a_provider_activation_is_tried_to_the_end() {
    // proves R18.1, R25.6, R25.8
    // survives S7
    let mut story = scoped().base_life(300_000).always("activate", Treatment::Fail(FORBIDDEN)).begin();
    story.until(299_000);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    // Nobody else renews: it is asked each quarter of what is left.
    assert!(story.times("activate").last().is_some_and(|at| *at > 265_000), "{}", story.script);
    assert_eq!(story.lives().len(), 1);
    story.until(310_000);
    let (at, reason) = story.teardown().expect("over");
    near(at, 300_000);
    assert_eq!(reason, TeardownReason::Expired);
}

#[test]
fn a_refresh_that_falls_due_does_not_wait_for_a_running_activation() {
    // proves R14.7, R17.6, R17.10: each endpoint has its places
    let mut story = scoped()
        .base_life(60_000)
        .refreshes()
        .always("open", Treatment::Fail(Failure::Transport))
        .always("activate", Treatment::Silence)
        .begin();
    story.until(25_000);
    story.mend("open");
    story.until(59_000);
    near(story.times("refresh")[0], 30_000);
    assert_eq!(story.fallbacks()[0].1, FallbackReason::EndpointFailed, "it has really taken over");
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn an_unproved_kind_of_key_is_switched_once() {
    // proves R35.6, R35.7
    let refused = Failure::Rpc { code: -32_003, credential: true };
    let mut story =
        unscoped().mints().key(KeyFacts::Auto).next("authenticate", Treatment::Fail(refused)).begin();
    story.until(10_000);
    let keys: Vec<Action> = story.given("make_key").into_iter().map(|c| c.action).collect();
    assert_eq!(
        keys,
        [
            Action::MakeKey { algorithm: KeyAlgorithm::Es256 },
            Action::MakeKey { algorithm: KeyAlgorithm::Rs256 }
        ]
    );
    let mints: Vec<Action> = story.given("mint").into_iter().map(|c| c.action).collect();
    assert_eq!(mints[1], Action::Mint { fingerprint: Some(KeyAlgorithm::Rs256) });
    assert_eq!(story.warnings("key_switched").len(), 1);
    assert_eq!(story.phase(), Phase::Live);

    // An activation that is refused does it, too.
    let mut story = scoped()
        .world(|world| world.refreshed_scope = true)
        .mints()
        .key(KeyFacts::Auto)
        .next("activate", Treatment::Fail(FORBIDDEN))
        .begin();
    story.until(10_000);
    assert_eq!(story.times("make_key").len(), 2);
    assert!(story.fallbacks().is_empty());

    // A proved one is not switched, nor a fixed one, nor where nobody can mint again.
    let proved = KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved: true };
    for (key, mint) in [(proved, true), (KeyFacts::Fixed(KeyAlgorithm::Es256), true), (KeyFacts::Auto, false)]
    {
        let mut story =
            scoped().provider(true, mint).key(key).always("authenticate", Treatment::Fail(refused)).begin();
        story.until(100_000);
        assert!(story.warnings("key_switched").is_empty(), "{key:?}");
        if !mint {
            let algorithm = KeyAlgorithm::Rs256;
            assert_eq!(story.given("make_key")[0].action, Action::MakeKey { algorithm });
        }
    }
    // Our own thumbprint in a connect result proves the kind.
    let mut story = unscoped().world(|world| world.confirms = true).mints().key(KeyFacts::Auto).begin();
    story.until(10_000);
    story.next("authenticate", Treatment::Fail(refused));
    story.drop_socket();
    story.until(20_000);
    assert!(story.warnings("key_switched").is_empty());
}

#[test]
fn what_is_held_serves_while_the_kind_of_key_is_switched() {
    // proves R35.7: the activation is refused, and then the application's provider will not mint another
    let mut story = scoped().mints().key(KeyFacts::Auto).next("activate", Treatment::Fail(FORBIDDEN)).begin();
    story.until(60);
    story.always("mint", Treatment::Fail(Failure::Rejected));
    story.until(600_000);
    assert_eq!(story.warnings("key_switched").len(), 1, "{}", story.script);
    assert_eq!((story.phase(), story.teardown()), (Phase::Live, None), "{}", story.script);
}

#[test]
fn a_kind_of_key_that_the_server_takes_no_more_is_switched_once() {
    // proves R35.7: after an upgrade of the server it refuses whatever was minted with this kind
    let mut story = unscoped().mints().key(KeyFacts::Auto).begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(100_000);
    assert_eq!(story.warnings("key_switched").len(), 1, "{}", story.script);
    // The one that had served was refused first, and the first that was minted then.
    let mints: Vec<Action> = story.given("mint").into_iter().map(|c| c.action).collect();
    let with = |algorithm| Action::Mint { fingerprint: Some(algorithm) };
    assert_eq!(mints[1..3], [with(KeyAlgorithm::Es256), with(KeyAlgorithm::Rs256)], "{}", story.script);
    story.mend("authenticate");
    story.until(170_000);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
}

#[test]
fn a_token_of_the_applications_own_that_is_refused_switches_no_key_and_is_told_at_once() {
    // proves R35.7: what served is refused, nobody mints, and the application brings one that is no good either
    let mut story = unscoped().mints().key(KeyFacts::Auto).begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.always("mint", Treatment::Fail(http(503)));
    story.drop_socket();
    story.until(30_000);
    let (ask, _) = story.update(3_600_000);
    story.until(36_000);
    assert!(matches!(story.answer(ask), Some((_, Some(_)))), "{}", story.script);
    assert!(story.warnings("key_switched").is_empty(), "{}", story.script);
}

#[test]
fn an_inspection_that_is_unauthorized_condemns_nothing() {
    // proves R10.1, R25.9
    for late in [40, 5_000] {
        let mut story = scoped().mints().next("inspect", Treatment::FailLate(http(401), late)).begin();
        story.until(10_000);
        assert_eq!((story.times("mint").len(), story.lives().len()), (1, 1), "{late}");
        assert_eq!(story.phase(), Phase::Live);
    }
}

#[test]
fn a_bound_token_that_comes_when_its_base_has_been_replaced_is_taken() {
    // proves R6.4, R14.1: devices/token takes half a minute, and meanwhile somebody has asked for a new base
    let mut story = scoped().refreshes().always("activate", Treatment::Silence).begin();
    story.until(1_000);
    story.refresh_now();
    story.until(20_000);
    let activation = story.given("activate").pop().expect("asked for after that");
    assert!(matches!(activation.action, Action::Activate { base: TokenId(1), .. }), "{}", story.script);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)), "{}", story.script);
    let bound = story.token(true);
    story.mend("activate");
    story.input(Input::Done(activation.id, Outcome::ok(Reply::Token(bound))));
    story.until(21_000);
    assert_eq!(story.machine.status().in_force, Some(bound.token), "{}", story.script);
}
