//! The earliest of what is due.

use crate::lifecycle::clock::At;
use crate::lifecycle::{TokenId, Wake};

/// Keeps the earliest of what it is offered; of equals the first. What is due is due, however long it may have been so.
pub(in crate::lifecycle) struct Earliest {
    now: At,
    since: Option<At>,
    pub(in crate::lifecycle) best: Option<Due>,
}

/// What is due next, as the agenda has found it.
#[derive(Clone, Copy)]
pub(in crate::lifecycle) struct Due {
    pub(in crate::lifecycle) at: At,
    pub(in crate::lifecycle) wake: Wake,
    /// The token that is to be pushed, shown or asked about.
    pub(in crate::lifecycle) token: Option<TokenId>,
    /// When somebody should have been asked for another.
    pub(in crate::lifecycle) since: Option<At>,
}

impl Earliest {
    pub(in crate::lifecycle) const fn from(now: At, since: Option<At>) -> Self {
        Self { now, since, best: None }
    }

    pub(in crate::lifecycle) fn offer(&mut self, at: Option<At>, wake: Wake) {
        if let Some(at) = at {
            self.keep(at, wake, None);
        }
    }

    pub(in crate::lifecycle) fn offer_about(&mut self, token: Option<(At, TokenId)>, wake: Wake) {
        if let Some((at, token)) = token {
            self.keep(at, wake, Some(token));
        }
    }

    pub(in crate::lifecycle) fn keep(&mut self, at: At, wake: Wake, token: Option<TokenId>) {
        let at = at.max(self.now);
        if self.best.is_none_or(|best| at < best.at) {
            self.best = Some(Due { at, wake, token, since: self.since });
        }
    }

    pub(in crate::lifecycle) fn offer_if(&mut self, holds: bool, wake: Wake) {
        self.offer(holds.then_some(self.now), wake);
    }
}
