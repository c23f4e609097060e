//! When what outlives the process is written (R13).

pub(crate) mod snapshot;

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::Pace;
use crate::time::Millis;

/// What is unwritten, and the write under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writing {
    pub(crate) durable: bool,
    pub(crate) unsaved: bool,
    /// It does not wait for others to be written with it: a token, a secret.
    urgent: bool,
    last: At,
    pub(crate) pace: Pace,
}

impl Writing {
    pub(crate) const fn is_urgent(&self) -> bool {
        self.unsaved && self.urgent
    }

    pub(crate) const fn urge(&mut self) {
        (self.unsaved, self.urgent) = (true, true);
    }

    /// When the record is written next.
    pub(crate) fn due(&self, interval: Millis) -> Option<At> {
        let gathered = if self.urgent { 0 } else { self.last.saturating_add(interval) };
        (self.durable && self.unsaved).then(|| gathered.max(self.pace.ready()))
    }

    pub(crate) const fn begin(&mut self, now: At) {
        (self.unsaved, self.urgent, self.last) = (false, false, now);
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Writing {
    pub(crate) const fn facts(&self) -> (bool, bool, At, &Pace) {
        let Self { durable, unsaved, urgent: _, last, pace } = self;
        (*durable, *unsaved, *last, pace)
    }
}
