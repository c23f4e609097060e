//! The hold of one session on its store. All that is done to the store is done by one thread, which is there only
//! while there is something to do: a store that hangs keeps that thread and nothing else.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Record, SessionEvent, StoreFailure};

use crate::error::Error;
use crate::keys;
use crate::store::{Lease, Store};

mod foreign;
mod job_queue;
mod opening;

use job_queue::{Job, JobQueue};

/// How long a store may take for what somebody waits for: the last write of a session, a key.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long a store may take to open.
pub const OPENING: Duration = Duration::from_secs(5);

/// Most stores that may be stuck in their opening at once, in this process: each keeps a thread until it returns.
const MOST_OPENING: usize = 1_024;

static OPENING_NOW: AtomicUsize = AtomicUsize::new(0);

/// Told once, by the store's thread.
type Tell<T> = Box<dyn FnOnce(T) + Send>;

/// A session's own hold on its store. Cheap to clone; the lease ends with the last clone.
///
/// ```
/// use satkeeper_host::{leased_store::LeasedStore, store::MemoryStore};
/// let store = MemoryStore::new();
/// let (leased, kept) = LeasedStore::open(Box::new(store.clone()))?;
/// assert!(kept.record.is_none() && kept.key.is_none());
/// assert!(LeasedStore::open(Box::new(store)).is_err(), "one at a time");
/// # drop(leased);
/// # Ok::<(), satkeeper_host::Error>(())
/// ```
#[derive(Clone)]
pub struct LeasedStore(Arc<Shared>);

struct Shared {
    /// What errors call the store.
    name: String,
    jobs: Mutex<JobQueue>,
}

/// What a store had of a session.
#[derive(Debug)]
pub struct StoredSession {
    /// The session.
    pub record: Option<Record>,
    /// Its key.
    pub key: Option<ProofKey>,
    /// What the application is to be told of the store before anything else.
    pub notices: Vec<SessionEvent>,
}

impl fmt::Debug for LeasedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeasedStore").field("store", &self.0.name).finish_non_exhaustive()
    }
}

impl LeasedStore {
    /// Takes the store and reads what is in it; waits for that, [`OPENING`] at most. A record or key that cannot be
    /// read is set aside and told of in [`StoredSession::notices`]: the session begins anew.
    ///
    /// # Errors
    /// [`SessionError::Store`] where the store is in use, is refused, cannot be read, or does not answer;
    /// [`SessionError::DpopInit`] where a key that is shared with other sessions is none.
    pub fn open(store: Box<dyn Store>) -> Result<(Self, StoredSession), Error> {
        Self::open_within(store, OPENING)
    }

    /// The same; waits so long at most.
    ///
    /// # Errors
    /// As [`LeasedStore::open`].
    pub fn open_within(store: Box<dyn Store>, limit: Duration) -> Result<(Self, StoredSession), Error> {
        let (name, (teller, told)) = (store.name(), sync_channel(1));
        // Who has stopped waiting drops what has been opened, and so lets go of it.
        Self::open_and(store, move |opened| drop(teller.send(opened)));
        match told.recv_timeout(limit) {
            Ok(opened) => opened,
            Err(_) => Err(does_not_open(&name, limit)),
        }
    }

    /// The same on a thread of its own, without waiting: `tell` hears what came of it. For whoever waits by other
    /// means; [`does_not_open`] is the error once they have waited long enough.
    pub fn open_and(
        store: Box<dyn Store>,
        tell: impl FnOnce(Result<(Self, StoredSession), Error>) + Send + 'static,
    ) {
        let name = store.name();
        let others = OPENING_NOW.fetch_add(1, Ordering::SeqCst);
        let counted = Counted;
        if others >= MOST_OPENING {
            return tell(Err(refused(&name, "too many stores do not answer")));
        }
        // Told of here where there is no thread for it.
        let tell = Arc::new(Mutex::new(Some(tell)));
        let told = Arc::clone(&tell);
        let open = move || {
            let opened = catch_unwind(AssertUnwindSafe(|| opening::open(store.as_ref())));
            let opened = opened.unwrap_or_else(|_| Err(refused(&store.name(), "it panicked")));
            drop(counted);
            if let Some(tell) = lock(&told).take() {
                tell(opened);
            }
        };
        if let Err(error) = spawn(open)
            && let Some(tell) = lock(&tell).take()
        {
            tell(Err(refused(&name, &error)));
        }
    }

    fn new(name: String, lease: Box<dyn Lease>) -> Self {
        Self(Arc::new(Shared { name, jobs: Mutex::new(JobQueue::new(lease)) }))
    }

    /// Writes the record, and before it the key if that could not be written yet: a record of tokens whose key is
    /// lost is half a record. That half is written all the same, since a one-time secret may be in it; but the
    /// session hears that the write has failed, says so and repeats it (R13).
    ///
    /// While another write is under way it waits, and gives way to a newer one, which holds all that this does: then
    /// both hear what came of that. Once all has been erased there is nothing to write.
    pub fn save(&self, record: Box<Record>, tell: impl FnOnce(Result<(), StoreFailure>) + Send + 'static) {
        self.ask(|jobs| jobs.save(record, Box::new(tell)));
    }

    /// Erases record and key, for good: nothing that is still under way may bring them back (R33).
    pub fn erase(&self, tell: impl FnOnce(Result<(), StoreFailure>) + Send + 'static) {
        self.ask(|jobs| jobs.erase(Box::new(tell)));
    }

    /// Keeps a new key, before its first use. Tells the one to be used in its place where another session that shares
    /// it was faster; `None`: it is the one, or could not be kept, which is told with the next record.
    pub fn keep_key(&self, pem: Secret, tell: impl FnOnce(Option<ProofKey>) + Send + 'static) {
        self.ask(|jobs| jobs.keep_key(pem, Box::new(tell)));
    }

    /// The session is over: another one may have the store, once what is being done to it is done. `tell` hears
    /// when that is so; how long to wait for it, [`LeasedStore::patience`] says.
    pub fn release(self, tell: impl FnOnce(()) + Send + 'static) {
        self.ask(|jobs| jobs.release(Box::new(tell)));
    }

    /// What is left of [`PATIENCE`] for what is being done to the store.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let since = self.jobs().busy_since();
        since.map_or(PATIENCE, |since| PATIENCE.saturating_sub(since.elapsed()))
    }

    /// What is said for a write that has not been answered in time: whether somebody else may hold the store by now, it has
    /// said when it answered last.
    #[must_use]
    pub fn unanswered(&self, why: &str) -> StoreFailure {
        self.jobs().unanswered(store(&self.0.name, why))
    }

    /// What errors call the store.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Notes something to be done, and sees to it that a thread does it.
    fn ask(&self, note: impl FnOnce(&mut JobQueue)) {
        let mut jobs = self.jobs();
        note(&mut jobs);
        if !jobs.begins() {
            return;
        }
        drop(jobs);
        let shared = Arc::clone(&self.0);
        if let Err(why) = spawn(move || shared.work()) {
            let jobs = self.jobs().give_up();
            jobs.into_iter().for_each(|job| job.fail(&self.0.name, &why));
        }
    }

    fn jobs(&self) -> MutexGuard<'_, JobQueue> {
        lock(&self.0.jobs)
    }
}

impl Shared {
    /// What the thread does: one thing after the other until there is nothing to do.
    fn work(&self) {
        loop {
            let Some((mut held, job)) = lock(&self.jobs).next(Instant::now()) else { return };
            if let Job::Release(tell) = job {
                drop(held);
                tell(());
                continue;
            }
            let tell = job.carry_out(&self.name, &mut held);
            let certain_until = held.certain_until();
            lock(&self.jobs).give_back(held, certain_until);
            tell();
        }
    }
}

/// What `MakeKey` asks for: a key, kept before its first use. Where it cannot be kept within [`PATIENCE`] it serves as
/// long as this process. Blocks while it is made, 60 to 200 ms for RSA.
///
/// ```
/// use satkeeper_host::leased_store::make_key;
/// let key = make_key(None, satkeeper_core::lifecycle::KeyAlgorithm::Es256)?;
/// assert_eq!(key.thumbprint().len(), 43);
/// # Ok::<(), satkeeper_core::error::Error>(())
/// ```
///
/// # Errors
/// As [`keys::generate`].
pub fn make_key(leased: Option<&LeasedStore>, algorithm: KeyAlgorithm) -> Result<ProofKey, SessionError> {
    let (key, pem) = keys::generate_to_keep(algorithm)?;
    let Some(leased) = leased else { return Ok(key) };
    let (teller, told) = sync_channel(1);
    leased.keep_key(pem, move |kept| drop(teller.send(kept)));
    Ok(told.recv_timeout(PATIENCE).ok().flatten().unwrap_or(key))
}

/// A store that has not opened within this time.
///
/// ```
/// use satkeeper_host::leased_store::{OPENING, does_not_open};
/// let error = does_not_open("/mnt/alice.session", OPENING);
/// assert!(error.to_string().contains("/mnt/alice.session: it did not open within 5s"));
/// ```
#[must_use]
pub fn does_not_open(name: &str, within: Duration) -> Error {
    refused(name, &format!("it did not open within {within:?}"))
}

fn refused(name: &str, why: &str) -> Error {
    Error::Session(store(name, why))
}

fn store(name: &str, why: &str) -> SessionError {
    SessionError::Store { message: format!("{name}: {why}") }
}

/// A thread of our own: those of a runtime are for what ends by itself.
fn spawn(act: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let spawned = thread::Builder::new().name("satkeeper-store".to_owned()).spawn(act);
    spawned.map(drop).map_err(|error| format!("there is no thread for it: {error}"))
}

/// A store that has panicked may still work.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One opening that is under way, until it is dropped.
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        OPENING_NOW.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod doubt_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unreadable_tests;
