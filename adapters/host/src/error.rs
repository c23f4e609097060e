//! The one error type of the adapters (L52).

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
            Self::Certificate { .. } => "certificate",
            Self::NoRuntime => "no_runtime",
            Self::Setup { .. } => "setup",
            Self::StoreOfAnother { .. } => "store_of_another",
            Self::DriverStopped => "driver_stopped",
        }
    }

    /// Whether the session is over, so that nothing can be asked of it any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Session(satkeeper_core::error::Error::SessionOver) | Self::DriverStopped)
    }

    /// What is said of a session that is over.
    pub const OVER: Self = Self::Session(satkeeper_core::error::Error::SessionOver);
}
