//! How the program ends, and with which code.

use std::process::ExitCode;

/// The exit codes, for `--help`.
pub(crate) const CODES: &str = "\
Exit codes:
  0  ended as asked: --for has passed, SIGINT, SIGTERM, or the demo kept every promise. A second signal, half a \
second later or more, ends the program at once
  1  something else, such as a promise of the demo that was not kept
  2  usage: an option, a URL, a file or a field that is no good; nothing was sent
  3  the credentials were refused by the server (an expired token at the start, too), or for good by who should \
bring them
  4  the credential expired during the session and nobody could renew it
  5  no session within --connect-timeout, or a program failed to bring the first token and may not be \
asked again (see --repeatable)
  6  somebody else holds the session from now on: another process has its --store. Do not start it again \
automatically (systemd: RestartPreventExitStatus=6): two that take it from each other would go on for ever
  7  the server does not speak version 4.0 of the protocol; starting again cannot help";

/// Why the program does not end as it was asked to. No text holds a credential.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// None of the others.
    #[error("{0}")]
    Broken(String),
    /// What was asked for cannot be done; nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// The server, or who should bring credentials, refused.
    #[error("{0}")]
    Refused(String),
    /// The credential ended and nobody could renew it.
    #[error("{0}")]
    Expired(String),
    /// No session came to be.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody else holds the session: whoever restarts this program must not.
    #[error("{0}")]
    HandedOver(String),
    /// The server speaks another version of the protocol.
    #[error("{0}")]
    Incompatible(String),
}

impl Failure {
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage(what.into())
    }

    /// The exit code, as [`CODES`] says.
    pub(crate) const fn number(&self) -> u8 {
        match self {
            Self::Broken(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Expired(_) => 4,
            Self::Unreachable(_) => 5,
            Self::HandedOver(_) => 6,
            Self::Incompatible(_) => 7,
        }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }
}
