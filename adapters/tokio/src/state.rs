//! What a driver shows to the handles.

use std::sync::Arc;

use satkeeper_core::lifecycle::Status;
use satkeeper_core::session::{Connection, InForce, Notification, SessionEvent, Subscriber};
use satkeeper_host::dispatch::StateUpdate;
use satkeeper_host::feed::Feed;
use satkeeper_host::{Progress, report};
use tokio::sync::watch;

use crate::ask::Dispatcher;

/// The driver's side.
pub(crate) struct PublishedState {
    status: watch::Sender<Status>,
    credential: watch::Sender<Option<InForce>>,
    connection: watch::Sender<Option<Arc<Connection>>>,
    subscriber: watch::Sender<Option<Arc<Subscriber>>>,
    pub(crate) progress: watch::Sender<Progress>,
}

/// The handles' side.
#[derive(Clone)]
pub(crate) struct StateReceivers {
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) credential: watch::Receiver<Option<InForce>>,
    pub(crate) connection: watch::Receiver<Option<Arc<Connection>>>,
    pub(crate) subscriber: watch::Receiver<Option<Arc<Subscriber>>>,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) events: Feed<SessionEvent>,
    pub(crate) notifications: Feed<Notification>,
}

impl PublishedState {
    /// Both sides, of a session that has not started.
    pub(crate) fn new(dispatcher: &Dispatcher) -> (Self, StateReceivers) {
        let published = Self {
            status: watch::Sender::new(dispatcher.status()),
            credential: watch::Sender::new(None),
            connection: watch::Sender::new(None),
            subscriber: watch::Sender::new(None),
            progress: watch::Sender::new(Progress::Starting),
        };
        let seen = StateReceivers {
            status: published.status.subscribe(),
            credential: published.credential.subscribe(),
            connection: published.connection.subscribe(),
            subscriber: published.subscriber.subscribe(),
            progress: published.progress.subscribe(),
            events: dispatcher.events(),
            notifications: dispatcher.notifications(),
        };
        (published, seen)
    }

    pub(crate) fn show(&self, update: StateUpdate) {
        match update {
            StateUpdate::Credential(held) => {
                self.credential.send_if_modified(|shown| report::show_credential(shown, held))
            }
            StateUpdate::Connection(held) => {
                self.connection.send_if_modified(|shown| report::show_shared(shown, held))
            }
            StateUpdate::Subscriber(held) => {
                self.subscriber.send_if_modified(|shown| report::show_shared(shown, held))
            }
            StateUpdate::Status(status) => {
                self.status.send_if_modified(|shown| report::show_status(shown, status))
            }
            StateUpdate::Live => self.progress.send_if_modified(Progress::begin),
        };
    }
}
