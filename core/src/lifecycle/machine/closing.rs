//! Sockets are closed, and probed.

use crate::lifecycle::clock::At;
use crate::lifecycle::connection::serving::Serving;
use crate::lifecycle::connection::{Coming, Parting};
use crate::lifecycle::{Action, Lifecycle, SocketId};
use crate::time::Millis;

impl Lifecycle {
    pub(super) fn replace_parting(&mut self, socket: SocketId, until: At, was: Option<Serving>) {
        self.part();
        self.link.part(Parting { socket, until, was });
    }

    /// Closes a socket that was replaced.
    pub(super) fn part(&mut self) {
        if let Some(Parting { socket, .. }) = self.link.take_parting() {
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    pub(super) fn give_up_coming(&mut self) {
        let Some(Coming { socket, .. }) = self.link.take_coming() else { return };
        self.attempts.retire(|attempt| attempt.socket() == Some(socket));
        self.command(Action::Close { socket }, self.policy.local);
    }

    /// Closes all sockets.
    pub(super) fn close_sockets(&mut self) {
        self.part();
        let serving = self.link.take_serving().map(|serving| serving.socket());
        let coming = self.link.take_coming().map(|coming| coming.socket);
        for socket in serving.into_iter().chain(coming) {
            self.attempts.retire(|attempt| attempt.socket() == Some(socket));
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    /// Asks the serving socket for a sign of life.
    pub(super) fn probe(&mut self, span: Millis) {
        let Some(serving) = self.link.serving() else { return };
        if !self.attempts.any(|action| matches!(action, Action::Probe { .. })) {
            self.command(Action::Probe { socket: serving.socket() }, span);
        }
    }

    pub(super) fn is_alive(&mut self) {
        if let Some(serving) = self.link.serving_mut() {
            *serving = serving.alive();
        }
    }
}
