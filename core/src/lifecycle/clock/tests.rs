//! The server's clock and sleep, clause by clause (R1 to R4).

use super::*;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
/// What the wall clock reads at tick 0, where it is right.
const EPOCH: u64 = 1_800_000_000_000;

/// A host whose wall clock is right and whose tick began with the first reading.
struct Host {
    clock: Clock,
    policy: Policy,
    tick: u64,
    /// How far the wall clock is ahead of the tick.
    wall: u64,
}

fn host(tick_counts_sleep: bool) -> Host {
    let policy = Policy::default().with(|it| it.tick_counts_sleep = tick_counts_sleep);
    let mut host = Host { clock: Clock::new(), policy, tick: 0, wall: EPOCH };
    assert_eq!(host.to(0), None);
    host
}

impl Host {
    fn to(&mut self, tick: u64) -> Option<Millis> {
        self.tick = tick;
        self.clock.advance(Now::new(tick, tick + self.wall), &self.policy)
    }

    /// The host sleeps, and only its wall clock goes on.
    fn nap(&mut self, span: u64) -> Option<Millis> {
        self.wall += span;
        self.to(self.tick)
    }

    /// A server whose clock is ahead of the host's wall clock at first by this says, now, what it reads: to the second, and at
    /// once.
    fn told(&mut self, ahead: i64) -> Option<Slept> {
        let time = (EPOCH + self.tick).saturating_add_signed(ahead);
        self.clock.observe(UnixMillis(time), self.clock.now(), &self.policy)
    }
}

// ---- K1 ----

#[test]
fn where_ticks_count_sleep_a_wall_clock_says_nothing() {
    // proves R1.5
    let mut host = host(true);
    assert_eq!(host.nap(60 * MINUTE), None);
    assert_eq!((host.clock.now(), host.clock.suspect(0)), (EPOCH, 0));
}

#[test]
fn naps_add_up() {
    // proves R1.5: of 4.9 s each, none of which is a sleep
    let mut host = host(false);
    assert_eq!(host.nap(4_900), None);
    assert_eq!(host.to(10 * SECOND), None);
    assert_eq!(host.nap(4_900), Some(9_800));
    assert_eq!(host.clock.suspect(EPOCH), 9_800);
    host.to(20 * SECOND);
    assert_eq!((host.nap(4_900), host.nap(4_900)), (None, Some(9_800)));
    assert_eq!(host.clock.suspect(EPOCH), 19_600, "all in all");
    assert_eq!(host.clock.suspect(host.clock.now()), 0, "what came since has not slept");
}

#[test]
fn a_wall_clock_that_is_set_back_moves_nothing() {
    // proves R1.5
    let mut host = host(false);
    host.wall -= 60 * MINUTE;
    assert_eq!(host.to(SECOND), None);
    assert_eq!((host.clock.now(), host.clock.suspect(0)), (EPOCH + SECOND, 0));
    assert_eq!(host.nap(20 * SECOND), Some(20 * SECOND), "and counts from there");
}

#[test]
fn a_sleep_moves_the_clock_once_a_server_has_confirmed_it() {
    // proves R1.6
    let mut host = host(false);
    assert_eq!(host.told(0), None);
    host.to(10 * SECOND);
    assert_eq!(host.nap(20 * MINUTE), Some(20 * MINUTE));
    assert_eq!(host.clock.now(), EPOCH + 10 * SECOND, "suspected, it moves nothing");
    host.to(11 * SECOND);
    // As much of it as the server's clock vouches for, which it tells to the second.
    let span = 20 * MINUTE - 999;
    let slept = host
        .told(1_200_000)
        .map(|slept| (slept.span, slept.before(EPOCH + 10 * SECOND), slept.before(EPOCH)));
    assert_eq!(slept, Some((span, (span, span), (0, 0))));
    assert_eq!(host.clock.now(), EPOCH + 11 * SECOND + 20 * MINUTE - 999);
    assert_eq!((host.clock.suspect(0), host.clock.offset()), (0, Some(0)));
    assert_eq!(host.clock.tick_of(host.clock.now()), Tick(11 * SECOND), "the driver's clock has not moved");
}

#[test]
fn a_wall_clock_that_was_set_is_no_sleep() {
    // proves R1.6
    let mut host = host(false);
    host.told(0);
    assert_eq!(host.nap(20 * MINUTE), Some(20 * MINUTE));
    assert_eq!(host.told(0), None, "the server's clock stands where it stood");
    assert_eq!((host.clock.now(), host.clock.suspect(0)), (EPOCH, 0));
    // Nor is a server's time that is further ahead than anybody can have slept.
    assert_eq!(host.nap(MINUTE), Some(MINUTE));
    assert_eq!(host.told(3_600_000), None);
    assert_eq!(host.clock.now(), EPOCH);
}

#[test]
fn no_clock_goes_back() {
    // proves R29.7
    let mut host = host(true);
    host.to(10 * SECOND);
    host.to(5 * SECOND);
    assert_eq!(host.clock.now(), EPOCH + 10 * SECOND);
    // Nor behind the record that it goes on from.
    let taken = UnixMillis(EPOCH + MINUTE);
    let mut clock = Clock::restored(Now::new(7, EPOCH), taken);
    assert_eq!(clock.now(), taken.0);
    assert_eq!(clock.advance(Now::new(1_007, EPOCH + SECOND), &Policy::default()), None);
    assert_eq!(clock.now(), taken.0 + SECOND);
    assert_eq!((clock.is_told(), clock.offset()), (false, None), "what it knew of the server is hearsay now");
}

// ---- K2 ----

#[test]
fn an_end_is_dated_by_its_own_answer_then_by_the_offset_then_by_nobody() {
    // proves R2.2
    let mut host = host(true);
    let end = UnixMillis(EPOCH + 60 * MINUTE);
    assert_eq!(host.clock.when(end, None, &host.policy), None);
    assert_eq!(host.clock.when_wall_shows(end), EPOCH + 60 * MINUTE);
    // By the `Date` of its own answer, which was on its way for 100 ms.
    host.to(100);
    let date = UnixMillis(EPOCH + 10 * MINUTE);
    let own = host.clock.when(end, Some((date, EPOCH)), &host.policy);
    assert_eq!(own, Some((EPOCH + 50 * MINUTE - 999, EPOCH + 50 * MINUTE + 100)));
    // By what is known.
    host.told(60_000);
    let known = host.clock.when(end, None, &host.policy);
    assert_eq!(known, Some((EPOCH + 59 * MINUTE - 999, EPOCH + 59 * MINUTE)));
    assert_eq!(
        host.clock.when(end, Some((date, EPOCH)), &host.policy),
        own,
        "its own answer goes before that"
    );
}

// ---- K3 ----

#[test]
fn witnesses_that_overlap_narrow_what_is_known() {
    // proves R3.4
    let mut host = host(true);
    host.told(0);
    assert_eq!(host.clock.server, Some(Ahead { least: 0, most: 999 }));
    host.to(500);
    host.told(400);
    assert_eq!(host.clock.server, Some(Ahead { least: 400, most: 999 }));
    host.to(700);
    host.told(-300);
    assert_eq!(host.clock.server, Some(Ahead { least: 400, most: 699 }));
    // Five seconds are nothing to ask a second witness for.
    host.to(800);
    host.told(5_600);
    assert_eq!(host.clock.server, Some(Ahead { least: 5_600, most: 6_599 }));
}

#[test]
fn who_is_far_off_needs_a_second_witness_five_seconds_later() {
    // proves R3.5
    let mut host = host(true);
    host.told(0);
    let before = host.clock.server;
    let hour = 3_600_000;
    host.told(hour);
    assert_eq!(host.clock.server, before, "one");
    host.to(4_999);
    host.told(hour);
    assert_eq!(host.clock.server, before, "at once is no second one: a stored answer comes twice, too");
    host.to(5_000);
    host.told(hour + 10_000);
    assert_eq!(host.clock.server, before, "nor is one that says something else");
    host.to(9_999);
    host.told(hour + 10_000);
    assert_eq!(host.clock.server, before, "which begins anew");
    host.to(10_000);
    host.told(hour + 12_000);
    assert_eq!(host.clock.server.map(|ahead| ahead.least), Some(hour + 12_000), "within two seconds of it");
}

#[test]
fn who_agrees_with_what_is_known_refutes_who_does_not() {
    // proves R3.5
    let mut host = host(true);
    host.told(0);
    let hour = 3_600_000;
    host.told(hour);
    host.to(1_000);
    host.told(0);
    host.to(6_000);
    host.told(hour);
    assert_eq!(host.clock.server.map(|ahead| ahead.least), Some(0));
    // And beyond the year 9999 nobody is heard.
    host.clock.observe(UnixMillis(YEAR_9999.0 + 1), host.clock.now(), &host.policy);
    assert_eq!(host.clock.candidate.map(|(ahead, _)| ahead.least), Some(hour));
}

// ---- K4 ----

#[test]
fn a_right_wall_clock_is_not_corrected_and_a_wrong_one_to_the_early_end() {
    // proves R4.1
    let mut host = host(true);
    assert_eq!(host.clock.offset(), None);
    host.to(500);
    // Half a second ago it said the second that began then.
    host.told(-500);
    assert_eq!(host.clock.offset(), Some(0));
    for (wall, offset) in [(60_000, -60_500), (-60_000, 59_500)] {
        host.wall = EPOCH.saturating_add_signed(wall);
        host.to(host.tick);
        assert_eq!(host.clock.offset(), Some(offset), "{wall}");
    }
}

#[test]
fn no_proof_is_of_the_servers_future() {
    // proves R4.1
    // survives P24
    for ahead in [-3_600_000i64, -61_234, -700, -1, 0, 1, 300, 999, 61_234] {
        for (way, back) in [(0, 0), (40, 40), (1_000, 20), (20, 1_000), (2_500, 2_500)] {
            for phase in [0, 1, 250, 500, 999] {
                let mut host = host(true);
                for sent in [phase, phase + 7_333, phase + 19_871] {
                    host.to(sent);
                    let asked = host.clock.now();
                    let read = (EPOCH + sent + way).saturating_add_signed(ahead);
                    host.to(sent + way + back);
                    host.clock.observe(UnixMillis(read / SECOND * SECOND), asked, &host.policy);
                    let server = (EPOCH + host.tick).saturating_add_signed(ahead);
                    let offset = host.clock.offset().unwrap_or(i64::MAX);
                    let signed_at = (EPOCH + host.tick).saturating_add_signed(offset);
                    // A clock of ours that is right is right, whatever the server's is within what it tells.
                    let most = if offset == 0 { server.max(EPOCH + host.tick) } else { server };
                    assert!(signed_at <= most, "{ahead} {way} {back} {phase}: {signed_at} {server}");
                    assert!(signed_at + way + back + 1_000 >= server, "{ahead}: nor long ago");
                    assert!(!host.clock.is_off(UnixMillis(signed_at), &host.policy));
                }
            }
        }
    }
}

#[test]
fn a_proof_may_have_been_refused_for_its_time_alone() {
    // proves R4.2
    let mut host = host(true);
    assert!(!host.clock.is_off(UnixMillis(0), &host.policy), "nobody knows");
    host.told(0);
    for (signed, off) in [(0, false), (5_999, false), (6_100, true), (-19_000, false), (-20_001, true)] {
        let signed_at = UnixMillis(EPOCH.saturating_add_signed(signed));
        assert_eq!(host.clock.is_off(signed_at, &host.policy), off, "{signed}");
    }
}
