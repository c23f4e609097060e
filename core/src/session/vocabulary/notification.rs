//! What the server says to the application.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde_json::value::RawValue;

use crate::error::Error;
use crate::session::vocabulary::ids::NotificationId;
use crate::time::UnixMillis;
use crate::wire::json;
use crate::wire::time::{Unit, absolute};

/// A request or event of the server for the application, kept as its text until somebody reads it. Debug shows the
/// method only: what is in the parameters is between server and application.
///
/// ```
/// use satkeeper_core::session::Notification;
/// let params = serde_json::json!({
///     "event_type": "call.state", "event_channel": "signalwire_1", "timestamp": 1_700_000_000.5, "node_id": "n1",
///     "params": {"call_state": "ringing"},
/// });
/// let notification = Notification::new("signalwire.event", &serde_json::value::to_raw_value(&params).unwrap());
/// assert_eq!(notification.event_type().as_deref(), Some("call.state"));
/// assert_eq!(notification.sent_at().unwrap().0, 1_700_000_000_500);
/// assert_eq!(notification.params()["params"]["call_state"], "ringing");
/// assert!(notification.request().is_none(), "events are acknowledged by the session");
/// ```
#[derive(Clone)]
pub struct Notification {
    /// JSON-RPC method.
    pub method: String,
    request: Option<NotificationId>,
    params: Box<RawValue>,
}

impl Notification {
    /// As it came: for tests of whoever reads notifications.
    #[must_use]
    pub fn new(method: &str, params: &RawValue) -> Self {
        Self { method: method.to_owned(), request: None, params: params.to_owned() }
    }

    pub(crate) fn asking(mut self, request: Option<NotificationId>) -> Self {
        self.request = request;
        self
    }

    /// What to name where this is a request that wants an answer
    /// ([`SessionInput::Respond`](crate::session::SessionInput::Respond)). `None`: an event, which the session has acknowledged,
    /// or a request without an id, which nobody waits for.
    #[must_use]
    pub const fn request(&self) -> Option<NotificationId> {
        self.request
    }

    /// As [`request`](Self::request), for whoever is about to answer.
    ///
    /// # Errors
    /// [`Error::AnswerNotTaken`] where no answer is wanted.
    pub fn answerable(&self) -> Result<NotificationId, Error> {
        let reason = "none is wanted: it is an event, or has no id that can be named in an answer";
        self.request.ok_or(Error::AnswerNotTaken { reason })
    }

    /// What kind of event this is (`event_type`).
    #[must_use]
    pub fn event_type(&self) -> Option<String> {
        json::text(json::member(&self.params, "event_type"))
    }

    /// Whom it is about (`event_channel`): as a rule the connection's `protocol` is in it.
    #[must_use]
    pub fn event_channel(&self) -> Option<String> {
        json::text(json::member(&self.params, "event_channel"))
    }

    /// When it was sent (`timestamp`), by the server's clock: seconds as a number, milliseconds as a text, whichever
    /// it is.
    #[must_use]
    pub fn sent_at(&self) -> Option<UnixMillis> {
        let timestamp = json::scalar(json::member(&self.params, "timestamp"));
        absolute(timestamp.as_ref(), Unit::Seconds).ms.map(UnixMillis)
    }

    /// Which node it came from (`node_id`): what concerns a call goes back there.
    #[must_use]
    pub fn node_id(&self) -> Option<String> {
        json::text(json::member(&self.params, "node_id"))
    }

    /// JSON-RPC params as they came, read anew each time; `null` where there were none. A value can take ninety
    /// times the memory of its text: who knows what is needed reads [`Notification::params_json`] into a type of
    /// one's own.
    #[must_use]
    pub fn params(&self) -> serde_json::Value {
        json::whole(&self.params)
    }

    /// JSON-RPC params as their text.
    #[must_use]
    pub fn params_json(&self) -> &str {
        self.params.get()
    }
}

impl PartialEq for Notification {
    fn eq(&self, other: &Self) -> bool {
        self.method == other.method
            && self.request == other.request
            && self.params.get() == other.params.get()
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification").field("method", &self.method).finish_non_exhaustive()
    }
}
