//! The stage of the end-to-end tests: one fixture server, clients of every adapter against it, and what the
//! *server* saw. Each test is written once and run with each adapter ([`adapter`]).
//!
//! | test | what it proves |
//! |---|---|
//! | `mechanisms` | each row of the table of R17, over real HTTP and WebSocket |
//! | `settings` | what is wrong with them is said before anything is sent |
//! | `first_token` | a first token that does not come at once, and the limit of the connect |
//! | `sessions` | what a session does and can be asked, from the mint to the goodbye |
//! | `store` | the same session goes on after `kill -9` |
//! | `phone` | what the server tells of the connection, being reachable, answers to the server |
//! | `phone_calls` | calls go on through renewals and lost sockets, and their end is told |
//! | `external_signer` | keys that live in a key service |
//! | `left_behind` | a hundred sessions leave no descriptor and no thread |
//! | `event_loop` | many sessions on one thread, without a runtime |
//! | `late_answers` | what comes after its deadline renews all the same |
//! | `judged` | a user of either adapter suffers in no world that real seconds can play (`judge/real`) |
//! | `replaced_sockets` | a socket is replaced without a gap, and goes last |
//! | `memory` | under 64 MiB for one session, whatever its server sends at full speed |
//! | `many_sessions` | two hundred sessions at once under dropped sockets |
//! | `security` | the security defaults, against servers that do what they should not |
//! | `canaries` | no secret in anything that is shown, told or logged |
//! | `recordings` | our requests are those of the official client, or differ for a reason that is listed |
//! | `recorded` | a session's run, written by an adapter, plays again to the same bytes and holds no secret |
//! | `serialised` | whatever is written down, in any crate, has a snapshot |
//! | `public_types` | what others match on can grow |
//! | `traceability` | every rule has its proof, every failure its scenario |

/// The code blocks of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

pub mod adapter;
pub mod front;
pub mod kms;
mod setup;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use satkeeper::{Credential, Event, Policy, Secret, SessionError, SessionNews, UnixMillis};
use satkeeper_fixtures::{Config, MintSpec, Server};

use crate::adapter::{Adapter, Events, Own, Setup};

/// A server and the providers that take their tokens from it.
pub struct Stage {
    /// The server.
    pub server: Arc<Server>,
    /// How often `refresh()` was called.
    pub refreshes: Arc<AtomicU32>,
}

impl Stage {
    /// A TLS server with these lives of its tokens.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn new(sat_ttl: Duration, device_ttl: Duration) -> Self {
        Self::with(Config { sat_ttl, device_ttl, unbound_scope_ttl: sat_ttl, ..Config::default() }).await
    }

    /// A server with this configuration.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn with(config: Config) -> Self {
        let server = Server::start(config).await.expect("the fixture server starts");
        Self { server: Arc::new(server), refreshes: Arc::default() }
    }

    /// A client that trusts the server and finds it.
    pub fn client(&self) -> Setup {
        client(&self.server)
    }

    /// A callback that mints at the server, bound to the fingerprint that it is handed if `scope`; with a
    /// `refresh()` that mints without scope if `refresh`, and says when what it mints ends: a server need not.
    pub fn provider(&self, scope: bool, refresh: bool) -> Own {
        let server = Arc::clone(&self.server);
        let provider = Own::new(move |context| {
            let fingerprint = context.fingerprint.filter(|_| scope);
            let token = server.mint(MintSpec { scope, fingerprint, ..MintSpec::default() });
            Ok(Credential::new(Secret::new(token)))
        });
        if !refresh {
            return provider;
        }
        let (server, refreshes) = (Arc::clone(&self.server), Arc::clone(&self.refreshes));
        provider.with_refresh(move |_| {
            refreshes.fetch_add(1, Ordering::Relaxed);
            let token = server.mint(MintSpec::default());
            let end = server.expires_at(&token).and_then(|end| u64::try_from(end).ok()).unwrap_or_default();
            Ok(Credential::new(Secret::new(token)).expiring_at(UnixMillis(end * 1000)))
        })
    }

    /// The same, with nothing said of its end.
    pub fn tacit_provider(&self, scope: bool) -> Own {
        let (server, refreshes) = (Arc::clone(&self.server), Arc::clone(&self.refreshes));
        self.provider(scope, false).with_refresh(move |_| {
            refreshes.fetch_add(1, Ordering::Relaxed);
            Ok(Credential::new(Secret::new(server.mint(MintSpec::default()))))
        })
    }
}

/// The limit of what takes no time of its own, or a wait or two of the policy's (5 s between requests on demand), on a busy
/// machine.
pub const SOON: Duration = Duration::from_secs(30);

/// Within [`SOON`].
///
/// # Panics
/// If it takes longer.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("within half a minute")
}

/// Numbers for tests in which renewals fail: attempts follow each other closely, and who waits for one is told soon that it
/// is not there yet.
#[must_use]
pub fn brisk() -> Policy {
    Policy::default().with(|policy| {
        policy.ask_patience = 3_000;
        (policy.wait_min, policy.wait_served, policy.wait_unanswered) = (100, 300, 300);
        policy.wait_upgrade = 300;
        (policy.exchange_refill_min, policy.exchange_refill_max) = (100, 100);
        (policy.attempt_min, policy.attempt_max) = (1_000, 1_000);
    })
}

/// A client that finds and trusts this server.
pub fn client(server: &Server) -> Setup {
    let setup = Setup::new().relay_url(server.ws_url()).fabric_url(server.http_url());
    match server.ca_pem() {
        Some(pem) => setup.ca_pem(pem),
        None => setup.allow_plain_on_loopback(true),
    }
}

/// The same, with the tokens of a subscriber.
pub fn subscriber(server: &Server) -> Setup {
    client(server).subscriber(&server.http_url(), "project", "PTcanary-api-token", "alice@example.com")
}

/// Until the token in force is a client-bound one: by a push, or at once where the exchange was faster than the
/// socket.
///
/// # Panics
/// If it never is.
pub async fn bound(client: &impl Adapter) {
    soon(client.until(|status| status.bound)).await.expect("a session that is not over");
}

/// The innermost error.
#[must_use]
pub fn root(error: &SessionError) -> &SessionError {
    match error {
        SessionError::TokenRefresh { source: Some(source), .. }
        | SessionError::DeviceToken { source: Some(source), .. } => root(source),
        other => other,
    }
}

/// Waits for the first lifecycle event that `wanted` accepts.
///
/// # Panics
/// If none comes within `limit` or the session ends before.
pub async fn await_event(
    events: &mut Events,
    limit: Duration,
    mut wanted: impl FnMut(&Event) -> bool,
) -> Event {
    let search = async {
        while let Some(event) = events.recv().await {
            if let SessionNews::Lifecycle(event) = event.expect("no event is missed").event
                && wanted(&event)
            {
                return event;
            }
        }
        panic!("the session ended before the event came");
    };
    tokio::time::timeout(limit, search).await.expect("the event comes in time")
}
