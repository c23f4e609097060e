//! What a refused connect may mean, and what is tried in what order (L35).

use crate::story::{REFUSED, Treatment, UNAVAILABLE, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn the_order_of_what_a_refusal_may_mean() {
    // proves L35, L46
    // survives P12, P25, S19, S24
    // Our clock is off by a minute, and nobody says so before the first connect is refused.
    let mut story = unscoped()
        .skew(60_000)
        .world(|world| world.tells_time = false)
        .mints()
        .key(KeyFacts::Auto)
        .always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_003, credential: true }))
        .begin();
    story.until(60_000);
    let offsets: Vec<bool> = story
        .given("authenticate")
        .iter()
        .map(|c| matches!(c.action, Action::Authenticate { offset: Some(_), .. }))
        .collect();
    let offered: Vec<u32> = story.connects().iter().map(|(_, token, _)| *token).collect();
    // Signed anew; a new kind of key and its mint; the next token; the one mint; no more.
    assert_eq!(offered, [1, 1, 2, 1, 3], "{}", story.script);
    assert_eq!(offsets, [false, true, true, true, true]);
    assert_eq!(story.times("make_key").len(), 2);
    assert_eq!(story.times("mint").len(), 3);
    let Some((at, Event::Teardown { reason: TeardownReason::InvalidCredentials, cause: Some(cause) })) =
        story.events.last()
    else {
        panic!("{}", story.script)
    };
    assert_eq!(cause.failure, Failure::Rpc { code: -32_003, credential: true });
    assert!(*at < 20_000, "no second round for what never was live: {at}");
}

#[test]
fn a_server_whose_clock_leaps_gets_one_proof_more_and_no_loop() {
    // proves L35, L20
    // survives P25, V4
    let mut story = unscoped()
        .always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_003, credential: true }))
        .begin();
    while story.now < 60_000 && story.teardown().is_none() {
        story.world.skew += 20_000;
        story.until(story.now + 25);
    }
    assert_eq!(story.connects().len(), 2, "{}", story.script);
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
}

#[test]
fn a_live_session_gets_a_second_round() {
    // proves L35
    // survives P2, P12
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(40_000);
    let first: Vec<_> = story.connects();
    assert_eq!(first[1..].iter().map(|(_, token, _)| *token).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.teardown(), None);
    let refused = first[2].0 + 40;
    story.until(80_000);
    let all = story.connects();
    assert!(all[3].0 >= refused + 30_000, "{all:?}");
    // The one that had only been a candidate is gone; the round has a new one of its own.
    assert_eq!(all[3..].iter().map(|(_, token, _)| *token).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
    assert!(story.teardown().is_some_and(|(at, _)| at < refused + 40_000));
    // A server that comes to its senses meanwhile keeps the session.
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(40_000);
    story.mend("authenticate");
    story.until(80_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn the_one_new_token_of_an_outage_counts_when_it_was_delivered() {
    // proves L35
    // survives P16, P20
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    for _ in 0..3 {
        story.next("refresh", Treatment::Fail(UNAVAILABLE));
    }
    story.drop_socket();
    story.until(35_000);
    assert_eq!(story.times("refresh").len(), 4, "failures to get one follow the schedule of attempts");
    assert_eq!(story.connects().last().map(|(_, token, _)| *token), Some(2));
    // The very token that was refused, delivered again, is no new one.
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    let same = TokenFacts { token: TokenId(1), statement: Statement::default(), new_secret: false };
    story.always("refresh", Treatment::Say(Reply::Token(same)));
    story.drop_socket();
    story.until(200_000);
    assert_eq!(story.times("refresh").len(), 2, "one each round");
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
}

#[test]
fn other_codes_time_outs_and_drops_only_reconnect() {
    // proves L35
    // survives S20, P1
    for failure in [
        Failure::Rpc { code: -32_602, credential: false },
        Failure::Rpc { code: -32_000, credential: false },
        Failure::Timeout,
        Failure::Malformed,
        Failure::Transport,
    ] {
        let mut story = unscoped().begin();
        story.until(20_000);
        story.always("authenticate", Treatment::Fail(failure));
        story.drop_socket();
        story.until(600_000);
        assert_eq!(story.teardown(), None, "{failure:?}");
        // Nobody sits on a socket that is not authenticated.
        assert_eq!(story.times("close").len(), story.times("authenticate").len() - 1, "{failure:?}");
        story.mend("authenticate");
        story.until(640_000);
        assert_eq!(story.phase(), Phase::Live, "{failure:?}");
    }
    // Silence is a time-out after 10 s.
    let mut story = unscoped().begin();
    story.until(20_000);
    story.next("authenticate", Treatment::Silence);
    story.drop_socket();
    story.until(50_000);
    assert_eq!(story.times("close")[0], story.connects()[1].0 + 10_000);
}
