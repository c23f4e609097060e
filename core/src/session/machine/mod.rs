//! What touches three parts or more: one file for each kind of input, answer and act. Parts hand back what they have found
//! out, and what it means for the others is said here.

pub(super) mod application;
pub(super) mod commands;
pub(super) mod connection;
pub(super) mod facts;
pub(super) mod frames;
pub(super) mod intent;
pub(super) mod record;
pub(super) mod replies;
#[cfg(feature = "std")]
pub(super) mod run;
pub(super) mod signing;
pub(super) mod tell;
pub(super) mod view;

use crate::lifecycle::{Input, Outcome, Output, Start};
use crate::session::Session;
use crate::session::turn::Turn;
use crate::session::vocabulary::input::{SessionInput, StoreFailure};
use crate::session::vocabulary::output::SessionWake;
use crate::time::Tick;
use crate::wire::time::http_date;

use facts::server_time;

/// Most inputs that one step feeds the lifecycle; the governor leaves it far below.
const MOST_INPUTS: usize = 256;

impl Session {
    /// Turns an input into what the lifecycle must hear.
    pub(super) fn take(&mut self, turn: &mut Turn, input: SessionInput) {
        match input {
            SessionInput::Call { call, method, params } => self.call(turn, call, method, &params),
            SessionInput::UpdateToken { ask, credential } => self.update_token(turn, ask, &credential),
            SessionInput::RefreshNow { ask } => self.refresh_now(turn, ask),
            SessionInput::Rejected { ask, generation } => self.rejected(turn, ask, generation),
            SessionInput::Respond { notification, answer } => {
                self.respond_to(turn, notification, &answer);
            }
            SessionInput::FetchSubscriber { ask } => self.application.lookup.ask(turn, ask, self.over),
            _ if self.over => {}
            SessionInput::Start => turn.feed(Input::Start(Start {
                provider: self.config.provider.facts(),
                key: self.config.key.facts(),
                durable: self.config.durable,
            })),
            SessionInput::Tick => turn.feed(Input::Tick),
            SessionInput::Http { id, result } => {
                let result = result.map_err(|error| self.clean(error));
                self.http(turn, id, result);
            }
            SessionInput::Opened { socket, date } => {
                let server_time = server_time(date.as_deref().and_then(http_date));
                self.sockets.opened(turn, socket, server_time);
            }
            SessionInput::Frame { socket, text } => self.frame(turn, socket, text),
            SessionInput::OddFrame { socket } => {
                self.odd_frame(turn, socket, "it is not text, or larger than 1 MiB");
            }
            SessionInput::Closed { socket, error } => {
                let error = error.map(|error| self.clean(error));
                self.closed(turn, socket, error);
            }
            SessionInput::Credential { id, result } => self.credential_came(turn, id, result),
            SessionInput::Key { id, result } => {
                let result = result.map_err(|error| self.clean(error));
                self.key_came(turn, id, result);
            }
            SessionInput::Signature { id, result } => {
                let result = result.map_err(|error| self.clean(error));
                self.signature_came(turn, id, result);
            }
            SessionInput::Stored { id, result } => {
                let result = result.map_err(|failure| match failure {
                    StoreFailure::Failed(error) => StoreFailure::Failed(self.clean(error)),
                    StoreFailure::Taken(error) => StoreFailure::Taken(self.clean(error)),
                    StoreFailure::Unsure(error) => StoreFailure::Unsure(self.clean(error)),
                });
                self.stored(turn, id, result);
            }
            SessionInput::CancelCall { call } => self.cancel_call(call),
            SessionInput::SetProvider(provider) => {
                turn.feed(Input::NewProvider(provider.facts()));
                self.config.provider = provider;
                self.secrets.refresh_token.replace();
            }
            SessionInput::Suspend => turn.feed(Input::Suspend),
            SessionInput::Resume => turn.feed(Input::Resume),
            SessionInput::NetworkChanged => turn.feed(Input::NetworkChanged),
            SessionInput::Disconnect => {
                self.resume.forget();
                turn.feed(Input::Disconnect);
            }
            SessionInput::Leave => turn.feed(Input::Leave),
            SessionInput::Destroy => {
                self.resume.forget();
                // What an exchange in flight brings is of no use to anybody (R12).
                self.secrets.refresh_token.replace();
                turn.feed(Input::Destroy);
            }
        }
    }

    /// Feeds the lifecycle and carries out what it says, until both are at rest.
    pub(super) fn run(&mut self, turn: &mut Turn) {
        for _ in 0..MOST_INPUTS {
            let Some(input) = turn.next_input() else { return };
            if let Input::Done(command, Outcome { result: Ok(_), .. }) = &input {
                self.journal.succeed(*command);
            }
            for output in self.inner.step(turn.now, input) {
                match output {
                    Output::Do(command) => self.carry_out(turn, &command),
                    Output::Tell(event) => self.tell(turn, event),
                }
            }
        }
    }

    /// Time limits, and what has become possible.
    pub(super) fn watch(&mut self, turn: &mut Turn) {
        self.watch_sockets(turn);
        self.watch_intents(turn);
        self.watch_calls(turn);
        self.application.server_requests.expire(turn.now.tick, self.config.answer_timeout);
        self.watch_lookup(turn);
        self.watch_presence(turn);
        self.watch_ice(turn);
        self.notices.watch(turn);
    }

    /// The least of the parts' deadlines.
    pub(super) fn wake_at(&self) -> Option<(Tick, SessionWake)> {
        if self.over {
            return None;
        }
        let application = &self.application;
        let lifecycle = self.inner.wake().map(|(at, wake)| (at, SessionWake::Lifecycle(wake)));
        let call = application.calls.due(self.config.call_timeout);
        let call = call.map(|(at, id)| (at, SessionWake::Call(id)));
        let dropped = self.notices.due().map(|at| (at, SessionWake::Dropped));
        let answer = application.server_requests.due(self.config.answer_timeout);
        let answer = answer.map(|(at, id)| (at, SessionWake::Answer(id)));
        let info = application.lookup.due().map(|at| (at, SessionWake::Info));
        // What has become possible within this step is due now.
        let now = self.now.tick;
        let liveness = self.sockets.due(&self.inner.lifecycle);
        let liveness = liveness.map(|at| (at.max(now), SessionWake::Liveness));
        let intent = self.pending.intent_due().map(|at| (at, SessionWake::Intent));
        let online = self.presence_due().map(|at| (at.max(now), SessionWake::Online));
        let ice = self.ice.due(&self.around()).map(|at| (at.max(now), SessionWake::Ice));
        [lifecycle, liveness, call, dropped, answer, info, intent, online, ice]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }
}
