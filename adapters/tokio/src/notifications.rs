//! What the server says to the application, and what it is answered.

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::task::{Poll, ready};

use satkeeper_core::session::{self, Answer};
use satkeeper_host::event_types::EventTypes;
use satkeeper_host::feed::{Feed, Receiver};
use satkeeper_host::{Error, Missed};
use tokio::sync::mpsc;

use crate::ask::{Ask, Asks, ask};

/// The requests and events of the server that are not the session's own, from
/// [`Client::notifications`](crate::Client::notifications).
///
/// The first receiver of a session is given those that came before it, as far as 256 KiB go; later ones begin with
/// what comes after them. May fall behind by 4 MiB. Nothing is kept where nobody receives.
///
/// ```no_run
/// # async fn watch(client: satkeeper::Client) {
/// let mut notifications = client.notifications().only(["webrtc.message", "call.*"]);
/// while let Some(Ok(notification)) = notifications.recv().await {
///     println!("{}: {}", notification.method, notification.params_json());
/// }
/// # }
/// ```
pub struct Notifications {
    receiver: Receiver<session::Notification>,
    asks: mpsc::WeakUnboundedSender<Ask>,
    only: Option<EventTypes>,
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").field("only", &self.only).finish_non_exhaustive()
    }
}

impl Notifications {
    pub(crate) fn of(feed: &Feed<session::Notification>, asks: &Asks) -> Self {
        Self { receiver: feed.subscribe(), asks: asks.downgrade(), only: None }
    }

    /// Events of these types and no others; `call.*` stands for all that begin with `call.`. Requests that are no
    /// events come all the same: they may wait for an answer. What is passed over has its share in what may be missed.
    #[must_use]
    pub fn only<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.only = Some(EventTypes::new(types));
        self
    }

    /// The next notification, or how many were missed. `None` once the session is over. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<Notification, Missed>> {
        let told = poll_fn(|context| {
            loop {
                let told = ready!(self.receiver.poll_recv(context));
                let is_wanted =
                    |told: &session::Notification| self.only.as_ref().is_none_or(|only| only.admit(told));
                if !matches!(&told, Some(Ok(told)) if !is_wanted(told)) {
                    return Poll::Ready(told);
                }
            }
        });
        let told = told.await?;
        Some(told.map(|told| Notification { told, asks: self.asks.clone() }))
    }
}

/// A request or event of the server's; what it holds is that of [`core`](crate::core::session::Notification)'s. It does
/// not keep the session.
///
/// ```no_run
/// # async fn serve(client: satkeeper::Client) -> Result<(), satkeeper::Error> {
/// let mut notifications = client.notifications();
/// while let Some(Ok(notification)) = notifications.recv().await {
///     if notification.request().is_some() {
///         notification.respond(Ok(serde_json::json!({"method": notification.method}))).await?;
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Notification {
    told: session::Notification,
    asks: mpsc::WeakUnboundedSender<Ask>,
}

impl Notification {
    /// Answers a request of the server's, `Ok(result)` or `Err(Refusal::new(code, message))`. Resolves when the answer
    /// has been handed to the connection.
    ///
    /// # Errors
    /// [`SessionError::AnswerNotTaken`](crate::SessionError::AnswerNotTaken): this wants no answer (events are
    /// acknowledged by the session), it was answered before, its time is over
    /// ([`Builder::answer_timeout`](crate::Builder::answer_timeout)), or the connection that it came on is lost.
    /// [`SessionError::InvalidField`](crate::SessionError::InvalidField): a frame of over 1 MiB; it may be answered otherwise.
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn respond(&self, answer: Answer) -> Result<(), Error> {
        let notification = self.told.answerable()?;
        let asks = self.asks.upgrade().ok_or(Error::OVER)?;
        Ok(ask(&asks, |reply| Ask::Respond { notification, answer, reply }).await??)
    }
}

impl Deref for Notification {
    type Target = session::Notification;

    fn deref(&self) -> &Self::Target {
        &self.told
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Notifications;
    use satkeeper_core::session::Notification;
    use satkeeper_host::feed::Feed;
    use serde_json::json;
    use serde_json::value::{RawValue, to_raw_value};
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_task_that_waits_is_woken_by_what_comes_and_by_the_end() {
        let (publisher, feed) = Feed::of_notifications();
        let (asks, _asked) = mpsc::unbounded_channel();
        let mut notifications = Notifications::of(&feed, &asks).only(["ring.*"]);
        let waiting = tokio::spawn(async move {
            let first = notifications.recv().await;
            let second = notifications.recv().await;
            (
                first.map(|it| it.unwrap().event_type()),
                second.map(|it| it.unwrap().method.clone()),
                notifications.recv().await.is_none(),
            )
        });
        tokio::task::yield_now().await;
        for event_type in ["other", "ring.once"] {
            let params = to_raw_value(&json!({"event_type": event_type})).unwrap();
            publisher.publish(Notification::new("signalwire.event", &params));
        }
        publisher.publish(Notification::new("a.request", RawValue::NULL));
        tokio::task::yield_now().await;
        drop(publisher);
        let ring = Some(Some("ring.once".to_owned()));
        assert_eq!(waiting.await.unwrap(), (ring, Some("a.request".to_owned()), true));
    }
}
