//! `Lifecycle`: every decision of a session, as a pure state machine (`core/docs/rules`).
//!
//! One mutator, [`Lifecycle::step`]: it takes what the clocks read and one [`Input`], and returns what to do and when to
//! be stepped again. It is **level-triggered**: an input changes only facts; then the *agenda*, all that is due and when,
//! is derived from them, and whatever is due is done, earliest first. There is no timer to arm and none to forget (see
//! [`Wake`]). Parts own their state and never call each other; `machine/` asks them for facts and hands those on.
//!
//! | room | what it holds |
//! |---|---|
//! | `vocabulary` | inputs, commands, events, deadlines, numbers: each alphabet whole |
//! | `clock` | K: one tick, one offset to the server's clock, the reach-clock |
//! | `tokens` | T: what is known of a token, above all its end; those that are held |
//! | `limits` | P: back-off, rate limiter, draws |
//! | `attempts` | A: what was asked and is not answered |
//! | `renewal` | A, P: who brings tokens, and the key that binds them |
//! | `connection` | C: the socket that serves, and the one that is coming |
//! | `hope` | H: the only end |
//! | `waiters` | W: who waits, and for what |
//! | `record` | S: what outlives the process |
//! | `told` | what the application has been told |
//! | `view` | what is due, and when: read from all of them, changes nothing |
//! | `machine` | what changes: one file for each kind of input, answer and act |
//! | `explorer` | what a search over all states needs (feature `model`) |
//!
//! ```
//! use satkeeper_core::lifecycle::{
//!     Action, Input, KeyFacts, Lifecycle, Output, Policy, ProviderFacts, Start,
//! };
//! use satkeeper_core::{Now, secret::Seed};
//!
//! let mut lifecycle = Lifecycle::new(Policy::default(), &Seed::from_bytes([7; 32]));
//! let provider = ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };
//! let start = Start { provider, key: KeyFacts::Unavailable, durable: false };
//! let step = lifecycle.step(Now::new(0, 1_700_000_000_000), Input::Start(start));
//! assert!(matches!(
//!     step.outputs.as_slice(),
//!     [Output::Do(command)] if command.action == Action::Mint { fingerprint: None }
//! ));
//! ```

mod attempts;
mod clock;
mod connection;
#[cfg(feature = "model")]
pub mod explorer;
mod hope;
mod limits;
mod machine;
mod record;
mod renewal;
mod tokens;
mod told;
mod view;
mod vocabulary;
mod waiters;

pub use record::snapshot::Snapshot;
pub use vocabulary::command::{Action, ClockOffset, Command, Output};
pub use vocabulary::event::{
    AskError, Cause, Event, FallbackReason, Ignored, Mechanism, TeardownReason, Warning,
};
pub use vocabulary::ids::{AskId, CommandId, Generation, SocketId, TokenId};
pub use vocabulary::input::{
    Confirmation, Failure, Input, KeyAlgorithm, KeyFacts, Outcome, ProviderFacts, Reply, Start, Statement,
    TokenFacts,
};
pub use vocabulary::policy::Policy;
pub use vocabulary::status::{Phase, Status, Why};
pub use vocabulary::wake::Wake;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::secret::Seed;
use crate::time::Tick;

use attempts::Attempts;
use clock::{At, Clock};
use connection::Link;
#[cfg(feature = "model")]
use explorer::draws::Random;
use hope::Hope;
use limits::bucket::Bucket;
#[cfg(not(feature = "model"))]
use limits::random::Random;
use renewal::Renewal;
use tokens::Tokens;
use told::Told;
use waiters::Waiters;

/// What one step produced. Run the outputs in order; step again at `wake_at` or before.
///
/// ```
/// use satkeeper_core::lifecycle::Step;
/// let at_rest = Step::default();
/// assert!(at_rest.outputs.is_empty() && at_rest.wake_at.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// In the order in which they must be carried out.
    pub outputs: Vec<Output>,
    /// When to step next if nothing happens before, and what for. `None`: nothing to wait for.
    pub wake_at: Option<(Tick, Wake)>,
}

/// The machine. See the [module](self).
#[derive(Clone)]
pub struct Lifecycle {
    policy: Arc<Policy>,
    random: Random,
    clock: Clock,
    mode: Mode,
    renewal: Renewal,
    tokens: Tokens,
    attempts: Attempts,
    sockets: Bucket,
    link: Link,
    hope: Hope,
    waiters: Waiters,
    record: record::Writing,
    told: Told,
    /// When the application last said that the network has changed.
    network_hint: Option<At>,
    wake: Option<(At, Wake)>,
    out: Vec<Output>,
}

/// Whether the session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Idle,
    Running,
    Suspended,
    Ending(TeardownReason, Option<Cause>),
    Over(TeardownReason),
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Lifecycle {
    /// A machine that has not started. The seed decides every draw: the same seed and the same inputs at the same times
    /// give the same outputs. Machines can share their policy.
    #[must_use]
    pub fn new(policy: impl Into<Arc<Policy>>, seed: &Seed) -> Self {
        let policy = policy.into();
        Self {
            random: Random::new(seed),
            clock: Clock::new(),
            mode: Mode::Idle,
            renewal: Renewal::new(&policy),
            tokens: Tokens::default(),
            attempts: Attempts::default(),
            sockets: Bucket::new(policy.socket_burst),
            link: Link::default(),
            hope: Hope::default(),
            waiters: Waiters::default(),
            record: record::Writing::default(),
            told: Told::default(),
            network_hint: None,
            wake: None,
            out: Vec::new(),
            policy,
        }
    }
}
