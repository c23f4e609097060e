//! Tokens that came, and attempts to get one that failed (R14, R18, R9).

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::renewal::attempts::{Attempt, Endpoint};
use crate::lifecycle::tokens::token::{Base, Heard, Kind, Saved, Token, Word};
use crate::lifecycle::{
    Action, Cause, Confirmation, Event, Failure, KeyAlgorithm, Lifecycle, Outcome, Statement, TeardownReason,
    TokenFacts, TokenId, Warning,
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
            if !was_bound && !refused && self.tokens.in_force == Some(facts.token) && self.link.is_live() {
                // Who asked has what there is.
                self.waiters.cause = None;
            }
            return self.brought_nothing(attempt);
        }
        let minted = matches!(attempt.action, Action::Mint { .. });
        self.renewal.rekeyed &= !minted;
        self.renewal.remint &= !minted && self.renewal.rekeyed;
        self.take(attempt, facts, Kind::Base(Base::default()), heard);
    }

    /// An exchange brought a bound token.
    pub(super) fn bound_came(&mut self, attempt: &Attempt, of: TokenId, facts: &TokenFacts, heard: Heard) {
        if self.holds(facts.token) || !self.holds(of) {
            return self.brought_nothing(attempt);
        }
        self.renewal.key.prove();
        self.told.fallback.clear();
        self.take(attempt, facts, Kind::Bound { of }, heard);
    }

    /// Holds a token that came, unless one asked for later has come already and lasts longer (R14).
    fn take(&mut self, attempt: &Attempt, facts: &TokenFacts, kind: Kind, heard: Heard) {
        let Some(endpoint) = Endpoint::of(&attempt.action) else { return };
        let now = self.clock.now();
        let bound = matches!(kind, Kind::Bound { .. });
        // One that takes the place of another of its kind on a socket that serves is a renewal, whoever brings it.
        let renews = self.link.is_live() && self.tokens.in_force().is_some_and(|it| it.is_bound() == bound);
        let first = matches!(endpoint, Endpoint::Mint | Endpoint::Activate) && !renews;
        let mut token = self.token(facts, kind, attempt.id.0, attempt.asked, Some(endpoint), first);
        token.due = attempt.due.max(attempt.asked.saturating_sub(self.policy.provider_max));
        if attempt.spared {
            // What was slept through is nobody's latency.
            token.due = now;
        }
        let id = token.id;
        self.hold(token, &facts.statement, heard);
        let Some(token) = self.tokens.get(id) else { return self.brought_nothing(attempt) };
        let in_its_place = |held: &Token| held.is_bound() == bound || Some(held.id) == self.tokens.in_force;
        let later = self.tokens.held.iter().any(|held| held.order > token.order && in_its_place(held));
        // One without a known end is no later one.
        let ends_later = |held: &Token| held.id == id || held.reach() < token.reach();
        let last = token.ends.is_some() && self.tokens.held.iter().all(ends_later);
        if later && !last {
            self.tokens.remove(id);
            return self.renewal.pace(endpoint).forgive();
        }
        // Ends are compared with ends on the same kind of word (R8).
        let like = |held: &&Token| {
            held.id != id && held.is_bound() == bound && held.is_good(now) && held.word == token.word
        };
        let renew_by = |held: &Token| Some(held.renew_by?.saturating_sub(self.clock.suspect(held.received)));
        let before = self.tokens.held.iter().filter(like).filter_map(renew_by).max();
        let gain = self.policy.gain;
        let gained =
            before.is_none_or(|before| token.renew_by.is_none_or(|by| by > before.saturating_add(gain)));
        // Servers tell their time by the second: what gains nothing and has less than that left may have ended.
        let ended = !token.lasts(if gained { now } else { now.saturating_add(gain) });
        if !gained || ended {
            if let Some(token) = self.tokens.get_mut(id) {
                token.barren = ended;
            }
            return self.brought_nothing(attempt);
        }
        // All is forgotten only when it is accepted.
        self.renewal.pace(endpoint).gains();
        if attempt.late {
            self.renewal.pace(endpoint).failures = 0;
        }
        if !self.link.is_live() {
            self.link.pace.wake(now);
        }
    }

    /// A token with nothing known of it yet.
    pub(in crate::lifecycle) fn token(
        &mut self,
        facts: &TokenFacts,
        kind: Kind,
        order: u64,
        sent: At,
        by: Option<Endpoint>,
        first: bool,
    ) -> Token {
        let draw = self.random.draw(Domain::Schedule);
        Token {
            id: facts.token,
            kind,
            order,
            due: sent,
            sent,
            received: self.clock.now(),
            by,
            first,
            draw,
            renew_by: None,
            ends: None,
            word: Word::Nobody,
            undated: None,
            refused: false,
            life_told: [false; 2],
            accepted: false,
            barren: false,
            saved: Saved::No,
        }
    }

    /// Holds it, with what its answer says.
    pub(super) fn hold(&mut self, token: Token, says: &Statement, heard: Heard) {
        let (id, bound) = (token.id, token.is_bound());
        self.tokens.hold(token);
        let learned = self.tokens.assumed.get(usize::from(bound)).copied().flatten();
        let assumed_life = says.assumed_life.map(|life| learned.map_or(life, |learned| life.min(learned)));
        self.stated(id, &Statement { assumed_life, ..*says }, heard);
        self.record.urge();
        let now = self.clock.now();
        let (attempts, waiters) = (&self.attempts, &self.waiters);
        self.tokens.hold_no_more_than_needed(now, |id| {
            waiters.awaits(id) || attempts.any(|action| action.token() == Some(id))
        });
    }

    /// Bound tokens that grow shorter have met their base's end: that is renewed. Lives are compared with lives that
    /// the same kind of answer has told, each token's once (R8).
    pub(super) fn compare_bound_lives(&mut self, id: TokenId, says: &Statement, exchange: bool) {
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

    /// What came is of no use, or gains nothing: the attempt has failed (R9).
    fn brought_nothing(&mut self, attempt: &Attempt) {
        if self.tokens.held.is_empty() && !self.renewal.provider.can_mint_again {
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

    /// An attempt to get a token failed.
    pub(super) fn exchange_failed(&mut self, attempt: &Attempt, failure: Failure, outcome: &Outcome) {
        let cause = Cause { command: attempt.id, failure };
        if failure == Failure::Conflict {
            return self.hand_over(attempt.id);
        }
        if failure == Failure::NoSecret && self.renewal.provider.can_mint_again {
            self.renewal.remint = true;
            return;
        }
        if self.tokens.held.is_empty()
            && (!self.renewal.provider.can_mint_again || failure == Failure::Rejected)
        {
            if self.attempts.get(attempt.id).is_none() {
                // Who is asked once has answered: its error goes to the caller.
                return self.end(TeardownReason::MintFailed, Some(cause));
            }
            self.hope.lose(self.clock.now());
        }
        if failure == Failure::Rejected
            && let Some(base) = self.tokens.newest_base_mut().and_then(Token::base_mut)
        {
            base.rejected = true;
        }
        if matches!(attempt.action, Action::Refresh)
            && Class::of(failure) == Class::Refusal
            && !matches!(failure, Failure::Http { status: 429, .. })
        {
            // What is asked again is the endpoint, by a mint (R12); but who only says "later" gives the secret back.
            self.renewal.remint = true;
        }
        if failure == Failure::NoKey {
            self.renewal.key.failed();
        }
        if let Action::Renew { bound, .. } = attempt.action
            && Class::of(failure) == Class::Refusal
            && let Some(token) = self.tokens.get(bound).filter(|it| it.accepted && it.word == Word::Assumed)
        {
            let age = self.clock.now().saturating_sub(token.received);
            self.tokens.suspect = Some(age - age / 8).filter(|age| *age >= self.policy.attempt_max);
        }
        let off = outcome.signed_at.is_some_and(|signed| self.clock.is_off(signed, &self.policy));
        if attempt.late {
            // That it is late was its failure.
            return;
        }
        let refused = Class::of(failure) == Class::Refusal;
        if refused
            && off
            && Endpoint::of(&attempt.action).is_some_and(|it| self.renewal.pace(it).failures == 0)
        {
            // Refused for its time alone: signed anew at once.
            if let Some(endpoint) = Endpoint::of(&attempt.action) {
                self.renewal.pace(endpoint).failures = 1;
            }
            return;
        }
        let activates = matches!(attempt.action, Action::Activate { .. });
        if refused && activates && !self.hope.ever_live && self.switch_key() {
            self.renewal.paces.activate.failures = 1;
            return;
        }
        self.waiters.cause = Some(cause);
        self.tell_failed(attempt, failure, Class::of(failure), failure.retry_after());
    }

    /// Whoever brought this token has brought nothing: that counts towards the next attempt's wait (R9). Nobody's, where
    /// the application has brought it itself.
    pub(super) fn book_vain(&mut self, id: TokenId, class: Class) -> Option<Endpoint> {
        let endpoint = self.tokens.get(id)?.by?;
        let (now, waits) = (self.clock.now(), (self.policy.wait_min, self.ceiling(class)));
        let mut pace = *self.renewal.pace(endpoint);
        pace.failed(now, class, waits, None, &mut self.random);
        *self.renewal.pace(endpoint) = pace;
        Some(endpoint)
    }

    /// Books a failure of an exchange and tells of it, with the next try.
    fn tell_failed(&mut self, attempt: &Attempt, failure: Failure, class: Class, asked: Option<u64>) {
        let Some(endpoint) = Endpoint::of(&attempt.action) else { return };
        let asked = self.retry_after(asked);
        let now = self.clock.now();
        // What nobody answered has been waited for already.
        let from = if failure == Failure::Timeout { attempt.asked } else { now };
        let waits = self.waits_of(endpoint, class);
        let mut pace = *self.renewal.pace(endpoint);
        pace.failed(from, class, waits, asked, &mut self.random);
        *self.renewal.pace(endpoint) = pace;
        if self.hope.since.is_none() && self.tokens.held.is_empty() {
            self.hope.lose(now);
        }
        let cause = Cause { command: attempt.id, failure };
        self.hope.cause = Some(cause);
        self.record.unsaved = true;
        let mechanism = endpoint.mechanism();
        self.warn(Warning::RefreshFailed { attempt: pace.failures, mechanism, cause, next: None });
    }

    /// The first and the longest wait of an endpoint. Who upgrades a session that is served, and that somebody else renews, has
    /// all the time that there is.
    fn waits_of(&self, endpoint: Endpoint, class: Class) -> (u64, u64) {
        let upgrades = endpoint == Endpoint::Activate && class != Class::Unanswered;
        if upgrades && self.is_served() && self.provider_can() {
            (self.policy.wait_upgrade, self.policy.wait_refused)
        } else {
            (self.policy.wait_min, self.ceiling(class))
        }
    }

    /// The server may not take this kind of key: once, take the other kind and mint anew. What is held serves meanwhile.
    pub(super) fn switch_key(&mut self) -> bool {
        if !self.renewal.provider.can_mint_again || !self.renewal.key.switch() {
            return false;
        }
        (self.renewal.remint, self.renewal.rekeyed) = (true, true);
        self.warn(Warning::KeySwitched { to: KeyAlgorithm::Rs256 });
        true
    }

    // ---- Acceptance ----

    /// The server has accepted something. What it has refused before stays the reason why nothing else serves, for as long
    /// as that is held.
    pub(super) fn server_accepts(&mut self) {
        self.renewal.unasked = false;
        self.link.accepted();
        self.link.cause = self.link.cause.filter(|_| self.tokens.held.iter().any(|token| token.refused));
    }

    /// The server has accepted this token.
    pub(super) fn accepted(&mut self, id: TokenId) {
        let now = self.clock.now();
        let Some(token) = self.tokens.get(id) else { return };
        let (order, due, bound) = (token.order, token.due, token.is_bound());
        let brought_by = token.by.filter(|_| !token.accepted);
        let before = self.tokens.in_force;
        let attempts = &self.attempts;
        let changed = self.tokens.accept(id, |base| {
            attempts.any(|action| matches!(action, Action::Activate { base: of, .. } if *of == base))
        });
        self.server_accepts();
        self.link.cut_by = None;
        let hopeless = self.hope.since.is_some();
        self.hope.regain();
        if changed {
            self.record.urge();
            if let Some(endpoint) = brought_by {
                self.renewal.pace(endpoint).is_accepted();
            }
            // What it took to get a socket is nobody's latency.
            let served = self.link.serving.is_some_and(|serving| serving.since <= due);
            // One that comes into force once more took no longer than it did then.
            if brought_by.is_some() && !hopeless && served {
                self.attempts.learn(now.saturating_sub(due));
            }
        }
        if order >= self.tokens.floor {
            if self.tokens.floor > 0 {
                // The state of before is another user's, and so are its tokens.
                self.link.state = None;
                let floor = self.tokens.floor;
                let base = self.tokens.get(id).and_then(Token::base_id);
                self.tokens.held.retain(|token| token.order >= floor || Some(token.id) == base);
            }
            self.tokens.floor = 0;
        }
        if changed
            && bound
            && let Some(age) = self.tokens.suspect.take()
        {
            let [_, assumed] = &mut self.tokens.assumed;
            *assumed = Some(age);
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
        self.tell(Event::Renewed { generation: self.tokens.generation, token: id, by, ends });
    }

    /// Tells of the first bound token of a base that comes into force, on whatever way.
    fn tell_bound(&mut self, id: TokenId) {
        let Some(of) = self.tokens.get(id).and_then(Token::base_id) else { return };
        if let Some(base) = self.tokens.get_mut(of).and_then(Token::base_mut)
            && !base.has_been_bound
        {
            base.has_been_bound = true;
            self.tell(Event::Bound { token: id });
        }
    }
}
