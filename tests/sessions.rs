//! What a session does and what its client can ask of it, from the mint to the goodbye: real TLS, real sockets,
//! real proofs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use satkeeper::{
    Credential, Error, Event, EventKind, KeyAlgorithm, KeyChoice, Mechanism, Phase, ProviderError, Secret,
    SessionError, SessionNews, Severity, Survival, TeardownReason,
};
use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Server, Target, What};
use satkeeper_tests::adapter::{Adapter, Events, Own};
use satkeeper_tests::{SOON, bound, client, soon, subscriber, with_each_adapter};
use serde_json::json;

async fn start(config: Config) -> Server {
    Server::start(config).await.expect("the fixture server starts")
}

/// The events up to the one that is wanted.
async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let Ok(event) = tokio::time::timeout(SOON, events.recv()).await else {
            panic!("only these within ten seconds: {seen:#?}");
        };
        let event = event.expect("an event before the end").expect("none missed");
        if let SessionNews::Lifecycle(event) = event.event {
            seen.push(event);
            if wanted(&event) {
                return seen;
            }
        }
    }
}

async fn a_healthy_session_from_the_mint_to_the_goodbye<A: Adapter>() {
    let server = start(Config::default()).await;
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");

    let mut events = client.events();
    let seen = until(&mut events, |event| matches!(event, Event::Live { resumed: false, .. })).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    bound(&client).await;
    let status = client.status();
    assert_eq!((status.phase, status.mechanism, status.bound), (Phase::Live, Mechanism::Bound, true));

    let answer = soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
    assert!(answer.is_object(), "{answer}");
    let refused = soon(client.call("no.such.method", json!({}))).await.expect_err("a refusal");
    assert!(matches!(refused, Error::Session(SessionError::Rpc { code: -32601, .. })), "{refused}");

    let held = client.credential().expect("a token in force");
    assert_eq!(held.generation, status.generation);
    assert!(server.expires_at(held.token.expose()).is_some(), "a token of this server");
    assert!(client.why().await.is_some());

    let end = soon(client.disconnect()).await;
    assert_eq!((end.reason, end.error), (TeardownReason::Disconnected, None));
    assert!(client.credential().is_none());
    assert!(matches!(client.status().phase, Phase::Over(TeardownReason::Disconnected)));
    let over = soon(client.call("subscriber.online", json!({}))).await.expect_err("nothing after the end");
    assert!(over.is_over());
    assert!(soon(client.refresh_now()).await.expect_err("nothing after the end").is_over());
    assert_eq!(soon(client.disconnect()).await.reason, TeardownReason::Disconnected);

    until(&mut events, |event| matches!(event, Event::Teardown { .. })).await;
    assert!(soon(events.recv()).await.is_none());
    // Who only asks now is told what there was all the same.
    let late = until(&mut client.events(), |event| matches!(event, Event::Teardown { .. })).await;
    assert!(matches!(late.first(), Some(Event::Live { .. })), "{late:?}");

    assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await);
    let counts = server.counts();
    assert_eq!((counts.fresh_connects, counts.sockets_silent, counts.all_proofs_refused()), (1, 0, 0));
}

/// What an application matches on, by the wall clock.
async fn what_happens_is_told_on_one_level_and_in_wall_time<A: Adapter>() {
    let unix_ms = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let begun = unix_ms();
    let server = start(Config::plain()).await;
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
    bound(&client).await;
    soon(client.refresh_now()).await.expect("a newer token");
    let held = client.credential().expect("a token in force");
    server.control().drop_sockets();
    soon(client.until(|status| status.phase != Phase::Live)).await.expect("not over");
    soon(client.until(|status| status.phase == Phase::Live)).await.expect("not over");
    soon(client.disconnect()).await;
    let ended = unix_ms();

    let (mut events, mut told) = (client.events(), Vec::new());
    while let Some(event) = soon(events.recv()).await {
        let event = event.expect("none missed");
        assert!((begun..=ended).contains(&u128::from(event.at.unix.0)), "{event:?}");
        told.push(event.kind());
    }
    let place = |wanted: &dyn Fn(&EventKind) -> bool| told.iter().position(wanted).expect("it was told");
    let live = place(&|kind| matches!(kind, EventKind::Live { resumed: false, .. }));
    let lost = place(&|kind| matches!(kind, EventKind::ConnectionLost { .. }));
    let again = place(&|kind| matches!(kind, EventKind::Live { resumed: true, .. }));
    assert!(live < lost && lost < again, "{told:?}");
    let is_held = |kind: &EventKind| match kind {
        EventKind::Renewed { generation, ends_at: Some(at), .. } if *generation == held.generation => {
            // What is known of the end may have been made more precise since.
            at.0.abs_diff(held.expires_at.expect("an end").0) < 5_000
        }
        _ => false,
    };
    assert!(place(&is_held) < lost, "{told:?}");
    let over = EventKind::Teardown { reason: TeardownReason::Disconnected };
    assert_eq!((told.last(), over.code(), over.severity()), (Some(&over), "teardown", Severity::Info));
}

async fn every_kind_of_key_and_plain_loopback<A: Adapter>() {
    for key in [KeyAlgorithm::Es256, KeyAlgorithm::Rs256] {
        let server = start(Config::plain()).await;
        let client: A = soon(subscriber(&server).key(KeyChoice::Fixed(key)).connect()).await.expect("live");
        bound(&client).await;
        soon(client.destroy()).await;
    }
}

async fn the_error_of_the_first_mint_goes_to_the_caller<A: Adapter>() {
    let server = start(Config { api_token: Some("another".into()), ..Config::default() }).await;
    // What the API refuses it may accept later: it is asked again until somebody waits no longer.
    let impatient = subscriber(&server).connect_timeout(Duration::from_secs(1));
    let error = soon(impatient.connect::<A>()).await.expect_err("a refusal");
    let Error::ConnectTimeout { cause: Some(cause), .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**cause, SessionError::Http(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");

    let mine = Own::new(|_| Err(ProviderError::rejected("no such user")));
    let error = soon(client(&server).provider(mine).connect::<A>()).await.expect_err("a refusal");
    assert!(error.to_string().contains("no such user"), "{error}");

    let panicking = Own::new(|_| panic!("in the application"));
    let error = soon(client(&server).provider(panicking).connect::<A>()).await.expect_err("a failure");
    assert!(error.to_string().contains("panicked"), "{error}");
}

async fn a_server_of_another_version_is_named_to_the_caller<A: Adapter>() {
    // proves R24.3
    let server = start(Config::plain()).await;
    let other =
        Effect::Error { code: -32001, message: "Protocol version incompatible".to_owned(), data: None };
    server.faults().add(Fault::always(Target::FreshConnect, other)).expect("a fault");
    let error = soon(subscriber(&server).connect::<A>()).await.expect_err("it cannot begin");
    assert_eq!(error.code(), "incompatible");
    assert!(error.to_string().contains("-32001"), "{error}");
    assert_eq!(server.counts().of(Target::FreshConnect).faulty, 1, "asked once");
}

async fn dropping_the_last_handle_disconnects<A: Adapter>() {
    let server = start(Config::default()).await;
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
    let other = client.clone();
    drop(client);
    soon(other.call("subscriber.online", json!({}))).await.expect("the clone keeps it alive");
    drop(other);
    assert!(server.until(SOON, |counts| counts.sockets_closed == 1 && counts.sessions_live == 0).await);
}

async fn a_callback_refreshes_and_can_be_replaced<A: Adapter>() {
    let server = Arc::new(start(Config::default()).await);
    let asked = Arc::new(AtomicU32::new(0));
    let provider = |server: &Arc<Server>, asked: &Arc<AtomicU32>| {
        let mint = {
            let server = Arc::clone(server);
            move || Ok(Credential::new(Secret::new(server.mint(MintSpec::default()))))
        };
        let (first, asked) = (mint.clone(), Arc::clone(asked));
        Own::new(move |_| first()).with_refresh(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            mint()
        })
    };
    let client: A = soon(client(&server).provider(provider(&server, &asked)).connect()).await.expect("live");
    let first = client.credential().expect("a token");
    let generation = soon(client.refresh_now()).await.expect("a newer token");
    assert!(generation > first.generation);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let second = client.credential().expect("a token");
    assert!(second.token != first.token && second.generation == generation);
    // What was refused has been replaced already.
    assert!(soon(client.rejected(first.generation)).await.expect("recovered") >= generation);
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let replaced = Arc::new(AtomicU32::new(0));
    soon(client.set_provider(provider(&server, &replaced))).await.expect("a live session");
    soon(client.refresh_now()).await.expect("a newer token");
    assert_eq!((asked.load(Ordering::SeqCst), replaced.load(Ordering::SeqCst)), (1, 1));

    let token = Credential::new(Secret::new(server.mint(MintSpec::default())));
    soon(client.update_token(token)).await.expect("accepted");
    let error =
        soon(client.update_token(Credential::new(Secret::new("no token")))).await.expect_err("refused");
    assert_eq!(error.code(), "invalid_credentials");
    soon(client.disconnect()).await;
}

async fn suspended_and_resumed_and_dropped_by_the_server<A: Adapter>() {
    let server = start(Config::default()).await;
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
    let mut events = client.events();
    bound(&client).await;
    // What it needs to be resumed comes after the answer to the connect, and before the one to this.
    soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
    soon(client.suspend()).await.expect("not over");
    until(&mut events, |event| matches!(event, Event::Suspended)).await;
    assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await);
    soon(client.resume()).await.expect("not over");
    until(&mut events, |event| matches!(event, Event::Live { resumed: true, .. })).await;
    let survived = soon(events.recv()).await.expect("one more").expect("none missed");
    assert!(matches!(survived.event, SessionNews::Survived { calls: Survival::Kept, .. }), "{survived:?}");
    server.control().drop_sockets();
    let lost = soon(events.recv()).await.expect("one more").expect("none missed");
    assert!(matches!(lost.kind(), EventKind::ConnectionLost { .. }) && lost.cause.is_some(), "{lost:?}");
    until(&mut events, |event| matches!(event, Event::Live { resumed: true, .. })).await;
    soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
    soon(client.network_changed()).await.expect("not over");
    soon(client.disconnect()).await;
}

async fn a_server_that_resumes_an_older_token_is_told_of_the_one_in_force<A: Adapter>() {
    // proves R21.8
    let server = start(Config { reauthenticate_state: false, ..Config::default() }).await;
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
    bound(&client).await;
    soon(client.refresh_now()).await.expect("a new token in force");
    let before = server.counts().reauthenticates;
    server.control().drop_sockets();
    assert!(server.until(SOON, |counts| counts.resumes == 1 && counts.reauthenticates > before).await);
    let mut ends = server.seen().into_iter().filter_map(|seen| match seen.what {
        What::Connected { resumed: true, expires_at, .. } | What::Reauthenticated { expires_at, .. } => {
            Some(expires_at)
        }
        _ => None,
    });
    let held = client.credential().expect("a token in force");
    assert_eq!(ends.next_back(), server.expires_at(held.token.expose()));
    soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
    assert_eq!((server.counts().reauthenticates, server.counts().all_proofs_refused()), (before + 1, 0));
    soon(client.disconnect()).await;
}

async fn notifications_of_the_server_arrive_in_order<A: Adapter>() {
    let server = start(Config::default()).await;
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
    for n in 0..5 {
        server.control().push_event("call.state", json!({ "n": n }));
    }
    let mut notifications = client.notifications();
    for n in 0..5 {
        let notification = soon(notifications.recv()).await.expect("one more").expect("none missed");
        assert_eq!(notification.method, "signalwire.event");
        assert_eq!(notification.params()["params"]["n"], n);
    }
    drop(client);
    assert!(soon(notifications.recv()).await.is_none());
}

with_each_adapter! {
    what_happens_is_told_on_one_level_and_in_wall_time,
    a_healthy_session_from_the_mint_to_the_goodbye,
    every_kind_of_key_and_plain_loopback,
    the_error_of_the_first_mint_goes_to_the_caller,
    a_server_of_another_version_is_named_to_the_caller,
    dropping_the_last_handle_disconnects,
    a_callback_refreshes_and_can_be_replaced,
    suspended_and_resumed_and_dropped_by_the_server,
    a_server_that_resumes_an_older_token_is_told_of_the_one_in_force,
    notifications_of_the_server_arrive_in_order,
}
