//! Hope lost, found again and given up: the only end (R25); and what the application ends (R33).

use crate::lifecycle::{Action, AskError, Cause, CommandId, Event, Failure, Lifecycle, Mode, TeardownReason};
use crate::time::Millis;

impl Lifecycle {
    /// No held token can be used any more: told at once, with its cause (R25).
    pub(super) fn lose_hope(&mut self) {
        let now = self.clock.now();
        if self.link.is_live() {
            // Who has served until now was there until now.
            self.hope.reach.reached(now);
        }
        self.hope.lose_and_tell(now);
        self.renewal.paces.hurry();
        let lasting = self.tokens.held().iter().any(|token| token.lasts(now));
        if !lasting {
            // What was refused has ended as well: that is the reason.
            self.link.refusals.forget_cause();
            let look = self.look();
            let renewing = self.can_be_brought(&look) || self.attempts.awaits(now, Millis::MAX).is_some();
            self.told.expiring(self.tokens.generation());
            self.tell(Event::Expired { renewing });
            // What is still being waited for is the reason.
            let asked = self.attempts.iter().rev().find(|attempt| attempt.is_exchange());
            if let Some(command) = asked.map(|attempt| attempt.id) {
                self.tell_failed_connect(Cause { command, failure: Failure::Timeout });
            } else if let Some(cause) = self.hope.cause() {
                self.tell_failed_connect(cause);
            }
        } else if let Some(cause) = self.link.refusals.cause() {
            // What served has ended, or its socket is gone, and what else is there was refused.
            self.tell_failed_connect(cause);
        }
    }

    /// What serves has not ended, as has been said since: the session is live again (R25).
    pub(super) fn find_hope(&mut self) {
        let good = || self.tokens.good(self.clock.now()).next().is_some();
        if self.hope.was_told() && self.mode == Mode::Running && self.is_served() && good() {
            self.hope.regain();
            self.tell(Event::Live { resumed: true, generation: self.tokens.generation() });
        }
    }

    pub(super) fn give_up(&mut self) {
        let now = self.clock.now();
        let reason = if self.tokens.are_none() {
            TeardownReason::MintFailed
        } else if self
            .tokens
            .held()
            .iter()
            .any(|token| (token.refused || token.barren) && token.ends.is_none_or(|end| now < end))
        {
            TeardownReason::InvalidCredentials
        } else {
            TeardownReason::Expired
        };
        let cause = self.link.refusals.cause().or(self.hope.cause());
        self.end(reason, cause);
    }

    /// Puts everything away and ends. Nothing in flight can bring the session back.
    pub(in crate::lifecycle) fn end(&mut self, reason: TeardownReason, cause: Option<Cause>) {
        self.attempts.clear();
        self.close_sockets();
        // Who begins anew begins with as much patience as ever.
        self.hope.regain();
        if self.record.is_kept() && reason != TeardownReason::HandedOver {
            let action = if reason == TeardownReason::Destroyed { Action::Erase } else { Action::Persist };
            self.record.begin(self.clock.now());
            self.command(action, self.policy.local);
        }
        for waiter in self.waiters.take(|_| true) {
            self.tell(Event::Failed { ask: waiter.id, error: AskError::SessionOver });
        }
        self.mode = Mode::Ending(reason, cause);
    }

    pub(super) fn farewell(&mut self) {
        if let Mode::Ending(reason, cause) = self.mode {
            self.mode = Mode::Over(reason);
            self.tell(Event::Teardown { reason, cause });
        }
    }

    /// Somebody else holds the session: nothing more is presented, nothing overwritten (R11).
    pub(super) fn hand_over(&mut self, command: CommandId) {
        let cause = Cause { command, failure: Failure::Conflict };
        self.end(TeardownReason::HandedOver, Some(cause));
    }

    /// The application is done with it, as it says. Who leaves keeps what the next process resumes with.
    pub(super) fn finish(&mut self, reason: TeardownReason) {
        match self.mode {
            Mode::Ending(..) | Mode::Over(_) => self.out_of_place(),
            Mode::Idle | Mode::Running | Mode::Suspended => {
                if reason != TeardownReason::Left {
                    self.link.resumption.forget();
                }
                self.end(reason, None);
            }
        }
    }
}
