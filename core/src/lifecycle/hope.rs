//! Hope: the only end (H).

use crate::lifecycle::Cause;

use super::clock::At;
use super::reach::Reach;

/// Whether the session can be served again, and for how long that has been doubtful.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hope {
    /// Hopeless since then: not live and no good token. Only an acceptance ends it; while a token waits to be shown it
    /// stands.
    pub(super) since: Option<At>,
    /// The cause was told.
    pub(super) told: bool,
    /// What decided it, where an answer did.
    pub(super) cause: Option<Cause>,
    pub(super) reach: Reach,
}

impl Hope {
    pub(super) const fn lose(&mut self, now: At) {
        if self.since.is_none() {
            self.since = Some(now);
            self.reach.begin(now);
        }
    }

    /// A token was accepted.
    pub(super) const fn regain(&mut self) {
        (self.since, self.told, self.cause) = (None, false, None);
    }
}
