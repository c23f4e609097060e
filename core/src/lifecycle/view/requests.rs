//! When somebody is asked for a token, and who: routes in turn (R17, R18, R20).

use crate::lifecycle::attempts::{Attempt, Endpoint};
use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::{Class, Pace};
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::view::earliest::Earliest;
use crate::lifecycle::view::look::Look;
use crate::lifecycle::{Action, Lifecycle, Wake};
use crate::time::Millis;

impl Lifecycle {
    /// When this endpoint may be asked: a place, its pace, the budget.
    fn route(&self, endpoint: Endpoint, look: &Look<'_>) -> At {
        let pace = self.pace_of(endpoint);
        let took = || self.tokens.took();
        let place = self.attempts.place(endpoint, took, look.any_good, look.now, &self.policy);
        // Who asks again and again, or brings one base after the other, is heard, but no endpoint is asked for it more
        // often than that.
        let again = endpoint == Endpoint::Activate && pace.failures == 0;
        let wait = if again || look.demanded { self.policy.wait_served } else { 0 };
        // A base that is brought does not wait for its own coming.
        let came = self.tokens.held().iter().filter(|_| look.demanded).map(|token| token.received).max();
        let since = if pace.sent > 0 { pace.sent.max(came.unwrap_or(0)).saturating_add(wait) } else { 0 };
        pace.ready().max(place).max(look.budget).max(since)
    }

    const fn pace_of(&self, endpoint: Endpoint) -> &Pace {
        match endpoint {
            Endpoint::Mint => &self.renewal.paces.mint,
            Endpoint::Refresh => &self.renewal.paces.refresh,
            Endpoint::Activate => &self.renewal.paces.activate,
            Endpoint::Renew => &self.renewal.paces.renew,
        }
    }

    pub(in crate::lifecycle) fn budget(&self, reserve: u32) -> At {
        self.renewal.budget.ready(reserve, self.exchange_period())
    }

    pub(in crate::lifecycle) fn exchange_period(&self) -> Millis {
        // As long as it may be: what a slow answer leaves to renew it by is no life.
        let life = |token: &Token| Some(token.ends?.saturating_sub(token.sent));
        let life = self.tokens.held().last().and_then(life).unwrap_or(Millis::MAX);
        (life / 12).max(self.policy.exchange_refill_min).min(self.policy.exchange_refill_max)
    }

    /// Nothing of what the record held is good any more, and nobody renews: who is asked once for a first token has not been
    /// asked by this process.
    pub(in crate::lifecycle) fn first_mint_is_left(&self, look: &Look<'_>) -> bool {
        self.renewal.is_unasked() && !look.any_good && !look.provider_can
    }

    /// When the provider is asked for another base, from then on, and how: by its `refresh()`, and after that has failed
    /// by a mint, where it can be repeated.
    pub(in crate::lifecycle) fn next_provider(
        &self,
        look: &Look<'_>,
        from: At,
        half: At,
    ) -> Option<(At, Wake)> {
        if !look.provider_can {
            return None;
        }
        let refresh = self.route(Endpoint::Refresh, look).max(from);
        let mint = self.route(Endpoint::Mint, look).max(from);
        let refused = self.tokens.newest_base().is_none_or(|base| base.refused);
        let mints = self.renewal.provider().can_mint_again;
        if mints && (self.renewal.mints_again() || refused || !self.renewal.provider().can_refresh) {
            return Some((mint, Wake::Mint));
        }
        // Who has been asked and may yet answer has not failed this time.
        let asked = self.attempts.iter().any(|it| it.action == Action::Refresh && !it.late);
        let failed =
            after(from, self.renewal.paces.refresh.failures, if asked { from } else { refresh }, half);
        match failed.map(|at| at.max(mint)).filter(|at| mints && *at < refresh) {
            Some(at) => Some((at, Wake::Mint)),
            None => Some((refresh, Wake::Refresh)),
        }
    }

    /// All requests for tokens that are due some time.
    pub(in crate::lifecycle) fn offer_exchanges(&self, look: &Look<'_>, agenda: &mut Earliest) {
        if self.renewal.key.is_wanted() {
            return;
        }
        if !self.renewal.has_minted() && !look.any_good {
            return agenda.offer(Some(self.budget(0)), Wake::Mint);
        }
        if self.tokens.are_none() {
            if self.renewal.provider().can_mint_again && look.provider_can {
                agenda.offer(Some(self.route(Endpoint::Mint, look)), Wake::Mint);
            }
            return;
        }
        let mut offer_provider = |from: Option<At>, half: At| {
            if let Some((at, wake)) = from.and_then(|from| self.next_provider(look, from, half)) {
                agenda.offer(Some(at), wake);
            }
        };
        if self.first_mint_is_left(look) {
            return agenda.offer(Some(self.route(Endpoint::Mint, look)), Wake::Mint);
        }
        if !look.any_good {
            // Refused: a new one at once, then with each round; at its own pace who has not answered (R10).
            let again = self.link.refusals.round() > 1 || self.link.refusals.asked();
            let is_silent = |it: &Attempt| match it.action {
                Action::Mint { .. } => it.late && self.renewal.paces.mint.last == Some(Class::Unanswered),
                Action::Refresh => it.late && self.renewal.paces.refresh.last == Some(Class::Unanswered),
                _ => false,
            };
            let silent = self.attempts.iter().any(is_silent);
            return offer_provider(
                Some(if again && !silent { self.link.refusals.next_round() } else { 0 }),
                0,
            );
        }
        // At the first refusal, too, where older ones are left, which have yet to be shown: the rounds begin after them.
        let in_force = look.in_force.filter(|token| token.refused && !self.link.is_live());
        let older = in_force.is_some_and(|it| self.tokens.good(look.now).all(|token| token.order < it.order));
        offer_provider((older && !self.link.refusals.asked()).then_some(0), 0);
        let limits = look.base.and_then(Token::base).is_some_and(|base| base.limits_bound);
        offer_provider((limits || (self.renewal.mints_again() && self.renewal.is_rekeyed())).then_some(0), 0);
        // Somebody waits: it is due now.
        let (due, half) = match look.demanded {
            true => (Some(0), 0),
            false => (look.due.map(|due| due.max(self.renewal.spread().min(look.half))), look.half),
        };
        let activate = || self.route(Endpoint::Activate, look);
        // While connects are refused the base is shown; what comes of it has to wait.
        let bindable = look.bindable && (self.link.is_live() || self.link.refusals.round() == 0);
        let Some(bound) = look.bound.filter(|_| self.renewal.key.is_ready()) else {
            offer_provider(due, half);
            agenda.offer(bindable.then(|| activate().max(self.renewal.spread())), Wake::Activate);
            return;
        };
        // One after the other: who has failed has until half the lead.
        let renew = self.route(Endpoint::Renew, look);
        let renew_failed = due.and_then(|due| after(due, self.renewal.paces.renew.failures, renew, half));
        let activate_failed = if bindable {
            renew_failed.and_then(|from| after(from, self.renewal.paces.activate.failures, activate(), half))
        } else {
            renew_failed
        };
        // A base that has come meanwhile, or that lasts, is not asked for again, but shown or bound; unless somebody waits
        // for a newer one.
        let base = look.base.filter(|base| base.is_good(look.now) && !look.demanded);
        let from = activate_failed.and_then(|from| match base.map(|base| (base.renew_by, self.lead(base))) {
            Some((Some(by), lead)) => Some(from.max(by.saturating_sub(lead.unwrap_or(0)))),
            Some((None, _)) if base.is_some_and(|base| bound.order < base.order) => None,
            _ => Some(from),
        });
        offer_provider(from, half);
        // While the application's own token is being tried, what was bound before is not renewed: it may be another user's.
        let ours = bound.order >= look.floor;
        agenda.offer(due.filter(|_| ours).map(|due| due.max(renew)), Wake::Renew);
        if bindable {
            // A base that has come after it is exchanged at once.
            let newer = look.base.is_some_and(|base| bound.order < base.order);
            let from = if newer { Some(self.renewal.spread()) } else { renew_failed };
            agenda.offer(from.map(|from| from.max(activate())), Wake::Activate);
        }
    }
}

/// When the next in turn is asked, after somebody who has failed so often and is asked again at `next`: at half the lead, or
/// at once where that comes too late.
fn after(from: At, failures: u32, next: At, half: At) -> Option<At> {
    (failures > 0).then(|| if next <= half { from.max(half) } else { from })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::tokens::token::Kind;
    use crate::lifecycle::{Policy, TokenId};
    use crate::secret::Seed;

    #[test]
    fn what_a_slow_answer_has_used_up_of_a_life_buys_no_requests() {
        // proves R20.1
        let mut machine = Lifecycle::new(Policy::default(), &Seed::from_bytes([1; 32]));
        let mut token = Token::new(TokenId(1), Kind::Bound { of: TokenId(0) }, 0);
        (token.renew_by, token.ends) = (Some(18_000), Some(61_000));
        machine.tokens.hold(token);
        assert_eq!(machine.exchange_period(), 5_000);
    }
}
