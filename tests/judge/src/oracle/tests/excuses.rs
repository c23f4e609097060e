//! What is excused, to the second.

use crate::client::{Ask, Bad};
use crate::log::{By, Why};
use crate::oracle::tale::{DOWN, HOUR, LATENCY, MINUTE, SECOND, Tale, gives, http};
use crate::timeline::Ms;
use crate::verdict::Excuse;
use crate::world::{Facts, Health, Instant, Outcome, Store, User, World};

/// Avoidable milliseconds, and what excused the others.
fn cost(tale: &Tale) -> (Ms, Vec<Excuse>) {
    let verdict = tale.judged();
    assert_eq!(verdict.faults, []);
    (verdict.avoidable, verdict.excuses.into_iter().map(|(excuse, _)| excuse).collect())
}

/// The socket is lost over this, and connected again so much later.
fn lost_over(instant: Instant, why: Why, by: By, gap: Ms) -> (Ms, Vec<Excuse>) {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).befalls(instant).loses(why).warns(Some(10 * MINUTE + gap));
    tale.wait(gap).connect(by);
    cost(&tale)
}

#[test]
fn a_cut_two_seconds() {
    // Open and connect take 51 ms here, and may take 52.
    let lost = |gap| lost_over(Instant::Cut, Why::Cut, By::Resume, gap);
    assert_eq!(lost(2 * SECOND + 1), (0, vec![Excuse::Cut]));
    assert_eq!(lost(2 * SECOND + 2), (1, vec![Excuse::Cut]));
}

#[test]
fn a_restart_of_the_server_three_seconds_with_a_state_and_ten_without() {
    let kept = |gap| lost_over(Instant::Restart { wipe: false }, Why::ServerWide, By::Resume, gap);
    assert_eq!(kept(3 * SECOND + 1), (0, vec![Excuse::ServerWide]));
    assert_eq!(kept(3 * SECOND + 2), (1, vec![Excuse::ServerWide]));
    let wiped = |gap| lost_over(Instant::Restart { wipe: true }, Why::ServerWide, By::Connect, gap);
    assert_eq!(wiped(10 * SECOND + 1), (0, vec![Excuse::ServerWide]));
    assert_eq!(wiped(10 * SECOND + 2), (1, vec![Excuse::ServerWide]));
    let away = |gap| lost_over(Instant::GoingAway, Why::ServerWide, By::Resume, gap);
    assert_eq!((away(3 * SECOND + 1).0, away(3 * SECOND + 2).0), (0, 1));
}

#[test]
fn a_silent_death_forty_seconds_or_seventy() {
    for (pings, allowed) in [(15 * SECOND, 40 * SECOND), (0, 70 * SECOND)] {
        for (more, avoidable) in [(1, 0), (2, 1)] {
            let mut tale = Tale::live(2 * HOUR, HOUR);
            tale.world.facts.pings = pings;
            tale.at(10 * MINUTE).befalls(Instant::HalfOpen { out: true, back: false });
            // It notices in time, so that it does not lie.
            tale.wait(30 * SECOND).closes().wait(allowed - 30 * SECOND + more).connect(By::Resume);
            assert_eq!(cost(&tale), (avoidable, vec![Excuse::SilentDeath]));
        }
    }
}

#[test]
fn who_cannot_notice_is_excused() {
    // It gets the server's pings, and the server answers none: only a push will show that nothing comes through.
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.world.pongs = tale.world.pongs.clone().then(0, false);
    tale.at(10 * MINUTE).befalls(Instant::HalfOpen { out: false, back: true });
    tale.wait(39 * SECOND).closes().wait(5 * MINUTE).connect(By::Resume);
    assert_eq!(cost(&tale), (0, vec![Excuse::SilentDeath]));
}

/// The network is gone for so long, and the session served again so much later; told of its return.
fn offline(outage: Ms, told: bool, gap: Ms) -> Ms {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    let back = 10 * MINUTE + outage;
    tale.at(10 * MINUTE).offline_until(back).loses(Why::Cut).warns(Some(back + gap)).at(back);
    if told {
        tale.user(User::NetworkChanged);
    }
    tale.wait(gap).connect(By::Resume);
    cost(&tale).0
}

#[test]
fn a_minute_without_network_is_three_seconds_and_more_is_half_a_minute() {
    // Three seconds, as sockets may be opened 1,200 times an hour, and two if it is told.
    assert_eq!((offline(MINUTE, false, 3_001), offline(MINUTE, false, 3_002)), (0, 1));
    assert_eq!((offline(MINUTE, true, 2_001), offline(MINUTE, true, 2_002)), (0, 1));
    assert_eq!((offline(MINUTE + 1, false, 30_001), offline(MINUTE + 1, false, 30_002)), (0, 1));
    // Two seconds, if it is told.
    assert_eq!((offline(5 * MINUTE, true, 2_001), offline(5 * MINUTE, true, 2_002)), (0, 1));
}

/// A token of ten minutes ends while nothing is to be had, and the next is asked for so long after the endpoint is well.
fn down(from: Ms, outcome: Outcome, gap: Ms) -> (Ms, Vec<Excuse>) {
    let mut tale = Tale::live(10 * MINUTE, 24 * MINUTE);
    tale.at(from).refresh_is(15 * MINUTE, outcome);
    tale.at(10 * MINUTE + LATENCY).loses(Why::Token).warns(Some(15 * MINUTE + gap));
    tale.at(15 * MINUTE + gap).refresh().connect(By::Connect);
    cost(&tale)
}

#[test]
fn an_endpoint_that_has_healed_ten_seconds_or_sixty() {
    // It is found after that much, and asking and connecting take what they take.
    let found = |gap| down(MINUTE, DOWN, gap).0;
    assert_eq!((found(10 * SECOND), found(11 * SECOND)), (0, 897));
    let found = |gap| down(MINUTE, http(403, true, None), gap).0;
    assert_eq!((found(60 * SECOND), found(61 * SECOND)), (0, 897));
    // A page that somebody on the way wrote is no refusal.
    assert_eq!(down(MINUTE, http(403, false, None), 61 * SECOND).0, 50_897);
}

#[test]
fn an_outage_that_nobody_could_foresee() {
    // Nothing is to be had in the last tenth of the token's life: what is missing until the endpoint is well again is
    // nobody's fault. One that had asked just before the outage would have been served on until 10 min + outage.
    let (avoidable, excuses) = down(9 * MINUTE + LATENCY, DOWN, 0);
    assert_eq!((avoidable, excuses), (0, vec![Excuse::Unforeseen, Excuse::Healed]));
    // Three quarters of that minute were fine: who waited is to blame.
    let (avoidable, _) = down(9 * MINUTE + 45 * SECOND + LATENCY, DOWN, 0);
    assert_eq!(avoidable, 5 * MINUTE - LATENCY);
    // Half a minute is a chance, less is none.
    let chance = |span| down(9 * MINUTE + 2 * LATENCY + span, DOWN, 0).0;
    assert_eq!((chance(29 * SECOND), chance(31 * SECOND)), (0, 5 * MINUTE - LATENCY));
}

#[test]
fn a_wait_that_was_asked_for() {
    for (wait, gap, avoidable) in
        [(40, 40 * SECOND, 0), (40, 41 * SECOND, 999), (3_600, 300 * SECOND, 0), (3_600, 301 * SECOND, 999)]
    {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        let bad = Bad::Http { status: 503, own: true, retry_after: Some(wait * SECOND) };
        tale.at(10 * MINUTE)
            .closes()
            .asks_in_vain(Ask::Open(2), bad)
            .warns(Some(10 * MINUTE + LATENCY + gap));
        tale.wait(gap).connect(By::Resume);
        // From its own closing to the answer it has nothing to say for itself.
        assert_eq!(cost(&tale), (LATENCY + avoidable, vec![Excuse::RetryAfter]), "{wait} s, {gap} ms");
    }
}

#[test]
fn a_sleep_five_seconds() {
    for (gap, avoidable) in [(5 * SECOND + 1, 0), (5 * SECOND + 2, 1)] {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE).unheard(Why::Cut).sleeps_until(20 * MINUTE).loses(Why::Cut);
        tale.warns(Some(20 * MINUTE + gap)).wait(gap).connect(By::Resume);
        assert_eq!(cost(&tale), (avoidable, vec![Excuse::Wake]));
    }
}

#[test]
fn a_revocation_five_seconds_and_what_asking_takes() {
    for (gap, avoidable) in [(5 * SECOND + 1, 0), (5 * SECOND + 2, 1)] {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE).befalls(Instant::Revoke).note(crate::log::Entry::Revoked(1)).loses(Why::Token);
        tale.warns(Some(10 * MINUTE + gap)).wait(gap).refresh().connect(By::Connect);
        assert_eq!(cost(&tale), (avoidable, vec![Excuse::Revoked]));
    }
}

#[test]
fn a_start_and_a_resume_what_they_take() {
    // The first is possible when the first token and the first connect can be done.
    let mut tale = Tale::in_world(World { length: HOUR, ..World::default() }, 2 * HOUR);
    tale.mint().wait(SECOND).connect(By::Connect);
    assert_eq!(cost(&tale), (SECOND - 1, vec![]));
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).user(User::Suspends).unheard(Why::Client).says(crate::client::Phase::Suspended);
    tale.at(20 * MINUTE)
        .user(User::Resumes)
        .says(crate::client::Phase::Away)
        .wait(SECOND)
        .connect(By::Resume);
    assert_eq!(cost(&tale), (SECOND - 1, vec![]));
}

#[test]
fn a_new_process_asks_if_nothing_was_kept() {
    let restarted = |durable: bool| {
        let facts = Facts { durable, ..Facts::default() };
        let world = World {
            facts,
            mint: gives(2 * HOUR),
            refresh: gives(2 * HOUR),
            length: HOUR,
            ..World::default()
        };
        let mut tale = Tale::live_in(world, 2 * HOUR);
        tale.writes().at(10 * MINUTE).killed_until(10 * MINUTE + SECOND);
        tale
    };
    let mut fresh = restarted(false);
    fresh.mint().connect(By::Connect);
    assert_eq!(cost(&fresh), (0, vec![Excuse::Start]));
    // Who has a record needs no token.
    let mut kept = restarted(true);
    kept.connect(By::Resume);
    assert_eq!(cost(&kept), (0, vec![]));
    let mut asks = restarted(true);
    asks.mint().connect(By::Connect);
    assert_eq!(cost(&asks), (LATENCY - 1, vec![]));
}

#[test]
fn a_takeover_six_seconds() {
    for (gap, avoidable) in [(6 * SECOND, 0), (7 * SECOND, 999)] {
        let facts = Facts { durable: true, ..Facts::default() };
        let world = World {
            facts,
            mint: gives(2 * HOUR),
            refresh: gives(2 * HOUR),
            length: HOUR,
            ..World::default()
        };
        let mut tale = Tale::live_in(world, 2 * HOUR);
        tale.world.store =
            tale.world.store.clone().with(5 * MINUTE, 10 * MINUTE, Store { takes: 5, health: Health::Loses });
        tale.at(10 * MINUTE).killed_until(10 * MINUTE + SECOND).wait(gap).mint().connect(By::Connect);
        assert_eq!(cost(&tale), (avoidable, vec![Excuse::Start, Excuse::Takeover]));
    }
}
