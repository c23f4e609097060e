//! Whether the way to the server and back is open: own pings, own replies, and what becomes of a socket that is doubted (R22).

use crate::world::*;
use satkeeper_core::lifecycle::{Event, SocketId};
use satkeeper_core::session::{CallId, EventKind, SessionInput, Survival};
use serde_json::{Value, json};

const FIRST: SocketId = SocketId(0);
const SECOND: SocketId = SocketId(1);

/// Live and resumable on a server that hears no ping, if it is `deaf`.
fn live(deaf: bool) -> World {
    let mut world = unbound();
    world.push_state();
    world.clear();
    if deaf {
        world.server.methods.insert("signalwire.ping", (0..1_000).map(|_| RpcFault::Silent).collect());
    }
    world
}

fn say(world: &mut World, socket: SocketId, frame: &Value) {
    world.give(SessionInput::Frame { socket, text: frame.to_string() });
}

fn server_ping() -> Value {
    json!({"jsonrpc": "2.0", "id": "p", "method": "signalwire.ping", "params": {}})
}

fn own_pings(world: &World) -> Vec<(SocketId, Value)> {
    let frames = world.server.frames.iter().filter(|(_, frame)| frame["method"] == "signalwire.ping");
    frames.map(|(socket, frame)| (*socket, frame["id"].clone())).collect()
}

fn reply(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {}})
}

fn lost(world: &World) -> Vec<String> {
    let lost = world.events.iter().filter(|it| matches!(it.kind(), EventKind::ConnectionLost { .. }));
    lost.map(|it| it.cause.as_ref().expect("a cause").to_string()).collect()
}

#[test]
fn silence_is_asked_about_after_25_seconds_and_believed_after_10_more() {
    // proves R22.2, R22.5, R22.7
    let mut world = live(true);
    world.pass(24_999);
    assert!(own_pings(&world).is_empty());
    world.pass(1);
    assert_eq!(own_pings(&world).len(), 1);
    world.pass(9_999);
    assert!(world.is_live() && world.opened.len() == 1);
    world.pass(1);
    assert_eq!(lost(&world).len(), 1);
    assert!(lost(&world)[0].contains("the server is silent"), "{:?}", lost(&world));
    world.pass(1_000);
    // Replaced by a resume; the old one is read for 2 s more.
    assert!(world.is_live() && world.opened.len() == 2);
    assert!(world.sent("signalwire.connect")[0]["params"]["authorization_state"].is_string());
    assert!(world.closed.is_empty());
    world.pass(2_000);
    assert_eq!(world.closed, [FIRST]);
}

#[test]
fn a_socket_that_answers_is_asked_each_30_seconds_at_least() {
    // proves R22.2
    let mut world = live(false);
    for _ in 0..60 {
        world.pass(10_000);
        say(&mut world, FIRST, &server_ping());
    }
    assert!(world.is_live() && world.opened.len() == 1 && lost(&world).is_empty());
    assert_eq!(own_pings(&world).len(), 20, "600 s, in none of which it was silent");
    // Without the server's own: after each 25 s of silence.
    let mut world = live(false);
    world.pass(600_000);
    assert_eq!((own_pings(&world).len(), world.opened.len()), (24, 1));
}

#[test]
fn what_only_comes_in_proves_nothing() {
    // proves R22.1
    let mut world = live(true);
    for _ in 0..40 {
        world.pass(1_000);
        if world.is_live() && world.opened.len() == 1 {
            say(&mut world, FIRST, &server_ping());
            // Nor do answers to what nobody has asked.
            say(&mut world, FIRST, &json!({"jsonrpc": "2.0", "id": "foreign", "result": {}}));
            say(&mut world, FIRST, &json!({"jsonrpc": "2.0", "id": null, "result": {}}));
        }
    }
    assert_eq!(lost(&world).len(), 1, "{:?}", world.events);
    assert_eq!(own_pings(&world).first().map(|(socket, _)| *socket), Some(FIRST));
}

#[test]
fn a_pong_on_another_socket_is_none() {
    // proves R22.1
    let mut world = live(true);
    world.pass(35_500);
    assert_eq!((world.opened.len(), world.is_live()), (2, true));
    let ping = own_pings(&world)[0].1.clone();
    // It was asked on the first; the second has to answer for itself.
    world.pass(20_000);
    say(&mut world, SECOND, &reply(&ping));
    world.pass(20_500);
    assert_eq!(lost(&world).len(), 2, "{:?}", world.events);
}

#[test]
fn a_doubted_socket_that_answers_serves_again() {
    // proves R22.6, R38.2
    let mut world = live(true);
    world.server.opens = false;
    world.server.methods.insert("late", [RpcFault::Silent].into());
    world.pass(30_000);
    world.call(1, "late");
    world.pass(5_000);
    assert!(!world.is_live());
    assert_eq!(lost(&world).len(), 1);
    let opened = world.opened.len();
    // A call waits: nothing serves. What was sent is answered where it was sent.
    world.call(2, "m");
    assert!(world.returned.is_empty());
    let late = world.sent("late")[0]["id"].clone();
    world.clear();
    say(&mut world, FIRST, &reply(&late));
    assert!(world.is_live(), "{:?}", world.events);
    assert_eq!(world.returned, [(CallId(1), Ok(json!({}))), (CallId(2), Ok(json!({})))]);
    assert_eq!(
        world.server.frames.iter().filter(|(socket, it)| *socket == FIRST && it["method"] == "m").count(),
        1
    );
    // It is told, with what has survived: all.
    let kinds: Vec<_> = world.events.iter().map(|it| it.kind()).collect();
    let live = kinds.iter().position(|it| matches!(it, EventKind::Live { resumed: true, .. })).unwrap();
    let (registration, calls, subscriptions) = (Survival::Kept, Survival::Kept, Survival::Kept);
    assert_eq!(kinds[live + 1], EventKind::Survived { registration, calls, subscriptions });
    // No other is opened; and it is watched over as before.
    world.pass(24_000);
    assert_eq!(world.opened.len(), opened);
    assert!(own_pings(&world).is_empty());
    world.pass(1_000);
    assert_eq!(own_pings(&world).len(), 1);
    world.pass(10_000);
    assert_eq!(lost(&world).len(), 1, "it is silent once more");
}

#[test]
fn a_doubted_socket_that_closes_is_gone_and_its_calls_with_it() {
    // proves R22.5
    let mut world = live(true);
    world.server.opens = false;
    world.server.methods.insert("late", [RpcFault::Silent].into());
    world.pass(30_000);
    world.call(1, "late");
    world.pass(5_000);
    world.give(SessionInput::Closed { socket: FIRST, error: None });
    assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "transport");
    // What still claims to come from it is nobody's.
    let frames = world.server.frames.len();
    say(&mut world, FIRST, &server_ping());
    let ping = own_pings(&world)[0].1.clone();
    say(&mut world, FIRST, &reply(&ping));
    assert_eq!(world.server.frames.len(), frames);
    assert!(!world.is_live());
    assert_eq!(lost(&world).len(), 1, "it was lost once");
}

#[test]
fn calls_on_a_replaced_socket_are_answered_there_for_two_seconds() {
    // proves R22.7
    let mut world = live(true);
    world.server.methods.insert("late", [RpcFault::Silent, RpcFault::Silent].into());
    world.pass(30_000);
    world.call(1, "late");
    world.call(2, "late");
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    world.pass(5_100);
    world.pass(1_000);
    let connect = world.sent("signalwire.connect")[0]["id"].clone();
    say(
        &mut world,
        SECOND,
        &json!({"jsonrpc": "2.0", "id": connect, "result": {"protocol": "signalwire_p"}}),
    );
    assert!(world.is_live(), "{:?}", world.events);
    let late: Vec<Value> = world.sent("late").iter().map(|it| it["id"].clone()).collect();
    // An answer that comes on the new one is to no call of its own.
    say(&mut world, SECOND, &reply(&late[0]));
    assert!(world.returned.is_empty());
    world.pass(1_999);
    say(&mut world, FIRST, &reply(&late[0]));
    assert_eq!(world.returned.pop(), Some((CallId(1), Ok(json!({})))));
    assert_eq!(world.session.status().phase, satkeeper_core::lifecycle::Phase::Live);
    world.pass(1);
    let (call, result) = world.returned.pop().unwrap();
    assert_eq!((call, result.unwrap_err().code()), (CallId(2), "transport"));
    assert_eq!(world.closed, [FIRST]);
}

#[test]
fn what_a_replaced_socket_says_of_the_session_is_of_before() {
    // proves R32.6
    for frame in [
        json!({"jsonrpc": "2.0", "id": "s", "method": "signalwire.event", "params": {
            "event_type": "signalwire.authorization.state", "params": {"authorization_state": "stale"}}}),
        json!({"jsonrpc": "2.0", "id": "s", "method": "signalwire.disconnect", "params": {"restart": true}}),
    ] {
        let mut world = live(true);
        world.pass(36_000);
        assert!(world.is_live() && world.opened.len() == 2 && world.closed.is_empty());
        say(&mut world, FIRST, &frame);
        assert!(world.is_live());
        world.give(SessionInput::Closed { socket: SECOND, error: None });
        world.pass(5_000);
        assert!(world.is_live());
        let last = world.sent("signalwire.connect").last().unwrap()["params"].clone();
        assert_eq!(last["authorization_state"], format!("{CANARY}state"), "{frame}");
    }
}

#[test]
fn a_server_that_answers_no_ping_on_two_sockets_is_not_judged_by_them() {
    // proves R22.4
    let mut world = live(true);
    for _ in 0..600 {
        world.pass(1_000);
        let socket = world.opened.last().unwrap().0;
        say(&mut world, socket, &server_ping());
    }
    assert!(world.is_live());
    assert_eq!((world.opened.len(), lost(&world).len()), (3, 2), "{:?}", lost(&world));
    // Should it fall silent, the third is doubted, too.
    world.pass(40_000);
    assert_eq!(lost(&world).len(), 3);
}

#[test]
fn after_one_that_answers_it_is_judged_again() {
    // proves R22.4
    let mut world = live(true);
    for _ in 0..120 {
        world.pass(1_000);
        let socket = world.opened.last().unwrap().0;
        say(&mut world, socket, &server_ping());
    }
    assert_eq!(lost(&world).len(), 2);
    // Here the pings are answered; then what we say is lost again.
    let (socket, id) = own_pings(&world).last().unwrap().clone();
    assert_eq!(socket, world.opened.last().unwrap().0);
    say(&mut world, socket, &reply(&id));
    for _ in 0..45 {
        world.pass(1_000);
        let socket = world.opened.last().unwrap().0;
        say(&mut world, socket, &server_ping());
    }
    assert_eq!(lost(&world).len(), 3, "{:?}", world.events);
}

#[test]
fn a_call_that_is_not_answered_in_its_time_has_the_way_asked_about() {
    // proves R22.3
    let mut world = live(false);
    world.server.methods.insert("m", [RpcFault::Silent].into());
    world.call(1, "m");
    world.pass(9_999);
    assert!(own_pings(&world).is_empty());
    world.pass(1);
    assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "timeout");
    assert_eq!(own_pings(&world).len(), 1);
    assert!(world.is_live() && lost(&world).is_empty(), "it was answered");
    assert!(!world.told().iter().any(|it| matches!(it, Event::Warn(_))));
}

#[test]
fn an_older_ping_that_is_answered_in_time_will_do() {
    // proves R22.2
    let mut world = live(true);
    world.pass(34_000);
    // Nine seconds after the first question another one is asked, for another reason.
    world.give(SessionInput::NetworkChanged);
    let pings = own_pings(&world);
    assert_eq!(pings.len(), 2);
    world.pass(500);
    say(&mut world, FIRST, &reply(&pings[0].1));
    world.pass(20_000);
    assert!(world.is_live() && lost(&world).is_empty(), "{:?}", world.events);
}
