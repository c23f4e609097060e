//! What the application waits for, and how its end is told (R27, R33).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::error::Error;
use crate::lifecycle::{
    AskError, AskId, Cause, Event, Failure, Generation, Input, Policy, TeardownReason, Warning,
};

use crate::session::Session;
use crate::session::connection::sockets::lost;
use crate::session::reports::journal::cause;
use crate::session::turn::Turn;
use crate::session::vocabulary::credential::Credential;
use crate::session::vocabulary::event::SessionNews;
use crate::session::vocabulary::output::SessionOutput;

/// Asks from here on are the session's own, for calls that were refused.
pub(crate) const OWN_ASKS: u64 = 1 << 63;

/// What the application asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `update_token`: a refusal is the server's own.
    Update,
    /// A renewal.
    Renewal,
}

/// Oldest first.
#[derive(Default)]
pub(crate) struct Asks(Vec<(AskId, Kind)>);

impl Asks {
    fn take(&mut self, ask: AskId) -> Option<Kind> {
        let at = self.0.iter().position(|(open, _)| *open == ask)?;
        Some(self.0.remove(at).1)
    }
}

impl Session {
    pub(crate) fn update_token(&mut self, turn: &mut Turn, ask: AskId, credential: &Credential) {
        let Some(ask) = self.open_ask(turn, ask, Kind::Update) else { return };
        match self.admit_credential(turn, credential) {
            Ok(token) => turn.feed(Input::NewBase { ask, token }),
            Err(error) => self.settle(turn, ask, Err(error)),
        }
    }

    pub(crate) fn refresh_now(&mut self, turn: &mut Turn, ask: AskId) {
        if let Some(ask) = self.open_ask(turn, ask, Kind::Renewal) {
            turn.feed(Input::RefreshNow { ask });
        }
    }

    pub(crate) fn rejected(&mut self, turn: &mut Turn, ask: AskId, generation: Generation) {
        if let Some(ask) = self.open_ask(turn, ask, Kind::Renewal) {
            turn.feed(Input::Rejected { ask, generation });
        }
    }

    /// The lifecycle says how an ask ended.
    pub(crate) fn ask_ended(&mut self, turn: &mut Turn, event: Event) {
        let (ask, result) = match event {
            Event::Recovered { ask, generation } => (ask, Ok(generation)),
            Event::Failed { ask, error } => (ask, Err(error)),
            _ => return,
        };
        let kind = self.asks.0.iter().find(|(open, _)| *open == ask).map(|(_, kind)| *kind);
        let result = result.map_err(|error| self.ask_error(kind.unwrap_or(Kind::Renewal), error));
        turn.news(SessionNews::Lifecycle(event), result.as_ref().err().cloned());
        if ask.0 >= OWN_ASKS {
            self.call_verdict(turn, ask, result.is_ok());
            self.info_verdict(turn, ask, result.is_ok());
        } else if self.asks.take(ask).is_some() {
            turn.put(SessionOutput::Settled { ask, result });
        }
    }

    /// Nobody may be left waiting.
    pub(crate) fn fail_asks(&mut self, turn: &mut Turn) {
        for (ask, _) in core::mem::take(&mut self.asks.0) {
            turn.put(SessionOutput::Settled { ask, result: Err(Error::SessionOver) });
        }
    }

    fn open_ask(&mut self, turn: &mut Turn, ask: AskId, kind: Kind) -> Option<AskId> {
        let refused = if self.over {
            Error::SessionOver
        } else if ask.0 >= OWN_ASKS {
            Error::InvalidField { field: "ask", reason: "numbers from 2^63 on are the session's own" }
        } else {
            self.asks.0.push((ask, kind));
            return Some(ask);
        };
        turn.put(SessionOutput::Settled { ask, result: Err(refused) });
        None
    }

    fn settle(&mut self, turn: &mut Turn, ask: AskId, result: Result<Generation, Error>) {
        if self.asks.take(ask).is_some() {
            turn.put(SessionOutput::Settled { ask, result });
        }
    }

    fn ask_error(&self, kind: Kind, error: AskError) -> Error {
        let renewal = |message: &str| Error::TokenRefresh { message: message.to_owned(), source: None };
        match error {
            AskError::NoMechanism => renewal("nobody can renew this credential"),
            AskError::Exchange(cause) => {
                let error = self.journal.error(cause, self.now);
                match kind {
                    Kind::Update => error,
                    Kind::Renewal => Error::TokenRefresh {
                        message: "the exchange or the push failed".to_owned(),
                        source: Some(Box::new(error)),
                    },
                }
            }
            AskError::InvalidCredentials => {
                Error::credentials("the server has refused it before, it has ended, or its key is another's")
            }
            AskError::Throttled => Error::Throttled { retry_after_ms: throttled(self.lifecycle.policy()) },
            AskError::Superseded => renewal("a newer request of the same kind took its place"),
            AskError::Pending => renewal("it is still being tried; an event tells what comes of it"),
            AskError::Suspended => renewal("the session is suspended"),
            AskError::SessionOver => Error::SessionOver,
        }
    }

    /// Tells an event of the lifecycle, with the error behind it.
    pub(crate) fn tell(&mut self, turn: &mut Turn, event: Event) {
        let mut survived = None;
        match event {
            Event::Recovered { .. } | Event::Failed { .. } => return self.ask_ended(turn, event),
            Event::Live { .. } => {
                survived = Some(self.admitted(turn));
                self.online_is_due(turn.now.tick);
            }
            Event::Renewed { .. } => self.online_has_token(turn.now.tick),
            Event::Teardown { .. } => {
                self.fail_calls(turn);
                self.info_ended(turn, Err(Error::SessionOver));
                self.fail_asks(turn);
                self.tell_dropped(turn);
            }
            _ => {}
        }
        if let Event::Warn(Warning::ConnectionLost {
            cause: Cause { command, failure: Failure::Timeout },
            ..
        }) = event
            && self.journal.known(command).is_none()
        {
            // The lifecycle's own question was not answered.
            self.journal.ends(command, lost("it gave no sign of life"));
        }
        let error = cause(&event).map(|cause| self.journal.error(cause, self.now));
        let error = match event {
            // What may pass is the end of it only where nobody is asked again.
            Event::Teardown { reason: TeardownReason::MintFailed, .. } => error.map(Error::asked_once),
            _ => error,
        };
        turn.news(SessionNews::Lifecycle(event), error);
        if let Some(survived) = survived {
            turn.news(survived, None);
        }
        if matches!(event, Event::Teardown { .. }) {
            self.put_away();
        }
    }
}

/// When the governor has a request again: it refills at least this often (R20).
const fn throttled(policy: &Policy) -> u64 {
    policy.exchange_refill_max
}
