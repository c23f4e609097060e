//! What the builder says of itself; how settings are judged is tested for every adapter in `tests/settings.rs` of the
//! workspace.

use satkeeper::{Builder, Client, CreateSubscriberToken, Error};

const CANARY: &str = "canary-5b1f";

fn subscriber(request: CreateSubscriberToken) -> Builder {
    Client::builder().subscriber_with("example.com", "project", CANARY, request)
}

// proves R34.1, R36.1
#[tokio::test]
async fn fields_are_checked_before_they_are_sent() {
    let request = CreateSubscriberToken {
        reference: "alice".into(),
        application_id: Some(CANARY.into()),
        ..Default::default()
    };
    let error = subscriber(request).connect().await.expect_err("settings that are refused");
    assert_eq!(error.code(), "invalid_field");
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
}

#[test]
fn a_runtime_is_needed() {
    let mut start = std::pin::pin!(subscriber(CreateSubscriberToken::default()).start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = start.as_mut().poll(&mut context) else {
        panic!("an error at once")
    };
    assert_eq!(error, Error::NoRuntime);
}
