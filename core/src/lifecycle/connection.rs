//! The socket and what the server says to tokens on it: offers, refusals, resumes, pushes,
//! acknowledgements (L25 to L28, L33 to L36).

use crate::time::{Millis, UnixMillis};

use super::clock::At;
use super::command::{Action, CommandId};
use super::event::{Cause, Event, Ignored, TeardownReason, Warning};
use super::governor::doubled;
use super::input::{Failure, Generation, KeyAlgorithm, SocketId, TokenId};
use super::mechanism::KeyState;
use super::random::Domain;
use super::token::{Kind, Token};
use super::{Lifecycle, MOST_REJECTED, Mode, Pending, Remint};

/// Resumes in a row without stability in between, after which the session connects fresh (L34).
const MOST_RESUMES: u32 = 3;

/// In the first minute of an outage reconnects come more often (L36).
const EARLY_OUTAGE: Millis = 60_000;

/// A proof signed this far off the server's time may have been refused for that alone (L35).
const SKEW: Millis = 5_000;

/// The one socket that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Down { not_before: At },
    Opening { socket: SocketId },
    Authenticating { socket: SocketId },
    Live { socket: SocketId, since: At, stable: bool },
}

impl Link {
    pub(super) const fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    pub(super) const fn is_down(&self) -> bool {
        matches!(self, Self::Down { .. })
    }

    pub(super) const fn socket(&self) -> Option<SocketId> {
        match *self {
            Self::Down { .. } => None,
            Self::Opening { socket } | Self::Authenticating { socket } | Self::Live { socket, .. } => {
                Some(socket)
            }
        }
    }
}

/// What has been tried since the connection was last stable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outage {
    /// When it began.
    since: Option<At>,
    /// Sockets tried.
    attempts: u32,
    /// Resumes tried.
    resumes: u32,
    /// Tokens that a fresh connect was refused with.
    refused: Vec<TokenId>,
    /// A proof was signed anew for skew.
    resigned: bool,
    /// The one new base that an outage may cost has been asked for.
    reminted: bool,
    /// The token that is due has had its chance of renewal before being offered.
    waited: bool,
    /// All offers were refused once; when they are made again.
    pub(super) second_round: Option<At>,
    second_round_over: bool,
    /// The last refusal.
    cause: Option<Cause>,
}

impl Lifecycle {
    // ---- What is due ----

    /// When a socket is opened: something must be there to authenticate it with (L35).
    pub(super) fn next_open(&self) -> Option<At> {
        let Link::Down { not_before } = self.link else { return None };
        if self.expired.is_some() || self.key.state == KeyState::Wanted || self.is_reminting() {
            return None;
        }
        let offer = self.offer()?;
        let resuming = self.resume_token().is_some();
        let due = offer.due(&self.clock, &self.policy).is_some_and(|due| due <= self.clock.now());
        if !resuming && due && !self.outage.waited && self.renewal_is_possible() {
            return None;
        }
        Some(not_before.max(self.sockets.ready(0, self.policy.socket_refill)))
    }

    /// Someone is renewing or about to.
    fn renewal_is_possible(&self) -> bool {
        self.pending.iter().any(Pending::is_exchange) || self.next_exchange().is_some()
    }

    /// The token that a fresh connect offers next: the newest valid one that was not refused (L35).
    fn offer(&self) -> Option<&Token> {
        let margin = self.clock.now().saturating_add(self.policy.reopen_margin);
        self.held
            .iter()
            .rev()
            .find(|token| token.is_valid(&self.clock, margin) && !self.outage.refused.contains(&token.id))
    }

    /// The token that a resume is made with: the one in force, even if it has ended, since the state
    /// vouches for it (L34).
    fn resume_token(&self) -> Option<TokenId> {
        self.in_force.filter(|_| self.resumable && self.outage.resumes < MOST_RESUMES)
    }

    /// The token to push to the live socket and when (L7, L26).
    pub(super) fn next_push(&self) -> Option<(At, TokenId)> {
        if !self.link.is_live() || self.is_pending(|action| matches!(action, Action::Reauthenticate { .. })) {
            return None;
        }
        let current = self.held.iter().position(|token| Some(token.id) == self.in_force);
        let in_force = current.and_then(|at| self.held.get(at));
        let deadline = in_force.and_then(|token| {
            let end = token.end(&self.clock).at?;
            Some(end.saturating_sub(token.lead(&self.clock, &self.policy)? / 3))
        });
        let mut best: Option<(At, TokenId)> = None;
        for (at, token) in self.held.iter().enumerate().rev() {
            let newer = current.is_none_or(|current| at > current);
            if Some(token.id) == self.in_force || token.awaits_verdict || !self.is_valid(token) {
                continue;
            }
            let outlives = match (token.end(&self.clock).at, in_force.and_then(|t| t.end(&self.clock).at)) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(other), Some(current)) => other > current,
            };
            let when = match (newer, self.awaits_activation(token)) {
                (true, false) => Some(0),
                (true, true) => self.activation_overdue().into_iter().chain(deadline).min(),
                (false, _) if outlives => deadline,
                (false, _) => None,
            };
            if let Some(when) = when
                && best.is_none_or(|(earliest, _)| when < earliest)
            {
                best = Some((when, token.id));
            }
        }
        let (at, id) = best?;
        // Written before it is used, unless writing fails (L25).
        let written = !self.durable
            || self.retries.persist.failures > 0
            || self.token(id).is_some_and(|token| token.persisted);
        written.then(|| (at.max(self.retries.push.not_before), id))
    }

    /// When a refused push is put to the test of a fresh connect (L27).
    pub(super) fn next_verdict(&self) -> Option<At> {
        if !self.link.is_live() || !self.held.iter().any(|token| token.awaits_verdict && self.is_valid(token))
        {
            return None;
        }
        let token = self.in_force.and_then(|id| self.token(id))?;
        let end = token.end(&self.clock).at?;
        Some(end.saturating_sub(token.lead(&self.clock, &self.policy)? / 3))
    }

    // ---- Going up ----

    pub(super) fn open(&mut self) {
        let Some(token) = self.resume_token().or_else(|| self.offer().map(|token| token.id)) else { return };
        self.sockets.take(self.clock.now(), self.policy.socket_refill);
        let socket = SocketId(self.next_socket);
        self.next_socket = self.next_socket.saturating_add(1);
        self.outage.since.get_or_insert(self.clock.now());
        self.outage.attempts = self.outage.attempts.saturating_add(1);
        self.link = Link::Opening { socket };
        self.command(Action::Open { socket, token }, self.policy.network);
    }

    pub(super) fn opened(&mut self, socket: SocketId) {
        let resume = self.resume_token();
        let Some(token) = resume.or_else(|| self.offer().map(|token| token.id)) else {
            // What was to be offered has ended meanwhile: an unauthenticated socket is of no use.
            self.drop_link(Some(0));
            return;
        };
        if resume.is_some() {
            self.outage.resumes = self.outage.resumes.saturating_add(1);
        }
        self.link = Link::Authenticating { socket };
        let offset = self.clock.offset();
        let action = Action::Authenticate { socket, token, resume: resume.is_some(), offset };
        self.command(action, self.policy.network);
    }

    /// A connect succeeded.
    pub(super) fn went_live(&mut self, socket: SocketId, token: TokenId, resumed: bool) {
        self.link = Link::Live { socket, since: self.clock.now(), stable: false };
        let refused = core::mem::take(&mut self.outage.refused);
        self.held.retain(|held| held.id == token || !refused.contains(&held.id));
        self.outage.resigned = false;
        self.outage.waited = false;
        self.outage.reminted = false;
        self.outage.second_round = None;
        self.outage.second_round_over = false;
        self.ever_live = true;
        self.rejected.retain(|rejected| *rejected != token);
        if !resumed {
            // Whatever state there was belongs to the session that is gone.
            self.resumable = false;
        }
        let renewed = self.in_force.is_some_and(|old| old != token);
        let changed = self.acknowledge(token);
        self.tell(Event::Live { resumed, generation: self.generation });
        if renewed && changed {
            self.tell_renewed(token);
        }
        self.settle_asks(token);
        self.spread_work();
    }

    /// The connection has been authenticated for long enough to be trusted (L36).
    pub(super) fn is_stable(&mut self) {
        if let Link::Live { stable, .. } = &mut self.link {
            *stable = true;
        }
        self.outage = Outage::default();
    }

    // ---- Going down ----

    /// Gives the current socket up; closes it if it may still be open. `retry`: wait this long, or back off.
    pub(super) fn drop_link(&mut self, retry: Option<Millis>) {
        self.close_socket();
        let now = self.clock.now();
        let since = *self.outage.since.get_or_insert(now);
        let wait = retry.unwrap_or_else(|| {
            let early = now.saturating_sub(since) < EARLY_OUTAGE;
            let ceiling = if early { self.policy.reconnect_early_max } else { self.policy.reconnect_max };
            let tries = self.outage.attempts.saturating_sub(1);
            self.random.below(Domain::Reconnect, doubled(self.policy.reconnect_min, tries).min(ceiling))
        });
        self.link = Link::Down { not_before: now.saturating_add(wait) };
    }

    pub(super) fn close_socket(&mut self) {
        if let Some(socket) = self.link.socket() {
            self.forget_socket();
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    /// What is pending on the current socket gets no answer any more.
    pub(super) fn forget_socket(&mut self) {
        let Some(gone) = self.link.socket() else { return };
        self.retire(|pending| match pending.action {
            Action::Open { socket, .. }
            | Action::Authenticate { socket, .. }
            | Action::Reauthenticate { socket, .. }
            | Action::Probe { socket } => socket == gone,
            _ => false,
        });
        self.link = Link::Down { not_before: 0 };
        self.unsure = false;
    }

    /// The current socket is gone, whoever says so; a stale one is nobody's business (L1).
    pub(super) fn socket_gone(&mut self, socket: SocketId, close: bool) {
        if self.link.socket() != Some(socket) || self.mode != Mode::Running {
            self.tell(Event::Ignored(Ignored::StaleSocket));
            return;
        }
        if !close {
            self.forget_socket();
        }
        self.drop_link(None);
    }

    /// Asks the live socket for a sign of life; `false`: there is none to ask.
    pub(super) fn probe(&mut self) -> bool {
        let Link::Live { socket, .. } = self.link else { return false };
        if !self.is_pending(|action| matches!(action, Action::Probe { .. })) {
            self.command(Action::Probe { socket }, self.policy.network);
        }
        true
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
            Failure::Rpc { code: -32_002 | -32_003 | -32_602, .. } if resume => {
                self.resumable = false;
                self.drop_link(Some(0));
            }
            Failure::Rpc { credential: true, .. } => {
                self.drop_link(Some(0));
                if self.was_missigned(pending, signed_at) && !self.outage.resigned {
                    self.outage.resigned = true;
                } else if !self.switch_key() {
                    self.refused(token, cause);
                }
            }
            _ => self.drop_link(None),
        }
    }

    /// Whether a proof may have been refused for its time alone.
    pub(super) fn was_missigned(&self, pending: &Pending, signed_at: Option<UnixMillis>) -> bool {
        let range = self.clock.server_time(pending.issued).zip(self.clock.server_time(self.clock.now()));
        signed_at.zip(range).is_some_and(|(signed, (from, to))| {
            signed.0.saturating_add(SKEW) < from.0 || signed.0 > to.0.saturating_add(SKEW)
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
        self.drop_refused_candidate(token, cause);
        self.outage.cause = Some(cause);
        if ended && self.offer().is_none() {
            self.expire(Some(cause));
        }
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
        let others = self.held.iter().any(|held| held.id != token && self.is_valid(held));
        if self.in_force != Some(token) && others {
            self.held.retain(|held| held.id != token);
            self.fail_update(token, cause);
        }
    }

    // ---- Acknowledgements ----

    /// The server has acknowledged this token; what is older goes, but for its base (L7). Whether that is
    /// a new generation.
    pub(super) fn acknowledge(&mut self, token: TokenId) -> bool {
        let Some(position) = self.held.iter().position(|held| held.id == token) else { return false };
        let before = self.in_force;
        let changed = before != Some(token);
        if changed {
            self.generation = Generation(self.generation.0.saturating_add(1));
            self.in_force = Some(token);
            self.unsaved = true;
        }
        let base = match self.held.get(position).map(|held| &held.kind) {
            Some(Kind::Bound { of }) => Some(*of),
            _ => None,
        };
        let mut index = 0;
        self.held.retain(|held| {
            let older = index < position;
            index += 1;
            // What was in force before has had its time, even if it is the newer one: it would only be
            // pushed again.
            !(older || changed && before == Some(held.id)) || Some(held.id) == base
        });
        if let Some(held) = self.token_mut(token) {
            held.awaits_verdict = false;
        }
        changed
    }

    pub(super) fn tell_renewed(&mut self, token: TokenId) {
        let Some(held) = self.token(token) else { return };
        let (by, kind) = (held.by, held.kind.clone());
        let ends = held.end(&self.clock).at.map(|at| self.clock.tick_of(at));
        if let Kind::Bound { of } = kind
            && let Some(base) = self.token_mut(of).and_then(Token::base_mut)
            && !base.has_been_bound
        {
            base.has_been_bound = true;
            self.tell(Event::Bound { token });
        }
        self.tell(Event::Renewed { generation: self.generation, token, by, ends });
    }

    pub(super) fn push(&mut self) {
        let (Link::Live { socket, .. }, Some((_, token))) = (self.link, self.next_push()) else { return };
        let offset = self.clock.offset();
        self.command(Action::Reauthenticate { socket, token, offset }, self.policy.push);
    }

    pub(super) fn push_failed(&mut self, command: CommandId, token: TokenId, failure: Failure) {
        let cause = Cause { command, failure };
        self.warn(Warning::PushFailed { token, cause });
        let refused = matches!(failure, Failure::Rpc { credential: true, .. });
        if refused && self.fail_update(token, cause) {
            self.held.retain(|held| held.id != token);
            self.reject(token);
        } else if refused {
            if let Some(held) = self.token_mut(token) {
                held.awaits_verdict = true;
            }
            self.fail_renewal_asks(cause);
        } else {
            let cap = self.time_left() / 2;
            self.retries.push.failed(
                self.clock.now(),
                &self.policy,
                &mut self.random,
                failure.retry_after(),
                cap,
            );
            if failure == Failure::Timeout {
                self.probe();
            }
        }
    }
}
