//! The one error type of the adapters (R37).

use std::time::Duration;

use satkeeper_core::lifecycle::{Event, Phase, Warning};
use satkeeper_core::session::{SessionEvent, SessionNews};

/// Everything that can go wrong with a client, whichever adapter it is of. No text of it holds a credential.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// use satkeeper::Error;
/// let error = Error::MissingProvider;
/// assert_eq!(error.code(), "missing_provider");
/// assert!(!error.is_over());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The session's own: what the server, the network or the provider said.
    #[error(transparent)]
    Session(#[from] satkeeper_core::error::Error),
    /// The builder was not told where tokens come from.
    #[error(
        "no credential provider was named; call `subscriber`, `embed`, `static_token` or `provider` first"
    )]
    MissingProvider,
    /// The builder was given an [external](satkeeper_core::dpop::ProofKey::external) key, and not told who signs with it.
    #[error("the key is held elsewhere, and nobody was named who signs with it; call `signer`, too")]
    MissingSigner,
    /// What was given as `ca_pem` cannot be trusted with anything.
    #[error("`ca_pem` is refused: {reason}")]
    Certificate {
        /// Why.
        reason: &'static str,
    },
    /// The tokio client must be started on a runtime with I/O and time enabled; the blocking one needs none.
    #[error("there is no tokio runtime here; connect from within one")]
    NoRuntime,
    /// The HTTP client, the TLS stack or the source of randomness could not be set up.
    #[error("the client could not be set up: {message}")]
    Setup {
        /// What happened.
        message: String,
    },
    /// The store keeps the session of somebody else, which is not overwritten.
    #[error(
        "{store}: it keeps the session of {theirs}; name another store, or remove this one if it is not needed"
    )]
    StoreOfAnother {
        /// Which store.
        store: String,
        /// Whose session it keeps.
        theirs: String,
    },
    /// No session came to be within the builder's `connect_timeout`.
    #[error(
        "no session within {} ms, {}{}; a longer `connect_timeout` gives it more time, and `start` all that it needs",
        .after.as_millis(),
        waiting(*.phase),
        because(.cause)
    )]
    ConnectTimeout {
        /// That limit.
        after: Duration,
        /// How far it had come.
        phase: Phase,
        /// What went wrong last, if anything did.
        cause: Option<Box<satkeeper_core::error::Error>>,
    },
    /// Somebody else holds the session from now on: who has its store, or has written to it. Nothing more was presented or
    /// written here. Do not begin it again by yourself: two that take it from each other would do so for ever (R11).
    #[error("somebody else holds the session from now on{}; it must not be begun again here", because(.cause))]
    HandedOver {
        /// How that was found out.
        cause: Option<Box<satkeeper_core::error::Error>>,
    },
    /// The server does not speak the version of the protocol that this client speaks. Asking again cannot help.
    #[error("the server does not speak version 4.0 of the protocol{}; a newer client may", because(.cause))]
    Incompatible {
        /// What the server said.
        cause: Option<Box<satkeeper_core::error::Error>>,
    },
    /// What drives the session went away without ending it: a task whose tokio runtime was shut down, or a
    /// thread that panicked.
    #[error("what drives the session has stopped; was its runtime shut down?")]
    DriverStopped,
}

impl Error {
    /// Stable identifier of the kind of error, snake_case; safe to match on and to count by. Of
    /// [`Error::Session`] it is the inner error's.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Session(error) => error.code(),
            Self::MissingProvider => "missing_provider",
            Self::MissingSigner => "missing_signer",
            Self::Certificate { .. } => "certificate",
            Self::NoRuntime => "no_runtime",
            Self::Setup { .. } => "setup",
            Self::StoreOfAnother { .. } => "store_of_another",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::HandedOver { .. } => "handed_over",
            Self::Incompatible { .. } => "incompatible",
            Self::DriverStopped => "driver_stopped",
        }
    }

    /// Whether the session is over, so that nothing can be asked of it any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Session(satkeeper_core::error::Error::SessionOver) | Self::DriverStopped)
    }

    /// No session came to be within this time, in which this was told.
    #[must_use]
    pub fn connect_timeout(
        after: Duration,
        phase: Phase,
        told: impl IntoIterator<Item = SessionEvent>,
    ) -> Self {
        let in_the_way = |event: SessionEvent| match event.event {
            SessionNews::Lifecycle(Event::Warn(
                Warning::RefreshFailed { .. } | Warning::ConnectFailed { .. },
            )) => event.cause,
            _ => None,
        };
        let cause = told.into_iter().filter_map(in_the_way).last().map(Box::new);
        Self::ConnectTimeout { after, phase, cause }
    }

    /// What is said of a session that is over.
    pub const OVER: Self = Self::Session(satkeeper_core::error::Error::SessionOver);
}

/// What is still waited for.
const fn waiting(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle | Phase::Minting => "there is no first token yet",
        _ => "the server has not accepted a connection yet",
    }
}

fn because(cause: &Option<Box<satkeeper_core::error::Error>>) -> String {
    cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"))
}
