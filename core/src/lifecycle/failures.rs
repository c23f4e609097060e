//! Attempts to get a token that failed: counted, told, and whoever takes over then (L17, L18, L21).

use super::command::Action;
use super::event::{Cause, FallbackReason, TeardownReason, Warning};
use super::input::{Failure, Outcome, TokenId};
use super::mechanism::KeyState;
use super::token::Token;
use super::{Lifecycle, Mode, Pending};

impl Lifecycle {
    /// An attempt to get a token failed.
    pub(super) fn exchange_failed(&mut self, pending: &Pending, failure: Failure, outcome: &Outcome) {
        let cause = Cause { command: pending.id, failure };
        if self.has_nothing_yet() && (failure.is_refusal() || !self.provider.can_mint_again) {
            // Who is asked once has been asked, and a refusal stays one: its error goes to the caller (L42).
            return self.end(TeardownReason::MintFailed, Some(cause));
        }
        self.stop_waiting_for_renewal();
        if let Some(expired) = &mut self.expired {
            expired.attempts = expired.attempts.saturating_add(1);
        }
        let now = self.clock.now();
        let attempt = self.count_failure(pending, failure);
        // A proof refused for its time alone is signed anew at once, and the endpoint is not blamed (L35).
        let missigned =
            attempt == 1 && failure.is_refusal() && self.was_missigned(pending, outcome.signed_at);
        match pending.action {
            Action::Activate { .. } if missigned => self.retries.activate.not_before = now,
            Action::Renew { .. } if missigned => self.retries.renew.not_before = now,
            Action::Activate { .. } | Action::Renew { .. } if failure == Failure::NoKey => {
                self.key.state = KeyState::Failed;
            }
            Action::Activate { .. } => self.activation_failed(failure),
            Action::Renew { bound, .. } => self.renewal_failed(bound, failure),
            _ => self.provider_failed(failure, cause),
        }
        // Who waited for it first: the next attempt is not theirs any more.
        if !missigned {
            self.fail_renewal_asks(cause);
        }
        self.tell_failed_attempt(pending, attempt, failure);
    }

    /// No token was brought yet: the first mint is all that there is.
    pub(super) const fn has_nothing_yet(&self) -> bool {
        self.held.is_empty() && self.in_force.is_none()
    }

    /// The endpoint of this exchange has failed: it is not asked again for a while (L18). Returns how often it
    /// has, since it last succeeded.
    pub(super) fn count_failure(&mut self, pending: &Pending, failure: Failure) -> u32 {
        let (longest, cap) = if self.has_nothing_yet() {
            // Somebody waits for it, and there is no end that would bound what the endpoint asks for (L42).
            (self.policy.backoff_max_first, self.policy.barren_max)
        } else {
            (self.policy.backoff_max, self.time_left() / 2)
        };
        let now = self.clock.now();
        let retry = match pending.action {
            Action::Activate { .. } => &mut self.retries.activate,
            Action::Renew { .. } => &mut self.retries.renew,
            _ => &mut self.retries.provider,
        };
        let asked = failure.retry_after();
        retry.failed_up_to(longest, now, &self.policy, &mut self.random, asked, cap);
        retry.failures
    }

    /// L21.
    pub(super) fn tell_failed_attempt(&mut self, pending: &Pending, attempt: u32, failure: Failure) {
        let cause = Cause { command: pending.id, failure };
        // At rest there is none, for as long as that lasts.
        let next = if self.mode == Mode::Running { self.next_attempt() } else { None };
        let next = next.map(|at| self.clock.tick_of(at.max(self.clock.now())));
        let mechanism = Self::mechanism_of(&pending.action);
        self.warn(Warning::RefreshFailed { attempt, mechanism, cause, next });
    }

    fn activation_failed(&mut self, failure: Failure) {
        if !failure.is_refusal() || self.switch_key() || !self.provider_can() {
            return;
        }
        self.decline(FallbackReason::EndpointFailed);
    }

    fn renewal_failed(&mut self, bound: TokenId, failure: Failure) {
        if !failure.is_refusal() {
            return;
        }
        let ended = self.token(bound).is_some_and(|token| !self.is_valid(token));
        let base_is_valid = self.newest_base().is_some_and(|base| self.is_valid(base));
        // Past its end it is no verdict: the next thing on the agenda is another exchange of the base (L17).
        if !(ended && base_is_valid) && self.provider_can() {
            self.decline(FallbackReason::EndpointFailed);
        }
    }

    fn provider_failed(&mut self, failure: Failure, cause: Cause) {
        let refused =
            matches!(failure, Failure::Rejected | Failure::Http { status: 401 | 403 | 404 | 422, .. });
        if !refused {
            return;
        }
        let Some(id) = self.newest_base().map(|base| base.id) else { return };
        if let Some(base) = self.token_mut(id).and_then(Token::base_mut) {
            base.rejected = true;
        }
        self.stop_reminting();
        if self.expired.is_some() {
            self.end(TeardownReason::Expired, Some(cause));
        }
    }
}
