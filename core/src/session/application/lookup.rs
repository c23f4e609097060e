//! Who the subscriber is: `subscriber/info`, asked for the application, one request at a time for all who wait (R38).

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::error::{Error, Result};
use crate::lifecycle::{AskId, Generation, Input};
use crate::session::ids::Ids;
use crate::session::secrets::tokens::Known;
use crate::session::turn::Turn;
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::output::SessionOutput;
use crate::time::{Millis, Tick};
use crate::wire::rest::{self, Subscriber, SubscriberInfo};

/// Most that wait at once.
const MOST: usize = 64;
/// How long a token in force is waited for, and the verdict on one that was refused.
const PATIENCE: Millis = 60_000;
/// How long the answer may take.
const ANSWER: Millis = 30_000;

/// At rest exactly as long as nobody waits.
#[derive(Default)]
pub(crate) struct Lookup {
    waiting: Vec<AskId>,
    stage: Stage,
    /// Refused once already.
    repeated: bool,
}

#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    Wanted {
        since: Tick,
    },
    Sent {
        id: RequestId,
        at: Tick,
        generation: Generation,
    },
    Refused {
        ask: AskId,
        at: Tick,
        error: Error,
    },
}

impl Lookup {
    pub(crate) fn is_answer(&self, request: RequestId) -> bool {
        matches!(self.stage, Stage::Sent { id, .. } if id == request)
    }

    pub(crate) fn due(&self) -> Option<Tick> {
        match self.stage {
            Stage::Idle => None,
            Stage::Wanted { since: at } | Stage::Refused { at, .. } => Some(at.after(PATIENCE)),
            Stage::Sent { at, .. } => Some(at.after(ANSWER)),
        }
    }

    /// Somebody wants to know.
    pub(crate) fn ask(&mut self, turn: &mut Turn, ask: AskId, is_over: bool) {
        let refused = if is_over {
            Error::SessionOver
        } else if self.waiting.len() >= MOST {
            Error::Throttled { retry_after_ms: 1_000 }
        } else {
            self.waiting.push(ask);
            if matches!(self.stage, Stage::Idle) {
                self.stage = Stage::Wanted { since: turn.now.tick };
            }
            return;
        };
        turn.put(SessionOutput::Fetched { ask, result: Err(refused) });
    }

    /// Knows when to stop waiting.
    pub(crate) fn expire(&mut self, turn: &mut Turn) {
        if self.due().is_none_or(|due| due > turn.now.tick) {
            return;
        }
        let error = match core::mem::take(&mut self.stage) {
            // Nobody has renewed it: the server's own word.
            Stage::Refused { error, .. } => error,
            Stage::Sent { .. } => Error::Timeout { what: "subscriber/info".into(), after_ms: ANSWER },
            _ => Error::Timeout { what: "a token in force".into(), after_ms: PATIENCE },
        };
        self.end(turn, Err(error));
    }

    /// Whether somebody wants to know and nobody has been asked.
    pub(crate) const fn is_wanted(&self) -> bool {
        matches!(self.stage, Stage::Wanted { .. })
    }

    /// Asks the server, with the token in force.
    pub(crate) fn send(&mut self, turn: &mut Turn, ids: &mut Ids, known: &Known, generation: Generation) {
        match rest::subscriber_info(known.routing.fabric(), &known.token) {
            Ok(request) => {
                let (id, at) = (ids.request(), turn.now.tick);
                self.stage = Stage::Sent { id, at, generation };
                turn.put(SessionOutput::Request { id, request, deadline: at.after(ANSWER) });
            }
            Err(error) => self.end(turn, Err(error)),
        }
    }

    /// The answer. Refused for its credential, the lifecycle is asked once to renew, under the name that `ask` gives.
    pub(crate) fn came(
        &mut self,
        turn: &mut Turn,
        info: Result<SubscriberInfo>,
        ask: impl FnOnce() -> AskId,
    ) -> Option<Subscriber> {
        let Stage::Sent { generation, .. } = self.stage else { return None };
        match info {
            Err(error @ Error::Http(_)) if !self.repeated && is_unauthorized(&error) => {
                let ask = ask();
                self.repeated = true;
                self.stage = Stage::Refused { ask, at: turn.now.tick, error };
                turn.feed(Input::Rejected { ask, generation });
                None
            }
            Err(error) => {
                self.end(turn, Err(error));
                None
            }
            Ok(info) => Some(info.subscriber),
        }
    }

    /// The lifecycle's verdict on a refusal: ask once more, or give the server's own error back.
    pub(crate) fn verdict(&mut self, turn: &mut Turn, of: AskId, recovered: bool) {
        if !matches!(&self.stage, Stage::Refused { ask, .. } if *ask == of) {
            return;
        }
        let wanted = Stage::Wanted { since: turn.now.tick };
        if let Stage::Refused { error, .. } = core::mem::replace(&mut self.stage, wanted)
            && !recovered
        {
            self.end(turn, Err(error));
        }
    }

    /// Tells all who wait.
    pub(crate) fn end(&mut self, turn: &mut Turn, result: Result<Arc<Subscriber>>) {
        for ask in core::mem::take(self).waiting {
            turn.put(SessionOutput::Fetched { ask, result: result.clone() });
        }
    }

    /// At rest exactly as long as nobody waits.
    pub(crate) fn check(&self) -> core::result::Result<(), &'static str> {
        if matches!(self.stage, Stage::Idle) == self.waiting.is_empty() {
            Ok(())
        } else {
            Err("somebody waits for the subscriber and nobody asks, or the other way round")
        }
    }
}

fn is_unauthorized(error: &Error) -> bool {
    matches!(error, Error::Http(http) if http.status == 401 && http.own)
}
