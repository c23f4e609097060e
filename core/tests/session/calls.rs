//! What the application asks of a session: calls, tokens of its own, rest and end (R24, R32, R33).

use crate::world::*;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Phase, TeardownReason};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{
    CallId, Config, Credential, KeyChoice, Provider, ProviderCall, ProviderError, SessionInput,
};
use serde_json::json;

#[test]
fn what_waits_for_a_live_session_is_bounded() {
    // proves R32.2
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
fn calls_return_time_out_and_are_lost_with_their_socket() {
    // proves R32.2
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
    // proves R24.1
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
    assert_eq!(world.provider_calls, [ProviderCall::Refresh { fingerprint: None }]);
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

/// The provider's next token, good for two hours.
fn next_token(world: &mut World, name: &str) {
    let minted = Minted { ends: world.unix() + 7_200_000, ..Minted::default() };
    world.server.tokens.insert(sat(name, "relay.sw.test"), minted);
    world.provider.push_back(Ok(credential(name)));
}

fn refusals(many: usize) -> std::collections::VecDeque<RpcFault> {
    (0..many).map(|_| RpcFault::Error(-32_003, "Requester validation failed")).collect()
}

#[test]
fn what_is_refused_once_more_under_a_newer_token_starts_nothing_until_the_next() {
    // proves R24.2
    let mut world = unbound();
    world.pass(60_000);
    world.server.methods.insert("m", refusals(4));
    next_token(&mut world, "two");
    world.clear();
    world.call(1, "m");
    assert!(matches!(&world.returned.pop().unwrap().1, Err(Error::Rpc { code: -32_003, .. })));
    assert_eq!((world.sent("m").len(), world.provider_calls.len()), (2, 1), "one renewal, one repetition");
    // Another call of it is refused, and that is all.
    for call in 2..4 {
        world.pass(60_000);
        world.call(call, "m");
        assert!(matches!(&world.returned.pop().unwrap().1, Err(Error::Rpc { code: -32_003, .. })));
    }
    assert_eq!((world.sent("m").len(), world.provider_calls.len()), (4, 1));
    assert_eq!(world.opened.len(), 1);
    // What else is refused is another matter.
    world.server.methods.insert("other", refusals(1));
    next_token(&mut world, "three");
    world.call(4, "other");
    assert_eq!(world.returned.pop(), Some((CallId(4), Ok(json!({})))));
    assert_eq!(world.provider_calls.len(), 2);
    // With that token it may be tried again, and costs a renewal again.
    world.pass(60_000);
    world.server.methods.insert("m", refusals(1));
    next_token(&mut world, "four");
    world.call(5, "m");
    assert_eq!(world.returned.pop(), Some((CallId(5), Ok(json!({})))));
    assert_eq!(world.provider_calls.len(), 3);
}

#[test]
fn two_that_are_refused_together_cost_one_renewal() {
    // proves R24.1
    let mut world = unbound();
    world.pass(60_000);
    world.server.methods.insert("m", [RpcFault::Silent, RpcFault::Silent].into());
    next_token(&mut world, "two");
    world.clear();
    world.call(1, "m");
    world.call(2, "m");
    let error = json!({"code": -32_003, "message": "Requester validation failed"});
    let sent: Vec<_> = world.sent("m").iter().map(|it| it["id"].clone()).collect();
    for id in sent {
        world.push(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
    }
    assert_eq!(world.returned, [(CallId(1), Ok(json!({}))), (CallId(2), Ok(json!({})))]);
    assert_eq!(world.provider_calls.len(), 1);
}

#[test]
fn what_the_session_was_refused_itself_denies_the_application_nothing() {
    // proves R24.1, R38.6
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None).online(true));
    next_token(&mut world, "one");
    world.server.methods.insert("subscriber.online", refusals(2));
    world.give(SessionInput::Start);
    world.pass(1);
    next_token(&mut world, "two");
    world.pass(60_000);
    let (sent, renewed) = (world.sent("subscriber.online").len(), world.provider_calls.len());
    assert!((1..=2).contains(&sent), "{sent}");
    world.server.methods.insert("subscriber.online", refusals(1));
    next_token(&mut world, "three");
    world.call(1, "subscriber.online");
    world.pass(60_000);
    assert_eq!(world.returned.pop(), Some((CallId(1), Ok(json!({})))), "{:?}", world.events);
    assert_eq!(world.provider_calls.len(), renewed + 1, "the application's own call has its renewal");
}

#[test]
fn a_call_error_is_no_verdict_on_the_credential() {
    // proves R24.1
    let mut world = unbound();
    world.clear();
    world.server.methods.insert("m", [RpcFault::Error(-32_002, "CALL DOES NOT EXIST")].into());
    world.call(1, "m");
    assert!(matches!(&world.returned[0].1, Err(Error::Rpc { code: -32_002, .. })));
    assert!(world.provider_calls.is_empty());
}

#[test]
fn update_token_resolves_when_the_server_has_accepted() {
    // proves R27.3, R27.4
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
    // proves R31.3
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
fn disconnect_and_destroy_end_everything() {
    // proves R33.6
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
    // proves R33.1, R33.2
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
