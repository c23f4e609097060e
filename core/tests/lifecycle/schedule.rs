//! When: due times, attempts, bounds (R14, R16, R18).

use crate::story::{HOUR, Opening, Story, Treatment, UNAVAILABLE, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

/// The lead of a provider that is asked but once at a time: time for several calls that may each take 120 s, half the life
/// at most.
fn lead_of(life: u64) -> u64 {
    450_000.min(life / 2)
}

// ---- Attempts ----

/// Renewed by the provider, which may be asked while it is being asked.
fn asked_twice(life: u64) -> Opening {
    let mut opening = unscoped().base_life(life).refreshes().keyless();
    opening.start.provider.may_be_asked_twice = true;
    opening
}

#[test]
fn three_attempts_fit_into_the_lead_of_any_life_from_a_minute() {
    // proves R14.4, R16.2, R16.3
    // survives S14, P33
    for life in [60_000, 61_000, 75_000, 90_000, 120_000, 300_000, 600_000, 900_000, 3_600_000, 7_200_000] {
        for seed in 0..20 {
            for bound in [false, true] {
                let opening = if bound { scoped().base_life(life + 1_000) } else { asked_twice(life) };
                let opening = opening.jittered(seed).bound_life(life);
                let mut story = opening.always("refresh", Treatment::Silence).begin();
                story.until(1_000);
                story.always("renew", Treatment::Silence).always("activate", Treatment::Silence);
                story.until(life + 1_000);
                // A bound token is asked for in both ways, one after the other.
                let attempts = story.commands.iter().filter(|(at, command)| {
                    let asks = matches!(command.action.name(), "refresh" | "renew" | "activate");
                    asks && (1_000..life).contains(at)
                });
                let attempts: Vec<u64> = attempts.map(|(at, _)| *at).collect();
                assert!(attempts.len() >= 3, "{bound} {life} {seed}: {attempts:?}");
            }
        }
    }
    // Who is asked but once at a time is asked with time for three calls.
    for life in [900_000, 3_600_000, 7_200_000] {
        let mut story =
            unscoped().base_life(life).refreshes().keyless().always("refresh", Treatment::Silence).begin();
        story.until(life - 1);
        assert!(story.times("refresh").len() >= 3, "{life}: {:?}", story.times("refresh"));
        near(story.times("refresh")[0], life - lead_of(life));
    }
}

#[test]
fn how_long_an_attempt_holds_its_place() {
    // proves R14.3, R14.4
    for life in [20_000, 60_000, 900_000, 7_200_000] {
        let mut story = asked_twice(life).always("refresh", Treatment::Silence).begin();
        story.until(life - 1);
        let end = story.machine.status().session_ends.expect("stated").0;
        for (at, command) in story.commands.iter().filter(|(_, c)| c.action == Action::Refresh) {
            let (left, span) = (end - at, command.deadline.0 - at);
            assert_eq!(span, (left / 2).clamp(5_000, 120_000), "{life}: {span} of {left}");
        }
        // Who is asked but once has two minutes.
        let opening = unscoped().base_life(life).refreshes().keyless();
        let mut story = opening.always("refresh", Treatment::Silence).begin();
        story.until(life - 1);
        let given = story.commands.iter().filter(|(_, c)| c.action == Action::Refresh);
        let spans: Vec<u64> = given.map(|(at, c)| c.deadline.0 - at).collect();
        assert!(!spans.is_empty() && spans.iter().all(|span| *span == 120_000), "{spans:?}");
    }
    // Our own calls get a quarter of what is left, 2 s to 10 s.
    let mut story = scoped().begin();
    story.always("renew", Treatment::Silence).always("activate", Treatment::Silence);
    story.until(880_000);
    let given = story.commands.iter().filter(|(_, c)| c.action.name() == "renew");
    assert!(given.map(|(at, c)| c.deadline.0 - at).all(|span| span == 10_000));
}

#[test]
fn the_first_renewal_is_spread_over_half_the_life_and_later_ones_over_half_the_lead() {
    // proves R16.4
    // survives P36
    let lead = lead_of(7_200_000);
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
    // proves R33.2
    let mut starts = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut story = unscoped().jittered(seed).base_life(7_200_000).refreshes().keyless().begin();
        story.until(100_000);
        story.input(Input::Suspend);
        story.until(6_900_000);
        story.input(Input::Resume);
        story.until(6_910_000);
        let at = story.times("refresh")[0];
        assert!((6_900_000..6_905_000).contains(&at), "{at}");
        starts.insert(at / 500);
    }
    assert!(starts.len() >= 8, "{starts:?}");
}

#[test]
fn work_that_was_spread_is_not_put_off_for_ever_by_a_late_driver() {
    // proves R1.3, R29.5
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
    // proves R18.4
    // survives P34, P18
    let mut story = unscoped().base_life(900_000).refreshes().begin();
    let busy = Failure::Http { status: 429, retry_after: Some(24 * HOUR) };
    story.always("refresh", Treatment::Fail(busy));
    story.until(899_000);
    // Half of what is left, again and again.
    let times = story.times("refresh");
    for (at, expected) in times.iter().zip([450_000, 675_000, 787_500, 843_750]) {
        near(*at, expected);
    }
    assert!(times.len() >= 4 && story.mechanism() == Mechanism::Provider, "busy is not refused");
    // A short one is kept to.
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    let busy = Failure::Http { status: 503, retry_after: Some(40_000) };
    story.next("refresh", Treatment::Fail(busy));
    story.until(7_100_000);
    let times = story.times("refresh");
    assert!((times[0] + 40_000..times[0] + 40_200).contains(&times[1]), "{times:?}");
    // On demand, too: who asks waits for it, a minute at most.
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(busy));
    story.until(10_000);
    let (one, two) = (story.refresh_now(), story.refresh_now());
    story.until(69_000);
    assert_eq!((story.answer(one), story.times("refresh")), (None, vec![10_000, 50_040]));
    story.until(71_000);
    for ask in [one, two] {
        assert!(story.failed(ask, busy), "{:?}", story.answer(ask));
    }
    // Nobody is held up by who asks while nobody may be asked.
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), Some((71_000, Some(AskError::Throttled))));
}

#[test]
fn attempts_have_equal_jitter_and_no_count() {
    // proves R18.1, R25.8, R28.1
    // survives S7, P16, P17
    let mut story = unscoped().base_life(7_200_000).refreshes().begin();
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.until(7_190_000);
    let times = story.times("refresh");
    assert!(times.len() >= 12, "{times:?}");
    let mut ceiling = 1_000;
    for pair in times.windows(2) {
        let wait = pair[1] - pair[0] - 40;
        // Half a minute at most, or a quarter of what is left.
        let left = 7_200_120 - pair[0] - 40;
        ceiling = ceiling.min(30_000).min((left / 4).max(5_000));
        assert!((ceiling / 2..=ceiling).contains(&wait), "{wait} of {ceiling}");
        ceiling *= 2;
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

#[test]
fn each_endpoint_has_its_own_count_and_what_it_brings_forgives_it() {
    // proves R18.2
    let next_wait = |story: &Story| {
        let Some((at, Warning::RefreshFailed { next: Some(next), .. })) =
            story.warnings("credential_refresh_failed").pop()
        else {
            panic!("{}", story.script)
        };
        next.0 - at
    };
    let mut story = unscoped().base_life(HOUR).refreshes().keyless().begin();
    story.until(100_000);
    // It fails until its waits are long; then what it brings is accepted, and a failure is the first again.
    for round in 0..2 {
        story.always("refresh", Treatment::Fail(UNAVAILABLE));
        let before = story.warnings("credential_refresh_failed").len();
        let failed = |story: &Story| story.warnings("credential_refresh_failed").len() - before;
        while failed(&story) < 1 {
            story.until(story.now + 100);
        }
        assert!((500..=1_000).contains(&next_wait(&story)), "{round}: {}", story.script);
        while failed(&story) < 5 {
            story.until(story.now + 100);
        }
        assert!(next_wait(&story) >= 8_000, "{round}: {}", story.script);
        let renewals = story.renewals().len();
        story.mend("refresh");
        while story.renewals().len() == renewals {
            story.until(story.now + 100);
        }
    }
    // Those of another endpoint are nothing to it.
    let mut story = scoped()
        .base_life(60_000)
        .refreshes()
        .always("activate", Treatment::Fail(UNAVAILABLE))
        .always("refresh", Treatment::Fail(UNAVAILABLE))
        .begin();
    while story.times("refresh").is_empty() {
        story.until(story.now + 100);
    }
    assert!(story.times("activate").len() >= 3, "{}", story.script);
    let by_provider =
        |warning: &Warning| matches!(warning, Warning::RefreshFailed { mechanism: Mechanism::Provider, .. });
    while !story.warnings("credential_refresh_failed").iter().any(|(_, warning)| by_provider(warning)) {
        story.until(story.now + 10);
    }
    let refreshes = story.times("refresh").len();
    story.until(story.now + 1_100);
    assert!(story.times("refresh").len() > refreshes, "{}", story.script);
}

#[test]
fn a_wait_after_silence_runs_from_asking() {
    // proves R18.3
    for (treatment, from_asking) in
        [(Treatment::Silence, true), (Treatment::FailLate(UNAVAILABLE, 9_900), false)]
    {
        let mut story = scoped().refreshes().next("activate", treatment).begin();
        story.until(30_000);
        let asked = story.times("activate");
        // The wait of a second is long over when it yields its place.
        let expected = if from_asking { 10_000..=10_000 } else { 10_400..=10_900 };
        assert!(expected.contains(&(asked[1] - asked[0])), "{asked:?}: {}", story.script);
    }
}
