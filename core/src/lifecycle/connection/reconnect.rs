//! When a socket may be opened: back-off, by how long there has been none (R19).

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::{Class, Pace};
use crate::lifecycle::{Policy, Random};
use crate::time::Millis;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconnect {
    /// How sockets have fared.
    pace: Pace,
    /// When the outage began.
    down_since: Option<At>,
    /// The first reconnect after the server has ended many is put off until then (R19).
    spread_until: At,
}

impl Reconnect {
    pub(crate) const fn pace(&self) -> Pace {
        self.pace
    }

    /// When the next may be opened.
    pub(crate) fn ready(&self) -> At {
        self.pace.ready().max(self.spread_until)
    }

    /// One is opened.
    pub(crate) fn begin(&mut self, now: At) {
        self.down_since.get_or_insert(now);
        self.spread_until = 0;
    }

    /// The one that served is gone. What has befallen others that were shown something beside a `stable` one is nothing to
    /// wait for.
    pub(crate) fn lost(&mut self, stable: bool, now: At) {
        if stable {
            self.pace.forgive();
            self.down_since = Some(now);
        } else {
            self.down_since.get_or_insert(now);
        }
    }

    /// Waits before the next: equal jitter, doubling, up to 3 s in the first minute, then 30 s; `from`: when what failed was
    /// asked or answered.
    pub(crate) fn failed(
        &mut self,
        now: At,
        (from, class): (At, Class),
        asked: Option<Millis>,
        policy: &Policy,
        random: &mut Random,
    ) {
        let since = *self.down_since.get_or_insert(now);
        let most = match now.saturating_sub(since) {
            age if age < policy.early_outage => policy.reconnect_early,
            age if age < policy.middle_outage => policy.reconnect_middle,
            _ => policy.reconnect,
        };
        self.pace.failed(from, class, (policy.wait_min, most), asked, random);
    }

    /// The next is opened then, whatever has failed.
    pub(crate) const fn put_off(&mut self, at: At) {
        self.pace.not_before = at;
    }

    /// The server ends many at once: who comes back does so in turn.
    pub(crate) const fn spread(&mut self, until: At) {
        self.spread_until = until;
    }

    pub(crate) fn wake(&mut self, now: At) {
        self.pace.wake(now);
    }

    /// No other socket was needed.
    pub(crate) fn forget(&mut self) {
        self.pace = Pace::default();
    }

    /// The connection counts as stable: nothing of before is held against sockets. What was put off meanwhile, beside it,
    /// comes when it was announced for.
    pub(crate) fn settle(&mut self, now: At) {
        if self.pace.not_before > now {
            self.pace.failures = 0;
        } else {
            self.pace.forgive();
        }
        self.down_since = None;
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Reconnect {
    pub(crate) const fn facts(&self) -> (&Pace, Option<At>, At) {
        let Self { pace, down_since, spread_until } = self;
        (pace, *down_since, *spread_until)
    }
}
