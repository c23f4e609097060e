//! An attempt yields its place at its deadline, never its answer: what comes late is a token all the same (R14).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use satkeeper::{Credential, Event, Policy, ProviderError, Secret, Warning};
use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Server, Target};
use satkeeper_tests::adapter::{Adapter, Own};
use satkeeper_tests::{SOON, await_event, bound, client, soon, subscriber, with_each_adapter};

fn failed(event: &Event) -> bool {
    matches!(event, Event::Warn(Warning::RefreshFailed { .. }))
}

/// Who waits here goes on when it is opened.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().expect("no panic") = true;
        self.opened.notify_all();
    }

    /// On a thread, or on a task that others need not wait for.
    fn wait(&self) {
        tokio::task::block_in_place(|| {
            let is_open = self.is_open.lock().expect("no panic");
            drop(self.opened.wait_while(is_open, |open| !*open).expect("no panic"));
        });
    }
}

/// It fails for each later call, so that only the first one's answer can renew.
async fn a_provider_that_answers_after_its_deadline_has_renewed<A: Adapter>() {
    // proves R14.1, R14.2
    let server = Arc::new(Server::start(Config::plain()).await.expect("the fixture server starts"));
    let mint = |server: &Server| Ok(Credential::new(Secret::new(server.mint(MintSpec::default()))));
    let (gate, calls) = (Arc::new(Gate::default()), Arc::new(AtomicU32::new(0)));
    let (first, late, shut, counted) = (server.clone(), server.clone(), gate.clone(), calls.clone());
    let provider = Own::new(move |_| mint(&first)).with_refresh(move |_| {
        if counted.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(ProviderError::transient("one at a time"));
        }
        shut.wait();
        mint(&late)
    });
    let policy = Policy::default().with(|policy| (policy.provider_min, policy.provider_max) = (200, 200));
    let client: A =
        soon(client(&server).provider(provider).policy(policy).connect()).await.expect("a live session");
    let mut events = client.events();
    let renewing = tokio::spawn({
        let client = client.clone();
        async move { client.refresh_now().await }
    });
    // The first has not answered in time, and the second has failed.
    await_event(&mut events, SOON, failed).await;
    await_event(&mut events, SOON, failed).await;
    assert!(calls.load(Ordering::SeqCst) >= 2 && !renewing.is_finished());
    let before = client.status().generation;
    gate.open();
    assert!(soon(renewing).await.expect("no panic").expect("a newer token") > before);
    soon(client.disconnect()).await;
}

/// Each answer of the endpoint comes long after the place of its request has been given away.
async fn an_endpoint_that_answers_after_its_deadline_has_renewed<A: Adapter>() {
    // proves R14.1
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let policy = Policy::default().with(|policy| (policy.attempt_min, policy.attempt_max) = (400, 400));
    let client: A = soon(subscriber(&server).policy(policy).connect()).await.expect("a live session");
    bound(&client).await;
    let slow = Fault::always(Target::DevicesRefresh, Effect::Real).delayed(Duration::from_millis(1_500));
    server.faults().add(slow).expect("a fault");
    let (mut events, before) = (client.events(), client.status().generation);
    let renewed = soon(client.refresh_now()).await.expect("a newer token");
    assert!(renewed > before);
    await_event(&mut events, SOON, failed).await;
    assert_eq!(server.counts().all_proofs_refused(), 0);
    soon(client.disconnect()).await;
}

with_each_adapter! {
    a_provider_that_answers_after_its_deadline_has_renewed,
    an_endpoint_that_answers_after_its_deadline_has_renewed,
}
