//! What was asked and is not answered.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Line;
use crate::lifecycle::Action;
use crate::lifecycle::attempts::{Attempt, Attempts};

impl Line<'_> {
    pub(super) fn attempts(&mut self, attempts: &Attempts) {
        // Of what attempts have taken only the longest counts, and what is as long once that is forgotten.
        let spans: Vec<u64> =
            attempts.spans_in_order().into_iter().map(|span| span.min(super::FAR.unsigned_abs())).collect();
        let counts =
            |at: usize, span: &u64| spans.iter().skip(at.saturating_add(1)).all(|later| later < span);
        let longest: Vec<String> = spans
            .iter()
            .enumerate()
            .filter(|(at, span)| **span > 0 && counts(*at, span))
            .map(|(at, span)| format!("{span}@{at}"))
            .collect();
        self.flag(!longest.is_empty(), &format!("took:{}", longest.join(",")));
        for attempt in attempts.iter() {
            if attempt.late && !self.view.late_answers {
                self.late(attempt);
            } else {
                self.attempt(attempt);
            }
        }
    }

    /// It keeps a place, and what it is about; nobody answers it any more.
    fn late(&mut self, attempt: &Attempt) {
        let policy = &self.machine.policy;
        let since = self.since(attempt.asked, policy.provider_max.max(policy.awaited));
        let action = self.action(&attempt.action);
        self.say(format_args!(" <late {action}{since:+}>"));
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let Attempt { id, action, asked, due, deadline, spared, late } = attempt;
        let name = self.action(action);
        if *late {
            self.say(format_args!(" <late {name}"));
        } else {
            self.say(format_args!(" <{name}{:+}", self.span(*deadline)));
        }
        // A lifetime counts from when it was asked for, a time stamp from then as well; a hint of the network from then.
        let dates = attempt.is_exchange() || self.view.clocks || action_waits(action);
        if dates && *asked < self.now {
            self.say(format_args!(" since{:+}", self.span(*asked)));
        }
        if attempt.is_exchange() {
            // It counts from no earlier (`Lifecycle::take`).
            let due = (*due).max(asked.saturating_sub(self.machine.policy.provider_max));
            if due != *asked {
                self.say(format_args!(" due{:+}", self.span(due)));
            }
            let newer = self.machine.tokens.held().iter().filter(|token| token.order > id.0).count();
            if newer > 0 {
                self.say(format_args!(" #-{newer}"));
            }
        }
        self.flag(*spared && self.view.jumps, "spared");
        self.text.push('>');
    }

    pub(super) fn action(&self, action: &Action) -> String {
        let name = action.name();
        match action {
            Action::Mint { fingerprint: Some(key) } => format!("{name} {key:?}"),
            Action::MakeKey { algorithm } => format!("{name} {algorithm:?}"),
            Action::Authenticate { token, resume: true, .. } => {
                format!("{name} {} resume", self.place(*token))
            }
            _ => match action.token() {
                Some(token) => format!("{name} {}", self.place(token)),
                None => name.to_owned(),
            },
        }
    }
}

/// Something that a hint of a changed network finds stuck.
const fn action_waits(action: &Action) -> bool {
    matches!(action, Action::Open { .. } | Action::Authenticate { .. })
}
