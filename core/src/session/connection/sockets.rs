//! The sockets that are open: the one that serves, one that is coming, those that were replaced (R21, R22, R32).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Error, Result};
use crate::lifecycle::{CommandId, Input, Lifecycle, Outcome, Reply, SocketId};
use crate::secret::Secret;
use crate::session::ids::Ids;
use crate::session::turn::Turn;
use crate::session::vocabulary::output::SessionOutput;
use crate::time::{Tick, UnixMillis};
use crate::wire::push;

use super::admission::Admission;
use super::liveness::Verdict;
use super::socket::{Socket, Stage, Waiting};

/// Sockets in a row without any reply to a ping, from which on a server is not judged by them.
const MOST_UNANSWERING: u8 = 2;

/// Oldest first.
#[derive(Default)]
pub(crate) struct Sockets {
    open: Vec<Socket>,
    /// Sockets in a row on which no ping was answered.
    unanswering: u8,
}

/// Whose answer has come.
pub(crate) enum Answered {
    /// A ping's.
    Ping,
    /// A request's of the lifecycle's.
    Request(Waiting),
    /// Nobody's who waits on the socket.
    Other,
}

impl Sockets {
    pub(crate) fn open(&mut self, turn: &mut Turn, id: SocketId, command: CommandId, output: SessionOutput) {
        self.open.reserve_exact(1);
        self.open.push(Socket::new(id, command));
        turn.put(output);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.open.iter()
    }

    pub(crate) fn get(&self, socket: SocketId) -> Option<&Socket> {
        self.open.iter().find(|known| known.id == socket)
    }

    fn get_mut(&mut self, socket: SocketId) -> Option<&mut Socket> {
        self.open.iter_mut().find(|known| known.id == socket)
    }

    /// The socket, if it is known and has come this far.
    pub(crate) fn at(&mut self, socket: SocketId, stage: Stage) -> Result<&mut Socket> {
        self.get_mut(socket).filter(|known| known.stage == stage).ok_or_else(|| lost("the socket is gone"))
    }

    pub(crate) fn is_let_in(&self, socket: SocketId) -> bool {
        self.get(socket).is_some_and(Socket::is_let_in)
    }

    /// A newer socket has been let in: what this one says of the session is of before.
    pub(crate) fn is_outdated(&self, socket: SocketId) -> bool {
        self.open.iter().any(|known| known.id > socket && known.is_let_in())
    }

    /// The driver says that it is open.
    pub(crate) fn opened(&mut self, turn: &mut Turn, socket: SocketId, server_time: Option<UnixMillis>) {
        match self.get_mut(socket) {
            Some(Socket { stage: stage @ Stage::Opening(_), .. }) => {
                let Stage::Opening(command) = *stage else { return };
                *stage = Stage::Open;
                turn.done(command, Outcome { server_time, ..Outcome::ok(Reply::Opened) });
            }
            Some(_) => {}
            // Given up meanwhile: there is never an open socket that nobody is authenticating (R32).
            None => turn.put(SessionOutput::Close { socket }),
        }
    }

    /// Any frame of a socket is a sign of its life. `false`: not one that counts, or not open.
    pub(crate) fn heard(&mut self, socket: SocketId, now: Tick) -> bool {
        let Some(current) = self.get_mut(socket) else { return false };
        if matches!(current.stage, Stage::Opening(_)) {
            return false;
        }
        current.liveness.hear(now);
        true
    }

    /// Sends a request of the lifecycle's.
    pub(crate) fn ask(&mut self, turn: &mut Turn, socket: SocketId, frame: Secret, waiting: Waiting) {
        if let Some(socket) = self.get_mut(socket) {
            socket.waiting.reserve_exact(1);
            socket.waiting.push(waiting);
        }
        turn.put(SessionOutput::Send { socket, text: frame });
    }

    /// Sends an answer of ours, at once or when it may. Whether it is on its way.
    pub(crate) fn respond(&mut self, turn: &mut Turn, socket: SocketId, text: Option<String>) -> bool {
        let (Some(text), Some(socket)) = (text, self.get_mut(socket)) else { return false };
        socket.respond(turn, text)
    }

    /// Who has waited for an answer of this name. `None`: the socket is not known.
    pub(crate) fn answered(&mut self, socket: SocketId, id: &str) -> Option<Answered> {
        let current = self.get_mut(socket)?;
        let at = current.waiting.iter().position(|waiting| waiting.id == id);
        let waiting = at.map(|at| current.waiting.remove(at));
        if current.liveness.is_pong(id) {
            return Some(Answered::Ping);
        }
        Some(waiting.map_or(Answered::Other, Answered::Request))
    }

    /// What was asked on it, and will not be answered.
    pub(crate) fn take_waiting(&mut self, socket: SocketId) -> Vec<Waiting> {
        self.get_mut(socket).map(|known| core::mem::take(&mut known.waiting)).unwrap_or_default()
    }

    /// Its connect has succeeded. A state that came before that is handed on.
    pub(crate) fn let_in(
        &mut self,
        turn: &mut Turn,
        socket: SocketId,
        admission: Admission,
    ) -> Option<Secret> {
        self.get_mut(socket)?.let_in(turn, admission)
    }

    /// How the newest was let in, once the session is live on it.
    pub(crate) fn take_admission(&mut self) -> Option<Admission> {
        self.open.iter_mut().rev().find_map(|socket| socket.admission.take())
    }

    /// A state that comes before the connect's answer belongs to the session that the answer will be about; the newest wins.
    /// It is given back where the socket is let in already.
    pub(crate) fn hold_state(&mut self, socket: SocketId, state: Secret) -> Option<Secret> {
        let current = self.get_mut(socket)?;
        if current.is_let_in() {
            return Some(state);
        }
        current.early_state = Some(state);
        None
    }

    /// A ping now. Its own reply answers it: whatever else comes in proves one direction only (R22).
    pub(crate) fn probe(
        &mut self,
        turn: &mut Turn,
        ids: &mut Ids,
        socket: SocketId,
        command: CommandId,
    ) -> Result<()> {
        let now = turn.now.tick;
        let known = self.at(socket, Stage::Authenticated)?;
        known.probes.push(command);
        known.liveness.ask(now);
        known.ping(turn, ids);
        Ok(())
    }

    /// Asks a socket for a reply of its own, where something else on it was not answered in its time (R22).
    pub(crate) fn question(&mut self, turn: &mut Turn, ids: &mut Ids, socket: SocketId) {
        let now = turn.now.tick;
        if let Some(known) = self.get_mut(socket).filter(|known| known.is_let_in())
            && known.liveness.ask(now)
        {
            known.ping(turn, ids);
        }
    }

    /// A reply to something of our own has come on this socket: the way there and back is open (R22).
    pub(crate) fn replied(&mut self, turn: &mut Turn, lifecycle: &Lifecycle, socket: SocketId) {
        let Some(known) = self.get_mut(socket) else { return };
        known.liveness.prove(turn.now.tick);
        for probe in core::mem::take(&mut known.probes) {
            turn.reply(probe, Reply::Alive);
        }
        if known.is_let_in() && lifecycle.is_doubted(socket) {
            turn.feed(Input::SocketAlive { socket });
        }
    }

    /// Watches over the sockets that are let in. Those that are silent for too long are returned: they are to be replaced,
    /// and read until then (R22).
    pub(crate) fn watch(&mut self, turn: &mut Turn, ids: &mut Ids, lifecycle: &Lifecycle) -> Vec<SocketId> {
        // Two sockets in a row on which no ping was answered: this server answers none, and is not judged by them (R22).
        let is_judged = self.unanswering < MOST_UNANSWERING;
        let mut silent = Vec::new();
        for socket in &mut self.open {
            let verdict = if lifecycle.is_doubted(socket.id) {
                socket.liveness.check_doubted(turn.now.tick)
            } else {
                socket.liveness.check(turn.now.tick, is_judged)
            };
            match verdict {
                Verdict::Fine => {}
                Verdict::Ask => socket.ping(turn, ids),
                Verdict::Dead => silent.push(socket.id),
            }
        }
        silent
    }

    pub(crate) fn due(&self, lifecycle: &Lifecycle) -> Option<Tick> {
        let due = |socket: &Socket| match lifecycle.is_doubted(socket.id) {
            true => Some(socket.liveness.doubted_due()),
            false => socket.liveness.due(),
        };
        self.open.iter().filter_map(due).min()
    }

    /// It is gone: nothing that was sent on it will be answered. Whether it was let in; `None`: it is not known.
    pub(crate) fn lose(&mut self, socket: SocketId) -> Option<bool> {
        let at = self.open.iter().position(|known| known.id == socket)?;
        let known = self.open.remove(at);
        if known.is_let_in() {
            if known.liveness.has_replied() {
                self.unanswering = 0;
            } else if known.liveness.was_asked() {
                self.unanswering = self.unanswering.saturating_add(1);
            }
        }
        Some(known.is_let_in())
    }

    /// What a server could repeat in an error.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let states = self.open.iter().filter_map(|socket| socket.early_state.as_ref());
        let waiting = self.open.iter().flat_map(|socket| &socket.waiting);
        states.chain(waiting.filter_map(Waiting::proof))
    }

    /// Each once, oldest first.
    pub(crate) fn check(&self) -> core::result::Result<(), &'static str> {
        let ids = self.open.iter().map(|socket| socket.id);
        if ids.clone().zip(ids.skip(1)).any(|(one, next)| one >= next) {
            return Err("the sockets are not in the order in which they were opened");
        }
        self.open.iter().try_for_each(Socket::check)
    }
}

impl Socket {
    fn ping(&mut self, turn: &mut Turn, ids: &mut Ids) {
        let id = ids.frame();
        let text = push::ping(&id, turn.now.unix.0);
        self.liveness.pinged(id);
        turn.put(SessionOutput::Send { socket: self.id, text });
    }
}

pub(crate) fn lost(message: &str) -> Error {
    Error::Transport { message: message.to_owned() }
}
