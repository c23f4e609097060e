//! The event loop of `core/examples/event_loop`: sessions on one thread without a runtime, against the server.
//!
//! `SATKEEPER_LOOP_SESSIONS=1000 cargo test --release -p satkeeper-tests --test event_loop -- --nocapture`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "shown when a test fails or is asked to talk")]

#[path = "../core/examples/event_loop/event_loop.rs"]
mod event_loop;
#[path = "../core/examples/event_loop/link.rs"]
mod link;
#[path = "../core/examples/event_loop/sessions.rs"]
mod sessions;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use event_loop::EventLoop;
use satkeeper_core::lifecycle::TeardownReason;
use satkeeper_core::session::{EventKind, SessionInput};
use satkeeper_fixtures::{Config, Server};

static RENEWALS: AtomicUsize = AtomicUsize::new(0);
static LOST: AtomicUsize = AtomicUsize::new(0);
static FAILURES: AtomicUsize = AtomicUsize::new(0);

fn listen(session: usize, kind: EventKind) {
    match kind {
        EventKind::Renewed { .. } => {
            RENEWALS.fetch_add(1, Ordering::Relaxed);
        }
        EventKind::ConnectionLost { .. } => {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        EventKind::Live { .. }
        | EventKind::Survived { .. }
        | EventKind::Bound
        | EventKind::Teardown { reason: TeardownReason::Disconnected } => {}
        other => {
            println!("session {session}: {other:?}");
            FAILURES.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs the loop until this holds.
fn until(event_loop: &mut EventLoop, what: &str, holds: impl Fn(&EventLoop) -> bool) {
    let patience = Instant::now() + Duration::from_secs(120);
    while !holds(event_loop) {
        assert!(Instant::now() < patience, "{what}");
        event_loop.run(Duration::from_millis(200)).expect("no error of the system");
    }
    println!("{what}: {} renewals", RENEWALS.load(Ordering::Relaxed));
}

#[test]
fn one_thread_keeps_many_sessions() {
    // proves R21, R23, R25
    let count = std::env::var("SATKEEPER_LOOP_SESSIONS").ok().and_then(|it| it.parse().ok()).unwrap_or(100);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime for the server");
    let config = Config { device_ttl: Duration::from_secs(20), log_capacity: 0, ..Config::plain() };
    let server = runtime.block_on(Server::start(config)).expect("the fixture server starts");
    let sessions = sessions::make(&server.http_url(), &server.ws_url(), count).expect("good addresses");
    let mut sessions = EventLoop::new(sessions, listen).expect("a poll");

    // The first renewal is the exchange for a bound token, the second is its own.
    until(&mut sessions, "all are renewed", |_| RENEWALS.load(Ordering::Relaxed) >= 2 * count);
    until(&mut sessions, "all are live", |sessions| sessions.live() == count);
    assert_eq!(FAILURES.load(Ordering::Relaxed) + LOST.load(Ordering::Relaxed), 0, "nothing went wrong");

    let dropped = server.control().drop_random(count, 1);
    until(&mut sessions, "it is noticed", |sessions| sessions.live() < count);
    until(&mut sessions, "all are back", |sessions| sessions.live() == count);
    assert_eq!((dropped, LOST.load(Ordering::Relaxed)), (count, count));

    sessions.tell_all(|| SessionInput::Disconnect);
    until(&mut sessions, "nothing is left open", |sessions| sessions.connections() == 0);
    assert_eq!(sessions.live(), 0);
    assert_eq!(FAILURES.load(Ordering::Relaxed), 0, "and nobody minds");
}
