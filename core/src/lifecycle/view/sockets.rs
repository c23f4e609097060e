//! When a socket is opened, and what is shown on it (R10, R21).

use crate::lifecycle::clock::At;
use crate::lifecycle::connection::{Coming, Offer};
use crate::lifecycle::tokens::token::{Token, Word};
use crate::lifecycle::view::look::Look;
use crate::lifecycle::{Lifecycle, SocketId, TokenId};

impl Lifecycle {
    /// When a socket is opened, and what for.
    pub(in crate::lifecycle) fn next_open(&self, look: &Look<'_>) -> Option<(At, Offer)> {
        // What is shown is shown with a key.
        if self.link.is_live() || self.link.coming().is_some() || self.renewal.key.is_wanted() {
            return None;
        }
        let (at, offer) = self.offer(look)?;
        // The last one is kept for when the network is said to have changed.
        let pace = self.link.reconnect.pace();
        let woken = self.network_hint.is_some_and(|hint| pace.not_before <= hint);
        let reserve = u32::from(pace.failures > 0 && !woken);
        let permit = self.sockets.ready(reserve, self.policy.socket_refill);
        Some((at.max(self.link.reconnect.ready()).max(permit), offer))
    }

    /// What the next connect is made with: with the state if there is one; else the newest token that is good, a bound
    /// one before its own base. While none is, what was refused is shown again, round by round (R10).
    pub(in crate::lifecycle) fn offer(&self, look: &Look<'_>) -> Option<(At, Offer)> {
        let opens = |token: &&Token| {
            token.order >= look.floor
                && !token.barren
                && token.ends.is_none_or(|end| {
                    let margin = token.margin(&self.policy);
                    token.word <= Word::Assumed || look.now.saturating_add(margin) < end
                })
        };
        let fresh = || {
            let cut = self.link.resumption.cuts().and_then(|id| self.tokens.get(id));
            cut.filter(|token| token.is_good(look.now) && opens(token)).or_else(|| {
                let newest = self.tokens.good(look.now).find(opens)?;
                let waits = self.awaits_activation(look, newest);
                Some(look.bound.filter(|bound| waits && opens(bound)).unwrap_or(newest))
            })
        };
        if let Some(token) = fresh() {
            let resumes = self.link.resumption.is_wanted();
            let in_force = look.in_force.filter(|it| it.is_good(look.now) && opens(it));
            let token = in_force.filter(|_| resumes).unwrap_or(token).id;
            return Some((0, Offer { token, resume: resumes }));
        }
        if look.any_good {
            return None;
        }
        // Nothing is good: with each round what was refused, where nobody has brought another by then.
        let last = self.shown_again(look)?;
        let asked = self.attempts.awaits(look.now, self.policy.network);
        let soon = self.next_provider(look, 0, 0).map(|(at, _)| at).filter(|at| *at <= look.now);
        // One request after the other that nobody answers puts the round off no further than one.
        let latest = self.link.refusals.next_round().saturating_add(self.policy.network);
        let wait = asked.or(soon.map(|at| at.saturating_add(1))).unwrap_or(0).min(latest);
        let at = self.link.refusals.next_round().max(wait);
        Some((at, Offer { token: last, resume: false }))
    }

    /// The newest token that was refused and has not ended.
    pub(in crate::lifecycle) fn shown_again(&self, look: &Look<'_>) -> Option<TokenId> {
        let last = self.tokens.held().iter().rev().find(|token| {
            token.order >= look.floor && (token.lasts(look.now) || token.barren) && self.ever_offered(token)
        })?;
        Some(last.id)
    }

    /// A foreign token is shown to nobody.
    pub(in crate::lifecycle) fn ever_offered(&self, token: &Token) -> bool {
        token.base().is_none_or(|base| base.cnf != crate::lifecycle::Confirmation::Others)
    }

    /// What is shown beside the serving socket has been accepted there meanwhile, or a newer token has.
    pub(in crate::lifecycle) fn is_pointless(&self, coming: Coming) -> bool {
        let order = self.tokens.get(coming.token).map(|token| token.order);
        let now = self.clock.now();
        let in_force = self.tokens.in_force().filter(|token| token.lasts(now)).map(|token| token.order);
        self.link.is_live() && (order.is_none() || in_force.is_some_and(|it| order <= Some(it)))
    }

    /// Whether this one was replaced, or is about to be, and is still read.
    pub(in crate::lifecycle) fn is_parting(&self, socket: SocketId) -> bool {
        self.link.parting().is_some_and(|parting| parting.socket == socket)
    }

    /// Whether this one is about to be replaced: a reply of its own on it would make that needless.
    #[must_use]
    pub fn is_doubted(&self, socket: SocketId) -> bool {
        self.link.parting().is_some_and(|parting| parting.socket == socket && parting.was.is_some())
    }
}
