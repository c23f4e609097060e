//! A store in a file that survives being killed at any instruction.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use satkeeper_core::secret::Secret;

use super::{Lease, Store, StoreError, Written};
use crate::private::private;
use shared::SharedKey;

mod shared;

/// A larger file is no record and no key.
const MOST: u64 = 1 << 20;

/// Keeps a session in a file, and its key beside it (`<file>.key.pem`, PKCS #8) or where
/// [`FileStore::shared_key`] says, readable by their owner only; a file that others can read is refused. While a session uses it, `<file>.lock` is locked: a second
/// process is refused, since two would spend the same one-time secrets.
///
/// Each write goes to a temporary file that is flushed to the disk and takes the place of the old one at once:
/// whenever the process dies, the old record is there or the new one. On a file system that knows no locks (some
/// network ones) a second writer is still noticed, by what it has written.
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
    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        if self.path.file_name().is_none() {
            return Err(StoreError::Refused("its path names no file".to_owned()));
        }
        let path = beside(&self.path, ".lock");
        // Never removed: another process could hold the lock of a file that has no name any more.
        let lock = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&path)
            .map_err(|error| failed("lock", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse),
            // No locks here: who else writes is noticed by what is written.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed("lock", &error)),
        }
        let shared = self.shared_key.as_ref().map(|key| SharedKey::new(key, &self.path)).transpose()?;
        Ok(Box::new(Leased {
            record: self.path.clone(),
            key: beside(&self.path, ".key.pem"),
            shared,
            seen: None,
            _lock: lock,
        }))
    }
}

struct Leased {
    record: PathBuf,
    key: PathBuf,
    shared: Option<SharedKey>,
    /// What was in the file when this lease last read or wrote it.
    seen: Option<Secret>,
    /// The operating system lets go of it with the file, however the process ends.
    _lock: File,
}

impl Lease for Leased {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        self.seen = read(&self.record)?;
        Ok(self.seen.clone())
    }

    fn save(&mut self, record: &Secret) -> Result<(), StoreError> {
        let there = read(&self.record)?;
        if there != self.seen
            && let Some(winner) = there
        {
            self.seen = Some(winner.clone());
            return Err(StoreError::Conflict(Written(winner)));
        }
        replace(&self.record, record, Crash::NEVER)?;
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
        match &self.shared {
            Some(shared) if shared.offer(pem)? => Ok(()),
            _ => replace(&self.key, pem, Crash::NEVER),
        }
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        self.seen = None;
        // The record first: without it the key opens nothing.
        remove(&self.record)?;
        remove(&self.key)?;
        sync_folder(&self.record)?;
        self.shared.as_ref().map_or(Ok(()), SharedKey::leave)
    }
}

/// Removes a file of ours and what a write of it may have left behind.
fn remove(path: &Path) -> Result<(), StoreError> {
    for path in [path.to_owned(), beside(path, ".new")] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("erase", &error)),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a whole file of ours; `None`: there is none.
fn read(path: &Path) -> Result<Option<Secret>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", &error)),
    };
    let facts = file.metadata().map_err(|error| failed("read", &error))?;
    if !facts.is_file() {
        return Err(StoreError::Refused(format!("{} is no file", path.display())));
    }
    if is_open_to_others(&facts) {
        let path = path.display();
        return Err(StoreError::Refused(format!("others can read {path}: `chmod 600` it, if it is yours")));
    }
    if facts.len() > MOST {
        return Err(StoreError::Refused(format!("{} is larger than 1 MiB", path.display())));
    }
    let mut text = String::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    match file.take(MOST).read_to_string(&mut text) {
        Ok(_) => Ok(Some(Secret::new(text))),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(StoreError::Refused(format!("{} is no text", path.display())))
        }
        Err(error) => Err(failed("read", &error)),
    }
}

/// Where a write stops, in tests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Crash(u8);

impl Crash {
    const NEVER: Self = Self(u8::MAX);

    /// Whether the process dies before this step.
    fn at(self, step: u8) -> Result<(), StoreError> {
        if self == Self(step) { Err(StoreError::Failed(format!("crash at {step}"))) } else { Ok(()) }
    }
}

/// Puts this text in the place of what is there. At no moment is there neither the old nor the new.
fn replace(path: &Path, text: &Secret, crash: Crash) -> Result<(), StoreError> {
    let temporary = beside(path, ".new");
    crash.at(0)?;
    // One that was left half written may have any mode.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("write", &error)),
        _ => {}
    }
    crash.at(1)?;
    let mut file = private(OpenOptions::new().write(true).create_new(true))
        .open(&temporary)
        .map_err(|error| failed("write", &error))?;
    crash.at(2)?;
    let (first, rest) = text.expose().as_bytes().split_at(text.len() / 2);
    file.write_all(first).map_err(|error| failed("write", &error))?;
    crash.at(3)?;
    file.write_all(rest).map_err(|error| failed("write", &error))?;
    crash.at(4)?;
    file.sync_all().map_err(|error| failed("flush", &error))?;
    drop(file);
    crash.at(5)?;
    fs::rename(&temporary, path).map_err(|error| failed("rename", &error))?;
    crash.at(6)?;
    sync_folder(path)
}

/// So that the rename itself survives the loss of power.
fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix) {
        let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(|error| failed("flush", &error))?;
        folder.sync_all().map_err(|error| failed("flush", &error))?;
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(unix)]
fn is_open_to_others(facts: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    facts.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

fn failed(what: &str, error: &io::Error) -> StoreError {
    StoreError::Failed(format!("it could not {what}: {error}"))
}

#[cfg(all(test, unix))]
mod tests;
