//! Each row of the table of R17, end to end: real adapters, real server, real time, and assertions on what
//! the server saw.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use satkeeper::{Credential, Event, Mechanism, RefreshContext, Secret, TeardownReason, Warning};
use satkeeper_fixtures::{Config, Counts, MintSpec, Server, Target};
use satkeeper_tests::adapter::{Adapter, Own};
use satkeeper_tests::{Stage, await_event, client, soon, with_each_adapter};

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
    // proves R17.1, R23.1
    // survives P3
    client_bound::<A>(true).await;
}

async fn no_provider_refresh_but_scope_so_it_is_client_bound<A: Adapter>() {
    // proves R17.1
    client_bound::<A>(false).await;
}

async fn provider_refreshes_and_no_scope_so_the_provider_renews<A: Adapter>() {
    // proves R17.2, R23.1
    // survives S1
    let stage = Stage::new(Duration::from_secs(5), Duration::from_secs(4)).await;
    let provider = stage.provider(false, true);
    the_provider_renews::<A>(stage, provider).await;
}

async fn the_server_tells_what_the_provider_does_not<A: Adapter>() {
    // proves R17.2
    let config = Config { sat_ttl: Duration::from_secs(5), reauthenticate_result: true, ..Config::default() };
    let stage = Stage::with(config).await;
    let provider = stage.tacit_provider(false);
    the_provider_renews::<A>(stage, provider).await;
}

/// By the ends that the provider states, or the server in its answers to what is pushed.
async fn the_provider_renews<A: Adapter>(stage: Stage, provider: Own) {
    let client: A = stage.client().provider(provider).connect().await.expect("it connects");
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
    // proves R17.3, R17.11, R25.6, R28.2
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

/// The least that a provider can write: there is nothing beside `refresh` that says whether it is there.
async fn a_provider_with_a_refresh_is_asked_and_told_the_fingerprint<A: Adapter>() {
    // proves R33.7, R35.5
    // survives W12
    let server = Arc::new(Server::start(Config::plain()).await.expect("the fixture server starts"));
    let minted = |server: &Server| Ok(Credential::new(Secret::new(server.mint(MintSpec::default()))));
    let told = Arc::new(Mutex::new(Vec::new()));
    let provider = |refreshes: bool| {
        let (mint, renew, tell, tell_again) = (server.clone(), server.clone(), told.clone(), told.clone());
        let provider = Own::new(move |context| {
            tell.lock().expect("no panic").push(("authenticate", context.fingerprint));
            minted(&mint)
        });
        let refresh = move |context: RefreshContext| {
            tell_again.lock().expect("no panic").push(("refresh", context.fingerprint));
            minted(&renew)
        };
        if refreshes { provider.with_refresh(refresh) } else { provider }
    };

    let asked: A = soon(client(&server).provider(provider(true)).connect()).await.expect("live");
    assert_eq!(asked.status().mechanism, Mechanism::Provider, "known before anything was asked");
    soon(asked.refresh_now()).await.expect("a newer token");
    soon(asked.disconnect()).await;
    let calls: Vec<_> = told.lock().expect("no panic").drain(..).collect();
    let [("authenticate", Some(first)), ("refresh", Some(second))] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    assert_eq!((first.len(), first), (43, second));

    // Nor is it overlooked in one that comes later.
    let replaced: A = soon(client(&server).provider(provider(false)).connect()).await.expect("live");
    // Once the server has said that the token cannot be client-bound either.
    soon(replaced.until(|status| status.mechanism == Mechanism::None)).await.expect("not over");
    assert!(soon(replaced.refresh_now()).await.is_err(), "there is nobody who could");
    soon(replaced.set_provider(provider(true))).await.expect("not over");
    soon(replaced.until(|status| status.mechanism == Mechanism::Provider)).await.expect("not over");
    soon(replaced.refresh_now()).await.expect("a newer token");
    soon(replaced.disconnect()).await;
    assert_eq!(told.lock().expect("no panic").iter().filter(|(call, _)| *call == "refresh").count(), 1);
}

with_each_adapter! {
    a_provider_with_a_refresh_is_asked_and_told_the_fingerprint,
    provider_refreshes_and_scope_is_there_so_it_is_client_bound,
    no_provider_refresh_but_scope_so_it_is_client_bound,
    provider_refreshes_and_no_scope_so_the_provider_renews,
    the_server_tells_what_the_provider_does_not,
    neither_so_the_session_ends_at_its_expiry,
}
