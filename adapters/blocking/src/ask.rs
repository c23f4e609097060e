//! What handles ask of the driver.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::{Generation, Why};
use satkeeper_core::session::{Answer, Credential, NotificationId, Provider, SessionInput, Subscriber};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::provider::CredentialProvider;

/// Takes one answer, or is dropped without.
pub(crate) type Reply<T> = SyncSender<T>;

/// The outcome of a call, read by whoever waits for it.
pub(crate) type Returned = Result<Box<RawValue>, SessionError>;

/// The outcome of what leads to a token in force.
pub(crate) type Settled = Result<Generation, SessionError>;

/// Who the subscriber is, or why nobody knows.
pub(crate) type Fetched = Result<Arc<Subscriber>, SessionError>;

/// One wish of an application.
pub(crate) enum Ask {
    Call {
        method: String,
        params: Value,
        reply: Reply<Returned>,
    },
    Respond {
        notification: NotificationId,
        answer: Answer,
        reply: Reply<Result<(), SessionError>>,
    },
    FetchSubscriber {
        reply: Reply<Fetched>,
    },
    UpdateToken {
        credential: Credential,
        reply: Reply<Settled>,
    },
    RefreshNow {
        reply: Reply<Settled>,
    },
    Rejected {
        generation: Generation,
        reply: Reply<Settled>,
    },
    SetProvider {
        provider: Provider,
        /// The application's own code, where that is what the provider is.
        own: Option<Arc<dyn CredentialProvider>>,
        done: Reply<()>,
    },
    /// An input without an answer; `done` says that the session has taken it in.
    Tell {
        input: SessionInput,
        done: Reply<()>,
    },
    Why {
        reply: Reply<Option<Why>>,
    },
}
