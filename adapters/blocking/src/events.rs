//! What a session tells its application, delivered to any number of receivers.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use satkeeper_core::session::SessionEvent;
use satkeeper_host::Missed;
use satkeeper_host::feed::{Feed, Item, Receiver};

/// The events of a session, from [`Client::events`](crate::Client::events).
///
/// Begins with what has happened so far, so that nothing is missed between connecting and asking, as far as 256 KiB
/// go (some thousand events); no further may it fall behind. As an iterator it waits for each event and ends with
/// the session.
///
/// ```no_run
/// # fn watch(client: satkeeper_blocking::Client) {
/// use satkeeper_blocking::{EventKind, Severity};
/// for event in client.events() {
///     // An error says how many were missed.
///     let Ok(event) = event else { continue };
///     match event.kind() {
///         EventKind::Survived { .. } => { /* live, perhaps again: what to do anew */ }
///         EventKind::ConnectionLost { .. } => { /* show it; a reconnect follows by itself */ }
///         EventKind::Expiring { ends_at, .. } => { /* ask the user to sign in before that */ }
///         EventKind::Teardown { reason } => println!("over: {}, {:?}", reason.name(), event.cause),
///         // For who is on call: codes are stable.
///         other if other.severity() >= Severity::Warning => println!("{} at {:?}", other.code(), event.at.unix),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Events(Receiver<SessionEvent>);

impl Events {
    pub(crate) fn of(feed: &Feed<SessionEvent>) -> Self {
        Self(feed.subscribe())
    }

    /// Waits for the next one, or how many were missed. `None` after the last one: the session is over.
    pub fn recv(&mut self) -> Option<Result<SessionEvent, Missed>> {
        self.recv_timeout(Duration::MAX).ok()
    }

    /// As `recv`, but for so long at most.
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`]; [`RecvTimeoutError::Disconnected`]: the session is over.
    pub fn recv_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Result<SessionEvent, Missed>, RecvTimeoutError> {
        take(&mut self.0, until(limit))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Iterator for Events {
    type Item = Result<SessionEvent, Missed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.recv()
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// When this time is over; `None`: never.
pub(crate) fn until(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}

/// The next item, until then at most.
pub(crate) fn take<T: Item>(
    receiver: &mut Receiver<T>,
    until: Option<Instant>,
) -> Result<Result<T, Missed>, RecvTimeoutError> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match receiver.poll_recv(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(item)) => return Ok(item),
            Poll::Ready(None) => return Err(RecvTimeoutError::Disconnected),
            // Who is woken for another reason looks again.
            Poll::Pending => match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return Err(RecvTimeoutError::Timeout),
                Some(left) => thread::park_timeout(left),
            },
        }
    }
}
