//! An error as the lifecycle hears of it: what kind of failure it is (R31).

use alloc::borrow::ToOwned;

use crate::error::{Error, ProviderFault};
use crate::lifecycle::Failure;

/// An error, and what the lifecycle hears of it.
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    pub(crate) error: Error,
}

impl Fault {
    pub(crate) const fn new(failure: Failure, error: Error) -> Self {
        Self { failure, error }
    }

    /// There is no key, or it cannot sign (R35).
    pub(crate) fn no_key(message: &str) -> Self {
        Self::new(Failure::NoKey, Error::DpopInit { message: message.to_owned() })
    }

    /// There is no refresh token that may be presented.
    pub(crate) fn no_secret() -> Self {
        let message = "there is no refresh token that may be presented".to_owned();
        Self::new(Failure::NoSecret, Error::TokenRefresh { message, source: None })
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let failure = match &error {
            Error::Http(http) if !http.own && http.status < 500 => {
                Failure::Page { status: http.status, retry_after: http.retry_after_ms }
            }
            Error::Http(http) => Failure::Http { status: http.status, retry_after: http.retry_after_ms },
            Error::UpgradeRefused { status, retry_after_ms, .. } => {
                Failure::Http { status: *status, retry_after: *retry_after_ms }
            }
            Error::Rpc { code, .. } => Failure::Rpc { code: *code, credential: false },
            Error::Timeout { .. } => Failure::Timeout,
            Error::DpopInit { .. } => Failure::NoKey,
            Error::Provider { kind: ProviderFault::Rejected, .. } => Failure::Rejected,
            Error::Provider { .. } => Failure::Provider { retry_after: None },
            Error::Throttled { retry_after_ms } => Failure::Provider { retry_after: Some(*retry_after_ms) },
            Error::InvalidCredentials { .. }
            | Error::InvalidField { .. }
            | Error::InvalidUrl { .. }
            | Error::HostNotAllowed { .. }
            | Error::UnexpectedReply { .. } => Failure::Malformed,
            _ => Failure::Transport,
        };
        Self { failure, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HttpError;
    use crate::wire::http::HttpResponse;
    use crate::wire::rest::Endpoint;

    #[test]
    fn the_lifecycle_hears_the_kind_of_an_error() {
        // proves R31.1
        let text = || "x".to_owned();
        let answer = HttpResponse::new(503, "");
        let http = HttpError::of(Endpoint::DeviceToken, &answer, &[]).into();
        let provider = |kind| Error::Provider { kind, message: text() };
        let invalid = Error::InvalidField { field: "reference", reason: "it is empty" };
        for (error, failure) in [
            (http, Failure::Http { status: 503, retry_after: None }),
            (
                Error::Rpc { code: -7, message: text(), data: None },
                Failure::Rpc { code: -7, credential: false },
            ),
            (Error::Timeout { what: "it".into(), after_ms: 1 }, Failure::Timeout),
            (Error::DpopInit { message: text() }, Failure::NoKey),
            (provider(ProviderFault::Rejected), Failure::Rejected),
            (provider(ProviderFault::Transient), Failure::Provider { retry_after: None }),
            (Error::Throttled { retry_after_ms: 9 }, Failure::Provider { retry_after: Some(9) }),
            (Error::credentials("x"), Failure::Malformed),
            (Error::reply("it", "x"), Failure::Malformed),
            (Error::InvalidUrl { reason: "x" }, Failure::Malformed),
            (Error::HostNotAllowed { host: text() }, Failure::Malformed),
            (invalid, Failure::Malformed),
            (Error::Transport { message: text() }, Failure::Transport),
        ] {
            assert_eq!(Fault::from(error).failure, failure);
        }
    }
}
