//! When what outlives the process is written (R13).

pub(crate) mod snapshot;

use crate::lifecycle::Random;
use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::{Class, Pace};
use crate::time::Millis;

/// What is unwritten, and the write under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writing {
    durable: bool,
    unsaved: bool,
    /// It does not wait for others to be written with it: a token, a secret.
    urgent: bool,
    last: At,
    pace: Pace,
}

impl Writing {
    /// A record is kept, or not.
    pub(crate) const fn keep(&mut self, durable: bool) {
        self.durable = durable;
    }

    pub(crate) const fn is_kept(&self) -> bool {
        self.durable
    }

    /// What is not written does not wait for it: there is no record, or none can be written.
    pub(crate) const fn holds_up_nothing(&self) -> bool {
        !self.durable || self.pace.failures > 0
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.pace.failures
    }

    /// Something has changed that can wait for others.
    pub(crate) const fn note(&mut self) {
        self.unsaved = true;
    }

    pub(crate) const fn written(&mut self) {
        self.pace.forgive();
    }

    /// It is written again, after a wait of these.
    pub(crate) fn not_written(&mut self, now: At, waits: (Millis, Millis), random: &mut Random) {
        self.unsaved = true;
        self.pace.failed(now, Class::Unanswered, waits, None, random);
    }

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

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.urgent && !self.unsaved {
            Err("something is urgent to write that is written")
        } else {
            Ok(())
        }
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
