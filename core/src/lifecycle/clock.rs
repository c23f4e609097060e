//! Time as the machine sees it: one clock that never goes back, the server's clock against it, and the
//! suspicion that time was lost in sleep (L6, L9, L23).

use alloc::vec::Vec;

use crate::time::{Millis, Now, Tick, UnixMillis};

use super::command::ClockOffset;
use super::policy::Policy;

/// A moment on the machine's own clock: the monotonic clock plus all time that a server has confirmed to be
/// lost in sleep. Advancing this one clock moves every end and deadline at once (L23).
pub(super) type At = u64;

/// The last moment that a four-digit year can name; later server times are lies (L6).
const YEAR_9999: u64 = 253_402_300_799_999;

/// Where time stops, a hundred million years on: deadlines still fit beyond it.
const HORIZON: u64 = u64::MAX / 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    started: bool,
    tick: Tick,
    unix: UnixMillis,
    lost: Millis,
    /// The server's time at our moment zero.
    server: Option<i64>,
    /// The wall clock's time at our moment zero, as it was set at the beginning.
    first_wall: i64,
    /// When, and how far, the wall clock ran ahead of the monotonic one since a server last told the time.
    pub(super) suspects: Vec<(At, Millis)>,
    /// What is known of the server's clock comes from a record: it is reckoned by a wall clock that may have been
    /// set meanwhile, and ends nothing until a server tells its time (L9).
    pub(super) restored: bool,
}

/// Most jumps that are told apart; of more, the oldest count as one.
const MOST_SUSPECTS: usize = 8;

/// Time that a server has confirmed to be lost, and when it may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) total: Millis,
    jumps: Vec<(At, Millis)>,
}

impl Lost {
    /// What of it had been lost by `at`: what was anchored then has not slept through it.
    pub(super) fn before(&self, at: At) -> Millis {
        let jumps = self.jumps.iter().filter(|(jump, _)| *jump <= at);
        jumps.fold(0, |sum: Millis, (_, span)| sum.saturating_add(*span)).min(self.total)
    }
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self {
            started: false,
            tick: Tick(0),
            unix: UnixMillis(0),
            lost: 0,
            server: None,
            first_wall: 0,
            suspects: Vec::new(),
            restored: false,
        }
    }

    /// Goes on from a record, on a driver's clock that has begun anew (L5). `taken` is when it was written and
    /// `offset` how far the server's clock was ahead then: times of the record are the server's if it was
    /// known, else the wall clock's. Returns the clock, and what is to be added to such times to get moments.
    pub(super) fn restored(now: Now, taken: UnixMillis, offset: ClockOffset) -> (Self, i64) {
        let mut clock = Self::new();
        // The wall clock may have been set back: it is not earlier than when the record was written.
        let reached = now.unix.shifted(offset.unwrap_or(0)).max(taken).0.min(HORIZON);
        clock.started = true;
        clock.tick = Tick(now.tick.0.min(HORIZON));
        clock.unix = now.unix;
        // So that moments of the past have a place on this clock.
        clock.lost = reached.saturating_sub(clock.tick.0);
        clock.first_wall = signed(now.unix.0).saturating_sub(signed(clock.now()));
        let ahead = signed(clock.now()).saturating_sub(signed(reached));
        clock.server = offset.map(|_| ahead.saturating_neg());
        clock.restored = true;
        (clock, ahead)
    }

    /// What is to be added to moments to get times that a record can hold, the time now among them, and the
    /// offset that they were made with.
    pub(super) fn frame(&self) -> (i64, UnixMillis, ClockOffset) {
        let now = self.now().saturating_add(Self::suspected(&self.suspects));
        let ahead = self.server.unwrap_or_else(|| signed(self.unix.0).saturating_sub(signed(now)));
        (ahead, UnixMillis(moved(now, ahead)), self.offset())
    }

    /// The first time that a server told after a restore. Returns by how much what came from the record must be
    /// moved.
    pub(super) fn confirm(&mut self, server: UnixMillis, sent: At, policy: &Policy) -> Option<i64> {
        if !self.restored || server.0 > YEAR_9999 {
            return None;
        }
        self.restored = false;
        // A sleep since the restore is in what the server tells now.
        self.suspects.clear();
        let reckoned = self.server;
        self.observe(server, sent, policy);
        // What the record did not tell by the server's clock was not reckoned by it.
        Some(reckoned.zip(self.server).map_or(0, |(reckoned, told)| reckoned.saturating_sub(told)))
    }

    /// Takes a reading; returns how far the wall clock ran ahead of the monotonic one, if by more than
    /// `tolerance`. A monotonic clock that goes back is taken to stand still.
    pub(super) fn advance(&mut self, now: Now, tolerance: Millis) -> Option<Millis> {
        let tick = Tick(now.tick.0.min(HORIZON)).max(self.tick);
        let wall = now.unix.0.saturating_sub(self.unix.0);
        let ahead = wall.saturating_sub(self.tick.until(tick));
        let first = !self.started;
        self.started = true;
        self.tick = tick;
        self.unix = now.unix;
        if first {
            self.first_wall = signed(now.unix.0).saturating_sub(signed(self.now()));
        }
        if first || ahead <= tolerance {
            return None;
        }
        if self.suspects.len() >= MOST_SUSPECTS {
            let (_, second) = self.suspects.remove(1);
            if let Some((_, first)) = self.suspects.first_mut() {
                *first = first.saturating_add(second);
            }
        }
        self.suspects.push((self.now(), ahead));
        Some(ahead)
    }

    /// The moment of the last reading.
    pub(super) const fn now(&self) -> At {
        self.tick.0.saturating_add(self.lost)
    }

    /// That moment on the driver's clock.
    pub(super) const fn tick_of(&self, at: At) -> Tick {
        Tick(at.saturating_sub(self.lost))
    }

    fn suspected(jumps: &[(At, Millis)]) -> Millis {
        jumps.iter().fold(0, |sum: Millis, (_, span)| sum.saturating_add(*span))
    }

    /// Time that may have been lost in sleep by `at`, unconfirmed: what was anchored then has not slept through
    /// it.
    pub(super) fn suspected_by(&self, at: At) -> Millis {
        let jumps = self.suspects.iter().filter(|(jump, _)| *jump <= at);
        jumps.fold(0, |sum: Millis, (_, span)| sum.saturating_add(*span))
    }

    /// Time since `since` that may have been lost in sleep, unconfirmed: what could be due by then is due
    /// (L23). What came after the jump has slept through nothing.
    pub(super) fn suspect(&self, since: At) -> Millis {
        let jumps = self.suspects.iter().filter(|(at, _)| since < *at);
        jumps.fold(0, |sum: Millis, (_, span)| sum.saturating_add(*span))
    }

    /// Whether the wall clock has run ahead of the monotonic one after this moment, and no server has told the time since
    /// it did.
    pub(super) fn has_jumped_since(&self, sent: At) -> bool {
        self.suspects.last().is_some_and(|(at, _)| sent < *at)
    }

    /// Whether a time that was told after a jump, to somebody who had asked before it, may be older than the jump: it
    /// does not tell that there was no sleep, unless it tells that all of it was one (L23).
    pub(super) fn may_be_old(&self, server: UnixMillis, sent: At, policy: &Policy) -> bool {
        let (_, latest) = self.zero_within(server, sent, policy);
        let suspected = signed(Self::suspected(&self.suspects));
        self.server.is_none_or(|known| latest < known.saturating_add(suspected))
    }

    /// What the server's clock showed at our moment zero, if it told this time in an answer to something sent at
    /// `sent`: earliest and latest.
    fn zero_within(&self, server: UnixMillis, sent: At, policy: &Policy) -> (i64, i64) {
        let time = signed(server.0);
        let slack = signed(policy.clock_slack);
        let grain = signed(policy.clock_grain).saturating_sub(1);
        let earliest = time.saturating_sub(signed(self.now())).saturating_sub(slack);
        (earliest, time.saturating_add(grain).saturating_sub(signed(sent)).saturating_add(slack))
    }

    /// The server told its time, in an answer to something sent at `sent`. Its clock ticks in whole
    /// seconds (`Policy::clock_grain`), so all that is known is an interval; the estimate moves only when it lies outside.
    ///
    /// Returns time that is thereby confirmed to be lost.
    pub(super) fn observe(&mut self, server: UnixMillis, sent: At, policy: &Policy) -> Option<Lost> {
        if server.0 > YEAR_9999 {
            return None;
        }
        let (earliest, latest) = self.zero_within(server, sent, policy);
        let mut jumps = core::mem::take(&mut self.suspects);
        let Some(known) = self.server else {
            self.server = Some(midpoint(earliest, latest));
            return None;
        };
        if (earliest..=latest).contains(&known) {
            return None;
        }
        let moved = midpoint(earliest, latest).saturating_sub(known);
        // What a suspected sleep explains is time that we did not see pass; the rest is the server's clock
        // that was set, or a wrong first estimate.
        let moved_ahead = u64::try_from(moved).unwrap_or(0);
        let slept = moved_ahead.min(Self::suspected(&jumps));
        // Or the first sleep was longer than it seemed, since the wall clock was set back at the same time.
        let unexplained = moved_ahead.saturating_sub(slept);
        if let Some((_, first)) = jumps.first_mut().filter(|_| unexplained > policy.jump) {
            *first = first.saturating_add(unexplained);
        }
        let before = self.lost;
        self.lost = before.saturating_add(slept).min(HORIZON);
        self.server = Some(known.saturating_add(moved).saturating_sub(signed(slept)));
        let total = self.lost.saturating_sub(before);
        (total > 0).then_some(Lost { total, jumps })
    }

    /// The server's time at `at`, as far as it is known.
    pub(super) fn server_time(&self, at: At) -> Option<UnixMillis> {
        self.server.map(|base| UnixMillis(unsigned(base.saturating_add(signed(at)))))
    }

    /// When the server's clock will show `time`; `None` until the server has told its time.
    pub(super) fn when_server_shows(&self, time: UnixMillis) -> Option<At> {
        self.server.map(|base| unsigned(signed(time.0).saturating_sub(base)))
    }

    /// The same, once a server has told its time in this process: what may end something.
    pub(super) fn when_server_surely_shows(&self, time: UnixMillis) -> Option<At> {
        self.when_server_shows(time).filter(|_| self.is_confirmed())
    }

    /// Whether the server's clock, if it is known, is known from a server and not from a record.
    pub(super) const fn is_confirmed(&self) -> bool {
        !self.restored
    }

    /// Whether a server has told its time in this process.
    pub(super) const fn is_told(&self) -> bool {
        self.server.is_some() && self.is_confirmed()
    }

    /// When the local wall clock will show `time`, if nobody sets it from now on.
    pub(super) fn when_wall_shows(&self, time: UnixMillis) -> At {
        let ahead = signed(time.0).saturating_sub(signed(self.unix.0));
        unsigned(signed(self.now()).saturating_add(ahead))
    }

    /// When the wall clock of the beginning would show `time`: setting the clock moves nothing that was
    /// reckoned by it (L23).
    pub(super) fn when_first_wall_shows(&self, time: UnixMillis) -> At {
        unsigned(signed(time.0).saturating_sub(self.first_wall))
    }

    /// What is to be added to the wall clock to get the server's time; a suspected sleep is taken for one,
    /// since a wrong guess is healed by signing anew (L35).
    pub(super) fn offset(&self) -> ClockOffset {
        self.server_time(self.now().saturating_add(Self::suspected(&self.suspects)))
            .map(|server| signed(server.0).saturating_sub(signed(self.unix.0)))
    }
}

/// A moment or time, moved; saturates.
pub(super) const fn moved(at: u64, by: i64) -> u64 {
    at.saturating_add_signed(by)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

const fn midpoint(low: i64, high: i64) -> i64 {
    low.saturating_add(high.saturating_sub(low) / 2)
}

#[cfg(test)]
mod tests;
