//! The reach-clock: it runs from one attempt to the next if the first was answered by somebody who knows (K5): a server
//! that has broken down is as if nobody had answered.

use crate::time::Millis;

use super::clock::At;

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    run: Millis,
    /// The last attempt, and whether anybody has answered it.
    last: Option<(At, bool)>,
    /// When somebody was last reached, sleep and rest left out.
    reached: At,
}

impl Reach {
    /// From here on it counts.
    pub(super) const fn begin(&mut self, now: At) {
        self.run = 0;
        if let Some((at, _)) = &mut self.last {
            *at = now;
        }
    }

    /// Until now somebody could be reached.
    pub(super) const fn reached(&mut self, now: At) {
        self.reached = now;
    }

    /// An attempt is made.
    pub(super) fn asked(&mut self, now: At) {
        if let Some((at, true)) = self.last {
            self.run = self.run.saturating_add(now.saturating_sub(at));
        }
        self.last = Some((now, false));
    }

    /// Somebody has answered one.
    pub(super) const fn answered(&mut self, now: At) {
        self.reached = now;
        if let Some((_, answered)) = &mut self.last {
            *answered = true;
        }
    }

    /// When the last attempt was made.
    pub(super) fn last_asked(&self) -> At {
        self.last.map_or(0, |(at, _)| at)
    }

    /// It stands until the next attempt: the session rests.
    pub(super) const fn rest(&mut self) {
        self.last = None;
    }

    /// It has stood: the host slept for `slept`.
    pub(super) const fn stand(&mut self, slept: Millis) {
        if let Some((at, _)) = &mut self.last {
            *at = at.saturating_add(slept);
        }
        self.reached = self.reached.saturating_add(slept);
    }

    /// What it shows.
    pub(super) const fn shown(&self) -> Millis {
        self.run
    }

    /// It shows what it has shown in another process.
    pub(super) const fn go_on(&mut self, run: Millis) {
        self.run = run;
    }

    /// Whether it shows `limit`.
    pub(super) const fn shows(&self, limit: Millis) -> bool {
        self.run >= limit
    }

    /// When nobody has been reached for `limit`.
    pub(super) const fn unreached_for(&self, limit: Millis) -> At {
        self.reached.saturating_add(limit)
    }
}
