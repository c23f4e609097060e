//! What is on its way to the client, or waits for it to run.

use super::server::State;
use crate::client::{AskId, Reply, Says, Serial, Socket};
use crate::timeline::Ms;
use crate::world::User;

#[derive(Clone, Copy, Debug)]
pub(super) enum Parcel {
    Answer {
        id: AskId,
        reply: Reply,
        /// The token that it speaks of.
        about: Option<Serial>,
    },
    Lost(Socket),
    Goodbye {
        socket: Socket,
        restart: bool,
    },
    State(Socket, State),
    Ping(Socket),
    User(User),
    Updates {
        token: Serial,
        says: Says,
        life: Ms,
        other_identity: bool,
    },
    /// Nothing has come for ten seconds.
    Silence(AskId),
}

impl Parcel {
    /// The socket that it comes on.
    pub(super) const fn socket(&self) -> Option<Socket> {
        match *self {
            Self::Lost(socket)
            | Self::Goodbye { socket, .. }
            | Self::State(socket, _)
            | Self::Ping(socket) => Some(socket),
            Self::Answer { .. } | Self::User(_) | Self::Updates { .. } | Self::Silence(_) => None,
        }
    }
}
