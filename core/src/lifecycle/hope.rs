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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hope_is_lost_once_and_regained_by_an_acceptance_alone() {
        // proves R25
        let mut hope = Hope::default();
        hope.lose(1_000);
        hope.reach.asked(1_000);
        hope.reach.answered(1_000);
        hope.reach.asked(2_000);
        hope.lose(2_000);
        assert_eq!(hope.since, Some(1_000), "losing it again puts nothing off");
        assert!(hope.reach.shows(1_000));
        hope.told = true;
        hope.regain();
        assert_eq!((hope.since, hope.told), (None, false));
        hope.lose(3_000);
        assert!(hope.since == Some(3_000) && !hope.reach.shows(1), "and counts anew");
    }
}
