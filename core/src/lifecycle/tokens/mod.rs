//! The tokens that are held, by the order in which they were asked for, and which of them is in force (R6).

mod known;
pub(crate) mod token;

use alloc::vec::Vec;

use crate::lifecycle::clock::At;
use crate::lifecycle::tokens::token::{Kind, Token};
use crate::lifecycle::{Generation, TokenId};
use crate::time::Millis;

/// Most tokens that are held at once.
const MOST_HELD: usize = 6;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Asked for first: first.
    held: Vec<Token>,
    /// What the server last accepted.
    in_force: Option<TokenId>,
    /// Counts acceptances; it only grows.
    generation: Generation,
    /// What was asked for before this is shown to no fresh connect: the application has brought another (R15).
    floor: u64,
    /// How long tokens have really lasted whose end was only assumed: of bases, of bound ones (R8).
    assumed: [Option<Millis>; 2],
    /// A bound token of such a life, of which nobody had named the end, was refused its renewal at this age: what it says
    /// counts once another one has been accepted.
    suspect: Option<Millis>,
}

impl Tokens {
    /// Asked for first: first.
    pub(crate) fn held(&self) -> &[Token] {
        &self.held
    }

    pub(crate) const fn are_none(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn is_in_force(&self, id: TokenId) -> bool {
        self.in_force == Some(id)
    }

    pub(crate) const fn in_force_id(&self) -> Option<TokenId> {
        self.in_force
    }

    /// Counts acceptances; it only grows.
    pub(crate) const fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn get(&self, id: TokenId) -> Option<&Token> {
        self.held.iter().find(|token| token.id == id)
    }

    fn get_mut(&mut self, id: TokenId) -> Option<&mut Token> {
        self.held.iter_mut().find(|token| token.id == id)
    }

    pub(crate) fn in_force(&self) -> Option<&Token> {
        self.in_force.and_then(|id| self.get(id))
    }

    /// The base that was asked for last.
    pub(crate) fn newest_base(&self) -> Option<&Token> {
        self.held.iter().rev().find(|token| !token.is_bound())
    }

    fn newest_base_mut(&mut self) -> Option<&mut Token> {
        self.held.iter_mut().rev().find(|token| !token.is_bound())
    }

    /// The newest bound token that can be used, of whatever base.
    pub(crate) fn good_bound(&self, now: At) -> Option<&Token> {
        self.held.iter().rev().find(|token| token.is_bound() && token.is_good(now))
    }

    /// What was asked for before this is shown to no fresh connect, as long as what the application has brought is good.
    pub(crate) fn floor(&self, now: At) -> u64 {
        let brought = self.held.iter().any(|token| token.order >= self.floor && token.is_good(now));
        if brought { self.floor } else { 0 }
    }

    /// The tokens that can be used, asked for last first.
    pub(crate) fn good(&self, now: At) -> impl Iterator<Item = &Token> {
        self.held.iter().rev().filter(move |token| token.is_good(now))
    }

    /// What the longest took to come of those that are held. Not how long they had been due: whoever was asked in vain
    /// before is no slower for that.
    pub(crate) fn took(&self) -> Millis {
        let brought = self.held.iter().filter(|token| token.by.is_some());
        brought.map(|token| token.received.saturating_sub(token.sent.max(token.due))).max().unwrap_or(0)
    }

    /// When none can be used any more: what is assumed taken at its word, or not (`None`: one may be good for ever).
    pub(crate) fn end(&self, now: At, presumed: bool) -> Option<At> {
        let mut last = None;
        for token in self.good(now) {
            let end = if presumed { token.ends } else { token.sure_end() };
            match end {
                Some(end) => last = last.max(Some(end)),
                None if presumed => {}
                None => return None,
            }
        }
        last
    }

    /// What was asked for before this is shown to no fresh connect: the application has brought another.
    pub(crate) const fn raise_floor(&mut self, order: u64) {
        self.floor = order;
    }

    /// What was there before is shown again.
    pub(crate) const fn drop_floor(&mut self) {
        self.floor = 0;
    }

    /// The application's own is being tried.
    pub(crate) const fn has_floor(&self) -> bool {
        self.floor > 0
    }

    /// The server has accepted this one. If that is the application's own, what is of before is another user's, and goes;
    /// whether that is so.
    pub(crate) fn pass_floor(&mut self, id: TokenId, order: u64) -> bool {
        let (floor, passes) = (self.floor, order >= self.floor);
        if passes && floor > 0 {
            let base = self.get(id).and_then(Token::base_id);
            self.held.retain(|token| token.order >= floor || Some(token.id) == base);
        }
        if passes {
            self.floor = 0;
        }
        passes && floor > 0
    }

    /// Holds on to those that are `of_use` and to the bases of what came of them.
    pub(crate) fn keep(&mut self, of_use: impl Fn(&Token) -> bool) {
        let bases: Vec<TokenId> =
            self.held.iter().filter(|it| of_use(it)).filter_map(Token::base_id).collect();
        self.held.retain(|token| of_use(token) || bases.contains(&token.id));
        self.in_force = self.in_force.filter(|id| self.get(*id).is_some());
    }

    /// As the process before had them; what it cannot have had is brought within bounds.
    pub(crate) fn restore(
        &mut self,
        in_force: Option<TokenId>,
        generation: Generation,
        assumed: [Option<Millis>; 2],
    ) {
        self.in_force = in_force.filter(|id| self.get(*id).is_some());
        self.hold_no_more_than_possible();
        (self.generation, self.assumed) = (generation, assumed);
    }

    pub(crate) const fn assumed(&self) -> [Option<Millis>; 2] {
        self.assumed
    }

    /// Holds a token, in its place. Of what is held already the place changes, if it was asked for again.
    pub(crate) fn hold(&mut self, token: Token) {
        let at = self.held.partition_point(|held| held.order <= token.order);
        self.held.reserve_exact(1);
        self.held.insert(at, token);
    }

    pub(crate) fn remove(&mut self, id: TokenId) -> Option<Token> {
        let at = self.held.iter().position(|token| token.id == id)?;
        Some(self.held.remove(at))
    }

    /// The server has accepted this token: it is in force, all refusals are forgotten, and what was asked for before it
    /// goes, but for its base, for what is known to put the session's end off, and for that of which another is being
    /// `exchanged`. Whether that is a new generation.
    pub(crate) fn accept(&mut self, id: TokenId, exchanged: impl Fn(TokenId) -> bool) -> bool {
        let Some(order) = self.get(id).map(|token| token.order) else { return false };
        let before = self.in_force;
        let changed = before != Some(id);
        if changed {
            self.generation = Generation(self.generation.0.saturating_add(1));
            self.in_force = Some(id);
        }
        let (base, reach) = self.get(id).map_or((None, 0), |token| (token.base_id(), token.reach()));
        self.held.retain(|token| {
            let lasts = token.sure_end().is_some_and(|end| end > reach);
            let keeps = Some(token.id) == base || (lasts || exchanged(token.id)) && !token.refused;
            token.id == id || token.order > order && Some(token.id) != before || keeps
        });
        self.drop_orphans();
        for token in &mut self.held {
            token.refused &= token.order > order;
        }
        if let Some(token) = self.get_mut(id) {
            (token.accepted, token.refused, token.barren) = (true, false, false);
        }
        if changed
            && self.get(id).is_some_and(Token::is_bound)
            && let Some(age) = self.suspect.take()
        {
            let [_, assumed] = &mut self.assumed;
            *assumed = Some(age);
        }
        changed
    }

    /// A bound token without its base is of no use: nobody would renew it.
    fn drop_orphans(&mut self) {
        loop {
            let is_base = |id| self.held.iter().any(|it| it.id == id && !it.is_bound());
            let orphan = |it: &Token| Some(it.id) != self.in_force && !it.base_id().is_none_or(is_base);
            let Some(at) = self.held.iter().position(orphan) else { return };
            self.held.remove(at);
        }
    }

    /// Lets go of the first of what no machine holds at once; what is in force stays.
    fn hold_no_more_than_possible(&mut self) {
        while self.held.len() > MOST_HELD + 2 {
            let gone = self.held.iter().position(|token| Some(token.id) != self.in_force).unwrap_or(0);
            self.held.remove(gone);
        }
    }

    /// Lets go of what is not needed: what has ended, then what was asked for first. The one in force stays, the last to
    /// end of which anybody knows, the newest, the newest good base, and what `awaited` says.
    pub(crate) fn hold_no_more_than_needed(&mut self, now: At, awaited: impl Fn(TokenId) -> bool) {
        loop {
            let crowded = self.held.len() > MOST_HELD;
            // One without a known end is no later one.
            let last = self.held.iter().filter(|token| !token.refused).max_by_key(|token| token.ends);
            let (last, newest) = (last.map(|token| token.id), self.held.last().map(|token| token.id));
            let base = self.good(now).find(|token| !token.is_bound()).map(|token| token.id);
            let needed = |token: &Token| {
                Some(token.id) == self.in_force
                    || Some(token.id) == last
                    || Some(token.id) == newest
                    || Some(token.id) == base
                    || self.held.iter().any(|held| held.kind == Kind::Bound { of: token.id })
                    || (!crowded && awaited(token.id))
            };
            let gone = self.held.iter().position(|token| !needed(token) && (crowded || !token.is_good(now)));
            let Some(gone) = gone.or_else(|| (self.held.len() > MOST_HELD + 2).then_some(0)) else { return };
            self.held.remove(gone);
        }
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let held = &self.held;
        let twice = |id: TokenId| held.iter().filter(|token| token.id == id).count() > 1;
        if held.iter().any(|token| twice(token.id)) {
            return Err("a token is held twice");
        }
        if held.iter().zip(held.iter().skip(1)).any(|(one, next)| one.order > next.order) {
            return Err("tokens are not in the order of asking");
        }
        if held.len() > MOST_HELD + 3 {
            return Err("too many tokens are held");
        }
        if self.in_force.is_some_and(|id| self.get(id).is_none()) {
            return Err("what is in force is not held");
        }
        Ok(())
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Tokens {
    /// The floor, and the life that is suspected.
    pub(crate) const fn facts(&self) -> (u64, Option<Millis>) {
        let Self { held: _, in_force: _, generation: _, floor, assumed: _, suspect } = self;
        (*floor, *suspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::tokens::token::Base;

    #[test]
    fn the_newest_good_base_is_no_crowd() {
        // proves R6.1: of many bound tokens one has no known end, and ends no later for that
        let mut tokens = Tokens::default();
        for number in 0..8 {
            let kind = if number < 2 { Kind::Base(Base::default()) } else { Kind::Bound { of: TokenId(0) } };
            let mut token = Token::new(TokenId(number), kind, u64::from(number));
            token.ends = (number < 7).then_some(if number == 1 { 3_600_000 } else { 1_000 });
            tokens.hold(token);
            tokens.hold_no_more_than_needed(0, |_| false);
        }
        assert!(tokens.get(TokenId(0)).is_some(), "their base");
        assert!(tokens.get(TokenId(1)).is_some(), "what lasts an hour longer");
        assert_eq!(tokens.held.len(), MOST_HELD);
    }
}
