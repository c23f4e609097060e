//! The token in force, as an application uses it.

use crate::lifecycle::Generation;
use crate::secret::Secret;
#[cfg(doc)]
use crate::session::SessionInput;
use crate::time::UnixMillis;

/// The token in force, for the application's own HTTP calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InForce {
    /// The token.
    pub token: Secret,
    /// Counts acknowledgements; to be named when a request with this token is refused for its credential
    /// ([`SessionInput::Rejected`]).
    pub generation: Generation,
    /// When it ends in local wall time, as far as anybody said.
    pub expires_at: Option<UnixMillis>,
}

impl InForce {
    /// For tests of what uses one; sessions make their own.
    #[must_use]
    pub const fn new(token: Secret, generation: Generation, expires_at: Option<UnixMillis>) -> Self {
        Self { token, generation, expires_at }
    }
}
