//! What a step puts out.

use crate::lifecycle::clock::At;
use crate::lifecycle::{Action, Cause, Command, Event, Ignored, Lifecycle, Output, Warning};
use crate::time::Millis;

impl Lifecycle {
    pub(super) fn tell(&mut self, event: Event) {
        self.out.push(Output::Tell(event));
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.tell(Event::Warn(warning));
    }

    /// Gives a command, to be answered within `span`.
    pub(super) fn command(&mut self, action: Action, span: Millis) {
        self.command_due(action, span, self.clock.now());
    }

    /// Gives a command that was due then.
    pub(super) fn command_due(&mut self, action: Action, span: Millis, due: At) {
        let now = self.clock.now();
        let deadline = now.saturating_add(span);
        let id = self.attempts.add(action, now, due, deadline);
        self.out.push(Output::Do(Command { id, deadline: self.clock.tick_of(deadline), action }));
    }

    /// The reason why there is no session yet, or again.
    pub(super) fn tell_failed_connect(&mut self, cause: Cause) {
        self.warn(Warning::ConnectFailed { cause, next: None });
    }

    pub(super) fn out_of_place(&mut self) {
        self.tell(Event::Ignored(Ignored::OutOfPlace));
    }
}
