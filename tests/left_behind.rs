//! A hundred sessions in one process, and nothing of them is left when they are over. A process of its own: what
//! is counted is the process's.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

use std::time::{Duration, Instant};

use satkeeper::{KeyAlgorithm, KeyChoice, keys};
use satkeeper_fixtures::{Config, Server};
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::{bound, soon, subscriber};
use tokio::task::JoinSet;

const SESSIONS: u64 = 100;

/// Open file descriptors of this process, and threads that sessions have.
fn held() -> (usize, usize) {
    let entries = |folder| std::fs::read_dir(folder).expect("a folder of Linux").flatten();
    let name = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("comm"));
    let threads = entries("/proc/self/task").filter_map(|thread| name(thread).ok());
    (entries("/proc/self/fd").count(), threads.filter(|name| name.starts_with("satkeeper")).count())
}

async fn a_hundred_sessions<A: Adapter>() {
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let key = keys::generate(KeyAlgorithm::Rs256).expect("a key");
    let before = held();
    let begun = Instant::now();
    let mut sessions = JoinSet::new();
    for _ in 0..SESSIONS {
        let choice = KeyChoice::Held { key: key.clone(), proved: false };
        sessions.spawn(subscriber(&server).key(choice).connect::<A>());
    }
    let mut clients = Vec::new();
    while let Some(client) = sessions.join_next().await {
        clients.push(client.expect("no panic").expect("a live session"));
    }
    for client in &clients {
        bound(client).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    println!("{} sessions, {} threads", clients.len(), held().1);
    let mut endings = JoinSet::new();
    for client in clients {
        endings.spawn(async move { soon(client.disconnect()).await });
    }
    endings.join_all().await;
    let all_closed = server.until(Duration::from_secs(10), |counts| counts.sockets_closed == SESSIONS);
    assert!(all_closed.await, "{:?}", server.counts());
    // The server's ends of the connections go a moment later.
    let left = async {
        while held().0 > before.0 + 5 || held().1 > before.1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), left).await.is_ok(), "{before:?} {:?}", held());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_sessions_leave_nothing_behind() {
    // proves R33
    a_hundred_sessions::<satkeeper::Client>().await;
    a_hundred_sessions::<satkeeper_blocking::Client>().await;
}
