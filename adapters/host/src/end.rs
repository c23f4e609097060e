//! How a session ended.

use std::fmt;

use satkeeper_core::error::{Error as SessionError, ProviderFault};
use satkeeper_core::lifecycle::TeardownReason;
use satkeeper_core::session::{EventKind, SessionEvent};

use crate::error::Error;

/// How a session ended. What `Client::closed` returns.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// # use satkeeper_core::lifecycle::TeardownReason;
/// let end = satkeeper::End::new(TeardownReason::Disconnected, None);
/// assert_eq!(end.to_string(), "disconnected");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// Why.
    pub reason: TeardownReason,
    /// The error that decided it, if there was one.
    pub error: Option<Error>,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{}: {error}", self.reason.name()),
            None => f.write_str(self.reason.name()),
        }
    }
}

impl End {
    /// For this reason. For adapters; applications are told by `Client::closed`.
    #[must_use]
    pub const fn new(reason: TeardownReason, error: Option<Error>) -> Self {
        Self { reason, error }
    }

    /// That of a session that has told this, where it is over with it.
    #[must_use]
    pub fn told(event: &SessionEvent) -> Option<Self> {
        match event.kind() {
            EventKind::Teardown { reason } => Some(Self::new(reason, event.cause.clone().map(Error::from))),
            _ => None,
        }
    }

    /// What drove the session has gone without ending it.
    #[must_use]
    pub const fn stopped() -> Self {
        Self { reason: TeardownReason::Disconnected, error: Some(Error::DriverStopped) }
    }

    /// The error for somebody who waited for the session to begin.
    #[must_use]
    pub fn into_error(self) -> Error {
        let Self { reason, error } = self;
        error.unwrap_or_else(|| match reason {
            TeardownReason::Expired => SessionError::InvalidCredentials {
                reason: "it has ended, and nobody can renew it".to_owned(),
            }
            .into(),
            TeardownReason::InvalidCredentials => {
                SessionError::InvalidCredentials { reason: "the server refused it".to_owned() }.into()
            }
            TeardownReason::MintFailed => SessionError::Provider {
                kind: ProviderFault::Once,
                message: "the first token could not be had".to_owned(),
            }
            .into(),
            // As asked: by `disconnect`, `leave`, `destroy`.
            _ => Error::OVER,
        })
    }
}
