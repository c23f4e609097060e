//! Answers that are too large, too deep, torn, too slow, or that never come: a typed error, in time, and a
//! session whose token is valid goes on (R25, R36).

use std::time::{Duration, Instant};

use satkeeper::{Error, Event, SessionError, SessionNews, Warning};
use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Server, Target, TokenKind};
use satkeeper_tests::adapter::{Adapter, Events, Setup};
use satkeeper_tests::front::{Front, Way};
use satkeeper_tests::{await_event, brisk, with_each_adapter};
use serde_json::{Value, json};

use crate::{bound, client, events_from_now, root, soon, subscriber, works};

/// Life of bound tokens.
const DEVICE_TTL: Duration = Duration::from_secs(12);

/// Life of their bases: an attempt gets a quarter of what is left of the session (R16).
const SAT_TTL: Duration = Duration::from_secs(15);

/// Who waits for a renewal is told within three seconds ([`brisk`]), and what two busy cores add to it.
const IN_TIME: Duration = Duration::from_secs(6);

async fn server() -> Server {
    let config = Config { sat_ttl: SAT_TTL, device_ttl: DEVICE_TTL, ..Config::plain() };
    Server::start(config).await.expect("the fixture server starts")
}

/// Arrays in arrays, more than serde_json's own 128 levels.
fn deep() -> Value {
    (0..200).fold(json!(1), |inner, _| json!([inner]))
}

fn padded(bytes: usize) -> Value {
    Value::String("x".repeat(bytes))
}

/// A real answer, token and all, with one member more that is not to be borne; or half of it.
fn unbearable() -> [Effect; 3] {
    let with = |value| Effect::With { member: "extra".to_owned(), value };
    [with(padded(64 * 1024)), with(deep()), Effect::Malformed]
}

fn session_error(error: Error) -> SessionError {
    match error {
        Error::Session(error) => error,
        other => panic!("an error of the session, not {other:?}"),
    }
}

/// A renewal that fails for good reason, and what must be true of it whatever the reason.
async fn fails(client: &impl Adapter, why: &str) -> SessionError {
    let held = client.credential().expect("a token in force");
    let begun = Instant::now();
    let error = session_error(soon(client.refresh_now()).await.expect_err("a failure"));
    assert!(begun.elapsed() < IN_TIME, "{why}: {:?}", begun.elapsed());
    assert!(client.credential().is_some_and(|now| now.token == held.token), "{why}");
    works(client).await;
    root(&error).clone()
}

/// The session renews by itself once it can, on the socket that it always had.
async fn recovers(server: &Server, client: &impl Adapter, mut events: Events) {
    await_event(&mut events, DEVICE_TTL, |event| matches!(event, Event::Renewed { .. })).await;
    works(client).await;
    let counts = server.counts();
    assert_eq!((counts.sockets_opened, counts.sessions_expired), (1, 0), "{counts:?}");
    soon(client.disconnect()).await;
}

/// Whoever is asked: else the next in turn would renew.
async fn of_a_renewal<A: Adapter>(effect: Effect) {
    let server = server().await;
    let client: A = soon(subscriber(&server).policy(brisk()).connect()).await.expect("a live session");
    bound(&client).await;
    let events = events_from_now(&client).await;
    server.faults().add(Fault::always(Target::AnyHttp, effect.clone())).expect("a fault");
    let error = fails(&client, "renewal").await;
    match effect {
        Effect::Hang => assert!(matches!(error, SessionError::Timeout { .. }), "{error:?}"),
        _ => assert!(matches!(error, SessionError::UnexpectedReply { .. }), "{error:?}"),
    }
    server.faults().clear();
    recovers(&server, &client, events).await;
}

async fn a_renewal_whose_answer_cannot_be_used_leaves_the_session_alone<A: Adapter>() {
    // proves R25.8, R36.7, R36.8
    // survives P17
    let [large, deep, torn] = unbearable().map(of_a_renewal::<A>);
    tokio::join!(large, deep, torn);
}

async fn a_renewal_that_is_never_answered_is_over_in_time<A: Adapter>() {
    // proves R14.3, R25.8, R29.1
    // survives P33, S13
    of_a_renewal::<A>(Effect::Hang).await;
}

async fn a_renewal_whose_answer_drips_is_over_in_time<A: Adapter>() {
    // proves R14.3, R25.8, R36.7
    // survives P33
    let server = server().await;
    let front = Front::start(server.addr()).await;
    let client = Setup::new()
        .relay_url(server.ws_url())
        .fabric_url(front.http_url())
        .allow_plain_on_loopback(true)
        // Nobody else could renew.
        .static_token(server.mint(MintSpec { scope: true, ttl: Some(SAT_TTL), ..MintSpec::default() }))
        .policy(brisk());
    let client: A = soon(client.connect()).await.expect("a live session");
    bound(&client).await;
    let events = events_from_now(&client).await;
    front.spoil("/devices/refresh", Way::Drip);
    front.spoil("/devices/token", Way::Drip);
    let error = fails(&client, "drip").await;
    assert!(matches!(error, SessionError::Timeout { .. }), "{error:?}");
    front.let_through();
    recovers(&server, &client, events).await;
}

/// Before there is a session: the caller is told at once.
async fn a_mint_whose_answer_cannot_be_used_is_told_and_repeated<A: Adapter>() {
    // proves R26.1, R36.7
    // survives W11
    for effect in unbearable() {
        let server = server().await;
        let at = server.http_url();
        for target in [Target::SubscribersTokens, Target::EmbedsTokens] {
            server.faults().add(Fault::next(target, 1, effect.clone())).expect("a fault");
        }
        let each: [Setup; 2] = [subscriber(&server), client(&server).embed("c2c_canary", &at)];
        for builder in each {
            let client: A = soon(builder.connect()).await.expect("the next answer is a token");
            let mut events = client.events();
            let cause = loop {
                let event = soon(events.recv()).await.expect("no end").expect("none missed");
                if matches!(event.event, SessionNews::Lifecycle(Event::Warn(Warning::RefreshFailed { .. }))) {
                    break event.cause.expect("a cause");
                }
            };
            assert!(matches!(root(&cause), SessionError::UnexpectedReply { .. }), "{cause:?}");
            soon(client.disconnect()).await;
        }
        assert_eq!(server.counts().faults_fired, 2);
    }
}

/// Nothing depends on the inquiry: where its answer is of no use, the session begins without.
async fn an_inquiry_whose_answer_cannot_be_used_stops_nobody<A: Adapter>() {
    // proves R10.1, R36.7
    for effect in unbearable().into_iter().chain([Effect::Hang]) {
        let server = server().await;
        server.faults().add(Fault::always(Target::SubscriberInfo, effect)).expect("a fault");
        let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
        bound(&client).await;
        works(&client).await;
        soon(client.disconnect()).await;
    }
}

/// The next that the session tells of its socket's frames.
async fn odd_frame(events: &mut Events) -> SessionNews {
    loop {
        let event = soon(events.recv()).await.expect("no end").expect("none missed").event;
        if !matches!(event, SessionNews::Lifecycle(_) | SessionNews::Survived { .. }) {
            return event;
        }
    }
}

async fn a_frame_that_is_too_deep_is_dropped_and_the_socket_stays<A: Adapter>() {
    // proves R32.8, R36.7
    let server = server().await;
    let builder = subscriber(&server).call_timeout(Duration::from_millis(500));
    let client: A = soon(builder.connect()).await.expect("a live session");
    bound(&client).await;
    let mut events = client.events();
    server.control().push_event("deep", deep());
    let told = odd_frame(&mut events).await;
    assert_eq!(told.code(), "frame_dropped", "{told:?}");
    works(&client).await;

    // An answer that nobody can read is none.
    let effect = Effect::With { member: "extra".to_owned(), value: deep() };
    server.faults().add(Fault::next(Target::Online, 1, effect)).expect("a fault");
    let call = soon(client.call("subscriber.online", json!({}))).await;
    let error = session_error(call.expect_err("no answer"));
    assert!(matches!(error, SessionError::Timeout { .. }), "{error:?}");
    works(&client).await;
    assert_eq!(server.counts().sockets_opened, 1);
    soon(client.disconnect()).await;
}

async fn a_frame_that_is_too_large_costs_a_socket_and_never_the_session<A: Adapter>() {
    // proves R32.8, R36.8
    let server = server().await;
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
    bound(&client).await;
    let mut events = client.events();
    server.control().push_event("large", padded(1024 * 1024));
    let told = odd_frame(&mut events).await;
    assert_eq!(told.code(), "frame_dropped", "{told:?}");
    let resumed = |event: &Event| matches!(event, Event::Live { resumed: true, .. });
    await_event(&mut events, DEVICE_TTL, resumed).await;
    works(&client).await;

    // The largest that is allowed passes, and costs nothing.
    let mut notifications = client.notifications();
    server.control().push_event("largest", padded(1024 * 1024 - 1024));
    let largest = loop {
        let notification = soon(notifications.recv()).await.expect("no end").expect("none missed");
        if notification.params_json().len() > 1_000_000 {
            break notification;
        }
    };
    assert_eq!(largest.method, "signalwire.event");
    assert_eq!(server.counts().sockets_opened, 2);
    assert_eq!(server.counts().minted(TokenKind::Device), 1);
    soon(client.disconnect()).await;
}

/// Judged, and then answered with a failure: who sent the same proof again would be refused for it.
async fn judged_and_failed<A: Adapter>(code: u16) {
    let server = server().await;
    let effect = Effect::Status { code, body: None, retry_after: None };
    for target in [Target::DevicesToken, Target::DevicesRefresh] {
        server.faults().add(Fault::next(target, 1, effect.clone()).taking_effect()).expect("a fault");
    }
    let client: A = soon(subscriber(&server).policy(brisk()).connect()).await.expect("a live session");
    bound(&client).await;
    // By the next in turn; what failed before may have used up what is left for who asks on demand.
    loop {
        match soon(client.refresh_now()).await {
            Ok(_) => break,
            Err(Error::Session(SessionError::Throttled { retry_after_ms, .. })) => {
                tokio::time::sleep(Duration::from_millis(retry_after_ms)).await;
            }
            Err(error) => panic!("a newer token, not {error:?}"),
        }
    }
    let events = events_from_now(&client).await;
    recovers(&server, &client, events).await;
    let counts = server.counts();
    assert_eq!((counts.all_proofs_refused(), counts.faults_fired), (0, 2), "{counts:?}");
    assert!(counts.proofs_accepted >= 5, "{counts:?}");
}

async fn a_repeated_request_has_a_proof_of_its_own<A: Adapter>() {
    // proves R35.3
    // survives P26, S11
    tokio::join!(judged_and_failed::<A>(429), judged_and_failed::<A>(503));
}

with_each_adapter! {
    a_renewal_whose_answer_cannot_be_used_leaves_the_session_alone,
    a_renewal_that_is_never_answered_is_over_in_time,
    a_renewal_whose_answer_drips_is_over_in_time,
    a_mint_whose_answer_cannot_be_used_is_told_and_repeated,
    an_inquiry_whose_answer_cannot_be_used_stops_nobody,
    a_frame_that_is_too_deep_is_dropped_and_the_socket_stays,
    a_frame_that_is_too_large_costs_a_socket_and_never_the_session,
    a_repeated_request_has_a_proof_of_its_own,
}
