//! Files of ours: read whole, replaced whole, gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use satkeeper_core::secret::Secret;

use crate::files::{self, Found};
use crate::private::private;
use crate::store::StoreError;

/// A larger file is no record and no key.
const MOST: u64 = 1 << 20;

/// Removes a file of ours and what a write of it may have left behind.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    for path in [path.to_owned(), beside(path, ".new")] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("erase", &path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads a whole file of ours; `None`: there is none, or nothing in it.
pub(super) fn read(path: &Path) -> Result<Option<Secret>, StoreError> {
    let there = is_file(path)?;
    if !there {
        return Ok(None);
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, &error)),
    };
    let facts = file.metadata().map_err(|error| failed("read", path, &error))?;
    if is_open_to_others(&facts) {
        let path = path.display();
        return Err(StoreError::Refused(format!("others can read {path}: `chmod 600` it, if it is yours")));
    }
    if facts.len() > MOST {
        return Err(StoreError::Unusable(format!("{} is larger than 1 MiB", path.display())));
    }
    let mut text = String::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    match file.take(MOST).read_to_string(&mut text) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(Secret::new(text))),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(StoreError::Unusable(format!("{} is no text", path.display())))
        }
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Whether there is something, which must be a file: looked at before it is opened, since opening a pipe waits for
/// somebody at its other end.
pub(super) fn is_file(path: &Path) -> Result<bool, StoreError> {
    match files::look(path).map_err(|error| failed("read", path, &error))? {
        Found::Nothing => Ok(false),
        Found::File => Ok(true),
        Found::Folder | Found::Special => Err(StoreError::Refused(format!("{} is no file", path.display()))),
    }
}

/// What a write does to the disk, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// What an earlier write has left behind.
    Clear,
    Create,
    WriteFirst,
    WriteRest,
    FlushFile,
    Rename,
    FlushFolder,
}

/// Makes these calls, and remembers them: tests look at what was done, and stop it anywhere.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) made: Vec<Call>,
    /// The process dies in place of this one, in tests.
    pub(super) dies_at: Option<Call>,
}

impl Disk {
    fn make<T>(&mut self, call: Call, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.dies_at == Some(call) {
            return Err(io::Error::other(format!("died before {call:?}")));
        }
        let done = act()?;
        self.made.push(call);
        Ok(done)
    }
}

/// Puts this text in the place of what is there, and returns the file that is there now. At no moment is there neither
/// the old nor the new. `prepare` sees the new one before it is there.
pub(super) fn replace(
    path: &Path,
    text: &Secret,
    disk: &mut Disk,
    prepare: impl FnOnce(&File),
) -> Result<File, StoreError> {
    if text.len() as u64 > MOST {
        return Err(StoreError::Refused("it would be larger than 1 MiB, and never be read again".to_owned()));
    }
    let temporary = beside(path, ".new");
    let failed_to = |what: &'static str| {
        let temporary = &temporary;
        move |error: io::Error| failed(what, temporary, &error)
    };
    // One that was left half written may have any mode.
    disk.make(Call::Clear, || clear(&temporary)).map_err(failed_to("write"))?;
    let create = || private(OpenOptions::new().write(true).create_new(true)).open(&temporary);
    let mut file = disk.make(Call::Create, create).map_err(failed_to("write"))?;
    let (first, rest) = text.expose().as_bytes().split_at(text.len() / 2);
    disk.make(Call::WriteFirst, || file.write_all(first)).map_err(failed_to("write"))?;
    disk.make(Call::WriteRest, || file.write_all(rest)).map_err(failed_to("write"))?;
    // Before it is there: a name that leads to nothing is worse than the old record.
    disk.make(Call::FlushFile, || sync_file(&file)).map_err(failed_to("flush"))?;
    prepare(&file);
    disk.make(Call::Rename, || fs::rename(&temporary, path)).map_err(failed_to("rename"))?;
    // It is there: that its folder cannot be flushed is no failed write, and is told when the store is taken.
    let _ = disk.make(Call::FlushFolder, || sync_folder(path));
    Ok(file)
}

fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// So that what was written survives the loss of power.
pub(super) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| failed("rename", from, &error))
}

/// So that a rename itself survives the loss of power.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix) { File::open(folder.unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
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

pub(super) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Failed(format!("it could not {what} {}: {error}", path.display()))
}
