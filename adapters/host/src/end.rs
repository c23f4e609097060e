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
            EventKind::Teardown { reason } => {
                let cause = event.cause.clone();
                let error = match reason {
                    TeardownReason::HandedOver => Some(Error::HandedOver { cause: cause.map(Box::new) }),
                    TeardownReason::Incompatible => Some(Error::Incompatible { cause: cause.map(Box::new) }),
                    _ => cause.map(Error::from),
                };
                Some(Self::new(reason, error))
            }
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
            TeardownReason::HandedOver => Error::HandedOver { cause: None },
            TeardownReason::Incompatible => Error::Incompatible { cause: None },
            // As asked: by `disconnect`, `leave`, `destroy`.
            _ => Error::OVER,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Error};
    use satkeeper_core::Now;
    use satkeeper_core::error::Error as SessionError;
    use satkeeper_core::lifecycle::{Event, TeardownReason};
    use satkeeper_core::session::{SessionEvent, SessionNews};

    fn told(reason: TeardownReason, cause: Option<SessionError>) -> End {
        let over = SessionNews::Lifecycle(Event::Teardown { reason, cause: None });
        End::told(&SessionEvent::new(Now::default(), over, cause)).unwrap()
    }

    // proves R11.1
    #[test]
    fn who_is_handed_over_is_told_so_whatever_the_store_said() {
        let said = SessionError::Store { message: "/var/lib/a: somebody else has written to it".to_owned() };
        let end = told(TeardownReason::HandedOver, Some(said.clone()));
        assert_eq!(end.error, Some(Error::HandedOver { cause: Some(Box::new(said)) }));
        let error = end.into_error();
        assert_eq!(error.code(), "handed_over");
        assert!(error.to_string().contains("/var/lib/a"), "{error}");
        assert_eq!(told(TeardownReason::HandedOver, None).into_error().code(), "handed_over");
        assert_eq!(End::new(TeardownReason::HandedOver, None).into_error().code(), "handed_over");
    }

    #[test]
    fn a_server_of_another_version_is_told_apart_from_one_that_refuses() {
        let said = SessionError::Rpc {
            code: -32001,
            message: "Protocol version incompatible".to_owned(),
            data: None,
        };
        let error = told(TeardownReason::Incompatible, Some(said)).into_error();
        assert_eq!(error.code(), "incompatible");
        assert!(error.to_string().contains("4.0") && error.to_string().contains("-32001"), "{error}");
        let refused = told(TeardownReason::InvalidCredentials, None).into_error();
        assert_eq!(refused.code(), "invalid_credentials");
    }
}
