//! How far a session is, for those who wait for its beginning or its end.

use std::sync::Arc;

use satkeeper_core::session::{Notification, SessionEvent};
use satkeeper_host::End;
use satkeeper_host::history::Kept;

/// How far a session is.
#[derive(Clone)]
pub(crate) enum Progress {
    /// Not live yet.
    Starting,
    /// It has been live.
    Live,
    /// It is over.
    Over(Arc<Ended>),
}

impl Progress {
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    pub(crate) const fn has_begun(&self) -> bool {
        !matches!(self, Self::Starting)
    }
}

/// What a driver leaves behind.
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) events: Kept<SessionEvent>,
    pub(crate) notifications: Kept<Notification>,
}
