//! What is due, and when: derived from the state each time, never stored (L1, L13).

use crate::time::Millis;

use super::clock::At;
use super::command::Action;
use super::event::Mechanism;
use super::input::SocketId;
use super::outlook::Outlook;
use super::token::{Inspection, Token};
use super::wake::Wake;
use super::{Lifecycle, Link, Mode};

/// Keeps the earliest of what it is offered; of equals the first. What is due is due, for however long it may
/// have been so: how late a step is does not change the order in which it does things.
struct Earliest {
    now: At,
    best: Option<(At, Wake)>,
}

impl Earliest {
    const fn from(now: At) -> Self {
        Self { now, best: None }
    }

    fn offer(&mut self, at: Option<At>, wake: Wake) {
        if let Some(at) = at.map(|at| at.max(self.now))
            && self.best.is_none_or(|(best, _)| at < best)
        {
            self.best = Some((at, wake));
        }
    }

    fn offer_if(&mut self, holds: bool, wake: Wake) {
        self.offer(holds.then_some(self.now), wake);
    }
}

impl Lifecycle {
    /// The earliest deadline there is; what is overdue is due now.
    pub(super) fn agenda(&self) -> Option<(At, Wake)> {
        let mut agenda = Earliest::from(self.clock.now());
        match self.mode {
            Mode::Idle | Mode::Suspended | Mode::Over(_) => return None,
            Mode::Ending(..) => {
                self.offer_deadlines(&mut agenda);
                agenda.offer_if(self.pending.is_empty(), Wake::Farewell);
                return agenda.best;
            }
            Mode::Running => {}
        }
        let look = self.outlook();
        self.offer_deadlines(&mut agenda);
        self.offer_judgements(&look, &mut agenda);
        agenda.offer_if(self.wants_key(), Wake::MakeKey);
        agenda.offer_if(self.wants_inspection().is_some(), Wake::Inspect);
        if let Some((at, wake)) = self.next_exchange(&look) {
            agenda.offer(Some(at), wake);
        }
        agenda.offer(self.next_persist(), Wake::Persist);
        agenda.offer(self.next_push(&look).map(|(at, _)| at), Wake::Push);
        agenda.offer(self.next_verdict(&look), Wake::Verdict);
        agenda.offer(self.next_open(&look), Wake::Open);
        agenda.offer(look.ends.next, Wake::TokenEnds);
        agenda.best
    }

    fn offer_deadlines(&self, agenda: &mut Earliest) {
        for pending in &self.pending {
            agenda.offer(Some(pending.deadline), Wake::Deadline(pending.id));
        }
    }

    /// Deadlines at which something is decided or said rather than asked for.
    fn offer_judgements(&self, look: &Outlook<'_>, agenda: &mut Earliest) {
        match self.expired {
            None => agenda.offer(look.ends.session.filter(|_| !self.unsure), Wake::Expiry),
            Some(expired) => agenda.offer(self.grace_over(look, expired), Wake::GraceOver),
        }
        agenda.offer_if(self.demand_is_vain(look) || self.an_update_is_vain(), Wake::Vain);
        agenda.offer_if(self.offers_are_spent(), Wake::Refused);
        agenda.offer(self.outage.second_round, Wake::SecondRound);
        if let Link::Live { since, stable: false, .. } = self.link {
            agenda.offer(Some(since.saturating_add(self.policy.stable)), Wake::Stable);
        }
        agenda.offer(self.next_expiring(look), Wake::Expiring);
        agenda.offer(look.handover, Wake::Handover);
        let declined = look.base.and_then(|base| self.declined(base));
        agenda.offer(declined.map(|declined| declined.until), Wake::Promotion);
        let fallback = self.fallback_reason(look).is_some_and(|reason| !self.told_fallback.contains(&reason));
        agenda.offer_if(fallback, Wake::Fallback);
        agenda.offer_if(self.lacks_mechanism(look), Wake::NoMechanism);
    }

    // ---- Ends ----

    fn grace_over(&self, look: &Outlook<'_>, expired: super::Expired) -> Option<At> {
        if !look.provider_can && !self.pending.iter().any(super::Pending::is_exchange) {
            return Some(0);
        }
        if self.policy.grace == Millis::MAX || expired.attempts < self.policy.grace_attempts {
            return None;
        }
        Some(expired.since.saturating_add(self.policy.grace))
    }

    /// When `credential_expiring` is due for the token in force (L21).
    fn next_expiring(&self, look: &Outlook<'_>) -> Option<At> {
        if self.expired.is_some() || self.told_expiring == Some(self.generation) {
            return None;
        }
        if look.mechanism != Mechanism::None {
            return look.last_call;
        }
        let token = look.in_force?;
        let end = token.end(&self.clock).at?;
        Some(end.saturating_sub(self.policy.expiring_notice.min(token.life(&self.clock)? / 2)))
    }

    // ---- Exchanges ----

    /// The exchange that comes next and when, which is not before now; none while one is unanswered (L13).
    pub(super) fn next_exchange(&self, look: &Outlook<'_>) -> Option<(At, Wake)> {
        self.planned_exchange(look).map(|(at, wake)| (at.max(self.clock.now()), wake))
    }

    fn planned_exchange(&self, look: &Outlook<'_>) -> Option<(At, Wake)> {
        if self.pending.iter().any(super::Pending::is_exchange) || self.key_is_on_its_way() {
            return None;
        }
        let budget = self.exchange_budget(0);
        if self.held.is_empty() && !self.minted {
            return Some((budget, Wake::Mint));
        }
        let provider = self.retries.provider.not_before.max(budget);
        if self.has_nothing_yet() && self.provider.can_mint_again {
            // A first mint that failed is repeated; who asks for a renewal asks for that one (L42, L24).
            let at = if self.renewal_is_demanded() { budget } else { provider };
            return Some((at, Wake::Mint));
        }
        if self.is_reminting() {
            return Some((provider, self.remint_wake()));
        }
        if self.expired.is_some() {
            let able = look.provider_can;
            return able.then(|| (provider.max(self.barren_until(self.held.last())), self.remint_wake()));
        }
        let (at, wake) = self.scheduled_exchange(look)?;
        if self.renewal_is_demanded() {
            return Some((budget, wake));
        }
        Some((at.max(budget), wake))
    }

    /// When the next exchange comes, whoever makes it: before the mechanism that has failed would try again,
    /// the provider may take over, or give back (L17, L21).
    pub(super) fn next_attempt(&self) -> Option<At> {
        let mut then = self.clone();
        let look = self.outlook();
        let first = self.next_begun(&look)?;
        let mut next = Some(first);
        let mut promotion = look.base.and_then(|base| self.declined(base)).map(|it| it.until);
        if let Some(handover) = look.handover.filter(|handover| *handover <= first) {
            let handover = handover.max(self.clock.now());
            then.hand_over();
            next = then.next_begun(&then.outlook()).map(|at| at.max(handover));
            promotion = Some(handover.saturating_add(self.policy.promotion));
        }
        if let Some(promotion) = promotion {
            then.promote();
            let again = then.next_begun(&then.outlook()).map(|at| at.max(promotion));
            next = next.into_iter().chain(again).min();
        }
        next
    }

    /// When the next exchange begins as things stand: an activation that waits for the socket does so when the
    /// next one is opened (L15).
    fn next_begun(&self, look: &Outlook<'_>) -> Option<At> {
        let opened = self.next_open(look).and_then(|open| {
            let socket = SocketId(self.next_socket);
            let then = Self { link: Link::Opening { socket }, ..self.clone() };
            then.next_exchange(&then.outlook()).map(|(at, _)| at.max(open))
        });
        self.next_exchange(look).map(|(at, _)| at).into_iter().chain(opened).min()
    }

    /// What the schedule holds, ahead of the request budget.
    fn scheduled_exchange(&self, look: &Outlook<'_>) -> Option<(At, Wake)> {
        let mut next = Earliest::from(self.clock.now());
        let renewal = if self.provider.can_refresh { Wake::Refresh } else { Wake::Mint };
        let Some(base) = look.base else {
            // Only a bound token is left, its base is gone: the provider renews that as it would a base.
            let orphan = look.ends.valid.filter(|_| look.provider_can)?;
            return Some((self.starts(look, orphan, self.retries.provider.not_before)?, renewal));
        };
        let facts = base.base()?;
        if facts.limits_bound && look.provider_can {
            let at = self.retries.provider.not_before.max(self.barren_until(Some(base)));
            return Some((at, self.remint_wake()));
        }
        let activation = look.activation.is_some();
        // What the provider takes over in this very step is not begun any more (L13).
        let over = look.handover.is_some_and(|at| at <= self.clock.now());
        // An activation is worth its while only on the way to a live session, unless it is all there is.
        if activation && !over && (look.mechanism == Mechanism::Bound || !self.link.is_down()) {
            let barren = self.barren_until(self.newest_bound());
            next.offer(Some(self.retries.activate.not_before.max(self.spread).max(barren)), Wake::Activate);
        }
        match look.mechanism {
            Mechanism::None => {}
            Mechanism::Bound => {
                if let Some(bound) = look.bound.filter(|_| !activation && !over) {
                    next.offer(self.starts(look, bound, self.retries.renew.not_before), Wake::Renew);
                }
            }
            // What falls due waits for a running activation, for its budget of connected time (L15).
            Mechanism::Provider if activation && self.link.is_live() => {}
            Mechanism::Provider => {
                let token = look.ends.valid.unwrap_or(base);
                next.offer(self.starts(look, token, self.retries.provider.not_before), renewal);
            }
        }
        next.best
    }

    /// Until when the exchange that follows this token waits because the one that brought it gained nothing.
    pub(super) fn barren_until(&self, token: Option<&Token>) -> At {
        token.and_then(|token| token.barren_until(&self.clock, &self.policy)).unwrap_or(0)
    }

    /// When this token's renewal starts. Because somebody asked for it: at once. By the schedule: when it is
    /// due, earlier by time that may have been slept away, later for the endpoint's back-off, for renewals
    /// that did not extend the end, for spreading.
    fn starts(&self, look: &Outlook<'_>, token: &Token, retry: At) -> Option<At> {
        if self.renewal_is_demanded() {
            return Some(0);
        }
        let due = token.due(&self.clock, &self.policy)?.saturating_sub(self.clock.suspect(token.received));
        // That the client-bound mechanism gains nothing says nothing of the provider's (L17).
        let barren = self.barren_until(self.latest_by(look.mechanism));
        Some(due.max(retry).max(barren).max(self.spread))
    }

    /// How a new base is got in place of one that is no good: a mint where that can be repeated.
    fn remint_wake(&self) -> Wake {
        if self.provider.can_mint_again { Wake::Mint } else { Wake::Refresh }
    }

    /// When the request budget holds more than these permits (L20).
    pub(super) fn exchange_budget(&self, reserve: u32) -> At {
        if self.exchanges.holds(reserve) { 0 } else { self.exchanges.ready(reserve, self.exchange_period()) }
    }

    /// How long a permit of the request budget takes to form (L20).
    pub(super) fn exchange_period(&self) -> Millis {
        let token = self.newest_valid().or(self.held.last());
        let life = token.and_then(|token| token.life(&self.clock)).unwrap_or(u64::MAX);
        (life / 12).max(self.policy.exchange_refill_min).min(self.policy.exchange_refill_max)
    }

    pub(super) fn wants_inspection(&self) -> Option<&Token> {
        self.newest_base().filter(|token| {
            let wanted = token.base().is_some_and(|base| match base.inspection {
                Inspection::Wanted => true,
                Inspection::Again => !self.link.is_down(),
                Inspection::Asked | Inspection::Over => false,
            });
            wanted && self.is_valid(token)
        })
    }

    fn wants_key(&self) -> bool {
        self.key.state == super::KeyState::Wanted
            && !self.is_pending(|action| matches!(action, Action::MakeKey { .. }))
    }

    fn key_is_on_its_way(&self) -> bool {
        self.key.state == super::KeyState::Wanted
    }

    pub(super) fn is_pending(&self, which: impl Fn(&Action) -> bool) -> bool {
        self.pending.iter().any(|pending| which(&pending.action))
    }

    pub(super) fn next_persist(&self) -> Option<At> {
        let idle = !self.is_pending(|action| matches!(action, Action::Persist));
        (self.durable && self.unsaved && idle).then_some(self.retries.persist.not_before)
    }
}
