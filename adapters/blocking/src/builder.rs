//! Setting a session up.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use satkeeper_host::{Clock, End, Error, ProviderChoice, Settings};

use crate::client::Client;
use crate::driver::{Driver, Hooks};
use crate::network::Network;
use crate::provider::{self, CredentialProvider};
use crate::signer::ExternalSigner;

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

    /// Shares roots with other sessions; it knows whom to trust and which way to go, so that [`Builder::ca_pem`],
    /// [`Builder::proxy`] and [`Builder::no_proxy`] are of no effect.
    pub fn network(mut self, network: &Network) -> Self {
        self.network = Some(network.clone());
        self
    }

    /// Starts the session and waits until it is live, be it client-bound by then or not.
    ///
    /// # Errors
    /// [`Error::ConnectTimeout`] where it is not within [`Builder::connect_timeout`]: it names what went wrong last.
    /// Those of [`Builder::start`] and of [`Client::ready`]: what is wrong with the settings, or the error that
    /// ended the session, such as the refusal of a first token, or the failure of a provider that is asked once.
    pub fn connect(self) -> Result<Client, Error> {
        let begun = Instant::now();
        let (client, limit) = self.begin()?;
        client.ready_within(limit.saturating_sub(begun.elapsed()), limit)
    }

    /// Starts the session and returns at once, so that events can be watched from the beginning;
    /// [`Client::ready`] waits for it to be live. A first token that fails to come for now is asked for again without
    /// a limit, where the provider can mint again.
    ///
    /// # Errors
    /// [`SessionError::Store`](crate::SessionError::Store) where the store is in use, is refused or does not open within
    /// 5 s or [`Builder::connect_timeout`], [`Error::StoreOfAnother`]; [`Error::MissingProvider`],
    /// [`Error::MissingSigner`],
    /// [`Error::Certificate`], [`Error::Setup`], and of the session's
    /// [`SessionError::InvalidUrl`](crate::SessionError::InvalidUrl) and [`SessionError::InvalidField`](crate::SessionError::InvalidField).
    pub fn start(self) -> Result<Client, Error> {
        let (client, _) = self.begin()?;
        Ok(client)
    }

    /// The session, and how long it may take to be live.
    fn begin(self) -> Result<(Client, Duration), Error> {
        let validated = self.settings.validate()?;
        let limit = validated.connect_timeout();
        let network =
            self.network.map_or_else(|| Network::by_way_of(validated.proxies(), validated.ca_pem()), Ok)?;
        let clock = Clock::start();
        let opened = validated.open(clock.now())?;
        let none = |error: io::Error| Error::Setup { message: error.to_string() };
        let (driver, mailbox) = Driver::new(opened, self.hooks, network, clock).map_err(none)?;
        let shown = driver.published.clone();
        let showing = shown.clone();
        let driving = move || {
            let ended = catch_unwind(AssertUnwindSafe(|| driver.run()));
            showing.finish(ended.unwrap_or_else(|_| End::stopped()));
        };
        thread::Builder::new().name("satkeeper".to_owned()).spawn(driving).map_err(none)?;
        Ok((Client::new(mailbox, shown, clock), limit))
    }

    fn with_provider(mut self, provider: ProviderChoice) -> Self {
        self.hooks.provider = None;
        self.settings.provider = Some(provider);
        self
    }
}
