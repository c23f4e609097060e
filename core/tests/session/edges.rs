//! The session at the edges of its rules: bounds that are met exactly, keys that fail, answers that say little.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::world::*;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, KeyAlgorithm, Policy, Warning};
use satkeeper_core::secret::Seed;
use satkeeper_core::session::{
    CallId, Config, KeyChoice, Provider, ProviderError, Session, SessionInput, SessionNews, SessionOutput,
};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::time::{MILLISECONDS_FROM, Oddity};
use satkeeper_core::{Now, UnixMillis};
use serde_json::{Value, json};

/// Tokens of this name are good for two hours.
fn good(world: &mut World, name: &str) {
    let minted = Minted { ends: world.unix() + 7_200_000, ..Minted::default() };
    world.server.tokens.insert(sat(name, "relay.sw.test"), minted);
}

fn unbound() -> World {
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    good(&mut world, "one");
    world.provider.push_back(Ok(credential("one")));
    world.give(SessionInput::Start);
    assert!(world.is_live());
    world
}

fn written(session: &Session) -> Value {
    serde_json::from_str(session.record().encode().expose()).unwrap()
}

fn odd_times(world: &World) -> Vec<SessionNews> {
    let news = world.events.iter().map(|it| it.event);
    news.filter(|it| matches!(it, SessionNews::OddTime { .. })).collect()
}

// ---- What the application asks for ----

#[test]
fn a_name_is_given_to_one_open_call() {
    // proves R32
    let mut world = unbound();
    world.server.methods.insert("m", [RpcFault::Silent].into());
    world.call(1, "m");
    world.call(1, "m");
    assert_eq!(world.sent("m").len(), 1);
    assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "invalid_field");
}

#[test]
fn a_call_may_fill_its_frame_and_no_more() {
    // proves R36.8
    let size = |params: usize| {
        let mut world = World::new(Config::new(CALLBACK));
        let params = json!("x".repeat(params - 2));
        world.give(SessionInput::Call { call: CallId(1), method: "m".to_owned(), params });
        world.returned.pop().map(|(_, result)| result.unwrap_err().code())
    };
    // Beside the params: the method's one byte, and 128 for the rest of the frame.
    assert_eq!(size((1 << 20) - 129), None);
    assert_eq!(size((1 << 20) - 128), Some("invalid_field"));
}

#[test]
fn each_refused_call_has_an_ask_of_its_own() {
    // proves R24.1
    let mut world = unbound();
    good(&mut world, "two");
    let calls = 4;
    world.server.methods.insert("m", (0..calls).map(|_| RpcFault::Silent).collect());
    (0..calls).for_each(|call| world.call(call, "m"));
    let sent = world.sent("m").iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    for id in sent {
        let error = json!({"code": -32_003, "message": "Requester validation failed"});
        world.push(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
    }
    world.provider.push_back(Ok(credential("two")));
    world.pass(60_000);
    let asks = |event: &Event| match event {
        Event::Recovered { ask, .. } | Event::Failed { ask, .. } => Some(ask.0),
        _ => None,
    };
    let asks = world.told().iter().filter_map(asks).collect::<BTreeSet<_>>();
    assert_eq!(asks.into_iter().collect::<Vec<_>>(), (0..calls).map(|at| (1 << 63) + at).collect::<Vec<_>>());
}

#[test]
fn who_asks_again_and_again_is_answered_and_no_endpoint_is_asked_for_it_more_often_than_each_five_seconds() {
    // proves R20.2, R20.3, R27.1
    let mut world = World::start(Config::new(subscriber()).key(KeyChoice::None));
    world.pass(30_000);
    world.clear();
    for ask in 0..600 {
        world.give(SessionInput::RefreshNow { ask: AskId(ask) });
        world.pass(100);
    }
    world.pass(60_000);
    assert_eq!(world.settled.len(), 600);
    let asked = world.asked(REFRESH).len() + world.asked(CREATE).len();
    assert!((5..=13).contains(&asked), "{asked} in a minute");
    assert!(world.settled.iter().all(|(_, result)| matches!(result, Ok(_) | Err(Error::Throttled { .. }))));
}

#[test]
fn one_that_asks_while_the_provider_wants_to_be_left_alone_is_told_to_ask_again() {
    // proves R18.4, R27.1
    let mut world = unbound();
    let busy = || Err(ProviderError::transient("busy").retry_after(Duration::from_secs(300)));
    world.provider.push_back(busy());
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    world.pass(60_000);
    assert!(matches!(world.settled.pop().unwrap().1, Err(Error::TokenRefresh { .. })));
    world.give(SessionInput::RefreshNow { ask: AskId(2) });
    let throttled = Error::Throttled { retry_after_ms: Policy::default().exchange_refill_max };
    assert_eq!(world.settled, [(AskId(2), Err(throttled))]);
    assert_eq!(world.provider_calls.len(), 2, "the first token, and once since");
}

#[test]
fn two_that_ask_by_one_name_are_both_answered() {
    // proves R27
    let mut world = unbound();
    good(&mut world, "two");
    let silent = [RpcFault::Silent, RpcFault::Silent];
    world.server.rpc_faults.insert("signalwire.reauthenticate", silent.into());
    for credential in [credential("two"), credential("three")] {
        world.give(SessionInput::UpdateToken { ask: AskId(1), credential });
    }
    assert!(world.settled.is_empty());
    world.give(SessionInput::Disconnect);
    assert_eq!(world.settled, [(AskId(1), Err(Error::SessionOver)), (AskId(1), Err(Error::SessionOver))]);
}

// ---- Times ----

#[test]
fn an_end_in_milliseconds_is_not_odd() {
    // proves R2.6
    let mut world = unbound();
    good(&mut world, "two");
    let ends = UnixMillis(world.unix() + 7_200_000);
    let two = credential("two").expiring_at(ends);
    world.give(SessionInput::UpdateToken { ask: AskId(1), credential: two });
    let least = credential("three").expiring_at(UnixMillis(MILLISECONDS_FROM));
    world.give(SessionInput::UpdateToken { ask: AskId(2), credential: least });
    assert_eq!(odd_times(&world), []);
    let seconds = credential("four").expiring_at(UnixMillis(MILLISECONDS_FROM - 1));
    world.give(SessionInput::UpdateToken { ask: AskId(3), credential: seconds });
    assert_eq!(odd_times(&world), [SessionNews::OddTime { field: "expiry_at", oddity: Oddity::OtherUnit }]);
}

#[test]
fn a_bound_token_lives_as_long_as_was_said_else_fifteen_minutes() {
    // proves R2.1, R8.4
    let at = EPOCH / 1_000 + 1_800;
    for (field, value, from_s, to_s) in
        [("expires_in", 1_800, 1_000, 1_800), ("expires_at", at, 1_000, 1_800), ("nothing", 0, 400, 900)]
    {
        let mut world = World::new(Config::new(subscriber()));
        let token = sat("bound", "relay.sw.test");
        let body = json!({"token": token, field: value});
        let ends = EPOCH + 7_200_000;
        world.server.tokens.insert(token, Minted { ends, scope: true, jkt: None });
        let answer = HttpResponse::new(200, body.to_string());
        world.server.http_faults.insert(DEVICE_TOKEN, [Fault::Http(answer)].into());
        // The socket says nothing of the end.
        let silent = || RpcFault::Result(json!({"protocol": "p"}));
        for method in ["signalwire.connect", "signalwire.reauthenticate"] {
            world.server.rpc_faults.insert(method, [silent(), silent()].into());
        }
        world.give(SessionInput::Start);
        assert!(world.session.status().bound, "{:?}", world.events);
        world.pass(from_s * 1_000);
        assert!(world.asked(DEVICE_REFRESH).is_empty(), "{field}");
        world.pass((to_s - from_s) * 1_000);
        assert!(!world.asked(DEVICE_REFRESH).is_empty(), "{field}");
    }
}

#[test]
fn subscriber_info_alone_may_say_when_a_token_ends() {
    // proves R2.4
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    good(&mut world, "one");
    world.provider.push_back(Ok(credential("one")));
    let silent = RpcFault::Result(json!({"protocol": "p"}));
    world.server.rpc_faults.insert("signalwire.connect", [silent].into());
    let claims = json!({"id": "s", "sat_claims": {"scope": [], "expires_at": EPOCH / 1_000 + 600}});
    world.server.http_faults.insert(INFO, [Fault::Http(HttpResponse::new(200, claims.to_string()))].into());
    world.give(SessionInput::Start);
    let left = world.session.status().time_left.unwrap();
    assert!(left.abs_diff(599_000) <= 1_000, "{left}");
}

// ---- Keys and proofs ----

struct Broken;

impl ProofSigner for Broken {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError::External)
    }
}

#[test]
fn what_is_bound_is_not_shown_without_a_proof_and_what_is_not_is() {
    // proves R35
    for (is_bound, provider) in [(false, Provider::Static(credential("one"))), (true, subscriber())] {
        let jwk = PublicJwk::rsa(&[5; 256], &[1, 0, 1]);
        let key = ProofKey::new(Algorithm::Rs256, jwk, Arc::new(Broken)).unwrap();
        let mut world = World::new(Config::new(provider).key(KeyChoice::Held { key, proved: true }));
        good(&mut world, "one");
        world.give(SessionInput::Start);
        world.pass(5_000);
        assert_eq!(world.is_live(), !is_bound, "{:?}", world.events);
        assert_eq!(world.sent("signalwire.connect").is_empty(), is_bound);
    }
}

#[test]
fn a_key_of_another_kind_is_no_key() {
    // proves R35.8
    let config = Config::new(subscriber()).key(KeyChoice::Fixed(KeyAlgorithm::Es256));
    let mut session = Session::new(config, Seed::from_bytes([7; 32]));
    let now = Now::new(1_000, EPOCH);
    let asked = session.step(now, SessionInput::Start).outputs;
    let Some(SessionOutput::MakeKey { id, .. }) = asked.first() else { panic!("it needs a key") };
    let step = session.step(now, SessionInput::Key { id: *id, result: Ok(rsa()) });
    let goes_on = |output: &SessionOutput| matches!(output, SessionOutput::Request { .. });
    assert!(step.outputs.iter().any(goes_on), "unbound");
    assert!(written(&session)["key"].is_null());
}

#[test]
fn whose_key_a_connect_says_is_remembered() {
    // proves R31.1
    let held = KeyChoice::Held { key: ec(), proved: true };
    let mut world = World::new(Config::new(Provider::Static(credential("one"))).key(held));
    let jkt = Some(ec().thumbprint().to_owned());
    let minted = Minted { ends: EPOCH + 7_200_000, scope: false, jkt };
    world.server.tokens.insert(sat("one", "relay.sw.test"), minted);
    let refused = (0..9).map(|_| Fault::Http(HttpResponse::new(503, "")));
    world.server.http_faults.insert(INFO, refused.collect());
    // An answer that does not say whether it restored a session speaks of the token that was shown.
    let result = json!({"protocol": "p", "authorization": {"cnf": {"jkt": ec().thumbprint()}}});
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Result(result)].into());
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert!(written(&world.session)["tokens"][0]["key"].is_string());
}

#[test]
fn a_proof_refused_for_its_time_is_signed_anew_at_once() {
    // proves R4.2
    let held = KeyChoice::Held { key: ec(), proved: true };
    let mut world = World::new(Config::new(subscriber()).key(held));
    world.server.date = false;
    let mut refusal = HttpResponse::new(401, "{\"error\":\"invalid_dpop_proof\"}");
    refusal.set_header("Date", "Tue, 14 Nov 2023 23:13:20 GMT");
    world.server.http_faults.insert(DEVICE_TOKEN, [Fault::Http(refusal)].into());
    world.give(SessionInput::Start);
    assert_eq!(world.asked(DEVICE_TOKEN).len(), 2, "{:?}", world.events);
}

#[test]
fn a_nonce_is_honoured_at_a_refresh_and_its_failure_is_called_one() {
    // proves R35.4, R37.1
    let mut world = World::start(Config::new(subscriber()));
    assert!(world.session.status().bound);
    let mut challenge = HttpResponse::new(400, "{\"error\":\"use_dpop_nonce\"}");
    challenge.set_header("DPoP-Nonce", "n1");
    world.server.http_faults.insert(DEVICE_REFRESH, [Fault::Http(challenge)].into());
    world.clear();
    while world.asked(DEVICE_REFRESH).is_empty() {
        world.pass(1_000);
    }
    assert_eq!((world.asked(DEVICE_REFRESH).len(), world.asked(DEVICE_TOKEN).len()), (2, 0));
    assert!(world.server.proofs.iter().any(|it| it["nonce"] == "n1" && it["htu"] == DEVICE_REFRESH));

    for (path, code) in [(DEVICE_REFRESH, "token_refresh"), (DEVICE_TOKEN, "device_token")] {
        let mut world = World::new(Config::new(subscriber()));
        world.server.http_faults.insert(path, [Fault::Http(HttpResponse::new(503, ""))].into());
        world.give(SessionInput::Start);
        world.pass(900_000);
        let failed = world.events.iter().find(|it| {
            matches!(it.event, SessionNews::Lifecycle(Event::Warn(Warning::RefreshFailed { .. })))
        });
        assert_eq!(failed.unwrap().cause.as_ref().unwrap().code(), code);
    }
}

#[test]
fn a_signature_is_stale_after_half_a_minute() {
    // proves R35.3, R35.11
    for (late, connects, asked) in [(30_000, 1, 0), (30_001, 0, 1)] {
        let key = ProofKey::external(Algorithm::Es256, ec().jwk().clone()).unwrap();
        let config = Config::new(subscriber()).key(KeyChoice::Held { key, proved: true });
        let mut world = World::new(config.policy(Policy::default().with(|it| it.network = 90_000)));
        world.signs = Signs::Later;
        // No proof but the connect's is wanted yet.
        world.server.http_faults.insert(INFO, [Fault::Silent].into());
        world.give(SessionInput::Start);
        let (id, _) = world.signatures.pop().unwrap();
        world.signatures.clear();
        world.now += late;
        world.sign(id);
        assert_eq!(world.sent("signalwire.connect").len(), connects, "{late}");
        let mth = |it: &&(_, String)| it.1.contains("signalwire.connect");
        assert_eq!(world.signatures.iter().filter(mth).count(), asked, "{late}");
    }
}

// ---- The socket ----

#[test]
fn a_change_of_the_network_is_asked_about_at_once() {
    // proves R19.5
    let mut world = unbound();
    world.give(SessionInput::NetworkChanged);
    assert_eq!(world.sent("signalwire.ping").len(), 1);
}

#[test]
fn a_session_is_resumed_as_often_as_it_is_dropped() {
    // proves R21.3
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    good(&mut world, "one");
    world.provider.push_back(Ok(credential("one")));
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Result(json!({"protocol": "p"}))].into());
    world.give(SessionInput::Start);
    world.push_state();
    for _ in 0..2 {
        world.drop_socket();
        world.pass(20_000);
    }
    let states =
        world.sent("signalwire.connect").into_iter().map(|it| it["params"].get("authorization_state"));
    assert_eq!(states.map(|it| it.is_some()).collect::<Vec<_>>(), [false, true, true]);
    let resumed = |event: &Event| match event {
        Event::Live { resumed, .. } => Some(*resumed),
        _ => None,
    };
    // The first is no resume, though its answer did not say so.
    assert_eq!(world.told().iter().filter_map(resumed).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn only_so_many_acknowledgements_wait_for_the_connect() {
    // proves R32.3
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    good(&mut world, "one");
    world.provider.push_back(Ok(credential("one")));
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    world.give(SessionInput::Start);
    for id in 0..100 {
        world.push(&json!({"jsonrpc": "2.0", "id": id, "method": "signalwire.event", "params": {}}));
    }
    let connect = world.sent("signalwire.connect")[0]["id"].clone();
    world.push(&json!({"jsonrpc": "2.0", "id": connect, "result": {"protocol": "p"}}));
    assert_eq!(world.server.frames.len(), 1 + 64);
}

#[test]
fn the_resume_state_is_not_repeated() {
    // proves R36.2
    let mut world = unbound();
    world.push_state();
    world.server.methods.insert("m", [RpcFault::Error(-5, "CANARYstate is odd")].into());
    world.call(1, "m");
    assert!(matches!(&world.returned[0].1, Err(Error::Rpc { message, .. }) if message.ends_with(" is odd")));
}
