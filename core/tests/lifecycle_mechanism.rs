//! Who renews: exactly one mechanism (L12 to L17, L38, L42, L46).
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
use story::{FORBIDDEN, HOUR, Story, Treatment, UNAVAILABLE, near, scoped, unscoped};

fn http(status: u16) -> Failure {
    Failure::Http { status, retry_after: None }
}

fn reasons(story: &Story) -> Vec<(u64, FallbackReason)> {
    let reason = |(at, warning)| match warning {
        Warning::RefreshFallback { reason } => (at, reason),
        _ => unreachable!("another code"),
    };
    story.warnings("credential_refresh_fallback").into_iter().map(reason).collect()
}

#[test]
fn the_table() {
    // proves L12, L13
    // survives S9
    let rows = [
        (true, true, Mechanism::Bound, "renew"),
        (true, false, Mechanism::Provider, "refresh"),
        (false, true, Mechanism::Bound, "renew"),
        (false, false, Mechanism::None, ""),
    ];
    for (can_refresh, scope, mechanism, renewal) in rows {
        let mut story = scoped().scope(scope).provider(can_refresh, false).begin();
        story.until(10_000);
        assert_eq!(story.mechanism(), mechanism, "{can_refresh} {scope}");
        assert_eq!(story.times("activate").len(), usize::from(scope), "{can_refresh} {scope}");
        story.until(7_000_000);
        for name in ["renew", "refresh"] {
            assert_eq!(!story.times(name).is_empty(), name == renewal, "{can_refresh} {scope} {name}");
        }
    }
}

#[test]
fn the_table_again_for_each_base_and_reconnect() {
    // proves L12, L14
    let mut story = unscoped().world(|world| world.refreshed_scope = true).refreshes().begin();
    story.until(10_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.drop_socket();
    story.until(30_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.until(6_910_000);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    assert_eq!(story.times("inspect").len(), 2, "once per base");
    story.drop_socket();
    story.until(6_940_000);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    assert_eq!(story.times("activate").len(), 1, "a fresh bound token is never minted again");
    assert_eq!(story.times("inspect").len(), 2);
}

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
        let (at, reason) = reasons(&story)[0];
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
    assert!(reasons(&story).is_empty());
    story.mend("open");
    story.until(200_000);
    let lives = story.lives();
    near(reasons(&story)[0].0, lives[1] + 30_000 - (10_000 - lives[0]));
}

#[test]
fn a_refusal_declines_and_an_outage_does_not() {
    // proves L15, L16
    // survives P34, S15
    for status in [400, 401, 403, 404, 422] {
        let mut story = scoped().refreshes().next("activate", Treatment::Fail(http(status))).begin();
        story.until(1_000);
        assert_eq!(reasons(&story).len(), 1, "{status}");
        assert_eq!(reasons(&story)[0].1, FallbackReason::EndpointFailed);
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
        assert!(reasons(&story).is_empty(), "{status}");
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
fn each_fallback_is_told_once_across_bases() {
    // proves L16
    let mut story = scoped()
        .world(|world| world.refreshed_scope = true)
        .base_life(900_000)
        .refreshes()
        .always("activate", Treatment::Fail(FORBIDDEN))
        .begin();
    story.until(3 * HOUR);
    assert!(story.times("refresh").len() > 8);
    assert_eq!(reasons(&story).len(), 1);
    // A success breaks the decline; the next one is news.
    story.mend("activate");
    story.until(4 * HOUR);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    story.always("renew", Treatment::Fail(FORBIDDEN));
    story.always("activate", Treatment::Fail(FORBIDDEN));
    story.until(7 * HOUR);
    assert_eq!(reasons(&story).len(), 2);

    let mut story = unscoped().refreshes().begin();
    story.until(5 * HOUR);
    assert_eq!(
        reasons(&story).iter().map(|(_, reason)| *reason).collect::<Vec<_>>(),
        [FallbackReason::NoScope]
    );

    let mut story =
        scoped().refreshes().key(KeyFacts::Auto).always("make_key", Treatment::Fail(Failure::NoKey)).begin();
    story.until(5 * HOUR);
    assert_eq!(reasons(&story)[0].1, FallbackReason::NoDpopSupport);
    assert_eq!(reasons(&story).len(), 1);
    assert_eq!(story.phase(), Phase::Live, "unbound, not dead");
}

#[test]
fn nobody_renews_is_said_with_the_end() {
    // proves L16
    // survives S23, S29
    let mut story = unscoped().begin();
    story.until(10_000);
    let [(_, Warning::NoRefreshHandler { ends: Some(ends), assumed: false })] =
        story.warnings("credential_no_refresh_handler")[..]
    else {
        panic!("{}", story.script)
    };
    near(ends.0, 7_200_000);
    // Not where somebody can.
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    assert!(story.warnings("credential_no_refresh_handler").is_empty());
}

#[test]
fn a_bound_renewal_that_fails_hands_over_at_half_the_lead() {
    // proves L17
    // survives S7, P17
    let mut story = scoped().refreshes().begin();
    story.until(10_000);
    story.always("renew", Treatment::Fail(http(503)));
    story.until(800_000);
    assert!(story.times("renew").is_empty());
    story.until(899_000);
    near(story.times("renew")[0], 810_000);
    near(reasons(&story)[0].0, 855_000);
    near(story.times("refresh")[0], 855_000);
    assert_eq!(story.told(|event| matches!(event, Event::Live { .. })).len(), 1);
    assert_eq!(story.mechanism(), Mechanism::Provider);
}

#[test]
fn the_next_attempt_that_is_announced_is_the_one_that_comes() {
    // proves L21, L17
    let mut others = 0;
    for (seed, never_bound) in (0..20).map(|seed| (seed, seed % 2 == 0)) {
        // The provider is down as well, so that attempts of both are announced, over handover and promotion.
        let activation = if never_bound { Treatment::Fail(UNAVAILABLE) } else { Treatment::Well };
        let mut story = scoped()
            .jittered(seed)
            .refreshes()
            .always("renew", Treatment::Fail(UNAVAILABLE))
            .always("refresh", Treatment::Fail(UNAVAILABLE))
            .always("activate", activation)
            .begin();
        story.until(7_000_000);
        let name = |c: &Command| match c.action {
            Action::Renew { .. } | Action::Activate { .. } => Some(Mechanism::Bound),
            Action::Refresh => Some(Mechanism::Provider),
            _ => None,
        };
        let attempts: Vec<_> = story.commands.iter().filter_map(|(at, c)| Some((*at, name(c)?))).collect();
        for (at, warning) in story.warnings("credential_refresh_failed") {
            let Warning::RefreshFailed { next: Some(next), mechanism, .. } = warning else {
                panic!("{warning:?}")
            };
            let Some((then, by)) = attempts.iter().find(|(then, _)| *then > at) else { break };
            // Unless the base that outlives the bound token is pushed meanwhile (L7): then nothing is due.
            if story.renewals().iter().any(|renewed| (at..=*then).contains(renewed)) {
                continue;
            }
            assert_eq!(next.0, *then, "{seed} at {at}: {}", story.script);
            others += usize::from(mechanism != *by);
        }
    }
    assert!(others >= 40, "{others}");
}

#[test]
fn each_reason_of_one_decline_is_told_when_it_becomes_true() {
    // proves L16
    // 810 s: the bound token's renewal is refused for good: `endpoint-failed`, the provider takes over.
    // 810 s: its refresh brings a base; promotion, in five minutes, would end the decline.
    // 810 s: that base lacks the scope: the decline goes on, for a reason that promotion does not end. That
    //        is news, told once (`no-scope`), and so is neither again while the decline is unbroken.
    let mut story = scoped().base_life(1_800_000).refreshes().begin();
    story.until(10_000);
    story.always("renew", Treatment::Fail(FORBIDDEN));
    story.until(5 * HOUR);
    let told = reasons(&story);
    let names: Vec<_> = told.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(names, [FallbackReason::EndpointFailed, FallbackReason::NoScope]);
    assert!(told[1].0 - told[0].0 < 1_000, "{told:?}");
    assert!(story.times("refresh").len() > 8, "across bases");
    assert_eq!(story.mechanism(), Mechanism::Provider);
}

#[test]
fn a_bound_renewal_that_is_refused_hands_over_at_once() {
    // proves L17
    let mut story = scoped().refreshes().begin();
    story.until(10_000);
    story.always("renew", Treatment::Fail(FORBIDDEN));
    story.until(815_000);
    assert_eq!(story.times("renew").len(), 1);
    near(story.times("refresh")[0], 810_000);
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
fn a_refused_bound_token_past_its_end_is_activated_anew() {
    // proves L17, L7
    // survives P10
    for (connected, from) in [(true, 870_000), (false, 900_000)] {
        let mut story = scoped().begin();
        story.until(10_000);
        story.always("renew", Treatment::FailLate(FORBIDDEN, 6_000));
        story.until(800_000);
        if !connected {
            story.always("open", Treatment::Fail(Failure::Transport));
            story.drop_socket();
        }
        story.until(930_000);
        let activations = story.times("activate");
        assert_eq!(activations.len(), 2, "{}", story.script);
        assert!((from..from + 8_000).contains(&activations[1]), "{connected}: {activations:?}");
        assert_eq!(story.mechanism(), Mechanism::Bound);
        assert_eq!(story.lives().len(), 1, "the base carried the session meanwhile");
        // Connected, the base is in force from a third of the lead before the bound one's end.
        let pushed = story.given("reauthenticate");
        let base = |c: &Command| matches!(c.action, Action::Reauthenticate { token: TokenId(1), .. });
        assert_eq!(pushed.iter().any(base), connected);
        assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    }
}

#[test]
fn what_follows_from_an_end_alone_happens_on_the_dot() {
    // proves L6: `wake_at` is exact, though no deadline of its own belongs to a bound token's end
    let mut story = scoped().begin();
    story.until(10_000);
    story.always("renew", Treatment::Fail(http(503))).always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    let end = story.machine.status().token_ends.expect("stated").0;
    story.until(930_000);
    assert_eq!(story.times("activate")[1], end);
}

#[test]
fn shrinking_bound_tokens_renew_the_base() {
    // proves L17
    // survives P8
    for (refresh, mint, then) in [(true, false, "refresh"), (false, true, "mint"), (true, true, "mint")] {
        let mut story = scoped().provider(refresh, mint).begin();
        story.until(10_000);
        let minted = story.times("mint").len();
        story.world.bound_life = 600_000;
        story.until(812_000);
        let renewed = story.times("renew")[0];
        let count = if then == "mint" { story.times("mint").len() - minted } else { story.times(then).len() };
        assert_eq!(count, 1, "{then}: {}", story.script);
        near(*story.times(then).last().expect("renewed"), renewed);
        if then == "mint" {
            let fingerprint = Some(KeyAlgorithm::Es256);
            assert_eq!(story.given("mint").pop().map(|c| c.action), Some(Action::Mint { fingerprint }));
        }
    }
    // Three quarters are no sign; and without a provider the bound one is kept.
    let mut story = scoped().refreshes().begin();
    story.until(10_000);
    story.world.bound_life = 680_000;
    story.until(1_000_000);
    assert!(story.times("refresh").is_empty());
    let mut story = scoped().begin();
    story.until(10_000);
    story.world.bound_life = 600_000;
    story.until(2_000_000);
    assert!(story.times("renew").len() >= 3);
}

#[test]
fn a_first_bound_token_that_was_cut_short_hides_nothing() {
    // proves L17: measured by the longest of its base's. Measured by the first, the renewals would come nearer
    // and nearer to the base's end, and the session end there although the provider could have gone on.
    for (refresh, mint, then) in [(true, false, "refresh"), (false, true, "mint"), (true, true, "mint")] {
        let mut story = scoped().bound_life(60_000).provider(refresh, mint).begin();
        story.until(10_000);
        let before = story.times(then).len();
        story.world.bound_life = 900_000;
        story.until(100_000);
        assert_eq!((story.times("renew").len(), story.times(then).len()), (1, before), "{}", story.script);
        story.world.bound_life = 600_000;
        story.until(1_000_000);
        let renewed = story.times("renew")[1];
        assert_eq!(story.times(then).len(), before + 1, "{then}: {}", story.script);
        near(*story.times(then).last().expect("renewed"), renewed);
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
    assert!(reasons(&story).is_empty());

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

#[test]
fn what_holds_a_renewal_back_has_a_name() {
    // proves L13
    let hold = |story: &Story| story.machine.status().hold;
    // The key and the scope come first; then the schedule alone decides.
    let mut story = scoped()
        .refreshes()
        .next("make_key", Treatment::Late(100))
        .next("inspect", Treatment::Late(100))
        .begin();
    assert_eq!(hold(&story), Some(Hold::Key));
    story.until(20_000);
    assert_eq!(hold(&story), None);
    let mut story = scoped().refreshes().next("inspect", Treatment::Silence).begin();
    story.until(60);
    assert_eq!(hold(&story), Some(Hold::Scope));
    // An activation that waits for the socket.
    let mut story = scoped()
        .refreshes()
        .always("open", Treatment::Fail(Failure::Transport))
        .always("activate", Treatment::Fail(http(503)))
        .begin();
    let mut seen = std::collections::BTreeSet::new();
    while story.now < 60_000 {
        story.until(story.now + 101);
        seen.extend(hold(&story));
    }
    assert!(seen.contains(&Hold::NoPath) && seen.contains(&Hold::BackOff), "{seen:?}");
    // Back-off after a failure, and none once it has succeeded.
    let mut story = unscoped().refreshes().begin();
    story.next("refresh", Treatment::Fail(http(503)));
    story.until(6_900_100);
    assert_eq!(hold(&story), Some(Hold::BackOff));
    story.until(6_910_000);
    assert_eq!(hold(&story), None);
    // The provider has said never.
    let mut story = unscoped().refreshes().begin();
    story.always("refresh", Treatment::Fail(Failure::Rejected));
    story.until(6_950_000);
    assert_eq!((hold(&story), story.mechanism()), (Some(Hold::Rejected), Mechanism::None));
    // A refused push, until the connect beside has decided.
    let mut story = unscoped().refreshes().begin();
    story.next("reauthenticate", Treatment::Fail(Failure::Rpc { code: -32_002, credential: true }));
    story.until(6_950_000);
    assert_eq!(hold(&story), Some(Hold::Verdict));
    story.until(7_150_000);
    assert_eq!(hold(&story), None);
    // The budget, where every renewal is already over.
    let mut story = unscoped().base_life(1_000).refreshes().begin();
    let mut seen = std::collections::BTreeSet::new();
    while story.now < 60_000 {
        story.until(story.now + 7);
        seen.extend(hold(&story));
    }
    assert!(seen.contains(&Hold::Governor), "{seen:?}");
    // Bound tokens that gain nothing, since the server says at each push that they have ended: after their own
    // end an activation waits, too.
    let ended = Statement { expires_at: Some(UnixMillis(story::EPOCH)), ..Statement::default() };
    let refuted = Treatment::Say(Reply::Reauthenticated(ended));
    let mut story = scoped().bound_life(6_000).always("reauthenticate", refuted).begin();
    let mut seen = std::collections::BTreeSet::new();
    while story.now < 120_000 {
        story.until(story.now + 7);
        if story.machine.why().is_some_and(|why| why.wake == Wake::Activate && why.at.0 > story.now) {
            seen.insert(hold(&story));
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [Some(Hold::Governor)]);
    // Nobody has said when it ends.
    let mut story = unscoped().world(|world| world.states_ends = false).refreshes().keyless().begin();
    story.until(20_000);
    assert_eq!(hold(&story), Some(Hold::NoEnd));
    story.input(Input::Suspend);
    assert_eq!(hold(&story), Some(Hold::Suspended));
}
