//! The same session goes on after a restart.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use satkeeper::store::{FileStore, Lease, MemoryStore, Store, StoreError};
use satkeeper::{
    Error, Event, KeyAlgorithm, KeyChoice, Secret, SessionError, SessionNews, TeardownReason, Warning,
};
use satkeeper_fixtures::{Config, Counts, Direction, Effect, Fault, Server, Target, Times};
use satkeeper_tests::adapter::{Adapter, Setup};
use satkeeper_tests::{SOON, bound, soon, with_each_adapter};

fn subscriber(server: &Server, store: impl Store) -> Setup {
    satkeeper_tests::subscriber(server).store(store)
}

async fn resumed(client: &impl Adapter) -> bool {
    let mut events = client.events();
    loop {
        let event = soon(events.recv()).await.expect("an event").expect("none missed");
        if let SessionNews::Lifecycle(Event::Live { resumed, .. }) = event.event {
            return resumed;
        }
    }
}

/// Until it is bound and can be resumed: what that needs comes after the answer to the push, and before the one to this
/// call.
async fn resumable(client: &impl Adapter) {
    bound(client).await;
    soon(client.call("subscriber.online", serde_json::json!({}))).await.expect("an answer");
}

fn minted(counts: &Counts) -> u64 {
    counts.tokens_minted.values().sum()
}

/// What is in a store's file.
fn written(file: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap_or_default()).unwrap_or_default()
}

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new<A: Adapter>(name: &str) -> Self {
        let name = format!("satkeeper-e2e-{name}-{}-{}", A::MODULE, std::process::id());
        let path = std::env::temp_dir().join(name);
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

/// Where the child finds its server, its file and its kind of key.
const TOLD: [&str; 3] = ["SATKEEPER_TEST_SERVER", "SATKEEPER_TEST_FILE", "SATKEEPER_TEST_KEY"];

/// A process of its own runs a session until it is bound and its state has been written, and is killed: no goodbye.
/// Returns the token in force.
async fn killed<A: Adapter>(server: &Server, file: &Path, key: KeyAlgorithm) -> String {
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("{}::lives_until_it_is_killed", A::MODULE), "--ignored"])
        .env(TOLD[0], server.addr().to_string())
        .env(TOLD[1], file)
        .env(TOLD[2], format!("{key:?}"))
        .stdout(Stdio::null())
        .spawn()
        .expect("a child process");
    let mut child = Child(child);
    let token = async {
        loop {
            let record = written(file);
            let tokens = record["tokens"].as_array().into_iter().flatten();
            // The second: the bound one.
            let bound = tokens.filter(|token| token["id"] == 2).find_map(|token| token["token"].as_str());
            if let Some(bound) = bound
                && record["snapshot"]["in_force"] == 2
                && record["snapshot"]["state"] == record["snapshot"]["generation"]
            {
                return bound.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let token = soon(token).await;
    // SIGKILL.
    child.0.kill().expect("it lives");
    child.0.wait().expect("it is gone");
    token
}

/// It does not outlive its test, whatever becomes of that.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

async fn lives_until_it_is_killed<A: Adapter>() {
    let [server, file, key] = TOLD.map(|name| std::env::var(name).expect("told by its parent"));
    let key = if key == "Rs256" { KeyAlgorithm::Rs256 } else { KeyAlgorithm::Es256 };
    let (http, ws) = (format!("http://{server}"), format!("ws://{server}"));
    let setup = Setup::new().relay_url(ws).fabric_url(&http).allow_plain_on_loopback(true);
    let setup = setup.subscriber(&http, "project", "PTcanary-api-token", "alice@example.com");
    let client: A =
        setup.key(KeyChoice::Fixed(key)).store(FileStore::new(file)).connect().await.expect("live");
    assert_eq!(client.closed().await.reason, TeardownReason::Expired, "it is killed before");
}

async fn killed_and_started_again_it_resumes_without_a_mint<A: Adapter>() {
    // proves R13.1, R13.3, R21.3, R33.4, R33.5
    // survives S22
    for key in [KeyAlgorithm::Es256, KeyAlgorithm::Rs256] {
        let server = Server::start(Config::plain()).await.expect("the fixture server starts");
        let folder = Folder::new::<A>("killed");
        let file = folder.file();
        let token = killed::<A>(&server, &file, key).await;
        assert!(server.until(SOON, |counts| counts.sessions_live == 0).await);
        let before = server.counts();

        let again = subscriber(&server, FileStore::new(&file)).key(KeyChoice::Fixed(key));
        let client: A = soon(again.connect()).await.expect("a live session");
        assert!(resumed(&client).await);
        let held = client.credential().expect("a token in force");
        assert_eq!(held.token.expose(), token);
        let after = server.counts();
        assert_eq!(minted(&after), minted(&before), "nothing is minted while what is there is fresh");
        assert_eq!((after.resumes, after.fresh_connects), (before.resumes + 1, before.fresh_connects));
        assert_eq!(after.all_proofs_refused(), 0);

        // And what it holds can be renewed, with the key that was kept.
        soon(client.refresh_now()).await.expect("a new token in force");
        assert_eq!(server.counts().all_proofs_refused(), 0);
        let held = client.credential().expect("a token in force");
        let text = std::fs::read_to_string(&file).expect("a record");
        assert!(text.contains(held.token.expose()), "written before it was pushed");

        // Goodbye: the tokens stay, the resume state goes.
        soon(client.disconnect()).await;
        assert!(written(&file)["snapshot"]["state"].is_null());
        let again = subscriber(&server, FileStore::new(&file)).key(KeyChoice::Fixed(key));
        let before = minted(&server.counts());
        let client: A = soon(again.connect()).await.expect("a live session");
        assert!(!resumed(&client).await);
        assert_eq!(minted(&server.counts()), before);

        // Destroyed: nothing stays.
        soon(client.destroy()).await;
        let key = folder.0.join("session.key.pem");
        assert!(!file.exists() && !key.exists());
    }
}

/// How the last client of a session goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Going {
    Leaves,
    IsDropped,
    Disconnects,
}

async fn who_leaves_is_resumed_by_the_next_client<A: Adapter>() {
    // proves R33.3, R33.4
    // survives W10
    for going in [Going::Leaves, Going::IsDropped, Going::Disconnects] {
        let server = Server::start(Config::plain()).await.expect("the fixture server starts");
        let folder = Folder::new::<A>("left");
        let store = || FileStore::new(folder.file());
        let client: A = soon(subscriber(&server, store()).connect()).await.expect("a live session");
        resumable(&client).await;
        let before = server.counts();
        match going {
            Going::Leaves => assert_eq!(soon(client.leave()).await.reason, TeardownReason::Left),
            Going::IsDropped => drop(client),
            Going::Disconnects => drop(soon(client.disconnect()).await),
        }
        assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await, "{going:?}");
        // The store is free a moment after the socket has gone.
        let again = soon(async {
            loop {
                match subscriber(&server, store()).connect::<A>().await {
                    Err(error) if error.to_string().contains("is using it") => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    connected => return connected.expect("a live session"),
                }
            }
        });
        let client = again.await;
        let resumes = u64::from(going != Going::Disconnects);
        assert_eq!(resumed(&client).await, resumes == 1, "{going:?}");
        let after = server.counts();
        assert_eq!(minted(&after), minted(&before), "{going:?}");
        assert_eq!(after.resumes, before.resumes + resumes, "{going:?}");
        assert_eq!(after.fresh_connects, before.fresh_connects + 1 - resumes, "{going:?}");
        soon(client.destroy()).await;
    }
}

/// The server has exchanged the refresh token, and its answer is on its way when the process is told to end. Nobody waits
/// for that: what was written says that it may be spent, and the next process does not present it, but mints.
async fn who_leaves_while_a_refresh_token_is_used_costs_the_next_one_a_mint<A: Adapter>() {
    // proves R12.8, R12.9
    // survives W10
    let config = Config { grant_scope: false, ..Config::plain() };
    let server = Server::start(config).await.expect("the fixture server starts");
    let store = MemoryStore::new();
    let client: A = soon(subscriber(&server, store.clone()).connect()).await.expect("a live session");
    soon(client.call("subscriber.online", serde_json::json!({}))).await.expect("an answer");
    let held = client.credential().expect("a token in force");
    let lost = Effect::Swallow(Direction::ToClient);
    let fault = Fault::new(Target::SubscribersTokensRefresh, Times::Next(1), lost);
    server.faults().add(fault).expect("a fault");
    let renewing = tokio::spawn({
        let client = client.clone();
        async move { client.refresh_now().await }
    });
    let refreshes = |counts: &Counts| counts.of(Target::SubscribersTokensRefresh).total();
    assert!(server.until(SOON, |counts| refreshes(counts) == 1).await);
    assert_eq!(soon(client.leave()).await.reason, TeardownReason::Left);
    assert!(soon(renewing).await.expect("no panic").is_err_and(|error| error.is_over()));

    let client: A = soon(subscriber(&server, store).connect()).await.expect("a live session");
    assert!(resumed(&client).await);
    assert!(client.credential().is_some_and(|now| now.token == held.token));
    let mints = |counts: &Counts| counts.of(Target::SubscribersTokens).ok;
    let before = mints(&server.counts());
    soon(client.refresh_now()).await.expect("a newer token");
    let after = server.counts();
    assert_eq!((mints(&after), refreshes(&after)), (before + 1, 1), "{after:?}");
    soon(client.disconnect()).await;
}

async fn a_store_is_one_sessions_at_a_time<A: Adapter>() {
    // proves R11.1
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let store = MemoryStore::new();
    let client: A = soon(subscriber(&server, store.clone()).connect()).await.expect("a live session");
    let error = soon(subscriber(&server, store.clone()).connect::<A>()).await.expect_err("it is in use");
    assert!(matches!(&error, Error::Session(SessionError::Store { .. })), "{error}");
    bound(&client).await;
    let before = minted(&server.counts());
    soon(client.disconnect()).await;
    let client: A = soon(subscriber(&server, store).connect()).await.expect("a live session");
    assert_eq!(minted(&server.counts()), before);
    soon(client.disconnect()).await;
}

/// Somebody has put their own file in the place of a session's: a backup that was played back, a second process on a file
/// system without locks.
async fn who_finds_anothers_record_is_out_and_touches_nothing<A: Adapter>() {
    // proves R11.1, R11.2
    let config = Config { grant_scope: false, ..Config::plain() };
    let server = Server::start(config).await.expect("the fixture server starts");
    let folder = Folder::new::<A>("taken");
    let file = folder.file();
    let client: A = soon(subscriber(&server, FileStore::new(&file)).connect()).await.expect("a live session");
    // No write of its own is under way.
    soon(async {
        while !written(&file)["snapshot"]["state"].is_number() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let (theirs, mode) = (folder.0.join("theirs"), std::fs::metadata(&file).expect("a record").permissions());
    std::fs::write(&theirs, "another's").expect("a file");
    std::fs::set_permissions(&theirs, mode).expect("a mode");
    std::fs::rename(&theirs, &file).expect("in its place");

    // That the refresh token will be presented is written down first.
    let refused = soon(client.refresh_now()).await.expect_err("nothing is presented");
    assert!(refused.is_over(), "{refused}");
    let end = soon(client.closed()).await;
    assert_eq!(end.reason, TeardownReason::HandedOver);
    let Some(Error::HandedOver { cause: Some(cause) }) = &end.error else { panic!("{end:?}") };
    assert!(cause.to_string().contains("somebody else has written to it"), "{cause}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "another's");
    let counts = server.counts();
    assert_eq!(counts.of(Target::SubscribersTokensRefresh).total(), 0, "{counts:?}");
    assert_eq!(counts.of(Target::SubscribersTokens).total(), 1, "{counts:?}");
    assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await);
}

async fn what_cannot_be_read_is_set_aside_and_the_session_begins_anew<A: Adapter>() {
    // proves R11.6
    // survives W3
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    for (text, why) in [("{\"format\":\"satk", "ends too early"), ("a".repeat(2 << 20).as_str(), "larger")] {
        let folder = Folder::new::<A>("damaged");
        std::fs::write(folder.file(), text).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mine = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(folder.file(), mine).expect("a mode");
        }
        let client = soon(subscriber(&server, FileStore::new(folder.file())).connect::<A>()).await;
        let client = client.expect("a live session");
        // Told before anything else, with where it lies.
        let told = soon(client.events().recv()).await.expect("an event").expect("none missed");
        assert_eq!(told.event, SessionNews::SetAside);
        let said = told.cause.expect("a cause").to_string();
        let (_, place) = said.split_once("it lies in ").expect("where it lies");
        let place = place.strip_suffix(" now").expect("where it lies");
        assert!(said.contains(why) && place.contains(".unusable-"), "{said}");
        assert_eq!(std::fs::read_to_string(place).expect("it lies there"), text);
        resumable(&client).await;
        soon(client.leave()).await;
        let again = soon(subscriber(&server, FileStore::new(folder.file())).connect::<A>()).await;
        let again = again.expect("a live session");
        assert!(resumed(&again).await);
        soon(again.leave()).await;
    }
}

async fn anothers_store_is_refused_and_not_overwritten<A: Adapter>() {
    // One mistyped name costs nobody's session (W19).
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let store = MemoryStore::new();
    let client: A = soon(subscriber(&server, store.clone()).connect()).await.expect("a live session");
    resumable(&client).await;
    soon(client.leave()).await;
    let before = minted(&server.counts());
    let bobs = || {
        let url = server.http_url();
        satkeeper_tests::client(&server).subscriber(&url, "project", "PTcanary-api-token", "bob@example.com")
    };
    let error = soon(bobs().store(store.clone()).connect::<A>()).await.expect_err("it is alice's");
    assert_eq!(error.code(), "store_of_another");
    assert!(error.to_string().contains("the session of alice@example.com at http"), "{error}");
    assert_eq!(minted(&server.counts()), before);
    let client: A = soon(subscriber(&server, store).connect()).await.expect("a live session");
    assert!(resumed(&client).await && minted(&server.counts()) == before);
}

async fn sessions_that_share_a_key_bind_to_the_same_and_the_last_takes_it_along<A: Adapter>() {
    // proves R33.5
    // survives S26
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let folder = Folder::new::<A>("shared");
    let shared = folder.0.join("gateway.key.pem");
    let store = |name: &str| FileStore::new(folder.0.join(name)).shared_key(&shared);
    let (alice, bob) = tokio::join!(
        soon(subscriber(&server, store("alice")).connect()),
        soon(subscriber(&server, store("bob")).connect())
    );
    let (alice, bob): (A, A) = (alice.expect("a live session"), bob.expect("a live session"));
    bound(&alice).await;
    bound(&bob).await;
    // Written in its own time where the disk is slow.
    let thumbprint = async |name: &str| loop {
        let text = std::fs::read_to_string(folder.0.join(name)).unwrap_or_default();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(thumbprint) = record["key"]["thumbprint"].as_str() {
            return thumbprint.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let pem = std::fs::read_to_string(&shared).expect("a shared key");
    let key = satkeeper::keys::from_pkcs8_pem(&pem).expect("a key");
    for name in ["alice", "bob"] {
        assert_eq!(soon(thumbprint(name)).await, key.thumbprint());
    }

    soon(bob.destroy()).await;
    assert_eq!(std::fs::read_to_string(&shared).expect("alice uses it"), pem);
    soon(alice.refresh_now()).await.expect("a new token in force");
    soon(alice.disconnect()).await;

    // Its tokens are still of use.
    let before = minted(&server.counts());
    let alice: A = soon(subscriber(&server, store("alice")).connect()).await.expect("a live session");
    assert_eq!(minted(&server.counts()), before);
    assert_eq!(server.counts().all_proofs_refused(), 0);
    soon(alice.destroy()).await;
    assert!(!shared.exists());
}

/// A store that opens, and then never answers.
#[derive(Clone, Default)]
struct Hangs {
    /// Calls that have begun.
    begun: Arc<AtomicUsize>,
}

impl Hangs {
    fn wait(&self) -> ! {
        self.begun.fetch_add(1, Ordering::SeqCst);
        loop {
            std::thread::park();
        }
    }
}

impl Store for Hangs {
    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

impl Lease for Hangs {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save(&mut self, _: &Secret) -> Result<(), StoreError> {
        self.wait()
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save_key(&mut self, _: &Secret) -> Result<(), StoreError> {
        self.wait()
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        self.wait()
    }
}

async fn a_store_that_hangs_holds_up_neither_renewals_nor_the_end<A: Adapter>() {
    // survives W5
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let store = Hangs::default();
    let mut renewals = 0;
    let client: A = soon(subscriber(&server, store.clone()).connect()).await.expect("a live session");
    bound(&client).await;
    for _ in 0..3 {
        // Each waits as long as a write may take, and goes on in memory.
        soon(client.refresh_now()).await.expect("a new token in force");
        renewals += 1;
    }
    assert_eq!((renewals, store.begun.load(Ordering::SeqCst)), (3, 1), "one thread, one write");
    let end = soon(client.leave()).await;
    assert_eq!(end.reason, TeardownReason::Left);
}

/// A store that does not even open.
#[derive(Clone, Default)]
struct NeverOpens(Hangs);

impl Store for NeverOpens {
    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        self.0.wait()
    }
}

async fn a_store_that_does_not_open_has_no_longer_than_the_session_has<A: Adapter>() {
    // survives W2
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let limit = Duration::from_millis(300);
    let setup = subscriber(&server, NeverOpens::default()).connect_timeout(limit);
    let error = soon(setup.connect::<A>()).await.expect_err("it does not open");
    assert!(error.to_string().contains("the store: it did not open within 300ms"), "{error}");
}

/// Sessions without a key, each with a store that hangs, on one runtime that is then shut down.
fn many_with_stores_that_hang() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start(Config::plain()).await.expect("the fixture server starts");
        let token = || server.mint(satkeeper_fixtures::MintSpec::default());
        let setup = || satkeeper_tests::client(&server).static_token(token()).key(KeyChoice::None);
        let mut sessions = tokio::task::JoinSet::new();
        let stores: Vec<Hangs> = (0..600).map(|_| Hangs::default()).collect();
        for store in &stores {
            sessions.spawn(setup().store(store.clone()).connect::<satkeeper::Client>());
        }
        let clients = sessions.join_all().await;
        let clients: Vec<satkeeper::Client> =
            clients.into_iter().map(|client| client.expect("a live session")).collect();
        while stores.iter().any(|store| store.begun.load(Ordering::SeqCst) == 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What the runtime's own threads are for still works: names are resolved, and sessions begin.
        soon(tokio::net::lookup_host("localhost:80")).await.expect("DNS").next().expect("an address");
        let another: satkeeper::Client = soon(setup().connect()).await.expect("a live session");
        soon(another.disconnect()).await;
        drop(clients);
    });
}

#[test]
fn many_stores_that_hang_leave_the_runtime_alone_and_the_program_ends() {
    // survives W5: 600 sessions; tokio has 512 threads for what blocks, and waits for all of them
    let (teller, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        many_with_stores_that_hang();
        let _ = teller.send(());
    });
    assert!(told.recv_timeout(Duration::from_secs(120)).is_ok(), "the runtime does not end");
}

/// A store that cannot keep the key until it is told that it can.
#[derive(Clone, Default)]
struct NoRoomForKeys {
    store: MemoryStore,
    room: Arc<AtomicBool>,
    /// A key has been written.
    kept: Arc<AtomicBool>,
}

struct NoRoom {
    lease: Box<dyn Lease>,
    store: NoRoomForKeys,
}

impl Store for NoRoomForKeys {
    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        Ok(Box::new(NoRoom { lease: self.store.lease()?, store: self.clone() }))
    }
}

impl Lease for NoRoom {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        self.lease.load()
    }

    fn save(&mut self, record: &Secret) -> Result<(), StoreError> {
        self.lease.save(record)
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        self.lease.load_key()
    }

    fn save_key(&mut self, pem: &Secret) -> Result<(), StoreError> {
        if !self.store.room.load(Ordering::SeqCst) {
            return Err(StoreError::Failed("no space left on device".to_owned()));
        }
        self.store.kept.store(true, Ordering::SeqCst);
        self.lease.save_key(pem)
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        self.lease.erase()
    }
}

async fn a_key_that_could_not_be_kept_is_told_and_kept_later<A: Adapter>() {
    // proves R13.4
    // survives S26
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let store = NoRoomForKeys::default();
    let client: A = soon(subscriber(&server, store.clone()).connect()).await.expect("a live session");
    let mut events = client.events();
    let cause = soon(async {
        loop {
            let event = events.recv().await.expect("an event").expect("none missed");
            if let SessionNews::Lifecycle(Event::Warn(Warning::StoreFailed { .. })) = event.event {
                return event.cause.clone().expect("a cause");
            }
        }
    })
    .await;
    assert!(cause.to_string().contains("the key could not be kept: no space left"), "{cause}");
    // The session goes on in memory, and the write is repeated.
    bound(&client).await;
    assert!(!store.kept.load(Ordering::SeqCst));
    store.room.store(true, Ordering::SeqCst);
    soon(async {
        while !store.kept.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    soon(client.disconnect()).await;
    let before = minted(&server.counts());
    let client: A = soon(subscriber(&server, store).connect()).await.expect("a live session");
    assert_eq!((minted(&server.counts()), server.counts().all_proofs_refused()), (before, 0));
    soon(client.disconnect()).await;
}

with_each_adapter! {
    killed_and_started_again_it_resumes_without_a_mint,
    who_leaves_is_resumed_by_the_next_client,
    who_leaves_while_a_refresh_token_is_used_costs_the_next_one_a_mint,
    a_store_is_one_sessions_at_a_time,
    who_finds_anothers_record_is_out_and_touches_nothing,
    what_cannot_be_read_is_set_aside_and_the_session_begins_anew,
    anothers_store_is_refused_and_not_overwritten,
    a_store_that_hangs_holds_up_neither_renewals_nor_the_end,
    a_store_that_does_not_open_has_no_longer_than_the_session_has,
    sessions_that_share_a_key_bind_to_the_same_and_the_last_takes_it_along,
    a_key_that_could_not_be_kept_is_told_and_kept_later,
    #[ignore = "run by killed_and_started_again_it_resumes_without_a_mint, which kills it"]
    lives_until_it_is_killed,
}
