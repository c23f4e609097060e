//! What a [`Session`](crate::session::Session) asks of its driver and tells its application.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::value::RawValue;

use crate::error::Error;
use crate::lifecycle::{AskId, Generation, KeyAlgorithm, SocketId, Wake};
use crate::secret::Secret;
use crate::time::Tick;
use crate::wire::connection::Connection;
use crate::wire::http::HttpRequest;
use crate::wire::rest::Subscriber;
use crate::wire::url::SecureUrl;

use crate::session::record::Record;
use crate::session::vocabulary::credential::ProviderError;
use crate::session::vocabulary::event::SessionEvent;
use crate::session::vocabulary::ids::NotificationId;
use crate::session::vocabulary::ids::{CallId, RequestId};
use crate::session::vocabulary::input::{SessionInput, StoreFailure};
use crate::session::vocabulary::notification::Notification;

/// What one step of a session produced. Run the outputs in order; step again at `wake_at` or before.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct SessionStep {
    /// In the order in which they must be carried out.
    pub outputs: Vec<SessionOutput>,
    /// When to step next if nothing happens before, and what for.
    pub wake_at: Option<(Tick, SessionWake)>,
}

/// What the next deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionWake {
    /// A deadline of the lifecycle.
    Lifecycle(Wake),
    /// The liveness watch of the socket (R22).
    Liveness,
    /// The time limit of a call.
    Call(CallId),
    /// The number of the frames that were dropped, to be told (R32).
    Dropped,
    /// The time limit of an answer of the application's.
    Answer(NotificationId),
    /// The time limit of a look at `subscriber/info`.
    Info,
    /// The time that writing an intent may take.
    Intent,
    /// The credentials for ICE near their end.
    Ice,
    /// The subscriber is to be made reachable again.
    Online,
}

/// One output of a step.
///
/// More kinds will come. A driver that meets one that it does not know must not drop it in silence: it says so in its
/// log and hands back what [`decline`](Self::decline) returns, so that the session goes on at once, with what that
/// means for it, and not only when the time is up.
///
/// ```
/// use satkeeper_core::session::{SessionInput, SessionOutput};
/// # fn send(_: satkeeper_core::wire::http::HttpRequest) {}
/// fn carry_out(output: SessionOutput) -> Option<SessionInput> {
///     match output {
///         SessionOutput::Request { request, .. } => send(request),
///         // and the others that this driver knows
///         other => {
///             eprintln!("not known to this driver: {other:?}");
///             return other.decline();
///         }
///     }
///     None
/// }
/// ```
#[non_exhaustive]
pub enum SessionOutput {
    /// Send this HTTP request, follow no redirect, repeat nothing, and hand back what comes.
    Request {
        /// Its name.
        id: RequestId,
        /// Ready to be sent.
        request: HttpRequest,
        /// When the session stops waiting for it.
        deadline: Tick,
    },
    /// Open a WebSocket at this URL: no subprotocol, no header of its own.
    Open {
        /// Its name.
        socket: SocketId,
        /// Where to.
        url: SecureUrl,
        /// When the session stops waiting for it.
        deadline: Tick,
    },
    /// Send this text frame. To a socket that has gone: drop it.
    Send {
        /// On which socket.
        socket: SocketId,
        /// The frame.
        text: Secret,
    },
    /// Close the socket; nothing of it is of interest any more.
    Close {
        /// Which.
        socket: SocketId,
    },
    /// Call the application's provider.
    AskProvider {
        /// Its name.
        id: RequestId,
        /// Which of its functions.
        call: ProviderCall,
        /// When the session stops waiting for it.
        deadline: Tick,
    },
    /// Make a key pair, off the event loop (RSA takes 60 to 200 ms).
    MakeKey {
        /// Its name.
        id: RequestId,
        /// Its kind.
        algorithm: KeyAlgorithm,
        /// When the session stops waiting for it.
        deadline: Tick,
    },
    /// Have the external signer of this key sign; never asked for a software key (R35). Sign the bytes of
    /// `input` with SHA-256, as RFC 7518 has it: ES256 as 64 bytes `r || s`
    /// ([`es256_from_der`](crate::dpop::es256_from_der) helps), RS256 as PKCS#1 v1.5.
    Sign {
        /// Its name.
        id: RequestId,
        /// The key's kind.
        algorithm: KeyAlgorithm,
        /// The key's RFC 7638 thumbprint.
        thumbprint: String,
        /// What to sign.
        input: Secret,
        /// When the session stops waiting for it.
        deadline: Tick,
    },
    /// Write the record, whole or not at all; only where the configuration says that there is a store.
    Persist {
        /// Its name.
        id: RequestId,
        /// What to write. A newer one outranks an older one that is still being written.
        record: Box<Record>,
        /// When the session goes on without it.
        deadline: Tick,
    },
    /// Erase the record and the key that was kept with it.
    Erase {
        /// Its name.
        id: RequestId,
        /// When the session goes on without it.
        deadline: Tick,
    },
    /// Tell the application.
    Tell(SessionEvent),
    /// An ask of the application has come to its end.
    Settled {
        /// Who waited.
        ask: AskId,
        /// The generation in force, or why it failed.
        result: Result<Generation, Error>,
    },
    /// A call of the application has come to its end.
    Returned {
        /// Which.
        call: CallId,
        /// The JSON-RPC result as its text, or why there is none.
        result: Result<Box<RawValue>, Error>,
    },
    /// A request or event of the server that is not the lifecycle's, untouched and in order (R32).
    Notification(Notification),
    /// An answer of the application's to the server has gone out, or why it has not.
    Responded {
        /// To which notification.
        notification: NotificationId,
        /// Whether.
        result: Result<(), Error>,
    },
    /// Who the subscriber is, for who has asked ([`SessionInput::FetchSubscriber`]), or why nobody knows.
    Fetched {
        /// Who waited.
        ask: AskId,
        /// The facts.
        result: Result<Arc<Subscriber>, Error>,
    },
    /// What the server has told of the connection, now: before the event that it came with is told.
    Connection(Arc<Connection>),
    /// Who the subscriber is, from the newest answer of `subscriber/info`, whoever has asked.
    Subscriber(Arc<Subscriber>),
}

impl SessionOutput {
    /// What a driver hands back that cannot carry this out: the answer that says so, where one is wanted.
    #[must_use]
    pub fn decline(self) -> Option<SessionInput> {
        let message = || "the driver does not know how".to_owned();
        Some(match self {
            Self::Request { id, .. } => {
                SessionInput::Http { id, result: Err(Error::Transport { message: message() }) }
            }
            Self::Open { socket, .. } | Self::Send { socket, .. } => {
                SessionInput::Closed { socket, error: Some(Error::Transport { message: message() }) }
            }
            Self::AskProvider { id, .. } => {
                SessionInput::Credential { id, result: Err(ProviderError::transient(message())) }
            }
            Self::MakeKey { id, .. } => {
                SessionInput::Key { id, result: Err(Error::DpopInit { message: message() }) }
            }
            Self::Sign { id, .. } => {
                SessionInput::Signature { id, result: Err(Error::DpopInit { message: message() }) }
            }
            Self::Persist { id, .. } | Self::Erase { id, .. } => {
                let error = Error::Store { message: message() };
                SessionInput::Stored { id, result: Err(StoreFailure::Failed(error)) }
            }
            Self::Close { .. }
            | Self::Tell(_)
            | Self::Settled { .. }
            | Self::Returned { .. }
            | Self::Notification(_)
            | Self::Responded { .. }
            | Self::Fetched { .. }
            | Self::Connection(_)
            | Self::Subscriber(_) => return None,
        })
    }
}

/// Which function of the application's provider to call (R34).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderCall {
    /// `authenticate(context)`.
    Authenticate {
        /// RFC 7638 thumbprint of the session's key, 43 characters, to be forwarded to the token endpoint
        /// with `scope: "sat:refresh"`.
        fingerprint: Option<String>,
    },
    /// `refresh(context)`.
    Refresh {
        /// As for `authenticate`: a backend that mints anew where it is asked to refresh needs it, too. Whether it
        /// was passed on, the server says.
        fingerprint: Option<String>,
    },
}
