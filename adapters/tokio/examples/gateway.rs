//! A gateway: a session that outlives its process, whose token the gateway's own HTTP requests carry.
//!
//! ```sh
//! cargo run -p satkeeper --example gateway
//! ```
//!
//! It starts the fixture server in its own process and plays two processes, one after the other. The first begins the session,
//! is refused one request for its token (401), and leaves; the second goes on. Ctrl-C leaves early.
#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioExecutor;
use satkeeper::store::FileStore;
use satkeeper::{Client, EventKind, Severity};
use satkeeper_fixtures::{Config, Effect, Fault, Server, Target};

/// How long each of the two processes works.
const SHIFT: Duration = Duration::from_secs(6);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
pub(crate) async fn main() -> Result<()> {
    let life = Duration::from_secs(8);
    let server = Server::start(Config { sat_ttl: life, device_ttl: life, ..Config::plain() }).await?;
    let folder = std::env::temp_dir().join(format!("satkeeper-gateway-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for process in ["first", "second"] {
        println!("-- the {process} process");
        work(&server, &folder.join("alice.session")).await?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What one process does, from its start to its end.
async fn work(server: &Server, store: &Path) -> Result<()> {
    let client = Client::builder()
        .subscriber(&server.http_url(), "project", "api-token", "alice@example.com")
        // For a server on this machine. SignalWire's own hosts follow from the token.
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .allow_plain_on_loopback(true)
        // A file of its own for each subscriber; its folder must exist.
        .store(FileStore::new(store))
        .connect()
        .await?;
    let watching = tokio::spawn(watch(client.clone()));

    // Somebody revokes the token behind our back: one request is refused for it.
    let refused = Effect::Status { code: 401, body: None, retry_after: None };
    server.faults().add(Fault::next(Target::SubscriberInfo, 1, refused))?;
    let status = fetch(&client, &format!("{}/api/fabric/subscriber/info", server.http_url())).await?;
    println!("our own request: {status}");
    if status != StatusCode::OK {
        return Err(format!("refused with {status}, twice").into());
    }

    tokio::select! {
        _ = tokio::time::sleep(SHIFT) => {}
        _ = tokio::signal::ctrl_c() => println!("stopping"),
        end = client.closed() => return Err(format!("over by itself: {end}").into()),
    }
    // Not `disconnect`: the next process resumes, with the same calls.
    println!("the session: {}", client.leave().await);
    watching.await?;
    Ok(())
}

/// Says what goes on, until the session is over.
async fn watch(client: Client) {
    let mut events = client.events();
    while let Some(event) = events.recv().await {
        // An error says how many were missed, because nobody read in time.
        let Ok(event) = event else { continue };
        match event.kind() {
            EventKind::Live { resumed, .. } => println!("live, resumed: {resumed}"),
            EventKind::Survived { registration, calls, .. } => {
                println!("registration {}, calls {}", registration.name(), calls.name());
            }
            EventKind::Renewed { generation, .. } => println!("renewed: generation {}", generation.0),
            EventKind::Teardown { reason } => println!("over: {}", reason.name()),
            // For who is on call. Codes are stable; more will come.
            other if other.severity() >= Severity::Warning => {
                println!("! {} {:?}", other.code(), event.cause)
            }
            _ => {}
        }
    }
}

/// A request of the application's own, with the session's token. Where that is refused, the session is told, which gets
/// another; the request is repeated once.
async fn fetch(client: &Client, url: &str) -> Result<StatusCode> {
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    let mut refused_before = false;
    loop {
        let held = client.credential().borrow().clone().ok_or("no token is active")?;
        let request = Request::get(url)
            .header("authorization", format!("Bearer {}", held.token.expose()))
            .body(Empty::<Bytes>::new())?;
        let status = http.request(request).await?.status();
        if status != StatusCode::UNAUTHORIZED || refused_before {
            return Ok(status);
        }
        println!("our own request: {status}, once more with a newer token");
        client.rejected(held.generation).await?;
        refused_before = true;
    }
}
