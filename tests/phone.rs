//! What a phone needs of its session, on both adapters: what the server tells of the connection, who the subscriber is,
//! being reachable, events by their type, answers to the server.

use std::time::Duration;

use satkeeper::core::session::NotificationId;
use satkeeper::{Error, EventKind, Refusal, SessionError, SessionEvent, Survival};
use satkeeper_fixtures::{Config, Control, Effect, Fault, Target, What};
use satkeeper_tests::adapter::{Adapter, Events, Notification, Notifications};
use satkeeper_tests::{Stage, soon, subscriber, with_each_adapter};
use serde_json::{Value, json};

async fn until(events: &mut Events, mut is_it: impl FnMut(EventKind) -> bool) -> SessionEvent {
    let found = async {
        loop {
            let event = events.recv().await.expect("a session that is not over").expect("nothing is missed");
            if is_it(event.kind()) {
                return event;
            }
        }
    };
    soon(found).await
}

async fn next(notifications: &mut Notifications) -> Notification {
    soon(notifications.recv()).await.expect("a session that is not over").expect("nothing is missed")
}

fn plant(stage: &Stage, fault: Fault) {
    stage.server.faults().add(fault).expect("a fault that can be");
}

fn reason(result: Result<(), Error>) -> String {
    let error = result.expect_err("it is not taken");
    assert_eq!(error.code(), "answer_not_taken");
    error.to_string()
}

async fn the_connection_is_there_when_it_is_live<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    let client: A = subscriber(&stage.server).contexts(&["office"]).connect().await.expect("it connects");
    let connection = client.connection().expect("told with the connect");
    assert!(connection.protocol.starts_with("signalwire_"), "{connection:?}");
    assert_eq!(connection.restored, Some(false));
    for told in [
        &connection.identity,
        &connection.session_id,
        &connection.node_id,
        &connection.project_id,
        &connection.space_id,
        &connection.subscriber_id,
    ] {
        assert!(told.is_some(), "{connection:?}");
    }
    let server = connection.ice_servers.first().expect("a TURN server");
    let (name, secret) =
        (server.username.as_ref().unwrap().expose(), server.credential.as_ref().unwrap().expose());
    let shown = format!("{connection:?} {client:?}");
    assert!(!shown.contains(name) && !shown.contains(secret), "{shown}");
    let ends = connection.ice_expires_at.expect("a time-limited credential").0;
    assert!(ends.abs_diff(client_now() + 86_400_000) < 60_000);
    client.disconnect().await;
}

fn client_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("before the year 500 million")
}

/// What the connects on each socket have said of the application's interests.
fn interests(stage: &Stage) -> Vec<[Value; 3]> {
    let frames = stage.server.seen().into_iter().filter_map(|seen| match seen.what {
        What::FrameIn { frame, .. } if frame["method"] == "signalwire.connect" => Some(frame),
        _ => None,
    });
    let of = |frame: Value| ["contexts", "eventing", "topics"].map(|name| frame["params"][name].clone());
    frames.map(of).collect()
}

async fn its_interests_are_told_with_each_connect<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    let setup = subscriber(&stage.server).contexts(&["office", "sales"]);
    let client: A = setup.connect().await.expect("it connects");
    let mut events = client.events();
    for is_kept in [true, false] {
        until(&mut events, |kind| matches!(kind, EventKind::Live { .. })).await;
        if !is_kept {
            let message = "Requester validation failed".to_owned();
            let refused = Effect::Error { code: -32_003, message, data: None };
            plant(&stage, Fault::next(Target::Resume, 1, refused));
        }
        stage.server.control().drop_sockets();
    }
    until(&mut events, |kind| matches!(kind, EventKind::Live { .. })).await;
    let counts = stage.server.counts();
    assert_eq!((counts.fresh_connects, counts.resumes), (2, 1));
    // A fresh one, a resume, a resume that is refused, another fresh one.
    let told = [json!(["office", "sales"]), json!(["e"]), json!(["t"])];
    assert_eq!(interests(&stage), vec![told; 4]);
    client.disconnect().await;
}

async fn what_a_bare_answer_leaves_out_stays<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    let client: A = subscriber(&stage.server).connect().await.expect("it connects");
    let mut events = client.events();
    until(&mut events, |kind| matches!(kind, EventKind::Bound)).await;
    let before = client.connection().expect("told with the connect");
    let bare = json!({"protocol": before.protocol});
    plant(&stage, Fault::next(Target::Resume, 1, Effect::Result(bare)));
    stage.server.control().drop_sockets();
    let is_resume = |kind| matches!(kind, EventKind::Survived { registration: Survival::Unsure, .. });
    let kind = until(&mut events, is_resume).await.kind();
    let unsure = Survival::Unsure;
    assert_eq!(kind, EventKind::Survived { registration: unsure, calls: unsure, subscriptions: unsure });
    let after = client.connection().expect("still there");
    assert_eq!((&after.identity, &after.ice_servers), (&before.identity, &before.ice_servers));
    assert_eq!(after.restored, None);
    client.disconnect().await;
}

async fn odd_ice_servers_are_said_and_harm_nothing<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    for odd in [json!({"urls": "turn:t"}), json!([{"urls": "turn:t", "credential": "x".repeat(900_000)}])] {
        let effect = Effect::With { member: "ice_servers".to_owned(), value: odd };
        plant(&stage, Fault::next(Target::FreshConnect, 1, effect));
        let client: A = subscriber(&stage.server).connect().await.expect("it connects");
        let mut events = client.events();
        let told =
            until(&mut events, |kind| matches!(kind, EventKind::NotKept { field: "ice_servers" })).await;
        assert!(told.cause.is_some());
        assert_eq!(client.connection().expect("told").ice_servers, []);
        client.disconnect().await;
    }
}

async fn who_the_subscriber_is_can_be_asked<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    let client: A = subscriber(&stage.server).connect().await.expect("it connects");
    let subscriber = soon(client.refresh_subscriber()).await.expect("the server knows");
    assert!(subscriber.id.is_some() && !subscriber.addresses.is_empty(), "{subscriber:?}");
    assert_eq!(client.subscriber().expect("shown"), subscriber);
    client.disconnect().await;
    let over = client.refresh_subscriber().await.expect_err("it is over");
    assert!(matches!(over, Error::Session(SessionError::SessionOver)), "{over:?}");
}

async fn a_subscriber_is_kept_reachable<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    let client: A = subscriber(&stage.server).online().connect().await.expect("it connects");
    let mut events = client.events();
    until(&mut events, |kind| kind == EventKind::Registered).await;
    stage.server.control().drop_sockets();
    until(&mut events, |kind| kind == EventKind::Registered).await;
    assert_eq!(stage.server.counts().of(Target::Online).ok, 2);
    client.disconnect().await;
}

async fn ice_credentials_are_got_anew_or_their_end_is_told<A: Adapter>() {
    for reauthenticate_ice in [true, false] {
        let ice_life = Duration::from_secs(8);
        let stage = Stage::with(Config { reauthenticate_ice, ice_life, ..Config::default() }).await;
        // A token that is not renewed meanwhile, so that no push brings them.
        let client: A =
            stage.client().provider(stage.provider(false, true)).connect().await.expect("it connects");
        let mut events = client.events();
        let before = client.connection().expect("told").ice_expires_at.expect("an end");
        if reauthenticate_ice {
            let anew = async {
                while client.connection().expect("told").ice_expires_at.expect("an end") <= before {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            soon(anew).await;
        } else {
            let told = until(&mut events, |kind| matches!(kind, EventKind::IceExpiring { .. })).await;
            assert!(told.at.unix < before, "in time");
        }
        assert_eq!(stage.server.counts().reauthenticates, 1);
        client.disconnect().await;
    }
}

/// The server asks, and the notification of it comes.
async fn asked(control: &Control, notifications: &mut Notifications, id: &str) -> Notification {
    assert_eq!(control.ask(id, "verto.attach", json!({"callID": "c"})), 1);
    let notification = next(notifications).await;
    assert_eq!(notification.method, "verto.attach");
    notification
}

fn answers(control: &Control, id: &str) -> Vec<Value> {
    control.answers(id).into_iter().map(|answered| answered.frame).collect()
}

async fn a_request_of_the_server_is_answered_once<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    let setup = subscriber(&stage.server).answer_timeout(Duration::from_millis(300));
    let client: A = setup.connect().await.expect("it connects");
    let (mut notifications, control) = (client.notifications(), stage.server.control());
    let first = asked(&control, &mut notifications, "r1").await;
    soon(first.respond(Ok(json!({"taken": true})))).await.expect("it is taken");
    assert!(reason(soon(first.respond(Ok(json!(2)))).await).contains("answered before"));
    let second = asked(&control, &mut notifications, "r2").await;
    soon(second.respond(Err(Refusal::new(-32_603, "busy")))).await.expect("it is taken");
    let third = asked(&control, &mut notifications, "r3").await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(reason(soon(third.respond(Ok(json!({})))).await).contains("its time is over"));

    control.push_event("call.state", json!({}));
    let event = next(&mut notifications).await;
    assert_eq!((event.event_type().as_deref(), event.request()), (Some("call.state"), None));
    assert!(event.sent_at().is_some());
    assert!(reason(event.respond(Ok(json!({}))).await).contains("none is wanted"));

    // Answers on their way have come by now: a call goes the same way.
    soon(client.call("subscriber.online", json!({}))).await.expect("it is live");
    assert_eq!(answers(&control, "r1").len(), 1);
    assert_eq!(answers(&control, "r1")[0]["result"], json!({"taken": true}));
    assert_eq!(answers(&control, "r2")[0]["error"]["message"], "busy");
    assert_eq!(answers(&control, "r3"), [] as [Value; 0]);
    client.disconnect().await;
    let over = soon(third.respond(Ok(json!({})))).await.expect_err("it is over");
    assert!(matches!(over, Error::Session(SessionError::SessionOver)), "{over:?}");
}

async fn an_answer_is_lost_with_its_connection_and_that_is_said<A: Adapter>() {
    let stage = Stage::with(Config::default()).await;
    let client: A = subscriber(&stage.server).connect().await.expect("it connects");
    let (mut events, mut notifications) = (client.events(), client.notifications());
    until(&mut events, |kind| matches!(kind, EventKind::Live { .. })).await;
    let control = stage.server.control();
    let before = asked(&control, &mut notifications, "r1").await;
    assert_eq!(before.request(), Some(NotificationId(0)));
    control.drop_sockets();
    until(&mut events, |kind| matches!(kind, EventKind::Live { .. })).await;
    assert!(reason(soon(before.respond(Ok(json!({})))).await).contains("lost"));
    assert_eq!(answers(&control, "r1"), [] as [Value; 0]);
    client.disconnect().await;
}

with_each_adapter!(
    the_connection_is_there_when_it_is_live,
    its_interests_are_told_with_each_connect,
    what_a_bare_answer_leaves_out_stays,
    odd_ice_servers_are_said_and_harm_nothing,
    who_the_subscriber_is_can_be_asked,
    a_subscriber_is_kept_reachable,
    ice_credentials_are_got_anew_or_their_end_is_told,
    a_request_of_the_server_is_answered_once,
    an_answer_is_lost_with_its_connection_and_that_is_said,
);
