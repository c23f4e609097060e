//! A store in a file that survives being killed at any instruction.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use satkeeper_core::secret::Secret;

use super::{Lease, Part, Store, StoreError, Written};
use disk::{Disk, beside, read, remove, rename, replace, sync_folder};
use hold::Hold;
use shared::SharedKey;

mod disk;
mod hold;
mod shared;

/// Keeps a session in a file, and its key beside it (`<file>.key.pem`, PKCS #8) or where
/// [`FileStore::shared_key`] says, readable by their owner only; a file that others can read is refused. While a session
/// uses it, the file itself is locked, whatever names and links lead to it: a second process is refused, since two
/// would spend the same one-time secrets. A holder that is none any more, because somebody has put another file in the
/// place of its own, notices that before it uses such a secret, and leaves theirs, record and key, as it is.
///
/// Each write goes to a temporary file that is flushed to the disk and takes the place of the old one at once:
/// whenever the process dies, the old record is there or the new one. On a file system that knows no locks (some
/// network ones) a second writer is still noticed, by what it has written; that, and a folder that cannot be flushed, is
/// told once. What is there and is no record is moved to `<file>.unusable-<unix seconds>`.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("satkeeper-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("session");
/// # use satkeeper_host as satkeeper;
/// use satkeeper::store::{FileStore, Store};
/// let store = FileStore::new(&path);
/// let mut lease = store.lease()?;
/// assert!(lease.load()?.is_none());
/// # drop(lease); std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), satkeeper::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
    shared_key: Option<PathBuf>,
}

impl FileStore {
    /// In this file; its folder must exist. Nothing is touched before a session begins.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), shared_key: None }
    }

    /// Keeps the key in this file, which other sessions may name as well: an RSA key is made once for all of
    /// them. The first that needs one makes it; `destroy()` of the last takes it along, while `<key>.users` tells
    /// whose sessions still need it. A session that has to switch to another kind of key keeps that one to itself.
    ///
    /// ```
    /// # use satkeeper_host as satkeeper;
    /// use satkeeper::store::FileStore;
    /// let alice = FileStore::new("alice.session").shared_key("gateway.key.pem");
    /// let bob = FileStore::new("bob.session").shared_key("gateway.key.pem");
    /// # let _ = (alice, bob);
    /// ```
    #[must_use]
    pub fn shared_key(self, path: impl Into<PathBuf>) -> Self {
        Self { shared_key: Some(path.into()), ..self }
    }
}

impl Store for FileStore {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        let record = hold::resolved(&self.path)?;
        let shared = self.shared_key.as_ref().map(|key| SharedKey::new(key, &record)).transpose()?;
        let hold = Hold::take(&record)?;
        Ok(Box::new(Leased {
            key: hold::resolved(&beside(&record, ".key.pem"))?,
            record,
            shared,
            seen: None,
            hold,
        }))
    }
}

struct Leased {
    /// Where all links have led to.
    record: PathBuf,
    key: PathBuf,
    shared: Option<SharedKey>,
    /// What was in the file when this lease last read or wrote it.
    seen: Option<Secret>,
    hold: Hold,
}

impl Lease for Leased {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        self.seen = read(&self.record)?;
        Ok(self.seen.clone())
    }

    fn save(&mut self, record: &Secret) -> Result<(), StoreError> {
        self.hold.check(&self.record)?;
        let there = read(&self.record)?;
        if there != self.seen
            && let Some(winner) = there
        {
            self.seen = Some(winner.clone());
            return Err(StoreError::Conflict(Written(winner)));
        }
        let written = replace(&self.record, record, &mut Disk::default(), |file| self.hold.prepare(file))?;
        self.hold.follow(written);
        self.seen = Some(record.clone());
        Ok(())
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        match (read(&self.key)?, &self.shared) {
            (None, Some(shared)) => shared.join(),
            (own, _) => Ok(own),
        }
    }

    fn save_key(&mut self, pem: &Secret) -> Result<(), StoreError> {
        self.hold.confirm(&self.record)?;
        match &self.shared {
            Some(shared) if shared.offer(pem)? => Ok(()),
            _ => replace(&self.key, pem, &mut Disk::default(), |_| {}).map(drop),
        }
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        self.hold.confirm(&self.record)?;
        self.seen = None;
        // The record first: without it the key opens nothing.
        remove(&self.record)?;
        remove(&self.key)?;
        // Gone is gone, flushed or not.
        let _ = sync_folder(&self.record);
        self.shared.as_ref().map_or(Ok(()), SharedKey::leave)
    }

    fn set_aside(&mut self, part: Part) -> Result<String, StoreError> {
        self.hold.confirm(&self.record)?;
        let path = if part == Part::Record { &self.record } else { &self.key };
        if part == Part::Key && !path.exists() {
            return Err(StoreError::Refused("the key is shared with other sessions".to_owned()));
        }
        let place = free_place(path);
        rename(path, &place)?;
        if part == Part::Record {
            self.seen = None;
            self.hold = Hold::take(&self.record)?;
        }
        Ok(place.display().to_string())
    }

    fn certain_for(&mut self) -> Duration {
        let is_ours = self.hold.is_locked() && self.hold.confirm(&self.record).is_ok();
        if is_ours { Duration::MAX } else { Duration::ZERO }
    }

    fn lacks(&mut self) -> Vec<String> {
        lacking(self.hold.is_locked(), sync_folder(&self.record))
    }
}

/// What is to be told of a file system without locks, or whose folders cannot be flushed.
fn lacking(is_locked: bool, flushed: io::Result<()>) -> Vec<String> {
    let unlocked = (!is_locked).then(|| {
        "its file system knows no locks: a second process is noticed only by what it writes".to_owned()
    });
    let unflushed = flushed.err().map(|error| {
        format!("its folder cannot be flushed ({error}): the last write may be lost with the power")
    });
    unlocked.into_iter().chain(unflushed).collect()
}

/// Where nothing is yet.
fn free_place(path: &Path) -> PathBuf {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut seconds = since.as_secs();
    loop {
        let place = beside(path, &format!(".unusable-{seconds}"));
        if !place.exists() {
            return place;
        }
        seconds += 1;
    }
}

#[cfg(all(test, unix))]
mod tests;
