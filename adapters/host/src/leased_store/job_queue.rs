//! What is to be done to a store, newest first where that is enough, and the lease to do it with.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Record, StoreFailure};

use super::{Tell, store};
use crate::keys;
use crate::store::{Lease, StoreError, Written};

/// Most of those who wait for one record to be written. Whoever came before them has given up.
const MOST_WAITING: usize = 8;

/// Most writes that are remembered although nobody said whether they have arrived.
const MOST_UNSAID: usize = 64;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

type Stored = Result<(), StoreFailure>;

/// The lease, and what a thread has to know beside it.
pub(super) struct Held {
    lease: Box<dyn Lease>,
    /// A key that could not be written so far.
    unsaved: Option<Secret>,
    /// For good: nothing is written any more.
    erased: bool,
    /// Digests of what was handed to the store without an acknowledgement, since the last that was acknowledged: found there
    /// later, it is no other holder's (R11).
    unsaid: VecDeque<Vec<u8>>,
}

/// What is to be done next.
pub(super) enum Job {
    Erase(Vec<Tell<Stored>>),
    Key(Secret, Tell<Option<ProofKey>>),
    Save(Box<Record>, VecDeque<Tell<Stored>>),
    Release(Tell<()>),
}

pub(super) struct JobQueue {
    /// Until then nobody else holds the store, by its own word.
    certain_until: Instant,
    /// Here while no thread has it; gone for good once it has been released.
    held: Option<Held>,
    /// The thread is at something since then.
    busy: Option<Instant>,
    /// There is a thread.
    has_thread: bool,
    erase: Option<Vec<Tell<Stored>>>,
    key: Option<(Secret, Tell<Option<ProofKey>>)>,
    record: Option<(Box<Record>, VecDeque<Tell<Stored>>)>,
    release: Option<Tell<()>>,
}

impl JobQueue {
    pub(super) fn new(lease: Box<dyn Lease>) -> Self {
        let mut held = Held { lease, unsaved: None, erased: false, unsaid: VecDeque::new() };
        Self {
            certain_until: held.certain_until(),
            held: Some(held),
            busy: None,
            has_thread: false,
            erase: None,
            key: None,
            record: None,
            release: None,
        }
    }

    pub(super) fn save(&mut self, record: Box<Record>, tell: Tell<Stored>) {
        let mut waiting = self.record.take().map_or_else(VecDeque::new, |(_, waiting)| waiting);
        if waiting.len() >= MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(tell);
        self.record = Some((record, waiting));
    }

    pub(super) fn erase(&mut self, tell: Tell<Stored>) {
        self.erase.get_or_insert_default().push(tell);
    }

    /// The newest key is the one.
    pub(super) fn keep_key(&mut self, pem: Secret, tell: Tell<Option<ProofKey>>) {
        self.key = Some((pem, tell));
    }

    pub(super) fn release(&mut self, tell: Tell<()>) {
        self.release = Some(tell);
    }

    pub(super) const fn busy_since(&self) -> Option<Instant> {
        self.busy
    }

    /// Whether a thread is to be started.
    pub(super) const fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.has_thread, true)
    }

    /// There is no thread to be had: what will not be done.
    pub(super) fn give_up(&mut self) -> Vec<Job> {
        self.has_thread = false;
        std::iter::from_fn(|| self.job()).collect()
    }

    /// What to do next, and with what. `None`: nothing; the thread goes.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Held, Job)> {
        let next = self.job().and_then(|job| Some((self.held.take()?, job)));
        self.busy = next.as_ref().map(|_| now);
        self.has_thread = next.is_some();
        next
    }

    /// `certain_until`: as it is known now.
    pub(super) fn give_back(&mut self, held: Held, certain_until: Instant) {
        self.held = Some(held);
        self.busy = None;
        self.certain_until = certain_until;
    }

    /// What is to be said of a store that does not answer.
    pub(super) fn unanswered(&self, error: SessionError) -> StoreFailure {
        unwritten(error, self.certain_until)
    }

    fn job(&mut self) -> Option<Job> {
        if let Some(waiting) = self.erase.take() {
            return Some(Job::Erase(waiting));
        }
        if let Some((pem, tell)) = self.key.take() {
            return Some(Job::Key(pem, tell));
        }
        if let Some((record, waiting)) = self.record.take() {
            return Some(Job::Save(record, waiting));
        }
        self.release.take().map(Job::Release)
    }
}

impl Job {
    /// Does it; what is returned tells those who wait for it.
    pub(super) fn carry_out(self, name: &str, held: &mut Held) -> Box<dyn FnOnce()> {
        match self {
            Self::Erase(waiting) => {
                held.erased = true;
                let erased = caught(|| held.lease.erase());
                let erased = erased.map_err(|error| failure(name, error, held.certain_until()));
                Box::new(move || tell_all(waiting, &erased))
            }
            Self::Key(pem, tell) => {
                let kept = if held.erased { None } else { held.keep_key(pem) };
                Box::new(move || tell(kept))
            }
            Self::Save(record, waiting) => {
                let saved = if held.erased { Ok(()) } else { held.save(name, &record) };
                Box::new(move || tell_all(waiting, &saved))
            }
            Self::Release(tell) => Box::new(move || tell(())),
        }
    }

    /// It will not be done.
    pub(super) fn fail(self, name: &str, why: &str) {
        match self {
            Self::Erase(waiting) => tell_all(waiting, &Err(StoreFailure::Failed(store(name, why)))),
            Self::Key(_, tell) => tell(None),
            Self::Save(_, waiting) => tell_all(waiting, &Err(StoreFailure::Failed(store(name, why)))),
            Self::Release(tell) => tell(()),
        }
    }
}

impl Held {
    fn keep_key(&mut self, pem: Secret) -> Option<ProofKey> {
        self.unsaved = Some(pem);
        caught(|| self.save_key()).ok()?;
        let kept = caught(|| self.lease.load_key()).ok().flatten()?;
        keys::from_pkcs8_pem(kept.expose()).ok()
    }

    fn save_key(&mut self) -> Result<(), StoreError> {
        let Some(pem) = &self.unsaved else { return Ok(()) };
        self.lease.save_key(pem)?;
        self.unsaved = None;
        Ok(())
    }

    fn save(&mut self, name: &str, record: &Record) -> Stored {
        let key = caught(|| self.save_key());
        let text = record.encode();
        if text.len() > Record::MOST {
            // It could be written, and never read again.
            let why = "the record is larger than 1 MiB and is not written";
            return Err(unwritten(store(name, why), self.certain_until()));
        }
        self.write(&text).map_err(|error| failure(name, error, self.certain_until()))?;
        key.map_err(|error| {
            let why = format!("the key could not be kept: {error}");
            unwritten(store(name, &why), self.certain_until())
        })
    }

    fn write(&mut self, text: &Secret) -> Result<(), StoreError> {
        let mut saved = caught(|| self.lease.save(text));
        if let Err(StoreError::Conflict(Written(there))) = &saved {
            if there == text {
                // This very write, which the store has repeated by itself.
                saved = Ok(());
            } else if self.unsaid.contains(&digest_of(there)) {
                // One of ours that had arrived after all. It counts as read: on with what is newer.
                saved = caught(|| self.lease.save(text));
            }
        }
        match &saved {
            Ok(()) => self.unsaid.clear(),
            Err(StoreError::Conflict(_) | StoreError::InUse) => {}
            Err(_) => {
                if self.unsaid.len() >= MOST_UNSAID {
                    self.unsaid.pop_front();
                }
                self.unsaid.push_back(digest_of(text));
            }
        }
        saved
    }

    /// Until when nobody else holds the store, by its own word.
    pub(super) fn certain_until(&mut self) -> Instant {
        let span = catch_unwind(AssertUnwindSafe(|| self.lease.certain_for())).unwrap_or_default();
        Instant::now() + span.min(YEAR)
    }
}

fn tell_all(waiting: impl IntoIterator<Item = Tell<Stored>>, came: &Stored) {
    waiting.into_iter().for_each(|tell| tell(came.clone()));
}

fn caught<T>(act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let panicked = |_| Err(StoreError::Failed("it panicked".to_owned()));
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(panicked)
}

fn digest_of(text: &Secret) -> Vec<u8> {
    digest(&SHA256, text.expose().as_bytes()).as_ref().to_vec()
}

/// Nothing says that somebody else holds it; whether that is certain decides what may be done without having written.
fn unwritten(error: SessionError, certain_until: Instant) -> StoreFailure {
    let is_certain = Instant::now() < certain_until;
    if is_certain { StoreFailure::Failed(error) } else { StoreFailure::Unsure(error) }
}

fn failure(name: &str, error: StoreError, certain_until: Instant) -> StoreFailure {
    match error {
        StoreError::Conflict(_) => StoreFailure::Taken(store(name, "somebody else has written to it")),
        StoreError::InUse => StoreFailure::Taken(store(name, &error.to_string())),
        error => unwritten(store(name, &error.to_string()), certain_until),
    }
}
