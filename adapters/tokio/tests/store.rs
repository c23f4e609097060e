//! The same session goes on after a restart.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use satkeeper::store::{FileStore, MemoryStore, Store};
use satkeeper::{Builder, Client, Error, Event, KeyAlgorithm, KeyChoice, SessionError, SessionNews};
use satkeeper_fixtures::{Config, Counts, Server};

const SOON: Duration = Duration::from_secs(10);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("within ten seconds")
}

fn subscriber(server: &Server, store: impl Store) -> Builder {
    Client::builder()
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .allow_plain_on_loopback(true)
        .subscriber(&server.http_url(), "project", "canary-api-token", "alice@example.com")
        .store(store)
}

async fn bound(client: &Client) {
    soon(client.status().wait_for(|status| status.bound)).await.expect("a session that is not over");
}

async fn resumed(client: &Client) -> bool {
    let mut events = client.events();
    loop {
        let event = soon(events.recv()).await.expect("an event").expect("none missed");
        if let SessionNews::Lifecycle(Event::Live { resumed, .. }) = event.event {
            return resumed;
        }
    }
}

fn minted(counts: &Counts) -> u64 {
    counts.tokens_minted.values().sum()
}

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("satkeeper-e2e-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("session")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a session on a runtime of its own until it is bound and its state has been written, and then ends the
/// runtime: no goodbye, as if the process were killed.
fn killed(
    server: &Server,
    store: impl Store,
    written: impl Fn() -> bool + Sync,
    key: KeyAlgorithm,
) -> String {
    let builder = subscriber(server, store).key(KeyChoice::Fixed(key));
    std::thread::scope(|scope| {
        let one = scope.spawn(|| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let (token, client) = runtime.block_on(async {
                let client = soon(builder.connect()).await.expect("a live session");
                bound(&client).await;
                soon(async {
                    while !written() {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                })
                .await;
                let held = client.credential().borrow().clone().expect("a token in force");
                (held.token.expose().to_owned(), client)
            });
            runtime.shutdown_timeout(Duration::from_secs(2));
            // Not before: without a handle the session would say goodbye.
            drop(client);
            token
        });
        one.join().expect("a session")
    })
}

fn state_is_in(file: &Path, token: &str) -> bool {
    std::fs::read_to_string(file)
        .is_ok_and(|text| text.contains(token) && text.contains("\"resumable\":true"))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again_it_resumes_without_a_mint() {
    // proves L5, L34, L46
    // survives S22
    for key in [KeyAlgorithm::Es256, KeyAlgorithm::Rs256] {
        let server = Server::start(Config::plain()).await.expect("the fixture server starts");
        let folder = Folder::new("killed");
        let file = folder.file();
        let written = || state_is_in(&file, "\"in_force\":2");
        let token = killed(&server, FileStore::new(&file), written, key);
        assert!(server.until(SOON, |counts| counts.sessions_live == 0).await);
        let before = server.counts();

        let again = subscriber(&server, FileStore::new(&file)).key(KeyChoice::Fixed(key));
        let client = soon(again.connect()).await.expect("a live session");
        assert!(resumed(&client).await);
        let held = client.credential().borrow().clone().expect("a token in force");
        assert_eq!(held.token.expose(), token);
        let after = server.counts();
        assert_eq!(minted(&after), minted(&before), "nothing is minted while what is there is fresh");
        assert_eq!((after.resumes, after.fresh_connects), (before.resumes + 1, before.fresh_connects));
        assert_eq!(after.all_proofs_refused(), 0);

        // And what it holds can be renewed, with the key that was kept.
        soon(client.refresh_now()).await.expect("a new token in force");
        assert_eq!(server.counts().all_proofs_refused(), 0);
        let held = client.credential().borrow().clone().expect("a token in force");
        let text = std::fs::read_to_string(&file).expect("a record");
        assert!(text.contains(held.token.expose()), "written before it was pushed");

        // Goodbye: the tokens stay, the resume state goes.
        soon(client.disconnect()).await;
        assert!(!std::fs::read_to_string(&file).expect("a record").contains("\"resumable\":true"));
        let again = subscriber(&server, FileStore::new(&file)).key(KeyChoice::Fixed(key));
        let before = minted(&server.counts());
        let client = soon(again.connect()).await.expect("a live session");
        assert!(!resumed(&client).await);
        assert_eq!(minted(&server.counts()), before);

        // Destroyed: nothing stays.
        soon(client.destroy()).await;
        let key = folder.0.join("session.key.pem");
        assert!(!file.exists() && !key.exists());
    }
}

#[tokio::test]
async fn a_store_is_one_sessions_at_a_time() {
    // proves L30
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let store = MemoryStore::new();
    let client = soon(subscriber(&server, store.clone()).connect()).await.expect("a live session");
    let error = soon(subscriber(&server, store.clone()).connect()).await.expect_err("it is in use");
    assert!(matches!(&error, Error::Session(SessionError::Store { .. })), "{error}");
    bound(&client).await;
    let before = minted(&server.counts());
    soon(client.disconnect()).await;
    let client = soon(subscriber(&server, store).connect()).await.expect("a live session");
    assert_eq!(minted(&server.counts()), before);
    soon(client.disconnect()).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_left_as_it_is() {
    // proves L5
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let folder = Folder::new("damaged");
    let newer = "{\"format\":\"satkeeper record\",\"version\":99}";
    for (text, why) in [("{\"format\":\"satk", "ends too early"), (newer, "version 99")] {
        std::fs::write(folder.file(), text).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mine = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(folder.file(), mine).expect("a mode");
        }
        let error = soon(subscriber(&server, FileStore::new(folder.file())).connect()).await;
        let error = error.expect_err("no record").to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(std::fs::read_to_string(folder.file()).expect("still there"), text);
    }
    assert_eq!(minted(&server.counts()), 0);
}
