//! What there is at a path.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What there is, through links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A named pipe, a device, a socket: to open one may take until somebody is at its other end, and it keeps nothing.
    Special,
}

/// Looks, without opening it.
///
/// ```
/// use satkeeper_host::files::{Found, look};
/// assert_eq!(look("/no/such/thing".as_ref())?, Found::Nothing);
/// assert_eq!(look(&std::env::temp_dir())?, Found::Folder);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Whatever hinders the looking.
pub fn look(path: &Path) -> io::Result<Found> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Found::File),
        Ok(found) if found.is_dir() => Ok(Found::Folder),
        Ok(_) => Ok(Found::Special),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}
