//! Setting a session up.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use satkeeper_host::leased_store::{LeasedStore, StoredSession, does_not_open};
use satkeeper_host::store::Store;
use satkeeper_host::{Clock, Error, Opened, ProviderChoice, Settings};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::ask::Dispatcher;
use crate::client::Client;
use crate::driver::{Driver, Hooks};
use crate::network::Network;
use crate::provider::{self, CredentialProvider};
use crate::signer::ExternalSigner;
use crate::socket::Sockets;
use crate::state::PublishedState;
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
    settings: Settings,
    hooks: Hooks,
    network: Option<Network>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        let hooks = Hooks { provider: None, signer: None };
        Self { settings: Settings::default(), hooks, network: None }
    }

    satkeeper_host::setters!();

    /// Tokens from the application's own code; [`Callback`](crate::Callback) makes a provider of closures.
    pub fn provider(mut self, provider: impl CredentialProvider) -> Self {
        self = self.with_provider(ProviderChoice::Ready(provider::described(&provider)));
        self.hooks.provider = Some(Arc::new(provider));
        self
    }

    /// Who signs for a key that is [`external`](crate::ProofKey::external), which needs one.
    pub fn signer(mut self, signer: impl ExternalSigner) -> Self {
        self.hooks.signer = Some(Arc::new(signer));
        self.settings.has_signer = true;
        self
    }

    /// Shares roots and connections with other sessions; it knows whom to trust and which way to go, so that
    /// [`Builder::ca_pem`], [`Builder::proxy`] and [`Builder::no_proxy`] are of no effect.
    pub fn network(mut self, network: &Network) -> Self {
        self.network = Some(network.clone());
        self
    }

    /// Starts the session and waits until it is live, be it client-bound by then or not. Dropping the future
    /// drops the client.
    ///
    /// # Errors
    /// [`Error::ConnectTimeout`] where it is not within [`Builder::connect_timeout`]: it names what went wrong last.
    /// Those of [`Builder::start`] and of [`Client::ready`]: what is wrong with the settings, or the error that
    /// ended the session, such as the refusal of a first token, or the failure of a provider that is asked once.
    pub async fn connect(self) -> Result<Client, Error> {
        let begun = Instant::now();
        let (client, limit) = self.begin().await?;
        match timeout(limit.saturating_sub(begun.elapsed()), client.ready()).await {
            Ok(ready) => ready.map(|()| client),
            Err(_) => Err(client.give_up(limit).await),
        }
    }

    /// Starts the session and returns at once, so that events can be watched from the beginning;
    /// [`Client::ready`] waits for it to be live. A first token that fails to come for now is asked for again without
    /// a limit, where the provider can mint again.
    ///
    /// # Errors
    /// [`SessionError::Store`](crate::SessionError::Store) where the store is in use, is refused or does not open within
    /// 5 s or [`Builder::connect_timeout`], [`Error::StoreOfAnother`]; [`Error::MissingProvider`],
    /// [`Error::MissingSigner`],
    /// [`Error::Certificate`], [`Error::NoRuntime`], [`Error::Setup`], and of the
    /// session's [`SessionError::InvalidUrl`](crate::SessionError::InvalidUrl) and [`SessionError::InvalidField`](crate::SessionError::InvalidField).
    pub async fn start(self) -> Result<Client, Error> {
        let (client, _) = self.begin().await?;
        Ok(client)
    }

    /// The session, and how long it may take to be live.
    async fn begin(self) -> Result<(Client, Duration), Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let mut validated = self.settings.validate()?;
        let limit = validated.connect_timeout();
        let opening = validated.opening();
        let kept = match validated.take_store() {
            Some(store) => Some(taken(store, opening).await?),
            None => None,
        };
        let (network, clock) = (self.network, Clock::start());
        // Reads files.
        let opening = runtime.spawn_blocking(move || {
            let network =
                network.map_or_else(|| Network::by_way_of(validated.proxies(), validated.ca_pem()), Ok)?;
            Ok::<_, Error>((network, validated.open_with(kept, clock.now())?))
        });
        let (network, opened) = opening.await.map_err(|_| Error::DriverStopped)??;
        Ok((launch(&runtime, opened, self.hooks, network, clock), limit))
    }

    fn with_provider(mut self, provider: ProviderChoice) -> Self {
        self.hooks.provider = None;
        self.settings.provider = Some(provider);
        self
    }
}

/// A store that hangs keeps its own thread, and this waits no longer than it must.
async fn taken(store: Box<dyn Store>, within: Duration) -> Result<(LeasedStore, StoredSession), Error> {
    let (name, (tell, told)) = (store.name(), oneshot::channel());
    // Who has stopped waiting drops what has been opened, and so lets go of it.
    LeasedStore::open_and(store, move |opened| drop(tell.send(opened)));
    match timeout(within, told).await {
        Ok(Ok(opened)) => opened,
        _ => Err(does_not_open(&name, within)),
    }
}

fn launch(runtime: &Handle, opened: Opened, hooks: Hooks, network: Network, clock: Clock) -> Client {
    let (asks, asked) = mpsc::unbounded_channel();
    let (dispatcher, store) = Dispatcher::new(opened);
    let (published, seen) = PublishedState::new(&dispatcher);
    let work = Work::new(network.http, clock, store);
    let driver = Driver::new(dispatcher, clock, asked, hooks, work, Sockets::new(network.dialer), published);
    runtime.spawn(driver.run());
    Client::new(asks, seen, clock)
}
