//! Everything that the machine can ask for: the whole command alphabet, with its deadlines (R29).

use serde::{Deserialize, Serialize};

use crate::lifecycle::vocabulary::event::Event;
use crate::lifecycle::vocabulary::ids::{CommandId, SocketId, TokenId};
use crate::lifecycle::vocabulary::input::KeyAlgorithm;
use crate::time::Tick;

/// One output of a step. Run them in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Do this; it wants exactly one answer.
    Do(Command),
    /// Tell the application; it wants none.
    Tell(Event),
}

/// Something to do, answered once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its name.
    pub id: CommandId,
    /// When it yields its place. What brings a token is listened to after that, too (R14); any other answer is stale then.
    pub deadline: Tick,
    /// What to do.
    pub action: Action,
}

/// How far the server's clock is ahead of the local wall clock in milliseconds, `None` while unknown.
/// A proof's `iat` is the wall clock plus this, at the moment of signing (R35).
pub type ClockOffset = Option<i64>;

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Make a key pair; answered `KeyMade`. 120 s.
    MakeKey {
        /// Of this kind.
        algorithm: KeyAlgorithm,
    },
    /// `provider.authenticate(context)`; answered `Token`. 120 s; where it may be asked twice, half of what is left,
    /// 5 s at least (R14).
    Mint {
        /// The key whose fingerprint goes into the context; none without a key.
        fingerprint: Option<KeyAlgorithm>,
    },
    /// `provider.refresh()`; answered `Token`. As `Mint`.
    Refresh,
    /// GET subscriber/info with this base; answered `Inspected`. 10 s.
    Inspect {
        /// The base token.
        base: TokenId,
    },
    /// POST devices/token with a proof: exchange a base for a bound token; answered `Token`. A quarter of what
    /// is left, 2 to 10 s, or more where attempts have taken longer of late (R14).
    Activate {
        /// The base token.
        base: TokenId,
        /// For the proof's `iat`.
        offset: ClockOffset,
    },
    /// POST devices/refresh with a proof: renew a bound token; answered `Token`. A quarter of what
    /// is left, 2 to 10 s, or more where attempts have taken longer of late (R14).
    Renew {
        /// The bound token.
        bound: TokenId,
        /// For the proof's `iat`.
        offset: ClockOffset,
    },
    /// Open a socket, send nothing; answered `Opened`. 10 s.
    Open {
        /// Its name from now on.
        socket: SocketId,
        /// The token whose header tells the host (R31).
        token: TokenId,
    },
    /// `signalwire.connect` as the first frame; answered `Authenticated`. 10 s.
    Authenticate {
        /// On this socket.
        socket: SocketId,
        /// With this token.
        token: TokenId,
        /// With `authorization_state` and `protocol`.
        resume: bool,
        /// For the proof's `iat`.
        offset: ClockOffset,
    },
    /// `signalwire.reauthenticate`; answered `Reauthenticated`. 5 s.
    Reauthenticate {
        /// On this socket.
        socket: SocketId,
        /// With this token.
        token: TokenId,
        /// For the proof's `iat`.
        offset: ClockOffset,
    },
    /// Ask the socket for a sign of life; answered `Alive`. 10 s.
    Probe {
        /// Which.
        socket: SocketId,
    },
    /// Write the record; answered `Finished`. 2 s.
    Persist,
    /// Erase record and key; answered `Finished`. 2 s.
    Erase,
    /// Close a socket; answered `Finished`. 2 s.
    Close {
        /// Which.
        socket: SocketId,
    },
}

impl Action {
    /// The token that it is about.
    pub(crate) const fn token(&self) -> Option<TokenId> {
        match *self {
            Self::Inspect { base: token }
            | Self::Activate { base: token, .. }
            | Self::Renew { bound: token, .. }
            | Self::Open { token, .. }
            | Self::Authenticate { token, .. }
            | Self::Reauthenticate { token, .. } => Some(token),
            Self::MakeKey { .. }
            | Self::Mint { .. }
            | Self::Refresh
            | Self::Probe { .. }
            | Self::Persist
            | Self::Erase
            | Self::Close { .. } => None,
        }
    }

    /// Its name in logs and scenarios.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MakeKey { .. } => "make_key",
            Self::Mint { .. } => "mint",
            Self::Refresh => "refresh",
            Self::Inspect { .. } => "inspect",
            Self::Activate { .. } => "activate",
            Self::Renew { .. } => "renew",
            Self::Open { .. } => "open",
            Self::Authenticate { .. } => "authenticate",
            Self::Reauthenticate { .. } => "reauthenticate",
            Self::Probe { .. } => "probe",
            Self::Persist => "persist",
            Self::Erase => "erase",
            Self::Close { .. } => "close",
        }
    }
}
