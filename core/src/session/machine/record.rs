//! Writing the record and going on from it (R11, R30).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::error::{Error, Result};
use crate::lifecycle::{Command, Failure, Lifecycle, Reply};
use crate::secret::{Secret, Seed};
use crate::time::Now;
use crate::wire::routing::Routing;
use crate::wire::sat::SatHeader;

use crate::session::Session;
use crate::session::ids::Ids;
use crate::session::record::{Contents, Record, Text, WrittenKey};
use crate::session::reports::journal::Fault;
use crate::session::requests::Purpose;
use crate::session::secrets::refresh_token::RefreshToken;
use crate::session::turn::Turn;
use crate::session::vocabulary::config::{Config, KeyChoice};
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::input::StoreFailure;
use crate::session::vocabulary::output::SessionOutput;

impl Session {
    /// All of the session that outlives its process. What [`SessionOutput::Persist`] carries.
    #[must_use]
    pub fn record(&self) -> Record {
        let mut contents = Contents::new(
            &self.config.provider,
            self.lifecycle.snapshot(),
            self.tokens.newest(),
            self.resume.project.clone(),
            self.ids.counters(),
        );
        contents.tokens = self.tokens.written();
        contents.forgotten = self.tokens.forgotten();
        contents.state = self.resume.state.clone().map(Text);
        contents.protocol.clone_from(&self.resume.protocol);
        contents.one_time = self.source.written();
        contents.key = self.keys.newest().map(|key| WrittenKey {
            algorithm: key.algorithm().into(),
            thumbprint: key.thumbprint().to_owned(),
        });
        Record(contents)
    }

    /// A session that goes on where another process stopped, and has not started (R30). Give it a new seed, or in
    /// a replay the recorded one; the key in the configuration must be the one that the record names, else what
    /// is bound to it is dropped. A record of another provider, subscriber or static token is of no use: the
    /// session then begins anew ([`Session::is_restored`]).
    #[must_use]
    pub fn restore(config: Config, seed: Seed, record: &Record, now: Now) -> Self {
        let Record(contents) = record;
        let mut session = Self::new(config, seed.clone());
        if contents.identity != session.config.provider.identity() {
            return session;
        }
        let ours = match (&contents.key, &session.config.key) {
            (Some(written), KeyChoice::Held { key, .. }) if key.thumbprint() == written.thumbprint => {
                Some(written.algorithm)
            }
            _ => None,
        };
        // The hosts of a bound token may be those of its base.
        let fallback = contents.tokens.iter().find_map(|it| session.route(&it.token.0).ok());
        for written in contents.tokens.iter().filter(|it| it.key.is_none() || it.key == ours) {
            let routing = match session.route(&written.token.0) {
                Ok(routing) => Some(routing),
                // The hosts that are allowed may have changed since: it is sent nowhere.
                Err(Error::HostNotAllowed { .. }) => None,
                Err(_) => fallback.clone(),
            };
            if let Some(routing) = routing {
                session.tokens.take_over(written, routing);
            }
        }
        session.tokens.remember(&contents.forgotten, contents.newest);
        let snapshot = contents.snapshot.clone().only(|id| session.tokens.get(id).is_some());
        session.lifecycle = Lifecycle::restore(Arc::clone(&session.config.policy), &seed, &snapshot, now);
        let lifecycle = &session.lifecycle;
        session.tokens.forget(|id| lifecycle.holds(id));
        session.ids = Ids::resumed(seed, contents.counters);
        let last = RequestId(session.ids.counters().requests);
        session.source = RefreshToken::restored(contents.one_time.as_ref(), last, now);
        session.resume.state = contents.state.clone().map(|Text(state)| state);
        session.resume.protocol.clone_from(&contents.protocol);
        session.resume.project.clone_from(&contents.project);
        session.restored = true;
        session
    }

    /// Whether it goes on from a record.
    #[must_use]
    pub const fn is_restored(&self) -> bool {
        self.restored
    }

    pub(crate) fn persist(&mut self, turn: &mut Turn, command: &Command) {
        let exchange = self.exchange_for(turn.now, command, Purpose::Store);
        let (id, deadline) = (exchange.id, exchange.deadline);
        turn.put(SessionOutput::Persist { id, record: Box::new(self.record()), deadline });
        self.exchanges.open(exchange);
    }

    pub(crate) fn erase(&mut self, turn: &mut Turn, command: &Command) {
        let exchange = self.exchange_for(turn.now, command, Purpose::Store);
        turn.put(SessionOutput::Erase { id: exchange.id, deadline: exchange.deadline });
        self.exchanges.open(exchange);
    }

    /// The record has been written or erased, or not.
    pub(crate) fn stored(
        &mut self,
        turn: &mut Turn,
        id: RequestId,
        result: core::result::Result<(), StoreFailure>,
    ) {
        let is_store = |purpose: &Purpose| matches!(purpose, Purpose::Store | Purpose::Intent { .. });
        let Some(exchange) = self.exchanges.take(id, is_store) else { return };
        let failure = match &result {
            Ok(()) => None,
            Err(StoreFailure::Taken(error) | StoreFailure::Failed(error) | StoreFailure::Unsure(error)) => {
                Some(error.clone())
            }
        };
        self.store_failure.clone_from(&failure);
        let is_intent = matches!(exchange.purpose, Purpose::Intent { .. });
        match (result, failure) {
            (Err(StoreFailure::Taken(_)), Some(error)) => {
                let fault = Fault::new(Failure::Conflict, error);
                self.fail(turn, exchange.command, fault, None, None);
            }
            (result, _) if is_intent => self.intent_stored(turn, exchange, result),
            (_, None) => turn.reply(exchange.command, Reply::Finished),
            (_, Some(error)) => self.fail(turn, exchange.command, Fault::from(error), None, None),
        }
    }

    /// The hosts that a token's own header names.
    fn route(&self, token: &Secret) -> Result<Routing> {
        let header = SatHeader::decode(token)?;
        self.routing(header.ch.as_deref())
    }
}
