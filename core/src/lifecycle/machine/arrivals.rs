//! Tokens that came, and those that brought nothing (R9, R14).

use crate::lifecycle::attempts::{Attempt, Endpoint};
use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::tokens::token::{Base, Heard, Kind, Token};
use crate::lifecycle::{
    Action, Cause, Confirmation, Failure, Lifecycle, Statement, TeardownReason, TokenFacts, TokenId, Warning,
};

impl Lifecycle {
    /// A mint or the provider's refresh brought a base.
    pub(super) fn base_came(&mut self, attempt: &Attempt, facts: &TokenFacts, heard: Heard) {
        if facts.new_secret {
            self.record.urge();
        }
        if facts.statement.cnf == Confirmation::Others {
            self.warn(Warning::ForeignKey { token: facts.token });
            return self.brought_nothing(attempt);
        }
        if let Some(held) = self.tokens.get(facts.token) {
            // The very bytes that are held: a life that is told of them again starts nothing anew.
            let says = Statement { expires_in: None, assumed_life: None, ..facts.statement };
            let (was_bound, refused) = (held.is_bound(), held.refused);
            self.stated(facts.token, &says, Heard { exchange: false, ..heard });
            if !was_bound && !refused && self.tokens.is_in_force(facts.token) && self.link.is_live() {
                // Who asked has what there is.
                self.waiters.forget();
            }
            return self.brought_nothing(attempt);
        }
        let minted = matches!(attempt.action, Action::Mint { .. });
        self.renewal.base_came(minted);
        self.take(attempt, facts, Kind::Base(Base::default()), heard);
    }

    /// An exchange brought a bound token.
    pub(super) fn bound_came(&mut self, attempt: &Attempt, of: TokenId, facts: &TokenFacts, heard: Heard) {
        if self.holds(facts.token) || !self.holds(of) {
            return self.brought_nothing(attempt);
        }
        self.renewal.key.prove();
        self.told.forget_fallback();
        self.take(attempt, facts, Kind::Bound { of }, heard);
    }

    /// Holds a token that came, unless one asked for later has come already and lasts longer (R14).
    pub(in crate::lifecycle) fn take(
        &mut self,
        attempt: &Attempt,
        facts: &TokenFacts,
        kind: Kind,
        heard: Heard,
    ) {
        let Some(endpoint) = Endpoint::of(&attempt.action) else { return };
        let now = self.clock.now();
        let bound = matches!(kind, Kind::Bound { .. });
        // One that takes the place of another of its kind on a socket that serves is a renewal, whoever brings it.
        let renews = self.link.is_live() && self.tokens.in_force().is_some_and(|it| it.is_bound() == bound);
        let first = matches!(endpoint, Endpoint::Mint | Endpoint::Activate) && !renews;
        let Attempt { asked: sent, spared, .. } = *attempt;
        // What was slept through is nobody's latency.
        let due = if spared { now } else { attempt.due.max(sent.saturating_sub(self.policy.provider_max)) };
        let draw = self.random.draw(Domain::Schedule);
        let token = Token::new(facts.token, kind, attempt.id.0);
        let id = token.id;
        let token = Token { due, sent, received: now, by: Some(endpoint), first, draw, ..token };
        self.hold(token, &facts.statement, heard);
        let Some(token) = self.tokens.get(id) else { return self.brought_nothing(attempt) };
        let in_its_place = |held: &Token| held.is_bound() == bound || self.tokens.is_in_force(held.id);
        let later = self.tokens.held().iter().any(|held| held.order > token.order && in_its_place(held));
        // One without a known end is no later one.
        let ends_later = |held: &Token| held.id == id || held.reach() < token.reach();
        let last = token.ends.is_some() && self.tokens.held().iter().all(ends_later);
        if later && !last {
            self.tokens.remove(id);
            return self.renewal.pace(endpoint).forgive();
        }
        // Ends are compared with ends on the same kind of word (R8).
        let like = |held: &&Token| {
            held.id != id && held.is_bound() == bound && held.is_good(now) && held.word == token.word
        };
        let renew_by = |held: &Token| Some(held.renew_by?.saturating_sub(self.clock.suspect(held.received)));
        let before = self.tokens.held().iter().filter(like).filter_map(renew_by).max();
        let gain = self.policy.gain;
        let gained =
            before.is_none_or(|before| token.renew_by.is_none_or(|by| by > before.saturating_add(gain)));
        // Servers tell their time by the second: what gains nothing and has less than that left may have ended.
        let ended = !token.lasts(if gained { now } else { now.saturating_add(gain) });
        if !gained || ended {
            if ended {
                self.tokens.find_useless(id);
            }
            return self.brought_nothing(attempt);
        }
        // All is forgotten only when it is accepted.
        self.renewal.pace(endpoint).gains();
        if attempt.late {
            self.renewal.pace(endpoint).failures = 0;
        }
        if !self.link.is_live() {
            self.link.reconnect.wake(now);
        }
    }

    /// Holds it, with what its answer says.
    pub(in crate::lifecycle) fn hold(&mut self, token: Token, says: &Statement, heard: Heard) {
        let (id, bound) = (token.id, token.is_bound());
        self.tokens.hold(token);
        let learned = self.tokens.learned(bound);
        let assumed_life = says.assumed_life.map(|life| learned.map_or(life, |learned| life.min(learned)));
        self.stated(id, &Statement { assumed_life, ..*says }, heard);
        self.record.urge();
        let now = self.clock.now();
        let (attempts, waiters) = (&self.attempts, &self.waiters);
        self.tokens.hold_no_more_than_needed(now, |id| {
            waiters.awaits(id) || attempts.any(|action| action.token() == Some(id))
        });
    }

    /// What came is of no use, or gains nothing: the attempt has failed (R9).
    fn brought_nothing(&mut self, attempt: &Attempt) {
        if self.tokens.are_none() && !self.renewal.provider().can_mint_again {
            // Who is asked once has been asked.
            let cause = Cause { command: attempt.id, failure: Failure::Malformed };
            return self.end(TeardownReason::MintFailed, Some(cause));
        }
        if attempt.late {
            // That it is late was its failure.
            return;
        }
        self.tell_failed(attempt, Failure::Malformed, Class::Barren, None);
    }
}
