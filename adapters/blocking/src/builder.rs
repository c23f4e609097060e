//! Setting a session up.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use satkeeper_core::lifecycle::Policy;
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{Credential, KeyChoice, Provider};
use satkeeper_core::wire::rest::{CreateSubscriberToken, GuestToken};
use satkeeper_core::wire::url::Plain;
use satkeeper_host::history::History;
use satkeeper_host::store::Store;
use satkeeper_host::{Clock, End, Error, Project, Settings, Wanted};

use crate::client::Client;
use crate::driver::{Driver, Own, Shown};
use crate::events::Feed;
use crate::network::Network;
use crate::progress::Progress;
use crate::provider::{self, CredentialProvider};
use crate::signer::ExternalSigner;
use crate::watch::Watch;

/// Sets a session up. Only a provider must be named; everything is checked by [`Builder::connect`] or
/// [`Builder::start`], in any order of the calls before.
///
/// ```no_run
/// # fn main() -> Result<(), satkeeper_blocking::Error> {
/// let client = satkeeper_blocking::Client::builder()
///     .subscriber("example.signalwire.com", "PROJECT_ID", "API_TOKEN", "alice@example.com")
///     .call_timeout(std::time::Duration::from_secs(5))
///     .connect()?;
/// # let _ = client;
/// # Ok(()) }
/// ```
#[must_use = "nothing happens before `connect`"]
pub struct Builder {
    settings: Settings,
    own: Own,
    ca_pem: Option<Vec<u8>>,
    network: Option<Network>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let own = Own { provider: None, signer: None };
        Self { settings: Settings::default(), own, ca_pem: None, network: None }
    }

    /// Tokens of a subscriber, minted, renewed and minted anew with a project's credentials: for programs that
    /// may hold those, not for end users' devices. `space`: `example.signalwire.com` or a URL; `reference`: the
    /// subscriber's stable id, often an email address; it is created if need be.
    pub fn subscriber(self, space: &str, project: &str, api_token: &str, reference: &str) -> Self {
        let request = CreateSubscriberToken { reference: reference.to_owned(), ..Default::default() };
        self.subscriber_with(space, project, api_token, request)
    }

    /// As [`Builder::subscriber`], with more than a reference. Fingerprint and scope are filled in by the
    /// session.
    pub fn subscriber_with(
        self,
        space: &str,
        project: &str,
        api_token: &str,
        request: CreateSubscriberToken,
    ) -> Self {
        let space = Project::new(space, project, api_token);
        self.wanted(Wanted::Subscriber { space, request: Box::new(request) })
    }

    /// Tokens of a guest, minted and minted anew with a project's credentials.
    pub fn guest(self, space: &str, project: &str, api_token: &str, request: GuestToken) -> Self {
        let space = Project::new(space, project, api_token);
        self.wanted(Wanted::Guest { space, request })
    }

    /// Tokens that are exchanged for a click-to-call token (`c2c_…`) at `host`: `embeds.signalwire.com`, the
    /// space's own, or a URL. Exchanged anew when one ends.
    pub fn embed(self, token: &str, host: &str) -> Self {
        self.wanted(Wanted::embed(token, host))
    }

    /// One token. Where it carries `sat:refresh` the session renews it by itself; else the session ends with
    /// it, unless [`Client::update_token`] brings another.
    pub fn static_token(self, token: impl Into<String>) -> Self {
        self.builtin_provider(Provider::Static(Credential::new(Secret::new(token))))
    }

    /// Tokens from the application's own code; [`Callback`](crate::Callback) makes a provider of closures.
    pub fn provider(mut self, provider: impl CredentialProvider) -> Self {
        self = self.wanted(Wanted::Own(provider::facts(&provider)));
        self.own.provider = Some(Arc::new(provider));
        self
    }

    /// Tokens from one of the providers that the session implements itself.
    pub fn builtin_provider(self, provider: Provider) -> Self {
        self.wanted(Wanted::Builtin(provider))
    }

    /// The numbers behind the decisions.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Which proof-of-possession keys may be used. Default [`KeyChoice::Auto`].
    pub fn key(mut self, key: KeyChoice) -> Self {
        self.settings.key = key;
        self
    }

    /// Who signs for a key that is [`external`](crate::ProofKey::external).
    pub fn signer(mut self, signer: impl ExternalSigner) -> Self {
        self.own.signer = Some(Arc::new(signer));
        self
    }

    /// Where the WebSocket is, whatever the token's header says: `wss://…`.
    pub fn relay_url(mut self, url: impl Into<String>) -> Self {
        self.settings.relay_url = Some(url.into());
        self
    }

    /// Where the subscriber's REST endpoints are, whatever the token's header says: `https://…`.
    pub fn fabric_url(mut self, url: impl Into<String>) -> Self {
        self.settings.fabric_url = Some(url.into());
        self
    }

    /// Whether proofs name the whole URI (RFC 9449) instead of the path that the official client names.
    pub fn full_htu(mut self, full: bool) -> Self {
        self.settings.full_htu = full;
        self
    }

    /// The `agent` that is told to the server. Default `satkeeper/<version>`.
    pub fn agent(mut self, agent: impl Into<String>) -> Self {
        self.settings.agent = Some(agent.into());
        self
    }

    /// Trusts these certificate authorities (PEM, one or more) beside the platform's.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// Shares roots with other sessions; it knows whom to trust, so that [`Builder::ca_pem`] is
    /// of no effect.
    pub fn network(mut self, network: &Network) -> Self {
        self.network = Some(network.clone());
        self
    }

    /// Whether `http` and `ws` are accepted for literal loopback addresses (`127.0.0.0/8`, `[::1]`). Default
    /// no. Elsewhere they never are.
    pub fn allow_plain_on_loopback(mut self, allow: bool) -> Self {
        self.settings.plain = if allow { Plain::Loopback } else { Plain::Never };
        self
    }

    /// What jitter and proof ids are drawn from, for tests: two sessions with the same seed make the same ids,
    /// which a server refuses. Default: 32 bytes of the operating system's randomness.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Keeps the session's tokens, key and resume state there ([`FileStore`](crate::store::FileStore)), and goes
    /// on with what is there: nothing is minted while it is fresh. What belongs to another provider is not used
    /// and is overwritten. The store is this session's alone until the session is over. Default: nothing
    /// outlives the process.
    pub fn store(mut self, store: impl Store) -> Self {
        self.settings.store = Some(Box::new(store));
        self
    }

    /// How long [`Client::call`] waits for an answer once the call has been sent. Default 10 s.
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.settings.call_timeout = limit;
        self
    }

    /// Starts the session and waits until it is live, be it client-bound by then or not.
    ///
    /// # Errors
    /// Those of [`Builder::start`] and of [`Client::ready`]: what is wrong with the settings, or the error that
    /// ended the session, such as the provider's own.
    pub fn connect(self) -> Result<Client, Error> {
        let client = self.start()?;
        client.ready()?;
        Ok(client)
    }

    /// Starts the session and returns at once, so that events can be watched from the beginning;
    /// [`Client::ready`] waits for it to be live.
    ///
    /// # Errors
    /// [`SessionError::Store`](crate::SessionError::Store) where the store is in use or cannot be read; [`Error::MissingProvider`],
    /// [`Error::Certificate`], [`Error::Setup`], and of the session's
    /// [`SessionError::InvalidUrl`](crate::SessionError::InvalidUrl) and [`SessionError::InvalidField`](crate::SessionError::InvalidField).
    pub fn start(self) -> Result<Client, Error> {
        let judged = self.settings.judge()?;
        let network = self.network.map_or_else(|| Network::new(self.ca_pem.as_deref()), Ok)?;
        let clock = Clock::start();
        let (session, keeper) = judged.open(clock.now())?;
        let shown = Shown {
            status: Watch::new(session.status()),
            credential: Watch::new(None),
            progress: Watch::new(Progress::Starting),
            events: Feed::new(History::of_events()),
            notifications: Feed::new(History::of_notifications()),
        };
        let none = |error: io::Error| Error::Setup { message: error.to_string() };
        let driven = Driver::new(session, self.own, network.tls, clock, keeper, shown.clone());
        let (driver, mailbox) = driven.map_err(none)?;
        let showing = shown.clone();
        let driving = move || {
            let ended = catch_unwind(AssertUnwindSafe(|| driver.run()));
            showing.finish(ended.unwrap_or_else(|_| End::stopped()));
        };
        thread::Builder::new().name("satkeeper".to_owned()).spawn(driving).map_err(none)?;
        Ok(Client::new(mailbox, shown, clock))
    }

    fn wanted(mut self, provider: Wanted) -> Self {
        self.own.provider = None;
        self.settings.provider = Some(provider);
        self
    }
}
