//! What several files of the machine read of the whole session; and how the outcome of a command is told to the lifecycle.
//! They call none of the others.

use alloc::vec::Vec;

use crate::error::Error;
use crate::lifecycle::{Command, CommandId, Outcome, Reply, SocketId};
use crate::secret::Secret;
use crate::session::Session;
use crate::session::connection::ice::{self, Around};
use crate::session::reports::fault::Fault;
use crate::session::requests::{Pending, Purpose};
use crate::session::turn::Turn;
use crate::time::{Now, UnixMillis};
use crate::wire::text::Cleaner;

impl Session {
    /// How far the server's clock is ahead of the local one, as far as is known.
    pub(super) fn clock_offset(&self) -> i64 {
        self.inner.lifecycle.status().clock_offset.unwrap_or(0)
    }

    /// What the ICE credentials' renewal depends on.
    pub(super) fn around(&self) -> Around<'_> {
        Around {
            now: self.now,
            lifecycle: &self.inner.lifecycle,
            sockets: &self.sockets,
            newest: self.secrets.tokens.newest_held(),
        }
    }

    /// The socket that frames of the application may go out on: the one that serves.
    pub(super) fn serving_socket(&self) -> Option<SocketId> {
        self.around().serving()
    }

    /// Every secret that a server could echo: what is held, and what is under way.
    pub(crate) fn confidential(&self) -> Vec<&Secret> {
        self.secrets
            .texts()
            .chain(self.resume.state())
            .chain(self.shown.secrets())
            .chain(self.sockets.secrets())
            .chain(self.pending.secrets())
            .collect()
    }

    /// An error of the driver's own without anything of the session's secrets.
    pub(crate) fn clean(&self, error: Error) -> Error {
        error.without(Cleaner::new(&self.confidential()))
    }

    pub(super) fn pending_for(&mut self, now: Now, command: &Command, purpose: Purpose) -> Pending {
        Pending::new(self.ids.request(), command, now, purpose)
    }

    pub(super) fn succeed(&self, turn: &mut Turn, pending: &Pending, reply: Reply, date: Option<UnixMillis>) {
        let outcome = Outcome { result: Ok(reply), server_time: date, signed_at: pending.signed_at() };
        turn.done(pending.command, outcome);
    }

    /// A command has failed; the error is kept for whoever is told of it.
    pub(super) fn fail(
        &mut self,
        turn: &mut Turn,
        command: CommandId,
        fault: Fault,
        server_time: Option<UnixMillis>,
        signed_at: Option<UnixMillis>,
    ) {
        if command == ice::OWN {
            return self.ice.fail(turn, self.clock_offset(), Some(fault.error));
        }
        self.journal.fail(command, fault.error);
        turn.done(command, Outcome { result: Err(fault.failure), server_time, signed_at });
    }
}
