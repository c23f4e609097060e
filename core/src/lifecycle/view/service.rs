//! Whether the session is served, and for how long it will be.

use crate::lifecycle::Lifecycle;
use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::{Class, ceiling};
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::view::look::Look;
use crate::time::Millis;

impl Lifecycle {
    /// The session is served, as far as the machine can know: by a socket, and a token that the server has accepted and
    /// that has not ended.
    pub(in crate::lifecycle) fn is_served(&self) -> bool {
        let now = self.clock.now();
        let shown = self.link.serving().and_then(|serving| self.tokens.get(serving.token()));
        let lasts = |token: &Token| token.lasts(now);
        // What a fresh connect has refused meanwhile serves nobody once what came after it has ended.
        let shown = shown.filter(|shown| !shown.refused);
        self.link.is_live() && (self.tokens.in_force().is_none_or(lasts) || shown.is_some_and(lasts))
    }

    /// The host has slept, and the socket has not yet shown that it lives: nothing ends (R1).
    pub(in crate::lifecycle) fn is_unsure(&self) -> bool {
        self.link.serving().is_some_and(|serving| serving.is_unsure())
    }

    /// Without a good token (R25). Where a doubted socket has answered, its token serves there, whatever a fresh connect has
    /// said of it meanwhile.
    pub(in crate::lifecycle) fn is_hopeless(&self, look: &Look<'_>) -> bool {
        !look.any_good && !self.is_served()
    }

    /// Time until nothing that is held is good any more, while the session is served.
    pub(in crate::lifecycle) fn left(&self) -> Option<Millis> {
        let now = self.clock.now();
        let in_force = || self.tokens.in_force().and_then(|token| token.ends);
        let end = self.tokens.end(now, true).or_else(in_force).unwrap_or(At::MAX);
        self.is_served().then(|| end.saturating_sub(now))
    }

    pub(in crate::lifecycle) fn ceiling(&self, class: Class) -> Millis {
        ceiling(class, self.left(), &self.policy)
    }

    /// The longest that a `Retry-After` puts the next attempt off.
    pub(in crate::lifecycle) fn retry_after(&self, asked: Option<Millis>) -> Option<Millis> {
        let most =
            self.left().map_or(self.policy.retry_after, |left| (left / 2).min(self.policy.retry_after));
        asked.map(|asked| asked.min(most))
    }
}
