//! `Session`: the lifecycle with its bytes. No decision, no I/O: wire formats, secrets, proofs, liveness of
//! the socket, the queue of frames.
mod input;
mod output;
mod provider;

pub use input::{CallId, Credential, ProviderError, RequestId, SessionInput};
pub use output::{
    Notification, ProviderCall, SessionEvent, SessionNews, SessionOutput, SessionStep, SessionWake,
};
pub use provider::Provider;

use crate::dpop::ProofKey;
use crate::lifecycle::{Generation, KeyAlgorithm, Policy, Status, Why};
use crate::secret::{Secret, Seed};
use crate::time::{Now, UnixMillis};
use crate::wire::url::SecureUrl;

/// How a session is set up. (builder-style, all but the provider have defaults)
pub struct Config {
    /// Who brings tokens.
    pub provider: Provider,
    /// The numbers behind the decisions.
    pub policy: Policy,
    /// Which keys may be used.
    pub key: KeyChoice,
    /// Overrides what `ch` in the token's header says.
    pub relay: Option<SecureUrl>,
    /// Overrides what `ch` in the token's header says.
    pub fabric: Option<SecureUrl>,
    /// `htu` as a full URI (RFC 9449) instead of the path that the official client sends (L45).
    pub full_htu: bool,
    /// The `agent` of `signalwire.connect`; default `satkeeper/<version>`.
    pub agent: Option<String>,
    /// Time limit of an application's call, milliseconds; default 10 s.
    pub call_timeout: u64,
}

/// Which proof-of-possession keys may be used (L46).
#[derive(Clone, Debug)]
pub enum KeyChoice {
    /// ES256 where a refusal can be recovered from, else RS256.
    Auto,
    /// Always this kind.
    Fixed(KeyAlgorithm),
    /// This key.
    Held {
        /// The key.
        key: ProofKey,
        /// A server has accepted a proof by a key of this kind before.
        proved: bool,
    },
    /// None: the session stays unbound.
    None,
}

/// The token in force, for the application's own HTTP calls.
#[derive(Clone)]
pub struct InForce {
    /// The token.
    pub token: Secret,
    /// Counts acknowledgements.
    pub generation: Generation,
    /// When it ends in local wall time, as far as anybody said.
    pub expires_at: Option<UnixMillis>,
}

/// The session.
pub struct Session {
    #[allow(dead_code)]
    config: Config,
}

impl Session {
    /// A session that has not started. The seed has no default: use 32 bytes of a CSPRNG in production.
    #[must_use]
    pub fn new(config: Config, seed: Seed) -> Self {
        let _ = seed;
        Self { config }
    }

    /// The only mutator: total, never panics, never fails.
    pub fn step(&mut self, now: Now, input: SessionInput) -> SessionStep {
        let _ = (now, input);
        SessionStep { outputs: Vec::new(), wake_at: None }
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            phase: crate::lifecycle::Phase::Idle,
            mechanism: crate::lifecycle::Mechanism::None,
            generation: Generation(0),
            in_force: None,
            bound: false,
            token_ends: None,
            session_ends: None,
            time_left: None,
            clock_offset: None,
        }
    }

    /// The next deadline of the lifecycle and why.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        None
    }

    /// The token in force.
    #[must_use]
    pub fn credential(&self) -> Option<InForce> {
        None
    }
}
