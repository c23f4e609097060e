//! Two sockets at a time: the live one, and one beside it on which a refused push is put to the test.

use crate::world::*;
use satkeeper_core::lifecycle::{AskId, Event, ProviderFacts, SocketId};
use satkeeper_core::session::{CallId, Config, KeyChoice, Provider, SessionInput};
use serde_json::{Value, json};

const OLD: SocketId = SocketId(0);
const NEW: SocketId = SocketId(1);

/// The successor's push was refused; the connect with it on the second socket is not answered yet.
fn on_trial() -> World {
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
    let refusal = RpcFault::Error(-32_002, "Authentication failed");
    world.server.rpc_faults.insert("signalwire.reauthenticate", [refusal].into());
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert!(world.settled.pop().unwrap().1.is_err());
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    world.pass(7_101_500 - world.now);
    assert_eq!(world.opened.iter().map(|(socket, _)| *socket).collect::<Vec<_>>(), [OLD, NEW]);
    assert!(world.closed.is_empty());
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
fn the_live_socket_goes_on_while_another_is_tried() {
    // proves L27, L33, L37
    let mut world = on_trial();
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
    // Accepted: the new one is live, the old one closed, and calls go out on the new one.
    let ends = (EPOCH + 14_400_000) / 1_000;
    let result = json!({"protocol": "p2", "authorization": {"fabric_subscriber": {"expires_at": ends}}});
    world.server.methods.insert("late", [RpcFault::Silent].into());
    world.call(2, "late");
    say(&mut world, NEW, &json!({"jsonrpc": "2.0", "id": connect["id"], "result": result}));
    assert_eq!(pongs(&world, NEW), 1);
    assert_eq!(world.closed, [OLD]);
    let told = world.told();
    let live = told.iter().rposition(|it| matches!(it, Event::Live { resumed: false, .. })).unwrap();
    assert!(matches!(told[live + 1], Event::Renewed { .. }), "{told:?}");
    assert!(world.session.credential().unwrap().token.expose().contains("two"));
    assert_eq!(world.returned.pop().unwrap().1.unwrap_err().code(), "transport", "it went with its socket");
    world.call(3, "m");
    assert_eq!(world.returned.pop(), Some((CallId(3), Ok(json!({})))));
    assert_eq!(on(&world, NEW, "m"), 1);
    // What the old one still says is nobody's business; the new one is watched over.
    let frames = world.server.frames.len();
    say(&mut world, OLD, &ping);
    assert_eq!(world.server.frames.len(), frames);
    world.pass(16_000);
    assert!(on(&world, NEW, "signalwire.ping") >= 1, "the server pings, so silence is asked about");
    assert_eq!(on(&world, OLD, "signalwire.ping"), on(&on_trial(), OLD, "signalwire.ping"));
}

#[test]
fn a_refused_trial_leaves_everything_as_it_was() {
    // proves L27, L34, L19
    let mut world = on_trial();
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
fn a_trial_that_breaks_or_is_sent_away_takes_nothing_with_it() {
    // proves L27, L34
    for sent_away in [false, true] {
        let mut world = on_trial();
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
