//! Attempts to get a token that failed (R9, R18).

use crate::lifecycle::attempts::{Attempt, Endpoint};
use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::tokens::token::Word;
use crate::lifecycle::{
    Action, Cause, Failure, KeyAlgorithm, Lifecycle, Outcome, TeardownReason, TokenId, Warning,
};

impl Lifecycle {
    /// An attempt to get a token failed.
    pub(super) fn exchange_failed(&mut self, attempt: &Attempt, failure: Failure, outcome: &Outcome) {
        let cause = Cause { command: attempt.id, failure };
        if failure == Failure::Conflict {
            return self.hand_over(attempt.id);
        }
        if failure == Failure::NoSecret && self.renewal.provider().can_mint_again {
            self.renewal.mint_again();
            return;
        }
        if self.tokens.are_none() && (!self.renewal.provider().can_mint_again || failure == Failure::Rejected)
        {
            if self.attempts.get(attempt.id).is_none() {
                // Who is asked once has answered: its error goes to the caller.
                return self.end(TeardownReason::MintFailed, Some(cause));
            }
            self.hope.lose(self.clock.now());
        }
        if failure == Failure::Rejected {
            self.tokens.reject(true);
        }
        if matches!(attempt.action, Action::Refresh)
            && Class::of(failure) == Class::Refusal
            && !matches!(failure, Failure::Http { status: 429, .. })
        {
            // What is asked again is the endpoint, by a mint (R12); but who only says "later" gives the secret back.
            self.renewal.mint_again();
        }
        if failure == Failure::NoKey {
            self.renewal.key.failed();
        }
        if let Action::Renew { bound, .. } = attempt.action
            && Class::of(failure) == Class::Refusal
            && let Some(token) = self.tokens.get(bound).filter(|it| it.accepted && it.word == Word::Assumed)
        {
            let age = self.clock.now().saturating_sub(token.received);
            self.tokens.suspect(age, self.policy.attempt_max);
        }
        let off = outcome.signed_at.is_some_and(|signed| self.clock.is_off(signed, &self.policy));
        if attempt.late {
            // That it is late was its failure.
            return;
        }
        let refused = Class::of(failure) == Class::Refusal;
        if refused
            && off
            && Endpoint::of(&attempt.action).is_some_and(|it| self.renewal.pace(it).failures == 0)
        {
            // Refused for its time alone: signed anew at once.
            if let Some(endpoint) = Endpoint::of(&attempt.action) {
                self.renewal.pace(endpoint).failures = 1;
            }
            return;
        }
        let activates = matches!(attempt.action, Action::Activate { .. });
        if refused && activates && !self.hope.ever_live() && self.switch_key() {
            self.renewal.paces.activate.failures = 1;
            return;
        }
        self.waiters.hear(cause);
        self.tell_failed(attempt, failure, Class::of(failure), failure.retry_after());
    }

    /// Whoever brought this token has brought nothing: that counts towards the next attempt's wait (R9). Nobody's, where
    /// the application has brought it itself.
    pub(super) fn book_vain(&mut self, id: TokenId, class: Class) -> Option<Endpoint> {
        let endpoint = self.tokens.get(id)?.by?;
        let (now, waits) = (self.clock.now(), (self.policy.wait_min, self.ceiling(class)));
        let mut pace = *self.renewal.pace(endpoint);
        pace.failed(now, class, waits, None, &mut self.random);
        *self.renewal.pace(endpoint) = pace;
        Some(endpoint)
    }

    /// Books a failure of an exchange and tells of it, with the next try.
    pub(super) fn tell_failed(
        &mut self,
        attempt: &Attempt,
        failure: Failure,
        class: Class,
        asked: Option<u64>,
    ) {
        let Some(endpoint) = Endpoint::of(&attempt.action) else { return };
        let asked = self.retry_after(asked);
        let now = self.clock.now();
        // What nobody answered has been waited for already.
        let from = if failure == Failure::Timeout { attempt.asked } else { now };
        let waits = self.waits_of(endpoint, class);
        let mut pace = *self.renewal.pace(endpoint);
        pace.failed(from, class, waits, asked, &mut self.random);
        *self.renewal.pace(endpoint) = pace;
        if !self.hope.is_lost() && self.tokens.are_none() {
            self.hope.lose(now);
        }
        let cause = Cause { command: attempt.id, failure };
        self.hope.blame(cause);
        self.record.note();
        let mechanism = endpoint.mechanism();
        self.warn(Warning::RefreshFailed { attempt: pace.failures, mechanism, cause, next: None });
    }

    /// The first and the longest wait of an endpoint. Who upgrades a session that is served, and that somebody else renews, has
    /// all the time that there is.
    fn waits_of(&self, endpoint: Endpoint, class: Class) -> (u64, u64) {
        let upgrades = endpoint == Endpoint::Activate && class != Class::Unanswered;
        if upgrades && self.is_served() && self.provider_can() {
            (self.policy.wait_upgrade, self.policy.wait_refused)
        } else {
            (self.policy.wait_min, self.ceiling(class))
        }
    }

    /// The server may not take this kind of key: once, take the other kind and mint anew. What is held serves meanwhile.
    pub(super) fn switch_key(&mut self) -> bool {
        if !self.renewal.switch_key() {
            return false;
        }
        self.warn(Warning::KeySwitched { to: KeyAlgorithm::Rs256 });
        true
    }
}
