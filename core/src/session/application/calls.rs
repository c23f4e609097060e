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
use crate::session::ids::Ids;
use crate::session::turn::Turn;
use crate::session::vocabulary::ids::CallId;
use crate::session::vocabulary::output::SessionOutput;
use crate::time::{Millis, Tick};
use crate::wire::rpc::{self, MAX_FRAME};
use crate::wire::{connect, reauthenticate};

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

/// A refusal by the server.
pub(crate) struct Refused {
    pub(crate) error: Error,
    /// Another token may help.
    pub(crate) is_for_credential: bool,
}

/// A call that has come to its end.
pub(crate) struct Ended {
    pub(crate) id: CallId,
    pub(crate) method: String,
    /// Where its answer was waited for.
    pub(crate) sent_on: Option<SocketId>,
    pub(crate) result: Result<Box<RawValue>, Error>,
}

impl Call {
    fn ends(self, result: Result<Box<RawValue>, Error>) -> Ended {
        let sent_on = match self.stage {
            Stage::Sent { socket, .. } => Some(socket),
            Stage::Waiting { .. } | Stage::Refused { .. } => None,
        };
        Ended { id: self.id, method: self.method, sent_on, result }
    }

    fn gives_up(self, timeout: Millis) -> Ended {
        let error = match &self.stage {
            Stage::Refused { error, .. } => error.clone(),
            Stage::Sent { .. } => Error::Timeout { what: "a call".into(), after_ms: timeout },
            Stage::Waiting { .. } => Error::Timeout { what: "a live session".into(), after_ms: PATIENCE },
        };
        self.ends(Err(error))
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

    /// A call of the application's, to be sent when the session is live.
    pub(crate) fn make(
        &mut self,
        now: Tick,
        (id, method): (CallId, String),
        params: &Value,
        timeout: Millis,
    ) -> Result<(), Error> {
        let refused = |field, reason| Err(Error::InvalidField { field, reason });
        let params = serde_json::value::to_raw_value(params);
        if matches!(method.as_str(), connect::METHOD | reauthenticate::METHOD) {
            return refused("method", "it is the session's own");
        }
        if id >= OWN_CALL {
            return refused("call", "numbers from 2^63 on are the session's own");
        }
        if self.open.iter().any(|call| call.id == id) {
            return refused("call", "a call of this name is open");
        }
        let Ok(params) = params else { return refused("params", "they cannot be written as JSON") };
        let call = Call { id, method, params, stage: Stage::Waiting { since: now }, repeated: false };
        if call.size() > MAX_FRAME {
            return refused("params", "the frame would exceed 1 MiB");
        }
        if !self.has_room(call.size()) {
            return Err(Error::Throttled { retry_after_ms: timeout });
        }
        self.open.push_back(call);
        Ok(())
    }

    /// A call of the session's own, without parameters. One that is `repeated` is refused without a renewal.
    pub(crate) fn make_own(&mut self, now: Tick, id: CallId, method: &str, repeated: bool) {
        let stage = Stage::Waiting { since: now };
        let (method, params) =
            (method.to_owned(), RawValue::from_string("{}".to_owned()).unwrap_or_default());
        self.open.push_back(Call { id, method, params, stage, repeated });
    }

    /// Nobody waits for it any more.
    pub(crate) fn drop_call(&mut self, id: CallId) {
        self.take(|call| call.id == id);
    }

    /// Sends what waits, on the socket that serves.
    pub(crate) fn flush(&mut self, turn: &mut Turn, ids: &mut Ids, socket: SocketId, generation: Generation) {
        for call in self.open.iter_mut().filter(|call| call.is_waiting()) {
            let frame = ids.frame();
            let text = rpc::request(&frame, &call.method, &call.params);
            call.stage = Stage::Sent { socket, frame, at: turn.now.tick, generation };
            turn.put(SessionOutput::Send { socket, text });
        }
    }

    /// Which call a frame on this socket answers.
    pub(crate) fn sent_as(&self, on: SocketId, frame: &str) -> Option<CallId> {
        let is_it = |call: &&Call| match &call.stage {
            Stage::Sent { socket, frame: sent, .. } => *socket == on && sent == frame,
            _ => false,
        };
        self.open.iter().find(is_it).map(|call| call.id)
    }

    /// It has been answered. One that was refused for its credential waits for the lifecycle, which is asked to renew under
    /// the name that `ask` gives.
    pub(crate) fn answered(
        &mut self,
        turn: &mut Turn,
        id: CallId,
        answer: Result<Box<RawValue>, Refused>,
        ask: impl FnOnce() -> AskId,
    ) -> Option<Ended> {
        let at = self.open.iter().position(|call| call.id == id)?;
        let result = match answer {
            Ok(result) => Ok(result),
            Err(Refused { error, is_for_credential }) => {
                let renewed = if is_for_credential { self.refused(at) } else { None };
                if let Some(generation) = renewed {
                    let ask = ask();
                    if let Some(call) = self.open.get_mut(at) {
                        call.stage = Stage::Refused { ask, at: turn.now.tick, error };
                    }
                    turn.feed(Input::Rejected { ask, generation });
                    return None;
                }
                Err(error)
            }
        };
        self.open.remove(at).map(|call| call.ends(result))
    }

    /// Which call waits for what becomes of this ask.
    pub(crate) fn refused_by(&self, ask: AskId) -> Option<CallId> {
        let is_it = |call: &&Call| matches!(call.stage, Stage::Refused { ask: asked, .. } if asked == ask);
        self.open.iter().find(is_it).map(|call| call.id)
    }

    /// The credential is a newer one: the call is sent once more.
    pub(crate) fn repeat(&mut self, now: Tick, id: CallId) {
        if let Some(call) = self.open.iter_mut().find(|call| call.id == id) {
            call.repeated = true;
            call.stage = Stage::Waiting { since: now };
        }
    }

    /// Nothing more will come of it.
    pub(crate) fn give_up(&mut self, id: CallId, timeout: Millis) -> Option<Ended> {
        self.take(|call| call.id == id).map(|call| call.gives_up(timeout))
    }

    /// The next one whose time is over.
    pub(crate) fn expired(&mut self, now: Tick, timeout: Millis) -> Option<Ended> {
        self.take(|call| call.due(timeout) <= now).map(|call| call.gives_up(timeout))
    }

    /// The next one that a socket has taken with it: nobody knows whether what was sent on it has been done.
    pub(crate) fn lost(&mut self, socket: SocketId, why: impl FnOnce() -> Error) -> Option<Ended> {
        let is_lost = |call: &Call| matches!(call.stage, Stage::Sent { socket: sent, .. } if sent == socket);
        self.take(is_lost).map(|call| call.ends(Err(why())))
    }

    /// The next one, at the end of the session.
    pub(crate) fn last(&mut self) -> Option<Ended> {
        self.open.pop_front().map(|call| call.ends(Err(Error::SessionOver)))
    }

    /// Bounded; the session has one call of its own at most.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.open.iter().filter(|call| call.id >= OWN_CALL).count() > 1 {
            return Err("two calls of the session's own are open");
        }
        if self.open.len() > MOST.saturating_add(1) || self.denied.len() > MOST_DENIED {
            return Err("too many calls are remembered");
        }
        Ok(())
    }
}
