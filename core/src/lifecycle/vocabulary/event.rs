//! Everything that the machine tells: the whole event alphabet (R29), warnings with the official codes.

use serde::{Deserialize, Serialize};

use crate::lifecycle::vocabulary::ids::{AskId, CommandId, Generation, TokenId};
use crate::lifecycle::vocabulary::input::{Failure, KeyAlgorithm};
use crate::time::{Millis, Tick};

/// Something that the application should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// The session is authenticated on a socket.
    Live {
        /// The server let the old session go on, as far as it says.
        resumed: bool,
        /// Counts acknowledgements.
        generation: Generation,
    },
    /// A client-bound token has come into force, for the first time from its base.
    Bound {
        /// Which.
        token: TokenId,
    },
    /// A new token is in force: exchanged, pushed and acknowledged (R13).
    Renewed {
        /// Counts acknowledgements.
        generation: Generation,
        /// Which token.
        token: TokenId,
        /// Who brought it; `None`: the application itself (`update_token`).
        by: Option<Mechanism>,
        /// When it ends, as far as anybody said.
        ends: Option<Tick>,
    },
    /// Something that will end badly unless somebody acts, or that explains what follows.
    Warn(Warning),
    /// What an application waited for failed.
    Failed {
        /// Who waited.
        ask: AskId,
        /// Why.
        error: AskError,
    },
    /// What an application waited for has happened; after a rejection it may repeat its request once.
    Recovered {
        /// Who waited.
        ask: AskId,
        /// The generation now in force.
        generation: Generation,
    },
    /// A step came late, or where ticks do not count sleep the wall clock ran ahead of them: sleep, or a set clock (R1).
    ClockJump {
        /// By how much.
        by: Millis,
    },
    /// No held token is valid any more (R25).
    Expired {
        /// Somebody can still bring one, and is asked.
        renewing: bool,
    },
    /// The session is at rest until it is resumed (R33).
    Suspended,
    /// A stale answer or socket input arrived and changed nothing (R29).
    Ignored(Ignored),
    /// The session is over. The last event.
    Teardown {
        /// Why.
        reason: TeardownReason,
        /// The failure that decided it, if there was one.
        cause: Option<Cause>,
    },
}

/// Who renews (R17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// Client-bound: proof of possession, internal.
    Bound,
    /// The provider's `refresh`, or a repeated mint.
    Provider,
    /// Nobody: the session ends at its expiry.
    None,
}

impl Mechanism {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Provider => "provider",
            Self::None => "none",
        }
    }
}

/// A failure and the command that met it; the layer above may know more of it by that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The command that failed.
    pub command: CommandId,
    /// How.
    pub failure: Failure,
}

/// A warning. Its [`code`](Warning::code) is stable; official ones are spelt as the official client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Warning {
    /// The provider's refresh really takes over from a wanted client-bound one (R17).
    RefreshFallback {
        /// Why. An open set in the official client: do not branch on it.
        reason: FallbackReason,
    },
    /// Nobody can renew: the session will end (R17).
    NoRefreshHandler {
        /// When, if anybody said.
        ends: Option<Tick>,
        /// That end is only assumed.
        assumed: bool,
    },
    /// The credential nears its end and has not been renewed (R28).
    Expiring {
        /// When.
        ends: Tick,
        /// That end is only assumed.
        assumed: bool,
        /// Who is trying.
        mechanism: Mechanism,
    },
    /// An attempt to get a token failed: to renew, or to get the first one where that is repeated (R28, R26).
    RefreshFailed {
        /// The number of this attempt since the last success, from 1.
        attempt: u32,
        /// Who tried.
        mechanism: Mechanism,
        /// What went wrong.
        cause: Cause,
        /// When the next attempt is due, if there will be one; what waits for a socket is due when the next one is
        /// opened.
        next: Option<Tick>,
    },
    /// The token could not be pushed to the live socket; the old one stays in force (R23).
    PushFailed {
        /// Which token.
        token: TokenId,
        /// What went wrong.
        cause: Cause,
    },
    /// The session could not be connected: no socket came to be, or it was lost or refused before it was live
    /// (R10, R19). A refused resume is no failure (R21).
    ConnectFailed {
        /// What went wrong.
        cause: Cause,
        /// When the next attempt is due, if that is known already.
        next: Option<Tick>,
    },
    /// The socket that served is gone; another is on its way.
    ConnectionLost {
        /// The connect that it had served since, and how it went.
        cause: Cause,
        /// When the next attempt is made, to open a socket or to get a token for it, if that is known already.
        next: Option<Tick>,
    },
    /// Writing the record failed; the session goes on in memory (R13).
    StoreFailed {
        /// What went wrong.
        cause: Cause,
    },
    /// A source puts a token's end earlier than another did, by more than 10 s (R2).
    ExpiryShortened {
        /// Which token.
        token: TokenId,
        /// By how much.
        by: Millis,
    },
    /// The server may not accept this kind of key: switching (R35).
    KeySwitched {
        /// To this one.
        to: KeyAlgorithm,
    },
    /// A server's value is absurd, or past by a clock that nobody has confirmed: clamped, or as if absent (R2, R7).
    Clamped {
        /// Which token it spoke of.
        token: TokenId,
    },
    /// A token is bound to a key that is not ours: it cannot be used (R35).
    ForeignKey {
        /// Which token.
        token: TokenId,
    },
}

impl Warning {
    /// A stable snake_case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RefreshFallback { .. } => "credential_refresh_fallback",
            Self::NoRefreshHandler { .. } => "credential_no_refresh_handler",
            Self::Expiring { .. } => "credential_expiring",
            Self::RefreshFailed { .. } => "credential_refresh_failed",
            Self::PushFailed { .. } => "credential_push_failed",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::StoreFailed { .. } => "store_failed",
            Self::ExpiryShortened { .. } => "expiry_shortened",
            Self::KeySwitched { .. } => "key_switched",
            Self::Clamped { .. } => "server_value_clamped",
            Self::ForeignKey { .. } => "foreign_key",
        }
    }
}

/// Why client-bound renewal gave way to the provider's; spelt as the official client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FallbackReason {
    /// The base token lacks `sat:refresh`.
    NoScope,
    /// There is no key.
    NoDpopSupport,
    /// The device endpoints refused or did not answer in time.
    EndpointFailed,
}

impl FallbackReason {
    /// The official spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoScope => "no-scope",
            Self::NoDpopSupport => "no-dpop-support",
            Self::EndpointFailed => "endpoint-failed",
        }
    }
}

/// Why a request of the application failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody can renew.
    NoMechanism,
    /// The exchange or the push failed.
    Exchange(Cause),
    /// The token is one that the server has rejected, has ended, or is bound to another key.
    InvalidCredentials,
    /// The request budget is used up; ask again later (R20).
    Throttled,
    /// A newer request of the same kind took its place (R27).
    Superseded,
    /// It is still being tried; what comes of it is told as an event.
    Pending,
    /// The session is suspended.
    Suspended,
    /// The session is over.
    SessionOver,
}

/// What was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ignored {
    /// An answer to a command that is not open (any more).
    StaleAnswer(CommandId),
    /// An answer of the wrong kind for its command: treated as a malformed one.
    WrongReply(CommandId),
    /// An input of a socket that is not the current one.
    StaleSocket,
    /// An input that makes no sense in this phase (a second `Start`, `Resume` when not suspended).
    OutOfPlace,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TeardownReason {
    /// The credential ended and nobody could renew it.
    Expired,
    /// The server refused every credential there was.
    InvalidCredentials,
    /// There is no first token: it was refused, or who brings it is asked once. Its error went to the caller (R26).
    MintFailed,
    /// The application disconnected.
    Disconnected,
    /// The application left it to be resumed from its record.
    Left,
    /// The application destroyed the session.
    Destroyed,
    /// Somebody else holds the session from now on.
    HandedOver,
    /// The server does not speak this version of the protocol, and never did in this session (-32001).
    Incompatible,
}

impl TeardownReason {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::InvalidCredentials => "invalid_credentials",
            Self::MintFailed => "mint_failed",
            Self::Disconnected => "disconnected",
            Self::Left => "left",
            Self::Destroyed => "destroyed",
            Self::HandedOver => "handed_over",
            Self::Incompatible => "incompatible",
        }
    }
}
