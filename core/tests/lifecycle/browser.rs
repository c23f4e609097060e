//! The official client's numbers under this machine's rules (L53).

use crate::story::{HOUR, Story, Treatment, UNAVAILABLE, near, scoped};
use satkeeper_core::lifecycle::*;

fn official(scope: bool, can_refresh: bool) -> Story {
    let mut story =
        scoped().policy(Policy::browser_sdk_v4()).scope(scope).provider(can_refresh, false).begin();
    story.until(20_000);
    story
}

#[test]
fn renewals_come_when_the_official_ones_do() {
    // proves L53, L18
    // Bound: 30 s before the end; the provider's: 5 s; without jitter, whatever the seed.
    let mut bound = official(true, false);
    bound.until(1_000_000);
    near(bound.times("renew")[0], 900_000 - 30_000);
    let mut provided = official(false, true);
    provided.until(7_210_000);
    near(provided.times("refresh")[0], 7_200_000 - 5_000);
    assert_eq!(provided.renewals().len(), 1, "and unlike there it reaches the live socket");
    // The default leaves more time to both.
    let default = Policy::default();
    assert_eq!((default.lead(900_000), default.provider_lead(7_200_000)), (90_000, 300_000));
}

#[test]
fn waits_and_limits_are_the_official_ones() {
    // proves L53, L18, L36
    let mut story = official(false, true);
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_260_000);
    let tries = story.times("refresh");
    for (n, pair) in tries.windows(2).take(4).enumerate() {
        let wait = pair[1] - pair[0] - 40;
        let ceiling = 1_000 << (n + 1);
        assert!((ceiling / 2..ceiling).contains(&wait), "{n}: {wait}");
    }
    let mut story = official(false, true);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(600_000);
    let opens = story.times("open");
    assert!(opens[1] - 20_000 < 100, "{opens:?}");
    let longest = opens[1..].windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest.is_some_and(|wait| wait <= 3_000 + 40 + 3_000), "{longest:?}");
    story.mend("open").always("authenticate", Treatment::Silence);
    story.until(620_000);
    let connect = story.commands.iter().filter(|(_, c)| c.action.name() == "authenticate").nth(1);
    let (at, command) = connect.expect("tried again");
    assert_eq!(command.deadline.0 - at, 5_000);
}

#[test]
fn no_rule_is_given_up() {
    // proves L53, L19, L22, L26
    // survives S1, S2, S7, S14, S19
    // The provider fails five times and more: nothing ends early, resume state is kept, attempts go on.
    let mut story = official(false, true);
    story.resume_state();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_198_000);
    assert_eq!((story.phase(), story.lives().len()), (Phase::Live, 1));
    story.until(7_227_000);
    assert_eq!((story.phase(), story.teardown()), (Phase::Expired, None));
    assert_eq!(story.times("refresh").len(), 5, "where the official client gives up");
    story.mend("refresh");
    story.until(7_259_000);
    assert_eq!((story.phase(), story.times("refresh").len()), (Phase::Live, 6));
    // Three bound failures do not end it, the next token is pushed, and nothing is asked once a second.
    let mut story = official(true, false);
    for _ in 0..3 {
        story.next("renew", Treatment::Fail(UNAVAILABLE));
    }
    story.until(24 * HOUR);
    assert!(story.times("renew").len() < 120, "{}", story.times("renew").len());
    assert_eq!(story.renewals().first().map(|at| *at < 900_000), Some(true));
}
