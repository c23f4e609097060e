//! The socket: opened, authenticated, watched over, closed (R21, R22, R32).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::dpop::Claims;
use crate::error::{Error, Result};
use crate::lifecycle::{ClockOffset, Command, CommandId, Failure, Input, Outcome, Reply, SocketId, TokenId};
use crate::secret::Secret;
use crate::time::{Tick, UnixMillis};
use crate::wire::connect::{self, AGENT, Connect, ResumeState};
use crate::wire::push;
use crate::wire::reauthenticate::{self, Reauthenticate};

use crate::session::Session;
use crate::session::connection::admission::Admission;
use crate::session::connection::ice;
use crate::session::connection::liveness::{Liveness, Verdict};
use crate::session::machine::commands::unknown_token;
use crate::session::machine::facts::server_time;
use crate::session::machine::signing::{Proof, Signed, Wanted};
use crate::session::reports::journal::Fault;
use crate::session::turn::Turn;
use crate::session::vocabulary::output::SessionOutput;

/// Sockets in a row without any reply to a ping, from which on a server is not judged by them.
const MOST_UNANSWERING: u8 = 2;

/// A socket that has been opened and not closed: the one that serves ([`Lifecycle::socket`]), one that is coming, one that
/// was replaced and is still read (R22).
///
/// [`Lifecycle::socket`]: crate::lifecycle::Lifecycle::socket
pub(crate) struct Socket {
    pub(crate) id: SocketId,
    /// The connect that it was asked for, once that is sent; what becomes of the socket is told under its name.
    pub(crate) connect: Option<CommandId>,
    pub(crate) stage: Stage,
    /// Requests of the lifecycle's without an answer yet.
    pub(crate) waiting: Vec<Waiting>,
    /// Who wants a sign of life.
    pub(crate) probes: Vec<CommandId>,
    /// Acknowledgements that wait for the connect to succeed.
    pub(crate) replies: Vec<String>,
    /// How it was let in, until the session is live on it.
    pub(crate) admission: Option<Admission>,
    /// The newest `authorization_state` that came before the connect's own answer.
    pub(crate) early_state: Option<Secret>,
    pub(crate) liveness: Liveness,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Opening(CommandId),
    /// Open; nothing but the connect may be sent.
    Open,
    Authenticated,
}

pub(crate) struct Waiting {
    pub(crate) id: String,
    pub(crate) command: CommandId,
    pub(crate) token: TokenId,
    /// For a connect, whether it was a resume; `None` for a reauthenticate.
    pub(crate) resume: Option<bool>,
    pub(crate) signed_at: Option<UnixMillis>,
    pub(crate) at: Tick,
    /// What went along, to be cut out of what comes back.
    pub(crate) proof: Option<Secret>,
}

/// What a session is resumed with, and what a reauthenticate must name.
#[derive(Default)]
pub(crate) struct Resume {
    pub(crate) state: Option<Secret>,
    pub(crate) protocol: Option<String>,
    pub(crate) project: String,
}

impl Resume {
    fn parts(&self) -> Option<ResumeState> {
        let (state, protocol) = (self.state.clone()?, self.protocol.clone()?);
        Some(ResumeState { authorization_state: state, protocol })
    }

    pub(crate) fn forget(&mut self) {
        self.state = None;
        self.protocol = None;
    }
}

impl Session {
    // ---- Commands ----

    pub(crate) fn open(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        socket: SocketId,
        token: TokenId,
    ) -> core::result::Result<(), Fault> {
        let Some(known) = self.tokens.get(token) else { return Err(unknown_token()) };
        let url = known.routing.relay().clone();
        self.sockets.reserve_exact(1);
        self.sockets.push(Socket {
            id: socket,
            connect: None,
            stage: Stage::Opening(command.id),
            waiting: Vec::new(),
            probes: Vec::new(),
            replies: Vec::new(),
            admission: None,
            early_state: None,
            liveness: Liveness::default(),
        });
        turn.put(SessionOutput::Open { socket, url, deadline: command.deadline });
        Ok(())
    }

    /// `signalwire.connect`, the first frame out (R32), with a proof whenever there is a key (R21).
    #[allow(clippy::too_many_arguments, reason = "the parts of one command, taken apart once")]
    pub(crate) fn authenticate(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        socket: SocketId,
        token: TokenId,
        resume: bool,
        offset: ClockOffset,
        signed: Option<Signed>,
    ) -> core::result::Result<(), Fault> {
        let Some(known) = self.tokens.get(token) else { return Err(unknown_token()) };
        let jwt_token = known.token.clone();
        self.socket_at(socket, Stage::Open)?.connect = Some(command.id);
        let signed = match signed {
            Some(signed) => Some(signed),
            None => match self.prove(turn, command, token, connect::METHOD, offset)? {
                Proof::Signed(signed) => Some(signed),
                Proof::None => None,
                Proof::Asked => return Ok(()),
            },
        };
        let id = self.ids.frame();
        let resume = if resume { self.resume.parts() } else { None };
        let agent = self.config.agent.as_deref().unwrap_or(AGENT);
        let dpop_token = signed.as_ref().map(|signed| &signed.proof);
        let (jwt_token, interests) = (&jwt_token, &self.config.interests);
        let frame =
            Connect { id: &id, jwt_token, dpop_token, resume: resume.as_ref(), agent, interests }.frame();
        let resume = Some(resume.is_some());
        let signed_at = signed.as_ref().map(|signed| signed.at);
        let proof = signed.map(|signed| signed.proof);
        let at = turn.now.tick;
        self.expect(socket, Waiting { id, command: command.id, token, resume, signed_at, at, proof });
        turn.put(SessionOutput::Send { socket, text: frame });
        Ok(())
    }

    pub(crate) fn reauthenticate(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        socket: SocketId,
        token: TokenId,
        offset: ClockOffset,
        signed: Option<Signed>,
    ) -> core::result::Result<(), Fault> {
        if command.id == ice::OWN && !self.is_ice_wanted(socket, token) {
            // Another token is in force by now, or on its way.
            self.ice_put_off();
            return Ok(());
        }
        let Some(known) = self.tokens.get(token) else { return Err(unknown_token()) };
        let jwt_token = known.token.clone();
        self.socket_at(socket, Stage::Authenticated)?;
        let signed = match signed {
            Some(signed) => Some(signed),
            None => match self.prove(turn, command, token, reauthenticate::METHOD, offset)? {
                Proof::Signed(signed) => Some(signed),
                Proof::None => None,
                Proof::Asked => return Ok(()),
            },
        };
        let id = self.ids.frame();
        let dpop_token = signed.as_ref().map(|signed| &signed.proof);
        let frame =
            Reauthenticate { id: &id, project: &self.resume.project, jwt_token: &jwt_token, dpop_token }
                .frame();
        let signed_at = signed.as_ref().map(|signed| signed.at);
        let proof = signed.map(|signed| signed.proof);
        let at = turn.now.tick;
        self.expect(socket, Waiting { id, command: command.id, token, resume: None, signed_at, at, proof });
        turn.put(SessionOutput::Send { socket, text: frame });
        Ok(())
    }

    /// The proof of a request on the socket, whenever there is a key. One that cannot sign leaves a session
    /// unbound, not dead (R35); but what is bound to it would be refused without a proof, as if it were the
    /// token's fault: that waits for the key.
    fn prove(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        token: TokenId,
        mth: &'static str,
        offset: ClockOffset,
    ) -> core::result::Result<Proof, Fault> {
        let is_bound = self.tokens.get(token).is_some_and(|known| known.key.is_some());
        let wanted = Wanted { token, claims: &Claims::Rpc { mth }, offset, origin: "", repeated: false };
        match self.sign(turn, command, &wanted) {
            Err(fault) if is_bound => Err(Fault::new(Failure::Transport, fault.error)),
            Err(_) => Ok(Proof::None),
            Ok(proof) => Ok(proof),
        }
    }

    /// A ping now. Its own reply answers it: whatever else comes in proves one direction only (R22).
    pub(crate) fn probe(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        socket: SocketId,
    ) -> core::result::Result<(), Fault> {
        let now = turn.now.tick;
        let known = self.socket_at(socket, Stage::Authenticated)?;
        known.probes.push(command.id);
        known.liveness.ask(now);
        self.ping(turn, socket);
        Ok(())
    }

    pub(crate) fn close(&mut self, turn: &mut Turn, socket: SocketId) {
        turn.put(SessionOutput::Close { socket });
        self.lose_socket(turn, socket);
    }

    // ---- What the driver says of it ----

    pub(crate) fn opened(&mut self, turn: &mut Turn, socket: SocketId, date: Option<&str>) {
        match self.socket_mut(socket) {
            Some(Socket { stage: stage @ Stage::Opening(_), .. }) => {
                let Stage::Opening(command) = *stage else { return };
                *stage = Stage::Open;
                let server_time = server_time(date.and_then(crate::wire::time::http_date));
                turn.done(command, Outcome { server_time, ..Outcome::ok(Reply::Opened) });
            }
            Some(_) => {}
            // Given up meanwhile: there is never an open socket that nobody is authenticating (R32).
            None => turn.put(SessionOutput::Close { socket }),
        }
    }

    pub(crate) fn closed(&mut self, turn: &mut Turn, socket: SocketId, error: Option<Error>) {
        let Some(known) = self.socket_mut(socket) else { return };
        let (stage, connect) = (known.stage, known.connect);
        let waiting = core::mem::take(&mut known.waiting);
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
                for waiting in waiting {
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

    /// Watches over the sockets that are let in; says when to come again.
    pub(crate) fn watch_sockets(&mut self, turn: &mut Turn) {
        let judged = !self.answers_no_pings();
        let mut verdicts = Vec::new();
        for socket in &mut self.sockets {
            let verdict = if self.lifecycle.is_doubted(socket.id) {
                socket.liveness.check_doubted(turn.now.tick)
            } else {
                socket.liveness.check(turn.now.tick, judged)
            };
            match verdict {
                Verdict::Fine => {}
                verdict => verdicts.push((socket.id, verdict)),
            }
        }
        for (socket, verdict) in verdicts {
            if verdict == Verdict::Ask {
                self.ping(turn, socket);
            } else {
                self.doubt(turn, socket, "the server is silent");
            }
        }
    }

    /// Frames on this socket are not answered: it is to be replaced, and read until it is (R22).
    fn doubt(&mut self, turn: &mut Turn, socket: SocketId, why: &'static str) {
        let Some(connect) = self.socket_mut(socket).map(|known| known.connect) else { return };
        if let Some(connect) = connect {
            self.journal.ends(connect, lost(why));
        }
        turn.feed(Input::SocketDead { socket });
    }

    /// Asks a socket for a reply of its own, where something else on it was not answered in its time (R22).
    pub(crate) fn question(&mut self, turn: &mut Turn, socket: SocketId) {
        let now = turn.now.tick;
        let known = self.socket_mut(socket).filter(|known| known.stage == Stage::Authenticated);
        if known.is_some_and(|known| known.liveness.ask(now)) {
            self.ping(turn, socket);
        }
    }

    /// A reply to something of our own has come on this socket: the way there and back is open (R22).
    pub(crate) fn replied(&mut self, turn: &mut Turn, socket: SocketId) {
        let now = turn.now.tick;
        let Some(known) = self.socket_mut(socket) else { return };
        known.liveness.prove(now);
        for probe in core::mem::take(&mut known.probes) {
            turn.reply(probe, Reply::Alive);
        }
        if known.stage == Stage::Authenticated && self.lifecycle.is_doubted(socket) {
            turn.feed(Input::SocketAlive { socket });
        }
    }

    /// Two sockets in a row on which no ping was answered: this server answers none, and is not judged by them (R22).
    fn answers_no_pings(&self) -> bool {
        self.unanswering >= MOST_UNANSWERING
    }

    pub(crate) fn liveness_due(&self) -> Option<Tick> {
        let due = |socket: &Socket| match self.lifecycle.is_doubted(socket.id) {
            true => Some(socket.liveness.doubted_due()),
            false => socket.liveness.due(),
        };
        self.sockets.iter().filter_map(due).min()
    }

    /// The socket that frames of the application may go out on: the one that serves.
    pub(crate) fn serving_socket(&self) -> Option<SocketId> {
        self.lifecycle.socket().filter(|socket| self.sockets.iter().any(|known| known.id == *socket))
    }

    /// It is gone: nothing that was sent on it will be answered.
    pub(crate) fn lose_socket(&mut self, turn: &mut Turn, socket: SocketId) {
        let Some(at) = self.sockets.iter().position(|known| known.id == socket) else { return };
        let known = self.sockets.remove(at);
        self.requests.lose(socket);
        if known.stage == Stage::Authenticated {
            if known.liveness.has_replied() {
                self.unanswering = 0;
            } else if known.liveness.was_asked() {
                self.unanswering = self.unanswering.saturating_add(1);
            }
            self.ice_lost(socket);
            self.calls_lost(turn, socket);
        }
    }

    fn ping(&mut self, turn: &mut Turn, socket: SocketId) {
        let id = self.ids.frame();
        let text = push::ping(&id, turn.now.unix.0);
        if let Some(known) = self.socket_mut(socket) {
            known.liveness.pinged(id);
        }
        turn.put(SessionOutput::Send { socket, text });
    }

    pub(crate) fn socket_mut(&mut self, socket: SocketId) -> Option<&mut Socket> {
        self.sockets.iter_mut().find(|known| known.id == socket)
    }

    /// A newer socket has been let in: what this one says of the session is of before.
    pub(crate) fn is_outdated(&self, socket: SocketId) -> bool {
        self.sockets.iter().any(|known| known.id > socket && known.stage == Stage::Authenticated)
    }

    /// The socket, if it is known and has come this far.
    fn socket_at(&mut self, socket: SocketId, stage: Stage) -> Result<&mut Socket> {
        self.socket_mut(socket).filter(|known| known.stage == stage).ok_or_else(|| lost("the socket is gone"))
    }

    fn expect(&mut self, socket: SocketId, waiting: Waiting) {
        if let Some(socket) = self.socket_mut(socket) {
            socket.waiting.reserve_exact(1);
            socket.waiting.push(waiting);
        }
    }
}

pub(crate) fn lost(message: &str) -> Error {
    Error::Transport { message: message.to_owned() }
}
