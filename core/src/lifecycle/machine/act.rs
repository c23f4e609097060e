//! Doing what is due: one function for each [`Wake`].

use super::agenda::Due;
use crate::lifecycle::clock::At;
use crate::lifecycle::renewal::attempts::Endpoint;
use crate::lifecycle::tokens::token::{Inspection, Saved, Token};
use crate::lifecycle::{
    Action, Cause, Event, Failure, Lifecycle, Mechanism, Mode, Outcome, TeardownReason, TokenId, Wake,
    Warning,
};
use crate::time::Millis;

impl Lifecycle {
    /// Does one thing that is due. Each leaves the state such that it is not due any more.
    pub(super) fn act(&mut self, due: Due) {
        let Due { wake, token, since, .. } = due;
        match wake {
            Wake::Deadline(command) => self.done(command, &Outcome::failed(Failure::Timeout)),
            Wake::Hopeless => self.lose_hope(),
            Wake::GiveUp => self.give_up(),
            // Time alone has changed what is good: the agenda has been derived anew.
            Wake::TokenEnds => {}
            Wake::Vain => self.deny_in_vain(),
            Wake::Pending => self.tell_pending(),
            Wake::Stable => self.link.settle(self.clock.now()),
            Wake::Part => self.part(),
            Wake::Expiring => self.warn_of_expiry(),
            Wake::Fallback => self.tell_fallback(),
            Wake::NoMechanism => self.tell_no_mechanism(),
            Wake::MakeKey => {
                let algorithm = self.renewal.key.algorithm();
                self.command(Action::MakeKey { algorithm }, self.policy.provider_max);
            }
            Wake::Mint => self.mint(since),
            Wake::Refresh => self.exchange(Action::Refresh, since),
            Wake::Activate => self.activate(since),
            Wake::Renew => self.renew(since),
            Wake::Inspect => self.inspect(token),
            Wake::ReachOut => self.reach_out(token),
            Wake::Persist => self.write(),
            Wake::Push => self.push(token),
            Wake::Show => self.show(token),
            Wake::Open => self.open(),
            Wake::Farewell => self.farewell(),
        }
    }

    // ---- Hope ----

    /// No held token can be used any more: told at once, with its cause (R25).
    fn lose_hope(&mut self) {
        let now = self.clock.now();
        if self.link.is_live() {
            // Who has served until now was there until now.
            self.hope.reach.reached(now);
        }
        self.hope.lose(now);
        self.hope.told = true;
        self.hurry();
        let lasting = self.tokens.held.iter().any(|token| token.lasts(now));
        if !lasting {
            // What was refused has ended as well: that is the reason.
            self.link.cause = None;
            let look = self.look();
            let renewing = self.can_be_brought(&look) || self.attempts.awaits(now, Millis::MAX).is_some();
            self.told.expiring = Some(self.tokens.generation);
            self.tell(Event::Expired { renewing });
            // What is still being waited for is the reason.
            let asked = self.attempts.list.iter().rev().find(|attempt| attempt.is_exchange());
            if let Some(command) = asked.map(|attempt| attempt.id) {
                self.tell_failed_connect(Cause { command, failure: Failure::Timeout });
            } else if let Some(cause) = self.hope.cause {
                self.tell_failed_connect(cause);
            }
        } else if let Some(cause) = self.link.cause {
            // What served has ended, or its socket is gone, and what else is there was refused.
            self.tell_failed_connect(cause);
        }
    }

    /// What serves has not ended, as has been said since: the session is live again (R25).
    pub(super) fn find_hope(&mut self) {
        let good = || self.tokens.good(self.clock.now()).next().is_some();
        if self.hope.told && self.mode == Mode::Running && self.is_served() && good() {
            self.hope.regain();
            self.tell(Event::Live { resumed: true, generation: self.tokens.generation });
        }
    }

    fn give_up(&mut self) {
        let now = self.clock.now();
        let reason = if self.tokens.held.is_empty() {
            TeardownReason::MintFailed
        } else if self
            .tokens
            .held
            .iter()
            .any(|token| (token.refused || token.barren) && token.ends.is_none_or(|end| now < end))
        {
            TeardownReason::InvalidCredentials
        } else {
            TeardownReason::Expired
        };
        let cause = self.link.cause.or(self.hope.cause);
        self.end(reason, cause);
    }

    fn farewell(&mut self) {
        if let Mode::Ending(reason, cause) = self.mode {
            self.mode = Mode::Over(reason);
            self.tell(Event::Teardown { reason, cause });
        }
    }

    // ---- What is said ----

    fn warn_of_expiry(&mut self) {
        self.told.expiring = Some(self.tokens.generation);
        let Some(token) = self.tokens.in_force() else { return };
        let (Some(at), assumed) = (token.ends, token.sure_end().is_none()) else { return };
        let (ends, mechanism) = (self.clock.tick_of(at), self.mechanism(&self.look()));
        self.warn(Warning::Expiring { ends, assumed, mechanism });
    }

    fn tell_fallback(&mut self) {
        if let Some(reason) = self.fallback_reason(&self.look()) {
            self.told.fallback.push(reason);
            self.warn(Warning::RefreshFallback { reason });
        }
    }

    fn tell_no_mechanism(&mut self) {
        let now = self.clock.now();
        let presumed = self.tokens.end(now, true);
        let ends = presumed.map(|at| self.clock.tick_of(at));
        let assumed = ends.is_some() && self.tokens.end(now, false).is_none();
        if let Some(base) = self.tokens.newest_base_mut().and_then(Token::base_mut) {
            base.told_no_mechanism = true;
        }
        self.warn(Warning::NoRefreshHandler { ends, assumed });
    }

    // ---- Exchanges ----

    fn mint(&mut self, since: Option<At>) {
        (self.renewal.minted, self.renewal.unasked) = (true, false);
        let fingerprint = self.renewal.key.is_ready().then_some(self.renewal.key.algorithm());
        self.exchange(Action::Mint { fingerprint }, since);
    }

    fn activate(&mut self, since: Option<At>) {
        let Some(base) = self.tokens.newest_base().map(|base| base.id) else { return };
        self.exchange(Action::Activate { base, offset: self.clock.offset() }, since);
    }

    fn renew(&mut self, since: Option<At>) {
        let Some(bound) = self.tokens.good_bound(self.clock.now()).map(|bound| bound.id) else { return };
        self.exchange(Action::Renew { bound, offset: self.clock.offset() }, since);
    }

    /// Asks for a token, which somebody should have been asked for `since` then.
    fn exchange(&mut self, action: Action, since: Option<At>) {
        let now = self.clock.now();
        let Some(endpoint) = Endpoint::of(&action) else { return };
        self.renewal.budget.take(now, self.exchange_period());
        self.renewal.pace(endpoint).sent = now;
        let span = if endpoint.mechanism() == Mechanism::Bound {
            // Whether the application's provider has reached anybody nobody knows.
            self.hope.asked(now, self.policy.patience, self.link.round > 0);
            self.own_span()
        } else {
            // From the first look on.
            let refused = self.link.looked_twice || self.tokens.in_force().is_some_and(|token| token.refused);
            self.link.asked |= refused;
            if self.link.round > 1 && self.shown_again(&self.look()).is_none() {
                // Everything was refused, and nothing is left to be shown: who brings tokens is asked round by round.
                self.next_round(false);
            }
            self.provider_span()
        };
        self.command_due(action, span, since.map_or(now, |since| since.min(now)));
    }

    /// When a call of the application's provider yields its place (R14).
    fn provider_span(&self) -> Millis {
        if !self.renewal.provider.may_be_asked_twice {
            return self.policy.provider_max;
        }
        let left = self.left().unwrap_or(0);
        (left / 2).max(self.policy.provider_min).min(self.policy.provider_max)
    }

    /// When a request of our own yields its place: a quarter of the time left within bounds, or what it has taken of late.
    fn own_span(&self) -> Millis {
        let left = self.left().unwrap_or(self.policy.attempt_max.saturating_mul(4));
        let share = (left / 4).max(self.policy.attempt_min).min(self.policy.attempt_max);
        let most = (left / 3).min(self.policy.provider_max);
        let learned = self.attempts.longest().saturating_mul(2).min(most);
        share.max(learned)
    }

    fn inspect(&mut self, base: Option<TokenId>) {
        let Some(base) = base else { return };
        if let Some(facts) = self.tokens.get_mut(base).and_then(Token::base_mut) {
            facts.inspection = Inspection::Asked;
        }
        // A question costs a permit, too, and waits for none.
        self.renewal.budget.take(self.clock.now(), self.exchange_period());
        self.command(Action::Inspect { base }, self.policy.network);
    }

    fn reach_out(&mut self, base: Option<TokenId>) {
        let Some(base) = base else { return };
        self.hope.asked(self.clock.now(), self.policy.patience, self.link.round > 0);
        self.command(Action::Inspect { base }, self.policy.network);
    }

    fn write(&mut self) {
        self.record.begin(self.clock.now());
        for token in &mut self.tokens.held {
            if token.saved == Saved::No {
                token.saved = Saved::Underway;
            }
        }
        self.command(Action::Persist, self.policy.local);
    }
}
