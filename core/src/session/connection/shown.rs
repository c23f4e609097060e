//! What the application is shown of the connection and of its subscriber: what the server has told last, and each piece of
//! news once.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::Value;

use crate::secret::Secret;
use crate::session::turn::Turn;
use crate::session::vocabulary::output::SessionOutput;
use crate::time::Millis;
use crate::wire::connection::{Connection, Told, Unkept};
use crate::wire::rest::Subscriber;

/// A clock that is this far off makes the end that is shown a wrong one.
const DRIFT: Millis = 5_000;

/// Where both say who the subscriber is, they are the same one's, as far as the server says.
#[derive(Default)]
pub(crate) struct Shown {
    connection: Option<Arc<Connection>>,
    subscriber: Option<Arc<Subscriber>>,
}

impl Shown {
    pub(crate) const fn connection(&self) -> Option<&Arc<Connection>> {
        self.connection.as_ref()
    }

    pub(crate) const fn subscriber(&self) -> Option<&Arc<Subscriber>> {
        self.subscriber.as_ref()
    }

    /// What is known of the connection with this result taken in, the server's clock being `offset` ahead; and what of it
    /// is not kept. Nothing is shown yet.
    pub(crate) fn learn(&self, told: Told, result: &Value, offset: i64) -> (Connection, Vec<Unkept>) {
        let mut connection = self.connection.as_deref().cloned().unwrap_or_default();
        let unkept = connection.learn(told, result);
        connection.place_ice_end(offset);
        (connection, unkept)
    }

    /// Shows it where it is news.
    pub(crate) fn show_connection(&mut self, turn: &mut Turn, now: Connection) {
        let before = self.connection.as_deref().and_then(|before| before.subscriber_id.as_ref());
        if before.is_some() && before != now.subscriber_id.as_ref() {
            // Somebody else's.
            self.subscriber = None;
        }
        if self.connection.as_deref() != Some(&now) {
            let now = Arc::new(now);
            turn.put(SessionOutput::Connection(Arc::clone(&now)));
            self.connection = Some(now);
        }
    }

    /// The end of its credentials in local time, where the clocks have moved since it was shown.
    pub(crate) fn moved(&self, offset: i64) -> Option<Connection> {
        let shown = self.connection.as_ref()?;
        let (ends, at) = (shown.ice_ends?, shown.ice_expires_at?);
        if ends.shifted(offset.saturating_neg()).0.abs_diff(at.0) <= DRIFT {
            return None;
        }
        let mut moved = Connection::clone(shown);
        moved.place_ice_end(offset);
        Some(moved)
    }

    /// What `subscriber/info` says, whoever has asked.
    pub(crate) fn show_subscriber(&mut self, turn: &mut Turn, now: Subscriber) -> Arc<Subscriber> {
        match &self.subscriber {
            Some(known) if **known == now => Arc::clone(known),
            _ => {
                let now = Arc::new(now);
                turn.put(SessionOutput::Subscriber(Arc::clone(&now)));
                self.subscriber = Some(Arc::clone(&now));
                now
            }
        }
    }

    /// What a server could repeat in an error.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.connection.iter().flat_map(|connection| connection.secrets())
    }
}
