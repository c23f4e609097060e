//! What handles ask of the driver.

use std::fmt;
use std::sync::Arc;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::{Generation, Why};
use satkeeper_core::session::{
    Answer, CallId, Credential, NotificationId, Provider, SessionInput, Subscriber,
};
use serde_json::Value;
use serde_json::value::RawValue;

/// Takes one answer, or is dropped without.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// The outcome of a call, read by whoever waits for it.
pub type Returned = Result<Box<RawValue>, SessionError>;

/// The outcome of what leads to a token in force.
pub type Settled = Result<Generation, SessionError>;

/// Who the subscriber is, or why nobody knows.
pub type Fetched = Result<Arc<Subscriber>, SessionError>;

/// Whether an answer to the server has gone out.
pub type Responded = Result<(), SessionError>;

/// One request of an application. `P` is a provider of its own, as the adapter holds it.
pub enum Ask<P> {
    /// A call of the server's.
    Call {
        /// Its name, which no other call of the session has.
        call: CallId,
        /// What to call.
        method: String,
        /// With what.
        params: Value,
        /// Who waits.
        reply: Reply<Returned>,
    },
    /// Nobody waits for this call any more.
    CancelCall(CallId),
    /// An answer to the server.
    Respond {
        /// To which notification.
        notification: NotificationId,
        /// What to say.
        answer: Answer,
        /// Who waits until it has gone out.
        reply: Reply<Responded>,
    },
    /// Who the subscriber is.
    FetchSubscriber {
        /// Who waits.
        reply: Reply<Fetched>,
    },
    /// A token of the application's.
    UpdateToken {
        /// The token.
        credential: Credential,
        /// Who waits.
        reply: Reply<Settled>,
    },
    /// A renewal, now.
    RefreshNow {
        /// Who waits.
        reply: Reply<Settled>,
    },
    /// Another server has refused the token of this generation.
    Rejected {
        /// Which.
        generation: Generation,
        /// Who waits.
        reply: Reply<Settled>,
    },
    /// Another provider.
    SetProvider {
        /// What the session knows of it.
        provider: Provider,
        /// The application's own code, where that is what the provider is.
        own: Option<P>,
        /// Who waits until the session has taken it in.
        done: Reply<()>,
    },
    /// An input that the session does not answer.
    Command {
        /// The input.
        input: SessionInput,
        /// Who waits until the session has taken it in.
        done: Reply<()>,
    },
    /// The next deadline.
    Why {
        /// Who waits.
        reply: Reply<Option<Why>>,
    },
}

impl<P> fmt::Debug for Ask<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").finish_non_exhaustive()
    }
}
