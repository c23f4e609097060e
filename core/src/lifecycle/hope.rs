//! Hope: the only end (R25).

use crate::lifecycle::Cause;
use crate::lifecycle::clock::At;
use crate::lifecycle::clock::reach::Reach;
use crate::time::Millis;

/// Whether the session can be served again, and for how long that has been doubtful.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hope {
    /// Hopeless since then: not live and no good token. Only an acceptance ends it; while a token waits to be shown it
    /// stands.
    since: Option<At>,
    /// The cause was told.
    told: bool,
    /// What decided it, where an answer did.
    cause: Option<Cause>,
    pub(crate) reach: Reach,
    /// The reach-clock has shown all the patience there is, since then.
    spent: Option<At>,
    /// The session has been live, in this process or in one before it.
    ever_live: bool,
    /// The last that was asked of anybody far away was not answered.
    unreachable: bool,
    /// Whoever was asked for a token last has said "later": unless servers refuse what is held, that time is nobody's to
    /// lose hope in.
    later: bool,
}

impl Hope {
    /// Hopeless since then.
    pub(crate) const fn since(&self) -> Option<At> {
        self.since
    }

    pub(crate) const fn is_lost(&self) -> bool {
        self.since.is_some()
    }

    pub(crate) const fn was_told(&self) -> bool {
        self.told
    }

    /// It is lost, and the application is told so in the same step.
    pub(crate) const fn lose_and_tell(&mut self, now: At) {
        self.lose(now);
        self.told = true;
    }

    /// What decided it, where an answer did.
    pub(crate) const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    pub(crate) const fn blame(&mut self, cause: Cause) {
        self.cause = Some(cause);
    }

    /// The reach-clock has shown all the patience there is, since then.
    pub(crate) const fn spent(&self) -> Option<At> {
        self.spent
    }

    /// The session has been live, in this process or in one before it.
    pub(crate) const fn ever_live(&self) -> bool {
        self.ever_live
    }

    /// The session is live; whether it had been before.
    pub(crate) const fn go_live(&mut self) -> bool {
        core::mem::replace(&mut self.ever_live, true)
    }

    /// Nobody far away has answered.
    pub(crate) const fn nobody_answers(&mut self) {
        self.unreachable = true;
    }

    /// Somebody far away has; whether nobody had before.
    pub(crate) const fn somebody_answers(&mut self) -> bool {
        core::mem::replace(&mut self.unreachable, false)
    }

    /// Whoever was asked for a token says "later", or does not.
    pub(crate) const fn hear(&mut self, later: bool) {
        self.later = later;
    }

    /// As the process before had it: `hopeless`, and what its reach-clock had shown.
    pub(crate) const fn restore(&mut self, ever_live: bool, hopeless: Option<Millis>, now: At) {
        self.ever_live = ever_live;
        if let Some(run) = hopeless {
            self.lose(now);
            self.reach.go_on(run);
        }
    }

    pub(crate) const fn lose(&mut self, now: At) {
        if self.since.is_none() {
            self.since = Some(now);
            self.spent = None;
            self.reach.begin(now);
        }
    }

    /// An attempt is made that somebody far away is to answer.
    pub(crate) fn asked(&mut self, now: At, patience: Millis, refused: bool) {
        if self.later && !refused {
            self.reach.rest();
        }
        self.reach.asked(now);
        if self.since.is_some() && self.reach.shows(patience) {
            self.spent.get_or_insert(now);
        }
    }

    /// A token was accepted.
    pub(crate) const fn regain(&mut self) {
        (self.since, self.told, self.cause, self.spent) = (None, false, None, None);
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let lost = self.since.is_some() || (!self.told && self.spent.is_none());
        if lost { Ok(()) } else { Err("a loss of hope is told that is none") }
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Hope {
    /// Nobody has answered; whoever was asked has said "later". All else is seen from outside.
    pub(crate) const fn flags(&self) -> (bool, bool) {
        let Self { since: _, told: _, cause: _, reach: _, spent: _, ever_live: _, unreachable, later } = self;
        (*unreachable, *later)
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
        hope.lose_and_tell(2_000);
        hope.regain();
        assert_eq!((hope.since, hope.told), (None, false));
        hope.lose(3_000);
        assert!(hope.since == Some(3_000) && !hope.reach.shows(1), "and counts anew");
    }
}
