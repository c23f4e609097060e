//! What handles ask of the driver.

use std::sync::Arc;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::{Generation, Why};
use satkeeper_core::session::{
    Answer, CallId, Credential, NotificationId, Provider, SessionInput, Subscriber,
};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::provider::CredentialProvider;

/// The way from the handles to the driver. Unbounded, so that asking never waits: each message is followed by
/// somebody who waits for its answer, and the driver never lets one lie.
pub(crate) type Asks = mpsc::UnboundedSender<Ask>;

/// The outcome of a call, read by whoever waits for it.
pub(crate) type Returned = Result<Box<RawValue>, SessionError>;

/// The outcome of what leads to a token in force.
pub(crate) type Settled = Result<Generation, SessionError>;

/// Who the subscriber is, or why nobody knows.
pub(crate) type Fetched = Result<Arc<Subscriber>, SessionError>;

/// One wish of an application.
pub(crate) enum Ask {
    Call {
        call: CallId,
        method: String,
        params: Value,
        reply: oneshot::Sender<Returned>,
    },
    CancelCall(CallId),
    Respond {
        notification: NotificationId,
        answer: Answer,
        reply: oneshot::Sender<Result<(), SessionError>>,
    },
    FetchSubscriber {
        reply: oneshot::Sender<Fetched>,
    },
    UpdateToken {
        credential: Credential,
        reply: oneshot::Sender<Settled>,
    },
    RefreshNow {
        reply: oneshot::Sender<Settled>,
    },
    Rejected {
        generation: Generation,
        reply: oneshot::Sender<Settled>,
    },
    SetProvider {
        provider: Provider,
        /// The application's own code, where that is what the provider is.
        own: Option<Arc<dyn CredentialProvider>>,
        done: oneshot::Sender<()>,
    },
    /// An input without an answer; `done` says that the session has taken it in.
    Tell {
        input: SessionInput,
        done: oneshot::Sender<()>,
    },
    Why {
        reply: oneshot::Sender<Option<Why>>,
    },
}
