//! What the server has accepted (R6, R27).

use crate::lifecycle::attempts::Endpoint;
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::{Action, Event, Lifecycle, TokenId};

impl Lifecycle {
    /// The server has accepted something. What it has refused before stays the reason why nothing else serves, for as long
    /// as that is held.
    pub(super) fn server_accepts(&mut self) {
        self.renewal.accepted();
        self.link.accepted(self.tokens.held().iter().any(|token| token.refused));
    }

    /// The server has accepted this token.
    pub(in crate::lifecycle) fn accepted(&mut self, id: TokenId) {
        let now = self.clock.now();
        let Some(token) = self.tokens.get(id) else { return };
        let (order, due) = (token.order, token.due);
        let brought_by = token.by.filter(|_| !token.accepted);
        let before = self.tokens.in_force_id();
        let attempts = &self.attempts;
        let changed = self.tokens.accept(id, |base| {
            attempts.any(|action| matches!(action, Action::Activate { base: of, .. } if *of == base))
        });
        self.server_accepts();
        self.link.resumption.uncut();
        let hopeless = self.hope.is_lost();
        self.hope.regain();
        if changed {
            self.record.urge();
            if let Some(endpoint) = brought_by {
                self.renewal.pace(endpoint).is_accepted();
            }
            // What it took to get a socket is nobody's latency.
            let served = self.link.serving().is_some_and(|serving| serving.since() <= due);
            // One that comes into force once more took no longer than it did then.
            if brought_by.is_some() && !hopeless && served {
                self.attempts.learn(now.saturating_sub(due));
            }
        }
        if self.tokens.pass_floor(id, order) {
            // So is the state of before.
            self.link.resumption.forget();
        }
        if changed && before.is_some() {
            self.tell_renewed(id);
        } else {
            self.tell_bound(id);
        }
        self.settle(id);
    }

    fn tell_renewed(&mut self, id: TokenId) {
        self.tell_bound(id);
        let Some(token) = self.tokens.get(id) else { return };
        let (by, ends) = (token.by.map(Endpoint::mechanism), token.ends.map(|at| self.clock.tick_of(at)));
        self.tell(Event::Renewed { generation: self.tokens.generation(), token: id, by, ends });
    }

    /// Tells of the first bound token of a base that comes into force, on whatever way.
    fn tell_bound(&mut self, id: TokenId) {
        let Some(of) = self.tokens.get(id).and_then(Token::base_id) else { return };
        if self.tokens.bind(of) {
            self.tell(Event::Bound { token: id });
        }
    }
}
