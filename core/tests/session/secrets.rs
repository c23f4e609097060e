//! Whoever is told a secret may say a part of it again, in whatever words (R36).

use crate::world::*;
use satkeeper_core::dpop::{Algorithm, ProofKey};
use satkeeper_core::error::Error;
use satkeeper_core::session::{CallId, Config, KeyChoice, ProviderError, SessionInput, StoreFailure};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::text::SHORTEST_PART;
use serde_json::{Value, json};

/// Resume state, as long as it is in fact.
const STATE: &str = "CANARYx6F/ZTVksAsb6C4gGN7gX3dDb79owcZTb09N3DSYdX8zq1Wv3:5hT+Cc2o9fQpJtEwLkXyAg==";

/// As servers repeat things: the end of it, which is all that a log line had room for, and pieces that are no longer
/// than a word.
fn pieces(secret: &str) -> String {
    let end = secret.len().saturating_sub(100);
    let mut said = format!("no such token: ..{}", secret.get(end..).unwrap());
    for from in [0, secret.len() / 3, secret.len().saturating_sub(24)] {
        let piece = secret.get(from..(from + 24).min(secret.len())).unwrap();
        if piece.len() >= SHORTEST_PART {
            said.push_str(&format!(" {piece}"));
        }
    }
    said
}

/// Everything that has been told so far.
fn told(world: &World) -> String {
    let events: Vec<String> = world
        .events
        .iter()
        .map(|it| format!("{:?} {}", it, it.cause.as_ref().map(ToString::to_string).unwrap_or_default()))
        .collect();
    format!("{events:?} {:?} {:?}", world.settled, world.returned)
}

#[track_caller]
fn assert_hidden(world: &World, secret: &str) {
    let told = told(world);
    assert!(told.contains("[redacted]"), "it was to be heard: {told}");
    for part in secret.as_bytes().windows(SHORTEST_PART) {
        let part = std::str::from_utf8(part).expect("ASCII");
        assert!(!told.contains(part), "{part} in {told}");
    }
}

fn token(world: &World) -> String {
    world.session.credential().expect("one in force").token.expose().to_owned()
}

#[test]
fn errors_on_the_socket_repeat_no_part_of_a_secret() {
    // survives W18
    // proves R36.2
    let secrets: [fn(&World) -> String; 3] =
        [token, |_| STATE.to_owned(), |world| world.server.refresh_token.clone().expect("one")];
    for secret in secrets {
        let mut world = bound();
        world.push(&json!({"jsonrpc": "2.0", "id": "s", "method": "signalwire.event", "params": {
            "event_type": "signalwire.authorization.state", "params": {"authorization_state": STATE}}}));
        let secret = secret(&world);
        // A call is refused.
        world.server.methods.insert("some.method", [RpcFault::Silent].into());
        world.call(1, "some.method");
        let id = world.sent("some.method")[0]["id"].clone();
        let error = json!({"code": -32_000, "message": pieces(&secret), "data": {"reason": pieces(&secret)}});
        world.push(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
        assert_eq!(world.returned[0].0, CallId(1));
        assert_hidden(&world, &secret);
        // The server closes the socket, and says why; the driver cannot know what.
        let socket = world.opened.last().unwrap().0;
        let message = format!("the server closed the socket: 1008 {}", pieces(&secret));
        world.clear();
        world.give(SessionInput::Closed { socket, error: Some(Error::Transport { message }) });
        assert_hidden(&world, &secret);
    }
}

#[test]
fn a_refused_connect_repeats_no_part_of_its_proof() {
    // survives W18
    // proves R36.2
    let mut world = bound();
    world.clear();
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    world.drop_socket();
    world.pass(2_000);
    let connect = world.sent("signalwire.connect")[0].clone();
    let proof = connect["params"]["dpop_token"].as_str().unwrap().to_owned();
    for failure in [
        json!({"error": {"code": -32_000, "message": pieces(&proof)}}),
        json!({"result": {"code": "503", "message": pieces(&proof)}}),
    ] {
        let mut answer = failure;
        answer["id"] = connect["id"].clone();
        world.push(&answer);
    }
    assert_hidden(&world, &proof);
}

#[test]
fn an_http_error_repeats_no_part_of_token_or_proof() {
    // survives W18
    // proves R36.2
    for status in [401, 422, 503] {
        let mut world = World::new(Config::new(subscriber()));
        world.server.http_faults.insert(DEVICE_TOKEN, [Fault::Silent].into());
        world.give(SessionInput::Start);
        let (id, request) = world.silent.pop().expect("an activation");
        let body: Value = serde_json::from_str(request.body.as_ref().unwrap().expose()).unwrap();
        let proof = body["dpop_token"].as_str().unwrap();
        let said = pieces(proof) + &pieces(&token(&world));
        let entry = json!({"type": said, "code": said, "message": said, "attribute": said});
        let answer = json!({"error": said, "errors": [entry]}).to_string();
        world.give(SessionInput::Http { id, result: Ok(HttpResponse::new(status, answer)) });
        assert_hidden(&world, proof);
        assert_hidden(&world, &token(&world));
    }
}

#[test]
fn errors_of_the_drivers_own_repeat_no_part_of_what_was_sent() {
    // survives W18
    // proves R36.2
    // A proxy, a signer and whoever has taken the store may have been told it, and say it again.
    let mut world = World::new(Config::new(subscriber()));
    world.server.http_faults.insert(DEVICE_TOKEN, [Fault::Silent].into());
    world.give(SessionInput::Start);
    let (id, request) = world.silent.pop().expect("an activation");
    let body: Value = serde_json::from_str(request.body.as_ref().unwrap().expose()).unwrap();
    let proof = body["dpop_token"].as_str().unwrap();
    // The proof is known by the request that it went with, and by nothing else.
    let message = format!("the proxy says: {} {}", pieces(proof), pieces(&token(&world)));
    world.give(SessionInput::Http { id, result: Err(Error::Transport { message }) });
    assert_hidden(&world, proof);
    assert_hidden(&world, &token(&world));

    let key = ProofKey::external(Algorithm::Es256, ec().jwk().clone()).unwrap();
    let mut world = World::new(Config::new(subscriber()).key(KeyChoice::Held { key, proved: true }));
    world.signs = Signs::Later;
    world.give(SessionInput::Start);
    let id = world.signatures[0].0;
    let minted = world.server.tokens.keys().next().unwrap().clone();
    let message = format!("the key service says: {}", pieces(&minted));
    world.give(SessionInput::Signature { id, result: Err(Error::Transport { message }) });
    assert_hidden(&world, &minted);

    let mut world = World::new(Config::new(CALLBACK).durable(true));
    let ends = EPOCH + 7_200_000;
    world.server.tokens.insert(sat("one", "relay.sw.test"), Minted { ends, ..Minted::default() });
    world.provider.push_back(Ok(credential("one")));
    let message = format!("it is held by {}", pieces(&sat("one", "relay.sw.test")));
    world.stores.push_back(Some(StoreFailure::Taken(Error::Store { message })));
    world.give(SessionInput::Start);
    assert_hidden(&world, &sat("one", "relay.sw.test"));
}

#[test]
fn stores_and_providers_repeat_no_part_of_a_token() {
    // survives W18
    // proves R36.2
    let mut world = World::new(Config::new(CALLBACK).durable(true));
    let ends = EPOCH + 7_200_000;
    world.server.tokens.insert(sat("one", "relay.sw.test"), Minted { ends, ..Minted::default() });
    world.provider.push_back(Ok(credential("one")));
    let message = format!("INSERT failed near {}", pieces(&sat("one", "relay.sw.test")));
    world.stores.push_back(Some(StoreFailure::Failed(Error::Store { message })));
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    assert_hidden(&world, &token(&world));
    world.clear();
    let trace = "trace 8f0a119a-cda7-4497-a47d-c81493b824d4";
    let message = format!("{trace}: the backend said {}", pieces(&token(&world)));
    world.provider.push_back(Err(ProviderError::Transient { message, retry_after: None }));
    world.give(SessionInput::RefreshNow { ask: satkeeper_core::lifecycle::AskId(1) });
    assert_hidden(&world, &token(&world));
    // An application's own words are its own.
    assert!(told(&world).contains(trace), "{}", told(&world));
}
