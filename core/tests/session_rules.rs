//! A session against a scripted server: the wire side of the rules.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test may panic"
)]

mod session_world;

use std::collections::VecDeque;

use satkeeper_core::dpop::{Algorithm, ProofKey};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Mechanism, Phase, ProviderFacts, TeardownReason, Warning};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{
    CallId, Config, Credential, KeyChoice, Provider, ProviderCall, ProviderError, SessionInput, SessionNews,
};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::json;
use session_world::*;

const CALLBACK: Provider = Provider::Callback(ProviderFacts { can_refresh: true, can_mint_again: false });

/// An unbound session with a token of two hours.
fn unbound() -> World {
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    world
        .server
        .tokens
        .insert(sat("one", "relay.sw.test"), Minted { ends: EPOCH + 7_200_000, ..Minted::default() });
    world.provider.push_back(Ok(credential("one")));
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    world
}

fn bound() -> World {
    let world = World::start(Config::new(subscriber()));
    assert!(world.is_live(), "{:?}", world.events);
    world
}

#[test]
fn a_subscriber_session_is_bound_and_stays_alive_for_a_day() {
    // proves L33, L43, L45
    let mut world = bound();
    let create = &world.asked(CREATE)[0];
    assert_eq!(create.1["fingerprint"], *ec().thumbprint());
    assert_eq!(create.1["scope"], "sat:refresh");
    assert!(create.1.get("expire_at").is_none());
    world.pass(86_400_000);
    assert!(world.is_live(), "{:?}", world.events.last());
    assert_eq!(world.session.status().mechanism, Mechanism::Bound);
    assert!(world.asked(DEVICE_REFRESH).len() > 90, "{}", world.asked(DEVICE_REFRESH).len());
    assert!(world.server.proofs.iter().all(|it| it["skew_ms"].as_u64().unwrap() < 2_000));
    let device = world.server.proofs.iter().find(|it| it["htu"] == DEVICE_REFRESH).unwrap();
    assert!(device["ath"].is_string());
    assert!(world.asked(DEVICE_TOKEN).iter().all(|it| it.1["expire_in"] == 900));
}

#[test]
fn the_first_frame_is_connect_and_the_host_comes_from_the_token() {
    // proves L32, L33
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    world.call(1, "subscriber.online");
    world.server.opens = true;
    world
        .server
        .tokens
        .insert(sat("one", "relay.sw.test:8443"), Minted { ends: EPOCH + 7_200_000, ..Minted::default() });
    world.provider.push_back(Ok(Credential::new(Secret::new(sat("one", "relay.sw.test:8443")))));
    world.give(SessionInput::Start);
    assert_eq!(world.opened[0].1, "wss://relay.sw.test:8443/");
    let methods = world.server.frames.iter().map(|(_, it)| it["method"].as_str()).collect::<Vec<_>>();
    assert_eq!(methods, [Some("signalwire.connect"), Some("subscriber.online")]);
    let connect = &world.server.frames[0].1["params"];
    assert!(connect["agent"].as_str().unwrap().starts_with("satkeeper/"));
    assert_eq!(connect["event_acks"], true);
    assert_eq!(world.returned, [(CallId(1), Ok(json!({})))]);
}

#[test]
fn what_waits_for_a_live_session_is_bounded() {
    // proves L33
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    for call in 0..1_025 {
        world.call(call, "a.method");
    }
    assert_eq!(world.returned.len(), 1);
    assert_eq!(world.returned[0].1.as_ref().unwrap_err().code(), "throttled");
    world.returned.clear();
    world.pass(60_000);
    assert_eq!(world.returned.len(), 1_024);
    assert!(world.returned.iter().all(|(_, result)| result.as_ref().unwrap_err().code() == "timeout"));

    let params = json!({"sdp": "x".repeat(600_000)});
    for call in 0..2 {
        let params = params.clone();
        world.give(SessionInput::Call { call: CallId(call), method: "big".to_owned(), params });
    }
    assert_eq!(world.returned.last().unwrap().0, CallId(1));
    let params = json!("x".repeat(1 << 20));
    world.give(SessionInput::Call { call: CallId(9), method: "huge".to_owned(), params });
    assert_eq!(world.returned.last().unwrap().1.as_ref().unwrap_err().code(), "invalid_field");
}

#[test]
fn the_session_keeps_its_own_methods() {
    // proves L33
    let mut world = unbound();
    for method in ["signalwire.connect", "signalwire.reauthenticate"] {
        world.call(1, method);
        assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "invalid_field");
    }
}

#[test]
fn a_drop_is_resumed_with_state_protocol_and_proof() {
    // proves L34, L37
    let mut world = bound();
    world.push_state();
    assert_eq!(world.sent("signalwire.connect").len(), 1);
    world.drop_socket();
    world.pass(5_000);
    let connects = world.sent("signalwire.connect");
    assert_eq!(connects.len(), 2);
    assert!(connects[0]["params"].get("authorization_state").is_none());
    assert_eq!(connects[1]["params"]["protocol"], "signalwire_p");
    assert_eq!(connects[1]["params"]["authorization_state"], format!("{CANARY}state"));
    assert!(connects[1]["params"]["dpop_token"].is_string());
    assert!(world.told().iter().any(|event| matches!(event, Event::Live { resumed: true, .. })));
    assert!(world.notifications.is_empty());
}

#[test]
fn a_refused_resume_becomes_a_fresh_connect_without_an_error() {
    // proves L34
    let mut world = bound();
    world.push_state();
    world.clear();
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Error(-32_602, "no")].into());
    world.drop_socket();
    world.pass(8_000);
    let connects = world.sent("signalwire.connect");
    assert_eq!(connects.len(), 2);
    assert!(connects[1]["params"].get("authorization_state").is_none());
    assert!(world.is_live());
    assert!(!world.told().iter().any(|event| matches!(event, Event::Warn(_))));
}

#[test]
fn frames_are_answered_as_the_protocol_wants() {
    // proves L37, L39
    let mut world = unbound();
    world.clear();
    world.push(&json!({"jsonrpc": "2.0", "id": "p", "method": "signalwire.ping",
        "params": {"timestamp": 1_700_000_001.25}}));
    world.push(&json!({"jsonrpc": "2.0", "id": 7, "method": "signalwire.event",
        "params": {"event_type": "call.received", "params": {"a": 1}}}));
    world.push(&json!({"jsonrpc": "2.0", "id": "v", "method": "verto.invite", "params": [1]}));
    let answers = world.server.frames.iter().map(|(_, frame)| frame.clone()).collect::<Vec<_>>();
    assert_eq!(
        answers,
        [
            json!({"jsonrpc": "2.0", "id": "p", "result": {"timestamp": 1_700_000_001.25}}),
            json!({"jsonrpc": "2.0", "id": 7, "result": {}}),
        ]
    );
    let methods = world.notifications.iter().map(|it| it.method.as_str()).collect::<Vec<_>>();
    assert_eq!(methods, ["signalwire.event", "verto.invite"]);
    assert_eq!(world.notifications[0].params["params"]["a"], 1);
}

#[test]
fn malformed_frames_are_dropped_with_an_event_and_nothing_else() {
    // proves L39, L51
    let mut world = unbound();
    world.clear();
    let socket = world.opened[0].0;
    let texts = ["", "[]", "{", "{\"jsonrpc\":\"2.0\"}", "null", "{\"id\":1,\"method\":5}"];
    for text in texts {
        world.give(SessionInput::Frame { socket, text: text.to_owned() });
    }
    world.give(SessionInput::OddFrame { socket });
    let deep = "[".repeat(200_000);
    world.give(SessionInput::Frame { socket, text: format!("{{\"method\":\"m\",\"params\":{deep}") });
    world.give(SessionInput::Frame { socket, text: "x".repeat((1 << 20) + 1) });
    let dropped = world.events.iter().filter(|it| it.event == SessionNews::FrameDropped).count();
    assert_eq!(dropped, texts.len() + 3);
    assert!(world.is_live());
    assert!(world.server.frames.is_empty() && world.closed.is_empty());
    assert!(world.events.iter().all(|it| it.event == SessionNews::FrameDropped));
    // Answers to nothing, and a state that is none.
    for frame in [
        json!({"id": "unknown", "result": {}}),
        json!({"id": null, "error": 5}),
        json!({"id": "e", "method": "signalwire.event",
            "params": {"event_type": "signalwire.authorization.state", "params": {"authorization_state": 5}}}),
    ] {
        world.push(&frame);
    }
    assert!(world.is_live() && world.notifications.is_empty());
}

#[test]
fn frames_of_an_older_socket_are_dropped() {
    // proves L33
    let mut world = unbound();
    world.drop_socket();
    world.pass(10_000);
    assert!(world.is_live());
    world.clear();
    let socket = world.opened[0].0;
    let text = json!({"id": "p", "method": "signalwire.ping", "params": {}}).to_string();
    world.give(SessionInput::Frame { socket, text });
    world.give(SessionInput::Frame { socket, text: "junk".to_owned() });
    assert!(world.server.frames.is_empty() && world.events.is_empty());
    world.give(SessionInput::Opened { socket, date: None });
    assert_eq!(world.closed.last(), Some(&socket));
    assert!(world.is_live());
}

#[test]
fn acknowledgements_wait_for_the_connect() {
    // proves L33
    // survives S18
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    world
        .server
        .tokens
        .insert(sat("one", "relay.sw.test"), Minted { ends: EPOCH + 7_200_000, ..Minted::default() });
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    world.provider.push_back(Ok(credential("one")));
    world.give(SessionInput::Start);
    world.push_state();
    assert_eq!(world.server.frames.len(), 1, "nothing but the connect may go out");
    let id = world.server.frames[0].1["id"].clone();
    world.push(&json!({"id": id, "result": {"protocol": "signalwire_p"}}));
    assert_eq!(world.server.frames[1].1, json!({"jsonrpc": "2.0", "id": "state", "result": {}}));
    assert!(world.is_live());
    world.drop_socket();
    world.pass(5_000);
    assert!(world.sent("signalwire.connect")[1]["params"]["authorization_state"].is_string());
}

#[test]
fn disconnect_is_answered_and_a_restart_wipes_the_state() {
    // proves L37
    for (restart, resumes) in [(false, true), (true, false)] {
        let mut world = bound();
        world.push_state();
        world.clear();
        world.push(&json!({"id": "d", "method": "signalwire.disconnect", "params": {"restart": restart}}));
        assert_eq!(world.server.frames[0].1, json!({"jsonrpc": "2.0", "id": "d", "result": {}}));
        world.pass(5_000);
        assert!(world.is_live());
        let connects = world.sent("signalwire.connect");
        assert_eq!(connects[0]["params"].get("authorization_state").is_some(), resumes, "{restart}");
    }
}

#[test]
fn a_silent_socket_is_asked_and_replaced() {
    // proves L37
    let mut world = unbound();
    world.clear();
    world.pass(59_999);
    assert!(world.sent("signalwire.ping").is_empty());
    world.pass(1);
    assert_eq!(world.sent("signalwire.ping").len(), 1);
    assert!(world.is_live());
    world.push(&json!({"id": "p", "method": "signalwire.ping", "params": {}}));
    world.server.methods.insert("signalwire.ping", VecDeque::from([RpcFault::Silent]));
    world.clear();
    world.pass(15_000);
    assert_eq!(world.sent("signalwire.ping").len(), 1);
    world.pass(9_999);
    assert_eq!(world.opened.len(), 1);
    world.pass(5_001);
    assert_eq!(world.opened.len(), 2);
    assert!(world.is_live());
}

#[test]
fn calls_return_time_out_and_are_lost_with_their_socket() {
    // proves L33, L39
    let mut world = unbound();
    let fault = [RpcFault::Result(json!({"code": "404"})), RpcFault::Silent, RpcFault::Silent];
    world.server.methods.insert("m", fault.into());
    world.call(1, "m");
    assert_eq!(world.returned.pop().unwrap(), (CallId(1), Ok(json!({"code": "404"}))));
    world.call(2, "m");
    world.pass(9_999);
    assert!(world.returned.is_empty());
    world.pass(1);
    assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "timeout");
    world.call(3, "m");
    world.give(SessionInput::CancelCall { call: CallId(3) });
    world.server.methods.insert("m", [RpcFault::Silent].into());
    world.call(4, "m");
    world.drop_socket();
    assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "transport");
    world.call(5, "m");
    world.pass(20_000);
    assert_eq!(world.returned, [(CallId(5), Ok(json!({})))]);
}

#[test]
fn a_call_refused_for_its_credential_is_repeated_once_after_recovery() {
    // proves L24
    let mut world = unbound();
    world.pass(60_000);
    world
        .server
        .tokens
        .insert(sat("two", "relay.sw.test"), Minted { ends: world.unix() + 7_200_000, ..Minted::default() });
    let refusal = || RpcFault::Error(-32_003, "Requester validation failed");
    world.server.methods.insert("m", [refusal()].into());
    world.provider.push_back(Ok(credential("two")));
    world.clear();
    world.call(1, "m");
    assert_eq!(world.returned, [(CallId(1), Ok(json!({})))], "{:?}", world.events);
    assert_eq!(world.provider_calls, [ProviderCall::Refresh]);
    let sent = world.sent("m");
    assert_eq!(sent.len(), 2);
    assert_ne!(sent[0]["id"], sent[1]["id"]);
    assert_eq!(world.sent("signalwire.reauthenticate").len(), 1);
    assert_eq!(world.sent("signalwire.reauthenticate")[0]["params"]["authentication"]["project"], "project");

    // Refused again: its own error comes back.
    world.returned.clear();
    world.server.methods.insert("m", [refusal(), refusal()].into());
    world.pass(60_000);
    world.server.tokens.insert(
        sat("three", "relay.sw.test"),
        Minted { ends: world.unix() + 7_200_000, ..Minted::default() },
    );
    world.provider.push_back(Ok(credential("three")));
    world.call(2, "m");
    assert!(matches!(&world.returned[0].1, Err(Error::Rpc { code: -32_003, .. })), "{:?}", world.returned);

    // Nobody can renew: likewise.
    world.returned.clear();
    world.server.methods.insert("m", [refusal()].into());
    world.provider.push_back(Err(ProviderError::Rejected("no".to_owned())));
    world.pass(60_000);
    world.call(3, "m");
    assert!(matches!(&world.returned[0].1, Err(Error::Rpc { code: -32_003, .. })), "{:?}", world.returned);
}

#[test]
fn a_call_error_is_no_verdict_on_the_credential() {
    // proves L24
    let mut world = unbound();
    world.clear();
    world.server.methods.insert("m", [RpcFault::Error(-32_002, "CALL DOES NOT EXIST")].into());
    world.call(1, "m");
    assert!(matches!(&world.returned[0].1, Err(Error::Rpc { code: -32_002, .. })));
    assert!(world.provider_calls.is_empty());
}

#[test]
fn update_token_resolves_when_the_server_has_accepted() {
    // proves L40
    let mut world = unbound();
    let ends = world.unix() + 7_200_000;
    world.server.tokens.insert(sat("two", "relay.sw.test"), Minted { ends, ..Minted::default() });
    world.give(SessionInput::UpdateToken { ask: AskId(1), credential: credential("two") });
    world.pass(100);
    assert!(world.settled[0].1.is_ok(), "{:?}", world.settled);
    let in_force = world.session.credential().unwrap();
    assert!(in_force.token == Secret::new(sat("two", "relay.sw.test")));
    let stated = in_force.expires_at.unwrap().0;
    assert!(stated.abs_diff(ends) <= 2_500, "{stated} {ends}");

    world.settled.clear();
    world.give(SessionInput::UpdateToken { ask: AskId(2), credential: credential("unknown") });
    world.pass(100);
    match world.settled[0].1.as_ref().unwrap_err() {
        Error::Rpc { code: -32_002, message, .. } => assert!(message.contains("Authentication failed")),
        other => panic!("{other}"),
    }
    assert!(world.is_live());
    assert!(world.session.credential().unwrap().token == in_force.token);
}

#[test]
fn a_token_that_does_not_decode_is_refused_at_the_door() {
    // proves L11
    let mut world = unbound();
    let token = Secret::new(format!("not.a.token{CANARY}"));
    world.give(SessionInput::UpdateToken { ask: AskId(1), credential: Credential::new(token.clone()) });
    assert_eq!(world.settled[0].1.as_ref().unwrap_err().code(), "invalid_credentials");
    world.give(SessionInput::RefreshNow { ask: AskId(1 << 63) });
    assert_eq!(world.settled[1].1.as_ref().unwrap_err().code(), "invalid_field");

    let provider = Provider::Static(Credential::new(token));
    let world = World::start(Config::new(provider).key(KeyChoice::None));
    assert_eq!(world.phase(), Phase::Over(TeardownReason::MintFailed));
    let last = world.events.last().unwrap();
    assert_eq!(last.cause.as_ref().unwrap().code(), "invalid_credentials");
    assert!(world.opened.is_empty());
}

#[test]
fn the_error_of_the_first_mint_is_told_with_the_end() {
    // proves L42, L44
    let mut world = World::new(Config::new(subscriber()));
    let mut response = HttpResponse::new(
        422,
        json!({"errors": [
            {"code": "missing_required_parameter", "attribute": "reference", "message": sat("echo", "x.y")},
            {"code": "second"},
        ]})
        .to_string(),
    );
    response.set_header("Retry-After", "3");
    world.server.http_faults.insert(CREATE, [Fault::Http(response)].into());
    world.call(1, "m");
    world.give(SessionInput::Start);
    assert_eq!(world.phase(), Phase::Over(TeardownReason::MintFailed));
    assert_eq!(world.returned, [(CallId(1), Err(Error::SessionOver))]);
    match world.events.last().unwrap().cause.as_ref().unwrap() {
        Error::Http(error) => assert_eq!(error.entries.len(), 2),
        other => panic!("{other}"),
    }
    assert!(world.session.credential().is_none());
    world.give(SessionInput::RefreshNow { ask: AskId(5) });
    assert_eq!(world.settled, [(AskId(5), Err(Error::SessionOver))]);
    world.call(2, "m");
    world.give(SessionInput::Tick);
    assert_eq!(world.wake, None);
}

#[test]
fn a_nonce_is_honoured_once_within_the_command() {
    // proves L45
    // survives P27, P28, S24
    let mut world = World::new(Config::new(subscriber()));
    let challenge = |nonce: &str| {
        let mut response = HttpResponse::new(400, "{\"error\":\"use_dpop_nonce\"}");
        response.set_header("DPoP-Nonce", nonce);
        Fault::Http(response)
    };
    world.server.http_faults.insert(DEVICE_TOKEN, [challenge("n1")].into());
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert_eq!(world.asked(DEVICE_TOKEN).len(), 2);
    assert_eq!(world.server.proofs.iter().filter(|it| it["nonce"] == "n1").count(), 1);
    assert!(!world.told().iter().any(|it| matches!(it, Event::Warn(_))), "{:?}", world.events);

    let mut world = World::new(Config::new(subscriber()));
    world.server.http_faults.insert(DEVICE_TOKEN, [challenge("n1"), challenge("n2")].into());
    world.give(SessionInput::Start);
    assert_eq!(world.asked(DEVICE_TOKEN).len(), 2, "one repetition, then the lifecycle's own schedule");
}

#[test]
fn proofs_are_in_the_servers_time_and_in_full_where_wanted() {
    // proves L9, L45
    // survives P25, S24, S25
    let mut world = World::new(Config::new(subscriber()).full_htu(true));
    world.server.ahead = 3_600_000;
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    assert!(world.server.proofs.iter().all(|it| it["skew_ms"].as_u64().unwrap() <= 2_500));
    let htu = format!("https://fabric.sw.test{DEVICE_TOKEN}");
    assert!(world.server.proofs.iter().any(|it| it["htu"] == *htu));
}

#[test]
fn hosts_can_be_overridden() {
    let url = |text: &str| SecureUrl::parse(text, Plain::Loopback).unwrap();
    let config =
        Config::new(subscriber()).relay(url("ws://127.0.0.1:1")).fabric(url("http://127.0.0.1:2/prefix"));
    let mut world = World::new(config);
    world.give(SessionInput::Start);
    assert_eq!(world.opened[0].1, "ws://127.0.0.1:1/");
    assert_eq!(world.asked(&format!("/prefix{INFO}")).len(), 1);
}

/// A subscriber session whose tokens have no scope: the provider renews.
fn rotating() -> World {
    let mut world = World::new(Config::new(subscriber()).key(KeyChoice::None));
    world.server.scope = false;
    world.server.life_s = 1_200;
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert_eq!(world.session.status().mechanism, Mechanism::Provider);
    world
}

#[test]
fn a_refresh_token_is_rotated_and_never_presented_twice() {
    // proves L31, L43
    // survives P30
    let mut world = rotating();
    world.server.life_s = 7_200;
    world.pass(86_400_000);
    assert!(world.is_live());
    let mut presented = world.asked(REFRESH).iter().map(|it| it.1.to_string()).collect::<Vec<_>>();
    assert!(presented.len() >= 10, "{}", presented.len());
    let all = presented.len();
    presented.sort();
    presented.dedup();
    assert_eq!(presented.len(), all);
    assert_eq!(world.asked(CREATE).len(), 1);
}

#[test]
fn a_refused_refresh_token_becomes_a_new_token_within_the_same_command() {
    // proves L43
    let mut world = rotating();
    world.server.refresh_token = None;
    world.clear();
    world.pass(1_200_000);
    assert!(world.is_live());
    assert_eq!(world.asked(REFRESH).len().min(1), 1);
    assert!(!world.asked(CREATE).is_empty());
    assert!(!world.told().iter().any(|it| matches!(it, Event::Warn(Warning::RefreshFailed { .. }))));
}

#[test]
fn a_refresh_token_without_an_answer_is_in_doubt_and_a_late_answer_is_kept() {
    // proves L31
    // survives P30
    let mut world = rotating();
    world.clear();
    world.server.http_faults.insert(REFRESH, [Fault::Silent].into());
    world.pass(1_150_000);
    assert!(world.is_live());
    assert!(!world.asked(CREATE).is_empty(), "in doubt: created anew");
    let (id, request) = world.silent.pop().unwrap();
    let presented = request.body.unwrap();
    let presented: serde_json::Value = serde_json::from_str(presented.expose()).unwrap();
    assert_eq!(world.asked(REFRESH).iter().filter(|it| it.1 == presented).count(), 1);
    let body = json!({"token": sat("late", "relay.sw.test"), "refresh_token": "older"}).to_string();
    let before = world.session.status().generation;
    world.give(SessionInput::Http { id, result: Ok(HttpResponse::new(201, body)) });
    assert_eq!(world.session.status().generation, before);
    world.pass(7_200_000);
    assert!(world.is_live());
    assert!(!world.asked(REFRESH).iter().any(|it| it.1["refresh_token"] == "older"));
}

#[test]
fn what_is_rejected_for_good_is_told_with_its_error() {
    // proves L17, L21
    let mut world = rotating();
    let refused = || Fault::Http(HttpResponse::new(401, "{\"error\":\"Unauthorized\"}"));
    world.server.http_faults.insert(REFRESH, [refused()].into());
    world.server.http_faults.insert(CREATE, [refused()].into());
    world.clear();
    world.pass(1_150_000);
    let failed = world
        .events
        .iter()
        .find(|it| matches!(it.event, SessionNews::Lifecycle(Event::Warn(Warning::RefreshFailed { .. }))));
    let cause = failed.unwrap().cause.as_ref().unwrap();
    assert!(matches!(cause, Error::Http(http) if http.status == 401), "{cause}");
    assert_eq!(world.asked(CREATE).len(), 1);
    world.pass(100_000);
    assert!(matches!(world.phase(), Phase::Over(TeardownReason::Expired)), "{:?}", world.phase());
}

#[test]
fn an_embed_token_is_exchanged_again_and_again() {
    // proves L42, L43
    let host = SecureUrl::parse("https://embeds.signalwire.test", Plain::Never).unwrap();
    let token = Secret::new(format!("c2c_{CANARY}"));
    let mut world = World::start(Config::new(Provider::Embed { token, host }).key(KeyChoice::None));
    assert!(world.is_live());
    world.pass(10 * 3_600_000);
    assert!(world.is_live());
    assert!(world.asked(EMBED).len() >= 10);
    assert!(world.asked(EMBED).iter().all(|it| it.2.is_empty()));
}

#[test]
fn a_provider_gets_the_fingerprint_and_its_errors_are_passed_on() {
    // proves L42
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::Held { key: rsa(), proved: true }));
    world.provider.push_back(Err(ProviderError::Transient {
        message: format!("backend said {}", sat("echo", "a.b")),
        retry_after: None,
    }));
    world.give(SessionInput::Start);
    let fingerprint = Some(rsa().thumbprint().to_owned());
    assert_eq!(world.provider_calls, [ProviderCall::Authenticate { fingerprint }]);
    let last = world.events.last().unwrap();
    assert_eq!(last.cause.as_ref().unwrap().code(), "provider");
}

#[test]
fn odd_times_are_told_once() {
    // proves L10
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    let seconds = satkeeper_core::UnixMillis(EPOCH / 1_000 + 7_200);
    world
        .server
        .tokens
        .insert(sat("one", "relay.sw.test"), Minted { ends: EPOCH + 7_200_000, ..Minted::default() });
    world.provider.push_back(Ok(credential("one").expiring_at(seconds)));
    world.give(SessionInput::Start);
    assert!(world.is_live());
    let odd = |it: &&satkeeper_core::session::SessionEvent| {
        matches!(it.event, SessionNews::OddTime { field: "expiry_at", .. })
    };
    assert_eq!(world.events.iter().filter(odd).count(), 1);
}

#[test]
fn no_key_leaves_the_session_unbound() {
    // proves L48
    let mut world = World::new(Config::new(subscriber()));
    world.keys_refused = true;
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert!(world.asked(CREATE)[0].1.get("fingerprint").is_none());
    assert!(world.asked(CREATE)[0].1.get("scope").is_none());
    assert!(world.sent("signalwire.connect")[0]["params"].get("dpop_token").is_none());
}

#[test]
fn a_server_that_takes_no_es256_gets_rs256() {
    // proves L46
    let mut world = World::new(Config::new(subscriber()));
    let refused = Fault::Http(HttpResponse::new(400, "{\"error\":\"invalid_dpop_proof\"}"));
    world.server.http_faults.insert(DEVICE_TOKEN, [refused].into());
    // A connect result that carries our thumbprint would prove the key.
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Result(json!({"protocol": "p"}))].into());
    let info = HttpResponse::new(200, "{\"sat_claims\":{\"scope\":[\"sat:refresh\"]}}");
    world.server.http_faults.insert(INFO, [Fault::Http(info)].into());
    world.give(SessionInput::Start);
    world.pass(20_000);
    assert!(world.is_live(), "{:?}", world.events);
    assert!(world.told().iter().any(|it| matches!(it, Event::Warn(Warning::KeySwitched { .. }))));
    assert_eq!(world.asked(CREATE)[1].1["fingerprint"], *rsa().thumbprint());
    assert_eq!(world.server.proofs.last().unwrap()["alg"], "RS256");
    assert_eq!(world.session.status().mechanism, Mechanism::Bound);
}

#[test]
fn disconnect_and_destroy_end_everything() {
    // proves L41
    for (input, reason) in [
        (SessionInput::Disconnect, TeardownReason::Disconnected),
        (SessionInput::Destroy, TeardownReason::Destroyed),
    ] {
        let mut world = bound();
        world.server.methods.insert("m", [RpcFault::Silent].into());
        world.call(1, "m");
        world.give(input);
        assert_eq!(world.phase(), Phase::Over(reason));
        assert_eq!(world.closed.len(), 1);
        assert_eq!(world.returned.len(), 1);
        assert!(matches!(world.told().last(), Some(Event::Teardown { .. })));
        assert_eq!(world.wake, None);
        world.push(&json!({"id": "p", "method": "signalwire.ping", "params": {}}));
        world.drop_socket();
    }
}

#[test]
fn suspend_closes_and_resume_takes_up_again() {
    // proves L41
    let mut world = bound();
    world.push_state();
    world.give(SessionInput::Suspend);
    assert_eq!((world.phase(), world.closed.len()), (Phase::Suspended, 1));
    world.pass(60_000);
    assert_eq!(world.opened.len(), 1);
    world.give(SessionInput::Resume);
    world.pass(6_000);
    assert!(world.is_live());
    assert!(world.sent("signalwire.connect")[1]["params"]["authorization_state"].is_string());
}

#[test]
fn a_business_code_refuses_a_reauthenticate() {
    // proves L28, L40
    for (result, is_accepted) in [
        (json!({"code": "403", "message": "Forbidden"}), false),
        (json!({"code": 500}), false),
        (json!({"code": "200"}), true),
        (json!({"code": {}}), true),
        (json!(null), true),
    ] {
        let mut world = unbound();
        world
            .server
            .rpc_faults
            .insert("signalwire.reauthenticate", [RpcFault::Result(result.clone())].into());
        world.give(SessionInput::UpdateToken { ask: AskId(1), credential: credential("two") });
        let generation = world.session.status().generation.0;
        assert_eq!(generation == 2, is_accepted, "{result}");
        if result["code"] == "403" {
            assert!(
                matches!(&world.settled[0].1, Err(Error::Rpc { code: 403, message, .. }) if message == "Forbidden"),
                "{:?}",
                world.settled
            );
        }
        assert!(world.is_live());
    }
}

#[test]
fn on_a_connect_this_code_is_always_about_the_credential() {
    // proves L35
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    let ends = EPOCH + 7_200_000;
    for name in ["one", "two"] {
        world.server.tokens.insert(sat(name, "relay.sw.test"), Minted { ends, ..Minted::default() });
        world.provider.push_back(Ok(credential(name)));
    }
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Error(-32_002, "nein")].into());
    world.give(SessionInput::Start);
    world.pass(10_000);
    assert!(world.is_live(), "{:?}", world.events);
    assert_eq!(world.provider_calls.last(), Some(&ProviderCall::Refresh));
    assert!(world.session.credential().unwrap().token == Secret::new(sat("two", "relay.sw.test")));
}

#[test]
fn an_opaque_bound_token_stays_with_the_hosts_of_its_base() {
    // proves L15, L32
    let mut world = World::new(Config::new(subscriber()));
    let opaque = format!("opaque{CANARY}");
    let body = json!({"token": opaque, "expires_in": "900"}).to_string();
    world.server.http_faults.insert(DEVICE_TOKEN, [Fault::Http(HttpResponse::new(202, body))].into());
    let ends = EPOCH + 900_000;
    world.server.tokens.insert(opaque.clone(), Minted { ends, scope: true, jkt: None });
    world.give(SessionInput::Start);
    assert!(world.session.status().bound, "{:?}", world.events);
    world.pass(890_000);
    let refresh = world.asked(DEVICE_REFRESH);
    assert_eq!(refresh[0].2, format!("Bearer {opaque}"));
    assert!(world.is_live());
}

#[test]
fn a_hostile_host_gets_no_request() {
    // proves L11, L32
    for ch in ["evil.test/path", "user@evil.test", "evil.test:99999", "a..b", "ev il.test"] {
        let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
        world.provider.push_back(Ok(Credential::new(Secret::new(sat("one", ch)))));
        world.give(SessionInput::Start);
        assert_eq!(world.phase(), Phase::Over(TeardownReason::MintFailed), "{ch}");
        assert!(world.opened.is_empty() && world.server.requests.is_empty(), "{ch}");
        assert_eq!(world.events.last().unwrap().cause.as_ref().unwrap().code(), "invalid_credentials");
    }
}

#[test]
fn a_token_bound_to_another_key_is_known_for_it() {
    // proves L29, L46
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::Held { key: rsa(), proved: true }));
    let minted = Minted { ends: EPOCH + 7_200_000, scope: true, jkt: Some(ec().thumbprint().to_owned()) };
    world.server.tokens.insert(sat("one", "relay.sw.test"), minted);
    world.provider.push_back(Ok(credential("one")));
    world.give(SessionInput::Start);
    assert!(
        world.told().iter().any(|it| matches!(it, Event::Warn(Warning::ForeignKey { .. })))
            || world.asked(DEVICE_TOKEN).is_empty(),
        "{:?}",
        world.events
    );
}

#[test]
fn a_configured_end_is_what_was_asked_for() {
    // proves L8, L43
    let Provider::Subscriber { space, mut request } = subscriber() else { panic!() };
    request.expire_at = Some(EPOCH / 1_000 + 600);
    let mut world = World::new(Config::new(Provider::Subscriber { space, request }).key(KeyChoice::None));
    // The server says nothing of the end.
    let silent = || RpcFault::Result(json!({"protocol": "p"}));
    world.server.rpc_faults.insert("signalwire.connect", [silent(), silent()].into());
    world.server.date = false;
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert_eq!(world.asked(CREATE)[0].1["expire_at"], EPOCH / 1_000 + 600);
    let left = world.session.status().time_left.unwrap();
    assert!(left.abs_diff(599_000) < 1_000, "{left}");
}

#[test]
fn scope_without_a_fingerprint_is_warned_of() {
    // proves L43
    let Provider::Subscriber { space, mut request } = subscriber() else { panic!() };
    request.scope_refresh = true;
    let config = Config::new(Provider::Subscriber { space, request }).key(KeyChoice::None);
    let world = World::start(config);
    let warned = world.events.iter().filter(|it| it.event == SessionNews::ScopeWithoutFingerprint).count();
    assert_eq!(warned, 1);
}

#[test]
fn after_a_sleep_the_socket_is_asked_before_it_is_judged() {
    // proves L23, L37
    let mut world = unbound();
    world.clear();
    world.now += 3_000_000;
    world.give(SessionInput::Tick);
    assert!(!world.sent("signalwire.ping").is_empty());
    assert!(world.is_live() && world.opened.len() == 1);
}

#[test]
fn a_clock_that_goes_back_is_harmless() {
    // proves L6
    let mut world = unbound();
    world.pass(100_000);
    world.now -= 50_000;
    world.give(SessionInput::Tick);
    world.now += 50_000;
    world.give(SessionInput::Tick);
    assert!(world.is_live());
    assert!(world.wake > Some(world.now));
}

/// A session whose key is held by somebody else.
fn external() -> World {
    let key = ProofKey::external(Algorithm::Es256, ec().jwk().clone()).unwrap();
    World::new(Config::new(subscriber()).key(KeyChoice::Held { key, proved: true }))
}

#[test]
fn an_external_signer_is_asked_for_every_proof() {
    // proves L47
    let mut world = external();
    world.signs = Signs::AtOnce;
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    assert!(world.session.status().bound);
    world.pass(3_600_000);
    assert!(world.is_live());
    assert!(world.signatures.len() > 6);
    assert_eq!(world.server.proofs.len(), world.signatures.len());
}

#[test]
fn a_signature_that_comes_stale_is_asked_for_again() {
    // proves L47
    let mut world = external();
    world.signs = Signs::Later;
    world.server.http_faults.insert(INFO, [Fault::Silent].into());
    world.give(SessionInput::Start);
    let (id, _) = world.signatures.pop().unwrap();
    world.now += 9_000;
    world.sign(id);
    assert!(world.is_live(), "in time");
    world.pass(6_000);
    // The exchange waits for its signature when another answer of its host brings a nonce.
    let (first, claims) = world.signatures.pop().unwrap();
    assert!(!claims.contains("nonce"), "{claims}");
    let (info, _) = world.silent.pop().unwrap();
    let mut response = HttpResponse::new(503, "");
    response.set_header("DPoP-Nonce", "n1");
    world.give(SessionInput::Http { id: info, result: Ok(response) });
    world.sign(first);
    assert!(world.asked(DEVICE_TOKEN).is_empty());
    let (second, claims) = world.signatures.pop().unwrap();
    assert!(claims.contains("\"nonce\":\"n1\""), "{claims}");
    // Twice the same answer, or one to what is not asked any more, is harmless.
    world.sign(first);
    world.sign(second);
    world.sign(second);
    assert_eq!(world.asked(DEVICE_TOKEN).len(), 1);
    assert!(world.is_live());
}

#[test]
fn a_signer_that_fails_is_asked_again_later() {
    // proves L47, L48
    let mut world = external();
    world.signs = Signs::Never;
    world.give(SessionInput::Start);
    world.pass(20_000);
    assert!(!world.is_live());
    assert!(world.sent("signalwire.connect").is_empty(), "what is bound is not shown without a proof");
    world.signs = Signs::AtOnce;
    world.pass(10_000);
    assert!(world.is_live(), "{:?}", world.events);
}
