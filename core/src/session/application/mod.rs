//! What the application waits for, and what it is asked: each kind owns its state and knows how long is long enough. At the
//! end of the session nobody is left waiting.

pub(super) mod asks;
pub(super) mod calls;
pub(super) mod lookup;
pub(super) mod presence;
pub(super) mod server_requests;

use asks::Asks;
use calls::Calls;
use lookup::Lookup;
use presence::Presence;
use server_requests::ServerRequests;

/// One field for each kind of waiting.
pub(crate) struct Application {
    pub(crate) asks: Asks,
    pub(crate) calls: Calls,
    pub(crate) lookup: Lookup,
    pub(crate) presence: Presence,
    pub(crate) server_requests: ServerRequests,
}

impl Application {
    /// `keeps_online`: the session makes its subscriber reachable.
    pub(crate) fn new(keeps_online: bool) -> Self {
        Self {
            asks: Asks::default(),
            calls: Calls::default(),
            lookup: Lookup::default(),
            presence: Presence::new(keeps_online),
            server_requests: ServerRequests::default(),
        }
    }

    /// What must hold between two steps.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.calls.check()?;
        self.lookup.check()?;
        self.server_requests.check()
    }
}
