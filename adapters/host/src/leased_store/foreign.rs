//! Stores that are not ours: what they say may be somebody else's words, a database's or a server's, and nobody here
//! knows what these repeat.

use std::any::Any;
use std::time::Duration;

use satkeeper_core::secret::Secret;
use satkeeper_core::wire::text::Cleaner;

use crate::store::{FileStore, Lease, MemoryStore, Part, Store, StoreError};

/// Takes a store, so that whatever it says from here on is fit to be told.
pub(super) fn lease(store: &dyn Store) -> Result<Box<dyn Lease>, StoreError> {
    let whole: &dyn Any = store;
    if whole.is::<FileStore>() || whole.is::<MemoryStore>() {
        return store.lease();
    }
    let lease = store.lease().map_err(fit_to_tell)?;
    Ok(Box::new(Foreign(lease)))
}

struct Foreign(Box<dyn Lease>);

fn clean(text: &str) -> String {
    Cleaner::default().clean(text)
}

fn fit_to_tell(error: StoreError) -> StoreError {
    match error {
        StoreError::Refused(why) => StoreError::Refused(clean(&why)),
        StoreError::Unusable(why) => StoreError::Unusable(clean(&why)),
        StoreError::Failed(why) => StoreError::Failed(clean(&why)),
        error @ (StoreError::InUse | StoreError::Conflict(_)) => error,
    }
}

impl Lease for Foreign {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        self.0.load().map_err(fit_to_tell)
    }

    fn save(&mut self, record: &Secret) -> Result<(), StoreError> {
        self.0.save(record).map_err(fit_to_tell)
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        self.0.load_key().map_err(fit_to_tell)
    }

    fn save_key(&mut self, pem: &Secret) -> Result<(), StoreError> {
        self.0.save_key(pem).map_err(fit_to_tell)
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        self.0.erase().map_err(fit_to_tell)
    }

    fn set_aside(&mut self, part: Part) -> Result<String, StoreError> {
        // As its name: where that is, a person has to know, and it is the store that says so.
        let place = self.0.set_aside(part).map_err(fit_to_tell)?;
        Ok(Cleaner::default().clean_own(&place))
    }

    fn certain_for(&mut self) -> Duration {
        self.0.certain_for()
    }

    fn lacks(&mut self) -> Vec<String> {
        self.0.lacks().iter().map(|what| clean(what)).collect()
    }
}
