//! What a session costs while its server sends as fast as it can: under 64 MiB of resident memory, whatever the
//! frames are like, and whether somebody reads them or nobody does.
//!
//! Each test runs a process of its own (this one again), floods it over loopback, and reads its peak from `/proc`. A
//! few seconds each; `SATKEEPER_FLOOD_SECONDS=120` is the whole of it (`.ci/full`).

#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use satkeeper::KeyChoice;
use satkeeper_fixtures::flood::{Flood, MOST, Shape};

/// Tells the process that is flooded what to do.
const ROLE: &str = "SATKEEPER_FLOODED_AS";
const URL: &str = "SATKEEPER_FLOODED_BY";

/// {"alg":"dir","enc":"A256GCM","typ":"SAT"}
const TOKEN: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0....";

/// Nobody listens there: the session goes on without what it would be told of its token.
const NOWHERE: &str = "http://127.0.0.1:1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// Reads each notification in full.
    Reads,
    /// Has asked for them, and reads none.
    Sleeps,
    /// Never asks.
    Absent,
}

const READERS: [Reader; 3] = [Reader::Reads, Reader::Sleeps, Reader::Absent];

fn flood(adapter: &str, shape: Shape) {
    for reader in READERS {
        let flood = Flood::start(shape);
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "the_one_that_is_flooded", "--nocapture"]);
        command.env(ROLE, format!("{adapter} {reader:?}")).env(URL, flood.url());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program again");
        let Some(endured) = flood.endured_by(child, |child| drop(child.stdin.take())) else { return };
        println!("{adapter}, {shape:?}, {reader:?}: {endured}");
        assert!(endured.peak < MOST, "{adapter}, {shape:?}, {reader:?}: {endured}");
        let read = endured.said.lines().find_map(|line| line.strip_prefix("read ")?.parse::<u64>().ok());
        assert_eq!(read.is_some_and(|read| read > 0), reader == Reader::Reads, "{endured}");
    }
}

// survives W1
#[test]
fn large_strings_on_tokio() {
    flood("tokio", Shape::LargeStrings);
}

#[test]
fn many_members_on_tokio() {
    flood("tokio", Shape::ManyMembers);
}

#[test]
fn small_frames_on_tokio() {
    flood("tokio", Shape::SmallFrames);
}

// survives W1
#[test]
fn large_strings_on_threads() {
    flood("threads", Shape::LargeStrings);
}

#[test]
fn many_members_on_threads() {
    flood("threads", Shape::ManyMembers);
}

#[test]
fn small_frames_on_threads() {
    flood("threads", Shape::SmallFrames);
}

/// Not a test, but the process that the others start; by itself it does nothing.
#[test]
fn the_one_that_is_flooded() {
    let (Ok(role), Ok(url)) = (std::env::var(ROLE), std::env::var(URL)) else { return };
    let reader = READERS.into_iter().find(|reader| role.ends_with(&format!("{reader:?}"))).expect("a reader");
    let read = Arc::new(AtomicU64::new(0));
    if role.starts_with("tokio") {
        on_tokio(&url, reader, &read)
    } else {
        on_threads(&url, reader, &read)
    }
    println!("read {}", read.load(Ordering::Relaxed));
}

/// Until whoever started this process has seen enough.
fn until_told() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

#[tokio::main]
async fn on_tokio(url: &str, reader: Reader, read: &Arc<AtomicU64>) {
    let builder = satkeeper::Client::builder().static_token(TOKEN).relay_url(url).fabric_url(NOWHERE);
    let builder = builder.key(KeyChoice::None).allow_plain_on_loopback(true);
    let client = builder.connect().await.expect("a live session");
    let (notifications, _events) =
        ((reader != Reader::Absent).then(|| client.notifications()), client.events());
    let count = Arc::clone(read);
    let reading = tokio::spawn(async move {
        let Some(mut notifications) = notifications else { return };
        if reader == Reader::Sleeps {
            std::future::pending::<()>().await;
        }
        while let Some(item) = notifications.recv().await {
            let read = item.is_ok_and(|it| it.params()["params"].is_object());
            count.fetch_add(u64::from(read), Ordering::Relaxed);
        }
    });
    tokio::task::spawn_blocking(until_told).await.expect("no panic");
    reading.abort();
}

fn on_threads(url: &str, reader: Reader, read: &Arc<AtomicU64>) {
    let builder =
        satkeeper_blocking::Client::builder().static_token(TOKEN).relay_url(url).fabric_url(NOWHERE);
    let builder = builder.key(KeyChoice::None).allow_plain_on_loopback(true);
    let client = builder.connect().expect("a live session");
    let notifications = (reader != Reader::Absent).then(|| client.notifications());
    let _events = client.events();
    let (_kept, to_read) = match reader {
        Reader::Reads => (None, notifications),
        _ => (notifications, None),
    };
    let count = Arc::clone(read);
    std::thread::spawn(move || {
        for item in to_read.into_iter().flatten() {
            let read = item.is_ok_and(|it| it.params()["params"].is_object());
            count.fetch_add(u64::from(read), Ordering::Relaxed);
        }
    });
    until_told();
}
