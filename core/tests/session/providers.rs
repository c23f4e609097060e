//! The providers that a session implements itself, and the application's (R12, R34).

use crate::world::*;
use satkeeper_core::error::{Error, ProviderFault};
use satkeeper_core::lifecycle::{AskId, Event, Mechanism, Phase, TeardownReason, Warning};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{
    CallId, Config, EventKind, KeyChoice, Provider, ProviderCall, ProviderError, SessionEvent, SessionInput,
    SessionNews,
};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::json;

#[test]
fn the_error_of_a_first_mint_is_told_each_time_it_is_tried() {
    // proves R18.4, R26.1, R34.4
    let mut world = World::new(Config::new(subscriber()));
    let mut response = HttpResponse::new(
        422,
        json!({"errors": [
            {"code": "missing_required_parameter", "attribute": "reference", "message": sat("echo", "x.y")},
            {"code": "second"},
        ]})
        .to_string(),
    );
    response.set_header("Retry-After", "3");
    world.server.http_faults.insert(CREATE, [Fault::Http(response)].into());
    world.give(SessionInput::Start);
    // It can be repeated, and is; each time it is told why it failed.
    assert_eq!(world.phase(), Phase::Minting);
    let told = world.events.last().unwrap();
    let EventKind::RefreshFailed { next_at, .. } = told.kind() else { panic!("{told:?}") };
    assert_eq!(next_at.unwrap().0, world.unix() + 3_000, "as it was asked to");
    match told.cause.as_ref().unwrap() {
        Error::Http(error) => assert_eq!(error.entries.len(), 2),
        other => panic!("{other}"),
    }
    // Each minute in the end, as long as there is patience; whoever waits for it may have less.
    let refused = || Fault::Http(HttpResponse::new(422, json!({"errors": [{"code": "c"}]}).to_string()));
    world.server.http_faults.insert(CREATE, (0..500).map(|_| refused()).collect());
    world.pass(540_000);
    assert_eq!(world.phase(), Phase::Minting);
    let asked = world.asked(CREATE).len();
    assert!((12..25).contains(&asked), "{asked}");
    world.call(1, "m");
    world.give(SessionInput::Disconnect);
    assert_eq!(world.phase(), Phase::Over(TeardownReason::Disconnected));
    assert_eq!(world.returned, [(CallId(1), Err(Error::SessionOver))]);
    assert!(world.session.credential().is_none());
    world.give(SessionInput::RefreshNow { ask: AskId(5) });
    assert_eq!(world.settled, [(AskId(5), Err(Error::SessionOver))]);
    world.call(2, "m");
    world.give(SessionInput::Tick);
    assert_eq!(world.wake, None);
}

#[test]
fn a_first_mint_that_fails_for_now_is_told_and_repeated() {
    // proves R26.1, R34.4
    // survives W11
    let mut world = World::new(Config::new(subscriber()).key(KeyChoice::None));
    let busy = || Fault::Http(HttpResponse::new(503, "<html>"));
    world.server.http_faults.insert(CREATE, [busy(), busy()].into());
    world.give(SessionInput::Start);
    world.pass(10_000);
    assert!(world.is_live());
    let failed = |event: &&SessionEvent| {
        matches!(event.event, SessionNews::Lifecycle(Event::Warn(Warning::RefreshFailed { .. })))
    };
    let causes: Vec<_> = world.events.iter().filter(failed).map(|event| event.cause.as_ref()).collect();
    assert_eq!(causes.len(), 2);
    assert!(causes.iter().all(|cause| matches!(cause, Some(Error::Http(http)) if http.status == 503)));
    assert_eq!(world.asked(CREATE).len(), 3, "the same request, each time");
}

#[test]
fn a_provider_that_is_asked_once_is_told_so() {
    // proves R26.2
    // survives W11
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    let error = ProviderError::Transient { message: "no network".to_owned(), retry_after: None };
    world.provider.push_back(Err(error));
    world.give(SessionInput::Start);
    assert_eq!(world.phase(), Phase::Over(TeardownReason::MintFailed));
    let cause = world.events.last().unwrap().cause.as_ref().unwrap();
    assert!(matches!(cause, Error::Provider { kind: ProviderFault::Once, .. }), "{cause}");
    assert!(cause.to_string().contains("asked once") && cause.to_string().contains("no network"), "{cause}");
}

/// A subscriber session whose tokens have no scope: the provider renews.
fn rotating() -> World {
    let mut world = World::new(Config::new(subscriber()).key(KeyChoice::None));
    world.server.scope = false;
    world.server.life_s = 1_200;
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert_eq!(world.session.status().mechanism, Mechanism::Provider);
    world
}

#[test]
fn a_refresh_token_is_rotated_and_never_presented_twice() {
    // proves R12.10
    // survives P30
    let mut world = rotating();
    world.server.life_s = 7_200;
    world.pass(86_400_000);
    assert!(world.is_live());
    let mut presented = world.asked(REFRESH).iter().map(|it| it.1.to_string()).collect::<Vec<_>>();
    assert!(presented.len() >= 10, "{}", presented.len());
    let all = presented.len();
    presented.sort();
    presented.dedup();
    assert_eq!(presented.len(), all);
    assert_eq!(world.asked(CREATE).len(), 1);
}

#[test]
fn what_is_refused_of_a_refresh_token_is_told_and_a_new_token_created_in_its_place() {
    // proves R12.5, R12.8
    let mut world = rotating();
    world.server.refresh_token = None;
    world.clear();
    world.pass(1_200_000);
    assert!(world.is_live());
    assert_eq!(world.asked(REFRESH).len().min(1), 1);
    assert!(!world.asked(CREATE).is_empty());
    let failed = world.events.iter().filter(|it| matches!(it.kind(), EventKind::RefreshFailed { .. }));
    let causes: Vec<_> = failed.map(|it| it.cause.as_ref()).collect();
    assert!(matches!(causes[..], [Some(Error::Http(http))] if http.status == 422), "{causes:?}");
}

#[test]
fn a_refresh_token_without_an_answer_is_in_doubt_and_a_late_answer_is_kept() {
    // proves R12.7, R12.8, R12.10
    // survives P30
    let mut world = rotating();
    world.clear();
    world.server.http_faults.insert(REFRESH, [Fault::Silent].into());
    world.pass(1_150_000);
    assert!(world.is_live());
    assert!(!world.asked(CREATE).is_empty(), "in doubt: created anew");
    let (id, request) = world.silent.pop().unwrap();
    let presented = request.body.unwrap();
    let presented: serde_json::Value = serde_json::from_str(presented.expose()).unwrap();
    assert_eq!(world.asked(REFRESH).iter().filter(|it| it.1 == presented).count(), 1);
    let body = json!({"token": sat("late", "relay.sw.test"), "refresh_token": "older"}).to_string();
    let before = world.session.status().generation;
    world.give(SessionInput::Http { id, result: Ok(HttpResponse::new(201, body)) });
    assert_eq!(world.session.status().generation, before);
    world.pass(7_200_000);
    assert!(world.is_live());
    assert!(!world.asked(REFRESH).iter().any(|it| it.1["refresh_token"] == "older"));
}

#[test]
fn what_an_endpoint_refuses_is_told_with_its_error_and_asked_again() {
    // proves R18.1, R28.1
    let mut world = rotating();
    let refused = || Fault::Http(HttpResponse::new(401, "{\"error\":\"Unauthorized\"}"));
    world.server.http_faults.insert(REFRESH, [refused()].into());
    world.server.http_faults.insert(CREATE, [refused()].into());
    world.clear();
    world.pass(1_150_000);
    let failed = world
        .events
        .iter()
        .find(|it| matches!(it.event, SessionNews::Lifecycle(Event::Warn(Warning::RefreshFailed { .. }))));
    let cause = failed.unwrap().cause.as_ref().unwrap();
    assert!(matches!(cause, Error::Http(http) if http.status == 401), "{cause}");
    // It is the endpoint's word, not the application's: the schedule goes on.
    assert!(world.asked(CREATE).len() >= 2);
    world.pass(100_000);
    assert!(world.is_live(), "{:?}", world.phase());
}

#[test]
fn only_the_applications_own_word_stops_the_schedule() {
    // proves R18.5, R28.1
    let mut world = unbound();
    world.provider.push_back(Err(ProviderError::rejected("the account was closed")));
    world.clear();
    let ends = EPOCH + 7_200_000;
    while world.unix() < ends - 1_000 {
        world.pass(1_000);
        assert!(world.is_live());
    }
    assert_eq!(world.provider_calls.len(), 1);
    let failed = world.events.iter().find(|it| matches!(it.kind(), EventKind::RefreshFailed { .. })).unwrap();
    assert!(matches!(failed.kind(), EventKind::RefreshFailed { next_at: None, .. }));
    assert!(failed.cause.as_ref().unwrap().to_string().contains("the account was closed"));
    world.pass(5_000);
    assert!(matches!(world.phase(), Phase::Over(TeardownReason::Expired)), "{:?}", world.phase());
}

#[test]
fn an_embed_token_is_exchanged_again_and_again() {
    // proves R34.1, R34.2
    let host = SecureUrl::parse("https://embeds.signalwire.test", Plain::Never).unwrap();
    let token = Secret::new(format!("c2c_{CANARY}"));
    let mut world = World::start(Config::new(Provider::Embed { token, host }).key(KeyChoice::None));
    assert!(world.is_live());
    world.pass(10 * 3_600_000);
    assert!(world.is_live());
    assert!(world.asked(EMBED).len() >= 10);
    assert!(world.asked(EMBED).iter().all(|it| it.2.is_empty()));
}

#[test]
fn a_provider_gets_the_fingerprint_and_its_errors_are_passed_on() {
    // proves R35.5
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::Held { key: rsa(), proved: true }));
    world.provider.push_back(Err(ProviderError::Transient {
        message: format!("backend said {}", sat("echo", "a.b")),
        retry_after: None,
    }));
    world.give(SessionInput::Start);
    let fingerprint = Some(rsa().thumbprint().to_owned());
    assert_eq!(world.provider_calls, [ProviderCall::Authenticate { fingerprint }]);
    let last = world.events.last().unwrap();
    assert_eq!(last.cause.as_ref().unwrap().code(), "provider");
}

#[test]
fn a_configured_end_is_what_was_asked_for() {
    // proves R34.1
    let Provider::Subscriber { space, mut request } = subscriber() else { panic!() };
    request.expire_at = Some(EPOCH / 1_000 + 600);
    let mut world = World::new(Config::new(Provider::Subscriber { space, request }).key(KeyChoice::None));
    // The server says nothing of the end.
    let silent = || RpcFault::Result(json!({"protocol": "p"}));
    world.server.rpc_faults.insert("signalwire.connect", [silent(), silent()].into());
    world.server.date = false;
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert_eq!(world.asked(CREATE)[0].1["expire_at"], EPOCH / 1_000 + 600);
    let left = world.session.status().time_left.unwrap();
    assert!(left.abs_diff(599_000) < 1_000, "{left}");
}

#[test]
fn scope_without_a_fingerprint_is_warned_of() {
    // proves R34.1
    let Provider::Subscriber { space, mut request } = subscriber() else { panic!() };
    request.scope_refresh = true;
    let config = Config::new(Provider::Subscriber { space, request }).key(KeyChoice::None);
    let world = World::start(config);
    let warned = world.events.iter().filter(|it| it.event == SessionNews::ScopeWithoutFingerprint).count();
    assert_eq!(warned, 1);
}

#[test]
fn a_refresh_token_that_came_without_a_token_takes_the_place_of_the_spent_one() {
    // survives W16
    let mut world = rotating();
    world.clear();
    let odd = json!({"token": null, "refresh_token": "rotated"}).to_string();
    world.server.refresh_token = Some("rotated".to_owned());
    world.server.http_faults.insert(REFRESH, [Fault::Http(HttpResponse::new(200, odd))].into());
    world.pass(1_150_000);
    assert!(world.is_live());
    assert!(world.asked(REFRESH).iter().any(|it| it.1["refresh_token"] == "rotated"));
    assert!(world.asked(CREATE).is_empty(), "nothing is in doubt");
}
