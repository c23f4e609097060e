//! What came of a command: one function for each kind (L2).

use crate::time::UnixMillis;

use super::Lifecycle;
use super::Pending;
use super::clock::At;
use super::command::{Action, CommandId};
use super::connection::Link;
use super::event::{Cause, Event, Ignored, Mechanism, TeardownReason, Warning};
use super::input::{Confirmation, Failure, Outcome, Reply, Statement, TokenFacts, TokenId};
use super::mechanism::KeyState;
use super::random::Domain;
use super::requests::UpdateCheck;
use super::token::{Base, Inspection, Kind, Saved, Source, Stated, Token};

/// A statement less what it says relative to the moment of the answer.
const fn without_lifetimes(says: &Statement) -> Statement {
    Statement { expires_in: None, assumed_life: None, ..*says }
}

/// Most tokens that are held at once.
pub(super) const MOST_HELD: usize = 6;

impl Lifecycle {
    /// The answer to a command, or its deadline.
    pub(super) fn done(&mut self, command: CommandId, outcome: &Outcome) {
        let Some(index) = self.pending.iter().position(|pending| pending.id == command) else {
            self.tell(Event::Ignored(Ignored::StaleAnswer(command)));
            // Stale for all else, but the secret that came with it must not be lost (L31).
            self.unsaved |= matches!(&outcome.result, Ok(Reply::Token(facts)) if facts.new_secret);
            return;
        };
        if let Some(time) = outcome.server_time
            && let Some(pending) = self.pending.get(index)
            && !(pending.jumped && self.clock.may_be_old(time, pending.issued, &self.policy))
        {
            self.observe(time, pending.issued);
            self.unsure = false;
        }
        let pending = self.pending.remove(index);
        match (pending.action, &outcome.result) {
            (Action::MakeKey { .. }, Ok(Reply::KeyMade)) => self.key.state = KeyState::Ready,
            (Action::MakeKey { .. }, Err(_)) => self.key.state = KeyState::Failed,
            (Action::Mint { .. } | Action::Refresh, Ok(Reply::Token(facts))) => {
                self.base_came(&pending, facts)
            }
            (Action::Activate { base, .. }, Ok(Reply::Token(facts))) => {
                self.bound_came(&pending, base, facts, outcome);
            }
            (Action::Renew { bound, .. }, Ok(Reply::Token(facts))) => {
                // Its base may have taken its place in the meantime (L7): what was renewed goes on from that.
                let of = self.token(bound).and_then(Token::base_id);
                if let Some(of) = of.or_else(|| self.newest_base().map(|base| base.id)) {
                    self.bound_came(&pending, of, facts, outcome);
                }
            }
            (
                Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. },
                Err(failure),
            ) => self.exchange_failed(&pending, *failure, outcome),
            (Action::Inspect { base }, Ok(Reply::Inspected(statement))) => {
                self.inspected(base, Some(statement));
                if statement.cnf == Confirmation::Others {
                    self.found_foreign(base, command);
                }
            }
            (Action::Inspect { base }, Err(failure)) => self.inspect_failed(&pending, base, *failure),
            (Action::Open { socket, .. }, Ok(Reply::Opened)) => self.opened(socket),
            (Action::Open { socket, .. } | Action::Authenticate { socket, .. }, Err(failure))
                if self.is_on_trial(socket) =>
            {
                self.trial_failed(&pending, outcome.signed_at, *failure);
            }
            (Action::Open { .. }, Err(failure)) => {
                self.drop_link(None);
                self.tell_failed_connect(Cause { command, failure: *failure });
            }
            (
                Action::Authenticate { socket, token, resume, .. },
                Ok(Reply::Authenticated { resumed, statement }),
            ) => {
                // Said after a proof of ours; what subscriber/info says was only asked for at the mint (L46).
                self.key.proved |= self.key.state == KeyState::Ready && statement.cnf == Confirmation::Ours;
                let resumed = resume && *resumed;
                // A resume speaks of the token that its state was made for, whichever that was (L8).
                if !resumed {
                    self.stated(token, Source::Elsewhere, statement);
                }
                self.went_live(socket, token, resumed);
            }
            (Action::Authenticate { .. }, Err(failure)) => {
                self.connect_failed(&pending, outcome.signed_at, *failure);
            }
            (Action::Reauthenticate { token, .. }, Ok(Reply::Reauthenticated(statement))) => {
                self.stated(token, Source::Elsewhere, statement);
                self.pushed(token);
            }
            (Action::Reauthenticate { token, .. }, Err(failure)) => {
                self.push_failed(pending.id, token, *failure);
            }
            (Action::Probe { .. }, Ok(Reply::Alive)) => self.unsure = false,
            (Action::Probe { .. }, Err(_)) => self.drop_link(None),
            (Action::Persist, Ok(Reply::Finished)) => self.persisted(),
            (Action::Persist, Err(failure)) => self.persist_failed(&pending, *failure),
            (Action::Erase | Action::Close { .. }, _) => {}
            (_, Ok(_)) => {
                // Put back and fail it: a driver that mixes answers up must not stall the session.
                self.tell(Event::Ignored(Ignored::WrongReply(command)));
                self.pending.push(pending);
                self.done(command, &Outcome::failed(Failure::Malformed));
            }
        }
    }

    /// A server told its time. If that confirms that time was lost in sleep, all ends and deadlines have
    /// come nearer, but for those that were anchored since (L23). Nobody was connected in a sleep (L15), and no
    /// permit forms in one: a clock that is set again and again must not fill the request budget (L20).
    pub(super) fn observe(&mut self, time: UnixMillis, sent: At) {
        if let Some(by) = self.clock.confirm(time, sent, &self.policy) {
            for token in self.held.iter_mut().filter(|token| token.restored) {
                *token = token.dated(by, self.clock.now());
            }
            return;
        }
        let Some(lost) = self.clock.observe(time, sent, &self.policy) else { return };
        for pending in &mut self.pending {
            let by = lost.before(pending.issued);
            pending.issued = pending.issued.saturating_add(by);
            pending.deadline = pending.deadline.saturating_add(by);
        }
        for token in &mut self.held {
            token.sent = token.sent.saturating_add(lost.before(token.received));
            token.received = token.received.saturating_add(lost.before(token.received));
            if let Some(base) = token.base_mut() {
                base.activation.skip(lost.total);
            }
        }
        self.exchanges.skip(lost.total);
        self.sockets.skip(lost.total);
    }

    // ---- Tokens that came ----

    /// Holds a token as the newest.
    pub(super) fn hold(
        &mut self,
        facts: &TokenFacts,
        kind: Kind,
        sent: At,
        by: Option<Mechanism>,
        first: bool,
    ) {
        let draw = self.random.draw(Domain::Schedule);
        let received = self.clock.now();
        // Bytes that we know have their age already: a lifetime said of them again starts nothing anew.
        let known = self.held.iter().position(|held| held.id == facts.token).map(|at| self.held.remove(at));
        let says = if known.is_some() { without_lifetimes(&facts.statement) } else { facts.statement };
        let age = known.map(|Token { sent, received, stated, restored, undated, .. }| {
            (sent, received, stated, restored, undated)
        });
        let (sent, received, stated, restored, undated) =
            age.unwrap_or((sent, received, Stated::default(), false, false));
        self.held.reserve_exact(1);
        self.held.push(Token {
            id: facts.token,
            kind,
            sent,
            received,
            stated,
            by,
            first,
            draw,
            saved: Saved::No,
            restored,
            undated,
            gain: None,
            awaits_verdict: false,
        });
        self.stated(facts.token, Source::Exchange, &says);
        self.unsaved = true;
        self.restored = false;
        if self.token(facts.token).is_some_and(|token| self.is_valid(token)) {
            self.expired = None;
        }
        self.hold_no_more_than_needed();
    }

    /// Tokens that were got but never acknowledged pile up while no socket can be had: those that have ended go,
    /// then the oldest. The one in force stays, the last to end, and what something else refers to; where there are
    /// too many, the one that has just come, and a mere inspection keeps none.
    fn hold_no_more_than_needed(&mut self) {
        loop {
            let crowded = self.held.len() > MOST_HELD;
            let last = self.held.iter().max_by_key(|token| self.reach(token)).map(|token| token.id);
            let newest = self.held.last().map(|token| token.id);
            let needed = |token: &Token| {
                Some(token.id) == self.in_force
                    || Some(token.id) == last
                    || (crowded && Some(token.id) == newest)
                    || self.held.iter().any(|held| held.kind == Kind::Bound { of: token.id })
                    || self.is_pending(|action| {
                        let inspects = matches!(action, Action::Inspect { .. });
                        action.token() == Some(token.id) && !(crowded && inspects)
                    })
                    || self.awaits(token.id)
            };
            let of_use = |token: &Token| self.unsure || self.is_valid(token);
            let found = self.held.iter().position(|token| !needed(token) && (crowded || !of_use(token)));
            let Some(index) = found else { return };
            let gone = self.held.remove(index).id;
            self.retire(|pending| pending.action == Action::Inspect { base: gone });
        }
    }

    /// An answer says something of a token (L8).
    fn stated(&mut self, token: TokenId, source: Source, says: &Statement) {
        let Some(held) = self.held.iter_mut().find(|held| held.id == token) else { return };
        let noted = held.note(source, says, &self.clock, &self.policy);
        let base = match held.kind {
            Kind::Bound { of } => of,
            Kind::Base(_) => token,
        };
        if let Some(scope) = says.scope
            && let Some(facts) = self.token_mut(base).and_then(Token::base_mut)
        {
            facts.scope.get_or_insert(scope);
        }
        if base != token {
            self.compare_bound_lives(token, base, source, says);
        }
        if noted.clamped {
            self.warn(Warning::Clamped { token });
        }
        if let Some(by) = noted.shortened {
            self.warn(Warning::ExpiryShortened { token, by });
        }
    }

    /// A mint or the provider's refresh brought a base.
    fn base_came(&mut self, pending: &Pending, facts: &TokenFacts) {
        let minted = matches!(pending.action, Action::Mint { .. });
        self.unsaved |= facts.new_secret;
        if self.token(facts.token).is_some_and(Token::is_bound) {
            // Our own bound token is no base: nothing was brought (L40).
            return self.unusable_base(pending);
        }
        match self.check_new_base(facts) {
            UpdateCheck::Usable => {}
            UpdateCheck::Foreign => {
                self.warn(Warning::ForeignKey { token: facts.token });
                if self.has_nothing_yet() {
                    // Another one would be bound to that key, too.
                    let cause = Cause { command: pending.id, failure: Failure::Malformed };
                    return self.end(TeardownReason::MintFailed, Some(cause));
                }
                return self.unusable_base(pending);
            }
            UpdateCheck::Rejected | UpdateCheck::Ended => return self.unusable_base(pending),
        }
        self.retries.provider = super::governor::Retry::default();
        self.stop_reminting();
        self.stop_waiting_for_renewal();
        self.serve_renewal_asks();
        let renewed = |old: &Token| old.renewed(&self.clock, &self.policy);
        let mut gain = self.newest_valid().or(self.held.last()).map(renewed);
        // What was brought last may have ended already, before an older one does.
        if let (Some(gain), Some(last)) = (&mut gain, self.latest_by(Mechanism::Provider).map(renewed)) {
            gain.streak = gain.streak.max(last.streak);
        }
        let same = self.token(facts.token).is_some();
        if same {
            // The very token that we hold: nothing is gained, except perhaps a later end.
            self.stated(facts.token, Source::Exchange, &without_lifetimes(&facts.statement));
            self.settle_asks(facts.token, true);
        } else {
            let base = Kind::Base(Base::default());
            self.hold(facts, base, pending.issued, Some(Mechanism::Provider), minted);
        }
        if let Some(held) = self.token_mut(facts.token) {
            held.gain = gain;
        }
    }

    /// What the provider brought can not be used. Where it was to take the place of refused ones, that was
    /// the one chance of this outage (L35).
    fn unusable_base(&mut self, pending: &Pending) {
        self.stop_reminting();
        self.exchange_failed(pending, Failure::Malformed, &Outcome::failed(Failure::Malformed));
    }

    /// An exchange brought a bound token.
    fn bound_came(&mut self, pending: &Pending, base: TokenId, facts: &TokenFacts, outcome: &Outcome) {
        if self.token(facts.token).is_some() || self.rejected.contains(&facts.token) {
            return self.exchange_failed(pending, Failure::Malformed, outcome);
        }
        let activated = matches!(pending.action, Action::Activate { .. });
        // Over the bases: a new one before each bound token must not hide that those gain nothing.
        let gain = self.newest_bound().map(|old| old.renewed(&self.clock, &self.policy));
        self.retries.activate = super::governor::Retry::default();
        self.retries.renew = super::governor::Retry::default();
        self.key.proved = true;
        self.stop_waiting_for_renewal();
        self.serve_renewal_asks();
        self.told_fallback.clear();
        self.hold(facts, Kind::Bound { of: base }, pending.issued, Some(Mechanism::Bound), activated);
        if let Some(held) = self.token_mut(facts.token) {
            held.gain = gain;
        }
        if let Some(base) = self.token_mut(base).and_then(Token::base_mut) {
            base.scope = Some(true);
            base.declined = None;
            base.activation.reset();
        }
    }

    /// Something new is known of a bound token's end: perhaps that its base's end has cut it short (L17).
    /// Some servers say so only when the token is pushed. The exchange and what a socket says may state different
    /// things for ever, so each is compared with what it has said itself.
    fn compare_bound_lives(&mut self, bound: TokenId, of: TokenId, source: Source, says: &Statement) {
        let Some(token) = self.bound_of(of).filter(|newest| newest.id == bound) else { return };
        let life = token.stated_life(says, &self.clock);
        // Said once more of the one in force it raises nothing: some servers count from each connect.
        let again = self.in_force == Some(bound);
        let Some(base) = self.token_mut(of).and_then(Token::base_mut) else { return };
        let of_this_source = match source {
            Source::Exchange => &mut base.longest_bound_life,
            Source::Elsewhere => &mut base.longest_bound_life_elsewhere,
        };
        // The longest, not the first: that one may itself have been cut short, and nothing would look short beside it.
        let known = *of_this_source;
        let longest = known.filter(|known| again || life.is_none_or(|life| life <= *known)).or(life);
        *of_this_source = longest;
        let short =
            life.zip(longest).is_some_and(|(life, longest)| life < longest.saturating_sub(longest / 4));
        // With each token it is open again.
        base.limits_bound = short || (base.limits_bound && source == Source::Elsewhere);
    }

    // ---- Inspect, push, persist ----

    fn inspected(&mut self, base: TokenId, statement: Option<&Statement>) {
        if let Some(statement) = statement {
            // subscriber/info names special capabilities only: without them there is no scope (L14).
            let scope = statement.scope.or(Some(false));
            self.stated(base, Source::Elsewhere, &Statement { scope, ..*statement });
        }
        if let Some(facts) = self.token_mut(base).and_then(Token::base_mut) {
            facts.inspection = Inspection::Over;
        }
    }

    /// A 401 counts only while nobody is authenticated; other failures are not fatal (L38).
    fn inspect_failed(&mut self, pending: &Pending, base: TokenId, failure: Failure) {
        self.inspected(base, None);
        let unauthorized = matches!(failure, Failure::Http { status: 401, .. });
        if unauthorized && !self.link.is_live() && self.expired.is_none() && !self.was_refused(base) {
            if !self.link.is_down() {
                self.drop_link(Some(0));
            }
            self.refused(base, Cause { command: pending.id, failure });
        }
    }

    fn pushed(&mut self, token: TokenId) {
        self.retries.push = super::governor::Retry::default();
        let changed = self.acknowledge(token);
        if let Link::Live { known, .. } = &mut self.link {
            known.generation = self.generation;
        }
        if changed {
            self.tell_renewed(token);
        }
        self.settle_asks(token, changed);
    }

    fn persisted(&mut self) {
        self.retries.persist = super::governor::Retry::default();
        for held in &mut self.held {
            if held.saved == Saved::Underway {
                held.saved = Saved::Yes;
            }
        }
    }

    /// The write that was under way, if there was one, counts for nothing.
    pub(super) fn forget_write(&mut self) {
        for held in &mut self.held {
            if held.saved == Saved::Underway {
                held.saved = Saved::No;
                self.unsaved = true;
            }
        }
    }

    fn persist_failed(&mut self, pending: &Pending, failure: Failure) {
        self.unsaved = true;
        self.forget_write();
        // Nobody asked us to wait.
        self.retries.persist.failed(self.clock.now(), &self.policy, &mut self.random, None, 0);
        self.warn(Warning::StoreFailed { cause: Cause { command: pending.id, failure } });
    }
}
