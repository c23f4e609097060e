//! The socket's frames: connect, resume, what is answered, dropped and asked (R31 to R21, R32).

use std::collections::VecDeque;

use crate::world::*;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Failure, Warning};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{
    CallId, Config, Credential, EventKind, KeyChoice, ProviderCall, SessionInput, SessionNews,
};
use serde_json::json;

#[test]
fn the_first_frame_is_connect_and_the_host_comes_from_the_token() {
    // proves R31.4, R32.1, R32.2
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
fn the_session_keeps_its_own_methods() {
    // proves R32
    let mut world = unbound();
    for method in ["signalwire.connect", "signalwire.reauthenticate"] {
        world.call(1, method);
        assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "invalid_field");
    }
}

#[test]
fn a_drop_is_resumed_with_state_protocol_and_proof() {
    // proves R21.3, R32.6
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
    // proves R21.7
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
    let warned = |event: &Event| matches!(event, Event::Warn(Warning::ConnectFailed { .. }));
    assert!(!world.told().iter().any(warned));
}

#[test]
fn frames_are_answered_as_the_protocol_wants() {
    // proves R32.4, R32.5, R32.7
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
    assert_eq!(world.notifications[0].params()["params"]["a"], 1);
}

#[test]
fn malformed_frames_are_dropped_with_an_event_and_nothing_else() {
    // proves R32.8, R36.7, R36.8
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
    let dropped = |world: &World| {
        let counts = world.events.iter().map(|it| match it.event {
            SessionNews::FrameDropped { count } => count,
            other => panic!("{other:?}"),
        });
        counts.collect::<Vec<_>>()
    };
    // The first is told at once, the others together.
    assert_eq!(dropped(&world), [1]);
    world.pass(10_000);
    let others = u64::try_from(texts.len()).unwrap() + 2;
    assert_eq!(dropped(&world), [1, others]);
    let last = world.events[1].cause.as_ref().unwrap().to_string();
    assert!(last.contains("1048577 bytes"), "{last}");
    assert!(world.is_live());
    assert!(world.closed.is_empty());
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
fn a_flood_of_malformed_frames_is_told_in_a_few_words() {
    // proves R32.8
    // survives W17
    let mut world = unbound();
    world.clear();
    let socket = world.opened[0].0;
    let mut given = 0;
    for _ in 0..15_000 {
        for text in ["{", "[]"] {
            given += 1;
            world.give(SessionInput::Frame { socket, text: text.to_owned() });
        }
        world.pass(1);
    }
    world.give(SessionInput::Disconnect);
    let told = world.events.iter().filter_map(|it| match it.event {
        SessionNews::FrameDropped { count } => Some(count),
        _ => None,
    });
    let told = told.collect::<Vec<_>>();
    // At once, after 10 s, and what was left at the end, before the last event.
    assert_eq!((told.len(), told.iter().sum::<u64>()), (3, given), "{told:?}");
}

#[test]
fn what_waits_for_a_connect_is_bounded_in_bytes() {
    // proves R32.3
    // survives W1
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    let token = sat("one", "relay.sw.test");
    world.server.tokens.insert(token, Minted { ends: EPOCH + 7_200_000, ..Minted::default() });
    world.provider.push_back(Ok(credential("one")));
    let connects = world.server.rpc_faults.entry("signalwire.connect").or_default();
    connects.push_back(RpcFault::Silent);
    world.give(SessionInput::Start);
    let socket = world.opened[0].0;
    // An id is echoed, and may be as long as a frame.
    let id = "i".repeat(40_000);
    for n in 0..64 {
        let text = format!("{{\"id\":\"{n}{id}\",\"method\":\"signalwire.event\",\"params\":{{}}}}");
        world.give(SessionInput::Frame { socket, text });
    }
    assert_eq!(world.notifications.len(), 64);
    let connect = world.sent("signalwire.connect")[0]["id"].clone();
    world.push(&json!({"jsonrpc": "2.0", "id": connect, "result": {"protocol": "signalwire_p"}}));
    assert!(world.is_live());
    let acknowledged = world.server.frames.iter().filter(|(_, frame)| frame.get("result").is_some());
    assert_eq!(acknowledged.count(), 1);
}

#[test]
fn frames_of_an_older_socket_are_dropped() {
    // proves R29.2
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
    // proves R32.1, R32.3
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
    // proves R19.4, R21.10
    for (restart, resumes) in [(false, true), (true, false)] {
        let mut world = bound();
        world.push_state();
        world.clear();
        world.push(&json!({"id": "d", "method": "signalwire.disconnect", "params": {"restart": restart}}));
        assert_eq!(world.server.frames[0].1, json!({"jsonrpc": "2.0", "id": "d", "result": {}}));
        // Who is ended with many others comes back within 3 s, or 10 s without a state.
        world.pass(10_000);
        assert!(world.is_live());
        let connects = world.sent("signalwire.connect");
        assert_eq!(connects[0]["params"].get("authorization_state").is_some(), resumes, "{restart}");
    }
}

/// Why a socket is lost, and how.
type Scene = (&'static str, fn(&mut World));

/// The causes with which it was told that a live socket is gone.
fn losses(world: &World) -> Vec<String> {
    let lost = world.events.iter().filter(|it| matches!(it.kind(), EventKind::ConnectionLost { .. }));
    lost.map(|it| it.cause.as_ref().expect("a cause").to_string()).collect()
}

#[test]
fn a_live_socket_that_is_lost_is_told_with_its_cause() {
    // proves R28.1
    // survives P1
    let reset = || Error::Transport { message: "connection reset".to_owned() };
    let silence = |world: &mut World| {
        world.server.methods.insert("signalwire.ping", VecDeque::from([RpcFault::Silent]));
    };
    let scenes: [Scene; 5] = [
        ("connection reset", |world| {
            let socket = world.opened[0].0;
            let error = Some(Error::Transport { message: "connection reset".to_owned() });
            world.give(SessionInput::Closed { socket, error });
        }),
        ("the server closed the socket", World::drop_socket),
        ("the server said goodbye", |world| {
            world.push(&json!({"id": "d", "method": "signalwire.disconnect", "params": {"restart": false}}));
        }),
        ("the server is silent", |world| world.pass(75_000)),
        ("it gave no sign of life", |world| {
            world.give(SessionInput::NetworkChanged);
            world.pass(11_000);
        }),
    ];
    for (why, happens) in scenes {
        let mut world = unbound();
        silence(&mut world);
        happens(&mut world);
        world.pass(10_000);
        let told = losses(&world);
        assert!(told.len() == 1 && told[0].contains(why), "{why}: {told:?}");
        assert!(world.is_live(), "{why}");
        // Not one that never was live.
        world.server.opens = false;
        world.drop_socket();
        world.pass(5_000);
        let socket = world.opened.last().expect("another one").0;
        world.give(SessionInput::Closed { socket, error: Some(reset()) });
        assert_eq!(losses(&world).len(), 2, "{why}");
    }
    // Nor one that is open and has not been live yet.
    let mut world = unbound();
    world.server.methods.insert("signalwire.connect", VecDeque::from([RpcFault::Silent, RpcFault::Silent]));
    world.drop_socket();
    world.pass(5_000);
    let (before, socket) = (world.opened.len(), world.opened.last().expect("another one").0);
    world.give(SessionInput::Closed { socket, error: Some(reset()) });
    world.pass(5_000);
    assert!(world.opened.len() > before && losses(&world).len() == 1, "{:?}", losses(&world));
    // Nor what the session does itself.
    for input in [SessionInput::Suspend, SessionInput::Disconnect, SessionInput::Destroy] {
        let mut world = unbound();
        world.give(input);
        assert_eq!(losses(&world), Vec::<String>::new());
    }
}

#[test]
fn a_resume_whose_answer_does_not_say_whether_it_restored_is_one() {
    // proves R21.1
    for (restored, resumes) in [(None, true), (Some(true), true), (Some(false), false)] {
        let mut world = unbound();
        world.push_state();
        world.clear();
        let mut result = json!({"protocol": "signalwire_p"});
        if let Some(restored) = restored {
            result["session_restored"] = json!(restored);
        }
        world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Result(result)].into());
        world.drop_socket();
        world.pass(5_000);
        let told = world.told();
        let live = told.iter().find(|it| matches!(it, Event::Live { .. }));
        assert!(matches!(live, Some(Event::Live { resumed, .. }) if *resumed == resumes), "{restored:?}");
        // The state of a session that is not restored is void.
        world.drop_socket();
        world.pass(5_000);
        let last = world.sent("signalwire.connect").last().unwrap()["params"].clone();
        assert_eq!(last.get("authorization_state").is_some(), resumes, "{restored:?}");
    }
}

#[test]
fn a_business_code_refuses_a_reauthenticate() {
    // proves R23.2, R27.4
    for (result, is_accepted) in [
        (json!({"code": "403", "message": "Forbidden"}), false),
        (json!({"code": 500}), false),
        (json!({"code": "AUTH_REQUIRED"}), false),
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

/// Results that a server gives where it has let nobody in, and whether they are about the credential.
fn failing_results() -> [(serde_json::Value, bool); 9] {
    let with = |code: serde_json::Value| {
        json!({"code": code, "message": "no", "identity": "i", "protocol": "signalwire_p", "session_restored": true,
            "authorization": {"project_id": "p", "fabric_subscriber": {"expires_at": 1_800_000_000}}})
    };
    [
        (with(json!("401")), true),
        (with(json!(403)), true),
        (with(json!("-32002")), true),
        (with(json!("503")), false),
        (with(json!(-32_005)), false),
        (with(json!("UNAVAILABLE")), false),
        (json!({}), false),
        (json!(null), false),
        (json!({"identity": "i", "authorization": {"project_id": "p"}}), false),
    ]
}

#[test]
fn a_connect_whose_result_says_that_it_has_failed_is_not_live() {
    // survives W7
    // proves R21.1
    for (result, credential) in failing_results() {
        let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
        let ends = EPOCH + 7_200_000;
        for name in ["one", "two"] {
            world.server.tokens.insert(sat(name, "relay.sw.test"), Minted { ends, ..Minted::default() });
            world.provider.push_back(Ok(crate::world::credential(name)));
        }
        world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Result(result.clone())].into());
        world.give(SessionInput::Start);
        // Where it is the credential's fault, another one is asked for at once.
        assert_eq!(world.is_live(), credential, "{result}");
        assert_eq!(world.closed, [world.opened[0].0], "{result}: nobody is authenticating on it");
        let told = world.events.iter().any(|it| {
            matches!(it.event, SessionNews::Lifecycle(Event::Warn(Warning::ConnectFailed { .. })))
                && it.cause.is_some()
        });
        assert!(told, "{result}: {:?}", world.events);
        world.pass(10_000);
        let live = world.told().iter().filter(|event| matches!(event, Event::Live { .. })).count();
        assert!(world.is_live() && live == 1, "{result}: {:?}", world.events);
        // A token is refused for its credential, and by nothing else.
        let in_force = if credential { "two" } else { "one" };
        let token = Secret::new(sat(in_force, "relay.sw.test"));
        assert!(world.session.credential().unwrap().token == token, "{result}");
    }
}

#[test]
fn a_resume_whose_result_says_that_it_has_failed_ends_no_valid_token() {
    // survives W7
    // proves R10.1, R21.1, R21.6
    for (result, _) in failing_results() {
        let mut world = unbound();
        world.push_state();
        world.clear();
        let faults = [RpcFault::Result(result.clone())];
        world.server.rpc_faults.insert("signalwire.connect", faults.into());
        world.drop_socket();
        world.pass(4_000);
        let connects = world.sent("signalwire.connect");
        assert_eq!(connects.len(), 2, "{result}");
        assert!(connects[0]["params"]["authorization_state"].is_string(), "{result}");
        // No state is shown twice, but where the server wants to be left alone (-32005).
        let keeps = result["code"] == -32_005;
        assert_eq!(connects[1]["params"].get("authorization_state").is_some(), keeps, "{result}");
        let live = world.told().iter().filter(|event| matches!(event, Event::Live { .. })).count();
        assert!(world.is_live() && live == 1, "{result}: {:?}", world.events);
        let token = Secret::new(sat("one", "relay.sw.test"));
        assert!(world.session.credential().unwrap().token == token, "{result}");
    }
}

#[test]
fn a_push_whose_result_says_that_it_has_failed_is_not_in_force() {
    // survives W7
    // proves R23.2
    for (result, _) in failing_results().into_iter().take(6) {
        let mut world = unbound();
        let faults = [RpcFault::Result(result.clone())];
        world.server.rpc_faults.insert("signalwire.reauthenticate", faults.into());
        world.give(SessionInput::UpdateToken { ask: AskId(1), credential: credential("two") });
        assert_eq!(world.session.status().generation.0, 1, "{result}");
        assert!(world.is_live(), "{result}");
    }
    // A push that is granted normally says nothing (protocol.md 8).
    let mut world = unbound();
    world.server.rpc_faults.insert("signalwire.reauthenticate", [RpcFault::Result(json!({}))].into());
    world.give(SessionInput::UpdateToken { ask: AskId(1), credential: credential("two") });
    assert_eq!(world.session.status().generation.0, 2);
}

#[test]
fn on_a_connect_this_code_is_always_about_the_credential() {
    // proves R10.5
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
    assert_eq!(world.provider_calls.last(), Some(&ProviderCall::Refresh { fingerprint: None }));
    assert!(world.session.credential().unwrap().token == Secret::new(sat("two", "relay.sw.test")));
}

#[test]
fn after_a_sleep_the_socket_is_asked_before_it_is_judged() {
    // proves R1.3
    let mut world = unbound();
    world.clear();
    world.now += 3_000_000;
    world.give(SessionInput::Tick);
    assert!(!world.sent("signalwire.ping").is_empty());
    assert!(world.is_live() && world.opened.len() == 1);
}

#[test]
fn how_long_a_refused_upgrade_wants_to_be_left_alone_reaches_the_lifecycle() {
    // survives W15
    let mut world = unbound();
    let peer = "relay.sw.test:443".to_owned();
    let refused = Error::UpgradeRefused { peer, status: 503, retry_after_ms: Some(7_000) };
    (world.server.opens, world.server.refusal) = (false, Some(refused.clone()));
    world.clear();
    world.drop_socket();
    world.pass(5_000);
    let told = world.events.iter().find_map(|it| match &it.event {
        SessionNews::Lifecycle(Event::Warn(Warning::ConnectFailed { cause, .. })) => {
            Some((cause.failure, it.cause.clone()))
        }
        _ => None,
    });
    let failure = Failure::Http { status: 503, retry_after: Some(7_000) };
    assert_eq!(told, Some((failure, Some(refused))));
}
