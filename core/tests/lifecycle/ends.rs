//! What is known of an end (R2, R7, R8, R9).

use crate::story::{EPOCH, HOUR, REFUSED, Story, Treatment, UNAVAILABLE, near, scoped, unscoped};
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

/// A base about which the provider says this and the server nothing.
fn says(statement: Statement) -> Treatment {
    Treatment::Say(Reply::Token(TokenFacts { token: TokenId(1), statement, new_secret: false }))
}

/// A session with such a base.
fn hinted(statement: Statement, can_refresh: bool, skew: i64) -> Story {
    unscoped()
        .world(|world| world.states_ends = false)
        .skew(skew)
        .provider(can_refresh, false)
        .keyless()
        .next("mint", says(statement))
        .begin()
}

#[test]
fn a_server_told_end_schedules_the_renewal() {
    // proves R16.1, R16.3
    // survives S23, V2, V3
    let mut story = unscoped().base_life(HOUR).refreshes().begin();
    story.until(HOUR);
    near(story.times("refresh")[0], HOUR - 450_000);
}

#[test]
fn renewal_is_planned_by_the_earliest_end_and_the_session_ends_at_the_latest() {
    // proves R2.4, R2.5
    // survives P8
    let minutes = |m: u64| m * 60_000;
    let info = |at: u64| {
        let expires_at = Some(UnixMillis(EPOCH + at));
        Treatment::Say(Reply::Inspected(Statement { expires_at, scope: Some(false), ..Statement::default() }))
    };
    let connect = |at: u64| {
        let expires_at = Some(UnixMillis(EPOCH + at));
        Treatment::Say(Reply::Authenticated {
            resumed: false,
            statement: Statement { expires_at, ..Statement::default() },
        })
    };
    let mut story = scoped()
        .world(|world| world.states_ends = false)
        .refreshes()
        .keyless()
        .next("mint", says(Statement { expires_in: Some(minutes(90)), ..Statement::default() }))
        .next("inspect", info(minutes(60)))
        .next("authenticate", connect(minutes(120)))
        .always("refresh", Treatment::Fail(UNAVAILABLE))
        .begin();
    story.until(10_000);
    assert_eq!(story.warnings("expiry_shortened").len(), 1);
    near(story.machine.status().session_ends.expect("stated").0, minutes(120));
    story.until(minutes(125));
    near(story.times("refresh")[0], minutes(60) - 450_000);
    near(story.told(|event| matches!(event, Event::Expired { .. }))[0], minutes(120));
}

#[test]
fn a_provider_hint_counts_only_while_the_server_is_silent() {
    // proves R7.1
    let hint = Statement { expiry_hint: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
    let mut story = hinted(hint, true, 0);
    story.until(HOUR);
    near(story.times("refresh")[0], HOUR - 450_000);
    // The server says two hours: that is what counts.
    let statement = Statement { expires_at: Some(UnixMillis(EPOCH + 2 * HOUR)), ..Statement::default() };
    let mut story = unscoped()
        .refreshes()
        .keyless()
        .next("mint", says(hint))
        .always("refresh", Treatment::Fail(UNAVAILABLE))
        .next("authenticate", Treatment::Say(Reply::Authenticated { resumed: false, statement }))
        .begin();
    story.until(2 * HOUR - 60_000);
    near(story.times("refresh")[0], 2 * HOUR - 450_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
}

#[test]
fn a_hint_is_read_in_both_clocks() {
    // proves R7.1
    // survives P24
    for skew in [-600_000i64, 600_000] {
        let hint = Statement { expiry_hint: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
        let mut story = hinted(hint, false, skew);
        story.until(20_000);
        let status = story.machine.status();
        near(status.session_ends.expect("hinted").0, HOUR + 600_000 * u64::from(skew < 0));
        assert!(status.clock_offset.is_some_and(|offset| (offset - skew).abs() < 1_600));
        story.next("refresh", Treatment::Well);
        let mut story = hinted(hint, true, skew);
        story.until(HOUR);
        near(story.times("refresh")[0], HOUR - 600_000 * u64::from(skew > 0) - 450_000);
    }
}

#[test]
fn the_end_of_a_hint_that_is_past_by_one_clock_is_announced_all_the_same() {
    // proves R7.2, R28.2
    let skew = 2 * HOUR as i64;
    let hint = Statement { expiry_hint: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
    for (can_refresh, notice) in [(false, 120_000), (true, 150_000)] {
        let mut story = hinted(hint, can_refresh, skew);
        story.always("refresh", Treatment::Fail(UNAVAILABLE));
        story.until(HOUR - 2_000);
        let told = story.warnings("credential_expiring");
        let [(at, Warning::Expiring { .. })] = told[..] else { panic!("{told:?}") };
        near(at, HOUR - notice);
    }
}

#[test]
fn absolute_ends_are_corrected_by_the_servers_clock() {
    // proves R2.2
    // survives P24, S2, S4
    for skew in [-3_600_000i64, -40_000, 60_000, 3_600_000] {
        let mut story = unscoped().base_life(HOUR).skew(skew).refreshes().begin();
        story.until(24 * HOUR);
        // A life of an hour is renewed 450 s before its end whatever our clock says.
        let times = story.times("refresh");
        assert!((24..=27).contains(&times.len()), "{skew}: {}", times.len());
        for pair in times.windows(2) {
            // By the earliest that a `Date` and an end, both to the second, allow.
            let early = (HOUR - 450_000) - (pair[1] - pair[0]);
            assert!(early <= 2_100, "{skew}: {early}");
        }
        assert_eq!(story.lives().len(), 1);
    }
}

#[test]
fn nothing_ends_on_wall_time_alone() {
    // proves R2.2
    // survives P24, S24
    // Our clock is two hours fast: the token looks as if it had ended.
    let statement = Statement { expires_at: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
    let mut story = unscoped()
        .wall(2 * HOUR as i64)
        .world(|world| world.tells_time = false)
        .keyless()
        .always("authenticate", Treatment::Silence)
        .next("mint", says(statement))
        .begin();
    story.until(30 * 60_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty(), "{}", story.script);
    assert_eq!((story.teardown(), story.phase()), (None, Phase::Connecting));
    // It is as if nobody had said anything, and told.
    assert_eq!(story.warnings("server_value_clamped").len(), 1);
    assert_eq!(story.machine.status().session_ends, None);
    // A server that tells its time puts it right.
    story.mend("authenticate");
    story.until(31 * 60_000);
    near(story.machine.status().session_ends.expect("dated").0, HOUR);
}

#[test]
fn an_assumed_end_ends_nothing_until_a_refusal() {
    // proves R8.1, R25.5
    let assumed = Statement { assumed_life: Some(HOUR), ..Statement::default() };
    let mut story = hinted(assumed, false, 0);
    story.until(2 * HOUR);
    assert_eq!(story.phase(), Phase::Live);
    let [(at, Warning::Expiring { assumed: true, .. })] = story.warnings("credential_expiring")[..] else {
        panic!("{}", story.script)
    };
    near(at, HOUR - 120_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    // Refused, that is no end that anybody has named: it is shown again for ten minutes.
    story.until(2 * HOUR + 500_000);
    assert_eq!((story.phase(), story.teardown()), (Phase::Reconnecting, None));
    story.until(2 * HOUR + 700_000);
    // Refused after that, it has probably ended.
    assert_eq!(story.teardown().expect("over").1, TeardownReason::Expired);
}

#[test]
fn the_same_token_again_is_not_fresh_again() {
    // proves R9.3, R18.1
    // survives S5, P19
    let life = Statement { expires_in: Some(HOUR), ..Statement::default() };
    let mut story = unscoped()
        .world(|world| world.states_ends = false)
        .refreshes()
        .keyless()
        .next("mint", says(life))
        .always("refresh", says(life))
        .begin();
    story.until(HOUR + 30_000);
    near(story.told(|event| matches!(event, Event::Expired { .. }))[0], HOUR);
    let tries = story.times("refresh");
    // A second, doubling, up to a quarter of what is left, five seconds at least; each is told as failed.
    let tries = tries.into_iter().filter(|at| *at < HOUR - 1_000).collect::<Vec<_>>();
    assert!((10..=30).contains(&tries.len()), "{tries:?}");
    let waits = tries.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
    assert!(waits[2..].iter().all(|wait| *wait >= 2_000), "{waits:?}");
    let told = story.warnings("credential_refresh_failed");
    assert!(told.len() >= tries.len(), "{}", story.script);
}

#[test]
fn a_lease_of_the_longest_and_shortest_kinds() {
    // proves R2.7, R29.8
    // survives P21, S3
    for life in [0, 1, 1_000, 40 * 24 * HOUR, 100 * 365 * 24 * HOUR, u64::MAX] {
        let statement = Statement {
            expires_in: Some(life),
            expires_at: (life == u64::MAX).then_some(UnixMillis(u64::MAX)),
            ..Statement::default()
        };
        let mut story = unscoped()
            .world(|world| world.states_ends = false)
            .keyless()
            .next("mint", says(statement))
            .begin();
        story.until(24 * HOUR);
        assert!(story.machine.check().is_ok());
        assert_eq!(story.warnings("server_value_clamped").len(), usize::from(life == u64::MAX), "{life}");
        assert_eq!(story.teardown().is_some(), life < 24 * HOUR, "{life}");
    }
}

#[test]
fn of_a_shorter_successor_and_the_longer_token_both_are_kept() {
    // proves R6.4, R6.5
    // survives P8
    let mut story = unscoped().base_life(2 * HOUR).refreshes().begin();
    story.until(10_000);
    story.world.base_life = 600_000;
    story.refresh_now();
    story.until(20_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(600_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)), "pushed back before the short one's end");
    near(story.renewals()[1], 610_000 - 100_000);
    story.until(2 * HOUR - 2_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    assert_eq!(story.lives().len(), 1);
}

#[test]
fn a_time_that_is_learnt_ends_nothing_and_puts_no_retry_off() {
    // proves R3.6
    let life = Statement { expires_in: Some(HOUR), ..Statement::default() };
    let mut story = unscoped()
        .world(|world| (world.states_ends, world.tells_time) = (false, false))
        .refreshes()
        .keyless()
        .next("mint", says(life))
        .begin();
    story.until(HOUR - 460_000);
    // Two hours ahead, says whoever answers that it cannot help.
    story.world.tells_time = true;
    story.world.skew = 2 * HOUR as i64;
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(HOUR - 440_000);
    let tries = story.times("refresh");
    assert!(tries[1] - tries[0] <= 1_100, "{tries:?}");
    story.until(HOUR - 2_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty(), "{}", story.script);
}

#[test]
fn a_hint_is_the_end_where_nobody_renews_and_no_server_says_anything() {
    // proves R7.5
    let hint = Statement { expiry_hint: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
    for can_refresh in [false, true] {
        let mut story = hinted(hint, can_refresh, 0);
        story.always("refresh", Treatment::Fail(UNAVAILABLE));
        story.until(HOUR + 2_000);
        assert_eq!(story.teardown().is_some(), !can_refresh, "{}", story.script);
        near(story.told(|event| matches!(event, Event::Expired { .. }))[0], HOUR);
    }
}

#[test]
fn a_token_that_is_refused_before_its_assumed_end_teaches_its_kinds_life() {
    // proves R8.2
    let assumed = Statement { assumed_life: Some(HOUR), ..Statement::default() };
    let mut story = hinted(assumed, true, 0);
    let next = |story: &mut Story, token| {
        let facts = TokenFacts { token: TokenId(token), statement: assumed, new_secret: false };
        story.next("refresh", Treatment::Say(Reply::Token(facts)));
    };
    story.until(HOUR / 3);
    for _ in 0..2 {
        story.next("authenticate", Treatment::Fail(REFUSED));
    }
    next(&mut story, 700);
    story.drop_socket();
    story.until(HOUR / 3 + 10_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(700)), "{}", story.script);
    // The next of this kind is thought to live for twenty minutes, and no more for an hour.
    let came = *story.times("refresh").last().expect("asked for");
    next(&mut story, 701);
    story.until(came + HOUR / 3);
    let renewed = *story.times("refresh").last().expect("asked for again");
    assert!(renewed > came && renewed < came + HOUR / 3, "{came} {renewed}: {}", story.script);
}

#[test]
fn what_has_ended_when_it_comes_is_kept() {
    // proves R9.2
    let mut story = unscoped().base_life(HOUR).refreshes().keyless().begin();
    story.until(10_000);
    let ended = Statement { expires_in: Some(0), ..Statement::default() };
    let facts = TokenFacts { token: TokenId(50), statement: ended, new_secret: false };
    story.next("refresh", Treatment::Say(Reply::Token(facts)));
    story.refresh_now();
    story.until(11_000);
    assert_eq!(story.warnings("credential_refresh_failed").len(), 1);
    assert!(story.machine.holds(TokenId(50)), "{}", story.script);
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)));
}
