//! `Session`: the lifecycle with its bytes. Still no I/O: HTTP responses and socket events in, ready-made
//! HTTP requests and frames out; and no decision of its own.
//!
//! One mutator, [`Session::step`]. A [`SessionInput`] becomes the facts in it (R31), the facts go through
//! [`Lifecycle::step`], and what the lifecycle commands becomes [`SessionOutput`]s. What can be answered on
//! the spot is, within the same step.
//!
//! | room | what it holds |
//! |---|---|
//! | `vocabulary` | what a driver and an application see: inputs, outputs, events, settings |
//! | `secrets` | the bytes behind the numbers: tokens, keys, nonces, the refresh token |
//! | `requests` | requests to the driver that are not answered |
//! | `connection` | the sockets and what the server tells on them |
//! | `application` | what the application waits for, and what it is asked |
//! | `record` | what outlives the process |
//! | `reports` | the errors behind failures; what happens again and again |
//! | `machine` | what touches several of them |
//! | `ids`, `turn` | names that are given; one step in the making |
//!
//! ```
//! use satkeeper_core::Now;
//! use satkeeper_core::secret::{Secret, Seed};
//! use satkeeper_core::session::{
//!     Config, Credential, KeyChoice, Provider, Session, SessionInput, SessionOutput,
//! };
//!
//! // {"alg":"dir","enc":"A256GCM","typ":"SAT"}
//! let token = Secret::new("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0....");
//! let config = Config::new(Provider::Static(Credential::new(token))).key(KeyChoice::None);
//! let mut session = Session::new(config, Seed::from_bytes([7; 32]));
//! let step = session.step(Now::new(0, 1_700_000_000_000), SessionInput::Start);
//! let opens = step.outputs.iter().any(|output| match output {
//!     SessionOutput::Open { url, .. } => url.as_str() == "wss://puc.signalwire.com/",
//!     _ => false,
//! });
//! assert!(opens);
//! ```

mod application;
mod connection;
mod ids;
mod machine;
mod record;
mod reports;
mod requests;
mod secrets;
mod turn;
mod vocabulary;

pub use crate::wire::connect::Interests;
pub use crate::wire::connection::{Connection, IceServer};
pub use crate::wire::rest::{Address, Subscriber};
pub use record::Record;
pub use reports::repeats::Repeats;
pub use vocabulary::answer::{Answer, Refusal};
pub use vocabulary::config::{ANSWER_TIMEOUT, CALL_TIMEOUT, Config, KeyChoice};
pub use vocabulary::credential::{Credential, ProviderError};
pub use vocabulary::event::{SessionEvent, SessionNews};
pub use vocabulary::ids::{CallId, NotificationId, RequestId};
pub use vocabulary::input::{SessionInput, StoreFailure};
pub use vocabulary::kind::{EventKind, Severity, Survival};
pub use vocabulary::notification::Notification;
pub use vocabulary::output::{ProviderCall, SessionOutput, SessionStep, SessionWake};
pub use vocabulary::provider::Provider;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::error::Error;
use crate::lifecycle::{Generation, Input, Lifecycle, Outcome, Output, Start, Status, Step, Wake, Why};
use crate::secret::{Secret, Seed};
use crate::time::{Now, Tick, UnixMillis};
use crate::wire::text::Cleaner;
use crate::wire::time::Oddity;

use application::asks::Asks;
use application::calls::Calls;
use application::presence::Online;
use application::server_requests::Requests;
use application::subscriber::Info;
use connection::ice::Ice;
use connection::sockets::{Resume, Socket};
use ids::Ids;
use machine::frames::Dropped;
use reports::journal::Journal;
use requests::Exchanges;
use secrets::keys::Keys;
use secrets::nonces::Nonces;
use secrets::refresh_token::RefreshToken;
use secrets::tokens::Tokens;
use turn::Turn;

/// Most inputs that one step feeds the lifecycle; the governor leaves it far below.
const MOST_INPUTS: usize = 256;

/// The token in force, for the application's own HTTP calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InForce {
    /// The token.
    pub token: Secret,
    /// Counts acknowledgements; to be named when a request with this token is refused for its credential
    /// ([`SessionInput::Rejected`]).
    pub generation: Generation,
    /// When it ends in local wall time, as far as anybody said.
    pub expires_at: Option<UnixMillis>,
}

impl InForce {
    /// For tests of what uses one; sessions make their own.
    #[must_use]
    pub const fn new(token: Secret, generation: Generation, expires_at: Option<UnixMillis>) -> Self {
        Self { token, generation, expires_at }
    }
}

/// The session. See the [module](self).
pub struct Session {
    lifecycle: Lifecycle,
    config: Config,
    now: Now,
    wake: Option<(Tick, Wake)>,
    over: bool,
    ids: Ids,
    source: RefreshToken,
    keys: Keys,
    tokens: Tokens,
    nonces: Nonces,
    exchanges: Exchanges,
    /// Oldest first.
    sockets: Vec<Socket>,
    /// Sockets in a row on which no ping was answered.
    unanswering: u8,
    resume: Resume,
    /// What its server has told of the connection, and of the subscriber.
    connection: Option<Arc<Connection>>,
    subscriber: Option<Arc<Subscriber>>,
    ice: Ice,
    online: Online,
    requests: Requests,
    info: Info,
    calls: Calls,
    asks: Asks,
    journal: Journal,
    odd_times: Vec<(&'static str, Oddity)>,
    dropped: Dropped,
    /// With what the last write of the record has failed, if it has.
    store_failure: Option<Error>,
    told_short_lived: bool,
    told_not_kept: Vec<&'static str>,
    restored: bool,
    /// Not on small targets: what writes all alphabets down is large.
    #[cfg(feature = "std")]
    run: Option<machine::run::Run>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Session {
    /// A session that has not started. The seed has no default: use 32 bytes of a CSPRNG in production,
    /// since proof ids are drawn from it (R30).
    #[must_use]
    pub fn new(config: Config, seed: Seed) -> Self {
        let mut keys = Keys::default();
        if let KeyChoice::Held { key, .. } = &config.key {
            keys.keep(key.clone());
        }
        Self {
            lifecycle: Lifecycle::new(Arc::clone(&config.policy), &seed),
            config,
            now: Now::default(),
            wake: None,
            over: false,
            ids: Ids::new(seed),
            source: RefreshToken::default(),
            keys,
            tokens: Tokens::default(),
            nonces: Nonces::default(),
            exchanges: Exchanges::default(),
            sockets: Vec::new(),
            unanswering: 0,
            resume: Resume::default(),
            connection: None,
            subscriber: None,
            ice: Ice::default(),
            online: Online::default(),
            requests: Requests::default(),
            info: Info::default(),
            calls: Calls::default(),
            asks: Asks::default(),
            journal: Journal::default(),
            odd_times: Vec::new(),
            dropped: Dropped::default(),
            store_failure: None,
            told_short_lived: false,
            told_not_kept: Vec::new(),
            restored: false,
            #[cfg(feature = "std")]
            run: None,
        }
    }

    /// The only mutator. Total: it never panics and never fails. After
    /// [`Teardown`](crate::lifecycle::Event::Teardown), the last event, nothing comes out any more but the
    /// refusal of what is asked of it then.
    pub fn step(&mut self, now: Now, input: SessionInput) -> SessionStep {
        self.now = Now { tick: now.tick.max(self.now.tick), unix: now.unix };
        let mut turn = Turn::new(self.now);
        self.take(&mut turn, input);
        self.run(&mut turn);
        if !self.over {
            self.watch_sockets(&mut turn);
            self.watch_intents(&mut turn);
            self.watch_calls(&mut turn);
            self.requests.expire(turn.now.tick, self.config.answer_timeout);
            self.watch_info(&mut turn);
            self.watch_online(&mut turn);
            self.watch_ice(&mut turn);
            self.watch_dropped(&mut turn);
            if self.wake.is_some_and(|(at, _)| at <= self.now.tick) {
                // The input was not the lifecycle's, but something of the lifecycle's is due.
                turn.feed(Input::Tick);
            }
            self.run(&mut turn);
            self.flush_calls(&mut turn);
            let lifecycle = &self.lifecycle;
            self.tokens.forget(|id| lifecycle.holds(id));
        }
        SessionStep { outputs: turn.outputs, wake_at: self.wake_at() }
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lifecycle.status()
    }

    /// The next deadline of the lifecycle and why.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        self.lifecycle.why()
    }

    /// The token in force.
    #[must_use]
    pub fn credential(&self) -> Option<InForce> {
        let status = self.lifecycle.status();
        let known = self.tokens.get(status.in_force?)?;
        Some(InForce {
            token: known.token.clone(),
            generation: status.generation,
            expires_at: status.token_ends.map(|end| self.now.unix_at(end)),
        })
    }

    /// What the server has told of the connection, once the session has been live.
    #[must_use]
    pub const fn connection(&self) -> Option<&Arc<Connection>> {
        self.connection.as_ref()
    }

    /// Who the subscriber is, as far as `subscriber/info` was asked: by the session for its own needs, or for the
    /// application ([`SessionInput::FetchSubscriber`]).
    #[must_use]
    pub const fn subscriber(&self) -> Option<&Arc<Subscriber>> {
        self.subscriber.as_ref()
    }

    /// An error of the driver's own without anything of the session's secrets, which whoever is on the other side may
    /// have put into it. What a session tells has been through this; for what a driver writes to its log.
    #[must_use]
    pub fn fit_to_show(&self, error: Error) -> Error {
        error.without(Cleaner::new(&self.secrets()))
    }

    /// What must hold after every step; the first thing that does not, if any. For tests, fuzzers and the
    /// simulator.
    ///
    /// # Errors
    /// A sentence naming the broken invariant.
    pub fn check(&self) -> Result<(), &'static str> {
        self.lifecycle.check()
    }

    /// Turns an input into what the lifecycle must hear.
    fn take(&mut self, turn: &mut Turn, input: SessionInput) {
        match input {
            SessionInput::Call { call, method, params } => self.call(turn, call, method, &params),
            SessionInput::UpdateToken { ask, credential } => self.update_token(turn, ask, &credential),
            SessionInput::RefreshNow { ask } => self.refresh_now(turn, ask),
            SessionInput::Rejected { ask, generation } => self.rejected(turn, ask, generation),
            SessionInput::Respond { notification, answer } => {
                self.respond_to(turn, notification, &answer);
            }
            SessionInput::FetchSubscriber { ask } => self.fetch_subscriber(turn, ask),
            _ if self.over => {}
            SessionInput::Start => turn.feed(Input::Start(Start {
                provider: self.config.provider.facts(),
                key: self.config.key.facts(),
                durable: self.config.durable,
            })),
            SessionInput::Tick => turn.feed(Input::Tick),
            SessionInput::Http { id, result } => {
                let result = result.map_err(|error| self.fit_to_show(error));
                self.http(turn, id, result);
            }
            SessionInput::Opened { socket, date } => self.opened(turn, socket, date.as_deref()),
            SessionInput::Frame { socket, text } => self.frame(turn, socket, text),
            SessionInput::OddFrame { socket } => {
                self.odd_frame(turn, socket, "it is not text, or larger than 1 MiB");
            }
            SessionInput::Closed { socket, error } => {
                let error = error.map(|error| self.fit_to_show(error));
                self.closed(turn, socket, error);
            }
            SessionInput::Credential { id, result } => self.credential_came(turn, id, result),
            SessionInput::Key { id, result } => {
                let result = result.map_err(|error| self.fit_to_show(error));
                self.key_came(turn, id, result);
            }
            SessionInput::Signature { id, result } => {
                let result = result.map_err(|error| self.fit_to_show(error));
                self.signature_came(turn, id, result);
            }
            SessionInput::Stored { id, result } => {
                let result = result.map_err(|failure| match failure {
                    StoreFailure::Failed(error) => StoreFailure::Failed(self.fit_to_show(error)),
                    StoreFailure::Taken(error) => StoreFailure::Taken(self.fit_to_show(error)),
                    StoreFailure::Unsure(error) => StoreFailure::Unsure(self.fit_to_show(error)),
                });
                self.stored(turn, id, result);
            }
            SessionInput::CancelCall { call } => self.cancel_call(call),
            SessionInput::SetProvider(provider) => {
                turn.feed(Input::NewProvider(provider.facts()));
                self.config.provider = provider;
                self.source.replace();
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
                self.source.replace();
                turn.feed(Input::Destroy);
            }
        }
    }

    /// Feeds the lifecycle and carries out what it says, until both are at rest.
    fn run(&mut self, turn: &mut Turn) {
        for _ in 0..MOST_INPUTS {
            let Some(input) = turn.next_input() else { return };
            if let Input::Done(command, Outcome { result: Ok(_), .. }) = &input {
                self.journal.succeed(*command);
            }
            let step = self.decide(turn.now, input);
            self.wake = step.wake_at;
            for output in step.outputs {
                match output {
                    Output::Do(command) => self.carry_out(turn, &command),
                    Output::Tell(event) => self.tell(turn, event),
                }
            }
        }
    }

    fn decide(&mut self, now: Now, input: Input) -> Step {
        #[cfg(feature = "std")]
        if let Some(run) = &mut self.run {
            let step = self.lifecycle.step(now, input.clone());
            run.note(now, &input, &step);
            return step;
        }
        self.lifecycle.step(now, input)
    }

    /// The lifecycle is over: nothing secret is kept, nothing is waited for.
    fn put_away(&mut self) {
        self.over = true;
        self.wake = None;
        self.sockets = Vec::new();
        self.resume = Resume::default();
        self.connection = None;
        self.subscriber = None;
        self.source = RefreshToken::default();
        self.exchanges = Exchanges::default();
        self.tokens = Tokens::default();
        self.keys = Keys::default();
        self.config.key = KeyChoice::None;
        self.config.provider = Provider::callback(self.config.provider.facts());
    }

    fn wake_at(&self) -> Option<(Tick, SessionWake)> {
        if self.over {
            return None;
        }
        let lifecycle = self.wake.map(|(at, wake)| (at, SessionWake::Lifecycle(wake)));
        let call = self.calls.due(self.config.call_timeout).map(|(at, id)| (at, SessionWake::Call(id)));
        let dropped = self.dropped.repeats.next().map(|at| (at, SessionWake::Dropped));
        let answer = self.requests.due(self.config.answer_timeout);
        let answer = answer.map(|(at, id)| (at, SessionWake::Answer(id)));
        let info = self.info.due().map(|at| (at, SessionWake::Info));
        // What has become possible within this step is due now.
        let now = self.now.tick;
        let liveness = self.liveness_due().map(|at| (at.max(now), SessionWake::Liveness));
        let intent = self.exchanges.intent_due().map(|at| (at, SessionWake::Intent));
        let online = self.online_due().map(|at| (at.max(now), SessionWake::Online));
        let ice = self.ice_due().map(|at| (at.max(now), SessionWake::Ice));
        [lifecycle, liveness, call, dropped, answer, info, intent, online, ice]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }
}
