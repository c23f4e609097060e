//! `Lifecycle`: every decision of a session, as a pure state machine. (docs follow)
mod command;
mod event;
mod input;
mod policy;
mod status;
mod wake;

pub use command::{Action, ClockOffset, Command, CommandId, Output};
pub use event::{
    AskError, Cause, Event, FallbackReason, Ignored, Mechanism, TeardownReason, Warning,
};
pub use input::{
    AskId, Confirmation, Failure, Generation, Input, KeyAlgorithm, KeyFacts, Outcome, ProviderFacts, Reply,
    SocketId, Start, Statement, TokenFacts, TokenId,
};
pub use policy::Policy;
pub use status::{Phase, Status, Why};
pub use wake::Wake;

use crate::secret::Seed;
use crate::time::{Now, Tick};

/// What one step produced. Run the outputs in order; step again at `wake_at` or before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// In the order in which they must be carried out.
    pub outputs: Vec<Output>,
    /// When to step next if nothing happens before, and what for.
    pub wake_at: Option<(Tick, Wake)>,
}

/// The machine.
pub struct Lifecycle {
    policy: Policy,
}

impl Lifecycle {
    /// A machine that has not started.
    #[must_use]
    pub fn new(policy: Policy, _seed: &Seed) -> Self {
        Self { policy }
    }

    /// The only mutator: total, never panics, never fails.
    pub fn step(&mut self, _now: Now, _input: Input) -> Step {
        Step::default()
    }

    /// Whether the machine may still ask for something to be done with this token. What it does not hold
    /// can be forgotten.
    #[must_use]
    pub fn holds(&self, _token: TokenId) -> bool {
        true
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }
}
