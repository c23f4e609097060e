//! Time as the machine sees it: one clock that never goes back, and the server's clock against it (R1 to R4).

pub(crate) mod reach;
mod suspicion;

use suspicion::{Slept, Suspicion};

use crate::lifecycle::Policy;
use crate::time::{Millis, Now, Tick, UnixMillis};

/// A moment on the machine's own clock. It begins at what the wall clock read at the first input and goes on with the
/// tick, so that moments of a record have a place on it.
pub(crate) type At = u64;

/// The last moment that a four-digit year can name; later server times are lies.
pub(crate) const YEAR_9999: UnixMillis = UnixMillis(253_402_300_799_999);

/// Where time stops, a hundred million years on: deadlines still fit beyond it.
const HORIZON: u64 = u64::MAX / 4;

/// How far a clock is ahead of ours: at least, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ahead {
    least: i64,
    most: i64,
}

impl Ahead {
    const fn overlaps(self, other: Self, slack: i64) -> bool {
        self.least.saturating_sub(slack) <= other.most && other.least.saturating_sub(slack) <= self.most
    }

    fn within(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    started: bool,
    tick: Tick,
    unix: UnixMillis,
    /// What is added to the tick to get a moment.
    base: u64,
    /// How far the wall clock was ahead of our moments when it was last looked at.
    wall: i64,
    suspicion: Suspicion,
    server: Option<Ahead>,
    /// A time that contradicts what is known, and when it was told: it waits for a second witness (R3).
    candidate: Option<(Ahead, At)>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            started: false,
            tick: Tick(0),
            unix: UnixMillis(0),
            base: 0,
            wall: 0,
            suspicion: Suspicion::default(),
            server: None,
            candidate: None,
        }
    }

    /// Goes on from a record that was written when the server's clock, or the wall clock if that was not known,
    /// read `taken`. What is known of the server's clock comes from the wall clock: a hint, until a server tells.
    pub(crate) fn restored(now: Now, taken: UnixMillis) -> Self {
        let mut clock = Self::new();
        // The wall clock may have been set back: it is not earlier than when the record was written.
        clock.begin(Now { unix: now.unix.max(taken), ..now });
        clock.unix = now.unix;
        clock.wall = signed(now.unix.0).saturating_sub(signed(clock.now()));
        clock
    }

    fn begin(&mut self, now: Now) {
        self.started = true;
        self.tick = Tick(now.tick.0.min(HORIZON));
        self.unix = now.unix;
        self.base = now.unix.0.min(HORIZON).saturating_sub(self.tick.0);
        self.wall = signed(now.unix.0).saturating_sub(signed(self.now()));
    }

    /// Takes a reading. Where the tick does not count sleep: by how much the wall clock has run ahead of it, all in
    /// all, if that is more than a sleep.
    pub(crate) fn advance(&mut self, now: Now, policy: &Policy) -> Option<Millis> {
        if !self.started {
            self.begin(now);
            return None;
        }
        self.tick = Tick(now.tick.0.min(HORIZON)).max(self.tick);
        self.unix = now.unix;
        let wall = signed(now.unix.0).saturating_sub(signed(self.now()));
        let ahead = wall.saturating_sub(self.wall);
        if ahead < 0 {
            // Set back: nothing moves.
            self.wall = wall;
        }
        let ahead = u64::try_from(ahead).unwrap_or(0);
        if policy.tick_counts_sleep || ahead <= policy.sleep {
            return None;
        }
        self.wall = wall;
        self.suspicion.add(self.now(), ahead);
        Some(ahead)
    }

    /// It is that moment, if nobody sets a clock until then.
    pub(crate) fn pass_to(&mut self, at: At) {
        let by = at.saturating_sub(self.now());
        self.tick = Tick(self.tick.0.saturating_add(by));
        self.unix = UnixMillis(self.unix.0.saturating_add(by));
    }

    /// The moment of the last reading.
    pub(crate) const fn now(&self) -> At {
        self.tick.0.saturating_add(self.base)
    }

    /// A moment on the driver's clock.
    pub(crate) const fn tick_of(&self, at: At) -> Tick {
        Tick(at.saturating_sub(self.base))
    }

    /// Time since `since` that may have been slept through: what could be due by then is due.
    pub(crate) fn suspect(&self, since: At) -> Millis {
        self.suspicion.since(since)
    }

    // ---- The server's clock ----

    /// What an answer that carries this time, asked for at `sent`, says of the server's clock.
    fn reading(&self, time: UnixMillis, sent: At, policy: &Policy) -> Ahead {
        let time = signed(time.0);
        let grain = signed(policy.clock_grain).saturating_sub(1);
        Ahead {
            least: time.saturating_sub(signed(self.now())),
            most: time.saturating_add(grain).saturating_sub(signed(sent)),
        }
    }

    /// A server told its time in an answer of its own, asked for at `sent` (R3). Returns time that is thereby
    /// confirmed to have been slept through.
    pub(crate) fn observe(&mut self, time: UnixMillis, sent: At, policy: &Policy) -> Option<Slept> {
        if time > YEAR_9999 {
            return None;
        }
        let told = self.reading(time, sent, policy);
        let Some(known) = self.server else {
            self.server = Some(told);
            self.suspicion.clear();
            return None;
        };
        if known.overlaps(told, 0) {
            self.server = Some(known.within(told));
            self.candidate = None;
            self.suspicion.clear();
            return None;
        }
        let suspected = self.suspicion.span();
        if suspected > 0 && told.least > known.most {
            let ahead = u64::try_from(told.least.saturating_sub(known.most)).unwrap_or(0);
            if ahead <= suspected.saturating_add(policy.skew) {
                // We did not see that time pass: the server's clock stands where it stood.
                let slept = self.suspicion.confirm(ahead);
                self.base = self.base.saturating_add(slept.span).min(HORIZON);
                self.wall = self.wall.saturating_sub(signed(slept.span));
                return Some(slept);
            }
        }
        if known.overlaps(told, signed(policy.skew)) {
            self.server = Some(told);
            self.candidate = None;
            return None;
        }
        let now = self.now();
        match self.candidate {
            Some((other, at))
                if other.overlaps(told, signed(policy.witness)) && at.saturating_add(policy.skew) <= now =>
            {
                self.server = Some(told);
                self.candidate = None;
                self.suspicion.clear();
            }
            Some((other, _)) if other.overlaps(told, signed(policy.witness)) => {}
            _ => self.candidate = Some((told, now)),
        }
        None
    }

    /// Whether a server has told its time in this process.
    pub(crate) const fn is_told(&self) -> bool {
        self.server.is_some()
    }

    /// When the server's clock shows `time`: at the earliest, at the latest. By the time that the same answer told if it
    /// told one, else by what is known; `None`: nobody knows.
    pub(crate) fn when(
        &self,
        time: UnixMillis,
        told: Option<(UnixMillis, At)>,
        policy: &Policy,
    ) -> Option<(At, At)> {
        let of_this_answer = told.map(|(told, sent)| self.reading(told, sent, policy));
        let Ahead { least, most } = of_this_answer.or(self.server)?;
        let at = |ahead: i64| unsigned(signed(time.0).saturating_sub(ahead));
        Some((at(most), at(least)))
    }

    /// When the local wall clock shows `time`, if nobody sets it.
    pub(crate) fn when_wall_shows(&self, time: UnixMillis) -> At {
        let ahead = signed(self.unix.0).saturating_sub(signed(self.now()));
        unsigned(signed(time.0).saturating_sub(ahead))
    }

    /// What is to be added to the wall clock to sign a proof: nothing where the wall clock lies within what is known of
    /// the server's, else what gets it to the earliest that this can read (R4). `None` while nothing is known.
    pub(crate) fn offset(&self) -> Option<i64> {
        let Ahead { least, most } = self.server?;
        let suspected = signed(self.suspicion.span());
        let wall = signed(self.unix.0).saturating_sub(signed(self.now()));
        let (least, most) = (least.saturating_add(suspected), most.saturating_add(suspected));
        Some(if (least..=most).contains(&wall) { 0 } else { least.saturating_sub(wall) })
    }

    /// Whether a proof with this time may have been refused for that alone.
    pub(crate) fn is_off(&self, signed_at: UnixMillis, policy: &Policy) -> bool {
        let Some(Ahead { least, most }) = self.server else { return false };
        let wall = signed(signed_at.0).saturating_sub(signed(self.now()));
        let skew = signed(policy.skew);
        // It was signed before now: what has passed since is not counted against it.
        wall > most.saturating_add(skew) || wall < least.saturating_sub(skew.saturating_mul(4))
    }

    /// What is to be added to a moment to get a time that a record can hold: the server's, else the wall clock's.
    pub(crate) fn frame(&self) -> i64 {
        let wall = signed(self.unix.0).saturating_sub(signed(self.now()));
        self.server.map_or(wall, |ahead| ahead.least)
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Clock {
    /// All that is known of other clocks, relative to the wall clock; `None` where nothing is.
    pub(crate) fn relative(&self, policy: &Policy) -> Option<alloc::string::String> {
        let Self { started, tick: _, unix, base: _, wall, suspicion, server, candidate } = self;
        let now = self.now();
        let ahead = signed(unix.0).saturating_sub(signed(now));
        let mut text = alloc::string::String::new();
        if *wall != ahead && *started && !policy.tick_counts_sleep {
            text.push_str(&alloc::format!(" seen{:+}", wall - ahead));
        }
        if let Some(Ahead { least, most }) = server {
            text.push_str(&alloc::format!(" server{:+}..{:+}", least - ahead, most - ahead));
        }
        for (span, ago) in suspicion.facts(now) {
            text.push_str(&alloc::format!(" suspect{span}@-{}", ago.min(30)));
        }
        if let Some((Ahead { least, most }, at)) = candidate {
            let age = now.saturating_sub(*at).min(policy.skew);
            text.push_str(&alloc::format!(" candidate{:+}..{:+}@-{age}", least - ahead, most - ahead));
        }
        (!text.is_empty()).then_some(text)
    }
}

/// A moment or time, moved; saturates.
pub(crate) const fn moved(at: u64, by: i64) -> u64 {
    at.saturating_add_signed(by)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
