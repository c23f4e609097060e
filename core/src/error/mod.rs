//! The one error type of this crate (R37).

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::String;

use crate::wire::text::Cleaner;

mod http;

pub use http::{ApiErrorEntry, HttpError};

/// Result with this crate's [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

/// Everything that can go wrong, as plain data: it can be cloned into an event and compared in a test.
///
/// No variant ever holds a credential: texts that others had a hand in pass through
/// [`crate::wire::text::Cleaner`], which bounds them and cuts out tokens, parts of them and long words, and JSON errors
/// keep only category, line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The credential cannot work: its header does not decode, its end has passed, it was refused (R10, R31).
    #[error("the credential cannot be used: {reason}; supply a new one (`update_token` or the provider)")]
    InvalidCredentials {
        /// Why, without any part of the credential.
        reason: String,
    },
    /// No new token could be had (R27).
    #[error("the token could not be renewed: {message}")]
    TokenRefresh {
        /// What happened.
        message: String,
        /// The failure underneath, if there is one.
        source: Option<Box<Error>>,
    },
    /// The exchange for a client-bound token failed (R17).
    #[error("the client-bound token could not be had: {message}")]
    DeviceToken {
        /// What happened.
        message: String,
        /// The failure underneath, if there is one.
        source: Option<Box<Error>>,
    },
    /// The proof-of-possession key is missing or unusable (R35). A session that is without one goes on unbound as
    /// long as its token lasts or its provider renews; one whose store holds such a key does not begin.
    #[error("the proof key cannot be used: {message}")]
    DpopInit {
        /// What happened.
        message: String,
    },
    /// The server answered a JSON-RPC request with an error.
    #[error("the server refused the request with {code}: {message}")]
    Rpc {
        /// JSON-RPC error code; protocol.md 3.6 lists the ones that are known on this socket.
        code: i64,
        /// The server's message, bounded and cleaned.
        message: String,
        /// The error's `data` as JSON text, bounded and cleaned.
        data: Option<String>,
    },
    /// No answer within the deadline.
    #[error("no answer to {what} within {after_ms} ms")]
    Timeout {
        /// What was waited for, and from whom.
        what: Cow<'static, str>,
        /// The deadline, milliseconds.
        after_ms: u64,
    },
    /// No connection came to be, so that nothing of a request was sent: name resolution, TCP, a proxy, TLS.
    #[error("could not connect: {message}")]
    Unreachable {
        /// Host, port, what happened and what to do about it.
        message: String,
    },
    /// A connection broke, or what came over it was no HTTP and no WebSocket.
    #[error("the connection failed: {message}")]
    Transport {
        /// What happened, without URL queries or headers.
        message: String,
    },
    /// The server answered the upgrade to a WebSocket with another status than 101.
    #[error("{peer} refused the WebSocket with HTTP status {status}; {}", upgrade_advice(*.status))]
    UpgradeRefused {
        /// Host and port.
        peer: String,
        /// Status code.
        status: u16,
        /// How long the server wants to be left alone, milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The record could not be read or written.
    #[error("the store failed: {message}")]
    Store {
        /// What happened.
        message: String,
    },
    /// The credential provider failed.
    #[error("the credential provider failed ({kind}): {message}")]
    Provider {
        /// Whether trying again can help.
        kind: ProviderFault,
        /// What the provider said.
        message: String,
    },
    /// A REST call was answered with a status outside 2xx (R34).
    #[error(transparent)]
    Http(Box<HttpError>),
    /// Too much at once: the governor has no request left for an on-demand renewal (R20), or the queue of
    /// calls is full (R32).
    #[error("too many requests at once; try again in {retry_after_ms} ms")]
    Throttled {
        /// When to try again, milliseconds from now.
        retry_after_ms: u64,
    },
    /// The session has ended; nothing can be asked of it any more (R33).
    #[error("the session is over; open a new one")]
    SessionOver,
    /// A URL was refused (R36). The URL itself is not repeated: it may hold a credential.
    #[error("the URL is refused: {reason}")]
    InvalidUrl {
        /// Why.
        reason: &'static str,
    },
    /// A token names a host, or one follows from what it names, that is not among the allowed ones (R31). Nothing was
    /// sent there.
    #[error(
        "the token leads to the host {host}, which is not allowed; allow it (`allow_hosts`, \
         or `--allow-host` of the command line) or get another token"
    )]
    HostNotAllowed {
        /// The host.
        host: String,
    },
    /// A field of a request or of the configuration was refused before anything was sent (R34).
    #[error("`{field}` is refused: {reason}")]
    InvalidField {
        /// The field's name on the wire or in the configuration.
        field: &'static str,
        /// Why. The value itself is not repeated.
        reason: &'static str,
    },
    /// An answer to a request of the server's was not sent; nothing has happened.
    #[error("the answer was not sent: {reason}")]
    AnswerNotTaken {
        /// Why.
        reason: &'static str,
    },
    /// A 2xx answer or a frame that does not have what it must have.
    #[error("unexpected answer to {what}: {reason}")]
    UnexpectedReply {
        /// Which request or frame.
        what: &'static str,
        /// What is missing or wrong.
        reason: String,
    },
}

/// What kind of failure a provider reported (R18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderFault {
    /// Refused for good: asking again with the same credential cannot help.
    #[error("refused for good")]
    Rejected,
    /// Anything else: it may succeed later. A renewal is retried while the credential lasts, a first mint where
    /// the provider can mint again (R34).
    #[error("perhaps only for now")]
    Transient,
    /// The same of a provider that is asked for a first token once: it cannot mint again, or has not said that it
    /// can (R34).
    #[error("perhaps only for now, but it is asked once")]
    Once,
    /// The provider has no such operation.
    #[error("not supported by this provider")]
    Unsupported,
}

impl Error {
    /// Stable identifier of the kind of error, snake_case; safe to match on and to count by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidCredentials { .. } => "invalid_credentials",
            Self::TokenRefresh { .. } => "token_refresh",
            Self::DeviceToken { .. } => "device_token",
            Self::DpopInit { .. } => "dpop_init",
            Self::Rpc { .. } => "rpc",
            Self::Timeout { .. } => "timeout",
            Self::Unreachable { .. } => "unreachable",
            Self::Transport { .. } => "transport",
            Self::UpgradeRefused { .. } => "upgrade_refused",
            Self::Store { .. } => "store",
            Self::Provider { .. } => "provider",
            Self::Http(_) => "http",
            Self::Throttled { .. } => "throttled",
            Self::SessionOver => "session_over",
            Self::InvalidUrl { .. } => "invalid_url",
            Self::HostNotAllowed { .. } => "host_not_allowed",
            Self::InvalidField { .. } => "invalid_field",
            Self::AnswerNotTaken { .. } => "answer_not_taken",
            Self::UnexpectedReply { .. } => "unexpected_reply",
        }
    }

    /// The class of the SignalWire browser SDK v4 that stands for the same thing, where it has one.
    pub const fn official_name(&self) -> Option<&'static str> {
        match self {
            Self::InvalidCredentials { .. } => Some("InvalidCredentialsError"),
            Self::TokenRefresh { .. } => Some("TokenRefreshError"),
            Self::DeviceToken { .. } => Some("DeviceTokenError"),
            Self::DpopInit { .. } => Some("DPoPInitError"),
            Self::Rpc { .. } => Some("JSONRPCError"),
            Self::Timeout { .. } => Some("RPCTimeoutError"),
            Self::Unreachable { .. } | Self::Transport { .. } => Some("TransportConnectionError"),
            Self::UpgradeRefused { .. } => Some("WebSocketConnectionError"),
            Self::Http(_) => Some("RequestError"),
            Self::UnexpectedReply { .. } => Some("MessageParseError"),
            Self::Store { .. }
            | Self::Provider { .. }
            | Self::Throttled { .. }
            | Self::SessionOver
            | Self::InvalidUrl { .. }
            | Self::HostNotAllowed { .. }
            | Self::AnswerNotTaken { .. }
            | Self::InvalidField { .. } => None,
        }
    }

    /// Without the secrets that this cleaner knows, in whatever text a driver has put them.
    pub(crate) fn without(mut self, cleaner: Cleaner<'_>) -> Self {
        let clean = |text: &mut String| *text = cleaner.clean_own(text);
        match &mut self {
            Self::InvalidCredentials { reason: text }
            | Self::DpopInit { message: text }
            | Self::Unreachable { message: text }
            | Self::Transport { message: text }
            | Self::Store { message: text }
            | Self::Provider { message: text, .. }
            | Self::UnexpectedReply { reason: text, .. } => clean(text),
            Self::TokenRefresh { message, source } | Self::DeviceToken { message, source } => {
                clean(message);
                *source = source.take().map(|source| Box::new(source.without(cleaner)));
            }
            Self::Rpc { message, data, .. } => {
                clean(message);
                data.iter_mut().for_each(clean);
            }
            Self::Timeout { .. }
            | Self::UpgradeRefused { .. }
            // Cleaned when it was read.
            | Self::Http(_)
            | Self::Throttled { .. }
            | Self::SessionOver
            | Self::InvalidUrl { .. }
            | Self::HostNotAllowed { .. }
            | Self::AnswerNotTaken { .. }
            | Self::InvalidField { .. } => {}
        }
        self
    }

    /// The same, of a first mint after which there is no other (R34).
    pub(crate) fn asked_once(self) -> Self {
        match self {
            Self::Provider { kind: ProviderFault::Transient, message } => {
                Self::Provider { kind: ProviderFault::Once, message }
            }
            other => other,
        }
    }

    pub(crate) fn credentials(reason: &str) -> Self {
        Self::InvalidCredentials { reason: reason.to_owned() }
    }

    pub(crate) fn reply(what: &'static str, reason: impl Into<String>) -> Self {
        Self::UnexpectedReply { what, reason: reason.into() }
    }
}

/// What to do about an upgrade that was refused.
const fn upgrade_advice(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed; use the final host",
        408 | 425 | 429 | 500.. => "it is tried again later",
        401 | 403 => "something before the server does not let this machine in",
        _ => "check that this host is the one for WebSockets",
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        Self::Http(Box::new(error))
    }
}
