//! When: ends, due times, attempts, bounds, warnings, sleep (L6 to L9, L18 to L23).
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
use story::{EPOCH, HOUR, REFUSED, Story, Treatment, UNAVAILABLE, exact, near, scoped, unscoped};

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

// ---- What is known of an end ----

#[test]
fn a_server_told_end_schedules_the_renewal() {
    // proves L8
    // survives S23, V2, V3
    let mut story = unscoped().base_life(HOUR).refreshes().begin();
    story.until(HOUR);
    near(story.times("refresh")[0], HOUR - 300_000);
}

#[test]
fn renewal_is_planned_by_the_earliest_end_and_the_session_ends_at_the_latest() {
    // proves L8
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
    near(story.times("refresh")[0], minutes(55));
    near(story.told(|event| matches!(event, Event::Expired { .. }))[0], minutes(120));
}

#[test]
fn a_provider_hint_counts_only_while_the_server_is_silent() {
    // proves L8, L9
    let hint = Statement { expiry_hint: Some(UnixMillis(EPOCH + HOUR)), ..Statement::default() };
    let mut story = hinted(hint, true, 0);
    story.until(HOUR);
    near(story.times("refresh")[0], HOUR - 300_000);
    // The server says two hours: the hint plans the renewal all the same, and ends nothing.
    let statement = Statement { expires_at: Some(UnixMillis(EPOCH + 2 * HOUR)), ..Statement::default() };
    let mut story = unscoped()
        .refreshes()
        .keyless()
        .next("mint", says(hint))
        .always("refresh", Treatment::Fail(UNAVAILABLE))
        .next("authenticate", Treatment::Say(Reply::Authenticated { resumed: false, statement }))
        .begin();
    story.until(HOUR + 60_000);
    near(story.times("refresh")[0], HOUR - 300_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
}

#[test]
fn a_hint_is_read_in_both_clocks() {
    // proves L9
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
        near(story.times("refresh")[0], HOUR - 600_000 * u64::from(skew > 0) - 300_000);
    }
}

#[test]
fn absolute_ends_are_corrected_by_the_servers_clock() {
    // proves L9
    // survives P24, S2, S4
    for skew in [-3_600_000i64, -40_000, 60_000, 3_600_000] {
        let mut story = unscoped().base_life(HOUR).skew(skew).refreshes().begin();
        story.until(24 * HOUR);
        // A life of an hour is renewed 300 s before its end whatever our clock says.
        let times = story.times("refresh");
        assert!((24..=27).contains(&times.len()), "{skew}: {}", times.len());
        for pair in times.windows(2) {
            near(pair[1] - pair[0], HOUR - 300_000);
        }
        assert_eq!(story.lives().len(), 1);
    }
}

#[test]
fn nothing_ends_on_wall_time_alone() {
    // proves L9, L11
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
    assert_eq!(story.teardown(), None);
}

#[test]
fn an_assumed_end_ends_nothing_until_a_refusal() {
    // proves L8
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
    story.until(2 * HOUR + 10_000);
    assert_eq!(story.teardown().expect("over").1, TeardownReason::Expired);
}

#[test]
fn the_same_token_again_is_not_fresh_again() {
    // proves L8, L20
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
    assert!((4..=12).contains(&tries.len()), "{tries:?}");
}

#[test]
fn a_lease_of_the_longest_and_shortest_kinds() {
    // proves L6
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
fn a_shorter_successor_is_flagged_and_the_longer_token_kept() {
    // proves L7, L8, L19
    // survives P8
    let mut story = unscoped().base_life(2 * HOUR).refreshes().begin();
    story.until(10_000);
    story.world.base_life = 600_000;
    story.refresh_now();
    story.until(20_000);
    assert_eq!(story.warnings("expiry_shortened").len(), 1);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(600_000);
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)), "pushed back before the short one's end");
    near(story.renewals()[1], 610_000 - 20_000);
    story.until(2 * HOUR - 2_000);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    assert_eq!(story.lives().len(), 1);
}

// ---- Attempts ----

#[test]
fn three_attempts_fit_into_the_lead_of_any_life_from_a_minute() {
    // proves L18
    // survives S14, P33
    for life in [60_000, 61_000, 75_000, 90_000, 120_000, 300_000, 600_000, 900_000, 3_600_000, 7_200_000] {
        for seed in 0..20 {
            for (bound, failure) in [(false, Treatment::Silence), (true, Treatment::Silence)] {
                let mut story = scoped()
                    .scope(bound)
                    .jittered(seed)
                    .base_life(if bound { life + 1_000 } else { life })
                    .bound_life(life)
                    .provider(!bound, false)
                    .always("refresh", failure.clone())
                    .always("renew", failure)
                    .begin();
                story.until(life + 1_000);
                let name = if bound { "renew" } else { "refresh" };
                let attempts = story.times(name);
                let from_due = attempts.iter().filter(|at| **at < life).count();
                assert!(from_due >= 3, "{name} {life} {seed}: {attempts:?}");
            }
        }
    }
    // Without jitter, which only makes them begin earlier, all three are in the lead itself.
    for life in [60_000, 90_000, 300_000, 900_000, 7_200_000] {
        let mut story =
            unscoped().base_life(life).refreshes().keyless().always("refresh", Treatment::Silence).begin();
        story.until(life - 1);
        assert!(story.times("refresh").len() >= 3, "{life}: {:?}", story.times("refresh"));
        near(story.times("refresh")[0], life - Policy::default().lead(life));
    }
}

#[test]
fn an_attempt_never_outlasts_the_end_and_leaves_time_for_the_push() {
    // proves L18
    for life in [20_000, 60_000, 900_000, 7_200_000] {
        let lead = Policy::default().lead(life);
        let mut story =
            unscoped().base_life(life).refreshes().keyless().always("refresh", Treatment::Silence).begin();
        story.until(life - 1);
        let end = story.machine.status().session_ends.expect("stated").0;
        for (at, command) in story.commands.iter().filter(|(_, c)| c.action == Action::Refresh) {
            let (left, span) = (end - at, command.deadline.0 - at);
            assert!(at + span <= end, "{life}: {span} of {left}");
            let reserve = 5_000.min(lead / 6);
            if left > reserve + 2_000 {
                assert!(span <= left - reserve, "{life}: {span} of {left}");
            }
            let most = (left / 4).clamp(2_000, 30_000);
            assert!(span <= most && (left < 9_000 || span + 2_000 >= most), "{life}: {span} of {left}");
        }
    }
    // Our own calls get 10 s at most.
    let mut story = scoped().begin();
    story.always("renew", Treatment::Silence);
    story.until(880_000);
    let given = story.commands.iter().filter(|(_, c)| c.action.name() == "renew");
    assert!(given.map(|(at, c)| c.deadline.0 - at).all(|span| span == 10_000));
}

#[test]
fn the_first_renewal_is_spread_over_half_the_life_and_later_ones_over_half_the_lead() {
    // proves L18
    // survives P36
    let lead = 300_000;
    let mut firsts = Vec::new();
    for seed in 0..1_000 {
        let mut story = unscoped().jittered(seed).base_life(7_200_000).refreshes().keyless().begin();
        story.until(2 * 7_200_000);
        let times = story.times("refresh");
        let before = 7_200_000 - lead - times[0];
        assert!(times[0] <= 7_200_000 - lead + 100 && before < 3_600_000 + 1_600, "{}", times[0]);
        let second = times[1] - times[0];
        assert!(
            second <= 7_200_000 - lead + 1_100 && second + lead / 2 + 1_600 > 7_200_000 - lead,
            "{second}"
        );
        firsts.push(times[0]);
    }
    // A fleet that was minted in one second: no second has more than a handful of its renewals.
    firsts.sort_unstable();
    let crowd =
        firsts.iter().map(|at| firsts.iter().filter(|t| **t >= *at && **t < at + 1_000).count()).max();
    assert!(crowd.is_some_and(|crowd| crowd <= 8), "{crowd:?}");
    let (first, last) = (firsts[0], firsts[999]);
    assert!(last - first > 3_300_000, "{first} to {last}");
}

#[test]
fn work_after_an_outage_is_spread() {
    // proves L18
    let mut starts = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut story = unscoped().jittered(seed).base_life(7_200_000).refreshes().keyless().begin();
        story.until(100_000);
        story.input(Input::Suspend);
        story.until(7_000_000);
        story.input(Input::Resume);
        story.until(7_010_000);
        let at = story.times("refresh")[0];
        assert!((7_000_000..7_005_000).contains(&at), "{at}");
        starts.insert(at / 500);
    }
    assert!(starts.len() >= 8, "{starts:?}");
}

#[test]
fn work_that_was_spread_is_not_put_off_for_ever_by_a_late_driver() {
    // proves L18, L23
    // survives P22
    let mut story = unscoped().jittered(3).base_life(HOUR).refreshes().keyless().begin();
    story.until(HOUR / 2 - 700_000);
    // A throttled browser tab: once a minute, and always more than 5 s late.
    let mut lates = 0;
    while story.now < HOUR && story.times("refresh").is_empty() {
        let at = story.now + 60_000;
        story.wall -= 1;
        story.skip(at);
        story.input(Input::Tick);
        lates += 1;
    }
    assert!(story.now < HOUR - 200_000, "{lates} steps and no renewal:\n{}", story.script);
}

#[test]
fn a_retry_after_longer_than_the_life_is_capped() {
    // proves L18
    // survives P34, P18
    let mut story = unscoped().base_life(900_000).refreshes().begin();
    let busy = Failure::Http { status: 429, retry_after: Some(24 * HOUR) };
    story.always("refresh", Treatment::Fail(busy));
    story.until(899_000);
    let times = story.times("refresh");
    near(times[0], 810_000);
    near(times[1], 855_000);
    near(times[2], 877_500);
    assert_eq!(story.mechanism(), Mechanism::Provider, "busy is not refused");
    // A short one is kept to.
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    let busy = Failure::Http { status: 503, retry_after: Some(40_000) };
    story.next("refresh", Treatment::Fail(busy));
    story.until(7_100_000);
    let times = story.times("refresh");
    assert!((times[0] + 40_000..times[0] + 40_200).contains(&times[1]), "{times:?}");
    // On demand neither.
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(busy));
    story.until(10_000);
    let ask = story.refresh_now();
    story.until(12_000);
    assert!(matches!(story.answer(ask), Some((_, Some(AskError::Exchange(_))))));
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), Some((12_000, Some(AskError::Throttled))));
    assert_eq!(story.times("refresh").len(), 1);
}

#[test]
fn attempts_have_equal_jitter_and_no_count() {
    // proves L18, L19
    // survives S7, P16, P17
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_199_000);
    let times = story.times("refresh");
    assert!(times.len() >= 12, "{times:?}");
    let mut ceiling = 1_000;
    for pair in times.windows(2) {
        let wait = pair[1] - pair[0] - 40;
        assert!((ceiling / 2..=ceiling).contains(&wait), "{wait} of {ceiling}");
        ceiling = (ceiling * 2).min(30_000);
    }
    assert_eq!(story.lives().len(), 1);
    assert_eq!(story.machine.status().in_force, Some(TokenId(1)), "the valid token stays");
    assert_eq!(story.phase(), Phase::Live);
    // Each failure was told, with its number and the next try.
    let warnings = story.warnings("credential_refresh_failed");
    assert_eq!(warnings.len(), times.len());
    for (index, (_, warning)) in warnings.iter().enumerate() {
        let Warning::RefreshFailed { attempt, next, mechanism, .. } = warning else { panic!("{warning:?}") };
        assert_eq!((*attempt as usize, *mechanism), (index + 1, Mechanism::Provider));
        if index + 1 < times.len() {
            assert_eq!(next.expect("there is one").0, times[index + 1]);
        }
    }
}

// ---- The end ----

#[test]
fn expiring_is_told_once_a_generation() {
    // proves L21
    // survives P5, S29
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_190_000);
    let told = story.warnings("credential_expiring");
    assert_eq!(told.len(), 1);
    near(told[0].0, 7_200_000 - 100_000);
    story.mend("refresh");
    story.until(14_000_000);
    assert_eq!(story.warnings("credential_expiring").len(), 1, "renewed in time");
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(14_400_000);
    assert_eq!(story.warnings("credential_expiring").len(), 2, "and again for the next token");
    // Without a mechanism: 120 s before, or half a short life.
    for (life, notice) in [(7_200_000, 120_000), (100_000, 50_000)] {
        let mut story = unscoped().base_life(life).begin();
        story.until(life - 1_700);
        let told = story.warnings("credential_expiring");
        assert_eq!(told.len(), 1, "{life}");
        near(told[0].0, life - notice);
        assert!(matches!(told[0].1, Warning::Expiring { mechanism: Mechanism::None, .. }));
    }
}

#[test]
fn without_anybody_to_renew_the_end_is_the_end() {
    // proves L22
    // survives P13, V1, S29
    let mut story = unscoped().base_life(600_000).begin();
    story.until(700_000);
    let expired = story.told(|event| matches!(event, Event::Expired { renewing: false }));
    near(expired[0], 600_000);
    near(story.teardown().expect("over").0, 600_000);
    assert_eq!(story.teardown().expect("over").1, TeardownReason::Expired);
    let closed = story.times("close");
    assert_eq!(closed, expired);
    assert!(matches!(story.events.last(), Some((_, Event::Teardown { .. }))));
}

#[test]
fn after_the_end_attempts_go_on_for_the_grace() {
    // proves L22
    // survives P23, S14
    // Quick failures: four are soon over, so 60 s decide.
    let mut story = unscoped()
        .policy(Policy { backoff_max: 2_000, ..exact() })
        .base_life(600_000)
        .refreshes()
        .keyless()
        .always("refresh", Treatment::Fail(UNAVAILABLE))
        .begin();
    story.until(800_000);
    let expired = story.told(|event| matches!(event, Event::Expired { renewing: true }));
    assert_eq!(expired.len(), 1);
    near(story.teardown().expect("over").0, expired[0] + 60_000);
    assert_eq!(story.times("close").len(), 1);
    // No answers at all: 10 s each, and four must have failed.
    let mut story = unscoped()
        .policy(Policy { grace: 1_000, ..exact() })
        .base_life(600_000)
        .refreshes()
        .keyless()
        .always("refresh", Treatment::Silence)
        .begin();
    story.until(900_000);
    let expired = story.told(|event| matches!(event, Event::Expired { .. }))[0];
    let after: Vec<_> =
        story.commands.iter().filter(|(at, c)| *at > expired && c.action == Action::Refresh).collect();
    assert!(after.iter().all(|(at, c)| c.deadline.0 - at == 10_000), "{after:?}");
    let over = story.teardown().expect("over").0;
    assert!(over > expired + 30_000, "{over}");
    // Recovered within the grace: live again, no teardown.
    let mut story = unscoped().base_life(600_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(630_000);
    assert_eq!(story.phase(), Phase::Expired);
    story.mend("refresh");
    story.until(700_000);
    assert_eq!(story.phase(), Phase::Live);
    assert_eq!(story.lives().len(), 2);
}

#[test]
fn an_endless_grace_parks() {
    // proves L22
    let mut story = unscoped()
        .policy(Policy { grace: u64::MAX, ..exact() })
        .base_life(600_000)
        .refreshes()
        .keyless()
        .always("refresh", Treatment::Fail(UNAVAILABLE))
        .begin();
    story.until(10 * HOUR);
    assert_eq!(story.teardown(), None);
    assert_eq!(story.phase(), Phase::Expired);
    let times = story.times("refresh");
    assert!(times.last().is_some_and(|at| *at > 10 * HOUR - 31_000), "and goes on trying");
    story.mend("refresh");
    story.until(10 * HOUR + 60_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_rejection_in_the_grace_ends_it() {
    // proves L22
    let mut story = unscoped().base_life(600_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(610_000);
    story.always("refresh", Treatment::Fail(Failure::Rejected));
    story.until(645_000);
    assert_eq!(story.teardown().expect("over").1, TeardownReason::Expired);
}

#[test]
fn in_the_last_five_seconds_nothing_is_reopened() {
    // proves L22
    // survives P7, P12, S19
    let mut story = unscoped().base_life(600_000).begin();
    story.until(595_500);
    story.drop_socket();
    story.until(600_000);
    assert_eq!(story.times("open").len(), 1);
    story.until(602_000);
    near(story.teardown().expect("over").0, 600_000);
    // A refusal then is the expiry.
    let mut story = unscoped().base_life(600_000).begin();
    story.until(592_000);
    story.always("authenticate", Treatment::FailLate(REFUSED, 4_000));
    story.drop_socket();
    story.until(602_000);
    let (at, reason) = story.teardown().expect("over");
    assert_eq!(reason, TeardownReason::Expired);
    assert!((595_000..598_000).contains(&at), "{at}");
}

// ---- Sleep ----

#[test]
fn a_sleep_is_noticed_probed_and_confirmed() {
    // proves L23
    // survives P22, P23
    let mut story = unscoped().base_life(HOUR).refreshes().begin();
    story.until(600_000);
    // Fifty minutes in which our monotonic clock stood still: the renewal is overdue.
    story.sleep(50 * 60_000);
    story.input(Input::Tick);
    assert_eq!(story.told(|event| matches!(event, Event::ClockJump { .. })), [600_000]);
    story.until(606_000);
    assert_eq!(story.times("probe"), [600_000]);
    assert_eq!(story.times("refresh").len(), 1, "at once");
    assert_eq!(story.renewals().len(), 1);
    // The server's time has confirmed it: the next renewal is where it belongs.
    story.until(HOUR + 600_000);
    near(story.times("refresh")[1], 600_000 + HOUR - 300_000);
}

#[test]
fn a_sleep_past_the_end_ends_nothing_before_somebody_has_answered() {
    // proves L23
    // survives P23
    let mut story = unscoped().base_life(HOUR).begin();
    story.until(600_000);
    story.always("probe", Treatment::Late(5_000));
    // Our monotonic clock went on in this sleep: the step is late by hours.
    story.skip(3 * HOUR);
    story.input(Input::Tick);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
    assert_eq!(story.times("probe").len(), 1);
    story.until(3 * HOUR + 4_000);
    assert_eq!(story.teardown(), None);
    story.until(3 * HOUR + 6_000);
    assert_eq!(story.teardown().expect("over").1, TeardownReason::Expired);
}

#[test]
fn a_set_clock_moves_nothing() {
    // proves L23
    // survives P24
    for by in [-2 * HOUR as i64, 2 * HOUR as i64] {
        let mut story = unscoped().base_life(2 * HOUR).refreshes().begin();
        story.until(600_000);
        story.wall += by;
        story.input(Input::Tick);
        story.until(2 * HOUR - 1_000);
        let jumps = story.told(|event| matches!(event, Event::ClockJump { .. })).len();
        assert_eq!(jumps, usize::from(by > 0));
        // Forward: it might have been sleep, so what could be due is renewed once; then all is as before.
        let times = story.times("refresh");
        if by > 0 {
            assert_eq!(times.len(), 1, "{times:?}");
            assert!(times[0] < 606_000);
        } else {
            near(times[0], 2 * HOUR - 300_000);
        }
        assert_eq!(story.lives().len(), 1);
    }
}

#[test]
fn a_jump_that_nobody_confirms_costs_one_renewal() {
    // proves L20, L23
    // survives S2, P19
    let mut story =
        unscoped().base_life(2 * HOUR).world(|world| world.tells_time = false).refreshes().begin();
    story.until(600_000);
    story.wall += 24 * HOUR as i64;
    story.input(Input::Tick);
    story.until(HOUR);
    assert_eq!(story.times("refresh").len(), 1, "{:?}", story.times("refresh"));
}
