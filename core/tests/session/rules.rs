//! A session against a scripted server, for hours and with settings of its own.

use crate::world::*;
use satkeeper_core::lifecycle::{Mechanism, Phase, TeardownReason};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Config, Credential, KeyChoice, SessionInput, SessionNews};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::json;

#[test]
fn a_subscriber_session_is_bound_and_stays_alive_for_a_day() {
    // proves R17.1, R35.1, R35.5, R35.10
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
    assert!(world.signatures.is_empty(), "a key of software signs in the session");
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

#[test]
fn odd_times_are_told_once() {
    // proves R2.6
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
fn an_opaque_bound_token_stays_with_the_hosts_of_its_base() {
    // proves R17.1
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
    // proves R31.6
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
fn a_clock_that_goes_back_is_harmless() {
    // proves R29.7
    let mut world = unbound();
    world.pass(100_000);
    world.now -= 50_000;
    world.give(SessionInput::Tick);
    world.now += 50_000;
    world.give(SessionInput::Tick);
    assert!(world.is_live());
    assert!(world.wake > Some(world.now));
}
