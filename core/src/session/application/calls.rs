//! Calls of the application over the session: held until it is live, sent in order, repeated once after a
//! recovered rejection (R24, R32).

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::lifecycle::{AskId, Generation, Input, SocketId};
use crate::time::{Millis, Tick};
use crate::wire::rpc::{self, MAX_FRAME, RpcError};
use crate::wire::{connect, reauthenticate};

use crate::session::Session;
use crate::session::application::asks::OWN_ASKS;
use crate::session::connection::sockets::lost;
use crate::session::machine::frames::Answer;
use crate::session::turn::Turn;
use crate::session::vocabulary::ids::CallId;
use crate::session::vocabulary::output::SessionOutput;

/// Most calls that are open at once.
const MOST: usize = 1_024;
/// Most bytes that wait for a live session.
const MOST_WAITING: usize = MAX_FRAME;
/// Most bytes of all that are open: what was sent is kept until it is answered, since it may have to be repeated.
const MOST_OPEN: usize = 4 * MAX_FRAME;
/// What a frame has besides method and params.
const ENVELOPE: usize = 128;
/// Calls from here on are the session's own.
pub(crate) const OWN_CALL: CallId = CallId(1 << 63);
/// Longest time that a call waits for a live session, or for the verdict on its rejection.
const PATIENCE: Millis = 60_000;

/// Most methods that are remembered as denied.
const MOST_DENIED: usize = 16;

/// In the order in which they were made.
#[derive(Default)]
pub(crate) struct Calls {
    open: VecDeque<Call>,
    /// Methods that were refused for the credential once more under a newer token: that is the answer, and starts nothing
    /// more until the next token (R24).
    denied: VecDeque<(String, Generation)>,
    next_ask: u64,
}

struct Call {
    id: CallId,
    method: String,
    params: Box<RawValue>,
    stage: Stage,
    /// Sent once more after a rejection already.
    repeated: bool,
}

enum Stage {
    Waiting {
        since: Tick,
    },
    Sent {
        socket: SocketId,
        frame: String,
        at: Tick,
        generation: Generation,
    },
    /// Refused for its credential; the lifecycle is asked to renew.
    Refused {
        ask: AskId,
        at: Tick,
        error: Error,
    },
}

impl Call {
    fn size(&self) -> usize {
        self.method.len().saturating_add(self.params.get().len()).saturating_add(ENVELOPE)
    }

    const fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. })
    }

    fn due(&self, timeout: Millis) -> Tick {
        match &self.stage {
            Stage::Waiting { since } => since.after(PATIENCE),
            Stage::Sent { at, .. } => at.after(timeout),
            Stage::Refused { at, .. } => at.after(PATIENCE),
        }
    }
}

impl Calls {
    fn is_denied(&self, method: &str, under: Generation) -> bool {
        self.denied.iter().any(|(denied, generation)| denied == method && *generation >= under)
    }

    fn deny(&mut self, method: String, under: Generation) {
        self.denied.retain(|(denied, _)| *denied != method);
        if self.denied.len() >= MOST_DENIED {
            self.denied.pop_front();
        }
        self.denied.push_back((method, under));
    }

    /// A call was refused for its credential: under which generation, where a renewal may help. What is refused once more
    /// under a newer token is the answer; the session's own calls, which it repeats by itself, deny nobody else's.
    fn refused(&mut self, at: usize) -> Option<Generation> {
        let Call { id, method, stage: Stage::Sent { generation, .. }, repeated, .. } = self.open.get(at)?
        else {
            return None;
        };
        let (id, generation, repeated) = (*id, *generation, *repeated);
        if self.is_denied(method, generation) {
            return None;
        }
        if repeated && id < OWN_CALL {
            let method = method.clone();
            self.deny(method, generation);
        }
        (!repeated).then_some(generation)
    }

    /// A name for an ask of the session's own.
    pub(crate) fn own_ask(&mut self) -> AskId {
        let ask = AskId(OWN_ASKS.saturating_add(self.next_ask));
        self.next_ask = self.next_ask.saturating_add(1);
        ask
    }

    /// Whether the application waits for such a call.
    pub(crate) fn is_open(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.open.iter().any(|call| call.id < OWN_CALL && is_it(&call.method))
    }

    fn take(&mut self, is_it: impl Fn(&Call) -> bool) -> Option<Call> {
        let at = self.open.iter().position(is_it)?;
        self.open.remove(at)
    }

    /// Whether another one of this size may come in (R32).
    fn has_room(&self, size: usize) -> bool {
        let waiting = self.open.iter().filter(|call| call.is_waiting()).map(Call::size).sum::<usize>();
        let open = self.open.iter().map(Call::size).sum::<usize>();
        self.open.len() < MOST
            && waiting.saturating_add(size) <= MOST_WAITING
            && open.saturating_add(size) <= MOST_OPEN
    }

    /// The next time limit.
    pub(crate) fn due(&self, timeout: Millis) -> Option<(Tick, CallId)> {
        self.open.iter().map(|call| (call.due(timeout), call.id)).min()
    }
}

impl Session {
    pub(crate) fn call(&mut self, turn: &mut Turn, id: CallId, method: String, params: &Value) {
        let refused = match serde_json::value::to_raw_value(params) {
            _ if self.over => Error::SessionOver,
            _ if matches!(method.as_str(), connect::METHOD | reauthenticate::METHOD) => {
                Error::InvalidField { field: "method", reason: "it is the session's own" }
            }
            _ if id >= OWN_CALL => {
                Error::InvalidField { field: "call", reason: "numbers from 2^63 on are the session's own" }
            }
            _ if self.calls.open.iter().any(|call| call.id == id) => {
                Error::InvalidField { field: "call", reason: "a call of this name is open" }
            }
            Ok(params) => {
                let stage = Stage::Waiting { since: turn.now.tick };
                let call = Call { id, method, params, stage, repeated: false };
                if call.size() > MAX_FRAME {
                    Error::InvalidField { field: "params", reason: "the frame would exceed 1 MiB" }
                } else if self.calls.has_room(call.size()) {
                    return self.calls.open.push_back(call);
                } else {
                    Error::Throttled { retry_after_ms: self.config.call_timeout }
                }
            }
            Err(_) => Error::InvalidField { field: "params", reason: "they cannot be written as JSON" },
        };
        turn.put(SessionOutput::Returned { call: id, result: Err(refused) });
    }

    /// A call of the session's own, without parameters. One that is `repeated` is refused without a renewal.
    pub(crate) fn call_own(&mut self, turn: &mut Turn, id: CallId, method: &str, repeated: bool) {
        let stage = Stage::Waiting { since: turn.now.tick };
        let (method, params) =
            (method.to_owned(), RawValue::from_string("{}".to_owned()).unwrap_or_default());
        self.calls.open.push_back(Call { id, method, params, stage, repeated });
    }

    pub(crate) fn cancel_call(&mut self, id: CallId) {
        self.calls.take(|call| call.id == id && id < OWN_CALL);
    }

    /// Sends what waits, once the socket is authenticated.
    pub(crate) fn flush_calls(&mut self, turn: &mut Turn) {
        let Some(socket) = self.serving_socket() else { return };
        let generation = self.lifecycle.status().generation;
        for call in self.calls.open.iter_mut().filter(|call| call.is_waiting()) {
            let frame = self.ids.frame();
            let text = rpc::request(&frame, &call.method, &call.params);
            call.stage = Stage::Sent { socket, frame, at: turn.now.tick, generation };
            turn.put(SessionOutput::Send { socket, text });
        }
    }

    /// An answer that is not the lifecycle's. Whether somebody waits for it, on this socket.
    pub(crate) fn call_answered(
        &mut self,
        turn: &mut Turn,
        on: SocketId,
        frame: &str,
        answer: Answer<'_>,
    ) -> bool {
        let is_it = |call: &Call| match &call.stage {
            Stage::Sent { socket, frame: sent, .. } => *socket == on && sent == frame,
            _ => false,
        };
        let Some(at) = self.calls.open.iter().position(is_it) else { return false };
        let result = match answer {
            Ok(result) => Ok(result.to_owned()),
            Err(refusal) => {
                let refusal = RpcError::parse(refusal);
                let error = refusal.to_error(&self.secrets());
                if refusal.is_auth_refusal()
                    && let Some(generation) = self.calls.refused(at)
                {
                    let ask = self.calls.own_ask();
                    if let Some(call) = self.calls.open.get_mut(at) {
                        call.stage = Stage::Refused { ask, at: turn.now.tick, error };
                    }
                    turn.feed(Input::Rejected { ask, generation });
                    return true;
                }
                Err(error)
            }
        };
        if let Some(call) = self.calls.open.remove(at) {
            self.returned(turn, &call, result);
        }
        true
    }

    /// The end of a call: the application's, or the session's own.
    fn returned(&mut self, turn: &mut Turn, call: &Call, result: Result<Box<RawValue>, Error>) {
        if call.id >= OWN_CALL {
            return self.online_answered(turn, result.as_deref().map_err(Clone::clone));
        }
        if let Ok(result) = &result {
            self.heard_of_presence(&call.method, result);
        }
        turn.put(SessionOutput::Returned { call: call.id, result });
    }

    /// The lifecycle's verdict on a rejection: repeat the call once, or give its own error back.
    pub(crate) fn call_verdict(&mut self, turn: &mut Turn, ask: AskId, recovered: bool) {
        let is_it = |call: &Call| matches!(call.stage, Stage::Refused { ask: asked, .. } if asked == ask);
        let Some(at) = self.calls.open.iter().position(is_it) else { return };
        let is_own = self.calls.open.get(at).is_some_and(|call| call.id >= OWN_CALL);
        if recovered && is_own && self.online_is_overtaken(turn.now.tick) {
            self.calls.open.remove(at);
        } else if recovered {
            if let Some(call) = self.calls.open.get_mut(at) {
                call.repeated = true;
                call.stage = Stage::Waiting { since: turn.now.tick };
            }
        } else if let Some(call) = self.calls.open.remove(at) {
            self.give_up(turn, call);
        }
    }

    /// Time limits.
    pub(crate) fn watch_calls(&mut self, turn: &mut Turn) {
        let timeout = self.config.call_timeout;
        while let Some(call) = self.calls.take(|call| call.due(timeout) <= turn.now.tick) {
            if let Stage::Sent { socket, .. } = call.stage {
                self.question(turn, socket);
            }
            self.give_up(turn, call);
        }
    }

    /// The socket is gone: nobody knows whether what was sent on it has been done.
    pub(crate) fn calls_lost(&mut self, turn: &mut Turn, socket: SocketId) {
        let is_lost = |call: &Call| matches!(call.stage, Stage::Sent { socket: sent, .. } if sent == socket);
        while let Some(call) = self.calls.take(is_lost) {
            let result = Err(lost("the connection was lost before the answer came"));
            self.returned(turn, &call, result);
        }
    }

    pub(crate) fn fail_calls(&mut self, turn: &mut Turn) {
        while let Some(call) = self.calls.open.pop_front() {
            self.returned(turn, &call, Err(Error::SessionOver));
        }
    }

    fn give_up(&mut self, turn: &mut Turn, call: Call) {
        let error = match &call.stage {
            Stage::Refused { error, .. } => error.clone(),
            Stage::Sent { .. } => {
                Error::Timeout { what: "a call".into(), after_ms: self.config.call_timeout }
            }
            Stage::Waiting { .. } => Error::Timeout { what: "a live session".into(), after_ms: PATIENCE },
        };
        self.returned(turn, &call, Err(error));
    }
}
