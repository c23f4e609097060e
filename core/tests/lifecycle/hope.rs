//! The end of a session: told before, and the grace after it (L21, L22).

use crate::story::{HOUR, REFUSED, Treatment, UNAVAILABLE, exact, near, unscoped};
use satkeeper_core::lifecycle::*;

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
        .policy(exact().with(|it| it.backoff_max = 2_000))
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
        .policy(exact().with(|it| it.grace = 1_000))
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
        .policy(exact().with(|it| it.grace = u64::MAX))
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
