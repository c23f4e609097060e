//! What is announced: the next try, as it will be (R28). It is a fact of the state that a step leaves, and said then: what
//! else is due in the same step may change it.

use crate::lifecycle::attempts::Endpoint;
use crate::lifecycle::clock::At;
use crate::lifecycle::{Action, Event, Lifecycle, Mode, Output, Warning};
use crate::time::Tick;

impl Lifecycle {
    /// Says in all that this step has told of failures when the next try is made; one that this step has made since is the
    /// next.
    pub(super) fn announce(&mut self) {
        let mut out = core::mem::take(&mut self.out);
        let now = self.clock.tick_of(self.clock.now());
        let (mut asked, mut tried) = (None, None);
        for output in out.iter_mut().rev() {
            match output {
                Output::Do(command) if Endpoint::of(&command.action).is_some() => {
                    (asked, tried) = (Some(now), Some(now));
                }
                Output::Do(command) if matches!(command.action, Action::Open { .. }) => tried = Some(now),
                Output::Tell(Event::Warn(Warning::RefreshFailed { next, .. })) => {
                    *next = asked.or_else(|| self.announced(self.next_exchange()));
                }
                Output::Tell(Event::Warn(Warning::ConnectFailed { next, .. })) => {
                    *next = tried.or_else(|| self.announced(self.next_attempt()));
                }
                Output::Tell(Event::Warn(Warning::ConnectionLost { next, .. })) => {
                    // One that is coming has been announced already.
                    let alone = self.link.coming().is_none();
                    let attempt = || if alone { self.next_attempt() } else { None };
                    *next = tried.or_else(|| self.announced(attempt()));
                }
                _ => {}
            }
        }
        self.out = out;
    }

    fn announced(&self, at: Option<At>) -> Option<Tick> {
        at.filter(|_| self.mode == Mode::Running).map(|at| self.tick(at))
    }
}
