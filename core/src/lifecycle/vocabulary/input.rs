//! Everything that can happen to a session: the machine's whole input alphabet (R29).
//!
//! Nothing here holds a secret or a byte of a token: tokens are known by number, replies by the facts in
//! them (R31).

use serde::{Deserialize, Serialize};

use crate::lifecycle::vocabulary::ids::{AskId, CommandId, Generation, SocketId, TokenId};
use crate::time::{Millis, UnixMillis};

/// One input of [`Lifecycle::step`](crate::lifecycle::Lifecycle::step).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Input {
    /// Begins the session; the first input. A second one is ignored.
    Start(Start),
    /// Time has passed. Early: a silent no-op.
    Tick,
    /// The one answer to a command.
    Done(CommandId, Outcome),
    /// The socket closed or broke, whatever the close code.
    SocketLost {
        /// Which.
        socket: SocketId,
    },
    /// What was sent on the socket has not been answered in its time: the way there and back may not be open (R22).
    SocketDead {
        /// Which.
        socket: SocketId,
    },
    /// Something sent on a socket that was doubted has been answered after all (R22).
    SocketAlive {
        /// Which.
        socket: SocketId,
    },
    /// The server said `signalwire.disconnect`.
    ServerRestart {
        /// Which.
        socket: SocketId,
        /// `restart: true`: resume state is void, connect fresh.
        wipe: bool,
    },
    /// A newer `authorization_state` has been received and kept: the session can be resumed from now on.
    ResumeState {
        /// Which.
        socket: SocketId,
    },
    /// The application's own request was refused for its credential (R27).
    Rejected {
        /// Who waits.
        ask: AskId,
        /// The generation in force when that request was sent.
        generation: Generation,
    },
    /// The application wants a new token now (R27).
    RefreshNow {
        /// Who waits.
        ask: AskId,
    },
    /// The application brings a token of its own (`update_token`, R27).
    NewBase {
        /// Who waits.
        ask: AskId,
        /// What is known of it.
        token: TokenFacts,
    },
    /// The application replaced its credential provider (R27).
    NewProvider(ProviderFacts),
    /// Stop renewing, close the socket, keep everything (R33).
    Suspend,
    /// Go on after [`Input::Suspend`].
    Resume,
    /// The host's network changed: probe and try at once (R19).
    NetworkChanged,
    /// End the session, forget resume state (R33).
    Disconnect,
    /// End this process's part in the session and keep all of it: the next one resumes it from the record (R33).
    Leave,
    /// End the session, erase record and key (R33).
    Destroy,
}

/// What a session starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// What the provider can do.
    pub provider: ProviderFacts,
    /// Which keys may be used.
    pub key: KeyFacts,
    /// Whether a [`Record`](crate::lifecycle::Action::Persist) is kept: commands to write one are only given if so.
    pub durable: bool,
}

/// What a credential provider can do (R26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderFacts {
    /// It has a `refresh()` of its own.
    pub can_refresh: bool,
    /// `authenticate()` may be called again without bothering a person. Such a provider counts as having
    /// `refresh`.
    pub can_mint_again: bool,
    /// It may be called while an earlier call has not returned.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub may_be_asked_twice: bool,
}

/// What the application allows and has of proof-of-possession keys (R35).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyFacts {
    /// The machine chooses: ES256 where it can recover from a refusal, else RS256.
    Auto,
    /// Always this one.
    Fixed(KeyAlgorithm),
    /// A key is at hand already.
    Held {
        /// Its kind.
        algorithm: KeyAlgorithm,
        /// A server has accepted a proof of this kind before.
        proved: bool,
    },
    /// No key is wanted or none can be had: the session stays unbound.
    Unavailable,
}

/// The signature algorithm of a proof (RFC 7518 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, what the official client uses.
    Rs256,
}

/// An answer, with what it says of the server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What came of it.
    pub result: Result<Reply, Failure>,
    /// The `Date` of the response, if it came from a host of SignalWire.
    pub server_time: Option<UnixMillis>,
    /// The server time that was written into the proof, if one was signed.
    pub signed_at: Option<UnixMillis>,
}

impl Outcome {
    /// A reply without a time stamp.
    #[must_use]
    pub const fn ok(reply: Reply) -> Self {
        Self { result: Ok(reply), server_time: None, signed_at: None }
    }

    /// A failure without a time stamp.
    #[must_use]
    pub const fn failed(failure: Failure) -> Self {
        Self { result: Err(failure), server_time: None, signed_at: None }
    }
}

/// The successful answers, one kind for each [`Action`](crate::lifecycle::Action).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reply {
    /// `MakeKey`: the key is there.
    KeyMade,
    /// `Mint`, `Refresh` through the provider: a base token. `Activate`, `Refresh` of a bound token: a
    /// bound one.
    Token(TokenFacts),
    /// `Inspect`: what subscriber/info says of the base.
    Inspected(Statement),
    /// `Open`: the socket is open; nothing has been sent on it.
    Opened,
    /// `Authenticate`: the connect succeeded.
    Authenticated {
        /// The server says that it has restored the old session.
        resumed: bool,
        /// What the result says; of a resumed session it speaks of the token that the state was made for, which
        /// may be an older one: its end and scope are taken from elsewhere (R2).
        statement: Statement,
    },
    /// `Reauthenticate`: accepted.
    Reauthenticated(Statement),
    /// `Probe`: the socket answers.
    Alive,
    /// `Persist`, `Erase`, `Close`: done.
    Finished,
}

/// A token that an exchange or the application brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFacts {
    /// Its number: a known one if its bytes are known.
    pub token: TokenId,
    /// What its answer says of it.
    pub statement: Statement,
    /// The answer also brought a new one-time secret (a rotating refresh token), which must not be lost
    /// (R12).
    pub new_secret: bool,
}

/// What an answer states of a token. Absent or unreadable fields are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// An absolute end in the *server's* time.
    pub expires_at: Option<UnixMillis>,
    /// A lifetime.
    pub expires_in: Option<Millis>,
    /// The provider's own `expiry_at`: a hint, in an unknown clock (R2).
    pub expiry_hint: Option<UnixMillis>,
    /// A lifetime that was asked for or is documented, stated by nobody.
    pub assumed_life: Option<Millis>,
    /// Whether it carries `sat:refresh`.
    pub scope: Option<bool>,
    /// Whose key it is bound to.
    pub cnf: Confirmation,
}

/// Whose key a token is bound to (`cnf.jkt`, RFC 9449 section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirmation {
    /// Nobody said.
    #[default]
    Unknown,
    /// Bound to no key.
    Unbound,
    /// Bound to the key in use.
    Ours,
    /// Bound to another key: we cannot use it.
    Others,
}

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Failure {
    /// No answer by the deadline.
    Timeout,
    /// The request or its socket broke, or never came to be.
    Transport,
    /// An answer that is not what was asked for.
    Malformed,
    /// An HTTP error.
    Http {
        /// Its status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<Millis>,
    },
    /// A JSON-RPC error, or a result whose `code` is not 2xx.
    Rpc {
        /// Its code.
        code: i64,
        /// It is a verdict on the credential, not on the call (R27).
        credential: bool,
    },
    /// The provider said that it will never renew this (R17).
    Rejected,
    /// The provider failed, perhaps only now.
    Provider {
        /// When it wants to be asked again.
        retry_after: Option<Millis>,
    },
    /// There is no key, or it cannot sign (R35).
    NoKey,
    /// An HTTP error from somebody who knows nothing of it: a page on the way, a stored answer.
    Page {
        /// Its status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<Millis>,
    },
    /// There is no one-time secret that may be presented: what is asked again is the endpoint, by a mint (R12).
    NoSecret,
    /// Somebody else holds the session's record by now (R11).
    Conflict,
}

impl Failure {
    /// A refusal that a repetition will not change: 4xx except 408, 425 and 429, a credential verdict, a
    /// provider's `Rejected`. Everything else is transient (R17).
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::Http { status, .. } => status >= 400 && status < 500 && !matches!(status, 408 | 425 | 429),
            Self::Rpc { credential, .. } => credential,
            Self::Rejected | Self::NoKey => true,
            Self::Timeout
            | Self::Transport
            | Self::Malformed
            | Self::Provider { .. }
            | Self::Page { .. }
            | Self::NoSecret
            | Self::Conflict => false,
        }
    }

    /// Somebody has answered, and may have another answer later.
    pub(crate) const fn says_later(self) -> bool {
        match self {
            Self::Http { status, .. } | Self::Page { status, .. } => {
                status >= 500 || matches!(status, 408 | 425 | 429)
            }
            Self::Provider { .. } => true,
            _ => false,
        }
    }

    /// How long the server asked us to wait.
    #[must_use]
    pub const fn retry_after(self) -> Option<Millis> {
        match self {
            Self::Http { retry_after, .. }
            | Self::Page { retry_after, .. }
            | Self::Provider { retry_after } => retry_after,
            _ => None,
        }
    }
}
