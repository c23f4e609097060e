//! The lifecycle's events, told with the errors behind them. This stands with the machine: an event is heard by whoever it
//! concerns before it is told.

use crate::error::Error;
use crate::lifecycle::{Cause, Event, Failure, TeardownReason, Warning};
use crate::session::Session;
use crate::session::application::asks::OWN_ASKS;
use crate::session::connection::resume::Resume;
use crate::session::connection::shown::Shown;
use crate::session::connection::sockets::{Sockets, lost};
use crate::session::reports::journal::cause;
use crate::session::requests::PendingRequests;
use crate::session::secrets::Secrets;
use crate::session::turn::Turn;
use crate::session::vocabulary::config::KeyChoice;
use crate::session::vocabulary::event::SessionNews;
use crate::session::vocabulary::provider::Provider;

impl Session {
    /// Tells an event of the lifecycle, with the error behind it.
    pub(super) fn tell(&mut self, turn: &mut Turn, event: Event) {
        let mut survived = None;
        match event {
            Event::Recovered { .. } | Event::Failed { .. } => return self.ask_ended(turn, event),
            Event::Live { .. } => {
                survived = Some(self.admitted(turn));
                self.application.presence.live(turn.now.tick);
            }
            Event::Renewed { .. } => self.application.presence.has_token(turn.now.tick),
            Event::Teardown { .. } => {
                // Nobody may be left waiting.
                while let Some(ended) = self.application.calls.last() {
                    self.returned(turn, ended);
                }
                self.application.lookup.end(turn, Err(Error::SessionOver));
                self.application.asks.fail_all(turn);
                self.notices.tell_rest(turn);
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

    /// The lifecycle says how an ask ended.
    fn ask_ended(&mut self, turn: &mut Turn, event: Event) {
        let (ask, result) = match event {
            Event::Recovered { ask, generation } => (ask, Ok(generation)),
            Event::Failed { ask, error } => (ask, Err(error)),
            _ => return,
        };
        // The limiter refills at least this often (R20).
        let pause = self.inner.lifecycle.policy().exchange_refill_max;
        let behind = |cause| self.journal.error(cause, self.now);
        let result = result.map_err(|error| self.application.asks.error(ask, error, pause, behind));
        turn.news(SessionNews::Lifecycle(event), result.as_ref().err().cloned());
        if ask.0 >= OWN_ASKS {
            self.verdict(turn, ask, result.is_ok());
        } else {
            self.application.asks.settle(turn, ask, result);
        }
    }

    /// The lifecycle is over: nothing secret is kept, nothing is waited for.
    fn put_away(&mut self) {
        self.over = true;
        self.sockets = Sockets::default();
        self.resume = Resume::default();
        self.shown = Shown::default();
        self.pending = PendingRequests::default();
        self.secrets = Secrets::default();
        self.config.key = KeyChoice::None;
        self.config.provider = Provider::callback(self.config.provider.facts());
    }
}
