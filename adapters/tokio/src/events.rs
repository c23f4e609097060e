//! What a session tells its application, delivered to any number of receivers.
//!
//! The driver must never wait for a receiver, and nothing may be lost in silence: so each receiver has a bounded
//! queue, and one that falls behind is told how much it missed.

use std::collections::VecDeque;
use std::sync::Arc;

use satkeeper_core::session::{Notification, SessionEvent};
use tokio::sync::{broadcast, oneshot, watch};

use crate::end::{Ended, Progress};

/// How many items a receiver may fall behind.
const QUEUE: usize = 1024;

/// How many events of the past a new receiver is given.
const EVENTS_KEPT: usize = 256;

/// How many notifications wait for the first receiver. Each may be as large as a frame (1 MiB).
const NOTIFICATIONS_KEPT: usize = 64;

/// How many items a receiver has lost by falling behind.
///
/// ```
/// assert_eq!(satkeeper::Missed(3).to_string(), "3 items were missed: the receiver fell behind");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} items were missed: the receiver fell behind")]
pub struct Missed(pub u64);

/// The events of a session, from [`Client::events`](crate::Client::events).
///
/// Begins with what has happened so far (the last 256 events), so that nothing is missed between connecting and
/// asking. May fall behind by 1024 events.
///
/// ```no_run
/// # async fn watch(client: satkeeper::Client) {
/// let mut events = client.events();
/// while let Some(event) = events.recv().await {
///     match event {
///         Ok(event) => println!("{:?}, because of {:?}", event.event, event.cause),
///         Err(missed) => println!("{missed}"),
///     }
/// }
/// # }
/// ```
pub struct Events(Subscription<SessionEvent>);

impl Events {
    pub(crate) fn new(
        opening: oneshot::Receiver<Opening<SessionEvent>>,
        end: watch::Receiver<Progress>,
    ) -> Self {
        Self(Subscription::new(opening, end, |ended| ended.events.clone()))
    }

    /// The next event, or how many were missed. `None` after the last one, `Teardown`. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<SessionEvent, Missed>> {
        self.0.recv().await
    }
}

/// The requests and events of the server that are not the session's own, from
/// [`Client::notifications`](crate::Client::notifications).
///
/// The first receiver of a session is given those that came before it (the last 64), later ones begin with what
/// comes after them. May fall behind by 1024.
///
/// ```no_run
/// # async fn watch(client: satkeeper::Client) {
/// let mut notifications = client.notifications();
/// while let Some(Ok(notification)) = notifications.recv().await {
///     println!("{}: {}", notification.method, notification.params);
/// }
/// # }
/// ```
pub struct Notifications(Subscription<Notification>);

impl Notifications {
    pub(crate) fn new(
        opening: oneshot::Receiver<Opening<Notification>>,
        end: watch::Receiver<Progress>,
    ) -> Self {
        Self(Subscription::new(opening, end, |ended| ended.notifications.clone()))
    }

    /// The next notification, or how many were missed. `None` once the session is over. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<Notification, Missed>> {
        self.0.recv().await
    }
}

/// Who is given what was published before it asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Past {
    Everybody,
    TheFirst,
}

/// The sending side.
pub(crate) struct Feed<T> {
    /// None before the first receiver: a queue takes its whole room at once.
    live: Option<broadcast::Sender<Arc<T>>>,
    kept: Kept<T>,
    room: usize,
    past: Past,
}

/// What was published and is still there.
pub(crate) struct Kept<T> {
    items: VecDeque<Arc<T>>,
    dropped: u64,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), dropped: self.dropped }
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), dropped: 0 }
    }
}

/// What a new receiver begins with.
pub(crate) struct Opening<T> {
    kept: Kept<T>,
    live: broadcast::Receiver<Arc<T>>,
}

impl Feed<SessionEvent> {
    pub(crate) fn of_events() -> Self {
        Self::new(EVENTS_KEPT, Past::Everybody)
    }
}

impl Feed<Notification> {
    pub(crate) fn of_notifications() -> Self {
        Self::new(NOTIFICATIONS_KEPT, Past::TheFirst)
    }
}

impl<T: Clone> Feed<T> {
    fn new(room: usize, past: Past) -> Self {
        Self { live: None, kept: Kept::default(), room, past }
    }

    pub(crate) fn publish(&mut self, item: T) {
        let item = Arc::new(item);
        if self.room > 0 {
            if self.kept.items.len() == self.room {
                self.kept.items.pop_front();
                self.kept.dropped = self.kept.dropped.saturating_add(1);
            }
            self.kept.items.push_back(Arc::clone(&item));
        }
        if let Some(live) = &self.live {
            // An error only says that nobody listens any more.
            let _ = live.send(item);
        }
    }

    pub(crate) fn subscribe(&mut self) -> Opening<T> {
        let live = self.live.get_or_insert_with(|| broadcast::Sender::new(QUEUE)).subscribe();
        let kept = match self.past {
            // What it cannot be given any more is long past, and of no use to somebody who only comes now.
            Past::Everybody => Kept { items: self.kept.items.clone(), dropped: 0 },
            Past::TheFirst => {
                self.room = 0;
                std::mem::take(&mut self.kept)
            }
        };
        Opening { kept, live }
    }

    /// What is left for those who ask after the end.
    pub(crate) fn close(self) -> Kept<T> {
        match self.past {
            Past::Everybody => Kept { dropped: 0, ..self.kept },
            Past::TheFirst => self.kept,
        }
    }
}

/// The receiving side.
struct Subscription<T> {
    /// Until the driver has answered.
    opening: Option<oneshot::Receiver<Opening<T>>>,
    kept: Kept<T>,
    live: Option<broadcast::Receiver<Arc<T>>>,
    end: watch::Receiver<Progress>,
    left: fn(&Ended) -> Kept<T>,
}

impl<T: Clone> Subscription<T> {
    fn new(
        opening: oneshot::Receiver<Opening<T>>,
        end: watch::Receiver<Progress>,
        left: fn(&Ended) -> Kept<T>,
    ) -> Self {
        Self { opening: Some(opening), kept: Kept::default(), live: None, end, left }
    }

    async fn recv(&mut self) -> Option<Result<T, Missed>> {
        if let Some(opening) = &mut self.opening {
            match opening.await {
                Ok(opening) => {
                    self.kept = opening.kept;
                    self.live = Some(opening.live);
                }
                // The driver has gone, or is about to: what it leaves behind is published as it goes.
                Err(_) => {
                    if let Ok(progress) = self.end.wait_for(Progress::is_over).await
                        && let Progress::Over(ended) = &*progress
                    {
                        self.kept = (self.left)(ended);
                    }
                }
            }
            self.opening = None;
        }
        if self.kept.dropped > 0 {
            return Some(Err(Missed(std::mem::take(&mut self.kept.dropped))));
        }
        if let Some(item) = self.kept.items.pop_front() {
            return Some(Ok(Arc::unwrap_or_clone(item)));
        }
        match self.live.as_mut()?.recv().await {
            Ok(item) => Some(Ok(Arc::unwrap_or_clone(item))),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Err(Missed(count))),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, Kept, Missed, Past, QUEUE, Subscription};
    use crate::end::Progress;
    use tokio::sync::{oneshot, watch};

    fn subscribe(feed: &mut Feed<u32>) -> Subscription<u32> {
        let (sender, opening) = oneshot::channel();
        assert!(sender.send(feed.subscribe()).is_ok());
        Subscription::new(opening, watch::channel(Progress::Starting).1, |_| Kept::default())
    }

    async fn all(mut subscription: Subscription<u32>) -> Vec<Result<u32, Missed>> {
        let mut all = Vec::new();
        while let Some(item) = subscription.recv().await {
            all.push(item);
        }
        all
    }

    #[tokio::test]
    async fn everybody_is_given_the_past_and_then_what_comes() {
        let mut feed = Feed::new(2, Past::Everybody);
        (1..=3).for_each(|n| feed.publish(n));
        let (one, two) = (subscribe(&mut feed), subscribe(&mut feed));
        feed.publish(4);
        drop(feed);
        assert_eq!(all(one).await, [Ok(2), Ok(3), Ok(4)]);
        assert_eq!(all(two).await, [Ok(2), Ok(3), Ok(4)]);
    }

    #[tokio::test]
    async fn the_first_is_given_the_past_and_told_what_is_missing_of_it() {
        let mut feed = Feed::new(2, Past::TheFirst);
        (1..=3).for_each(|n| feed.publish(n));
        let one = subscribe(&mut feed);
        feed.publish(4);
        let two = subscribe(&mut feed);
        feed.publish(5);
        drop(feed);
        assert_eq!(all(one).await, [Err(Missed(1)), Ok(2), Ok(3), Ok(4), Ok(5)]);
        assert_eq!(all(two).await, [Ok(5)]);
    }

    #[tokio::test]
    async fn who_falls_behind_is_told_by_how_much() {
        let mut feed = Feed::new(0, Past::Everybody);
        let slow = subscribe(&mut feed);
        let count = u32::try_from(QUEUE).unwrap() + 5;
        (0..count).for_each(|n| feed.publish(n));
        drop(feed);
        let got = all(slow).await;
        assert_eq!(got.first(), Some(&Err(Missed(5))));
        assert_eq!(got.last(), Some(&Ok(count - 1)));
        assert_eq!(got.len(), QUEUE + 1);
    }
}
