//! A token that the application brings itself (`update_token`; R15, R27).

use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::tokens::token::{Base, Heard, Kind, Token};
use crate::lifecycle::waiters::{WaitFor, Waiter};
use crate::lifecycle::{Action, AskError, AskId, Confirmation, Event, Lifecycle, TokenFacts};

impl Lifecycle {
    pub(super) fn update_token(&mut self, ask: AskId, facts: &TokenFacts) {
        if !self.wait(ask, WaitFor::Update(facts.token)) {
            return;
        }
        let now = self.clock.now();
        let is_it = |held: &Token| held.id == facts.token || held.base_id() == Some(facts.token);
        let is_no_news = self.link.is_live() && self.tokens.in_force().is_some_and(is_it);
        let says = &facts.statement;
        let refused = self.tokens.get(facts.token).is_some_and(|token| token.refused || token.barren);
        let useless = refused || says.cnf == Confirmation::Others || says.expires_in == Some(0);
        let refusal = if useless {
            Some(AskError::InvalidCredentials)
        } else if !is_no_news && self.budget(0) > now {
            // Each token that is brought costs an inspection and a push.
            Some(AskError::Throttled)
        } else {
            None
        };
        if let Some(error) = refusal {
            self.waiters.take(|waiter| waiter.id == ask);
            return self.tell(Event::Failed { ask, error });
        }
        let older = self.waiters.take(|it| it.id != ask && matches!(it.kind, WaitFor::Update(_)));
        for Waiter { id, .. } in older {
            self.tell(Event::Failed { ask: id, error: AskError::Superseded });
        }
        if is_no_news {
            self.waiters.take(|waiter| waiter.id == ask);
            return self.tell(Event::Recovered { ask, generation: self.tokens.generation() });
        }
        self.renewal.budget.take(now, self.exchange_period());
        // What was asked before may be another user's (R15).
        self.attempts.retire(|attempt| attempt.is_exchange());
        let order = self.attempts.number();
        self.tokens.raise_floor(order);
        self.link.resumption.forget();
        self.link.resumption.uncut();
        self.give_up_coming();
        self.attempts.retire(|attempt| matches!(attempt.action, Action::Reauthenticate { .. }));
        self.renewal.own_token_came();
        let known = self.tokens.remove(facts.token);
        let kind = match known.map(|known| known.kind) {
            Some(kind @ Kind::Bound { .. }) => kind,
            // What was learned of it is not asked for again.
            Some(Kind::Base(Base { scope, cnf, inspection, .. })) => {
                Kind::Base(Base { scope, cnf, inspection, ..Base::default() })
            }
            None => Kind::Base(Base::default()),
        };
        let draw = self.random.draw(Domain::Schedule);
        let token =
            Token { due: now, sent: now, received: now, draw, ..Token::new(facts.token, kind, order) };
        let heard = Heard { sent: now, told: None, exchange: true };
        self.hold(token, &facts.statement, heard);
        if !self.link.is_live() {
            self.link.reconnect.wake(now);
        }
    }
}
