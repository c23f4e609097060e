//! When a newer token is pushed to the socket that serves, or shown to a fresh connect beside it (R23).

use crate::lifecycle::clock::At;
use crate::lifecycle::tokens::token::{Saved, Token};
use crate::lifecycle::view::look::Look;
use crate::lifecycle::{Action, Lifecycle, TokenId};

impl Lifecycle {
    /// The token to push to the serving socket and when.
    pub(in crate::lifecycle) fn next_push(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let serving = self.link.serving()?;
        if self.link.pushes_cut()
            || self.attempts.any(|action| matches!(action, Action::Reauthenticate { .. }))
        {
            return None;
        }
        let in_force = look.in_force;
        let order = in_force.map_or(0, |token| token.order);
        let ended = in_force.and_then(Token::sure_end).filter(|end| *end <= look.now);
        let behind = serving.known() != self.tokens.generation();
        let due = |token: &Token| {
            if self.tokens.is_in_force(token.id) {
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
        let written = self.record.holds_up_nothing() || token.saved == Saved::Yes;
        // A wait of when the session was served is for no time like that after its end (R16).
        // What was shown with a resume may have served for longer than what was in force.
        let shown = self.tokens.get(serving.token()).filter(|_| ended.is_some());
        let end = ended.max(shown.and_then(Token::sure_end).filter(|end| *end <= look.now));
        let before = end.zip(serving.pushed()).is_some_and(|(end, (_, pushed))| pushed < end);
        let ready = if before { serving.push.asked } else { serving.push.ready() };
        written.then(|| (at.max(ready), token.id))
    }

    /// The token that the serving socket does not accept, and when it is shown to a fresh connect beside it (R23).
    pub(in crate::lifecycle) fn next_show(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let serving = self.link.serving()?;
        if self.link.coming().is_some() || (serving.push.failures == 0 && !self.link.pushes_cut()) {
            return None;
        }
        // Once the one in force has ended, any that is good will do, but nobody of before.
        let in_force = look.in_force.filter(|token| token.lasts(look.now));
        let order = in_force.map_or(0, |token| token.order);
        let newer = |token: &&Token| (in_force.is_none() || token.order > order) && token.order >= look.floor;
        let token = self.tokens.good(look.now).find(newer)?;
        let last_call = look.last_call.unwrap_or(At::MAX);
        let interval = self.link.shown().map_or(0, |at| at.saturating_add(self.policy.show_interval));
        let call = serving
            .call_refused()
            .map_or(At::MAX, |at| at.saturating_add(self.policy.show_after_call).max(interval));
        // Who brought it waits for it.
        let awaits = |id| self.waiters.awaits(id);
        let brought = awaits(token.id) || token.base_id().is_some_and(awaits);
        let brought = if brought { token.received.saturating_add(self.policy.network) } else { At::MAX };
        let permit = self.sockets.ready(0, self.policy.socket_refill);
        let at = last_call.min(call).min(brought);
        (at < At::MAX).then(|| (at.max(self.link.reconnect.pace().ready()).max(permit), token.id))
    }
}
