//! A session's run in a file, for whoever must find out what happened.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use satkeeper_core::Now;
use satkeeper_core::session::Session;
use tracing::warn;

use crate::error::Error;
use crate::private::private;
use crate::random;

/// Writes down what the machine of a session hears and says ([`Session::record_run`]): after each step, so that all
/// is there whatever becomes of the process. Blocks for as long as a write into the system's cache takes.
#[derive(Debug)]
pub struct Tape {
    /// `None`: it cannot be written any more; the session goes on without.
    file: Option<File>,
}

impl Tape {
    /// Begins the run of a session that has not started, after what is in the file. A new one can be read by its
    /// owner only.
    ///
    /// # Errors
    /// [`Error::Setup`]: the file cannot be made, or there is no randomness.
    pub fn begin(path: &Path, session: &mut Session, now: Now) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        let opened = private(&mut options).open(path);
        let file = opened.map_err(|error| Error::Setup { message: format!("the run's file: {error}") })?;
        session.record_run(now, random::bytes()?);
        let mut tape = Self { file: Some(file) };
        tape.write(session);
        Ok(tape)
    }

    /// Writes what is new.
    pub fn write(&mut self, session: &mut Session) {
        let mut text = session.take_run().join("\n");
        let Some(file) = self.file.as_mut().filter(|_| !text.is_empty()) else { return };
        text.push('\n');
        if let Err(error) = file.write_all(text.as_bytes()) {
            warn!(target: "satkeeper", %error, "the run is not recorded any more");
            self.file = None;
        }
    }
}
