//! Setting a session up.

use std::sync::Arc;
use std::time::Duration;

use satkeeper_core::Now;
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::Policy;
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{CALL_TIMEOUT, Config, Credential, KeyChoice, Provider, Session};
use satkeeper_core::wire::rest::{CreateSubscriberToken, GuestToken, Space};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::ask::Source;
use crate::client::Client;
use crate::clock::Clock;
use crate::driver::{Driver, Own, Shown};
use crate::end::Progress;
use crate::error::Error;
use crate::keys;
use crate::network::Network;
use crate::provider::CredentialProvider;
use crate::signer::ExternalSigner;
use crate::socket::Sockets;
use crate::store::{Keeper, Kept, Store};
use crate::work::Work;

/// Sets a session up. Only a provider must be named; everything is checked by [`Builder::connect`] or
/// [`Builder::start`], in any order of the calls before.
///
/// ```no_run
/// # async fn example() -> Result<(), satkeeper::Error> {
/// let client = satkeeper::Client::builder()
///     .subscriber("example.signalwire.com", "PROJECT_ID", "API_TOKEN", "alice@example.com")
///     .call_timeout(std::time::Duration::from_secs(5))
///     .connect()
///     .await?;
/// # let _ = client;
/// # Ok(()) }
/// ```
#[must_use = "nothing happens before `connect`"]
pub struct Builder {
    provider: Option<Wanted>,
    policy: Policy,
    key: KeyChoice,
    signer: Option<Arc<dyn ExternalSigner>>,
    relay_url: Option<String>,
    fabric_url: Option<String>,
    full_htu: bool,
    agent: Option<String>,
    ca_pem: Option<Vec<u8>>,
    network: Option<Network>,
    plain: Plain,
    seed: Option<Seed>,
    call_timeout: Duration,
    store: Option<Box<dyn Store>>,
}

/// A provider as it was named; URLs are judged when all is known.
enum Wanted {
    Ready(Source),
    Embed { token: Secret, host: String },
    Subscriber { space: Project, request: Box<CreateSubscriberToken> },
    Guest { space: Project, request: GuestToken },
}

/// A space and the project credentials for it.
struct Project {
    url: String,
    id: String,
    api_token: Secret,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            provider: None,
            policy: Policy::default(),
            key: KeyChoice::Auto,
            signer: None,
            relay_url: None,
            fabric_url: None,
            full_htu: false,
            agent: None,
            ca_pem: None,
            network: None,
            plain: Plain::Never,
            seed: None,
            call_timeout: Duration::from_millis(CALL_TIMEOUT),
            store: None,
        }
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
        self.wanted(Wanted::Embed { token: Secret::new(token), host: with_scheme(host) })
    }

    /// One token. Where it carries `sat:refresh` the session renews it by itself; else the session ends with
    /// it, unless [`Client::update_token`] brings another.
    pub fn static_token(self, token: impl Into<String>) -> Self {
        self.builtin_provider(Provider::Static(Credential::new(Secret::new(token))))
    }

    /// Tokens from the application's own code; [`Callback`](crate::Callback) makes a provider of closures.
    pub fn provider(self, provider: impl CredentialProvider) -> Self {
        self.wanted(Wanted::Ready(Source::Own(Arc::new(provider))))
    }

    /// Tokens from one of the providers that the session implements itself.
    pub fn builtin_provider(self, provider: Provider) -> Self {
        self.wanted(Wanted::Ready(Source::Builtin(provider)))
    }

    /// The numbers behind the decisions.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Which proof-of-possession keys may be used. Default [`KeyChoice::Auto`].
    pub fn key(mut self, key: KeyChoice) -> Self {
        self.key = key;
        self
    }

    /// Who signs for a key that is [`external`](crate::ProofKey::external).
    pub fn signer(mut self, signer: impl ExternalSigner) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Where the WebSocket is, whatever the token's header says: `wss://…`.
    pub fn relay_url(mut self, url: impl Into<String>) -> Self {
        self.relay_url = Some(url.into());
        self
    }

    /// Where the subscriber's REST endpoints are, whatever the token's header says: `https://…`.
    pub fn fabric_url(mut self, url: impl Into<String>) -> Self {
        self.fabric_url = Some(url.into());
        self
    }

    /// Whether proofs name the whole URI (RFC 9449) instead of the path that the official client names.
    pub fn full_htu(mut self, full: bool) -> Self {
        self.full_htu = full;
        self
    }

    /// The `agent` that is told to the server. Default `satkeeper/<version>`.
    pub fn agent(mut self, agent: impl Into<String>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// Trusts these certificate authorities (PEM, one or more) beside the platform's.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// Shares roots and connections with other sessions; it knows whom to trust, so that [`Builder::ca_pem`] is
    /// of no effect.
    pub fn network(mut self, network: &Network) -> Self {
        self.network = Some(network.clone());
        self
    }

    /// Whether `http` and `ws` are accepted for literal loopback addresses (`127.0.0.0/8`, `[::1]`). Default
    /// no. Elsewhere they never are.
    pub fn allow_plain_on_loopback(mut self, allow: bool) -> Self {
        self.plain = if allow { Plain::Loopback } else { Plain::Never };
        self
    }

    /// What jitter and proof ids are drawn from, for tests: two sessions with the same seed make the same ids,
    /// which a server refuses. Default: 32 bytes of the operating system's randomness.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Keeps the session's tokens, key and resume state there ([`FileStore`](crate::store::FileStore)), and goes
    /// on with what is there: nothing is minted while it is fresh. What belongs to another provider is not used
    /// and is overwritten. The store is this session's alone until the session is over. Default: nothing
    /// outlives the process.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// How long [`Client::call`] waits for an answer once the call has been sent. Default 10 s.
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.call_timeout = limit;
        self
    }

    /// Starts the session and waits until it is live, be it client-bound by then or not. Dropping the future
    /// disconnects.
    ///
    /// # Errors
    /// Those of [`Builder::start`] and of [`Client::ready`]: what is wrong with the settings, or the error that
    /// ended the session, such as the provider's own.
    pub async fn connect(self) -> Result<Client, Error> {
        let client = self.start().await?;
        client.ready().await?;
        Ok(client)
    }

    /// Starts the session and returns at once, so that events can be watched from the beginning;
    /// [`Client::ready`] waits for it to be live.
    ///
    /// # Errors
    /// [`SessionError::Store`] where the store is in use or cannot be read; [`Error::MissingProvider`],
    /// [`Error::Certificate`], [`Error::NoRuntime`], [`Error::Setup`], and of the
    /// session's [`SessionError::InvalidUrl`] and [`SessionError::InvalidField`].
    pub async fn start(self) -> Result<Client, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let plain = self.plain;
        let source = self.provider.ok_or(Error::MissingProvider)?.judge(plain)?;
        let config = Config {
            provider: source.describe(),
            policy: self.policy,
            key: self.key,
            relay: self.relay_url.map(|url| judged(&url, plain, Kind::WebSocket)).transpose()?,
            fabric: self.fabric_url.map(|url| judged(&url, plain, Kind::Http)).transpose()?,
            full_htu: self.full_htu,
            agent: self.agent,
            call_timeout: u64::try_from(self.call_timeout.as_millis()).unwrap_or(u64::MAX),
            durable: self.store.is_some(),
        };
        let seed = self.seed.map_or_else(keys::seed, Ok)?;
        let own = Own { provider: source.own(), signer: self.signer };
        let network = match (self.network, self.ca_pem) {
            (Some(network), _) => network,
            // Reads files.
            (None, ca_pem) => {
                let making = runtime.spawn_blocking(move || Network::new(ca_pem.as_deref()));
                making.await.map_err(|_| Error::DriverStopped)??
            }
        };
        let clock = Clock::start();
        let (session, keeper) = match self.store {
            None => (Session::new(config, seed), None),
            // Reads files.
            Some(store) => {
                let opening = runtime.spawn_blocking(move || Keeper::open(store.as_ref()));
                let (keeper, kept) = opening.await.map_err(|_| Error::DriverStopped)??;
                (go_on(config, seed, kept, clock.now()), Some(keeper))
            }
        };
        Ok(launch(&runtime, session, own, network, clock, keeper))
    }

    fn wanted(mut self, provider: Wanted) -> Self {
        self.provider = Some(provider);
        self
    }
}

/// The session that was kept, or a new one where nothing of it is of use.
fn go_on(config: Config, seed: Seed, kept: Kept, now: Now) -> Session {
    let Some(record) = kept.record else { return Session::new(config, seed) };
    let fits = |key: &ProofKey| match config.key {
        KeyChoice::Auto => true,
        KeyChoice::Fixed(algorithm) => algorithm == key.algorithm().into(),
        KeyChoice::Held { .. } | KeyChoice::None => false,
    };
    let restored = match kept.key.filter(fits) {
        // Whether its kind is proved, the record knows.
        Some(key) => config.clone().key(KeyChoice::Held { key, proved: false }),
        None => config.clone(),
    };
    let session = Session::restore(restored, seed.clone(), &record, now);
    if session.is_restored() { session } else { Session::new(config, seed) }
}

fn launch(
    runtime: &Handle,
    session: Session,
    own: Own,
    network: Network,
    clock: Clock,
    keeper: Option<Keeper>,
) -> Client {
    let (asks, asked) = mpsc::unbounded_channel();
    let (status, status_shown) = watch::channel(session.status());
    let (credential, credential_shown) = watch::channel(None);
    let (progress, progress_shown) = watch::channel(Progress::Starting);
    let driver = Driver::new(
        session,
        clock,
        asked,
        own,
        Work::new(network.http, clock, keeper),
        Sockets::new(network.tls),
        Shown { status, credential, progress },
    );
    runtime.spawn(driver.run());
    Client::new(asks, status_shown, credential_shown, progress_shown, clock)
}

impl Wanted {
    fn judge(self, plain: Plain) -> Result<Source, Error> {
        let provider = match self {
            Self::Ready(source) => return Ok(source),
            Self::Embed { token, host } => Provider::Embed { token, host: judged(&host, plain, Kind::Http)? },
            Self::Subscriber { space, request } => {
                let space = space.judge(plain)?;
                // So that a field that is no good is told now and not by the first mint.
                request.request(&space)?;
                Provider::Subscriber { space, request }
            }
            Self::Guest { space, request } => {
                let space = space.judge(plain)?;
                request.request(&space)?;
                Provider::Guest { space, request }
            }
        };
        Ok(Source::Builtin(provider))
    }
}

impl Project {
    fn new(space: &str, id: &str, api_token: &str) -> Self {
        Self { url: with_scheme(space), id: id.to_owned(), api_token: Secret::new(api_token) }
    }

    fn judge(self, plain: Plain) -> Result<Space, Error> {
        let url = judged(&self.url, plain, Kind::Http)?;
        Ok(Space::new(url, &self.id, &self.api_token)?)
    }
}

/// A bare host name is short for `https://` and the name.
fn with_scheme(host: &str) -> String {
    if host.contains("://") { host.to_owned() } else { format!("https://{host}") }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    WebSocket,
}

fn judged(url: &str, plain: Plain, kind: Kind) -> Result<SecureUrl, Error> {
    let url = SecureUrl::parse(url, plain)?;
    match (kind, url.is_websocket()) {
        (Kind::Http, true) => Err(SessionError::InvalidUrl { reason: "it is not http or https" }.into()),
        (Kind::WebSocket, false) => Err(SessionError::InvalidUrl { reason: "it is not wss or ws" }.into()),
        _ => Ok(url),
    }
}
