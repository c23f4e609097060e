//! A store that lives as long as its process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use satkeeper_core::secret::Secret;

use super::{Lease, Store, StoreError};

/// Keeps a session in memory: across clients, not across processes. Clones share what is kept.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// use satkeeper::store::{MemoryStore, Store};
/// let store = MemoryStore::new();
/// let lease = store.lease()?;
/// assert!(store.lease().is_err(), "one at a time");
/// drop(lease);
/// assert!(store.lease().is_ok());
/// # Ok::<(), satkeeper::store::StoreError>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Slot>>);

#[derive(Default)]
struct Slot {
    leased: bool,
    record: Option<Secret>,
    key: Option<Secret>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        // A panic elsewhere leaves each value whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        let mut slot = self.slot();
        if std::mem::replace(&mut slot.leased, true) {
            return Err(StoreError::InUse);
        }
        Ok(Box::new(Leased(self.clone())))
    }
}

struct Leased(MemoryStore);

impl Lease for Leased {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(self.0.slot().record.clone())
    }

    fn save(&mut self, record: &Secret) -> Result<(), StoreError> {
        self.0.slot().record = Some(record.clone());
        Ok(())
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(self.0.slot().key.clone())
    }

    fn save_key(&mut self, pem: &Secret) -> Result<(), StoreError> {
        self.0.slot().key = Some(pem.clone());
        Ok(())
    }

    fn certain_for(&mut self) -> Duration {
        Duration::MAX
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        let mut slot = self.0.slot();
        (slot.record, slot.key) = (None, None);
        Ok(())
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        self.0.slot().leased = false;
    }
}
