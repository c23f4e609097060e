//! How a session is set up, and what is wrong with how it was.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use satkeeper_core::Now;
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::Policy;
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    ANSWER_TIMEOUT, CALL_TIMEOUT, Config, Credential, Interests, KeyChoice, Provider, Session, SessionEvent,
    SessionNews,
};
use satkeeper_core::wire::rest::{CreateSubscriberToken, GuestToken, Space};
use satkeeper_core::wire::routing::AllowedHosts;
use satkeeper_core::wire::url::{Plain, SecureUrl};

use crate::clock::Clock;
use crate::error::Error;
use crate::keeper::{Keeper, Kept, OPENING};
use crate::proxy::Proxies;
use crate::random;
use crate::store::Store;
use crate::tape::Tape;

/// Most bytes of what a session wants to hear of: it goes with each connect.
const MOST_INTERESTS: usize = 16 * 1_024;

/// How long a session may take to come to be.
const CONNECT: Duration = Duration::from_secs(30);
/// The same where a person may have to sign in first, for which the provider has 60 s.
const CONNECT_WITH_A_PERSON: Duration = Duration::from_secs(90);

/// What a builder has been told. Nothing is judged before [`Settings::judge`], whatever the order of the calls.
///
/// ```
/// use satkeeper_host::{Error, Settings};
/// assert!(matches!(Settings::default().judge().err(), Some(Error::MissingProvider)));
/// ```
pub struct Settings {
    /// Where tokens come from.
    pub provider: Option<Wanted>,
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
    /// How long a session may take to come to be; `None`: as [`Judged::connect_timeout`] says.
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

/// Whether to go through a proxy, and through which.
///
/// ```
/// use satkeeper_core::secret::Secret;
/// use satkeeper_host::{ProxyChoice, Settings, Wanted};
/// let proxy = ProxyChoice::Through(Secret::new("socks5://proxy.example.com"));
/// let provider = Some(Wanted::static_token("eyJ…"));
/// let refused = Settings { proxy, provider, ..Settings::default() }.judge().err();
/// assert!(refused.is_some_and(|error| error.code() == "invalid_field"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ProxyChoice {
    /// As the environment says ([`Proxies::from_env`]).
    #[default]
    Environment,
    /// Through none, whatever the environment says.
    None,
    /// Through this one: its URL may hold credentials.
    Through(Secret),
}

impl ProxyChoice {
    fn judge(&self) -> Result<Proxies, Error> {
        match self {
            Self::Environment => Ok(Proxies::from_env()),
            Self::None => Ok(Proxies::none()),
            Self::Through(url) => Proxies::through(url.expose()),
        }
    }
}

/// A provider as it was named; its URLs are judged when all is known.
///
/// ```
/// use satkeeper_host::{Clock, Settings, Wanted};
/// let provider = Some(Wanted::embed("c2c_7acc0e5e968706a032983cd80cdca219", "embeds.signalwire.com"));
/// let settings = Settings { provider, ..Settings::default() };
/// let opened = settings.judge()?.open(Clock::start().now())?;
/// assert!(!opened.session.is_restored() && opened.keeper.is_none());
/// # Ok::<(), satkeeper_host::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Wanted {
    /// One that is ready made: the application's own functions, or one that the session implements itself.
    Ready(Provider),
    /// An embed token and its host.
    Embed {
        /// `c2c_…`
        token: Secret,
        /// A name or a URL.
        host: String,
    },
    /// Tokens of a subscriber.
    Subscriber {
        /// Whose.
        space: Project,
        /// Which.
        request: Box<CreateSubscriberToken>,
    },
    /// Tokens of a guest.
    Guest {
        /// Whose.
        space: Project,
        /// Which.
        request: GuestToken,
    },
}

/// A space and the project credentials for it.
///
/// ```
/// use satkeeper_host::{Error, Project, Settings, Wanted};
/// let request = Default::default();
/// let space = Project::new("example.signalwire.com", "project:id", "api-token");
/// let provider = Some(Wanted::Subscriber { space, request });
/// let refused = Settings { provider, ..Settings::default() }.judge().err();
/// assert!(refused.is_some_and(|error| error.code() == "invalid_field"), "an id has no colon");
/// ```
#[derive(Debug)]
pub struct Project {
    url: String,
    id: String,
    api_token: Secret,
}

impl Project {
    /// `space`: `example.signalwire.com` or a URL.
    #[must_use]
    pub fn new(space: &str, id: &str, api_token: &str) -> Self {
        Self { url: with_scheme(space), id: id.to_owned(), api_token: Secret::new(api_token) }
    }

    fn judge(self, plain: Plain) -> Result<Space, Error> {
        let url = judged(&self.url, plain, Kind::Http)?;
        Ok(Space::new(url, &self.id, &self.api_token)?)
    }
}

impl Wanted {
    /// One token, ready made.
    #[must_use]
    pub fn static_token(token: impl Into<String>) -> Self {
        Self::Ready(Provider::Static(Credential::new(Secret::new(token))))
    }

    /// Tokens that are exchanged for a click-to-call token at `host`.
    #[must_use]
    pub fn embed(token: &str, host: &str) -> Self {
        Self::Embed { token: Secret::new(token), host: with_scheme(host) }
    }

    fn judge(self, plain: Plain) -> Result<Provider, Error> {
        Ok(match self {
            Self::Ready(provider) => provider,
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
        })
    }
}

/// Settings that are in order: what [`Settings::judge`] returns, see [`Wanted`] for an example.
pub struct Judged {
    config: Config,
    connect_timeout: Duration,
    seed: Seed,
    store: Option<Box<dyn Store>>,
    ca_pem: Option<Vec<u8>>,
    proxies: Proxies,
    record_to: Option<PathBuf>,
}

/// A session that has not started, and what its driver writes: what [`Judged::open`] returns, see [`Wanted`] for an
/// example.
#[derive(Debug)]
pub struct Opened {
    /// The one that was kept, or a new one.
    pub session: Session,
    /// The hold on its store, if it has one.
    pub keeper: Option<Keeper>,
    /// Its run, if that is recorded.
    pub tape: Option<Tape>,
    /// What the application is to be told first.
    pub news: Vec<SessionEvent>,
}

impl Settings {
    /// Says what is wrong with them, before anything is sent.
    ///
    /// # Errors
    /// [`Error::MissingProvider`], [`Error::MissingSigner`], [`Error::Setup`], and of the session's
    /// [`SessionError::InvalidUrl`] and [`SessionError::InvalidField`].
    pub fn judge(self) -> Result<Judged, Error> {
        if matches!(&self.key, KeyChoice::Held { key, .. } if key.is_external()) && !self.has_signer {
            // Else it would come out at the first proof, after a token was minted for the key.
            return Err(Error::MissingSigner);
        }
        let (plain, proxies) = (self.plain, self.proxy.judge()?);
        let mut config = Config::new(self.provider.ok_or(Error::MissingProvider)?.judge(plain)?);
        let mut policy = self.policy;
        // Nobody can promise more than there is (R1).
        policy.tick_counts_sleep &= Clock::start().counts_sleep();
        config.policy = policy.into();
        config.key = self.key;
        config.relay = self.relay_url.map(|url| judged(&url, plain, Kind::WebSocket)).transpose()?;
        config.fabric = self.fabric_url.map(|url| judged(&url, plain, Kind::Http)).transpose()?;
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
        Ok(Judged {
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

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Judged {
    /// Whom to trust beside the platform's certificate authorities, for [`Tls::new`](crate::tls::Tls::new).
    #[must_use]
    pub fn ca_pem(&self) -> Option<&[u8]> {
        self.ca_pem.as_deref()
    }

    /// How long the session may take to come to be: as was said, else 30 s, or 90 s where the application's own
    /// provider is asked once. It may have to ask a person, and has 60 s for that.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Which way to go.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        self.proxies.clone()
    }

    /// How long the store may take to open, and the file of the run: a start has a limit, and they are part of it.
    #[must_use]
    pub fn opening(&self) -> Duration {
        OPENING.min(self.connect_timeout)
    }

    /// The session that was kept, or a new one. Reads and writes files; waits for the store.
    ///
    /// # Errors
    /// As [`Keeper::open`] and [`Judged::open_with`].
    pub fn open(mut self, now: Now) -> Result<Opened, Error> {
        let within = self.opening();
        let kept = self.take_store().map(|store| Keeper::open_within(store, within)).transpose()?;
        self.open_with(kept, now)
    }

    /// Its store, for those who open that by other means than waiting, with [`Keeper::open_and`].
    pub fn take_store(&mut self) -> Option<Box<dyn Store>> {
        self.store.take()
    }

    /// The session that was kept, or a new one. Reads and writes the file that its run is recorded to, if it is.
    ///
    /// # Errors
    /// [`Error::StoreOfAnother`] where another's session is kept there, or one of another kind of provider; as
    /// [`Tape::begin`].
    pub fn open_with(self, kept: Option<(Keeper, Kept)>, now: Now) -> Result<Opened, Error> {
        let within = self.opening();
        let Self { config, seed, record_to, store: _, connect_timeout: _, ca_pem: _, proxies: _ } = self;
        let (mut session, keeper, news) = match kept {
            None => (Session::new(config, seed), None, Vec::new()),
            Some((keeper, mut kept)) => {
                let mut news = std::mem::take(&mut kept.news);
                news.iter_mut().for_each(|told| told.at = now);
                let session = go_on(config, seed, kept, &keeper, now, &mut news)?;
                (session, Some(keeper), news)
            }
        };
        let tape = record_to.map(|path| Tape::begin(&path, &mut session, now, within)).transpose()?;
        Ok(Opened { session, keeper, tape, news })
    }
}

/// The session that was kept, or a new one where nothing of it is of use, which is told.
fn go_on(
    config: Config,
    seed: Seed,
    kept: Kept,
    keeper: &Keeper,
    now: Now,
    news: &mut Vec<SessionEvent>,
) -> Result<Session, Error> {
    let Some(record) = kept.record else { return Ok(Session::new(config, seed)) };
    // One mistyped name, or one token for another, must not cost anybody's session. Who begins to say whose tokens
    // their own functions bring may keep the store that they have.
    let ours = config.provider.whose();
    let begins_to_say = record.whose().is_none() && matches!(config.provider, Provider::Callback { .. });
    if record.whose() != ours.as_deref() && !begins_to_say {
        let theirs = record.whose().unwrap_or("an application that does not say whose").to_owned();
        return Err(Error::StoreOfAnother { store: keeper.name().to_owned(), theirs });
    }
    let fits = |key: &ProofKey| match config.key {
        KeyChoice::Auto => true,
        KeyChoice::Fixed(algorithm) => algorithm == key.algorithm().into(),
        // A key of the application's own, or none.
        _ => false,
    };
    let restored = match kept.key.filter(fits) {
        // Whether its kind is proved, the record knows.
        Some(key) => config.clone().key(KeyChoice::Held { key, proved: false }),
        None => config.clone(),
    };
    let session = Session::restore(restored, seed.clone(), &record, now);
    if session.is_restored() {
        return Ok(session);
    }
    let why = match &config.provider {
        Provider::Static(_) => "the token that its session began with is another",
        _ => "nobody had said whose session it keeps",
    };
    let cause = SessionError::Store { message: format!("{}: {why}", keeper.name()) };
    news.push(SessionEvent::new(now, SessionNews::RecordUnused, Some(cause)));
    Ok(Session::new(config, seed))
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
