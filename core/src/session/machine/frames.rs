//! What comes in on the socket: acknowledged, kept, or handed on (R21, R22, R32).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::lifecycle::{Failure, Input, Outcome, Reply, SocketId};
use crate::secret::Secret;
use crate::wire::connect::{self, ConnectResult};
use crate::wire::connection::Told;
use crate::wire::json;
use crate::wire::push::{self, Push};
use crate::wire::reauthenticate::ReauthenticateResult;
use crate::wire::rpc::{Frame, Id, RpcError, failing_result, is_auth_refusal};

use crate::session::Session;
use crate::session::application::server_requests::Opened;
use crate::session::connection::ice;
use crate::session::connection::sockets::{Stage, Waiting, lost};
use crate::session::reports::journal::Fault;
use crate::session::reports::repeats::Repeats;
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::session::vocabulary::notification::Notification;
use crate::session::vocabulary::output::SessionOutput;

/// Most acknowledgements that wait for the connect to succeed.
const MOST_REPLIES: usize = 64;

/// Most bytes of them: an id is echoed, and may be as long as a frame.
const MOST_REPLY_BYTES: usize = 64 * 1024;

/// Most bytes of each field that the session is resumed with, and so of what a server can make the record hold. What is
/// larger is no state: no server needs more, and a record must never outgrow its store.
const MOST_STATE: usize = 16 * 1024;

/// Frames that are of no use.
#[derive(Default)]
pub(crate) struct Dropped {
    pub(crate) repeats: Repeats,
    /// Why the last one was, of those that have not been told.
    last: Option<Error>,
}

/// The result, or the error, as it was sent: read when it is known who waits for it.
pub(crate) type Answer<'a> = core::result::Result<&'a RawValue, &'a RawValue>;

impl Session {
    /// A frame that is no JSON-RPC, too large or not text: a sign of life all the same.
    pub(crate) fn odd_frame(&mut self, turn: &mut Turn, socket: SocketId, why: &str) {
        if self.heard(turn, socket) {
            self.dropped(turn, Error::reply("a frame", why));
        }
    }

    pub(crate) fn frame(&mut self, turn: &mut Turn, socket: SocketId, text: String) {
        // Wiped when done with: it can carry an authorization_state.
        let text = Secret::new(text);
        if !self.heard(turn, socket) {
            return;
        }
        match Frame::parse(text.expose()) {
            Err(why) => self.dropped(turn, Error::reply("a frame", why.to_string())),
            Ok(Frame::Request { id, method, params }) => {
                self.request_came(turn, socket, id.as_ref(), &method, params);
            }
            Ok(Frame::Success { id, result }) => self.answered(turn, socket, id.as_ref(), Ok(result)),
            Ok(Frame::Failure { id, error }) => self.answered(turn, socket, id.as_ref(), Err(error)),
        }
    }

    /// Any frame of a socket is a sign of its life. `false`: not one that counts, or not open.
    fn heard(&mut self, turn: &mut Turn, socket: SocketId) -> bool {
        let Some(current) = self.socket_mut(socket) else { return false };
        if matches!(current.stage, Stage::Opening(_)) {
            return false;
        }
        current.liveness.hear(turn.now.tick);
        true
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
                self.respond(turn, socket, pong);
            }
            Push::Event { authorization_state } => {
                self.respond(turn, socket, id.map(push::acknowledge));
                // The session's, whatever is in it.
                if !push::is_state_event(params) {
                    turn.put(SessionOutput::Notification(Notification::new(method, params)));
                } else if let Some(state) = authorization_state {
                    self.state_came(turn, socket, state);
                } else {
                    let why = Error::reply(push::STATE_EVENT, "it has no usable `authorization_state`");
                    self.dropped(turn, why);
                }
            }
            Push::Disconnect { restart } => {
                self.respond(turn, socket, id.map(push::acknowledge));
                // One that has not been let in says nothing of the session that another one serves.
                let is_let_in = self.socket_mut(socket).is_some_and(|it| it.stage == Stage::Authenticated);
                if restart && is_let_in && !self.is_outdated(socket) {
                    self.resume.forget();
                }
                if let Some(connect) = self.socket_mut(socket).and_then(|known| known.connect) {
                    self.journal.ends(connect, lost("the server said goodbye"));
                }
                turn.feed(Input::ServerRestart { socket, wipe: restart });
            }
            Push::Other => {
                let request = match id.map(|id| self.requests.open(id, socket, turn.now.tick)) {
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
        if self.socket_mut(socket).is_none() || self.is_outdated(socket) {
            return;
        }
        if state.len() > MOST_STATE {
            return self.tell_not_kept(turn, "authorization_state", None);
        }
        let Some(current) = self.socket_mut(socket) else { return };
        if current.stage != Stage::Authenticated {
            current.early_state = Some(state);
            return;
        }
        self.resume.state = Some(state);
        if self.resume.protocol.is_some() {
            turn.feed(Input::ResumeState { socket });
        }
    }

    /// Once: a server that does so once does so always.
    pub(crate) fn tell_not_kept(&mut self, turn: &mut Turn, field: &'static str, why: Option<Error>) {
        if !self.told_not_kept.contains(&field) {
            self.told_not_kept.push(field);
            turn.news(SessionNews::NotKept { field }, why);
        }
    }

    fn answered(&mut self, turn: &mut Turn, socket: SocketId, id: Option<&Id>, answer: Answer<'_>) {
        let Some(id) = id.and_then(Id::text) else { return };
        let Some(current) = self.socket_mut(socket) else { return };
        let at = current.waiting.iter().position(|waiting| waiting.id == id);
        let waiting = at.map(|at| current.waiting.remove(at));
        if current.liveness.is_pong(&id) {
            return self.replied(turn, socket);
        }
        let Some(waiting) = waiting else {
            if self.call_answered(turn, socket, &id, answer) {
                self.replied(turn, socket);
            }
            return;
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
            (Ok(_), None) if self.is_outdated(socket) => {}
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
            return self.fail(turn, waiting.command, error.into(), None, waiting.signed_at);
        }
        let resumed = resume && result.session_restored != Some(false);
        let is_same = resumed && self.resume.protocol == result.protocol;
        if !resumed {
            self.resume.forget();
        }
        let admission = self.admission(turn, resumed, is_same, told);
        match &result.protocol {
            Some(protocol) if protocol.len() > MOST_STATE => self.tell_not_kept(turn, "protocol", None),
            protocol => self.resume.protocol.clone_from(protocol),
        }
        let authorization = result.authorization.as_ref();
        self.learn_project(authorization);
        // A resume's result speaks of the token that its state was made for (R21).
        let token = (!resumed).then_some(waiting.token);
        let statement = self.authorization_statement(turn, token, authorization);
        let reply = Reply::Authenticated { resumed, statement };
        let now = turn.now.tick;
        let Some(socket) = self.socket_mut(id) else { return };
        socket.stage = Stage::Authenticated;
        socket.admission = Some(admission);
        socket.liveness.arm(now);
        for text in core::mem::take(&mut socket.replies) {
            turn.put(SessionOutput::Send { socket: id, text: Secret::new(text) });
        }
        let early_state = socket.early_state.take();
        turn.done(waiting.command, Outcome { signed_at: waiting.signed_at, ..Outcome::ok(reply) });
        if let Some(state) = early_state {
            self.state_came(turn, id, state);
        }
    }

    fn push_answered(&mut self, turn: &mut Turn, waiting: &Waiting, result: &Value) {
        let connection = self.learn(turn, Told::Reauthenticated, result);
        self.show_connection(turn, connection);
        self.push_brought(result);
        let result = ReauthenticateResult::parse(result);
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
        let secrets: Vec<&Secret> = self.secrets().into_iter().chain(&waiting.proof).collect();
        let error = error.to_error(&secrets);
        let code = match &error {
            Error::Rpc { code, .. } => *code,
            _ => 0,
        };
        let fault = Fault::new(Failure::Rpc { code, credential }, error);
        self.fail(turn, waiting.command, fault, None, waiting.signed_at);
    }

    fn learn_project(&mut self, authorization: Option<&connect::Authorization>) {
        let named = authorization.and_then(|it| it.project_id.as_ref());
        if let Some(project) = named.filter(|project| project.len() <= MOST_STATE) {
            self.resume.project.clone_from(project);
        }
    }

    /// An acknowledgement: at once when authenticated, else right after the connect has succeeded, since a
    /// response before that makes the server close the socket (protocol.md 3.1).
    ///
    /// Whether it is on its way.
    pub(crate) fn respond(&mut self, turn: &mut Turn, socket: SocketId, text: Option<String>) -> bool {
        let (Some(text), Some(socket)) = (text, self.socket_mut(socket)) else { return false };
        if socket.stage == Stage::Authenticated {
            turn.put(SessionOutput::Send { socket: socket.id, text: Secret::new(text) });
            return true;
        }
        let has_room = socket.replies.len() < MOST_REPLIES
            && socket.replies.iter().map(String::len).sum::<usize>().saturating_add(text.len())
                <= MOST_REPLY_BYTES;
        if has_room {
            socket.replies.push(text);
        }
        has_room
    }

    /// A frame that is of no use: told at once the first time, and from then on counted (R32).
    fn dropped(&mut self, turn: &mut Turn, why: Error) {
        if self.dropped.repeats.happened(turn.now.tick) {
            turn.news(SessionNews::FrameDropped { count: 1 }, Some(why));
        } else {
            self.dropped.last = Some(why);
        }
    }

    /// Tells how many frames have been dropped, when it is time to.
    pub(crate) fn watch_dropped(&mut self, turn: &mut Turn) {
        if let Some(count) = self.dropped.repeats.due(turn.now.tick) {
            turn.news(SessionNews::FrameDropped { count }, self.dropped.last.take());
        }
    }

    /// Nothing is left untold at the end.
    pub(crate) fn tell_dropped(&mut self, turn: &mut Turn) {
        if let Some(count) = self.dropped.repeats.rest() {
            turn.news(SessionNews::FrameDropped { count }, self.dropped.last.take());
        }
    }
}
