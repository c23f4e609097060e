//! What a session tells its application, delivered to any number of receivers.

use std::fmt;
use std::future::poll_fn;

use satkeeper_core::session::SessionEvent;
use satkeeper_host::Missed;
use satkeeper_host::feed::{Feed, Receiver};

/// The events of a session, from [`Client::events`](crate::Client::events).
///
/// Begins with what has happened so far, so that nothing is missed between connecting and asking, as far as 256 KiB
/// go (some thousand events); no further may it fall behind.
///
/// ```no_run
/// # async fn watch(client: satkeeper::Client) {
/// use satkeeper::{EventKind, Severity};
/// let mut events = client.events();
/// while let Some(event) = events.recv().await {
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

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn of(feed: &Feed<SessionEvent>) -> Self {
        Self(feed.subscribe())
    }

    /// The next event, or how many were missed. `None` after the last one, `Teardown`. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<SessionEvent, Missed>> {
        poll_fn(|context| self.0.poll_recv(context)).await
    }
}
