//! What a session tells its application, delivered to any number of receivers.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use satkeeper_core::session::{Notification, SessionEvent};
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
///         EventKind::Live { resumed: false, .. } => { /* a new session: register, place calls anew */ }
///         EventKind::SocketLost => { /* show it; a reconnect follows by itself */ }
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

/// The requests and events of the server that are not the session's own, from
/// [`Client::notifications`](crate::Client::notifications).
///
/// The first receiver of a session is given those that came before it, as far as 256 KiB go; later ones begin with
/// what comes after them. May fall behind by 4 MiB. Nothing is kept where nobody receives. As an iterator it waits
/// for each and ends with the session.
///
/// ```no_run
/// # fn watch(client: satkeeper_blocking::Client) {
/// for notification in client.notifications().flatten() {
///     println!("{}: {}", notification.method, notification.params_json());
/// }
/// # }
/// ```
pub struct Notifications(Receiver<Notification>);

macro_rules! receiver {
    ($name:ident, $item:ident) => {
        impl $name {
            pub(crate) fn of(feed: &Feed<$item>) -> Self {
                Self(feed.subscribe())
            }

            /// Waits for the next one, or how many were missed. `None` after the last one: the session is over.
            pub fn recv(&mut self) -> Option<Result<$item, Missed>> {
                self.recv_timeout(Duration::MAX).ok()
            }

            /// As `recv`, but for so long at most.
            ///
            /// # Errors
            /// [`RecvTimeoutError::Timeout`]; [`RecvTimeoutError::Disconnected`]: the session is over.
            pub fn recv_timeout(
                &mut self,
                limit: Duration,
            ) -> Result<Result<$item, Missed>, RecvTimeoutError> {
                take(&mut self.0, limit)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl Iterator for $name {
            type Item = Result<$item, Missed>;

            fn next(&mut self) -> Option<Self::Item> {
                self.recv()
            }
        }
    };
}

receiver!(Events, SessionEvent);
receiver!(Notifications, Notification);

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The next item, for so long at most.
fn take<T: Item>(receiver: &mut Receiver<T>, limit: Duration) -> Result<Result<T, Missed>, RecvTimeoutError> {
    let until = Instant::now().checked_add(limit);
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

#[cfg(test)]
mod tests {
    use super::Notifications;
    use satkeeper_core::session::Notification;
    use satkeeper_host::feed::Feed;
    use serde_json::value::RawValue;
    use std::sync::mpsc::RecvTimeoutError;
    use std::time::Duration;

    #[test]
    fn a_thread_that_waits_is_woken_by_what_comes_and_by_the_end() {
        let (publisher, feed) = Feed::of_notifications();
        let mut notifications = Notifications::of(&feed);
        let limit = Duration::from_millis(1);
        assert_eq!(notifications.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
        let waiting = std::thread::spawn(move || {
            let first = notifications.recv().map(|first| first.map(|first| first.method));
            (first, notifications.recv())
        });
        publisher.publish(Notification::new("ring", RawValue::NULL));
        drop(publisher);
        assert_eq!(waiting.join().expect("no panic"), (Some(Ok("ring".to_owned())), None));
    }
}
