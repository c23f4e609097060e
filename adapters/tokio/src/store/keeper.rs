//! The lease of one session, used from blocking threads: the newest write wins, whatever order they end in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Record, StoreFailure};

use super::{Lease, Store, StoreError, Written};
use crate::error::Error;
use crate::keys;

/// Shared by the driver's tasks; the lease ends with the last of them.
#[derive(Clone)]
pub(crate) struct Keeper(Arc<Shared>);

struct Shared {
    held: Mutex<Held>,
    /// Writes that were asked for.
    asked: AtomicU64,
}

struct Held {
    lease: Box<dyn Lease>,
    /// The newest write that was done.
    done: u64,
}

/// What a store had of a session.
pub(crate) struct Kept {
    pub(crate) record: Option<Record>,
    pub(crate) key: Option<ProofKey>,
}

/// A write, in the order in which it was asked for.
pub(crate) struct Turn(u64);

impl Keeper {
    /// Takes the store and reads what is in it. A record or key that cannot be read is left as it is: it is for
    /// a person to decide what becomes of it.
    pub(crate) fn open(store: &dyn Store) -> Result<(Self, Kept), Error> {
        let mut lease = store.lease().map_err(|error| refused(&error))?;
        let record = lease.load().map_err(|error| refused(&error))?;
        let record = record.map(|text| Record::decode(text.expose().as_bytes())).transpose()?;
        let key = lease.load_key().map_err(|error| refused(&error))?;
        let key = key.map(|pem| keys::from_pkcs8_pem(pem.expose())).transpose()?;
        let shared = Shared { held: Mutex::new(Held { lease, done: 0 }), asked: AtomicU64::new(0) };
        Ok((Self(Arc::new(shared)), Kept { record, key }))
    }

    /// To be called where the write is asked for, not where it is done.
    pub(crate) fn turn(&self) -> Turn {
        Turn(self.0.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1))
    }

    pub(crate) fn save(&self, turn: &Turn, record: &Record) -> Result<(), StoreFailure> {
        let mut held = self.held();
        if held.done > turn.0 {
            // What is there holds all that this does, or has been erased for good.
            return Ok(());
        }
        held.lease.save(&record.encode()).map_err(failure)?;
        held.done = turn.0;
        Ok(())
    }

    pub(crate) fn erase(&self) -> Result<(), StoreFailure> {
        let mut held = self.held();
        // Nothing that is still under way may bring it back (L41).
        held.done = u64::MAX;
        held.lease.erase().map_err(failure)
    }

    pub(crate) fn save_key(&self, pem: &Secret) -> Result<(), StoreError> {
        let mut held = self.held();
        if held.done == u64::MAX { Ok(()) } else { held.lease.save_key(pem) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A store that has panicked may still work.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn store(message: &str) -> SessionError {
    SessionError::Store { message: message.to_owned() }
}

fn refused(error: &StoreError) -> Error {
    Error::Session(store(&error.to_string()))
}

fn failure(error: StoreError) -> StoreFailure {
    match error {
        StoreError::Conflict(Written(text)) => match Record::decode(text.expose().as_bytes()) {
            Ok(winner) => StoreFailure::Conflict(Box::new(winner)),
            Err(error) => StoreFailure::Failed(error),
        },
        error => StoreFailure::Failed(store(&error.to_string())),
    }
}
