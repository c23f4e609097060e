//! What a session tells its application, delivered to any number of receivers.
//!
//! The driver must never wait for a receiver, and nothing may be lost in silence: so each receiver has a bounded
//! queue, and one that falls behind is told how much it missed.

use std::sync::Arc;

use satkeeper_core::session::{Notification, SessionEvent};
use satkeeper_host::Missed;
use satkeeper_host::history::{History, Kept, QUEUE};
use tokio::sync::{broadcast, oneshot, watch};

use crate::progress::{Ended, Progress};

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

/// The sending side.
pub(crate) struct Feed<T> {
    /// None before the first receiver: a queue takes its whole room at once.
    live: Option<broadcast::Sender<Arc<T>>>,
    past: History<T>,
}

/// What a new receiver begins with.
pub(crate) struct Opening<T> {
    kept: Kept<T>,
    live: broadcast::Receiver<Arc<T>>,
}

impl<T: Clone> Feed<T> {
    pub(crate) fn new(past: History<T>) -> Self {
        Self { live: None, past }
    }

    pub(crate) fn publish(&mut self, item: T) {
        let item = Arc::new(item);
        self.past.tell(Arc::clone(&item));
        if let Some(live) = &self.live {
            // An error only says that nobody listens any more.
            let _ = live.send(item);
        }
    }

    pub(crate) fn subscribe(&mut self) -> Opening<T> {
        let live = self.live.get_or_insert_with(|| broadcast::Sender::new(QUEUE)).subscribe();
        Opening { kept: self.past.subscribe(), live }
    }

    /// What is left for those who ask after the end.
    pub(crate) fn close(mut self) -> Kept<T> {
        self.past.subscribe()
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
    use super::{Feed, Kept, Missed, QUEUE, Subscription};
    use crate::progress::Progress;
    use satkeeper_core::session::Notification;
    use satkeeper_host::history::History;
    use tokio::sync::{oneshot, watch};

    fn notification(n: u32) -> Notification {
        Notification { method: n.to_string(), params: serde_json::Value::Null }
    }

    fn subscribe(feed: &mut Feed<Notification>) -> Subscription<Notification> {
        let (sender, opening) = oneshot::channel();
        assert!(sender.send(feed.subscribe()).is_ok());
        Subscription::new(opening, watch::channel(Progress::Starting).1, |_| Kept::default())
    }

    async fn all(mut subscription: Subscription<Notification>) -> Vec<Result<u32, Missed>> {
        let mut all = Vec::new();
        while let Some(item) = subscription.recv().await {
            all.push(item.map(|item| item.method.parse().unwrap()));
        }
        all
    }

    #[tokio::test]
    async fn the_past_comes_first_and_then_what_comes() {
        let mut feed = Feed::new(History::of_notifications());
        (1..=2).for_each(|n| feed.publish(notification(n)));
        let one = subscribe(&mut feed);
        feed.publish(notification(3));
        let two = subscribe(&mut feed);
        feed.publish(notification(4));
        drop(feed);
        assert_eq!(all(one).await, [Ok(1), Ok(2), Ok(3), Ok(4)]);
        assert_eq!(all(two).await, [Ok(4)]);
    }

    #[tokio::test]
    async fn who_falls_behind_is_told_by_how_much() {
        let mut feed = Feed::new(History::of_notifications());
        let slow = subscribe(&mut feed);
        let count = u32::try_from(QUEUE).unwrap() + 5;
        (0..count).for_each(|n| feed.publish(notification(n)));
        drop(feed);
        let got = all(slow).await;
        assert_eq!(got.first(), Some(&Err(Missed(5))));
        assert_eq!(got.last(), Some(&Ok(count - 1)));
        assert_eq!(got.len(), QUEUE + 1);
    }
}
