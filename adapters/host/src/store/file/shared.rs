//! One key file for several sessions, with the list of who uses it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use satkeeper_core::dpop::Algorithm;
use satkeeper_core::secret::Secret;

use super::disk::{Disk, beside, failed, read, remove, replace, sync_folder};
use super::hold::{lock, resolved};
use crate::keys;
use crate::private::private;
use crate::store::StoreError;

/// How long the lock is waited for: two seconds in all.
const TURNS: u32 = 200;
const TURN: Duration = Duration::from_millis(10);

/// A key that goes with its last user. Who uses it is told by `<key>.users`: one line each, the path of the
/// session's record. `<key>.lock` is locked while either is touched.
pub(super) struct SharedKey {
    key: PathBuf,
    user: String,
}

impl SharedKey {
    /// The key in this file, for the session of that record.
    pub(super) fn new(key: &Path, record: &Path) -> Result<Self, StoreError> {
        let user = record.to_str().filter(|path| !path.contains('\n'));
        let Some(user) = user else {
            return Err(StoreError::Refused("its path cannot be written into a list".to_owned()));
        };
        Ok(Self { key: resolved(key)?, user: user.to_owned() })
    }

    /// The key, if there is one; from now on this session is one of its users.
    pub(super) fn join(&self) -> Result<Option<Secret>, StoreError> {
        let _lock = self.lock()?;
        let there = read(&self.key)?;
        if there.is_some() {
            self.enter()?;
        }
        Ok(there)
    }

    /// Makes this the key, unless there is one already. Whether the session's key is the shared one now: one of
    /// another kind that is there stays, since others' tokens are bound to it.
    pub(super) fn offer(&self, pem: &Secret) -> Result<bool, StoreError> {
        let _lock = self.lock()?;
        let there = read(&self.key)?;
        if there.as_ref().is_some_and(|there| kind(there).is_none_or(|there| Some(there) != kind(pem))) {
            return Ok(false);
        }
        // A user before its key: a key without users would go with whoever leaves next.
        self.enter()?;
        if there.is_none() {
            replace(&self.key, pem, &mut Disk::default(), |_| {})?;
        }
        Ok(true)
    }

    /// This session uses it no more; the last one takes it along.
    pub(super) fn leave(&self) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let mut users = self.users()?;
        users.retain(|user| *user != self.user);
        if !users.is_empty() {
            return self.write(&users);
        }
        // The key first: a list that is empty while it is there would be a lie.
        remove(&self.key)?;
        remove(&self.list())?;
        // Gone is gone, flushed or not.
        let _ = sync_folder(&self.key);
        Ok(())
    }

    fn enter(&self) -> Result<(), StoreError> {
        let mut users = self.users()?;
        if users.contains(&self.user) {
            return Ok(());
        }
        users.push(self.user.clone());
        self.write(&users)
    }

    fn users(&self) -> Result<Vec<String>, StoreError> {
        let text = read(&self.list())?;
        Ok(text.iter().flat_map(|text| text.expose().lines()).map(str::to_owned).collect())
    }

    fn write(&self, users: &[String]) -> Result<(), StoreError> {
        let mut text = users.join("\n");
        text.push('\n');
        replace(&self.list(), &Secret::new(text), &mut Disk::default(), |_| {}).map(drop)
    }

    fn list(&self) -> PathBuf {
        beside(&self.key, ".users")
    }

    /// Waits for its turn: nobody holds it for longer than it takes to write two small files. Where there are no
    /// locks two sessions that begin at the same moment may both make a key; the first one stays.
    fn lock(&self) -> Result<File, StoreError> {
        let place = beside(&self.key, ".lock");
        let file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&place)
            .map_err(|error| failed("open", &place, &error))?;
        for _ in 0..TURNS {
            match lock(&file, &place) {
                Err(StoreError::InUse) => std::thread::sleep(TURN),
                locked => return locked.map(|_| file),
            }
        }
        Err(StoreError::InUse)
    }
}

fn kind(pem: &Secret) -> Option<Algorithm> {
    keys::from_pkcs8_pem(pem.expose()).ok().map(|key| key.algorithm())
}
