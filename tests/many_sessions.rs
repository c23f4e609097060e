//! Two hundred sessions at once against one server, sockets dropped at random, until each has had
//! `SATKEEPER_LOAD_TOKENS` client-bound tokens one after the other (2 unless said otherwise: about a minute).
//!
//! On a busy machine it takes longer, and what is late fails nothing: a renewal has half of a token's life, 30 s, and
//! requests that were given up are counted and allowed for.
#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use satkeeper::{Event, Phase, SessionNews, Warning};
use satkeeper_core::lifecycle::Failure;
use satkeeper_fixtures::{Config, Target};
use satkeeper_tests::Stage;
use satkeeper_tests::adapter::{Adapter, Events};

const SESSIONS: u64 = 200;
const DEVICE_TTL: Duration = Duration::from_secs(60);
const HOPELESS: Duration = Duration::from_secs(1_200);

/// What a session has told so far.
#[derive(Default)]
struct Told {
    renewals: AtomicU64,
    /// Attempts that were given up, whose answers were lost, or brought no more than one that came late had brought.
    given_up: AtomicU64,
}

impl Told {
    /// Until the session is over; returns what it should not have told.
    async fn listen(&self, mut events: Events) -> Vec<String> {
        let mut faults = Vec::new();
        while let Some(event) = events.recv().await {
            match event.expect("no event is missed").event {
                SessionNews::Lifecycle(Event::Renewed { .. }) => {
                    self.renewals.fetch_add(1, Ordering::Relaxed);
                }
                SessionNews::Lifecycle(Event::Warn(
                    Warning::RefreshFailed { cause, .. }
                    | Warning::PushFailed { cause, .. }
                    | Warning::ConnectFailed { cause, .. },
                )) if matches!(cause.failure, Failure::Timeout | Failure::Transport | Failure::Malformed) => {
                    self.given_up.fetch_add(1, Ordering::Relaxed);
                }
                SessionNews::Lifecycle(Event::Warn(Warning::ConnectionLost { .. })) => {}
                SessionNews::Lifecycle(Event::Warn(warning)) => faults.push(format!("{warning:?}")),
                SessionNews::Lifecycle(Event::Expired { .. }) => faults.push("expired".to_owned()),
                _ => {}
            }
        }
        faults
    }
}

async fn two_hundred_sessions_survive_dropped_sockets<A: Adapter>() {
    // proves R16, R19, R21, R25
    let wanted = std::env::var("SATKEEPER_LOAD_TOKENS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let config = Config {
        sat_ttl: Duration::from_secs(7_200),
        device_ttl: DEVICE_TTL,
        // What was given up may still be waiting for the server.
        iat_age: DEVICE_TTL,
        log_capacity: 0,
        ..Config::default()
    };
    let stage = Stage::with(config).await;
    let began = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..SESSIONS {
        // There is nobody to take over from the client-bound mechanism, however late that is.
        let provider = stage.provider(true, false);
        clients.push(tokio::spawn(stage.client().provider(provider).connect::<A>()));
    }
    let mut sessions = Vec::new();
    for client in clients {
        let session: A = client.await.expect("no panic").expect("it connects");
        let (told, events) = (Arc::new(Told::default()), session.events());
        let listening = Arc::clone(&told);
        let watcher = tokio::spawn(async move { listening.listen(events).await });
        sessions.push((session, told, watcher));
    }
    let sum = |what: fn(&Told) -> &AtomicU64| {
        sessions.iter().map(|(_, told, _)| what(told).load(Ordering::Relaxed)).sum::<u64>()
    };
    let (mut dropped, mut second) = (0, 0);
    while sessions.iter().any(|(_, told, _)| told.renewals.load(Ordering::Relaxed) < wanted) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        dropped += stage.server.control().drop_random(2, second) as u64;
        second += 1;
        let over =
            sessions.iter().filter(|(session, ..)| matches!(session.status().phase, Phase::Over(_))).count();
        assert_eq!(over, 0, "no session is lost: {:?}", stage.server.counts());
        assert!(began.elapsed() < HOPELESS, "{:?}", stage.server.counts());
    }
    for (session, ..) in &sessions {
        // The last that were dropped come back.
        session.until(|status| status.phase == Phase::Live).await.expect("it is not over");
    }
    let (counts, elapsed) = (stage.server.counts(), began.elapsed());
    let (renewals, given_up) = (sum(|told| &told.renewals), sum(|told| &told.given_up));
    assert_eq!(counts.all_proofs_refused(), 0, "no proof is refused: {counts:?}");
    assert_eq!(counts.sessions_expired, 0, "{counts:?}");
    // One in ten may have been dropped before its session had a state to resume with.
    assert!(counts.resumes >= dropped * 9 / 10, "dropped sockets were resumed: {counts:?}");

    // No request outside its schedule: between renewals no less than a quarter of the life (what jitter leaves of
    // it), and none but an activation a session, what it told of, and what is under way.
    let refreshes = counts.of(Target::DevicesRefresh);
    let exchanges = counts.of(Target::DevicesToken).total() + refreshes.total();
    assert_eq!(refreshes.refused + refreshes.faulty, 0, "{counts:?}");
    let rounds = elapsed.as_secs() / (DEVICE_TTL.as_secs() / 4) + 1;
    assert!(refreshes.ok <= SESSIONS * rounds + given_up, "{elapsed:?}, {given_up} given up: {counts:?}");
    assert!(
        exchanges <= SESSIONS + renewals + given_up + SESSIONS,
        "{renewals}, {given_up} given up: {counts:?}"
    );
    println!(
        "{elapsed:?}: {dropped} sockets dropped, {} resumed, {} refreshes, {given_up} requests given up",
        counts.resumes, refreshes.ok
    );

    for (session, _, watcher) in sessions {
        session.disconnect().await;
        let faults = watcher.await.expect("no panic");
        assert!(faults.is_empty(), "{faults:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_tokio() {
    two_hundred_sessions_survive_dropped_sockets::<satkeeper::Client>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_threads() {
    two_hundred_sessions_survive_dropped_sockets::<satkeeper_blocking::Client>().await;
}
