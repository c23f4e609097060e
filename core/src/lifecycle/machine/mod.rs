//! What follows from the facts of all parts: the step, what is due, doing it, and what came of it.

mod act;
mod agenda;
mod announcing;
mod answers;
mod brought;
mod connecting;
mod exchanges;
mod look;
mod losing;
mod pushing;
mod refusals;
mod report;
mod waiting;

use super::clock::At;
use super::{Lifecycle, Mode, Step, Wake};
use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::{
    Action, AskError, Cause, Command, Event, Input, Output, TeardownReason, TokenId, Warning,
};
use crate::time::{Millis, Now, Tick};

/// Most things that one step does; more would be a machine that does not come to rest (`check`).
const MOST_ACTS: usize = 64;

impl Lifecycle {
    /// The only mutator. Total: it never panics and never fails; an input that makes no sense is answered with
    /// [`Event::Ignored`]. An early tick is a silent no-op; a late one does what was missed.
    pub fn step(&mut self, now: Now, input: Input) -> Step {
        if matches!(self.mode, Mode::Over(_)) {
            return Step::default();
        }
        let slept = self.read_clocks(now);
        if !slept && matches!(input, Input::Tick) && self.wake.is_none_or(|(at, _)| self.clock.now() < at) {
            return Step { outputs: alloc::vec::Vec::new(), wake_at: self.wake_at() };
        }
        self.absorb(input);
        for _ in 0..MOST_ACTS {
            let due = self.agenda();
            self.wake = due.map(|due| (due.at, due.wake));
            match due {
                Some(due) if due.at <= self.clock.now() => self.act(due),
                _ => break,
            }
        }
        self.announce();
        Step { outputs: core::mem::take(&mut self.out), wake_at: self.wake_at() }
    }

    fn wake_at(&self) -> Option<(Tick, Wake)> {
        self.wake.map(|(at, wake)| (self.clock.tick_of(at.max(self.clock.now())), wake))
    }

    /// Takes the clock readings; whether the host has slept (R1).
    fn read_clocks(&mut self, now: Now) -> bool {
        let expected = self.wake.map(|(at, _)| at);
        let jumped = self.clock.advance(now, &self.policy);
        let late = expected
            .map(|at| self.clock.now().saturating_sub(at))
            .filter(|late| *late > self.policy.sleep && self.mode == Mode::Running);
        let Some(by) = jumped.or(late).filter(|_| self.mode == Mode::Running) else { return false };
        self.tell(Event::ClockJump { by });
        self.hope.reach.stand(late.unwrap_or(0));
        // What came meanwhile comes now: it is not late before it could be heard.
        let heard = self.clock.now().saturating_add(self.policy.local);
        for attempt in self.attempts.list.iter_mut().filter(|attempt| !attempt.spared) {
            attempt.spared = true;
            attempt.deadline = attempt.deadline.max(heard);
        }
        if let Some(serving) = &mut self.link.serving {
            serving.unsure = true;
        }
        self.probe(self.policy.local);
        self.spread_work();
        true
    }

    /// Work that is due after a wake, a resume or an outage starts within `min(lead / 4, 5 s)`; what was spread and has
    /// not begun is not put off again.
    fn spread_work(&mut self) {
        let now = self.clock.now();
        let lately =
            self.renewal.spread > 0 && now < self.renewal.spread.saturating_add(self.policy.early_outage);
        if lately || !self.policy.jitter {
            return;
        }
        let lead = self.tokens.good(now).next().and_then(|token| self.lead(token));
        let range = lead.map_or(self.policy.spread, |lead| (lead / 4).min(self.policy.spread));
        self.renewal.spread = now.saturating_add(self.random.below(Domain::Spread, range));
    }

    fn tell(&mut self, event: Event) {
        self.out.push(Output::Tell(event));
    }

    fn warn(&mut self, warning: Warning) {
        self.tell(Event::Warn(warning));
    }

    /// Gives a command, to be answered within `span`.
    fn command(&mut self, action: Action, span: Millis) {
        self.command_due(action, span, self.clock.now());
    }

    /// Gives a command that was due then.
    fn command_due(&mut self, action: Action, span: Millis, due: At) {
        let now = self.clock.now();
        let deadline = now.saturating_add(span);
        let id = self.attempts.add(action, now, due, deadline);
        self.out.push(Output::Do(Command { id, deadline: self.clock.tick_of(deadline), action }));
    }

    fn tick(&self, at: At) -> Tick {
        self.clock.tick_of(at.max(self.clock.now()))
    }

    /// Puts everything away and ends. Nothing in flight can bring the session back.
    fn end(&mut self, reason: TeardownReason, cause: Option<Cause>) {
        self.attempts.list.clear();
        self.close_sockets();
        // Who begins anew begins with as much patience as ever.
        self.hope.regain();
        if self.record.durable && reason != TeardownReason::HandedOver {
            let action = if reason == TeardownReason::Destroyed { Action::Erase } else { Action::Persist };
            self.record.begin(self.clock.now());
            self.command(action, self.policy.local);
        }
        for waiter in self.waiters.take(|_| true) {
            self.tell(Event::Failed { ask: waiter.id, error: AskError::SessionOver });
        }
        self.mode = Mode::Ending(reason, cause);
    }

    /// Whether the machine may still ask for something to be done with this token.
    #[must_use]
    pub fn holds(&self, token: TokenId) -> bool {
        self.tokens.get(token).is_some()
    }
}
