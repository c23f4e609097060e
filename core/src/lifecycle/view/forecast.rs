//! What comes next if nothing happens before but that time passes: of a copy (R28).

use crate::lifecycle::attempts::Attempt;
use crate::lifecycle::clock::At;
use crate::lifecycle::view::earliest::Earliest;
use crate::lifecycle::{Action, Lifecycle, Mode};

impl Lifecycle {
    /// The next attempt to get a token, whoever makes it, if nothing happens before but that tokens end.
    pub(in crate::lifecycle) fn next_exchange(&self) -> Option<At> {
        if self.mode != Mode::Running {
            return None;
        }
        let (mut next, mut end) = self.exchange_and_end();
        let mut then = None;
        while let Some(at) = end.filter(|end| next.is_none_or(|next| next >= *end)) {
            let then = then.get_or_insert_with(|| self.clone());
            then.pass_to(at);
            (next, end) = then.exchange_and_end();
        }
        next
    }

    /// When somebody is asked as things are, and until when they are so.
    fn exchange_and_end(&self) -> (Option<At>, Option<At>) {
        let look = self.look();
        let mut agenda = Earliest::from(look.now, look.due);
        self.offer_exchanges(&look, &mut agenda);
        let ends = self.next_token_end(look.now).into_iter().chain(self.next_question_end());
        (agenda.best.map(|due| due.at), ends.min())
    }

    /// Time passes, and nobody is asked: what follows is what follows from ends.
    fn pass_to(&mut self, at: At) {
        self.clock.pass_to(at);
        self.end_questions(at);
        if !self.hope.was_told() && self.tokens.good(at).next().is_none() {
            self.renewal.paces.hurry();
        }
    }

    /// The next attempt of any kind to serve the session.
    pub(in crate::lifecycle) fn next_attempt(&self) -> Option<At> {
        let look = self.look();
        // Beside a socket that serves, what is shown next is shown again.
        let opens = self.next_open(&look).map(|(at, _)| at);
        let opens = opens.or_else(|| self.next_show(&look).map(|(at, _)| at));
        let opens = opens.or_else(|| self.opens_after_resume());
        let reaches = self.reaches_out(&look).map(|(at, _)| at);
        opens.into_iter().chain(self.next_exchange()).min().or(reaches)
    }

    /// When the next question that nobody has answered counts as answered.
    fn next_question_end(&self) -> Option<At> {
        let asks = |it: &&Attempt| matches!(it.action, Action::Inspect { .. });
        self.attempts.iter().filter(asks).map(|attempt| attempt.deadline).min()
    }

    /// What has not been answered by then is not answered.
    fn end_questions(&mut self, at: At) {
        let over = |it: &Attempt| matches!(it.action, Action::Inspect { .. }) && it.deadline <= at;
        for attempt in self.attempts.clone().iter().filter(|attempt| over(attempt)) {
            if let Action::Inspect { base } = attempt.action {
                self.tokens.inspected(base);
            }
        }
        self.attempts.retire(over);
    }

    /// When a resume that is on its way has failed unless it is answered: nobody is told of that, but the fresh connect that
    /// takes its place is a try (R21).
    fn opens_after_resume(&self) -> Option<At> {
        let resumes = |action| matches!(action, Action::Authenticate { resume: true, .. });
        let at = self.attempts.iter().find(|attempt| resumes(attempt.action))?.deadline;
        let mut then = self.clone();
        then.link.take_coming();
        then.link.resumption.forget();
        then.pass_to(at);
        then.next_open(&then.look()).map(|(opens, _)| opens.max(at))
    }
}
