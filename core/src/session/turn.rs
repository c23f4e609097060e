//! One step in the making: what the clocks read, what came out so far, what the lifecycle must still hear.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::error::Error;
use crate::lifecycle::{CommandId, Input, Outcome, Reply};
use crate::time::Now;

use super::event::{SessionEvent, SessionNews};
use super::output::SessionOutput;

pub(super) struct Turn {
    pub(super) now: Now,
    pub(super) outputs: Vec<SessionOutput>,
    inputs: VecDeque<Input>,
}

impl Turn {
    pub(super) const fn new(now: Now) -> Self {
        Self { now, outputs: Vec::new(), inputs: VecDeque::new() }
    }

    pub(super) fn put(&mut self, output: SessionOutput) {
        self.outputs.push(output);
    }

    pub(super) fn news(&mut self, event: SessionNews, cause: Option<Error>) {
        self.put(SessionOutput::Tell(SessionEvent::new(self.now, event, cause)));
    }

    /// The lifecycle will hear this after everything that came before it.
    pub(super) fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    pub(super) fn done(&mut self, command: CommandId, outcome: Outcome) {
        self.feed(Input::Done(command, outcome));
    }

    /// Answers without a time stamp or a signature.
    pub(super) fn reply(&mut self, command: CommandId, reply: Reply) {
        self.done(command, Outcome::ok(reply));
    }

    pub(super) fn next_input(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }
}
