//! What a provider brings, or why it brings nothing (R34).

use alloc::string::String;
use core::time::Duration;

use crate::secret::Secret;
use crate::time::UnixMillis;

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
pub(crate) const fn is_refusal(status: u16) -> bool {
    matches!(status, 401 | 403 | 404 | 422)
}
