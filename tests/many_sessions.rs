//! Two hundred sessions at once against one server, sockets dropped at random.
//!
//! It takes `SATKEEPER_LOAD_SECONDS` (60 unless said otherwise) and a few more.
#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

use std::time::Duration;

use satkeeper::{Event, Phase, SessionNews};
use satkeeper_fixtures::{Config, Target};
use satkeeper_tests::Stage;
use satkeeper_tests::adapter::Adapter;

const SESSIONS: usize = 200;
const DEVICE_TTL: u64 = 12;

async fn two_hundred_sessions_survive_dropped_sockets<A: Adapter>() {
    // proves L18 L19 L34 L36
    let seconds =
        std::env::var("SATKEEPER_LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let config = Config {
        sat_ttl: Duration::from_secs(7_200),
        device_ttl: Duration::from_secs(DEVICE_TTL),
        log_capacity: 0,
        ..Config::default()
    };
    let stage = Stage::with(config).await;
    let mut clients = Vec::new();
    for _ in 0..SESSIONS {
        let provider = stage.provider(true, true);
        clients.push(tokio::spawn(stage.client().provider(provider).connect::<A>()));
    }
    let mut sessions: Vec<A> = Vec::new();
    for client in clients {
        sessions.push(client.await.expect("no panic").expect("it connects"));
    }
    let mut watchers = Vec::new();
    for session in &sessions {
        let mut events = session.events();
        watchers.push(tokio::spawn(async move {
            let (mut renewals, mut failures) = (0_u64, Vec::<String>::new());
            while let Some(event) = events.recv().await {
                match event.expect("no event is missed").event {
                    SessionNews::Lifecycle(Event::Renewed { .. }) => renewals += 1,
                    SessionNews::Lifecycle(Event::Warn(warning)) => failures.push(format!("{warning:?}")),
                    SessionNews::Lifecycle(Event::Expired { .. }) => failures.push("expired".to_owned()),
                    _ => {}
                }
            }
            (renewals, failures)
        }));
    }
    let mut dropped = 0;
    for second in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        dropped += stage.server.control().drop_random(2, second);
    }
    // A moment for the last to come back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let counts = stage.server.counts();
    let lost = sessions.iter().filter(|session| session.status().phase != Phase::Live).count();
    assert_eq!(lost, 0, "no session is lost: {counts:?}");
    assert_eq!(counts.all_proofs_refused(), 0, "no proof is refused: {counts:?}");
    assert_eq!(counts.sessions_expired, 0, "{counts:?}");
    assert!(counts.resumes >= dropped as u64 * 9 / 10, "dropped sockets were resumed: {counts:?}");

    for session in &sessions {
        session.disconnect().await;
    }
    for watcher in watchers {
        let (renewals, failures) = watcher.await.expect("no panic");
        assert!(renewals > 0);
        assert!(failures.is_empty(), "{failures:?}");
    }

    // No request outside its schedule: one activation a session, and between renewals no less than a
    // quarter of the life (what jitter leaves of it) and no more than the lead allows.
    let refreshes = counts.of(Target::DevicesRefresh);
    let elapsed = seconds + 3;
    let most = SESSIONS as u64 * (elapsed * 4 / DEVICE_TTL + 2);
    let least = SESSIONS as u64 * (seconds / DEVICE_TTL).saturating_sub(1);
    assert_eq!(counts.of(Target::DevicesToken).ok, SESSIONS as u64, "{counts:?}");
    assert_eq!(refreshes.refused + refreshes.faulty, 0, "{counts:?}");
    assert!((least..=most).contains(&refreshes.ok), "{least} to {most} refreshes: {counts:?}");
    println!("{dropped} sockets dropped, {} resumed, {} refreshes", counts.resumes, refreshes.ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_tokio() {
    two_hundred_sessions_survive_dropped_sockets::<satkeeper::Client>().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long again: run it by itself, it wants both cores"]
async fn on_threads() {
    two_hundred_sessions_survive_dropped_sockets::<satkeeper_blocking::Client>().await;
}
