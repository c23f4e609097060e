//! What a driver shows to the handles.

use std::sync::Arc;

use satkeeper_core::lifecycle::Status;
use satkeeper_core::session::{Connection, InForce, Notification, SessionEvent, Subscriber};
use satkeeper_host::dispatch::StateUpdate;
use satkeeper_host::feed::Feed;
use satkeeper_host::{End, Progress, report};

use crate::ask::Dispatcher;
use crate::watch::Watch;

/// One for both sides. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PublishedState {
    pub(crate) status: Watch<Status>,
    pub(crate) credential: Watch<Option<InForce>>,
    pub(crate) connection: Watch<Option<Arc<Connection>>>,
    pub(crate) subscriber: Watch<Option<Arc<Subscriber>>>,
    pub(crate) progress: Watch<Progress>,
    pub(crate) events: Feed<SessionEvent>,
    pub(crate) notifications: Feed<Notification>,
}

impl PublishedState {
    /// That of a session that has not started.
    pub(crate) fn new(dispatcher: &Dispatcher) -> Self {
        Self {
            status: Watch::new(dispatcher.status()),
            credential: Watch::new(None),
            connection: Watch::new(None),
            subscriber: Watch::new(None),
            progress: Watch::new(Progress::Starting),
            events: dispatcher.events(),
            notifications: dispatcher.notifications(),
        }
    }

    pub(crate) fn show(&self, update: StateUpdate) {
        match update {
            StateUpdate::Credential(held) => {
                self.credential.change(|shown| report::show_credential(shown, held));
            }
            StateUpdate::Connection(held) => self.connection.change(|shown| report::show_shared(shown, held)),
            StateUpdate::Subscriber(held) => self.subscriber.change(|shown| report::show_shared(shown, held)),
            StateUpdate::Status(status) => self.status.change(|shown| report::show_status(shown, status)),
            StateUpdate::Live => self.progress.change(Progress::begin),
        }
    }

    /// Nothing comes any more.
    pub(crate) fn finish(&self, end: End) {
        self.status.finish();
        self.credential.finish();
        self.connection.finish();
        self.subscriber.finish();
        self.progress.change(|progress| {
            *progress = Progress::Over(end);
            true
        });
        self.progress.finish();
    }
}
