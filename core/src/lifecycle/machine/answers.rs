//! What came of a command: one function for each kind.

use crate::lifecycle::attempts::Attempt;
use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::tokens::token::{Heard, Saved, Token};
use crate::lifecycle::{
    Action, Cause, CommandId, Confirmation, Event, Failure, Ignored, Lifecycle, Mode, Outcome, Reply,
    Statement, Warning,
};

impl Lifecycle {
    /// The answer to a command, or its deadline.
    pub(super) fn done(&mut self, command: CommandId, outcome: &Outcome) {
        let Some(attempt) = self.attempts.get(command) else {
            self.tell(Event::Ignored(Ignored::StaleAnswer(command)));
            // Stale for all else, but the secret that came with it must not be lost (R12).
            match &outcome.result {
                Ok(Reply::Token(facts)) if facts.new_secret => self.record.urge(),
                // Nor that somebody else holds the session by now (R11).
                Err(Failure::Conflict) if matches!(self.mode, Mode::Running | Mode::Suspended) => {
                    self.hand_over(command);
                }
                _ => {}
            }
            return;
        };
        if let Some(time) = outcome.server_time {
            self.observe(time, attempt.asked);
        }
        if attempt.is_exchange() {
            self.hope.hear(outcome.result.as_ref().is_err_and(|failure| failure.says_later()));
        }
        match is_from_afar(&attempt, outcome) {
            Some(true) => {
                if outcome.result.as_ref().err().is_none_or(|it| Class::of(*it) == Class::Refusal) {
                    if matches!(outcome.result, Err(Failure::Http { .. })) && !counts_when_asked(&attempt) {
                        // A built-in provider: it has asked the API, as its answer shows.
                        self.hope.asked(
                            self.clock.now(),
                            self.policy.patience,
                            self.link.refusals.round() > 0,
                        );
                    }
                    self.hope.reach.answered(self.clock.now());
                }
                if self.hope.somebody_answers() {
                    self.wake_unanswered();
                }
            }
            Some(false) => self.hope.nobody_answers(),
            None => {}
        }
        // Its deadline has passed, and nobody has said anything: the place is given up, not the answer.
        let unanswered = outcome.result == Err(Failure::Timeout) && attempt.deadline <= self.clock.now();
        if unanswered && !attempt.late {
            self.attempts.yield_place(command);
        } else {
            self.attempts.take(command);
        }
        let heard = |exchange| Heard { sent: attempt.asked, told: outcome.server_time, exchange };
        match (attempt.action, &outcome.result) {
            (Action::MakeKey { .. }, Ok(Reply::KeyMade)) => self.renewal.key.made(),
            (Action::MakeKey { .. }, Err(_)) => self.renewal.key.failed(),
            (Action::Mint { .. } | Action::Refresh, Ok(Reply::Token(facts))) => {
                self.base_came(&attempt, facts, heard(true));
            }
            (Action::Activate { base, .. }, Ok(Reply::Token(facts))) => {
                self.bound_came(&attempt, base, facts, heard(true));
            }
            (Action::Renew { bound, .. }, Ok(Reply::Token(facts))) => {
                let of = self.tokens.get(bound).and_then(Token::base_id);
                if let Some(of) = of.or_else(|| self.tokens.newest_base().map(|base| base.id)) {
                    self.bound_came(&attempt, of, facts, heard(true));
                }
            }
            (
                Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. },
                Err(failure),
            ) => self.exchange_failed(&attempt, *failure, outcome),
            (Action::Inspect { base }, Ok(Reply::Inspected(says))) => {
                // subscriber/info names special capabilities only: without them there is no scope.
                let scope = says.scope.or(Some(false));
                self.tokens.inspected(base);
                self.stated(base, &Statement { scope, ..*says }, heard(false));
                if says.cnf == Confirmation::Others {
                    self.found_foreign(base, command);
                }
            }
            // A question ends nothing (R25).
            (Action::Inspect { base }, Err(failure)) => {
                self.tokens.inspected(base);
                if self.hope.is_lost() && self.tokens.good(self.clock.now()).next().is_none() {
                    self.tell_failed_connect(Cause { command, failure: *failure });
                }
            }
            (Action::Open { socket, .. }, Ok(Reply::Opened)) => self.opened(socket),
            (Action::Open { socket, .. }, Err(failure)) => {
                self.coming_failed(socket, &attempt, *failure, outcome.signed_at);
            }
            (
                Action::Authenticate { socket, token, resume, .. },
                Ok(Reply::Authenticated { resumed, statement }),
            ) => {
                if self.renewal.key.is_ready() && statement.cnf == Confirmation::Ours {
                    self.renewal.key.prove();
                }
                let resumed = resume && *resumed;
                // A resume speaks of the token that its state was made for, whichever that was.
                if !resumed {
                    self.stated(token, statement, heard(false));
                }
                self.went_live(socket, token, resumed, command);
            }
            (Action::Authenticate { socket, .. }, Err(failure)) => {
                self.coming_failed(socket, &attempt, *failure, outcome.signed_at);
            }
            (Action::Reauthenticate { token, socket, .. }, Ok(Reply::Reauthenticated(statement))) => {
                self.stated(token, statement, heard(false));
                self.pushed(socket, token);
            }
            (Action::Reauthenticate { token, .. }, Err(failure)) => {
                self.push_failed(command, token, *failure)
            }
            (Action::Probe { .. }, Ok(Reply::Alive)) => self.is_alive(),
            (Action::Probe { socket }, Err(_)) => self.socket_gone(socket, true, Failure::Timeout),
            (Action::Persist, Ok(Reply::Finished)) => self.written(),
            (Action::Persist, Err(Failure::Conflict)) => self.hand_over(command),
            (Action::Persist, Err(failure)) => self.not_written(&attempt, *failure),
            (Action::Erase | Action::Close { .. }, _) => {}
            (_, Ok(_)) => {
                // Put back and fail it: a driver that mixes answers up must not stall the session.
                self.tell(Event::Ignored(Ignored::WrongReply(command)));
                self.attempts.put_back(attempt);
                self.done(command, &Outcome::failed(Failure::Malformed));
            }
        }
    }

    /// A server told its time in an answer of its own, to something asked at `sent` (R3).
    pub(in crate::lifecycle) fn observe(&mut self, time: crate::time::UnixMillis, sent: At) {
        let first = !self.clock.is_told();
        if let Some(slept) = self.clock.observe(time, sent, &self.policy) {
            self.hope.reach.stand(slept.span);
            self.waiters.slept(slept.span);
            self.tokens.move_by(|received| slept.before(received));
            self.attempts.move_by(|asked| slept.before(asked).1);
        }
        if first && self.clock.is_told() {
            self.tokens.date(&self.clock, &self.policy);
        }
    }

    /// Somebody has answered: what waits because nobody did does not wait any more.
    fn wake_unanswered(&mut self) {
        let now = self.clock.now();
        if self.link.is_live() {
            return;
        }
        self.renewal.paces.wake(now);
        self.link.reconnect.wake(now);
    }

    fn written(&mut self) {
        self.record.written();
        self.tokens.save(Saved::Underway, Saved::Yes);
    }

    fn not_written(&mut self, attempt: &Attempt, failure: Failure) {
        self.tokens.save(Saved::Underway, Saved::No);
        let now = self.clock.now();
        let most = self.policy.wait_unanswered_idle;
        self.record.not_written(now, (self.policy.wait_min, most), &mut self.random);
        // At rest and at the end, too: the next process will not find it.
        self.warn(Warning::StoreFailed { cause: Cause { command: attempt.id, failure } });
    }
}

/// Whether it was booked as an attempt to reach somebody when it was made: what the application's provider does nobody knows.
const fn counts_when_asked(attempt: &Attempt) -> bool {
    !matches!(attempt.action, Action::Mint { .. } | Action::Refresh)
}

/// Whether somebody far away was reached; `None`: nobody was to be, or it is only what the application's provider says of
/// itself.
const fn is_from_afar(attempt: &Attempt, outcome: &Outcome) -> Option<bool> {
    let is_local = matches!(
        attempt.action,
        Action::MakeKey { .. } | Action::Persist | Action::Erase | Action::Close { .. }
    );
    match &outcome.result {
        _ if is_local => None,
        Err(Failure::Provider { .. } | Failure::Rejected | Failure::NoKey | Failure::NoSecret) => None,
        Err(Failure::Timeout) if matches!(attempt.action, Action::Mint { .. } | Action::Refresh) => None,
        Err(Failure::Timeout | Failure::Transport) => Some(false),
        _ => Some(true),
    }
}
