//! What those are told who wait for a session's beginning or its end.

use std::sync::Arc;

use satkeeper_core::session::{Notification, SessionEvent};
use satkeeper_host::End;
use satkeeper_host::history::Kept;

/// How far a session is.
pub(crate) type Progress = satkeeper_host::Progress<Arc<Ended>>;

/// What a driver leaves behind.
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) events: Kept<SessionEvent>,
    pub(crate) notifications: Kept<Notification>,
}
