//! What a driver tells a [`Session`](super::Session).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::dpop::ProofKey;
use crate::error::Error;
use crate::lifecycle::{AskId, Generation, SocketId};
use crate::secret::Secret;
use crate::time::UnixMillis;
use crate::wire::http::HttpResponse;

#[cfg(doc)]
use super::notification::Notification;
use super::notification::NotificationId;
use super::provider::Provider;
use super::requests::Answer;

/// Names one request of the session to its driver: an HTTP request, a call of the application's provider,
/// a key to be made. The answer carries the same name; each is answered at most once, late answers are
/// harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a JSON-RPC call of the application, chosen by the driver, unique within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// One input of [`Session::step`](super::Session::step).
#[non_exhaustive]
pub enum SessionInput {
    /// Begin. The first input.
    Start,
    /// Time has passed; early ticks do nothing.
    Tick,
    /// The answer to [`SessionOutput::Request`](super::SessionOutput::Request): a whole response of any
    /// status, or why there was none.
    Http {
        /// Which request.
        id: RequestId,
        /// The response, its body already limited to 64 KiB (R36).
        result: Result<HttpResponse, Error>,
    },
    /// The socket that was asked for is open.
    Opened {
        /// Which.
        socket: SocketId,
        /// The `Date` header of the upgrade response, if there was one (R3).
        date: Option<String>,
    },
    /// A text frame arrived.
    Frame {
        /// On which socket.
        socket: SocketId,
        /// Its text, at most 1 MiB (R36). Larger ones and binary ones: [`SessionInput::OddFrame`].
        text: String,
    },
    /// A frame arrived that is oversized or not text; it counts as a sign of life and is dropped with an
    /// event (R32).
    OddFrame {
        /// On which socket.
        socket: SocketId,
    },
    /// The socket never opened, closed or broke, whatever the close code.
    Closed {
        /// Which.
        socket: SocketId,
        /// What the transport said of it, for the log.
        error: Option<Error>,
    },
    /// The answer of the application's provider.
    Credential {
        /// Which request.
        id: RequestId,
        /// A credential, or the provider's error.
        result: Result<Credential, ProviderError>,
    },
    /// The key that was asked for.
    Key {
        /// Which request.
        id: RequestId,
        /// The key, or why there is none.
        result: Result<ProofKey, Error>,
    },
    /// The external signer's answer to [`SessionOutput::Sign`](super::SessionOutput::Sign).
    Signature {
        /// Which request.
        id: RequestId,
        /// The signature, or why there is none.
        result: Result<Vec<u8>, Error>,
    },
    /// The answer to [`SessionOutput::Persist`](super::SessionOutput::Persist) or
    /// [`SessionOutput::Erase`](super::SessionOutput::Erase).
    Stored {
        /// Which request.
        id: RequestId,
        /// Done, or why not.
        result: Result<(), StoreFailure>,
    },
    /// The application calls a method over the session. Waits, bounded, until the session is live; repeated
    /// once after a recovered rejection (R24, R32).
    Call {
        /// Its name.
        call: CallId,
        /// JSON-RPC method.
        method: String,
        /// JSON-RPC params.
        params: serde_json::Value,
    },
    /// The application no longer waits for this call.
    CancelCall {
        /// Which.
        call: CallId,
    },
    /// The application answers a request of the server's, one that [`Notification::request`] names; ends in
    /// [`SessionOutput::Responded`](super::SessionOutput::Responded). Each is answered once, within
    /// [`Config::answer_timeout`](super::Config::answer_timeout), on the connection that it came on or not at all.
    Respond {
        /// Which.
        notification: NotificationId,
        /// What.
        answer: Answer,
    },
    /// The application wants to know who the subscriber is, anew: `subscriber/info` is asked with the token in force,
    /// once more after a renewal where that is refused. Ends in [`SessionOutput::Fetched`](super::SessionOutput::Fetched).
    FetchSubscriber {
        /// Who waits.
        ask: AskId,
    },
    /// The application brings a token of its own (R33).
    UpdateToken {
        /// Who waits.
        ask: AskId,
        /// The token and what is known of its end.
        credential: Credential,
    },
    /// The application wants a renewal now (R27).
    RefreshNow {
        /// Who waits.
        ask: AskId,
    },
    /// A request of the application's own, outside of the session, was refused for its credential (R24);
    /// calls over the session need not say so.
    Rejected {
        /// Who waits.
        ask: AskId,
        /// The generation of the credential that was refused.
        generation: Generation,
    },
    /// The application replaces its provider (R33).
    SetProvider(Provider),
    /// Stop renewing, close the socket, keep everything (R33).
    Suspend,
    /// Go on after a suspension.
    Resume,
    /// The host's network changed (R19).
    NetworkChanged,
    /// End the session (R33).
    Disconnect,
    /// Put the session to rest, with all that is kept of it: the next process resumes it from its record, which is
    /// written last (R33). Without a store nothing is kept, and it ends as any other.
    Leave,
    /// End the session and erase what was kept (R33).
    Destroy,
}

/// What a provider returns: a subscriber access token and what is known of its end.
///
/// ```
/// use satkeeper_core::session::Credential;
/// use satkeeper_core::secret::Secret;
/// let credential = Credential::new(Secret::new("eyJhbGciOiJkaXIifQ.."));
/// assert!(credential.expiry_at.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Credential {
    /// The token.
    pub token: Secret,
    /// The provider's `expiry_at`: unix **milliseconds**; a hint that the server's word outranks (R7).
    pub expiry_at: Option<UnixMillis>,
}

impl Credential {
    /// A token whose end nobody stated.
    #[must_use]
    pub const fn new(token: Secret) -> Self {
        Self { token, expiry_at: None }
    }

    /// With the provider's `expiry_at`, unix milliseconds.
    #[must_use]
    pub const fn expiring_at(mut self, at: UnixMillis) -> Self {
        self.expiry_at = Some(at);
        self
    }
}

/// Why the application's provider returned no credential.
///
/// ```
/// use core::time::Duration;
/// use satkeeper_core::session::ProviderError;
/// assert!(matches!(ProviderError::rejected("the account was closed"), ProviderError::Rejected(_)));
/// let busy = ProviderError::transient("the backend is busy").retry_after(Duration::from_secs(5));
/// assert!(matches!(busy, ProviderError::Transient { retry_after: Some(5_000), .. }));
/// assert!(matches!(ProviderError::from_status(403, "forbidden"), ProviderError::Rejected(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// This credential can not be renewed, ever: the schedule stops, the session goes on to its end
    /// (R18, seed 002).
    #[error("the provider will not renew this credential: {0}")]
    Rejected(String),
    /// It failed, perhaps only now: it will be asked again.
    #[error("the provider failed for now: {message}")]
    Transient {
        /// What happened. Must not hold a secret.
        message: String,
        /// Milliseconds it wants to be left alone.
        retry_after: Option<u64>,
    },
}

impl ProviderError {
    /// Refused for good: asking again cannot help. The message must not hold a secret.
    pub fn rejected(message: impl Into<String>) -> Self {
        Self::Rejected(message.into())
    }

    /// It failed, perhaps only now: it will be asked again. The message must not hold a secret.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient { message: message.into(), retry_after: None }
    }

    /// What an answer of the application's own backend with this HTTP status means: 401, 403, 404 and 422 are its word for
    /// good, everything else may pass. Of a page that a proxy puts in its place do not ask this: that is transient (R18).
    pub fn from_status(status: u16, message: impl Into<String>) -> Self {
        if is_refusal(status) { Self::rejected(message) } else { Self::transient(message) }
    }

    /// Wants to be left alone for so long, such as a `Retry-After` says. A refusal for good is not asked again
    /// anyway.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Self::Transient { retry_after, .. } = &mut self {
            *retry_after = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        self
    }
}

/// Whether a status says that asking again cannot help (R18).
pub(super) const fn is_refusal(status: u16) -> bool {
    matches!(status, 401 | 403 | 404 | 422)
}

/// Why the record was not written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreFailure {
    /// Somebody else holds the record by now, or has written to it: this session is handed over (R11).
    Taken(Error),
    /// It could not be written; that nobody else holds it is certain: by a local lock, or a beat of less than 2.2 s ago.
    Failed(Error),
    /// It could not be written, and whether somebody else holds it by now is not known: no secret may be presented that
    /// can be used only once (R12).
    Unsure(Error),
}
