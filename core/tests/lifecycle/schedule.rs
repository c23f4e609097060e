//! When: due times, attempts, bounds (L18).

use crate::story::{HOUR, Treatment, UNAVAILABLE, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

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
