//! What a session tells its application.

use crate::error::Error;
use crate::lifecycle::{Event, FallbackReason, Generation, KeyAlgorithm, Mechanism, TeardownReason, Warning};
use crate::time::{Millis, Now, Tick, UnixMillis};
use crate::wire::time::Oddity;

/// Something that happened to a session. [`kind`](Self::kind) says what, on one level to match on.
///
/// ```
/// use satkeeper_core::session::{EventKind, SessionEvent};
///
/// fn on_event(event: &SessionEvent) {
///     match event.kind() {
///         EventKind::Survived { calls, .. } => { /* live, perhaps again: what is to be done anew */ }
///         EventKind::ConnectionLost { .. } => { /* "reconnecting"; nothing else to do */ }
///         EventKind::Renewed { ends_at, .. } => { /* good until then */ }
///         EventKind::Expiring { ends_at, .. } => { /* ask the user to sign in before that */ }
///         EventKind::Teardown { reason } => { /* over; the user is told why: `event.cause` */ }
///         other if other.severity() >= satkeeper_core::session::Severity::Warning => {
///             /* count it by other.code() */
///         }
///         _ => {}
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionEvent {
    /// When it was told, by both clocks.
    pub at: Now,
    /// What happened, in the words of who decided it.
    pub event: SessionNews,
    /// The error behind it: the server's or the transport's own words, no secrets.
    pub cause: Option<Error>,
}

/// What happened, in the words of who decided it: times are ticks, tokens and commands are numbers. For tests,
/// recordings and tools; applications match on [`EventKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionNews {
    /// The lifecycle's own event. In `Recovered` and `Failed`, asks from 2^63 on are the session's own, for
    /// calls that were refused for their credential.
    Lifecycle(Event),
    /// A refresh token that can be used only once is presented although that could not be written down first: the store
    /// has failed until the last call. Should the process die before its successor is written, a new token must be minted.
    PresentedUnwritten,
    /// Frames were malformed, oversized or not text, and were dropped (R32). The first is told at once, from then on
    /// their number in ever longer intervals; the cause is the last one's.
    FrameDropped {
        /// How many since it was told last.
        count: u64,
    },
    /// A time that a server or a provider stated was odd, and how it was read; once for each field (R31).
    OddTime {
        /// Which field.
        field: &'static str,
        /// What was odd.
        oddity: Oddity,
    },
    /// What has survived of the time before; told right after each `Live`, the first included.
    Survived {
        /// That the subscriber can be called (`subscriber.online`).
        registration: Survival,
        /// Calls, and what they were subscribed to.
        calls: Survival,
        /// Subscriptions to events outside of calls.
        subscriptions: Survival,
    },
    /// The subscriber has been made reachable (`Config::online`).
    Registered,
    /// It has not; the cause says why.
    RegistrationFailed {
        /// When it is tried again; `None`: with the next token, or when the session is live the next time.
        next: Option<Tick>,
    },
    /// The credentials of the ICE servers end, and no others have come; the cause says why, where an attempt failed.
    IceExpiring {
        /// When.
        ends: Tick,
    },
    /// A part of what the server sent is too large, or not of its kind, and is not kept: what was there before stays
    /// (R32). Told once for each field; the cause says why, where it is not its size.
    NotKept {
        /// Which field.
        field: &'static str,
    },
    /// The store had something that cannot be read, and the session begins anew without it; the cause says what it
    /// was and where it lies now. Told by the driver, before anything else.
    SetAside,
    /// The store cannot do all that it should, such as being locked; the cause says what. Told by the driver, once.
    StoreLacks,
    /// The store keeps the session of an earlier token, or of an application that did not say whose it was: that one is
    /// not used, and the session begins anew in its place; the cause says which store. Told by the driver,
    /// before anything else.
    RecordUnused,
    /// A token with `sat:refresh` was asked for without a fingerprint: it will live 60 s at most (R34).
    ScopeWithoutFingerprint,
}

impl SessionNews {
    /// A stable snake_case code for what is the session's own.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Lifecycle(_) => "lifecycle",
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
}

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

impl SessionEvent {
    /// For tests of what receives events, and for tools; sessions make their own.
    #[must_use]
    pub const fn new(at: Now, event: SessionNews, cause: Option<Error>) -> Self {
        Self { at, event, cause }
    }

    /// What happened, for applications.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self.event {
            SessionNews::Lifecycle(event) => self.lifecycle(event),
            SessionNews::PresentedUnwritten => EventKind::PresentedUnwritten,
            SessionNews::FrameDropped { count } => EventKind::FrameDropped { count },
            SessionNews::OddTime { field, oddity } => EventKind::OddTime { field, oddity },
            SessionNews::Survived { registration, calls, subscriptions } => {
                EventKind::Survived { registration, calls, subscriptions }
            }
            SessionNews::Registered => EventKind::Registered,
            SessionNews::RegistrationFailed { next } => {
                EventKind::RegistrationFailed { next_at: self.wall(next) }
            }
            SessionNews::IceExpiring { ends } => EventKind::IceExpiring { ends_at: self.at.unix_at(ends) },
            SessionNews::NotKept { field } => EventKind::NotKept { field },
            SessionNews::SetAside => EventKind::SetAside,
            SessionNews::StoreLacks => EventKind::StoreLacks,
            SessionNews::RecordUnused => EventKind::RecordUnused,
            SessionNews::ScopeWithoutFingerprint => EventKind::ScopeWithoutFingerprint,
        }
    }

    const fn lifecycle(&self, event: Event) -> EventKind {
        match event {
            Event::Live { resumed, generation } => EventKind::Live { resumed, generation },
            Event::Bound { .. } => EventKind::Bound,
            Event::Renewed { generation, by, ends, token: _ } => {
                EventKind::Renewed { by, ends_at: self.wall(ends), generation }
            }
            Event::Warn(warning) => self.warning(warning),
            Event::Failed { .. } => EventKind::Failed,
            Event::Recovered { generation, ask: _ } => EventKind::Recovered { generation },
            Event::ClockJump { by } => EventKind::ClockJump { by },
            Event::Expired { renewing } => EventKind::Expired { renewing },
            Event::Suspended => EventKind::Suspended,
            Event::Ignored(_) => EventKind::Ignored,
            Event::Teardown { reason, cause: _ } => EventKind::Teardown { reason },
        }
    }

    const fn warning(&self, warning: Warning) -> EventKind {
        match warning {
            Warning::RefreshFallback { reason } => EventKind::RefreshFallback { reason },
            Warning::NoRefreshHandler { ends, assumed } => {
                EventKind::NoRefreshHandler { ends_at: self.wall(ends), assumed }
            }
            Warning::Expiring { ends, assumed, mechanism } => {
                EventKind::Expiring { ends_at: self.at.unix_at(ends), assumed, by: mechanism }
            }
            Warning::RefreshFailed { attempt, mechanism, next, cause: _ } => {
                EventKind::RefreshFailed { attempt, by: mechanism, next_at: self.wall(next) }
            }
            Warning::PushFailed { .. } => EventKind::PushFailed,
            Warning::ConnectFailed { next, cause: _ } => {
                EventKind::ConnectFailed { next_at: self.wall(next) }
            }
            Warning::ConnectionLost { next, cause: _ } => {
                EventKind::ConnectionLost { next_at: self.wall(next) }
            }
            Warning::StoreFailed { .. } => EventKind::StoreFailed,
            Warning::ExpiryShortened { by, token: _ } => EventKind::ExpiryShortened { by },
            Warning::KeySwitched { to } => EventKind::KeySwitched { to },
            Warning::Clamped { .. } => EventKind::Clamped,
            Warning::ForeignKey { .. } => EventKind::ForeignKey,
        }
    }

    const fn wall(&self, tick: Option<Tick>) -> Option<UnixMillis> {
        match tick {
            Some(tick) => Some(self.at.unix_at(tick)),
            None => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Cause, CommandId, Failure, TokenId};

    fn kind(event: Event) -> EventKind {
        let at = Now::new(10_000, 1_767_225_600_000);
        SessionEvent::new(at, SessionNews::Lifecycle(event), None).kind()
    }

    #[test]
    fn times_are_by_the_wall_clock() {
        let ends = Tick(12_500);
        let at = UnixMillis(1_767_225_602_500);
        let (by, generation) = (Some(Mechanism::Bound), Generation(4));
        assert_eq!(
            kind(Event::Renewed { generation, token: TokenId(3), by, ends: Some(ends) }),
            EventKind::Renewed { by, ends_at: Some(at), generation }
        );
        let expiring = Warning::Expiring { ends, assumed: false, mechanism: Mechanism::None };
        assert_eq!(
            kind(Event::Warn(expiring)),
            EventKind::Expiring { ends_at: at, assumed: false, by: Mechanism::None }
        );
        let cause = Cause { command: CommandId(1), failure: Failure::Timeout };
        let failed = Event::Warn(Warning::ConnectFailed { cause, next: Some(Tick(9_000)) });
        assert_eq!(kind(failed), EventKind::ConnectFailed { next_at: Some(UnixMillis(1_767_225_599_000)) });
    }

    #[test]
    fn warnings_have_the_codes_of_the_official_client() {
        let token = TokenId(1);
        let cause = Cause { command: CommandId(1), failure: Failure::Timeout };
        let (ends, mechanism) = (Tick(1), Mechanism::Provider);
        for warning in [
            Warning::RefreshFallback { reason: FallbackReason::NoScope },
            Warning::NoRefreshHandler { ends: None, assumed: false },
            Warning::Expiring { ends, assumed: true, mechanism },
            Warning::RefreshFailed { attempt: 1, mechanism, cause, next: None },
            Warning::PushFailed { token, cause },
            Warning::ConnectFailed { cause, next: None },
            Warning::StoreFailed { cause },
            Warning::ExpiryShortened { token, by: 1 },
            Warning::KeySwitched { to: KeyAlgorithm::Rs256 },
            Warning::Clamped { token },
            Warning::ForeignKey { token },
        ] {
            let kind = kind(Event::Warn(warning));
            assert_eq!((kind.code(), kind.severity()), (warning.code(), Severity::Warning));
        }
    }
}
