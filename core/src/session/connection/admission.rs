//! What the server tells of the connection, shown when the lifecycle has accepted it, and what of the time before it is
//! still there.

use alloc::boxed::Box;
use alloc::sync::Arc;

use serde_json::Value;

use crate::error::Error;
use crate::wire::connection::{Connection, Told};

use crate::session::Session;
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::session::vocabulary::kind::Survival;
use crate::session::vocabulary::output::SessionOutput;

/// How a socket was let in: kept with it until the lifecycle says that the session is live on it.
pub(crate) struct Admission {
    connection: Box<Connection>,
    resumed: bool,
    /// The channel is the one that the resume has named.
    is_same: bool,
}

impl Admission {
    /// Registration, calls, subscriptions. A resume that the server has overlooked is a fresh connect by another name;
    /// calls that a new session knows nothing of may still be there to be attached to.
    fn survived(&self) -> SessionNews {
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

impl Session {
    /// Somebody was let in by this result of a connect.
    pub(crate) fn admission(
        &mut self,
        turn: &mut Turn,
        resumed: bool,
        is_same: bool,
        result: &Value,
    ) -> Admission {
        let restored = result.get("session_restored").and_then(Value::as_bool);
        let told = Told::Connected { resumed: resumed && is_same, restored };
        let connection = Box::new(self.learn(turn, told, result));
        Admission { connection, resumed, is_same }
    }

    /// The session is live on a socket: what its server has said is shown, before the event that says so. What has
    /// survived is to be told after it.
    pub(crate) fn admitted(&mut self, turn: &mut Turn) -> SessionNews {
        let Some(admission) = self.sockets.iter_mut().rev().find_map(|socket| socket.admission.take()) else {
            // One that was doubted has answered: nothing was lost (R22).
            let (registration, calls, subscriptions) = (Survival::Kept, Survival::Kept, Survival::Kept);
            return SessionNews::Survived { registration, calls, subscriptions };
        };
        let survived = admission.survived();
        self.show_connection(turn, *admission.connection);
        survived
    }

    /// What is known of the connection with this result taken in.
    pub(crate) fn learn(&mut self, turn: &mut Turn, told: Told, result: &Value) -> Connection {
        let mut connection = self.connection.as_deref().cloned().unwrap_or_default();
        for unkept in connection.learn(told, result) {
            let why = Error::reply(told.method(), unkept.reason);
            self.tell_not_kept(turn, unkept.field, Some(why));
        }
        connection.place_ice_end(self.clock_offset());
        connection
    }

    /// Shows it where it is news.
    pub(crate) fn show_connection(&mut self, turn: &mut Turn, now: Connection) {
        self.ice.learn(turn.now, &now);
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

    /// How far the server's clock is ahead of the local one, as far as is known.
    pub(crate) fn clock_offset(&self) -> i64 {
        self.lifecycle.status().clock_offset.unwrap_or(0)
    }
}
