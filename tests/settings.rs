//! What is wrong with the settings is said before anything is sent, and shows no part of a secret.

use satkeeper::{Error, SessionError};
use satkeeper_tests::adapter::{Adapter, Setup};
use satkeeper_tests::with_each_adapter;

const CANARY: &str = "canary-5b1f";

async fn refused<A: Adapter>(setup: Setup) -> Error {
    let error = setup.connect::<A>().await.expect_err("settings that are refused");
    let told = format!("{error} {error:?}");
    assert!(!told.contains(CANARY), "{told}");
    error
}

fn subscriber(space: &str) -> Setup {
    Setup::new().subscriber(space, "project", CANARY, "alice@example.com")
}

async fn a_provider_is_needed<A: Adapter>() {
    assert_eq!(refused::<A>(Setup::new()).await, Error::MissingProvider);
}

// proves R36.4
async fn urls_are_judged<A: Adapter>() {
    for space in
        ["http://example.signalwire.com", "wss://example.com", "https://u:canary-5b1f@example.com", "a b", ""]
    {
        let error = refused::<A>(subscriber(space)).await;
        assert!(matches!(error, Error::Session(SessionError::InvalidUrl { .. })), "{space}: {error}");
    }
    for builder in [
        subscriber("example.com").relay_url("https://relay.example.com"),
        subscriber("example.com").relay_url("ws://127.0.0.1:9"),
        subscriber("example.com").fabric_url("wss://fabric.example.com"),
        Setup::new().embed(CANARY, "http://embeds.example.com"),
    ] {
        let error = refused::<A>(builder).await;
        assert_eq!(error.code(), "invalid_url");
    }
}

// proves R36.4
async fn plain_is_for_loopback_and_only_where_asked_whatever_the_order<A: Adapter>() {
    let plain = || subscriber("http://127.0.0.1:9");
    assert_eq!(refused::<A>(plain()).await.code(), "invalid_url");
    assert_eq!(
        refused::<A>(plain().allow_plain_on_loopback(true).allow_plain_on_loopback(false)).await.code(),
        "invalid_url"
    );
    let elsewhere = subscriber("http://localhost:9").allow_plain_on_loopback(true);
    assert_eq!(refused::<A>(elsewhere).await.code(), "invalid_url");
    let client: A =
        plain().allow_plain_on_loopback(true).start().await.expect("a client that has only begun");
    assert!(!format!("{client:?}").contains(CANARY));
}

// proves R34.1
async fn fields_are_checked_before_they_are_sent<A: Adapter>() {
    for builder in [
        Setup::new().subscriber("example.com", "pro:ject", CANARY, "alice"),
        Setup::new().subscriber("example.com", "project", "", "alice"),
        Setup::new().subscriber("example.com", "project", "canary-5b1f\r\nx: y", "alice"),
        Setup::new().subscriber("example.com", "project", CANARY, ""),
    ] {
        assert_eq!(refused::<A>(builder).await.code(), "invalid_field");
    }
}

async fn an_authority_must_be_one<A: Adapter>() {
    let error = refused::<A>(subscriber("example.com").ca_pem(CANARY)).await;
    assert!(matches!(error, Error::Certificate { .. }));
}

with_each_adapter! {
    a_provider_is_needed,
    urls_are_judged,
    plain_is_for_loopback_and_only_where_asked_whatever_the_order,
    fields_are_checked_before_they_are_sent,
    an_authority_must_be_one,
}
