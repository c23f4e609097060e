//! From settings that are in order to a session: the one that was kept, or a new one.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use satkeeper_core::Now;
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::secret::Seed;
use satkeeper_core::session::{Config, KeyChoice, Provider, Session, SessionEvent, SessionNews};

use crate::error::Error;
use crate::leased_store::{LeasedStore, OPENING, StoredSession};
use crate::proxy::Proxies;
use crate::recorder::Recorder;
use crate::store::Store;

/// Settings that are in order: what [`Settings::validate`](super::Settings::validate) returns, see [`ProviderChoice`](super::ProviderChoice) for an example.
pub struct ValidatedSettings {
    pub(super) config: Config,
    pub(super) connect_timeout: Duration,
    pub(super) seed: Seed,
    pub(super) store: Option<Box<dyn Store>>,
    pub(super) ca_pem: Option<Vec<u8>>,
    pub(super) proxies: Proxies,
    pub(super) record_to: Option<PathBuf>,
}

/// A session that has not started, and what its driver writes: what [`ValidatedSettings::open`] returns, see [`ProviderChoice`](super::ProviderChoice) for an
/// example.
#[derive(Debug)]
pub struct Opened {
    /// The one that was kept, or a new one.
    pub session: Session,
    /// The hold on its store, if it has one.
    pub store: Option<LeasedStore>,
    /// Its run, if that is recorded.
    pub recorder: Option<Recorder>,
    /// What the application is to be told first.
    pub notices: Vec<SessionEvent>,
}

impl fmt::Debug for ValidatedSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidatedSettings").field("config", &self.config).finish_non_exhaustive()
    }
}

impl ValidatedSettings {
    /// Whom to trust beside the platform's certificate authorities, for [`Tls::new`](crate::tls::Tls::new).
    #[must_use]
    pub fn ca_pem(&self) -> Option<&[u8]> {
        self.ca_pem.as_deref()
    }

    /// How long the session may take to come to be: as was said, else 30 s, or 90 s where the application's own
    /// provider is asked once. It may have to ask a person, and has 60 s for that.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Which way to go.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        self.proxies.clone()
    }

    /// How long the store may take to open, and the file of the run: a start has a limit, and they are part of it.
    #[must_use]
    pub fn opening(&self) -> Duration {
        OPENING.min(self.connect_timeout)
    }

    /// The session that was kept, or a new one. Reads and writes files; waits for the store.
    ///
    /// # Errors
    /// As [`LeasedStore::open`] and [`ValidatedSettings::open_with`].
    pub fn open(mut self, now: Now) -> Result<Opened, Error> {
        let within = self.opening();
        let kept = self.take_store().map(|store| LeasedStore::open_within(store, within)).transpose()?;
        self.open_with(kept, now)
    }

    /// Its store, for those who open that by other means than waiting, with [`LeasedStore::open_and`].
    pub fn take_store(&mut self) -> Option<Box<dyn Store>> {
        self.store.take()
    }

    /// The session that was kept, or a new one. Reads and writes the file that its run is recorded to, if it is.
    ///
    /// # Errors
    /// [`Error::StoreOfAnother`] where another's session is kept there, or one of another kind of provider; as
    /// [`Recorder::begin`].
    pub fn open_with(self, kept: Option<(LeasedStore, StoredSession)>, now: Now) -> Result<Opened, Error> {
        let within = self.opening();
        let Self { config, seed, record_to, store: _, connect_timeout: _, ca_pem: _, proxies: _ } = self;
        let (mut session, store, notices) = match kept {
            None => (Session::new(config, seed), None, Vec::new()),
            Some((store, mut kept)) => {
                let mut notices = std::mem::take(&mut kept.notices);
                notices.iter_mut().for_each(|told| told.at = now);
                let session = go_on(config, seed, kept, &store, now, &mut notices)?;
                (session, Some(store), notices)
            }
        };
        let recorder = record_to.map(|path| Recorder::begin(&path, &mut session, now, within)).transpose()?;
        Ok(Opened { session, store, recorder, notices })
    }
}

/// The session that was kept, or a new one where nothing of it is of use, which is told.
fn go_on(
    config: Config,
    seed: Seed,
    kept: StoredSession,
    store: &LeasedStore,
    now: Now,
    notices: &mut Vec<SessionEvent>,
) -> Result<Session, Error> {
    let Some(record) = kept.record else { return Ok(Session::new(config, seed)) };
    // One mistyped name, or one token for another, must not cost anybody's session. Who begins to say whose tokens
    // their own functions bring may keep the store that they have.
    let ours = config.provider.whose();
    let begins_to_say = record.whose().is_none() && matches!(config.provider, Provider::Callback { .. });
    if record.whose() != ours.as_deref() && !begins_to_say {
        let theirs = record.whose().unwrap_or("an application that does not say whose").to_owned();
        return Err(Error::StoreOfAnother { store: store.name().to_owned(), theirs });
    }
    let fits = |key: &ProofKey| match config.key {
        KeyChoice::Auto => true,
        KeyChoice::Fixed(algorithm) => algorithm == key.algorithm().into(),
        // A key of the application's own, or none.
        _ => false,
    };
    let restored = match kept.key.filter(fits) {
        // Whether its kind is proved, the record knows.
        Some(key) => config.clone().key(KeyChoice::Held { key, proved: false }),
        None => config.clone(),
    };
    let session = Session::restore(restored, seed.clone(), &record, now);
    if session.is_restored() {
        return Ok(session);
    }
    let why = match &config.provider {
        Provider::Static(_) => "the token that its session began with is another",
        _ => "nobody had said whose session it keeps",
    };
    let cause = SessionError::Store { message: format!("{}: {why}", store.name()) };
    notices.push(SessionEvent::new(now, SessionNews::RecordUnused, Some(cause)));
    Ok(Session::new(config, seed))
}
