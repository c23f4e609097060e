//! Why the machine wants to be stepped: one name for each deadline there is.

use serde::{Deserialize, Serialize};

use super::command::CommandId;

/// What a deadline is for. The machine keeps no timers: after each input it derives all of these from its
/// state, does what is due, and returns the earliest of the rest as `wake_at`. So nothing can be forgotten,
/// and nothing can fire that is not due any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wake {
    /// A command's deadline: it counts as failed.
    Deadline(CommandId),
    /// No held token is valid any more (L22).
    Expiry,
    /// The grace period after the end is over (L22).
    GraceOver,
    /// A held token ends, or is about to: what follows is derived anew.
    TokenEnds,
    /// Somebody waits for a renewal and nobody can renew (L24), or for a token that has ended (L40).
    Vain,
    /// Every offer was refused: get a new token, or end (L35).
    Refused,
    /// Every offer was refused once; make them again (L35).
    SecondRound,
    /// The connection counts as stable (L36).
    Stable,
    /// `credential_expiring` is due (L21).
    Expiring,
    /// The client-bound mechanism gives way to the provider's (L15, L17).
    Handover,
    /// The client-bound mechanism may be tried again (L17).
    Promotion,
    /// The provider renews although client-bound renewal was wanted: say so (L16).
    Fallback,
    /// Nobody can renew: say so (L16).
    NoMechanism,
    /// Make a key.
    MakeKey,
    /// Mint a base: the first one, or one in place of those that were refused or have ended.
    Mint,
    /// Ask what a base can do.
    Inspect,
    /// Exchange a base for a bound token.
    Activate,
    /// Renew the bound token.
    Renew,
    /// Renew the base through the provider.
    Refresh,
    /// Write the record.
    Persist,
    /// Push a token to the live socket.
    Push,
    /// A refused push is put to the test of a fresh connect beside the live socket (L27).
    Verdict,
    /// Open a socket.
    Open,
    /// Everything is put away: the last event.
    Farewell,
}

impl Wake {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline(_) => "deadline",
            Self::Expiry => "expiry",
            Self::GraceOver => "grace_over",
            Self::TokenEnds => "token_ends",
            Self::Vain => "vain",
            Self::Refused => "refused",
            Self::SecondRound => "second_round",
            Self::Stable => "stable",
            Self::Expiring => "expiring",
            Self::Handover => "handover",
            Self::Promotion => "promotion",
            Self::Fallback => "fallback",
            Self::NoMechanism => "no_mechanism",
            Self::MakeKey => "make_key",
            Self::Mint => "mint",
            Self::Inspect => "inspect",
            Self::Activate => "activate",
            Self::Renew => "renew",
            Self::Refresh => "refresh",
            Self::Persist => "persist",
            Self::Push => "push",
            Self::Verdict => "verdict",
            Self::Open => "open",
            Self::Farewell => "farewell",
        }
    }
}
