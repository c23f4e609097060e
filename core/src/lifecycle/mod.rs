//! `Lifecycle`: every decision of a session, as a pure state machine.
//!
//! One mutator, [`Lifecycle::step`]: it takes what the clocks read and one [`Input`], and returns what to do
//! and when to be stepped again. It is **level-triggered**: an input changes only the facts in the state;
//! then the *agenda*, all that is due and when, is derived from the state alone, and whatever is due is
//! done, earliest first. There is no timer to arm and none to forget (see [`Wake`]).
//!
//! | file | what it holds |
//! |---|---|
//! | `input`, `command`, `event`, `wake` | the four alphabets, listed whole (L2) |
//! | `policy` | every number |
//! | `clock`, `random`, `governor` | time, draws, request budget |
//! | `token`, `ends` | what is known of a token, above all its end; of all together |
//! | `mechanism`, `outlook` | who renews |
//! | `agenda` | what is due, and when |
//! | `act` | doing what is due |
//! | `answers`, `failures` | what came of a command; of an attempt to get a token that failed |
//! | `connection` | the socket: up, down, resumed |
//! | `offers` | what a fresh connect offers, and what a refusal means |
//! | `push` | a newer token on its way to the socket, acknowledged |
//! | `trial` | a refused push, decided by a connect beside the live socket |
//! | `requests` | what the application and the driver bring |
//! | `asks` | who waits, and for what |
//! | `hold` | what holds a renewal back |
//! | `snapshot` | what outlives the process, and going on from it |
//! | `report` | status, why, check |
//! | `model` | what an exhaustive search needs: the state up to what cannot matter, draws by script |
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

mod act;
mod agenda;
mod answers;
mod asks;
#[cfg(feature = "model")]
mod canonical;
mod clock;
mod command;
mod connection;
mod ends;
mod event;
mod failures;
mod governor;
mod hold;
mod input;
mod mechanism;
#[cfg(feature = "model")]
pub mod model;
mod offers;
mod outlook;
mod policy;
mod push;
pub(crate) mod random;
mod report;
mod requests;
mod snapshot;
mod status;
mod stopwatch;
#[cfg(test)]
mod tests;
mod token;
mod trial;
mod wake;

pub use command::{Action, ClockOffset, Command, CommandId, Output};
pub use event::{AskError, Cause, Event, FallbackReason, Ignored, Mechanism, TeardownReason, Warning};
pub use input::{
    AskId, Confirmation, Failure, Generation, Input, KeyAlgorithm, KeyFacts, Outcome, ProviderFacts, Reply,
    SocketId, Start, Statement, TokenFacts, TokenId,
};
pub use policy::Policy;
pub use snapshot::Snapshot;
pub use status::{Hold, Phase, Status, Why};
pub use wake::Wake;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::secret::Seed;
use crate::time::{Millis, Now, Tick};
use asks::Ask;
use clock::{At, Clock};
use connection::{Link, Outage};
use governor::{Bucket, Retry};
use mechanism::{Key, KeyState};
use random::{Domain, Random};
use token::Token;
use trial::Trial;

/// Most things that one step does; more would be a machine that does not come to rest (`check`).
const MOST_ACTS: usize = 64;

/// Most refused tokens that are remembered (L11).
const MOST_REJECTED: usize = 16;

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
    provider: ProviderFacts,
    key: Key,
    durable: bool,
    /// Oldest first.
    held: Vec<Token>,
    /// Refused by the server for good, newest last.
    rejected: Vec<TokenId>,
    in_force: Option<TokenId>,
    generation: Generation,
    link: Link,
    /// A socket beside the live one, on which a refused push is put to the test (L27).
    trial: Option<Trial>,
    outage: Outage,
    /// The generation that the newest `authorization_state` was made for, if there is one to resume with.
    resumable: Option<Generation>,
    ever_live: bool,
    /// All that is held came from a record, and has not been of use yet.
    restored: bool,
    /// The first mint has been asked for.
    minted: bool,
    /// A new base is wanted, whatever the schedule says.
    remint: Remint,
    expired: Option<Expired>,
    pending: Vec<Pending>,
    next_command: u64,
    next_socket: u32,
    exchanges: Bucket,
    sockets: Bucket,
    retries: Retries,
    asks: Vec<Ask>,
    told_fallback: Vec<FallbackReason>,
    told_expiring: Option<Generation>,
    /// The record does not say what the state says.
    unsaved: bool,
    /// Time may have been lost; nothing ends before the probe has been answered (L23).
    unsure: bool,
    /// Work that came due together starts here, not before (L18).
    spread: At,
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

/// A command without an answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    id: CommandId,
    action: Action,
    issued: At,
    deadline: At,
    /// The clocks have jumped since: the time that its answer tells may be that of before (L23).
    jumped: bool,
}

impl Pending {
    /// An exchange brings a token; at most one is unanswered (L13).
    const fn is_exchange(&self) -> bool {
        matches!(
            self.action,
            Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. }
        )
    }
}

/// Whether a new base is wanted in place of what the server refused (L35), or for a new key (L46).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remint {
    No,
    Wanted,
}

/// The session's end has passed; attempts go on for a while (L22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expired {
    since: At,
    attempts: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Retries {
    activate: Retry,
    renew: Retry,
    provider: Retry,
    push: Retry,
    trial: Retry,
    persist: Retry,
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Lifecycle {
    /// A machine that has not started. The seed decides every draw: the same seed and the same inputs at
    /// the same times give the same outputs (L4). Machines can share their policy.
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
            durable: false,
            held: Vec::new(),
            rejected: Vec::new(),
            in_force: None,
            generation: Generation(0),
            link: Link::Down { not_before: 0 },
            trial: None,
            outage: Outage::default(),
            resumable: None,
            ever_live: false,
            restored: false,
            minted: false,
            remint: Remint::No,
            expired: None,
            pending: Vec::new(),
            next_command: 0,
            next_socket: 0,
            exchanges: Bucket::new(policy.exchange_burst),
            sockets: Bucket::new(policy.socket_burst),
            retries: Retries::default(),
            asks: Vec::new(),
            told_fallback: Vec::new(),
            told_expiring: None,
            unsaved: false,
            unsure: false,
            spread: 0,
            wake: None,
            out: Vec::new(),
            policy,
        }
    }

    /// The only mutator. Total: it never panics and never fails; an input that makes no sense is answered
    /// with [`Event::Ignored`]. An early tick is a silent no-op; a late one does what was missed.
    pub fn step(&mut self, now: Now, input: Input) -> Step {
        if matches!(self.mode, Mode::Over(_)) {
            return Step::default();
        }
        let jumped = self.read_clocks(now);
        if !jumped && input == Input::Tick && self.wake.is_none_or(|(at, _)| self.clock.now() < at) {
            // Early: nothing is due, so nothing follows. All that follows from time alone is on the agenda.
            return Step { outputs: Vec::new(), wake_at: self.wake_at() };
        }
        self.expire_commands();
        self.absorb(input);
        // A sleep that this very input has confirmed counts against them, too.
        self.expire_commands();
        for _ in 0..MOST_ACTS {
            self.run_stopwatch();
            self.wake = self.agenda();
            match self.wake {
                Some((at, wake)) if at <= self.clock.now() => self.act(wake),
                _ => break,
            }
        }
        Step { outputs: core::mem::take(&mut self.out), wake_at: self.wake_at() }
    }

    fn wake_at(&self) -> Option<(Tick, Wake)> {
        self.wake.map(|(at, wake)| (self.clock.tick_of(at.max(self.clock.now())), wake))
    }

    /// Whether the machine may still ask for something to be done with this token. What it does not hold
    /// can be forgotten.
    #[must_use]
    pub fn holds(&self, token: TokenId) -> bool {
        self.token(token).is_some()
    }

    /// The numbers that it decides with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes the clock readings; whether time may have been lost (L23).
    fn read_clocks(&mut self, now: Now) -> bool {
        let expected = self.wake.map(|(at, _)| at);
        let jumped = self.clock.advance(now, self.policy.jump);
        if jumped.is_some() {
            self.pending.iter_mut().for_each(|pending| pending.jumped = true);
        }
        let late = expected
            .map(|at| self.clock.now().saturating_sub(at))
            .filter(|late| *late > self.policy.jump && self.mode == Mode::Running);
        let Some(by) = jumped.or(late).filter(|_| self.mode == Mode::Running) else { return false };
        self.tell(Event::ClockJump { by });
        self.unsure = self.probe();
        self.spread_work();
        true
    }

    /// Work that is due after a wake, a resume or an outage starts within `min(lead / 4, 5 s)` (L18). Work
    /// that was spread and has not begun is not put off again: a driver that is always late, or a socket
    /// that always drops, would put it off for ever.
    fn spread_work(&mut self) {
        let spread = self.spread.max(self.clock.now());
        if self.spread > 0 && self.next_exchange(&self.outlook()).is_some_and(|(at, _)| at == spread) {
            return;
        }
        let lead = self.newest_valid().and_then(|token| token.lead(&self.clock, &self.policy));
        let range = lead.map_or(self.policy.spread, |lead| (lead / 4).min(self.policy.spread));
        if self.policy.jitter {
            self.spread = self.clock.now().saturating_add(self.random.below(Domain::Spread, range));
        }
    }

    /// Connected time counts for an activation only while one is wanted (L15).
    fn run_stopwatch(&mut self) {
        let running = self.mode == Mode::Running && self.link.is_live() && self.wants_activation().is_some();
        let now = self.clock.now();
        let Some(id) = self.newest_base().map(|base| base.id) else { return };
        if let Some(base) = self.token_mut(id).and_then(Token::base_mut) {
            base.activation.run(running, now);
        }
    }

    fn tell(&mut self, event: Event) {
        self.out.push(Output::Tell(event));
    }

    fn warn(&mut self, warning: Warning) {
        self.tell(Event::Warn(warning));
    }

    /// Gives a command, to be answered within `span`.
    fn command(&mut self, action: Action, span: Millis) -> CommandId {
        let now = self.clock.now();
        let id = CommandId(self.next_command);
        self.next_command = self.next_command.saturating_add(1);
        let deadline = now.saturating_add(span);
        self.pending.reserve_exact(1);
        self.pending.push(Pending { id, action, issued: now, deadline, jumped: false });
        self.out.push(Output::Do(Command { id, deadline: self.clock.tick_of(deadline), action }));
        id
    }

    /// Forgets commands: their answers will be stale.
    fn retire(&mut self, which: impl Fn(&Pending) -> bool) {
        self.pending.retain(|pending| !which(pending));
    }

    fn retire_bound_exchange(&mut self) {
        self.retire(|pending| matches!(pending.action, Action::Activate { .. } | Action::Renew { .. }));
    }

    /// Puts everything away and ends (L41). Nothing in flight can bring the session back.
    fn end(&mut self, reason: TeardownReason, cause: Option<Cause>) {
        self.pending.clear();
        self.close_socket();
        if self.durable {
            let action = if reason == TeardownReason::Destroyed { Action::Erase } else { Action::Persist };
            self.command(action, self.policy.local);
        }
        for ask in core::mem::take(&mut self.asks) {
            self.tell(Event::Failed { ask: ask.id, error: AskError::SessionOver });
        }
        self.mode = Mode::Ending(reason, cause);
    }
}
