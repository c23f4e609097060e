//! What a dispatcher has its adapter do.

use std::sync::Arc;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::Status;
use satkeeper_core::session::{Connection, InForce, Session, SessionOutput, Subscriber};

/// What is to be done next; see [`Dispatcher::poll`](super::Dispatcher::poll).
#[derive(Debug)]
pub enum Effect<P> {
    /// Begin this; what comes of it is an input. None that is for the application is among these.
    Perform(SessionOutput),
    /// Show this to the handles.
    Show(StateUpdate),
    /// From now on ask this provider, if one of the application's own.
    SetProvider(Option<P>),
    /// The network has changed: idle connections lead nowhere.
    NetworkChanged,
    /// There is nothing to do until then, or until something happens.
    Wait(Option<Tick>),
    /// The session is over, and who waited for it has been told: end what is under way, then
    /// [`close`](super::Dispatcher::close).
    Over,
}

/// What handles can look at, as it is now; whether it is news, [`report`](crate::report) says.
#[derive(Debug)]
pub enum StateUpdate {
    /// The token in force.
    Credential(Option<InForce>),
    /// What the server has told of the connection.
    Connection(Option<Arc<Connection>>),
    /// Who the subscriber is.
    Subscriber(Option<Arc<Subscriber>>),
    /// Where the session stands.
    Status(Status),
    /// The session is live, perhaps again.
    Live,
}

impl StateUpdate {
    /// All that a step may have changed; the status last, since that is what handles wait for.
    pub(super) fn all(session: &Session) -> [Self; 4] {
        [
            Self::Credential(session.credential()),
            Self::Connection(session.connection().cloned()),
            Self::Subscriber(session.subscriber().cloned()),
            Self::Status(session.status()),
        ]
    }
}
