//! What is particular to the client on tokio: futures that are dropped, runtimes that go. All else is tested for
//! every adapter in `tests/` of the workspace.

use std::future::Future;
use std::time::Duration;

use satkeeper::{Builder, Client, End, Error};
use satkeeper_fixtures::{Config, Effect, Fault, Server, Target};
use serde_json::json;

const SOON: Duration = Duration::from_secs(10);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("within ten seconds")
}

async fn server(config: Config) -> Server {
    Server::start(config).await.expect("the fixture server starts")
}

fn subscriber(server: &Server) -> Builder {
    Client::builder()
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .ca_pem(server.ca_pem().expect("a TLS server"))
        .subscriber(&server.http_url(), "project", "canary-api-token", "alice@example.com")
}

#[tokio::test]
async fn dropping_the_connecting_future_disconnects() {
    let server = server(Config::default()).await;
    server.faults().add(Fault::always(Target::Connect, Effect::Hang)).expect("a fault");
    let connecting = subscriber(&server).connect();
    assert!(tokio::time::timeout(Duration::from_millis(500), connecting).await.is_err());
    assert!(server.until(SOON, |counts| counts.sockets_opened == 1 && counts.sockets_closed == 1).await);
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
    // What was told before is still there; then nothing comes, and nobody waits for it.
    let mut events = client.events();
    while let Some(told) = here.block_on(soon(events.recv())) {
        assert!(End::told(&told.expect("nothing is missing")).is_none(), "nobody was there to end it");
    }
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
