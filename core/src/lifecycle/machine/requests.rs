//! Asking somebody for a token, or of one (R14, R18).

use crate::lifecycle::attempts::Endpoint;
use crate::lifecycle::clock::At;
use crate::lifecycle::{Action, Lifecycle, Mechanism, TokenId};
use crate::time::Millis;

impl Lifecycle {
    pub(super) fn mint(&mut self, since: Option<At>) {
        self.renewal.mint();
        let fingerprint = self.renewal.key.is_ready().then_some(self.renewal.key.algorithm());
        self.exchange(Action::Mint { fingerprint }, since);
    }

    pub(super) fn activate(&mut self, since: Option<At>) {
        let Some(base) = self.tokens.newest_base().map(|base| base.id) else { return };
        self.exchange(Action::Activate { base, offset: self.clock.offset() }, since);
    }

    pub(super) fn renew(&mut self, since: Option<At>) {
        let Some(bound) = self.tokens.good_bound(self.clock.now()).map(|bound| bound.id) else { return };
        self.exchange(Action::Renew { bound, offset: self.clock.offset() }, since);
    }

    /// Asks for a token, which somebody should have been asked for `since` then.
    pub(super) fn exchange(&mut self, action: Action, since: Option<At>) {
        let now = self.clock.now();
        let Some(endpoint) = Endpoint::of(&action) else { return };
        self.renewal.budget.take(now, self.exchange_period());
        self.renewal.pace(endpoint).sent = now;
        let span = if endpoint.mechanism() == Mechanism::Bound {
            // Whether the application's provider has reached anybody nobody knows.
            self.hope.asked(now, self.policy.patience, self.link.refusals.round() > 0);
            self.own_span()
        } else {
            // From the first look on.
            let refused = self.link.refusals.looked_twice()
                || self.tokens.in_force().is_some_and(|token| token.refused);
            self.link.refusals.ask(refused);
            if self.link.refusals.round() > 1 && self.shown_again(&self.look()).is_none() {
                // Everything was refused, and nothing is left to be shown: who brings tokens is asked round by round.
                self.next_round(false);
            }
            self.provider_span()
        };
        self.command_due(action, span, since.map_or(now, |since| since.min(now)));
    }

    /// When a call of the application's provider yields its place (R14).
    fn provider_span(&self) -> Millis {
        if !self.renewal.provider().may_be_asked_twice {
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

    pub(super) fn inspect(&mut self, base: Option<TokenId>) {
        let Some(base) = base else { return };
        self.tokens.inspect(base);
        // A question costs a permit, too, and waits for none.
        self.renewal.budget.take(self.clock.now(), self.exchange_period());
        self.command(Action::Inspect { base }, self.policy.network);
    }

    pub(super) fn reach_out(&mut self, base: Option<TokenId>) {
        let Some(base) = base else { return };
        self.hope.asked(self.clock.now(), self.policy.patience, self.link.refusals.round() > 0);
        self.command(Action::Inspect { base }, self.policy.network);
    }
}
