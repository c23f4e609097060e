//! Calls between two sessions, on both adapters: a call goes on through renewals, lost sockets and refused tokens, and
//! where it does not, its end is told.
//!
//! `SATKEEPER_CALL_SECONDS=300` makes the long one five minutes of tokens of 20 s; unless said, it takes half a minute of
//! tokens of 4 s. `SATKEEPER_CALL_SEED` chooses which sockets are lost, and when.
#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use satkeeper::{Error, EventKind, Phase, SessionError, Survival};
use satkeeper_fixtures::{Config, Server};
use satkeeper_tests::adapter::{Adapter, Events, Notifications};
use satkeeper_tests::{SOON, Stage, bound, client, soon, with_each_adapter};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// What a party has been told, from its first moment.
#[derive(Default)]
struct Told {
    renewals: u64,
    survivals: Vec<(Survival, Survival, Survival)>,
    registrations: u64,
    /// Names of TURN users, which change with the time of their end.
    turn_users: BTreeSet<String>,
    over: bool,
}

/// One side of a call.
struct Party<A> {
    client: A,
    frames: mpsc::UnboundedReceiver<Value>,
    told: Arc<Mutex<Told>>,
    /// Its leg.
    call: String,
    node: String,
    /// So many of its survivals have been dealt with.
    looked_at: usize,
}

impl<A: Adapter> Party<A> {
    async fn new(server: &Server, name: &str) -> Self {
        let setup = client(server).subscriber(
            &server.http_url(),
            "project",
            "PTcanary-api-token",
            &format!("{name}@example.com"),
        );
        let client: A = setup.online().connect().await.expect("it connects");
        bound(&client).await;
        let told = Arc::<Mutex<Told>>::default();
        tokio::spawn(listen(client.clone(), client.events(), Arc::clone(&told)));
        let frames = frames(client.notifications());
        let mut party = Self { client, frames, told, call: String::new(), node: String::new(), looked_at: 1 };
        party.until(|told| told.registrations > 0).await;
        party
    }

    fn told<T>(&self, read: impl FnOnce(&Told) -> T) -> T {
        read(&self.told.lock().expect("no panic"))
    }

    async fn until(&mut self, holds: impl Fn(&Told) -> bool) {
        let waiting = async {
            while !self.told(&holds) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(waiting).await;
    }

    /// The params of the next frame, which must be of this method.
    async fn frame(&mut self, method: &str) -> Value {
        let event = soon(self.frames.recv()).await.expect("a session that is not over");
        assert_eq!(event["params"]["method"], json!(method), "{event}");
        event["node_id"].as_str().expect("text").clone_into(&mut self.node);
        event["params"]["params"].clone()
    }

    async fn ask(&mut self, method: &str, mut params: Value) -> Result<Value, Error> {
        params["dialogParams"]["callID"] = json!(self.call);
        let frame = json!({"jsonrpc": "2.0", "id": "1", "method": method, "params": params});
        let outer = json!({"callID": self.call, "node_id": self.node, "message": frame});
        let answer = self.client.call("webrtc.verto", outer).await?;
        answer["node_id"].as_str().expect("text").clone_into(&mut self.node);
        Ok(answer["result"]["result"].clone())
    }

    async fn attach(&mut self) -> Result<Value, Error> {
        self.ask(
            "verto.invite",
            json!({"sdp": "again", "dialogParams": {"attach": true, "reattaching": true}}),
        )
        .await
    }

    /// What a phone does after each loss: where the session was not restored, it attaches to its call.
    async fn keep_call(&mut self, others_sdp: &str) {
        let new = self.told(|told| told.survivals[self.looked_at..].to_vec());
        self.looked_at += new.len();
        let kept = (Survival::Unsure, Survival::Kept, Survival::Kept);
        let anew = (Survival::Lost, Survival::Unsure, Survival::Lost);
        assert!(new.iter().all(|survival| [kept, anew].contains(survival)), "{new:?}");
        if new.contains(&anew) {
            self.attach().await.expect("the call is there");
            let sdp = self.frame("verto.answer").await["sdp"].clone();
            assert!(sdp == json!(others_sdp) || sdp == json!("again"), "{sdp}");
        }
    }

    async fn digits(&mut self, digits: &str, to: &mut Self) {
        self.ask("verto.info", json!({"dtmf": digits})).await.expect("the call is there");
        assert_eq!(to.frame("verto.info").await, json!({"callID": to.call, "dtmf": digits}));
    }

    async fn bye(&mut self, cause: &str) {
        assert_eq!(self.frame("verto.bye").await["cause"], json!(cause));
    }
}

async fn listen<A: Adapter>(client: A, mut events: Events, told: Arc<Mutex<Told>>) {
    while let Some(event) = events.recv().await {
        let kind = event.expect("no event is missed").kind();
        let mut told = told.lock().expect("no panic");
        match kind {
            EventKind::Renewed { .. } => told.renewals += 1,
            EventKind::Registered => told.registrations += 1,
            EventKind::Survived { registration, calls, subscriptions } => {
                told.survivals.push((registration, calls, subscriptions));
            }
            _ => {}
        }
        if matches!(kind, EventKind::Renewed { .. } | EventKind::Survived { .. }) {
            let connection = client.connection().expect("there since it was live");
            let users = connection.ice_servers.iter().filter_map(|server| server.username.as_ref());
            told.turn_users.extend(users.map(|user| user.expose().to_owned()));
        }
    }
    told.lock().expect("no panic").over = true;
}

/// Frames of calls alone.
fn frames(mut notifications: Notifications) -> mpsc::UnboundedReceiver<Value> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(notification) = notifications.recv().await {
            let notification = notification.expect("no notification is missed");
            if notification.event_type().as_deref() == Some("webrtc.message")
                && sender.send(notification.params()).is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// Two in a call. The second one's socket is the one that is there when the first comes.
async fn call<A: Adapter>(server: &Server) -> (Party<A>, Party<A>, u64) {
    let mut bob = Party::<A>::new(server, "bob").await;
    let socket = server.control().sockets()[0];
    let mut alice = Party::<A>::new(server, "alice").await;
    alice.call = "a-call".to_owned();
    let params = json!({"sdp": "offer", "dialogParams": {"destination_number": "/private/bob"}});
    alice.ask("verto.invite", params).await.expect("it rings");
    let invite = bob.frame("verto.invite").await;
    assert_eq!(invite["sdp"], json!("offer"));
    invite["callID"].as_str().expect("text").clone_into(&mut bob.call);
    bob.ask("verto.answer", json!({"sdp": "answer"})).await.expect("it is taken");
    assert_eq!(alice.frame("verto.answer").await["sdp"], json!("answer"));
    (alice, bob, socket)
}

/// Cuts all sockets but one.
fn cut(server: &Server, spared: u64) {
    let control = server.control();
    for socket in control.sockets().into_iter().filter(|socket| *socket != spared) {
        assert!(control.drop_socket(socket));
    }
}

/// Until the sessions have come back from so many losses. One that is never live for ten seconds waits for up to half a
/// minute before it tries again (R19).
async fn back<A: Adapter>(parties: &[&Party<A>], losses: u64) {
    let come_back =
        || parties.iter().map(|party| party.told(|told| told.survivals.len() as u64 - 1)).sum::<u64>();
    let waiting = async {
        while come_back() < losses {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(6 * SOON, waiting).await.expect("they come back");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

async fn a_call_outlives_tokens_and_sockets<A: Adapter>() {
    // proves R21.7, R38.1, R38.2
    let (seconds, life) = match number("SATKEEPER_CALL_SECONDS") {
        Some(seconds) => (seconds, Duration::from_secs(20)),
        None => (30, Duration::from_secs(4)),
    };
    let mut seed = number("SATKEEPER_CALL_SEED").unwrap_or(20_261_130);
    let config = Config {
        device_ttl: life,
        reauthenticate_ice: true,
        events_after_resume: true,
        // Who is not live for ten seconds at a time may be away for thirty (R19).
        call_survives: None,
        ..Config::default()
    };
    let stage = Stage::with(config).await;
    let (server, control) = (&stage.server, stage.server.control());
    let pause = u64::try_from(life.as_millis()).expect("it fits") * 3 / 4;
    let (mut alice, mut bob, _) = call::<A>(server).await;
    let (began, mut dropped) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        // splitmix64
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let drawn = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32;
        tokio::time::sleep(Duration::from_millis(100 + drawn % pause)).await;
        dropped += control.drop_random(usize::try_from(drawn % 3).expect("it fits"), seed) as u64;
        back(&[&alice, &bob], dropped).await;
        alice.keep_call("answer").await;
        bob.keep_call("offer").await;
        let digits = drawn.to_string();
        alice.digits(&digits, &mut bob).await;
        bob.digits(&digits, &mut alice).await;
    }
    let counts = server.counts();
    let renewals = alice.told(|told| told.renewals);
    println!("{dropped} sockets lost, {} resumed, {renewals} renewals", counts.resumes);
    assert!(counts.resumes > 0 && counts.sessions_expired == 0, "{counts:?}");
    let mut resumed = 0;
    for party in [&alice, &bob] {
        let told = party.told.lock().expect("no panic");
        let enough = seconds / life.as_secs();
        assert!(told.renewals >= enough && !told.over, "{} renewals", told.renewals);
        // With each token, each socket: others than before.
        assert!(told.turn_users.len() as u64 > enough, "{:?}", told.turn_users);
        resumed += told.survivals.iter().filter(|(_, calls, _)| *calls == Survival::Kept).count() as u64;
    }
    // Three resumes within ten seconds each, and a session begins anew (R21): nobody claims that its call was kept.
    assert_eq!(
        (resumed, dropped),
        (counts.resumes, counts.resumes + counts.fresh_connects - 2),
        "{counts:?}"
    );
    alice.ask("verto.bye", json!({})).await.expect("it ends");
    bob.bye("NORMAL_CLEARING").await;
    for party in [&alice, &bob] {
        party.client.disconnect().await;
    }
}

/// How a call ends while a party is away, and whether the server tells the party of it after all.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    TooLong,
    HungUp { told: bool },
}

async fn a_call_that_did_not_survive_is_told<A: Adapter>() {
    for end in [End::TooLong, End::HungUp { told: true }, End::HungUp { told: false }] {
        let config = Config {
            call_survives: (end == End::TooLong).then_some(Duration::from_millis(200)),
            events_after_resume: end == End::HungUp { told: true },
            ..Config::default()
        };
        let stage = Stage::with(config).await;
        let server = &stage.server;
        let (mut alice, mut bob, spared) = call::<A>(server).await;
        server.control().refuse_sockets(true);
        cut(server, spared);
        match end {
            End::TooLong => bob.bye("RECOVERY_ON_TIMER_EXPIRE").await,
            End::HungUp { .. } => {
                assert!(
                    server.until(SOON, |counts| counts.sockets_closed == 1).await,
                    "{:?}",
                    server.counts()
                );
                bob.ask("verto.bye", json!({})).await.expect("it ends");
            }
        }
        server.control().refuse_sockets(false);
        // The session goes on, the call does not: by the event, or by the first question.
        alice.until(|told| told.survivals.len() == 2).await;
        if end == (End::HungUp { told: true }) {
            alice.bye("NORMAL_CLEARING").await;
        }
        let gone = alice.ask("verto.subscribe", json!({"eventChannel": "call.state"})).await;
        assert!(
            matches!(&gone, Err(Error::Session(SessionError::Rpc { code: -32_002, message, .. }))
                if message == "CALL DOES NOT EXIST"),
            "{end:?}: {gone:?}"
        );
        assert_eq!(alice.client.status().phase, Phase::Live, "what was wrong with a call is not the token");
        for party in [&alice, &bob] {
            party.client.disconnect().await;
        }
    }
}

async fn a_new_session_attaches_to_the_call<A: Adapter>() {
    // proves R38.2
    for attach_again in [true, false] {
        let config =
            Config { attach_again, call_survives: Some(Duration::from_secs(3)), ..Config::default() };
        let stage = Stage::with(config).await;
        let server = &stage.server;
        let (mut alice, mut bob, spared) = call::<A>(server).await;
        server.control().revoke_states();
        cut(server, spared);
        alice.until(|told| told.survivals.len() == 2 && told.registrations == 2).await;
        let survived = alice.told(|told| told.survivals[1]);
        assert_eq!(survived, (Survival::Lost, Survival::Unsure, Survival::Lost));
        let attached = alice.attach().await;
        if attach_again {
            attached.expect("the call is there");
            assert_eq!(alice.frame("verto.answer").await["sdp"], json!("answer"));
            alice.digits("1", &mut bob).await;
            bob.digits("2", &mut alice).await;
        } else {
            let error = attached.expect_err("it is refused");
            assert!(error.to_string().contains("INVALID_CALL_REFERENCE"), "{error}");
            // Nobody has taken it over: whoever is still there is told.
            bob.bye("RECOVERY_ON_TIMER_EXPIRE").await;
        }
        for party in [&alice, &bob] {
            party.client.disconnect().await;
        }
    }
}

async fn tokens_that_end_in_a_call_do_not_end_it<A: Adapter>() {
    // proves R24.1
    let stage = Stage::with(Config::default()).await;
    let (mut alice, mut bob, _) = call::<A>(&stage.server).await;
    let renewals = alice.told(|told| told.renewals);
    stage.server.control().expire_sessions();
    alice.digits("1", &mut bob).await;
    alice.until(|told| told.renewals > renewals).await;
    bob.digits("2", &mut alice).await;
    for party in [&alice, &bob] {
        party.client.disconnect().await;
    }
}

with_each_adapter!(
    a_call_outlives_tokens_and_sockets,
    a_call_that_did_not_survive_is_told,
    a_new_session_attaches_to_the_call,
    tokens_that_end_in_a_call_do_not_end_it,
);
