//! What is due, and when: derived from the state each time, never stored.

use super::look::Look;
use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::renewal::attempts::{Attempt, Endpoint};
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::{Action, Lifecycle, Mechanism, Mode, TeardownReason, TokenId, Wake};

/// Keeps the earliest of what it is offered; of equals the first. What is due is due, however long it may have been so.
pub(super) struct Earliest {
    now: At,
    since: Option<At>,
    pub(super) best: Option<Due>,
}

/// What is due next, as the agenda has found it.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub(super) at: At,
    pub(super) wake: Wake,
    /// The token that is to be pushed, shown or asked about.
    pub(super) token: Option<TokenId>,
    /// When somebody should have been asked for another.
    pub(super) since: Option<At>,
}

impl Earliest {
    pub(super) const fn from(now: At, since: Option<At>) -> Self {
        Self { now, since, best: None }
    }

    pub(super) fn offer(&mut self, at: Option<At>, wake: Wake) {
        if let Some(at) = at {
            self.keep(at, wake, None);
        }
    }

    fn offer_about(&mut self, token: Option<(At, TokenId)>, wake: Wake) {
        if let Some((at, token)) = token {
            self.keep(at, wake, Some(token));
        }
    }

    fn keep(&mut self, at: At, wake: Wake, token: Option<TokenId>) {
        let at = at.max(self.now);
        if self.best.is_none_or(|best| at < best.at) {
            self.best = Some(Due { at, wake, token, since: self.since });
        }
    }

    pub(super) fn offer_if(&mut self, holds: bool, wake: Wake) {
        self.offer(holds.then_some(self.now), wake);
    }
}

impl Lifecycle {
    /// The earliest deadline there is.
    pub(super) fn agenda(&self) -> Option<Due> {
        match self.mode {
            Mode::Idle | Mode::Over(_) => return None,
            Mode::Suspended | Mode::Ending(..) => {
                let mut agenda = Earliest::from(self.clock.now(), None);
                self.offer_deadlines(&mut agenda);
                let agenda_now = self.clock.now();
                if self.mode == Mode::Suspended {
                    agenda.offer(self.next_write(), Wake::Persist);
                } else if self.record.is_urgent() && self.writes_at_the_end() {
                    // A secret that has come late is kept (R12).
                    agenda.offer(self.next_write().map(|_| agenda_now), Wake::Persist);
                } else {
                    agenda.offer_if(self.attempts.list.is_empty(), Wake::Farewell);
                }
                return agenda.best;
            }
            Mode::Running => {}
        }
        let look = self.look();
        let mut agenda = Earliest::from(look.now, look.due);
        self.offer_deadlines(&mut agenda);
        self.offer_judgements(&look, &mut agenda);
        let making = |action: &Action| matches!(action, Action::MakeKey { .. });
        agenda.offer_if(self.renewal.key.is_wanted() && !self.attempts.any(making), Wake::MakeKey);
        agenda.offer_about(look.inspects.map(|base| (look.now, base)), Wake::Inspect);
        agenda.offer_about(self.reaches_out(&look), Wake::ReachOut);
        self.offer_exchanges(&look, &mut agenda);
        if agenda.best.is_some_and(|best| best.at <= look.now) {
            // Nothing comes before what is due.
            return agenda.best;
        }
        agenda.offer(self.next_write(), Wake::Persist);
        agenda.offer_about(self.next_push(&look), Wake::Push);
        agenda.offer_about(self.next_show(&look), Wake::Show);
        agenda.offer(self.next_open(&look).map(|(at, _)| at), Wake::Open);
        agenda.offer(self.next_token_end(look.now), Wake::TokenEnds);
        agenda.best
    }

    fn offer_deadlines(&self, agenda: &mut Earliest) {
        if let Some((at, id)) = self.attempts.next_deadline() {
            agenda.offer(Some(at), Wake::Deadline(id));
        }
    }

    /// Deadlines at which something is decided or said rather than asked for.
    fn offer_judgements(&self, look: &Look<'_>, agenda: &mut Earliest) {
        let hopeless = self.is_hopeless(look) && !self.is_unsure() && !self.tokens.held.is_empty();
        agenda.offer_if(hopeless && (self.hope.since.is_none() || !self.hope.told), Wake::Hopeless);
        agenda.offer(self.give_up_at(look), Wake::GiveUp);
        agenda.offer_if(self.some_wait_in_vain(look), Wake::Vain);
        agenda.offer(self.waiters.patience(self.policy.ask_patience), Wake::Pending);
        if let Some(serving) = self.link.serving.filter(|serving| !serving.stable) {
            agenda.offer(Some(serving.since.saturating_add(self.policy.stable)), Wake::Stable);
        }
        agenda.offer(self.link.parting.map(|parting| parting.until), Wake::Part);
        agenda.offer(self.next_expiring(look), Wake::Expiring);
        let fallback = self.fallback_reason(look).is_some_and(|reason| !self.told.fallback.contains(&reason));
        agenda.offer_if(fallback, Wake::Fallback);
        agenda.offer_if(self.lacks_mechanism(look), Wake::NoMechanism);
    }

    const fn writes_at_the_end(&self) -> bool {
        let gone =
            matches!(self.mode, Mode::Ending(TeardownReason::Destroyed | TeardownReason::HandedOver, _));
        self.record.durable && !gone
    }

    /// The host has slept, and the socket has not yet shown that it lives: nothing ends (R1).
    pub(super) fn is_unsure(&self) -> bool {
        self.link.serving.is_some_and(|serving| serving.unsure)
    }

    /// Without a good token: somebody can still bring one, or what was refused may be accepted after all.
    pub(super) fn can_still_be_served(&self, look: &Look<'_>) -> bool {
        let asked = self.tokens.held.is_empty() && !self.attempts.list.is_empty();
        let refused = self.tokens.held.iter().any(|token| token.lasts(look.now));
        // Who was never asked for a first token can bring one.
        let first = !self.renewal.minted || self.first_mint_is_left(look);
        look.provider_can || first || asked || (refused && self.hope.ever_live)
    }

    /// The only end (R25).
    fn give_up_at(&self, look: &Look<'_>) -> Option<At> {
        self.hope.since?;
        if look.any_good || self.is_unsure() {
            return None;
        }
        // The server's answer to a token that may be good is awaited, too.
        let lasts = |id| self.tokens.get(id).is_some_and(|token| token.lasts(look.now));
        let shows = |attempt: &&Attempt| match attempt.action {
            Action::Open { token, .. } | Action::Authenticate { token, .. } => lasts(token),
            _ => false,
        };
        let judging = self.attempts.list.iter().find(shows).map_or(0, |attempt| attempt.deadline);
        let awaited = self.attempts.awaits(look.now, self.policy.awaited).unwrap_or(0).max(judging);
        if !self.can_still_be_served(look) {
            return Some(awaited);
        }
        let at = self.hope.spent.unwrap_or_else(|| self.hope.reach.unreached_for(self.policy.unreached));
        // An answer is awaited, but not one after the other.
        Some(at.max(awaited.min(at.saturating_add(self.policy.awaited))))
    }

    /// When `credential_expiring` is due for the token in force.
    fn next_expiring(&self, look: &Look<'_>) -> Option<At> {
        if self.told.expiring == Some(self.tokens.generation) || self.hope.since.is_some() {
            return None;
        }
        // What has ended when it is accepted is not about to end.
        let token = look.in_force.filter(|token| token.lasts(look.now))?;
        if self.mechanism(look) != Mechanism::None {
            return look.last_call;
        }
        Some(token.ends?.saturating_sub(self.policy.expiring_notice.min(token.life()? / 2)))
    }

    /// When the next token stops to be good, or to open a socket.
    fn next_token_end(&self, now: At) -> Option<At> {
        let stops = |token: &Token| {
            let end = token.sure_end()?;
            let stop = end.saturating_sub(token.margin(&self.policy));
            Some(if stop > now { stop } else { end }).filter(|at| *at > now)
        };
        self.tokens.held.iter().filter_map(stops).min()
    }

    // ---- Exchanges ----

    /// All requests for tokens that are due some time.
    pub(super) fn offer_exchanges(&self, look: &Look<'_>, agenda: &mut Earliest) {
        if self.renewal.key.is_wanted() {
            return;
        }
        if !self.renewal.minted && !look.any_good {
            return agenda.offer(Some(self.budget(0)), Wake::Mint);
        }
        if self.tokens.held.is_empty() {
            if self.renewal.provider.can_mint_again && look.provider_can {
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
            let again = self.link.round > 1 || self.link.asked;
            let is_silent = |it: &Attempt| match it.action {
                Action::Mint { .. } => it.late && self.renewal.paces.mint.last == Some(Class::Unanswered),
                Action::Refresh => it.late && self.renewal.paces.refresh.last == Some(Class::Unanswered),
                _ => false,
            };
            let silent = self.attempts.list.iter().any(is_silent);
            return offer_provider(Some(if again && !silent { self.link.next_round } else { 0 }), 0);
        }
        // At the first refusal, too, where older ones are left, which have yet to be shown: the rounds begin after them.
        let in_force = look.in_force.filter(|token| token.refused && !self.link.is_live());
        let older = in_force.is_some_and(|it| self.tokens.good(look.now).all(|token| token.order < it.order));
        offer_provider((older && !self.link.asked).then_some(0), 0);
        let limits = look.base.and_then(Token::base).is_some_and(|base| base.limits_bound);
        offer_provider((limits || (self.renewal.remint && self.renewal.rekeyed)).then_some(0), 0);
        // Somebody waits: it is due now.
        let (due, half) = match look.demanded {
            true => (Some(0), 0),
            false => (look.due.map(|due| due.max(self.renewal.spread.min(look.half))), look.half),
        };
        let activate = || self.route(Endpoint::Activate, look);
        // While connects are refused the base is shown; what comes of it has to wait.
        let bindable = look.bindable && (self.link.is_live() || self.link.round == 0);
        let Some(bound) = look.bound.filter(|_| self.renewal.key.is_ready()) else {
            offer_provider(due, half);
            agenda.offer(bindable.then(|| activate().max(self.renewal.spread)), Wake::Activate);
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
            let from = if newer { Some(self.renewal.spread) } else { renew_failed };
            agenda.offer(from.map(|from| from.max(activate())), Wake::Activate);
        }
    }

    /// Nothing of what the record held is good any more, and nobody renews: who is asked once for a first token has not been
    /// asked by this process.
    pub(super) fn first_mint_is_left(&self, look: &Look<'_>) -> bool {
        self.renewal.unasked && !look.any_good && !look.provider_can
    }

    /// When the provider is asked for another base, from then on, and how: by its `refresh()`, and after that has failed
    /// by a mint, where it can be repeated.
    pub(super) fn next_provider(&self, look: &Look<'_>, from: At, half: At) -> Option<(At, Wake)> {
        if !look.provider_can {
            return None;
        }
        let refresh = self.route(Endpoint::Refresh, look).max(from);
        let mint = self.route(Endpoint::Mint, look).max(from);
        let refused = self.tokens.newest_base().is_none_or(|base| base.refused);
        let mints = self.renewal.provider.can_mint_again;
        if mints && (self.renewal.remint || refused || !self.renewal.provider.can_refresh) {
            return Some((mint, Wake::Mint));
        }
        // Who has been asked and may yet answer has not failed this time.
        let asked = self.attempts.list.iter().any(|it| it.action == Action::Refresh && !it.late);
        let failed =
            after(from, self.renewal.paces.refresh.failures, if asked { from } else { refresh }, half);
        match failed.map(|at| at.max(mint)).filter(|at| mints && *at < refresh) {
            Some(at) => Some((at, Wake::Mint)),
            None => Some((refresh, Wake::Refresh)),
        }
    }

    /// The next attempt to get a token, whoever makes it, if nothing happens before but that tokens end.
    pub(super) fn next_exchange(&self) -> Option<At> {
        if self.mode != Mode::Running {
            return None;
        }
        let (mut next, mut end) = self.exchange_and_end();
        let mut then = None;
        while let Some(at) = end.filter(|end| next.is_none_or(|next| next >= *end)) {
            let then = then.get_or_insert_with(|| self.clone());
            then.pass_to(at);
            (next, end) = then.exchange_and_end();
        }
        next
    }

    /// When somebody is asked as things are, and until when they are so.
    fn exchange_and_end(&self) -> (Option<At>, Option<At>) {
        let look = self.look();
        let mut agenda = Earliest::from(look.now, look.due);
        self.offer_exchanges(&look, &mut agenda);
        let ends = self.next_token_end(look.now).into_iter().chain(self.next_question_end());
        (agenda.best.map(|due| due.at), ends.min())
    }

    /// Time passes, and nobody is asked: what follows is what follows from ends.
    pub(super) fn pass_to(&mut self, at: At) {
        self.clock.pass_to(at);
        self.end_questions(at);
        if !self.hope.told && self.tokens.good(at).next().is_none() {
            self.hurry();
        }
    }

    /// At the end of a life the next request does not wait (R16).
    pub(super) fn hurry(&mut self) {
        for pace in self.renewal.paces.all() {
            pace.hurry();
        }
    }

    pub(super) fn next_write(&self) -> Option<At> {
        let writing = |action: &Action| matches!(action, Action::Persist);
        self.record.due(self.policy.write_interval).filter(|_| !self.attempts.any(writing))
    }
}

/// When the next in turn is asked, after somebody who has failed so often and is asked again at `next`: at half the lead, or
/// at once where that comes too late.
fn after(from: At, failures: u32, next: At, half: At) -> Option<At> {
    (failures > 0).then(|| if next <= half { from.max(half) } else { from })
}
