//! Tokens, proofs, keys, refresh tokens, resume states and passwords, through everything that can happen to a
//! session, and not one of them in anything that it shows, tells or logs (R36).
//!
//! One test and a process of its own: it listens to every thread. The command line's output has the same test in
//! `adapters/cli/tests/cli/canaries.rs`.

mod ears;
mod secrets;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use satkeeper::{
    Credential, Error, GuestToken, KeyChoice, Phase, ProofKey, ProviderError, Secret, UnixMillis,
};
use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Server, Target};
use satkeeper_tests::adapter::{Adapter, Own, Setup};
use satkeeper_tests::brisk;
use satkeeper_tests::front::{Front, Way};
use serde_json::json;
use tokio::task::JoinSet;

use secrets::Secrets;

const API_TOKEN: &str = "PTcanary-api-token-5b1f2c3d";
const EMBED_TOKEN: &str = "c2c_canary-embed-token-7e6f5a4b";
const KEY: [u8; 32] = *b"canary: a private key, 32 bytes!";

/// Every way in which a server can repeat what it was sent.
const WAYS: [Way; 8] = [
    Way::EchoErrors(401),
    Way::EchoErrors(422),
    Way::EchoErrors(500),
    Way::EchoText(400),
    Way::EchoText(503),
    Way::EchoParts(401),
    Way::EchoParts(422),
    Way::EchoMistyped,
];

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("within twenty seconds")
}

/// What came of something that may fail.
fn heed<T>(outcome: Result<T, Error>) -> Option<T> {
    outcome.map_err(|error| ears::told(&error)).ok()
}

/// A server and whoever listens at its door.
#[derive(Clone)]
struct Stage {
    server: Arc<Server>,
    front: Arc<Front>,
}

impl Stage {
    async fn new(config: Config) -> Self {
        let server = Server::start(config).await.expect("the fixture server starts");
        let front = Front::start(server.addr()).await;
        Self { server: Arc::new(server), front: Arc::new(front) }
    }

    fn client(&self) -> Setup {
        let builder = Setup::new().relay_url(self.front.ws_url()).fabric_url(self.front.http_url());
        builder.allow_plain_on_loopback(true).call_timeout(Duration::from_secs(2)).policy(brisk())
    }

    fn subscriber(&self) -> Setup {
        self.client().subscriber(&self.front.http_url(), "project", API_TOKEN, "alice@example.com")
    }

    fn mint(&self) -> String {
        self.server.mint(MintSpec::default())
    }

    /// A server that refuses a call and repeats these words.
    fn refuse(&self, on: Target, code: i64, words: &str) {
        let data = Some(json!({"reason": words, "authentication": words}));
        let effect = Effect::Error { code, message: format!("refused: {words}"), data };
        self.server.faults().add(Fault::next(on, 1, effect)).expect("a fault");
    }
}

/// Listens to a session from its beginning to its end.
async fn begin<A: Adapter>(setup: Setup) -> Option<A> {
    let client: A = heed(soon(setup.start()).await)?;
    let mut events = client.events();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let event = event.expect("none missed");
            ears::shown(&event);
            if let Some(cause) = &event.cause {
                ears::told(cause);
            }
        }
    });
    let mut notifications = client.notifications();
    tokio::spawn(async move {
        while let Some(notification) = notifications.recv().await {
            ears::shown(&notification);
        }
    });
    Some(client)
}

async fn look_at(client: &impl Adapter) {
    let why = client.why().await;
    ears::shown(&(client, client.status(), why, client.credential()));
}

async fn end(client: impl Adapter) {
    look_at(&client).await;
    let end = soon(client.destroy()).await;
    ears::shown(&end);
    ears::said(&end);
}

/// A session of this kind, whose requests to this endpoint are answered in this way for a while.
async fn echoed<A: Adapter>(
    config: Config,
    kind: fn(&Stage) -> Setup,
    path: &'static str,
    way: Way,
) -> Stage {
    let stage = Stage::new(config).await;
    stage.front.spoil(path, way);
    if let Some(client) = begin::<A>(kind(&stage)).await {
        if let Ok(began) = tokio::time::timeout(Duration::from_secs(1), client.ready()).await {
            heed(began);
        }
        heed(soon(client.refresh_now()).await);
        look_at(&client).await;
        end(client).await;
    }
    assert!(!stage.front.heard().is_empty());
    stage
}

/// A session that is live and bound; those with whom its server may reopen a socket are few a minute (R20), so
/// each stretch of a long life has one of its own.
async fn bound<A: Adapter>() -> (Stage, A, String) {
    let stage = Stage::new(Config::plain()).await;
    let key = ProofKey::es256_from_bytes(&KEY).expect("a key");
    ears::shown(&key);
    let builder = stage.subscriber().key(KeyChoice::Held { key, proved: true });
    let client: A = begin(builder).await.expect("a client");
    heed(soon(client.ready()).await).expect("live");
    soon(client.until(|status| status.bound)).await.expect("not over");
    let held = client.credential().expect("a token in force");
    look_at(&client).await;
    (stage, client, held.token.expose().to_owned())
}

/// Calls: answered, refused with the token in the answer, with the token in the call, for the credential.
async fn calls<A: Adapter>() -> Stage {
    let (stage, client, token) = bound::<A>().await;
    heed(client.call("subscriber.online", json!({})).await).expect("an answer");
    for code in [-32_000, -32_601, -32_003, -32_002] {
        stage.refuse(Target::OtherRpc, code, &token);
        heed(soon(client.call("some.method", json!({"token": token}))).await);
    }
    stage.server.control().push_event("some.event", json!({"token": token}));
    end(client).await;
    stage
}

/// Pushes that are refused, of a renewal and of the application's own token; one that is accepted.
async fn pushes<A: Adapter>() -> Stage {
    let (stage, client, token) = bound::<A>().await;
    let own = stage.mint();
    ears::shown(&Credential::new(Secret::new(own.clone())).expiring_at(UnixMillis(1)));
    stage.refuse(Target::Reauthenticate, -32_002, &format!("{own} {token}"));
    heed(soon(client.update_token(Credential::new(Secret::new(own.clone())))).await);
    heed(soon(client.update_token(Credential::new(Secret::new(own.clone())))).await);
    heed(soon(client.update_token(Credential::new(Secret::new(format!("{own}.nonsense"))))).await);
    let generation = client.status().generation;
    heed(soon(client.rejected(generation)).await);
    stage.refuse(Target::Reauthenticate, -32_003, &token);
    stage.refuse(Target::FreshConnect, -32_003, &token);
    let _ = tokio::time::timeout(Duration::from_secs(1), client.refresh_now()).await.map(heed);
    end(client).await;
    stage
}

/// The last that the server has sent.
fn newest_state(stage: &Stage) -> String {
    let mut known = Secrets::default();
    let heard = stage.front.heard().join("\n");
    known.find_in(&heard[heard.rfind("\"authorization_state\"").expect("a state")..]);
    known.texts("authorization_state").pop().expect("a state")
}

/// A call, a resume and a Close that are refused with the resume state in their words, and a drop.
async fn sockets<A: Adapter>() -> Stage {
    let (stage, client, token) = bound::<A>().await;
    // The newest state comes a moment after the newest token.
    live(&client).await;
    let state = newest_state(&stage);
    stage.refuse(Target::OtherRpc, -32_000, &state);
    heed(soon(client.call("some.method", json!({}))).await);
    stage.refuse(Target::Resume, -32_003, &state);
    stage.server.control().drop_sockets();
    live(&client).await;
    // Of a state that was refused nothing is known any more: what servers repeat is the one that is in use.
    let renewed = async {
        while newest_state(&stage) == state {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(renewed).await;
    // So it is with tokens.
    let held = client.credential().map_or(token, |held| held.token.expose().to_owned());
    for secret in [&newest_state(&stage), &held] {
        let (start, end) = (secret.get(..90), secret.get(secret.len() - 24..));
        stage.front.close_sockets(&format!("{} {}", start.expect("a long one"), end.expect("ASCII")));
        live(&client).await;
    }
    end(client).await;
    stage
}

/// Rest, another network, and a server that sends everybody away.
async fn rests<A: Adapter>() -> Stage {
    let (stage, client, _) = bound::<A>().await;
    heed(client.suspend().await);
    look_at(&client).await;
    heed(client.resume().await);
    heed(client.network_changed().await);
    live(&client).await;
    stage.server.control().disconnect_all(true);
    live(&client).await;
    end(client).await;
    stage
}

/// A moment in which a session may notice that it is not, and until it is again.
async fn live(client: &impl Adapter) {
    tokio::time::sleep(Duration::from_millis(200)).await;
    soon(client.until(|status| status.phase == Phase::Live)).await;
    look_at(client).await;
}

/// An application's own provider, whose errors hold what it was told last.
async fn own_provider<A: Adapter>() -> Stage {
    let stage = Stage::new(Config::plain()).await;
    let (mint, fail) = (stage.clone(), stage.clone());
    let last = Arc::new(std::sync::Mutex::new(String::new()));
    let said = Arc::clone(&last);
    let provider = Own::new(move |context| {
        ears::shown(&context);
        let token = mint.mint();
        said.lock().expect("no panic").clone_from(&token);
        Ok(Credential::new(Secret::new(token)))
    });
    let provider = provider.with_refresh(move |_| {
        let words = format!("no: {} {}", last.lock().expect("no panic"), fail.mint());
        Err(ProviderError::transient(words))
    });
    let client: A = begin(stage.client().provider(provider)).await.expect("a client");
    heed(soon(client.ready()).await).expect("live");
    heed(soon(client.refresh_now()).await);
    look_at(&client).await;
    end(client).await;
    stage
}

fn guest(stage: &Stage) -> Setup {
    let request = GuestToken {
        allowed_addresses: vec!["8f0a119a-cda7-4497-a47d-c81493b824d4".to_owned()],
        ..GuestToken::default()
    };
    stage.client().guest(&stage.front.http_url(), "project", API_TOKEN, request)
}

/// What is set up and never begins.
fn builders() {
    let held = || {
        let key = ProofKey::es256_from_bytes(&KEY).expect("a key");
        KeyChoice::Held { key, proved: true }
    };
    let space = "space.example.com";
    let builder = satkeeper::Client::builder().key(held()).seed(satkeeper::Seed::from_bytes(KEY));
    ears::shown(&builder.subscriber(space, "project", API_TOKEN, "alice@example.com"));
    ears::shown(&satkeeper_blocking::Client::builder().key(held()).embed(EMBED_TOKEN, space));
    ears::shown(&satkeeper_blocking::Client::builder().static_token(EMBED_TOKEN));
}

/// Everything that can happen, with one adapter.
fn everything<A: Adapter>(all: &mut JoinSet<Stage>) {
    all.spawn(calls::<A>());
    all.spawn(pushes::<A>());
    all.spawn(sockets::<A>());
    all.spawn(rests::<A>());
    all.spawn(own_provider::<A>());
    let subscriber: fn(&Stage) -> Setup = |stage| stage.subscriber();
    let embed: fn(&Stage) -> Setup = |stage| stage.client().embed(EMBED_TOKEN, &stage.front.http_url());
    let fixed: fn(&Stage) -> Setup = |stage| {
        stage.client().static_token(stage.server.mint(MintSpec { scope: true, ..MintSpec::default() }))
    };
    for way in WAYS {
        let scoped = Config::plain;
        let unbound = || Config { grant_scope: false, ..Config::plain() };
        all.spawn(echoed::<A>(scoped(), subscriber, "/subscribers/tokens", way));
        all.spawn(echoed::<A>(scoped(), subscriber, "/devices/token", way));
        all.spawn(echoed::<A>(scoped(), subscriber, "/devices/refresh", way));
        all.spawn(echoed::<A>(scoped(), subscriber, "/subscriber/info", way));
        all.spawn(echoed::<A>(unbound(), subscriber, "/tokens/refresh", way));
        all.spawn(echoed::<A>(scoped(), fixed, "/devices/token", way));
        all.spawn(echoed::<A>(scoped(), embed, "/embeds/tokens", way));
        all.spawn(echoed::<A>(scoped(), guest, "/guests/tokens", way));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_in_anything_that_is_shown_told_or_logged() {
    // proves R36.1, R36.2
    // survives P9, S27
    // survives W18
    ears::open();
    builders();
    let mut all = JoinSet::new();
    everything::<satkeeper::Client>(&mut all);
    everything::<satkeeper_blocking::Client>(&mut all);
    let mut secrets = Secrets::default();
    while let Some(stage) = all.join_next().await {
        stage.expect("no panic").front.heard().iter().for_each(|wire| secrets.find_in(wire));
    }

    // What is never found because it was never there would prove nothing.
    for (kind, least) in
        [("authorization_state", 30), ("refresh token", 20), ("proof", 30), ("token", 50), ("Basic value", 1)]
    {
        assert!(secrets.count(kind) >= least, "only {} of {kind}", secrets.count(kind));
    }
    secrets.add("password", API_TOKEN);
    secrets.add("password", EMBED_TOKEN);
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [hex.clone(), hex.to_uppercase(), STANDARD.encode(KEY), URL_SAFE_NO_PAD.encode(KEY)] {
        secrets.add("private key", form);
    }
    secrets.add("private key", format!("{:?}", KEY));
    secrets.add("private key", String::from_utf8_lossy(&KEY));

    let heard = ears::all();
    for told in [
        "satkeeper",
        "Live",
        "Renewed",
        "Teardown",
        "[redacted]",
        "ureq",
        "shown (Client",
        "InForce {",
        "shown Credential { token: Secret(..)",
        "api_token: Secret(..)",
    ] {
        assert!(heard.contains(told), "{told} was to be heard");
    }
    let found = secrets.found_in(&heard);
    assert!(found.is_empty(), "{} secrets: {:#?}", found.len(), &found[..found.len().min(12)]);
    // Whatever is not known: every token and every proof begins so.
    assert!(!heard.contains("eyJ"), "something like a token");
}
