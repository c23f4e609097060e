//! What the machine says of itself (R29).

use serde::{Deserialize, Serialize};

use crate::lifecycle::vocabulary::event::{Mechanism, TeardownReason};
use crate::lifecycle::vocabulary::ids::{Generation, TokenId};
use crate::lifecycle::vocabulary::wake::Wake;
use crate::time::{Millis, Tick};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Not started.
    Idle,
    /// Getting a key and the first token.
    Minting,
    /// No authenticated socket yet, for the first time.
    Connecting,
    /// Authenticated on a socket.
    Live,
    /// The socket is gone; another is on its way.
    Reconnecting,
    /// Every token has ended; attempts to renew go on (R25).
    Expired,
    /// At rest until resumed.
    Suspended,
    /// Putting things away.
    Ending,
    /// Over.
    Over(TeardownReason),
}

impl Phase {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Minting => "minting",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Expired => "expired",
            Self::Suspended => "suspended",
            Self::Ending => "ending",
            Self::Over(_) => "over",
        }
    }
}

/// A summary of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// Where the session stands.
    pub phase: Phase,
    /// Who renews.
    pub mechanism: Mechanism,
    /// Counts acknowledgements.
    pub generation: Generation,
    /// The token that the server last acknowledged.
    pub in_force: Option<TokenId>,
    /// It is a client-bound one.
    pub bound: bool,
    /// When the token in force ends, as far as anybody said.
    pub token_ends: Option<Tick>,
    /// When the session ends, if no renewal succeeds: the latest end of all held tokens.
    pub session_ends: Option<Tick>,
    /// From the last step to the session's end.
    pub time_left: Option<Millis>,
    /// How far the server's clock is ahead of the wall clock, in milliseconds.
    pub clock_offset: Option<i64>,
}

impl Status {
    /// Of a session of which no more is known. For tests of what shows one; machines make their own.
    #[must_use]
    pub const fn new(phase: Phase, mechanism: Mechanism) -> Self {
        Self {
            phase,
            mechanism,
            generation: Generation(0),
            in_force: None,
            bound: false,
            token_ends: None,
            session_ends: None,
            time_left: None,
            clock_offset: None,
        }
    }
}

/// Why the machine will wake next, and the numbers that the deadline was computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Why {
    /// When.
    pub at: Tick,
    /// What for.
    pub wake: Wake,
    /// The token that it is about.
    pub token: Option<TokenId>,
    /// That token's `renew_by`: the earliest end that anybody stated (R2).
    pub renew_by: Option<Tick>,
    /// That token's `ends`: the end that counts.
    pub ends: Option<Tick>,
    /// Its lead (R16).
    pub lead: Option<Millis>,
    /// Its drawn jitter (R16).
    pub jitter: Option<Millis>,
    /// Failures since the last success of what is due.
    pub failures: u32,
}

impl Why {
    /// With no more to say. For tests of what shows one; machines make their own.
    #[must_use]
    pub const fn new(at: Tick, wake: Wake) -> Self {
        Self { at, wake, token: None, renew_by: None, ends: None, lead: None, jitter: None, failures: 0 }
    }
}
