//! Who the subscriber is: `subscriber/info`, asked for the application, one request at a time for all who wait.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::error::{Error, Result};
use crate::lifecycle::{AskId, Generation};
use crate::time::{Millis, Tick};
use crate::wire::http::HttpResponse;
use crate::wire::rest::{self, Subscriber, SubscriberInfo};

use crate::session::Session;
use crate::session::turn::Turn;
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::output::SessionOutput;

/// Most that wait at once.
const MOST: usize = 64;
/// How long a token in force is waited for, and the verdict on one that was refused.
const PATIENCE: Millis = 60_000;
/// How long the answer may take.
const ANSWER: Millis = 30_000;

#[derive(Default)]
pub(crate) struct Info {
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

impl Info {
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
}

impl Session {
    pub(crate) fn fetch_subscriber(&mut self, turn: &mut Turn, ask: AskId) {
        let refused = if self.over {
            Error::SessionOver
        } else if self.info.waiting.len() >= MOST {
            Error::Throttled { retry_after_ms: 1_000 }
        } else {
            self.info.waiting.push(ask);
            if matches!(self.info.stage, Stage::Idle) {
                self.info.stage = Stage::Wanted { since: turn.now.tick };
            }
            return;
        };
        turn.put(SessionOutput::Fetched { ask, result: Err(refused) });
    }

    /// Asks, where somebody wants to know and there is a token to ask with; and knows when to stop waiting.
    pub(crate) fn watch_info(&mut self, turn: &mut Turn) {
        if self.info.due().is_some_and(|due| due <= turn.now.tick) {
            let error = match core::mem::take(&mut self.info.stage) {
                // Nobody has renewed it: the server's own word.
                Stage::Refused { error, .. } => error,
                Stage::Sent { .. } => Error::Timeout { what: "subscriber/info".into(), after_ms: ANSWER },
                _ => Error::Timeout { what: "a token in force".into(), after_ms: PATIENCE },
            };
            return self.info_ended(turn, Err(error));
        }
        if !matches!(self.info.stage, Stage::Wanted { .. }) {
            return;
        }
        let status = self.lifecycle.status();
        let Some(known) = status.in_force.and_then(|token| self.tokens.get(token)) else { return };
        match rest::subscriber_info(known.routing.fabric(), &known.token) {
            Ok(request) => {
                let (id, at) = (self.ids.request(), turn.now.tick);
                self.info.stage = Stage::Sent { id, at, generation: status.generation };
                turn.put(SessionOutput::Request { id, request, deadline: at.after(ANSWER) });
            }
            Err(error) => self.info_ended(turn, Err(error)),
        }
    }

    pub(crate) fn info_came(&mut self, turn: &mut Turn, result: Result<HttpResponse>) {
        let info = result.and_then(|response| SubscriberInfo::parse(&response, &self.secrets()));
        let Stage::Sent { generation, .. } = self.info.stage else { return };
        match info {
            Err(error @ Error::Http(_)) if !self.info.repeated && is_unauthorized(&error) => {
                let ask = self.calls.own_ask();
                self.info.repeated = true;
                self.info.stage = Stage::Refused { ask, at: turn.now.tick, error };
                turn.feed(crate::lifecycle::Input::Rejected { ask, generation });
            }
            Err(error) => self.info_ended(turn, Err(error)),
            Ok(info) => {
                let subscriber = self.show_subscriber(turn, info.subscriber);
                self.info_ended(turn, Ok(subscriber));
            }
        }
    }

    /// The lifecycle's verdict on a refusal: ask once more, or give the server's own error back.
    pub(crate) fn info_verdict(&mut self, turn: &mut Turn, of: AskId, recovered: bool) {
        if !matches!(&self.info.stage, Stage::Refused { ask, .. } if *ask == of) {
            return;
        }
        let wanted = Stage::Wanted { since: turn.now.tick };
        if let Stage::Refused { error, .. } = core::mem::replace(&mut self.info.stage, wanted)
            && !recovered
        {
            self.info_ended(turn, Err(error));
        }
    }

    pub(crate) fn info_ended(&mut self, turn: &mut Turn, result: Result<Arc<Subscriber>>) {
        for ask in core::mem::take(&mut self.info).waiting {
            turn.put(SessionOutput::Fetched { ask, result: result.clone() });
        }
    }

    /// What `subscriber/info` says, whoever has asked.
    pub(crate) fn show_subscriber(&mut self, turn: &mut Turn, now: Subscriber) -> Arc<Subscriber> {
        match &self.subscriber {
            Some(known) if **known == now => Arc::clone(known),
            _ => {
                let now = Arc::new(now);
                turn.put(SessionOutput::Subscriber(Arc::clone(&now)));
                self.subscriber = Some(Arc::clone(&now));
                now
            }
        }
    }
}

fn is_unauthorized(error: &Error) -> bool {
    matches!(error, Error::Http(http) if http.status == 401 && http.own)
}
