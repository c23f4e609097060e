//! What was asked before another token or provider was brought is void: who logs another user in never gets the old one's
//! late token, nor is the old one shown or resumed while the new one is being tried (R15).

use crate::story::{REFUSED, Story, Treatment, provided};
use satkeeper_core::lifecycle::*;

const REFRESHES: ProviderFacts =
    ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };

/// What was shown to the server since then: offered or pushed.
fn shown(story: &Story, from: u64) -> Vec<TokenId> {
    let token = |c: &Command| match c.action {
        Action::Authenticate { token, .. } | Action::Reauthenticate { token, .. } => Some(token),
        _ => None,
    };
    story.commands.iter().filter(|(at, _)| *at >= from).filter_map(|(_, c)| token(c)).collect()
}

fn ignored(story: &Story, id: CommandId) -> bool {
    story.events.iter().any(|(_, event)| *event == Event::Ignored(Ignored::StaleAnswer(id)))
}

#[test]
fn a_token_that_was_asked_for_before_is_nobodys() {
    // proves R15.1
    // survives P15, S9
    // In its time, and after its deadline, when it would have counted all the same.
    for (takes, then) in [(5_000, 21_000), (130_000, 145_000)] {
        for brings_token in [true, false] {
            let mut story = provided();
            story.next("refresh", Treatment::Late(takes)).always("refresh", Treatment::Silence);
            story.refresh_now();
            story.until(then);
            let old = story.given("refresh")[0].id;
            story.mend("refresh");
            if brings_token {
                story.update(7_200_000);
            } else {
                story.input(Input::NewProvider(REFRESHES));
            }
            story.until(20_000 + takes + 10_000);
            assert!(ignored(&story, old), "{}", story.script);
            // The old one's answer would have brought the second token there was.
            assert!(!shown(&story, 0).contains(&TokenId(2)), "{}", story.script);
            assert!(!story.machine.holds(TokenId(2)));
            assert_eq!(story.phase(), Phase::Live);
        }
    }
}

#[test]
fn the_old_users_state_is_not_resumed() {
    // proves R15.2
    // Without a socket: the next connect is a fresh one.
    let mut story = provided();
    story.resume_state();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(30_000);
    let (ask, token) = story.update(7_200_000);
    story.mend("open");
    story.until(60_000);
    assert_eq!(story.connects().last().map(|(_, it, resume)| (*it, *resume)), Some((token.0, false)));
    assert!(matches!(story.answer(ask), Some((_, None))), "{}", story.script);
    // While it is being resumed: that is given up.
    let mut story = provided();
    story.resume_state();
    story.next("authenticate", Treatment::Late(5_000));
    story.drop_socket();
    story.until(22_000);
    assert_eq!(story.connects().last().map(|(_, _, resume)| *resume), Some(true));
    let (_, token) = story.update(7_200_000);
    story.until(30_000);
    assert_eq!(story.connects().last().map(|(_, it, resume)| (*it, *resume)), Some((token.0, false)));
    assert_eq!(story.machine.status().in_force, Some(token));
    // On a socket that serves: what it still says belongs to the old one.
    let mut story = provided();
    story.resume_state();
    story.next("reauthenticate", Treatment::Silence);
    let (_, token) = story.update(7_200_000);
    story.until(21_000);
    story.resume_state();
    assert_eq!(story.events.last(), Some(&(21_000, Event::Ignored(Ignored::StaleSocket))));
    story.drop_socket();
    story.until(30_000);
    assert_eq!(story.connects().last().map(|(_, it, resume)| (*it, *resume)), Some((token.0, false)));
    // Once it is accepted, states are its own.
    story.resume_state();
    story.drop_socket();
    story.until(40_000);
    assert_eq!(story.connects().last().map(|(_, it, resume)| (*it, *resume)), Some((token.0, true)));
}

#[test]
fn the_old_one_is_not_shown_while_the_new_one_is_tried() {
    // proves R15.2
    let mut story = provided();
    story.always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_603, credential: false }));
    story.drop_socket();
    story.until(25_000);
    let (ask, token) = story.update(7_200_000);
    story.until(60_000);
    let tried = shown(&story, 25_001);
    assert!(tried.len() >= 5 && tried.iter().all(|it| *it == token), "{}", story.script);
    // Refused, it goes, and the old one is what there is.
    story.mend("authenticate").next("authenticate", Treatment::Fail(REFUSED));
    story.until(90_000);
    assert!(story.failed(ask, REFUSED), "{}", story.script);
    assert_eq!((story.phase(), story.machine.status().in_force), (Phase::Live, Some(TokenId(1))));
}
