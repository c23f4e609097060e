//! What a session tells its application.

use crate::error::Error;
use crate::lifecycle::{Event, Warning};
use crate::session::vocabulary::kind::{EventKind, Survival};
use crate::time::{Now, Tick, UnixMillis};
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
    /// A time that a server or a provider stated was odd, and how it was read; once for each field (R2).
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{
        Cause, CommandId, Failure, FallbackReason, Generation, KeyAlgorithm, Mechanism, TokenId,
    };
    use crate::session::vocabulary::kind::Severity;

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
