//! One look at the state: who renews, and for which token. The agenda asks for little else, again and again.

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::{Class, Pace, ceiling};
use crate::lifecycle::renewal::attempts::Endpoint;
use crate::lifecycle::renewal::key::KeyState;
use crate::lifecycle::tokens::token::{Base, Inspection, Token};
use crate::lifecycle::{Action, Confirmation, FallbackReason, Lifecycle, Mechanism, TokenId};
use crate::time::Millis;

/// What the machine sees.
pub(in crate::lifecycle) struct Look<'a> {
    pub(super) now: At,
    /// The newest base.
    pub(super) base: Option<&'a Token>,
    /// The newest bound token that can be used.
    pub(super) bound: Option<&'a Token>,
    /// The one whose end decides when somebody is asked for another.
    pub(super) subject: Option<&'a Token>,
    pub(super) in_force: Option<&'a Token>,
    /// The newest base may be exchanged for a bound token, and that is wanted.
    pub(super) bindable: bool,
    pub(super) provider_can: bool,
    /// When somebody is asked for another token, and half the lead before the end of the one that decides it.
    pub(in crate::lifecycle) due: Option<At>,
    pub(super) half: At,
    pub(super) any_good: bool,
    /// A third of the lead before the end of what is in force: what has not come by then is late.
    pub(super) last_call: Option<At>,
    /// Somebody waits for a renewal that nobody has been asked for yet.
    pub(super) demanded: bool,
    /// What was asked for before this is shown to nobody, while what the application has brought is good.
    pub(super) floor: u64,
    /// The newest base, where nobody has asked yet what it can do.
    pub(super) inspects: Option<TokenId>,
    /// There is a permit for a request.
    budget: At,
}

impl Lifecycle {
    pub(in crate::lifecycle) fn look(&self) -> Look<'_> {
        let now = self.clock.now();
        let base = self.tokens.newest_base();
        let bound = self.tokens.good_bound(now);
        let provider_can = self.provider_can();
        let bindable = base.is_some_and(|base| self.is_bindable(base, provider_can));
        // What is pushed again and again without being accepted puts nothing off.
        let vain = self.link.serving.is_some_and(|serving| serving.in_vain);
        let counts = |token: &&Token| token.accepted || !vain;
        // Of those before the one in force, what counts is what somebody has said of their ends.
        let in_force = self.tokens.in_force();
        let order = in_force.map_or(0, |token| token.order);
        let says = |it: &&Token| it.renew_by.is_some() || it.order >= order;
        let bound_renewed = bound.filter(|_| self.renewal.key.is_ready()).filter(counts).filter(says);
        let reach = |token: &Token| token.reach().saturating_sub(self.clock.suspect(token.received));
        let last = || {
            // The newest of those that last longest; who knows their ends to the second only.
            self.tokens.good(now).filter(counts).filter(says).fold(None, |best: Option<&Token>, token| {
                let lasts = |best: &Token| reach(token) > reach(best).saturating_add(self.policy.gain);
                if best.is_none_or(lasts) { Some(token) } else { best }
            })
        };
        let subject = bound_renewed.or_else(last);
        let lead = subject.and_then(|token| self.lead(token));
        let due = subject.zip(lead).and_then(|(token, lead)| {
            let early = lead.saturating_add(token.jitter(lead, &self.policy));
            let slept = self.clock.suspect(token.received);
            let due = token.renew_by?.saturating_sub(early).saturating_sub(slept);
            // While pushes are refused another token is worth its while once in a quarter of a life.
            let last = if vain { self.tokens.good(now).find(|it| !it.accepted) } else { None };
            let rested = last.map_or(0, |last| {
                let life = last.life().or_else(|| token.life()).unwrap_or(0);
                last.received.saturating_add(life / 4)
            });
            Some(due.max(token.floor().saturating_sub(slept)).max(rested))
        });
        let half =
            subject.and_then(|it| it.renew_by).map_or(0, |by| by.saturating_sub(lead.unwrap_or(0) / 2));
        let any_good = self.tokens.good(now).next().is_some();
        let last_call = in_force.and_then(|it| Some(it.ends?.saturating_sub(self.lead(it)? / 3)));
        let unasked = |base: &&Token| base.base().is_some_and(|it| it.inspection == Inspection::Wanted);
        let inspects = base.filter(unasked).filter(|base| base.is_good(now)).map(|base| base.id);
        let demanded = self.is_demanded();
        // A question that is about to be asked costs a permit, too.
        let budget = self.budget(u32::from(inspects.is_some()));
        Look {
            now,
            base,
            bound,
            in_force,
            subject,
            bindable,
            provider_can,
            due,
            half,
            any_good,
            last_call,
            demanded,
            floor: self.tokens.floor(now),
            inspects,
            budget,
        }
    }

    /// A provider that is asked but once at a time needs time for several (R14).
    pub(super) fn lead(&self, token: &Token) -> Option<Millis> {
        let once = !token.is_bound() && !self.renewal.provider.may_be_asked_twice && self.provider_can();
        let room = if once { self.policy.provider_max.saturating_mul(15) / 4 } else { 0 };
        token.lead(self.attempts.longest().saturating_mul(3).max(room), &self.policy)
    }

    /// A provider that can renew, by whatever means, and has not said that it will not.
    pub(super) fn provider_can(&self) -> bool {
        let able = self.renewal.provider.can_refresh || self.renewal.provider.can_mint_again;
        able && !self.tokens.newest_base().and_then(Token::base).is_some_and(|base| base.rejected)
    }

    /// Whether this base is to be exchanged for a bound token.
    fn is_bindable(&self, token: &Token, provider_can: bool) -> bool {
        let Some(base) = token.base() else { return false };
        let known = match base.scope {
            Some(scope) => scope,
            // Nobody knows yet: where a provider renews that one is armed; else it is tried.
            None => !provider_can && base.inspection == Inspection::Over,
        };
        let key = self.renewal.key.is_to_be_had();
        known
            && key
            && !self.renewal.rekeyed
            && base.cnf != Confirmation::Others
            && token.is_good(self.clock.now())
    }

    /// Who renews.
    pub(super) fn mechanism(&self, look: &Look<'_>) -> Mechanism {
        let bound = look.bound.is_some() && self.renewal.key.is_ready();
        if bound || (look.bindable && !look.provider_can) {
            Mechanism::Bound
        } else if look.provider_can {
            Mechanism::Provider
        } else {
            Mechanism::None
        }
    }

    /// The session is served, as far as the machine can know: by a socket, and a token that the server has accepted and
    /// that has not ended.
    pub(super) fn is_served(&self) -> bool {
        let now = self.clock.now();
        let shown = self.link.serving.and_then(|serving| self.tokens.get(serving.token));
        let lasts = |token: &Token| token.lasts(now);
        // What a fresh connect has refused meanwhile serves nobody once what came after it has ended.
        let shown = shown.filter(|shown| !shown.refused);
        self.link.is_live() && (self.tokens.in_force().is_none_or(lasts) || shown.is_some_and(lasts))
    }

    /// Without a good token (R25). Where a doubted socket has answered, its token serves there, whatever a fresh connect has
    /// said of it meanwhile.
    pub(super) fn is_hopeless(&self, look: &Look<'_>) -> bool {
        !look.any_good && !self.is_served()
    }

    /// Time until nothing that is held is good any more, while the session is served.
    pub(super) fn left(&self) -> Option<Millis> {
        let now = self.clock.now();
        let in_force = || self.tokens.in_force().and_then(|token| token.ends);
        let end = self.tokens.end(now, true).or_else(in_force).unwrap_or(At::MAX);
        self.is_served().then(|| end.saturating_sub(now))
    }

    pub(super) fn ceiling(&self, class: Class) -> Millis {
        ceiling(class, self.left(), &self.policy)
    }

    /// The longest that a `Retry-After` puts the next attempt off.
    pub(super) fn retry_after(&self, asked: Option<Millis>) -> Option<Millis> {
        let most =
            self.left().map_or(self.policy.retry_after, |left| (left / 2).min(self.policy.retry_after));
        asked.map(|asked| asked.min(most))
    }

    // ---- Who is asked, and when ----

    /// When this endpoint may be asked: a place, its pace, the budget.
    pub(super) fn route(&self, endpoint: Endpoint, look: &Look<'_>) -> At {
        let pace = self.pace_of(endpoint);
        let took = || self.tokens.took();
        let place = self.attempts.place(endpoint, took, look.any_good, look.now, &self.policy);
        // Who asks again and again, or brings one base after the other, is heard, but no endpoint is asked for it more
        // often than that.
        let again = endpoint == Endpoint::Activate && pace.failures == 0;
        let wait = if again || look.demanded { self.policy.wait_served } else { 0 };
        // A base that is brought does not wait for its own coming.
        let came = self.tokens.held.iter().filter(|_| look.demanded).map(|token| token.received).max();
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

    pub(super) fn budget(&self, reserve: u32) -> At {
        self.renewal.budget.ready(reserve, self.exchange_period())
    }

    pub(in crate::lifecycle) fn exchange_period(&self) -> Millis {
        // As long as it may be: what a slow answer leaves to renew it by is no life.
        let life = |token: &Token| Some(token.ends?.saturating_sub(token.sent));
        let life = self.tokens.held.last().and_then(life).unwrap_or(Millis::MAX);
        (life / 12).max(self.policy.exchange_refill_min).min(self.policy.exchange_refill_max)
    }

    fn is_demanded(&self) -> bool {
        let Some(order) = self.waiters.wanted() else { return false };
        let asked = |attempt: &crate::lifecycle::renewal::attempts::Attempt| {
            attempt.is_exchange() && attempt.id.0 >= order
        };
        !self.attempts.list.iter().any(|attempt| asked(attempt) && !attempt.late)
            && !self.tokens.held.iter().any(|token| token.order >= order)
    }

    /// The base that the application or a renewal has brought waits for its activation: not it but what comes of it is to
    /// be in force, up to the last call.
    pub(super) fn awaits_activation(&self, look: &Look<'_>, token: &Token) -> bool {
        let is_it = look.base.is_some_and(|base| base.id == token.id) && !token.is_bound();
        let undecided = token.base().is_some_and(Base::is_undecided);
        let bound = look.bound.is_some_and(|bound| bound.base_id() != Some(token.id));
        is_it && bound && (look.bindable || undecided) && self.renewal.paces.activate.failures == 0
    }

    /// Nobody knows yet what the base can do: that is being asked.
    pub(super) fn is_undecided(&self, look: &Look<'_>) -> bool {
        let key = self.renewal.key.is_to_be_had();
        let undecided = |it: &Token| it.is_good(look.now) && it.base().is_some_and(Base::is_undecided);
        key && look.base.is_some_and(undecided)
    }

    /// Somebody can still bring a token that is not held.
    pub(super) fn can_be_brought(&self, look: &Look<'_>) -> bool {
        look.provider_can || look.bindable || (look.bound.is_some() && self.renewal.key.is_ready())
    }

    /// Why the provider renews although client-bound renewal was wanted.
    pub(super) fn fallback_reason(&self, look: &Look<'_>) -> Option<FallbackReason> {
        let base = look.base.filter(|_| look.provider_can)?;
        match self.renewal.key.state() {
            KeyState::Failed => return Some(FallbackReason::NoDpopSupport),
            KeyState::Declined => return None,
            KeyState::Wanted | KeyState::Ready => {}
        }
        if base.base()?.scope == Some(false) {
            return Some(FallbackReason::NoScope);
        }
        let failed = self.renewal.paces.activate.failures.max(self.renewal.paces.renew.failures) > 0;
        let asked = |action: &Action| matches!(action, Action::Mint { .. } | Action::Refresh);
        (failed && look.bindable && self.attempts.any(asked)).then_some(FallbackReason::EndpointFailed)
    }

    /// Nobody renews, and the application has not been told.
    pub(super) fn lacks_mechanism(&self, look: &Look<'_>) -> bool {
        let Some(base) = look.base.and_then(Token::base) else { return false };
        let settled = base.inspection == Inspection::Over || base.scope.is_some();
        let due = settled && !base.told_no_mechanism && self.mechanism(look) == Mechanism::None;
        // The warning names the end: a connect result is waited for where nobody has named one.
        due && (self.hope.ever_live || self.tokens.end(look.now, true).is_some())
    }

    /// While there is no hope somebody far away is asked at least now and then: else nobody would know whether it is the
    /// network (R5, R25).
    pub(super) fn reaches_out(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let since = self.hope.since.filter(|_| !look.any_good && self.can_still_be_served(look))?;
        let asking = self.attempts.any(|action| matches!(action, Action::Inspect { .. }));
        let base = look.base.filter(|_| !asking && self.link.coming.is_none())?;
        let last = self.hope.reach.last_asked().max(since);
        Some((last.saturating_add(self.policy.awaited), base.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Policy, Statement, TokenFacts};
    use crate::secret::Seed;

    #[test]
    fn what_a_slow_answer_has_used_up_of_a_life_buys_no_requests() {
        // proves R20.1
        let mut machine = Lifecycle::new(Policy::default(), &Seed::from_bytes([1; 32]));
        let facts = TokenFacts { token: TokenId(1), statement: Statement::default(), new_secret: false };
        let kind = crate::lifecycle::tokens::token::Kind::Bound { of: TokenId(0) };
        let mut token = machine.token(&facts, kind, 0, 0, None, false);
        (token.renew_by, token.ends) = (Some(18_000), Some(61_000));
        machine.tokens.hold(token);
        assert_eq!(machine.exchange_period(), 5_000);
    }
}
