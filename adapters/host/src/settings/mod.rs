//! How a session is set up, and what is wrong with how it was.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::Policy;
use satkeeper_core::secret::Seed;
use satkeeper_core::session::{ANSWER_TIMEOUT, CALL_TIMEOUT, Config, Interests, KeyChoice, Provider};
use satkeeper_core::wire::routing::AllowedHosts;
use satkeeper_core::wire::url::Plain;

use crate::clock::Clock;
use crate::error::Error;
use crate::random;
use crate::store::Store;

mod opening;
mod provider;
mod proxy;
mod url;

pub use opening::{Opened, ValidatedSettings};
pub use provider::{Project, ProviderChoice};
pub use proxy::ProxyChoice;

use url::{Kind, parse_url};

/// Most bytes of what a session wants to hear of: it goes with each connect.
const MOST_INTERESTS: usize = 16 * 1_024;

/// How long a session may take to come to be.
const CONNECT: Duration = Duration::from_secs(30);
/// The same where a person may have to sign in first, for which the provider has 60 s.
const CONNECT_WITH_A_PERSON: Duration = Duration::from_secs(90);

/// What a builder has been told. Nothing is validated before [`Settings::validate`], whatever the order of the calls.
///
/// ```
/// use satkeeper_host::{Error, Settings};
/// assert!(matches!(Settings::default().validate().err(), Some(Error::MissingProvider)));
/// ```
pub struct Settings {
    /// Where tokens come from.
    pub provider: Option<ProviderChoice>,
    /// The numbers behind the decisions.
    pub policy: Policy,
    /// Which proof-of-possession keys may be used.
    pub key: KeyChoice,
    /// Whether somebody was named who signs for a key that is held elsewhere.
    pub has_signer: bool,
    /// Where the WebSocket is, whatever the token's header says.
    pub relay_url: Option<String>,
    /// Where the subscriber's REST endpoints are, whatever the token's header says.
    pub fabric_url: Option<String>,
    /// The hosts that a token may lead to; `None`: any.
    pub allow_hosts: Option<Vec<String>>,
    /// Whether proofs name the whole URI.
    pub full_htu: bool,
    /// Whether the proof of an activation names its token.
    pub ath_on_activation: bool,
    /// The `agent` that is told to the server.
    pub agent: Option<String>,
    /// Certificate authorities to trust beside the platform's, PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Which way to go.
    pub proxy: ProxyChoice,
    /// Whether plain text is accepted, and where.
    pub plain: Plain,
    /// What jitter and proof ids are drawn from.
    pub seed: Option<Seed>,
    /// What the server is told that the session wants to hear of.
    pub interests: Interests,
    /// Whether the session keeps its subscriber reachable.
    pub online: bool,
    /// How long a request of the server's waits for the application's answer.
    pub answer_timeout: Duration,
    /// How long a call that has been sent waits for its answer.
    pub call_timeout: Duration,
    /// How long a session may take to come to be; `None`: as [`ValidatedSettings::connect_timeout`] says.
    pub connect_timeout: Option<Duration>,
    /// Where the session is kept.
    pub store: Option<Box<dyn Store>>,
    /// The file that its run is written to.
    pub record_to: Option<PathBuf>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("provider", &self.provider)
            .field("relay_url", &self.relay_url)
            .field("fabric_url", &self.fabric_url)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            provider: None,
            policy: Policy::default(),
            key: KeyChoice::Auto,
            has_signer: false,
            relay_url: None,
            fabric_url: None,
            allow_hosts: None,
            full_htu: false,
            ath_on_activation: false,
            agent: None,
            ca_pem: None,
            proxy: ProxyChoice::default(),
            plain: Plain::Never,
            seed: None,
            interests: Interests::default(),
            online: false,
            answer_timeout: Duration::from_millis(ANSWER_TIMEOUT),
            call_timeout: Duration::from_millis(CALL_TIMEOUT),
            connect_timeout: None,
            store: None,
            record_to: None,
        }
    }
}

impl Settings {
    /// Says what is wrong with them, before anything is sent.
    ///
    /// # Errors
    /// [`Error::MissingProvider`], [`Error::MissingSigner`], [`Error::Setup`], and of the session's
    /// [`SessionError::InvalidUrl`] and [`SessionError::InvalidField`].
    pub fn validate(self) -> Result<ValidatedSettings, Error> {
        if matches!(&self.key, KeyChoice::Held { key, .. } if key.is_external()) && !self.has_signer {
            // Else it would come out at the first proof, after a token was minted for the key.
            return Err(Error::MissingSigner);
        }
        let (plain, proxies) = (self.plain, self.proxy.validate()?);
        let mut config = Config::new(self.provider.ok_or(Error::MissingProvider)?.validate(plain)?);
        let mut policy = self.policy;
        // Nobody can promise more than there is (R1).
        policy.tick_counts_sleep &= Clock::start().counts_sleep();
        config.policy = policy.into();
        config.key = self.key;
        config.relay = self.relay_url.map(|url| parse_url(&url, plain, Kind::WebSocket)).transpose()?;
        config.fabric = self.fabric_url.map(|url| parse_url(&url, plain, Kind::Http)).transpose()?;
        config.allow_hosts = self.allow_hosts.map(AllowedHosts::parse).transpose()?;
        config.full_htu = self.full_htu;
        config.ath_on_activation = self.ath_on_activation;
        config.agent = self.agent;
        config.call_timeout = u64::try_from(self.call_timeout.as_millis()).unwrap_or(u64::MAX);
        config.answer_timeout = u64::try_from(self.answer_timeout.as_millis()).unwrap_or(u64::MAX);
        if self.interests.size() > MOST_INTERESTS {
            let reason = "contexts, eventing and topics have more than 16 KiB in all";
            return Err(SessionError::InvalidField { field: "contexts", reason }.into());
        }
        config.interests = self.interests;
        config.online = self.online;
        config.durable = self.store.is_some();
        let seed = self.seed.map_or_else(random::seed, Ok)?;
        let usual = match &config.provider {
            Provider::Callback { facts, .. } if !facts.can_mint_again => CONNECT_WITH_A_PERSON,
            _ => CONNECT,
        };
        let connect_timeout = self.connect_timeout.unwrap_or(usual);
        Ok(ValidatedSettings {
            config,
            connect_timeout,
            seed,
            store: self.store,
            ca_pem: self.ca_pem,
            proxies,
            record_to: self.record_to,
        })
    }
}
