//! Writing the record and going on from it (R11, R30). This stands with the machine: each part has its share of the record.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::error::{Error, Result};
use crate::lifecycle::{Command, Lifecycle};
use crate::secret::{Secret, Seed};
use crate::time::Now;
use crate::wire::routing::Routing;
use crate::wire::sat::SatHeader;

use crate::session::Session;
use crate::session::connection::resume::Resume;
use crate::session::ids::Ids;
use crate::session::record::store::Store;
use crate::session::record::{Contents, Record, WrittenKey};
use crate::session::requests::Purpose;
use crate::session::secrets::refresh_token::RefreshToken;
use crate::session::turn::Turn;
use crate::session::vocabulary::config::{Config, KeyChoice};
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::output::SessionOutput;

impl Session {
    /// All of the session that outlives its process. What [`SessionOutput::Persist`] carries.
    #[must_use]
    pub fn record(&self) -> Record {
        let mut contents = Contents::new(
            &self.config.provider,
            self.inner.lifecycle.snapshot(),
            self.secrets.tokens.newest(),
            self.ids.counters(),
        );
        contents.tokens = self.secrets.tokens.written();
        contents.forgotten = self.secrets.tokens.forgotten();
        self.resume.write(&mut contents);
        contents.one_time = self.secrets.refresh_token.written();
        contents.key = self.secrets.keys.newest().map(|key| WrittenKey {
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
                session.secrets.tokens.take_over(written, routing);
            }
        }
        session.secrets.tokens.remember(&contents.forgotten, contents.newest);
        let snapshot = contents.snapshot.clone().only(|id| session.secrets.tokens.get(id).is_some());
        session.inner.lifecycle =
            Lifecycle::restore(Arc::clone(&session.config.policy), &seed, &snapshot, now);
        let lifecycle = &session.inner.lifecycle;
        session.secrets.tokens.forget(|id| lifecycle.holds(id));
        session.ids = Ids::resumed(seed, contents.counters);
        let last = RequestId(session.ids.counters().requests);
        session.secrets.refresh_token = RefreshToken::restored(contents.one_time.as_ref(), last, now);
        session.resume = Resume::restored(contents);
        session.store = Store::restored();
        session
    }

    /// Whether it goes on from a record.
    #[must_use]
    pub const fn is_restored(&self) -> bool {
        self.store.is_restored()
    }

    pub(super) fn persist(&mut self, turn: &mut Turn, command: &Command) {
        let pending = self.pending_for(turn.now, command, Purpose::Store);
        let (id, deadline) = (pending.id, pending.deadline);
        turn.put(SessionOutput::Persist { id, record: Box::new(self.record()), deadline });
        self.pending.open(pending);
    }

    pub(super) fn erase(&mut self, turn: &mut Turn, command: &Command) {
        let pending = self.pending_for(turn.now, command, Purpose::Store);
        turn.put(SessionOutput::Erase { id: pending.id, deadline: pending.deadline });
        self.pending.open(pending);
    }

    /// The hosts that a token's own header names.
    fn route(&self, token: &Secret) -> Result<Routing> {
        let header = SatHeader::decode(token)?;
        self.routing(header.ch.as_deref())
    }
}
