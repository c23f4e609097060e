//! How a session is set up, whatever the adapter.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use satkeeper::store::{Lease, Store, StoreError};
use satkeeper::{
    AuthenticateContext, BoxFuture, Credential, Error, GuestToken, KeyChoice, Policy, ProviderError,
    RefreshContext,
};

use crate::adapter::Adapter;
use crate::kms::Kms;

/// What a builder is told, by the names of its methods.
#[derive(Clone, Default)]
#[must_use]
pub struct Setup {
    pub(crate) relay_url: Option<String>,
    pub(crate) fabric_url: Option<String>,
    pub(crate) allow_hosts: Option<Vec<String>>,
    pub(crate) strict_proofs: bool,
    pub(crate) ca_pem: Option<String>,
    pub(crate) network: Option<Networks>,
    pub(crate) proxy: Option<String>,
    pub(crate) plain: bool,
    pub(crate) online: bool,
    pub(crate) contexts: Option<Vec<String>>,
    pub(crate) answer_timeout: Option<Duration>,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) source: Option<Source>,
    pub(crate) key: Option<KeyChoice>,
    pub(crate) signer: Option<Kms>,
    pub(crate) store: Option<SharedStore>,
    pub(crate) record_to: Option<PathBuf>,
    pub(crate) policy: Option<Policy>,
}

#[derive(Clone)]
pub(crate) enum Source {
    Subscriber { space: String, project: String, api_token: String, reference: String },
    Guest { space: String, project: String, api_token: String, request: GuestToken },
    Embed { token: String, host: String },
    Static(String),
    Own(Own),
}

impl Setup {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the WebSocket is.
    pub fn relay_url(mut self, url: impl Into<String>) -> Self {
        self.relay_url = Some(url.into());
        self
    }

    /// Where the REST endpoints are.
    pub fn fabric_url(mut self, url: impl Into<String>) -> Self {
        self.fabric_url = Some(url.into());
        self
    }

    /// Where tokens may lead.
    pub fn allow_hosts(mut self, hosts: &[&str]) -> Self {
        self.allow_hosts = Some(hosts.iter().map(|host| (*host).to_owned()).collect());
        self
    }

    /// Proofs as RFC 9449 has them: `full_htu` and `ath_on_activation`.
    pub fn strict_proofs(mut self) -> Self {
        self.strict_proofs = true;
        self
    }

    /// Whom to trust.
    pub fn ca_pem(mut self, pem: &str) -> Self {
        self.ca_pem = Some(pem.to_owned());
        self
    }

    /// Whom to trust, and what else sessions share.
    pub fn network(mut self, networks: &Networks) -> Self {
        self.network = Some(networks.clone());
        self
    }

    /// Which way to go.
    pub fn proxy(mut self, url: &str) -> Self {
        self.proxy = Some(url.to_owned());
        self
    }

    /// Plain text to loopback.
    pub fn allow_plain_on_loopback(mut self, allow: bool) -> Self {
        self.plain = allow;
        self
    }

    /// Keeps the subscriber reachable.
    pub fn online(mut self) -> Self {
        self.online = true;
        self
    }

    /// With these contexts, and something of the other interests.
    pub fn contexts(mut self, contexts: &[&str]) -> Self {
        self.contexts = Some(contexts.iter().map(|context| (*context).to_owned()).collect());
        self
    }

    /// How long the server waits for an answer.
    pub fn answer_timeout(mut self, limit: Duration) -> Self {
        self.answer_timeout = Some(limit);
        self
    }

    /// How long a call waits.
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.call_timeout = Some(limit);
        self
    }

    /// How long it may take to be live.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    /// Tokens of a subscriber.
    pub fn subscriber(mut self, space: &str, project: &str, api_token: &str, reference: &str) -> Self {
        let [space, project, api_token, reference] =
            [space, project, api_token, reference].map(str::to_owned);
        self.source = Some(Source::Subscriber { space, project, api_token, reference });
        self
    }

    /// Tokens of a guest.
    pub fn guest(mut self, space: &str, project: &str, api_token: &str, request: GuestToken) -> Self {
        let [space, project, api_token] = [space, project, api_token].map(str::to_owned);
        self.source = Some(Source::Guest { space, project, api_token, request });
        self
    }

    /// Tokens for an embed token.
    pub fn embed(mut self, token: &str, host: &str) -> Self {
        self.source = Some(Source::Embed { token: token.to_owned(), host: host.to_owned() });
        self
    }

    /// One token.
    pub fn static_token(mut self, token: impl Into<String>) -> Self {
        self.source = Some(Source::Static(token.into()));
        self
    }

    /// Tokens from the application.
    pub fn provider(mut self, provider: Own) -> Self {
        self.source = Some(Source::Own(provider));
        self
    }

    /// Which keys.
    pub fn key(mut self, key: KeyChoice) -> Self {
        self.key = Some(key);
        self
    }

    /// Who signs.
    pub fn signer(mut self, signer: &Kms) -> Self {
        self.signer = Some(signer.clone());
        self
    }

    /// Where it is kept.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(SharedStore(Arc::new(store)));
        self
    }

    /// With other numbers.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Where its run is written.
    pub fn record_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.record_to = Some(path.into());
        self
    }

    /// Starts a session.
    ///
    /// # Errors
    /// The adapter's.
    pub async fn start<A: Adapter>(self) -> Result<A, Error> {
        A::start(self).await
    }

    /// Starts a session and waits until it is live.
    ///
    /// # Errors
    /// The adapter's.
    pub async fn connect<A: Adapter>(self) -> Result<A, Error> {
        A::connect(self).await
    }
}

type Answer = Result<Credential, ProviderError>;

/// An application's own provider, for either adapter.
#[derive(Clone)]
pub struct Own {
    authenticate: Arc<dyn Fn(AuthenticateContext) -> Answer + Send + Sync>,
    refresh: Option<Arc<dyn Fn(RefreshContext) -> Answer + Send + Sync>>,
}

impl Own {
    /// With this `authenticate`, which is called once.
    pub fn new(authenticate: impl Fn(AuthenticateContext) -> Answer + Send + Sync + 'static) -> Self {
        Self { authenticate: Arc::new(authenticate), refresh: None }
    }

    /// With this `refresh` as well.
    #[must_use]
    pub fn with_refresh(
        mut self,
        refresh: impl Fn(RefreshContext) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.refresh = Some(Arc::new(refresh));
        self
    }
}

impl satkeeper::CredentialProvider for Own {
    fn authenticate(&self, context: AuthenticateContext) -> BoxFuture<'_, Answer> {
        Box::pin(async { (self.authenticate)(context) })
    }

    fn refresh(&self) -> Option<satkeeper::Refresh<'_>> {
        let refresh = self.refresh.as_ref()?;
        Some(satkeeper::Refresh::new(|context| async { refresh(context) }))
    }
}

impl satkeeper_blocking::CredentialProvider for Own {
    fn authenticate(&self, context: AuthenticateContext) -> Answer {
        (self.authenticate)(context)
    }

    fn refresh(&self) -> Option<satkeeper_blocking::Refresh<'_>> {
        self.refresh.as_ref().map(|refresh| satkeeper_blocking::Refresh::new(|context| refresh(context)))
    }
}

/// What sessions of a process share, for either adapter.
#[derive(Clone)]
pub struct Networks {
    tokio: satkeeper::Network,
    blocking: satkeeper_blocking::Network,
}

impl Networks {
    /// Ones that trust these.
    ///
    /// # Errors
    /// The adapters'.
    pub fn new(ca_pem: &str) -> Result<Self, Error> {
        let pem = Some(ca_pem.as_bytes());
        Ok(Self { tokio: satkeeper::Network::new(pem)?, blocking: satkeeper_blocking::Network::new(pem)? })
    }

    /// Trusts these from now on.
    ///
    /// # Errors
    /// The adapters', which must be of one mind.
    ///
    /// # Panics
    /// If they are not.
    pub fn trust(&self, ca_pem: &str) -> Result<(), Error> {
        let pem = Some(ca_pem.as_bytes());
        let both = (self.tokio.trust(pem), self.blocking.trust(pem));
        assert_eq!(both.0, both.1);
        both.0
    }
}

impl AsRef<satkeeper::Network> for Networks {
    fn as_ref(&self) -> &satkeeper::Network {
        &self.tokio
    }
}

impl AsRef<satkeeper_blocking::Network> for Networks {
    fn as_ref(&self) -> &satkeeper_blocking::Network {
        &self.blocking
    }
}

/// A store that a setup can hand to several clients.
#[derive(Clone)]
pub(crate) struct SharedStore(Arc<dyn Store>);

impl Store for SharedStore {
    fn name(&self) -> String {
        self.0.name()
    }

    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        self.0.lease()
    }
}
