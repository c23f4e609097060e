//! What happened, for who acts on it: one level to match on, with a code to count by and how much to care.

use crate::lifecycle::{FallbackReason, Generation, KeyAlgorithm, Mechanism, TeardownReason};
use crate::time::{Millis, UnixMillis};
use crate::wire::time::Oddity;

/// Whether something of the time before a connection is still there.
///
/// ```
/// use satkeeper_core::session::Survival;
/// assert_eq!(Survival::Unsure.name(), "unsure");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Survival {
    /// The server has restored the session that it belongs to. What ended during the outage is not told again.
    Kept,
    /// The server does not say. To do it again does no harm: `subscriber.online` may be repeated, and a call that is
    /// attached to again is there or `CALL DOES NOT EXIST`.
    Unsure,
    /// It is gone: do it again.
    Lost,
}

impl Survival {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Unsure => "unsure",
            Self::Lost => "lost",
        }
    }
}

/// What happened, as an application sees it: one level to match on, times as unix milliseconds by the local wall clock.
/// More kinds will come, so there is always an arm for others.
///
/// ```
/// use satkeeper_core::session::{EventKind, Severity};
/// assert_eq!(EventKind::ConnectionLost { next_at: None }.code(), "connection_lost");
/// assert_eq!(EventKind::StoreFailed.severity(), Severity::Warning);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The session is authenticated on a socket: at its beginning, and after each outage.
    Live {
        /// The server let the old session go on, as far as it says; what that means for registration and calls is told
        /// next, by [`Survived`](Self::Survived).
        resumed: bool,
        /// Counts acknowledgements.
        generation: Generation,
    },
    /// The token in force is a client-bound one, for the first time from its base.
    Bound,
    /// A newer token is in force.
    Renewed {
        /// Who brought it; `None`: the application itself (`update_token`).
        by: Option<Mechanism>,
        /// When it ends, as far as anybody said.
        ends_at: Option<UnixMillis>,
        /// Counts acknowledgements.
        generation: Generation,
    },
    /// The socket of a live session is gone, or does not answer; the cause says why. A reconnect follows by itself, and
    /// `Live` when it has succeeded.
    ConnectionLost {
        /// When the next socket is opened, if that is known already.
        next_at: Option<UnixMillis>,
    },
    /// The credential nears its end and has not been renewed.
    Expiring {
        /// When.
        ends_at: UnixMillis,
        /// That end is only assumed.
        assumed: bool,
        /// Who is trying. [`Mechanism::None`]: nobody can, the application has to bring another.
        by: Mechanism,
    },
    /// No token is valid any more; the socket is closed.
    Expired {
        /// Attempts to renew go on for the grace period.
        renewing: bool,
    },
    /// At rest until it is resumed.
    Suspended,
    /// The session is over. The last event.
    Teardown {
        /// Why.
        reason: TeardownReason,
    },
    /// The provider renews instead of the client-bound exchange.
    RefreshFallback {
        /// Why. An open set in the official client: do not branch on it.
        reason: FallbackReason,
    },
    /// Nobody can renew: the session will end.
    NoRefreshHandler {
        /// When, if anybody said.
        ends_at: Option<UnixMillis>,
        /// That end is only assumed.
        assumed: bool,
    },
    /// An attempt to renew failed; the token in force stays in force.
    RefreshFailed {
        /// The number of this attempt since the last success, from 1.
        attempt: u32,
        /// Who tried.
        by: Mechanism,
        /// When the next attempt is due, if there will be one.
        next_at: Option<UnixMillis>,
    },
    /// The server did not take the new token on the live socket; the old one stays in force.
    PushFailed,
    /// No connection came to be, or it was lost or refused before it was live.
    ConnectFailed {
        /// When the next attempt is due, if that is known already.
        next_at: Option<UnixMillis>,
    },
    /// The record could not be written; the session goes on in memory.
    StoreFailed,
    /// A source puts a token's end earlier than another did, or a renewal brought one that ends earlier.
    ExpiryShortened {
        /// By how much.
        by: Millis,
    },
    /// The server may not accept this kind of key: switching.
    KeySwitched {
        /// To this one.
        to: KeyAlgorithm,
    },
    /// A server value is absurd and was clamped.
    Clamped,
    /// A token is bound to a key that is not ours: it cannot be used.
    ForeignKey,
    /// The wall clock ran ahead of the monotonic one, or a step came late: sleep, or a set clock.
    ClockJump {
        /// By how much.
        by: Millis,
    },
    /// What an application waited for failed; who waited has been told.
    Failed,
    /// What an application waited for has happened; who waited has been told.
    Recovered {
        /// The generation now in force.
        generation: Generation,
    },
    /// Something came too late or out of place, and changed nothing.
    Ignored,
    /// A one-time refresh token is presented although that could not be written down first.
    PresentedUnwritten,
    /// Frames were malformed, oversized or not text, and were dropped. The first is told at once, from then on their
    /// number in ever longer intervals.
    FrameDropped {
        /// How many since it was told last.
        count: u64,
    },
    /// A time that a server or a provider stated was odd, and how it was read; once for each field.
    OddTime {
        /// Which field.
        field: &'static str,
        /// What was odd.
        oddity: Oddity,
    },
    /// What has survived of the time before, and what is to be done again; told right after each `Live`, the first
    /// included: the one place where a phone registers and attaches to its calls.
    Survived {
        /// That the subscriber can be called (`subscriber.online`).
        registration: Survival,
        /// Calls, and what they were subscribed to.
        calls: Survival,
        /// Subscriptions to events outside of calls. Contexts, eventing and topics of the configuration are told with
        /// each connect.
        subscriptions: Survival,
    },
    /// The subscriber has been made reachable, where the session does that.
    Registered,
    /// It has not: nobody can call. The cause says why.
    RegistrationFailed {
        /// When it is tried again; `None`: with the next token, or when the session is live the next time.
        next_at: Option<UnixMillis>,
    },
    /// The credentials of the ICE servers end, and no others have come: calls that begin after that find no relay.
    /// Those that are there go on.
    IceExpiring {
        /// When.
        ends_at: UnixMillis,
    },
    /// A part of what the server sent is too large, or not of its kind, and is not kept: what was there before stays.
    NotKept {
        /// Which field.
        field: &'static str,
    },
    /// The store had something that cannot be read, and the session begins anew without it; the cause says what it
    /// was and where it lies now.
    SetAside,
    /// The store cannot do all that it should, such as being locked; the cause says what.
    StoreLacks,
    /// The store keeps the session of an earlier token, or of an application that did not say whose it was: that one is
    /// not used, and the session begins anew in its place; the cause says which store.
    RecordUnused,
    /// A token with `sat:refresh` was asked for without a fingerprint: it will live 60 s at most.
    ScopeWithoutFingerprint,
}

/// How much a reader has to care, least first.
///
/// ```
/// use satkeeper_core::session::Severity;
/// assert!(Severity::Info < Severity::Warning);
/// assert_eq!(Severity::Warning.name(), "warning");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Only for who looks for something.
    Detail,
    /// All is well.
    Info,
    /// Will end badly unless somebody acts, or explains what follows.
    Warning,
    /// It has ended badly.
    Error,
}

impl Severity {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detail => "detail",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl EventKind {
    /// A stable snake_case code, to count and to alert by; those of warnings are spelt as the official client does.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Live { .. } => "live",
            Self::Bound => "bound",
            Self::Renewed { .. } => "renewed",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::Expiring { .. } => "credential_expiring",
            Self::Expired { .. } => "expired",
            Self::Suspended => "suspended",
            Self::Teardown { .. } => "teardown",
            Self::RefreshFallback { .. } => "credential_refresh_fallback",
            Self::NoRefreshHandler { .. } => "credential_no_refresh_handler",
            Self::RefreshFailed { .. } => "credential_refresh_failed",
            Self::PushFailed => "credential_push_failed",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::StoreFailed => "store_failed",
            Self::ExpiryShortened { .. } => "expiry_shortened",
            Self::KeySwitched { .. } => "key_switched",
            Self::Clamped => "server_value_clamped",
            Self::ForeignKey => "foreign_key",
            Self::ClockJump { .. } => "clock_jump",
            Self::Failed => "failed",
            Self::Recovered { .. } => "recovered",
            Self::Ignored => "ignored",
            Self::PresentedUnwritten => "presented_unwritten",
            Self::FrameDropped { .. } => "frame_dropped",
            Self::OddTime { .. } => "odd_time",
            Self::Survived { .. } => "survived",
            Self::Registered => "registered",
            Self::RegistrationFailed { .. } => "registration_failed",
            Self::IceExpiring { .. } => "ice_servers_expiring",
            Self::NotKept { .. } => "not_kept",
            Self::SetAside => "store_set_aside",
            Self::StoreLacks => "store_lacks",
            Self::RecordUnused => "record_unused",
            Self::ScopeWithoutFingerprint => "scope_without_fingerprint",
        }
    }

    /// How much a reader has to care.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            // What cannot be read counts as absent; what was read all the same needs nobody.
            Self::OddTime { oddity: Oddity::Unusable, .. } => Severity::Warning,
            Self::Ignored | Self::OddTime { .. } | Self::Survived { .. } => Severity::Detail,
            Self::Live { .. }
            | Self::Bound
            | Self::Renewed { .. }
            | Self::ConnectionLost { .. }
            | Self::Registered
            | Self::Suspended
            | Self::Recovered { .. }
            | Self::Teardown {
                reason: TeardownReason::Disconnected | TeardownReason::Left | TeardownReason::Destroyed,
            } => Severity::Info,
            Self::Expired { .. } | Self::Teardown { .. } => Severity::Error,
            Self::Expiring { .. }
            | Self::RefreshFallback { .. }
            | Self::NoRefreshHandler { .. }
            | Self::RefreshFailed { .. }
            | Self::PushFailed
            | Self::ConnectFailed { .. }
            | Self::StoreFailed
            | Self::ExpiryShortened { .. }
            | Self::KeySwitched { .. }
            | Self::Clamped
            | Self::ForeignKey
            | Self::ClockJump { .. }
            | Self::Failed
            | Self::PresentedUnwritten
            | Self::FrameDropped { .. }
            | Self::RegistrationFailed { .. }
            | Self::IceExpiring { .. }
            | Self::NotKept { .. }
            | Self::SetAside
            | Self::StoreLacks
            | Self::RecordUnused
            | Self::ScopeWithoutFingerprint => Severity::Warning,
        }
    }
}
