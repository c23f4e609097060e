//! `Session`: the lifecycle with its bytes. Still no I/O: HTTP responses and socket events in, ready-made
//! HTTP requests and frames out.
//!
//! One mutator, [`Session::step`]. A [`SessionInput`] becomes the facts in it (R31), the facts go through
//! [`Lifecycle::step`], and what the lifecycle commands becomes [`SessionOutput`]s. What can be answered on
//! the spot is, within the same step.
//!
//! # What it decides
//!
//! Everything about the credential's life is the lifecycle's to decide. A decision stands here only where it needs bytes that
//! the lifecycle never sees, or is about something that is not the credential; the lifecycle hears of one command and one
//! outcome all the same.
//!
//! | what | why here |
//! |---|---|
//! | a nonce is answered: the request goes out once more with it, once, within the same command | it is no failure, and what the nonce is, only bytes say (R35) |
//! | a signature that took too long, or lacks a nonce learned meanwhile, is asked for again within the same deadline | the age of an `iat` is a matter of the proof (R35) |
//! | a refresh token that is old, in doubt or refused is not presented: the command fails as *no secret*, and the lifecycle has a new token created in its place | whether it may be presented depends on requests and on the record (R12, R34) |
//! | a store that cannot say that it will be presented: it is presented unwritten at the last call only | the same (R12, R13) |
//! | a key that cannot sign: the session connects without a proof, unless the token is bound to it | it is the token's bytes that say to whom it is bound (R35) |
//! | a socket whose pings are not answered is silent, unless its server answers none | frames and their answers are bytes; what follows from it the lifecycle decides (R22) |
//! | a call, or a look at `subscriber/info`, that was refused for its credential is sent once more with a newer one | they are the application's (R24, R32) |
//! | the subscriber is made reachable, again and again | not the credential's |
//! | credentials for ICE are renewed by a reauthenticate with the token in force | not the credential's |
//!
//! # Where things are
//!
//! Parts own their state: each has a room, is told facts, reads others only where they are handed to it, and puts what follows
//! into the step in the making (`turn`) or returns it. No part knows the session. What must hold in a part between two steps
//! is in its `check`.
//!
//! | room | what it holds |
//! |---|---|
//! | `vocabulary` | what a driver and an application see: inputs, outputs, events, settings |
//! | `secrets` | the bytes behind the numbers: tokens, keys, nonces, the refresh token; proofs made of them |
//! | `requests` | requests to the driver that are not answered |
//! | `connection` | sockets and their signs of life; what is resumed with; what the server tells; credentials for ICE |
//! | `application` | who waits: asks, calls, a look at the subscriber, presence, the server's requests |
//! | `record` | what outlives the process, and what is known of its store |
//! | `reports` | errors as the lifecycle hears of them, and behind its failures; oddities, told once or as their number |
//! | `machine` | what touches three parts or more: one file for each kind of input, answer and act |
//! | `inner` | the lifecycle, stepped in one place |
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
mod inner;
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
pub use vocabulary::in_force::InForce;
pub use vocabulary::input::{SessionInput, StoreFailure};
pub use vocabulary::kind::{EventKind, Severity, Survival};
pub use vocabulary::notification::Notification;
pub use vocabulary::output::{ProviderCall, SessionOutput, SessionStep, SessionWake};
pub use vocabulary::provider::Provider;

use alloc::sync::Arc;
use core::fmt;

use crate::error::Error;
use crate::lifecycle::{Input, Lifecycle, Status, Why};
use crate::secret::Seed;
use crate::time::Now;

use application::Application;
use connection::ice::Ice;
use connection::resume::Resume;
use connection::shown::Shown;
use connection::sockets::Sockets;
use ids::Ids;
use inner::Inner;
use record::store::Store;
use reports::journal::Journal;
use reports::notices::Notices;
use requests::PendingRequests;
use secrets::Secrets;
use turn::Turn;

/// The session. See the [module](self).
pub struct Session {
    inner: Inner,
    config: Config,
    now: Now,
    over: bool,
    ids: Ids,
    secrets: Secrets,
    pending: PendingRequests,
    sockets: Sockets,
    resume: Resume,
    shown: Shown,
    ice: Ice,
    application: Application,
    store: Store,
    journal: Journal,
    notices: Notices,
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
        let mut secrets = Secrets::default();
        if let KeyChoice::Held { key, .. } = &config.key {
            secrets.keys.keep(key.clone());
        }
        Self {
            inner: Inner::new(Lifecycle::new(Arc::clone(&config.policy), &seed)),
            application: Application::new(config.online),
            config,
            now: Now::default(),
            over: false,
            ids: Ids::new(seed),
            secrets,
            pending: PendingRequests::default(),
            sockets: Sockets::default(),
            resume: Resume::default(),
            shown: Shown::default(),
            ice: Ice::default(),
            store: Store::default(),
            journal: Journal::default(),
            notices: Notices::default(),
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
            self.watch(&mut turn);
            if self.inner.wake().is_some_and(|(at, _)| at <= self.now.tick) {
                // The input was not the lifecycle's, but something of the lifecycle's is due.
                turn.feed(Input::Tick);
            }
            self.run(&mut turn);
            self.flush_calls(&mut turn);
            let lifecycle = &self.inner.lifecycle;
            self.secrets.tokens.forget(|id| lifecycle.holds(id));
        }
        SessionStep { outputs: turn.outputs, wake_at: self.wake_at() }
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.lifecycle.status()
    }

    /// The next deadline of the lifecycle and why.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        self.inner.lifecycle.why()
    }

    /// The token in force.
    #[must_use]
    pub fn credential(&self) -> Option<InForce> {
        let status = self.inner.lifecycle.status();
        let known = self.secrets.tokens.get(status.in_force?)?;
        Some(InForce {
            token: known.token.clone(),
            generation: status.generation,
            expires_at: status.token_ends.map(|end| self.now.unix_at(end)),
        })
    }

    /// What the server has told of the connection, once the session has been live.
    #[must_use]
    pub const fn connection(&self) -> Option<&Arc<Connection>> {
        self.shown.connection()
    }

    /// Who the subscriber is, as far as `subscriber/info` was asked: by the session for its own needs, or for the
    /// application ([`SessionInput::FetchSubscriber`]).
    #[must_use]
    pub const fn subscriber(&self) -> Option<&Arc<Subscriber>> {
        self.shown.subscriber()
    }

    /// An error of the driver's own without anything of the session's secrets, which whoever is on the other side may
    /// have put into it. What a session tells has been through this; for what a driver writes to its log.
    #[must_use]
    pub fn fit_to_show(&self, error: Error) -> Error {
        self.clean(error)
    }

    /// What must hold after every step; the first thing that does not, if any. For tests, fuzzers and the
    /// simulator.
    ///
    /// # Errors
    /// A sentence naming the broken invariant.
    pub fn check(&self) -> Result<(), &'static str> {
        self.inner.lifecycle.check()?;
        self.secrets.check()?;
        self.pending.check()?;
        self.sockets.check()?;
        self.ice.check()?;
        self.application.check()
    }
}
