//! One step in the making: what the clocks read, what came out so far, what the lifecycle must still hear.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::error::Error;
use crate::lifecycle::{CommandId, Input, Outcome, Reply};
use crate::time::Now;

use super::vocabulary::event::{SessionEvent, SessionNews};
use super::vocabulary::output::SessionOutput;

pub(crate) struct Turn {
    pub(crate) now: Now,
    pub(crate) outputs: Vec<SessionOutput>,
    inputs: VecDeque<Input>,
}

impl Turn {
    pub(crate) const fn new(now: Now) -> Self {
        Self { now, outputs: Vec::new(), inputs: VecDeque::new() }
    }

    pub(crate) fn put(&mut self, output: SessionOutput) {
        self.outputs.push(output);
    }

    pub(crate) fn news(&mut self, event: SessionNews, cause: Option<Error>) {
        self.put(SessionOutput::Tell(SessionEvent::new(self.now, event, cause)));
    }

    /// The lifecycle will hear this after everything that came before it.
    pub(crate) fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    pub(crate) fn done(&mut self, command: CommandId, outcome: Outcome) {
        self.feed(Input::Done(command, outcome));
    }

    /// Answers without a time stamp or a signature.
    pub(crate) fn reply(&mut self, command: CommandId, reply: Reply) {
        self.done(command, Outcome::ok(reply));
    }

    pub(crate) fn next_input(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }
}
