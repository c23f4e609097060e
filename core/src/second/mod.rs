//! The second edition of the lifecycle, growing beside the first (`core/docs/second-edition.md`).
//!
//! One mutator, [`Lifecycle::step`]: it takes what the clocks read and one input, and returns what to do and when to be
//! stepped again. It is level-triggered: an input changes facts; what is due is derived from them, done, earliest
//! first. Parts own their state and never call each other; `machine/` asks them for facts and hands those on.
//!
//! | file | what it holds |
//! |---|---|
//! | `policy`, `wake` | every number, every deadline |
//! | `clock`, `reach` | K: one tick, one offset to the server's clock, the reach-clock |
//! | `token`, `tokens` | T: what is known of a token, above all its end; those that are held |
//! | `attempts` | A: what was asked and is not answered |
//! | `pace` | P: how often anybody is asked |
//! | `link` | C: the socket that serves, and the one that is coming |
//! | `hope` | H: the only end |
//! | `waiters` | W: who waits, and for what |
//! | `record` | what outlives the process |
//! | `machine` | what follows from all of them |

mod attempts;
mod clock;
mod hope;
mod link;
mod machine;
mod pace;
mod policy;
mod reach;
mod record;
mod token;
mod tokens;
mod waiters;
mod wake;

pub use policy::Policy;
pub use record::Snapshot;
pub use wake::Wake;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::lifecycle::{
    Cause, FallbackReason, Generation, KeyAlgorithm, Output, ProviderFacts, TeardownReason,
};
use crate::secret::Seed;
use crate::time::Tick;

use crate::lifecycle::random::Random;
use attempts::Attempts;
use clock::{At, Clock};
use hope::Hope;
use link::Link;
use pace::{Bucket, Pace};
use tokens::Tokens;
use waiters::Waiters;

/// What one step produced. Run the outputs in order; step again at `wake_at` or before.
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
    provider: ProviderFacts,
    key: Key,
    tokens: Tokens,
    attempts: Attempts,
    /// How the endpoints have answered of late.
    paces: Paces,
    exchanges: Bucket,
    sockets: Bucket,
    link: Link,
    hope: Hope,
    waiters: Waiters,
    record: record::Writing,
    told: Told,
    /// The session has been live, in this process or in one before it.
    ever_live: bool,
    /// The first mint has been asked for.
    minted: bool,
    /// The provider is asked for a new base by a mint: its refresh was refused, or the key has changed.
    remint: bool,
    /// Work that came due together starts here, not before.
    spread: At,
    /// The last that was asked of anybody far away was not answered.
    unreachable: bool,
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

/// The proof-of-possession key, as far as decisions depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    state: KeyState,
    algorithm: KeyAlgorithm,
    /// A server has accepted a proof of this kind.
    proved: bool,
    /// The kind may be changed, once.
    may_switch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyState {
    /// To be made.
    Wanted,
    /// At hand.
    Ready,
    /// None was wanted.
    Declined,
    /// None could be had.
    Failed,
}

/// How each endpoint has answered of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Paces {
    mint: Pace,
    refresh: Pace,
    activate: Pace,
    renew: Pace,
}

impl Paces {
    const fn all(&mut self) -> [&mut Pace; 4] {
        [&mut self.mint, &mut self.refresh, &mut self.activate, &mut self.renew]
    }
}

/// What the application has been told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    fallback: Vec<FallbackReason>,
    expiring: Option<Generation>,
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Lifecycle {
    /// A machine that has not started. The seed decides every draw: the same seed and the same inputs at the same times
    /// give the same outputs.
    #[must_use]
    pub fn new(policy: impl Into<Arc<Policy>>, seed: &Seed) -> Self {
        let policy = policy.into();
        Self {
            random: Random::new(seed),
            clock: Clock::new(),
            mode: Mode::Idle,
            provider: ProviderFacts { can_refresh: false, can_mint_again: false, may_be_asked_twice: false },
            key: Key {
                state: KeyState::Declined,
                algorithm: KeyAlgorithm::Es256,
                proved: false,
                may_switch: false,
            },
            tokens: Tokens::default(),
            attempts: Attempts::default(),
            paces: Paces::default(),
            exchanges: Bucket::new(policy.exchange_burst),
            sockets: Bucket::new(policy.socket_burst),
            link: Link::default(),
            hope: Hope::default(),
            waiters: Waiters::default(),
            record: record::Writing::default(),
            told: Told::default(),
            ever_live: false,
            minted: false,
            remint: false,
            spread: 0,
            unreachable: false,
            network_hint: None,
            wake: None,
            out: Vec::new(),
            policy,
        }
    }
}
