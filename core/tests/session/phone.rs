//! What a phone needs of its session: what the server tells of the connection, who the subscriber is, being reachable,
//! answers to the server, and what of all that has survived.

use crate::world::*;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event};
use satkeeper_core::session::{
    CallId, Config, EventKind, Interests, KeyChoice, NotificationId, Refusal, SessionInput, SessionNews,
    Survival,
};
use satkeeper_core::wire::http::HttpResponse;
use serde_json::{Value, json};

fn survived(world: &World) -> Vec<(Survival, Survival, Survival)> {
    let told = |event: &SessionNews| match *event {
        SessionNews::Survived { registration, calls, subscriptions } => {
            Some((registration, calls, subscriptions))
        }
        _ => None,
    };
    world.events.iter().filter_map(|event| told(&event.event)).collect()
}

fn codes(world: &World) -> Vec<&'static str> {
    world.events.iter().map(|event| event.kind().code()).collect()
}

/// What a bare answer of a connect has.
fn bare(protocol: &str) -> RpcFault {
    RpcFault::Result(json!({"protocol": protocol}))
}

#[test]
fn what_a_connect_tells_is_there_before_live_is_told_and_what_is_left_out_stays() {
    // proves R38.1
    let mut world = unbound();
    let [first] = world.connections.as_slice() else { panic!("{:?}", world.connections) };
    assert_eq!((first.protocol.as_str(), first.identity.as_deref()), ("signalwire_p", Some("i")));
    assert_eq!((first.project_id.as_deref(), first.restored), (Some("project"), Some(false)));
    assert_eq!(world.session.connection(), Some(first));

    // A resume whose answer has nothing but the channel.
    world.push_state();
    world.connections.clear();
    world.server.rpc_faults.insert("signalwire.connect", [bare("signalwire_p")].into());
    world.drop_socket();
    world.pass(5_000);
    assert!(world.is_live());
    let [resumed] = world.connections.as_slice() else { panic!("{:?}", world.connections) };
    assert_eq!((resumed.identity.as_deref(), resumed.restored), (Some("i"), None));
}

#[test]
fn what_has_survived_is_told_after_each_live() {
    // proves R38.2
    use Survival::{Kept, Lost, Unsure};
    let mut world = unbound();
    assert_eq!(survived(&world), [(Lost, Unsure, Lost)]);
    let answers = [
        (
            RpcFault::Result(json!({"protocol": "signalwire_p", "session_restored": true})),
            (Unsure, Kept, Kept),
        ),
        (bare("signalwire_p"), (Unsure, Unsure, Unsure)),
        // The server has overlooked what it was to resume.
        (bare("signalwire_q"), (Lost, Unsure, Lost)),
        (
            RpcFault::Result(json!({"protocol": "signalwire_q", "session_restored": false})),
            (Lost, Unsure, Lost),
        ),
    ];
    for (answer, expected) in answers {
        world.push_state();
        world.clear();
        world.server.rpc_faults.insert("signalwire.connect", [answer].into());
        world.drop_socket();
        world.pass(10_000);
        assert_eq!(survived(&world), [expected]);
        let told = codes(&world);
        let live = told.iter().position(|code| *code == "live").unwrap();
        assert_eq!(told[live + 1], "survived", "{told:?}");
    }
}

#[test]
fn a_trial_socket_that_was_refused_shows_nothing() {
    // proves R38.1
    let mut world = unbound();
    world.connections.clear();
    let refused = || RpcFault::Error(-32_002, "Authentication failed");
    world.server.rpc_faults.insert("signalwire.reauthenticate", [refused(), refused()].into());
    world.server.rpc_faults.insert("signalwire.connect", [refused()].into());
    let ends = world.unix() + 7_200_000;
    world.server.tokens.insert(sat("two", "relay.sw.test"), Minted { ends, ..Minted::default() });
    world.give(SessionInput::UpdateToken { ask: AskId(1), credential: credential("two") });
    world.pass(5_000);
    assert!(world.is_live());
    assert_eq!(world.connections, []);
}

#[test]
fn interests_go_out_with_each_connect() {
    // proves R32.1
    let interests = Interests {
        contexts: vec!["office".to_owned()],
        topics: vec!["t".to_owned()],
        ..Interests::default()
    };
    let mut world = World::start(Config::new(subscriber()).interests(interests));
    world.drop_socket();
    world.pass(5_000);
    let sent = world.sent("signalwire.connect");
    assert_eq!(sent.len(), 2);
    for connect in sent {
        assert_eq!(connect["params"]["contexts"], json!(["office"]));
        assert_eq!(connect["params"]["eventing"], json!([]));
        assert_eq!(connect["params"]["topics"], json!(["t"]));
    }
}

// ---- Reachable ----

fn online() -> World {
    let mut world = World::start(Config::new(subscriber()).online(true));
    assert!(world.is_live());
    world.pass(1);
    world
}

#[test]
fn a_subscriber_is_made_reachable_after_each_live() {
    // proves R38.4
    let mut world = online();
    assert_eq!(world.sent("subscriber.online").len(), 1);
    assert!(codes(&world).contains(&"registered"));
    world.push_state();
    world.drop_socket();
    world.pass(5_000);
    assert_eq!(world.sent("subscriber.online").len(), 2, "after a resume, too");
    assert!(world.returned.is_empty(), "it is nobody's call");
    // Who does not want to be disturbed is left in peace, until that is over.
    world.call(1, "subscriber.offline");
    world.drop_socket();
    world.pass(10_000);
    assert_eq!(world.sent("subscriber.online").len(), 2);
    world.call(2, "subscriber.online");
    world.drop_socket();
    world.pass(10_000);
    assert_eq!(world.sent("subscriber.online").len(), 4);
}

#[test]
fn who_could_not_be_made_reachable_is_tried_again() {
    // proves R38.4
    let mut world = World::new(Config::new(subscriber()).online(true));
    let failing = || RpcFault::Result(json!({"code": "500", "message": "no"}));
    world.server.methods.insert("subscriber.online", [failing(), RpcFault::Silent].into());
    world.give(SessionInput::Start);
    world.pass(1);
    let failed = |world: &World| codes(world).iter().filter(|code| **code == "registration_failed").count();
    assert_eq!((failed(&world), world.sent("subscriber.online").len()), (1, 1));
    world.pass(5_000);
    assert_eq!(world.sent("subscriber.online").len(), 2);
    world.pass(40_000);
    assert_eq!((failed(&world), world.sent("subscriber.online").len()), (2, 3));
    assert_eq!(codes(&world).iter().filter(|code| **code == "registered").count(), 1);
}

#[test]
fn what_a_token_may_not_do_waits_for_another_token() {
    // proves R38.4
    let mut world = World::new(Config::new(subscriber()).online(true));
    let refused = || RpcFault::Error(-32_003, "Requester validation failed");
    world.server.methods.insert("subscriber.online", [refused(), refused()].into());
    world.give(SessionInput::Start);
    world.pass(30_000);
    let failed = world.events.iter().find(|event| event.kind().code() == "registration_failed").unwrap();
    assert_eq!(failed.kind(), EventKind::RegistrationFailed { next_at: None });
    assert_eq!(world.sent("subscriber.online").len(), 2, "once more with a newer token, and no more");
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    world.pass(1);
    assert_eq!(world.sent("subscriber.online").len(), 3);
    assert!(codes(&world).contains(&"registered"));
}

// ---- Answers ----

/// The server asks for something that is the application's to answer.
fn ask(world: &mut World, id: &str) -> NotificationId {
    world.push(&json!({"jsonrpc": "2.0", "id": id, "method": "verto.attach", "params": {"callID": "c"}}));
    world.notifications.last().unwrap().request().unwrap()
}

fn respond(world: &mut World, notification: NotificationId, value: Value) -> Result<(), Error> {
    world.give(SessionInput::Respond { notification, answer: Ok(value) });
    let (to, result) = world.responded.pop().unwrap();
    assert_eq!(to, notification);
    result
}

fn answers(world: &World, id: &str) -> Vec<Value> {
    world.server.frames.iter().map(|(_, frame)| frame.clone()).filter(|frame| frame["id"] == id).collect()
}

fn reason(result: Result<(), Error>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code(), "answer_not_taken");
    error.to_string()
}

#[test]
fn a_request_of_the_server_is_answered_once() {
    // proves R32.9
    let mut world = unbound();
    let asked = ask(&mut world, "r1");
    assert_eq!(respond(&mut world, asked, json!({"method": "verto.attach"})), Ok(()));
    let expected = json!({"jsonrpc": "2.0", "id": "r1", "result": {"method": "verto.attach"}});
    assert_eq!(answers(&world, "r1"), [expected]);
    assert!(reason(respond(&mut world, asked, json!(1))).contains("answered before"));
    assert_eq!(answers(&world, "r1").len(), 1);

    let other = ask(&mut world, "r2");
    let answer = Err(Refusal::new(-32_603, "busy"));
    world.give(SessionInput::Respond { notification: other, answer });
    assert_eq!(answers(&world, "r2")[0]["error"], json!({"code": -32_603, "message": "busy"}));
}

#[test]
fn an_answer_comes_in_time_or_not_at_all() {
    // proves R32.9
    let mut world = World::start(Config::new(subscriber()).answer_timeout(10_000));
    let (late, early) = (ask(&mut world, "late"), ask(&mut world, "early"));
    world.pass(9_999);
    assert_eq!(respond(&mut world, early, json!({})), Ok(()));
    world.pass(1);
    assert!(reason(respond(&mut world, late, json!({}))).contains("its time is over"));
    assert_eq!(answers(&world, "late"), [] as [Value; 0]);
    assert!(reason(respond(&mut world, NotificationId(99), json!({}))).contains("no request of this name"));
}

#[test]
fn an_answer_goes_with_its_connection() {
    // proves R32.9
    let mut world = unbound();
    let asked = ask(&mut world, "r1");
    world.push_state();
    world.drop_socket();
    world.pass(5_000);
    assert!(world.is_live());
    assert!(reason(respond(&mut world, asked, json!({}))).contains("lost"));
    assert_eq!(answers(&world, "r1"), [] as [Value; 0]);
    // The same id on the new one is another request.
    let again = ask(&mut world, "r1");
    assert_ne!(asked, again);
    assert_eq!(respond(&mut world, again, json!({})), Ok(()));
}

#[test]
fn what_the_session_has_acknowledged_wants_no_answer() {
    // proves R32.5, R32.9
    let mut world = unbound();
    world.push(
        &json!({"jsonrpc": "2.0", "id": "e", "method": "signalwire.event", "params": {"event_type": "a"}}),
    );
    world.push(&json!({"jsonrpc": "2.0", "method": "no.id", "params": {}}));
    // Twice the same: it is answered once.
    let first = ask(&mut world, "twice");
    world.push(&json!({"jsonrpc": "2.0", "id": "twice", "method": "verto.attach", "params": {}}));
    let named: Vec<_> = world.notifications.iter().map(|notification| notification.request()).collect();
    assert_eq!(named, [None, None, Some(first)]);
    assert_eq!(answers(&world, "e").len(), 1);
}

#[test]
fn what_waits_for_answers_is_bounded_and_large_answers_are_refused() {
    // proves R32.9
    let mut world = unbound();
    let first = ask(&mut world, "0");
    let huge = respond(&mut world, first, json!("x".repeat(1 << 20)));
    assert_eq!(huge.unwrap_err().code(), "invalid_field");
    for n in 1..=256 {
        ask(&mut world, &n.to_string());
    }
    assert!(reason(respond(&mut world, first, json!({}))).contains("too many newer"));
    let last = ask(&mut world, &"i".repeat(64_000));
    assert_eq!(respond(&mut world, last, json!({})), Ok(()));
    world.give(SessionInput::Disconnect);
    world.give(SessionInput::Respond { notification: last, answer: Ok(json!({})) });
    assert_eq!(world.responded.pop().unwrap().1, Err(Error::SessionOver));
}

// ---- The subscriber ----

#[test]
fn who_the_subscriber_is_can_be_asked() {
    // proves R38.5
    let mut world = unbound();
    let known = world.session.subscriber().unwrap();
    assert_eq!(known.id.as_deref(), Some("s"), "the session has asked for its own needs");
    world.clear();
    let body = json!({"id": "s", "display_name": "Alice", "email": "alice@example.com"}).to_string();
    world.server.http_faults.insert(INFO, [Fault::Http(HttpResponse::new(200, body))].into());
    for asked in 1..=3 {
        world.give(SessionInput::FetchSubscriber { ask: AskId(asked) });
    }
    let (_, first) = world.fetched.remove(0);
    assert_eq!(first.unwrap().display_name.as_deref(), Some("Alice"));
    assert_eq!(world.asked(INFO).len(), 3, "one after the other was answered");
    assert_eq!(world.session.subscriber().unwrap().display_name, None, "the newest counts");
}

#[test]
fn a_look_at_the_subscriber_is_shared_and_ends_in_time() {
    // proves R38.5
    let mut world = unbound();
    world.clear();
    world.server.http_faults.insert(INFO, [Fault::Silent, Fault::Broken].into());
    world.give(SessionInput::FetchSubscriber { ask: AskId(1) });
    world.give(SessionInput::FetchSubscriber { ask: AskId(2) });
    assert_eq!(world.asked(INFO).len(), 1);
    world.pass(30_000);
    assert_eq!(world.fetched.len(), 2);
    assert!(world.fetched.drain(..).all(|(_, result)| result.unwrap_err().code() == "timeout"));
    world.give(SessionInput::FetchSubscriber { ask: AskId(3) });
    assert_eq!(world.fetched.pop().unwrap().1.unwrap_err().code(), "transport");
    world.give(SessionInput::Disconnect);
    world.give(SessionInput::FetchSubscriber { ask: AskId(4) });
    assert_eq!(world.fetched.pop().unwrap().1, Err(Error::SessionOver));
}

#[test]
fn a_stale_token_is_renewed_for_it_once() {
    // proves R38.5
    let mut world = unbound();
    world.pass(60_000);
    let ends = world.unix() + 7_200_000;
    world.server.tokens.insert(sat("two", "relay.sw.test"), Minted { ends, ..Minted::default() });
    world.provider.push_back(Ok(credential("two")));
    let stale = || Fault::Http(HttpResponse::new(401, "Unauthorized"));
    world.server.http_faults.insert(INFO, [stale()].into());
    world.give(SessionInput::FetchSubscriber { ask: AskId(1) });
    assert!(world.fetched.pop().unwrap().1.is_ok(), "{:?}", world.events);
    assert_eq!(world.asked(INFO).last().unwrap().2, format!("Bearer {}", sat("two", "relay.sw.test")));

    world.pass(60_000);
    world.provider.push_back(Ok(credential("two")));
    world.server.http_faults.insert(INFO, [stale(), stale()].into());
    world.give(SessionInput::FetchSubscriber { ask: AskId(2) });
    // What has come is what there was: it is waited for another, and then the server's own word is given.
    world.pass(60_000);
    assert_eq!(world.fetched.pop().unwrap().1.unwrap_err().code(), "http");
}

#[test]
fn before_there_is_a_token_it_waits() {
    // proves R38.5
    let mut world = World::new(Config::new(subscriber()).key(KeyChoice::None));
    world.give(SessionInput::FetchSubscriber { ask: AskId(1) });
    assert!(world.fetched.is_empty());
    world.give(SessionInput::Start);
    assert!(world.fetched.pop().unwrap().1.is_ok());
}

#[test]
fn the_numbers_of_calls_and_asks_from_the_middle_on_are_the_sessions_own() {
    let mut world = unbound();
    world.call(1 << 63, "m");
    assert_eq!(
        world.returned,
        [(
            CallId(1 << 63),
            Err(Error::InvalidField { field: "call", reason: "numbers from 2^63 on are the session's own" })
        )]
    );
}

#[test]
fn what_the_application_says_of_its_presence_is_the_last_word() {
    // proves R38.4
    // It was said while there was no connection, and goes out with the next one.
    let mut world = online();
    world.push_state();
    world.server.opens = false;
    world.drop_socket();
    world.pass(1_000);
    world.call(1, "subscriber.offline");
    world.server.opens = true;
    world.pass(30_000);
    assert!(world.is_live());
    assert_eq!(world.returned, [(CallId(1), Ok(json!({})))]);
    let of_presence =
        |frame: &&Value| frame["method"].as_str().is_some_and(|it| it.starts_with("subscriber."));
    let said: Vec<&Value> = world.server.frames.iter().map(|(_, frame)| frame).filter(of_presence).collect();
    assert_eq!(said.last().unwrap()["method"], "subscriber.offline", "{said:?}");
    world.pass(60_000);
    assert_eq!(world.sent("subscriber.online").len(), 1);
    // Nobody else can take the session's own call away.
    world.give(SessionInput::CancelCall { call: CallId(1 << 63) });
    world.call(2, "subscriber.online");
    world.drop_socket();
    world.pass(10_000);
    assert_eq!(world.sent("subscriber.online").len(), 3);
}

#[test]
fn a_refusal_of_presence_costs_one_renewal_and_not_one_for_each_attempt() {
    // proves R38.4, R38.6
    for code in [-32_002, -32_003] {
        let mut world = World::new(Config::new(subscriber()).online(true));
        let refused = || RpcFault::Error(code, "Authentication failed");
        world.server.methods.insert("subscriber.online", (0..50).map(|_| refused()).collect());
        world.give(SessionInput::Start);
        world.pass(1_000);
        let renewals = world.told().iter().filter(|it| matches!(it, Event::Renewed { .. })).count();
        world.pass(300_000);
        let later = world.told().iter().filter(|it| matches!(it, Event::Renewed { .. })).count();
        assert_eq!(later, renewals, "{code}");
        // With each token of the schedule it is tried once, and that is all.
        world.give(SessionInput::RefreshNow { ask: AskId(1) });
        world.pass(1_000);
        let last = world.told().iter().filter(|it| matches!(it, Event::Renewed { .. })).count();
        assert_eq!(last, renewals + 1, "{code}");
    }
}

#[test]
fn a_request_that_comes_again_is_one() {
    // proves R32.9
    let mut world = unbound();
    let first = ask(&mut world, "r1");
    let again = json!({"jsonrpc": "2.0", "id": "r1", "method": "verto.attach", "params": {"callID": "c"}});
    world.push(&again);
    assert_eq!(respond(&mut world, first, json!({})), Ok(()));
    world.push(&again);
    assert_eq!((world.notifications.len(), answers(&world, "r1").len()), (1, 1));
}

#[test]
fn before_a_connection_is_let_in_an_answer_waits_with_the_application() {
    // proves R32.9
    let mut world = World::new(Config::new(subscriber()));
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    world.give(SessionInput::Start);
    let early = ask(&mut world, "early");
    assert!(reason(respond(&mut world, early, json!({}))).contains("not let in yet"));
    let connect = world.sent("signalwire.connect")[0]["id"].clone();
    world.push(&json!({"jsonrpc": "2.0", "id": connect, "result": {"protocol": "p"}}));
    assert_eq!(respond(&mut world, early, json!({})), Ok(()));
    assert_eq!(answers(&world, "early").len(), 1);
}

#[test]
fn a_resume_that_is_overlooked_shows_nothing_of_the_old_session() {
    // proves R38.1
    let mut world = unbound();
    let full = |protocol: &str| json!({"protocol": protocol, "sessionid": "s1", "nodeid": "n1", "session_restored": true});
    world.push_state();
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Result(full("signalwire_p"))].into());
    world.drop_socket();
    world.pass(5_000);
    assert_eq!(world.session.connection().unwrap().node_id.as_deref(), Some("n1"));
    world.push_state();
    world.server.rpc_faults.insert("signalwire.connect", [bare("signalwire_q")].into());
    world.drop_socket();
    world.pass(10_000);
    let connection = world.session.connection().unwrap();
    assert_eq!((connection.protocol.as_str(), connection.node_id.as_ref()), ("signalwire_q", None));
}
