//! How a socket was let in, and what of the time before is still there: told when the lifecycle has accepted it (R38).

use alloc::boxed::Box;

use crate::session::vocabulary::event::SessionNews;
use crate::session::vocabulary::kind::Survival;
use crate::wire::connection::Connection;

/// One that was doubted has answered: nothing was lost (R22).
pub(crate) const NOTHING_LOST: SessionNews = SessionNews::Survived {
    registration: Survival::Kept,
    calls: Survival::Kept,
    subscriptions: Survival::Kept,
};

/// How a socket was let in: kept with it until the lifecycle says that the session is live on it.
pub(crate) struct Admission {
    connection: Box<Connection>,
    resumed: bool,
    /// The channel is the one that the resume has named.
    is_same: bool,
}

impl Admission {
    /// Let in by this result of a connect, which makes the connection what is given.
    pub(crate) fn new(connection: Connection, resumed: bool, is_same: bool) -> Self {
        Self { connection: Box::new(connection), resumed, is_same }
    }

    /// What its server has told.
    pub(crate) fn connection(self) -> Connection {
        *self.connection
    }

    /// Registration, calls, subscriptions. A resume that the server has overlooked is a fresh connect by another name;
    /// calls that a new session knows nothing of may still be there to be attached to.
    pub(crate) fn survived(&self) -> SessionNews {
        use Survival::{Kept, Lost, Unsure};
        let restored = self.connection.restored;
        let (registration, calls, subscriptions) = match (self.resumed && self.is_same, restored) {
            (true, Some(true)) => (Unsure, Kept, Kept),
            (true, _) | (false, Some(true)) => (Unsure, Unsure, Unsure),
            (false, _) => (Lost, Unsure, Lost),
        };
        SessionNews::Survived { registration, calls, subscriptions }
    }
}
