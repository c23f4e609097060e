//! The first token, where it does not come at once: who can be asked again is, within the limit of the connect; who is
//! asked once is told so.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use satkeeper::core::error::ProviderFault;
use satkeeper::{Error, Event, GuestToken, Phase, ProviderError, SessionError, Warning};
use satkeeper_fixtures::{Config, Effect, Fault, Server, Target, Times};
use satkeeper_tests::adapter::{Adapter, Own, Setup};
use satkeeper_tests::{await_event, client, soon, subscriber, with_each_adapter};

/// Nobody waits so long, unless the machine has much else to do.
const LONG: Duration = Duration::from_secs(60);

async fn failing(target: Target, times: Times) -> Server {
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let effect = Effect::Status { code: 503, body: None, retry_after: None };
    server.faults().add(Fault::new(target, times, effect)).expect("a fault that can be");
    server
}

fn is_failed_attempt(event: &Event) -> bool {
    matches!(event, Event::Warn(Warning::RefreshFailed { next: Some(_), .. }))
}

async fn it_is_asked_for_until_it_comes<A: Adapter>() {
    // survives W11
    let server = failing(Target::SubscribersTokens, Times::Next(3)).await;
    let client: A = subscriber(&server).connect_timeout(LONG).connect().await.expect("a live session");
    let mut events = client.events();
    for _ in 0..3 {
        await_event(&mut events, LONG, is_failed_attempt).await;
    }
    let counts = server.counts().of(Target::SubscribersTokens);
    assert_eq!((counts.ok, counts.total()), (1, 4), "{counts:?}");
}

async fn of_whatever_provider_that_can_mint_again<A: Adapter>() {
    // survives W11
    let server = failing(Target::EmbedsTokens, Times::Next(1)).await;
    let embed = client(&server).embed(&server.embed_token(), &server.http_url());
    embed.connect_timeout(LONG).connect::<A>().await.expect("a live session");

    let server = failing(Target::GuestsTokens, Times::Next(1)).await;
    let request = GuestToken {
        allowed_addresses: vec!["8f0a119a-cae7-4174-b10e-73f4ec9b1e63".to_owned()],
        ..GuestToken::default()
    };
    let guest = client(&server).guest(&server.http_url(), "project", "PTcanary-api-token", request);
    guest.connect_timeout(LONG).connect::<A>().await.expect("a live session");
}

async fn a_server_that_is_not_there_yet<A: Adapter>() {
    // survives W11
    let listen = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
    let (http, ws) = (format!("http://{listen}"), format!("ws://{listen}"));
    let setup = Setup::new().relay_url(ws).fabric_url(http.clone()).allow_plain_on_loopback(true);
    let client: A =
        setup.subscriber(&http, "project", "PTcanary-api-token", "alice").start().await.expect("begun");
    await_event(&mut client.events(), LONG, is_failed_attempt).await;
    assert_eq!(client.status().phase, Phase::Minting);
    let _server =
        Server::start(Config { listen, ..Config::plain() }).await.expect("the fixture server starts");
    tokio::time::timeout(LONG, client.ready()).await.expect("in time").expect("a live session");
}

async fn the_limit_of_the_connect_names_what_went_wrong<A: Adapter>() {
    // proves R26.4
    // survives W11
    let server = failing(Target::SubscribersTokens, Times::Always).await;
    let limit = Duration::from_millis(1_500);
    let error = soon(subscriber(&server).connect_timeout(limit).connect::<A>()).await.expect_err("too late");
    let Error::ConnectTimeout { after, phase: Phase::Minting, cause: Some(cause) } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((*after, error.code()), (limit, "connect_timeout"));
    assert!(matches!(&**cause, SessionError::Http(http) if http.status == 503), "{cause:?}");
    let said = error.to_string();
    assert!(
        said.contains("within 1500 ms") && said.contains("503") && said.contains("first token"),
        "{said}"
    );
    // It has ended: nothing is asked for any more.
    let asked = server.counts().of(Target::SubscribersTokens).total();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(server.counts().of(Target::SubscribersTokens).total(), asked);
}

async fn who_is_asked_once_is_told_so<A: Adapter>() {
    // survives W11
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let provider = Own::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Err(ProviderError::Transient { message: "no network".to_owned(), retry_after: None })
    });
    let error = soon(client(&server).provider(provider).connect::<A>()).await.expect_err("a failure");
    assert!(
        matches!(&error, Error::Session(SessionError::Provider { kind: ProviderFault::Once, .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("asked once") && error.to_string().contains("no network"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

with_each_adapter!(
    it_is_asked_for_until_it_comes,
    of_whatever_provider_that_can_mint_again,
    a_server_that_is_not_there_yet,
    the_limit_of_the_connect_names_what_went_wrong,
    who_is_asked_once_is_told_so,
);
