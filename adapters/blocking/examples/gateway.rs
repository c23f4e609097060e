//! A gateway on threads: a session that outlives its process, whose token the gateway's own HTTP requests carry.
//!
//! ```sh
//! cargo run -p satkeeper-blocking --example gateway
//! ```
//!
//! It starts the fixture server in its own process and plays two processes, one after the other. The first begins the session,
//! is refused one request for its token (401), and leaves; the second goes on.
#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::Duration;

use satkeeper_blocking::store::FileStore;
use satkeeper_blocking::{Client, EventKind, Severity};
use satkeeper_fixtures::{Config, Effect, Fault, Server, Target};

/// How long each of the two processes works.
const SHIFT: Duration = Duration::from_secs(6);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn main() -> Result<()> {
    // The server for this example is an async one; the client is not.
    let runtime = tokio::runtime::Runtime::new()?;
    let life = Duration::from_secs(8);
    let config = Config { sat_ttl: life, device_ttl: life, ..Config::plain() };
    let server = runtime.block_on(Server::start(config))?;
    let folder = std::env::temp_dir().join(format!("satkeeper-gateway-threads-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for process in ["first", "second"] {
        println!("-- the {process} process");
        work(&server, &folder.join("alice.session"))?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What one process does, from its start to its end.
fn work(server: &Server, store: &Path) -> Result<()> {
    let client = Client::builder()
        .subscriber(&server.http_url(), "project", "api-token", "alice@example.com")
        // For a server on this machine. SignalWire's own hosts follow from the token.
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .allow_plain_on_loopback(true)
        // A file of its own for each subscriber; its folder must exist.
        .store(FileStore::new(store))
        .connect()?;
    let watched = client.clone();
    let watching = thread::spawn(move || watch(&watched));

    // Somebody revokes the token behind our back: one request is refused for it.
    let refused = Effect::Status { code: 401, body: None, retry_after: None };
    server.faults().add(Fault::next(Target::SubscriberInfo, 1, refused))?;
    let status = fetch(&client, &format!("{}/api/fabric/subscriber/info", server.http_url()))?;
    println!("our own request: {status}");
    if status != 200 {
        return Err(format!("refused with {status}, twice").into());
    }

    // What ends a program of yours comes here: a signal, a message, the end of its input.
    thread::sleep(SHIFT);
    // Not `disconnect`: the next process resumes, with the same calls.
    println!("the session: {}", client.leave());
    watching.join().map_err(|_| "a thread has panicked")?;
    Ok(())
}

/// Says what goes on, until the session is over.
fn watch(client: &Client) {
    // An error says how many were missed, because nobody read in time.
    for event in client.events().flatten() {
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
fn fetch(client: &Client, url: &str) -> Result<u16> {
    let http =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let mut refused_before = false;
    loop {
        let held = client.credential().get().ok_or("no token is active")?;
        let bearer = format!("Bearer {}", held.token.expose());
        let status = http.get(url).header("authorization", bearer).call()?.status().as_u16();
        if status != 401 || refused_before {
            return Ok(status);
        }
        println!("our own request: {status}, once more with a newer token");
        client.rejected(held.generation)?;
        refused_before = true;
    }
}
