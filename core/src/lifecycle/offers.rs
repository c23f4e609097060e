//! What is offered to the server on a fresh connect, and what a refusal means (L35, L46).

use crate::time::UnixMillis;

use super::command::{Action, CommandId};
use super::event::{Cause, TeardownReason, Warning};
use super::input::{Failure, KeyAlgorithm, TokenId};
use super::mechanism::KeyState;
use super::token::Token;
use super::{Lifecycle, MOST_REJECTED, Pending, Remint};

impl Lifecycle {
    /// The token that a fresh connect offers next: the newest valid one that was not refused (L35).
    pub(super) fn offer(&self) -> Option<&Token> {
        let margin = self.clock.now().saturating_add(self.policy.reopen_margin);
        self.held
            .iter()
            .rev()
            .find(|token| token.is_valid(&self.clock, margin) && !self.outage.refused.contains(&token.id))
    }

    // ---- Refusals ----

    /// A connect failed.
    pub(super) fn connect_failed(
        &mut self,
        pending: &Pending,
        signed_at: Option<UnixMillis>,
        failure: Failure,
    ) {
        let Action::Authenticate { token, resume, .. } = pending.action else { return };
        let cause = Cause { command: pending.id, failure };
        match failure {
            // What a resume is refused for is its state: no verdict on the token (L34).
            Failure::Rpc { code: -32_002 | -32_003 | -32_602, .. }
            | Failure::Rpc { credential: true, .. }
                if resume =>
            {
                self.resumable = None;
                self.drop_link(Some(0));
            }
            Failure::Rpc { credential: true, .. } => {
                self.drop_link(Some(0));
                if self.was_missigned(pending, signed_at) && !self.outage.resigned {
                    self.outage.resigned = true;
                } else if !self.switch_key() {
                    self.warn(Warning::ConnectFailed { cause, next: None });
                    self.refused(token, cause);
                }
            }
            _ => {
                self.drop_link(None);
                self.tell_failed_connect(cause);
            }
        }
    }

    /// Whether a proof may have been refused for its time alone.
    pub(super) fn was_missigned(&self, pending: &Pending, signed_at: Option<UnixMillis>) -> bool {
        let skew = self.policy.skew;
        let range = self.clock.server_time(pending.issued).zip(self.clock.server_time(self.clock.now()));
        signed_at.zip(range).is_some_and(|(signed, (from, to))| {
            signed.0.saturating_add(skew) < from.0 || signed.0 > to.0.saturating_add(skew)
        })
    }

    /// The server may not take this kind of key: once, take the other kind and mint anew (L46).
    pub(super) fn switch_key(&mut self) -> bool {
        let unproved = self.key.state == KeyState::Ready && !self.key.proved;
        if !unproved || !self.key.may_switch || !self.provider.can_mint_again {
            return false;
        }
        self.key.algorithm = KeyAlgorithm::Rs256;
        self.key.state = KeyState::Wanted;
        self.key.may_switch = false;
        self.remint = Remint::Wanted;
        self.warn(Warning::KeySwitched { to: KeyAlgorithm::Rs256 });
        true
    }

    /// The server refused this token: offer the next, get a new one, or end (L35).
    pub(super) fn refused(&mut self, token: TokenId, cause: Cause) {
        let margin = self.clock.now().saturating_add(self.policy.reopen_margin);
        let ended = self
            .token(token)
            .map(|token| token.end(&self.clock))
            .is_some_and(|end| end.at.is_some_and(|at| at <= margin));
        if !self.outage.refused.contains(&token) {
            self.outage.refused.push(token);
        }
        self.reject(token);
        if let Some(held) = self.token_mut(token) {
            // That is the verdict.
            held.awaits_verdict = false;
        }
        self.drop_refused_candidate(token, cause);
        self.outage.cause = Some(cause);
        if ended && self.offer().is_none() {
            self.expire(Some(cause));
        }
    }

    /// subscriber/info names another key for this token: what the server has not accepted it is not shown, unless
    /// it is judging it at this very moment (L46).
    pub(super) fn found_foreign(&mut self, token: TokenId, command: CommandId) {
        if self.in_force == Some(token) || !self.holds(token) {
            return;
        }
        self.warn(Warning::ForeignKey { token });
        let opens =
            self.is_pending(|action| matches!(action, Action::Open { token: of, .. } if *of == token));
        let is_judged = self.is_pending(|action| match action {
            Action::Authenticate { token: shown, .. } | Action::Reauthenticate { token: shown, .. } => {
                *shown == token
            }
            _ => false,
        });
        if is_judged {
            return;
        }
        if self.link.is_live() {
            return self.discard(token);
        }
        if opens {
            self.drop_link(Some(0));
        }
        self.refused(token, Cause { command, failure: Failure::NoKey });
    }

    /// A new base is wanted and somebody can bring one.
    pub(super) fn is_reminting(&self) -> bool {
        self.remint == Remint::Wanted && self.provider_can()
    }

    /// Every valid token has been refused and nobody is about to bring another.
    pub(super) fn offers_are_spent(&self) -> bool {
        let valid = |token: &&Token| self.is_valid(token);
        self.link.is_down()
            && self.expired.is_none()
            && self.key.state != KeyState::Wanted
            && self.outage.second_round.is_none()
            && !self.is_reminting()
            && !self.pending.iter().any(Pending::is_exchange)
            && self.held.iter().any(|token| self.outage.refused.contains(&token.id))
            && self.held.iter().filter(valid).all(|token| self.outage.refused.contains(&token.id))
    }

    /// Gets a new token, once an outage; waits for a second round, once a live session; or ends (L35).
    pub(super) fn answer_refusal(&mut self) {
        let now = self.clock.now();
        self.remint = Remint::No;
        if self.provider_can() && !self.outage.reminted {
            self.outage.reminted = true;
            self.remint = Remint::Wanted;
        } else if self.begin_anew() {
        } else if self.ever_live && !self.outage.second_round_over {
            self.outage.second_round_over = true;
            self.outage.second_round = Some(now.saturating_add(self.policy.second_round));
        } else {
            self.end(TeardownReason::InvalidCredentials, self.outage.cause);
        }
    }

    /// All offers are made once more (L35).
    pub(super) fn begin_second_round(&mut self) {
        self.outage.second_round = None;
        self.outage.refused.clear();
        self.outage.resigned = false;
        self.outage.reminted = false;
    }

    pub(super) fn was_refused(&self, token: TokenId) -> bool {
        self.outage.refused.contains(&token)
    }

    /// A renewal was attempted: what is due need not be waited for any longer (L35).
    pub(super) fn stop_waiting_for_renewal(&mut self) {
        self.outage.waited = true;
    }

    pub(super) fn reject(&mut self, token: TokenId) {
        self.rejected.retain(|rejected| *rejected != token);
        self.rejected.push(token);
        if self.rejected.len() > MOST_REJECTED {
            self.rejected.remove(0);
        }
    }

    /// A candidate that was refused goes; the one that was in force before it stays.
    fn drop_refused_candidate(&mut self, token: TokenId, cause: Cause) {
        let brought = self.fail_update(token, cause);
        let gone = |held: &Token| held.id == token || Some(held.id) == brought;
        let others = self.held.iter().any(|held| !gone(held) && self.is_valid(held));
        if self.in_force != Some(token) && others {
            let in_force = self.in_force;
            self.keep_held(|held| !gone(held) || Some(held.id) == in_force);
        }
    }
}
