//! Where a session is kept between one process and the next: its record, and its key beside it.
//!
//! `Builder::store` takes one, `FileStore::new("/var/lib/my-app/alice.session")` for example. Killed at any
//! instruction, the next process goes on with the same tokens, key and session.

mod file;
mod memory;

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

/// Keeps one session. May block: it is called on a thread of its own.
pub trait Store: Send + Sync + 'static {
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
    /// [`StoreError::Refused`], [`StoreError::Failed`].
    fn load(&mut self) -> Result<Option<Secret>, StoreError>;

    /// Writes the record, whole or not at all, and so that it survives the loss of power.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where what is there is not what this lease has last read or written; it is left
    /// as it is, and counts as read. [`StoreError::Failed`].
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
    /// [`StoreError::Failed`].
    fn save_key(&mut self, pem: &Secret) -> Result<(), StoreError>;

    /// Erases record and key; a key that other sessions use stays for them.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn erase(&mut self) -> Result<(), StoreError>;
}
