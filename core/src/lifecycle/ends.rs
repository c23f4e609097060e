//! The ends of all that is held, in one pass (L7).

use super::Lifecycle;
use super::clock::At;
use super::token::Token;

/// When what is held ends.
pub(super) struct Ends<'a> {
    /// When no held token counts as valid any more; `None` while one may be valid for ever (L7).
    pub(super) session: Option<At>,
    /// The same with assumed ends taken at their word, for what is said about it.
    pub(super) presumed: Option<At>,
    /// When the next token stops to count as valid, for any use or for opening a socket.
    pub(super) next: Option<At>,
    /// The newest token that counts as valid.
    pub(super) valid: Option<&'a Token>,
}

impl Lifecycle {
    pub(super) fn ends(&self) -> Ends<'_> {
        let (now, margin) = (self.clock.now(), self.policy.reopen_margin);
        let mut ends = Ends { session: None, presumed: None, next: None, valid: None };
        let mut endless = false;
        for token in &self.held {
            let end = token.end(&self.clock);
            if end.is_ahead(now) {
                ends.valid = Some(token);
            }
            endless |= end.assumed || end.at.is_none();
            let Some(at) = end.at else { continue };
            ends.presumed = ends.presumed.max(end.at);
            let stops = at.saturating_sub(margin);
            let stop = if stops > now { stops } else { at };
            if stop > now {
                ends.next = Some(ends.next.map_or(stop, |first| first.min(stop)));
            }
        }
        ends.session = ends.presumed.filter(|_| !endless);
        ends
    }
}
