//! How far a session is, and how it ended.

use std::fmt;
use std::sync::Arc;

use satkeeper_core::error::{Error as SessionError, ProviderFault};
use satkeeper_core::lifecycle::TeardownReason;
use satkeeper_core::session::{Notification, SessionEvent};

use crate::error::Error;
use crate::events::Kept;

/// How a session ended.
///
/// ```no_run
/// # async fn wait(client: satkeeper::Client) {
/// let end = client.closed().await;
/// println!("over: {end}");
/// # }
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
    pub(crate) const fn new(reason: TeardownReason, error: Option<Error>) -> Self {
        Self { reason, error }
    }

    /// The driver's task was dropped together with its runtime.
    pub(crate) const fn stopped() -> Self {
        Self { reason: TeardownReason::Disconnected, error: Some(Error::DriverStopped) }
    }

    /// The error for somebody who waited for the session to begin.
    pub(crate) fn into_error(self) -> Error {
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
                kind: ProviderFault::Transient,
                message: "the first token could not be had".to_owned(),
            }
            .into(),
            TeardownReason::Disconnected | TeardownReason::Destroyed => Error::OVER,
        })
    }
}

/// How far a session is, for those who wait for its beginning or its end.
#[derive(Clone)]
pub(crate) enum Progress {
    /// Not live yet.
    Starting,
    /// It has been live.
    Live,
    /// It is over.
    Over(Arc<Ended>),
}

impl Progress {
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    pub(crate) const fn has_begun(&self) -> bool {
        !matches!(self, Self::Starting)
    }
}

/// What a driver leaves behind.
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) events: Kept<SessionEvent>,
    pub(crate) notifications: Kept<Notification>,
}
