//! Files that are named on the command line, read whole.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Most that is read of one: what stands in its place may be a device that never ends.
const MOST: u64 = 1024 * 1024;

/// All of it.
///
/// # Errors
/// It cannot be read, or is longer than 1 MiB.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 1 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_without_an_end_is_refused() {
        use super::read;
        use std::path::Path;
        let refused = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(refused.contains("longer than 1 MiB"), "{refused}");
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
    }
}
