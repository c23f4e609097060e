//! Who waits for a renewal or for a token of their own to be taken, and how its end is told (R27, R33).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::error::Error;
use crate::lifecycle::{AskError, AskId, Cause, Generation};
use crate::session::turn::Turn;
use crate::session::vocabulary::output::SessionOutput;
use crate::time::Millis;

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

/// Oldest first. Each is settled once.
#[derive(Default)]
pub(crate) struct Asks {
    open: Vec<(AskId, Kind)>,
    /// How many names for asks of the session's own have been given.
    own: u64,
}

impl Asks {
    /// Somebody waits from now on. `None`: they have been refused at once.
    pub(crate) fn open(&mut self, turn: &mut Turn, ask: AskId, kind: Kind, is_over: bool) -> Option<AskId> {
        let refused = if is_over {
            Error::SessionOver
        } else if ask.0 >= OWN_ASKS {
            Error::InvalidField { field: "ask", reason: "numbers from 2^63 on are the session's own" }
        } else {
            self.open.push((ask, kind));
            return Some(ask);
        };
        turn.put(SessionOutput::Settled { ask, result: Err(refused) });
        None
    }

    /// A name for an ask of the session's own.
    pub(crate) fn own(&mut self) -> AskId {
        let ask = AskId(OWN_ASKS.saturating_add(self.own));
        self.own = self.own.saturating_add(1);
        ask
    }

    pub(crate) fn settle(&mut self, turn: &mut Turn, ask: AskId, result: Result<Generation, Error>) {
        if let Some(at) = self.open.iter().position(|(open, _)| *open == ask) {
            self.open.remove(at);
            turn.put(SessionOutput::Settled { ask, result });
        }
    }

    /// Nobody may be left waiting.
    pub(crate) fn fail_all(&mut self, turn: &mut Turn) {
        for (ask, _) in core::mem::take(&mut self.open) {
            turn.put(SessionOutput::Settled { ask, result: Err(Error::SessionOver) });
        }
    }

    /// Why it failed, in words: `behind` names the error behind a failure, `pause` is how long the limiter makes wait.
    pub(crate) fn error(
        &self,
        ask: AskId,
        error: AskError,
        pause: Millis,
        behind: impl FnOnce(Cause) -> Error,
    ) -> Error {
        let kind = self.open.iter().find(|(open, _)| *open == ask).map(|(_, kind)| *kind);
        let renewal = |message: &str| Error::TokenRefresh { message: message.to_owned(), source: None };
        match error {
            AskError::NoMechanism => renewal("nobody can renew this credential"),
            AskError::Exchange(cause) if kind == Some(Kind::Update) => behind(cause),
            AskError::Exchange(cause) => Error::TokenRefresh {
                message: "the exchange or the push failed".to_owned(),
                source: Some(Box::new(behind(cause))),
            },
            AskError::InvalidCredentials => {
                Error::credentials("the server has refused it before, it has ended, or its key is another's")
            }
            AskError::Throttled => Error::Throttled { retry_after_ms: pause },
            AskError::Superseded => renewal("a newer request of the same kind took its place"),
            AskError::Pending => renewal("it is still being tried; an event tells what comes of it"),
            AskError::Suspended => renewal("the session is suspended"),
            AskError::SessionOver => Error::SessionOver,
        }
    }
}
