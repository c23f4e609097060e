//! A newer token on its way to the socket that serves, and what is done where it is not accepted there (R23).

use super::look::Look;
use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::{Class, Pace};
use crate::lifecycle::tokens::token::{Saved, Token};
use crate::lifecycle::{Action, Cause, CommandId, Failure, Lifecycle, SocketId, TokenId, Warning};
use crate::time::Millis;

impl Lifecycle {
    /// The token to push to the serving socket and when.
    pub(super) fn next_push(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let serving = self.link.serving?;
        if self.link.pushes_cut || self.attempts.any(|action| matches!(action, Action::Reauthenticate { .. }))
        {
            return None;
        }
        let in_force = look.in_force;
        let order = in_force.map_or(0, |token| token.order);
        let ended = in_force.and_then(Token::sure_end).filter(|end| *end <= look.now);
        let behind = serving.known != self.tokens.generation;
        let due = |token: &Token| {
            if Some(token.id) == self.tokens.in_force {
                return behind.then_some(0);
            }
            if token.order > order {
                let waits = self.awaits_activation(look, token);
                return if waits { look.last_call } else { Some(0) };
            }
            // Once that has ended, any that is good will do.
            if ended.is_some() {
                return Some(0);
            }
            // An older one that is known to outlive it, by more than nothing.
            let outlives = token.sure_end().is_some_and(|end| {
                in_force.is_some_and(|it| end > it.reach().saturating_add(self.policy.gain))
            });
            look.last_call.filter(|_| outlives)
        };
        // The first that is due; of equals the newest.
        // Nobody of before is pushed while another user's is being tried.
        let good = self.tokens.good(look.now).filter(|token| token.order >= look.floor);
        let candidates = good.filter_map(|token| Some((due(token)?, token)));
        let (at, token) = candidates.min_by_key(|(at, _)| *at)?;
        // Written before it is used, unless writing fails.
        let written = !self.record.durable || self.record.pace.failures > 0 || token.saved == Saved::Yes;
        // A wait of when the session was served is for no time like that after its end (R16).
        // What was shown with a resume may have served for longer than what was in force.
        let shown = self.tokens.get(serving.token).filter(|_| ended.is_some());
        let end = ended.max(shown.and_then(Token::sure_end).filter(|end| *end <= look.now));
        let before = end.zip(serving.pushed).is_some_and(|(end, (_, pushed))| pushed < end);
        let ready = if before { serving.push.asked } else { serving.push.ready() };
        written.then(|| (at.max(ready), token.id))
    }

    /// The token that the serving socket does not accept, and when it is shown to a fresh connect beside it (R23).
    pub(super) fn next_show(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let serving = self.link.serving?;
        if self.link.coming.is_some() || (serving.push.failures == 0 && !self.link.pushes_cut) {
            return None;
        }
        // Once the one in force has ended, any that is good will do, but nobody of before.
        let in_force = look.in_force.filter(|token| token.lasts(look.now));
        let order = in_force.map_or(0, |token| token.order);
        let newer = |token: &&Token| (in_force.is_none() || token.order > order) && token.order >= look.floor;
        let token = self.tokens.good(look.now).find(newer)?;
        let last_call = look.last_call.unwrap_or(At::MAX);
        let interval = self.link.shown.map_or(0, |at| at.saturating_add(self.policy.show_interval));
        let call = serving
            .call_refused
            .map_or(At::MAX, |at| at.saturating_add(self.policy.show_after_call).max(interval));
        // Who brought it waits for it.
        let awaits = |id| self.waiters.awaits(id);
        let brought = awaits(token.id) || token.base_id().is_some_and(awaits);
        let brought = if brought { token.received.saturating_add(self.policy.network) } else { At::MAX };
        let permit = self.sockets.ready(0, self.policy.socket_refill);
        let at = last_call.min(call).min(brought);
        (at < At::MAX).then(|| (at.max(self.link.pace.ready()).max(permit), token.id))
    }

    pub(super) fn push(&mut self, token: Option<TokenId>) {
        let (Some(serving), Some(token)) = (self.link.serving, token) else { return };
        let now = self.clock.now();
        let socket = serving.socket;
        let lead = self.tokens.in_force().and_then(|token| self.lead(token)).unwrap_or(Millis::MAX);
        let span = self.policy.push.min(lead / 3).max(self.policy.attempt_min);
        if let Some(serving) = &mut self.link.serving {
            serving.pushed = Some((token, now));
        }
        let offset = self.clock.offset();
        self.command(Action::Reauthenticate { socket, token, offset }, span);
    }

    pub(super) fn show(&mut self, token: Option<TokenId>) {
        let Some(token) = token else { return };
        if self.link.serving.is_some_and(|serving| serving.call_refused.is_some()) {
            self.link.shown = Some(self.clock.now());
        }
        self.come(token, false);
    }

    /// The server has accepted a push.
    pub(super) fn pushed(&mut self, socket: SocketId, token: TokenId) {
        let now = self.clock.now();
        if self.tokens.get(token).is_none_or(|token| !token.lasts(now)) {
            // It is not held any more, the host has slept, or the answer says so: it is no news.
            return;
        }
        self.accepted(token);
        let generation = self.tokens.generation;
        if let Some(serving) = self.link.serving.as_mut().filter(|serving| serving.socket == socket) {
            serving.known = generation;
            serving.push = Pace::default();
            serving.in_vain = false;
            (serving.pushed, serving.call_refused) = (None, None);
        }
        self.link.pushes_cut = false;
        if self.link.coming.is_some_and(|coming| self.is_pointless(coming)) {
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
                if self.tokens.in_force != Some(gone) {
                    self.tokens.remove(gone);
                }
            }
            self.tokens.floor = 0;
            return;
        }
        let now = self.clock.now();
        let most = self.ceiling(Class::of(failure));
        let asked = self.retry_after(failure.retry_after());
        if let Some(serving) = &mut self.link.serving {
            serving.push.failed(
                now,
                Class::of(failure),
                (self.policy.wait_min, most),
                asked,
                &mut self.random,
            );
            if failure != Failure::Timeout {
                // Silence is no word of the server's: it makes no refusal, and takes none back.
                serving.in_vain = refused && serving.push.failures > 1;
            }
            if refused && self.tokens.in_force == Some(token) {
                // The server goes on with what it resumed with: no reason to put that at risk. Who waited for it wants
                // another.
                serving.known = self.tokens.generation;
                let order = self.tokens.in_force().map_or(0, |token| token.order);
                self.waiters.ask_anew(order, self.attempts.next);
            }
        }
        if failure == Failure::Timeout {
            self.probe(self.policy.network);
        }
    }
}
