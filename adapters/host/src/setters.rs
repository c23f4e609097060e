//! What the builders of all adapters can be told.

/// The setters that builders have in common, for the `impl` of one that has a field `settings`
/// ([`Settings`](crate::Settings)) and a method `with_provider` that names the provider
/// ([`ProviderChoice`](crate::ProviderChoice)).
///
/// Where it is used, the crate depends on `satkeeper-core`, and for the links of its docs has `Client`, `KeyChoice` and
/// `store` at its root, as the adapters have. A macro, because a trait would have to be imported by whoever calls them, and to a type of
/// this crate no adapter could add its `connect`.
///
/// ```
/// use satkeeper_host::{Error, Settings, ProviderChoice};
///
/// /// Begins a session.
/// pub struct Builder {
///     settings: Settings,
/// }
///
/// impl Builder {
///     satkeeper_host::setters!();
///
///     fn with_provider(mut self, provider: ProviderChoice) -> Self {
///         self.settings.provider = Some(provider);
///         self
///     }
/// }
///
/// let builder = Builder { settings: Settings::default() }.fabric_url("http://fabric.example.com");
/// let refused = builder.static_token("eyJ…").settings.validate().err();
/// assert!(refused.is_some_and(|error| error.code() == "invalid_url"), "plain text");
/// ```
#[macro_export]
macro_rules! setters {
    () => {
        /// Tokens of a subscriber, minted, renewed and minted anew with a project's credentials: for programs that
        /// may hold those, not for end users' devices. `space`: `example.signalwire.com` or a URL; `reference`: the
        /// subscriber's stable id, often an email address; it is created if need be.
        pub fn subscriber(self, space: &str, project: &str, api_token: &str, reference: &str) -> Self {
            let request = ::satkeeper_core::wire::rest::CreateSubscriberToken {
                reference: reference.to_owned(),
                ..Default::default()
            };
            self.subscriber_with(space, project, api_token, request)
        }

        /// As [`subscriber`](Self::subscriber), with more than a reference. Fingerprint and scope are filled in by
        /// the session.
        pub fn subscriber_with(
            self,
            space: &str,
            project: &str,
            api_token: &str,
            request: ::satkeeper_core::wire::rest::CreateSubscriberToken,
        ) -> Self {
            let space = $crate::Project::new(space, project, api_token);
            self.with_provider($crate::ProviderChoice::Subscriber { space, request: Box::new(request) })
        }

        /// Tokens of a guest, minted and minted anew with a project's credentials.
        pub fn guest(
            self,
            space: &str,
            project: &str,
            api_token: &str,
            request: ::satkeeper_core::wire::rest::GuestToken,
        ) -> Self {
            let space = $crate::Project::new(space, project, api_token);
            self.with_provider($crate::ProviderChoice::Guest { space, request })
        }

        /// Tokens that are exchanged for a click-to-call token (`c2c_…`) at `host`: `embeds.signalwire.com`, the
        /// space's own, or a URL. Exchanged anew when one ends.
        pub fn embed(self, token: &str, host: &str) -> Self {
            self.with_provider($crate::ProviderChoice::embed(token, host))
        }

        /// One token. Where it carries `sat:refresh` the session renews it by itself; else the session ends with
        /// it, unless [`Client::update_token`](crate::Client::update_token) brings another.
        pub fn static_token(self, token: impl Into<String>) -> Self {
            self.with_provider($crate::ProviderChoice::static_token(token))
        }

        /// Tokens from one of the providers that the session implements itself.
        pub fn builtin_provider(self, provider: ::satkeeper_core::session::Provider) -> Self {
            self.with_provider($crate::ProviderChoice::Ready(provider))
        }

        /// The numbers behind the decisions.
        pub fn policy(mut self, policy: ::satkeeper_core::lifecycle::Policy) -> Self {
            self.settings.policy = policy;
            self
        }

        /// Which proof-of-possession keys may be used. Default
        /// [`KeyChoice::Auto`](crate::KeyChoice::Auto).
        pub fn key(mut self, key: ::satkeeper_core::session::KeyChoice) -> Self {
            self.settings.key = key;
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

        /// The only hosts that a token may lead to: names, and names that begin with `*.`, which stand for all
        /// below them. For applications that take tokens from others: a token names the host that it is sent to
        /// (`ch`), and the host of the REST endpoints follows from it (`relay.example.com` leads to
        /// `fabric.example.com` as well, and one that names none to `puc.signalwire.com` and
        /// `fabric.signalwire.com`). Any other token is refused, with
        /// [`SessionError::HostNotAllowed`](crate::SessionError::HostNotAllowed), before a byte is sent. What
        /// [`relay_url`](Self::relay_url), [`fabric_url`](Self::fabric_url) and the provider's settings name is the
        /// application's own choice, and needs no mention here. Default: any host.
        pub fn allow_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
            self.settings.allow_hosts = Some(hosts.into_iter().map(Into::into).collect());
            self
        }

        /// Whether proofs name the whole URI (RFC 9449) instead of the path that the official client names. Servers
        /// that take RFC 9449 at its word want it; SignalWire's own is known to take the path. Default no.
        pub fn full_htu(mut self, full: bool) -> Self {
            self.settings.full_htu = full;
            self
        }

        /// Whether the proof of the exchange that makes a session client-bound, too, names the token that it comes
        /// with (`ath`, RFC 9449, 4.2), as those of renewals do. The official client leaves it out there; servers that
        /// take RFC 9449 at its word refuse that. Default no.
        pub fn ath_on_activation(mut self, ath: bool) -> Self {
            self.settings.ath_on_activation = ath;
            self
        }

        /// The `agent` that is told to the server. Default `satkeeper/<version>`.
        pub fn agent(mut self, agent: impl Into<String>) -> Self {
            self.settings.agent = Some(agent.into());
            self
        }

        /// Trusts these certificate authorities (PEM, one or more) beside the platform's.
        pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
            self.settings.ca_pem = Some(pem.into());
            self
        }

        /// Goes through this proxy (`CONNECT`): `http://` or `https://`, a host, a port, credentials if it wants some
        /// (`http://user:password@proxy.example.com:3128`). Default: what the environment names in `HTTPS_PROXY` or
        /// `ALL_PROXY`, in lower case, too, except for what `NO_PROXY` lists. Loopback goes through none.
        pub fn proxy(mut self, url: impl Into<String>) -> Self {
            self.settings.proxy = $crate::ProxyChoice::Through(::satkeeper_core::secret::Secret::new(url));
            self
        }

        /// Goes through no proxy, whatever the environment names.
        pub fn no_proxy(mut self) -> Self {
            self.settings.proxy = $crate::ProxyChoice::None;
            self
        }

        /// Whether `http` and `ws` are accepted for literal loopback addresses (`127.0.0.0/8`, `[::1]`). Default
        /// no. Elsewhere they never are.
        pub fn allow_plain_on_loopback(mut self, allow: bool) -> Self {
            use ::satkeeper_core::wire::url::Plain;
            self.settings.plain = if allow { Plain::Loopback } else { Plain::Never };
            self
        }

        /// What jitter and proof ids are drawn from, for tests: two sessions with the same seed make the same ids,
        /// which a server refuses. Default: 32 bytes of the operating system's randomness.
        pub fn seed(mut self, seed: ::satkeeper_core::secret::Seed) -> Self {
            self.settings.seed = Some(seed);
            self
        }

        /// Keeps the session's tokens, key and resume state there ([`FileStore`](crate::store::FileStore)), and
        /// goes on with what is there: nothing is minted while it is fresh, and what was left or killed is resumed.
        /// What cannot be read is set aside and told of in an event. What is another's, or was kept
        /// with another kind of provider, is refused ([`Error::StoreOfAnother`](crate::Error::StoreOfAnother)); an
        /// application's own provider says whose tokens it brings ([`CredentialProvider::whose`](crate::CredentialProvider::whose)).
        /// A session that began with another static token is not used, which is told of in an event, and the new one
        /// takes its place. The store is this session's alone until the session is over. Default: nothing outlives
        /// the process.
        pub fn store(mut self, store: impl $crate::store::Store) -> Self {
            self.settings.store = Some(Box::new(store));
            self
        }

        /// Writes down what the machine that decides hears and says, after what is in this file; a new one is for its
        /// owner only. Facts, times, kinds of failures, one JSON object a line, and no token, key or text. The program
        /// `scenario replay` of satkeeper's repository plays it again, step by step. A disk that hangs does not hold the
        /// session up: what finds no room is missing, and `{"missing":3}` says so; the end waits 2 s for it. It grows for as long as the
        /// session lasts, by some 100 KB an hour where all is quiet. Default: nothing is recorded.
        pub fn record_to(mut self, path: impl Into<::std::path::PathBuf>) -> Self {
            self.settings.record_to = Some(path.into());
            self
        }

        /// How long [`Builder::connect`] may take, from the opening of the store to the session being live. A first
        /// token that fails to come for now is asked for again until then, where the provider can mint again: all
        /// that are built in can but the static one, an application's own if it says so. [`Builder::start`] has no such
        /// limit: its session goes on until it is told to end, or there is no hope. Opening a store has 5 s of its own,
        /// whatever is said here. Default 30 s, 90 s with a provider of the application's own that is asked once, since a person may have to sign
        /// in first.
        pub fn connect_timeout(mut self, limit: ::std::time::Duration) -> Self {
            self.settings.connect_timeout = Some(limit);
            self
        }

        /// `contexts` of the connect: whose inbound calls and messages come to this session, beside the subscriber's
        /// own. Told with each connect; at most 16 KiB together with the next two.
        pub fn contexts<W: Into<String>>(mut self, contexts: impl IntoIterator<Item = W>) -> Self {
            self.settings.interests.contexts = contexts.into_iter().map(Into::into).collect();
            self
        }

        /// `eventing` of the connect.
        pub fn eventing<W: Into<String>>(mut self, eventing: impl IntoIterator<Item = W>) -> Self {
            self.settings.interests.eventing = eventing.into_iter().map(Into::into).collect();
            self
        }

        /// `topics` of the connect.
        pub fn topics<W: Into<String>>(mut self, topics: impl IntoIterator<Item = W>) -> Self {
            self.settings.interests.topics = topics.into_iter().map(Into::into).collect();
            self
        }

        /// Whether the session keeps its subscriber reachable: it calls `subscriber.online` whenever it is live,
        /// again, as the official client does, and again after failures
        /// ([`EventKind::Registered`](crate::EventKind::Registered),
        /// [`EventKind::RegistrationFailed`](crate::EventKind::RegistrationFailed)). Who does not want to be disturbed
        /// calls `subscriber.offline`, and is left in peace until `subscriber.online` is called. Default no.
        pub fn online(mut self, online: bool) -> Self {
            self.settings.online = online;
            self
        }

        /// How long a request of the server's waits for the application's answer
        /// ([`Notification::respond`](crate::Notification::respond)). Default 60 s.
        pub fn answer_timeout(mut self, limit: ::std::time::Duration) -> Self {
            self.settings.answer_timeout = limit;
            self
        }

        /// How long [`Client::call`](crate::Client::call) waits for an answer once the call has been sent. Default
        /// 10 s.
        pub fn call_timeout(mut self, limit: ::std::time::Duration) -> Self {
            self.settings.call_timeout = limit;
            self
        }
    };
}
