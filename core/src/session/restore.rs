//! Writing the record and going on from it (R11, R12, R30).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::error::{Error, Result};
use crate::lifecycle::{Command, Failure, Lifecycle, Reply};
use crate::secret::{Secret, Seed};
use crate::time::Now;
use crate::wire::http::HttpRequest;
use crate::wire::routing::Routing;
use crate::wire::sat::SatHeader;

use super::config::{Config, KeyChoice};
use super::event::SessionNews;
use super::exchanges::{Exchange, Purpose};
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

    /// A one-time secret is about to be presented: that is written down first (R12). The write has 2 s of its own, whatever
    /// is left of a token (R13), but for the last call before that ends.
    pub(super) fn write_intent(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        exchange: Exchange,
        request: HttpRequest,
    ) {
        if self.source.is_intended() {
            // It stands in the record since an attempt that went no further.
            return self.send(turn, exchange, request);
        }
        let now = turn.now.tick;
        let last_call = self.lifecycle.last_call();
        let own = now.after(self.lifecycle.policy().local);
        let deadline = if last_call.is_some_and(|last| last > now && last < own) {
            last_call.unwrap_or(own)
        } else {
            own
        };
        let mut intent = self.exchange_for(turn.now, command, Purpose::Intent);
        intent.deadline = deadline;
        let is_last = last_call.is_some_and(|last| last <= now) && self.is_store_failing;
        let id = intent.id;
        intent.next = Some(Box::new((exchange, request)));
        turn.put(SessionOutput::Persist { id, record: Box::new(self.record()), deadline });
        if is_last {
            return self.intent_failed(turn, intent, true);
        }
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
        let is_intent = exchange.next.is_some();
        self.is_store_failing = result.is_err();
        let (fault, is_certain) = match result {
            Ok(()) if is_intent => {
                self.source.intended();
                let Some(next) = exchange.next.take() else { return };
                let (request, to_send) = *next;
                if exchange.is_late(turn.now) {
                    return self.source.withdraw(request.id);
                }
                return self.send(turn, request, to_send);
            }
            Ok(()) => return turn.reply(exchange.command, Reply::Finished),
            Err(StoreFailure::Taken(error)) => (Fault::new(Failure::Conflict, error), false),
            Err(StoreFailure::Failed(error)) => (Fault::from(error), true),
            Err(StoreFailure::Unsure(error)) => (Fault::from(error), false),
        };
        if !is_intent || fault.failure == Failure::Conflict {
            return self.fail(turn, exchange.command, fault, None, None);
        }
        self.journal.fail(exchange.command, fault.error);
        self.intent_failed(turn, exchange, is_certain);
    }

    /// The intent could not be written. Who is certain that nobody else holds the session presents the secret from memory,
    /// but only at the last call: until then the store may come back. Who is not mints instead, or waits (R12).
    fn intent_failed(&mut self, turn: &mut Turn, mut intent: Exchange, is_certain: bool) {
        let Some(next) = intent.next.take() else { return };
        let (request, to_send) = *next;
        let is_last = self.lifecycle.last_call().is_none_or(|last| last <= turn.now.tick);
        if is_certain && is_last {
            turn.news(SessionNews::PresentedUnwritten, self.journal.known(intent.command));
            return self.send(turn, request, to_send);
        }
        self.source.withdraw(request.id);
        if !is_certain {
            return self.fail(turn, intent.command, Fault::no_secret(), None, None);
        }
        let message = "that the refresh token will be presented could not be written".to_owned();
        let error = self.journal.known(intent.command).unwrap_or(Error::Store { message });
        self.fail(turn, intent.command, Fault::from(error), None, None);
    }

    /// A store that does not answer has failed.
    pub(super) fn watch_intents(&mut self, turn: &mut Turn) {
        let now = turn.now;
        let is_due = |open: &Exchange| matches!(open.purpose, Purpose::Intent) && open.is_late(now);
        while let Some(intent) = self.exchanges.take_if(is_due) {
            self.is_store_failing = true;
            self.intent_failed(turn, intent, true);
        }
    }

    /// The hosts that a token's own header names.
    fn route(&self, token: &Secret) -> Result<Routing> {
        let header = SatHeader::decode(token)?;
        self.routing(header.ch.as_deref())
    }
}
