//! Hope: the only end (R25).

use crate::lifecycle::Cause;
use crate::lifecycle::clock::At;
use crate::lifecycle::clock::reach::Reach;
use crate::time::Millis;

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
    /// The reach-clock has shown all the patience there is, since then.
    pub(super) spent: Option<At>,
    /// The session has been live, in this process or in one before it.
    pub(super) ever_live: bool,
    /// The last that was asked of anybody far away was not answered.
    pub(super) unreachable: bool,
    /// Whoever was asked for a token last has said "later": unless servers refuse what is held, that time is nobody's to
    /// lose hope in.
    pub(super) later: bool,
}

impl Hope {
    pub(super) const fn lose(&mut self, now: At) {
        if self.since.is_none() {
            self.since = Some(now);
            self.spent = None;
            self.reach.begin(now);
        }
    }

    /// An attempt is made that somebody far away is to answer.
    pub(super) fn asked(&mut self, now: At, patience: Millis, refused: bool) {
        if self.later && !refused {
            self.reach.rest();
        }
        self.reach.asked(now);
        if self.since.is_some() && self.reach.shows(patience) {
            self.spent.get_or_insert(now);
        }
    }

    /// A token was accepted.
    pub(super) const fn regain(&mut self) {
        (self.since, self.told, self.cause, self.spent) = (None, false, None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hope_is_lost_once_and_regained_by_an_acceptance_alone() {
        // proves R25.4
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
