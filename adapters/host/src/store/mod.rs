//! Where a session is kept between one process and the next: its record, and its key beside it.
//!
//! `Builder::store` takes one, `FileStore::new("/var/lib/my-app/alice.session")` for example. Killed at any
//! instruction, or put to rest by `Client::leave`, the next process goes on with the same tokens, key and session.

mod file;
mod memory;

use std::any::Any;
use std::time::Duration;

pub use file::FileStore;
pub use memory::MemoryStore;

use satkeeper_core::secret::Secret;

/// Why a store failed. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another session of this one, holds it.
    #[error("another session is using it")]
    InUse,
    /// Somebody has written since this session last read or wrote; what it wrote.
    #[error("another holder was faster")]
    Conflict(Written),
    /// It cannot be used as it is; nothing of it was touched.
    #[error("it is refused: {0}")]
    Refused(String),
    /// What is there is no record, or no key: a session cannot go on from it. Nothing of it was touched.
    #[error("it cannot be read: {0}")]
    Unusable(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Failed(String),
}

/// Bytes that another holder has written.
#[derive(Clone)]
pub struct Written(pub Secret);

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Written(..)")
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Written {}

/// One of the two things that a store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The session.
    Record,
    /// Its proof-of-possession key.
    Key,
}

/// Keeps one session. May block: it is called on a thread of its own, one call at a time. The errors of a store of your
/// own, and what it lacks, are told bounded and without long words: they may be the words of a database or a server, who
/// may repeat what they were given. Its [`name`](Store::name), and where something was set aside, are told as they are.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// use satkeeper::store::{MemoryStore, Part, Store};
/// let store = MemoryStore::new();
/// assert_eq!(store.name(), "the store");
/// assert!(store.lease()?.set_aside(Part::Record).is_err(), "unless a store can do it");
/// # Ok::<(), satkeeper::store::StoreError>(())
/// ```
pub trait Store: Any + Send + Sync {
    /// What errors call it, such as the path of its file.
    fn name(&self) -> String {
        "the store".to_owned()
    }

    /// Takes it for one session, until what is returned is dropped.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where somebody else has it.
    fn lease(&self) -> Result<Box<dyn Lease>, StoreError>;
}

/// The sole use of a [`Store`]. The session's record and its key are text; both are secrets.
pub trait Lease: Send + 'static {
    /// The record, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], [`StoreError::Refused`], [`StoreError::Failed`].
    fn load(&mut self) -> Result<Option<Secret>, StoreError>;

    /// Writes the record, whole or not at all, and so that it survives the loss of power. Before a secret is used
    /// that can be used only once, that is written down here first: so this is where a holder finds out that it is
    /// none any more.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where what is there is not what this lease has last read or written; it is left
    /// as it is, and counts as read. A write of this lease whose acknowledgement was lost is told from another's by what is
    /// there, so it may be told like one. [`StoreError::InUse`]: somebody else holds it by now. [`StoreError::Failed`].
    fn save(&mut self, record: &Secret) -> Result<(), StoreError>;

    /// The key, PKCS #8 in PEM, if there is one.
    ///
    /// # Errors
    /// As [`Lease::load`].
    fn load_key(&mut self) -> Result<Option<Secret>, StoreError>;

    /// Writes the key, as the record is written. A store whose keys are shared keeps the one that another session
    /// has made meanwhile: [`Lease::load_key`] tells which key to use.
    ///
    /// # Errors
    /// [`StoreError::InUse`]: somebody else holds it by now. [`StoreError::Failed`].
    fn save_key(&mut self, pem: &Secret) -> Result<(), StoreError>;

    /// Erases record and key; a key that other sessions use stays for them.
    ///
    /// # Errors
    /// [`StoreError::InUse`]: somebody else holds it by now. [`StoreError::Failed`].
    fn erase(&mut self) -> Result<(), StoreError>;

    /// Puts what cannot be read out of the way, whole, and says where it lies from now on.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where that cannot be done, which is so unless a store says otherwise.
    fn set_aside(&mut self, part: Part) -> Result<String, StoreError> {
        let _ = part;
        Err(StoreError::Refused("it cannot be set aside; a person has to".to_owned()))
    }

    /// How long from now on it is certain that nobody else holds it, also where nothing can be written: a lock of this
    /// machine's for as long as it is there ([`Duration::MAX`]), a lease that a server gives for what is left of it.
    /// Who is certain presents a secret that can be used only once although that could not be written down first, when its
    /// token is about to end; who is not mints a new token or waits (R12). Asked after a write that failed, on the
    /// store's thread. Default: not at all.
    fn certain_for(&mut self) -> Duration {
        Duration::ZERO
    }

    /// What this store cannot do although it should, in sentences. It is told once, and lived with.
    fn lacks(&mut self) -> Vec<String> {
        Vec::new()
    }
}
