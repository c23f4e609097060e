//! Answers of somebody who knows nothing: pages of HTML, stored answers (R3, R12, R18).

use crate::world::*;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Failure, Warning};
use satkeeper_core::session::{Config, KeyChoice, Provider, SessionInput, SessionNews};
use satkeeper_core::wire::http::HttpResponse;

/// An hour ahead of the session's clock.
const AHEAD: &str = "Tue, 14 Nov 2023 23:13:20 GMT";

/// Error answers with this status: of the API itself, and of others on the way.
fn own(status: u16) -> [HttpResponse; 3] {
    ["{\"error\":\"Unauthorized\"}", "Unauthorized", ""].map(|body| HttpResponse::new(status, body))
}

fn others(status: u16) -> [HttpResponse; 3] {
    let mut stored = HttpResponse::new(status, "{\"error\":\"Unauthorized\"}");
    stored.set_header("Age", "3600");
    [
        HttpResponse::new(status, "<html><body>Access denied</body></html>"),
        HttpResponse::new(status, "404 page not found"),
        stored,
    ]
}

#[test]
fn whose_an_answer_is() {
    // proves R3.1
    for status in [200, 401, 404, 503] {
        assert!(own(status).iter().all(HttpResponse::is_own));
        assert!(!others(status).iter().any(HttpResponse::is_own));
    }
    for (body, is_own) in [
        ("  {}\n", true),
        ("\"no\"", true),
        ("Unauthorized\r\n", true),
        ("{\"error\":", false),
        ("<h1>401</h1>", false),
        ("Not Found", false),
        ("ThisIsAWordThatIsLongerThanAnyAPIWouldSay", false),
    ] {
        assert_eq!(HttpResponse::new(401, body).is_own(), is_own, "{body}");
    }
    let deep = "[".repeat(65_536);
    assert!(!HttpResponse::new(401, deep).is_own());
}

#[test]
fn only_the_apis_own_answers_tell_the_time() {
    // proves R3.1
    for status in [401, 503] {
        let answers =
            own(status).map(|it| (it, true)).into_iter().chain(others(status).map(|it| (it, false)));
        for (mut answer, tells) in answers {
            answer.set_header("Date", AHEAD);
            let mut world = World::new(Config::new(Provider::Static(credential("one"))).key(KeyChoice::None));
            world.server.date = false;
            world.server.http_faults.insert(INFO, [Fault::Http(answer)].into());
            world.server.opens = false;
            world.give(SessionInput::Start);
            let offset = world.session.status().clock_offset;
            assert_eq!(offset.is_some_and(|it| it.abs_diff(3_600_000) < 3_000), tells, "{status} {offset:?}");
            assert_eq!(offset.is_some(), tells);
        }
    }
}

/// How the first renewal that was answered like this failed.
fn renewal_failed(answer: HttpResponse) -> (World, Failure) {
    let mut world = World::new(Config::new(subscriber()));
    world.give(SessionInput::Start);
    assert!(world.session.status().bound);
    world.server.http_faults.insert(DEVICE_REFRESH, [Fault::Http(answer)].into());
    world.clear();
    while world.asked(DEVICE_REFRESH).is_empty() {
        world.pass(1_000);
    }
    let told = world.told();
    let failure = told.iter().find_map(|it| match it {
        Event::Warn(Warning::RefreshFailed { cause, .. }) => Some(cause.failure),
        _ => None,
    });
    let failure = failure.unwrap_or_else(|| panic!("{told:?}"));
    (world, failure)
}

#[test]
fn an_error_of_somebody_who_knows_nothing_is_a_page() {
    // proves R18.1
    for status in [401, 403, 404, 429] {
        for answer in others(status) {
            let (mut world, failure) = renewal_failed(answer);
            assert_eq!(failure, Failure::Page { status, retry_after: None });
            // What it would have been worth is still there: the next attempt is made soon, and renews.
            world.pass(60_000);
            assert!(world.is_live() && world.session.status().bound);
            assert!(world.asked(DEVICE_REFRESH).len() >= 2, "{status}");
        }
        for answer in own(status) {
            assert_eq!(renewal_failed(answer).1, Failure::Http { status, retry_after: None });
        }
    }
    // Who has broken down has, whoever says so.
    let (_, failure) = renewal_failed(HttpResponse::new(502, "<html>"));
    assert_eq!(failure, Failure::Http { status: 502, retry_after: None });
}

#[test]
fn how_long_a_page_wants_to_be_left_alone_is_heard() {
    // proves R18.4
    let mut page = HttpResponse::new(429, "<html>slow down</html>");
    page.set_header("Retry-After", "30");
    let (world, failure) = renewal_failed(page);
    assert_eq!(failure, Failure::Page { status: 429, retry_after: Some(30_000) });
    let failed = world
        .events
        .iter()
        .find(|it| matches!(it.event, SessionNews::Lifecycle(Event::Warn(Warning::RefreshFailed { .. }))));
    assert!(matches!(&failed.unwrap().cause, Some(Error::TokenRefresh { source: Some(_), .. })));
}

#[test]
fn a_page_spends_no_one_time_secret_and_a_refusal_does() {
    // proves R12.5, R12.6, R12.7
    let written = |answer: HttpResponse| {
        let mut world = World::new(Config::new(subscriber()).key(KeyChoice::None));
        world.server.scope = false;
        world.give(SessionInput::Start);
        world.pass(30_000);
        world.server.http_faults.insert(REFRESH, [Fault::Http(answer)].into());
        world.server.http_faults.insert(CREATE, (0..9).map(|_| Fault::Broken).collect());
        world.give(SessionInput::RefreshNow { ask: AskId(1) });
        assert_eq!(world.asked(REFRESH).len(), 1);
        let record = world.session.record().encode();
        serde_json::from_str::<serde_json::Value>(record.expose()).unwrap()["one_time"].clone()
    };
    for status in [401, 403, 404] {
        for answer in others(status) {
            assert_eq!(written(answer)["presented"], true, "in doubt: nobody knows whether it has arrived");
        }
        for answer in own(status) {
            assert!(written(answer).is_null(), "{status}");
        }
    }
    for status in [408, 425, 429] {
        for answer in own(status) {
            assert_eq!(written(answer)["presented"], false, "{status}: later, says the API");
        }
    }
}

#[test]
fn a_portal_in_between_has_no_say_on_the_token_in_force() {
    // proves R10.1
    for (answer, renews) in [
        (HttpResponse::new(401, "Unauthorized"), true),
        (HttpResponse::new(401, "<html>log in to this network</html>"), false),
    ] {
        let mut world = unbound();
        world.pass(60_000);
        let ends = world.unix() + 7_200_000;
        world.server.tokens.insert(sat("two", "relay.sw.test"), Minted { ends, ..Minted::default() });
        world.provider.push_back(Ok(credential("two")));
        world.clear();
        world.server.http_faults.insert(INFO, [Fault::Http(answer)].into());
        world.give(SessionInput::FetchSubscriber { ask: AskId(1) });
        assert_eq!(!world.provider_calls.is_empty(), renews);
        assert_eq!(world.fetched.pop().unwrap().1.is_ok(), renews);
    }
}
