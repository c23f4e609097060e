//! Two sockets at a time: the one that serves, and one beside it on which a token is shown that the first does not accept
//! (R23).

use crate::world::*;
use satkeeper_core::lifecycle::{AskId, Event, ProviderFacts, SocketId};
use satkeeper_core::session::{CallId, Config, KeyChoice, Provider, SessionInput};
use serde_json::{Value, json};

const OLD: SocketId = SocketId(0);
const NEW: SocketId = SocketId(1);

/// The successor is not accepted where it is pushed; the connect with it beside that socket is not answered yet.
fn beside() -> World {
    let callback = Provider::callback(ProviderFacts {
        can_refresh: true,
        can_mint_again: false,
        may_be_asked_twice: false,
    });
    let mut world = World::new(Config::new(callback).key(KeyChoice::None));
    for (name, ends) in [("one", 7_200_000), ("two", 14_400_000)] {
        let minted = Minted { ends: EPOCH + ends, ..Minted::default() };
        world.server.tokens.insert(sat(name, "relay.sw.test"), minted);
        world.provider.push_back(Ok(credential(name)));
    }
    world.give(SessionInput::Start);
    world.push_state();
    let refusal = || RpcFault::Error(-32_002, "Authentication failed");
    world.server.rpc_faults.insert("signalwire.reauthenticate", (0..5_000).map(|_| refusal()).collect());
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    world.pass(60_000);
    assert!(world.settled.pop().unwrap().1.is_err());
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    // A third of the lead before the end.
    while world.opened.len() == 1 {
        world.pass(1_000);
    }
    let left = 7_200_000 - world.now;
    assert!((140_000..=150_000).contains(&left), "{left} ms before the end");
    assert_eq!(world.opened.iter().map(|(socket, _)| *socket).collect::<Vec<_>>(), [OLD, NEW]);
    assert!(world.closed.is_empty() && world.is_live());
    world
}

fn connect_frame(world: &World) -> Value {
    world.sent("signalwire.connect")[1].clone()
}

fn say(world: &mut World, socket: SocketId, frame: &Value) {
    world.give(SessionInput::Frame { socket, text: frame.to_string() });
}

fn on(world: &World, wanted: SocketId, method: &str) -> usize {
    world.server.frames.iter().filter(|(socket, it)| *socket == wanted && it["method"] == method).count()
}

#[test]
fn the_serving_socket_goes_on_while_a_token_is_shown_beside_it() {
    // proves R22.7, R23.4, R32.3
    let mut world = beside();
    let connect = connect_frame(&world);
    assert!(connect["params"]["authentication"]["jwt_token"].as_str().unwrap().contains("two"));
    assert!(connect["params"].get("authorization_state").is_none(), "a fresh connect");
    // Calls go out on the live one and are answered there; the other cannot answer them.
    world.server.methods.insert("m", [RpcFault::Silent].into());
    world.call(1, "m");
    assert_eq!((on(&world, OLD, "m"), on(&world, NEW, "m")), (1, 0));
    let call = world.sent("m")[0]["id"].clone();
    say(&mut world, NEW, &json!({"jsonrpc": "2.0", "id": call, "result": {"a": 1}}));
    assert!(world.returned.is_empty());
    say(&mut world, OLD, &json!({"jsonrpc": "2.0", "id": call, "result": {"a": 2}}));
    assert_eq!(world.returned.pop(), Some((CallId(1), Ok(json!({"a": 2})))));
    // Each is answered on its own: the live one now, the other once it is authenticated.
    let ping = json!({"jsonrpc": "2.0", "id": "p", "method": "signalwire.ping", "params": {"timestamp": 7}});
    let pongs = |world: &World, wanted| {
        world.server.frames.iter().filter(|(socket, it)| *socket == wanted && it["id"] == "p").count()
    };
    say(&mut world, OLD, &ping);
    say(&mut world, NEW, &ping);
    assert_eq!((pongs(&world, OLD), pongs(&world, NEW)), (1, 0));
    // Accepted: the new one serves, the old one is read for two seconds more, and calls go out on the new one.
    let ends = (EPOCH + 14_400_000) / 1_000;
    let result = json!({"protocol": "p2", "authorization": {"fabric_subscriber": {"expires_at": ends}}});
    world.server.methods.insert("late", [RpcFault::Silent].into());
    world.call(2, "late");
    say(&mut world, NEW, &json!({"jsonrpc": "2.0", "id": connect["id"], "result": result}));
    assert_eq!(pongs(&world, NEW), 1);
    assert!(world.closed.is_empty());
    let told = world.told();
    let live = told.iter().rposition(|it| matches!(it, Event::Live { resumed: false, .. })).unwrap();
    assert!(matches!(told[live + 1], Event::Renewed { .. }), "{told:?}");
    assert!(world.session.credential().unwrap().token.expose().contains("two"));
    assert!(world.returned.is_empty(), "it may still be answered");
    world.call(3, "m");
    assert_eq!(world.returned.pop(), Some((CallId(3), Ok(json!({})))));
    assert_eq!(on(&world, NEW, "m"), 1);
    say(&mut world, OLD, &ping);
    assert_eq!(pongs(&world, OLD), 2);
    world.pass(2_000);
    assert_eq!(world.closed, [OLD]);
    assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "transport", "it went with its socket");
    // What the old one still says is nobody's business; the new one is watched over.
    let frames = world.server.frames.len();
    say(&mut world, OLD, &ping);
    assert_eq!(world.server.frames.len(), frames);
    let pings = on(&world, OLD, "signalwire.ping");
    world.pass(25_000);
    assert_eq!((on(&world, NEW, "signalwire.ping"), on(&world, OLD, "signalwire.ping")), (1, pings));
}

#[test]
fn one_that_is_refused_leaves_everything_as_it_was() {
    // proves R21.3, R23.4
    let mut world = beside();
    let connect = connect_frame(&world);
    let restart = json!({"jsonrpc": "2.0", "id": "x", "method": "signalwire.disconnect", "params": {}});
    let error = json!({"code": -32_002, "message": "Authentication failed"});
    say(&mut world, NEW, &json!({"jsonrpc": "2.0", "id": connect["id"], "error": error}));
    assert_eq!(world.closed, [NEW]);
    assert!(world.is_live());
    assert!(world.session.credential().unwrap().token.expose().contains("one"));
    say(&mut world, NEW, &restart);
    world.call(1, "m");
    assert_eq!(world.returned.pop(), Some((CallId(1), Ok(json!({})))));
    // Its session can still be resumed.
    world.give(SessionInput::Closed { socket: OLD, error: None });
    world.pass(10_000);
    assert!(world.is_live());
    assert!(world.sent("signalwire.connect")[2]["params"]["authorization_state"].is_string());
}

#[test]
fn one_that_breaks_or_is_sent_away_takes_nothing_with_it() {
    // proves R21.3, R23.4
    for sent_away in [false, true] {
        let mut world = beside();
        world.server.methods.insert("m", [RpcFault::Silent].into());
        world.call(1, "m");
        let params = json!({"restart": true});
        let away = json!({"jsonrpc": "2.0", "id": "x", "method": "signalwire.disconnect", "params": params});
        if sent_away {
            say(&mut world, NEW, &away);
        } else {
            world.give(SessionInput::Closed { socket: NEW, error: None });
        }
        assert!(world.is_live() && world.returned.is_empty());
        world.server.opens = false;
        world.pass(3_000);
        assert!(world.is_live() && world.returned.is_empty(), "one that does not open harms nobody, either");
        world.server.opens = true;
        let connects = world.sent("signalwire.connect").len();
        world.give(SessionInput::Closed { socket: OLD, error: None });
        world.pass(10_000);
        let next = world.sent("signalwire.connect")[connects]["params"].clone();
        assert!(next["authorization_state"].is_string(), "{sent_away}");
    }
}

#[test]
fn what_a_call_or_a_ping_is_answered_with_there_proves_nothing_here() {
    // proves R32.6
    let mut world = beside();
    world.server.methods.insert("signalwire.ping", (0..9).map(|_| RpcFault::Silent).collect());
    // It does not serve yet: a state of its own is kept apart, and what it claims to answer was not asked of it.
    let state = json!({"jsonrpc": "2.0", "id": "s", "method": "signalwire.event", "params": {
        "event_type": "signalwire.authorization.state", "params": {"authorization_state": "its own"}}});
    say(&mut world, NEW, &state);
    world.give(SessionInput::Closed { socket: NEW, error: None });
    world.give(SessionInput::Closed { socket: OLD, error: None });
    world.pass(10_000);
    assert!(world.is_live());
    let resumed = world.sent("signalwire.connect").last().unwrap()["params"].clone();
    assert_ne!(resumed["authorization_state"], "its own");
}
