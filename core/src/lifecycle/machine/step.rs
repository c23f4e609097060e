//! The step: reads the clocks, takes the input in, does what is due, and says when to be stepped again.

use crate::lifecycle::{Event, Input, Lifecycle, Mode, Step, Wake};
use crate::time::{Now, Tick};

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
        self.attempts.spare(heard);
        if let Some(serving) = self.link.serving_mut() {
            serving.doubt();
        }
        self.probe(self.policy.local);
        self.spread_work();
        true
    }
}
