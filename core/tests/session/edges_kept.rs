//! The session at the edges of its rules: what providers bring late, what is written, and what is left at the end.

use crate::world::*;
use satkeeper_core::lifecycle::{AskId, SocketId};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Config, KeyChoice, Provider, ProviderCall, Record, SessionInput, SessionNews};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::rest::{GuestToken, Space};
use satkeeper_core::wire::time::Oddity;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::{Value, json};

/// Renewed by its rotating refresh token.
fn rotating(durable: bool) -> World {
    let mut world = World::new(Config::new(subscriber()).durable(durable).key(KeyChoice::None));
    world.server.scope = false;
    world.give(SessionInput::Start);
    world.pass(30_000);
    assert!(world.is_live());
    world.clear();
    world
}

fn written(world: &World) -> Value {
    serde_json::from_str(world.session.record().encode().expose()).unwrap()
}

// ---- Providers ----

fn another_subscriber() -> Provider {
    let Provider::Subscriber { mut request, .. } = subscriber() else { panic!() };
    request.reference = "bob".to_owned();
    let url = SecureUrl::parse("https://other.signalwire.test", Plain::Never).unwrap();
    let space = Space::new(url, "project", &Secret::new(format!("PT{CANARY}"))).unwrap();
    Provider::Subscriber { space, request }
}

#[test]
fn a_token_is_of_the_key_whose_fingerprint_its_request_told_and_of_no_other() {
    // proves R31.1
    let rsa = || KeyChoice::Held { key: rsa(), proved: true };
    let keys = |world: &World| {
        let tokens = written(world)["tokens"].as_array().unwrap().clone();
        tokens.iter().map(|token| token["key"].is_string()).collect::<Vec<_>>()
    };
    let url = |text: &str| SecureUrl::parse(text, Plain::Never).unwrap();
    let Provider::Subscriber { space, .. } = subscriber() else { panic!() };
    let embed = Provider::Embed { token: Secret::new("c2c"), host: url("https://embeds.signalwire.test") };
    let request = GuestToken {
        allowed_addresses: vec!["f5a1ce2b-ec0d-4f31-a3f0-000000000001".into()],
        ..GuestToken::default()
    };
    let guest = Provider::Guest { space, request };
    for (provider, path, of_our_key) in
        [(subscriber(), CREATE, true), (embed, EMBED, false), (guest, GUEST, false)]
    {
        let mut world = World::new(Config::new(provider).key(rsa()));
        world.server.scope = false;
        world.give(SessionInput::Start);
        assert_eq!(world.asked(path).len(), 1);
        assert_eq!(keys(&world), [of_our_key], "{path}");
    }

    // A renewal has no place for a fingerprint.
    let mut world = World::new(Config::new(subscriber()).key(rsa()));
    world.server.scope = false;
    world.give(SessionInput::Start);
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert_eq!((world.asked(REFRESH).len(), keys(&world)), (1, vec![false]));
    let mut world = World::new(Config::new(CALLBACK).key(rsa()));
    for name in ["one", "two"] {
        let minted = Minted { ends: EPOCH + 7_200_000, ..Minted::default() };
        world.server.tokens.insert(sat(name, "relay.sw.test"), minted);
        world.provider.push_back(Ok(credential(name)));
    }
    world.give(SessionInput::Start);
    assert_eq!(keys(&world), [true]);
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    let fingerprint = Some(crate::world::rsa().thumbprint().to_owned());
    assert_eq!(
        world.provider_calls.last(),
        Some(&ProviderCall::Refresh { fingerprint }),
        "it may pass it on"
    );
    assert_eq!(keys(&world), [false], "whether it did, the server says");
}

#[test]
fn a_one_time_secret_is_of_no_use_to_another_provider() {
    // proves R15.1, R33.7
    let mut world = rotating(false);
    world.give(SessionInput::SetProvider(another_subscriber()));
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert_eq!((world.asked(REFRESH).len(), world.asked(CREATE).len()), (0, 1), "the old one's is void");

    // Nor is one that the old provider brings late.
    let mut world = rotating(false);
    for path in [REFRESH, CREATE] {
        world.server.http_faults.insert(path, [Fault::Silent].into());
    }
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    let (id, _) = world.silent.pop().unwrap();
    world.give(SessionInput::SetProvider(another_subscriber()));
    world.give(SessionInput::RefreshNow { ask: AskId(2) });
    assert_eq!(world.asked(CREATE).len(), 1);
    let body = json!({"token": sat("late", "relay.sw.test"), "refresh_token": "late"}).to_string();
    world.give(SessionInput::Http { id, result: Ok(HttpResponse::new(200, body)) });
    world.pass(60_000);
    world.give(SessionInput::RefreshNow { ask: AskId(3) });
    assert!(world.asked(REFRESH).iter().all(|it| it.1["refresh_token"] != "late"));
}

#[test]
fn a_renewal_that_fails_for_now_is_tried_again() {
    // proves R12.7, R12.8
    let mut world = rotating(false);
    world.server.http_faults.insert(REFRESH, [Fault::Http(HttpResponse::new(503, ""))].into());
    world.pass(7_200_000);
    assert!(world.is_live(), "{:?}", world.events);
    assert!(!world.asked(CREATE).is_empty(), "the secret is in doubt, the renewal is not");
}

#[test]
fn a_scope_without_a_fingerprint_is_told_once_and_only_then() {
    // proves R34.1
    for (scope_refresh, told) in [(false, 0), (true, 1)] {
        let Provider::Subscriber { space, mut request } = subscriber() else { panic!() };
        request.scope_refresh = scope_refresh;
        let config = Config::new(Provider::Subscriber { space, request }).key(KeyChoice::None);
        let mut world = World::new(config);
        world.server.http_faults.insert(REFRESH, (0..9).map(|_| Fault::Broken).collect());
        world.give(SessionInput::Start);
        world.pass(7_200_000);
        assert!(world.asked(CREATE).len() >= 2);
        let warned = world.events.iter().filter(|it| it.event == SessionNews::ScopeWithoutFingerprint);
        assert_eq!(warned.count(), told);
    }
}

// ---- The record ----

#[test]
fn a_record_says_its_generation_and_is_no_larger_than_one_mebibyte() {
    // proves R13.1
    let world = World::start(Config::new(subscriber()).key(KeyChoice::None));
    let record = world.session.record();
    assert_eq!((record.generation(), record.generation().0), (world.session.status().generation, 1));
    let mut text = record.encode().expose().to_owned();
    text.push_str(&" ".repeat((1 << 20) - text.len()));
    assert!(Record::decode(text.as_bytes()).is_ok());
    text.push(' ');
    assert!(Record::decode(text.as_bytes()).is_err());
}

// ---- What is told, and the end ----

#[test]
fn what_is_told_has_a_stable_code_and_says_nothing_in_confidence() {
    // proves R36.1, R37.1
    let mut world = World::start(Config::new(subscriber()).key(KeyChoice::None));
    assert!(world.session.why().is_some_and(|why| why.at.0 > world.now));
    world.push(&json!({"jsonrpc": "2.0", "method": "m", "params": {"a": format!("{CANARY}")}}));
    let printed = format!("{:?}", world.notifications[0]);
    assert!(printed.contains("\"m\"") && !printed.contains(CANARY), "{printed}");
    let odd = SessionNews::OddTime { field: "expiry_at", oddity: Oddity::OtherUnit };
    for (news, code) in [
        (world.events[0].event, "lifecycle"),
        (SessionNews::PresentedUnwritten, "presented_unwritten"),
        (SessionNews::FrameDropped { count: 1 }, "frame_dropped"),
        (odd, "odd_time"),
        (SessionNews::ScopeWithoutFingerprint, "scope_without_fingerprint"),
        (SessionNews::NotKept { field: "protocol" }, "not_kept"),
        (SessionNews::SetAside, "store_set_aside"),
        (SessionNews::StoreLacks, "store_lacks"),
        (SessionNews::RecordUnused, "record_unused"),
    ] {
        assert_eq!(news.code(), code);
    }
}

#[test]
fn after_the_end_nothing_is_kept_and_nothing_is_taken() {
    // proves R29.3, R36.1
    let mut world = World::start(Config::new(subscriber()));
    world.push_state();
    assert!(world.session.record().encode().expose().contains(CANARY));
    assert!(written(&world)["key"].is_object());
    world.give(SessionInput::Disconnect);
    let kept = written(&world);
    assert!(!kept.to_string().contains(CANARY), "{kept}");
    assert!(kept["key"].is_null() && kept["forgotten"] == json!([]));
    // The harness refuses whatever comes out now, such as the closing of this socket.
    world.give(SessionInput::Opened { socket: SocketId(9), date: None });
}
