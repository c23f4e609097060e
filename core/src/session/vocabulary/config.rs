//! How a session is set up.

use alloc::string::String;
use alloc::sync::Arc;

use crate::dpop::ProofKey;
use crate::lifecycle::{KeyAlgorithm, KeyFacts, Policy};
use crate::time::Millis;
use crate::wire::connect::Interests;
use crate::wire::routing::AllowedHosts;
use crate::wire::url::SecureUrl;

use crate::session::vocabulary::provider::Provider;

/// Time limit of a call where [`Config::call_timeout`] says nothing else (SignalWire browser SDK v3).
pub const CALL_TIMEOUT: Millis = 10_000;

/// How long a request of the server's may wait for the application's answer where [`Config::answer_timeout`] says nothing
/// else: a person may have to decide.
pub const ANSWER_TIMEOUT: Millis = 60_000;

/// How a session is set up. All but the provider has a default.
///
/// ```
/// use satkeeper_core::secret::Secret;
/// use satkeeper_core::session::{Config, Credential, Provider};
/// let token = Credential::new(Secret::new("eyJhbGciOiJkaXIifQ...."));
/// let config = Config::new(Provider::Static(token)).agent("my-app/1.0");
/// assert_eq!(config.call_timeout, 10_000);
/// assert!(!config.full_htu && !config.ath_on_activation);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Who brings tokens.
    pub provider: Provider,
    /// The numbers behind the decisions; copies of a configuration share them.
    pub policy: Arc<Policy>,
    /// Which keys may be used.
    pub key: KeyChoice,
    /// Where the WebSocket is opened, instead of where `ch` in the token's header says.
    pub relay: Option<SecureUrl>,
    /// Where the subscriber-side REST API is, instead of where `ch` in the token's header says.
    pub fabric: Option<SecureUrl>,
    /// Which hosts a token may lead to, besides the two above; `None`: any (R31).
    pub allow_hosts: Option<AllowedHosts>,
    /// `htu` as a full URI (RFC 9449) instead of the path that the official client sends (R35).
    pub full_htu: bool,
    /// The proof of an activation, too, names the token that it comes with (`ath`, RFC 9449), which the official client
    /// leaves out (R35).
    pub ath_on_activation: bool,
    /// The `agent` of `signalwire.connect`; default `satkeeper/<version>`.
    pub agent: Option<String>,
    /// How long a call of the application waits for its answer once it has been sent, milliseconds.
    pub call_timeout: Millis,
    /// There is a store: the session asks for its record to be written.
    pub durable: bool,
    /// What the server is told that the session wants to hear of.
    pub interests: Interests,
    /// The session keeps its subscriber reachable: `subscriber.online` after each connect and resume, and again after
    /// a failure, as the official client repeats it.
    pub online: bool,
    /// How long a request of the server's waits for the application's answer, milliseconds.
    pub answer_timeout: Millis,
}

impl Config {
    /// With this provider and every default: [`Policy::default`], [`KeyChoice::Auto`], hosts from the token.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self {
            provider,
            policy: Arc::default(),
            key: KeyChoice::Auto,
            relay: None,
            fabric: None,
            allow_hosts: None,
            full_htu: false,
            ath_on_activation: false,
            agent: None,
            call_timeout: CALL_TIMEOUT,
            durable: false,
            interests: Interests::default(),
            online: false,
            answer_timeout: ANSWER_TIMEOUT,
        }
    }

    /// With other numbers.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<Arc<Policy>>) -> Self {
        self.policy = policy.into();
        self
    }

    /// With this choice of keys.
    #[must_use]
    pub fn key(mut self, key: KeyChoice) -> Self {
        self.key = key;
        self
    }

    /// With a WebSocket host of its own, for a proxy or a test server.
    #[must_use]
    pub fn relay(mut self, relay: SecureUrl) -> Self {
        self.relay = Some(relay);
        self
    }

    /// With a REST host of its own, for a proxy or a test server.
    #[must_use]
    pub fn fabric(mut self, fabric: SecureUrl) -> Self {
        self.fabric = Some(fabric);
        self
    }

    /// With the full URI in `htu`, or only the path.
    #[must_use]
    pub const fn full_htu(mut self, full_htu: bool) -> Self {
        self.full_htu = full_htu;
        self
    }

    /// With an `ath` in the proof of an activation, or without.
    #[must_use]
    pub const fn ath_on_activation(mut self, ath: bool) -> Self {
        self.ath_on_activation = ath;
        self
    }

    /// With these hosts as the only ones that a token may lead to.
    #[must_use]
    pub fn allow_hosts(mut self, hosts: AllowedHosts) -> Self {
        self.allow_hosts = Some(hosts);
        self
    }

    /// With another `agent`.
    #[must_use]
    pub fn agent(mut self, agent: impl Into<String>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// With a store, or without.
    #[must_use]
    pub const fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// With another time limit of calls, milliseconds.
    #[must_use]
    pub const fn call_timeout(mut self, call_timeout: Millis) -> Self {
        self.call_timeout = call_timeout;
        self
    }

    /// With these as what the server is told that the session wants to hear of.
    #[must_use]
    pub fn interests(mut self, interests: Interests) -> Self {
        self.interests = interests;
        self
    }

    /// Keeping the subscriber reachable, or leaving that to the application.
    #[must_use]
    pub const fn online(mut self, online: bool) -> Self {
        self.online = online;
        self
    }

    /// With another time limit of answers to the server, milliseconds.
    #[must_use]
    pub const fn answer_timeout(mut self, answer_timeout: Millis) -> Self {
        self.answer_timeout = answer_timeout;
        self
    }
}

/// Which proof-of-possession keys may be used (R35).
#[derive(Clone, Debug)]
#[non_exhaustive]
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

impl KeyChoice {
    /// What the lifecycle needs to know of it.
    #[must_use]
    pub fn facts(&self) -> KeyFacts {
        match self {
            Self::Auto => KeyFacts::Auto,
            Self::Fixed(algorithm) => KeyFacts::Fixed(*algorithm),
            Self::Held { key, proved } => {
                KeyFacts::Held { algorithm: key.algorithm().into(), proved: *proved }
            }
            Self::None => KeyFacts::Unavailable,
        }
    }
}
