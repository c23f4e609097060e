//! Writing that nobody waits for: a thread for each place, and before it a queue that is bounded in bytes. A pipe
//! that nobody reads, a terminal that is held, a disk that hangs stop that thread, and neither the session nor what
//! asks the program to end.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Most that waits to be written at one place, in bytes.
const MOST: usize = 1024 * 1024;

/// What a text costs besides its bytes: many short ones must not cost more than they seem to.
const OVERHEAD: usize = 64;

/// All there are, for [`finish`].
static WRITERS: Mutex<Vec<Writer>> = Mutex::new(Vec::new());

/// Writes in the background, in the order in which it was told to. Clones write to the same place.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// What is written in the place of so many texts for which there was no room.
    gap: fn(u64) -> String,
    /// Hears why nothing more is written.
    failed: Box<dyn Fn(io::Error) + Send + Sync>,
}

/// Opens a place to write to. That may take as long as writing.
type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Write>> + Send>;

/// Hears whether it could be opened.
type Tell = Box<dyn FnOnce(io::Result<()>) + Send>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Chunk>,
    /// Of what waits.
    bytes: usize,
    /// The thread has one in hand.
    busy: bool,
    /// Nothing can be written there any more.
    broken: bool,
}

enum Chunk {
    Text(String),
    /// So many texts are missing here.
    Gap(u64),
    /// What follows goes there.
    Open(Open, Tell),
}

impl Writer {
    /// Begins to write to what `open` opens, on a thread of its own: opening may take as long as writing. `gap` is
    /// written in the place of so many texts for which there was no room; `failed` hears why nothing more is written.
    pub(crate) fn start(
        open: impl FnOnce() -> io::Result<Box<dyn Write>> + Send + 'static,
        gap: fn(u64) -> String,
        failed: impl Fn(io::Error) + Send + Sync + 'static,
    ) -> Self {
        let queue = Queue { broken: true, ..Queue::default() };
        let failed = Box::new(failed);
        let shared = Shared { queue: Mutex::new(queue), changed: Condvar::new(), gap, failed };
        let writer = Self(Arc::new(shared));
        writer.reopen(open, drop);
        WRITERS.lock().unwrap_or_else(PoisonError::into_inner).push(writer.clone());
        writer
    }

    /// Writes to what `open` opens, from here on: what was told before goes where it went before. Where it cannot be
    /// opened, which `tell` hears, that goes on; where nothing could be written any more, this is a new beginning.
    pub(crate) fn reopen(
        &self,
        open: impl FnOnce() -> io::Result<Box<dyn Write>> + Send + 'static,
        tell: impl FnOnce(io::Result<()>) + Send + 'static,
    ) {
        let mut queue = self.queue();
        queue.waiting.push_back(Chunk::Open(Box::new(open), Box::new(tell)));
        let begins = std::mem::take(&mut queue.broken);
        drop(queue);
        self.0.changed.notify_all();
        let writing = self.clone();
        let write = move || {
            if let Err(error) = writing.write_all() {
                writing.give_up();
                (writing.0.failed)(error);
            }
        };
        if begins && thread::Builder::new().name("satkeeper-writer".to_owned()).spawn(write).is_err() {
            self.give_up();
        }
    }

    /// Standard error. A reader that has gone is no error: there is nobody left to tell.
    pub(crate) fn stderr() -> Self {
        static STDERR: OnceLock<Writer> = OnceLock::new();
        STDERR.get_or_init(|| Self::start(|| Ok(Box::new(io::stderr())), lines_missing, drop)).clone()
    }

    /// Standard output, for people. As [`Writer::stderr`].
    pub(crate) fn stdout() -> Self {
        static STDOUT: OnceLock<Writer> = OnceLock::new();
        STDOUT.get_or_init(|| Self::start(|| Ok(Box::new(io::stdout())), lines_missing, drop)).clone()
    }

    /// Has it written, unless there is no room: then it is counted. Whether it will be.
    pub(crate) fn write(&self, text: String) -> bool {
        let mut queue = self.queue();
        let cost = text.len().saturating_add(OVERHEAD);
        let fits = queue.waiting.is_empty() || queue.bytes.saturating_add(cost) <= MOST;
        if fits && !queue.broken {
            queue.put(text);
        } else if let Some(Chunk::Gap(missing)) = queue.waiting.back_mut() {
            *missing += 1;
        } else if !queue.broken {
            queue.waiting.push_back(Chunk::Gap(1));
        }
        drop(queue);
        self.0.changed.notify_all();
        fits
    }

    /// Has it written, whether there is room or not: the last word.
    pub(crate) fn insist(&self, text: String) {
        let mut queue = self.queue();
        if !queue.broken {
            queue.put(text);
        }
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Waits until all is written, nothing can be, or this moment has come.
    pub(crate) fn finish(&self, by: Instant) {
        let mut queue = self.queue();
        while !queue.broken && (queue.busy || !queue.waiting.is_empty()) {
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write_all(&self) -> io::Result<()> {
        let mut out: Option<Box<dyn Write>> = None;
        loop {
            let text = match self.next() {
                Chunk::Text(text) => text,
                Chunk::Gap(missing) => (self.0.gap)(missing),
                Chunk::Open(open, tell) => {
                    match open() {
                        Ok(opened) => {
                            out = Some(opened);
                            tell(Ok(()));
                        }
                        Err(error) if out.is_some() => tell(Err(error)),
                        Err(error) => return Err(error),
                    }
                    continue;
                }
            };
            if let Some(out) = &mut out {
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
        }
    }

    /// Waits for the next one.
    fn next(&self) -> Chunk {
        let mut queue = self.queue();
        queue.busy = false;
        self.0.changed.notify_all();
        loop {
            if let Some(chunk) = queue.waiting.pop_front() {
                if let Chunk::Text(text) = &chunk {
                    queue.bytes = queue.bytes.saturating_sub(text.len().saturating_add(OVERHEAD));
                }
                queue.busy = true;
                return chunk;
            }
            queue = self.0.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_up(&self) {
        *self.queue() = Queue { broken: true, ..Queue::default() };
        self.0.changed.notify_all();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn put(&mut self, text: String) {
        self.bytes = self.bytes.saturating_add(text.len().saturating_add(OVERHEAD));
        self.waiting.push_back(Chunk::Text(text));
    }
}

/// Gives all writers so long to write what waits. Then the program may end: it does not wait for their threads.
pub(crate) fn finish(within: Duration) {
    let by = Instant::now() + within;
    let writers = WRITERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for writer in writers {
        writer.finish(by);
    }
}

fn lines_missing(missing: u64) -> String {
    let lines = if missing == 1 { "1 line is".to_owned() } else { format!("{missing} lines are") };
    format!("({lines} missing here: nobody read them)\n")
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::{MOST, Writer, lines_missing};

    /// Writes one text for each permit, and reads as a pipe does that nobody reads.
    struct Slow(Receiver<()>, Arc<Mutex<String>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            self.1.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Writer, Sender<()>, Arc<Mutex<String>>, Receiver<io::ErrorKind>) {
        let (permit, permits) = channel();
        let (tell, told) = channel();
        let written = Arc::new(Mutex::new(String::new()));
        let paper = Arc::clone(&written);
        let open = || -> io::Result<Box<dyn Write>> { Ok(Box::new(Slow(permits, paper))) };
        let writer = Writer::start(open, lines_missing, move |error| tell.send(error.kind()).unwrap());
        (writer, permit, written, told)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn what_finds_no_room_is_counted_in_its_place() {
        let (writer, permit, written, _told) = slow();
        let line = format!("{}\n", "x".repeat(MOST / 8));
        let accepted = (0..20).filter(|_| writer.write(line.clone())).count();
        assert!((7..=9).contains(&accepted), "{accepted}, of which one may be in the thread's hands");
        assert_eq!(written.lock().unwrap().len(), 0, "and nobody has waited for it");
        writer.insist("the end\n".to_owned());
        // For what was accepted, the gap and the end.
        (0..accepted + 2).for_each(|_| permit.send(()).unwrap());
        writer.finish(soon());
        let missing = 20 - accepted;
        let end = format!("x\n({missing} lines are missing here: nobody read them)\nthe end\n");
        assert!(written.lock().unwrap().ends_with(&end));
        assert!(writer.write("again".to_owned()), "there is room again");
    }

    /// Keeps what is written, whole.
    struct Paper(Arc<Mutex<String>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_text_goes_where_it_was_told_to_go() {
        // survives W21
        let (writer, permit, first, told) = slow();
        let (second, (tell, opened)) = (Arc::new(Mutex::new(String::new())), channel());
        let paper = || {
            let paper = Arc::clone(&second);
            move || -> io::Result<Box<dyn Write>> { Ok(Box::new(Paper(paper))) }
        };
        let teller = || {
            let tell = tell.clone();
            move |came: io::Result<()>| tell.send(came.map_err(|error| error.kind())).unwrap()
        };
        writer.write("1\n".to_owned());
        writer.reopen(|| Err(io::ErrorKind::NotFound.into()), teller());
        writer.write("2\n".to_owned());
        writer.reopen(paper(), teller());
        writer.write("3\n".to_owned());
        assert_eq!((first.lock().unwrap().len(), second.lock().unwrap().len()), (0, 0), "the first is slow");
        (0..2).for_each(|_| permit.send(()).unwrap());
        writer.finish(soon());
        assert_eq!((first.lock().unwrap().as_str(), second.lock().unwrap().as_str()), ("1\n2\n", "3\n"));
        assert_eq!(opened.try_iter().collect::<Vec<_>>(), [Err(io::ErrorKind::NotFound), Ok(())]);

        // A place that could not be written to any more is left for one that can.
        let (writer, permit, _, told_of_it) = slow();
        drop(permit);
        writer.write("lost\n".to_owned());
        assert_eq!(told_of_it.recv().unwrap(), io::ErrorKind::BrokenPipe);
        writer.write("lost, too\n".to_owned());
        writer.reopen(paper(), teller());
        writer.write("4\n".to_owned());
        writer.finish(soon());
        assert_eq!(second.lock().unwrap().as_str(), "3\n4\n");
        assert!(told.try_recv().is_err() && told_of_it.try_recv().is_err());
    }

    #[test]
    fn the_end_waits_for_a_stuck_one_no_longer_than_it_may() {
        let (writer, _permit, written, _told) = slow();
        assert!(writer.write("never read".to_owned()));
        writer.finish(Instant::now() + Duration::from_millis(20));
        assert_eq!(*written.lock().unwrap(), "");
    }

    #[test]
    fn who_has_gone_is_told_once_and_waited_for_no_more() {
        let (writer, permit, _written, told) = slow();
        drop(permit);
        assert!(writer.write("into the void".to_owned()));
        assert_eq!(told.recv().unwrap(), io::ErrorKind::BrokenPipe);
        writer.write("more of it".to_owned());
        writer.insist("and more".to_owned());
        writer.finish(soon());
    }
}
