//! The one socket that counts: going up, going down, resuming (L33 to L36).

use alloc::vec::Vec;

use crate::time::Millis;

use super::clock::At;
use super::command::Action;
use super::event::{Cause, Event, Ignored, Warning};
use super::governor::doubled;
use super::input::{Failure, Generation, SocketId, TokenId};
use super::mechanism::KeyState;
use super::outlook::Outlook;
use super::random::Domain;
use super::{Lifecycle, Mode, Pending};

/// Resumes in a row without stability in between, after which the session connects fresh (L34).
pub(super) const MOST_RESUMES: u32 = 3;

/// The one socket that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Down { not_before: At },
    Opening { socket: SocketId },
    Authenticating { socket: SocketId },
    Live { socket: SocketId, since: At, stable: bool, known: Known },
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

/// What the server goes on with on the live socket: after a resume perhaps an older token than the one in force (L28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) generation: Generation,
    /// The same when the socket went live.
    pub(super) began: Generation,
    /// An `authorization_state` has come. The first one may have been made when the socket went live.
    pub(super) stated: bool,
    /// It has refused the token in force, and goes on with that older one.
    pub(super) refused: bool,
}

impl Known {
    pub(super) const fn new(generation: Generation) -> Self {
        Self { generation, began: generation, stated: false, refused: false }
    }

    /// What the state that has just come was made for.
    pub(super) const fn state_came(&mut self) -> Generation {
        if core::mem::replace(&mut self.stated, true) { self.generation } else { self.began }
    }

    /// The token in force is to be pushed again.
    pub(super) fn is_behind(&self, generation: Generation) -> bool {
        self.generation != generation && !self.refused
    }
}

/// What has been tried since the connection was last stable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outage {
    /// When it began.
    pub(super) since: Option<At>,
    /// Waits before a reconnect; each doubles the next (L36).
    pub(super) waits: u32,
    /// Resumes tried.
    pub(super) resumes: u32,
    /// Tokens that a fresh connect was refused with.
    pub(super) refused: Vec<TokenId>,
    /// A proof was signed anew for skew.
    pub(super) resigned: bool,
    /// The one new base that an outage may cost has been asked for.
    pub(super) reminted: bool,
    /// The token that is due has had its chance of renewal before being offered.
    pub(super) waited: bool,
    /// All offers were refused once; when they are made again.
    pub(super) second_round: Option<At>,
    pub(super) second_round_over: bool,
    /// The last refusal.
    pub(super) cause: Option<Cause>,
}

impl Lifecycle {
    // ---- What is due ----

    /// When a socket is opened: something must be there to authenticate it with (L35).
    pub(super) fn next_open(&self, look: &Outlook<'_>) -> Option<At> {
        let Link::Down { not_before } = self.link else { return None };
        if self.expired.is_some() || self.key.state == KeyState::Wanted || self.is_reminting() {
            return None;
        }
        let offer = self.offer()?;
        let resuming = self.resume_token().is_some();
        let at = not_before.max(self.sockets.ready(0, self.policy.socket_refill)).max(self.clock.now());
        let due = offer.due(&self.clock, &self.policy).is_some_and(|due| due <= at);
        if !resuming && due && !self.outage.waited && self.renewal_is_near(look, at) {
            return None;
        }
        Some(at)
    }

    /// Someone is renewing, or will be soon after `at`; what is held back for longer is not waited for.
    fn renewal_is_near(&self, look: &Outlook<'_>, at: At) -> bool {
        let soon = at.saturating_add(self.policy.spread);
        self.pending.iter().any(Pending::is_exchange)
            || self.next_exchange(look).is_some_and(|(at, _)| at <= soon)
    }

    /// The token that a resume is made with: the one in force, even if it has ended, since the state
    /// vouches for it (L34).
    fn resume_token(&self) -> Option<TokenId> {
        self.in_force.filter(|_| self.resumable.is_some() && self.outage.resumes < MOST_RESUMES)
    }

    // ---- Going up ----

    pub(super) fn open(&mut self) {
        let Some(token) = self.resume_token().or_else(|| self.offer().map(|token| token.id)) else { return };
        self.outage.since.get_or_insert(self.clock.now());
        let socket = self.open_socket(token);
        self.link = Link::Opening { socket };
    }

    pub(super) fn open_socket(&mut self, token: TokenId) -> SocketId {
        self.sockets.take(self.clock.now(), self.policy.socket_refill);
        let socket = SocketId(self.next_socket);
        self.next_socket = self.next_socket.saturating_add(1);
        self.command(Action::Open { socket, token }, self.policy.network);
        socket
    }

    pub(super) fn opened(&mut self, socket: SocketId) {
        if let Some(trial) = self.trial.filter(|trial| trial.socket == socket) {
            return self.trial_opened(socket, trial.token);
        }
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
        self.command(action, self.policy.connect);
    }

    /// A connect succeeded.
    pub(super) fn went_live(&mut self, socket: SocketId, token: TokenId, resumed: bool) {
        if self.is_on_trial(socket) {
            self.trial_won();
        }
        let refused = core::mem::take(&mut self.outage.refused);
        self.keep_held(|held| held.id == token || !refused.contains(&held.id));
        self.outage.resigned = false;
        self.outage.waited = false;
        self.outage.reminted = false;
        self.outage.second_round = None;
        self.outage.second_round_over = false;
        let outage = core::mem::replace(&mut self.ever_live, true);
        self.restored = false;
        self.rejected.retain(|rejected| *rejected != token);
        if !resumed {
            // Whatever state there was belongs to the session that is gone.
            self.resumable = None;
        }
        let renewed = self.in_force.is_some_and(|old| old != token);
        let changed = self.acknowledge(token);
        let known = Known::new(self.resumable.unwrap_or(self.generation));
        self.link = Link::Live { socket, since: self.clock.now(), stable: false, known };
        self.tell(Event::Live { resumed, generation: self.generation });
        if renewed && changed {
            self.tell_renewed(token);
        } else {
            self.tell_bound(token);
        }
        // A resume by itself is no news of a renewal.
        self.settle_asks(token, changed || !resumed);
        if outage {
            self.spread_work();
        }
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
            let early = now.saturating_sub(since) < self.policy.early_outage;
            let ceiling = if early { self.policy.reconnect_early_max } else { self.policy.reconnect_max };
            let waits = self.outage.waits;
            self.outage.waits = waits.saturating_add(1);
            self.random.below(Domain::Reconnect, doubled(self.policy.reconnect_min, waits).min(ceiling))
        });
        self.link = Link::Down { not_before: now.saturating_add(wait) };
    }

    /// The reason why there is no session yet, or again (L36).
    pub(super) fn tell_failed_connect(&mut self, cause: Cause) {
        let next = self.next_open(&self.outlook()).map(|at| self.clock.tick_of(at));
        self.warn(Warning::ConnectFailed { cause, next });
    }

    /// Closes the live socket, and with it the trial beside it: the next connect decides by itself.
    pub(super) fn close_socket(&mut self) {
        self.give_up_trial();
        if let Some(socket) = self.link.socket() {
            self.forget_socket();
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    /// What is pending on the current socket gets no answer any more.
    pub(super) fn forget_socket(&mut self) {
        let Some(gone) = self.link.socket() else { return };
        self.retire_socket(gone);
        self.link = Link::Down { not_before: 0 };
        self.unsure = false;
    }

    pub(super) fn retire_socket(&mut self, gone: SocketId) {
        self.retire(|pending| match pending.action {
            Action::Open { socket, .. }
            | Action::Authenticate { socket, .. }
            | Action::Reauthenticate { socket, .. }
            | Action::Probe { socket } => socket == gone,
            _ => false,
        });
    }

    /// The current socket is gone, whoever says so; a stale one is nobody's business (L1).
    pub(super) fn socket_gone(&mut self, socket: SocketId, close: bool) {
        if self.is_on_trial(socket) {
            return self.trial_lost(close);
        }
        if self.link.socket() != Some(socket) || self.mode != Mode::Running {
            self.tell(Event::Ignored(Ignored::StaleSocket));
            return;
        }
        // Its answer will not come any more.
        let connect = self.pending.iter().find(|pending| match pending.action {
            Action::Open { socket: on, .. } | Action::Authenticate { socket: on, .. } => on == socket,
            _ => false,
        });
        let connect = connect.map(|pending| pending.id);
        if !close {
            self.forget_socket();
        }
        self.drop_link(None);
        if let Some(command) = connect {
            self.tell_failed_connect(Cause { command, failure: Failure::Transport });
        }
    }

    /// Asks the live socket for a sign of life; `false`: there is none to ask.
    pub(super) fn probe(&mut self) -> bool {
        let Link::Live { socket, .. } = self.link else { return false };
        if !self.is_pending(|action| matches!(action, Action::Probe { .. })) {
            self.command(Action::Probe { socket }, self.policy.network);
        }
        true
    }
}
