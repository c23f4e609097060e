//! What a refused connect may mean, and what is tried in what order (R10).

use crate::story::{FORBIDDEN, REFUSED, Story, Treatment, UNAVAILABLE, scoped, unscoped};
use satkeeper_core::lifecycle::*;

/// What was shown to a fresh connect, by number.
fn offered(story: &Story) -> Vec<u32> {
    story.connects().iter().map(|(_, token, _)| *token).collect()
}

#[test]
fn the_order_of_what_a_refusal_may_mean() {
    // proves R4.2, R10.5, R26.3, R35.7
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
    // Signed anew; a new kind of key and its mint; then a new token with each round.
    assert_eq!(offered(&story)[..4], [1, 1, 2, 3], "{}", story.script);
    assert!(!offsets[0] && offsets[1..].iter().all(|known| *known), "{offsets:?}");
    assert_eq!(story.times("make_key").len(), 2);
    // Where nobody can bring another, the second refusal is the end of what never was live.
    let mut story = unscoped()
        .skew(60_000)
        .world(|world| world.tells_time = false)
        .always("authenticate", Treatment::Fail(REFUSED))
        .begin();
    story.until(10_000);
    assert_eq!(offered(&story), [1, 1], "{}", story.script);
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
}

#[test]
fn who_is_asked_during_the_second_look_is_not_asked_again_after_it() {
    // proves R10.5
    let mut story = unscoped().mints().begin();
    // Its renewal is due at 6,749 s.
    story.until(6_748_800);
    story.always("authenticate", Treatment::Fail(REFUSED)).always("mint", Treatment::Fail(FORBIDDEN));
    story.drop_socket();
    story.until(6_760_000);
    let mints = story.times("mint");
    let [_, first, second, ..] = story.connects()[..] else { panic!("{}", story.script) };
    assert!(mints.iter().any(|at| (first.0..second.0).contains(at)), "{}", story.script);
    assert!(!mints.iter().any(|at| (second.0..second.0 + 4_000).contains(at)), "{}", story.script);
}

#[test]
fn who_was_removed_is_told_so_within_eleven_minutes() {
    // proves R10.5, R25.5, R28.1
    // survives P2, P12
    // A first connect, and a session that has been live.
    for live in [false, true] {
        let mut story = unscoped().mints().begin();
        let from = if live { 20_000 } else { 0 };
        story.until(from);
        story.always("authenticate", Treatment::Fail(REFUSED));
        if live {
            story.drop_socket();
        }
        story.until(from + 660_000);
        let Some((at, Event::Teardown { reason: TeardownReason::InvalidCredentials, cause: Some(cause) })) =
            story.events.last()
        else {
            panic!("{live}: {}", story.script)
        };
        assert_eq!(cause.failure, REFUSED);
        assert!(*at > from + 590_000, "{at}");
        assert!(story.connects().len() <= 25 && story.times("mint").len() <= 15, "{}", story.script);
        // And until then each failure has named the next try, which came: a mint, or a token that is shown again.
        for (at, warning) in story.warnings("connect_failed") {
            let Warning::ConnectFailed { next: Some(next), .. } = warning else { panic!("{warning:?}") };
            let tried = story.commands.iter().any(|(at, command)| {
                *at == next.0 && matches!(command.action, Action::Mint { .. } | Action::Open { .. })
            });
            let last = story.events.last().is_some_and(|(end, _)| next.0 >= *end);
            assert!(tried || last, "at {at}, {next}: {}", story.script);
        }
    }
}

#[test]
fn while_older_tokens_are_shown_whoever_brings_them_is_asked_once() {
    // proves R10.2, R10.3, R10.5
    // The bound token is refused; its base has yet to be shown, and sockets take their time.
    let mut story = scoped().refreshes().mints().begin();
    story.until(20_000);
    assert!(story.machine.status().bound, "{}", story.script);
    story.always("authenticate", Treatment::Fail(REFUSED)).always("open", Treatment::Late(4_000));
    story.always("refresh", Treatment::Fail(FORBIDDEN)).always("mint", Treatment::Fail(FORBIDDEN));
    story.always("activate", Treatment::Fail(FORBIDDEN));
    story.drop_socket();
    story.until(660_000);
    let asked = |from: u64, to: u64| {
        let asks = |it: &&(u64, Command)| matches!(it.1.action, Action::Mint { .. } | Action::Refresh);
        story.commands.iter().filter(|it| (from..to).contains(&it.0)).filter(asks).count()
    };
    // Twice the bound one, then the base; the rounds begin when that is refused, too.
    let connects = story.connects();
    let (second, base) = (connects[2].0, connects[3].0);
    assert_eq!(asked(20_000, second), 0, "{}", story.script);
    assert_eq!(asked(second, base), 1, "{}", story.script);
    assert!(asked(20_000, 660_000) <= 15, "{}", story.script);
}

#[test]
fn an_outage_of_the_authentication_ends_nothing() {
    // proves R10.2, R10.5, R10.6
    // survives P2, P12
    for span in [45_000, 480_000] {
        let mut story = unscoped().refreshes().begin();
        story.until(20_000);
        story.always("authenticate", Treatment::Fail(REFUSED));
        story.drop_socket();
        story.until(30_000);
        // What was good until now is shown once more, and whoever brings tokens is asked at once.
        assert_eq!(offered(&story)[..4], [1, 1, 1, 2], "{}", story.script);
        story.until(20_000 + span);
        story.mend("authenticate");
        story.until(20_000 + span + 60_000);
        assert_eq!((story.phase(), story.teardown()), (Phase::Live, None), "{}", story.script);
        // An acceptance forgets all: another refusal is the first.
        story.next("authenticate", Treatment::Fail(REFUSED));
        story.drop_socket();
        story.until(story.now + 2_000);
        assert_eq!(story.phase(), Phase::Live, "{}", story.script);
    }
}

#[test]
fn with_nobody_to_bring_another_the_one_there_is_is_shown_round_by_round() {
    // proves R10.2, R10.4
    let mut story = unscoped().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(200_000);
    let opens = &story.times("open")[1..];
    let waits: Vec<u64> = opens.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((500..=1_100).contains(&waits[0]), "{waits:?}");
    for (wait, most) in waits[1..].iter().zip([5_000, 10_000, 20_000, 40_000, 60_000]) {
        assert!((most * 9 / 10..=most + 100).contains(wait), "{wait} of {most}");
    }
    story.mend("authenticate");
    story.until(262_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_provider_that_hangs_does_not_keep_a_refused_token_from_being_shown_again() {
    // proves R10.4: nobody answers for a new token, and the server would take the one that there is
    let mut opening = unscoped().refreshes();
    opening.start.provider.may_be_asked_twice = true;
    let mut story = opening.begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(200_000);
    story.always("refresh", Treatment::Silence);
    story.until(320_000);
    story.mend("authenticate");
    story.until(400_000);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
}

#[test]
fn while_nobody_answers_for_a_new_token_it_is_asked_for_at_its_own_pace() {
    // proves R10.5: a request on its way is lost after a refusal, and the next would bring what serves; each minute
    // in which nobody asks is one without a session
    let mut opening = unscoped().refreshes();
    opening.start.provider.may_be_asked_twice = true;
    let mut story = opening.begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(200_000);
    let rounds = story.times("refresh").len();
    story.always("refresh", Treatment::Silence);
    story.until(300_000);
    let (silent, waits) = (story.times("refresh").split_off(rounds), |pair: &[u64]| pair[1] - pair[0]);
    // Each is waited for 5 s, and 10 s pass at most from one to the next.
    assert!(silent.len() >= 3 && silent.windows(2).map(waits).all(|wait| wait <= 15_000), "{silent:?}");
    story.mend("authenticate");
    story.mend("refresh");
    story.until(316_000);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
}

#[test]
fn a_token_that_comes_late_in_a_round_is_shown_at_once() {
    // proves R9.3, R10.5
    // survives P16, P20
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    for _ in 0..3 {
        story.next("refresh", Treatment::Fail(UNAVAILABLE));
    }
    story.drop_socket();
    story.until(60_000);
    let came = story.times("refresh")[3] + 40;
    assert!(story.connects().contains(&(came + 40, 2, false)), "{}", story.script);
    // The very token that was refused, delivered again, is no new one.
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    let same = TokenFacts { token: TokenId(1), statement: Statement::default(), new_secret: false };
    story.always("refresh", Treatment::Say(Reply::Token(same)));
    story.drop_socket();
    story.until(700_000);
    assert!(story.times("refresh").len() <= 15, "one each round: {:?}", story.times("refresh"));
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
}

#[test]
fn a_server_whose_clock_leaps_gets_one_proof_more_and_no_loop() {
    // proves R4.2
    // survives P25, V4
    let mut story = unscoped()
        .always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_003, credential: true }))
        .begin();
    while story.now < 60_000 && story.teardown().is_none() {
        story.world.skew += 20_000;
        story.until(story.now + 25);
    }
    assert!(story.connects().len() <= 2, "{}", story.script);
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
}

#[test]
fn other_codes_time_outs_and_drops_only_reconnect() {
    // proves R19.1
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
        story.until(600_100);
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
