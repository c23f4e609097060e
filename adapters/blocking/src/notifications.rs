//! What the server says to the application, and what it is answered.

use std::fmt;
use std::ops::Deref;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use satkeeper_core::session::{self, Answer};
use satkeeper_host::event_types::EventTypes;
use satkeeper_host::feed::{Feed, Receiver};
use satkeeper_host::{Error, Missed};

use crate::ask::{Ask, ask};
use crate::events::{take, until};
use crate::mailbox::Mailbox;

/// The requests and events of the server that are not the session's own, from
/// [`Client::notifications`](crate::Client::notifications).
///
/// The first receiver of a session is given those that came before it, as far as 256 KiB go; later ones begin with
/// what comes after them. May fall behind by 4 MiB. Nothing is kept where nobody receives. As an iterator it waits
/// for each and ends with the session.
///
/// ```no_run
/// # fn watch(client: satkeeper_blocking::Client) {
/// for notification in client.notifications().only(["webrtc.message", "call.*"]).flatten() {
///     println!("{}: {}", notification.method, notification.params_json());
/// }
/// # }
/// ```
pub struct Notifications {
    receiver: Receiver<session::Notification>,
    mailbox: Mailbox,
    only: Option<EventTypes>,
}

impl Notifications {
    pub(crate) fn of(feed: &Feed<session::Notification>, mailbox: &Mailbox) -> Self {
        Self { receiver: feed.subscribe(), mailbox: mailbox.clone(), only: None }
    }

    /// Events of these types and no others; `call.*` stands for all that begin with `call.`. Requests that are no
    /// events come all the same: they may wait for an answer. What is passed over has its share in what may be missed.
    #[must_use]
    pub fn only<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.only = Some(EventTypes::new(types));
        self
    }

    /// Waits for the next one, or how many were missed. `None` after the last one: the session is over.
    pub fn recv(&mut self) -> Option<Result<Notification, Missed>> {
        self.recv_timeout(Duration::MAX).ok()
    }

    /// As `recv`, but for so long at most.
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`]; [`RecvTimeoutError::Disconnected`]: the session is over.
    pub fn recv_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Result<Notification, Missed>, RecvTimeoutError> {
        let until = until(limit);
        loop {
            let told = take(&mut self.receiver, until)?;
            let is_wanted =
                |told: &session::Notification| self.only.as_ref().is_none_or(|only| only.admit(told));
            if !matches!(&told, Ok(told) if !is_wanted(told)) {
                return Ok(told.map(|told| Notification { told, mailbox: self.mailbox.clone() }));
            }
        }
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").field("only", &self.only).finish_non_exhaustive()
    }
}

impl Iterator for Notifications {
    type Item = Result<Notification, Missed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.recv()
    }
}

/// A request or event of the server's; what it holds is that of [`core`](crate::core::session::Notification)'s. It does
/// not keep the session.
///
/// ```no_run
/// # fn serve(client: satkeeper_blocking::Client) -> Result<(), satkeeper_blocking::Error> {
/// for notification in client.notifications().flatten() {
///     if notification.request().is_some() {
///         notification.respond(Ok(serde_json::json!({"method": notification.method})))?;
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Notification {
    told: session::Notification,
    mailbox: Mailbox,
}

impl Notification {
    /// Answers a request of the server's, `Ok(result)` or `Err(Refusal::new(code, message))`. Returns when the answer has
    /// been handed to the connection.
    ///
    /// # Errors
    /// [`SessionError::AnswerNotTaken`](crate::SessionError::AnswerNotTaken): this wants no answer (events are
    /// acknowledged by the session), it was answered before, its time is over
    /// ([`Builder::answer_timeout`](crate::Builder::answer_timeout)), or the connection that it came on is lost.
    /// [`SessionError::InvalidField`](crate::SessionError::InvalidField): a frame of over 1 MiB; it may be answered otherwise.
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn respond(&self, answer: Answer) -> Result<(), Error> {
        let notification = self.told.answerable()?;
        Ok(ask(&self.mailbox, |reply| Ask::Respond { notification, answer, reply })??)
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
