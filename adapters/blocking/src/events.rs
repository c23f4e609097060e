//! What a session tells its application, delivered to any number of receivers.
//!
//! The driver must never wait for a receiver, and nothing may be lost in silence: so each receiver has a bounded
//! queue, and one that falls behind is told how much it missed.

use std::collections::VecDeque;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use satkeeper_core::session::{Notification, SessionEvent};
use satkeeper_host::Missed;
use satkeeper_host::history::{History, QUEUE};

/// The events of a session, from [`Client::events`](crate::Client::events).
///
/// Begins with what has happened so far (the last 256 events), so that nothing is missed between connecting and
/// asking. May fall behind by 1024 events. As an iterator it waits for each event and ends with the session.
///
/// ```no_run
/// # fn watch(client: satkeeper_blocking::Client) {
/// for event in client.events() {
///     match event {
///         Ok(event) => println!("{:?}, because of {:?}", event.event, event.cause),
///         Err(missed) => println!("{missed}"),
///     }
/// }
/// # }
/// ```
pub struct Events(Arc<Queue<SessionEvent>>);

/// The requests and events of the server that are not the session's own, from
/// [`Client::notifications`](crate::Client::notifications).
///
/// The first receiver of a session is given those that came before it (the last 64), later ones begin with what
/// comes after them. May fall behind by 1024. As an iterator it waits for each and ends with the session.
///
/// ```no_run
/// # fn watch(client: satkeeper_blocking::Client) {
/// for notification in client.notifications().flatten() {
///     println!("{}: {}", notification.method, notification.params);
/// }
/// # }
/// ```
pub struct Notifications(Arc<Queue<Notification>>);

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
                self.0.take(limit)
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

/// The sending side. Cheap to clone.
pub(crate) struct Feed<T>(Arc<Mutex<Told<T>>>);

struct Told<T> {
    past: History<T>,
    live: Vec<Weak<Queue<T>>>,
    is_over: bool,
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Feed<T> {
    pub(crate) fn new(past: History<T>) -> Self {
        Self(Arc::new(Mutex::new(Told { past, live: Vec::new(), is_over: false })))
    }

    pub(crate) fn publish(&self, item: T) {
        let item = Arc::new(item);
        let mut told = self.told();
        told.past.tell(Arc::clone(&item));
        told.live.retain(|queue| {
            let queue = queue.upgrade();
            queue.iter().for_each(|queue| queue.put(Arc::clone(&item)));
            queue.is_some()
        });
    }

    /// Nothing comes any more; who asks later is still told what there was.
    pub(crate) fn close(&self) {
        let mut told = self.told();
        told.is_over = true;
        told.live.drain(..).filter_map(|queue| queue.upgrade()).for_each(|queue| queue.close());
    }

    fn subscribe(&self) -> Arc<Queue<T>> {
        let mut told = self.told();
        let kept = told.past.subscribe();
        let line = Line { items: kept.items, missed: kept.dropped, is_over: told.is_over };
        let queue = Arc::new(Queue { line: Mutex::new(line), changed: Condvar::new() });
        if !told.is_over {
            told.live.push(Arc::downgrade(&queue));
        }
        queue
    }

    fn told(&self) -> MutexGuard<'_, Told<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One receiver's.
struct Queue<T> {
    line: Mutex<Line<T>>,
    changed: Condvar,
}

struct Line<T> {
    items: VecDeque<Arc<T>>,
    missed: u64,
    is_over: bool,
}

impl<T: Clone> Queue<T> {
    fn put(&self, item: Arc<T>) {
        let mut line = self.line();
        if line.items.len() >= QUEUE {
            line.items.pop_front();
            line.missed = line.missed.saturating_add(1);
        }
        line.items.push_back(item);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.line().is_over = true;
        self.changed.notify_one();
    }

    fn take(&self, limit: Duration) -> Result<Result<T, Missed>, RecvTimeoutError> {
        let until = Instant::now().checked_add(limit);
        let mut line = self.line();
        loop {
            if line.missed > 0 {
                return Ok(Err(Missed(std::mem::take(&mut line.missed))));
            }
            if let Some(item) = line.items.pop_front() {
                return Ok(Ok(Arc::unwrap_or_clone(item)));
            }
            if line.is_over {
                return Err(RecvTimeoutError::Disconnected);
            }
            line = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(line).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Err(RecvTimeoutError::Timeout),
                Some(left) => self.changed.wait_timeout(line, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn line(&self) -> MutexGuard<'_, Line<T>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, Missed, Notifications, QUEUE};
    use satkeeper_core::session::Notification;
    use satkeeper_host::history::History;
    use std::sync::mpsc::RecvTimeoutError;
    use std::time::Duration;

    fn notification(n: usize) -> Notification {
        Notification { method: n.to_string(), params: serde_json::Value::Null }
    }

    fn all(notifications: Notifications) -> Vec<Result<usize, Missed>> {
        notifications.map(|item| item.map(|item| item.method.parse().unwrap())).collect()
    }

    #[test]
    fn the_past_comes_first_and_then_what_comes() {
        let feed = Feed::new(History::of_notifications());
        (1..=2).for_each(|n| feed.publish(notification(n)));
        let mut one = Notifications::of(&feed);
        feed.publish(notification(3));
        let two = Notifications::of(&feed);
        feed.publish(notification(4));
        assert_eq!(one.recv().unwrap().unwrap().method, "1");
        feed.close();
        assert_eq!(all(one), [Ok(2), Ok(3), Ok(4)]);
        assert_eq!(all(two), [Ok(4)]);
        assert_eq!(all(Notifications::of(&feed)), []);
    }

    #[test]
    fn who_falls_behind_is_told_by_how_much() {
        let feed = Feed::new(History::of_notifications());
        let mut slow = Notifications::of(&feed);
        assert_eq!(slow.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
        (0..QUEUE + 5).for_each(|n| feed.publish(notification(n)));
        feed.close();
        let got = all(slow);
        assert_eq!(got.first(), Some(&Err(Missed(5))));
        assert_eq!(got.last(), Some(&Ok(QUEUE + 4)));
        assert_eq!(got.len(), QUEUE + 1);
    }
}
