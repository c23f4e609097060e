//! The official client's numbers under this machine's rules (R37).

use crate::story::{HOUR, Story, Treatment, UNAVAILABLE, near, scoped};
use satkeeper_core::lifecycle::*;

fn official(scope: bool, can_refresh: bool) -> Story {
    let mut story =
        scoped().policy(Policy::browser_sdk_v4()).scope(scope).provider(can_refresh, false).begin();
    story.until(20_000);
    story
}

#[test]
fn bound_renewals_come_when_the_official_ones_do() {
    // proves R16.2, R16.3, R37.2, R37.3
    // 30 s before the end, without jitter, whatever the seed. The default leaves more time.
    for (mut story, lead) in [(official(true, false), 30_000), (scoped().begin(), 90_000)] {
        story.until(1_000_000);
        near(story.times("renew")[0], 900_000 - lead);
    }
    // The provider, asked but once at a time, has what it takes to be asked several times: that is a rule, no number.
    let mut provided = official(false, true);
    provided.until(7_210_000);
    near(provided.times("refresh")[0], 7_200_000 - 450_000);
    assert_eq!(provided.renewals().len(), 1, "and unlike there it reaches the live socket");
}

#[test]
fn waits_are_the_official_ones() {
    // proves R37.3
    let mut story = official(false, true);
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_000_000);
    let tries = story.times("refresh");
    for (n, pair) in tries.windows(2).take(4).enumerate() {
        let wait = pair[1] - pair[0] - 40;
        let ceiling = 1_000 << (n + 1);
        assert!((ceiling / 2..=ceiling).contains(&wait), "{n}: {wait}");
    }
    // A socket each three seconds, however long it takes.
    let mut story = official(false, true);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(1_200_000);
    let opens = story.times("open");
    assert!(opens[1] - 20_000 < 100, "{opens:?}");
    let longest = opens[1..].windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest.is_some_and(|wait| wait <= 3_100), "{longest:?}");
}

#[test]
fn no_rule_is_given_up() {
    // proves R23.1, R25.8, R37.3
    // survives S1, S2, S7, S14, S19
    // The provider fails for ten minutes: nothing ends early, resume state is kept, attempts go on, also after the end.
    let mut story = official(false, true);
    story.resume_state();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_198_000);
    assert_eq!((story.phase(), story.lives().len()), (Phase::Live, 1));
    story.until(7_227_000);
    assert_eq!((story.phase(), story.teardown()), (Phase::Expired, None));
    assert!(story.times("refresh").len() > 5, "where the official client gives up");
    story.mend("refresh");
    story.until(7_240_000);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
    // Three bound failures do not end it, the next token is pushed, and nothing is asked once a second.
    let mut story = official(true, false);
    for _ in 0..3 {
        story.next("renew", Treatment::Fail(UNAVAILABLE));
    }
    story.until(24 * HOUR);
    assert!(story.times("renew").len() < 120, "{}", story.times("renew").len());
    assert_eq!(story.renewals().first().map(|at| *at < 900_000), Some(true));
}
