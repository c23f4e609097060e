//! Each row of the table of L12, end to end: real adapters, real server, real time, and assertions on what
//! the server saw.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use satkeeper::{Event, Mechanism, TeardownReason, Warning};
use satkeeper_fixtures::{Counts, Target};
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::{Stage, await_event, with_each_adapter};

const LIMIT: Duration = Duration::from_secs(20);

fn renewed(event: &Event) -> bool {
    matches!(event, Event::Renewed { .. })
}

/// What must hold whoever renews.
fn assert_flawless(counts: &Counts) {
    assert_eq!(counts.all_proofs_refused(), 0, "{counts:?}");
    assert_eq!(counts.sessions_expired, 0, "{counts:?}");
    assert_eq!(counts.fresh_connects, 1, "{counts:?}");
    assert_eq!(counts.first_frame_wrong, 0, "{counts:?}");
    assert_eq!(counts.of(Target::Reauthenticate).refused, 0, "{counts:?}");
}

async fn client_bound<A: Adapter>(refresh: bool) {
    let stage = Stage::new(Duration::from_secs(40), Duration::from_secs(4)).await;
    let client: A =
        stage.client().provider(stage.provider(true, refresh)).connect().await.expect("it connects");
    let mut events = client.events();
    await_event(&mut events, LIMIT, |event| matches!(event, Event::Bound { .. })).await;
    // The activation itself, then three renewals of the bound token.
    for _ in 0..4 {
        await_event(&mut events, LIMIT, renewed).await;
    }
    assert_eq!(client.status().mechanism, Mechanism::Bound);
    let counts = stage.server.counts();
    client.disconnect().await;
    assert_flawless(&counts);
    assert_eq!(counts.of(Target::DevicesToken).ok, 1, "{counts:?}");
    assert!(counts.of(Target::DevicesRefresh).ok >= 3, "{counts:?}");
    assert!(counts.reauthenticates >= 4, "{counts:?}");
    assert_eq!(stage.refreshes.load(Ordering::Relaxed), 0, "the provider was not needed");
}

async fn provider_refreshes_and_scope_is_there_so_it_is_client_bound<A: Adapter>() {
    // proves L12 L15 L25
    // survives P3
    client_bound::<A>(true).await;
}

async fn no_provider_refresh_but_scope_so_it_is_client_bound<A: Adapter>() {
    // proves L12
    client_bound::<A>(false).await;
}

async fn provider_refreshes_and_no_scope_so_the_provider_renews<A: Adapter>() {
    // proves L12 L16 L25
    // survives S1
    let stage = Stage::new(Duration::from_secs(5), Duration::from_secs(4)).await;
    let client: A =
        stage.client().provider(stage.provider(false, true)).connect().await.expect("it connects");
    let mut events = client.events();
    let fallback = |event: &Event| matches!(event, Event::Warn(Warning::RefreshFallback { .. }));
    await_event(&mut events, LIMIT, fallback).await;
    for _ in 0..3 {
        await_event(&mut events, LIMIT, renewed).await;
    }
    assert_eq!(client.status().mechanism, Mechanism::Provider);
    let counts = stage.server.counts();
    client.disconnect().await;
    assert_flawless(&counts);
    assert_eq!(counts.of(Target::DevicesToken).total(), 0, "{counts:?}");
    assert!(counts.reauthenticates >= 3, "every refreshed token reached the live session: {counts:?}");
    assert!(stage.refreshes.load(Ordering::Relaxed) >= 3);
}

async fn neither_so_the_session_ends_at_its_expiry<A: Adapter>() {
    // proves L12 L16 L21 L22
    // survives S29
    let life = Duration::from_secs(5);
    let stage = Stage::new(life, life).await;
    let began = Instant::now();
    let client: A =
        stage.client().provider(stage.provider(false, false)).connect().await.expect("it connects");
    let mut events = client.events();
    let nobody =
        |event: &Event| matches!(event, Event::Warn(Warning::NoRefreshHandler { ends: Some(_), .. }));
    await_event(&mut events, LIMIT, nobody).await;
    let expiring = |event: &Event| matches!(event, Event::Warn(Warning::Expiring { .. }));
    await_event(&mut events, LIMIT, expiring).await;
    await_event(&mut events, LIMIT, |event| *event == Event::Expired { renewing: false }).await;
    let lasted = began.elapsed();
    let end = client.closed().await;
    assert_eq!(end.reason, TeardownReason::Expired);
    // Neither before its time nor after: the server states whole seconds.
    assert!(
        lasted > life - Duration::from_millis(2_500) && lasted < life + Duration::from_secs(1),
        "{lasted:?}"
    );
    let counts = stage.server.counts();
    assert_eq!(counts.of(Target::DevicesToken).total(), 0, "{counts:?}");
    assert_eq!(counts.fresh_connects, 1, "{counts:?}");
    assert_eq!(stage.refreshes.load(Ordering::Relaxed), 0);
}

with_each_adapter! {
    provider_refreshes_and_scope_is_there_so_it_is_client_bound,
    no_provider_refresh_but_scope_so_it_is_client_bound,
    provider_refreshes_and_no_scope_so_the_provider_renews,
    neither_so_the_session_ends_at_its_expiry,
}
