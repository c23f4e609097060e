//! Keys that the process does not hold: a key service that is far away, fails now and then, and signs in DER.

use std::time::Duration;

use satkeeper::{Error, Event, Phase, SessionError};
use satkeeper_fixtures::{Config, Server, Target};
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::kms::{Kms, Mood};
use satkeeper_tests::{await_event, bound, brisk, root, soon, subscriber, with_each_adapter};

const LATENCY: Duration = Duration::from_millis(50);

async fn start(config: Config) -> Server {
    Server::start(config).await.expect("the fixture server starts")
}

/// Who forgets the signer hears of it before a token is minted for a key that nobody can use.
async fn a_key_that_nobody_signs_for_is_refused_at_once<A: Adapter>() {
    // proves R35
    let server = start(Config::default()).await;
    let setup = || subscriber(&server).key(Kms::new(LATENCY).key());
    for refused in [setup().start::<A>().await, setup().connect::<A>().await] {
        let error = refused.expect_err("nobody signs");
        assert_eq!((&error, error.code()), (&Error::MissingSigner, "missing_signer"));
        assert!(error.to_string().contains("call `signer`"), "{error}");
    }
    assert!(server.seen().is_empty() && server.counts().connections == 0);
}

/// What failed is tried again by the rules; no proof is ever refused, and nobody asks twice for the same.
async fn a_key_service_that_fails_now_and_then_costs_nothing<A: Adapter>() {
    // proves R35.3, R35.11
    let config = Config { device_ttl: Duration::from_secs(4), ..Config::default() };
    let (server, kms) = (start(config).await, Kms::new(LATENCY));
    kms.service().fail_every(3);
    let client: A = soon(subscriber(&server).key(kms.key()).signer(&kms).connect()).await.expect("live");
    bound(&client).await;
    let mut events = client.events();
    // By its own schedule, each with a proof for the exchange and one for the push.
    for _ in 0..4 {
        let renewed = |event: &Event| matches!(event, Event::Renewed { .. });
        await_event(&mut events, Duration::from_secs(20), renewed).await;
    }
    assert_eq!(client.status().phase, Phase::Live);
    let counts = server.counts();
    let (calls, failures) = (kms.service().calls(), kms.service().failures());
    assert!(failures >= 2 && calls > failures, "{failures} of {calls}");
    assert_eq!((counts.all_proofs_refused(), counts.sessions_expired), (0, 0), "{counts:?}");
    assert_eq!(counts.proofs_ignored.values().sum::<u64>(), 0, "{counts:?}");
    assert!(counts.proofs_accepted <= calls - failures, "each proof is signed anew: {counts:?}");
    soon(client.disconnect()).await;
}

/// DER as it came, a short signature, an empty one: nothing of that is sent.
async fn what_is_no_signature_is_never_sent<A: Adapter>() {
    // proves R25.8, R35.11
    let (server, kms) = (start(Config::default()).await, Kms::new(LATENCY));
    let setup = subscriber(&server).key(kms.key()).signer(&kms).policy(brisk());
    let client: A = soon(setup.connect()).await.expect("live");
    bound(&client).await;
    let held = client.credential().expect("a token in force");
    let before = server.counts();
    for mood in [Mood::Der, Mood::Cut(63), Mood::Cut(0)] {
        kms.set(mood);
        let error = soon(client.refresh_now()).await.expect_err("no proof");
        let Error::Session(error @ SessionError::TokenRefresh { .. }) = error else { panic!("{error:?}") };
        assert!(root(&error).to_string().contains("no ES256 signature"), "{mood:?}: {error:?}");
    }
    let after = server.counts();
    for target in [Target::DevicesRefresh, Target::DevicesToken, Target::Reauthenticate] {
        assert_eq!(after.of(target), before.of(target), "{target:?}");
    }
    assert_eq!(after.all_proofs_refused(), 0);
    assert!(client.credential().is_some_and(|now| now.token == held.token));

    kms.set(Mood::Well);
    soon(client.refresh_now()).await.expect("a newer token");
    assert!(client.credential().is_some_and(|now| now.token != held.token));
    soon(client.disconnect()).await;
}

/// The time to sign is part of the request's: nobody waits longer, and it is tried again.
async fn a_key_service_that_never_answers_is_given_up_in_time<A: Adapter>() {
    // proves R29.1, R35.11
    let config =
        Config { sat_ttl: Duration::from_secs(12), device_ttl: Duration::from_secs(12), ..Config::default() };
    let (server, kms) = (start(config).await, Kms::new(LATENCY));
    let setup = subscriber(&server).key(kms.key()).signer(&kms).policy(brisk());
    let client: A = soon(setup.connect()).await.expect("live");
    bound(&client).await;
    let before = server.counts();
    kms.move_away(Duration::from_secs(3_600));
    let error = soon(client.refresh_now()).await.expect_err("no proof");
    let Error::Session(error @ SessionError::TokenRefresh { .. }) = error else { panic!("{error:?}") };
    let told = format!("{:?}", root(&error));
    assert!(told.contains("Timeout") || told.contains("no answer within"), "{told}");
    assert_eq!(server.counts().of(Target::DevicesRefresh), before.of(Target::DevicesRefresh));
    kms.move_away(LATENCY);
    let mut events = client.events();
    let renewed = |event: &Event| matches!(event, Event::Renewed { generation, .. } if generation.0 > 2);
    await_event(&mut events, Duration::from_secs(12), renewed).await;
    assert_eq!((server.counts().all_proofs_refused(), server.counts().sessions_expired), (0, 0));
    soon(client.disconnect()).await;
}

with_each_adapter! {
    a_key_that_nobody_signs_for_is_refused_at_once,
    a_key_service_that_fails_now_and_then_costs_nothing,
    what_is_no_signature_is_never_sent,
    a_key_service_that_never_answers_is_given_up_in_time,
}
