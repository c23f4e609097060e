//! From a base to a bound token: its scope, and the activation (L14, L15, L38).

use crate::story::{FORBIDDEN, Treatment, http, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn the_scope_may_come_with_the_connect_result() {
    // proves L14, L38
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
    // proves L14
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
fn an_activation_that_never_answers_is_declined_after_its_budget() {
    // proves L15, L16
    // survives S17, P33
    for (base_life, budget) in [(7_200_000, 30_000), (60_000, 20_000)] {
        let mut story =
            scoped().base_life(base_life).refreshes().always("activate", Treatment::Silence).begin();
        story.until(50_000);
        let live = story.lives()[0];
        let (at, reason) = story.fallbacks()[0];
        near(at, live + budget);
        assert_eq!(reason, FallbackReason::ActivationTimeout);
        assert_eq!(story.mechanism(), Mechanism::Provider);
        let last = story.given("activate").pop().expect("tried");
        story.input(Input::Done(
            last.id,
            Outcome::ok(Reply::Token(TokenFacts {
                token: TokenId(999),
                statement: Statement::default(),
                new_secret: false,
            })),
        ));
        assert!(matches!(story.events.last(), Some((_, Event::Ignored(Ignored::StaleAnswer(_))))));
    }
}

#[test]
fn the_budget_counts_connected_time_only() {
    // proves L15
    // survives S16, S30
    let mut story = scoped().refreshes().begin();
    story.always("activate", Treatment::Fail(http(503)));
    story.until(10_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(70_000);
    assert!(story.fallbacks().is_empty());
    story.mend("open");
    story.until(200_000);
    let lives = story.lives();
    near(story.fallbacks()[0].0, lives[1] + 30_000 - (10_000 - lives[0]));
}

#[test]
fn a_refusal_declines_and_an_outage_does_not() {
    // proves L15, L16
    // survives P34, S15
    for status in [400, 401, 403, 404, 422] {
        let mut story = scoped().refreshes().next("activate", Treatment::Fail(http(status))).begin();
        story.until(1_000);
        assert_eq!(story.fallbacks().len(), 1, "{status}");
        assert_eq!(story.fallbacks()[0].1, FallbackReason::EndpointFailed);
        assert_eq!(story.mechanism(), Mechanism::Provider);
        assert_eq!(story.machine.why().map(|why| why.wake), Some(Wake::Stable));
        story.until(20_000);
        assert!(
            matches!(story.machine.why().map(|why| why.wake), Some(Wake::Promotion)),
            "something is armed"
        );
    }
    for status in [408, 425, 429, 500, 503] {
        let mut story = scoped().refreshes().next("activate", Treatment::Fail(http(status))).begin();
        story.until(5_000);
        assert!(story.fallbacks().is_empty(), "{status}");
        assert_eq!(story.mechanism(), Mechanism::Bound);
    }
}

#[test]
fn without_a_provider_activation_is_tried_to_the_end() {
    // proves L15, L19
    // survives S7
    let mut story = scoped().base_life(300_000).always("activate", Treatment::Fail(http(403))).begin();
    story.until(299_000);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    assert!(story.times("activate").last().is_some_and(|at| *at > 265_000), "{}", story.script);
    assert_eq!(story.lives().len(), 1);
    story.until(310_000);
    assert!(story.teardown().is_some_and(|(at, reason)| {
        near(at, 300_000);
        reason == TeardownReason::Expired
    }));
}

#[test]
fn a_refresh_that_falls_due_waits_for_a_running_activation() {
    // proves L15
    let mut story = scoped()
        .base_life(60_000)
        .refreshes()
        .always("open", Treatment::Fail(Failure::Transport))
        .always("activate", Treatment::Silence)
        .begin();
    story.until(25_000);
    story.mend("open");
    story.until(59_000);
    let live = story.lives()[0];
    assert!(live < 30_000, "{live}");
    let refresh = story.times("refresh")[0];
    near(refresh, live + 20_000);
    assert!(refresh > 31_000, "it was due at 30 s");
}

#[test]
fn a_declined_mechanism_is_tried_again_after_five_minutes() {
    // proves L17
    let mut story = scoped().refreshes().next("activate", Treatment::Fail(FORBIDDEN)).begin();
    story.until(299_000);
    assert_eq!(story.times("activate").len(), 1);
    story.until(302_000);
    assert_eq!(story.times("activate").len(), 2);
    assert_eq!(story.mechanism(), Mechanism::Bound);
}

#[test]
fn an_unproved_kind_of_key_is_switched_once() {
    // proves L46, L35
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
fn an_inspection_that_is_unauthorized_counts_only_before_the_connect() {
    // proves L38, L35
    let mut story = scoped().mints().next("inspect", Treatment::Fail(http(401))).begin();
    story.until(10_000);
    assert_eq!(story.times("mint").len(), 2, "one mint for the outage");
    assert_eq!(story.phase(), Phase::Live);
    let mut story = scoped().mints().next("inspect", Treatment::FailLate(http(401), 5_000)).begin();
    story.until(10_000);
    assert_eq!(story.times("mint").len(), 1);
    assert_eq!(story.lives().len(), 1);
}
