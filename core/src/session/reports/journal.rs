//! What is known of recent commands beyond what the lifecycle hears: the errors behind its failures.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;

use crate::error::{Error, ProviderFault};
use crate::lifecycle::{Cause, Command, CommandId, Event, Failure, Warning};
use crate::session::reports::fault::Fault;
use crate::time::{Millis, Now, Tick};

/// Most commands that are remembered.
const MOST: usize = 64;

/// Most of them that succeeded: the lifecycle finds fault with what was brought at once, or tells of it a few
/// commands later, at its end.
const MOST_SUCCEEDED: usize = 6;

struct Entry {
    command: CommandId,
    what: &'static str,
    begun: Tick,
    span: Millis,
    succeeded: bool,
    error: Option<Box<Error>>,
}

/// Oldest first, bounded; of each command the newest entry.
#[derive(Default)]
pub(crate) struct Journal(VecDeque<Entry>);

impl Journal {
    pub(crate) fn open(&mut self, command: &Command, now: Now) {
        self.open_as(command.id, command.action.name(), now.tick, now.tick.until(command.deadline));
    }

    fn open_as(&mut self, command: CommandId, what: &'static str, begun: Tick, span: Millis) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.reserve_exact(1);
        self.0.push_back(Entry { command, what, begun, span, succeeded: false, error: None });
    }

    pub(crate) fn fail(&mut self, command: CommandId, error: Error) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.command == command) {
            entry.error = Some(Box::new(error));
        }
    }

    /// What became of something that had succeeded.
    pub(crate) fn ends(&mut self, command: CommandId, error: Error) {
        self.0.retain(|entry| entry.command != command);
        self.open_as(command, "connect", Tick(0), 0);
        self.fail(command, error);
    }

    pub(crate) fn succeed(&mut self, command: CommandId) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.command == command) {
            entry.succeeded = true;
        }
        if self.0.iter().filter(|entry| entry.succeeded).count() > MOST_SUCCEEDED
            && let Some(oldest) = self.0.iter().position(|entry| entry.succeeded)
        {
            self.0.remove(oldest);
        }
    }

    /// The error that a command has met, if one is known.
    pub(crate) fn known(&self, command: CommandId) -> Option<Error> {
        let entry = self.0.iter().find(|entry| entry.command == command)?;
        entry.error.as_deref().cloned()
    }

    /// The error behind a failure; where none was seen, one that says what the lifecycle knows.
    pub(crate) fn error(&self, cause: Cause, now: Now) -> Error {
        let entry = self.0.iter().find(|entry| entry.command == cause.command);
        if let Some(error) = entry.and_then(|entry| entry.error.as_deref()) {
            return error.clone();
        }
        let what = entry.map_or("a command", |entry| entry.what);
        match cause.failure {
            Failure::Timeout => {
                // The provider may have taken over before its time was up (R17).
                let after_ms = entry.map_or(0, |entry| entry.begun.until(now.tick).min(entry.span));
                Error::Timeout { what: what.into(), after_ms }
            }
            // The lifecycle's own verdict on what was inspected (R35).
            Failure::NoKey if what == "inspect" => {
                Error::credentials("it is bound to a key that is not this session's")
            }
            Failure::NoKey => Error::DpopInit { message: "there is no key".to_owned() },
            Failure::Rpc { code, .. } => Error::Rpc { code, message: String::new(), data: None },
            Failure::Rejected => Error::Provider { kind: ProviderFault::Rejected, message: what.to_owned() },
            Failure::Provider { .. } => {
                Error::Provider { kind: ProviderFault::Transient, message: what.to_owned() }
            }
            Failure::NoSecret => Fault::no_secret().error,
            Failure::Conflict => Error::Store { message: "another holder was faster".to_owned() },
            // The lifecycle's own verdict on what the provider brought (R31, R33).
            Failure::Malformed if matches!(what, "mint" | "refresh") => Error::credentials(
                "the server has refused this token before, it has ended, its key is another's, or it is the \
                 session's own client-bound one",
            ),
            Failure::Malformed => Error::reply(what, "it is not what was asked for"),
            Failure::Transport | Failure::Http { .. } | Failure::Page { .. } => {
                Error::Transport { message: format!("{what} failed") }
            }
        }
    }
}

/// The failure that an event speaks of.
pub(crate) const fn cause(event: &Event) -> Option<Cause> {
    match event {
        Event::Warn(
            Warning::RefreshFailed { cause, .. }
            | Warning::PushFailed { cause, .. }
            | Warning::ConnectFailed { cause, .. }
            | Warning::ConnectionLost { cause, .. }
            | Warning::StoreFailed { cause },
        ) => Some(*cause),
        Event::Teardown { cause, .. } => *cause,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Action;

    #[test]
    fn a_verdict_of_the_lifecycles_own_has_its_words() {
        // proves R37.1
        let base = crate::lifecycle::TokenId(1);
        for (action, failure, code) in [
            (Action::Mint { fingerprint: None }, Failure::Malformed, "invalid_credentials"),
            (Action::Refresh, Failure::Malformed, "invalid_credentials"),
            (Action::Inspect { base }, Failure::Malformed, "unexpected_reply"),
            (Action::Inspect { base }, Failure::NoKey, "invalid_credentials"),
            (Action::Activate { base, offset: None }, Failure::NoKey, "dpop_init"),
        ] {
            let mut journal = Journal::default();
            let command = Command { id: CommandId(1), deadline: Tick(10_000), action };
            journal.open(&command, Now::new(0, 0));
            let cause = Cause { command: CommandId(1), failure };
            assert_eq!(journal.error(cause, Now::new(0, 0)).code(), code);
        }
    }

    #[test]
    fn the_error_behind_a_failure_is_found_by_its_command() {
        let mut journal = Journal::default();
        let command = |id| Command { id: CommandId(id), deadline: Tick(10_000), action: Action::Refresh };
        for id in 0..100 {
            journal.open(&command(id), Now::new(0, 0));
        }
        let error = Error::Transport { message: "refused".to_owned() };
        journal.fail(CommandId(99), error.clone());
        journal.fail(CommandId(1), error.clone());
        let cause = |id, failure| Cause { command: CommandId(id), failure };
        assert_eq!(journal.error(cause(99, Failure::Transport), Now::new(0, 0)), error);
        for (tick, after_ms) in [(4_000, 4_000), (10_000, 10_000), (11_000, 10_000)] {
            let late = Error::Timeout { what: "refresh".into(), after_ms };
            assert_eq!(journal.error(cause(98, Failure::Timeout), Now::new(tick, 0)), late);
        }
        assert_eq!(journal.error(cause(1, Failure::Timeout), Now::new(0, 0)).code(), "timeout");
        assert_eq!(journal.0.len(), MOST);
    }

    #[test]
    fn what_succeeds_does_not_pile_up_and_takes_no_failures_place() {
        let mut journal = Journal::default();
        let command = |id| Command { id: CommandId(id), deadline: Tick(10_000), action: Action::Refresh };
        let error = Error::Transport { message: "refused".to_owned() };
        for id in 0..1_000 {
            journal.open(&command(id), Now::new(0, 0));
            match id {
                0 => journal.fail(CommandId(id), error.clone()),
                _ => journal.succeed(CommandId(id)),
            }
        }
        assert_eq!(journal.0.len(), 1 + MOST_SUCCEEDED);
        let cause = |id, failure| Cause { command: CommandId(id), failure };
        assert_eq!(journal.error(cause(0, Failure::Transport), Now::new(0, 0)), error);
        let verdict = journal.error(cause(999, Failure::Malformed), Now::new(0, 0));
        assert_eq!(verdict.code(), "invalid_credentials");
    }
}
