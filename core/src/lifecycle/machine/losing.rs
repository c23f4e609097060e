//! The end of sockets: lost, doubted, restarted by the server; and what the server says on them meanwhile (R21, R22).

use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::{Action, Cause, Event, Failure, Ignored, Lifecycle, Mode, SocketId, Warning};

impl Lifecycle {
    /// A socket is gone, whoever says so; `doubt`: it may still be open (R22).
    pub(super) fn socket_gone(&mut self, socket: SocketId, doubt: bool, failure: Failure) {
        if self.is_parting(socket) {
            if !doubt {
                self.link.take_parting();
            }
            return;
        }
        if self.mode != Mode::Running {
            return self.tell(Event::Ignored(Ignored::StaleSocket));
        }
        if self.link.is_coming(socket) {
            let attempt = self.attempts.iter().find(|attempt| attempt.socket() == Some(socket)).copied();
            if let Some(attempt) = attempt {
                self.coming_failed(socket, &attempt, Failure::Transport, None);
            }
            return;
        }
        let Some(serving) = self.link.serving().filter(|serving| serving.socket() == socket) else {
            return self.tell(Event::Ignored(Ignored::StaleSocket));
        };
        let now = self.clock.now();
        let pushing = self.attempts.any(|action| matches!(action, Action::Reauthenticate { .. }));
        if let Some((token, at)) = serving.pushed().filter(|_| pushing && !doubt)
            && now.saturating_sub(at) <= self.policy.cut_by_push
        {
            self.link.cut(token);
        }
        self.attempts.retire(|attempt| attempt.socket() == Some(socket));
        self.link.take_serving();
        self.hope.reach.reached(now);
        self.link.reconnect.lost(serving.is_stable(), now);
        if !serving.is_stable() {
            self.back_off(now, Failure::Transport);
        }
        if doubt {
            // It is read until another serves, for as long as the way to it is likely to be kept.
            self.replace_parting(socket, now.saturating_add(self.policy.early_outage), Some(serving));
        }
        let cause = Cause { command: serving.command(), failure };
        self.warn(Warning::ConnectionLost { cause, next: None });
    }

    /// A reply of its own has come on a socket that was doubted. It serves again, unless the one that is to take its place
    /// has shown itself to the server already (R22).
    pub(super) fn socket_answers(&mut self, socket: SocketId) {
        let shown = self.attempts.any(|action| matches!(action, Action::Authenticate { .. }));
        let doubted = self.link.parting().filter(|parting| parting.socket == socket && !shown);
        let Some(was) = doubted.and_then(|parting| parting.was) else { return };
        // With a token that has ended nothing is served.
        let now = self.clock.now();
        let ended = self.tokens.in_force().is_some_and(|token| !token.lasts(now));
        if self.mode != Mode::Running || self.link.is_live() || ended {
            return;
        }
        self.give_up_coming();
        self.link.serve_again(was);
        if was.is_stable() {
            self.link.reconnect.forget();
            self.link.settle(now);
        }
        // Whatever a fresh connect has said meanwhile: here its token has been accepted.
        self.hope.regain();
        self.tell(Event::Live { resumed: true, generation: self.tokens.generation() });
    }

    /// The server ends many at once: who comes back does so in turn (R19).
    pub(super) fn server_restarts(&mut self, socket: SocketId, wipe: bool) {
        let serving = self.link.is_serving(socket);
        // A doubted one speaks for the session until another serves.
        let doubted = self.is_parting(socket) && !self.link.is_live();
        if (serving || doubted) && wipe {
            self.link.resumption.forget();
        }
        if serving && self.mode == Mode::Running {
            let resumes = self.link.resumption.state().is_some();
            let range = if resumes { self.policy.herd_resume } else { self.policy.herd_fresh };
            let spread = if self.policy.jitter { self.random.below(Domain::Spread, range) } else { 0 };
            self.link.reconnect.spread(self.clock.now().saturating_add(spread));
        }
        let parting = self.is_parting(socket);
        self.socket_gone(socket, false, Failure::Transport);
        if serving || parting {
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    /// A new `authorization_state` has been received and kept.
    pub(in crate::lifecycle) fn state_came(&mut self, socket: SocketId) {
        let serving = self.link.is_serving(socket);
        let anothers = serving && self.tokens.has_floor();
        if self.mode != Mode::Running || !(serving || self.link.is_coming(socket)) || anothers {
            return self.tell(Event::Ignored(Ignored::StaleSocket));
        }
        self.link.state_came(socket);
        self.record.note();
    }
}
