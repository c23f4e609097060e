//! What is wrong with the settings is said before anything is sent, and shows no part of a secret.

use satkeeper::{Builder, Client, CreateSubscriberToken, Error, SessionError};

const CANARY: &str = "canary-5b1f";

async fn refused(builder: Builder) -> Error {
    let error = builder.connect().await.expect_err("settings that are refused");
    let told = format!("{error} {error:?}");
    assert!(!told.contains(CANARY), "{told}");
    error
}

fn subscriber(space: &str) -> Builder {
    Client::builder().subscriber(space, "project", CANARY, "alice@example.com")
}

#[tokio::test]
async fn a_provider_is_needed() {
    assert_eq!(refused(Client::builder()).await, Error::MissingProvider);
}

// proves L50
#[tokio::test]
async fn urls_are_judged() {
    for space in
        ["http://example.signalwire.com", "wss://example.com", "https://u:canary-5b1f@example.com", "a b", ""]
    {
        let error = refused(subscriber(space)).await;
        assert!(matches!(error, Error::Session(SessionError::InvalidUrl { .. })), "{space}: {error}");
    }
    for builder in [
        subscriber("example.com").relay_url("https://relay.example.com"),
        subscriber("example.com").relay_url("ws://127.0.0.1:9"),
        subscriber("example.com").fabric_url("wss://fabric.example.com"),
        Client::builder().embed(CANARY, "http://embeds.example.com"),
    ] {
        let error = refused(builder).await;
        assert_eq!(error.code(), "invalid_url");
    }
}

// proves L50
#[tokio::test]
async fn plain_is_for_loopback_and_only_where_asked_whatever_the_order() {
    let plain = || subscriber("http://127.0.0.1:9");
    assert_eq!(refused(plain()).await.code(), "invalid_url");
    assert_eq!(
        refused(plain().allow_plain_on_loopback(true).allow_plain_on_loopback(false)).await.code(),
        "invalid_url"
    );
    let elsewhere = subscriber("http://localhost:9").allow_plain_on_loopback(true);
    assert_eq!(refused(elsewhere).await.code(), "invalid_url");
    let client = plain().allow_plain_on_loopback(true).start().await.expect("a client that has only begun");
    assert!(!format!("{client:?}").contains(CANARY));
}

// proves L43, L49
#[tokio::test]
async fn fields_are_checked_before_they_are_sent() {
    for builder in [
        Client::builder().subscriber("example.com", "pro:ject", CANARY, "alice"),
        Client::builder().subscriber("example.com", "project", "", "alice"),
        Client::builder().subscriber("example.com", "project", "canary-5b1f\r\nx: y", "alice"),
        Client::builder().subscriber("example.com", "project", CANARY, ""),
        Client::builder().subscriber_with(
            "example.com",
            "project",
            CANARY,
            CreateSubscriberToken {
                reference: "alice".into(),
                application_id: Some(CANARY.into()),
                ..Default::default()
            },
        ),
    ] {
        assert_eq!(refused(builder).await.code(), "invalid_field");
    }
}

#[tokio::test]
async fn an_authority_must_be_one() {
    let error = refused(subscriber("example.com").ca_pem(CANARY)).await;
    assert!(matches!(error, Error::Certificate { .. }));
}

#[test]
fn a_runtime_is_needed() {
    let mut start = std::pin::pin!(subscriber("example.com").start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = start.as_mut().poll(&mut context) else {
        panic!("an error at once")
    };
    assert_eq!(error, Error::NoRuntime);
}
