//! What can still become of a session without a good token: the only end (R25).

use crate::lifecycle::attempts::Attempt;
use crate::lifecycle::clock::At;
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::view::look::Look;
use crate::lifecycle::{Action, Lifecycle, TokenId};

impl Lifecycle {
    /// Without a good token: somebody can still bring one, or what was refused may be accepted after all.
    fn can_still_be_served(&self, look: &Look<'_>) -> bool {
        let asked = self.tokens.are_none() && !self.attempts.is_empty();
        let refused = self.tokens.held().iter().any(|token| token.lasts(look.now));
        // Who was never asked for a first token can bring one.
        let first = !self.renewal.has_minted() || self.first_mint_is_left(look);
        look.provider_can || first || asked || (refused && self.hope.ever_live())
    }

    /// The only end (R25).
    pub(in crate::lifecycle) fn give_up_at(&self, look: &Look<'_>) -> Option<At> {
        self.hope.since()?;
        if look.any_good || self.is_unsure() {
            return None;
        }
        // The server's answer to a token that may be good is awaited, too.
        let lasts = |id| self.tokens.get(id).is_some_and(|token| token.lasts(look.now));
        let shows = |attempt: &&Attempt| match attempt.action {
            Action::Open { token, .. } | Action::Authenticate { token, .. } => lasts(token),
            _ => false,
        };
        let judging = self.attempts.iter().find(shows).map_or(0, |attempt| attempt.deadline);
        let awaited = self.attempts.awaits(look.now, self.policy.awaited).unwrap_or(0).max(judging);
        if !self.can_still_be_served(look) {
            return Some(awaited);
        }
        let at = self.hope.spent().unwrap_or_else(|| self.hope.reach.unreached_for(self.policy.unreached));
        // An answer is awaited, but not one after the other.
        Some(at.max(awaited.min(at.saturating_add(self.policy.awaited))))
    }

    /// When the next token stops to be good, or to open a socket.
    pub(in crate::lifecycle) fn next_token_end(&self, now: At) -> Option<At> {
        let stops = |token: &Token| {
            let end = token.sure_end()?;
            let stop = end.saturating_sub(token.margin(&self.policy));
            Some(if stop > now { stop } else { end }).filter(|at| *at > now)
        };
        self.tokens.held().iter().filter_map(stops).min()
    }

    /// While there is no hope somebody far away is asked at least now and then: else nobody would know whether it is the
    /// network (R5, R25).
    pub(in crate::lifecycle) fn reaches_out(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let since = self.hope.since().filter(|_| !look.any_good && self.can_still_be_served(look))?;
        let asking = self.attempts.any(|action| matches!(action, Action::Inspect { .. }));
        let base = look.base.filter(|_| !asking && self.link.coming().is_none())?;
        let last = self.hope.reach.last_asked().max(since);
        Some((last.saturating_add(self.policy.awaited), base.id))
    }
}
