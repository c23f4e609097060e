//! What a session tells its application, for any number of receivers: one queue of items, on which each receiver has
//! its cursor.
//!
//! The driver never waits for a receiver, and nothing is lost in silence: the queue has a budget in bytes, and whoever
//! is so far behind that items fell out of it is told how many, once. Nothing is kept that nobody can come to read.
//!
//! It wakes by [`Waker`]s and by nothing else, so that tasks and threads can wait for it alike.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use satkeeper_core::session::{Notification, SessionEvent};

mod item;
mod queue;

pub use item::Item;
pub use queue::{BEFORE_THE_FIRST, EVENTS, NOTIFICATIONS};

use queue::{Queue, Replay};

/// What a receiver has lost by falling behind.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// let missed = satkeeper::Missed::new(3, 4_096);
/// assert_eq!(missed.to_string(), "3 items of 4096 bytes in all were missed: the receiver fell behind");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{items} items of {bytes} bytes in all were missed: the receiver fell behind")]
#[non_exhaustive]
pub struct Missed {
    /// How many, whatever a filter would have let through.
    pub items: u64,
    /// How many bytes they took.
    pub bytes: u64,
}

impl Missed {
    /// For tests of receivers; feeds make their own.
    #[must_use]
    pub const fn new(items: u64, bytes: u64) -> Self {
        Self { items, bytes }
    }
}

/// Where receivers come from. Cheap to clone.
///
/// ```
/// use std::task::{Context, Poll, Waker};
/// use satkeeper_core::session::Notification;
/// use satkeeper_host::feed::Feed;
/// let (publisher, feed) = Feed::of_notifications();
/// publisher.publish(Notification::new("ring", &serde_json::value::to_raw_value(&1)?));
/// let (mut first, mut second) = (feed.subscribe(), feed.subscribe());
/// let mut context = Context::from_waker(Waker::noop());
/// assert!(matches!(first.poll_recv(&mut context), Poll::Ready(Some(Ok(ring))) if ring.method == "ring"));
/// assert!(second.poll_recv(&mut context).is_pending(), "what came before was the first one's");
/// drop(publisher);
/// assert_eq!(second.poll_recv(&mut context), Poll::Ready(None));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Feed<T>(Arc<Mutex<Queue<T>>>);

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

/// Who tells. When it is dropped, nothing comes any more.
pub struct Publisher<T: Item>(Feed<T>);

impl<T: Item> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

/// One receiver; see [`Feed`] for an example.
pub struct Receiver<T: Item> {
    feed: Feed<T>,
    name: u64,
}

impl<T: Item> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl Feed<SessionEvent> {
    /// Events, as far as [`EVENTS`] goes, for whoever comes.
    #[must_use]
    pub fn of_events() -> (Publisher<SessionEvent>, Self) {
        Self::new(Replay::Everybody)
    }
}

impl Feed<Notification> {
    /// Notifications: before the first receiver as far as [`BEFORE_THE_FIRST`] goes, and for that one; then as far as
    /// [`NOTIFICATIONS`] goes, where a receiver has still to read them.
    #[must_use]
    pub fn of_notifications() -> (Publisher<Notification>, Self) {
        Self::new(Replay::TheFirst)
    }
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Feed<T> {
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        // Each change is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Item> Feed<T> {
    fn new(replay: Replay) -> (Publisher<T>, Self) {
        let feed = Self(Arc::new(Mutex::new(Queue::new(replay))));
        (Publisher(feed.clone()), feed)
    }

    /// One more receiver, also after the end.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let name = self.queue().subscribe();
        Receiver { feed: self.clone(), name }
    }
}

impl<T: Item> Publisher<T> {
    /// Where its receivers come from.
    #[must_use]
    pub fn feed(&self) -> Feed<T> {
        self.0.clone()
    }

    /// One more item.
    pub fn publish(&self, item: T) {
        let woken = self.0.queue().put(item);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<T: Item> Drop for Publisher<T> {
    fn drop(&mut self) {
        let woken = self.0.queue().finish();
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<T: Item> Receiver<T> {
    /// The next item, or how many were missed; `None` after the last one.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Missed>>> {
        let mut queue = self.feed.queue();
        match queue.take(self.name) {
            Some(Ok(item)) => {
                drop(queue);
                Poll::Ready(Some(Ok(Arc::unwrap_or_clone(item))))
            }
            Some(Err(missed)) => Poll::Ready(Some(Err(missed))),
            None if queue.is_over() => Poll::Ready(None),
            None => {
                let before = queue.wait(self.name, context.waker().clone());
                drop(queue);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl<T: Item> Drop for Receiver<T> {
    fn drop(&mut self) {
        let cursor = self.feed.queue().unsubscribe(self.name);
        drop(cursor);
    }
}

#[cfg(test)]
mod tests;
