//! A newer token on its way to the socket that serves, and what is done where it is not accepted there (R23).

use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::{Action, Cause, CommandId, Failure, Lifecycle, SocketId, TokenId, Warning};
use crate::time::Millis;

impl Lifecycle {
    pub(in crate::lifecycle) fn push(&mut self, token: Option<TokenId>) {
        let (Some(serving), Some(token)) = (self.link.serving(), token) else { return };
        let now = self.clock.now();
        let socket = serving.socket();
        let lead = self.tokens.in_force().and_then(|token| self.lead(token)).unwrap_or(Millis::MAX);
        let span = self.policy.push.min(lead / 3).max(self.policy.attempt_min);
        if let Some(serving) = self.link.serving_mut() {
            serving.push(token, now);
        }
        let offset = self.clock.offset();
        self.command(Action::Reauthenticate { socket, token, offset }, span);
    }

    pub(super) fn show(&mut self, token: Option<TokenId>) {
        let Some(token) = token else { return };
        if self.link.serving().is_some_and(|serving| serving.call_refused().is_some()) {
            self.link.show(self.clock.now());
        }
        self.come(token, false);
    }

    /// The server has accepted a push.
    pub(in crate::lifecycle) fn pushed(&mut self, socket: SocketId, token: TokenId) {
        let now = self.clock.now();
        if self.tokens.get(token).is_none_or(|token| !token.lasts(now)) {
            // It is not held any more, the host has slept, or the answer says so: it is no news.
            return;
        }
        self.accepted(token);
        let generation = self.tokens.generation();
        if let Some(serving) = self.link.serving_mut().filter(|serving| serving.socket() == socket) {
            serving.accepts(generation);
        }
        self.link.pushes_again();
        if self.link.coming().is_some_and(|coming| self.is_pointless(coming)) {
            self.give_up_coming();
        }
    }

    /// A push was not accepted: repeated; no verdict (R23).
    pub(super) fn push_failed(&mut self, command: CommandId, token: TokenId, failure: Failure) {
        let cause = Cause { command, failure };
        self.warn(Warning::PushFailed { token, cause });
        let refused = matches!(failure, Failure::Rpc { credential: true, .. });
        if refused && let Some(brought) = self.fail_update(token, cause) {
            // The application's own: it has the server's word, and the token goes (R27).
            for gone in [token, brought] {
                if !self.tokens.is_in_force(gone) {
                    self.tokens.remove(gone);
                }
            }
            self.tokens.drop_floor();
            return;
        }
        let now = self.clock.now();
        let most = self.ceiling(Class::of(failure));
        let asked = self.retry_after(failure.retry_after());
        if let Some(serving) = self.link.serving_mut() {
            serving.push.failed(
                now,
                Class::of(failure),
                (self.policy.wait_min, most),
                asked,
                &mut self.random,
            );
            if failure != Failure::Timeout {
                // Silence is no word of the server's: it makes no refusal, and takes none back.
                serving.answers(refused);
            }
            if refused && self.tokens.is_in_force(token) {
                // The server goes on with what it resumed with: no reason to put that at risk. Who waited for it wants
                // another.
                serving.knows(self.tokens.generation());
                let order = self.tokens.in_force().map_or(0, |token| token.order);
                self.waiters.ask_anew(order, self.attempts.next());
            }
        }
        if failure == Failure::Timeout {
            self.probe(self.policy.network);
        }
    }
}
