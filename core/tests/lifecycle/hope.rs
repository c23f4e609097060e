//! The end of a session: told before, and how long it is put off by hope (R28, R25).

use crate::story::{FORBIDDEN, HOUR, REFUSED, Treatment, UNAVAILABLE, exact, near, scoped, unscoped};
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

#[test]
fn expiring_is_told_once_a_generation() {
    // proves R28.2
    // survives P5, S29
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_190_000);
    let told = story.warnings("credential_expiring");
    assert_eq!(told.len(), 1);
    near(told[0].0, 7_200_000 - 150_000);
    story.mend("refresh");
    story.until(13_000_000);
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
    // proves R17.3, R25.6
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
fn after_the_end_attempts_go_on_for_ten_minutes_in_which_somebody_answers() {
    // proves R5.1, R25.1, R25.5
    // survives P23, S14
    // Refused, and somebody who knows can be reached: ten minutes. Servers that are down know nothing: a day.
    for (failure, patience, slack) in [(FORBIDDEN, 600_000, 61_000), (UNAVAILABLE, 24 * HOUR, 2_000)] {
        let mut story = unscoped().base_life(600_000).refreshes().keyless().begin();
        story.until(10_000);
        story.always("refresh", Treatment::Fail(failure)).always("inspect", Treatment::Fail(failure));
        story.until(25 * HOUR);
        let expired = story.told(|event| matches!(event, Event::Expired { renewing: true }));
        assert_eq!(expired.len(), 1, "{failure:?}");
        let (at, reason) = story.teardown().unwrap_or_else(|| panic!("{failure:?}"));
        assert_eq!(reason, TeardownReason::Expired);
        assert!(
            at.abs_diff(expired[0] + patience) <= slack,
            "{failure:?}: {} after the end",
            at - expired[0]
        );
        assert_eq!(story.times("close").len(), 1);
    }
    // Recovered meanwhile: live again, on the socket that was there all the time.
    let mut story = unscoped().base_life(600_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(900_000);
    assert_eq!(story.phase(), Phase::Expired);
    story.mend("refresh");
    story.until(911_000);
    assert_eq!((story.phase(), story.lives().len(), story.renewals().len()), (Phase::Live, 1, 1));
    // Of a day and more nobody has been asked for anything for longer than that: the day begins with the end.
    let mut story = unscoped().base_life(30 * HOUR).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(30 * HOUR + 60_000);
    assert_eq!((story.phase(), story.teardown()), (Phase::Expired, None));
    story.mend("refresh");
    story.until(30 * HOUR + 71_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn endless_patience_parks() {
    // proves R25
    let mut story = unscoped()
        .policy(exact().with(|it| (it.patience, it.unreached) = (u64::MAX, u64::MAX)))
        .base_life(600_000)
        .refreshes()
        .keyless()
        .always("refresh", Treatment::Fail(UNAVAILABLE))
        .begin();
    story.until(10 * HOUR);
    assert_eq!(story.teardown(), None);
    assert_eq!(story.phase(), Phase::Expired);
    let times = story.times("refresh");
    assert!(times.last().is_some_and(|at| *at > 10 * HOUR - 11_000), "and goes on trying");
    story.mend("refresh");
    story.until(10 * HOUR + 60_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn a_rejection_after_the_end_ends_it() {
    // proves R18.5, R25.6
    let mut story = unscoped().base_life(600_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(610_000);
    story.always("refresh", Treatment::Fail(Failure::Rejected));
    story.until(645_000);
    assert_eq!(story.teardown().expect("over").1, TeardownReason::Expired);
}

#[test]
fn in_its_last_five_seconds_a_token_opens_no_socket() {
    // proves R21.4, R25.6
    // survives P7, P12, S19
    let mut story = unscoped().base_life(600_000).begin();
    story.until(595_500);
    story.drop_socket();
    story.until(600_000);
    assert_eq!(story.times("open").len(), 1);
    story.until(602_000);
    near(story.teardown().expect("over").0, 600_000);
    // What is refused just before that is not looked at again: the end comes first, and is what it is.
    let mut story = unscoped().base_life(600_000).begin();
    story.until(592_000);
    story.always("authenticate", Treatment::FailLate(REFUSED, 4_000));
    story.drop_socket();
    story.until(602_000);
    let (at, reason) = story.teardown().expect("over");
    assert_eq!(reason, TeardownReason::Expired);
    near(at, 600_000);
    // A tenth of a short life.
    let mut story = unscoped().base_life(20_000).begin();
    story.until(17_000);
    story.drop_socket();
    story.until(18_000);
    assert_eq!(story.lives().len(), 2);
}

#[test]
fn an_answer_that_is_on_its_way_is_awaited_at_the_end() {
    // proves R14.1, R25.7
    // Nobody but the bound token's renewal can bring another, and that takes its time.
    for (late, comes) in [(35_000, true), (120_000, false)] {
        let mut story = scoped()
            .base_life(300_000)
            .bound_life(300_000)
            .always("renew", Treatment::Late(late))
            .next("activate", Treatment::Well)
            .always("activate", Treatment::Fail(FORBIDDEN))
            .begin();
        story.until(500_000);
        let expired = story.told(|event| matches!(event, Event::Expired { renewing: true }));
        assert_eq!(expired.len(), 1, "{}", story.script);
        near(expired[0], 300_000);
        let last = story.times("renew").into_iter().filter(|at| *at < 300_000).max();
        match story.teardown() {
            None => assert!(comes && story.phase() == Phase::Live, "{}", story.script),
            // Half a minute, and no longer.
            Some((at, reason)) => {
                assert_eq!((Some(at), comes), (last.map(|last| last + 30_000), false), "{}", story.script);
                assert_eq!(reason, TeardownReason::Expired);
            }
        }
    }
}

#[test]
fn at_the_end_of_a_life_the_next_request_does_not_wait() {
    // proves R16.5
    let mut story = unscoped().base_life(600_000).refreshes().begin();
    story.until(10_000);
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(650_000);
    let expired = story.told(|event| matches!(event, Event::Expired { renewing: true }))[0];
    assert!(story.times("refresh").contains(&expired), "{}", story.script);
}

#[test]
fn what_serves_and_has_not_ended_after_all_is_live_again() {
    // proves R2.3, R25.4: a server's slip of the tongue, which its next word mends
    let slip = Statement { expires_at: Some(UnixMillis(0)), ..Statement::default() };
    let slip = Reply::Authenticated { resumed: false, statement: slip };
    let mut story = unscoped()
        .refreshes()
        .base_life(700_000)
        .next("inspect", Treatment::Fail(UNAVAILABLE))
        .next("authenticate", Treatment::Say(slip))
        .always("refresh", Treatment::Silence)
        .begin();
    story.until(60_000);
    let lives = story.told(|event| matches!(event, Event::Live { .. }));
    assert_eq!((lives.len(), story.phase()), (2, Phase::Live), "{}", story.script);
    // And when it does end there is as much patience as ever.
    story.until(730_000);
    assert_eq!(story.told(|event| matches!(event, Event::Expired { .. })).len(), 2, "{}", story.script);
    assert_eq!(story.teardown(), None, "{}", story.script);
}

#[test]
fn without_hope_somebody_is_asked_each_half_minute() {
    // proves R5.3
    let mut story = unscoped().base_life(600_000).refreshes().keyless().begin();
    story.until(10_000);
    // What the application's provider says of itself is nobody's word.
    story.always("refresh", Treatment::Fail(Failure::Provider { retry_after: None }));
    story.until(900_000);
    assert_eq!(story.phase(), Phase::Expired);
    let asked: Vec<u64> = story.times("inspect").into_iter().filter(|at| *at > 600_000).collect();
    assert!(asked.len() >= 9, "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= 30_100), "{asked:?}");
}
