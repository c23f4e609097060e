//! The lease of one session, used from threads that may block: the newest write wins, whatever order they end in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Record, StoreFailure};

use crate::error::Error;
use crate::keys;
use crate::store::{Lease, Store, StoreError, Written};

/// How long a write may take that a session's end waits for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(2);

/// A session's own hold on its store. Cheap to clone; the lease ends with the last clone.
///
/// ```
/// use satkeeper_host::{keeper::Keeper, store::MemoryStore};
/// let store = MemoryStore::new();
/// let (keeper, kept) = Keeper::open(&store)?;
/// assert!(kept.record.is_none() && kept.key.is_none());
/// assert!(Keeper::open(&store).is_err(), "one at a time");
/// # drop(keeper);
/// # Ok::<(), satkeeper_host::Error>(())
/// ```
#[derive(Clone)]
pub struct Keeper(Arc<Shared>);

struct Shared {
    held: Mutex<Held>,
    /// Writes that were asked for.
    asked: AtomicU64,
}

struct Held {
    /// `None`: given back.
    lease: Option<Box<dyn Lease>>,
    /// The newest write that was done.
    done: u64,
    /// A key that could not be written so far.
    unsaved: Option<Secret>,
}

impl Held {
    fn save_key(&mut self) -> Result<(), StoreError> {
        let (Some(pem), Some(lease)) = (&self.unsaved, &mut self.lease) else { return Ok(()) };
        lease.save_key(pem)?;
        self.unsaved = None;
        Ok(())
    }
}

/// What a store had of a session.
pub struct Kept {
    /// The session.
    pub record: Option<Record>,
    /// Its key.
    pub key: Option<ProofKey>,
}

/// A write, in the order in which it was asked for.
pub struct Turn(u64);

impl Keeper {
    /// Takes the store and reads what is in it. A record or key that cannot be read is left as it is: it is for
    /// a person to decide what becomes of it.
    ///
    /// # Errors
    /// [`SessionError::Store`] where the store is in use or cannot be read, [`SessionError::DpopInit`] where its key
    /// is none.
    pub fn open(store: &dyn Store) -> Result<(Self, Kept), Error> {
        let mut lease = store.lease().map_err(|error| refused(&error))?;
        let record = lease.load().map_err(|error| refused(&error))?;
        let record = record.map(|text| Record::decode(text.expose().as_bytes())).transpose()?;
        let key = lease.load_key().map_err(|error| refused(&error))?;
        let key = key.map(|pem| keys::from_pkcs8_pem(pem.expose())).transpose()?;
        let shared = Shared {
            held: Mutex::new(Held { lease: Some(lease), done: 0, unsaved: None }),
            asked: AtomicU64::new(0),
        };
        Ok((Self(Arc::new(shared)), Kept { record, key }))
    }

    /// To be called where the write is asked for, not where it is done.
    #[must_use]
    pub fn turn(&self) -> Turn {
        Turn(self.0.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1))
    }

    /// Writes the record, unless a newer one has been written or all has been erased; and before it the key if
    /// that could not be written yet: a record of tokens whose key is lost is half a record. That half is written
    /// all the same, since a one-time secret may be in it; but the session hears that the write has failed, says
    /// so and repeats it (L25).
    ///
    /// # Errors
    /// [`StoreFailure::Conflict`] with what another holder has written, [`StoreFailure::Failed`].
    pub fn save(&self, turn: &Turn, record: &Record) -> Result<(), StoreFailure> {
        let mut held = self.held();
        if held.done > turn.0 {
            // What is there holds all that this does, or has been erased for good.
            return Ok(());
        }
        let key = held.save_key();
        if let Some(lease) = &mut held.lease {
            lease.save(&record.encode()).map_err(failure)?;
        }
        held.done = turn.0;
        key.map_err(|error| StoreFailure::Failed(store(&format!("the key could not be kept: {error}"))))
    }

    /// Erases record and key, for good.
    ///
    /// # Errors
    /// [`StoreFailure::Failed`].
    pub fn erase(&self) -> Result<(), StoreFailure> {
        let mut held = self.held();
        // Nothing that is still under way may bring it back (L41).
        held.done = u64::MAX;
        held.unsaved = None;
        held.lease.as_mut().map_or(Ok(()), |lease| lease.erase()).map_err(failure)
    }

    /// The session is over: another one may have the store, although a write that came too late still waits to find
    /// that out. Blocks while the newest write is being done, 2 s at most; then the store is free when that is.
    pub fn release(self) {
        let until = Instant::now() + PATIENCE;
        while Arc::strong_count(&self.0) > 1 && Instant::now() < until {
            if let Ok(mut held) = self.0.held.try_lock()
                && held.done >= self.0.asked.load(Ordering::SeqCst)
            {
                held.lease = None;
                return;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Keeps a new key, before its first use. Returns the one to be used in its place where another session that
    /// shares it was faster. A failure is told with the next record.
    fn keep_key(&self, pem: Secret) -> Option<ProofKey> {
        let mut held = self.held();
        if held.done == u64::MAX {
            return None;
        }
        held.unsaved = Some(pem);
        held.save_key().ok()?;
        let kept = held.lease.as_mut()?.load_key().ok().flatten()?;
        keys::from_pkcs8_pem(kept.expose()).ok()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A store that has panicked may still work.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `MakeKey` asks for: a key, kept before its first use. Where it cannot be kept it serves as long as this
/// process. Blocks while it is made, 60 to 200 ms for RSA.
///
/// ```
/// use satkeeper_host::keeper::make_key;
/// let key = make_key(None, satkeeper_core::lifecycle::KeyAlgorithm::Es256)?;
/// assert_eq!(key.thumbprint().len(), 43);
/// # Ok::<(), satkeeper_core::error::Error>(())
/// ```
///
/// # Errors
/// As [`keys::generate`].
pub fn make_key(keeper: Option<&Keeper>, algorithm: KeyAlgorithm) -> Result<ProofKey, SessionError> {
    let (key, pem) = keys::generate_to_keep(algorithm)?;
    Ok(keeper.and_then(|keeper| keeper.keep_key(pem)).unwrap_or(key))
}

fn store(message: &str) -> SessionError {
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

#[cfg(test)]
mod tests {
    use super::Keeper;
    use crate::store::MemoryStore;

    // survives S22
    #[test]
    fn a_write_that_came_too_late_does_not_hold_the_store() {
        let store = MemoryStore::new();
        let (keeper, _) = Keeper::open(&store).unwrap();
        // A thread has it still, and nothing to write that is not written.
        let late = keeper.clone();
        keeper.release();
        assert!(Keeper::open(&store).is_ok());
        drop(late);
    }
}
