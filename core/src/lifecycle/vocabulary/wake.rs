//! Why the machine wants to be stepped: one name for each deadline there is.

use serde::{Deserialize, Serialize};

use crate::lifecycle::vocabulary::ids::CommandId;

/// What a deadline is for. The machine keeps no timers: after each input it derives all of these from its state, does what
/// is due, and returns the earliest of the rest as `wake_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wake {
    /// A command's deadline: it yields its place.
    Deadline(CommandId),
    /// No held token can be used any more (R25).
    Hopeless,
    /// Nothing can become of it any more (R25).
    GiveUp,
    /// A held token ends, or is about to: what follows is derived anew.
    TokenEnds,
    /// Somebody waits for what cannot come (R27).
    Vain,
    /// Somebody has waited long enough (R27).
    Pending,
    /// The connection counts as stable.
    Stable,
    /// A replaced socket is closed (R22).
    Part,
    /// `credential_expiring` is due.
    Expiring,
    /// The provider renews although client-bound renewal was wanted: say so.
    Fallback,
    /// Nobody can renew: say so.
    NoMechanism,
    /// Make a key.
    MakeKey,
    /// Mint a base.
    Mint,
    /// Renew the base through the provider.
    Refresh,
    /// Exchange a base for a bound token.
    Activate,
    /// Renew the bound token.
    Renew,
    /// Ask what a base can do.
    Inspect,
    /// Ask whether anybody can be reached, where there is nothing left to be shown (R25).
    ReachOut,
    /// Write the record.
    Persist,
    /// Push a token to the serving socket.
    Push,
    /// Show a token that was not accepted to a fresh connect beside the serving socket (R23).
    Show,
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
            Self::Hopeless => "hopeless",
            Self::GiveUp => "give_up",
            Self::TokenEnds => "token_ends",
            Self::Vain => "vain",
            Self::Pending => "pending",
            Self::Stable => "stable",
            Self::Part => "part",
            Self::Expiring => "expiring",
            Self::Fallback => "fallback",
            Self::NoMechanism => "no_mechanism",
            Self::MakeKey => "make_key",
            Self::Mint => "mint",
            Self::Refresh => "refresh",
            Self::Activate => "activate",
            Self::Renew => "renew",
            Self::Inspect => "inspect",
            Self::ReachOut => "reach_out",
            Self::Persist => "persist",
            Self::Push => "push",
            Self::Show => "show",
            Self::Open => "open",
            Self::Farewell => "farewell",
        }
    }
}
