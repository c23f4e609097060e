//! What is particular to the client on threads: the application's own code blocks, for longer than anybody waits,
//! and the session goes on. And its example `gateway`.
#![allow(clippy::print_stdout, reason = "shown when a test fails")]

#[path = "../examples/gateway.rs"]
mod gateway;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use satkeeper_blocking::{
    AuthenticateContext, Client, Credential, CredentialProvider, Phase, ProviderError, Refresh, Secret,
    SessionError,
};
use satkeeper_fixtures::{Config, MintSpec, Server};
use serde_json::json;

/// The fixture server is an async one.
struct Stage {
    runtime: tokio::runtime::Runtime,
    server: Arc<Server>,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let server = runtime.block_on(Server::start(Config::plain())).expect("the fixture server starts");
        Self { runtime, server: Arc::new(server) }
    }

    fn all_closed(&self) -> bool {
        let closed = self.server.until(Duration::from_secs(10), |counts| counts.sessions_live == 0);
        self.runtime.block_on(closed)
    }
}

/// Mints, and hangs in `refresh` until it is let go.
#[derive(Clone)]
struct Hanging {
    server: Arc<Server>,
    gate: Arc<(Mutex<bool>, Condvar)>,
    inside: Arc<AtomicU32>,
}

impl Hanging {
    fn gate(&self) -> MutexGuard<'_, bool> {
        self.gate.0.lock().expect("no panic")
    }

    fn let_go(&self) {
        *self.gate() = true;
        self.gate.1.notify_all();
    }
}

impl CredentialProvider for Hanging {
    fn authenticate(&self, _: AuthenticateContext) -> Result<Credential, ProviderError> {
        Ok(Credential::new(Secret::new(self.server.mint(MintSpec::default()))))
    }

    fn refresh(&self) -> Option<Refresh<'_>> {
        Some(Refresh::new(|_| {
            self.inside.fetch_add(1, Ordering::SeqCst);
            let open = self.gate.1.wait_while(self.gate(), |open| !*open).expect("no panic");
            drop(open);
            self.inside.fetch_sub(1, Ordering::SeqCst);
            Err(ProviderError::transient("too late"))
        }))
    }
}

fn session(stage: &Stage, provider: Hanging) -> Client {
    let builder = Client::builder().relay_url(stage.server.ws_url()).fabric_url(stage.server.http_url());
    builder.allow_plain_on_loopback(true).provider(provider).connect().expect("a live session")
}

fn hanging(stage: &Stage) -> Hanging {
    Hanging { server: Arc::clone(&stage.server), gate: Arc::default(), inside: Arc::default() }
}

#[test]
fn a_provider_that_hangs_holds_up_neither_the_session_nor_its_end() {
    // proves R25.8
    let stage = Stage::new();
    let provider = hanging(&stage);
    let client = session(&stage, provider.clone());
    let asking = client.clone();
    let waiting = std::thread::spawn(move || asking.refresh_now());
    let begun = Instant::now();
    while provider.inside.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    client.call("subscriber.online", json!({})).expect("an answer");
    assert_eq!(client.status().get().phase, Phase::Live);

    let begun = Instant::now();
    client.disconnect();
    assert!(begun.elapsed() < Duration::from_secs(3));
    let error = waiting.join().expect("no panic").expect_err("the session is over");
    assert!(matches!(error, satkeeper_blocking::Error::Session(SessionError::SessionOver)), "{error}");
    // Only now does it return, and nobody hears of it.
    assert_eq!(provider.inside.load(Ordering::SeqCst), 1);
    provider.let_go();
    assert!(stage.all_closed());
}

#[test]
fn the_last_handle_may_go_while_others_wait_for_its_end() {
    let stage = Stage::new();
    let client = session(&stage, hanging(&stage));
    let (events, status, credential) = (client.events(), client.status(), client.credential());
    let watching = std::thread::spawn(move || events.flatten().count());
    let waiting = std::thread::spawn(move || status.wait_for(Duration::MAX, |status| status.bound));
    drop(client);
    assert!(watching.join().expect("no panic") >= 2, "from `Live` to `Teardown`");
    assert!(waiting.join().expect("no panic").is_none(), "it never was");
    assert!(credential.get().is_none());
    assert!(stage.all_closed());
}

#[test]
fn a_gateway_goes_on_after_a_restart() {
    gateway::main().expect("both processes do their work");
}
