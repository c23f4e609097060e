//! Credentials for ICE that end before the session does.

use crate::world::*;
use satkeeper_core::UnixMillis;
use satkeeper_core::session::{Config, EventKind, KeyChoice, SessionInput};
use serde_json::json;

/// An unbound session of two hours whose TURN credentials live for this long.
fn with_ice(life_s: u64, reauthenticate_ice: bool) -> World {
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    world.server.ice_life_s = Some(life_s);
    world.server.reauthenticate_ice = reauthenticate_ice;
    let minted = Minted { ends: EPOCH + 7_200_000, ..Minted::default() };
    world.server.tokens.insert(sat("one", "relay.sw.test"), minted);
    world.provider.push_back(Ok(credential("one")));
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    world
}

fn expiring(world: &World) -> Vec<UnixMillis> {
    let end = |kind| match kind {
        EventKind::IceExpiring { ends_at } => Some(ends_at),
        _ => None,
    };
    world.events.iter().filter_map(|event| end(event.kind())).collect()
}

fn pushes(world: &World) -> usize {
    world.sent("signalwire.reauthenticate").len()
}

#[test]
fn they_are_got_anew_with_the_token_in_force_before_they_end() {
    // proves R38.3
    let mut world = with_ice(600, true);
    let first = world.session.connection().unwrap().ice_expires_at.unwrap();
    assert!(first.0.abs_diff(world.unix() + 600_000) < 1_000);
    world.pass(539_000);
    assert_eq!(pushes(&world), 0);
    world.pass(2_000);
    assert_eq!(pushes(&world), 1, "a tenth of their life before the end");
    let sent = &world.sent("signalwire.reauthenticate")[0]["params"]["authentication"];
    assert_eq!(sent["jwt_token"], sat("one", "relay.sw.test"));
    let second = world.session.connection().unwrap().ice_expires_at.unwrap();
    assert!(second.0 > first.0 + 500_000);
    world.pass(3_000_000);
    assert_eq!((pushes(&world), expiring(&world)), (6, vec![]));
    assert!(world.provider_calls.len() == 1, "no token was asked for");
}

#[test]
fn where_a_reauthenticate_brings_none_the_application_is_told_once_and_in_time() {
    // proves R38.3
    let mut world = with_ice(600, false);
    let ends = world.session.connection().unwrap().ice_expires_at.unwrap();
    world.pass(541_000);
    assert_eq!(pushes(&world), 1);
    let [told] = expiring(&world)[..] else { panic!("{:?}", world.events) };
    assert!(told.0.abs_diff(ends.0) < 1_500 && world.unix() < ends.0);
    world.pass(600_000);
    assert_eq!((pushes(&world), expiring(&world).len()), (1, 1));
}

#[test]
fn a_refusal_says_nothing_of_the_token() {
    // proves R38.6
    for fault in [
        RpcFault::Error(-32_002, "Authentication service failed"),
        RpcFault::Error(-32_003, "Requester validation failed"),
        RpcFault::Silent,
    ] {
        let mut world = with_ice(600, true);
        world.server.rpc_faults.insert("signalwire.reauthenticate", [fault].into());
        world.pass(550_000);
        assert!(world.is_live());
        assert_eq!((pushes(&world), expiring(&world).len(), world.provider_calls.len()), (1, 1, 1));
        let told = world.events.iter().find(|event| matches!(event.kind(), EventKind::IceExpiring { .. }));
        assert!(told.unwrap().cause.is_some());
    }
}

#[test]
fn a_server_that_hangs_up_on_it_is_not_asked_again_and_again() {
    // proves R38.3
    let mut world = with_ice(600, true);
    world.server.rpc_faults.insert("signalwire.reauthenticate", [RpcFault::Silent].into());
    world.pass(541_000);
    world.drop_socket();
    world.pass(10_000);
    assert!(world.is_live(), "{:?}", world.events);
    let connects = world.sent("signalwire.connect").len();
    world.pass(60_000);
    assert_eq!(world.sent("signalwire.connect").len(), connects);
}

#[test]
fn short_lives_do_not_make_a_storm() {
    // proves R38.3
    let mut world = with_ice(5, true);
    world.pass(600_000);
    assert!(pushes(&world) <= 21, "{}", pushes(&world));
    assert!(!expiring(&world).is_empty());
}

#[test]
fn the_end_is_in_the_servers_time() {
    // proves R38.3
    let mut world = World::new(Config::new(subscriber()));
    world.server.ice_life_s = Some(600);
    world.server.ahead = 3_600_000;
    world.give(SessionInput::Start);
    let ends = world.session.connection().unwrap().ice_expires_at.unwrap();
    assert!(ends.0.abs_diff(world.unix() + 600_000) < 2_000, "{ends:?} {}", world.unix());
}

#[test]
fn odd_servers_are_told_of_once_and_the_old_ones_stay() {
    // proves R38.1
    let mut world = with_ice(600, true);
    let odd = || RpcFault::Result(json!({"ice_servers": {"urls": "turn:t"}}));
    world.server.rpc_faults.insert("signalwire.reauthenticate", [odd()].into());
    world.pass(550_000);
    let told: Vec<_> = world.events.iter().filter(|event| event.kind().code() == "not_kept").collect();
    let [told] = told.as_slice() else { panic!("{:?}", world.events) };
    assert_eq!(told.kind(), EventKind::NotKept { field: "ice_servers" });
    assert!(told.cause.as_ref().unwrap().to_string().contains("it is no list"));
    assert_eq!(world.session.connection().unwrap().ice_servers.len(), 1);
    assert_eq!(expiring(&world).len(), 1);
}

#[test]
fn an_attempt_that_the_network_has_cost_is_made_again() {
    // proves R38.3
    let mut world = with_ice(600, true);
    world.server.rpc_faults.insert("signalwire.reauthenticate", [RpcFault::Silent].into());
    world.pass(541_000);
    assert_eq!(pushes(&world), 1);
    // No answer, and the socket is there: once more after a pause.
    let before = world.session.connection().unwrap().ice_expires_at.unwrap();
    world.pass(36_000);
    assert_eq!(pushes(&world), 2);
    assert!(world.session.connection().unwrap().ice_expires_at.unwrap() > before);
    // A loss in the middle of it, and a connect that brings others: the next end is met.
    world.server.rpc_faults.insert("signalwire.reauthenticate", [RpcFault::Silent].into());
    world.pass(541_000);
    world.drop_socket();
    world.pass(10_000);
    let pushed = pushes(&world);
    world.pass(550_000);
    assert!(pushes(&world) > pushed);
}

#[test]
fn where_it_was_told_too_early_it_is_asked_for_all_the_same() {
    // proves R38.3
    let mut world = with_ice(600, true);
    world.push_state();
    world.server.opens = false;
    world.pass(500_000);
    world.drop_socket();
    world.pass(75_000);
    assert_eq!(expiring(&world).len(), 1, "{:?}", world.events);
    world.server.opens = true;
    world
        .server
        .rpc_faults
        .insert("signalwire.connect", [RpcFault::Result(json!({"protocol": "signalwire_p"}))].into());
    world.pass(60_000);
    assert!(world.is_live());
    let ends = world.session.connection().unwrap().ice_expires_at.unwrap();
    assert!(ends.0 > world.unix(), "{ends:?}");
    assert_eq!(pushes(&world), 1);
}
