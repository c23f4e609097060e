//! The socket: what goes out on it, in which order, and what comes in (L33, L34, L37, L39).

use serde_json::Value;

use crate::dpop::Claims;
use crate::error::{Error, Result};
use crate::lifecycle::{ClockOffset, Command, CommandId, Failure, Input, Outcome, Reply, SocketId, TokenId};
use crate::secret::Secret;
use crate::time::UnixMillis;
use crate::wire::connect::{self, AGENT, Connect, ConnectResult, ResumeState};
use crate::wire::push::{self, Push};
use crate::wire::reauthenticate::{self, Reauthenticate, ReauthenticateResult};
use crate::wire::rpc::{Frame, Id, RpcError, is_auth_refusal};

use super::Session;
use super::commands::unknown_token;
use super::facts::server_time;
use super::journal::Fault;
use super::liveness::{Liveness, Verdict};
use super::output::{Notification, SessionNews, SessionOutput};
use super::signing::{Proof, Signed, Wanted};
use super::turn::Turn;

/// Most acknowledgements that wait for the connect to succeed.
const MOST_REPLIES: usize = 64;

/// `signalwire.authorization.state` is the session's, whatever is in it.
const STATE_EVENT: &str = "signalwire.authorization.state";

/// The newest socket, the only one that counts. What arrives on an older one is dropped.
pub(super) struct Socket {
    id: SocketId,
    stage: Stage,
    /// Requests of the lifecycle's without an answer yet.
    waiting: Vec<Waiting>,
    /// Who wants a sign of life.
    probes: Vec<CommandId>,
    /// Acknowledgements that wait for the connect to succeed.
    replies: Vec<String>,
    /// The newest `authorization_state` that came before the connect's own answer.
    early_state: Option<Secret>,
    liveness: Liveness,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening(CommandId),
    /// Open; nothing but the connect may be sent.
    Open,
    Authenticated,
}

struct Waiting {
    id: String,
    command: CommandId,
    token: TokenId,
    /// For a connect, whether it was a resume; `None` for a reauthenticate.
    resume: Option<bool>,
    signed_at: Option<UnixMillis>,
}

/// What a session is resumed with, and what a reauthenticate must name.
#[derive(Default)]
pub(super) struct Resume {
    pub(super) state: Option<Secret>,
    protocol: Option<String>,
    project: String,
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
        self.lose_socket(turn);
        self.socket = Some(Socket {
            id: socket,
            stage: Stage::Opening(command.id),
            waiting: Vec::new(),
            probes: Vec::new(),
            replies: Vec::new(),
            early_state: None,
            liveness: Liveness::default(),
        });
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
        let frame =
            Connect { id: &id, jwt_token: &jwt_token, dpop_token, resume: resume.as_ref(), agent }.frame();
        let resume = Some(resume.is_some());
        let signed_at = signed.map(|signed| signed.at);
        self.expect(Waiting { id, command: command.id, token, resume, signed_at });
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
        let signed_at = signed.map(|signed| signed.at);
        self.expect(Waiting { id, command: command.id, token, resume: None, signed_at });
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

    pub(super) fn close(&mut self, turn: &mut Turn, socket: SocketId) {
        turn.put(SessionOutput::Close { socket });
        if self.socket.as_ref().is_some_and(|current| current.id == socket) {
            self.lose_socket(turn);
        }
    }

    // ---- What the driver says of it ----

    pub(super) fn opened(&mut self, turn: &mut Turn, socket: SocketId, date: Option<&str>) {
        let current = self.socket.as_mut().filter(|current| current.id == socket);
        match current {
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
        let Some(current) = self.socket.as_ref().filter(|current| current.id == socket) else { return };
        match current.stage {
            Stage::Opening(command) => {
                self.socket = None;
                let error = error.unwrap_or_else(|| lost("the socket did not open"));
                self.fail(turn, command, Fault::new(Failure::Transport, error), None, None);
            }
            Stage::Open | Stage::Authenticated => {
                self.lose_socket(turn);
                turn.feed(Input::SocketLost { socket });
            }
        }
    }

    /// A frame that is no JSON-RPC, too large or not text: a sign of life all the same.
    pub(super) fn odd_frame(&mut self, turn: &mut Turn, socket: SocketId, why: &str) {
        if self.heard(turn, socket) {
            dropped(turn, why);
        }
    }

    pub(super) fn frame(&mut self, turn: &mut Turn, socket: SocketId, text: String) {
        // Wiped when done with: it can carry an authorization_state.
        let text = Secret::new(text);
        if !self.heard(turn, socket) {
            return;
        }
        match Frame::parse(text.expose()) {
            Err(why) => dropped(turn, &why.to_string()),
            Ok(Frame::Request { id, method, params }) => {
                self.request_came(turn, socket, id.as_ref(), method, params);
            }
            Ok(Frame::Success { id, result }) => self.answered(turn, id.as_ref(), Ok(result)),
            Ok(Frame::Failure { id, error }) => self.answered(turn, id.as_ref(), Err(error)),
        }
    }

    /// Watches over the socket; says when to come again.
    pub(super) fn watch_socket(&mut self, turn: &mut Turn) {
        let Some(socket) = &mut self.socket else { return };
        match socket.liveness.check(turn.now.tick) {
            Verdict::Fine => {}
            Verdict::Ask => self.ping(turn),
            Verdict::Dead => {
                let socket = socket.id;
                turn.feed(Input::SocketDead { socket });
            }
        }
    }

    pub(super) fn liveness_due(&self) -> Option<crate::time::Tick> {
        self.socket.as_ref()?.liveness.due()
    }

    /// The socket that frames of the application may go out on.
    pub(super) fn authenticated_socket(&self) -> Option<SocketId> {
        let socket = self.socket.as_ref()?;
        (socket.stage == Stage::Authenticated).then_some(socket.id)
    }

    /// Nothing of the current socket is of interest any more.
    pub(super) fn lose_socket(&mut self, turn: &mut Turn) {
        if self.socket.take().is_some() {
            self.calls_lost(turn);
        }
    }

    // ---- Frames ----

    /// Any frame of the current socket is a sign of life. `false`: not the current one, or not open.
    fn heard(&mut self, turn: &mut Turn, socket: SocketId) -> bool {
        let Some(current) = self.socket.as_mut() else { return false };
        if current.id != socket || matches!(current.stage, Stage::Opening(_)) {
            return false;
        }
        current.liveness.hear(turn.now.tick);
        for probe in current.probes.drain(..) {
            turn.reply(probe, Reply::Alive);
        }
        true
    }

    /// A request or event of the server's. What the session does not know goes to the application, and is
    /// left unanswered as the official client leaves it.
    fn request_came(
        &mut self,
        turn: &mut Turn,
        socket: SocketId,
        id: Option<&Id>,
        method: String,
        params: Value,
    ) {
        let push = Push::of(&method, &params);
        let time = server_time(push.server_unix_ms());
        match push {
            Push::Ping { timestamp } => {
                if let Some(current) = &mut self.socket {
                    current.liveness.hear_ping();
                }
                self.respond(turn, id.map(|id| push::pong(id, timestamp.as_ref())));
                if let Some(time) = time {
                    turn.feed(Input::ServerTime(time));
                }
            }
            Push::Event { authorization_state } => {
                self.respond(turn, id.map(push::acknowledge));
                if params.get("event_type").and_then(Value::as_str) != Some(STATE_EVENT) {
                    turn.put(SessionOutput::Notification(Notification { method, params }));
                } else if let Some(state) = authorization_state {
                    self.state_came(turn, socket, state);
                } else {
                    let why = Error::reply(STATE_EVENT, "it has no usable `authorization_state`");
                    turn.news(SessionNews::FrameDropped, Some(why));
                }
            }
            Push::Disconnect { restart } => {
                self.respond(turn, id.map(push::acknowledge));
                if restart {
                    self.resume.forget();
                }
                turn.feed(Input::ServerRestart { socket, wipe: restart });
            }
            Push::Other => turn.put(SessionOutput::Notification(Notification { method, params })),
        }
    }

    /// The newest state wins. One that comes before the connect's answer belongs to the session that the
    /// answer will be about.
    fn state_came(&mut self, turn: &mut Turn, socket: SocketId, state: Secret) {
        let Some(current) = &mut self.socket else { return };
        if current.stage != Stage::Authenticated {
            current.early_state = Some(state);
            return;
        }
        self.resume.state = Some(state);
        if self.resume.protocol.is_some() {
            turn.feed(Input::ResumeState { socket });
        }
    }

    fn answered(&mut self, turn: &mut Turn, id: Option<&Id>, answer: core::result::Result<Value, RpcError>) {
        let Some(id) = id.and_then(Id::text) else { return };
        let Some(socket) = &mut self.socket else { return };
        let at = socket.waiting.iter().position(|waiting| waiting.id == id);
        match at.map(|at| socket.waiting.remove(at)) {
            None => self.call_answered(turn, &id, answer),
            Some(waiting) => match waiting.resume {
                Some(resume) => self.connect_answered(turn, &waiting, resume, answer),
                None => self.push_answered(turn, &waiting, answer),
            },
        }
    }

    fn connect_answered(
        &mut self,
        turn: &mut Turn,
        waiting: &Waiting,
        resume: bool,
        answer: core::result::Result<Value, RpcError>,
    ) {
        let result = match answer {
            Ok(result) => ConnectResult::parse(&result),
            Err(error) => return self.refused(turn, waiting, &error),
        };
        let resumed = resume && result.session_restored != Some(false);
        if !resumed {
            self.resume.forget();
        }
        if result.protocol.is_some() {
            self.resume.protocol.clone_from(&result.protocol);
        }
        let authorization = result.authorization.as_ref();
        self.learn_project(authorization);
        // A resume's result speaks of the session's previous token (L8).
        let token = (!resumed).then_some(waiting.token);
        let statement = self.authorization_statement(turn, token, authorization);
        let reply = Reply::Authenticated { resumed, statement };
        let Some(socket) = &mut self.socket else { return };
        socket.stage = Stage::Authenticated;
        socket.liveness.arm(turn.now.tick);
        let id = socket.id;
        for text in core::mem::take(&mut socket.replies) {
            turn.put(SessionOutput::Send { socket: id, text: Secret::new(text) });
        }
        let early_state = socket.early_state.take();
        turn.done(waiting.command, Outcome { signed_at: waiting.signed_at, ..Outcome::ok(reply) });
        if let Some(state) = early_state {
            self.state_came(turn, id, state);
        }
    }

    fn push_answered(
        &mut self,
        turn: &mut Turn,
        waiting: &Waiting,
        answer: core::result::Result<Value, RpcError>,
    ) {
        let value = match answer {
            Ok(value) => value,
            Err(error) => return self.refused(turn, waiting, &error),
        };
        let result = ReauthenticateResult::parse(&value);
        if let (false, Some(code)) = (result.is_accepted(), result.code) {
            let message = value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            return self.refused(turn, waiting, &RpcError { code, message, data: None });
        }
        self.learn_project(result.authorization.as_ref());
        let statement =
            self.authorization_statement(turn, Some(waiting.token), result.authorization.as_ref());
        let reply = Reply::Reauthenticated(statement);
        turn.done(waiting.command, Outcome { signed_at: waiting.signed_at, ..Outcome::ok(reply) });
    }

    /// A connect or a reauthenticate was refused. On these two -32002 is always about the credential; an
    /// HTTP-like business code is read as HTTP.
    fn refused(&mut self, turn: &mut Turn, waiting: &Waiting, error: &RpcError) {
        let credential = matches!(error.code, 401 | 403 | -32_002)
            || is_auth_refusal(error.code, &error.message, error.data.as_ref());
        let error = error.to_error(&self.secrets());
        let code = match &error {
            Error::Rpc { code, .. } => *code,
            _ => 0,
        };
        let fault = Fault::new(Failure::Rpc { code, credential }, error);
        self.fail(turn, waiting.command, fault, None, waiting.signed_at);
    }

    fn learn_project(&mut self, authorization: Option<&connect::Authorization>) {
        if let Some(project) = authorization.and_then(|it| it.project_id.as_ref()) {
            self.resume.project.clone_from(project);
        }
    }

    /// An acknowledgement: at once when authenticated, else right after the connect has succeeded, since a
    /// response before that makes the server close the socket (protocol.md 3.1).
    fn respond(&mut self, turn: &mut Turn, text: Option<String>) {
        let (Some(text), Some(socket)) = (text, &mut self.socket) else { return };
        if socket.stage == Stage::Authenticated {
            turn.put(SessionOutput::Send { socket: socket.id, text: Secret::new(text) });
        } else if socket.replies.len() < MOST_REPLIES {
            socket.replies.push(text);
        }
    }

    fn ping(&mut self, turn: &mut Turn) {
        let Some(socket) = self.socket.as_ref().map(|socket| socket.id) else { return };
        let text = push::ping(&self.ids.frame(), turn.now.unix.0);
        turn.put(SessionOutput::Send { socket, text });
    }

    /// The socket, if it is the current one and has come this far.
    fn socket_at(&mut self, socket: SocketId, stage: Stage) -> Result<&mut Socket> {
        self.socket
            .as_mut()
            .filter(|current| current.id == socket && current.stage == stage)
            .ok_or_else(|| lost("the socket is gone"))
    }

    fn expect(&mut self, waiting: Waiting) {
        if let Some(socket) = &mut self.socket {
            socket.waiting.push(waiting);
        }
    }
}

fn dropped(turn: &mut Turn, why: &str) {
    turn.news(SessionNews::FrameDropped, Some(Error::reply("a frame", why)));
}

pub(super) fn lost(message: &str) -> Error {
    Error::Transport { message: message.to_owned() }
}
