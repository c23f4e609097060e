//! `satkeeper serve --requests`: what the server sees, written down line by line.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use satkeeper_fixtures::Seen;
use serde_json::json;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::exit::Failure;
use crate::terminal::Terminal;

type Sink = Box<dyn Write + Send>;

/// Where the records go: a file, or with `-` standard output.
pub(crate) fn open(path: &Path) -> Result<Sink, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdout()));
    }
    match File::create(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(Failure::usage(format!("--requests {}: {error}", path.display()))),
    }
}

/// A task that writes down what the server sees.
pub(crate) struct Recording {
    task: JoinHandle<()>,
    waiting: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Recording {
    pub(crate) fn begin(seen: broadcast::Receiver<Seen>, sink: Sink) -> Self {
        let (waiting, asked) = mpsc::unbounded_channel();
        Self { task: tokio::spawn(write_down(seen, asked, sink)), waiting }
    }

    /// Returns when all that the server has seen by now is written: what is said next comes after it.
    pub(crate) async fn catch_up(&self) {
        let (written, is_written) = oneshot::channel();
        if self.waiting.send(written).is_ok() {
            // A task that is gone can write no more, and has said so.
            let _ = is_written.await;
        }
    }

    /// The server has gone, and its end of the channel with it: what is left is written.
    pub(crate) async fn finish(self) {
        let _ = self.task.await;
    }
}

/// Most that is written in one piece, in bytes.
const PIECE: usize = 64 * 1024;

/// Writes every record as a line until the server is over, or until it can write no more. Where nobody reads it, it
/// waits on a thread of its own, and records beyond what the channel holds are counted as lost.
async fn write_down(
    mut seen: broadcast::Receiver<Seen>,
    mut asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    mut sink: Sink,
) {
    loop {
        let mut piece = tokio::select! {
            // Who asks is answered when nothing is left to write.
            biased;
            seen = seen.recv() => match seen {
                Ok(seen) => line(&seen),
                Err(RecvError::Lagged(lost)) => lost_line(lost),
                Err(RecvError::Closed) => return,
            },
            Some(written) = asked.recv() => {
                let _ = written.send(());
                continue;
            }
        };
        // What is there already goes with it.
        while piece.len() < PIECE {
            match seen.try_recv() {
                Ok(seen) => piece.push_str(&line(&seen)),
                Err(TryRecvError::Lagged(lost)) => piece.push_str(&lost_line(lost)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let writing = spawn_blocking(move || {
            // In one piece: answers to orders go to standard output, too.
            let written = sink.write_all(piece.as_bytes()).and_then(|()| sink.flush());
            written.map(|()| sink)
        });
        sink = match writing.await {
            Ok(Ok(sink)) => sink,
            Ok(Err(error)) => {
                return Terminal::stderr().error(&format!("--requests: {error}; nothing more is recorded"));
            }
            // The program ends.
            Err(_) => return,
        };
    }
}

fn line(seen: &Seen) -> String {
    format!("{}\n", serde_json::to_value(seen).unwrap_or_default())
}

fn lost_line(lost: u64) -> String {
    format!("{}\n", json!({"kind": "lost", "records": lost}))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use satkeeper_fixtures::{Seen, What};
    use tokio::sync::broadcast;

    use super::Recording;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn opened(socket: u64) -> Seen {
        Seen { n: socket, ms: 0, what: What::SocketOpened { socket, host: "relay.sw.test".to_owned() } }
    }

    #[tokio::test]
    async fn what_was_seen_is_written_before_the_next_word() {
        let (server, seen) = broadcast::channel(1_000);
        let written = Written::default();
        let recording = Recording::begin(seen, Box::new(written.clone()));
        let lines = || written.0.lock().unwrap().iter().filter(|byte| **byte == b'\n').count();
        for round in 1..=3 {
            for socket in 0..300 {
                server.send(opened(socket)).unwrap();
            }
            recording.catch_up().await;
            assert_eq!(lines(), round * 300);
        }
        server.send(opened(7)).unwrap();
        drop(server);
        recording.finish().await;
        assert_eq!(lines(), 901);
    }

    #[tokio::test]
    async fn who_waits_for_a_record_that_cannot_be_written_goes_on() {
        let (server, seen) = broadcast::channel(10);
        let recording = Recording::begin(seen, Box::new(Full));
        server.send(opened(1)).unwrap();
        recording.catch_up().await;
        recording.catch_up().await;
        recording.finish().await;
    }
}
