//! The lock on a record, which goes with its file and not with one of its names.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{failed, is_file};
use crate::private::private;
use crate::store::StoreError;

/// As many links as an operating system follows.
const MOST_LINKS: usize = 40;

/// As often as a file may be replaced between being opened and being locked.
const MOST_TRIES: usize = 10;

/// Where all symbolic links of this path lead to: two names of one record must not look like two records. There may be
/// nothing yet.
pub(super) fn resolved(path: &Path) -> Result<PathBuf, StoreError> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Some(name) = path.file_name() else {
            return Err(StoreError::Refused("its path names no file".to_owned()));
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).map_err(|error| failed("find", folder, &error))?;
        let full = folder.join(name);
        match fs::symlink_metadata(&full) {
            Ok(facts) if facts.file_type().is_symlink() => {
                let to = fs::read_link(&full).map_err(|error| failed("follow", &full, &error))?;
                path = folder.join(to);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("find", &full, &error));
            }
            _ => return Ok(full),
        }
    }
    Err(StoreError::Refused("its path leads through too many links".to_owned()))
}

/// A locked record. The operating system lets go of it with its files, however the process ends.
pub(super) struct Hold {
    current: File,
    /// Those that were replaced and have other names still: hard links, which lead to a record that is used up.
    older: Vec<File>,
    locked: bool,
}

impl Hold {
    /// Locks the record; one that is not there yet is made, empty.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        for _ in 0..MOST_TRIES {
            is_file(path)?;
            let mut options = OpenOptions::new();
            let current = private(options.read(true).write(true).create(true).truncate(false))
                .open(lock_path(path))
                .map_err(|error| failed("open", path, &error))?;
            let locked = lock(&current, path)?;
            // One that its holder has replaced before it was locked is of no use.
            if is_at(&current, path)? {
                return Ok(Self { current, older: Vec::new(), locked });
            }
        }
        Err(StoreError::InUse)
    }

    pub(super) const fn is_locked(&self) -> bool {
        self.locked
    }

    /// That no other file is in the place of the record. What lies beside it would be that one's, and whether its
    /// holder has gone meanwhile does not matter: what it has left has not been read here.
    pub(super) fn confirm(&self, path: &Path) -> Result<(), StoreError> {
        if self.is_ours(path)? { Ok(()) } else { Err(StoreError::InUse) }
    }

    fn is_ours(&self, path: &Path) -> Result<bool, StoreError> {
        Ok(!is_file(path)? || is_at(&self.current, path)?)
    }

    /// Whether this still is who may write there: somebody may have removed the file, or put another in its place. One
    /// that nobody holds is taken over, to be read first.
    pub(super) fn check(&mut self, path: &Path) -> Result<(), StoreError> {
        if self.is_ours(path)? {
            return Ok(());
        }
        let there = OpenOptions::new().read(true).write(true).open(path);
        let there = there.map_err(|error| failed("open", path, &error))?;
        self.locked = lock(&there, path)?;
        self.follow(there);
        if is_at(&self.current, path)? { Ok(()) } else { Err(StoreError::InUse) }
    }

    /// Locks the file that will take the place of the record, while nobody else knows of it.
    pub(super) fn prepare(&self, next: &File) {
        if self.locked && LOCKS_ITSELF {
            // What can be locked here once can be locked again.
            let _ = next.try_lock();
        }
    }

    /// The record is this file from now on.
    pub(super) fn follow(&mut self, next: File) {
        if !LOCKS_ITSELF {
            return;
        }
        let before = std::mem::replace(&mut self.current, next);
        if has_names(&before) {
            self.older.push(before);
        }
    }
}

impl Drop for Hold {
    /// To close the files is not enough: a child that another thread has just forked has them as well, until it has
    /// become another program, and whoever wants the store next would find it in use.
    fn drop(&mut self) {
        for file in self.older.iter().chain([&self.current]) {
            // An error: there are no locks here.
            let _ = file.unlock();
        }
    }
}

/// Takes the lock on a file; `false`: there are no locks here, and who else writes is noticed by what is written.
pub(super) fn lock(file: &File, path: &Path) -> Result<bool, StoreError> {
    judge(file.try_lock(), path)
}

fn judge(locked: Result<(), TryLockError>, path: &Path) -> Result<bool, StoreError> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) if knows_no_locks(&error) => Ok(false),
        Err(TryLockError::Error(error)) => Err(failed("lock", path, &error)),
    }
}

/// Network file systems without a lock manager say so in several ways.
fn knows_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOLCK) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// A lock hinders nobody who does not ask for it: the record can be locked itself.
#[cfg(unix)]
const LOCKS_ITSELF: bool = true;

/// Who has not locked a file cannot read it: the lock is on another one, which is never removed.
#[cfg(not(unix))]
const LOCKS_ITSELF: bool = false;

fn lock_path(path: &Path) -> PathBuf {
    if LOCKS_ITSELF { path.to_owned() } else { super::disk::beside(path, ".lock") }
}

/// Whether the path leads to this very file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> Result<bool, StoreError> {
    use std::os::unix::fs::MetadataExt as _;
    let facts = file.metadata().map_err(|error| failed("find", path, &error))?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (facts.dev(), facts.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("find", path, &error)),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> Result<bool, StoreError> {
    Ok(true)
}

#[cfg(unix)]
fn has_names(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().is_ok_and(|facts| facts.nlink() > 0)
}

#[cfg(not(unix))]
fn has_names(_: &File) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Hold, judge};
    use crate::store::StoreError;
    use std::fs::TryLockError;
    use std::io::Error;
    use std::path::Path;

    #[test]
    fn who_lets_go_lets_go_whoever_was_forked_meanwhile() {
        // proves R11.4
        let path = std::env::temp_dir().join(format!("satkeeper-forked-{}", std::process::id()));
        let mut hold = Hold::take(&path).unwrap();
        // What a fork does to the files of a process.
        let before = hold.current.try_clone().unwrap();
        let next = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        std::fs::hard_link(&path, path.with_extension("other")).unwrap();
        hold.follow(next);
        assert_eq!(Hold::take(&path).err(), Some(StoreError::InUse));
        drop(hold);
        assert!(Hold::take(&path).is_ok());
        drop(before);
        for path in [path.with_extension("other"), path] {
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_file_system_without_locks_is_lived_with() {
        // survives W4
        let said = |error: TryLockError| judge(Err(error), Path::new("/mnt/session"));
        let failed = |errno| said(TryLockError::Error(Error::from_raw_os_error(errno)));
        for errno in [libc::ENOLCK, libc::ENOTSUP, libc::EOPNOTSUPP, libc::ENOSYS] {
            assert_eq!(failed(errno), Ok(false), "{errno}");
        }
        assert!(matches!(failed(libc::EIO), Err(StoreError::Failed(why)) if why.contains("/mnt/session")));
        assert_eq!(said(TryLockError::WouldBlock), Err(StoreError::InUse));
        assert_eq!(judge(Ok(()), Path::new("/mnt/session")), Ok(true));
    }
}
