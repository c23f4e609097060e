//! Bound tokens: renewed, handed over, refused past their end, cut short by their base (L17).

use crate::story::{FORBIDDEN, Treatment, UNAVAILABLE, http, near, scoped};
use satkeeper_core::lifecycle::*;

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
    near(story.fallbacks()[0].0, 855_000);
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
