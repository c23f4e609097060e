//! The client against the fixture server: real TLS, real sockets, real proofs.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use satkeeper::core::dpop::{Algorithm, PublicJwk, SignError};
use satkeeper::{
    BoxFuture, Builder, Callback, Client, Credential, Error, Event, Events, ExternalSigner, KeyAlgorithm,
    KeyChoice, Mechanism, Network, Phase, ProofKey, ProviderError, Secret, SessionError, SessionNews,
    SigningRequest, TeardownReason,
};
use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Server, Target};
use serde_json::json;

const SOON: Duration = Duration::from_secs(10);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("within ten seconds")
}

async fn server(config: Config) -> Server {
    Server::start(config).await.expect("the fixture server starts")
}

/// A client that finds and trusts this server.
fn client(server: &Server) -> Builder {
    let builder = Client::builder()
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .allow_plain_on_loopback(server.ca_pem().is_none());
    match server.ca_pem() {
        Some(pem) => builder.ca_pem(pem),
        None => builder,
    }
}

fn subscriber(server: &Server) -> Builder {
    client(server).subscriber(&server.http_url(), "project", "canary-api-token", "alice@example.com")
}

/// Until the token in force is a client-bound one: by a push, or at once where the exchange was faster than the
/// socket.
async fn bound(client: &Client) {
    soon(client.status().wait_for(|status| status.bound)).await.expect("a session that is not over");
}

/// The events up to the one that is wanted.
async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let Ok(event) = tokio::time::timeout(SOON, events.recv()).await else {
            panic!("only these within ten seconds: {seen:#?}");
        };
        let event = event.expect("an event before the end").expect("none missed");
        if let SessionNews::Lifecycle(event) = event.event {
            seen.push(event);
            if wanted(&event) {
                return seen;
            }
        }
    }
}

#[tokio::test]
async fn a_healthy_session_from_the_mint_to_the_goodbye() {
    let server = server(Config::default()).await;
    let client = soon(subscriber(&server).connect()).await.expect("a live session");

    let mut events = client.events();
    let seen = until(&mut events, |event| matches!(event, Event::Live { resumed: false, .. })).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    bound(&client).await;
    let status = *client.status().borrow();
    assert_eq!((status.phase, status.mechanism, status.bound), (Phase::Live, Mechanism::Bound, true));

    let answer = soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
    assert!(answer.is_object(), "{answer}");
    let refused = soon(client.call("no.such.method", json!({}))).await.expect_err("a refusal");
    assert!(matches!(refused, Error::Session(SessionError::Rpc { code: -32601, .. })), "{refused}");

    let held = client.credential().borrow().clone().expect("a token in force");
    assert_eq!(held.generation, status.generation);
    assert!(server.expires_at(held.token.expose()).is_some(), "a token of this server");
    assert!(client.why().await.is_some());

    let end = soon(client.disconnect()).await;
    assert_eq!((end.reason, end.error), (TeardownReason::Disconnected, None));
    assert!(client.credential().borrow().is_none());
    assert!(matches!(client.status().borrow().phase, Phase::Over(TeardownReason::Disconnected)));
    let over = soon(client.call("subscriber.online", json!({}))).await.expect_err("nothing after the end");
    assert!(over.is_over());
    assert!(soon(client.refresh_now()).await.expect_err("nothing after the end").is_over());
    assert_eq!(soon(client.disconnect()).await.reason, TeardownReason::Disconnected);

    until(&mut events, |event| matches!(event, Event::Teardown { .. })).await;
    assert!(soon(events.recv()).await.is_none());
    // Who only asks now is told what there was all the same.
    let late = until(&mut client.events(), |event| matches!(event, Event::Teardown { .. })).await;
    assert!(matches!(late.first(), Some(Event::Live { .. })), "{late:?}");

    assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await);
    let counts = server.counts();
    assert_eq!((counts.fresh_connects, counts.sockets_silent, counts.all_proofs_refused()), (1, 0, 0));
}

#[tokio::test]
async fn every_kind_of_key_and_plain_loopback() {
    for key in [KeyAlgorithm::Es256, KeyAlgorithm::Rs256] {
        let server = server(Config::plain()).await;
        let client = soon(subscriber(&server).key(KeyChoice::Fixed(key)).connect()).await.expect("live");
        bound(&client).await;
        soon(client.destroy()).await;
    }
}

#[tokio::test]
async fn a_key_that_the_process_does_not_hold() {
    /// Stands for an HSM: a key of its own, and slow.
    struct Hsm(EcdsaKeyPair);
    impl ExternalSigner for Hsm {
        fn sign(&self, request: SigningRequest) -> BoxFuture<'_, Result<Vec<u8>, SignError>> {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let signature = self.0.sign(&SystemRandom::new(), request.input.expose().as_bytes());
                Ok(signature.expect("a signature").as_ref().to_vec())
            })
        }
    }
    let server = server(Config::default()).await;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let jwk = PublicJwk::ec(x.try_into().expect("32 bytes"), y.try_into().expect("32 bytes"));
    let key = ProofKey::external(Algorithm::Es256, jwk).expect("a key");
    let held = KeyChoice::Held { key, proved: false };
    let client =
        soon(subscriber(&server).key(held).signer(Hsm(pair)).connect()).await.expect("a live session");
    bound(&client).await;
    soon(client.refresh_now()).await.expect("a newer token");
    assert_eq!(server.counts().all_proofs_refused(), 0);
    soon(client.disconnect()).await;
}

#[tokio::test]
async fn the_error_of_the_first_mint_goes_to_the_caller() {
    let server = server(Config { api_token: Some("another".into()), ..Config::default() }).await;
    let error = soon(subscriber(&server).connect()).await.expect_err("a refusal");
    assert!(matches!(&error, Error::Session(SessionError::Http(_))), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");

    let mine = Callback::new(|_| async { Err(ProviderError::Rejected("no such user".into())) });
    let error = soon(client(&server).provider(mine).connect()).await.expect_err("a refusal");
    assert!(error.to_string().contains("no such user"), "{error}");

    let panicking = Callback::new(|_| async { panic!("in the application") });
    let error = soon(client(&server).provider(panicking).connect()).await.expect_err("a failure");
    assert!(error.to_string().contains("panicked"), "{error}");
}

// proves L50
#[tokio::test]
async fn a_server_that_is_not_trusted_sees_nothing() {
    let server = server(Config::default()).await;
    let stranger = satkeeper_fixtures::Server::start(Config::default()).await.expect("a second server");
    let error = soon(subscriber(&server).ca_pem(stranger.ca_pem().unwrap_or_default()).connect()).await;
    let error = error.expect_err("a refusal");
    assert!(matches!(&error, Error::Session(SessionError::Transport { .. })), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn dropping_the_last_handle_or_the_connecting_future_disconnects() {
    let server = server(Config::default()).await;
    let client = soon(subscriber(&server).connect()).await.expect("a live session");
    let other = client.clone();
    drop(client);
    soon(other.call("subscriber.online", json!({}))).await.expect("the clone keeps it alive");
    drop(other);
    assert!(server.until(SOON, |counts| counts.sockets_closed == 1 && counts.sessions_live == 0).await);

    server.faults().add(Fault::always(Target::Connect, Effect::Hang)).expect("a fault");
    let connecting = subscriber(&server).connect();
    assert!(tokio::time::timeout(Duration::from_millis(500), connecting).await.is_err());
    assert!(server.until(SOON, |counts| counts.sockets_opened == 2 && counts.sockets_closed == 2).await);
}

#[test]
fn a_runtime_that_is_shut_down_takes_its_sessions_along() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let (servers, clients, here) = (runtime().unwrap(), runtime().unwrap(), runtime().unwrap());
    let server = servers.block_on(server(Config::default()));
    let client = clients.block_on(soon(subscriber(&server).connect())).expect("a live session");
    clients.shutdown_background();
    let end = here.block_on(soon(client.closed()));
    assert_eq!(end.error, Some(Error::DriverStopped));
    assert!(here.block_on(soon(client.call("x", json!({})))).expect_err("nothing after the end").is_over());
    assert!(here.block_on(soon(client.events().recv())).is_none());
}

#[tokio::test]
async fn a_callback_refreshes_and_can_be_replaced() {
    let server = Arc::new(server(Config::default()).await);
    let asked = Arc::new(AtomicU32::new(0));
    let provider = |server: &Arc<Server>, asked: &Arc<AtomicU32>| {
        let mint = {
            let server = Arc::clone(server);
            move || Ok(Credential::new(Secret::new(server.mint(MintSpec::default()))))
        };
        let (first, asked) = (mint.clone(), Arc::clone(asked));
        Callback::new(move |_| std::future::ready(first())).with_refresh(move || {
            asked.fetch_add(1, Ordering::SeqCst);
            std::future::ready(mint())
        })
    };
    let client = soon(client(&server).provider(provider(&server, &asked)).connect()).await.expect("live");
    let mut credential = client.credential();
    let first = credential.borrow_and_update().clone().expect("a token");
    let generation = soon(client.refresh_now()).await.expect("a newer token");
    assert!(generation > first.generation);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let second = credential.borrow_and_update().clone().expect("a token");
    assert!(second.token != first.token && second.generation == generation);
    // What was refused has been replaced already.
    assert!(soon(client.rejected(first.generation)).await.expect("recovered") >= generation);
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let replaced = Arc::new(AtomicU32::new(0));
    soon(client.set_provider(provider(&server, &replaced))).await.expect("a live session");
    soon(client.refresh_now()).await.expect("a newer token");
    assert_eq!((asked.load(Ordering::SeqCst), replaced.load(Ordering::SeqCst)), (1, 1));

    let token = Credential::new(Secret::new(server.mint(MintSpec::default())));
    soon(client.update_token(token)).await.expect("accepted");
    let error =
        soon(client.update_token(Credential::new(Secret::new("no token")))).await.expect_err("refused");
    assert_eq!(error.code(), "invalid_credentials");
    soon(client.disconnect()).await;
}

#[tokio::test]
async fn suspended_and_resumed_and_dropped_by_the_server() {
    let server = server(Config::default()).await;
    let client = soon(subscriber(&server).connect()).await.expect("a live session");
    let mut events = client.events();
    bound(&client).await;
    soon(client.suspend()).await.expect("not over");
    until(&mut events, |event| matches!(event, Event::Suspended)).await;
    assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await);
    soon(client.resume()).await.expect("not over");
    until(&mut events, |event| matches!(event, Event::Live { resumed: true, .. })).await;
    server.control().drop_sockets();
    until(&mut events, |event| matches!(event, Event::Live { resumed: true, .. })).await;
    soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
    soon(client.network_changed()).await.expect("not over");
    soon(client.disconnect()).await;
}

#[tokio::test]
async fn notifications_of_the_server_arrive_in_order() {
    let server = server(Config::default()).await;
    let client = soon(subscriber(&server).connect()).await.expect("a live session");
    for n in 0..5 {
        server.control().push_event("call.state", json!({ "n": n }));
    }
    let mut notifications = client.notifications();
    for n in 0..5 {
        let notification = soon(notifications.recv()).await.expect("one more").expect("none missed");
        assert_eq!(notification.method, "signalwire.event");
        assert_eq!(notification.params["params"]["n"], n);
    }
    drop(client);
    assert!(soon(notifications.recv()).await.is_none());
}

#[tokio::test]
async fn calls_that_nobody_waits_for_are_withdrawn_and_floods_are_bounded() {
    let server = server(Config::default()).await;
    let client = soon(subscriber(&server).connect()).await.expect("a live session");
    server.control().silence(true);
    for _ in 0..2_000 {
        let call = client.call("subscriber.online", json!({}));
        assert!(tokio::time::timeout(Duration::ZERO, call).await.is_err());
    }
    server.control().silence(false);
    soon(client.call("subscriber.online", json!({}))).await.expect("there is room again");

    let huge = soon(client.call("x", json!({ "x": "x".repeat(1 << 20) }))).await.expect_err("too large");
    assert_eq!(huge.code(), "invalid_field");
    let many = (0..1_200).map(|_| client.call("subscriber.online", json!({})));
    let answers = soon(futures_util::future::join_all(many)).await;
    let throttled =
        answers.iter().filter(|answer| answer.as_ref().is_err_and(|e| e.code() == "throttled")).count();
    assert!(throttled > 0, "more than 1,024 open calls");
    assert!(answers.iter().filter(|answer| answer.is_ok()).count() >= 1_024 - 1);
    soon(client.disconnect()).await;
}

#[tokio::test]
async fn a_hundred_sessions_leave_nothing_behind() {
    let server = server(Config::default()).await;
    let before = descriptors();
    let begun = Instant::now();
    let key = satkeeper::keys::generate(KeyAlgorithm::Rs256).expect("a key");
    let network = Network::new(server.ca_pem().map(str::as_bytes)).expect("a network");
    let sessions = (0..100).map(|_| {
        subscriber(&server)
            .network(&network)
            .key(KeyChoice::Held { key: key.clone(), proved: false })
            .connect()
    });
    let clients = futures_util::future::join_all(sessions).await;
    let clients: Vec<_> = clients.into_iter().map(|client| client.expect("a live session")).collect();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    soon(futures_util::future::join_all(clients.iter().map(Client::disconnect))).await;
    drop((clients, network));
    assert!(server.until(SOON, |counts| counts.sockets_closed == 100).await);
    let left = async {
        while descriptors() > before + 5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(left).await;
}

/// Open file descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
