//! The socket: opened, authenticated, watched over, closed (L33, L34, L37).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::dpop::Claims;
use crate::error::{Error, Result};
use crate::lifecycle::{
    ClockOffset, Command, CommandId, Failure, Input, Outcome, Phase, Reply, SocketId, TokenId,
};
use crate::secret::Secret;
use crate::time::{Tick, UnixMillis};
use crate::wire::connect::{self, AGENT, Connect, ResumeState};
use crate::wire::push;
use crate::wire::reauthenticate::{self, Reauthenticate};

use super::Session;
use super::commands::unknown_token;
use super::connected::Admission;
use super::event::SessionNews;
use super::facts::server_time;
use super::ice;
use super::journal::Fault;
use super::liveness::{Liveness, Verdict};
use super::output::SessionOutput;
use super::signing::{Proof, Signed, Wanted};
use super::turn::Turn;

/// A socket: the current one, or one that is tried beside it. What arrives on an older one is dropped.
pub(super) struct Socket {
    pub(super) id: SocketId,
    pub(super) stage: Stage,
    /// Requests of the lifecycle's without an answer yet.
    pub(super) waiting: Vec<Waiting>,
    /// Who wants a sign of life.
    pub(super) probes: Vec<CommandId>,
    /// Acknowledgements that wait for the connect to succeed.
    pub(super) replies: Vec<String>,
    /// How it was let in, until the session is live on it.
    pub(super) admission: Option<Admission>,
    /// The newest `authorization_state` that came before the connect's own answer.
    pub(super) early_state: Option<Secret>,
    pub(super) liveness: Liveness,
    /// Why the lifecycle will close it, as far as is known.
    pub(super) fate: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Opening(CommandId),
    /// Open; nothing but the connect may be sent.
    Open,
    Authenticated,
}

pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) command: CommandId,
    pub(super) token: TokenId,
    /// For a connect, whether it was a resume; `None` for a reauthenticate.
    pub(super) resume: Option<bool>,
    pub(super) signed_at: Option<UnixMillis>,
    pub(super) at: Tick,
    /// What went along, to be cut out of what comes back.
    pub(super) proof: Option<Secret>,
}

/// What a session is resumed with, and what a reauthenticate must name.
#[derive(Default)]
pub(super) struct Resume {
    pub(super) state: Option<Secret>,
    pub(super) protocol: Option<String>,
    pub(super) project: String,
}

impl Resume {
    fn parts(&self) -> Option<ResumeState> {
        let (state, protocol) = (self.state.clone()?, self.protocol.clone()?);
        Some(ResumeState { authorization_state: state, protocol })
    }

    pub(super) fn forget(&mut self) {
        self.state = None;
        self.protocol = None;
    }
}

impl Session {
    // ---- Commands ----

    pub(super) fn open(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        socket: SocketId,
        token: TokenId,
    ) -> core::result::Result<(), Fault> {
        let Some(known) = self.tokens.get(token) else { return Err(unknown_token()) };
        let url = known.routing.relay().clone();
        let opening = Some(Socket {
            id: socket,
            stage: Stage::Opening(command.id),
            waiting: Vec::new(),
            probes: Vec::new(),
            replies: Vec::new(),
            admission: None,
            early_state: None,
            liveness: Liveness::default(),
            fate: "it gave no sign of life",
        });
        if self.authenticated_socket().is_some() {
            self.trial = opening.map(Box::new);
        } else {
            self.lose_socket(turn);
            self.socket = opening;
        }
        turn.put(SessionOutput::Open { socket, url, deadline: command.deadline });
        Ok(())
    }

    /// `signalwire.connect`, the first frame out (L33), with a proof whenever there is a key (L34).
    #[allow(clippy::too_many_arguments, reason = "the parts of one command, taken apart once")]
    pub(super) fn authenticate(
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
        self.socket_at(socket, Stage::Open)?;
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

    pub(super) fn reauthenticate(
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
    /// unbound, not dead (L48); but what is bound to it would be refused without a proof, as if it were the
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

    /// A ping now; any frame answers it.
    pub(super) fn probe(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        socket: SocketId,
    ) -> core::result::Result<(), Fault> {
        self.socket_at(socket, Stage::Authenticated)?.probes.push(command.id);
        self.ping(turn);
        Ok(())
    }

    /// A socket that is tried beside the current one takes its place when that is closed.
    pub(super) fn close(&mut self, turn: &mut Turn, socket: SocketId) {
        turn.put(SessionOutput::Close { socket });
        self.requests.lose(socket);
        if self.is_on_trial(socket) {
            self.trial = None;
        } else if let Some(current) = self.socket.as_ref().filter(|current| current.id == socket) {
            if current.stage == Stage::Authenticated && self.lifecycle.status().phase == Phase::Reconnecting {
                turn.news(SessionNews::SocketLost, Some(lost(current.fate)));
            }
            self.lose_socket(turn);
            self.socket = self.trial.take().map(|trial| *trial);
        }
    }

    // ---- What the driver says of it ----

    pub(super) fn opened(&mut self, turn: &mut Turn, socket: SocketId, date: Option<&str>) {
        match self.socket_mut(socket) {
            Some(Socket { stage: stage @ Stage::Opening(_), .. }) => {
                let Stage::Opening(command) = *stage else { return };
                *stage = Stage::Open;
                let server_time = server_time(date.and_then(crate::wire::time::http_date));
                turn.done(command, Outcome { server_time, ..Outcome::ok(Reply::Opened) });
            }
            Some(_) => {}
            // Given up meanwhile: there is never an open socket that nobody is authenticating (L35).
            None => turn.put(SessionOutput::Close { socket }),
        }
    }

    pub(super) fn closed(&mut self, turn: &mut Turn, socket: SocketId, error: Option<Error>) {
        let on_trial = self.is_on_trial(socket);
        let Some(stage) = self.socket_mut(socket).map(|socket| socket.stage) else { return };
        self.requests.lose(socket);
        if on_trial {
            self.trial = None;
        }
        match stage {
            Stage::Opening(command) => {
                if !on_trial {
                    self.socket = None;
                }
                let error = error.unwrap_or_else(|| lost("the socket did not open"));
                let fault = match error {
                    // What its server says of it, and how long it wants to be left alone.
                    Error::UpgradeRefused { .. } => Fault::from(error),
                    _ => Fault::new(Failure::Transport, error),
                };
                self.fail(turn, command, fault, None, None);
            }
            Stage::Open | Stage::Authenticated => {
                if stage == Stage::Authenticated && !on_trial {
                    let cause = error.clone().unwrap_or_else(|| lost("the server closed the socket"));
                    turn.news(SessionNews::SocketLost, Some(cause));
                }
                let waiting = self.socket_mut(socket).map(|socket| core::mem::take(&mut socket.waiting));
                for waiting in waiting.into_iter().flatten() {
                    let error = error.clone().unwrap_or_else(|| lost("the socket closed before the answer"));
                    self.journal.fail(waiting.command, error);
                }
                if !on_trial {
                    self.lose_socket(turn);
                }
                turn.feed(Input::SocketLost { socket });
            }
        }
    }

    /// Watches over the socket; says when to come again.
    pub(super) fn watch_socket(&mut self, turn: &mut Turn) {
        let Some(socket) = &mut self.socket else { return };
        match socket.liveness.check(turn.now.tick) {
            Verdict::Fine => {}
            Verdict::Ask => self.ping(turn),
            Verdict::Dead => {
                socket.fate = "the server is silent";
                let socket = socket.id;
                turn.feed(Input::SocketDead { socket });
            }
        }
    }

    pub(super) fn liveness_due(&self) -> Option<Tick> {
        self.socket.as_ref()?.liveness.due()
    }

    /// The socket that frames of the application may go out on.
    pub(super) fn authenticated_socket(&self) -> Option<SocketId> {
        let socket = self.socket.as_ref()?;
        (socket.stage == Stage::Authenticated).then_some(socket.id)
    }

    /// Nothing of the current socket is of interest any more.
    pub(super) fn lose_socket(&mut self, turn: &mut Turn) {
        if let Some(socket) = self.socket.take() {
            self.requests.lose(socket.id);
            self.ice_lost();
            self.calls_lost(turn);
        }
    }

    fn ping(&mut self, turn: &mut Turn) {
        let Some(socket) = self.socket.as_ref().map(|socket| socket.id) else { return };
        let text = push::ping(&self.ids.frame(), turn.now.unix.0);
        turn.put(SessionOutput::Send { socket, text });
    }

    /// The current socket, or the one that is tried beside it.
    pub(super) fn socket_mut(&mut self, socket: SocketId) -> Option<&mut Socket> {
        self.socket.iter_mut().chain(self.trial.as_deref_mut()).find(|known| known.id == socket)
    }

    pub(super) fn is_on_trial(&self, socket: SocketId) -> bool {
        self.trial.as_ref().is_some_and(|trial| trial.id == socket)
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

pub(super) fn lost(message: &str) -> Error {
    Error::Transport { message: message.to_owned() }
}
