//! What comes in on the socket: acknowledged, kept, or handed on (R21, R22, R32). This stands with the machine: an answer
//! touches the socket, what is resumed with, what is shown, and whoever has asked.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::lifecycle::{Failure, Input, Outcome, Reply, SocketId};
use crate::secret::Secret;
use crate::session::Session;
use crate::session::application::server_requests::Opened;
use crate::session::connection::admission::Admission;
use crate::session::connection::ice;
use crate::session::connection::resume::Resume;
use crate::session::connection::socket::Waiting;
use crate::session::connection::sockets::{Answered, lost};
use crate::session::reports::fault::Fault;
use crate::session::turn::Turn;
use crate::session::vocabulary::notification::Notification;
use crate::session::vocabulary::output::SessionOutput;
use crate::wire::connect::{self, ConnectResult};
use crate::wire::connection::Told;
use crate::wire::json;
use crate::wire::push::{self, Push};
use crate::wire::reauthenticate::ReauthenticateResult;
use crate::wire::rpc::{Frame, Id, RpcError, failing_result, is_auth_refusal};

/// The result, or the error, as it was sent: read when it is known who waits for it.
pub(super) type Answer<'a> = core::result::Result<&'a RawValue, &'a RawValue>;

impl Session {
    /// A frame that is no JSON-RPC, too large or not text: a sign of life all the same.
    pub(super) fn odd_frame(&mut self, turn: &mut Turn, socket: SocketId, why: &str) {
        if self.sockets.heard(socket, turn.now.tick) {
            self.notices.dropped(turn, Error::reply("a frame", why));
        }
    }

    pub(super) fn frame(&mut self, turn: &mut Turn, socket: SocketId, text: String) {
        // Wiped when done with: it can carry an authorization_state.
        let text = Secret::new(text);
        if !self.sockets.heard(socket, turn.now.tick) {
            return;
        }
        match Frame::parse(text.expose()) {
            Err(why) => self.notices.dropped(turn, Error::reply("a frame", why.to_string())),
            Ok(Frame::Request { id, method, params }) => {
                self.request_came(turn, socket, id.as_ref(), &method, params);
            }
            Ok(Frame::Success { id, result }) => self.answered(turn, socket, id.as_ref(), Ok(result)),
            Ok(Frame::Failure { id, error }) => self.answered(turn, socket, id.as_ref(), Err(error)),
        }
    }

    /// A request or event of the server's. What the session does not know goes to the application, and is
    /// its to answer; else it is left unanswered as the official client leaves it.
    fn request_came(
        &mut self,
        turn: &mut Turn,
        socket: SocketId,
        id: Option<&Id>,
        method: &str,
        params: &RawValue,
    ) {
        let push = Push::of(method, params);
        match push {
            Push::Ping { timestamp, payload } => {
                let pong = id.map(|id| push::pong(id, timestamp.as_ref(), payload.as_deref()));
                self.sockets.respond(turn, socket, pong);
            }
            Push::Event { authorization_state } => {
                self.sockets.respond(turn, socket, id.map(push::acknowledge));
                // The session's, whatever is in it.
                if !push::is_state_event(params) {
                    turn.put(SessionOutput::Notification(Notification::new(method, params)));
                } else if let Some(state) = authorization_state {
                    self.state_came(turn, socket, state);
                } else {
                    let why = Error::reply(push::STATE_EVENT, "it has no usable `authorization_state`");
                    self.notices.dropped(turn, why);
                }
            }
            Push::Disconnect { restart } => {
                self.sockets.respond(turn, socket, id.map(push::acknowledge));
                // One that has not been let in says nothing of the session that another one serves.
                if restart && self.sockets.is_let_in(socket) && !self.sockets.is_outdated(socket) {
                    self.resume.forget();
                }
                if let Some(connect) = self.sockets.get(socket).and_then(|known| known.connect) {
                    self.journal.ends(connect, lost("the server said goodbye"));
                }
                turn.feed(Input::ServerRestart { socket, wipe: restart });
            }
            Push::Other => {
                let request =
                    match id.map(|id| self.application.server_requests.open(id, socket, turn.now.tick)) {
                        Some(Opened::Known) => return,
                        Some(Opened::Waits(name)) => Some(name),
                        Some(Opened::Unanswerable) | None => None,
                    };
                let notification = Notification::new(method, params).asking(request);
                turn.put(SessionOutput::Notification(notification));
            }
        }
    }

    /// The newest state wins. One that comes before the connect's answer belongs to the session that the
    /// answer will be about.
    fn state_came(&mut self, turn: &mut Turn, socket: SocketId, state: Secret) {
        if self.sockets.get(socket).is_none() || self.sockets.is_outdated(socket) {
            return;
        }
        if !Resume::fits(&state) {
            return self.notices.not_kept(turn, "authorization_state", None);
        }
        if let Some(state) = self.sockets.hold_state(socket, state)
            && self.resume.keep_state(state)
        {
            turn.feed(Input::ResumeState { socket });
        }
    }

    fn answered(&mut self, turn: &mut Turn, socket: SocketId, id: Option<&Id>, answer: Answer<'_>) {
        let Some(id) = id.and_then(Id::text) else { return };
        let Some(answered) = self.sockets.answered(socket, &id) else { return };
        let waiting = match answered {
            Answered::Ping => return self.replied(turn, socket),
            Answered::Other => {
                if self.call_answered(turn, socket, &id, answer) {
                    self.replied(turn, socket);
                }
                return;
            }
            Answered::Request(waiting) => waiting,
        };
        self.replied(turn, socket);
        let answer = answer.map(json::glance).map_err(RpcError::parse);
        // A failure can come as a result, too (protocol.md 3.1, 8).
        let granted = answer.and_then(|result| match failing_result(&result) {
            None => Ok(result),
            Some(failure) => Err(failure),
        });
        match (granted, waiting.resume) {
            (Ok(result), Some(resume)) => self.connect_answered(turn, socket, &waiting, resume, &result),
            // What a socket says that has been replaced is of before.
            (Ok(_), None) if self.sockets.is_outdated(socket) => {}
            (Ok(result), None) if waiting.command == ice::OWN => self.ice_answered(turn, &result),
            (Ok(result), None) => self.push_answered(turn, &waiting, &result),
            (Err(error), _) => self.refused(turn, &waiting, &error),
        }
    }

    fn connect_answered(
        &mut self,
        turn: &mut Turn,
        id: SocketId,
        waiting: &Waiting,
        resume: bool,
        result: &Value,
    ) {
        let told = result;
        let result = ConnectResult::parse(told);
        if result.protocol.is_none() {
            // The one member that a success is sure to have: nobody has been let in (R21).
            let error = Error::reply(connect::METHOD, "it has no `protocol`");
            return self.fail(turn, waiting.command, error.into(), None, waiting.signed_at());
        }
        let resumed = resume && result.session_restored != Some(false);
        let is_same = resumed && self.resume.is_channel(result.protocol.as_ref());
        if !resumed {
            self.resume.forget();
        }
        let restored = told.get("session_restored").and_then(Value::as_bool);
        let connection = self.learn(turn, Told::Connected { resumed: is_same, restored }, told);
        let admission = Admission::new(connection, resumed, is_same);
        if self.resume.keep_protocol(result.protocol.as_ref()).is_err() {
            self.notices.not_kept(turn, "protocol", None);
        }
        let authorization = result.authorization.as_ref();
        self.resume.learn_project(authorization);
        // A resume's result speaks of the token that its state was made for (R21).
        let token = (!resumed).then_some(waiting.token);
        let statement = self.authorization_statement(turn, token, authorization);
        let reply = Reply::Authenticated { resumed, statement };
        let early_state = self.sockets.let_in(turn, id, admission);
        turn.done(waiting.command, Outcome { signed_at: waiting.signed_at(), ..Outcome::ok(reply) });
        if let Some(state) = early_state {
            self.state_came(turn, id, state);
        }
    }

    fn push_answered(&mut self, turn: &mut Turn, waiting: &Waiting, result: &Value) {
        let connection = self.learn(turn, Told::Reauthenticated, result);
        self.show_connection(turn, connection);
        self.ice.pushed(self.inner.lifecycle.status().generation, result);
        let result = ReauthenticateResult::parse(result);
        self.resume.learn_project(result.authorization.as_ref());
        let statement =
            self.authorization_statement(turn, Some(waiting.token), result.authorization.as_ref());
        let reply = Reply::Reauthenticated(statement);
        turn.done(waiting.command, Outcome { signed_at: waiting.signed_at(), ..Outcome::ok(reply) });
    }

    /// A connect or a reauthenticate was refused. On these two -32002 is always about the credential; an
    /// HTTP-like business code is read as HTTP.
    fn refused(&mut self, turn: &mut Turn, waiting: &Waiting, error: &RpcError) {
        let credential = matches!(error.code, 401 | 403 | -32_002)
            || is_auth_refusal(error.code, &error.message, error.data.as_ref());
        let secrets: Vec<&Secret> = self.confidential().into_iter().chain(waiting.proof()).collect();
        let error = error.to_error(&secrets);
        let code = match &error {
            Error::Rpc { code, .. } => *code,
            _ => 0,
        };
        let fault = Fault::new(Failure::Rpc { code, credential }, error);
        self.fail(turn, waiting.command, fault, None, waiting.signed_at());
    }
}
