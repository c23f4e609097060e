//! Who waits is answered for what was asked (R27).

use crate::lifecycle::tokens::token::{Kind, Token};
use crate::lifecycle::waiters::{WaitFor, Waiter};
use crate::lifecycle::{AskError, AskId, Cause, Event, Generation, Lifecycle, Mode, TokenId};

impl Lifecycle {
    /// Registers somebody who waits; refuses when that is impossible.
    pub(super) fn wait(&mut self, ask: AskId, kind: WaitFor) -> bool {
        let refusal = match self.mode {
            Mode::Running => self.waiters.are_too_many().then_some(AskError::Throttled),
            Mode::Idle | Mode::Suspended => Some(AskError::Suspended),
            Mode::Ending(..) | Mode::Over(_) => Some(AskError::SessionOver),
        };
        let since = self.clock.now();
        match refusal {
            Some(error) => self.tell(Event::Failed { ask, error }),
            None => self.waiters.add(ask, kind, since),
        }
        refusal.is_none()
    }

    /// Shares the exchange that is under way, else asks for one.
    pub(super) fn ask_for_renewal(&mut self, ask: AskId) {
        let open = self.attempts.iter().find(|attempt| attempt.is_exchange() && !attempt.late);
        let order = open.map_or(self.attempts.next(), |attempt| attempt.id.0);
        if self.mode == Mode::Running {
            self.tokens.reject(false);
        }
        let now = self.clock.now();
        let alone = self.waiters.wanted().is_none();
        let soon = self
            .budget(self.policy.exchange_reserve)
            .max(self.renewal.paces.refresh.asked.max(self.renewal.paces.mint.asked))
            <= now;
        if self.wait(ask, WaitFor::Renewal { order }) && order == self.attempts.next() && alone && !soon {
            self.waiters.take(|waiter| waiter.id == ask);
            self.tell(Event::Failed { ask, error: AskError::Throttled });
        }
    }

    /// The application's own request was refused for its credential.
    pub(super) fn rejected_by_server(&mut self, ask: AskId, generation: Generation) {
        if self.mode == Mode::Running && generation < self.tokens.generation() {
            // A newer token has come into force since that request was sent.
            return self.tell(Event::Recovered { ask, generation: self.tokens.generation() });
        }
        let now = self.clock.now();
        if let Some(serving) = self.link.serving_mut() {
            serving.refuses_calls(now);
        }
        // The server may not have accepted the newest token yet: that is under way.
        let in_force = self.tokens.in_force().map(|token| token.order);
        let newest = self.tokens.good(now).map(|token| token.order).next();
        let newest = newest.filter(|order| Some(*order) > in_force);
        let behind = self.link.serving().is_some_and(|serving| serving.known() != self.tokens.generation());
        match newest.or(in_force.filter(|_| behind)) {
            Some(order) => {
                self.wait(ask, WaitFor::Renewal { order });
            }
            None => self.ask_for_renewal(ask),
        }
    }

    pub(super) fn deny_in_vain(&mut self) {
        let look = self.look();
        let vain: alloc::vec::Vec<Waiter> =
            self.waiters.iter().filter(|waiter| self.is_in_vain(waiter, &look)).copied().collect();
        self.waiters.take(|waiter| vain.contains(waiter));
        for waiter in vain {
            let error = match waiter.kind {
                WaitFor::Renewal { .. } => AskError::NoMechanism,
                WaitFor::Update(_) => {
                    // What was there before is shown again.
                    self.tokens.drop_floor();
                    AskError::InvalidCredentials
                }
            };
            self.tell(Event::Failed { ask: waiter.id, error });
        }
    }

    /// Who has waited long enough for a renewal is told that it is not there yet (R27).
    pub(super) fn tell_pending(&mut self) {
        let (now, span) = (self.clock.now(), self.policy.ask_patience);
        let over = |waiter: &Waiter| {
            matches!(waiter.kind, WaitFor::Renewal { .. }) && waiter.since.saturating_add(span) <= now
        };
        let error = self.waiters.cause().map_or(AskError::Pending, AskError::Exchange);
        for waiter in self.waiters.take(over) {
            self.tell(Event::Failed { ask: waiter.id, error });
        }
    }

    /// A token is in force: those who waited for it have what they wanted.
    pub(in crate::lifecycle) fn settle(&mut self, id: TokenId) {
        let Some(token) = self.tokens.get(id) else { return };
        let (order, generation) = (token.order, self.tokens.generation());
        let base = match token.kind {
            Kind::Bound { of } => of,
            Kind::Base(_) => id,
        };
        let settled = self.waiters.take(|waiter| match waiter.kind {
            WaitFor::Renewal { order: wanted } => order >= wanted,
            WaitFor::Update(wanted) => wanted == id || wanted == base,
        });
        self.waiters.forget();
        for waiter in settled {
            self.tell(Event::Recovered { ask: waiter.id, generation });
        }
    }

    /// The server refused a token that the application brought, or one exchanged from it: which one that was.
    pub(super) fn fail_update(&mut self, id: TokenId, cause: Cause) -> Option<TokenId> {
        let base = self.tokens.get(id).and_then(Token::base_id).unwrap_or(id);
        let is_it =
            |waiter: &Waiter| waiter.kind == WaitFor::Update(id) || waiter.kind == WaitFor::Update(base);
        let failed = self.waiters.take(is_it);
        let brought = failed.first().map(|waiter| waiter.kind)?;
        for waiter in failed {
            self.tell(Event::Failed { ask: waiter.id, error: AskError::Exchange(cause) });
        }
        match brought {
            WaitFor::Update(token) => Some(token),
            WaitFor::Renewal { .. } => None,
        }
    }
}
