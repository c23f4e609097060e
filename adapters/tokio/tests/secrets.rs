//! No log line of this crate, and none of its dependencies at DEBUG, holds a credential.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use satkeeper::Client;
use satkeeper_fixtures::{Config, Effect, Fault, Server, Target};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const CANARY: &str = "canary-api-token-5b1f";

/// Writes everything down: of target `satkeeper` at TRACE, of all others at DEBUG.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Everything {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("satkeeper") || *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut self.0.lock().expect("not poisoned")));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().expect("not poisoned")));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut all = self.0.lock().expect("not poisoned");
        let _ = write!(all, "\n{} {}", event.metadata().level(), event.metadata().target());
        event.record(&mut Line(&mut all));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

// proves R36.1
#[tokio::test]
async fn logs_hold_no_credential() {
    let logs = Everything::default();
    let _guard = tracing::subscriber::set_default(logs.clone());
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let malformed = Fault::next(Target::DevicesToken, 1, Effect::Malformed);
    server.faults().add(malformed).expect("a fault");
    let client = Client::builder()
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .ca_pem(server.ca_pem().expect("a TLS server"))
        .subscriber(&server.http_url(), "project", CANARY, "alice@example.com")
        .connect()
        .await
        .expect("a live session");
    let bound = async { client.status().wait_for(|status| status.bound).await.map(|_| ()) };
    tokio::time::timeout(Duration::from_secs(20), bound).await.expect("in time").expect("not over");
    let held = client.credential().borrow().clone().expect("a token in force");
    client.call("subscriber.online", json!({})).await.expect("an answer");
    client.call("no.such.method", json!({ "secret": held.token.expose() })).await.expect_err("a refusal");
    let shown = format!("{client:?} {:?} {:?}", client.status(), client.why().await);
    let end = client.disconnect().await;

    let logs = logs.0.lock().expect("not poisoned").clone();
    assert!(logs.contains("satkeeper") && logs.contains("Live"), "{logs}");
    for text in [logs, shown, format!("{end:?}")] {
        // Every token and every proof begins so.
        for secret in [CANARY, held.token.expose(), "eyJ", "Basic ", "Bearer "] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
