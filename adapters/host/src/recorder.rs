//! A session's run in a file, for whoever must find out what happened.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use satkeeper_core::Now;
use satkeeper_core::session::Session;
use tracing::warn;

use crate::error::Error;
use crate::files::{self, Found};
use crate::private::private;
use crate::random;

/// Most bytes that wait to be written.
const MOST_WAITING: usize = 1 << 20;

/// Writes down what the machine of a session hears and says ([`Session::record_run`]): after each step, and on a thread of
/// its own, so that a disk which hangs holds nobody up. What there is no room for is counted; a line `{"missing":3}`
/// stands in its place, and the run can be played up to there. Dropped, it ends when all has been written.
pub struct Recorder(Arc<Shared>);

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shared {
    backlog: Mutex<Backlog>,
    changed: Condvar,
}

#[derive(Default)]
struct Backlog {
    /// Lines that wait, each with its end.
    waiting: String,
    /// How many came after those, and found no room.
    missing: u64,
    /// Nothing comes any more.
    is_over: bool,
    /// Nothing is written any more: it could not be, or all has been.
    is_done: bool,
    /// Hears when that is so.
    tell: Option<Box<dyn FnOnce() + Send>>,
}

impl Recorder {
    /// Begins the run of a session that has not started, after what is in the file. A new one can be read by its
    /// owner only. Waits for the file to be opened, so long at most.
    ///
    /// # Errors
    /// [`Error::Setup`]: it is no file, or cannot be opened, or there is no randomness.
    pub fn begin(path: &Path, session: &mut Session, now: Now, within: Duration) -> Result<Self, Error> {
        let refused = |error: io::Error| Error::Setup {
            message: format!("the run's file {}: {error}", path.display()),
        };
        let recorder = Self(Arc::default());
        let (shared, place, (teller, told)) = (Arc::clone(&recorder.0), path.to_owned(), sync_channel(1));
        let run = move || match open(&place) {
            Ok(file) => {
                let _ = teller.send(Ok(()));
                shared.write_to(file);
            }
            Err(error) => drop(teller.send(Err(error))),
        };
        thread::Builder::new().name("satkeeper-run".to_owned()).spawn(run).map_err(refused)?;
        let opened = told.recv_timeout(within).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        opened.map_err(refused)?;
        session.record_run(now, random::bytes()?);
        recorder.write(session);
        Ok(recorder)
    }

    /// Has written what is new.
    pub fn write(&self, session: &mut Session) {
        let lines = session.take_run();
        if !lines.is_empty() {
            let mut backlog = self.0.backlog();
            lines.iter().for_each(|line| backlog.add(line));
            drop(backlog);
            self.0.changed.notify_one();
        }
    }

    /// The session is over. `tell` hears when all has been written, or cannot be.
    pub fn finish(self, tell: impl FnOnce() + Send + 'static) {
        let mut backlog = self.0.backlog();
        if backlog.is_done {
            drop(backlog);
            return tell();
        }
        backlog.tell = Some(Box::new(tell));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.0.backlog().is_over = true;
        self.0.changed.notify_one();
    }
}

/// Looked at before it is opened: to open a pipe takes until somebody reads it.
fn open(path: &Path) -> io::Result<File> {
    if matches!(files::look(path)?, Found::Folder | Found::Special) {
        return Err(io::Error::other("it is not a file"));
    }
    private(OpenOptions::new().append(true).create(true)).open(path)
}

impl Backlog {
    fn add(&mut self, line: &str) {
        // Room comes back all at once, when what waits is taken: what is missing is always newer than that.
        if self.missing > 0
            || (!self.waiting.is_empty() && self.waiting.len().saturating_add(line.len()) > MOST_WAITING)
        {
            self.missing = self.missing.saturating_add(1);
        } else if !self.is_done {
            self.waiting.push_str(line);
            self.waiting.push('\n');
        }
    }

    /// What is to be written next.
    fn take(&mut self) -> String {
        let mut text = std::mem::take(&mut self.waiting);
        let missing = std::mem::take(&mut self.missing);
        if missing > 0 {
            // Into memory: it cannot fail.
            let _ = writeln!(text, "{{\"missing\":{missing}}}");
        }
        text
    }
}

impl Shared {
    /// Nobody panics while he has it.
    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread does.
    fn write_to(&self, mut file: impl io::Write) {
        loop {
            let nothing = |backlog: &mut Backlog| {
                backlog.waiting.is_empty() && backlog.missing == 0 && !backlog.is_over
            };
            let waited = self.changed.wait_while(self.backlog(), nothing);
            let text = waited.unwrap_or_else(PoisonError::into_inner).take();
            if text.is_empty() {
                break;
            }
            if let Err(error) = file.write_all(text.as_bytes()) {
                warn!(target: "satkeeper", %error, "the run is not recorded any more");
                break;
            }
        }
        let mut backlog = self.backlog();
        backlog.is_done = true;
        let tell = backlog.tell.take();
        drop(backlog);
        if let Some(tell) = tell {
            tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_WAITING, Recorder, Shared};
    use satkeeper_core::Now;
    use satkeeper_core::secret::{Secret, Seed};
    use satkeeper_core::session::{Config, Credential, Provider, Session, SessionInput};
    use std::io;
    use std::path::PathBuf;
    use std::process::Command;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(30);

    fn session() -> Session {
        let config = Config::new(Provider::Static(Credential::new(Secret::new("token"))));
        Session::new(config, Seed::from_bytes([7; 32]))
    }

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("satkeeper-recorder-{name}-{}", std::process::id()))
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_its_place_is_refused_and_not_waited_for() {
        // survives W2
        let path = place("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = Recorder::begin(&path, &mut session(), Now::new(0, 0), SOON).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains("not a file") && error.contains("satkeeper-recorder-pipe"), "{error}");
    }

    #[test]
    fn what_is_said_is_in_the_file_when_it_is_told_to_be() {
        let (path, mut session) = (place("whole"), session());
        let now = Now::new(0, 0);
        let recorder = Recorder::begin(&path, &mut session, now, SOON).unwrap();
        let _ = session.step(now, SessionInput::Start);
        recorder.write(&mut session);
        let (teller, told) = channel();
        recorder.finish(move || teller.send(()).unwrap());
        told.recv_timeout(SOON).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    /// A disk that takes each write when it is let.
    struct Slow {
        begun: Sender<()>,
        gate: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.send(()).unwrap();
            self.gate.recv().map_err(io::Error::other)?;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_hangs_holds_nobody_up_and_leaves_a_gap_that_is_told() {
        // survives W2
        let recorder = Recorder(Arc::<Shared>::default());
        let ((begins, begun), (opens, gate), written) = (channel(), channel(), Arc::default());
        let (shared, slow) =
            (Arc::clone(&recorder.0), Slow { begun: begins, gate, written: Arc::clone(&written) });
        let writing = thread::spawn(move || shared.write_to(slow));
        let line = "x".repeat(MOST_WAITING / 8);
        let add = |count: usize| {
            let mut backlog = recorder.0.backlog();
            (0..count).for_each(|_| backlog.add(&line));
            drop(backlog);
            recorder.0.changed.notify_one();
        };
        add(1);
        begun.recv_timeout(SOON).unwrap();
        // While that one hangs.
        add(20);
        assert!(recorder.0.backlog().waiting.len() <= MOST_WAITING);
        opens.send(()).unwrap();
        begun.recv_timeout(SOON).unwrap();
        add(1);
        opens.send(()).unwrap();
        begun.recv_timeout(SOON).unwrap();
        opens.send(()).unwrap();
        let (teller, told) = channel();
        recorder.finish(move || teller.send(()).unwrap());
        told.recv_timeout(SOON).unwrap();
        writing.join().unwrap();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let told: Vec<&str> = text.lines().map(|it| if it == line { "line" } else { it }).collect();
        let expected = [&["line"; 8][..], &["{\"missing\":13}"], &["line"]].concat();
        assert_eq!(told, expected);
    }
}
