//! What the application wants of the session and what becomes of that (R24, R27, R32, R33). This stands with the machine: who
//! waits depends on the lifecycle's verdict, the socket that serves and the token in force.

use alloc::borrow::ToOwned;
use alloc::string::String;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::lifecycle::{AskId, Generation, Input, SocketId};
use crate::session::Session;
use crate::session::application::asks::Kind;
use crate::session::application::calls::{Ended, OWN_CALL, Refused};
use crate::session::application::presence::{ONLINE, is_presence};
use crate::session::application::server_requests::{LOST, TOO_EARLY};
use crate::session::turn::Turn;
use crate::session::vocabulary::answer::Answer;
use crate::session::vocabulary::credential::Credential;
use crate::session::vocabulary::ids::{CallId, NotificationId};
use crate::session::vocabulary::output::SessionOutput;
use crate::time::Tick;
use crate::wire::http::HttpResponse;
use crate::wire::json;
use crate::wire::rest::SubscriberInfo;
use crate::wire::rpc::{self, MAX_FRAME, RpcError, failing_result};

use super::frames;

impl Session {
    // ---- Asks ----

    pub(super) fn update_token(&mut self, turn: &mut Turn, ask: AskId, credential: &Credential) {
        let Some(ask) = self.application.asks.open(turn, ask, Kind::Update, self.over) else { return };
        match self.admit_credential(turn, credential) {
            Ok(token) => turn.feed(Input::NewBase { ask, token }),
            Err(error) => self.application.asks.settle(turn, ask, Err(error)),
        }
    }

    pub(super) fn refresh_now(&mut self, turn: &mut Turn, ask: AskId) {
        if let Some(ask) = self.application.asks.open(turn, ask, Kind::Renewal, self.over) {
            turn.feed(Input::RefreshNow { ask });
        }
    }

    pub(super) fn rejected(&mut self, turn: &mut Turn, ask: AskId, generation: Generation) {
        if let Some(ask) = self.application.asks.open(turn, ask, Kind::Renewal, self.over) {
            turn.feed(Input::Rejected { ask, generation });
        }
    }

    // ---- Calls ----

    pub(super) fn call(&mut self, turn: &mut Turn, id: CallId, method: String, params: &Value) {
        let timeout = self.config.call_timeout;
        let made = match self.over {
            true => Err(Error::SessionOver),
            false => self.application.calls.make(turn.now.tick, (id, method), params, timeout),
        };
        if let Err(refused) = made {
            turn.put(SessionOutput::Returned { call: id, result: Err(refused) });
        }
    }

    pub(super) fn cancel_call(&mut self, id: CallId) {
        if id < OWN_CALL {
            self.application.calls.drop_call(id);
        }
    }

    /// Sends what waits, once the socket is authenticated.
    pub(crate) fn flush_calls(&mut self, turn: &mut Turn) {
        let Some(socket) = self.serving_socket() else { return };
        let generation = self.inner.lifecycle.status().generation;
        self.application.calls.flush(turn, &mut self.ids, socket, generation);
    }

    /// An answer that is not the lifecycle's. Whether somebody waits for it, on this socket.
    pub(super) fn call_answered(
        &mut self,
        turn: &mut Turn,
        on: SocketId,
        frame: &str,
        answer: frames::Answer<'_>,
    ) -> bool {
        let Some(id) = self.application.calls.sent_as(on, frame) else { return false };
        let answer = answer.map(ToOwned::to_owned).map_err(|refusal| {
            let refusal = RpcError::parse(refusal);
            let error = refusal.to_error(&self.confidential());
            Refused { error, is_for_credential: refusal.is_auth_refusal() }
        });
        let ask = || self.application.asks.own();
        if let Some(ended) = self.application.calls.answered(turn, id, answer, ask) {
            self.returned(turn, ended);
        }
        true
    }

    /// The end of a call: the application's, or the session's own.
    pub(super) fn returned(&mut self, turn: &mut Turn, ended: Ended) {
        let Ended { id, method, result, sent_on: _ } = ended;
        if id >= OWN_CALL {
            let result = result.and_then(|result| match failing_result(&json::glance(&result)) {
                Some(refusal) => Err(refusal.to_error(&self.confidential())),
                None => Ok(()),
            });
            let is_live = self.serving_socket().is_some();
            return self.application.presence.answered(turn, &self.ids, is_live, result);
        }
        if let Ok(result) = &result {
            self.application.presence.heard(&method, result);
        }
        turn.put(SessionOutput::Returned { call: id, result });
    }

    /// The lifecycle's verdict on an ask of the session's own: once more, or the server's own error.
    pub(super) fn verdict(&mut self, turn: &mut Turn, ask: AskId, recovered: bool) {
        if let Some(id) = self.application.calls.refused_by(ask) {
            let now = turn.now.tick;
            if recovered && id >= OWN_CALL && self.is_presence_overtaken(now) {
                self.application.calls.drop_call(id);
            } else if recovered {
                self.application.calls.repeat(now, id);
            } else if let Some(ended) = self.application.calls.give_up(id, self.config.call_timeout) {
                self.returned(turn, ended);
            }
        }
        self.application.lookup.verdict(turn, ask, recovered);
    }

    /// Time limits.
    pub(super) fn watch_calls(&mut self, turn: &mut Turn) {
        let timeout = self.config.call_timeout;
        while let Some(ended) = self.application.calls.expired(turn.now.tick, timeout) {
            if let Some(socket) = ended.sent_on {
                self.sockets.question(turn, &mut self.ids, socket);
            }
            self.returned(turn, ended);
        }
    }

    // ---- The subscriber ----

    /// Asks, where somebody wants to know and there is a token to ask with.
    pub(super) fn watch_lookup(&mut self, turn: &mut Turn) {
        self.application.lookup.expire(turn);
        if !self.application.lookup.is_wanted() {
            return;
        }
        let status = self.inner.lifecycle.status();
        if let Some(known) = status.in_force.and_then(|token| self.secrets.tokens.get(token)) {
            self.application.lookup.send(turn, &mut self.ids, known, status.generation);
        }
    }

    pub(super) fn subscriber_came(&mut self, turn: &mut Turn, result: Result<HttpResponse>) {
        let info = result.and_then(|response| SubscriberInfo::parse(&response, &self.confidential()));
        let ask = || self.application.asks.own();
        if let Some(subscriber) = self.application.lookup.came(turn, info, ask) {
            let subscriber = self.shown.show_subscriber(turn, subscriber);
            self.application.lookup.end(turn, Ok(subscriber));
        }
    }

    // ---- Presence ----

    pub(super) fn presence_due(&self) -> Option<Tick> {
        let may_be_said = || !self.application.calls.is_open(is_presence) && self.serving_socket().is_some();
        self.application.presence.due(may_be_said)
    }

    pub(super) fn watch_presence(&mut self, turn: &mut Turn) {
        if self.presence_due().is_some_and(|due| due <= turn.now.tick) {
            let repeated = self.application.presence.ask();
            self.application.calls.make_own(turn.now.tick, OWN_CALL, ONLINE, repeated);
        }
    }

    fn is_presence_overtaken(&mut self, now: Tick) -> bool {
        let application_speaks = self.application.calls.is_open(is_presence);
        self.application.presence.is_overtaken(now, application_speaks)
    }

    // ---- The server's requests ----

    pub(super) fn respond_to(&mut self, turn: &mut Turn, name: NotificationId, answer: &Answer) {
        let result = self.answer(turn, name, answer);
        turn.put(SessionOutput::Responded { notification: name, result });
    }

    fn answer(&mut self, turn: &mut Turn, name: NotificationId, answer: &Answer) -> Result<()> {
        if self.over {
            return Err(Error::SessionOver);
        }
        let (id, socket) = self.application.server_requests.find(name)?;
        if self.sockets.get(socket).is_some_and(|socket| !socket.is_let_in()) {
            // The request still waits.
            return Err(Error::AnswerNotTaken { reason: TOO_EARLY });
        }
        let text = match answer {
            Ok(result) => rpc::success(&id, result),
            Err(refusal) => rpc::failure(&id, refusal.code, &refusal.message),
        };
        if text.len() > MAX_FRAME {
            // It still waits: another answer may do.
            return Err(Error::InvalidField { field: "answer", reason: "the frame would exceed 1 MiB" });
        }
        self.application.server_requests.answered(name);
        if self.sockets.respond(turn, socket, Some(text)) {
            Ok(())
        } else {
            Err(Error::AnswerNotTaken { reason: LOST })
        }
    }
}
