//! Tokens that are brought and are no news, or another's: our own bound token, its base, one that is bound to a key
//! that is not ours (R27, R35).

use crate::story::{Story, Treatment, provided, scoped};
use satkeeper_core::lifecycle::*;

const BASE: TokenId = TokenId(1);
const BOUND: TokenId = TokenId(2);

/// Bound, live, with or without a provider's refresh.
fn bound(can_refresh: bool) -> Story {
    let mut story = scoped().provider(can_refresh, false).begin();
    story.until(20_000);
    assert_eq!(story.machine.status().in_force, Some(BOUND));
    story
}

fn bring(story: &mut Story, token: TokenId) -> AskId {
    let ask = story.ask();
    let token = TokenFacts { token, statement: Statement::default(), new_secret: false };
    story.input(Input::NewBase { ask, token });
    ask
}

fn foreign() -> Treatment {
    let cnf = Confirmation::Others;
    Treatment::Say(Reply::Inspected(Statement { scope: Some(true), cnf, ..Statement::default() }))
}

/// What was shown to the server: offered or pushed.
fn shown(story: &Story) -> Vec<TokenId> {
    let token = |c: &Command| match c.action {
        Action::Authenticate { token, .. } | Action::Reauthenticate { token, .. } => Some(token),
        _ => None,
    };
    story.commands.iter().filter_map(|(_, c)| token(c)).collect()
}

// ---- What the session holds already ----

#[test]
fn what_is_in_force_is_no_news() {
    // proves R27.7
    for token in [BASE, BOUND] {
        let mut story = bound(true);
        let ask = bring(&mut story, token);
        assert_eq!(story.answer(ask), Some((20_000, None)), "{token:?}");
        story.until(60_000);
        assert!(story.names(20_000).is_empty(), "{token:?}: {}", story.script);
        assert_eq!(story.machine.status().in_force, Some(BOUND));
        // Who brings it again and again is not throttled, and takes no renewal away.
        story.next("renew", Treatment::Late(5_000));
        let renewal = story.refresh_now();
        for _ in 0..20 {
            let ask = bring(&mut story, token);
            assert_eq!(story.answer(ask), Some((60_000, None)), "{token:?}");
        }
        story.until(70_000);
        assert_eq!(story.answer(renewal), Some((65_040, None)), "{token:?}: {}", story.script);
        assert_eq!(story.times("renew").len(), 1, "{token:?}: {}", story.script);
    }
}

#[test]
fn our_own_bound_token_brought_back_without_a_socket_stays_one() {
    // proves R17.1, R27.3
    for can_refresh in [true, false] {
        for resumable in [true, false] {
            let mut story = bound(can_refresh);
            if resumable {
                story.resume_state();
            }
            story.always("open", Treatment::Fail(Failure::Transport));
            story.drop_socket();
            story.until(30_000);
            let ask = bring(&mut story, BOUND);
            assert_eq!(story.answer(ask), None);
            assert_eq!(story.mechanism(), Mechanism::Bound, "{}", story.script);
            story.mend("open");
            story.until(60_000);
            assert_eq!(story.answer(ask), Some((story.lives()[1], None)));
            let status = story.machine.status();
            assert_eq!((status.in_force, status.bound), (Some(BOUND), true));
            assert!(!story.names(30_000).contains(&"inspect"), "it is no base: {}", story.script);
            assert!(story.warnings("credential_no_refresh_handler").is_empty(), "{}", story.script);
            // And it is renewed as if nothing had been.
            story.until(900_000);
            assert_eq!(story.times("renew").len(), 1, "{}", story.script);
            assert!(story.times("refresh").is_empty());
        }
    }
}

#[test]
fn a_bound_token_on_its_way_is_not_begun_anew() {
    // proves R17.7, R27.3
    let mut story = scoped().next("reauthenticate", Treatment::Fail(Failure::Transport)).begin();
    story.until(200);
    assert_eq!(story.machine.status().in_force, Some(BASE));
    let ask = bring(&mut story, BOUND);
    story.until(5_000);
    assert_eq!(story.answer(ask).map(|(_, error)| error), Some(None), "{}", story.script);
    let status = story.machine.status();
    assert_eq!((status.in_force, status.mechanism), (Some(BOUND), Mechanism::Bound));
    assert_eq!((story.times("activate").len(), story.times("inspect").len()), (1, 1));
}

#[test]
fn a_provider_that_returns_our_own_bound_token_has_brought_nothing() {
    // proves R9.1, R9.3, R18.1
    // survives P16
    for can_mint_again in [true, false] {
        let mut story =
            scoped().provider(true, can_mint_again).world(|world| world.refreshed_scope = true).begin();
        story.until(100_000);
        // The bound tokens have met the end of their base: that is renewed at once.
        let short = TokenFacts {
            token: TokenId(50),
            statement: Statement { expires_in: Some(600_000), ..Statement::default() },
            new_secret: false,
        };
        story.next("renew", Treatment::Say(Reply::Token(short)));
        let ours = TokenFacts { statement: Statement::default(), ..short };
        for name in ["mint", "refresh"] {
            story.always(name, Treatment::Say(Reply::Token(ours)));
        }
        story.refresh_now();
        story.until(400_000);
        // By a mint, too, where that can be repeated.
        let attempts =
            story.times("refresh").len() + story.times("mint").iter().filter(|at| **at >= 100_000).count();
        assert!((5..=20).contains(&attempts), "{attempts}, and not one each 5 s: {}", story.script);
        // The bound token that gained nothing is a failed attempt itself.
        assert_eq!(story.warnings("credential_refresh_failed").len(), attempts + 1);
        let status = story.machine.status();
        assert_eq!((status.in_force, status.bound), (Some(TokenId(50)), true), "{}", story.script);
        assert_eq!(story.phase(), Phase::Live);
        // Once it brings a base, that is used.
        story.mend("mint").mend("refresh");
        story.until(620_000);
        assert!(story.times("activate").len() == 2, "{}", story.script);
    }
}

// ---- What is another's ----

#[test]
fn who_brings_another_keys_token_is_told_before_the_server_is() {
    // proves R27.2, R35.9
    let mut story = bound(true);
    story.always("inspect", foreign());
    let (ask, token) = story.update(7_200_000);
    story.until(21_000);
    assert_eq!(story.answer(ask), Some((20_040, Some(AskError::InvalidCredentials))));
    assert_eq!(story.warnings("foreign_key"), [(20_040, Warning::ForeignKey { token })]);
    assert!(!story.machine.holds(token) && !shown(&story).contains(&token), "{}", story.script);
    assert_eq!((story.phase(), story.machine.status().in_force), (Phase::Live, Some(BOUND)));
    // What was there before goes on as if nothing had been, its state too.
    story.resume_state();
    assert!(!matches!(story.events.last(), Some((_, Event::Ignored(_)))), "{}", story.script);
    // Brought again, it is asked about again.
    let ask = bring(&mut story, token);
    story.until(22_000);
    assert_eq!(story.answer(ask), Some((21_040, Some(AskError::InvalidCredentials))));
    assert!(!shown(&story).contains(&token), "{}", story.script);
}

#[test]
fn a_server_that_is_judging_it_has_the_last_word() {
    // proves R10.1, R35.9
    // An unbound session pushes at once, and asks at the same time what it is.
    let mut story = provided();
    story.next("inspect", foreign()).next("reauthenticate", Treatment::Late(1_000));
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert_eq!(story.warnings("foreign_key").len(), 1, "{}", story.script);
    assert_eq!(story.answer(ask), Some((21_000, None)));
    assert_eq!(story.machine.status().in_force, Some(token));
    // A connect that is under way is waited for, too.
    let mut story = scoped().next("open", Treatment::Late(10)).next("inspect", foreign()).begin();
    story.until(30_000);
    assert_eq!(story.warnings("foreign_key").len(), 1, "{}", story.script);
    assert_eq!((story.phase(), story.machine.status().in_force), (Phase::Live, Some(BASE)));
    assert_eq!((story.lives().len(), story.teardown()), (1, None));
    // What it has accepted already is what it is.
    let mut story = provided();
    story.next("inspect", foreign()).next("reauthenticate", Treatment::Late(10));
    let (ask, token) = story.update(7_200_000);
    story.until(30_000);
    assert_eq!(story.answer(ask), Some((20_010, None)));
    assert!(story.warnings("foreign_key").is_empty(), "{}", story.script);
    assert_eq!(story.machine.status().in_force, Some(token));
}

#[test]
fn a_foreign_first_token_is_replaced_and_in_the_end_named_as_the_cause() {
    // proves R25.5, R26.3, R35.9
    for mends in [true, false] {
        let slow = scoped().mints().always("open", Treatment::Late(500));
        let slow = if mends { slow.next("inspect", foreign()) } else { slow.always("inspect", foreign()) };
        let mut story = slow.begin();
        story.until(60_000);
        assert!(!shown(&story).contains(&BASE), "{}", story.script);
        assert_eq!(story.times("close")[0], 540, "the socket that was to show it is closed");
        if mends {
            assert_eq!((story.phase(), story.times("mint").len()), (Phase::Live, 2), "{}", story.script);
            continue;
        }
        // Asked ever more rarely, for ten minutes; each failure names the next try.
        let told = story.warnings("connect_failed");
        let [(_, Warning::ConnectFailed { next: Some(next), .. }), ..] = told[..] else { panic!("{told:?}") };
        assert_eq!(story.times("mint")[1], next.0);
        story.until(700_000);
        assert!((10..=20).contains(&story.times("mint").len()), "{:?}", story.times("mint"));
        let Some((at, Event::Teardown { reason: TeardownReason::InvalidCredentials, cause: Some(cause) })) =
            story.events.last()
        else {
            panic!("{}", story.script)
        };
        assert!((600_000..690_000).contains(at), "{at}");
        let of = story.commands.iter().find(|(_, command)| command.id == cause.command);
        assert!(of.is_some_and(|(_, c)| c.action.name() == "inspect") && cause.failure == Failure::NoKey);
    }
    // With nobody to bring another it is the end.
    let mut story = scoped().always("open", Treatment::Late(500)).always("inspect", foreign()).begin();
    story.until(60_000);
    // Told at once, or when the socket has come that was to show it.
    let over = story.teardown();
    assert!(matches!(over, Some((80..=540, TeardownReason::InvalidCredentials))), "{}", story.script);
}

#[test]
fn a_provider_that_only_brings_foreign_tokens_is_asked_ever_more_rarely() {
    // proves R9.1, R18.1, R35.9
    let mut story = scoped().mints().begin();
    story.until(100_000);
    let short = Statement { expires_in: Some(600_000), ..Statement::default() };
    let token = TokenFacts { token: TokenId(50), statement: short, new_secret: false };
    story.next("renew", Treatment::Say(Reply::Token(token)));
    story.always("inspect", foreign());
    story.refresh_now();
    story.until(400_000);
    let mints = story.times("mint").len() - 1;
    assert!((4..=12).contains(&mints), "{mints}: {}", story.script);
    assert_eq!(story.warnings("foreign_key").len(), mints);
    assert_eq!(shown(&story), [BASE, BOUND, TokenId(50)]);
    assert_eq!((story.phase(), story.mechanism()), (Phase::Live, Mechanism::Bound));
}
