//! What a session has asked for and what is said of it where it cannot be had.

use std::time::Duration;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::session::{ProviderError, RequestId, SessionInput, StoreFailure};

/// How long an answer to a request is listened for beyond its deadline: an attempt yields its place then, never its answer,
/// which may be the token that everybody waits for (R14).
pub const LATE: Duration = Duration::from_secs(60);

/// Something that a session has asked for and that takes time. It ends in exactly one input of the session.
///
/// ```
/// use satkeeper_core::session::{RequestId, SessionInput};
/// use satkeeper_host::PendingOperation;
/// let input = PendingOperation::Key(RequestId(7)).fail("it panicked");
/// assert!(matches!(input, SessionInput::Key { id: RequestId(7), result: Err(_) }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingOperation {
    /// An HTTP request.
    Request(RequestId),
    /// A call of the application's provider.
    Provider(RequestId),
    /// A key to be made.
    Key(RequestId),
    /// A signature of the application's signer.
    Signature(RequestId),
    /// A write to the store.
    Store(RequestId),
}

impl PendingOperation {
    /// The input that says why nothing came of it: transient, the session will ask again.
    #[must_use]
    pub fn fail(self, message: &str) -> SessionInput {
        let message = message.to_owned();
        match self {
            Self::Request(id) => SessionInput::Http { id, result: Err(SessionError::Transport { message }) },
            Self::Provider(id) => {
                SessionInput::Credential { id, result: Err(ProviderError::transient(message)) }
            }
            Self::Key(id) => SessionInput::Key { id, result: Err(SessionError::DpopInit { message }) },
            Self::Signature(id) => {
                let message = format!("the external signer failed: {message}");
                SessionInput::Signature { id, result: Err(SessionError::DpopInit { message }) }
            }
            Self::Store(id) => {
                let error = SessionError::Store { message };
                // Nobody has asked the store.
                SessionInput::Stored { id, result: Err(StoreFailure::Unsure(error)) }
            }
        }
    }
}
