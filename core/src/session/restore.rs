//! Writing the record and going on from it (L5, L30, L31).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::dpop::ProofKey;
use crate::error::{Error, Result};
use crate::lifecycle::{Command, Failure, Lifecycle, Reply, TokenFacts};
use crate::secret::{Secret, Seed};
use crate::time::{Now, Tick};
use crate::wire::http::HttpRequest;
use crate::wire::routing::Routing;
use crate::wire::sat::SatHeader;

use super::commands::assumed;
use super::config::{Config, KeyChoice};
use super::exchanges::{Exchange, Purpose};
use super::facts::SUBSCRIBER_LIFE;
use super::input::{RequestId, StoreFailure};
use super::journal::Fault;
use super::output::SessionOutput;
use super::record::{Contents, Record, Text, WrittenKey};
use super::turn::Turn;
use super::{Ids, Session, Source};

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

    /// A session that goes on where another process stopped, and has not started (L5). Give it a new seed, or in
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
        session.source = Source::restored(contents.one_time.as_ref(), now);
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

    pub(super) fn persist(&mut self, turn: &mut Turn, command: &Command) {
        let exchange = self.exchange_for(turn.now, command, Purpose::Store);
        let (id, deadline) = (exchange.id, exchange.deadline);
        turn.put(SessionOutput::Persist { id, record: Box::new(self.record()), deadline });
        self.exchanges.open(exchange);
    }

    pub(super) fn erase(&mut self, turn: &mut Turn, command: &Command) {
        let exchange = self.exchange_for(turn.now, command, Purpose::Store);
        turn.put(SessionOutput::Erase { id: exchange.id, deadline: exchange.deadline });
        self.exchanges.open(exchange);
    }

    /// A one-time secret is about to be presented: that is written down first (L31).
    pub(super) fn write_intent(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        exchange: Exchange,
        request: HttpRequest,
    ) {
        let left = turn.now.tick.until(command.deadline);
        let span = (left / 4).min(self.lifecycle.policy().local);
        let deadline = Tick(turn.now.tick.0.saturating_add(span));
        let mut intent = self.exchange_for(turn.now, command, Purpose::Intent);
        intent.next = Some(Box::new((exchange, request)));
        turn.put(SessionOutput::Persist { id: intent.id, record: Box::new(self.record()), deadline });
        self.exchanges.open(intent);
    }

    /// The record has been written or erased, or not.
    pub(super) fn stored(
        &mut self,
        turn: &mut Turn,
        id: RequestId,
        result: core::result::Result<(), StoreFailure>,
    ) {
        let is_store = |purpose: &Purpose| matches!(purpose, Purpose::Store | Purpose::Intent);
        let Some(mut exchange) = self.exchanges.take(id, is_store) else { return };
        let mut winners = None;
        let fault = match result {
            Ok(()) => None,
            Err(StoreFailure::Failed(error)) => Some(Fault::from(error)),
            Err(StoreFailure::Taken(error)) => Some(Fault::new(Failure::Conflict, error)),
            Err(StoreFailure::Conflict(winner)) => {
                winners = self.lost_to(&winner, turn.now);
                let message = "another holder of the record was faster".to_owned();
                Some(Fault::new(Failure::Conflict, Error::Store { message }))
            }
        };
        match (exchange.next.take(), fault) {
            (None, None) => turn.reply(exchange.command, Reply::Finished),
            (None, Some(fault)) => self.fail(turn, exchange.command, fault, None, None),
            // Another holder may have presented the secret.
            (Some(_), Some(fault)) if fault.failure == Failure::Conflict => match winners {
                Some(facts) => turn.reply(exchange.command, Reply::Token(facts)),
                None => self.fail(turn, exchange.command, fault, None, None),
            },
            (Some(next), _) if exchange.is_late(turn.now) => self.source.withdraw(next.0.id),
            // Where it cannot be written the session goes on in memory (L25).
            (Some(next), _) => {
                let (request, to_send) = *next;
                self.send(turn, request, to_send);
            }
        }
    }

    /// Another holder of the record was faster: its one-time secret is the newer one, and the token that came with
    /// that is as good as one of our own asking (L30).
    fn lost_to(&mut self, winner: &Record, now: Now) -> Option<TokenFacts> {
        let Record(winner) = winner;
        if winner.identity != self.config.provider.identity() {
            return None;
        }
        let secret = winner.one_time.as_ref()?;
        let is_newer = self.source.sent().is_none_or(|sent| sent < secret.sent);
        self.source.adopt(Some(secret), now);
        let base = winner.snapshot.newest_base()?;
        let written = winner.tokens.iter().find(|written| written.id == base)?;
        let key = winner.key.as_ref().map(|key| key.thumbprint.as_str());
        let is_usable = written.key.is_none() || key == self.keys.newest().map(ProofKey::thumbprint);
        if !is_newer || !is_usable {
            return None;
        }
        let token = self.admit(&written.token.0).ok()?;
        self.tokens.bind(token, written.key);
        let age = now.unix.0.saturating_sub(secret.sent.0);
        Some(assumed(token, SUBSCRIBER_LIFE.saturating_sub(age), true))
    }

    /// The hosts that a token's own header names.
    fn route(&self, token: &Secret) -> Result<Routing> {
        let header = SatHeader::decode(token)?;
        self.routing(header.ch.as_deref())
    }
}
