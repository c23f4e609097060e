//! What is announced: the next try, as it will be (R28). It is a fact of the state that a step leaves, and said then: what
//! else is due in the same step may change it.

use crate::lifecycle::clock::At;
use crate::lifecycle::renewal::attempts::{Attempt, Endpoint};
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
                    let alone = self.link.coming.is_none();
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

    /// The next attempt of any kind to serve the session.
    fn next_attempt(&self) -> Option<At> {
        let look = self.look();
        // Beside a socket that serves, what is shown next is shown again.
        let opens = self.next_open(&look).map(|(at, _)| at);
        let opens = opens.or_else(|| self.next_show(&look).map(|(at, _)| at));
        let opens = opens.or_else(|| self.opens_after_resume());
        let reaches = self.reaches_out(&look).map(|(at, _)| at);
        opens.into_iter().chain(self.next_exchange()).min().or(reaches)
    }

    /// When the next question that nobody has answered counts as answered.
    pub(super) fn next_question_end(&self) -> Option<At> {
        let asks = |it: &&Attempt| matches!(it.action, Action::Inspect { .. });
        self.attempts.list.iter().filter(asks).map(|attempt| attempt.deadline).min()
    }

    /// What has not been answered by then is not answered.
    pub(super) fn end_questions(&mut self, at: At) {
        let over = |it: &Attempt| matches!(it.action, Action::Inspect { .. }) && it.deadline <= at;
        for attempt in self.attempts.list.clone().iter().filter(|attempt| over(attempt)) {
            if let Action::Inspect { base } = attempt.action {
                self.inspected(base);
            }
        }
        self.attempts.retire(over);
    }

    /// When a resume that is on its way has failed unless it is answered: nobody is told of that, but the fresh connect that
    /// takes its place is a try (R21).
    fn opens_after_resume(&self) -> Option<At> {
        let resumes = |action| matches!(action, Action::Authenticate { resume: true, .. });
        let at = self.attempts.list.iter().find(|attempt| resumes(attempt.action))?.deadline;
        let mut then = self.clone();
        (then.link.coming, then.link.state) = (None, None);
        then.pass_to(at);
        then.next_open(&then.look()).map(|(opens, _)| opens.max(at))
    }
}
