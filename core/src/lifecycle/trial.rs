//! A refused push is no verdict yet: a fresh connect beside the live socket decides, which goes on
//! untouched until then (L27, L19).

use alloc::sync::Arc;

use crate::time::UnixMillis;

use super::clock::At;
use super::command::Action;
use super::event::{Cause, Warning};
use super::governor::Retry;
use super::input::{Failure, SocketId, TokenId};
use super::outlook::Outlook;
use super::token::Token;
use super::{Lifecycle, Pending};

/// The socket beside the live one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) socket: SocketId,
    pub(super) token: TokenId,
}

impl Lifecycle {
    /// When a refused push is put to the test, and again after a failure that was no verdict; at once when
    /// the test that is under way has become pointless.
    pub(super) fn next_verdict(&self, look: &Outlook<'_>) -> Option<At> {
        if !self.link.is_live() {
            return None;
        }
        if self.trial.is_some() {
            return self.trial_is_moot().then_some(0);
        }
        self.awaits_trial()?;
        let permit = self.sockets.ready(0, self.policy.socket_refill);
        Some(look.last_call?.max(self.retries.trial.not_before).max(permit))
    }

    /// The token to be decided on: the newest, as long as a socket may be opened with it (L22).
    fn awaits_trial(&self) -> Option<&Token> {
        let margin = self.clock.now().saturating_add(self.policy.reopen_margin);
        self.held.iter().rev().find(|token| token.awaits_verdict && token.is_valid(&self.clock, margin))
    }

    /// What is being tried has ended, or a newer token has taken its place.
    fn trial_is_moot(&self) -> bool {
        let awaits = |trial: Trial| self.token(trial.token).is_some_and(|token| token.awaits_verdict);
        let valid = |trial: Trial| self.token(trial.token).is_some_and(|token| self.is_valid(token));
        self.trial.is_some_and(|trial| !awaits(trial) || !valid(trial))
    }

    pub(super) fn is_on_trial(&self, socket: SocketId) -> bool {
        self.trial.is_some_and(|trial| trial.socket == socket)
    }

    /// Begins a trial, or ends one that has become pointless.
    pub(super) fn seek_verdict(&mut self) {
        if self.trial.is_some() {
            return self.give_up_trial();
        }
        let Some(token) = self.awaits_trial().map(|token| token.id) else { return };
        let socket = self.open_socket(token);
        self.trial = Some(Trial { socket, token });
    }

    pub(super) fn trial_opened(&mut self, socket: SocketId, token: TokenId) {
        let offset = self.clock.offset();
        self.command(Action::Authenticate { socket, token, resume: false, offset }, self.policy.connect);
    }

    /// Closes the socket beside the live one; what was asked on it gets no answer any more.
    pub(super) fn give_up_trial(&mut self) {
        let Some(Trial { socket: gone, .. }) = self.trial.take() else { return };
        self.retire_socket(gone);
        self.command(Action::Close { socket: gone }, self.policy.local);
    }

    /// The server has accepted what it refused to push: that socket takes the place of the live one.
    pub(super) fn trial_won(&mut self) {
        self.trial = None;
        self.retries.trial = Retry::default();
        self.close_socket();
    }

    /// Only a refusal of the credential is a verdict. One for the proof's time alone is signed anew, once;
    /// everything else is tried again later.
    pub(super) fn trial_failed(
        &mut self,
        pending: &Pending,
        signed_at: Option<UnixMillis>,
        failure: Failure,
    ) {
        let Some(Trial { token, .. }) = self.trial else { return };
        self.give_up_trial();
        let first = self.retries.trial.failures == 0;
        let missigned = first && self.was_missigned(pending, signed_at);
        if matches!(failure, Failure::Rpc { credential: true, .. }) && !missigned {
            return self.condemn(token, Cause { command: pending.id, failure });
        }
        self.try_again(failure);
        if missigned {
            self.retries.trial.not_before = self.clock.now();
        }
    }

    /// The socket beside the live one has gone.
    pub(super) fn trial_lost(&mut self, close: bool) {
        if close {
            self.give_up_trial();
        } else if let Some(trial) = self.trial.take() {
            self.retire_socket(trial.socket);
        }
        self.try_again(Failure::Transport);
    }

    fn try_again(&mut self, failure: Failure) {
        let (now, cap) = (self.clock.now(), self.time_left() / 2);
        self.retries.trial.failed(now, &self.policy, &mut self.random, failure.retry_after(), cap);
    }

    /// The verdict: the candidate goes, the live socket and its token stay.
    fn condemn(&mut self, token: TokenId, cause: Cause) {
        self.retries.trial = Retry::default();
        self.discard(token);
        self.warn(Warning::PushFailed { token, cause });
    }

    /// A candidate that is no good goes. The renewal that brought it has gained nothing, so that a server which
    /// refuses them all is asked ever more rarely (L20).
    pub(super) fn discard(&mut self, token: TokenId) {
        let renewal = self.token(token).is_some_and(|held| held.by.is_some());
        let is_base = self.token(token).is_some_and(|held| !held.is_bound());
        if let Some(held) = self.token_mut(token) {
            // It stays only as the base of a bound token that does.
            held.awaits_verdict = false;
        }
        self.reject(token);
        self.keep_held(|held| held.id != token);
        let (clock, policy) = (self.clock.clone(), Arc::clone(&self.policy));
        // A base would have taken the place of the one that the bound token in force came of.
        let base = self.in_force.and_then(|id| self.token(id)).and_then(Token::base_id).filter(|_| is_base);
        if let Some(held) = base.or(self.in_force).and_then(|id| self.token_mut(id)).filter(|_| renewal) {
            held.gain = Some(held.renewed(&clock, &policy));
        }
        self.unsaved = true;
    }
}
