//! Where a token leads, and where it does not (R31).

use crate::world::*;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, TeardownReason, Warning};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Config, Credential, KeyChoice, Provider, SessionInput, SessionNews};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::routing::AllowedHosts;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::json;

fn of(ch: &str) -> Credential {
    Credential::new(Secret::new(sat("one", ch)))
}

fn known(world: &mut World, token: &Credential, scope: bool) {
    let minted = Minted { ends: EPOCH + 7_200_000, scope, ..Minted::default() };
    world.server.tokens.insert(token.token.expose().to_owned(), minted);
}

fn with(token: &Credential, change: fn(Config) -> Config) -> World {
    let config = Config::new(Provider::Static(token.clone())).key(KeyChoice::None);
    let mut world = World::new(change(config));
    known(&mut world, token, false);
    world.give(SessionInput::Start);
    world
}

fn allowed(hosts: &[&str]) -> AllowedHosts {
    AllowedHosts::parse(hosts).unwrap()
}

/// The error with which a session ended that never began.
fn refusal(world: &World) -> Option<Error> {
    let end = world.events.iter().find(|it| {
        matches!(it.event, SessionNews::Lifecycle(Event::Teardown { reason: TeardownReason::MintFailed, .. }))
    });
    end.and_then(|it| it.cause.clone())
}

fn is_untouched(world: &World) -> bool {
    world.opened.is_empty() && world.server.requests.is_empty() && world.server.frames.is_empty()
}

#[test]
fn a_token_of_two_labels_is_sent_nowhere() {
    // survives W9
    // proves R31.6
    let world = with(&of("signalwire.com"), |config| config);
    assert!(is_untouched(&world), "{:?} {:?}", world.opened, world.server.hosts);
    assert_eq!(refusal(&world).unwrap().code(), "invalid_credentials");
    // Who has his own domain of two labels says where the REST host is.
    let world = with(&of("example.com"), |config| {
        config.fabric(SecureUrl::parse("https://api.example.com", Plain::Never).unwrap())
    });
    assert!(world.is_live(), "{:?}", world.events);
    assert_eq!(world.opened[0].1, "wss://example.com/");
    assert_eq!(world.server.hosts, ["api.example.com".to_owned()].into());
}

#[test]
fn a_token_that_leads_elsewhere_than_allowed_is_sent_nowhere() {
    // survives W9
    // proves R31.6
    for (hosts, ch, stranger) in [
        (&["*.sw.test"][..], "relay.evil.example", "relay.evil.example"),
        (&["relay.sw.test"], "relay.sw.test", "fabric.sw.test"),
        (&["*.sw.test"], "localhost", "puc.signalwire.com"),
    ] {
        let config = Config::new(Provider::Static(of(ch))).key(KeyChoice::None).allow_hosts(allowed(hosts));
        let world = World::start(config);
        assert!(is_untouched(&world), "{:?}", world.opened);
        let error = refusal(&world).unwrap();
        assert_eq!(error, Error::HostNotAllowed { host: stranger.to_owned() });
        assert!(error.to_string().contains(stranger));
    }
    let mut world = with(&of("relay.sw.test"), |config| config.allow_hosts(allowed(&["*.sw.test"])));
    assert!(world.is_live(), "{:?}", world.events);
    // Nor one that the application brings later.
    let stranger = of("relay.evil.example");
    known(&mut world, &stranger, false);
    world.give(SessionInput::UpdateToken { ask: AskId(1), credential: stranger });
    let host = "relay.evil.example".to_owned();
    assert_eq!(world.settled, [(AskId(1), Err(Error::HostNotAllowed { host }))]);
    world.pass(60_000);
    assert!(world.is_live() && world.opened.len() == 1);
    assert_eq!(world.server.hosts, ["fabric.sw.test".to_owned()].into());
}

#[test]
fn a_bound_token_leads_to_allowed_hosts_too() {
    // survives W9
    // proves R31.6
    for (ch, refused) in [("relay.evil.example", true), ("localhost", false), ("relay.sw.test", false)] {
        let base = of("relay.sw.test");
        let bound = sat("bound", ch);
        let config =
            Config::new(Provider::Static(base.clone())).key(KeyChoice::Held { key: ec(), proved: true });
        let mut world = World::new(config.allow_hosts(allowed(&["*.sw.test"])));
        known(&mut world, &base, true);
        let minted = Minted { ends: EPOCH + 900_000, scope: true, jkt: Some(String::new()) };
        world.server.tokens.insert(bound.clone(), minted);
        let body = json!({"token": bound, "expires_in": 900}).to_string();
        world.server.http_faults.insert(DEVICE_TOKEN, [Fault::Http(HttpResponse::new(200, body))].into());
        world.give(SessionInput::Start);
        assert!(world.is_live(), "{:?}", world.events);
        let told = world.events.iter().find(|it| {
            matches!(it.event, SessionNews::Lifecycle(Event::Warn(Warning::RefreshFailed { .. })))
        });
        let told = told.and_then(|it| it.cause.clone()).map(|error| match error {
            Error::DeviceToken { source: Some(source), .. } => *source,
            other => other,
        });
        let expected = refused.then(|| Error::HostNotAllowed { host: ch.to_owned() });
        assert_eq!(told, expected, "{ch}");
        // What it was exchanged from says where one leads that names no host.
        let in_force = world.session.credential().unwrap().token.expose() == bound;
        assert_eq!(in_force, !refused, "{ch}");
        world.drop_socket();
        world.pass(5_000);
        assert!(world.is_live() && world.opened.iter().all(|(_, url)| url == "wss://relay.sw.test/"), "{ch}");
        assert_eq!(world.server.hosts, ["fabric.sw.test".to_owned()].into(), "{ch}");
    }
}

#[test]
fn a_record_does_not_open_what_has_been_closed() {
    // survives W9
    // proves R31.6
    let config =
        |hosts: &[&str]| Config::new(CALLBACK).key(KeyChoice::None).durable(true).allow_hosts(allowed(hosts));
    let mut world = World::new(config(&["*.sw.test"]));
    let token = of("relay.sw.test");
    known(&mut world, &token, false);
    world.provider.push_back(Ok(token));
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    let record = world.records.last().unwrap().clone();
    world.server.hosts.clear();
    world.restart(config(&["*.example.com"]), 1_000, &record);
    world.pass(5_000);
    assert!(world.opened.is_empty() && world.server.hosts.is_empty(), "{:?}", world.opened);
}
