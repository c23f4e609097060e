//! What answers say of tokens (R2, R8).

use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::tokens::token::{Heard, Token, Word};
use crate::lifecycle::{Cause, CommandId, Failure, Lifecycle, Statement, TokenId, Warning};

impl Lifecycle {
    /// An answer says something of a token.
    pub(super) fn stated(&mut self, id: TokenId, says: &Statement, heard: Heard) {
        let Some(token) = self.tokens.get_mut(id) else { return };
        let noted = token.note(says, heard, &self.clock, &self.policy);
        let base = token.base_id();
        self.compare_bound_lives(id, says, heard.exchange);
        if let (Some(base), Some(scope)) = (base, says.scope)
            && let Some(facts) = self.tokens.get_mut(base).and_then(Token::base_mut)
        {
            facts.scope.get_or_insert(scope);
        }
        if noted.absurd {
            self.warn(Warning::Clamped { token: id });
        }
        if let Some(by) = noted.shortened {
            self.warn(Warning::ExpiryShortened { token: id, by });
        }
    }

    /// Bound tokens that grow shorter have met their base's end: that is renewed. Lives are compared with lives that
    /// the same kind of answer has told, each token's once (R8).
    fn compare_bound_lives(&mut self, id: TokenId, says: &Statement, exchange: bool) {
        let at = usize::from(exchange);
        let Some(token) = self.tokens.get_mut(id).filter(|token| token.word == Word::Told) else { return };
        let told = says.expires_in.is_some() || says.expires_at.is_some();
        let Some(known) = token.life_told.get_mut(at).filter(|known| told && !**known) else { return };
        *known = true;
        let (Some(of), Some(life)) =
            (token.base_id(), token.ends.map(|end| end.saturating_sub(token.received)))
        else {
            return;
        };
        let Some(base) = self.tokens.get_mut(of).and_then(Token::base_mut) else { return };
        let Some(longest) = base.longest_bound.get_mut(at) else { return };
        let most = longest.map_or(life, |longest| longest.max(life));
        *longest = Some(most);
        // With each token it is open again.
        base.limits_bound = life < most - most / 4 || (base.limits_bound && !exchange);
    }

    /// subscriber/info names another key for this token: it is of no use, unless the server has accepted it, or is judging
    /// it. Whoever brought it has brought nothing.
    pub(super) fn found_foreign(&mut self, id: TokenId, command: CommandId) {
        if self.tokens.in_force == Some(id) {
            return;
        }
        // What is known already is no news.
        let Some(token) = self.tokens.get_mut(id).filter(|token| !token.barren) else { return };
        token.barren = true;
        self.warn(Warning::ForeignKey { token: id });
        self.book_vain(id, Class::Barren);
        if self.is_judged(id) {
            return;
        }
        if self.tokens.held.iter().any(|held| held.id != id) {
            // What was held before goes on, and is renewed as before.
            self.tokens.remove(id);
        }
        let now = self.clock.now();
        let cause = Cause { command, failure: Failure::NoKey };
        self.hope.blame(cause);
        if self.tokens.good(now).next().is_none() && !self.link.is_live() {
            self.hope.lose_and_tell(now);
            self.tell_failed_connect(cause);
        }
    }
}
