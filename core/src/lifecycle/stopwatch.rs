//! Time that counts only while something holds: connected time, for the budget of an activation (L15).

use serde::{Deserialize, Serialize};

use crate::time::Millis;

use super::clock::At;

/// Time that counts only while something holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stopwatch {
    pub(super) used: Millis,
    pub(super) since: Option<At>,
}

impl Stopwatch {
    pub(super) fn run(&mut self, running: bool, now: At) {
        match (self.since, running) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.used = self.used.saturating_add(now.saturating_sub(since));
                self.since = None;
            }
            _ => {}
        }
    }

    /// When it will show `limit`, if it goes on running; `Some(0)` if it has.
    pub(super) fn reaches(&self, limit: Millis) -> Option<At> {
        let left = limit.saturating_sub(self.used);
        if left == 0 { Some(0) } else { self.since.map(|since| since.saturating_add(left)) }
    }

    /// This much of the time since it began was slept away.
    pub(super) fn skip(&mut self, slept: Millis) {
        self.since = self.since.map(|since| since.saturating_add(slept));
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}
