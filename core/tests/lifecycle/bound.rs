//! Bound tokens: renewed, refused, carried by their base, cut short by it (R17, R8).

use crate::story::{EPOCH, FORBIDDEN, Treatment, UNAVAILABLE, near, scoped};
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

#[test]
fn who_fails_to_renew_leaves_the_turn_to_the_next_at_half_the_lead() {
    // proves R17.6, R17.10
    // survives S7, P17
    for failure in [UNAVAILABLE, FORBIDDEN] {
        // The bound token's renewal, an activation, the provider.
        for (activates, then) in [(true, "activate"), (false, "refresh")] {
            // A base that has hours left would carry the session: nobody would be asked for another.
            let mut story = scoped().base_life(1_000_000).refreshes().begin();
            story.until(10_000);
            story.always("renew", Treatment::Fail(failure));
            if !activates {
                story.always("activate", Treatment::Fail(failure));
            }
            story.until(800_000);
            assert!(story.times("renew").is_empty());
            story.until(890_000);
            near(story.times("renew")[0], 810_000);
            let asked = *story.times(then).last().expect("asked");
            // Or before, where the one before would come too late.
            assert!((832_000..=856_600).contains(&asked), "{failure:?} {then} at {asked}: {}", story.script);
            let fallback = story.fallbacks().first().map(|(_, reason)| *reason);
            assert_eq!(fallback, (!activates).then_some(FallbackReason::EndpointFailed), "{}", story.script);
            assert_eq!(story.times("refresh").len(), usize::from(!activates), "once");
            assert_eq!(story.lives().len(), 1);
            let mechanism = if activates { Mechanism::Bound } else { Mechanism::Provider };
            assert_eq!(story.mechanism(), mechanism);
            assert_eq!(story.renewals().len(), 2, "{}", story.script);
        }
    }
}

#[test]
fn the_next_attempt_that_is_announced_is_the_one_that_comes() {
    // proves R28.1
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
            // Unless the base that outlives the bound token is pushed meanwhile (R6): then nothing is due.
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
fn a_base_carries_the_session_past_the_end_of_its_bound_token() {
    // proves R6.4, R6.5
    // survives P10
    for connected in [true, false] {
        let mut story = scoped()
            .next("activate", Treatment::Well)
            .always("activate", Treatment::Fail(UNAVAILABLE))
            .always("renew", Treatment::FailLate(FORBIDDEN, 6_000))
            .begin();
        story.until(800_000);
        if !connected {
            story.always("open", Treatment::Fail(Failure::Transport));
            story.drop_socket();
        }
        story.until(905_000);
        assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
        // Connected, the base is in force from a third of the lead before the bound one's end.
        let base = |c: &Command| matches!(c.action, Action::Reauthenticate { token: TokenId(1), .. });
        assert_eq!(story.given("reauthenticate").iter().any(base), connected);
        story.mend("open").mend("activate");
        story.until(940_000);
        let status = story.machine.status();
        assert_eq!((status.phase, status.bound, status.mechanism), (Phase::Live, true, Mechanism::Bound));
        assert_ne!(status.in_force, Some(TokenId(2)));
        assert_eq!(story.lives().len(), 1 + usize::from(!connected));
    }
}

#[test]
fn what_follows_from_an_end_alone_happens_on_the_dot() {
    // proves R25.6, R29.6: `wake_at` is exact
    let mut story = scoped().scope(false).begin();
    story.until(10_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    let end = story.machine.status().session_ends.expect("stated").0;
    story.until(end + 60_000);
    assert_eq!(story.told(|event| matches!(event, Event::Expired { .. })), [end]);
    assert_eq!(story.teardown(), Some((end, TeardownReason::Expired)));
}

#[test]
fn shrinking_bound_tokens_renew_the_base() {
    // proves R8.5
    // survives P8
    for (refresh, mint, then) in [(true, false, "refresh"), (false, true, "mint"), (true, true, "refresh")] {
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
    // proves R8.5: measured by the longest of its base's. Measured by the first, the renewals would come nearer
    // and nearer to the base's end, and the session end there although the provider could have gone on.
    for (refresh, mint, then) in [(true, false, "refresh"), (false, true, "mint"), (true, true, "refresh")] {
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
fn what_has_been_brought_is_shown_before_anybody_is_asked_for_another() {
    // proves R17.7, R27.1: however long the push takes that puts it in force
    let mut story = scoped().base_life(1_000_000).refreshes().begin();
    story.until(10_000);
    for name in ["renew", "activate"] {
        story.always(name, Treatment::Fail(UNAVAILABLE));
    }
    story.next("reauthenticate", Treatment::Late(4_000));
    story.until(890_000);
    assert_eq!((story.times("refresh").len(), story.renewals().len()), (1, 2), "{}", story.script);
    // But who waits for another is not told that there is one.
    let ask = story.refresh_now();
    story.until(891_000);
    assert!(matches!(story.answer(ask), Some((_, None))), "{}", story.script);
    assert_eq!(story.times("refresh").len(), 2);
}

#[test]
fn what_is_announced_reckons_with_what_ends_before_it() {
    // proves R28.1
    let later = |asked| Treatment::Fail(Failure::Http { status: 429, retry_after: Some(asked) });
    let mut story = scoped().begin();
    story.until(800_000);
    // The bound token ends at 900 s: nobody renews it after that, and the base is exchanged when its endpoint will have it.
    story.always("renew", later(120_000)).always("activate", later(200_000));
    story.until(890_000);
    let told = story.warnings("credential_refresh_failed");
    let Some((_, Warning::RefreshFailed { next: Some(next), .. })) = told.last() else { panic!("{told:?}") };
    story.until(next.0);
    let asked = story.times("activate").into_iter().chain(story.times("renew")).max();
    assert_eq!(asked, Some(next.0), "{}", story.script);
    assert!(next.0 > 1_000_000, "{}", story.script);
}

#[test]
fn what_has_ended_when_it_comes_is_not_renewed_by() {
    // proves R9.1: a server's time is told by the second, and within it what has ended seems to last
    let mut story = scoped().begin();
    story.until(800_000);
    for (name, token) in [("renew", 50), ("activate", 51)] {
        let statement = Statement {
            expires_in: Some(0),
            expires_at: Some(UnixMillis(EPOCH + 805_500)),
            ..Statement::default()
        };
        let facts = TokenFacts { token: TokenId(token), statement, new_secret: false };
        story.next(name, Treatment::Say(Reply::Token(facts)));
    }
    story.until(890_000);
    let dead = [TokenId(50), TokenId(51)];
    let by_dead =
        |command: &Command| matches!(command.action, Action::Renew { bound, .. } if dead.contains(&bound));
    assert!(!story.given("renew").iter().any(by_dead), "{}", story.script);
    assert_eq!(story.phase(), Phase::Live);
}
