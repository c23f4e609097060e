//! What becomes of a socket, and what the server has told of the connection. This stands with the machine: with a socket go
//! the calls that were sent on it, the requests that came on it and the attempt to renew the ICE credentials.

use alloc::vec::Vec;

use serde_json::Value;

use crate::error::Error;
use crate::lifecycle::{Failure, Input, SocketId};
use crate::session::Session;
use crate::session::connection::admission::NOTHING_LOST;
use crate::session::connection::ice::Due;
use crate::session::connection::socket::Stage;
use crate::session::connection::sockets::lost;
use crate::session::reports::fault::Fault;
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::wire::connection::{Connection, Told};

impl Session {
    /// The driver says that a socket has gone, or has not come.
    pub(super) fn closed(&mut self, turn: &mut Turn, socket: SocketId, error: Option<Error>) {
        let Some(known) = self.sockets.get(socket) else { return };
        let (stage, connect) = (known.stage, known.connect);
        match stage {
            Stage::Opening(command) => {
                let error = error.unwrap_or_else(|| lost("the socket did not open"));
                let fault = match error {
                    // What its server says of it, and how long it wants to be left alone.
                    Error::UpgradeRefused { .. } => Fault::from(error),
                    _ => Fault::new(Failure::Transport, error),
                };
                self.fail(turn, command, fault, None, None);
            }
            Stage::Open | Stage::Authenticated => {
                for waiting in self.sockets.take_waiting(socket) {
                    let error = error.clone().unwrap_or_else(|| lost("the socket closed before the answer"));
                    self.journal.fail(waiting.command, error);
                }
                if let Some(connect) = connect.filter(|_| stage == Stage::Authenticated) {
                    let error = error.unwrap_or_else(|| lost("the server closed the socket"));
                    self.journal.ends(connect, error);
                }
                turn.feed(Input::SocketLost { socket });
            }
        }
        self.lose_socket(turn, socket);
    }

    /// It is gone: nothing that was sent on it will be answered.
    pub(super) fn lose_socket(&mut self, turn: &mut Turn, socket: SocketId) {
        let Some(was_let_in) = self.sockets.lose(socket) else { return };
        self.application.server_requests.lose(socket);
        if was_let_in {
            self.ice.lose(socket);
            let why = || lost("the connection was lost before the answer came");
            while let Some(ended) = self.application.calls.lost(socket, why) {
                self.returned(turn, ended);
            }
        }
    }

    /// Frames on these sockets are not answered: they are to be replaced, and read until they are (R22).
    pub(super) fn watch_sockets(&mut self, turn: &mut Turn) {
        let silent: Vec<SocketId> = self.sockets.watch(turn, &mut self.ids, &self.inner.lifecycle);
        for socket in silent {
            if let Some(connect) = self.sockets.get(socket).and_then(|known| known.connect) {
                self.journal.ends(connect, lost("the server is silent"));
            }
            turn.feed(Input::SocketDead { socket });
        }
    }

    /// A reply to something of our own has come (R22).
    pub(super) fn replied(&mut self, turn: &mut Turn, socket: SocketId) {
        self.sockets.replied(turn, &self.inner.lifecycle, socket);
    }

    /// The session is live on a socket: what its server has said is shown, before the event that says so. What has
    /// survived is to be told after it.
    pub(super) fn admitted(&mut self, turn: &mut Turn) -> SessionNews {
        let Some(admission) = self.sockets.take_admission() else { return NOTHING_LOST };
        let survived = admission.survived();
        self.show_connection(turn, admission.connection());
        survived
    }

    /// What is known of the connection with this result taken in.
    pub(super) fn learn(&mut self, turn: &mut Turn, told: Told, result: &Value) -> Connection {
        let (connection, unkept) = self.shown.learn(told, result, self.clock_offset());
        for unkept in unkept {
            let why = Error::reply(told.method(), unkept.reason);
            self.notices.not_kept(turn, unkept.field, Some(why));
        }
        connection
    }

    /// Shows it where it is news.
    pub(super) fn show_connection(&mut self, turn: &mut Turn, now: Connection) {
        self.ice.learn(turn.now, &now);
        self.shown.show_connection(turn, now);
    }

    pub(super) fn watch_ice(&mut self, turn: &mut Turn) {
        let clock_offset = self.clock_offset();
        // The end in local time, shown anew where the clocks have moved.
        if let Some(moved) = self.shown.moved(clock_offset) {
            self.show_connection(turn, moved);
        }
        match self.ice.next(&self.around()) {
            None => {}
            Some(Due::NoAnswer(error)) => self.ice.fail(turn, clock_offset, Some(error)),
            Some(Due::Tell) => self.ice.tell(turn, clock_offset, None),
            Some(Due::Ask(command, socket)) => {
                self.ice.ask(turn.now.tick, socket, self.inner.lifecycle.status().generation);
                if let Err(fault) = self.begin(turn, &command, false) {
                    self.ice.fail(turn, clock_offset, Some(fault.error));
                }
            }
        }
    }

    /// The own reauthenticate has been answered.
    pub(super) fn ice_answered(&mut self, turn: &mut Turn, result: &Value) {
        let before = self.ice.ends();
        let connection = self.learn(turn, Told::Reauthenticated, result);
        self.show_connection(turn, connection);
        self.ice.answered(turn, self.clock_offset(), before);
    }
}
