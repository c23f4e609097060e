//! What is known of the tokens that are held: what answers say of them, and what has come of them (R2, R7, R8, R10).

use super::Tokens;
use crate::lifecycle::clock::{At, Clock};
use crate::lifecycle::tokens::token::{Heard, Inspection, Noted, Saved, Token, Word};
use crate::lifecycle::{Policy, Statement, TokenId};
use crate::time::Millis;

impl Tokens {
    /// The application starts, with this provider or another: who has said "no" may have thought better of it.
    pub(crate) fn ask_anew(&mut self) {
        for base in self.held.iter_mut().filter_map(Token::base_mut) {
            (base.rejected, base.told_no_mechanism) = (false, false);
        }
    }

    /// The provider says that it will not bring another, or is asked all the same.
    pub(crate) fn reject(&mut self, rejected: bool) {
        if let Some(base) = self.newest_base_mut().and_then(Token::base_mut) {
            base.rejected = rejected;
        }
    }

    /// The application is told that nobody renews.
    pub(crate) fn tell_no_mechanism(&mut self) {
        if let Some(base) = self.newest_base_mut().and_then(Token::base_mut) {
            base.told_no_mechanism = true;
        }
    }

    /// What each was refused for is forgotten: at rest the world has gone on.
    pub(crate) fn forgive(&mut self) {
        for token in &mut self.held {
            token.refused = false;
        }
    }

    /// A server has told its time: what was read by the local clock is read by that.
    pub(crate) fn date(&mut self, clock: &Clock, policy: &Policy) {
        for token in &mut self.held {
            token.date(clock, policy);
        }
    }

    /// Each came so much later than the clock of then showed, at least and at most.
    pub(crate) fn move_by(&mut self, by: impl Fn(At) -> (Millis, Millis)) {
        for token in &mut self.held {
            token.move_by(by(token.received));
        }
    }

    /// Those that are `from` in the record are `to` in it.
    pub(crate) fn save(&mut self, from: Saved, to: Saved) {
        for token in self.held.iter_mut().filter(|token| token.saved == from) {
            token.saved = to;
        }
    }

    /// Takes in what an answer says of a token; `None`: it is not held.
    pub(crate) fn note(
        &mut self,
        id: TokenId,
        says: &Statement,
        heard: Heard,
        clock: &Clock,
        policy: &Policy,
    ) -> Option<Noted> {
        let token = self.get_mut(id)?;
        let noted = token.note(says, heard, clock, policy);
        let base = token.base_id();
        self.compare_bound_lives(id, says, heard.exchange);
        if let (Some(base), Some(scope)) = (base, says.scope)
            && let Some(facts) = self.get_mut(base).and_then(Token::base_mut)
        {
            facts.scope.get_or_insert(scope);
        }
        Some(noted)
    }

    /// Bound tokens that grow shorter have met their base's end: that is renewed. Lives are compared with lives that
    /// the same kind of answer has told, each token's once (R8).
    fn compare_bound_lives(&mut self, id: TokenId, says: &Statement, exchange: bool) {
        let at = usize::from(exchange);
        let Some(token) = self.get_mut(id).filter(|token| token.word == Word::Told) else { return };
        let told = says.expires_in.is_some() || says.expires_at.is_some();
        let Some(known) = token.life_told.get_mut(at).filter(|known| told && !**known) else { return };
        *known = true;
        let (Some(of), Some(life)) =
            (token.base_id(), token.ends.map(|end| end.saturating_sub(token.received)))
        else {
            return;
        };
        let Some(base) = self.get_mut(of).and_then(Token::base_mut) else { return };
        let Some(longest) = base.longest_bound.get_mut(at) else { return };
        let most = longest.map_or(life, |longest| longest.max(life));
        *longest = Some(most);
        // With each token it is open again.
        base.limits_bound = life < most - most / 4 || (base.limits_bound && !exchange);
    }

    /// This one is of no use: bound to another key, or of a kind that the server does not take. Whether that is news.
    pub(crate) fn find_useless(&mut self, id: TokenId) -> bool {
        let found = self.get_mut(id).filter(|token| !token.barren);
        found.map(|token| token.barren = true).is_some()
    }

    /// The first bound token of this base is in force; whether it is the first.
    pub(crate) fn bind(&mut self, base: TokenId) -> bool {
        let unbound = self.get_mut(base).and_then(Token::base_mut).filter(|base| !base.has_been_bound);
        unbound.map(|base| base.has_been_bound = true).is_some()
    }

    /// Somebody is asked what this base can do.
    pub(crate) fn inspect(&mut self, base: TokenId) {
        if let Some(facts) = self.get_mut(base).and_then(Token::base_mut) {
            facts.inspection = Inspection::Asked;
        }
    }

    /// A fresh connect with it was refused. One whose life was assumed shows by its age how long its kind lasts (R8).
    pub(crate) fn refuse(&mut self, id: TokenId, now: At, least: Millis) {
        let Some(token) = self.get_mut(id) else { return };
        token.refused = true;
        let age = now.saturating_sub(token.received);
        let learns = token.word == Word::Assumed && token.accepted && age >= least;
        let bound = usize::from(token.is_bound());
        if learns && let Some(life) = self.assumed.get_mut(bound) {
            *life = Some(age);
        }
    }

    /// The renewal of one whose life is assumed was refused at this age: that may be its life (R8).
    pub(crate) fn suspect(&mut self, age: Millis, least: Millis) {
        self.suspect = Some(age - age / 8).filter(|age| *age >= least);
    }

    /// How long tokens of this kind have really lasted whose end was only assumed (R8).
    pub(crate) fn learned(&self, bound: bool) -> Option<Millis> {
        self.assumed.get(usize::from(bound)).copied().flatten()
    }

    /// What this base can do has been asked, whatever was answered.
    pub(crate) fn inspected(&mut self, base: TokenId) {
        if let Some(facts) = self.get_mut(base).and_then(Token::base_mut) {
            facts.inspection = Inspection::Over;
        }
    }
}
